//! Reports on their way: numbered, in order, kept until acknowledged, said only once their artifacts are uploaded.

use std::collections::{BTreeMap, BTreeSet};
use tombola_core::schedule::{Fact, Held};
use tombola_spec::{Attempt, JobId};

/// A numbered fact about an attempt.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) sequence: u64,
    pub(crate) held: Held,
    pub(crate) fact: Fact,
}

impl Report {
    /// Whether nothing follows it in its attempt.
    pub(crate) fn is_last(&self) -> bool {
        matches!(self.fact, Fact::Finished(_) | Fact::Failed(_) | Fact::GivenBack)
    }

    fn names_artifacts(&self) -> bool {
        matches!(self.fact, Fact::Finished(_) | Fact::Checkpoint(_))
    }

    fn attempt(&self) -> (JobId, Attempt) {
        (self.held.job, self.held.attempt)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Upload {
    Wanted,
    Going,
    Done,
}

/// Every report that is not acknowledged. It is written to disk as it is made, so that a restarted worker has it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    last: u64,
    entries: BTreeMap<u64, (Report, Upload)>,
    /// Reports up to this number were said over this link.
    sent: u64,
}

impl Outbox {
    /// Takes a fact down.
    pub(crate) fn add(&mut self, held: Held, fact: Fact) {
        self.last += 1;
        let report = Report { sequence: self.last, held, fact };
        if matches!(report.fact, Fact::Checkpoint(_)) {
            self.drop_older_checkpoint(report.attempt());
        }
        let upload = if report.names_artifacts() { Upload::Wanted } else { Upload::Done };
        self.entries.insert(self.last, (report, upload));
    }

    /// Not said and not the latest, a checkpoint is of no use.
    fn drop_older_checkpoint(&mut self, attempt: (JobId, Attempt)) {
        let sent = self.sent;
        self.entries.retain(|sequence, (report, _)| {
            let older = matches!(report.fact, Fact::Checkpoint(_)) && report.attempt() == attempt;
            *sequence <= sent || !older
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Attempts that reports are about.
    pub(crate) fn held(&self) -> Vec<Held> {
        let mut seen = BTreeSet::new();
        let reports = self.entries.values().map(|(report, _)| report);
        let firsts = reports.filter(|report| seen.insert(report.attempt()));
        firsts.map(|report| Held { started: true, ..report.held }).collect()
    }

    /// Attempts that are over as far as the reports say.
    pub(crate) fn ended(&self) -> BTreeSet<(JobId, Attempt)> {
        let last = self.entries.values().filter(|(report, _)| report.is_last());
        last.map(|(report, _)| report.attempt()).collect()
    }

    /// Forgets reports up to `sequence`, which are committed, and returns them.
    pub(crate) fn acknowledge(&mut self, sequence: u64) -> Vec<Report> {
        let later = self.entries.split_off(&(sequence + 1));
        std::mem::replace(&mut self.entries, later).into_values().map(|(report, _)| report).collect()
    }

    /// Forgets the reports of an attempt that is not ours any more.
    pub(crate) fn fence(&mut self, attempt: (JobId, Attempt)) {
        self.entries.retain(|_, (report, _)| report.attempt() != attempt);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// The link broke: everything is said again, and uploaded again.
    pub(crate) fn link_down(&mut self) {
        self.sent = 0;
        for (report, upload) in self.entries.values_mut() {
            *upload = if report.names_artifacts() { Upload::Wanted } else { Upload::Done };
        }
    }

    /// Reports whose artifacts are to be uploaded now; marks them as under way.
    pub(crate) fn uploads(&mut self) -> Vec<u64> {
        let wanted = self.entries.iter_mut().filter(|(_, (_, upload))| *upload == Upload::Wanted);
        wanted
            .map(|(sequence, (_, upload))| {
                *upload = Upload::Going;
                *sequence
            })
            .collect()
    }

    /// An upload came to its end.
    pub(crate) fn uploaded(&mut self, sequence: u64, good: bool) {
        if let Some((_, upload @ Upload::Going)) = self.entries.get_mut(&sequence) {
            *upload = if good { Upload::Done } else { Upload::Wanted };
        }
    }

    /// Reports to say now, in order: none overtakes one whose artifacts are still on their way.
    pub(crate) fn due(&mut self) -> Vec<Report> {
        let unsaid = self.entries.range(self.sent + 1..);
        let due: Vec<Report> = unsaid
            .take_while(|(_, (_, upload))| *upload == Upload::Done)
            .map(|(_, (report, _))| report.clone())
            .collect();
        self.sent = due.last().map_or(self.sent, |last| last.sequence);
        due
    }
}
