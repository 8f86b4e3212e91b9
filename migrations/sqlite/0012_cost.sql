-- The price of a round, said once. A search may go on after a ticket was found, for other tickets or for the masks of all
-- epochs: what it does then is not behind the ticket. What a sweep added for a ticket is all of its search, at the first trial
-- that has it. SQLite has no lateral joins: sums that belong together come as one list. Documented in migrations/README.md;
-- same names and columns on both databases.
drop view cost;
create view cost as
select sweep, trial, seed, branch, kind, copy, round,
       json_extract(alone, '$[0]') as standalone_iterations,
       json_extract(alone, '$[1]') as standalone_flops,
       json_extract(alone, '$[2]') as standalone_device_seconds,
       json_extract(added, '$[0]') as marginal_iterations,
       json_extract(added, '$[1]') as marginal_flops,
       json_extract(added, '$[2]') as marginal_device_seconds,
       json_extract(alone, '$[3]') as standalone_theoretical_flops,
       json_extract(added, '$[3]') as marginal_theoretical_flops
from (
  select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round, (
  with recursive ancestor (job) as (
    select x.job from round_jobs x
    where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
    union
    select q.parent from job_parents q join ancestor on q.job = ancestor.job)
  select json_array(
         cast(round(coalesce(sum(iterations * part), 0)) as integer),
         cast(coalesce(sum(flops * part), 0) as real),
         cast(coalesce(sum(device_seconds * part), 0) as real),
         cast(coalesce(sum(theoretical_flops * part), 0) as real))
  from (
    select e.*, case when e.job = looked.job and e.iterations > 0 then cast(f.iteration as real) / e.iterations else 1 end as part
    from ancestor join results e on e.job = ancestor.job) behind) as alone, (
  select json_array(
         cast(coalesce(sum(e.iterations), 0) as integer),
         cast(coalesce(sum(e.flops), 0) as real),
         cast(coalesce(sum(e.device_seconds), 0) as real),
         cast(coalesce(sum(e.theoretical_flops), 0) as real))
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
  join results e on e.job = own.job) as added
  from rounds r
  join trials t on t.id = r.trial
  join sweeps s on s.id = t.sweep
  left join analysis_jobs looked on looked.trial = r.trial and looked.analysis = 'prune.search' and looked.round = r.round
  left join rounds own on own.trial = r.trial and own.branch = '' and own.round = r.round
  left join found_tickets f on f.job = own.mask);
