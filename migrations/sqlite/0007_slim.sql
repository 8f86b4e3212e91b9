-- Networks without their dead units. Documented in migrations/README.md; same names and columns on both databases.

-- What fills it is conditional on the job's row in the same transaction.
create table slim_sizes (
  job integer not null,
  network text not null,         -- masked, slim
  name text not null,            -- of the smaller network
  parameters integer not null,
  weights integer not null,
  flops integer not null,
  bytes integer not null,
  latency_seconds real not null,
  batch integer not null,
  difference real,               -- null: not a number
  primary key (job, network)
);

create view slim as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, x.analysis, r.branch, r.kind, r.copy, r.round,
       case when r.mask is null then 1.0 else cast(k.living as real) / t.total end as density,
       z.network, z.name, z.parameters, z.weights, z.flops, z.bytes, z.latency_seconds, z.batch, z.difference, x.job
from analysis_jobs x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join slim_sizes z on z.job = x.job
left join results k on k.job = r.mask;
