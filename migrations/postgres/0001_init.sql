-- Tables of Tombola's state. Not an interface: people and programs read the views of 0002_views.sql.
-- States are written as words; `living` in an index name means open, leased, failed or quarantined.

create table leader (
  id bigint primary key check (id = 1),
  epoch bigint not null
);
insert into leader (id, epoch) values (1, 0);

create table sweeps (
  id bigint primary key,
  name text not null unique,
  source text not null,
  state text not null check (state in ('active', 'paused', 'stopped', 'cancelled')),
  created timestamptz not null,
  changed timestamptz not null
);

create table trials (
  id bigint primary key,
  sweep bigint not null references sweeps (id),
  number bigint not null,
  key text not null,
  seed bigint not null,
  repeat bigint not null,
  settings_key text not null,      -- the axes without seed and repeat: trials that differ in noise only share it
  axes jsonb not null,
  settings jsonb not null,
  total bigint,                    -- all convolution and linear weights of the network
  prunable bigint,                 -- those of them the prune rule may cut
  unique (sweep, number),
  unique (sweep, key)
);

-- Hot and small: what dispatch reads and every commit changes. The rest of a job is in job_specs.
create table jobs (
  id bigint primary key,
  fingerprint text not null unique,
  state text not null check (state in ('open', 'leased', 'done', 'failed', 'quarantined', 'unwanted')),
  attempt bigint not null,         -- the fencing token: last attempt number given out
  tries bigint not null,
  losses bigint not null,
  height bigint not null,
  lease bigint                     -- while leased
);
-- The literals are repeated in queries: a bound value would keep a planner from using the index.
create index jobs_living on jobs (id) where state in ('open', 'leased', 'failed', 'quarantined');
create index jobs_leased on jobs (lease) where state = 'leased';

create table job_specs (
  job bigint primary key references jobs (id),
  kind text not null,
  spec jsonb not null,
  iterations bigint not null,      -- that this job trains; 0 for masks
  last_iteration bigint            -- of the schedule, where the segment ends; null for masks
);

create table job_parents (
  job bigint not null references jobs (id),
  ordinal bigint not null,
  parent bigint not null references jobs (id),
  primary key (job, ordinal)
);

create table rounds (
  trial bigint not null references trials (id),
  branch text not null,
  copy bigint not null,
  round bigint not null,
  kind text not null,
  mask bigint references jobs (id),
  result bigint references jobs (id),   -- the last training segment: its measures are the round's
  origin bigint not null references jobs (id),
  start text not null,
  density double precision not null,
  primary key (trial, branch, copy, round)
);

create table round_jobs (
  trial bigint not null,
  branch text not null,
  copy bigint not null,
  round bigint not null,
  ordinal bigint not null,         -- 0 = the mask, 1, 2, ... = training segments
  job bigint not null references jobs (id),
  primary key (trial, branch, copy, round, ordinal),
  foreign key (trial, branch, copy, round) references rounds (trial, branch, copy, round)
);
create index round_jobs_job on round_jobs (job);

create table claims (
  sweep bigint not null references sweeps (id),
  job bigint not null references jobs (id),
  shared boolean not null,         -- the job existed before this sweep wanted it
  primary key (sweep, job)
);
create index claims_job on claims (job);

create table workers (
  id bigint primary key,
  name text not null,
  host text not null,
  version text not null,
  info jsonb not null,
  state text not null,
  since timestamptz not null       -- of that state
);

create table packs (
  lease bigint primary key,
  worker bigint not null references workers (id),
  slot bigint not null,
  device text not null,
  plan text not null,
  width bigint not null,
  granted timestamptz not null
);

-- From here on nothing references jobs: what fills these tables is conditional on the job's row in the same transaction,
-- and checking each key once more would only slow every commit.
create table pack_lanes (
  lease bigint not null,
  stage bigint not null,
  lane bigint not null,
  job bigint not null,
  attempt bigint not null,
  primary key (lease, stage, lane)
);

create table attempts (
  job bigint not null,
  attempt bigint not null,
  lease bigint,
  started timestamptz,             -- null: ended before it started (recalled, or could not)
  from_iteration bigint,
  ended timestamptz,
  how text,                        -- done, failed, lost, recalled, drained, cancelled
  failure_class text,
  message text,
  primary key (job, attempt)
);

create table outputs (
  job bigint not null,
  output text not null,
  digest text not null,
  bytes bigint not null,
  primary key (job, output)
);

create table results (
  job bigint primary key,
  iterations bigint,               -- the figures of a training segment, null for masks
  flops double precision,
  device_seconds double precision,
  early_stop_iteration bigint,
  living bigint,                   -- the counts of a mask, null for training
  total bigint,
  prunable bigint,
  plan text not null,
  device text not null,
  threads bigint not null,
  width bigint not null,
  libtorch text not null,
  capability text not null,
  worker text not null,
  data text
);

create table checkpoints (
  job bigint primary key,
  attempt bigint not null,
  iteration bigint not null,
  digest text not null,
  bytes bigint not null,
  taken timestamptz not null
);

create table metric_batches (
  job bigint not null,
  attempt bigint not null,
  batch bigint not null,
  ordinal bigint not null,         -- of the series inside the batch
  name text not null,
  split text not null,
  first_iteration bigint not null,
  last_iteration bigint not null,
  iterations bigint[] not null,
  points double precision[] not null,
  primary key (job, attempt, batch, ordinal)
);

create table measures (
  job bigint not null,
  at text not null check (at in ('last', 'early_stop')),
  name text not null,
  split text not null,
  value double precision,          -- null: not a number
  primary key (job, at, name, split)
);

create table mask_layers (
  job bigint not null,
  layer bigint not null,
  name text not null,
  living bigint not null,
  total bigint not null,
  prunable boolean not null,
  primary key (job, layer)
);

create table data_sets (
  name text primary key,
  digest text not null,
  shape jsonb not null,
  bound timestamptz not null
);

-- Uploads that no commit names yet, kept until then or until they expire.
create table pins (
  digest text primary key,
  expires timestamptz not null
);

-- Written anew at every start from what the build knows.
create table metric_kinds (
  name text primary key,
  unit text not null,
  direction text not null check (direction in ('lower', 'higher'))
);
