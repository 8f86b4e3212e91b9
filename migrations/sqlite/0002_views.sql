-- The interface for people and programs that read. Documented in migrations/README.md; same names and columns on both
-- databases.

create view trial as
select s.name as sweep, t.number as trial, t.key, t.seed, t.repeat, t.settings_key, t.axes, t.settings,
       t.total, t.prunable
from trials t join sweeps s on s.id = t.sweep;

create view sweep_progress as
select s.name as sweep, s.state,
       count(c.job) as jobs,
       count(case when j.state = 'done' then 1 end) as done,
       count(case when j.state = 'leased' then 1 end) as leased,
       count(case when j.state = 'open' then 1 end) as open,
       count(case when j.state = 'failed' then 1 end) as failed,
       count(case when j.state = 'quarantined' then 1 end) as quarantined,
       count(case when c.shared then 1 end) as shared,
       cast(coalesce(sum(p.iterations), 0) as integer) as iterations,
       cast(coalesce(sum(case when j.state = 'done' then p.iterations end), 0) as integer) as iterations_done,
       s.created, s.changed
from sweeps s
left join claims c on c.sweep = s.id
left join jobs j on j.id = c.job
left join job_specs p on p.job = c.job
group by s.id, s.name, s.state, s.created, s.changed;

create view round_result as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, r.branch, r.kind, r.copy, r.round,
       (select case min(case j.state when 'failed' then 1 when 'quarantined' then 2 when 'leased' then 3
                                     when 'open' then 4 when 'unwanted' then 5 else 6 end)
               when 1 then 'failed' when 2 then 'quarantined' when 3 then 'leased'
               when 4 then 'open' when 5 then 'unwanted' else 'done' end
        from round_jobs x join jobs j on j.id = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round) as state,
       case when r.mask is null then t.total else k.living end as living,
       t.total, t.prunable,
       case when r.mask is null then 1.0 else cast(k.living as real) / t.total end as density,
       case when r.mask is null then 1.0
            else cast(k.living - t.total + t.prunable as real) / nullif(t.prunable, 0)
       end as density_prunable,
       r.density as density_planned,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'loss' and m.split = 'train') as loss_train,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'loss' and m.split = 'validation') as loss_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'loss' and m.split = 'test') as loss_test,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'accuracy' and m.split = 'train') as accuracy_train,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'accuracy' and m.split = 'validation') as accuracy_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'accuracy' and m.split = 'test') as accuracy_test,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'loss' and m.split = 'train') as early_stop_loss_train,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'loss' and m.split = 'validation') as early_stop_loss_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'loss' and m.split = 'test') as early_stop_loss_test,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'accuracy' and m.split = 'train') as early_stop_accuracy_train,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'accuracy' and m.split = 'validation') as early_stop_accuracy_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'accuracy' and m.split = 'test') as early_stop_accuracy_test,
       w.early_stop_iteration,
       case when w.job is not null then p.last_iteration end as iterations
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
left join results k on k.job = r.mask
left join results w on w.job = r.result
left join job_specs p on p.job = r.result;

create view round_measure as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, r.branch, r.kind, r.copy, r.round,
       m.name as metric, m.split, k.unit, k.direction, m.at,
       case m.at when 'last' then p.last_iteration else w.early_stop_iteration end as iteration, m.value
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join measures m on m.job = r.result
join job_specs p on p.job = r.result
left join results w on w.job = r.result
left join metric_kinds k on k.name = m.name;

create view seed_result as
select s.name as sweep, t.settings_key, r.kind, r.branch, r.round,
       avg(case when r.mask is null then 1.0 else cast(k.living as real) / t.total end) as density,
       t.seed, m.name as metric, m.split, m.at, avg(m.value) as value, count(m.value) as n_runs,
       avg(cast(w.early_stop_iteration as real)) as early_stop_iteration
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join measures m on m.job = r.result
left join results k on k.job = r.mask
left join results w on w.job = r.result
where m.value is not null
group by s.name, t.settings_key, r.kind, r.branch, r.round, t.seed, m.name, m.split, m.at;

-- One window a step, each partitioned by sweep: so a condition on the sweep reaches the tables (SQLite hands it through
-- no step with two windows), and a curve costs nothing for other sweeps.
create view matching as
with own as (
  select *, avg(value) over (partition by sweep, settings_key, metric, split, at, kind, branch, round) as mean,
         case when kind = 'ticket' and branch = '' and round = 0 then value end as dense
  from seed_result),
control as (
  select *, avg(case when kind = 'reinit' then value end) over seeds as reinit,
         avg(case when kind = 'random_mask' then value end) over seeds as random_mask
  from own window seeds as (partition by sweep, settings_key, metric, split, at, round, seed)),
dense_seed as (
  select *, max(dense) over (partition by sweep, settings_key, metric, split, at, seed) as dense_value
  from control),
dense_centre as (
  select *, avg(dense) over (partition by sweep, settings_key, metric, split, at) as dense_mean
  from dense_seed),
dense_spread as (
  select *, sum((dense - dense_mean) * (dense - dense_mean)) over settings / nullif(count(dense) over settings - 1, 0)
           as dense_variance
  from dense_centre window settings as (partition by sweep, settings_key, metric, split, at))
select d.sweep, d.settings_key, d.kind, d.branch, d.round, d.density, d.seed, d.metric, d.split, d.at, k.unit, d.value,
       d.n_runs, d.early_stop_iteration, d.mean, d.dense_value, d.dense_mean,
       (with recursive newton (x, step) as (
          select dense_variance, 0
          union all
          select (x + dense_variance / x) / 2, step + 1 from newton
          where dense_variance > 0 and step < 80 and abs(x * x - dense_variance) > 4e-16 * dense_variance)
        select x from newton order by step desc limit 1) as dense_sd,
       case when d.kind = 'ticket' then d.reinit end as reinit_value,
       case when d.kind = 'ticket' then d.random_mask end as random_mask_value,
       case when d.dense_mean is null or k.direction is null then null
            when k.direction = 'higher' and d.value >= d.dense_mean then 1
            when k.direction = 'lower' and d.value <= d.dense_mean then 1
            when (d.value - d.dense_mean) * (d.value - d.dense_mean) <= d.dense_variance then 1
            else 0 end as matching
from dense_spread d
left join metric_kinds k on k.name = d.metric;

-- No grouping, for the same reason: SQLite hands no condition through one. The seeds of a line share its figures, and
-- the first stands for all.
create view ticket_curve as
select sweep, settings_key, kind, branch, round, mean_density as density, metric, split, at, unit, mean,
       (with recursive newton (x, step) as (
          select variance, 0
          union all
          select (x + variance / x) / 2, step + 1 from newton
          where variance > 0 and step < 80 and abs(x * x - variance) > 4e-16 * variance)
        select x from newton order by step desc limit 1) as sd,
       min, max, n_seeds, n_seed_runs as n_runs, mean_early_stop as early_stop_iteration,
       paired_dense, paired_reinit, paired_random_mask, share_matching
from (select *, min(seed) over line as first_seed, avg(density) over line as mean_density,
             sum((value - mean) * (value - mean)) over line / nullif(count(*) over line - 1, 0) as variance,
             min(value) over line as min, max(value) over line as max,
             count(*) over line as n_seeds, sum(n_runs) over line as n_seed_runs,
             avg(early_stop_iteration) over line as mean_early_stop,
             avg(value - dense_value) over line as paired_dense,
             avg(value - reinit_value) over line as paired_reinit,
             avg(value - random_mask_value) over line as paired_random_mask,
             avg(cast(matching as real)) over line as share_matching
      from matching
      window line as (partition by sweep, settings_key, kind, branch, round, metric, split, at)) as line
where seed = first_seed;

create view layer_density as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       l.layer, l.name, l.living, l.total, l.prunable, cast(l.living as real) / l.total as density
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join mask_layers l on l.job = r.mask;

create view metric as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       b.job, b.attempt, b.name as metric, b.split, k.unit, k.direction, e.value as iteration, b.points ->> e.key as value
from round_jobs r0
join rounds r on r.trial = r0.trial and r.branch = r0.branch and r.copy = r0.copy and r.round = r0.round
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join metric_batches b on b.job = r0.job
join json_each(b.iterations) e
left join metric_kinds k on k.name = b.name
where r0.ordinal > 0
  and not exists (
    select 1 from metric_batches l
    where l.job = b.job and l.attempt > b.attempt and l.name = b.name and l.split = b.split
      and l.first_iteration <= e.value and l.last_iteration >= e.value
      and e.value in (select value from json_each(l.iterations)));

create view job_history as
select a.job, p.kind, j.fingerprint, j.state, a.attempt, w.name as worker, k.slot, k.device, k.plan, k.width,
       k.granted, a.started, a.ended, a.how, a.from_iteration, a.failure_class, a.message
from attempts a
join jobs j on j.id = a.job
join job_specs p on p.job = a.job
left join packs k on k.lease = a.lease
left join workers w on w.id = k.worker;

create view failure as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.copy, r.round,
       a.job, p.kind, j.state, a.attempt, a.failure_class as class, a.message, w.name as worker, a.ended
from attempts a
join jobs j on j.id = a.job
join job_specs p on p.job = a.job
join round_jobs r on r.job = a.job
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
left join packs k on k.lease = a.lease
left join workers w on w.id = k.worker
where a.failure_class is not null;

create view worker_status as
select w.id as worker, w.name, w.host, w.version, w.state, w.since,
       json_array_length(w.info, '$.slots') as slots,
       (select count(*) from jobs j join packs k on k.lease = j.lease
        where j.state = 'leased' and k.worker = w.id) as leased
from workers w;

create view cost as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(coalesce(sum(e.iterations), 0) as integer) from ancestor join results e on e.job = ancestor.job) as standalone_iterations,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(coalesce(sum(e.flops), 0) as real) from ancestor join results e on e.job = ancestor.job) as standalone_flops,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(coalesce(sum(e.device_seconds), 0) as real) from ancestor join results e on e.job = ancestor.job) as standalone_device_seconds,
       (select cast(coalesce(sum(e.iterations), 0) as integer)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round))) as marginal_iterations,
       (select cast(coalesce(sum(e.flops), 0) as real)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round))) as marginal_flops,
       (select cast(coalesce(sum(e.device_seconds), 0) as real)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round))) as marginal_device_seconds
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep;
