//! The judge: whenever a training ends in a sweep whose results decide how far its trials go, it looks whether something
//! can be decided now.

use crate::driver::Driver;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Between two looks at least so many times as long as a look takes: large sweeps are looked at more seldom.
const REST: u32 = 4;
/// After a look that failed.
const AGAIN: Duration = Duration::from_secs(5);

/// Judges until it is stopped. What it leaves undone is done by the next one: verdicts are made of what is stored.
pub(crate) async fn run(driver: Driver, stop: CancellationToken) {
    let work = async {
        loop {
            driver.hear_bell().await;
            let begun = Instant::now();
            let rest = match driver.judge_all().await {
                Ok(_) => begun.elapsed() * REST,
                Err(error) => {
                    tracing::warn!(%error, "judge.failed: results could not be judged; trying again");
                    AGAIN
                }
            };
            tokio::time::sleep(rest).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
