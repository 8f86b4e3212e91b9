//! The jobs of a plan: those there are, found by fingerprint, and those that have to be made. A job that is done serves
//! whoever asks for it, unless outputs were dropped of it that something is going to read: then another takes its place.

use super::{
    Scheduler,
    job::{Job, Promised, State},
};
use crate::{
    plan::{JobPlan, Plan},
    record::{JobRow, JobState, Write},
};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::{Attempt, Fingerprint, JobId};

/// What a sweep wants of a plan. Other jobs are there because these read them.
pub(super) struct Wanted<'a> {
    /// The jobs it claims.
    pub(super) jobs: &'a dyn Fn(&Fingerprint) -> bool,
    /// Those whose outputs have to be there, whether something reads them or not.
    pub(super) outputs: &'a BTreeSet<Fingerprint>,
}

/// Jobs of a plan in memory.
#[derive(Default)]
pub(super) struct Found {
    /// Those that are wanted.
    pub(super) ids: Vec<JobId>,
    /// Those of them that were there.
    pub(super) shared: Vec<JobId>,
    /// Those that are to be stored.
    pub(super) new: Vec<JobRow>,
    /// Those that are new in memory.
    pub(super) linked: BTreeSet<JobId>,
    /// Those that read other jobs than before.
    pub(super) moved: BTreeSet<JobId>,
}

impl Scheduler {
    /// The jobs of a plan in memory: found there, brought back from what is stored, or made. A job that others replace is
    /// written so here, because the fingerprint has to be free by the time they are stored.
    pub(super) fn find_or_add(&mut self, plan: &Plan, known: Vec<JobRow>, wanted: &Wanted<'_>) -> Found {
        let mut all = Found::default();
        self.bring_back(plan, known, &mut all);
        let again = self.to_make_again(plan, wanted);
        for job in &plan.jobs {
            let there = self.graph.by_fingerprint.get(&job.fingerprint).copied();
            let found = there.filter(|_| !again.contains(&job.fingerprint));
            let id = found.unwrap_or_else(|| self.add(job, there, &mut all));
            self.look_to_parents(id, job, &mut all);
            self.graph.change(id, |row| row.height = row.height.max(job.height));
            if (wanted.jobs)(&job.fingerprint) || again.contains(&job.fingerprint) {
                all.shared.extend(found);
                all.ids.push(id);
            }
        }
        all
    }

    fn bring_back(&mut self, plan: &Plan, known: Vec<JobRow>, all: &mut Found) {
        let mut known: BTreeMap<Fingerprint, JobRow> =
            known.into_iter().map(|row| (row.fingerprint, row)).collect();
        for job in &plan.jobs {
            if !self.graph.by_fingerprint.contains_key(&job.fingerprint)
                && let Some(row) = known.remove(&job.fingerprint)
            {
                all.linked.insert(row.id);
                self.insert(row);
            }
        }
    }

    /// Makes a job, in the place of one that is there or anew.
    fn add(&mut self, plan: &JobPlan, there: Option<JobId>, all: &mut Found) -> JobId {
        let row = self.new_row(plan);
        if let Some(job) = there {
            let fingerprint = plan.fingerprint.replaced(job);
            self.graph.rename(job, fingerprint);
            self.write(Write::Replace { job, fingerprint, by: row.id });
        }
        all.linked.insert(row.id);
        all.new.push(row.clone());
        self.insert(row)
    }

    fn new_row(&mut self, job: &JobPlan) -> JobRow {
        self.last.job += 1;
        JobRow {
            id: JobId(self.last.job),
            fingerprint: job.fingerprint,
            spec: job.spec.clone(),
            parents: self.parents_of(job),
            height: job.height,
            state: JobState::Open,
            attempt: Attempt(0),
            tries: 0,
            losses: 0,
            checkpoint: None,
            outputs: BTreeMap::new(),
        }
    }

    /// A job that was given up reads the jobs that replaced its parents meanwhile.
    fn look_to_parents(&mut self, id: JobId, plan: &JobPlan, all: &mut Found) {
        let parents = self.parents_of(plan);
        let astray = |job: &Job| is_given_up(job) && *job.parents != *parents;
        if self.graph.get(id).is_some_and(astray) {
            self.write(Write::Parents { job: id, parents: parents.clone() });
            self.graph.move_under(id, parents);
            all.moved.insert(id);
        }
    }

    fn parents_of(&self, plan: &JobPlan) -> Vec<JobId> {
        // A plan lists parents before children.
        plan.parents.iter().filter_map(|parent| self.graph.by_fingerprint.get(parent).copied()).collect()
    }

    fn to_make_again(&self, plan: &Plan, wanted: &Wanted<'_>) -> BTreeSet<Fingerprint> {
        let there = |fingerprint: &Fingerprint| {
            let job = self.graph.get(*self.graph.by_fingerprint.get(fingerprint)?)?;
            Some(There { done: job.done(), lacks: job.lacks_outputs(), given_up: is_given_up(job) })
        };
        to_make_again(plan, &there, wanted)
    }
}

/// What has to be known of a job to decide whether another takes its place.
struct There {
    done: bool,
    /// Outputs were dropped of it.
    lacks: bool,
    given_up: bool,
}

/// The jobs of a plan that are stored and will not be run again if all of it is asked for.
pub fn at_hand(plan: &Plan, known: &[JobRow]) -> BTreeSet<Fingerprint> {
    let rows: BTreeMap<&Fingerprint, &JobRow> = known.iter().map(|row| (&row.fingerprint, row)).collect();
    let given_up = |row: &JobRow| matches!(row.state, JobState::Unwanted | JobState::Failed);
    let there = |fingerprint: &Fingerprint| {
        let row = rows.get(fingerprint)?;
        let done = row.state == JobState::Done;
        let lacks = done && Promised::of(&row.spec).lacks(|output| row.outputs.contains_key(&output));
        Some(There { done, lacks, given_up: given_up(row) })
    };
    let wanted = Wanted { jobs: &|_| true, outputs: &BTreeSet::new() };
    let again = to_make_again(plan, &there, &wanted);
    let stays = known.iter().filter(|row| !given_up(row) && !again.contains(&row.fingerprint));
    stays.map(|row| row.fingerprint).collect()
}

/// The jobs that others have to take the place of: done, and read by something that is going to run, though outputs were
/// dropped of them.
///
/// What lives already reads nothing that was dropped: [`Write::Drop`] leaves alone what living jobs read.
fn to_make_again(
    plan: &Plan,
    there: &dyn Fn(&Fingerprint) -> Option<There>,
    wanted: &Wanted<'_>,
) -> BTreeSet<Fingerprint> {
    let mut read = wanted.outputs.clone();
    let mut again = BTreeSet::new();
    for plan in plan.jobs.iter().rev() {
        let job = there(&plan.fingerprint);
        let runs = match &job {
            None => true,
            Some(job) if job.done => job.lacks && read.contains(&plan.fingerprint),
            Some(job) => job.given_up && (wanted.jobs)(&plan.fingerprint),
        };
        if runs {
            read.extend(&plan.parents);
        }
        if runs && job.is_some_and(|job| job.done) {
            again.insert(plan.fingerprint);
        }
    }
    again
}

/// Whether a job runs again for whoever asks for it. A result is reused, a failure never.
pub(super) fn is_given_up(job: &Job) -> bool {
    matches!(job.state, State::Unwanted | State::Failed)
}
