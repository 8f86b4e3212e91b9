//! What a lane has measured: its evaluations, and the early-stopping record.

use crate::plan::Score;
use serde::{Deserialize, Serialize};
use tombola_spec::outcome::{EarlyStop, Measure, Series, Split};

/// One evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evaluation {
    /// Iterations done, from the start of the schedule.
    pub(crate) iteration: u64,
    /// What was measured.
    pub(crate) measures: Vec<Measure>,
}

/// Evaluations of a segment, and what must survive a cut for the curve to go on as if uncut.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct History {
    /// Evaluations of this segment.
    pub(crate) points: Vec<Evaluation>,
    /// The evaluation of least validation loss among those due by `eval_every`, over all segments continued. Those at
    /// a cut are left out: they would not exist had the run not been cut there.
    pub(crate) best: Option<Evaluation>,
    /// Iterations since the last evaluation due by `eval_every`.
    pub(crate) since: u64,
    /// Sum of the training losses of those iterations.
    pub(crate) loss_sum: f64,
}

impl Evaluation {
    /// An evaluation at `iteration`: the mean training loss since the last one, if any, and the scores.
    pub(crate) fn new(
        iteration: u64,
        train: Option<f64>,
        validation: Option<Score>,
        test: Option<Score>,
    ) -> Self {
        let measure = |name: &str, split, value| Measure { name: name.to_owned(), split, value };
        let mut measures: Vec<Measure> =
            train.into_iter().map(|loss| measure("loss", Split::Train, loss)).collect();
        for (split, score) in [(Split::Validation, validation), (Split::Test, test)] {
            if let Some(Score { loss, accuracy }) = score {
                measures.push(measure("loss", split, loss));
                measures.push(measure("accuracy", split, accuracy));
            }
        }
        Self { iteration, measures }
    }

    fn validation_loss(&self) -> Option<f64> {
        let wanted = |measure: &&Measure| measure.split == Split::Validation && measure.name == "loss";
        self.measures.iter().find(wanted).map(|measure| measure.value)
    }

    fn better_than(&self, other: Option<&Self>) -> bool {
        match (self.validation_loss(), other.and_then(Self::validation_loss)) {
            (Some(mine), Some(theirs)) => mine < theirs,
            (mine, _) => mine.is_some(),
        }
    }
}

impl History {
    /// Takes note of an evaluation; `due` by `eval_every`, or only at a cut.
    pub(crate) fn add(&mut self, evaluation: Evaluation, due: bool) {
        if due && evaluation.better_than(self.best.as_ref()) {
            self.best = Some(evaluation.clone());
        }
        if due {
            (self.since, self.loss_sum) = (0, 0.0);
        }
        self.points.push(evaluation);
    }

    /// The early-stopping record so far, this very moment included.
    pub(crate) fn early_stop(&self) -> Option<EarlyStop> {
        let last = self.points.last().filter(|last| last.better_than(self.best.as_ref()));
        let chosen = last.or(self.best.as_ref())?;
        Some(EarlyStop { iteration: chosen.iteration, measures: chosen.measures.clone() })
    }

    /// What the next segment needs.
    pub(crate) fn carried(&self) -> Self {
        Self { points: Vec::new(), ..self.clone() }
    }

    /// Points from the `from`-th on, by metric.
    pub(crate) fn series(&self, from: usize) -> Vec<Series> {
        let mut all: Vec<Series> = Vec::new();
        for point in self.points.iter().skip(from) {
            for Measure { name, split, value } in &point.measures {
                let known = all.iter_mut().find(|series| series.name == *name && series.split == *split);
                match known {
                    Some(series) => {
                        series.iterations.push(point.iteration);
                        series.values.push(*value);
                    }
                    None => all.push(Series {
                        name: name.clone(),
                        split: *split,
                        iterations: vec![point.iteration],
                        values: vec![*value],
                    }),
                }
            }
        }
        all
    }
}
