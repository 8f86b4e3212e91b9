//! From rows to records: the reads of a store, the same on both databases.

use super::{
    Outputs, Result, StoreError,
    cell::Row,
    read_sql as sql,
    sql::SqlDatabase,
    time::iso,
    verb::{Arg, Verb, row},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};
use tombola_core::{
    keep::Keep,
    record::{
        AnalysisRow, CheckpointRow, JobRow, JobState, LastIds, Millis, PackRow, RoundRow, Snapshot, SweepRow,
        SweepState, TrialRow,
    },
};
use tombola_spec::{
    Attempt, Digest, Fingerprint, JobId, LeaseId, SweepId, TrialId, WorkerId,
    job::JobSpec,
    outcome::Artifact,
    settings::Recipe,
    worker::{DeviceKind, Plan},
};

/// Most rows that go into one read.
const MOST_ROWS: usize = 4096;

pub(super) type Db<'a> = &'a dyn SqlDatabase;

/// Runs a read for each of these keys, a few thousand at a time.
pub(super) async fn each<'a, T: Copy + Into<Arg<'a>>>(
    db: Db<'_>,
    verb: &Verb,
    keys: &[T],
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for keys in keys.chunks(MOST_ROWS) {
        let keys: Vec<_> = keys.iter().map(|key| vec![(*key).into()]).collect();
        rows.extend(db.fetch(verb, &keys).await?);
    }
    Ok(rows)
}

/// The moment its first table was made tells a state from every other.
pub(super) async fn identity(db: Db<'_>) -> Result<String> {
    let rows = db.fetch(&sql::IDENTITY, &[]).await?;
    let first =
        rows.first().ok_or_else(|| StoreError::Corrupt { why: "it has no schema version 1".to_owned() });
    Ok(Digest::of(first?.text(0)?.as_bytes()).short())
}

pub(super) async fn sweep(db: Db<'_>, name: &str) -> Result<Option<SweepRow>> {
    db.fetch(&sql::SWEEP, &[row![name]]).await?.first().map(sweep_row).transpose()
}

pub(super) async fn sweep_by_id(db: Db<'_>, id: SweepId) -> Result<Option<SweepRow>> {
    db.fetch(&sql::SWEEP_BY_ID, &[row![id]]).await?.first().map(sweep_row).transpose()
}

fn sweep_row(row: &Row) -> Result<SweepRow> {
    let state = known(row, 3, &SweepState::ALL, SweepState::name)?;
    Ok(SweepRow {
        id: SweepId(row.unsigned(0)?),
        name: row.text(1)?.into(),
        source: row.text(2)?.into(),
        state,
        decides: row.flag(4)?,
        keep: known(row, 5, &Keep::WORDS.iter().map(|(_, keep)| *keep).collect::<Vec<_>>(), Keep::name)?,
    })
}

/// The member of a closed vocabulary that a column names.
pub(super) fn known<T: Copy>(row: &Row, column: usize, all: &[T], name: fn(T) -> &'static str) -> Result<T> {
    let text = row.text(column)?;
    let found = all.iter().copied().find(|word| name(*word) == text);
    found.ok_or_else(|| StoreError::Corrupt { why: format!("`{text}` is not a word this build knows") })
}

pub(super) async fn trials(db: Db<'_>, sweep: SweepId) -> Result<Vec<TrialRow>> {
    let rows = each(db, &sql::TRIALS, &[sweep]).await?;
    rows.iter().map(trial_row).collect()
}

fn trial_row(row: &Row) -> Result<TrialRow> {
    Ok(TrialRow {
        id: TrialId(row.unsigned(0)?),
        sweep: SweepId(row.unsigned(1)?),
        number: row.small(2)?,
        key: row.text(3)?.into(),
        seed: row.unsigned(4)?,
        repeat: row.small(5)?,
        axes: row.json(6)?,
        settings: row.json(7)?,
    })
}

pub(super) async fn rounds(db: Db<'_>, trials: &[TrialId]) -> Result<Vec<RoundRow>> {
    let mut training: HashMap<_, Vec<JobId>> = HashMap::new();
    for row in each(db, &sql::ROUND_TRAINING, trials).await? {
        let key = (row.unsigned(0)?, row.text(1)?.to_owned(), row.small(2)?, row.small(3)?);
        training.entry(key).or_default().push(JobId(row.unsigned(4)?));
    }
    let rows = each(db, &sql::ROUNDS, trials).await?;
    let mut rounds = Vec::with_capacity(rows.len());
    for row in &rows {
        let (trial, branch, copy, round) =
            (row.unsigned(0)?, row.text(1)?.to_owned(), row.small(3)?, row.small(4)?);
        rounds.push(RoundRow {
            train: training.remove(&(trial, branch.clone(), copy, round)).unwrap_or_default(),
            trial: TrialId(trial),
            branch,
            kind: row.text(2)?.into(),
            copy,
            round,
            mask: row.opt_int(5)?.map(|job| JobId(job.cast_unsigned())),
            origin: JobId(row.unsigned(6)?),
            start: row.word(7)?,
            density: row.float(8)?,
            course: row.text(9)?.into(),
        });
    }
    Ok(rounds)
}

pub(super) async fn analyses(db: Db<'_>, trials: &[TrialId]) -> Result<Vec<AnalysisRow>> {
    let analysis = |row: &Row| {
        Ok(AnalysisRow {
            trial: TrialId(row.unsigned(0)?),
            analysis: row.text(1)?.into(),
            branch: row.text(2)?.into(),
            copy: row.small(3)?,
            round: row.small(4)?,
            pair: [row.small(5)?, row.small(6)?],
            ends: row.text(7)?.into(),
            job: JobId(row.unsigned(8)?),
        })
    };
    each(db, &sql::ANALYSES, trials).await?.iter().map(analysis).collect()
}

pub(super) async fn job_specs(db: Db<'_>, jobs: &[JobId]) -> Result<BTreeMap<JobId, Arc<JobSpec>>> {
    let mut recipes = Recipes::default();
    let rows = each(db, &sql::SPECS, jobs).await?;
    rows.iter().map(|row| Ok((JobId(row.unsigned(0)?), recipes.spec(row, 1)?))).collect()
}

/// Outputs of jobs, those that were made again by others included.
pub(super) async fn outputs_now(db: Db<'_>, jobs: &[JobId]) -> Result<Outputs> {
    read_outputs(db, &sql::OUTPUTS_NOW, jobs).await
}

async fn read_outputs(db: Db<'_>, verb: &Verb, jobs: &[JobId]) -> Result<Outputs> {
    let mut outputs = Outputs::new();
    for row in each(db, verb, jobs).await? {
        let artifact = Artifact { digest: row.word(2)?, bytes: row.unsigned(3)? };
        outputs.entry(JobId(row.unsigned(0)?)).or_default().insert(row.word(1)?, artifact);
    }
    Ok(outputs)
}

pub(super) async fn find_jobs(db: Db<'_>, fingerprints: &[Fingerprint]) -> Result<Vec<JobRow>> {
    let rows = each(db, &sql::JOBS_BY_FINGERPRINT, fingerprints).await?;
    jobs(db, &ids(&rows)?).await
}

pub(super) async fn droppable(db: Db<'_>, before: Millis, after: JobId) -> Result<Vec<JobId>> {
    ids(&db.fetch(&sql::DROPPABLE, &[row![iso(before), after]]).await?)
}

pub(super) async fn done(db: Db<'_>, sweep: SweepId) -> Result<Vec<(JobId, u64)>> {
    let rows = db.fetch(&sql::SWEEP_DONE, &[row![sweep]]).await?;
    rows.iter().map(|row| Ok((JobId(row.unsigned(0)?), row.unsigned(1)?))).collect()
}

fn ids(rows: &[Row]) -> Result<Vec<JobId>> {
    rows.iter().map(|row| row.unsigned(0).map(JobId)).collect()
}

/// Jobs with all that belongs to them, in the order of `ids`' chunks.
async fn jobs(db: Db<'_>, ids: &[JobId]) -> Result<Vec<JobRow>> {
    let mut parents: HashMap<JobId, Vec<JobId>> = HashMap::new();
    for row in each(db, &sql::PARENTS, ids).await? {
        parents.entry(JobId(row.unsigned(0)?)).or_default().push(JobId(row.unsigned(1)?));
    }
    let mut outputs = read_outputs(db, &sql::OUTPUTS, ids).await?;
    let mut recipes = Recipes::default();
    let mut jobs = Vec::with_capacity(ids.len());
    for row in each(db, &sql::JOBS, ids).await? {
        let id = JobId(row.unsigned(0)?);
        let (parents, outputs) = (parents.remove(&id), outputs.remove(&id));
        let job = job_row(id, &row, &mut recipes)?;
        jobs.push(JobRow {
            parents: parents.unwrap_or_default(),
            outputs: outputs.unwrap_or_default(),
            ..job
        });
    }
    Ok(jobs)
}

fn job_row(id: JobId, row: &Row, recipes: &mut Recipes) -> Result<JobRow> {
    let checkpoint = match row.opt_int(8)? {
        Some(iteration) => Some(CheckpointRow {
            iteration: iteration.cast_unsigned(),
            artifact: Artifact { digest: row.word(9)?, bytes: row.unsigned(10)? },
        }),
        None => None,
    };
    Ok(JobRow {
        id,
        fingerprint: row.word(1)?,
        spec: recipes.spec(row, 2)?,
        parents: Vec::new(),
        height: row.unsigned(3)?,
        state: known(row, 4, &JobState::ALL, JobState::name)?,
        attempt: Attempt(row.small(5)?),
        tries: row.small(6)?,
        losses: row.small(7)?,
        checkpoint,
        outputs: BTreeMap::new(),
    })
}

/// Recipes seen so far, so that the jobs of a trial share one in memory as they did when they were planned.
#[derive(Default)]
struct Recipes {
    seen: HashMap<String, Arc<Recipe>>,
}

impl Recipes {
    fn spec(&mut self, row: &Row, column: usize) -> Result<Arc<JobSpec>> {
        let mut spec: JobSpec = row.json(column)?;
        let recipe = match &mut spec {
            JobSpec::Train(train) => Some(&mut train.recipe),
            JobSpec::Connectivity(compared) => Some(&mut compared.recipe),
            JobSpec::Prune(_)
            | JobSpec::RandomMask(_)
            | JobSpec::Join(_)
            | JobSpec::Collapse(_)
            | JobSpec::MaskDistance(_)
            | JobSpec::Slim(_)
            | JobSpec::Import(_) => None,
        };
        if let Some(recipe) = recipe {
            let text = serde_json::to_string(&**recipe)
                .map_err(|error| StoreError::Corrupt { why: error.to_string() })?;
            *recipe = Arc::clone(self.seen.entry(text).or_insert_with(|| Arc::clone(recipe)));
        }
        Ok(Arc::new(spec))
    }
}

pub(super) async fn snapshot(db: Db<'_>) -> Result<Snapshot> {
    let mut living = ids(&db.fetch(&sql::LIVING_JOBS, &[]).await?)?;
    let parents = ids(&each(db, &sql::DONE_PARENTS, &living).await?)?;
    let mut seen: HashSet<_> = living.iter().copied().collect();
    living.extend(parents.into_iter().filter(|parent| seen.insert(*parent)));
    living.sort_unstable();
    let sweeps = db.fetch(&sql::LIVING_SWEEPS, &[]).await?;
    let claims = each(db, &sql::CLAIMS, &living).await?;
    let claim = |row: &Row| Ok((SweepId(row.unsigned(0)?), JobId(row.unsigned(1)?)));
    let workers = db.fetch(&sql::WORKERS, &[]).await?;
    let worker = |row: &Row| Ok((WorkerId(row.unsigned(0)?), row.text(1)?.to_owned()));
    let jobs = jobs(db, &living).await?;
    let sweeps: Vec<_> = sweeps.iter().map(sweep_row).collect::<Result<_>>()?;
    let claims: Vec<_> = claims.iter().map(claim).collect::<Result<_>>()?;
    let data = db.fetch(&sql::DATA, &[]).await?;
    let bound = |row: &Row| Ok((row.text(0)?.to_owned(), row.word(1)?, row.json(2)?));
    Ok(Snapshot {
        gone: gone(db, &sweeps, &jobs, &claims).await?,
        sweeps,
        jobs,
        claims,
        packs: packs(db).await?,
        data: data.iter().map(bound).collect::<Result<_>>()?,
        workers: workers.iter().map(worker).collect::<Result<_>>()?,
        last: last_ids(db).await?,
    })
}

/// Done jobs of these sweeps that are not among `jobs`: all of them, less those that are.
async fn gone(
    db: Db<'_>,
    sweeps: &[SweepRow],
    jobs: &[JobRow],
    claims: &[(SweepId, JobId)],
) -> Result<Vec<(SweepId, u64, u64)>> {
    let done = jobs.iter().filter(|job| job.state == JobState::Done);
    let done: HashMap<_, _> = done.map(|job| (job.id, job.spec.iterations())).collect();
    let mut present: HashMap<SweepId, (u64, u64)> = HashMap::new();
    for (sweep, job) in claims {
        if let Some(iterations) = done.get(job) {
            let (count, sum) = present.entry(*sweep).or_default();
            (*count, *sum) = (*count + 1, *sum + iterations);
        }
    }
    let ids: Vec<_> = sweeps.iter().map(|sweep| sweep.id).collect();
    let mut gone = Vec::with_capacity(ids.len());
    for row in each(db, &sql::DONE, &ids).await? {
        let sweep = SweepId(row.unsigned(0)?);
        let (count, sum) = present.get(&sweep).copied().unwrap_or_default();
        gone.push((sweep, row.unsigned(1)?.saturating_sub(count), row.unsigned(2)?.saturating_sub(sum)));
    }
    Ok(gone)
}

async fn packs(db: Db<'_>) -> Result<Vec<PackRow>> {
    let mut packs = Vec::new();
    for row in db.fetch(&sql::PACKS, &[]).await? {
        let plans = [Plan::CpuLanes, Plan::Fused];
        packs.push(PackRow {
            lease: LeaseId(row.unsigned(0)?),
            worker: WorkerId(row.unsigned(1)?),
            slot: row.small(2)?,
            device: row.word::<DeviceKind>(3)?,
            plan: known(&row, 4, &plans, Plan::name)?,
            width: row.small(5)?,
            stages: Vec::new(),
        });
    }
    let leases: Vec<_> = packs.iter().map(|pack| pack.lease).collect();
    let at: HashMap<_, _> = leases.iter().enumerate().map(|(index, lease)| (*lease, index)).collect();
    for row in each(db, &sql::LANES, &leases).await? {
        let Some(index) = at.get(&LeaseId(row.unsigned(0)?)) else { continue };
        let (stages, stage) = (&mut packs[*index].stages, row.small(1)? as usize);
        if stages.len() <= stage {
            stages.resize(stage + 1, Vec::new());
        }
        stages[stage].push((JobId(row.unsigned(2)?), Attempt(row.small(3)?)));
    }
    Ok(packs)
}

async fn last_ids(db: Db<'_>) -> Result<LastIds> {
    let rows = db.fetch(&sql::LAST_IDS, &[]).await?;
    let Some(row) = rows.first() else { return Ok(LastIds::default()) };
    Ok(LastIds {
        sweep: row.unsigned(0)?,
        trial: row.unsigned(1)?,
        job: row.unsigned(2)?,
        worker: row.unsigned(3)?,
        lease: row.unsigned(4)?,
    })
}

pub(super) async fn kept(db: Db<'_>, now: Millis) -> Result<Vec<Digest>> {
    let rows = db.fetch(&sql::KEPT, &[row![iso(now)]]).await?;
    rows.iter().map(|row| row.word(0)).collect()
}
