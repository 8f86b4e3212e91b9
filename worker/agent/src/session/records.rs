//! The spool as the session keeps it. A disk that cannot be written to makes it fall behind; it then holds the state's
//! reports again as soon as there is room, and the state keeps engines waiting until then.

use super::{
    message::{Fact, Report},
    state::State,
};
use crate::spool::Spool;

/// What is written down of the state's reports.
pub(super) struct Records {
    spool: Spool,
    /// Something was written since the last sync.
    unsynced: bool,
    /// Not every report is written down.
    behind: bool,
}

impl Records {
    pub(super) fn new(spool: Spool) -> Self {
        Self { spool, unsynced: false, behind: false }
    }

    /// Whether reports are missing.
    pub(super) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Writes a report down, and says it to people.
    pub(super) fn add(&mut self, report: &Report) {
        log(report);
        // Once one is missing, the file is written anew, so that reports stay in order.
        if !self.behind {
            let written = self.spool.append(report);
            self.take_note(written);
        }
    }

    /// Forgets what the state has forgotten.
    pub(super) fn sweep(&mut self, state: &State) {
        if state.report_bytes() == 0 {
            // Nothing is missing where nothing is needed.
            self.behind = false;
        }
        if !self.behind {
            let swept = self.spool.keep(state.reports(), state.report_bytes());
            self.take_note(swept);
        }
    }

    /// Called now and then: catches up, and has a worker that is on its own survive a power loss. While the link is up,
    /// the coordinator is about to have the reports.
    pub(super) fn settle(&mut self, state: &State) {
        if self.behind {
            let written = self.spool.rewrite(state.reports());
            self.behind = false;
            self.take_note(written);
        }
        if self.unsynced && !state.is_up() {
            let synced = self.spool.sync();
            self.take_note(synced);
            self.unsynced = false;
        }
    }

    fn take_note(&mut self, done: crate::Result<()>) {
        self.unsynced = true;
        if let Err(error) = done {
            tracing::error!(%error, "spool.behind: reports cannot be written down; engines checkpoint and wait");
            self.behind = true;
        }
    }
}

fn log(report: &Report) {
    let (job, attempt, slot) = (report.job, report.attempt, report.slot);
    match &report.fact {
        Fact::Started { iteration } => {
            tracing::info!(%job, %attempt, slot, iteration, "job.started: its first iteration begins");
        }
        Fact::Checkpoint { iteration, .. } => {
            tracing::debug!(%job, %attempt, slot, iteration, "job.checkpoint: it could go on from here");
        }
        Fact::Finished(_) => {
            tracing::info!(%job, %attempt, slot, "job.finished: its outputs are being uploaded");
        }
        Fact::Failed(failure) => {
            let (class, why) = (failure.class.name(), &failure.message);
            tracing::warn!(%job, %attempt, slot, class, why, "job.failed: the coordinator decides what follows");
        }
        Fact::GivenBack => {
            tracing::info!(%job, %attempt, slot, "job.given_back: another worker may go on with it");
        }
        Fact::Metrics { batch, .. } => {
            tracing::debug!(%job, %attempt, batch, "job.metrics: points were measured");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::state::Rules, *};
    use std::time::Duration;
    use tombola_spec::{Attempt, JobId, LeaseId};

    #[test]
    fn what_a_full_disk_did_not_take_is_written_once_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(folder.path()).unwrap();
        spool.fill_disk();
        let mut records = Records::new(spool);
        let fact = Fact::Started { iteration: 0 };
        let (lease, job, attempt) = (LeaseId(1), JobId(1), Attempt(1));
        let report = Report { sequence: 1, lease, slot: 0, job, attempt, fact };
        records.add(&report);
        assert!(records.is_behind());

        let rules = Rules { spool_bytes: 1 << 20, drain_within: Duration::ZERO, time_limit: None };
        let state = State::new(1, rules, None, vec![report], false);
        records.settle(&state);
        assert!(!records.is_behind());
        let kept = Spool::open(folder.path()).unwrap().1;
        assert!(kept.len() == 2 && state.reports().eq(&kept), "{kept:?}");
    }
}
