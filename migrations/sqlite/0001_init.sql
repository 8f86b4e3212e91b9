-- Tables of Tombola's state. Not an interface: people and programs read the views of 0002_views.sql.
-- Times are ISO-8601 UTC text, lists JSON text.
-- States are written as words; `living` in an index name means open, leased, failed or quarantined.

create table leader (
  id integer primary key check (id = 1),
  epoch integer not null
);
insert into leader (id, epoch) values (1, 0);

create table sweeps (
  id integer primary key,
  name text not null unique,
  source text not null,
  state text not null check (state in ('active', 'paused', 'stopped', 'cancelled')),
  created text not null,
  changed text not null
);

create table trials (
  id integer primary key,
  sweep integer not null references sweeps (id),
  number integer not null,
  key text not null,
  seed integer not null,
  repeat integer not null,
  settings_key text not null,      -- the axes without seed and repeat: trials that differ in noise only share it
  axes text not null,
  settings text not null,
  total integer,                    -- all convolution and linear weights of the network
  prunable integer,                 -- those of them the prune rule may cut
  unique (sweep, number),
  unique (sweep, key)
);

-- Hot and small: what dispatch reads and every commit changes. The rest of a job is in job_specs.
create table jobs (
  id integer primary key,
  fingerprint text not null unique,
  state text not null check (state in ('open', 'leased', 'done', 'failed', 'quarantined', 'unwanted')),
  attempt integer not null,         -- the fencing token: last attempt number given out
  tries integer not null,
  losses integer not null,
  height integer not null,
  lease integer                     -- while leased
);
-- The literals are repeated in queries: a bound value would keep a planner from using the index.
create index jobs_living on jobs (id) where state in ('open', 'leased', 'failed', 'quarantined');
create index jobs_leased on jobs (lease) where state = 'leased';

create table job_specs (
  job integer primary key references jobs (id),
  kind text not null,
  spec text not null,
  iterations integer not null,      -- that this job trains; 0 for masks
  last_iteration integer            -- of the schedule, where the segment ends; null for masks
);

create table job_parents (
  job integer not null references jobs (id),
  ordinal integer not null,
  parent integer not null references jobs (id),
  primary key (job, ordinal)
);

create table rounds (
  trial integer not null references trials (id),
  branch text not null,
  copy integer not null,
  round integer not null,
  kind text not null,
  mask integer references jobs (id),
  result integer references jobs (id),   -- the last training segment: its measures are the round's
  origin integer not null references jobs (id),
  start text not null,
  density real not null,
  primary key (trial, branch, copy, round)
);

create table round_jobs (
  trial integer not null,
  branch text not null,
  copy integer not null,
  round integer not null,
  ordinal integer not null,         -- 0 = the mask, 1, 2, ... = training segments
  job integer not null references jobs (id),
  primary key (trial, branch, copy, round, ordinal),
  foreign key (trial, branch, copy, round) references rounds (trial, branch, copy, round)
);
create index round_jobs_job on round_jobs (job);

create table claims (
  sweep integer not null references sweeps (id),
  job integer not null references jobs (id),
  shared boolean not null,         -- the job existed before this sweep wanted it
  primary key (sweep, job)
);
create index claims_job on claims (job);

create table workers (
  id integer primary key,
  name text not null,
  host text not null,
  version text not null,
  info text not null,
  state text not null,
  since text not null       -- of that state
);

create table packs (
  lease integer primary key,
  worker integer not null references workers (id),
  slot integer not null,
  device text not null,
  plan text not null,
  width integer not null,
  granted text not null
);

-- From here on nothing references jobs: what fills these tables is conditional on the job's row in the same transaction,
-- and checking each key once more would only slow every commit.
create table pack_lanes (
  lease integer not null,
  stage integer not null,
  lane integer not null,
  job integer not null,
  attempt integer not null,
  primary key (lease, stage, lane)
);

create table attempts (
  job integer not null,
  attempt integer not null,
  lease integer,
  started text,             -- null: ended before it started (recalled, or could not)
  from_iteration integer,
  ended text,
  how text,                        -- done, failed, lost, recalled, drained, cancelled
  failure_class text,
  message text,
  primary key (job, attempt)
);

create table outputs (
  job integer not null,
  output text not null,
  digest text not null,
  bytes integer not null,
  primary key (job, output)
);

create table results (
  job integer primary key,
  iterations integer,               -- the figures of a training segment, null for masks
  flops real,
  device_seconds real,
  early_stop_iteration integer,
  living integer,                   -- the counts of a mask, null for training
  total integer,
  prunable integer,
  plan text not null,
  device text not null,
  threads integer not null,
  width integer not null,
  libtorch text not null,
  capability text not null,
  worker text not null,
  data text
);

create table checkpoints (
  job integer primary key,
  attempt integer not null,
  iteration integer not null,
  digest text not null,
  bytes integer not null,
  taken text not null
);

create table metric_batches (
  job integer not null,
  attempt integer not null,
  batch integer not null,
  ordinal integer not null,         -- of the series inside the batch
  name text not null,
  split text not null,
  first_iteration integer not null,
  last_iteration integer not null,
  iterations text not null,
  points text not null,
  primary key (job, attempt, batch, ordinal)
);

create table measures (
  job integer not null,
  at text not null check (at in ('last', 'early_stop')),
  name text not null,
  split text not null,
  value real,          -- null: not a number
  primary key (job, at, name, split)
);

create table mask_layers (
  job integer not null,
  layer integer not null,
  name text not null,
  living integer not null,
  total integer not null,
  prunable boolean not null,
  primary key (job, layer)
);

create table data_sets (
  name text primary key,
  digest text not null,
  shape text not null,
  bound text not null
);

-- Uploads that no commit names yet, kept until then or until they expire.
create table pins (
  digest text primary key,
  expires text not null
);

-- Written anew at every start from what the build knows.
create table metric_kinds (
  name text primary key,
  unit text not null,
  direction text not null check (direction in ('lower', 'higher'))
);
