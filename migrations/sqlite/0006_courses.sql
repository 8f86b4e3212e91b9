-- Branches that are trained by settings of their own, of which only rounds of one course compare; and costs. Documented in
-- migrations/README.md; same names and columns on both databases.

alter table rounds add column course text not null default '';

drop view ticket_curve;
drop view matching;
drop view seed_result;

create view seed_result as
select s.name as sweep, t.settings_key, r.kind, r.branch, r.round,
       avg(case when r.mask is null then 1.0 else cast(k.living as real) / t.total end) as density,
       t.seed, m.name as metric, m.split, m.at, avg(m.value) as value, count(m.value) as n_runs,
       avg(cast(w.early_stop_iteration as real)) as early_stop_iteration, r.course
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join measures m on m.job = r.result
left join results k on k.job = r.mask
left join results w on w.job = r.result
where m.value is not null
group by s.name, t.settings_key, r.kind, r.branch, r.course, r.round, t.seed, m.name, m.split, m.at;

-- The rounds that a course is about: the trial's own line, or the branch it is named after.
create view matching as
with own as (
  select *, avg(value) over (partition by sweep, settings_key, course, metric, split, at, kind, branch, round) as mean,
         case when is_ticket and round = 0 then value end as dense
  from (select *, (branch = course) as is_ticket from seed_result) as told),
control as (
  select *, avg(case when kind = 'reinit' then value end) over seeds as reinit,
         avg(case when kind = 'random_mask' then value end) over seeds as random_mask
  from own window seeds as (partition by sweep, settings_key, course, metric, split, at, round, seed)),
dense_seed as (
  select *, max(dense) over (partition by sweep, settings_key, course, metric, split, at, seed) as dense_value
  from control),
dense_centre as (
  select *, avg(dense) over (partition by sweep, settings_key, course, metric, split, at) as dense_mean
  from dense_seed),
dense_spread as (
  select *, sum((dense - dense_mean) * (dense - dense_mean)) over settings / nullif(count(dense) over settings - 1, 0)
           as dense_variance
  from dense_centre window settings as (partition by sweep, settings_key, course, metric, split, at))
select d.sweep, d.settings_key, d.kind, d.branch, d.round, d.density, d.seed, d.metric, d.split, d.at, k.unit, d.value,
       d.n_runs, d.early_stop_iteration, d.mean, d.dense_value, d.dense_mean,
       (with recursive newton (x, step) as (
          select dense_variance, 0
          union all
          select (x + dense_variance / x) / 2, step + 1 from newton
          where dense_variance > 0 and step < 80 and abs(x * x - dense_variance) > 4e-16 * dense_variance)
        select x from newton order by step desc limit 1) as dense_sd,
       case when d.is_ticket then d.reinit end as reinit_value,
       case when d.is_ticket then d.random_mask end as random_mask_value,
       case when d.dense_mean is null or k.direction is null then null
            when k.direction = 'higher' and d.value >= d.dense_mean then 1
            when k.direction = 'lower' and d.value <= d.dense_mean then 1
            when (d.value - d.dense_mean) * (d.value - d.dense_mean) <= d.dense_variance then 1
            else 0 end as matching,
       d.course
from dense_spread d
left join metric_kinds k on k.name = d.metric;

create view ticket_curve as
select sweep, settings_key, kind, branch, round, mean_density as density, metric, split, at, unit, mean,
       (with recursive newton (x, step) as (
          select variance, 0
          union all
          select (x + variance / x) / 2, step + 1 from newton
          where variance > 0 and step < 80 and abs(x * x - variance) > 4e-16 * variance)
        select x from newton order by step desc limit 1) as sd,
       min, max, n_seeds, n_seed_runs as n_runs, mean_early_stop as early_stop_iteration,
       paired_dense, paired_reinit, paired_random_mask, share_matching, course
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
      window line as (partition by sweep, settings_key, kind, branch, course, round, metric, split, at)) as line
where seed = first_seed;

-- What networks do before they are trained: the first point of each curve. Masks alone can do better than chance.
create view untrained_result as
select m.sweep, m.trial, m.seed, m.branch, m.kind, m.copy, m.round, m.metric, m.split, m.unit, m.direction, m.iteration, m.value
from metric m
join job_specs p on p.job = m.job and m.iteration = p.last_iteration - p.iterations;

-- What jobs that are no training cost, too, and what living weights alone would need.
alter table results add column theoretical_flops real;
update results set theoretical_flops = flops;

drop view job_result;
create view job_result as
select e.job, p.kind, j.fingerprint, e.iterations, e.flops, e.device_seconds, e.early_stop_iteration,
       e.living, e.total, e.prunable,
       e.plan, e.device, e.threads, e.width, e.libtorch, e.capability, e.worker as worker_version, e.data, e.theoretical_flops
from results e
join jobs j on j.id = e.job
join job_specs p on p.job = e.job;

drop view cost;
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
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round))) as marginal_device_seconds,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(coalesce(sum(e.theoretical_flops), 0) as real) from ancestor join results e on e.job = ancestor.job) as standalone_theoretical_flops,
       (select cast(coalesce(sum(e.theoretical_flops), 0) as real)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round))) as marginal_theoretical_flops
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep;

create view analysis_cost as
select s.name as sweep, t.number as trial, t.seed, x.analysis, min(x.branch) as branch, min(x.copy) as copy,
       min(x.round) as round, min(x.first) as first, min(x.second) as second, p.kind as job_kind, x.job, c.shared, e.iterations, e.flops, e.theoretical_flops, e.device_seconds
from analysis_jobs x
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join job_specs p on p.job = x.job
join claims c on c.sweep = t.sweep and c.job = x.job
left join results e on e.job = x.job
group by s.name, t.number, t.seed, x.analysis, p.kind, x.job, c.shared, e.iterations, e.flops, e.theoretical_flops,
         e.device_seconds;

-- asked: if every round and analysis had done its own jobs; run: what this sweep added.
create view sweep_cost as
select s.name as sweep, a.iterations as asked_iterations, a.flops as asked_flops, a.device_seconds as asked_device_seconds,
       r.iterations as run_iterations, r.flops as run_flops, r.theoretical_flops as run_theoretical_flops,
       r.device_seconds as run_device_seconds
from sweeps s
join (select t.sweep, cast(coalesce(sum(e.iterations), 0) as integer) as iterations, cast(coalesce(sum(e.flops), 0) as real) as flops,
             cast(coalesce(sum(e.device_seconds), 0) as real) as device_seconds
      from (select trial, job from round_jobs union all select distinct trial, job from analysis_jobs) as x
      join trials t on t.id = x.trial
      left join results e on e.job = x.job
      group by t.sweep) as a on a.sweep = s.id
join (select c.sweep, cast(coalesce(sum(e.iterations), 0) as integer) as iterations, cast(coalesce(sum(e.flops), 0) as real) as flops,
             cast(coalesce(sum(e.theoretical_flops), 0) as real) as theoretical_flops, cast(coalesce(sum(e.device_seconds), 0) as real) as device_seconds
      from claims c
      left join results e on e.job = c.job and not c.shared
      group by c.sweep) as r on r.sweep = s.id;
