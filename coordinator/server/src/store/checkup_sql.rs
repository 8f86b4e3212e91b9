//! Questions whose answers should be empty: jobs whose records contradict each other.

use super::{
    read_sql::read,
    verb::{
        Expect::Each,
        Kind::{Int, Text, Time},
        Verb,
    },
};

/// A question, and what it means that there are answers. Each answer is a job and an attempt.
pub(super) struct Check {
    pub(super) verb: Verb,
    pub(super) means: &'static str,
    pub(super) todo: &'static str,
    pub(super) mend: Option<super::checkup::Mend>,
}

const fn check(what: &'static str, sql: &'static str, means: &'static str, todo: &'static str) -> Check {
    Check { verb: read(what, &[("now", Time)], sql), means, todo, mend: None }
}

const REPORT: &str = "restore a backup taken before; what wrote this is a bug that we want to hear of";

pub(super) const CHECKS: &[Check] = &[
    Check {
        mend: Some(super::checkup::Mend::Reopen),
        ..check(
            "jobs are leased to workers that are gone",
            "select j.id, j.attempt from {v} join jobs j on j.state = 'leased'
               left join packs k on k.lease = j.lease left join workers w on w.id = k.worker
             where w.id is null or w.state in ('gone', 'lost') order by j.id",
            "nobody works on them, and only a coordinator notices",
            "start a coordinator: it opens them again after one lease's term; with one at work, look again in a minute",
        )
    },
    Check {
        mend: Some(super::checkup::Mend::GiveUp),
        ..check(
            "open jobs are wanted by no sweep",
            "select j.id, j.attempt from {v} join jobs j on j.state = 'open'
             where not exists (select 1 from claims c where c.job = j.id) order by j.id",
            "they are never run; they are in nobody's way",
            "nothing has to be done; --repair marks them as unwanted",
        )
    },
    check(
        "jobs are done or leased before jobs that they read",
        "select distinct j.id, j.attempt from {v} join jobs j on j.state in ('done', 'leased')
           join job_parents p on p.job = j.id join jobs q on q.id = p.parent
         where q.state <> 'done' and not (j.state = 'leased' and q.state = 'leased' and q.lease = j.lease) order by j.id",
        "what they made, or make, stands on nothing",
        REPORT,
    ),
    check(
        "jobs are done without a result or without outputs",
        "select j.id, j.attempt from {v} join jobs j on j.state = 'done' left join job_specs p on p.job = j.id
         where not exists (select 1 from results r where r.job = j.id)
           or (p.kind not in ('connectivity', 'collapse', 'mask_distance')
               and not exists (select 1 from outputs o where o.job = j.id)
               and not exists (select 1 from dropped_outputs d where d.job = j.id)) order by j.id",
        "rounds that go on from them cannot, and views lack their figures",
        REPORT,
    ),
    check(
        "jobs read what was dropped",
        "select distinct k.id, k.attempt from {v} join dropped_outputs d on true join job_parents p on p.parent = d.job
           join jobs k on k.id = p.job and k.state in ('open', 'leased', 'failed', 'quarantined') order by k.id",
        "they cannot run: their input is gone, and nothing makes it again for them",
        "cancel their sweep and give its file to `tombola extend`: what they read is made again for it",
    ),
    check(
        "jobs have a result and are not done",
        "select j.id, j.attempt from {v} join jobs j on j.state <> 'done' join results r on r.job = j.id order by j.id",
        "they cannot finish: their first result is frozen",
        REPORT,
    ),
    check(
        "jobs have no description of what they do",
        "select j.id, j.attempt from {v} join jobs j on true left join job_specs p on p.job = j.id where p.job is null order by j.id",
        "they cannot be run, and a coordinator may not start",
        REPORT,
    ),
    check(
        "attempts are later than the last one given out",
        "select a.job, a.attempt from {v} join attempts a on true join jobs j on j.id = a.job where a.attempt > j.attempt
         order by a.job, a.attempt",
        "a number may be given out twice, and two workers may both be believed",
        REPORT,
    ),
    check(
        "attempts never ended, and their jobs are not leased under them",
        "select a.job, a.attempt from {v} join attempts a on a.ended is null join jobs j on j.id = a.job
         where j.state <> 'leased' or j.attempt <> a.attempt order by a.job, a.attempt",
        "job_history shows them as under way for ever; nothing else reads that",
        REPORT,
    ),
    check(
        "masks count other weights than their layers",
        "select r.job, j.attempt from {v} join results r on r.living is not null join jobs j on j.id = r.job
           join (select job, sum(living) as living, sum(total) as total from mask_layers group by job) l on l.job = r.job
         where l.living <> r.living or l.total <> r.total order by r.job",
        "densities of their rounds are not what the masks are",
        REPORT,
    ),
    check(
        "attempts began or ended in the future",
        "select a.job, a.attempt from {v} join attempts a on a.started > v.now or a.ended > v.now order by a.job, a.attempt",
        "a clock was wrong when they were written, or is now; times in views mean little, and uploads may be kept too short or too \
         long. Leases run on monotonic time and do not care",
        "keep this machine's clock right (NTP, chrony)",
    ),
];

pub(super) const SEEN: Verb =
    read("workers", &[], "select name, version, state from workers order by name, id");

/// Artifacts with the jobs that name them; no job for files that people handed in.
pub(super) const NAMED: Verb = read(
    "named artifacts",
    &[],
    "select digest, bytes, job, output from outputs
     union all select digest, bytes, job, 'checkpoint' from checkpoints
     union all select digest, bytes, null, 'file' from given_files order by 1",
);

pub(super) const END: Verb = Verb {
    what: "an end of an orphaned attempt",
    columns: &[("job", Int), ("attempt", Int), ("now", Time)],
    sql: "insert into attempts (job, attempt, lease, ended, how, message)
          select v.job, v.attempt, j.lease, v.now, 'lost', 'its worker was gone; opened again by tombola doctor'
          from {v} join jobs j on j.id = v.job and j.attempt = v.attempt and j.state = 'leased' where true
          on conflict (job, attempt) do update set ended = excluded.ended, how = excluded.how, message = excluded.message",
    expect: Each,
};

pub(super) const REOPEN: Verb = Verb {
    what: "a job that is leased to nobody",
    columns: &[("job", Int), ("attempt", Int)],
    sql: "update jobs set state = 'open', lease = null from {v}
          where jobs.id = v.job and jobs.attempt = v.attempt and jobs.state = 'leased'",
    expect: Each,
};

pub(super) const GIVE_UP: Verb = Verb {
    what: "an open job that nobody wants",
    columns: &[("job", Int), ("attempt", Int)],
    sql: "update jobs set state = 'unwanted' from {v} where jobs.id = v.job and jobs.attempt = v.attempt and jobs.state = 'open'
            and not exists (select 1 from claims c where c.job = jobs.id)",
    expect: Each,
};

pub(super) const FORGET_CHECKPOINT: Verb = Verb {
    what: "a checkpoint whose bytes are gone",
    columns: &[("job", Int), ("digest", Text)],
    sql: "delete from checkpoints where exists
            (select 1 from {v} where v.job = checkpoints.job and v.digest = checkpoints.digest)",
    expect: Each,
};
