-- Results that decide how far trials go. Documented in migrations/README.md; same names and columns on both databases.

-- Whether more may come to be asked of a sweep by its results.
alter table sweeps add column decides boolean not null default false;

create table verdicts (
  trial bigint not null references trials (id),
  rule text not null check (rule in ('select', 'until')),
  round bigint not null,
  goes_on boolean not null,
  metric text not null,
  at text not null,
  value double precision,                      -- null: training diverged
  bar double precision not null,
  decided timestamptz not null,
  primary key (trial, rule, round)
);

create view verdict as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, d.rule, d.round, r.density as density_planned,
       d.metric, k.direction, d.at, d.value, d.bar, d.goes_on, d.decided
from verdicts d
join metric_kinds k on k.name = d.metric
join trials t on t.id = d.trial
join sweeps s on s.id = t.sweep
join rounds r on r.trial = d.trial and r.branch = '' and r.round = d.round;

comment on view verdict is 'whether trials went on after a round, and by which validation result';
