//! What benchmarks of a coordinator process share: the tests' process and rig, and what it uses.

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/server/binary.rs"]
mod binary;
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests use more of it")]
#[path = "../../tests/server/rig/mod.rs"]
pub(crate) mod rig;

pub(crate) use binary::Binary;

use std::{fs, net::SocketAddr, time::Duration};

/// A coordinator process on this state that says no more than it must.
pub(crate) async fn start(home: &rig::Home) -> Binary {
    Binary::start(home, &[], &[("TOMBOLA_COORDINATOR_LOG__FILTER", "warn")]).await
}

/// Memory a coordinator uses, KiB.
pub(crate) fn memory(coordinator: &Binary) -> u64 {
    kibibytes(coordinator, "VmRSS:")
}

/// Most memory it ever used, KiB.
pub(crate) fn most_memory(coordinator: &Binary) -> u64 {
    kibibytes(coordinator, "VmHWM:")
}

fn kibibytes(coordinator: &Binary, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", coordinator.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// A sweep of a dense training for each of these seeds, none of which waits for another.
pub(crate) fn alone(name: &str, seeds: std::ops::RangeInclusive<usize>, lr: &str) -> String {
    rig::with(&[
        ("tiny", name),
        ("1..=2", &format!("{}..={}", seeds.start(), seeds.end())),
        ("lr = 0.1", &format!("lr = {lr}")),
        ("prune = { scope = \"per_layer\", rate = 0.5, rounds = 2 }", ""),
        ("[branch]\nreinit = { rounds = [2] }", ""),
    ])
}

/// Workers that are welcome.
pub(crate) async fn connect(address: SocketAddr, name: &str, count: usize) -> Vec<rig::Worker> {
    let mut workers = Vec::with_capacity(count);
    for number in 0..count {
        let mut worker = rig::Worker::connect(address, &format!("{name}-{number}")).await;
        worker.heartbeat = Duration::from_secs(2);
        workers.push(worker);
    }
    workers
}
