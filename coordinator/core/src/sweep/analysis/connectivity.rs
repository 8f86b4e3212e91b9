//! `connectivity`: loss and error on the straight line between two solutions (arXiv 1912.05671, section 2): between copies of a
//! round's training that differ in nothing but the order of the data, or between consecutive rounds of a line.

use super::{
    Compare, Given,
    choice::{Places, TICKET, several},
};
use crate::{
    plan::{AnalysisPlan, RoundPlan},
    sweep::{
        branch::Branch,
        file::Variant,
        jobs::Jobs,
        line::Line,
        section::Section,
        tree::Node,
        value::{Reading, count, not, word, word_of},
    },
};
use std::sync::Arc;
use tombola_spec::{
    Fingerprint,
    job::{BatchStatistics, ConnectivityJob, JobSpec},
    outcome::Split,
};

/// Far beyond any use: who asks for more has mistyped.
const MOST_ALPHAS: u32 = 1000;
const MOST_COPIES: u32 = 100;

const SPLITS: &[(&str, Split)] =
    &[("train", Split::Train), ("validation", Split::Validation), ("test", Split::Test)];
const STATISTICS: &[(&str, BatchStatistics)] =
    &[("interpolate", BatchStatistics::Interpolate), ("recompute", BatchStatistics::Recompute)];
const BETWEEN: &[(&str, Between)] = &[("copies", Between::Copies), ("rounds", Between::Rounds)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    /// Copies of the training of one round.
    Copies,
    /// The ends of consecutive rounds.
    Rounds,
}

#[derive(Debug)]
struct Connectivity {
    between: Between,
    places: Places,
    /// Trainings of each round, its own included.
    copies: u32,
    alphas: u32,
    on: Vec<Split>,
    bn: Vec<BatchStatistics>,
}

pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let between = table.or("between", Between::Copies, word(BETWEEN));
    let places = Places::read(table, given, vec![TICKET.to_owned()]);
    let copies = match between {
        Some(Between::Rounds) => {
            let what = "makes no sense between rounds";
            table.refuse(&["copies"], what, "leave it out, or write `between = \"copies\"`");
            Some(1)
        }
        _ => table.or("copies", 2, between_2_and(MOST_COPIES)),
    };
    let alphas = table.or("alphas", 30, between_2_and(MOST_ALPHAS));
    let on = table.or("on", vec![Split::Train, Split::Test], several(word(SPLITS)));
    let bn = table.or("bn", vec![BatchStatistics::Interpolate], several(word(STATISTICS)));
    let (between, places, copies) = (between?, places?, copies?);
    let read = Connectivity { between, places, copies, alphas: alphas?, on: on?, bn: bn? };
    read.finds_some(table, given).then(|| Arc::new(read) as Arc<dyn Compare>)
}

fn between_2_and(most: u32) -> impl Fn(&Node) -> Reading<u32> {
    move |node| {
        let number = count(node)?;
        if (2..=most).contains(&number) {
            return Ok(number);
        }
        not(node, &format!("a number from 2 to {most}"), "a line has two ends")
    }
}

impl Connectivity {
    /// How many pairs of solutions, or rounds with copies, a line has in a trial of `last` prunings.
    fn places_of(&self, of: &str, last: u32, branches: &[Branch]) -> u64 {
        let (there, copies) = self.places.of_line(of, last, branches);
        let leads = |round: &&u32| self.between == Between::Copies || there.contains(&(**round + 1));
        there.iter().filter(leads).count() as u64 * copies
    }

    /// Whether every line has something to compare in the longest trial; if not, that is noted.
    fn finds_some(&self, table: &mut Section<'_, '_>, given: &Given<'_>) -> bool {
        let empty = self.places.empty(given, |of, last| self.places_of(of, last, given.branches));
        for of in &empty {
            let (what, hint) = match self.between {
                Between::Copies => (
                    format!("`{of}` has none of these rounds"),
                    "choose rounds that it grows from, or leave it out of `of`",
                ),
                Between::Rounds => (
                    format!("`{of}` has no two consecutive ones of these rounds"),
                    "choose more rounds, or leave it out of `of`",
                ),
            };
            table.complain("rounds", what, hint);
        }
        empty.is_empty()
    }

    fn job(&self, ends: [Fingerprint; 2], jobs: &mut Jobs) -> Option<Fingerprint> {
        // A branch may train by settings of its own.
        let JobSpec::Train(first) = jobs.spec(ends[0])? else { return None };
        let recipe = first.recipe.clone();
        let (alphas, on, bn) = (self.alphas, self.on.clone(), self.bn.clone());
        Some(jobs.add(JobSpec::Connectivity(ConnectivityJob { recipe, ends, alphas, on, bn })))
    }

    /// Numbered solutions: the copies of a round, or it and the next.
    fn solutions(
        &self,
        line: &Line,
        round: &RoundPlan,
        rounds: &[RoundPlan],
        jobs: &mut Jobs,
    ) -> Vec<(u32, Fingerprint)> {
        let number = |number: u32, job: Option<Fingerprint>| job.map(|job| (number, job));
        match self.between {
            Between::Copies => {
                (0..self.copies).filter_map(|copy| number(copy, line.retrain(round, copy, jobs))).collect()
            }
            Between::Rounds => {
                let next = rounds.iter().find(|next| {
                    self.places.wants(next.round)
                        && (&next.branch, next.copy, next.round)
                            == (&round.branch, round.copy, round.round + 1)
                });
                let both = [Some(round), next].into_iter().flatten();
                both.filter_map(|round| number(round.round, round.train.last().copied())).collect()
            }
        }
    }
}

impl Compare for Connectivity {
    fn compare(&self, name: &str, line: &Line, rounds: &[RoundPlan], jobs: &mut Jobs) -> Vec<AnalysisPlan> {
        let mut plans = Vec::new();
        for round in rounds.iter().filter(|round| self.places.have(round)) {
            let plan = |pair, job| AnalysisPlan {
                analysis: name.to_owned(),
                ends: word_of(BETWEEN, self.between).to_owned(),
                branch: round.branch.clone(),
                copy: round.copy,
                round: round.round,
                pair,
                job,
            };
            let solutions = self.solutions(line, round, rounds, jobs);
            for (at, &(a, from)) in solutions.iter().enumerate() {
                if self.between == Between::Copies && a > 0 {
                    plans.push(plan([a, a], from));
                }
                for &(b, to) in &solutions[at + 1..] {
                    plans.extend(self.job([from, to], jobs).map(|job| plan([a, b], job)));
                }
            }
        }
        plans
    }

    fn most_jobs(&self, last: u32, branches: &[Branch]) -> u64 {
        let each = match self.between {
            Between::Copies => {
                u64::from(self.copies - 1) + u64::from(self.copies) * u64::from(self.copies - 1) / 2
            }
            Between::Rounds => 1,
        };
        self.places.of.iter().map(|of| self.places_of(of, last, branches) * each).sum()
    }

    fn mistake(&self, trial: &Variant) -> Option<(&'static str, String, String)> {
        let courses = self.places.of.iter().filter_map(|of| trial.courses.get(of));
        let mut all = courses.chain([&trial.settings]);
        let trial = &trial.settings;
        if self.on.contains(&Split::Validation) && all.any(|course| course.recipe.data.validation == 0) {
            let what = "there is no validation split".to_owned();
            return Some(("on", what, "add `data.validation`, or leave `validation` out of `on`".to_owned()));
        }
        let normalizes = trial.recipe.architecture().is_ok_and(|network| network.normalizes());
        if self.bn.contains(&BatchStatistics::Recompute) && !normalizes {
            let what = format!("`{}` has no batch normalization to recompute", trial.recipe.model.name);
            return Some(("bn", what, "write `bn = [\"interpolate\"]`, or leave it out".to_owned()));
        }
        None
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let [of, rounds] = self.places.settings();
        let words = |words: Vec<&str>| words.join(", ");
        let mut settings = vec![
            ("between", word_of(BETWEEN, self.between).to_owned()),
            of,
            rounds,
            ("alphas", self.alphas.to_string()),
            ("on", words(self.on.iter().map(|split| split.name()).collect())),
            ("bn", words(self.bn.iter().map(|bn| bn.name()).collect())),
        ];
        if self.between == Between::Copies {
            settings.insert(3, ("copies", self.copies.to_string()));
        }
        settings
    }
}
