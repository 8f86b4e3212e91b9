-- What stays of trainings once nobody reads it: outputs that no sweep keeps are dropped, and made again by another job for whoever
-- asks for them. Documented in migrations/README.md; same names and columns on both databases.
alter table sweeps add column keep text not null default 'all';  -- all, ends, rewinds, none

create table dropped_outputs (
  job bigint not null,
  output text not null,
  digest text not null,
  bytes bigint not null,
  dropped timestamptz not null,
  primary key (job, output)
);

create table replaced_jobs (
  job bigint primary key,
  maker bigint not null             -- the newest job that makes again what was dropped of it
);
create index replaced_jobs_maker on replaced_jobs (maker);

create view dropped_output as
select d.job, d.output, d.digest, d.bytes, d.dropped, r.maker as made_again_by,
       (select o.digest = d.digest from outputs o where o.job = r.maker and o.output = d.output) as same_bytes
from dropped_outputs d
left join replaced_jobs r on r.job = d.job;
comment on view dropped_output is 'one row per output that was dropped because no sweep keeps it, with the job that makes it again';

create view sweep_storage as
select s.name as sweep, s.keep,
       count(o.output) as outputs, cast(coalesce(sum(o.bytes), 0) as bigint) as bytes,
       (select count(*) from claims x join dropped_outputs d on d.job = x.job where x.sweep = s.id) as dropped_outputs,
       (select cast(coalesce(sum(d.bytes), 0) as bigint) from claims x join dropped_outputs d on d.job = x.job
        where x.sweep = s.id) as dropped_bytes
from sweeps s
left join claims c on c.sweep = s.id
left join outputs o on o.job = c.job
group by s.id, s.name, s.keep;
comment on view sweep_storage is 'one row per sweep: what its jobs keep, and what was dropped of them; what sweeps share counts for each';
