//! Statements about attempts: leases, starts, checkpoints, metrics, results. Hot: each reaches rows by primary key.
//!
//! `coalesce(state, '')` keeps Postgres from the partial indexes on living jobs. It never knows how many live at the moment,
//! thinks of a handful, and would read all of them for each commit instead of looking up those that are meant.

use crate::store::verb::{
    Expect::{Any, Count, Each},
    Kind::{Bool, Float, Floats, Int, Ints, Text, Time},
    Verb,
};

pub(super) const PACKS: Verb = Verb {
    what: "a lease",
    columns: &[
        ("lease", Int),
        ("worker", Int),
        ("slot", Int),
        ("device", Text),
        ("plan", Text),
        ("width", Int),
        ("now", Time),
    ],
    sql: "insert into packs (lease, worker, slot, device, plan, width, granted)
          select v.lease, v.worker, v.slot, v.device, v.plan, v.width, v.now from {v}",
    expect: Each,
};

pub(super) const LANES: Verb = Verb {
    what: "a lane",
    columns: &[("lease", Int), ("stage", Int), ("lane", Int), ("job", Int), ("attempt", Int)],
    sql: "insert into pack_lanes (lease, stage, lane, job, attempt)
          select v.lease, v.stage, v.lane, v.job, v.attempt from {v}",
    expect: Each,
};

pub(super) const LEASE: Verb = Verb {
    what: "a lease of an open job",
    columns: &[("job", Int), ("attempt", Int), ("lease", Int)],
    sql: "update jobs set state = 'leased', attempt = v.attempt, lease = v.lease from {v}
          where jobs.id = v.job and coalesce(jobs.state, '') = 'open' and jobs.attempt < v.attempt",
    expect: Each,
};

pub(super) const START: Verb = Verb {
    what: "a start of a leased attempt",
    columns: &[("job", Int), ("attempt", Int), ("lease", Int), ("iteration", Int), ("now", Time)],
    sql: "insert into attempts (job, attempt, lease, started, from_iteration)
          select v.job, v.attempt, v.lease, v.now, v.iteration
          from {v} join jobs j on j.id = v.job and j.attempt = v.attempt and coalesce(j.state, '') = 'leased' where true
          on conflict (job, attempt) do update
          set lease = excluded.lease, started = excluded.started, from_iteration = excluded.from_iteration",
    expect: Each,
};

pub(super) const CHECKPOINT: Verb = Verb {
    what: "a checkpoint of a leased attempt",
    columns: &[
        ("job", Int),
        ("attempt", Int),
        ("iteration", Int),
        ("digest", Text),
        ("bytes", Int),
        ("now", Time),
    ],
    sql: "insert into checkpoints (job, attempt, iteration, digest, bytes, taken)
          select v.job, v.attempt, v.iteration, v.digest, v.bytes, v.now
          from {v} join jobs j on j.id = v.job and j.attempt = v.attempt and coalesce(j.state, '') = 'leased' where true
          on conflict (job) do update set attempt = excluded.attempt, iteration = excluded.iteration,
            digest = excluded.digest, bytes = excluded.bytes, taken = excluded.taken",
    expect: Each,
};

pub(super) const METRICS_ALLOWED: Verb = Verb {
    what: "metrics of a current attempt",
    columns: &[("job", Int), ("attempt", Int)],
    sql: "select count(*) from {v} join jobs j
          on j.id = v.job and j.attempt = v.attempt and coalesce(j.state, '') in ('leased', 'done')",
    expect: Count,
};

pub(super) const METRICS: Verb = Verb {
    what: "metrics",
    columns: &[
        ("job", Int),
        ("attempt", Int),
        ("batch", Int),
        ("ordinal", Int),
        ("name", Text),
        ("split", Text),
        ("first_iteration", Int),
        ("last_iteration", Int),
        ("iterations", Ints),
        ("points", Floats),
    ],
    sql: "insert into metric_batches (job, attempt, batch, ordinal, name, split, first_iteration, last_iteration,
            iterations, points)
          select v.job, v.attempt, v.batch, v.ordinal, v.name, v.split, v.first_iteration, v.last_iteration,
            v.iterations, v.points from {v} where true
          on conflict (job, attempt, batch, ordinal) do nothing",
    expect: Any,
};

/// Ends an attempt that is leased; one that never started gets its row here.
pub(super) const END_ATTEMPT: Verb = Verb {
    what: "an end of a leased attempt",
    columns: &[
        ("job", Int),
        ("attempt", Int),
        ("now", Time),
        ("how", Text),
        ("class", Text),
        ("message", Text),
    ],
    sql: "insert into attempts (job, attempt, lease, ended, how, failure_class, message)
          select v.job, v.attempt, j.lease, v.now, v.how, v.class, v.message
          from {v} join jobs j on j.id = v.job and j.attempt = v.attempt and coalesce(j.state, '') = 'leased' where true
          on conflict (job, attempt) do update set ended = excluded.ended, how = excluded.how,
            failure_class = excluded.failure_class, message = excluded.message",
    expect: Each,
};

pub(super) const END: Verb = Verb {
    what: "an end of a leased attempt",
    columns: &[("job", Int), ("attempt", Int), ("state", Text), ("tries", Int), ("losses", Int)],
    sql: "update jobs set state = v.state, tries = v.tries, losses = v.losses, lease = null from {v}
          where jobs.id = v.job and jobs.attempt = v.attempt and coalesce(jobs.state, '') = 'leased'",
    expect: Each,
};

pub(super) const FINISH: Verb = Verb {
    what: "a result of a leased attempt",
    columns: &[("job", Int), ("attempt", Int)],
    sql: "update jobs set state = 'done', lease = null from {v}
          where jobs.id = v.job and jobs.attempt = v.attempt and coalesce(jobs.state, '') = 'leased'",
    expect: Each,
};

pub(super) const RESULTS: Verb = Verb {
    what: "a result",
    columns: &[
        ("job", Int),
        ("iterations", Int),
        ("flops", Float),
        ("device_seconds", Float),
        ("early_stop_iteration", Int),
        ("living", Int),
        ("total", Int),
        ("prunable", Int),
        ("plan", Text),
        ("device", Text),
        ("threads", Int),
        ("width", Int),
        ("libtorch", Text),
        ("capability", Text),
        ("worker", Text),
        ("data", Text),
        ("theoretical_flops", Float),
    ],
    sql: "insert into results (job, iterations, flops, device_seconds, early_stop_iteration, living, total, prunable,
            plan, device, threads, width, libtorch, capability, worker, data, theoretical_flops)
          select v.job, v.iterations, v.flops, v.device_seconds, v.early_stop_iteration, v.living, v.total,
            v.prunable, v.plan, v.device, v.threads, v.width, v.libtorch, v.capability, v.worker, v.data, v.theoretical_flops
          from {v}",
    expect: Each,
};

pub(super) const OUTPUTS: Verb = Verb {
    what: "an output",
    columns: &[("job", Int), ("output", Text), ("digest", Text), ("bytes", Int)],
    sql: "insert into outputs (job, output, digest, bytes) select v.job, v.output, v.digest, v.bytes from {v}",
    expect: Each,
};

pub(super) const MEASURES: Verb = Verb {
    what: "a measure",
    columns: &[("job", Int), ("at", Text), ("name", Text), ("split", Text), ("value", Float)],
    sql: "insert into measures (job, at, name, split, value)
          select v.job, v.at, v.name, v.split, v.value from {v}",
    expect: Each,
};

pub(super) const LAYERS: Verb = Verb {
    what: "a layer of a mask",
    columns: &[
        ("job", Int),
        ("layer", Int),
        ("name", Text),
        ("living", Int),
        ("total", Int),
        ("prunable", Bool),
    ],
    sql: "insert into mask_layers (job, layer, name, living, total, prunable)
          select v.job, v.layer, v.name, v.living, v.total, v.prunable from {v}",
    expect: Each,
};

pub(super) const SIZES: Verb = Verb {
    what: "what a network costs",
    columns: &[
        ("job", Int),
        ("network", Text),
        ("name", Text),
        ("parameters", Int),
        ("weights", Int),
        ("flops", Int),
        ("bytes", Int),
        ("latency_seconds", Float),
        ("batch", Int),
        ("difference", Float),
    ],
    sql: "insert into slim_sizes (job, network, name, parameters, weights, flops, bytes, latency_seconds, batch, difference)
          select v.job, v.network, v.name, v.parameters, v.weights, v.flops, v.bytes, v.latency_seconds, v.batch,
                 v.difference
          from {v} where true
          on conflict (job, network) do nothing",
    expect: Any,
};

pub(super) const CURVE_POINTS: Verb = Verb {
    what: "a point of a curve",
    columns: &[
        ("job", Int),
        ("bn", Text),
        ("split", Text),
        ("alpha", Float),
        ("loss", Float),
        ("error", Float),
    ],
    sql: "insert into curve_points (job, bn, split, alpha, loss, error)
          select v.job, v.bn, v.split, v.alpha, v.loss, v.error from {v} where true
          on conflict (job, bn, split, alpha) do nothing",
    expect: Any,
};

pub(super) const COLLAPSE_POINTS: Verb = Verb {
    what: "a compression",
    columns: &[
        ("job", Int),
        ("criterion", Text),
        ("exponent", Float),
        ("living", Int),
        ("emptied", Int),
        ("layer", Text),
        ("greatest", Float),
    ],
    sql: "insert into collapse_points (job, criterion, exponent, living, emptied, layer, greatest)
          select v.job, v.criterion, v.exponent, v.living, v.emptied, v.layer, v.greatest from {v} where true
          on conflict (job, exponent) do nothing",
    expect: Any,
};

pub(super) const MASK_DISTANCES: Verb = Verb {
    what: "a pair of masks",
    columns: &[
        ("job", Int),
        ("first", Int),
        ("second", Int),
        ("layer", Int),
        ("name", Text),
        ("living_first", Int),
        ("living_second", Int),
        ("living_both", Int),
        ("total", Int),
    ],
    sql: "insert into mask_distances (job, first, second, layer, name, living_first, living_second, living_both, total)
          select v.job, v.first, v.second, v.layer, v.name, v.living_first, v.living_second, v.living_both, v.total
          from {v} where true
          on conflict (job, first, second, layer) do nothing",
    expect: Any,
};

pub(super) const FOUND_TICKETS: Verb = Verb {
    what: "a ticket that was found",
    columns: &[("job", Int), ("epoch", Int), ("iteration", Int)],
    sql: "insert into found_tickets (job, epoch, iteration)
          select v.job, v.epoch, v.iteration from {v} where true
          on conflict (job) do nothing",
    expect: Any,
};

pub(super) const EPOCH_DISTANCES: Verb = Verb {
    what: "masks of two epochs",
    columns: &[("job", Int), ("first", Int), ("second", Int), ("distance", Float)],
    sql: "insert into epoch_distances (job, first, second, distance)
          select v.job, v.first, v.second, v.distance from {v} where true
          on conflict (job, first, second) do nothing",
    expect: Any,
};

pub(super) const DROP_CHECKPOINTS: Verb = Verb {
    what: "a checkpoint",
    columns: &[("job", Int)],
    sql: "delete from checkpoints where job in (select v.job from {v})",
    expect: Any,
};

pub(super) const PIN: Verb = Verb {
    what: "a pin",
    columns: &[("digest", Text), ("expires", Time)],
    sql: "insert into pins (digest, expires) select v.digest, v.expires from {v} where true
          on conflict (digest) do update set expires = excluded.expires",
    expect: Any,
};

pub(super) const EXPIRE: Verb = Verb {
    what: "an expired pin",
    columns: &[("now", Time)],
    sql: "delete from pins where expires <= (select v.now from {v})",
    expect: Any,
};

pub(super) const UNPIN: Verb = Verb {
    what: "a pin",
    columns: &[("digest", Text)],
    sql: "delete from pins where digest in (select v.digest from {v})",
    expect: Any,
};
