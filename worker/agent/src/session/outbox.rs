//! Reports on their way: numbered, in order, kept until acknowledged, sent only after their artifacts. Pure.

use super::message::{Fact, Held, Report};
use crate::spool;
use std::collections::{BTreeSet, VecDeque};
use tombola_spec::{
    Attempt, JobId,
    outcome::{Artifact, Failure, FailureClass},
};

/// Reports on the wire without an answer; more wait, so that a long spool does not flood a coordinator that returns.
const WINDOW: usize = 512;
/// Reports whose artifacts are uploaded at a time.
const UPLOADS: usize = 4;

/// Every report that is not acknowledged, oldest first.
#[derive(Debug)]
pub(crate) struct Outbox {
    next: u64,
    entries: VecDeque<Entry>,
    bytes: u64,
}

#[derive(Debug)]
struct Entry {
    report: Report,
    bytes: u64,
    upload: Upload,
    sent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upload {
    Wanted,
    Going,
    /// Failed; wanted again after a while.
    Resting,
    Done,
}

/// What an outbox wants done.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Artifacts to upload, with the report that needs them.
    pub(crate) uploads: Vec<(u64, Vec<Artifact>)>,
    /// Reports to send now, in order.
    pub(crate) reports: Vec<Report>,
}

impl Outbox {
    /// An outbox that begins with the reports of an earlier process.
    pub(crate) fn new(spooled: Vec<Report>) -> Self {
        let next = spooled.last().map_or(1, |report| report.sequence + 1);
        let mut outbox = Self { next, entries: VecDeque::new(), bytes: 0 };
        spooled.into_iter().for_each(|report| outbox.push(report));
        outbox
    }

    /// Adds a fact; its sequence number is filled in. Returns the report, to be written down.
    pub(crate) fn add(&mut self, mut report: Report) -> Report {
        if matches!(report.fact, Fact::Checkpoint { .. }) {
            self.drop_checkpoints_before(&report);
        }
        report.sequence = self.next;
        self.next += 1;
        self.push(report.clone());
        report
    }

    /// A checkpoint that was not sent and is not the latest is of no use; without a coordinator, they would fill the disk.
    fn drop_checkpoints_before(&mut self, latest: &Report) {
        let attempt = (latest.job, latest.attempt);
        self.entries.retain(|Entry { report, sent, .. }| {
            let is_checkpoint = matches!(report.fact, Fact::Checkpoint { .. });
            *sent || !is_checkpoint || (report.job, report.attempt) != attempt
        });
        self.count();
    }

    fn push(&mut self, report: Report) {
        let bytes = spool::size_of(&report);
        let upload = if report.fact.artifacts().is_empty() { Upload::Done } else { Upload::Wanted };
        self.bytes += bytes;
        self.entries.push_back(Entry { report, bytes, upload, sent: false });
    }

    /// Bytes of all reports, as spooled.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Every report, oldest first.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Report> {
        self.entries.iter().map(|entry| &entry.report)
    }

    /// Whether everything is acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Attempts that reports are about.
    pub(crate) fn held(&self) -> BTreeSet<Held> {
        let held =
            |r: &Report| Held { lease: r.lease, slot: r.slot, job: r.job, attempt: r.attempt, started: true };
        self.reports().map(held).collect()
    }

    /// Forgets reports up to `sequence`: they are committed.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        self.retain(|report| report.sequence > sequence);
    }

    /// Forgets the reports of an attempt that is not ours any more.
    pub(crate) fn fence(&mut self, job: JobId, attempt: Attempt) {
        self.retain(|report| (report.job, report.attempt) != (job, attempt));
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.retain(|_| false);
    }

    fn retain(&mut self, keep: impl Fn(&Report) -> bool) {
        self.entries.retain(|entry| keep(&entry.report));
        self.count();
    }

    fn count(&mut self) {
        self.bytes = self.entries.iter().map(|entry| entry.bytes).sum();
    }

    /// The link broke: everything is sent again, and artifacts are asked for again (their pins may have expired).
    pub(crate) fn link_down(&mut self) {
        for entry in &mut self.entries {
            entry.sent = false;
            if !entry.report.fact.artifacts().is_empty() {
                entry.upload = Upload::Wanted;
            }
        }
    }

    /// What can be done now; marks it as under way.
    pub(crate) fn due(&mut self) -> Due {
        let mut due = Due::default();
        let going = self.entries.iter().filter(|entry| entry.upload == Upload::Going).count();
        let wanted = self.entries.iter_mut().filter(|entry| entry.upload == Upload::Wanted);
        for entry in wanted.take(UPLOADS.saturating_sub(going)) {
            entry.upload = Upload::Going;
            due.uploads.push((entry.report.sequence, entry.report.fact.artifacts()));
        }
        // Acknowledgements are cumulative, so a report never overtakes one whose artifacts are still on their way.
        for entry in self.entries.iter_mut().take(WINDOW).take_while(|entry| entry.upload == Upload::Done) {
            if !entry.sent {
                entry.sent = true;
                due.reports.push(entry.report.clone());
            }
        }
        due
    }

    /// The artifacts of a report are with the coordinator.
    pub(crate) fn uploaded(&mut self, sequence: u64) {
        self.set_upload(sequence, Upload::Done);
    }

    /// They are not, but may be if tried again.
    pub(crate) fn upload_failed(&mut self, sequence: u64) {
        self.set_upload(sequence, Upload::Resting);
    }

    /// Uploads that failed are tried again.
    pub(crate) fn rested(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.upload == Upload::Resting) {
            entry.upload = Upload::Wanted;
        }
    }

    fn set_upload(&mut self, sequence: u64, upload: Upload) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.report.sequence == sequence) {
            entry.upload = upload;
        }
    }

    /// They never will be: a result becomes a failure, a checkpoint is forgotten.
    pub(crate) fn artifacts_lost(&mut self, sequence: u64, why: &str) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.report.sequence == sequence) {
            entry.upload = Upload::Done;
            if matches!(entry.report.fact, Fact::Finished(_)) {
                let message = format!("the outputs were lost before they were uploaded: {why}");
                entry.report.fact = Fact::Failed(Failure { class: FailureClass::Infrastructure, message });
                return;
            }
        }
        self.retain(|report| report.sequence != sequence || report.fact.artifacts().is_empty());
    }
}
