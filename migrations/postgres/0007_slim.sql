-- Networks without their dead units. Documented in migrations/README.md; same names and columns on both databases.

-- What fills it is conditional on the job's row in the same transaction.
create table slim_sizes (
  job bigint not null,
  network text not null,         -- masked, slim
  name text not null,            -- of the smaller network
  parameters bigint not null,
  weights bigint not null,
  flops bigint not null,
  bytes bigint not null,
  latency_seconds double precision not null,
  batch bigint not null,
  difference double precision,               -- null: not a number
  primary key (job, network)
);

create view slim as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, x.analysis, r.branch, r.kind, r.copy, r.round,
       case when r.mask is null then 1.0e0 else cast(k.living as double precision) / t.total end as density,
       z.network, z.name, z.parameters, z.weights, z.flops, z.bytes, z.latency_seconds, z.batch, z.difference, x.job
from analysis_jobs x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join slim_sizes z on z.job = x.job
left join results k on k.job = r.mask;

comment on view slim is 'what a round''s network costs as its mask leaves it, and without its dead units';
