-- Early-bird tickets: where they were found, and how far the masks of the epochs before are from each other. Documented in
-- migrations/README.md; same names and columns on both databases.

-- What fills these is conditional on the job's row in the same transaction.
create table found_tickets (
  job bigint primary key,
  epoch bigint not null,
  iteration bigint not null
);

create table epoch_distances (
  job bigint not null,
  first bigint not null,          -- epochs trained before
  second bigint not null,
  distance double precision not null,
  primary key (job, first, second)
);

create view early_bird as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, f.epoch, f.iteration, f.job
from rounds r
join found_tickets f on f.job = r.mask
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
where r.branch = '';

create view epoch_distance as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, d.first as first_epoch, d.second as second_epoch,
       d.distance, d.job
from rounds r
join epoch_distances d on d.job = r.mask
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
where r.branch = '';

-- A search may go on after a ticket was found, for other tickets or for the masks of all epochs: what it does then is not behind
-- the ticket. What a sweep added for a ticket is all of its search, at the first trial that has it.
drop view cost;
create view cost as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(round(coalesce(sum(e.iterations * case when ancestor.job = looked.job and e.iterations > 0 then cast(f.iteration as double precision) / e.iterations else 1 end), 0)) as bigint) from ancestor join results e on e.job = ancestor.job) as standalone_iterations,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(coalesce(sum(e.flops * case when ancestor.job = looked.job and e.iterations > 0 then cast(f.iteration as double precision) / e.iterations else 1 end), 0) as double precision) from ancestor join results e on e.job = ancestor.job) as standalone_flops,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(coalesce(sum(e.device_seconds * case when ancestor.job = looked.job and e.iterations > 0 then cast(f.iteration as double precision) / e.iterations else 1 end), 0) as double precision) from ancestor join results e on e.job = ancestor.job) as standalone_device_seconds,
       (select cast(coalesce(sum(e.iterations), 0) as bigint)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round)))
       + (select cast(coalesce(sum(e.iterations), 0) as bigint)
          from analysis_jobs x
          join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
          join results e on e.job = x.job
          where x.trial = r.trial and r.branch = '' and x.round = r.round and x.analysis = 'prune.search'
            and not exists (
              select 1 from analysis_jobs y join trials u on u.id = y.trial
              where y.job = x.job and y.analysis = x.analysis and u.sweep = t.sweep and y.trial < x.trial)) as marginal_iterations,
       (select cast(coalesce(sum(e.flops), 0) as double precision)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round)))
       + (select cast(coalesce(sum(e.flops), 0) as double precision)
          from analysis_jobs x
          join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
          join results e on e.job = x.job
          where x.trial = r.trial and r.branch = '' and x.round = r.round and x.analysis = 'prune.search'
            and not exists (
              select 1 from analysis_jobs y join trials u on u.id = y.trial
              where y.job = x.job and y.analysis = x.analysis and u.sweep = t.sweep and y.trial < x.trial)) as marginal_flops,
       (select cast(coalesce(sum(e.device_seconds), 0) as double precision)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round)))
       + (select cast(coalesce(sum(e.device_seconds), 0) as double precision)
          from analysis_jobs x
          join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
          join results e on e.job = x.job
          where x.trial = r.trial and r.branch = '' and x.round = r.round and x.analysis = 'prune.search'
            and not exists (
              select 1 from analysis_jobs y join trials u on u.id = y.trial
              where y.job = x.job and y.analysis = x.analysis and u.sweep = t.sweep and y.trial < x.trial)) as marginal_device_seconds,
       (with recursive ancestor (job) as (
          select x.job from round_jobs x
          where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          union
          select q.parent from job_parents q join ancestor on q.job = ancestor.job)
        select cast(coalesce(sum(e.theoretical_flops * case when ancestor.job = looked.job and e.iterations > 0 then cast(f.iteration as double precision) / e.iterations else 1 end), 0) as double precision) from ancestor join results e on e.job = ancestor.job) as standalone_theoretical_flops,
       (select cast(coalesce(sum(e.theoretical_flops), 0) as double precision)
        from round_jobs x
        join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
        join results e on e.job = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
          and not exists (
            select 1 from round_jobs y join trials u on u.id = y.trial
            where y.job = x.job and u.sweep = t.sweep
              and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round)))
       + (select cast(coalesce(sum(e.theoretical_flops), 0) as double precision)
          from analysis_jobs x
          join claims c on c.sweep = t.sweep and c.job = x.job and not c.shared
          join results e on e.job = x.job
          where x.trial = r.trial and r.branch = '' and x.round = r.round and x.analysis = 'prune.search'
            and not exists (
              select 1 from analysis_jobs y join trials u on u.id = y.trial
              where y.job = x.job and y.analysis = x.analysis and u.sweep = t.sweep and y.trial < x.trial)) as marginal_theoretical_flops
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
left join analysis_jobs looked on looked.trial = r.trial and looked.analysis = 'prune.search' and looked.round = r.round
left join rounds own on own.trial = r.trial and own.branch = '' and own.round = r.round
left join found_tickets f on f.job = own.mask;

comment on view early_bird is 'where the early-bird ticket of each trial was found';
comment on view epoch_distance is 'share of units in which the masks of two epochs of a search differ';
