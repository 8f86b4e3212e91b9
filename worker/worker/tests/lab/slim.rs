//! Channels pruned from a sweep file to SQL: a ticket, and the smaller network that computes the same.

use crate::rig::{Lab, sweep};

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
