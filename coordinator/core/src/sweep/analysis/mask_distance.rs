//! `mask_distance`: how much masks have in common, between the rounds of a line or between the lines of a round (arXiv
//! 1909.11957 draws such maps of epochs).

use super::{
    Compare, Given,
    choice::{TICKET, called, lines, rounds},
};
use crate::{
    plan::{AnalysisPlan, RoundPlan, TrialSettings},
    sweep::{
        branch::Branch,
        jobs::Jobs,
        line::Line,
        resolved::joined,
        section::Section,
        value::{word, word_of},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tombola_spec::job::{Input, JobSpec, MaskDistanceJob, Output};

/// Most masks compared with each other at once: 2,016 pairs.
const MOST_MASKS: usize = 64;

const BETWEEN: &[(&str, Between)] = &[("rounds", Between::Rounds), ("lines", Between::Lines)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// The rounds of each line.
    Rounds,
    /// The lines of each round.
    Lines,
}

#[derive(Debug)]
struct MaskDistance {
    between: Between,
    /// Branches, the own line as `ticket`.
    of: Vec<String>,
    /// `None` = all that are pruned.
    rounds: Option<BTreeSet<u32>>,
}

pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let between = table.or("between", Between::Rounds, word(BETWEEN));
    let ticket = [TICKET.to_owned()].into_iter();
    let usual = match between {
        Some(Between::Lines) => ticket.chain(given.names.iter().cloned()).collect(),
        _ => ticket.collect(),
    };
    let of = table.or("of", usual, lines(given));
    let rounds = rounds(table, given);
    let read = MaskDistance { between: between?, of: of?, rounds: rounds? };
    read.finds_some(table, given).then(|| Arc::new(read) as Arc<dyn Compare>)
}

impl MaskDistance {
    /// Whether a round is to be compared; round 0 has no mask.
    fn wants(&self, round: u32) -> bool {
        round > 0 && self.rounds.as_ref().is_none_or(|rounds| rounds.contains(&round))
    }

    /// The wanted rounds of a line in a trial of `last` prunings; none of a branch that could not be read.
    fn rounds_of(&self, of: &str, last: u32, branches: &[Branch]) -> Vec<u32> {
        let all: Vec<u32> = match branches.iter().find(|branch| branch.name == of) {
            Some(branch) => branch.rounds_of(last).into_iter().collect(),
            None => (1..=last).collect(),
        };
        all.into_iter().filter(|round| self.wants(*round)).collect()
    }

    /// Whether there are masks to compare in the longest trial, and not too many at once; if not, that is noted.
    fn finds_some(&self, table: &mut Section<'_, '_>, given: &Given<'_>) -> bool {
        let Some(&last) = given.lasts.last() else { return true };
        // Whoever names a broken branch makes no second mistake.
        if self.of.iter().any(|of| of != TICKET && given.branches.iter().all(|branch| branch.name != *of)) {
            return true;
        }
        let (key, what, hint) = match self.fault(last, given.branches) {
            None => return true,
            Some(fault) => fault,
        };
        table.complain(key, what, hint);
        false
    }

    fn fault(&self, last: u32, branches: &[Branch]) -> Option<(&'static str, String, &'static str)> {
        if last == 0 {
            return Some(("between", "nothing is pruned: there are no masks".to_owned(), "add `[prune]`"));
        }
        if self.rounds.as_ref().is_some_and(|rounds| rounds.contains(&0)) {
            return Some(("rounds", "the dense round 0 has no mask".to_owned(), "leave it out"));
        }
        let masks: Vec<usize> = match self.between {
            Between::Rounds => {
                let short = self.of.iter().find(|of| self.rounds_of(of, last, branches).len() < 2);
                if let Some(of) = short {
                    let what = format!("`{of}` has no two of these rounds");
                    return Some(("rounds", what, "choose more rounds, or leave it out of `of`"));
                }
                self.of.iter().map(|of| self.rounds_of(of, last, branches).len()).collect()
            }
            Between::Lines => {
                // A branch that keeps the ticket's masks has none of its own.
                let compared = || branches.iter().filter(|branch| self.of.contains(&branch.name));
                let others = compared().filter(|branch| !branch.own_masks).count();
                let tickets =
                    self.of.iter().any(|of| of == TICKET) || compared().any(|branch| branch.own_masks);
                let masks = others + usize::from(tickets);
                let copied = compared().any(|branch| !branch.own_masks && branch.copies > 1);
                if masks < 2 && !copied {
                    let what = "there are no two lines with masks of their own in it".to_owned();
                    return Some((
                        "of",
                        what,
                        "add a branch of kind `random_mask`; `reinit` has the ticket's mask",
                    ));
                }
                let copies = |of: &String| {
                    branches
                        .iter()
                        .find(|branch| branch.name == *of)
                        .map_or(1, |branch| branch.copies as usize)
                };
                vec![self.of.iter().map(copies).sum()]
            }
        };
        let most = masks.into_iter().max().filter(|most| *most > MOST_MASKS)?;
        let what =
            format!("{most} masks are to be compared with each other, at most {MOST_MASKS} are possible");
        Some((if self.between == Between::Rounds { "rounds" } else { "of" }, what, "choose fewer"))
    }
}

impl Compare for MaskDistance {
    fn compare(&self, name: &str, line: &Line, rounds: &[RoundPlan], jobs: &mut Jobs) -> Vec<AnalysisPlan> {
        let mut together: BTreeMap<(String, u32), Vec<(&RoundPlan, Input)>> = BTreeMap::new();
        for round in rounds.iter().filter(|round| self.of.contains(&called(round)) && self.wants(round.round))
        {
            let Some(job) = round.mask else { continue };
            let key = match self.between {
                Between::Rounds => (round.branch.clone(), round.copy),
                Between::Lines => (String::new(), round.round),
            };
            let (mask, masks) = (Input { job, output: Output::Mask }, together.entry(key).or_default());
            // A branch with the ticket's mask is as far from everything as the ticket is.
            if masks.iter().all(|(_, known)| *known != mask) {
                masks.push((round, mask));
            }
        }
        let mut plans = Vec::new();
        for masks in together.into_values().filter(|masks| masks.len() > 1) {
            let inputs = masks.iter().map(|(_, mask)| *mask).collect();
            let job = jobs
                .add(JobSpec::MaskDistance(MaskDistanceJob { network: line.network.clone(), masks: inputs }));
            // Each mask says which number it has in the job, so that a row of the result can be led back to two of them.
            plans.extend((0..).zip(&masks).map(|(number, (round, _))| AnalysisPlan {
                analysis: name.to_owned(),
                ends: word_of(BETWEEN, self.between).to_owned(),
                branch: round.branch.clone(),
                copy: round.copy,
                round: round.round,
                pair: [number, number],
                job,
            }));
        }
        plans
    }

    fn most_jobs(&self, last: u32, branches: &[Branch]) -> u64 {
        let copies = |of: &String| {
            branches.iter().find(|branch| branch.name == *of).map_or(1, |branch| u64::from(branch.copies))
        };
        match self.between {
            Between::Rounds => self.of.iter().map(copies).sum(),
            Between::Lines => (1..=last).filter(|round| self.wants(*round)).count() as u64,
        }
    }

    fn mistake(&self, _trial: &TrialSettings) -> Option<(&'static str, String, String)> {
        None
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let rounds = self.rounds.as_ref().map(|rounds| joined(&rounds.iter().copied().collect::<Vec<_>>()));
        vec![
            ("between", word_of(BETWEEN, self.between).to_owned()),
            ("of", self.of.join(", ")),
            ("rounds", rounds.unwrap_or_else(|| "all".to_owned())),
        ]
    }
}
