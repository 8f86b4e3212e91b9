//! What is searched for while a network trains, and masks compared between trials: from a sweep file to jobs.

use std::collections::BTreeSet;
use tombola_core::{
    plan::{Plan, TrialPlan},
    sweep,
};
use tombola_spec::{
    Fingerprint, Steps,
    job::{Compared, JobSpec, PruneJob, Scored, Search, Start, Ticket, TrainJob},
    settings::{Amount, Unit},
};

/// VGG-11, its channels pruned by early-bird tickets of two rates.
fn file(prune: &str, extra: &str) -> String {
    format!(
        r#"name = "early"
seeds = [1, 2]
model = {{ name = "cifar_vgg_11" }}
data = {{ set = "cifar10" }}
train = {{ steps = "10ep", batch = 100, optimizer = "sgd", lr = 0.1, bn_l1 = 1e-4 }}
prune = {{ when = "early_bird", unit = "channel", criterion = "bn_scale", scope = "global", rate = 0.3{prune} }}
{extra}
"#
    )
}

const RATES: &str = "[axes]\n\"prune.rate\" = [0.3, 0.5]";

#[track_caller]
fn load(text: &str) -> Plan {
    sweep::load(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

#[track_caller]
fn job(plan: &Plan, fingerprint: Fingerprint) -> &JobSpec {
    &plan.jobs.iter().find(|job| job.fingerprint == fingerprint).expect("it is in the plan").spec
}

#[track_caller]
fn training(plan: &Plan, fingerprint: Fingerprint) -> &TrainJob {
    job(plan, fingerprint).training().expect("a training")
}

/// The step that cuts a trial's ticket, and what it was found by.
fn cut<'a>(plan: &'a Plan, trial: &TrialPlan) -> (Fingerprint, &'a PruneJob, Ticket) {
    let mask = trial.rounds[1].mask.expect("round 1 is pruned");
    match job(plan, mask) {
        JobSpec::Prune(prune @ PruneJob { weights: Scored::Found(ticket), .. }) => (mask, prune, *ticket),
        other => panic!("{other:?}"),
    }
}

fn search<'a>(plan: &'a Plan, trial: &TrialPlan) -> &'a Search {
    training(plan, cut(plan, trial).2.search).search.as_ref().expect("it searches")
}

#[test]
fn one_training_of_each_seed_searches_for_the_tickets_of_all_rates() {
    let plan = load(&file("", RATES));
    let searches: BTreeSet<Fingerprint> =
        plan.trials.iter().map(|trial| cut(&plan, trial).2.search).collect();
    assert_eq!((plan.trials.len(), searches.len()), (4, 2));
    for (trial, rate) in plan.trials.iter().zip([0.3, 0.3, 0.5, 0.5]) {
        let (_, step, ticket) = cut(&plan, trial);
        assert_eq!(step.rule.amount, Amount::Rate(rate));
        assert_eq!(search(&plan, trial).rules[ticket.rule as usize], step.rule);
        assert_eq!((step.rule.unit, step.mask), (Unit::Channel, None));
        // The dense training again, to its end at the latest.
        let (searching, dense) = (training(&plan, ticket.search), training(&plan, trial.rounds[0].train[0]));
        assert_eq!(TrainJob { search: None, ..searching.clone() }, *dense);
    }
}

#[test]
fn a_ticket_trains_from_where_it_is_found_with_the_weights_it_had_there() {
    let plan = load(&file(
        "",
        "branch.again = { kind = \"retrain\" }\nbranch.reinit = {}\nbranch.random = { kind = \"random_mask\", weights = \"rewind\" }",
    ));
    let trial = &plan.trials[0];
    let (cut, ..) = cut(&plan, trial);
    let of = |branch: &str| {
        let round = trial.rounds.iter().rfind(|round| round.branch == branch).expect("it grows");
        (training(&plan, round.train[0]), round.origin)
    };
    let (ticket, origin) = of("");
    assert_eq!((&ticket.start, origin), (&Start::Found(cut), cut));
    // With the full budget, from the same weights.
    let (again, origin) = of("again");
    assert_eq!((&again.start, again.from, origin), (&Start::Rewind(cut), Steps::ZERO, cut));
    assert!(matches!(of("reinit").0.start, Start::Init(_)));
    let (random, _) = of("random");
    assert!(random.start == Start::Found(cut) && random.mask != ticket.mask);
    // The dense network's own retraining knows of no ticket.
    let dense =
        trial.rounds.iter().find(|round| (round.branch.as_str(), round.round) == ("again", 0)).unwrap();
    assert!(matches!(training(&plan, dense.train[0]).start, Start::Init(_)));
}

#[test]
fn masks_settle_as_in_the_papers_code_unless_the_file_says_otherwise() {
    let plain = load(&file("", ""));
    let Search { settled, whole, .. } = search(&plain, &plain.trials[0]);
    assert_eq!(
        (settled.window, settled.distance, settled.compared, *whole),
        (5, 0.1, Compared::Newest, false)
    );
    let own = load(&file(
        ", search = { window = 3, distance = 0.05, compare = \"neighbours\", until = \"end\" }",
        "",
    ));
    let Search { settled, whole, .. } = search(&own, &own.trials[0]);
    assert_eq!(
        (settled.window, settled.distance, settled.compared, *whole),
        (3, 0.05, Compared::Neighbours, true)
    );
}

#[test]
fn another_rate_is_another_search_and_so_no_extension() {
    let (one, two) = (load(&file("", "[axes]\n\"prune.rate\" = [0.3]")), load(&file("", RATES)));
    let lost = sweep::lost(&one, &two);
    let told = lost.iter().find(|change| change.setting == "prune.search").expect("the search differs");
    assert_eq!(told.new.as_deref(), Some("by one training for rate 0.3, rate 0.5"));
    let more = file("", RATES).replace("[1, 2]", "[1, 2, 3]");
    assert_eq!(sweep::lost(&two, &load(&more)), []);
}

#[test]
fn masks_of_all_trials_are_compared_in_one_job_for_each_round_of_each_line() {
    let rewind = file(
        "",
        "[axes]\n\"prune.rewind\" = [\"2ep\", \"3ep\", \"4ep\"]\n[analysis]\nepochs = { kind = \"mask_distance\", between = \"trials\", unit = \"channel\" }",
    );
    let plan = load(&rewind.replace("early_bird", "rewind"));
    let compared = |job: &'_ JobSpec| match job {
        JobSpec::MaskDistance(job) => Some(job.clone()),
        _ => None,
    };
    let jobs: Vec<_> = plan.jobs.iter().filter_map(|job| compared(&job.spec)).collect();
    let [compared] = &jobs[..] else { panic!("{jobs:?}") };
    assert_eq!((compared.masks.len(), compared.unit), (6, Unit::Channel));
    for (number, trial) in (0..).zip(&plan.trials) {
        let [row] = &trial.analyses[..] else { panic!("{:?}", trial.analyses) };
        assert_eq!((row.ends.as_str(), row.round, row.pair), ("trials", 1, [number, number]));
        assert_eq!(Some(compared.masks[number as usize].job), trial.rounds[1].mask);
    }
}

#[test]
fn trials_with_one_mask_have_one_number() {
    let text = file(
        "",
        "[axes]\n\"train.lr\" = [0.1, 0.2]\n[analysis]\nd = { kind = \"mask_distance\", between = \"trials\" }",
    );
    let init = text.replace("early_bird", "init").replace("bn_scale", "l1_filter");
    let plan = load(&init);
    let numbers: Vec<[u32; 2]> = plan.trials.iter().map(|trial| trial.analyses[0].pair).collect();
    // Two seeds with each rate: what is drawn does not depend on the rate.
    assert_eq!(numbers, [[0, 0], [1, 1], [0, 0], [1, 1]]);
}

#[test]
fn a_search_after_another_task_begins_with_its_weights_and_a_new_output_layer() {
    let before = "pretrain.data = { subset = [0, 1] }\npretrain.train = { steps = \"1ep\" }";
    let plan = load(&file("", before));
    let trial = &plan.trials[0];
    let pretrained =
        trial.rounds.iter().find(|round| round.branch == "pretrain").expect("it is a round").train[0];
    let (cut, _, ticket) = cut(&plan, trial);
    let searching = training(&plan, ticket.search);
    assert_eq!(searching.start, Start::Rewind(pretrained));
    assert!(searching.head.is_some(), "there are ten classes now");
    // The ticket has weights of this task: its output layer stays.
    let tuned = training(&plan, trial.rounds[1].train[0]);
    assert_eq!((&tuned.start, &tuned.head), (&Start::Found(cut), &None));
}
