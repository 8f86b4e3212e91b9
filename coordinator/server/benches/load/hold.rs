//! What a coordinator needs for open jobs: once it has taken them in, and after a restart.

use crate::common::{Binary, alone, memory, rig, start};
use rig::Home;
use std::time::{Duration, Instant};
use tombola_wire::v1::{SubmitRequest, sweep_service_client::SweepServiceClient};

/// The allocator gives back within ten seconds what was freed.
const REST: Duration = Duration::from_secs(15);
/// Open jobs of one sweep.
const A_SWEEP: usize = 50_000;

pub(crate) async fn run(name: &str, home: &Home, held: usize) {
    let coordinator = start(home).await;
    let mut sweeps = SweepServiceClient::new(rig::channel(coordinator.address));
    let (before, begun) = (memory(&coordinator) >> 10, Instant::now());
    for (part, first) in (0..held).step_by(A_SWEEP).enumerate() {
        let file = alone(&format!("held-{part}"), 1..=A_SWEEP.min(held - first), &format!("0.0{part}1"));
        sweeps.submit(SubmitRequest { file }).await.unwrap();
    }
    let took = begun.elapsed();
    let [now, rested] = rests(&coordinator).await;
    println!(
        "{name:<9} {rested:>8} MiB with {held} open jobs submitted in {took:.1?}; {now} at once, {before} before"
    );
    coordinator.kill().await;
    let begun = Instant::now();
    let coordinator = start(home).await;
    let took = begun.elapsed();
    let [now, rested] = rests(&coordinator).await;
    println!(
        "{name:<9} {rested:>8} MiB with {held} open jobs after a restart in {took:.1?} (budget 150); {now} at once"
    );
    coordinator.kill().await;
}

/// MiB that a coordinator uses now, and once what it freed is the system's again.
async fn rests(coordinator: &Binary) -> [u64; 2] {
    let now = memory(coordinator) >> 10;
    tokio::time::sleep(REST).await;
    [now, memory(coordinator) >> 10]
}
