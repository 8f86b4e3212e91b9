//! Decisions about how far trials go, made of what was measured on validation examples: `select` and `prune.until`.
//!
//! A verdict is given once and stands: what follows from it is stored with it. Test measures are not in here, so that
//! none can be read.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::outcome::{Direction, METRICS};

/// What trained networks are compared by: a metric, on validation examples.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Yardstick {
    /// Its name, one of [`METRICS`].
    pub metric: String,
    /// Of which evaluation.
    pub at: Moment,
}

impl Yardstick {
    /// How good a value is: larger is better, whatever the metric.
    pub fn merit(&self, value: f64) -> f64 {
        let lower =
            METRICS.iter().any(|(name, _, good)| *name == self.metric && matches!(good, Direction::Lower));
        if lower { -value } else { value }
    }
}

/// An evaluation of a training run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Its end.
    Last,
    /// That with the least validation loss.
    EarlyStop,
}

impl Moment {
    /// Every moment.
    pub const ALL: [Self; 2] = [Self::Last, Self::EarlyStop];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::EarlyStop => "early_stop",
        }
    }
}

/// Where a line of rounds ends before its last one: at the first so many rounds in a row that are worse than the dense
/// network by more than is allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Until {
    /// What is allowed, in the unit of the metric.
    pub worse: f64,
    /// So many rounds in a row.
    pub patience: u32,
    /// What is compared.
    pub by: Yardstick,
}

/// What a verdict was given by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// Of the values of an axis, the best go on.
    Select,
    /// A line goes on as long as it is about as good as the dense network.
    Until,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 2] = [Self::Select, Self::Until];

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Until => "until",
        }
    }
}

/// Whether a trial goes on after a round of its own line.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// By what.
    pub rule: Rule,
    /// The round that was judged.
    pub round: u32,
    /// Whether it goes on.
    pub goes_on: bool,
    /// What it was judged by.
    pub by: Yardstick,
    /// What it had: of `select` the mean over seeds and repeats. `None` if training diverged.
    pub value: Option<f64>,
    /// What it had to have.
    pub bar: f64,
}

/// The verdicts given so far, by trial key.
pub type Verdicts = BTreeMap<String, Vec<Verdict>>;

/// What is known of the rounds of trials' own lines. Rounds that are not trained yet are in neither.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Seen {
    /// Validation measures by trial key and round; not a number where it was none.
    pub measured: BTreeMap<(String, u32), BTreeMap<Yardstick, f64>>,
    /// Rounds whose training ended with a loss or weights that are no numbers.
    pub diverged: BTreeSet<(String, u32)>,
}

impl Seen {
    /// What a round has: `None` as long as it is not trained, `Some(None)` if its training diverged.
    pub fn value(&self, trial: &str, round: u32, by: &Yardstick) -> Option<Option<f64>> {
        let place = (trial.to_owned(), round);
        if self.diverged.contains(&place) {
            return Some(None);
        }
        let value = self.measured.get(&place)?.get(by)?;
        Some(value.is_finite().then_some(*value))
    }
}
