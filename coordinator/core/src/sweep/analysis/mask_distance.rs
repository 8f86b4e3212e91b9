//! `mask_distance`: how much masks have in common, between the rounds of a line or between the lines of a round (arXiv
//! 1909.11957 draws such maps of epochs).

use super::{
    Compare, Given,
    choice::{Places, TICKET},
};
use crate::{
    plan::{AnalysisPlan, RoundPlan},
    sweep::{
        branch::Branch,
        jobs::Jobs,
        line::Line,
        section::Section,
        value::{word, word_of},
    },
};
use std::{collections::BTreeMap, sync::Arc};
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
    places: Places,
}

pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let between = table.or("between", Between::Rounds, word(BETWEEN));
    let ticket = [TICKET.to_owned()].into_iter();
    let usual = match between {
        Some(Between::Lines) => ticket.chain(given.names.iter().cloned()).collect(),
        _ => ticket.collect(),
    };
    let places = Places::read(table, given, usual);
    let read = MaskDistance { between: between?, places: places? };
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
        if self.places.rounds.as_ref().is_some_and(|rounds| rounds.contains(&0)) {
            return Some(("rounds", "the dense round 0 has no mask".to_owned(), "leave it out"));
        }
        let masks: Vec<usize> = match self.between {
            Between::Rounds => {
                let short = self.places.of.iter().find(|of| self.of_line(of, last, branches).0 < 2);
                if let Some(of) = short {
                    let what = format!("`{of}` has no two of these rounds");
                    return Some(("rounds", what, "choose more rounds, or leave it out of `of`"));
                }
                self.places.of.iter().map(|of| self.of_line(of, last, branches).0).collect()
            }
            Between::Lines => {
                // A branch that keeps the ticket's masks has none of its own.
                let compared = || branches.iter().filter(|branch| self.places.of.contains(&branch.name));
                let others = compared().filter(|branch| !branch.own_masks).count();
                let tickets =
                    self.places.of.iter().any(|of| of == TICKET) || compared().any(|branch| branch.own_masks);
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
                vec![self.places.of.iter().map(|of| self.of_line(of, last, branches).1).sum()]
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
        for round in rounds.iter().filter(|round| self.places.have(round)) {
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
        match self.between {
            Between::Rounds => {
                self.places.of.iter().map(|of| self.of_line(of, last, branches).1 as u64).sum()
            }
            Between::Lines => self.of_line(TICKET, last, branches).0 as u64,
        }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let [of, rounds] = self.places.settings();
        vec![("between", word_of(BETWEEN, self.between).to_owned()), of, rounds]
    }
}
