-- What stays of trainings once nobody reads it: outputs that no sweep keeps are dropped, and made again by another job for whoever
-- asks for them. Documented in migrations/README.md; same names and columns on both databases.
alter table sweeps add column keep text not null default 'all';  -- all, ends, rewinds, none

create table dropped_outputs (
  job bigint not null,
  output text not null,
  digest text not null,
  bytes bigint not null,
  dropped timestamptz not null,
  primary key (job, output)
);

create table replaced_jobs (
  job bigint primary key,
  maker bigint not null             -- the newest job that makes again what was dropped of it
);
create index replaced_jobs_maker on replaced_jobs (maker);

-- Who reads a job.
create index job_parents_parent on job_parents (parent);

create view dropped_output as
select d.job, d.output, d.digest, d.bytes, d.dropped, r.maker as made_again_by,
       (select o.digest = d.digest from outputs o where o.job = r.maker and o.output = d.output) as same_bytes
from dropped_outputs d
left join replaced_jobs r on r.job = d.job;
comment on view dropped_output is 'one row per output that was dropped because no sweep keeps it, with the job that makes it again';

create view sweep_storage as
select s.name as sweep, s.keep,
       count(o.output) as outputs, cast(coalesce(sum(o.bytes), 0) as bigint) as bytes,
       (select count(*) from claims x join dropped_outputs d on d.job = x.job where x.sweep = s.id) as dropped_outputs,
       (select cast(coalesce(sum(d.bytes), 0) as bigint) from claims x join dropped_outputs d on d.job = x.job
        where x.sweep = s.id) as dropped_bytes
from sweeps s
left join claims c on c.sweep = s.id
left join outputs o on o.job = c.job
group by s.id, s.name, s.keep;
comment on view sweep_storage is 'one row per sweep: what its jobs keep, and what was dropped of them; what sweeps share counts for each';

-- What stands on a job that others replaced, and on the job that did, stands on one training.
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
    from ancestor join results e on e.job = ancestor.job
    where not exists (
      select 1 from replaced_jobs q join ancestor maker on maker.job = q.maker where q.job = ancestor.job)) behind) alone
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
