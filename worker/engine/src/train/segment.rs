//! The loop: trains the lanes of one pack until every one of them has ended.

use super::{Halt, Link, checkpoints::Checkpoints, lane::Lane, log, outputs};
use crate::{
    error::{EngineError, Result},
    optim::{Pace, Rule},
    plan::{Drive, Pack, Part, Score},
};
use std::time::Instant;
use tombola_spec::{outcome::Provenance, slot::Event};

/// Updates between two looks at requests, clocks and losses. More would make a cancellation slow, less would make the
/// device wait for the host.
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
            self.fail_not_finite()?;
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

    /// A checkpoint that cannot be written costs time should the lane be interrupted, not the lane.
    fn checkpoint(&mut self) -> Result<()> {
        let begun = Instant::now();
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
