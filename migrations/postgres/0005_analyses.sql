-- Analyses: comparisons of what rounds end with. Documented in migrations/README.md; same names and columns on both
-- databases.

create table analysis_jobs (
  trial bigint not null,
  analysis text not null,
  branch text not null,
  copy bigint not null,
  round bigint not null,
  first bigint not null,          -- the solutions compared; twice the same for the training of one
  second bigint not null,
  ends text not null,              -- copies, rounds
  job bigint not null references jobs (id),
  primary key (trial, analysis, branch, copy, round, first, second),
  foreign key (trial, branch, copy, round) references rounds (trial, branch, copy, round)
);
create index analysis_jobs_job on analysis_jobs (job);

-- What fills it is conditional on the job's row in the same transaction.
create table curve_points (
  job bigint not null,
  bn text not null,
  split text not null,
  alpha double precision not null,
  loss double precision,                     -- null: not a number
  error double precision not null,
  primary key (job, bn, split, alpha)
);

drop view round_job;
create view round_job as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       x.ordinal, x.job, p.kind as job_kind, j.state as job_state, j.fingerprint, x.analysis
from (select trial, branch, copy, round, ordinal, job, '' as analysis from round_jobs
      union all
      select trial, branch, copy, round, null::bigint as ordinal, job, analysis from analysis_jobs) as x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join jobs j on j.id = x.job
join job_specs p on p.job = x.job;

drop view failure;
create view failure as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.copy, r.round,
       a.job, p.kind, j.state, a.attempt, a.failure_class as class, a.message, w.name as worker, a.ended, r.analysis
from attempts a
join jobs j on j.id = a.job
join job_specs p on p.job = a.job
join (select trial, branch, copy, round, job, '' as analysis from round_jobs
      union all
      select trial, branch, copy, round, job, analysis from analysis_jobs) as r on r.job = a.job
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
left join packs k on k.lease = a.lease
left join workers w on w.id = k.worker
where a.failure_class is not null;

create view connectivity as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, x.analysis, r.branch, r.kind, r.copy, r.round,
       case when r.mask is null then 1.0e0 else cast(k.living as double precision) / t.total end as density,
       x.ends, x.first, x.second, c.bn, c.split, c.alpha, c.loss, c.error, x.job
from analysis_jobs x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join curve_points c on c.job = x.job
left join results k on k.job = r.mask;

-- One window a step, each partitioned by what people ask by: so a condition reaches the tables.
create view error_barrier as
with line as (
  select *, max(error) over pair as highest,
         max(case when alpha = 0 then error end) over pair as error_first,
         max(case when alpha = 1 then error end) over pair as error_second
  from connectivity
  window pair as (partition by sweep, trial, analysis, branch, copy, round, first, second, bn, split)),
one as (
  select *, 100 * (highest - (error_first + error_second) / 2) as barrier from line where alpha = 0),
every as (
  select *, avg(barrier) over pairs as mean_barrier, count(barrier) over pairs as n_pairs
  from one window pairs as (partition by sweep, trial, analysis, branch, copy, round, bn, split))
select sweep, trial, seed, repeat, settings_key, analysis, branch, kind, copy, round, density, ends, first, second, bn,
       split, error_first, error_second, barrier, mean_barrier, n_pairs,
       case when ends <> 'copies' then null when mean_barrier < 2 then 1 else 0 end as stable
from every;

comment on view round_job is 'one row per job of a round or of an analysis of it';
comment on view failure is 'one row per failed attempt, in every round and analysis that the job belongs to';
comment on view connectivity is 'loss (nat) and error (fraction) on the line between two solutions';
comment on view error_barrier is 'instability of linear mode connectivity: highest error on the line above the mean of its ends, percentage points';
