//! What engines do with a stage, a phase at a time: load, train, and come to a good or a bad end.

use super::{Agent, Doing, slot::Running};
use crate::{truth::Temper, world::Scene};
use std::collections::BTreeMap;
use tombola_core::{
    record::CheckpointRow,
    schedule::{Fact, Held},
};
use tombola_spec::{
    Digest,
    job::{Input, JobSpec, Output},
    outcome::{
        Artifact, Failure, FailureClass, MaskSummary, Outcome, Provenance, Series, Split, Summary,
        TrainSummary,
    },
};

/// Phases of training between its start and its end.
const PHASES: u32 = 3;

impl Agent {
    /// The engine of a slot comes to its next phase.
    pub(crate) fn work(&mut self, slot: usize, run: u64, scene: &mut Scene) {
        if self.slots[slot].run != run || !self.slots[slot].busy {
            return;
        }
        let phase = self.slots[slot].phase;
        self.slots[slot].phase += 1;
        if self.slots[slot].living().next().is_none() || self.slots[slot].yielding {
            self.checkpoint(slot);
            return self.stage_ended(slot, scene);
        }
        match phase {
            0 => self.load(slot, scene),
            phase if phase <= PHASES => self.train(slot, phase, scene),
            _ => self.come_to_an_end(slot, scene),
        }
        if self.slots[slot].living().next().is_none() {
            return self.stage_ended(slot, scene);
        }
        let trains = self.slots[slot].living().any(|job| job.work.spec.training().is_some());
        let mut after = scene.chance.millis(if trains { 100..1500 } else { 5..50 });
        if self.machine.slow_until > scene.now {
            after *= 8;
        }
        self.doings.push(Doing::Work {
            slot,
            run,
            after: after + self.machine.stuck_until.saturating_sub(scene.now),
        });
    }

    fn load(&mut self, slot: usize, scene: &mut Scene) {
        let lanes = self.slots[slot].living().count() as u32;
        let trains = self.slots[slot].living().any(|job| job.work.spec.training().is_some());
        let huge =
            self.slots[slot].living().any(|job| scene.nature.of(&job.work.fingerprint) == Temper::Huge);
        if self.machine.lies_about_data_until > scene.now && trains {
            return self.fail_all(slot, FailureClass::DataMissing, scene);
        }
        if self.machine.bad_until > scene.now {
            return self.fail_all(slot, FailureClass::Infrastructure, scene);
        }
        if lanes > self.machine.memory || huge {
            return self.fail_all(slot, FailureClass::OutOfMemory, scene);
        }
        for running in self.slots[slot].begun().filter(|job| !job.over) {
            running.started = true;
            scene.truth.begin(running.lane, (self.index, self.life), &running.reads);
            let iteration = running.iteration;
            self.outbox.add(held(slot, running), Fact::Started { iteration });
        }
    }

    fn train(&mut self, slot: usize, phase: u32, scene: &mut Scene) {
        let temper = |running: &Running| scene.nature.of(&running.work.fingerprint);
        let living: Vec<Temper> = self.slots[slot].living().map(|running| temper(running)).collect();
        if living.contains(&Temper::Poison) && phase == 2 {
            return self.poisoned(slot, scene);
        }
        for running in self.slots[slot].begun().filter(|job| !job.over) {
            let held = held(slot, running);
            if scene.nature.of(&running.work.fingerprint) == Temper::NotFinite && phase == PHASES {
                running.over = true;
                self.outbox.add(held, Fact::Failed(failure(FailureClass::NotFinite)));
                continue;
            }
            let Some(train) = running.work.spec.training() else { continue };
            let [from, to] = train.span();
            running.iteration =
                running.iteration.max(from + (to - from) * u64::from(phase) / u64::from(PHASES + 1));
            running.batches += 1;
            scene.truth.batches(running.lane, running.batches);
            self.outbox.add(held, Fact::Metrics { batch: running.batches, series: points(running) });
            if scene.chance.one_in(3) {
                self.outbox.add(held, Fact::Checkpoint(checkpoint(running)));
            }
        }
    }

    /// A job takes its engine down, or the whole machine, and with it jobs that have nothing to do with it.
    fn poisoned(&mut self, slot: usize, scene: &mut Scene) {
        if scene.calm || scene.chance.one_in(2) {
            return self.fail_all(slot, FailureClass::Crashed, scene);
        }
        let keeps = scene.chance.one_in(2);
        self.doings.push(Doing::Die { keeps });
    }

    fn come_to_an_end(&mut self, slot: usize, scene: &mut Scene) {
        let mut made = Vec::new();
        for running in self.slots[slot].begun().filter(|job| !job.over) {
            running.over = true;
            let outcome = outcome(running);
            let job = running.work.fingerprint;
            made.extend(
                outcome.outputs.iter().map(|(output, artifact)| (Input { job, output: *output }, *artifact)),
            );
            scene.truth.finished += 1;
            self.outbox.add(held(slot, running), Fact::Finished(Box::new(outcome)));
        }
        self.slots[slot].made(made);
    }

    fn fail_all(&mut self, slot: usize, class: FailureClass, scene: &mut Scene) {
        let lanes: Vec<_> = self.slots[slot].living().map(|job| job.lane.0.to_string()).collect();
        let name = &self.name;
        scene.story.tell(scene.now, || format!("{name}: {} fail: {class:?}", lanes.join(", ")));
        for running in self.slots[slot].begun().filter(|job| !job.over) {
            running.over = true;
            self.outbox.add(held(slot, running), Fact::Failed(failure(class)));
        }
    }

    fn checkpoint(&mut self, slot: usize) {
        for running in self.slots[slot].begun().filter(|job| !job.over && job.started) {
            if running.work.spec.training().is_some() {
                self.outbox.add(held(slot, running), Fact::Checkpoint(checkpoint(running)));
            }
        }
    }

    fn stage_ended(&mut self, slot: usize, scene: &mut Scene) {
        self.slots[slot].busy = false;
        let yielded = std::mem::take(&mut self.slots[slot].yielding);
        if !yielded || self.draining {
            self.end_begun(slot);
        }
        self.settle(scene);
    }

    /// Ends every job of a stage that ended without a word about it.
    pub(super) fn end_begun(&mut self, slot: usize) {
        let mut returned = Vec::new();
        for running in self.slots[slot].begun().filter(|job| !job.over) {
            running.over = true;
            match (self.draining, running.started) {
                (true, true) => self.outbox.add(held(slot, running), Fact::GivenBack),
                (true, false) => returned.push((running.lease, vec![running.lane.0])),
                (false, _) => {
                    self.outbox.add(held(slot, running), Fact::Failed(failure(FailureClass::Internal)));
                }
            }
        }
        self.slots[slot].drop_finished();
        self.give_back(returned);
    }
}

fn held(slot: usize, running: &Running) -> Held {
    let (job, attempt) = running.lane;
    Held { lease: running.lease, job, attempt, started: running.started, slot: slot as u32 }
}

/// A failure as a worker tells it.
pub(crate) fn failure(class: FailureClass) -> Failure {
    Failure { class, message: format!("simulated: {}", class.name()) }
}

fn points(running: &Running) -> Vec<Series> {
    let value = f64::from(running.batches);
    let (iterations, values) = (vec![running.iteration], vec![value]);
    vec![Series { name: "loss".to_owned(), split: Split::Train, iterations, values }]
}

/// Different in each attempt, so that nothing can be taken for what it is not.
fn artifact(running: &Running, what: &str) -> Artifact {
    let (job, attempt) = running.lane;
    Artifact { digest: Digest::of(format!("{job} {attempt} {what}").as_bytes()), bytes: 1 }
}

fn checkpoint(running: &Running) -> CheckpointRow {
    let iteration = running.iteration;
    CheckpointRow { iteration, artifact: artifact(running, &format!("checkpoint {iteration}")) }
}

fn outcome(running: &Running) -> Outcome {
    let spec: &JobSpec = &running.work.spec;
    let output = |output: Output| (output, artifact(running, output.name()));
    let outputs: BTreeMap<Output, Artifact> = spec.outputs().into_iter().map(output).collect();
    let summary = match spec {
        JobSpec::Train(_) => Summary::Train(TrainSummary {
            last: Vec::new(),
            early_stop: None,
            iterations: spec.iterations(),
            flops: 1,
            theoretical_flops: 1,
            device_seconds: 1.0,
        }),
        // The scheduler looks at no figure, so that one kind will do for all others.
        _ => Summary::Mask(MaskSummary::default()),
    };
    let provenance = Provenance::default();
    Outcome { outputs, summary, provenance }
}
