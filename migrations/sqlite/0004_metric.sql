-- An attempt that goes on from its checkpoint tells its points again, in new batches: the last word counts, inside an
-- attempt as between attempts.

drop view metric;
create view metric as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       b.job, b.attempt, b.name as metric, b.split, k.unit, k.direction, e.value as iteration, b.points ->> e.key as value
from round_jobs r0
join rounds r on r.trial = r0.trial and r.branch = r0.branch and r.copy = r0.copy and r.round = r0.round
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join metric_batches b on b.job = r0.job
join json_each(b.iterations) e
left join metric_kinds k on k.name = b.name
where r0.ordinal > 0
  and not exists (
    select 1 from metric_batches l
    where l.job = b.job and (l.attempt, l.batch) > (b.attempt, b.batch) and l.name = b.name and l.split = b.split
      and l.first_iteration <= e.value and l.last_iteration >= e.value
      and e.value in (select value from json_each(l.iterations)));
