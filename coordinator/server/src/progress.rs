//! How far something is that takes a while, on standard error.

use std::{
    io::{IsTerminal, Write as _, stderr},
    time::{Duration, Instant},
};

/// Between two words.
const EVERY: Duration = Duration::from_secs(2);

/// Tells now and then; what is done sooner than that tells nothing.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    told: Instant,
    live: bool,
    shown: bool,
}

impl Progress {
    /// Of something with this name.
    pub fn of(what: &'static str) -> Self {
        Self { what, told: Instant::now(), live: stderr().is_terminal(), shown: false }
    }

    /// Tells this, if it is time.
    pub fn tell(&mut self, words: impl FnOnce() -> String) {
        if self.told.elapsed() < EVERY {
            return;
        }
        self.told = Instant::now();
        self.shown = true;
        // A terminal shows one line that changes. With standard error closed there is nobody to tell.
        let (begin, end) = if self.live { ("\r\x1b[2K", "") } else { ("", "\n") };
        let _ = write!(stderr(), "{begin}{}: {}{end}", self.what, words());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.live && self.shown {
            let _ = write!(stderr(), "\r\x1b[2K");
        }
    }
}
