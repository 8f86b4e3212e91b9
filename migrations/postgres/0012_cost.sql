-- The price of a round, said once. A search may go on after a ticket was found, for other tickets or for the masks of all
-- epochs: what it does then is not behind the ticket. What a sweep added for a ticket is all of its search, at the first trial
-- that has it. Documented in migrations/README.md; same names and columns on both databases.
drop view cost;
create view cost as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       alone.iterations as standalone_iterations, alone.flops as standalone_flops, alone.device_seconds as standalone_device_seconds,
       added.iterations as marginal_iterations, added.flops as marginal_flops, added.device_seconds as marginal_device_seconds,
       alone.theoretical_flops as standalone_theoretical_flops,
       added.theoretical_flops as marginal_theoretical_flops
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
left join analysis_jobs looked on looked.trial = r.trial and looked.analysis = 'prune.search' and looked.round = r.round
left join rounds own on own.trial = r.trial and own.branch = '' and own.round = r.round
left join found_tickets f on f.job = own.mask
cross join lateral (
  with recursive ancestor (job) as (
    select x.job from round_jobs x
    where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
    union
    select q.parent from job_parents q join ancestor on q.job = ancestor.job)
  select cast(round(coalesce(sum(iterations * part), 0)) as bigint) as iterations,
         cast(coalesce(sum(flops * part), 0) as double precision) as flops,
         cast(coalesce(sum(device_seconds * part), 0) as double precision) as device_seconds,
         cast(coalesce(sum(theoretical_flops * part), 0) as double precision) as theoretical_flops
  from (
    select e.*, case when e.job = looked.job and e.iterations > 0 then cast(f.iteration as double precision) / e.iterations else 1 end as part
    from ancestor join results e on e.job = ancestor.job) behind) alone
cross join lateral (
  select cast(coalesce(sum(e.iterations), 0) as bigint) as iterations,
         cast(coalesce(sum(e.flops), 0) as double precision) as flops,
         cast(coalesce(sum(e.device_seconds), 0) as double precision) as device_seconds,
         cast(coalesce(sum(e.theoretical_flops), 0) as double precision) as theoretical_flops
  from (
    select x.job from round_jobs x
    where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
      and not exists (
        select 1 from round_jobs y join trials u on u.id = y.trial
        where y.job = x.job and u.sweep = t.sweep
          and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round))
    union all
    select x.job from analysis_jobs x
    where x.trial = r.trial and r.branch = '' and x.round = r.round and x.analysis = 'prune.search'
      and not exists (
        select 1 from analysis_jobs y join trials u on u.id = y.trial
        where y.job = x.job and y.analysis = x.analysis and u.sweep = t.sweep and y.trial < x.trial)) own
  join claims c on c.sweep = t.sweep and c.job = own.job and not c.shared
  join results e on e.job = own.job) added;

comment on view cost is 'one row per round: iterations, FLOPs and device-seconds, standalone (all ancestors) and marginal (what this sweep added)';
