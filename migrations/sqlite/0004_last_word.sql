-- An attempt that goes on from its checkpoint tells its points again, in new batches: the last word counts, inside an
-- attempt as between attempts.

drop view metric;
-- Whatever people ask for by is in the partition, so that the condition reaches the tables before points are ordered.
create view metric as
select sweep, trial, seed, branch, kind, copy, round, job, attempt, metric, split, unit, direction, iteration, value
from (
  select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
         b.job, b.attempt, b.name as metric, b.split, k.unit, k.direction, e.value as iteration, b.points ->> e.key as value,
         row_number() over (
           partition by s.name, t.number, t.seed, r.branch, r.kind, r.copy, r.round, b.job, b.name, b.split, k.unit,
                        k.direction, e.value
           order by b.attempt desc, b.batch desc) as told
  from round_jobs r0
  join rounds r on r.trial = r0.trial and r.branch = r0.branch and r.copy = r0.copy and r.round = r0.round
  join trials t on t.id = r.trial
  join sweeps s on s.id = t.sweep
  join metric_batches b on b.job = r0.job
  join json_each(b.iterations) e
  left join metric_kinds k on k.name = b.name
  where r0.ordinal > 0) as points
where told = 1;

-- A lease that was taken back before it started was no attempt.

drop view job_history;
create view job_history as
select a.job, p.kind, j.fingerprint, j.state, a.attempt, w.name as worker, k.slot, k.device, k.plan, k.width,
       k.granted, a.started, a.ended, a.how, a.from_iteration, a.failure_class, a.message
from attempts a
join jobs j on j.id = a.job
join job_specs p on p.job = a.job
left join packs k on k.lease = a.lease
left join workers w on w.id = k.worker
where a.started is not null or a.how is null or a.how not in ('recalled', 'drained', 'cancelled');
