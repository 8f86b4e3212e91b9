//! `slim`: what a round's network costs as its mask leaves it, and without the units that are dead: parameters, operations,
//! bytes, time. Of masks of channels all dead ones go; of masks of single weights only what is wholly dead.

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
        tree::Node,
        value::{Reading, count, not},
    },
};
use std::{collections::BTreeSet, sync::Arc};
use tombola_spec::job::{Input, JobSpec, Output, SlimJob};

/// Far beyond any use: who asks for more has mistyped.
const MOST_IMAGES: u32 = 65_536;
const MOST_PASSES: u32 = 10_000;

#[derive(Debug)]
struct Slim {
    /// Branches, the own line as `ticket`.
    of: Vec<String>,
    /// `None` = all there are.
    rounds: Option<BTreeSet<u32>>,
    batch: u32,
    passes: u32,
}

pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let of = table.or("of", vec![TICKET.to_owned()], lines(given));
    let rounds = rounds(table, given);
    let batch = table.or("batch", 100, up_to(MOST_IMAGES));
    let passes = table.or("passes", 20, up_to(MOST_PASSES));
    let slim = Slim { of: of?, rounds: rounds?, batch: batch?, passes: passes? };
    slim.finds_some(table, given).then(|| Arc::new(slim) as Arc<dyn Compare>)
}

fn up_to(most: u32) -> impl Fn(&Node) -> Reading<u32> {
    move |node| {
        let number = count(node)?;
        if (1..=most).contains(&number) {
            return Ok(number);
        }
        not(node, &format!("a number from 1 to {most}"), "leave it out for the usual one")
    }
}

impl Slim {
    fn wants(&self, round: u32) -> bool {
        self.rounds.as_ref().is_none_or(|rounds| rounds.contains(&round))
    }

    /// How many networks of a line are measured in a trial of `last` prunings.
    fn places(&self, of: &str, last: u32, branches: &[Branch]) -> u64 {
        let wanted = |rounds: Vec<u32>| rounds.into_iter().filter(|round| self.wants(*round)).count() as u64;
        match branches.iter().find(|branch| branch.name == of) {
            Some(branch) => wanted(branch.rounds_of(last)) * u64::from(branch.copies),
            None => wanted((0..=last).collect()),
        }
    }

    /// Whether every line has one of the rounds in the longest trial; if not, that is noted.
    fn finds_some(&self, table: &mut Section<'_, '_>, given: &Given<'_>) -> bool {
        let Some(&last) = given.lasts.last() else { return true };
        let is_read = |of: &String| of == TICKET || given.branches.iter().any(|branch| branch.name == *of);
        let empty = |of: &&String| is_read(of) && self.places(of, last, given.branches) == 0;
        let empty: Vec<&String> = self.of.iter().filter(empty).collect();
        for of in &empty {
            let hint = "choose rounds that it grows from, or leave it out of `of`";
            table.complain("rounds", format!("`{of}` has none of these rounds"), hint);
        }
        empty.is_empty()
    }
}

impl Compare for Slim {
    fn compare(&self, name: &str, _line: &Line, rounds: &[RoundPlan], jobs: &mut Jobs) -> Vec<AnalysisPlan> {
        let measure = |round: &RoundPlan| {
            let weights = *round.train.last()?;
            // A branch may train by settings of its own. A mask does not fit a network with a new output layer.
            let JobSpec::Train(trained) = jobs.spec(weights)? else { return None };
            let (recipe, None) = (trained.recipe.clone(), &trained.head) else { return None };
            let job = jobs.add(JobSpec::Slim(SlimJob {
                network: recipe.network(),
                weights,
                mask: round.mask.map(|job| Input { job, output: Output::Mask }),
                dtype: recipe.dtype,
                batch: self.batch,
                passes: self.passes,
            }));
            Some(AnalysisPlan {
                analysis: name.to_owned(),
                ends: "round".to_owned(),
                branch: round.branch.clone(),
                copy: round.copy,
                round: round.round,
                pair: [round.round; 2],
                job,
            })
        };
        let wanted = |round: &&RoundPlan| self.of.contains(&called(round)) && self.wants(round.round);
        rounds.iter().filter(wanted).filter_map(measure).collect()
    }

    fn most_jobs(&self, last: u32, branches: &[Branch]) -> u64 {
        self.of.iter().map(|of| self.places(of, last, branches)).sum()
    }

    fn mistake(&self, _trial: &TrialSettings) -> Option<(&'static str, String, String)> {
        None
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let rounds = self.rounds.as_ref().map(|rounds| joined(&rounds.iter().copied().collect::<Vec<_>>()));
        vec![
            ("of", self.of.join(", ")),
            ("rounds", rounds.unwrap_or_else(|| "all".to_owned())),
            ("batch", self.batch.to_string()),
            ("passes", self.passes.to_string()),
        ]
    }
}
