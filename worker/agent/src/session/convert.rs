//! Between the wire's types and the agent's words. Decides nothing.

use super::message::{Fact, FromCoordinator, Held, Lease, LeasedJob, Report, ToCoordinator};
use tombola_spec::{
    Attempt, JobId, SpecError,
    outcome::{Artifact, Failure, Series},
    version,
    worker::Plan,
};
use tombola_wire::{
    ConversionError, from_json,
    v1::{self, from_worker, report, to_worker},
};

type Converted<T> = Result<T, ConversionError>;

/// A message from the coordinator; `None` = of a kind this build does not know, to be ignored.
pub(crate) fn from_wire(message: v1::ToWorker) -> Converted<Option<FromCoordinator>> {
    use to_worker::Message as Wire;
    let Some(message) = message.message else { return Ok(None) };
    Ok(Some(match message {
        Wire::Welcome(welcome) => FromCoordinator::Welcome(welcome.worker),
        Wire::Refused(v1::Refused { message, retry }) => FromCoordinator::Refused { message, retry },
        Wire::Lease(lease) => read_lease(lease)?,
        Wire::Recall(recall) => FromCoordinator::Recall(id("recall.lease", &recall.lease)?),
        Wire::Ack(ack) => FromCoordinator::Ack(ack.sequence),
        Wire::Fenced(fenced) => {
            let attempts = fenced.attempts.iter().map(|fenced| (JobId(fenced.job), Attempt(fenced.attempt)));
            FromCoordinator::Fenced(attempts.collect())
        }
        Wire::Cancel(cancel) => FromCoordinator::Cancel(JobId(cancel.job), Attempt(cancel.attempt)),
        Wire::Drain(v1::DrainNow {}) => FromCoordinator::Drain,
    }))
}

/// A lease, or which of its jobs must be refused and why.
fn read_lease(wire: v1::Lease) -> Converted<FromCoordinator> {
    let lease = id("lease.lease", &wire.lease)?;
    let slot = wire.slot;
    let jobs = wire.stages.iter().flat_map(|stage| &stage.jobs);
    let jobs = jobs.map(|job| (JobId(job.job), Attempt(job.attempt))).collect();
    let read = || -> Converted<Lease> {
        let stages = wire.stages.into_iter().map(|stage| stage.jobs.into_iter().map(read_job).collect());
        Ok(Lease {
            id: lease,
            slot,
            width: wire.width,
            plan: read_plan(&wire.plan)?,
            stages: stages.collect::<Converted<_>>()?,
        })
    };
    Ok(match read() {
        Ok(lease) => FromCoordinator::Lease(lease),
        Err(error) => FromCoordinator::Unreadable { lease, slot, jobs, why: error.to_string() },
    })
}

fn read_plan(text: &str) -> Converted<Plan> {
    let plans = [Plan::CpuLanes, Plan::Fused];
    let plan = plans.into_iter().find(|plan| plan.name() == text);
    plan.ok_or_else(|| ConversionError::new("lease.plan", format!("`{text}` is not a plan")))
}

fn read_job(wire: v1::LeasedJob) -> Converted<LeasedJob> {
    let inputs = wire.inputs.into_iter().map(|(input, artifact)| Ok((input, Artifact::try_from(artifact)?)));
    Ok(LeasedJob {
        job: JobId(wire.job),
        attempt: Attempt(wire.attempt),
        spec: from_json("job.spec_json", &wire.spec_json)?,
        fingerprint: id("job.fingerprint", &wire.fingerprint)?,
        inputs: inputs.collect::<Converted<_>>()?,
        resume: wire.resume.map(Artifact::try_from).transpose()?,
    })
}

fn id<T: std::str::FromStr<Err = SpecError>>(field: &'static str, text: &str) -> Converted<T> {
    text.parse().map_err(|error| ConversionError::new(field, error))
}

/// A message to the coordinator. `protocol`, `info_json` and the `number` of the Hello introduce the worker.
pub(crate) fn to_wire(message: ToCoordinator, protocol: u32, info_json: &str, number: u64) -> v1::FromWorker {
    use from_worker::Message as Wire;
    let message = match message {
        ToCoordinator::Hello { worker, held } => Wire::Hello(v1::Hello {
            protocol,
            oldest_protocol: version::OLDEST_PROTOCOL.min(protocol),
            info_json: info_json.to_owned(),
            worker: worker.unwrap_or_default(),
            held: held.into_iter().map(write_held).collect(),
            number,
        }),
        ToCoordinator::Report(report) => Wire::Report(write_report(report)),
        ToCoordinator::Returned { lease, jobs } => {
            let jobs = jobs.into_iter().map(|job| job.0).collect();
            Wire::Returned(v1::Returned { lease: lease.to_string(), jobs })
        }
        ToCoordinator::Draining => Wire::Draining(v1::Draining {}),
        ToCoordinator::Service { slot, out } => {
            Wire::Slot(v1::SlotService { slot, out_of_service: out.unwrap_or_default() })
        }
        ToCoordinator::Leaving => Wire::Leaving(v1::Leaving {}),
    };
    v1::FromWorker { message: Some(message) }
}

fn write_held(held: Held) -> v1::Held {
    let Held { lease, slot, job, attempt, started } = held;
    v1::Held { lease: lease.to_string(), job: job.0, attempt: attempt.0, started, slot }
}

/// A report as the wire and the spool have it.
pub(crate) fn write_report(report: Report) -> v1::Report {
    use report::What;
    let what = match report.fact {
        Fact::Started { iteration } => What::Started(v1::Started { iteration }),
        Fact::Metrics { batch, series } => {
            What::Metrics(v1::Metrics { batch, series: series.into_iter().map(v1::Series::from).collect() })
        }
        Fact::Checkpoint { iteration, artifact } => {
            What::Checkpoint(v1::CheckpointTaken { iteration, artifact: Some(artifact.into()) })
        }
        Fact::Finished(outcome) => {
            let json = serde_json::to_string(&outcome).expect("an outcome has string keys only");
            What::Finished(v1::Finished { outcome_json: json })
        }
        Fact::Failed(failure) => What::Failed(failure.into()),
        Fact::GivenBack => What::GivenBack(v1::GivenBack {}),
    };
    let (sequence, job, attempt) = (report.sequence, report.job.0, report.attempt.0);
    v1::Report { sequence, job, attempt, what: Some(what) }
}

/// The fact of a stored report.
pub(crate) fn read_fact(wire: v1::Report) -> Converted<Fact> {
    use report::What;
    let what = wire.what.ok_or_else(|| ConversionError::new("report", "it says nothing"))?;
    Ok(match what {
        What::Started(started) => Fact::Started { iteration: started.iteration },
        What::Metrics(metrics) => {
            let series = metrics.series.into_iter().map(Series::try_from).collect::<Converted<_>>()?;
            Fact::Metrics { batch: metrics.batch, series }
        }
        What::Checkpoint(taken) => {
            let artifact =
                taken.artifact.ok_or_else(|| ConversionError::new("report.checkpoint", "no artifact"))?;
            Fact::Checkpoint { iteration: taken.iteration, artifact: artifact.try_into()? }
        }
        What::Finished(finished) => {
            Fact::Finished(Box::new(from_json("report.outcome_json", &finished.outcome_json)?))
        }
        What::Failed(failed) => Fact::Failed(Failure::try_from(failed)?),
        What::GivenBack(v1::GivenBack {}) => Fact::GivenBack,
    })
}
