//! `connectivity`: loss and error on the straight line between two solutions (arXiv 1912.05671, section 2): between copies of a
//! round's training that differ in nothing but the order of the data, or between consecutive rounds of a line.

use super::{Compare, Given};
use crate::{
    plan::{AnalysisPlan, RoundPlan, TrialSettings},
    sweep::{
        branch::Branch,
        diagnostic::{Problem, suggest},
        expand::Line,
        jobs::Jobs,
        resolved::joined,
        section::Section,
        tree::{Node, Val},
        value::{Reading, count, list, not, numbers, text, word, word_of},
    },
};
use std::{collections::BTreeSet, sync::Arc};
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

/// What a trial's own line is called in `of`.
pub(super) const TICKET: &str = "ticket";

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
    /// Branches, the own line as `ticket`.
    of: Vec<String>,
    /// `None` = all there are.
    rounds: Option<BTreeSet<u32>>,
    /// Trainings of each round, its own included.
    copies: u32,
    alphas: u32,
    on: Vec<Split>,
    bn: Vec<BatchStatistics>,
}

pub(super) fn read(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Arc<dyn Compare>> {
    let between = table.or("between", Between::Copies, word(BETWEEN));
    let of = table.or("of", vec![TICKET.to_owned()], lines(given));
    let rounds = rounds(table, given);
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
    let (between, of, rounds, copies) = (between?, of?, rounds?, copies?);
    let read = Connectivity { between, of, rounds, copies, alphas: alphas?, on: on?, bn: bn? };
    read.finds_some(table, given).then(|| Arc::new(read) as Arc<dyn Compare>)
}

/// A list of which nothing is missing and nothing there twice.
fn several<T: PartialEq>(one: impl Fn(&Node) -> Reading<T>) -> impl Fn(&Node) -> Reading<Vec<T>> {
    move |node| {
        let items = list(&one)(node)?;
        let twice = items.iter().enumerate().find(|(at, item)| items[..*at].contains(item));
        let what = match twice {
            _ if items.is_empty() => "there is nothing in it",
            Some(_) => "something is there twice",
            None => return Ok(items),
        };
        Err(vec![Problem::new(node.at, what, "write each of what you want once")])
    }
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

/// Names of branches, and `ticket`.
pub(super) fn lines(given: &Given<'_>) -> impl Fn(&Node) -> Reading<Vec<String>> {
    let known: Vec<String> = [TICKET.to_owned()].into_iter().chain(given.names.iter().cloned()).collect();
    move |node| {
        let one = |node: &Node| {
            let name = text(node)?;
            if known.contains(&name) {
                return Ok(name);
            }
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let what = format!("there is no branch `{name}`");
            Err(vec![Problem::new(node.at, what, suggest(&name, &known, "lines of this sweep:"))])
        };
        several(one)(node)
    }
}

/// The rounds as written if every trial has them, inside: `None` for all.
pub(super) fn rounds(table: &mut Section<'_, '_>, given: &Given<'_>) -> Option<Option<BTreeSet<u32>>> {
    let Some(written) = table.get("rounds") else {
        table.defaulted("rounds");
        return Some(None);
    };
    if matches!(&written.node.value, Val::Text(text) if text == "all") {
        return Some(None);
    }
    let rounds = table.read("rounds", &written.node, numbers)?;
    let most = rounds.iter().copied().max().unwrap_or(0);
    let short: Vec<u32> = given.lasts.iter().copied().filter(|last| most > u64::from(*last)).collect();
    for last in &short {
        let hint = match last {
            0 => "nothing is pruned: round 0 is all there is".to_owned(),
            _ => format!("`prune.rounds` is {last}; leave `rounds` out for every round there is"),
        };
        table.complain("rounds", format!("there is no round `{most}`"), hint);
    }
    let rounds = rounds.into_iter().map(|round| u32::try_from(round).unwrap_or(u32::MAX));
    short.is_empty().then(|| Some(rounds.collect()))
}

impl Connectivity {
    fn wants(&self, round: u32) -> bool {
        self.rounds.as_ref().is_none_or(|rounds| rounds.contains(&round))
    }

    /// The first solutions of the pairs of a line with these rounds.
    fn chosen(&self, there: &BTreeSet<u32>) -> Vec<u32> {
        let wanted = |round: u32| there.contains(&round) && self.wants(round);
        let leads = |round: &u32| match self.between {
            Between::Copies => wanted(*round),
            Between::Rounds => wanted(*round) && wanted(*round + 1),
        };
        there.iter().copied().filter(leads).collect()
    }

    /// The chosen rounds of a line in a trial of `last` prunings, times the copies of the branch.
    fn places(&self, of: &str, last: u32, branches: &[Branch]) -> u64 {
        match branches.iter().find(|branch| branch.name == of) {
            Some(branch) => {
                let there = branch.rounds_of(last).into_iter().collect();
                self.chosen(&there).len() as u64 * u64::from(branch.copies)
            }
            None => self.chosen(&(0..=last).collect()).len() as u64,
        }
    }

    /// Whether every line has something to compare in the longest trial; if not, that is noted.
    fn finds_some(&self, table: &mut Section<'_, '_>, given: &Given<'_>) -> bool {
        let Some(&last) = given.lasts.last() else { return true };
        let is_read = |of: &String| of == TICKET || given.branches.iter().any(|branch| branch.name == *of);
        let empty = |of: &&String| is_read(of) && self.places(of, last, given.branches) == 0;
        let empty: Vec<&String> = self.of.iter().filter(empty).collect();
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

    fn job(&self, line: &Line, ends: [Fingerprint; 2], jobs: &mut Jobs) -> Fingerprint {
        jobs.add(JobSpec::Connectivity(ConnectivityJob {
            recipe: line.recipe.clone(),
            ends,
            alphas: self.alphas,
            on: self.on.clone(),
            bn: self.bn.clone(),
        }))
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
                    self.wants(next.round)
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
        let called = |round: &RoundPlan| {
            if round.branch.is_empty() { TICKET.to_owned() } else { round.branch.clone() }
        };
        for round in rounds.iter().filter(|round| self.of.contains(&called(round)) && self.wants(round.round))
        {
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
                    plans.push(plan([a, b], self.job(line, [from, to], jobs)));
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
        self.of.iter().map(|of| self.places(of, last, branches) * each).sum()
    }

    fn mistake(&self, trial: &TrialSettings) -> Option<(&'static str, String, String)> {
        if self.on.contains(&Split::Validation) && trial.recipe.data.validation == 0 {
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
        let rounds = self.rounds.as_ref().map(|rounds| joined(&rounds.iter().copied().collect::<Vec<_>>()));
        let words = |words: Vec<&str>| words.join(", ");
        let mut settings = vec![
            ("between", word_of(BETWEEN, self.between).to_owned()),
            ("of", self.of.join(", ")),
            ("rounds", rounds.unwrap_or_else(|| "all".to_owned())),
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
