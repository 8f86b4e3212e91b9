//! What benchmarks of a coordinator process share: the tests' process and rig, and what it uses.

#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../../tests/server/binary.rs"]
mod binary;
#[expect(dead_code, unused_imports, unused_macros, reason = "the tests use more of it")]
#[path = "../../tests/server/rig/mod.rs"]
pub(crate) mod rig;

pub(crate) use binary::Binary;

use std::fs;

/// A coordinator process on this state that says no more than it must.
pub(crate) async fn start(home: &rig::Home) -> Binary {
    Binary::start(home, &[], &[("TOMBOLA_COORDINATOR_LOG__FILTER", "warn")]).await
}

/// Memory a coordinator uses, KiB.
pub(crate) fn memory(coordinator: &Binary) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", coordinator.id())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse().unwrap()
}
