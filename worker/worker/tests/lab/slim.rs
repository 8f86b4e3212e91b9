//! Channels pruned from a sweep file to SQL: a ticket, and the smaller network that computes the same.

use crate::rig::{Lab, sweep};
use std::fs;

#[tokio::test]
async fn a_ticket_of_fewer_neurons_is_measured_beside_what_is_left_of_it() {
    let lab = Lab::open().await;
    let _worker = lab.worker("ada", "cpu=1");
    let whole = sweep("s", "[1]", 60, 1);
    let file = whole.replace("prune = {", "prune = { unit = \"channel\", criterion = \"l1_filter\",")
        + "[analysis]\nslim = { rounds = [0, 1], batch = 10, passes = 3 }\n";
    assert_ne!(whole.matches("prune = {").count(), 0, "{whole}");
    lab.submit(&file).await;
    lab.finished("s").await;
    let history = lab.history().await;
    assert!(history.iter().all(|attempt| attempt.how == "done"), "{history:?}");
    // Nothing goes of the dense network; of the ticket all that does not live, so that what is left is what lives.
    let sizes = "select d.round, (s.weights = d.weights), (s.weights = l.living), (s.difference < 1e-4),
                        (s.latency_seconds > 0)
                 from slim d join slim s on s.job = d.job and s.network = 'slim' and d.network = 'masked'
                 left join round_result l on l.sweep = s.sweep and l.trial = s.trial and l.round = s.round
                 order by d.round";
    let found = lab.sql(sizes).await;
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0][1], "1", "{found:?}");
    assert_eq!(found[1][1..], ["0", "1", "1", "1"], "{found:?}");
}

#[tokio::test]
async fn a_smaller_network_is_taken_away_and_trained_on() {
    let lab = Lab::open().await;
    lab.add_learnable_data();
    let _worker = lab.worker("ada", "cpu=1");
    let whole = sweep("s", "[1]", 200, 1).replace("\"tiny\"", "\"learnable\"");
    let channels = whole.replace("prune = {", "prune = { unit = \"channel\", criterion = \"l1_filter\",");
    lab.submit(&(channels + "[analysis]\nslim = { rounds = [1], batch = 10, passes = 3 }\n")).await;
    lab.finished("s").await;

    let folder = lab.path("small");
    let fetched = lab.tombola(&["fetch", "s/1/1", "--slim", "--dir", folder.to_str().unwrap()]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    let card: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("card.json")).unwrap()).unwrap();
    let network = card["network"].as_str().unwrap();
    assert_eq!(network, "mnist_lenet_16_8@8-4", "half of the neurons of both layers");

    // It begins where the round ended: the accuracy before the first iteration is that of the ticket after its last.
    let (head, _) = whole.split_once("prune = {").unwrap();
    let head = head.replace("\"s\"", "\"on\"");
    let model = "model = { name = \"mnist_lenet_16_8\" }";
    assert!(head.contains(model));
    let given = format!("model = {{ name = \"{network}\", weights = \"weights.safetensors\" }}");
    fs::write(folder.join("on.toml"), head.replace(model, &given)).unwrap();
    let submitted = lab.tombola(&["submit", folder.join("on.toml").to_str().unwrap()]);
    assert!(submitted.status.success(), "{}", String::from_utf8_lossy(&submitted.stderr));
    lab.finished("on").await;
    let accuracies = "select m.value from metric m where m.metric = 'accuracy' and m.split = 'test'
         and ((m.sweep = 'on' and m.iteration = 0) or (m.sweep = 's' and m.round = 1 and m.iteration = 200))";
    let found = lab.sql(accuracies).await;
    assert_eq!(found.len(), 2, "{found:?}");
    let [a, b] = [&found[0][0], &found[1][0]].map(|text| text.parse::<f64>().unwrap());
    assert!((a - b).abs() < 0.006 && a > 0.5, "{found:?}: at most one of 200 images may be seen otherwise");
}
