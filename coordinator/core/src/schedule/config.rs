//! What an operator can tune of the scheduler. Plain numbers: reading files and environments is the shell's business.

use std::time::Duration;

/// The scheduler's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How often a worker says that it lives.
    pub heartbeat: Duration,
    /// A worker silent for so long has lost its leases.
    pub term: Duration,
    /// An attempt that its worker says it runs, and that does not get on for so long, is taken back. At least twice as
    /// long as that worker's own patience with an engine, whatever this says.
    pub stuck_after: Duration,
    /// Training stages a lease may carry: 1 = no chains beyond a mask and its training.
    pub chain_train_stages: u32,
    /// A job running at so many abrupt worker losses is quarantined.
    pub max_losses: u32,
    /// A job charged so many tries has failed.
    pub max_tries: u32,
    /// First pause after an infrastructure failure; doubles each time.
    pub backoff: Duration,
    /// Longest such pause.
    pub backoff_max: Duration,
    /// Packs that fail in a row at a slot, while others do well, before it rests.
    pub bad_slot: u32,
    /// First such rest; doubles each time.
    pub rest: Duration,
    /// Longest such rest.
    pub rest_max: Duration,
    /// How long a finished job nobody waits for is remembered. Longer than any read of the store takes on its way
    /// into `Submit::known`, or a stale row could bring a finished job back.
    pub remember: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(2),
            term: Duration::from_secs(15),
            stuck_after: Duration::from_secs(3600),
            chain_train_stages: 2,
            max_losses: 5,
            max_tries: 3,
            backoff: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            bad_slot: 3,
            rest: Duration::from_secs(60),
            rest_max: Duration::from_secs(3600),
            remember: Duration::from_secs(60),
        }
    }
}
