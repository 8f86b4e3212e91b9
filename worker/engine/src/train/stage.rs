//! Runs a stage: loads data, prepares lanes, groups them by plan, does mask jobs and analyses.

use super::{
    CheckpointRule, Halt, Link,
    connectivity::Line,
    group::{Group, guarded},
    input,
    lane::Lane,
    library::Library,
    outputs,
    prepare::prepare,
    search,
    slim::Measured,
};
use crate::{
    calibration::Calibration,
    device::{Device, LIBTORCH},
    error::{EngineError, Result},
    mask::Mask,
    nn::Ways,
    plan::{BREAK_EVEN, Common, Dropout},
    prune::{Subject, prune, run_join, run_random_mask},
    simd,
};
use std::{collections::BTreeMap, path::PathBuf, thread, time::Instant};
use tombola_spec::{
    Digest, flops,
    job::{Input, JobSpec, Output, PruneJob, Scored, TrainJob},
    outcome::{MaskSummary, Provenance, Summary},
    slot::{Event, OutputFile, Stage, StageJob},
    worker::Plan,
};

/// An engine on a device: runs one stage at a time.
pub struct Engine {
    pub(super) device: Device,
    threads: u32,
    checkpoints: CheckpointRule,
    sparse_below: f64,
    calibration: Calibration,
    pub(super) library: Library,
}

impl Engine {
    /// An engine that finds its data sets in `data_folder` and gives each lane `threads` intra-op threads.
    pub fn new(device: Device, data_folder: PathBuf, threads: u32, checkpoints: CheckpointRule) -> Self {
        let library = Library::new(data_folder, device.torch);
        let (sparse_below, calibration) = (BREAK_EVEN, Calibration::default());
        Self { device, threads, checkpoints, sparse_below, calibration, library }
    }

    /// Goes by what was measured of its device from now on.
    pub fn go_by(&mut self, calibration: Calibration) {
        self.calibration = calibration;
    }

    /// The same engine, with another density below which lanes of networks that can be are computed sparsely on a CPU: 0 = never. For
    /// measurements and tests: results say which way they were computed, and may differ in their last bits.
    #[must_use]
    pub fn sparse_below(self, density: f64) -> Self {
        Self { sparse_below: density, ..self }
    }

    /// Runs a stage to its end. Every job ends with an event to `link`, except the cancelled ones.
    pub fn run(&mut self, stage: &Stage, link: &dyn Link) {
        tch::set_num_threads(self.threads as i32);
        let (mut groups, mut lines, mut measured) = (Vec::new(), Vec::new(), Vec::new());
        for job in &stage.jobs {
            let done = guarded(|| match &job.spec {
                JobSpec::Train(spec) => self.admit(stage, job, spec, &mut groups),
                JobSpec::Connectivity(spec) => {
                    let material = self.library.material(&spec.recipe.data, spec.recipe.dtype)?;
                    let provenance = self.provenance("alone", 1, Some(material.digest));
                    lines.push(Line::open(job, spec.clone(), material, provenance)?);
                    Ok(())
                }
                JobSpec::Slim(spec) => {
                    let provenance = self.provenance("alone", 1, None);
                    let device = self.device.torch;
                    measured.push(Measured::open(job, spec, &stage.folder, device, provenance)?);
                    Ok(())
                }
                spec => {
                    link.emit(Event::Started { job: job.job, iteration: 0 });
                    let done = match spec {
                        JobSpec::Collapse(spec) => self.collapse(job, spec, link)?,
                        JobSpec::MaskDistance(spec) => self.mask_distances(job, spec, link)?,
                        JobSpec::Import(spec) => Some(self.import(job, spec, &stage.folder)?),
                        _ => self.make_mask(stage, job, link)?,
                    };
                    done.into_iter().for_each(|done| link.emit(done));
                    Ok(())
                }
            });
            if let Err(failure) = done {
                link.emit(Event::Failed { job: job.job, failure });
            }
        }
        let checkpoints = self.checkpoints;
        self.each(stage.plan, groups, |group: Group| group.train(stage.plan, checkpoints, link));
        self.each(stage.plan, lines, |line: Line| line.run(link));
        // One after another: what is timed should have the device to itself.
        measured.into_iter().for_each(|measured: Measured| measured.run(link));
    }

    /// Whether the device still computes. A kernel fault leaves a process unable to use its GPU ever again.
    ///
    /// # Errors
    /// When it does not: the process should leave.
    pub fn check(&self) -> Result<()> {
        let probe = || -> Result<f64> {
            Ok(tch::Tensor::f_zeros([1], (tch::Kind::Float, self.device.torch))?.f_double_value(&[0])?)
        };
        let broken = |error| EngineError::Device(format!("the device no longer computes: {error}"));
        probe().map(|_| ()).map_err(broken)
    }

    /// Loads what a job needs and finds its place among the lanes.
    fn admit(
        &mut self,
        stage: &Stage,
        job: &StageJob,
        spec: &TrainJob,
        groups: &mut Vec<Group>,
    ) -> Result<()> {
        let recipe = &spec.recipe;
        let material = self.library.material(&recipe.data, recipe.dtype)?;
        let mut lane = Lane::new(job.job, spec.clone(), stage.folder.clone(), material.train_rows);
        // Short packs are padded; a lane of the fused plan depends on the width in its last bits.
        let width = (stage.jobs.len() as u32).max(stage.width);
        let ways = match stage.plan {
            Plan::Fused => self.calibration.ways(&self.device, recipe),
            Plan::CpuLanes => Ways::default(),
        };
        let mut provenance = self.provenance(&plan_name(stage.plan, &ways), width, Some(material.digest));
        let start = prepare(job, &mut lane, &mut provenance, self.sparse_below)?;
        if let Some(group) = groups.iter_mut().find(|group| stage.plan == Plan::Fused && group.takes(&lane)) {
            group.lanes.push(lane);
            group.starts.push(start);
            return Ok(());
        }
        let architecture = recipe.architecture()?;
        let dropout = Dropout::of(&architecture, recipe.model.dropout);
        let common = Common::new(architecture, dropout, &recipe.train, recipe.dtype, material.examples, ways);
        groups.push(Group { common, lanes: vec![lane], starts: vec![start], provenance });
        Ok(())
    }

    /// Does `work` for each: one after another where lanes are fused, on threads all at once where they are alone. A single one
    /// stays on this thread: libtorch's own threads are slower for any other (`benches/LOG.md`).
    fn each<T: Send>(&self, plan: Plan, all: Vec<T>, work: impl Fn(T) + Sync) {
        let (threads, work) = (self.threads as i32, &work);
        match plan {
            Plan::CpuLanes if all.len() > 1 => thread::scope(|scope| {
                for one in all {
                    scope.spawn(move || {
                        // The setting is per thread.
                        tch::set_num_threads(threads);
                        work(one);
                    });
                }
            }),
            Plan::Fused | Plan::CpuLanes => all.into_iter().for_each(work),
        }
    }

    /// A mask, as the event that ends its job; `None` if it was stopped.
    fn make_mask(&mut self, stage: &Stage, job: &StageJob, link: &dyn Link) -> Result<Option<Event>> {
        let begun = Instant::now();
        let (network, mask, plan, data) = match &job.spec {
            JobSpec::Prune(spec) => {
                let (Some(mask), data) = self.prune(job, spec, link)? else { return Ok(None) };
                let plan = if spec.rule.criterion.differentiates() { "alone" } else { "rust" };
                (&spec.network, mask, plan, data)
            }
            JobSpec::RandomMask(spec) => {
                (&spec.network, run_random_mask(spec, input(job, spec.mask)?)?, "rust", None)
            }
            JobSpec::Join(spec) => {
                let files: Vec<_> = spec.masks.iter().map(|&mask| input(job, mask)).collect::<Result<_>>()?;
                (&spec.network, run_join(spec, &files)?, "rust", None)
            }
            _ => {
                return Err(EngineError::Settings(format!("{} makes no mask", job.job)));
            }
        };
        let file = outputs::output_path(&stage.folder, job.job, Output::Mask);
        let architecture = network.architecture()?;
        let saved = mask.save(&architecture, &file)?;
        let mut outputs: BTreeMap<_, _> =
            [(Output::Mask, OutputFile { file, digest: saved.digest, bytes: saved.bytes })].into();
        let found = match &job.spec {
            JobSpec::Prune(PruneJob { weights: Scored::Found(ticket), .. }) => {
                let tickets = input(job, Input { job: ticket.search, output: Output::Tickets })?;
                let (found, weights) = search::found(tickets, ticket, &architecture)?;
                let file = outputs::output_path(&stage.folder, job.job, Output::Weights);
                outputs.insert(Output::Weights, outputs::save(&weights, &file)?);
                Some(found)
            }
            _ => None,
        };
        let (flops, device_seconds) =
            (flops::executed(&job.spec, &architecture), begun.elapsed().as_secs_f64());
        Ok(Some(Event::Finished {
            job: job.job,
            outputs,
            summary: Summary::Mask(MaskSummary { flops, device_seconds, found, ..mask.counts() }),
            provenance: self.provenance(plan, 1, data),
        }))
    }

    /// Cuts a mask; also the digest of the data set looked at, if any.
    fn prune(
        &mut self,
        job: &StageJob,
        spec: &PruneJob,
        link: &dyn Link,
    ) -> Result<(Option<Mask>, Option<Digest>)> {
        let weights = spec.weights.input().map(|weights| input(job, weights)).transpose()?;
        let looked_at = spec.data.as_ref().map(|score| self.library.score_examples(score)).transpose()?;
        let (examples, digest) = looked_at.unzip();
        let mut subject = Subject::load(spec, weights, examples, self.device.torch)?;
        if let Some(scores) = spec.scores {
            subject = subject.with_scores(input(job, scores)?)?;
        }
        let mask =
            spec.mask.map(|mask| Mask::load(&spec.network.architecture()?, input(job, mask)?)).transpose()?;
        // A count that stands still would be taken for an engine that is stuck.
        let iterated = |done: u32| {
            link.progress(job.job, done.into());
            !link.cancelled(job.job) && link.halt() == Halt::No
        };
        Ok((prune(&subject, &spec.rule, mask.as_ref(), &spec.ties, &iterated)?, digest))
    }

    pub(super) fn provenance(&self, plan: &str, width: u32, data: Option<Digest>) -> Provenance {
        Provenance {
            plan: plan.to_owned(),
            device: self.device.provenance(),
            threads: self.threads,
            width,
            libtorch: LIBTORCH.to_owned(),
            capability: simd::capability().to_owned(),
            worker: env!("CARGO_PKG_VERSION").to_owned(),
            data,
        }
    }
}

/// What provenance calls a plan: with the ways of convolutions where they are not the usual ones.
fn plan_name(plan: Plan, ways: &Ways) -> String {
    if ways.are_usual() { plan.name().to_owned() } else { format!("{}-{ways}", plan.name()) }
}
