//! The wall clock, for records people read. Leases run on monotonic time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tombola_core::record::Millis;

/// Now.
pub(crate) fn now() -> Millis {
    // A clock before 1970 is a clock that is not set.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

/// A moment in the future.
pub(crate) fn later(by: Duration) -> Millis {
    now().saturating_add(millis(by))
}

/// A moment in the past.
pub(crate) fn before(by: Duration) -> Millis {
    now().saturating_sub(millis(by))
}

fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX)
}
