//! Statements about sweeps, their graphs, workers and data sets. Rare, so simple before fast.

use crate::store::verb::{
    Expect::{Any, Count, Each},
    Kind::{Bool, Float, Int, Json, Text, Time},
    Verb,
};

pub(super) const ADD_SWEEP: Verb = Verb {
    what: "a new sweep (its name is taken)",
    columns: &[
        ("id", Int),
        ("name", Text),
        ("source", Text),
        ("state", Text),
        ("decides", Bool),
        ("keep", Text),
        ("now", Time),
    ],
    sql: "insert into sweeps (id, name, source, state, decides, keep, created, changed)
          select v.id, v.name, v.source, v.state, v.decides, v.keep, v.now, v.now from {v} where true
          on conflict (name) do nothing",
    expect: Each,
};

pub(super) const SWEEP_SOURCE: Verb = Verb {
    what: "a change of a sweep",
    columns: &[("id", Int), ("source", Text), ("now", Time)],
    sql: "update sweeps set source = v.source, changed = v.now from {v} where sweeps.id = v.id",
    expect: Each,
};

pub(super) const SWEEP_STATE: Verb = Verb {
    what: "a change of a sweep",
    columns: &[("id", Int), ("state", Text), ("now", Time)],
    sql: "update sweeps set state = v.state, changed = v.now from {v} where sweeps.id = v.id",
    expect: Each,
};

pub(super) const DECIDES: Verb = Verb {
    what: "a change of a sweep",
    columns: &[("id", Int), ("decides", Bool)],
    sql: "update sweeps set decides = v.decides from {v} where sweeps.id = v.id",
    expect: Each,
};

pub(super) const KEEP: Verb = Verb {
    what: "a change of a sweep",
    columns: &[("id", Int), ("keep", Text)],
    sql: "update sweeps set keep = v.keep from {v} where sweeps.id = v.id",
    expect: Each,
};

/// What living jobs read is left alone, whoever asks.
pub(super) const DROPPED: Verb = Verb {
    what: "dropped outputs",
    columns: &[("job", Int), ("now", Time)],
    sql: "insert into dropped_outputs (job, output, digest, bytes, dropped)
          select o.job, o.output, o.digest, o.bytes, v.now
          from {v} join jobs j on j.id = v.job and j.state = 'done'
            join outputs o on o.job = j.id and o.output <> 'mask'
          where not exists (select 1 from job_parents p join jobs k on k.id = p.job where p.parent = j.id
                            and k.state in ('open', 'leased', 'failed', 'quarantined'))",
    expect: Any,
};

pub(super) const DROP: Verb = Verb {
    what: "dropped outputs",
    columns: &[("job", Int)],
    sql: "delete from outputs where job in (select v.job from {v})
            and exists (select 1 from dropped_outputs d where d.job = outputs.job and d.output = outputs.output)",
    expect: Any,
};

pub(super) const RENAME: Verb = Verb {
    what: "a job that others replace",
    columns: &[("job", Int), ("fingerprint", Text)],
    sql: "update jobs set fingerprint = v.fingerprint from {v}
          where jobs.id = v.job and jobs.state = 'done'",
    expect: Each,
};

/// What it replaced itself goes on to the newest.
pub(super) const REDIRECT: Verb = Verb {
    what: "a replaced job",
    columns: &[("job", Int), ("maker", Int)],
    sql: "update replaced_jobs set maker = v.maker from {v} where replaced_jobs.maker = v.job",
    expect: Any,
};

pub(super) const REPLACED: Verb = Verb {
    what: "a replaced job",
    columns: &[("job", Int), ("maker", Int)],
    sql: "insert into replaced_jobs (job, maker) select v.job, v.maker from {v}",
    expect: Each,
};

pub(super) const GIVEN_UP: Verb = Verb {
    what: "other parents of a job that was given up",
    columns: &[("job", Int)],
    sql: "select count(*) from {v} join jobs j on j.id = v.job and j.state in ('unwanted', 'failed')",
    expect: Count,
};

pub(super) const NO_PARENTS: Verb = Verb {
    what: "parents of a job",
    columns: &[("job", Int)],
    sql: "delete from job_parents where job in (select v.job from {v})",
    expect: Any,
};

pub(super) const NO_CHECKPOINT: Verb = Verb {
    what: "a checkpoint",
    columns: &[("job", Int)],
    sql: "delete from checkpoints where job in (select v.job from {v})",
    expect: Any,
};

pub(super) const ADD_VERDICTS: Verb = Verb {
    what: "a verdict",
    columns: &[
        ("trial", Int),
        ("rule", Text),
        ("round", Int),
        ("goes_on", Bool),
        ("metric", Text),
        ("at", Text),
        ("value", Float),
        ("bar", Float),
        ("now", Time),
    ],
    sql: "insert into verdicts (trial, rule, round, goes_on, metric, at, value, bar, decided)
          select v.trial, v.rule, v.round, v.goes_on, v.metric, v.at, v.value, v.bar, v.now from {v}",
    expect: Each,
};

pub(super) const ADD_TRIALS: Verb = Verb {
    what: "a new trial",
    columns: &[
        ("id", Int),
        ("sweep", Int),
        ("number", Int),
        ("key", Text),
        ("seed", Int),
        ("repeat", Int),
        ("settings_key", Text),
        ("axes", Json),
        ("settings", Json),
        ("total", Int),
        ("prunable", Int),
    ],
    sql: "insert into trials (id, sweep, number, key, seed, repeat, settings_key, axes, settings, total, prunable)
          select v.id, v.sweep, v.number, v.key, v.seed, v.repeat, v.settings_key, v.axes, v.settings, v.total,
            v.prunable from {v}",
    expect: Each,
};

pub(super) const TRIAL_SETTINGS: Verb = Verb {
    what: "a change of a trial",
    columns: &[("id", Int), ("settings", Json)],
    sql: "update trials set settings = v.settings from {v} where trials.id = v.id",
    expect: Each,
};

pub(super) const ADD_ROUNDS: Verb = Verb {
    what: "a new round",
    columns: &[
        ("trial", Int),
        ("branch", Text),
        ("copy", Int),
        ("round", Int),
        ("kind", Text),
        ("mask", Int),
        ("result", Int),
        ("origin", Int),
        ("start", Text),
        ("density", Float),
        ("course", Text),
    ],
    sql: "insert into rounds (trial, branch, copy, round, kind, mask, result, origin, start, density, course)
          select v.trial, v.branch, v.copy, v.round, v.kind, v.mask, v.result, v.origin, v.start, v.density, v.course
          from {v}",
    expect: Each,
};

pub(super) const ROUND_JOBS: Verb = Verb {
    what: "a job of a round",
    columns: &[
        ("trial", Int),
        ("branch", Text),
        ("copy", Int),
        ("round", Int),
        ("ordinal", Int),
        ("job", Int),
    ],
    sql: "insert into round_jobs (trial, branch, copy, round, ordinal, job)
          select v.trial, v.branch, v.copy, v.round, v.ordinal, v.job from {v}",
    expect: Each,
};

/// An extension names the analyses there are once more.
pub(super) const ADD_ANALYSES: Verb = Verb {
    what: "a job of an analysis",
    columns: &[
        ("trial", Int),
        ("analysis", Text),
        ("branch", Text),
        ("copy", Int),
        ("round", Int),
        ("first", Int),
        ("second", Int),
        ("ends", Text),
        ("job", Int),
    ],
    sql: "insert into analysis_jobs (trial, analysis, branch, copy, round, first, second, ends, job)
          select v.trial, v.analysis, v.branch, v.copy, v.round, v.first, v.second, v.ends, v.job from {v} where true
          on conflict (trial, analysis, branch, copy, round, first, second) do nothing",
    expect: Any,
};

pub(super) const ADD_JOBS: Verb = Verb {
    what: "a new job (its fingerprint exists)",
    columns: &[
        ("id", Int),
        ("fingerprint", Text),
        ("state", Text),
        ("attempt", Int),
        ("tries", Int),
        ("losses", Int),
        ("height", Int),
    ],
    sql: "insert into jobs (id, fingerprint, state, attempt, tries, losses, height)
          select v.id, v.fingerprint, v.state, v.attempt, v.tries, v.losses, v.height from {v} where true
          on conflict (fingerprint) do nothing",
    expect: Each,
};

pub(super) const JOB_SPECS: Verb = Verb {
    what: "a new job",
    columns: &[("job", Int), ("kind", Text), ("spec", Json), ("iterations", Int), ("last_iteration", Int)],
    sql: "insert into job_specs (job, kind, spec, iterations, last_iteration)
          select v.job, v.kind, v.spec, v.iterations, v.last_iteration from {v}",
    expect: Each,
};

pub(super) const JOB_PARENTS: Verb = Verb {
    what: "a parent of a new job",
    columns: &[("job", Int), ("ordinal", Int), ("parent", Int)],
    sql: "insert into job_parents (job, ordinal, parent) select v.job, v.ordinal, v.parent from {v}",
    expect: Each,
};

pub(super) const GIVEN_FILES: Verb = Verb {
    what: "a given file",
    columns: &[("digest", Text), ("bytes", Int)],
    sql: "insert into given_files (digest, bytes) select v.digest, v.bytes from {v} where true
          on conflict (digest) do nothing",
    expect: Any,
};

pub(super) const CLAIM: Verb = Verb {
    what: "a claim",
    columns: &[("sweep", Int), ("job", Int), ("shared", Bool)],
    sql: "insert into claims (sweep, job, shared) select v.sweep, v.job, v.shared from {v} where true
          on conflict (sweep, job) do nothing",
    expect: Any,
};

pub(super) const UNCLAIM: Verb = Verb {
    what: "a claim",
    columns: &[("sweep", Int)],
    sql: "delete from claims where sweep in (select v.sweep from {v})
            and not exists (select 1 from jobs j where j.id = claims.job and j.state = 'done')",
    expect: Any,
};

/// A finished job stays finished: the first result is frozen.
pub(super) const JOB_STATE: Verb = Verb {
    what: "a change of an unfinished job",
    columns: &[("job", Int), ("state", Text), ("reset", Bool)],
    sql: "update jobs set state = v.state, lease = null,
            tries = case when v.reset then 0 else jobs.tries end,
            losses = case when v.reset then 0 else jobs.losses end
          from {v} where jobs.id = v.job and jobs.state <> 'done'",
    expect: Each,
};

pub(super) const BIND_DATA: Verb = Verb {
    what: "a data set",
    columns: &[("name", Text), ("digest", Text), ("shape", Json), ("now", Time)],
    sql: "insert into data_sets (name, digest, shape, bound) select v.name, v.digest, v.shape, v.now from {v} where true
          on conflict (name) do nothing",
    expect: Any,
};

pub(super) const DATA_BOUND: Verb = Verb {
    what: "a data set (its name is bound to another content)",
    columns: &[("name", Text), ("digest", Text)],
    sql: "select count(*) from {v} join data_sets d on d.name = v.name and d.digest = v.digest",
    expect: Count,
};

pub(in crate::store) const METRIC_KINDS: Verb = Verb {
    what: "a metric",
    columns: &[("name", Text), ("unit", Text), ("direction", Text)],
    sql: "insert into metric_kinds (name, unit, direction) select v.name, v.unit, v.direction from {v} where true
          on conflict (name) do update set unit = excluded.unit, direction = excluded.direction",
    expect: Any,
};
