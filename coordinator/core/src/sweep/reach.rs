//! How far a trial may go by the verdicts given so far.

use super::{
    file::{SweepFile, Variant},
    select::Select,
};
use crate::verdict::{Rule, Verdict, Verdicts};

/// How much of a sweep is expanded.
#[derive(Debug, Clone, Copy)]
pub enum Extent<'a> {
    /// All that may come to be trained, whatever is decided on the way.
    Whole,
    /// What is certain by these verdicts.
    Decided(&'a Verdicts),
}

/// How far a trial goes for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// The last round of its own line.
    pub(super) rounds: u32,
    /// Whether it has branches and analyses: a trial that competes has none before it is chosen.
    pub(super) branches: bool,
    /// Whether no verdict is waited for.
    pub(super) settled: bool,
}

impl Reach {
    /// That of a trial, by its key.
    pub(super) fn of(file: &SweepFile, variant: &Variant, key: &str, extent: Extent<'_>) -> Self {
        let last = variant.settings.prune.as_ref().map_or(0, |line| line.rounds);
        let whole = Self { rounds: last, branches: true, settled: true };
        let Extent::Decided(verdicts) = extent else { return whole };
        let given = verdicts.get(key).map_or(&[][..], Vec::as_slice);
        let selected = file.select.as_ref().map_or(whole, |select| whole.selected(select, given));
        if variant.ends_early() { selected.ended(given) } else { selected }
    }

    /// A trial that competes ends with the round that is compared, unless it goes on.
    fn selected(self, select: &Select, given: &[Verdict]) -> Self {
        match given.iter().find(|verdict| verdict.rule == Rule::Select) {
            Some(verdict) if verdict.goes_on => self,
            verdict => {
                Self { rounds: select.round.min(self.rounds), branches: false, settled: verdict.is_some() }
            }
        }
    }

    /// One more round follows each that goes on.
    fn ended(self, given: &[Verdict]) -> Self {
        let own = || given.iter().filter(|verdict| verdict.rule == Rule::Until);
        let judged = own().map(|verdict| verdict.round).max().unwrap_or(0);
        if own().any(|verdict| !verdict.goes_on) {
            return Self { rounds: judged.min(self.rounds), ..self };
        }
        let rounds = (judged + 1).min(self.rounds);
        Self { rounds, settled: self.settled && judged >= self.rounds, ..self }
    }
}
