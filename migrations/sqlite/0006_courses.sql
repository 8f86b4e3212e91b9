-- Branches that are trained by settings of their own: only rounds of one course compare. Documented in
-- migrations/README.md; same names and columns on both databases.

alter table rounds add column course text not null default '';

drop view ticket_curve;
drop view matching;
drop view seed_result;

create view seed_result as
select s.name as sweep, t.settings_key, r.kind, r.branch, r.course, r.round,
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
select d.sweep, d.settings_key, d.kind, d.branch, d.course, d.round, d.density, d.seed, d.metric, d.split, d.at, k.unit, d.value,
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
            else 0 end as matching
from dense_spread d
left join metric_kinds k on k.name = d.metric;

create view ticket_curve as
select sweep, settings_key, kind, branch, course, round, mean_density as density, metric, split, at, unit, mean,
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
      window line as (partition by sweep, settings_key, kind, branch, course, round, metric, split, at)) as line
where seed = first_seed;

-- What networks do before they are trained: the first point of each curve. Masks alone can do better than chance.
create view untrained_result as
select m.sweep, m.trial, m.seed, m.branch, m.kind, m.copy, m.round, m.metric, m.split, m.unit, m.direction, m.iteration, m.value
from metric m
join job_specs p on p.job = m.job and m.iteration = p.last_iteration - p.iterations;
