//! Our own reads, for both databases. JSON comes back as text, timestamps do not come back at all.

use super::verb::{
    Expect::Any,
    Kind::{Int, Text, Time},
    Verb,
};

pub(super) const fn read(
    what: &'static str,
    columns: &'static [(&'static str, super::verb::Kind)],
    sql: &'static str,
) -> Verb {
    Verb { what, columns, sql, expect: Any }
}

pub(super) const IDENTITY: Verb =
    read("the state's age", &[], "select applied from schema_version where version = 1");

pub(super) const SWEEP: Verb = read(
    "a sweep",
    &[("name", Text)],
    "select s.id, s.name, s.source, s.state, s.decides, s.keep from {v} join sweeps s on s.name = v.name",
);

pub(super) const SWEEP_BY_ID: Verb = read(
    "a sweep",
    &[("id", Int)],
    "select s.id, s.name, s.source, s.state, s.decides, s.keep from {v} join sweeps s on s.id = v.id",
);

pub(super) const LIVING_SWEEPS: Verb = read(
    "living sweeps",
    &[],
    "select id, name, source, state, decides, keep from sweeps
     where state <> 'cancelled' and (decides or id in (
       select c.sweep from jobs j join claims c on c.job = j.id
       where j.state in ('open', 'leased', 'failed', 'quarantined')))
     order by id",
);

pub(super) const TRIALS: Verb = read(
    "trials",
    &[("sweep", Int)],
    "select t.id, t.sweep, t.number, t.key, t.seed, t.repeat, cast(t.axes as text), cast(t.settings as text)
     from {v} join trials t on t.sweep = v.sweep order by t.number",
);

pub(super) const ROUNDS: Verb = read(
    "rounds",
    &[("trial", Int)],
    "select r.trial, r.branch, r.kind, r.copy, r.round, r.mask, r.origin, r.start, r.density, r.course
     from {v} join rounds r on r.trial = v.trial order by r.trial, r.branch, r.copy, r.round",
);

pub(super) const ROUND_TRAINING: Verb = read(
    "training segments of rounds",
    &[("trial", Int)],
    "select x.trial, x.branch, x.copy, x.round, x.job from {v} join round_jobs x on x.trial = v.trial
     where x.ordinal > 0 order by x.trial, x.branch, x.copy, x.round, x.ordinal",
);

pub(super) const ANALYSES: Verb = read(
    "analyses",
    &[("trial", Int)],
    "select x.trial, x.analysis, x.branch, x.copy, x.round, x.first, x.second, x.ends, x.job
     from {v} join analysis_jobs x on x.trial = v.trial
     order by x.trial, x.analysis, x.branch, x.copy, x.round, x.first, x.second",
);

pub(super) const LIVING_JOBS: Verb = read(
    "living jobs",
    &[],
    "select id from jobs where state in ('open', 'leased', 'failed', 'quarantined')
       and exists (select 1 from claims c where c.job = jobs.id) order by id",
);

pub(super) const DONE_PARENTS: Verb = read(
    "finished parents",
    &[("job", Int)],
    "select distinct j.id from {v} join job_parents p on p.job = v.job join jobs j on j.id = p.parent
     where j.state = 'done'",
);

pub(super) const JOBS_BY_FINGERPRINT: Verb = read(
    "jobs by fingerprint",
    &[("fingerprint", Text)],
    "select j.id from {v} join jobs j on j.fingerprint = v.fingerprint",
);

pub(super) const JOBS: Verb = read(
    "jobs",
    &[("job", Int)],
    "select j.id, j.fingerprint, cast(s.spec as text), j.height, j.state, j.attempt, j.tries, j.losses,
       c.iteration, c.digest, c.bytes
     from {v} join jobs j on j.id = v.job join job_specs s on s.job = j.id left join checkpoints c on c.job = j.id
     order by j.id",
);

pub(super) const PARENTS: Verb = read(
    "parents",
    &[("job", Int)],
    "select p.job, p.parent from {v} join job_parents p on p.job = v.job order by p.job, p.ordinal",
);

pub(super) const OUTPUTS: Verb = read(
    "outputs",
    &[("job", Int)],
    "select o.job, o.output, o.digest, o.bytes from {v} join outputs o on o.job = v.job",
);

/// Where outputs were dropped, those of the job that made them again.
pub(super) const OUTPUTS_NOW: Verb = read(
    "outputs",
    &[("job", Int)],
    "select v.job, o.output, o.digest, o.bytes from {v} left join replaced_jobs r on r.job = v.job
       join outputs o on o.job in (v.job, r.maker)
     where o.job = v.job or o.output <> 'mask'",
);

/// Of jobs beyond `after` that were done before `before`, those of which something may be dropped: no living job reads them, and no
/// sweep that wants them keeps it. One whose results may still decide how far it goes keeps all. What is kept is joined, and not
/// looked for in a list: Postgres walks a long list once for each row.
pub(super) const DROPPABLE: Verb = read(
    "outputs that nobody keeps",
    &[("before", Time), ("after", Int)],
    "with kept (job) as (
       select r.origin from sweeps s join trials t on t.sweep = s.id join rounds r on r.trial = t.id where s.keep = 'rewinds'
       union select r.result from sweeps s join trials t on t.sweep = s.id join rounds r on r.trial = t.id
             where s.keep = 'ends' and r.result is not null
       union select x.job from sweeps s join trials t on t.sweep = s.id join analysis_jobs x on x.trial = t.id
             where s.keep = 'ends'),
     spared (job) as (
       select job from kept union select q.maker from replaced_jobs q join kept on kept.job = q.job),
     candidate (job) as (
       select distinct c.job from sweeps s join claims c on c.sweep = s.id where s.keep <> 'all')
     select j.id from {v} join candidate k on k.job > v.after join jobs j on j.id = k.job and j.state = 'done'
       join attempts a on a.job = j.id and a.attempt = j.attempt and a.ended < v.before
       left join spared on spared.job = j.id
     where spared.job is null
       and exists (select 1 from outputs o where o.job = j.id and o.output <> 'mask')
       and not exists (select 1 from claims c join sweeps s on s.id = c.sweep where c.job = j.id
                       and (s.keep = 'all' or (s.decides and s.state not in ('cancelled', 'stopped'))))
       and not exists (select 1 from job_parents p join jobs l on l.id = p.job where p.parent = j.id
                       and l.state in ('open', 'leased', 'failed', 'quarantined'))
     order by j.id limit 4096",
);

/// What a sweep claims and has done.
pub(super) const SWEEP_DONE: Verb = read(
    "finished jobs of a sweep",
    &[("sweep", Int)],
    "select c.job, p.iterations from {v} join claims c on c.sweep = v.sweep
       join jobs j on j.id = c.job and j.state = 'done' join job_specs p on p.job = c.job order by c.job",
);

pub(super) const SPECS: Verb = read(
    "job specs",
    &[("job", Int)],
    "select s.job, cast(s.spec as text) from {v} join job_specs s on s.job = v.job",
);

pub(super) const CLAIMS: Verb = read(
    "claims",
    &[("job", Int)],
    "select c.sweep, c.job from {v} join claims c on c.job = v.job order by c.sweep, c.job",
);

/// Of each living sweep: done jobs it claims, and the iterations they trained.
pub(super) const DONE: Verb = read(
    "finished jobs of sweeps",
    &[("sweep", Int)],
    "select c.sweep, count(*), cast(coalesce(sum(p.iterations), 0) as bigint)
     from {v} join claims c on c.sweep = v.sweep join jobs j on j.id = c.job and j.state = 'done'
       join job_specs p on p.job = c.job
     group by c.sweep order by c.sweep",
);

pub(super) const PACKS: Verb = read(
    "leases",
    &[],
    "select lease, worker, slot, device, plan, width from packs
     where lease in (select lease from jobs where state = 'leased') order by lease",
);

pub(super) const LANES: Verb = read(
    "lanes",
    &[("lease", Int)],
    "select l.lease, l.stage, l.job, l.attempt from {v} join pack_lanes l on l.lease = v.lease
     order by l.lease, l.stage, l.lane",
);

pub(super) const DATA: Verb =
    read("data sets", &[], "select name, digest, cast(shape as text) from data_sets order by name");

pub(super) const WORKERS: Verb = read("workers", &[], "select id, name from workers order by id");

pub(super) const LAST_IDS: Verb = read(
    "last ids",
    &[],
    "select coalesce((select max(id) from sweeps), 0), coalesce((select max(id) from trials), 0),
       coalesce((select max(id) from jobs), 0), coalesce((select max(id) from workers), 0),
       coalesce((select max(lease) from packs), 0)",
);

pub(super) const KEPT: Verb = read(
    "artifacts in use",
    &[("now", Time)],
    "select digest from outputs union select digest from checkpoints union select digest from given_files
     union select p.digest from {v} join pins p on p.expires > v.now",
);
