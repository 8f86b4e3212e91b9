//! Nothing is trained twice, and `plan` says beforehand what will be trained.

use crate::rig::{Lab, sweep};

/// Long enough to be in the middle of, whatever the machine.
const STEPS: u32 = 30_000;

#[tokio::test]
async fn work_is_shared_inside_a_sweep_with_itself_and_across_sweeps() {
    let lab = Lab::open().await;
    let _workers = [lab.worker("ada", "cpu=1"), lab.worker("bob", "cpu=2")];
    let first = sweep("first", "1", 300, 2) + "branch.reinit = { rounds = [1, 2] }\n";
    let mut trained = 0;

    let planned = lab.plan(&first).await;
    assert_eq!((planned.jobs, planned.jobs_new), (7, 7));
    lab.submit(&first).await;
    lab.finished("first").await;
    trained += planned.jobs_new;
    assert_eq!(lab.history().await.len() as u64, trained);

    // The same file again.
    let again = lab.submit(&first).await;
    assert!((again.created, again.jobs_new) == (false, 0), "{again:?}");

    // Another prune rate: round 0 is there.
    let second = first.replace("\"first\"", "\"second\"").replace("rate = 0.5", "rate = 0.25");
    let planned = lab.plan(&second).await;
    assert_eq!((planned.jobs, planned.jobs_new, planned.jobs_known), (7, 6, 1));
    lab.submit(&second).await;

    // More rounds and seeds while that runs.
    let more = sweep("first", "[1, 2]", 300, 3) + "branch.reinit = { rounds = [1, 2] }\n";
    let predicted = lab.plan(&more).await;
    assert_eq!(predicted.jobs_new, 2 + 9);
    assert_eq!(lab.extend("first", &more).await.jobs_new, predicted.jobs_new);
    trained += planned.jobs_new + predicted.jobs_new;
    lab.finished("first").await;
    lab.finished("second").await;
    let history = lab.history().await;
    assert_eq!(history.len() as u64, trained, "{history:?}");
    assert!(history.iter().all(|attempt| attempt.how == "done"));

    let iterations: u64 = history.iter().filter(|attempt| attempt.kind == "train").count() as u64 * 300;
    let measured = lab.sql("select sum(iterations_done) from sweep_progress").await;
    // Both sweeps count the dense training they share.
    assert_eq!(measured, [[(iterations + 300).to_string()]]);
}

#[tokio::test]
async fn a_sweep_grows_while_it_trains_and_only_what_is_new_is_trained() {
    let lab = Lab::open().await;
    let _ada = lab.worker("ada", "2xcpu=1");
    lab.submit(&sweep("s", "1", STEPS, 1)).await;
    lab.past("s", 1000).await;
    let more = sweep("s", "[1, 2]", STEPS, 2);
    let planned = lab.plan(&more).await;
    assert_eq!((planned.jobs, planned.jobs_new), (10, 7));
    assert_eq!(lab.extend("s", &more).await.jobs_new, 7);
    let dense = lab.sql("select how from job_history where job = 1").await;
    assert_eq!(dense, [[""]], "the first training is not at its end");
    lab.finished("s").await;
    let history = lab.history().await;
    assert_eq!(history.len(), 10, "{history:?}");
    assert!(history.iter().all(|attempt| attempt.how == "done" && attempt.from == 0), "{history:?}");
}
