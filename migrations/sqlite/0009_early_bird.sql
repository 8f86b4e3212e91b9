-- Early-bird tickets: where they were found, and how far the masks of the epochs before are from each other. Documented in
-- migrations/README.md; same names and columns on both databases.

-- What fills these is conditional on the job's row in the same transaction.
create table found_tickets (
  job integer primary key,
  epoch integer not null,
  iteration integer not null
);

create table epoch_distances (
  job integer not null,
  first integer not null,          -- epochs trained before
  second integer not null,
  distance real not null,
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
