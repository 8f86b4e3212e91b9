//! The loop: trains the lanes of one pack until every one of them has ended.

use super::{Halt, Link, checkpoints::Checkpoints, lane::Lane, log, outputs};
use crate::{
    error::{EngineError, Result},
    optim::{Pace, Rule},
    plan::{Drive, Pack, Part, Score},
};
use std::time::Instant;
use tombola_spec::{outcome::Provenance, slot::Event};

/// Updates between two looks at requests and clocks, and at losses where they are at hand. More would make a cancellation slow,
/// less would make the device wait for the host.
const UPDATES_AT_ONCE: u64 = 32;

/// Lanes in training, and everything they need.
pub(crate) struct Segment<'a> {
    /// The computation.
    pub(crate) pack: &'a mut dyn Pack,
    /// The jobs; lane `i` is lane `i` of the pack, which may have more (ghosts).
    pub(crate) lanes: &'a mut [Lane],
    /// The update rule of all lanes.
    pub(crate) rule: Rule,
    /// When to write checkpoints.
    pub(crate) checkpoints: Checkpoints,
    /// How the lanes are computed.
    pub(crate) provenance: &'a Provenance,
    /// Where to report.
    pub(crate) link: &'a dyn Link,
}

impl Segment<'_> {
    /// Trains until every lane has ended or the stage is halted.
    ///
    /// # Errors
    /// When the pack as a whole cannot go on; lanes that have not ended are left so.
    pub(crate) fn run(mut self) -> Result<()> {
        self.start()?;
        loop {
            let lap = Instant::now();
            self.end_cancelled();
            self.search()?;
            self.evaluate()?;
            self.spend(lap);
            self.finish_complete()?;
            if self.lanes.iter().all(|lane| lane.ended) {
                return Ok(());
            }
            match self.link.halt() {
                Halt::No if self.checkpoints.due(self.lanes) => self.checkpoint()?,
                Halt::No => {}
                Halt::Yield => {
                    self.checkpoint()?;
                    self.lanes.iter_mut().for_each(|lane| lane.ended = true);
                    return Ok(());
                }
                Halt::Leave => return Ok(()),
            }
            let lap = Instant::now();
            let drive = self.drive();
            self.pack.advance(&drive)?;
            if self.pack.losses_are_at_hand() || self.is_at_a_stop(drive.sizes.len() as u64) {
                self.fail_not_finite()?;
            }
            self.spend(lap);
            self.active().for_each(|(_, lane)| self.link.progress(lane.job, lane.iteration));
        }
    }

    fn active(&self) -> impl Iterator<Item = (usize, &Lane)> {
        self.lanes.iter().enumerate().filter(|(_, lane)| !lane.ended)
    }

    fn start(&mut self) -> Result<()> {
        for (index, lane) in self.lanes.iter().enumerate() {
            self.pack.set_loss_sum(index, lane.history.loss_sum)?;
            self.link.emit(Event::Started { job: lane.job, iteration: lane.iteration });
            self.link.progress(lane.job, lane.iteration);
            // A resumed lane tells its points again: whoever heard them may have died before passing them on.
            if !lane.history.points.is_empty() {
                self.link.emit(Event::Metrics { job: lane.job, series: lane.history.series(0) });
            }
        }
        Ok(())
    }

    /// A cancelled lane goes on being computed, as a ghost, so that its neighbours' bits do not move.
    fn end_cancelled(&mut self) {
        for lane in self.lanes.iter_mut().filter(|lane| !lane.ended) {
            lane.ended = self.link.cancelled(lane.job);
        }
    }

    /// Looks for tickets, where an epoch begins.
    fn search(&mut self) -> Result<()> {
        for (index, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| !lane.ended) {
            let (Some(epoch), iteration) = (lane.to_look_at(), lane.iteration) else { continue };
            let Some(searching) = &mut lane.searching else { continue };
            let weights = self.pack.snapshot(index)?.weights;
            if let Err(error) = searching.look(&weights, epoch, iteration) {
                fail(lane, &error, self.link);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<()> {
        if !self.active().any(|(_, lane)| lane.due()) {
            return Ok(());
        }
        let validation = self.pack.evaluate(Part::Validation)?;
        let test = self.pack.evaluate(Part::Test)?;
        let sums = self.pack.loss_sums()?;
        for (index, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| !lane.ended && lane.due()) {
            let score = |scores: &Option<Vec<Score>>| scores.as_ref().map(|scores| scores[index]);
            let (validation, test) = (score(&validation), score(&test));
            // A test loss is logged whatever it is: nothing is decided by it.
            if validation.is_some_and(|score| !score.loss.is_finite()) {
                fail(lane, &not_finite("the validation loss", lane.iteration), self.link);
                continue;
            }
            let told = lane.history.points.len();
            lane.evaluated(sums[index], validation, test);
            self.pack.set_loss_sum(index, lane.history.loss_sum)?;
            self.link.emit(Event::Metrics { job: lane.job, series: lane.history.series(told) });
        }
        Ok(())
    }

    fn finish_complete(&mut self) -> Result<()> {
        // Reading the sums makes the host wait for the device.
        if !self.active().any(|(_, lane)| lane.complete()) {
            return Ok(());
        }
        let sums = self.pack.loss_sums()?;
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            if lane.ended || !lane.complete() {
                continue;
            }
            lane.history.loss_sum = sums[index];
            let snapshot = self.pack.snapshot(index)?;
            match outputs::finish(lane, &snapshot, &self.rule, self.provenance) {
                Ok(event) => self.link.emit(event),
                Err(error) => fail(lane, &error, self.link),
            }
            lane.ended = true;
        }
        Ok(())
    }

    /// Whether, after so many updates, the host waits for the device anyway, or a lane has begun an epoch.
    fn is_at_a_stop(&self, updates: u64) -> bool {
        self.active().any(|(_, lane)| lane.due() || lane.complete() || lane.has_begun_an_epoch(updates))
    }

    /// A checkpoint that cannot be written costs time should the lane be interrupted, not the lane.
    fn checkpoint(&mut self) -> Result<()> {
        let begun = Instant::now();
        self.fail_not_finite()?;
        let sums = self.pack.loss_sums()?;
        for (index, lane) in self.lanes.iter_mut().enumerate().filter(|(_, lane)| !lane.ended) {
            lane.history.loss_sum = sums[index];
            let snapshot = self.pack.snapshot(index);
            let written =
                snapshot.and_then(|memory| outputs::checkpoint(lane, &memory, &self.rule, self.provenance));
            match written {
                Ok(event) => self.link.emit(event),
                Err(error) => {
                    log(&format!("{} has no checkpoint at iteration {}: {error}", lane.job, lane.iteration));
                }
            }
            lane.saved = lane.iteration;
        }
        self.checkpoints.written(begun);
        Ok(())
    }

    /// The next updates: as many as can be made without missing an evaluation, an end or a checkpoint.
    fn drive(&mut self) -> Drive {
        let stops = self.active().map(|(_, lane)| lane.until_stop().min(self.checkpoints.until_forced(lane)));
        let updates = stops.fold(UPDATES_AT_ONCE, u64::min).max(1);
        let mut drive = Drive::new();
        for _ in 0..updates {
            // What all lanes have in common, ghosts among them.
            let first = self.active().next().map(|(_, lane)| lane);
            let (size, varied, dropped) = first.map_or((1, false, 0), |lane| {
                (lane.next_size() as usize, !lane.spec.recipe.data.augment.is_none(), lane.dropped_width())
            });
            drive.sizes.push(size as i64);
            for index in 0..self.pack.width() {
                match self.lanes.get_mut(index).filter(|lane| !lane.ended) {
                    Some(lane) => lane.next(&self.rule, &mut drive),
                    None => {
                        drive.rows.resize(drive.rows.len() + size, 0);
                        drive.views.resize(if varied { drive.rows.len() } else { 0 }, 0);
                        drive.kept.resize(drive.kept.len() + size * dropped, 1);
                        drive.paces.push(Pace::STILL);
                    }
                }
            }
        }
        drive
    }

    fn fail_not_finite(&mut self) -> Result<()> {
        let sums = self.pack.loss_sums()?;
        for (lane, sum) in self.lanes.iter_mut().zip(sums).filter(|(lane, _)| !lane.ended) {
            if !sum.is_finite() {
                fail(lane, &not_finite("the training loss", lane.iteration), self.link);
            }
        }
        Ok(())
    }

    /// Shares the time since `lap` between the lanes that still train.
    fn spend(&mut self, lap: Instant) {
        let active = self.active().count();
        let share = lap.elapsed().as_secs_f64() / active.max(1) as f64;
        self.lanes.iter_mut().filter(|lane| !lane.ended).for_each(|lane| lane.seconds += share);
    }
}

fn not_finite(what: &str, iteration: u64) -> EngineError {
    EngineError::NotFinite { what: format!("{what} at or before iteration {iteration}") }
}

/// Ends a lane with a failure; its neighbours go on.
pub(crate) fn fail(lane: &mut Lane, error: &EngineError, link: &dyn Link) {
    lane.ended = true;
    link.emit(Event::Failed { job: lane.job, failure: error.failure() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Snapshot, train::checkpoints::CheckpointRule};
    use std::{
        cell::RefCell,
        path::PathBuf,
        sync::{Arc, Mutex},
        time::Duration,
    };
    use tombola_spec::{
        JobId, Steps,
        data::{DataShape, known},
        job::{Stream, TrainJob},
        settings::{BatchNormInit, BiasInit, Data, Dtype, Init, Model, Optimizer, Recipe, Train},
    };

    /// Iterations of an epoch: no multiple of what is done at once.
    const EPOCH: u64 = 100;

    /// A device that computes nothing and notes when somebody waits for it.
    #[derive(Default)]
    struct Device {
        done: u64,
        reads: RefCell<Vec<u64>>,
        /// From here on the sum of losses is not finite.
        ruined_at: Option<u64>,
    }

    impl Pack for Device {
        fn width(&self) -> usize {
            1
        }

        fn advance(&mut self, drive: &Drive) -> Result<()> {
            self.done += drive.sizes.len() as u64;
            Ok(())
        }

        fn loss_sums(&self) -> Result<Vec<f64>> {
            self.reads.borrow_mut().push(self.done);
            Ok(vec![if self.ruined_at.is_some_and(|at| at <= self.done) { f64::NAN } else { 1.0 }])
        }

        fn losses_are_at_hand(&self) -> bool {
            false
        }

        fn set_loss_sum(&mut self, _: usize, _: f64) -> Result<()> {
            Ok(())
        }

        fn evaluate(&self, _: Part) -> Result<Option<Vec<Score>>> {
            self.reads.borrow_mut().push(self.done);
            Ok(None)
        }

        fn snapshot(&self, _: usize) -> Result<Snapshot> {
            Err(not_finite("nobody asks for a snapshot here; it", self.done))
        }
    }

    /// Lets the lane go on for so many iterations.
    #[derive(Default)]
    struct Until {
        last: u64,
        at: Mutex<u64>,
        failures: Mutex<Vec<String>>,
    }

    impl Link for Until {
        fn emit(&self, event: Event) {
            if let Event::Failed { failure, .. } = event {
                self.failures.lock().unwrap().push(failure.message);
            }
        }

        fn progress(&self, _: JobId, iteration: u64) {
            *self.at.lock().unwrap() = iteration;
        }

        fn cancelled(&self, _: JobId) -> bool {
            false
        }

        fn halt(&self) -> Halt {
            if *self.at.lock().unwrap() >= self.last { Halt::Leave } else { Halt::No }
        }
    }

    fn trained(device: &mut Device, last: u64) -> Vec<String> {
        let (init, bias_init, bn_init) = (Init::GlorotNormal, BiasInit::Zero, BatchNormInit::One);
        let shape = DataShape { train: 4 * EPOCH as u32, ..known("mnist").unwrap() };
        let recipe = Recipe {
            model: Model { name: "mnist_lenet_4".to_owned(), init, bias_init, bn_init, dropout: 0.0 },
            data: Data::whole("own", shape, 0),
            train: Train::plain(4, Optimizer::Sgd { momentum: 0.0, nesterov: false }, 0.1),
            dtype: Dtype::F32,
        };
        let rule = Rule::of(&recipe.train);
        let order = Stream { seed: 1, branch: String::new(), copy: 0, round: 0, repeat: 0 };
        let spec = TrainJob::dense(Arc::new(recipe), order, Steps::epochs(10));
        let rows = Arc::new((0..shape.train).collect());
        let mut lanes = [Lane::new(JobId(1), spec, PathBuf::new(), rows)];
        let every = Duration::from_secs(86_400);
        let checkpoints = Checkpoints::new(CheckpointRule { every, every_iterations: None });
        let provenance = Provenance::default();
        let link = Until { last, ..Until::default() };
        let segment = Segment {
            pack: device,
            lanes: &mut lanes,
            rule,
            checkpoints,
            provenance: &provenance,
            link: &link,
        };
        segment.run().unwrap();
        link.failures.into_inner().unwrap()
    }

    #[test]
    fn inside_an_epoch_nobody_waits_for_a_device() {
        let mut device = Device::default();
        assert!(trained(&mut device, 4 * EPOCH).is_empty());
        let reads = device.reads.into_inner();
        let (first, later): (Vec<u64>, Vec<u64>) = reads.into_iter().partition(|at| *at == 0);
        assert!(!first.is_empty(), "the evaluation before the first update");
        assert_eq!(later, [128, 224, 320, 416], "one look at the losses for each epoch that has begun");
    }

    #[test]
    fn a_lane_that_is_ruined_on_a_device_fails_where_its_epoch_ends() {
        let mut device = Device { ruined_at: Some(150), ..Device::default() };
        let failures = trained(&mut device, 9 * EPOCH);
        assert_eq!(failures.len(), 1);
        assert!(failures[0].contains("224"), "{failures:?}");
    }
}
