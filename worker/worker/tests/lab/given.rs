//! Files of people's own: what was fetched is handed in again, and what does not fit is refused in words.

use crate::rig::{Lab, sweep};
use std::fs;
use tombola_engine::checkpoint::{FileKind, TensorFile};

/// A sweep of one prune step whose masks are cut from initial weights.
fn file(name: &str, criterion: &str, weights: &str) -> String {
    let whole = sweep(name, "[7]", 60, 1);
    let (before, after) = whole.split_once("prune = {").unwrap();
    let rest = after.split_once('\n').unwrap().1;
    let before = before.replace("model = {", &format!("model = {{ {weights}"));
    format!("{before}prune = {{ when = \"init\", {criterion} }}\n{rest}")
}

fn submit(lab: &Lab, name: &str, text: &str) -> String {
    let path = lab.path(&format!("{name}.toml"));
    fs::write(&path, text).unwrap();
    let said = lab.tombola(&["submit", path.to_str().unwrap()]);
    format!("{}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr))
}

#[tokio::test]
async fn a_ticket_that_was_fetched_trains_to_the_same_bits_when_it_is_handed_in() {
    let lab = Lab::open().await;
    let _worker = lab.worker("ada", "cpu=1");
    let said = submit(&lab, "one", &file("one", "scope = \"global\", density = 0.25", ""));
    assert!(said.contains("new job"), "{said}");
    lab.finished("one").await;
    let ticket = lab.path("ticket");
    assert!(lab.tombola(&["fetch", "one/1/1", "--dir", ticket.to_str().unwrap()]).status.success());

    // Its mask, and the weights it starts from. Magnitudes of these, as scores, cut the same mask.
    let weights =
        TensorFile::load_foreign(&ticket.join("weights.safetensors"), FileKind::Scores, "").unwrap();
    let mut scores = TensorFile::new(FileKind::Scores, "");
    for (name, shape, _) in weights.tensors().filter(|(name, ..)| name.ends_with(".weight")) {
        let sizes: Vec<f32> = weights.f32s(name).unwrap().iter().map(|weight| weight.abs()).collect();
        scores.put(name, shape, sizes).unwrap();
    }
    scores.save(&lab.path("scores-7-1.safetensors")).unwrap();
    for (from, to) in [("mask", "mask-7"), ("weights", "weights-7")] {
        fs::copy(ticket.join(format!("{from}.safetensors")), lab.path(&format!("{to}.safetensors"))).unwrap();
    }
    let masked = "criterion = { file = \"mask-{seed}.safetensors\", holds = \"mask\" }, density = 0.25";
    let scored =
        "criterion = { file = \"scores-{seed}-{round}.safetensors\" }, scope = \"global\", density = 0.25";
    let weights = "weights = \"weights-{seed}.safetensors\", ";
    for (name, criterion) in [("two", masked), ("three", scored)] {
        submit(&lab, name, &file(name, criterion, weights));
        lab.finished(name).await;
    }
    let ends =
        "select r.sweep, o.digest from round_job r join outputs o on o.job = r.job and o.output = 'weights'
                where r.round = 1 and r.job_kind = 'train' order by r.sweep";
    let ends = lab.sql(ends).await;
    assert_eq!(ends.len(), 3, "{ends:?}");
    assert!(ends.iter().all(|row| row[1] == ends[0][1]), "{ends:?}");
    let masks = "select r.sweep, l.name, l.living from round_job r join mask_layers l on l.job = r.job where r.round = 1
                 order by r.sweep, l.name";
    let masks = lab.sql(masks).await;
    let of = |sweep: &str| -> Vec<String> {
        masks.iter().filter(|row| row[0] == sweep).map(|row| format!("{} {}", row[1], row[2])).collect()
    };
    assert!(!of("one").is_empty() && of("one") == of("two") && of("one") == of("three"), "{masks:?}");
}

#[tokio::test]
async fn a_file_that_does_not_fit_fails_its_job_and_one_that_is_not_there_is_missed_at_once() {
    let lab = Lab::open().await;
    let _worker = lab.worker("ada", "cpu=1");
    let scored = "criterion = { file = \"scores.safetensors\" }, scope = \"global\", density = 0.25";
    let said = submit(&lab, "one", &file("one", scored, ""));
    assert!(said.contains("scores.safetensors") && said.contains("lie beside the sweep file"), "{said}");

    let mut wrong = TensorFile::new(FileKind::Scores, "");
    wrong.put("layer.weight", &[2], vec![1.0f32, 2.0]).unwrap();
    wrong.save(&lab.path("scores.safetensors")).unwrap();
    submit(&lab, "one", &file("one", scored, ""));
    assert_eq!(lab.over("one").await.state, "failed");
    let failures = lab.tombola(&["failures", "one"]);
    let failures = String::from_utf8_lossy(&failures.stdout).into_owned();
    assert!(failures.contains("has no tensor") && failures.contains("there are layer.weight"), "{failures}");
    assert!(failures.contains("the file given (`scores.safetensors`)"), "{failures}");
}
