//! Reports on their way: numbered, in order, kept until acknowledged, sent only after their artifacts. Pure.
//!
//! A night without a coordinator makes many: nothing here but a new link goes through all of them.

use super::message::{Fact, Held, Report};
use crate::spool;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};
use tombola_spec::{
    Attempt, JobId,
    outcome::{Artifact, Failure},
};

/// Reports on the wire without an answer; more wait, so that a long spool does not flood a coordinator that returns.
const WINDOW: usize = 512;
/// Reports whose artifacts are uploaded at a time.
const UPLOADS: usize = 4;

/// Every report that is not acknowledged, by number.
#[derive(Debug)]
pub(crate) struct Outbox {
    next: u64,
    entries: BTreeMap<u64, Entry>,
    bytes: u64,
    /// Reports up to this number were sent over this link.
    sent: u64,
    /// Reports whose artifacts are to be uploaded,
    wanted: BTreeSet<u64>,
    /// are being uploaded,
    going: BTreeSet<u64>,
    /// or failed to be, and are wanted again after a while.
    resting: BTreeSet<u64>,
    attempts: BTreeMap<(JobId, Attempt), About>,
}

#[derive(Debug)]
struct Entry {
    report: Report,
    bytes: u64,
}

/// The reports about an attempt.
#[derive(Debug, Default)]
struct About {
    reports: BTreeSet<u64>,
    /// The last of them that names a checkpoint.
    checkpoint: Option<u64>,
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
        let mut outbox = Self {
            next: spooled.last().map_or(1, |report| report.sequence + 1),
            entries: BTreeMap::new(),
            bytes: 0,
            sent: 0,
            wanted: BTreeSet::new(),
            going: BTreeSet::new(),
            resting: BTreeSet::new(),
            attempts: BTreeMap::new(),
        };
        spooled.into_iter().for_each(|report| outbox.push(report));
        outbox
    }

    /// Adds a fact; its sequence number is filled in. Returns the report, to be written down.
    pub(crate) fn add(&mut self, mut report: Report) -> Report {
        report.sequence = self.next;
        self.next += 1;
        self.push(report.clone());
        report
    }

    fn push(&mut self, report: Report) {
        let (sequence, bytes) = (report.sequence, spool::size_of(&report));
        if !report.fact.artifacts().is_empty() {
            self.wanted.insert(sequence);
        }
        let about = self.attempts.entry((report.job, report.attempt)).or_default();
        about.reports.insert(sequence);
        let older = match report.fact {
            Fact::Checkpoint { .. } => about.checkpoint.replace(sequence),
            _ => None,
        };
        self.bytes += bytes;
        self.entries.insert(sequence, Entry { report, bytes });
        // Not sent and not the latest, a checkpoint is of no use; without a coordinator, they would fill the disk.
        if let Some(older) = older.filter(|&older| older > self.sent) {
            self.remove(older);
        }
    }

    /// Bytes of all reports, as spooled.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Every report, oldest first.
    pub(crate) fn reports(&self) -> impl Iterator<Item = &Report> {
        self.entries.values().map(|entry| &entry.report)
    }

    /// Whether everything is acknowledged.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Attempts that reports are about.
    pub(crate) fn held(&self) -> BTreeSet<Held> {
        let firsts = self.attempts.values().filter_map(|about| self.entries.get(about.reports.first()?));
        let held =
            |r: &Report| Held { lease: r.lease, slot: r.slot, job: r.job, attempt: r.attempt, started: true };
        firsts.map(|entry| held(&entry.report)).collect()
    }

    /// Forgets reports up to `sequence`: they are committed.
    pub(crate) fn acknowledge(&mut self, sequence: u64) {
        while let Some(&first) = self.entries.keys().next().filter(|&&first| first <= sequence) {
            self.remove(first);
        }
    }

    /// Forgets the reports of an attempt that is not ours any more.
    pub(crate) fn fence(&mut self, job: JobId, attempt: Attempt) {
        let about = self.attempts.remove(&(job, attempt)).unwrap_or_default();
        about.reports.into_iter().for_each(|sequence| self.remove(sequence));
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        let next = self.next;
        *self = Self { next, ..Self::new(Vec::new()) };
    }

    fn remove(&mut self, sequence: u64) {
        let Some(Entry { report, bytes }) = self.entries.remove(&sequence) else { return };
        self.bytes -= bytes;
        self.forget_upload(sequence);
        let attempt = (report.job, report.attempt);
        let Some(about) = self.attempts.get_mut(&attempt) else { return };
        about.reports.remove(&sequence);
        if about.reports.is_empty() {
            self.attempts.remove(&attempt);
        }
    }

    /// Nothing is uploaded for a report any more, wherever that stands.
    fn forget_upload(&mut self, sequence: u64) {
        for uploads in [&mut self.wanted, &mut self.going, &mut self.resting] {
            uploads.remove(&sequence);
        }
    }

    /// The link broke: everything is sent again, and artifacts are asked for again (their pins may have expired).
    pub(crate) fn link_down(&mut self) {
        let unacknowledged = std::mem::take(&mut self.entries);
        *self = Self { next: self.next, ..Self::new(Vec::new()) };
        unacknowledged.into_values().for_each(|entry| self.push(entry.report));
    }

    /// What can be done now; marks it as under way.
    pub(crate) fn due(&mut self) -> Due {
        let uploads = self.uploads_due();
        // Acknowledgements are cumulative, so a report never overtakes one whose artifacts are still on their way.
        let waits = [&self.wanted, &self.going, &self.resting].into_iter().filter_map(BTreeSet::first).min();
        let ready =
            (Bound::Excluded(self.sent), waits.map_or(Bound::Unbounded, |&first| Bound::Excluded(first)));
        let on_the_wire = self.entries.range(..=self.sent).count();
        let room = WINDOW.saturating_sub(on_the_wire);
        let reports: Vec<Report> =
            self.entries.range(ready).take(room).map(|(_, entry)| entry.report.clone()).collect();
        self.sent = reports.last().map_or(self.sent, |last| last.sequence);
        Due { uploads, reports }
    }

    fn uploads_due(&mut self) -> Vec<(u64, Vec<Artifact>)> {
        let mut due = Vec::new();
        while self.going.len() < UPLOADS {
            let Some(sequence) = self.wanted.pop_first() else { break };
            self.going.insert(sequence);
            due.extend(self.entries.get(&sequence).map(|entry| (sequence, entry.report.fact.artifacts())));
        }
        due
    }

    /// The artifacts of a report are with the coordinator.
    pub(crate) fn uploaded(&mut self, sequence: u64) {
        self.going.remove(&sequence);
    }

    /// They are not, but may be if tried again.
    pub(crate) fn upload_failed(&mut self, sequence: u64) {
        if self.going.remove(&sequence) {
            self.resting.insert(sequence);
        }
    }

    /// Uploads that failed are tried again.
    pub(crate) fn rested(&mut self) {
        self.wanted.append(&mut self.resting);
    }

    /// They never will be: a result becomes that failure, a checkpoint is forgotten.
    pub(crate) fn artifacts_lost(&mut self, sequence: u64, failure: Failure) {
        self.forget_upload(sequence);
        match self.entries.get_mut(&sequence) {
            Some(entry) if entry.report.fact.is_last() => entry.report.fact = Fact::Failed(failure),
            _ => self.remove(sequence),
        }
    }
}
