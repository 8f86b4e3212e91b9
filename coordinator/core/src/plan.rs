//! A sweep expanded: trials, their rounds, and the jobs behind them, each job once.
//!
//! Made by `sweep::expand` from a sweep file alone, so that `tombola plan` works without a coordinator; compared with
//! what is stored by fingerprint.

use crate::{keep::Keep, verdict::Until};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};
use tombola_spec::{
    Fingerprint, Steps,
    job::{JobSpec, Output, Settled},
    settings,
};

/// Everything a sweep file asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The sweep's name.
    pub name: String,
    /// Trials in file order (first axis slowest, seeds fastest).
    pub trials: Vec<TrialPlan>,
    /// Jobs, each once, parents before children.
    pub jobs: Vec<JobPlan>,
    /// The settings of `select`, by dotted name; empty without it.
    pub select: Vec<(String, String)>,
    /// Whether it depends on results how far its trials go: a whole plan has then what they can come to at most, any other
    /// what is certain so far.
    pub decides: bool,
    /// What stays of its trainings once nobody reads it any more.
    pub keep: Keep,
}

impl Plan {
    /// The jobs of which more than masks stays; `None` = of all.
    pub fn kept(&self) -> Option<HashSet<Fingerprint>> {
        let rounds = || self.trials.iter().flat_map(|trial| &trial.rounds);
        match self.keep {
            Keep::All => None,
            Keep::Ends => {
                let analyses = self.trials.iter().flat_map(|trial| &trial.analyses).map(|row| row.job);
                Some(rounds().filter_map(|round| round.train.last().copied()).chain(analyses).collect())
            }
            Keep::Rewinds => Some(rounds().map(|round| round.origin).collect()),
            Keep::None => Some(HashSet::new()),
        }
    }
}

/// One assignment of all settings, one seed.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialPlan {
    /// Identity inside the sweep: axis values and seed in a stable text, such as `prune.rate=0.2 seed=1`. Extending a
    /// sweep keeps the keys of the trials it has.
    pub key: String,
    /// The seed.
    pub seed: u64,
    /// Which repeat of the same seed (0 unless `repeat` is used).
    pub repeat: u32,
    /// The values this trial has on the sweep's axes, by dotted name.
    pub axes: BTreeMap<String, Value>,
    /// Resolved settings.
    pub settings: TrialSettings,
    /// The trial's own line first, then branches.
    pub rounds: Vec<RoundPlan>,
    /// The jobs of analyses of these rounds.
    pub analyses: Vec<AnalysisPlan>,
}

/// Every setting of a trial, resolved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialSettings {
    /// Network, data, optimizer, numerics.
    pub recipe: Arc<settings::Recipe>,
    /// Length T of a training run.
    pub steps: Steps,
    /// Pruning, `None` = one dense training.
    pub prune: Option<PruneLine>,
    /// The name of the file with the weights the trial begins with, `None` = they are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<FileName>,
    /// Training on another task before, whose end is what the trial begins with (open_lth's `--pretrain`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrain: Option<Pretrain>,
}

/// Training on another task, whose end takes the place of an initialization.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pretrain {
    /// Network, data, optimizer, numerics.
    pub recipe: Arc<settings::Recipe>,
    /// Its length.
    pub steps: Steps,
}

/// How a trial's line of rounds is pruned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PruneLine {
    /// Criterion, scope, amount; a density is that of the last round.
    pub rule: settings::Prune,
    /// Number of prune steps after the dense round 0.
    pub rounds: u32,
    /// The step survivors go back to.
    pub rewind: Steps,
    /// Which weights are scored.
    #[serde(default, skip_serializing_if = "tombola_spec::is_default")]
    pub when: When,
    /// The examples a criterion looks at, `None` where it looks at none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<Scoring>,
    /// What survivors train on from.
    #[serde(default, skip_serializing_if = "tombola_spec::is_default")]
    pub after: After,
    /// Whether the dense round begins anew at the rewind point.
    #[serde(default, skip_serializing_if = "tombola_spec::is_default")]
    pub trunk: Trunk,
    /// How an early-bird ticket is searched for, `None` = it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchLine>,
    /// Where the line ends before its last round, `None` = it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// Files with scores or masks, one for each round, `None` = weights are scored here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
}

/// Scores or masks from files of people's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Given {
    /// Their names.
    pub file: FileName,
    /// What they hold: [`Output::Scores`] or [`Output::Mask`].
    pub holds: Output,
}

/// The name of a file beside the sweep file, in which `{seed}`, `{repeat}` and `{round}` stand for a trial's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(pub String);

impl FileName {
    /// The name for a trial and a round.
    pub fn of(&self, seed: u64, repeat: u32, round: u32) -> String {
        let filled = self.0.replace("{seed}", &seed.to_string());
        filled.replace("{repeat}", &repeat.to_string()).replace("{round}", &round.to_string())
    }
}

/// How an early-bird ticket is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SearchLine {
    /// When masks no longer change.
    pub settled: Settled,
    /// Whether training goes on to its end once the ticket is found.
    pub whole: bool,
}

impl PruneLine {
    /// The rule of the prune step before a round.
    pub fn step(&self, round: u32) -> settings::Prune {
        settings::Prune { amount: self.rule.amount.after(round, self.rounds), ..self.rule.clone() }
    }

    /// Weight tensors that no prune step cuts.
    pub fn whole(&self) -> Vec<String> {
        self.rule.rates.iter().filter(|(_, rate)| **rate == 0.0).map(|(name, _)| name.clone()).collect()
    }
}

/// What survivors of a prune step train on from (arXiv 2003.02389, section 2). The optimizer is always a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The weights of the rewind point, by the schedule from there: weight rewinding.
    #[default]
    Rewind,
    /// The weights they have, by the schedule from the rewind point: learning-rate rewinding.
    LrRewind,
    /// The weights they have, at the learning rate of the schedule's end, as long as from the rewind point: fine-tuning.
    Finetune,
}

/// How the dense round goes past the rewind point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trunk {
    /// As if there were none: trials with other rewind points share it.
    #[default]
    Shared,
    /// With a fresh optimizer, as the pruned rounds begin (open_lth's level 0).
    Restart,
}

/// Which weights a prune step scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Those at the end of the round before.
    #[default]
    Trained,
    /// The initial ones: pruning before training.
    Init,
    /// Those of the rewind point.
    Rewind,
    /// Those of the epoch from which on the mask they give no longer changes (arXiv 1909.11957); training goes on from there.
    EarlyBird,
}

/// The examples a criterion looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scoring {
    /// So many times the number of classes.
    pub per_class: u32,
    /// Whether each class gives as many.
    pub balanced: bool,
    /// Seed of the draw; `None` = the trial's own, so that each seed draws others.
    pub seed: Option<u64>,
    /// How batch normalization goes.
    pub mode: settings::ScoreMode,
}

/// One round of a trial, or of a branch grown from one.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundPlan {
    /// Branch name; empty on the trial's own line.
    pub branch: String,
    /// What the branch is: `ticket` on the own line, else `reinit`, `random_mask`, …
    pub kind: String,
    /// The branch whose data and training settings it is trained by; empty for the trial's own. Only rounds of one course
    /// compare.
    pub course: String,
    /// Copy of the branch, from 0.
    pub copy: u32,
    /// Number of prunings done; 0 = dense.
    pub round: u32,
    /// The job that makes this round's mask; `None` = dense.
    pub mask: Option<Fingerprint>,
    /// Training segments in order; the last one's end is the round's end.
    pub train: Vec<Fingerprint>,
    /// Where this round's weights come from: the segment rewound to (its `weights`) or the one that drew them (its
    /// `initial`). The ticket's theta_k.
    pub origin: Fingerprint,
    /// The step training starts at; 0 where that is found by a search.
    pub start: Steps,
    /// Density this round will have, from the ladder.
    pub density: f64,
}

/// One job of an analysis of a round. An analysis compares numbered solutions; where it trains one of them for itself,
/// the job says that number twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalysisPlan {
    /// Name of the analysis.
    pub analysis: String,
    /// What is compared: `copies` of a round, `rounds` of a line, `lines` of a round, `trials`, `criteria`, or a `round` with
    /// itself made smaller. Nothing is by a `search` for a ticket and a `file` taken in, which stand here to be found.
    pub ends: String,
    /// Branch of the round; empty on the trial's own line.
    pub branch: String,
    /// Copy of that branch.
    pub copy: u32,
    /// The round; of consecutive rounds the earlier one.
    pub round: u32,
    /// Numbers of the two solutions compared; twice the same for the training of one.
    pub pair: [u32; 2],
    /// The job.
    pub job: Fingerprint,
}

/// One job and what it waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct JobPlan {
    /// Identity.
    pub fingerprint: Fingerprint,
    /// What to do.
    pub spec: Arc<JobSpec>,
    /// Jobs whose outputs it reads, each once.
    pub parents: Vec<Fingerprint>,
    /// Iterations on the longest way from this job (included) to the end of the sweep: the critical path first.
    pub height: u64,
    /// How many rounds and analyses of this sweep have this very job (1 = not shared inside the sweep).
    pub users: u32,
}
