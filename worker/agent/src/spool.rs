//! Reports not yet acknowledged, on disk: they survive reconnects and restarts of the agent.
//!
//! One file of records, each `length: u32 | BLAKE3 of the rest, first 8 bytes | lease: u64 | slot: u32 | report`, after
//! a line that names the format. A report is the wire's message, encoded; a test keeps a file of each format. A torn last
//! record (power loss) is cut off. Nothing is dropped here: that the file does not grow for ever is the state's business.

use crate::{
    disk,
    error::{AgentError, Result},
    session::{
        convert::{read_fact, write_report},
        message::Report,
    },
};
use prost::Message;
use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};
use tombola_spec::{Attempt, JobId, LeaseId};
use tombola_wire::v1;

/// Names the format, so that a newer one is met with a clear error.
const HEADER: &[u8] = b"tombola spool 1\n";
/// Bytes of a record before its report: length, check, lease, slot.
const PREFIX: usize = 4 + 8 + 8 + 4;
/// A file whose records are mostly acknowledged is rewritten once it is so much longer than what is still needed.
const SLACK: u64 = 4 << 20;

/// The spool file, open for appending.
pub(crate) struct Spool {
    path: PathBuf,
    file: File,
    /// Bytes of the file: what is still needed and what is not yet swept.
    bytes: u64,
}

impl Spool {
    /// Opens the spool of a worker's folder, with the reports that were never acknowledged, in order.
    ///
    /// # Errors
    /// When the file cannot be used or was written by a newer worker.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Report>)> {
        let path = folder.join("spool");
        let mut options = OpenOptions::new();
        let mut file = options
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(AgentError::file(&path))?;
        let mut held = Vec::new();
        file.read_to_end(&mut held).map_err(AgentError::file(&path))?;
        let (reports, good) = if held.len() < HEADER.len() && HEADER.starts_with(&held) {
            (Vec::new(), 0)
        } else {
            let records = held.strip_prefix(HEADER).ok_or_else(|| foreign(&path))?;
            let (reports, length) = read_records(records, &path)?;
            (reports, HEADER.len() + length)
        };
        let mut spool = Self { path, file, bytes: 0 };
        spool.cut_to(good as u64)?;
        // It may be new.
        disk::sync_folder(folder).map_err(AgentError::file(folder))?;
        Ok((spool, reports))
    }

    /// Appends a report. It survives this process; after [`Spool::sync`], a power loss too.
    ///
    /// # Errors
    /// When the disk is full or broken; the file ends as before.
    pub(crate) fn append(&mut self, report: &Report) -> Result<()> {
        let record = encode(report);
        if let Err(error) = self.file.write_all(&record) {
            self.cut_to(self.bytes)?;
            return Err(AgentError::file(&self.path)(error));
        }
        self.bytes += record.len() as u64;
        Ok(())
    }

    /// Makes everything appended so far survive a power loss.
    ///
    /// # Errors
    /// When the disk is broken.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(AgentError::file(&self.path))
    }

    /// Forgets every report but these. Cheap when called often: a file is rewritten only once it is mostly waste.
    ///
    /// # Errors
    /// When the disk is full or broken.
    pub(crate) fn keep<'a>(
        &mut self,
        needed: impl Iterator<Item = &'a Report>,
        needed_bytes: u64,
    ) -> Result<()> {
        let mut needed = needed.peekable();
        if needed.peek().is_none() {
            return if self.bytes > HEADER.len() as u64 { self.cut_to(HEADER.len() as u64) } else { Ok(()) };
        }
        if self.bytes < 2 * needed_bytes + SLACK { Ok(()) } else { self.rewrite(needed) }
    }

    /// Writes the file anew with these reports and nothing else.
    ///
    /// # Errors
    /// When the disk is full or broken; the old file stays.
    pub(crate) fn rewrite<'a>(&mut self, needed: impl Iterator<Item = &'a Report>) -> Result<()> {
        let replaced = disk::replace(&self.path, |file| {
            file.write_all(HEADER)?;
            let mut bytes = HEADER.len() as u64;
            for report in needed {
                let record = encode(report);
                file.write_all(&record)?;
                bytes += record.len() as u64;
            }
            Ok(bytes)
        });
        (self.file, self.bytes) = replaced.map_err(AgentError::file(&self.path))?;
        Ok(())
    }

    /// Every write fails from now on, until the file is written anew.
    #[cfg(test)]
    pub(crate) fn fill_disk(&mut self) {
        self.file = OpenOptions::new().write(true).open("/dev/full").unwrap();
    }

    fn cut_to(&mut self, length: u64) -> Result<()> {
        let mut cut = || -> std::io::Result<u64> {
            self.file.set_len(length)?;
            self.file.seek(SeekFrom::Start(length))?;
            if length == 0 {
                self.file.write_all(HEADER)?;
            }
            Ok(length.max(HEADER.len() as u64))
        };
        self.bytes = cut().map_err(AgentError::file(&self.path))?;
        Ok(())
    }
}

/// Bytes a report takes in the spool.
pub(crate) fn size_of(report: &Report) -> u64 {
    encode(report).len() as u64
}

fn encode(report: &Report) -> Vec<u8> {
    let mut body = report.lease.0.to_le_bytes().to_vec();
    body.extend(report.slot.to_le_bytes());
    body.extend(write_report(report.clone()).encode_to_vec());
    let mut record = (body.len() as u32).to_le_bytes().to_vec();
    record.extend(&blake3::hash(&body).as_bytes()[..8]);
    record.extend(body);
    record
}

/// The whole records of `bytes`, and how many bytes they are.
fn read_records(bytes: &[u8], path: &Path) -> Result<(Vec<Report>, usize)> {
    let (mut reports, mut at) = (Vec::new(), 0);
    while let Some(body) = next_body(&bytes[at..]) {
        let report = decode(body).ok_or_else(|| foreign(path))?;
        reports.push(report);
        at += 12 + body.len();
    }
    Ok((reports, at))
}

/// The body of the first record, if it is whole.
fn next_body(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<8>()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (body.len() + 12 >= PREFIX && blake3::hash(body).as_bytes().starts_with(check)).then_some(body)
}

fn decode(body: &[u8]) -> Option<Report> {
    let (lease, rest) = body.split_first_chunk::<8>()?;
    let (slot, rest) = rest.split_first_chunk::<4>()?;
    let wire = v1::Report::decode(rest).ok()?;
    let (sequence, job, attempt) = (wire.sequence, JobId(wire.job), Attempt(wire.attempt));
    let (lease, slot) = (LeaseId(u64::from_le_bytes(*lease)), u32::from_le_bytes(*slot));
    Some(Report { sequence, lease, slot, job, attempt, fact: read_fact(wire).ok()? })
}

fn foreign(path: &Path) -> AgentError {
    AgentError::Spool {
        path: path.to_owned(),
        what: "it has another format".to_owned(),
        hint: "it may be of a newer version: start that one once to hand its reports in, or move the file away",
    }
}

#[cfg(test)]
mod fuzz {
    use super::{tests::one_of_each, *};
    use proptest::prelude::*;
    use tombola_fuzz::{cases, damaged};

    /// Opens a file as a spool; what it holds, if it is one.
    fn held(bytes: &[u8]) -> Option<Vec<Report>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spool"), bytes).unwrap();
        Spool::open(folder.path()).ok().map(|(_, reports)| reports)
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn a_damaged_spool_holds_no_report_that_was_not_written(
            bytes in damaged(include_bytes!("../tests/fixtures/spool-1").to_vec()),
        ) {
            let written = one_of_each();
            prop_assert!(held(include_bytes!("../tests/fixtures/spool-1")).is_some_and(|held| !held.is_empty()));
            for report in held(&bytes).into_iter().flatten() {
                prop_assert!(written.contains(&report), "{report:?}");
            }
        }

        #[test]
        fn any_bytes_are_a_spool_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(held(&[HEADER, &bytes].concat()).is_none_or(|reports| reports.is_empty()));
            held(&bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::message::Fact;
    use tombola_spec::{
        Digest,
        job::Output,
        outcome::{
            Artifact, Failure, FailureClass, LayerCount, MaskSummary, Outcome, Provenance, Series, Split,
            Summary,
        },
    };

    fn report(sequence: u64, fact: Fact) -> Report {
        Report { sequence, lease: LeaseId(3), slot: 1, job: JobId(7), attempt: Attempt(2), fact }
    }

    fn started(sequence: u64) -> Report {
        report(sequence, Fact::Started { iteration: 40 })
    }

    #[test]
    fn reports_survive_a_restart_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let series = vec![Series {
            name: "loss".into(),
            split: Split::Train,
            iterations: vec![1, 2],
            values: vec![0.5, f64::INFINITY],
        }];
        let written = [started(4), report(5, Fact::Metrics { batch: 1, series }), report(6, Fact::GivenBack)];
        let (mut spool, reports) = Spool::open(folder.path()).unwrap();
        assert!(reports.is_empty());
        for report in &written {
            spool.append(report).unwrap();
        }
        drop(spool);
        assert_eq!(Spool::open(folder.path()).unwrap().1, written);
    }

    /// One report of every kind.
    pub(super) fn one_of_each() -> Vec<Report> {
        let artifact =
            |text: &str| Artifact { digest: Digest::of(text.as_bytes()), bytes: text.len() as u64 };
        let series = Series {
            name: "loss".to_owned(),
            split: Split::Test,
            iterations: vec![10, 20],
            values: vec![0.5, f64::NEG_INFINITY],
        };
        let layer = LayerCount { name: "fc.weight".to_owned(), living: 80, total: 100, prunable: true };
        let provenance = Provenance {
            plan: "fused".to_owned(),
            device: "cuda:0 NVIDIA H200".to_owned(),
            threads: 1,
            width: 32,
            libtorch: "2.11.0".to_owned(),
            capability: "AVX512".to_owned(),
            worker: "0.1.0".to_owned(),
            data: Some(Digest::of(b"mnist")),
        };
        let outcome = Outcome {
            outputs: [(Output::Mask, artifact("mask"))].into(),
            summary: Summary::Mask(MaskSummary { layers: vec![layer], ..MaskSummary::default() }),
            provenance,
        };
        let failure = Failure { class: FailureClass::OutOfMemory, message: "no room".to_owned() };
        let facts = [
            Fact::Started { iteration: 40 },
            Fact::Metrics { batch: 3, series: vec![series] },
            Fact::Checkpoint { iteration: 50, artifact: artifact("checkpoint") },
            Fact::Finished(Box::new(outcome)),
            Fact::Failed(failure),
            Fact::GivenBack,
        ];
        (1..).zip(facts).map(|(sequence, fact)| report(sequence, fact)).collect()
    }

    /// Records hold the wire's types, which move on. A worker that is upgraded over this file must read it for ever; what
    /// is written anew in another way needs another header, and a file of its own here.
    #[test]
    fn the_spool_of_the_first_release_is_read_and_written_byte_for_byte() {
        let first_release = include_bytes!("../tests/fixtures/spool-1");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spool"), first_release).unwrap();
        let (mut spool, reports) = Spool::open(folder.path()).unwrap();
        assert_eq!(reports, one_of_each());
        spool.rewrite(reports.iter()).unwrap();
        assert_eq!(std::fs::read(folder.path().join("spool")).unwrap(), first_release);
    }

    #[test]
    fn a_torn_record_is_cut_off_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(folder.path()).unwrap();
        spool.append(&started(1)).unwrap();
        let whole = spool.bytes;
        spool.append(&started(2)).unwrap();
        spool.file.set_len(whole + 9).unwrap();
        let (mut spool, reports) = Spool::open(folder.path()).unwrap();
        assert_eq!((reports, spool.bytes), (vec![started(1)], whole));
        spool.append(&started(3)).unwrap();
        assert_eq!(Spool::open(folder.path()).unwrap().1, [started(1), started(3)]);
    }

    #[test]
    fn acknowledged_reports_leave_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(folder.path()).unwrap();
        let empty = spool.bytes;
        spool.append(&started(1)).unwrap();
        spool.keep(std::iter::empty(), 0).unwrap();
        assert_eq!(spool.bytes, empty);
        let long = report(
            2,
            Fact::Failed(Failure { class: FailureClass::User, message: "x".repeat(SLACK as usize) }),
        );
        spool.append(&long).unwrap();
        spool.append(&started(3)).unwrap();
        spool.keep([started(3)].iter(), size_of(&started(3))).unwrap();
        spool.append(&started(4)).unwrap();
        assert_eq!(Spool::open(folder.path()).unwrap().1, [started(3), started(4)]);
    }

    #[test]
    fn a_file_that_is_no_spool_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("spool"), "tombola spool 2\nwhatever").unwrap();
        let error = Spool::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("another format") && error.contains("newer version"), "{error}");
        assert!(std::fs::read_to_string(folder.path().join("spool")).unwrap().ends_with("whatever"));
    }
}
