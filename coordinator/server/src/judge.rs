//! The judge: whenever a job ends in a sweep whose results decide how far its trials go, it looks whether something can be
//! decided now.

use crate::{Error, driver::Driver};
use std::collections::HashMap;
use tokio::time::{Duration, Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tombola_spec::SweepId;

/// Between two rounds of looking at least so many times as long as one takes: large sweeps are looked at more seldom.
const REST: u32 = 4;
/// Between two looks at a sweep that cannot be judged. Others are judged meanwhile.
const AGAIN: Duration = Duration::from_secs(5);

/// Judges until it is stopped. What it leaves undone is done by the next one: verdicts are made of what is stored.
pub(crate) async fn run(driver: Driver, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = judge(&driver) => {}
    }
}

async fn judge(driver: &Driver) {
    // Sweeps that could not be judged, and when they are looked at again.
    let mut troubled: HashMap<SweepId, Instant> = HashMap::new();
    loop {
        match troubled.values().min().copied() {
            Some(again) => tokio::select! {
                () = driver.hear_bell() => {}
                () = sleep_until(again) => {}
            },
            None => driver.hear_bell().await,
        }
        let begun = Instant::now();
        troubled.retain(|_, again| *again > begun);
        for sweep in driver.unjudged().await.unwrap_or_default() {
            if troubled.contains_key(&sweep) {
                continue;
            }
            if let Err(error) = driver.judge(sweep).await {
                trouble(sweep, &error);
                troubled.insert(sweep, Instant::now() + AGAIN);
            }
        }
        sleep(begun.elapsed() * REST).await;
    }
}

fn trouble(id: SweepId, error: &Error) {
    tracing::warn!(%id, %error, "judge.failed: results of a sweep could not be judged; it is tried again");
}
