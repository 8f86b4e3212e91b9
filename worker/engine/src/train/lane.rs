//! One job being trained: where it is in its schedule, and which examples come next.

use super::{
    history::{Evaluation, History},
    search::Searching,
};
use crate::{
    data::{batches, draw_views},
    optim::Rule,
    plan::{Drive, Dropout, Score},
};
use std::{path::PathBuf, sync::Arc};
use tch::Tensor;
use tombola_spec::{JobId, job::TrainJob, outcome::LayerCount, settings::Partial};

/// A job in training.
pub(crate) struct Lane {
    /// The job.
    pub(crate) job: JobId,
    /// What it trains.
    pub(crate) spec: TrainJob,
    /// Where its files go.
    pub(crate) folder: PathBuf,
    /// Rows of the training images that are trained on.
    pub(crate) train_rows: Arc<Vec<u32>>,
    /// The weights it starts from, where they are drawn after others or in part.
    pub(crate) drawn: Option<Tensor>,
    /// What lives of each weight tensor; empty = everything.
    pub(crate) living: Vec<LayerCount>,
    /// First iteration of the segment.
    pub(crate) begin: u64,
    /// Iterations done, from the start of the schedule.
    pub(crate) iteration: u64,
    /// What is looked for on the way.
    pub(crate) searching: Option<Searching>,
    /// Updates since the optimizer was fresh.
    pub(crate) updates: u64,
    /// Evaluations.
    pub(crate) history: History,
    /// Seconds on the device so far, earlier attempts included.
    pub(crate) seconds: f64,
    /// Iteration of the last checkpoint written, tried or resumed from.
    pub(crate) saved: u64,
    /// Whether it is done with, one way or another; its lane is a ghost.
    pub(crate) ended: bool,
    dropout: Option<Dropout>,
    epoch: Option<Epoch>,
}

/// What an epoch holds in store.
struct Epoch {
    number: u64,
    /// The examples in order.
    order: Vec<u32>,
    /// The view of each row of the training images; empty where they are seen as they are.
    views: Vec<u8>,
}

impl Lane {
    /// A lane at the beginning of its segment.
    pub(crate) fn new(job: JobId, spec: TrainJob, folder: PathBuf, train_rows: Arc<Vec<u32>>) -> Self {
        // A network that cannot be is told of when the lane is prepared.
        let network = spec.recipe.architecture().ok();
        let dropout = network.and_then(|network| Dropout::of(&network, spec.recipe.model.dropout));
        Self {
            dropout,
            job,
            folder,
            train_rows,
            drawn: None,
            living: Vec::new(),
            begin: spec.span()[0],
            iteration: spec.span()[0],
            searching: None,
            updates: 0,
            history: History::default(),
            seconds: 0.0,
            saved: spec.span()[0],
            ended: false,
            epoch: None,
            spec,
        }
    }

    /// Begins where the weights it starts from were found.
    pub(crate) fn begin_at(&mut self, iteration: u64) {
        (self.begin, self.iteration, self.saved) = (iteration, iteration, iteration);
    }

    fn per_epoch(&self) -> u64 {
        self.spec.recipe.iterations_per_epoch()
    }

    /// Examples of the next update.
    pub(crate) fn next_size(&self) -> u32 {
        self.spec.recipe.batch_at(self.iteration)
    }

    /// Values of one example that dropout decides about.
    pub(crate) fn dropped_width(&self) -> usize {
        self.dropout.as_ref().map_or(0, Dropout::width)
    }

    /// Its place in the epoch, where that decides how many examples an update sees: lanes of one pack agree in it.
    pub(crate) fn phase(&self) -> u64 {
        match self.spec.recipe.train.partial {
            Partial::Drop => 0,
            Partial::Keep => self.iteration % self.per_epoch().max(1),
        }
    }

    /// End of the segment; a search may end it before.
    pub(crate) fn to(&self) -> u64 {
        self.spec.span()[1]
    }

    /// Whether the segment is trained to its end.
    pub(crate) fn complete(&self) -> bool {
        self.iteration >= self.to() || self.searching.as_ref().is_some_and(Searching::done)
    }

    /// The epoch that begins now, if its masks are to be looked at.
    pub(crate) fn to_look_at(&self) -> Option<u32> {
        let searching = self.searching.as_ref().filter(|_| self.iteration < self.to())?;
        let per_epoch = self.per_epoch().max(1);
        let epoch = u32::try_from(self.iteration / per_epoch).ok()?;
        (self.iteration.is_multiple_of(per_epoch) && searching.wants(epoch)).then_some(epoch)
    }

    /// Whether an epoch began within the last so many updates.
    pub(crate) fn has_begun_an_epoch(&self, updates: u64) -> bool {
        self.iteration % self.per_epoch().max(1) < updates
    }

    /// Iterations until the next evaluation or the end.
    pub(crate) fn until_stop(&self) -> u64 {
        let end = self.to().saturating_sub(self.iteration);
        let per_epoch = self.per_epoch().max(1);
        let end = match self.searching {
            Some(_) => end.min(per_epoch - self.iteration % per_epoch),
            None => end,
        };
        match self.eval_every() {
            0 => end,
            every => end.min(every - self.iteration % every),
        }
    }

    fn eval_every(&self) -> u64 {
        self.spec.recipe.train.eval_every.iterations(self.per_epoch())
    }

    fn due_by_schedule(&self) -> bool {
        let every = self.eval_every();
        every != 0 && self.iteration.is_multiple_of(every)
    }

    /// Whether an evaluation belongs here that has not been made.
    pub(crate) fn due(&self) -> bool {
        let here = self.iteration == self.begin || self.complete() || self.due_by_schedule();
        here && self.history.points.last().is_none_or(|last| last.iteration < self.iteration)
    }

    /// Takes note of an evaluation made now.
    pub(crate) fn evaluated(&mut self, loss_sum: f64, validation: Option<Score>, test: Option<Score>) {
        let train = (self.history.since > 0).then(|| loss_sum / self.history.since as f64);
        self.history.loss_sum = loss_sum;
        let due = self.due_by_schedule();
        self.history.add(Evaluation::new(self.iteration, train, validation, test), due);
    }

    /// Adds the next update to `drive` and steps on.
    pub(crate) fn next(&mut self, rule: &Rule, drive: &mut Drive) {
        let per_epoch = self.per_epoch().max(1);
        let (number, step) = (self.iteration / per_epoch, (self.iteration % per_epoch) as usize);
        let epoch = match self.epoch.take().filter(|epoch| epoch.number == number) {
            Some(epoch) => epoch,
            None => self.draw(number),
        };
        let epoch = self.epoch.insert(epoch);
        let batch = self.spec.recipe.train.batch as usize;
        let rows = &epoch.order[step * batch..((step + 1) * batch).min(epoch.order.len())];
        drive.rows.extend(rows.iter().map(|&row| i64::from(row)));
        if !epoch.views.is_empty() {
            drive.views.extend(rows.iter().map(|&row| i64::from(epoch.views[row as usize])));
        }
        if let Some(dropout) = &self.dropout {
            dropout.draw(&self.spec.order, self.iteration, rows.len() as u32, &mut drive.kept);
        }
        let lr = self.spec.recipe.train.lr_at(self.iteration, per_epoch);
        drive.paces.push(rule.pace(lr, self.updates + 1));
        self.iteration += 1;
        self.updates += 1;
        self.history.since += 1;
    }

    fn draw(&self, number: u64) -> Epoch {
        let (stream, augment) = (&self.spec.order, self.spec.recipe.data.augment);
        // Rows are in increasing order.
        let rows = if augment.is_none() { 0 } else { self.train_rows.last().map_or(0, |row| row + 1) };
        let order = batches(stream, number, &self.train_rows);
        Epoch { number, order, views: draw_views(augment, stream, number, rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::{
        Steps,
        data::{DataShape, known},
        job::Stream,
        settings::{BatchNormInit, BiasInit, Data, Dtype, Init, Model, Optimizer, Recipe, Train},
    };

    fn stream() -> Stream {
        Stream { seed: 1, branch: String::new(), copy: 0, round: 0, repeat: 0 }
    }

    /// 11 examples of 13 in batches of 4.
    fn lane(partial: Partial) -> Lane {
        let (init, bias_init, bn_init) = (Init::GlorotNormal, BiasInit::Zero, BatchNormInit::One);
        let shape = DataShape { train: 13, ..known("mnist").unwrap() };
        let optimizer = Optimizer::Sgd { momentum: 0.0, nesterov: false };
        let recipe = Recipe {
            model: Model { name: "mnist_lenet_4".to_owned(), init, bias_init, bn_init, dropout: 0.0 },
            data: Data::whole("own", shape, 2),
            train: Train { partial, ..Train::plain(4, optimizer, 0.1) },
            dtype: Dtype::F32,
        };
        let spec = TrainJob::dense(Arc::new(recipe), stream(), Steps::epochs(2));
        Lane::new(JobId(1), spec, PathBuf::new(), Arc::new((2..13).collect()))
    }

    fn epoch(partial: Partial, updates: usize) -> Vec<i64> {
        let mut lane = lane(partial);
        let rule = Rule::of(&lane.spec.recipe.train);
        let mut drive = Drive::new();
        let mut sizes = Vec::new();
        for _ in 0..updates {
            let (size, before) = (lane.next_size(), drive.rows.len());
            lane.next(&rule, &mut drive);
            assert_eq!(drive.rows.len() - before, size as usize);
            sizes.push(size);
        }
        assert_eq!(sizes, if partial == Partial::Keep { vec![4, 4, 3] } else { vec![4, 4] });
        drive.rows
    }

    #[test]
    fn an_epoch_with_its_partial_batch_is_every_example_once() {
        let mut seen = epoch(Partial::Keep, 3);
        // The same order, to the example.
        assert_eq!(epoch(Partial::Drop, 2), seen[..8]);
        seen.sort_unstable();
        assert_eq!(seen, (2..13).collect::<Vec<i64>>());
    }
}
