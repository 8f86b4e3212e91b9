//! `slim`: what a round's network costs as its mask leaves it, and without the units that are dead: parameters, operations,
//! bytes, time. Of masks of channels all dead ones go; of masks of single weights only what is wholly dead.

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
        tree::Node,
        value::{Reading, count, not},
    },
};
use std::sync::Arc;
use tombola_spec::job::{Input, JobSpec, Output, SlimJob};

/// Far beyond any use: who asks for more has mistyped.
const MOST_IMAGES: u32 = 65_536;
const MOST_PASSES: u32 = 10_000;

#[derive(Debug)]
struct Slim {
    places: Places,
    batch: u32,
    passes: u32,
}

pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let places = Places::read(table, given, vec![TICKET.to_owned()]);
    let batch = table.or("batch", 100, up_to(MOST_IMAGES));
    let passes = table.or("passes", 20, up_to(MOST_PASSES));
    let slim = Slim { places: places?, batch: batch?, passes: passes? };
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
    /// How many networks of a line are measured in a trial of `last` prunings.
    fn places_of(&self, of: &str, last: u32, branches: &[Branch]) -> u64 {
        let (there, copies) = self.places.of_line(of, last, branches);
        there.len() as u64 * copies
    }

    /// Whether every line has one of the rounds in the longest trial; if not, that is noted.
    fn finds_some(&self, table: &mut Section<'_, '_>, given: &Given<'_>) -> bool {
        let empty = self.places.empty(given, |of, last| self.places_of(of, last, given.branches));
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
                dtype: recipe.dtype.kept(),
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
        rounds.iter().filter(|round| self.places.have(round)).filter_map(measure).collect()
    }

    fn most_jobs(&self, last: u32, branches: &[Branch]) -> u64 {
        self.places.of.iter().map(|of| self.places_of(of, last, branches)).sum()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let [of, rounds] = self.places.settings();
        vec![of, rounds, ("batch", self.batch.to_string()), ("passes", self.passes.to_string())]
    }
}
