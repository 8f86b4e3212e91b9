//! Why a job or a sweep is where it is, and where results came from.

use super::Sweeps;
use crate::{
    Error,
    store::views::{self, Place, Tried},
};
use tombola_core::{describe::describe, record::SweepState, schedule::Sentence};
use tombola_spec::JobId;
use tombola_wire::v1;

/// Most places and attempts told of one job.
const TOLD: usize = 8;

impl Sweeps {
    pub(super) async fn explain_what(&self, what: &str) -> Result<v1::ExplainResponse, Error> {
        let job = what.strip_prefix('j').and_then(|digits| digits.parse().ok()).map(JobId);
        let lines = match job {
            Some(job) => self.explain_job(job).await?,
            None if what.contains('/') => self.explain_round(what).await?,
            None => self.explain_sweep(what).await?,
        };
        Ok(v1::ExplainResponse { lines })
    }

    /// What the scheduler says of a job it knows, then what is stored: what it is for and what became of its attempts.
    async fn explain_job(&self, job: JobId) -> Result<Vec<String>, Error> {
        let living = self.driver.read(move |scheduler, now| scheduler.explain_job(now, job)).await?;
        let store = self.store.as_ref();
        let places = views::places(store, job, TOLD + 1).await?;
        let again = views::made_again(store, job, TOLD + 1).await?;
        if living.is_none() && places.is_empty() && again.is_empty() {
            return Err(Error::NotFound(format!(
                "there is no job `{job}`\nhint: jobs are numbered like `j12`; `tombola watch` and `tombola failures` show them"
            )));
        }
        let history = views::history(store, job).await?;
        let mut lines = match living {
            Some(told) => self.complete(told).await?,
            None => forgotten(job, &history),
        };
        lines.extend(cut(again.iter().map(|of| format!("makes again what was dropped of {of}"))));
        if views::is_dropped(store, job).await? {
            lines.push("its weights were dropped: no sweep keeps them (`keep`)".to_owned());
        }
        lines.extend(cut(places.iter().map(stands_behind)));
        lines.extend(cut(history.iter().map(attempt)));
        Ok(lines)
    }

    /// What the scheduler says, with what it does not remember: what the jobs do.
    async fn complete(&self, told: Vec<Sentence>) -> Result<Vec<String>, Error> {
        let jobs: Vec<_> = told.iter().filter_map(|sentence| sentence.doing).collect();
        let specs = self.store.job_specs(&jobs).await?;
        let does = |job| specs.get(&job).map(|spec| describe(spec));
        Ok(told.into_iter().map(|sentence| sentence.complete(does)).collect())
    }

    /// The jobs behind a round, one after the other.
    async fn explain_round(&self, path: &str) -> Result<Vec<String>, Error> {
        let found = self.find_round(round_at(path)?).await?;
        let round = found.round;
        let mut lines =
            vec![format!("{path}: {}", count(round.train.len() + usize::from(round.mask.is_some())))];
        for job in round.mask.into_iter().chain(round.train) {
            lines.extend(self.explain_job(job).await?);
        }
        Ok(lines)
    }

    async fn explain_sweep(&self, what: &str) -> Result<Vec<String>, Error> {
        let row = self.find(what).await?;
        let id = row.id;
        if let Some(told) = self.driver.read(move |scheduler, now| scheduler.explain_sweep(now, id)).await? {
            return self.complete(told).await;
        }
        let progress = self.progress(id, &row.name).await?;
        let (name, done) = (&row.name, progress.done);
        let mut lines = vec![match row.state {
            SweepState::Cancelled => format!(
                "{id} ({name}) was cancelled; {done} of its jobs were done by then, and their results stay; `tombola extend \
                 {name} FILE` starts it again"
            ),
            _ => format!("{id} ({name}) is finished: all of its {done} jobs are done"),
        }];
        lines.push(format!("`tombola results {name}` shows what came out"));
        Ok(lines)
    }
}

/// A round as it is written in one word, as for `tombola fetch`.
fn round_at(path: &str) -> Result<v1::TicketRequest, Error> {
    let read = || {
        let mut parts = path.split('/');
        let sweep = parts.next().filter(|sweep| !sweep.is_empty())?.to_owned();
        let trial = parts.next()?.parse().ok()?;
        let round = parts.next()?.parse().ok()?;
        let branch = parts.next().unwrap_or_default().to_owned();
        let copy = parts.next().map_or(Some(0), |copy| copy.parse().ok())?;
        parts.next().is_none().then_some(v1::TicketRequest {
            sweep,
            trial,
            round,
            branch,
            copy,
            ..v1::TicketRequest::default()
        })
    };
    read().ok_or_else(|| {
        Error::Invalid(format!(
            "`{path}` is no round of a sweep\nhint: write SWEEP/TRIAL/ROUND such as `lenet/1/2`, or \
             SWEEP/TRIAL/ROUND/BRANCH/COPY; a job (`j12`) and a sweep (`lenet`, `s3`) can be explained, too"
        ))
    })
}

/// The first few, and that there are more.
fn cut(lines: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = lines.len() > TOLD;
    lines.take(TOLD).chain(more.then(|| "… and more".to_owned())).collect()
}

/// A job that is in memory no more: done, or nobody wants it.
fn forgotten(job: JobId, history: &[Tried]) -> Vec<String> {
    let line = match history.iter().find(|tried| tried.how == "done") {
        Some(done) => format!("{job} is done, by {} on {}, at {}", done.worker, done.device, done.ended),
        None => format!("{job} was not run: no sweep wants it any more"),
    };
    vec![line]
}

fn stands_behind((sweep, place): &(String, Place)) -> String {
    format!("stands behind {sweep}: {place}")
}

fn attempt(tried: &Tried) -> String {
    let Tried { attempt, worker, device, started, ended, how, message, state: _ } = tried;
    let begun = if started.is_empty() { "never began".to_owned() } else { format!("began {started}") };
    let ended = if how.is_empty() { "in work".to_owned() } else { format!("{how} {ended}") };
    let place = if worker.is_empty() { String::new() } else { format!(" on {worker} ({device})") };
    let message = message.lines().next().map_or_else(String::new, |line| format!(": {line}"));
    format!("attempt {attempt}{place}: {begun}, {ended}{message}")
}

fn count(jobs: usize) -> String {
    if jobs == 1 { "1 job".to_owned() } else { format!("{jobs} jobs") }
}
