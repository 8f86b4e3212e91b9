-- What stays of trainings once nobody reads it: outputs that no sweep keeps are dropped, and made again by another job for whoever
-- asks for them. Documented in migrations/README.md; same names and columns on both databases.
alter table sweeps add column keep text not null default 'all';  -- all, ends, rewinds, none

create table dropped_outputs (
  job integer not null,
  output text not null,
  digest text not null,
  bytes integer not null,
  dropped text not null,
  primary key (job, output)
);

create table replaced_jobs (
  job integer primary key,
  maker integer not null            -- the newest job that makes again what was dropped of it
);
create index replaced_jobs_maker on replaced_jobs (maker);

-- Who reads a job.
create index job_parents_parent on job_parents (parent);

create view dropped_output as
select d.job, d.output, d.digest, d.bytes, d.dropped, r.maker as made_again_by,
       (select o.digest = d.digest from outputs o where o.job = r.maker and o.output = d.output) as same_bytes
from dropped_outputs d
left join replaced_jobs r on r.job = d.job;

create view sweep_storage as
select s.name as sweep, s.keep,
       count(o.output) as outputs, coalesce(sum(o.bytes), 0) as bytes,
       (select count(*) from claims x join dropped_outputs d on d.job = x.job where x.sweep = s.id) as dropped_outputs,
       (select coalesce(sum(d.bytes), 0) from claims x join dropped_outputs d on d.job = x.job
        where x.sweep = s.id) as dropped_bytes
from sweeps s
left join claims c on c.sweep = s.id
left join outputs o on o.job = c.job
group by s.id, s.name, s.keep;

-- What stands on a job that others replaced, and on the job that did, stands on one training.
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
    from ancestor join results e on e.job = ancestor.job
    where not exists (
      select 1 from replaced_jobs q join ancestor maker on maker.job = q.maker where q.job = ancestor.job)) behind) as alone, (
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
