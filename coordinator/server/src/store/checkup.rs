//! An examination of the records: what contradicts itself, what the database says of itself, and what can be mended.

use super::{
    Result, SqlStore,
    checkup_sql::{self as sql, Check},
    migrate,
    time::iso,
    verb::{Arg, Step, row},
};
use crate::finding::{Finding, Grade};
use std::collections::BTreeMap;
use tombola_core::record::Millis;
use tombola_spec::{Attempt, Digest, Epoch, JobId, outcome::Artifact};

/// What a database says of itself.
pub(super) struct Vitals {
    /// Version of the schema.
    pub(super) schema: i64,
    /// How far the server's clock is ahead of this machine's, if it has one of its own.
    pub(super) skew: Option<Millis>,
    /// What else was found.
    pub(super) findings: Vec<Finding>,
    /// Tables of rows about jobs: nothing in the schema keeps those of unknown jobs out.
    pub(super) about_jobs: Vec<String>,
}

/// What can be mended about jobs, conditional on what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mend {
    /// Leased to nobody: open again, charged nothing.
    Reopen,
    /// Open and wanted by nobody: unwanted.
    GiveUp,
}

impl Mend {
    fn words(self) -> &'static str {
        match self {
            Self::Reopen => "opens them again, and charges them neither a try nor a loss",
            Self::GiveUp => "marks them as unwanted",
        }
    }
}

/// A finding about jobs, and how to mend it.
pub struct Complaint {
    /// What was found.
    pub finding: Finding,
    /// How it is mended.
    pub mend: Option<Mend>,
    /// The jobs, and their attempts.
    pub jobs: Vec<(JobId, Attempt)>,
}

/// An artifact that records name.
pub struct Named {
    /// It.
    pub artifact: Artifact,
    /// Jobs that it is an output of, `weights of j12`, or `file` for one that people handed in.
    pub by: Vec<String>,
    /// Jobs whose checkpoint it is, if it is nothing else.
    pub checkpoint_of: Vec<JobId>,
}

impl SqlStore {
    /// What the database says of itself, and how far its clock is ahead of this machine's. Takes a while: every page is read.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn vitals(&self) -> Result<(Vec<Finding>, Option<Millis>)> {
        let Vitals { schema, skew, mut findings, about_jobs } = self.database.vitals().await?;
        let oldest =
            if schema > migrate::known() { self.database.count(migrate::PROMISED).await? } else { schema };
        findings.push(of_schema(schema, oldest));
        for table in about_jobs {
            findings.extend(self.strays(&table).await?);
        }
        Ok((findings, skew))
    }

    /// Rows about jobs that there are none of.
    async fn strays(&self, table: &str) -> Result<Option<Finding>> {
        let sql = format!(
            "select count(*) from {table} t where not exists (select 1 from jobs j where j.id = t.job)"
        );
        let rows = self.database.count(&sql).await?;
        let found = format!("{rows} rows of `{table}` are about jobs that are not there");
        Ok((rows > 0).then(|| {
            Finding::new("records", Grade::Fault, found).so(
                "somebody removed jobs by hand; views may count too much",
                "restore a backup taken before",
            )
        }))
    }

    /// Records of jobs that contradict each other; nothing where all is well.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn complaints(&self, now: Millis) -> Result<Vec<Complaint>> {
        let now = iso(now);
        let mut complaints = Vec::new();
        for Check { verb, means, todo, mend } in sql::CHECKS {
            let rows = self.database.fetch(verb, &[row![now.as_str()]]).await?;
            let jobs = rows.iter().map(|row| Ok((JobId(row.unsigned(0)?), Attempt(row.small(1)?))));
            let jobs: Vec<_> = jobs.collect::<Result<_>>()?;
            if jobs.is_empty() {
                continue;
            }
            let about = jobs.iter().map(|(job, _)| job.to_string()).collect();
            let finding = Finding::new("records", Grade::Fault, format!("{} {}", jobs.len(), verb.what));
            let mut finding = finding.so(*means, *todo).about(about);
            finding.repair = mend.map(Mend::words);
            complaints.push(Complaint { finding, mend: *mend, jobs });
        }
        Ok(complaints)
    }

    /// Every artifact that records name, with who does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn named(&self) -> Result<Vec<Named>> {
        let mut named: BTreeMap<Digest, Named> = BTreeMap::new();
        for row in self.database.fetch(&sql::NAMED, &[]).await? {
            let artifact = Artifact { digest: row.word(0)?, bytes: row.unsigned(1)? };
            let job = row.opt_int(2)?.map(|job| JobId(job.cast_unsigned()));
            let entry = named.entry(artifact.digest).or_insert_with(|| Named {
                artifact,
                by: Vec::new(),
                checkpoint_of: Vec::new(),
            });
            match (job, row.text(3)?) {
                (Some(job), "checkpoint") => entry.checkpoint_of.push(job),
                (Some(job), output) => entry.by.push(format!("{output} of {job}")),
                (None, what) => entry.by.push(what.to_owned()),
            }
        }
        Ok(named.into_values().collect())
    }

    /// Every worker ever seen: name, version, state.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn seen_workers(&self) -> Result<Vec<[String; 3]>> {
        let rows = self.database.fetch(&sql::SEEN, &[]).await?;
        let text = |row: &super::cell::Row, column| row.text(column).map(str::to_owned);
        rows.iter().map(|row| Ok([text(row, 0)?, text(row, 1)?, text(row, 2)?])).collect()
    }

    /// Mends what was found about jobs, as leader and only where it is still so; all or nothing.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] if something changed meanwhile.
    pub async fn mend(&self, epoch: Epoch, mend: Mend, jobs: &[(JobId, Attempt)], now: Millis) -> Result<()> {
        let now = iso(now);
        let rows: Vec<Vec<Arg<'_>>> = jobs.iter().map(|(job, attempt)| row![*job, *attempt]).collect();
        let strides = match mend {
            Mend::GiveUp => vec![vec![Step { verb: &sql::GIVE_UP, rows }]],
            Mend::Reopen => {
                let ended = jobs.iter().map(|(job, attempt)| row![*job, *attempt, now.as_str()]).collect();
                vec![vec![Step { verb: &sql::END, rows: ended }], vec![Step { verb: &sql::REOPEN, rows }]]
            }
        };
        self.database.apply(epoch, &strides).await
    }

    /// Forgets checkpoints whose bytes are gone: their jobs begin anew.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] if something changed meanwhile.
    pub async fn forget_checkpoints(&self, epoch: Epoch, gone: &[(JobId, Digest)]) -> Result<()> {
        let rows = gone.iter().map(|(job, digest)| row![*job, *digest]).collect();
        self.database.apply(epoch, &[vec![Step { verb: &sql::FORGET_CHECKPOINT, rows }]]).await
    }
}

fn of_schema(found: i64, oldest: i64) -> Finding {
    let known = migrate::known();
    let told = format!("schema version {found}, this build knows up to {known}");
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => {
            Finding::new("schema", Grade::Fine, format!("version {found}, as this build writes it"))
        }
        std::cmp::Ordering::Less => Finding::new("schema", Grade::Note, told).so(
            "an older build wrote this state",
            "back it up; the next start of this build brings it up to date",
        ),
        std::cmp::Ordering::Greater if oldest <= known => Finding::new("schema", Grade::Note, told).so(
            "a newer build has expanded it; this one works on beside it, but back the state up with the newer one",
            "upgrade this coordinator, too",
        ),
        std::cmp::Ordering::Greater => Finding::new("schema", Grade::Fault, told).so(
            "a newer build wrote this state, and this one does not start on it",
            "use the newer build, or restore a backup",
        ),
    }
}
