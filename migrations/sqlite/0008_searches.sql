-- Searches for the compression at which a network collapses, and masks compared. Documented in migrations/README.md; same names
-- and columns on both databases.

-- What fills these is conditional on the job's row in the same transaction.
create table collapse_points (
  job integer not null,
  criterion text not null,
  exponent real not null,          -- of ten: the compression tried
  living integer not null,
  emptied integer not null,            -- weight tensors of which nothing is left
  layer text,                      -- the first of them
  greatest real not null,          -- exponent of the largest compression with one weight in each layer
  primary key (job, exponent)
);

-- Masks are numbered inside their job. An analysis says which numbers its rounds have there: both numbers of its row in
-- analysis_jobs. So the two sides of a pair may be of two trials.
create table mask_distances (
  job integer not null,
  first integer not null,
  second integer not null,
  layer integer not null,
  name text,                       -- null: all layers together
  living_first integer not null,
  living_second integer not null,
  living_both integer not null,
  total integer not null,
  primary key (job, first, second, layer)
);

-- Counts of weights are rounded: what is alive beyond the greatest compression has one weight in each layer, and so is at it.
create view collapse as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, x.analysis, x.first as number,
       g.criterion,
       case when last.exponent > g.greatest then g.greatest else last.exponent end as last_alive, c.exponent as first_collapse, c.emptied, c.layer as emptied_layer, g.greatest, x.job
from analysis_jobs x
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join (select job, max(criterion) as criterion, max(greatest) as greatest, min(case when emptied > 0 then exponent end) as dies
      from collapse_points group by job) g on g.job = x.job
left join collapse_points c on c.job = g.job and c.exponent = g.dies
left join collapse_points last on last.job = g.job
  and last.exponent = (select max(b.exponent) from collapse_points b
                       where b.job = g.job and b.emptied = 0 and (g.dies is null or b.exponent < g.dies));

create view mask_distance as
select s.name as sweep, x.analysis, x.ends as compared,
       t.number as first_trial, t.seed as first_seed, t.settings_key as first_settings_key, x.branch as first_branch,
       x.copy as first_copy, x.round as first_round,
       u.number as second_trial, u.seed as second_seed, u.settings_key as second_settings_key, y.branch as second_branch,
       y.copy as second_copy, y.round as second_round,
       case when d.name is not null then d.layer end as layer, d.name,
       d.living_first, d.living_second, d.living_both, d.total,
       cast(d.living_first + d.living_second - 2 * d.living_both as real) / nullif(d.total, 0) as distance,
       cast(d.living_both as real) / nullif(d.living_first + d.living_second - d.living_both, 0) as overlap,
       x.job
from analysis_jobs x
join mask_distances d on d.job = x.job and d.first = x.first and x.first = x.second
join analysis_jobs y on y.job = d.job and y.analysis = x.analysis and y.first = d.second and y.second = d.second
  and (x.ends <> 'rounds' or (y.branch = x.branch and y.copy = x.copy))
join trials t on t.id = x.trial
join trials u on u.id = y.trial and u.sweep = t.sweep and (u.id = t.id or x.ends = 'trials')
join sweeps s on s.id = t.sweep;
