//! `mask_distance`: how much masks have in common, between the rounds of a line, the lines of a round, or the trials of a sweep
//! (seeds, criteria; and epochs, where an axis varies when masks are drawn: arXiv 1909.11957 has such maps).

use super::{
    Compare, Given,
    choice::{Places, TICKET},
};
use crate::{
    plan::{AnalysisPlan, RoundPlan, TrialPlan},
    sweep::{
        branch::Branch,
        file::Variant,
        jobs::Jobs,
        line::Line,
        section::Section,
        settings::UNITS,
        value::{word, word_of},
    },
};
use std::{collections::BTreeMap, sync::Arc};
use tombola_spec::{
    job::{Input, JobSpec, MaskDistanceJob, Network, Output},
    settings::Unit,
};

/// Most masks compared with each other at once: 2,016 pairs.
const MOST_MASKS: usize = 64;

const BETWEEN: &[(&str, Between)] =
    &[("rounds", Between::Rounds), ("lines", Between::Lines), ("trials", Between::Trials)];

/// What is wrong: the setting, the mistake, what to do.
type Fault = (&'static str, String, &'static str);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// The rounds of each line.
    Rounds,
    /// The lines of each round.
    Lines,
    /// The trials of the sweep, in each round of each line.
    Trials,
}

#[derive(Debug)]
struct MaskDistance {
    between: Between,
    places: Places,
    unit: Unit,
}

/// Masks to be compared with each other, each once, and the rows that say whose they are.
#[derive(Default)]
struct Together {
    masks: Vec<Input>,
    /// Whose round, and the number of its mask.
    rows: Vec<(usize, AnalysisPlan)>,
}

pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let between = table.or("between", Between::Rounds, word(BETWEEN));
    let ticket = [TICKET.to_owned()].into_iter();
    let usual = match between {
        Some(Between::Lines) => ticket.chain(given.names.iter().cloned()).collect(),
        _ => ticket.collect(),
    };
    let places = Places::read(table, given, usual);
    let unit = table.or("unit", Unit::Weight, word(UNITS));
    let read = MaskDistance { between: between?, places: places?, unit: unit? };
    read.finds_some(table, given).then(|| Arc::new(read) as Arc<dyn Compare>)
}

impl MaskDistance {
    /// How many wanted rounds a line has in a trial of `last` prunings, and how many copies of each; round 0 has no mask.
    fn of_line(&self, of: &str, last: u32, branches: &[Branch]) -> (usize, usize) {
        let (there, copies) = self.places.of_line(of, last, branches);
        (there.into_iter().filter(|round| *round > 0).count(), copies as usize)
    }

    /// Whether there are masks to compare in the longest trial, and not too many at once; if not, that is noted.
    fn finds_some(&self, table: &mut Section<'_, '_>, given: &Given<'_>) -> bool {
        let Some(&last) = given.lasts.last() else { return true };
        // Whoever names a broken branch makes no second mistake.
        if self
            .places
            .of
            .iter()
            .any(|of| of != TICKET && given.branches.iter().all(|branch| branch.name != *of))
        {
            return true;
        }
        let (key, what, hint) = match self.fault(last, given) {
            None => return true,
            Some(fault) => fault,
        };
        table.complain(key, what, hint);
        false
    }

    fn fault(&self, last: u32, given: &Given<'_>) -> Option<Fault> {
        if last == 0 {
            return Some(("between", "nothing is pruned: there are no masks".to_owned(), "add `[prune]`"));
        }
        if self.places.rounds.as_ref().is_some_and(|rounds| rounds.contains(&0)) {
            return Some(("rounds", "the dense round 0 has no mask".to_owned(), "leave it out"));
        }
        self.too_few(last, given).or_else(|| self.too_many(last, given))
    }

    /// Whether a mask has no other to be compared with.
    fn too_few(&self, last: u32, given: &Given<'_>) -> Option<Fault> {
        let branches = given.branches;
        match self.between {
            Between::Rounds => {
                let of = self.places.of.iter().find(|of| self.of_line(of, last, branches).0 < 2)?;
                let what = format!("`{of}` has no two of these rounds");
                Some(("rounds", what, "choose more rounds, or leave it out of `of`"))
            }
            Between::Lines => {
                // A branch that keeps the ticket's masks has none of its own.
                let compared = || branches.iter().filter(|branch| self.places.of.contains(&branch.name));
                let others = compared().filter(|branch| !branch.own_masks).count();
                let tickets =
                    self.places.of.iter().any(|of| of == TICKET) || compared().any(|branch| branch.own_masks);
                let copied = compared().any(|branch| !branch.own_masks && branch.copies > 1);
                let what = "there are no two lines with masks of their own in it".to_owned();
                let hint = "add a branch of kind `random_mask`; `reinit` has the ticket's mask";
                (others + usize::from(tickets) < 2 && !copied).then_some(("of", what, hint))
            }
            Between::Trials => {
                let what = "there is one trial, and no other to compare it with".to_owned();
                (given.trials == 1).then_some(("between", what, "write more seeds, or an axis"))
            }
        }
    }

    /// Whether more masks are to be compared at once than can be.
    fn too_many(&self, last: u32, given: &Given<'_>) -> Option<Fault> {
        let lines = || self.places.of.iter().map(|of| self.of_line(of, last, given.branches));
        let most = match self.between {
            Between::Rounds => lines().map(|(rounds, _)| rounds).max().unwrap_or(0),
            Between::Lines => lines().map(|(_, copies)| copies).sum(),
            Between::Trials => given.trials as usize,
        };
        if most <= MOST_MASKS {
            return None;
        }
        let what =
            format!("{most} masks are to be compared with each other, at most {MOST_MASKS} are possible");
        let (key, hint) = match self.between {
            Between::Rounds => ("rounds", "choose fewer"),
            Between::Lines => ("of", "choose fewer"),
            Between::Trials => ("between", "split the sweep: what is trained once is not trained again"),
        };
        Some((key, what, hint))
    }
}

impl MaskDistance {
    /// The mask of a round, if it is looked at; one more than once has one number.
    fn add(&self, name: &str, trial: usize, round: &RoundPlan, together: &mut Together) {
        let Some(job) = round.mask.filter(|_| self.places.have(round)) else { return };
        let mask = Input { job, output: Output::Mask };
        let known = together.masks.iter().position(|known| *known == mask);
        // Within a trial, a branch with the ticket's mask is as far from everything as the ticket is.
        if known.is_some() && self.between != Between::Trials {
            return;
        }
        let number = known.unwrap_or_else(|| {
            together.masks.push(mask);
            together.masks.len() - 1
        }) as u32;
        // Each mask says which number it has in the job, so that a row of the result can be led back to two of them.
        let row = AnalysisPlan {
            analysis: name.to_owned(),
            ends: word_of(BETWEEN, self.between).to_owned(),
            branch: round.branch.clone(),
            copy: round.copy,
            round: round.round,
            pair: [number, number],
            job,
        };
        together.rows.push((trial, row));
    }

    fn job(&self, network: &Network, together: Together, jobs: &mut Jobs) -> Vec<(usize, AnalysisPlan)> {
        let Together { masks, rows } = together;
        if masks.len() < 2 {
            return Vec::new();
        }
        let (network, unit) = (network.clone(), self.unit);
        let job = jobs.add(JobSpec::MaskDistance(MaskDistanceJob { network, masks, unit }));
        rows.into_iter().map(|(trial, row)| (trial, AnalysisPlan { job, ..row })).collect()
    }
}

impl Compare for MaskDistance {
    fn compare(&self, name: &str, line: &Line, rounds: &[RoundPlan], jobs: &mut Jobs) -> Vec<AnalysisPlan> {
        let mut groups: BTreeMap<(String, u32), Together> = BTreeMap::new();
        for round in rounds {
            let key = match self.between {
                Between::Rounds => (round.branch.clone(), round.copy),
                Between::Lines => (String::new(), round.round),
                Between::Trials => return Vec::new(),
            };
            self.add(name, 0, round, groups.entry(key).or_default());
        }
        let rows = groups.into_values().flat_map(|together| self.job(&line.network, together, jobs));
        rows.map(|(_, row)| row).collect()
    }

    fn across(&self, name: &str, trials: &[TrialPlan], jobs: &mut Jobs) -> Vec<(usize, AnalysisPlan)> {
        if self.between != Between::Trials {
            return Vec::new();
        }
        // Only networks of one architecture have masks that can be compared.
        let mut groups: BTreeMap<(String, &str, u32, u32), (Network, Together)> = BTreeMap::new();
        for (number, trial) in trials.iter().enumerate() {
            let network = trial.settings.recipe.network();
            for round in &trial.rounds {
                let key = (format!("{network:?}"), round.branch.as_str(), round.copy, round.round);
                let (_, together) =
                    groups.entry(key).or_insert_with(|| (network.clone(), Together::default()));
                self.add(name, number, round, together);
            }
        }
        // Lines with the ticket's masks are as far from each other as the tickets are.
        let mut seen: Vec<Vec<Input>> = Vec::new();
        let mut rows = Vec::new();
        for (network, together) in groups.into_values().filter(|(_, together)| !together.masks.is_empty()) {
            if !seen.contains(&together.masks) {
                seen.push(together.masks.clone());
                rows.extend(self.job(&network, together, jobs));
            }
        }
        rows
    }

    fn wants_all(&self) -> bool {
        true
    }

    fn wants_trials(&self) -> bool {
        self.between == Between::Trials
    }

    fn most_jobs(&self, last: u32, branches: &[Branch]) -> u64 {
        match self.between {
            Between::Rounds => {
                self.places.of.iter().map(|of| self.of_line(of, last, branches).1 as u64).sum()
            }
            Between::Lines => self.of_line(TICKET, last, branches).0 as u64,
            // At most, where each trial has a network of its own.
            Between::Trials => {
                self.places.of.iter().map(|of| self.of_line(of, last, branches).0 as u64).sum()
            }
        }
    }

    fn mistake(&self, trial: &Variant) -> Option<(&'static str, String, String)> {
        let unit = trial.settings.prune.as_ref()?.rule.unit;
        (self.unit == Unit::Channel && unit != Unit::Channel).then(|| {
            let what = "masks of single weights have no channels that live or die".to_owned();
            ("unit", what, "leave it out, or prune channels (`prune.unit`)".to_owned())
        })
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let [of, rounds] = self.places.settings();
        let unit = ("unit", word_of(UNITS, self.unit).to_owned());
        vec![("between", word_of(BETWEEN, self.between).to_owned()), of, rounds, unit]
    }
}
