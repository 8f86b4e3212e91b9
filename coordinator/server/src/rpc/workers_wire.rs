//! Messages of `workers.proto` to and from the scheduler's words. Nothing is decided here.

use super::specs::Specs;
use crate::{
    Error,
    config::Workers as Terms,
    driver::{Closing, ToLink},
};
use tombola_core::{
    record::CheckpointRow,
    schedule::{Event, Fact, Held, Lease, LeasedJob, Message},
};
use tombola_spec::{
    Attempt, JobId, LeaseId, WorkerId, job::JobSpec, outcome::Series, version, worker::WorkerInfo,
};
use tombola_wire::{
    ConversionError, from_json,
    v1::{self, from_worker, report, to_worker},
};
use tonic::Status;

/// Longest message of a failure; what is longer is cut.
const LONGEST_TEXT: usize = 64 << 10;
/// Longest name of a worker.
const LONGEST_NAME: usize = 256;
/// Most slots, data sets and components of a worker.
const MOST_PARTS: usize = 1024;
/// Most attempts of one message.
const MOST_ATTEMPTS: usize = 100_000;
/// Most series of one batch, and most points of one series: a stored row that SQL can still look at.
const MOST_SERIES: usize = 4096;
const MOST_POINTS: usize = 65_536;

/// A worker's introduction. One that was known to another state is a stranger with empty hands here: the numbers of what
/// it holds mean other jobs.
pub(crate) fn hello(message: &v1::Hello, state: &str) -> Result<Event, Error> {
    few("attempts held", message.held.len(), MOST_ATTEMPTS)?;
    let (worker, held) = match message.worker.split_once('@') {
        Some((worker, theirs)) if theirs == state => {
            (Some(worker.parse()?), message.held.iter().map(held).collect::<Result<_, Error>>()?)
        }
        _ => (None, Vec::new()),
    };
    let info = checked_json("hello.info_json", &message.info_json)?;
    bounded(&info)?;
    Ok(Event::Hello { info, worker, held, number: message.number })
}

/// Everything a worker says of itself is kept in memory and shown to people.
fn bounded(info: &WorkerInfo) -> Result<(), Error> {
    let WorkerInfo { name, host, version, slots, data, components, data_folder, patience_s: _ } = info;
    if name.is_empty() || name.len() > LONGEST_NAME {
        let what = format!("a worker's name has 1 to {LONGEST_NAME} bytes, not {}", name.len());
        return Err(Error::Invalid(format!("{what}\nhint: give it one with --name")));
    }
    let widths = slots.iter().flat_map(|slot| &slot.widths);
    let most = slots.len().max(data.len()).max(components.len()).max(widths.clone().count());
    few("slots, data sets, components or measured networks of one worker", most, MOST_PARTS)?;
    let texts = [host, version].into_iter().chain(components.keys());
    let texts = texts.chain(slots.iter().map(|slot| &slot.name)).chain(data.iter().map(|data| &data.set));
    let texts = texts.chain(widths.map(|width| &width.network));
    let longest = texts.map(String::len).max().unwrap_or(0).max(data_folder.len() / 16);
    few("bytes of a name of one worker", longest, LONGEST_NAME)
}

/// That something is there no more often than it may.
fn few(what: &str, found: usize, most: usize) -> Result<(), Error> {
    if found <= most {
        return Ok(());
    }
    Err(Error::Invalid(format!("{found} {what}, more than {most}\nhint: is this worker of another version?")))
}

/// JSON of a peer. One database stores no NUL, so that a commit with one would fail, and with it everybody else's.
fn checked_json<T: serde::de::DeserializeOwned>(field: &'static str, text: &str) -> Result<T, Error> {
    if text.contains("\\u0000") {
        return Err(ConversionError::new(field, "it holds a NUL character, which no text here may").into());
    }
    Ok(from_json(field, text)?)
}

/// A series whose name can be a column's value in any database and on any terminal.
fn series(series: v1::Series) -> Result<Series, Error> {
    let name = &series.name;
    if name.is_empty() || name.len() > LONGEST_NAME || name.contains(char::is_control) {
        let hint = format!("1 to {LONGEST_NAME} bytes, none of them control characters");
        let what = format!("`{}` is not a metric's name", name.escape_debug().take(40).collect::<String>());
        return Err(Error::Invalid(format!("{what}\nhint: {hint}")));
    }
    few("points of one series", series.iterations.len(), MOST_POINTS)?;
    Ok(series.try_into()?)
}

fn held(held: &v1::Held) -> Result<Held, Error> {
    let (job, attempt) = (JobId(held.job), Attempt(held.attempt));
    Ok(Held { lease: held.lease.parse()?, job, attempt, started: held.started, slot: held.slot })
}

/// Anything a worker says after its Hello.
pub(crate) fn event(worker: WorkerId, message: v1::FromWorker) -> Result<Event, Error> {
    match message.message {
        Some(from_worker::Message::Heartbeat(heartbeat)) => {
            few("attempts in work", heartbeat.progress.len(), MOST_ATTEMPTS)?;
            let progress = heartbeat.progress.into_iter();
            let progress = progress.map(|p| (JobId(p.job), Attempt(p.attempt), p.iteration)).collect();
            Ok(Event::Heartbeat { worker, progress })
        }
        Some(from_worker::Message::Report(report)) => Ok(Event::Report {
            worker,
            sequence: report.sequence,
            job: JobId(report.job),
            attempt: Attempt(report.attempt),
            fact: fact(report.what)?,
        }),
        Some(from_worker::Message::Returned(returned)) => {
            let jobs = returned.jobs.into_iter().map(JobId).collect();
            Ok(Event::Returned { worker, lease: returned.lease.parse()?, jobs })
        }
        Some(from_worker::Message::Leaving(v1::Leaving {})) => Ok(Event::Leaving { worker }),
        Some(from_worker::Message::Draining(v1::Draining {})) => Ok(Event::Draining { worker }),
        Some(from_worker::Message::Slot(v1::SlotService { slot, out_of_service })) => {
            let out = (!out_of_service.is_empty()).then(|| cut(out_of_service));
            Ok(Event::Service { worker, slot, out })
        }
        Some(from_worker::Message::Hello(_)) => {
            Err(Error::Invalid("Hello comes once in a session".to_owned()))
        }
        None => Err(ConversionError::new("message", "empty, or of a later protocol").into()),
    }
}

fn fact(what: Option<report::What>) -> Result<Fact, Error> {
    match what {
        Some(report::What::Started(started)) => Ok(Fact::Started { iteration: started.iteration }),
        Some(report::What::Metrics(metrics)) => {
            few("series of one batch", metrics.series.len(), MOST_SERIES)?;
            let series = metrics.series.into_iter().map(series).collect::<Result<_, Error>>()?;
            Ok(Fact::Metrics { batch: metrics.batch, series })
        }
        Some(report::What::Checkpoint(taken)) => {
            let artifact =
                taken.artifact.ok_or_else(|| ConversionError::new("checkpoint.artifact", "missing"))?;
            let artifact = artifact.try_into()?;
            Ok(Fact::Checkpoint(CheckpointRow { iteration: taken.iteration, artifact }))
        }
        Some(report::What::Finished(finished)) => {
            Ok(Fact::Finished(Box::new(checked_json("finished.outcome_json", &finished.outcome_json)?)))
        }
        Some(report::What::Failed(mut failed)) => {
            failed.message = cut(failed.message);
            Ok(Fact::Failed(failed.try_into()?))
        }
        Some(report::What::GivenBack(v1::GivenBack {})) => Ok(Fact::GivenBack),
        None => Err(ConversionError::new("report.what", "empty, or of a later protocol").into()),
    }
}

/// What a worker is sent, given what the jobs of a lease do; `None` ends the stream in peace.
pub(super) fn to_wire(
    message: ToLink,
    terms: &Terms,
    state: &str,
    specs: &Specs,
) -> Result<Option<v1::ToWorker>, Status> {
    use to_worker::Message as Wire;
    let wire = match message {
        ToLink::Welcome { worker, epoch } => Wire::Welcome(v1::Welcome {
            worker: format!("{worker}@{state}"),
            epoch: epoch.0,
            heartbeat_ms: u32::try_from(terms.heartbeat.millis()).unwrap_or(u32::MAX),
            term_ms: u32::try_from(terms.term.millis()).unwrap_or(u32::MAX),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: version::PROTOCOL,
        }),
        // Welcome names the epoch, so the leader sends it as `ToLink::Welcome`.
        ToLink::Message(Message::Welcome) | ToLink::Close(Closing::Done) => return Ok(None),
        ToLink::Close(Closing::Again(why)) => return Err(Status::unavailable(why)),
        ToLink::Close(Closing::Nonsense(why)) => return Err(Status::invalid_argument(why)),
        ToLink::Message(Message::Refused { message, retry }) => Wire::Refused(v1::Refused { message, retry }),
        ToLink::Message(Message::Lease(granted)) => Wire::Lease(lease(granted, specs)?),
        ToLink::Message(Message::Recall(lease)) => Wire::Recall(v1::Recall { lease: lease.to_string() }),
        ToLink::Message(Message::Ack(sequence)) => Wire::Ack(v1::Ack { sequence }),
        ToLink::Message(Message::Fenced(attempts)) => {
            let attempts = attempts
                .into_iter()
                .map(|(job, attempt)| v1::FencedAttempt { job: job.0, attempt: attempt.0 });
            Wire::Fenced(v1::Fenced { attempts: attempts.collect() })
        }
        ToLink::Message(Message::Cancel(job, attempt)) => {
            Wire::Cancel(v1::CancelJob { job: job.0, attempt: attempt.0 })
        }
        ToLink::Message(Message::Drain) => Wire::Drain(v1::DrainNow {}),
    };
    Ok(Some(v1::ToWorker { message: Some(wire) }))
}

fn lease(lease: Lease, specs: &Specs) -> Result<v1::Lease, Status> {
    let Lease { pack, jobs } = lease;
    let leased = |(job, attempt): (JobId, Attempt)| {
        let work = jobs.get(&job).zip(specs.get(&job));
        let (work, spec) = work.ok_or_else(|| incomplete(pack.lease, job))?;
        leased_job((job, attempt), work, spec)
    };
    let mut stages = Vec::with_capacity(pack.stages.len());
    for stage in &pack.stages {
        let jobs = stage.iter().copied().map(leased).collect::<Result<_, _>>()?;
        stages.push(v1::Stage { jobs });
    }
    let plan = pack.plan.name().to_owned();
    Ok(v1::Lease { lease: pack.lease.to_string(), slot: pack.slot, width: pack.width, plan, stages })
}

fn leased_job(
    (job, attempt): (JobId, Attempt),
    work: &LeasedJob,
    spec: &JobSpec,
) -> Result<v1::LeasedJob, Status> {
    let spec_json = serde_json::to_string(spec).map_err(|error| Status::internal(error.to_string()))?;
    let inputs = work.inputs(spec).into_iter();
    Ok(v1::LeasedJob {
        job: job.0,
        attempt: attempt.0,
        spec_json,
        fingerprint: work.fingerprint.to_string(),
        inputs: inputs.map(|(input, artifact)| (input.to_string(), artifact.into())).collect(),
        resume: work.resume.map(|checkpoint| checkpoint.artifact.into()),
    })
}

/// A fault of the scheduler or of the store; the worker comes back and is leased again.
fn incomplete(lease: LeaseId, job: JobId) -> Status {
    tracing::error!(%lease, %job, "worker.lease: a lease names a job of which nothing is known");
    Status::internal("the coordinator made an incomplete lease")
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_TEXT));
    // Nothing of a failure may be lost; only a database would mind.
    text.replace('\0', "\u{fffd}")
}
