//! The text of a sweep file: a plan, or mistakes that each have a place and words.

use super::{Target, repository};
use tombola_core::{
    describe::describe,
    plan::Plan,
    sweep::{self, Dense, Diagnostics, Extent},
    verdict::Verdicts,
};
use tombola_spec::{Fingerprint, job::JobSpec};

pub(crate) const TARGET: Target = Target { name: "sweep_file", run, seeds, words: WORDS, longest: 6144 };

/// Names of settings and kinds, and what people put where something else belongs.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "name = \"a\"\n", "seeds = ", "\"1..=2\"", "repeat = ", "[axes]\n", "[branch]\n", "[analysis]\n",
    "[files]\n", "[select]\n", "[pretrain]\n", "[model]\n", "[data]\n", "[train]\n", "[prune]\n", "prune.",
    "train.", "data.", "model.", "axes.", "branch.", "analysis.", "kind = ", "\"reinit\"",
    "\"random_mask\"", "\"inverted\"", "\"join\"", "\"retrain\"", "\"weights\"", "\"connectivity\"",
    "\"mask_distance\"", "\"collapse\"", "\"slim\"", "rounds = ", "copies = ", "criterion = ",
    "\"magnitude\"", "\"synflow\"", "\"snip\"", "\"grasp\"", "\"random\"", "\"supermask\"", "\"bn_scale\"",
    "\"l1_filter\"", "scope = ", "\"global\"", "\"per_layer\"", "rate = ", "rates = { ", "density = ",
    "rewind = ", "until = ", "keep = ", "schedule = ", "\"exponential\"", "range = ", "log10 = ", "step = ",
    "steps = ", "\"100it\"", "\"2ep\"", "\"1ep5it\"", "optimizer = ", "\"sgd\"", "\"adam\"", "\"adamw\"",
    "\"rmsprop\"", "lr = ", "\"cosine\"", "\"linear\"", "batch = ", "validation = ", "augment = ",
    "subset = ", "noise = ", "freeze = ", "milestones = ", "gamma = ", "warmup = ",
    "\"mnist_lenet_300_100\"", "\"cifar_resnet_20\"", "\"cifar_vgg_11\"", "\"imagenet_resnet_18\"",
    "\"conv2\"", "_65536", "\"mnist\"", "\"cifar10\"", "nan", "inf", "-1", "1e308", "-0.0",
    "18446744073709551615", "4294967295", "\"0..=18446744073709551615\"", "\"4294967295ep\"", "{ ", " }",
    "[[", "]]", "..=",
];

/// Plans of so many jobs are looked at closely.
const FEW: usize = 300;

fn seeds() -> Vec<Vec<u8>> {
    repository("deploy/sweeps", "toml")
}

fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match sweep::load(text) {
        Err(mistakes) => check(text, &mistakes),
        Ok(plan) if plan.jobs.len() <= FEW => is_whole(text, &plan),
        Ok(_) => {}
    }
}

/// Every mistake has a place in the file and says what is wrong.
fn check(text: &str, mistakes: &Diagnostics) {
    assert!((1..=100).contains(&mistakes.0.len()), "{} mistakes", mistakes.0.len());
    for mistake in &mistakes.0 {
        assert!(!mistake.what.is_empty() && mistake.column >= 1, "{mistake}");
        assert!((1..=text.lines().count().max(1) as u32 + 1).contains(&mistake.line), "{mistake}");
    }
}

/// What can be planned can be told of, counted and sent, and does not differ from itself.
fn is_whole(text: &str, plan: &Plan) {
    let file = sweep::parse(text).expect("it was read a moment ago");
    assert!(!sweep::resolved(&file).is_empty());
    let certain = sweep::expand_onto(&file, &Dense::new(), Extent::Decided(&Verdicts::new()));
    let certain = certain.expect("it was planned a moment ago");
    assert!(certain.jobs.len() <= plan.jobs.len(), "more is certain than there is");
    assert!(sweep::diff(plan, plan).is_empty() && sweep::lost(plan, plan).is_empty());
    let cost = sweep::cost(plan, &plan.jobs);
    assert_eq!((cost.jobs, sweep::summary(plan).trials), (plan.jobs.len() as u64, plan.trials.len() as u64));
    for job in &plan.jobs {
        assert!(!describe(&job.spec).is_empty());
        let sent = serde_json::to_string(&*job.spec).expect("a job has a JSON form");
        let read: JobSpec = serde_json::from_str(&sent).expect("it was written a moment ago");
        assert_eq!(Fingerprint::of(&read), job.fingerprint, "{sent}");
    }
}
