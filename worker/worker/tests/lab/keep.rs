//! Weights that are not kept: they go from the disk, and are made again to the last bit.

use crate::rig::{Lab, eventually, sweep};
use std::fs;

#[tokio::test]
async fn what_was_dropped_is_made_again_to_the_last_bit() {
    let mut lab = Lab::open_with(&[
        ("TOMBOLA_COORDINATOR_UPLOADS__COLLECT", "100ms"),
        ("TOMBOLA_COORDINATOR_UPLOADS__UNKEPT", "100ms"),
    ])
    .await;
    let worker = lab.worker("ada", "cpu=2");
    let file = format!("keep = \"none\"\n{}", sweep("light", "[1, 2]", 300, 2));
    let file = file.replace("rate = 0.5", "rate = 0.5, rewind = \"100it\"");
    lab.submit(&file).await;
    lab.finished("light").await;
    let heavy = "select job from outputs where output <> 'mask'";
    eventually(|| async { lab.sql(heavy).await.is_empty().then_some(()) }).await;
    let results = "select seed, round, metric, split, at, value from seed_result where round <= 2 order by 1, 2, 3, 4, 5";
    let before = lab.sql(results).await;
    assert!(!before.is_empty());
    drop(worker);

    // From here on an hour passes before anything is dropped.
    lab.kill_coordinator();
    lab.settings.clear();
    lab.start_coordinator().await;
    // One whose cache has nothing of it.
    let _worker = lab.worker("bob", "cpu=1");
    let gone = lab.tombola(&["fetch", "light/1/2"]);
    let told = String::from_utf8(gone.stderr).unwrap();
    assert!(!gone.status.success() && told.contains("--again"), "{told}");
    let fetched = lab.tombola(&["fetch", "light/1/2", "--again"]);
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    assert!(fs::metadata(lab.path("light-1-2/weights.safetensors")).unwrap().len() > 0);
    assert_eq!(
        lab.sql("select output from dropped_output where same_bytes").await.len(),
        3,
        "drawn, trained, state"
    );

    // The next mask is made of a training that is gone, which went on from one that is gone for the other seed.
    lab.extend("light", &file.replace("rounds = 2", "rounds = 3")).await;
    lab.finished("light").await;
    assert!(lab.sql("select job from dropped_output where not same_bytes").await.is_empty());
    assert_eq!(lab.sql(results).await, before, "what was measured first stays");
}
