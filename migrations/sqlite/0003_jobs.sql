-- What the command line and programs ask about single sweeps and jobs. Documented in migrations/README.md; same names and
-- columns on both databases.

create view sweep as
select s.id, s.name as sweep, s.state, (select count(*) from trials t where t.sweep = s.id) as trials, s.source,
       s.created, s.changed
from sweeps s;

create view round_job as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       x.ordinal, x.job, p.kind as job_kind, j.state as job_state, j.fingerprint
from round_jobs x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join jobs j on j.id = x.job
join job_specs p on p.job = x.job;

create view job_result as
select e.job, p.kind, j.fingerprint, e.iterations, e.flops, e.device_seconds, e.early_stop_iteration,
       e.living, e.total, e.prunable,
       e.plan, e.device, e.threads, e.width, e.libtorch, e.capability, e.worker as worker_version, e.data
from results e
join jobs j on j.id = e.job
join job_specs p on p.job = e.job;
