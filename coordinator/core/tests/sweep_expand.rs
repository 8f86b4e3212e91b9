//! From a sweep file to trials, rounds and jobs: what is varied, what is shared, what it costs.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};
use tombola_core::{
    plan::{Plan, RoundPlan, TrialPlan},
    sweep::{self, Extent},
};
use tombola_spec::{
    Fingerprint, Steps,
    job::{Input, JobSpec, Scored, Start, Stream, TrainJob, Values},
    settings::Optimizer,
};

/// A small sweep: `extra` is added at the end.
fn file(seeds: &str, prune: &str, extra: &str) -> String {
    format!(
        r#"name = "small"
seeds = {seeds}
model = {{ name = "mnist_lenet_20" }}
data = {{ set = "mnist" }}
train = {{ steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1 }}
prune = {{ scope = "global", rate = 0.2, rounds = 3{prune} }}
{extra}
"#
    )
}

#[track_caller]
fn load(text: &str) -> Plan {
    sweep::load(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

fn keys(plan: &Plan) -> Vec<&str> {
    plan.trials.iter().map(|trial| trial.key.as_str()).collect()
}

fn fingerprints(plan: &Plan) -> BTreeSet<Fingerprint> {
    plan.jobs.iter().map(|job| job.fingerprint).collect()
}

/// Jobs of the one that the other has, too.
fn shared(one: &Plan, other: &Plan) -> usize {
    fingerprints(one).intersection(&fingerprints(other)).count()
}

#[track_caller]
fn job(plan: &Plan, fingerprint: Fingerprint) -> &JobSpec {
    &plan.jobs.iter().find(|job| job.fingerprint == fingerprint).expect("a round's jobs are in the plan").spec
}

/// Where each round of a line starts, by branch, copy and round.
fn rounds(trial: &TrialPlan) -> Vec<(&str, u32, u32)> {
    trial.rounds.iter().map(|round| (round.branch.as_str(), round.copy, round.round)).collect()
}

mod axes {
    use super::*;

    #[track_caller]
    fn assert_keys(axes: &str, expected: &[&str]) {
        assert_eq!(keys(&load(&file("1", "", &format!("[axes]\n{axes}")))), expected);
    }

    #[test]
    fn a_list_makes_a_trial_of_each_value() {
        assert_keys("\"prune.rate\" = [0.1, 0.5]", &["prune.rate=0.1 seed=1", "prune.rate=0.5 seed=1"]);
    }

    #[test]
    fn quotes_around_a_settings_name_make_no_difference() {
        let quoted = load(&file("1", "", "[axes]\n\"prune.rate\" = [0.1, 0.5]"));
        assert_eq!(quoted, load(&file("1", "", "[axes]\nprune.rate = [0.1, 0.5]")));
    }

    #[test]
    fn two_axes_make_a_grid_with_the_first_one_slowest() {
        assert_keys(
            "\"train.lr\" = [0.1, 0.2]\n\"prune.rewind\" = [\"0it\", \"10it\"]",
            &[
                "prune.rewind=0it train.lr=0.1 seed=1",
                "prune.rewind=10it train.lr=0.1 seed=1",
                "prune.rewind=0it train.lr=0.2 seed=1",
                "prune.rewind=10it train.lr=0.2 seed=1",
            ],
        );
    }

    #[test]
    fn settings_on_one_axis_vary_together() {
        assert_keys(
            "\"train.lr, train.batch\" = [[0.1, 50], [0.2, 100]]",
            &["train.batch=50 train.lr=0.1 seed=1", "train.batch=100 train.lr=0.2 seed=1"],
        );
    }

    #[test]
    fn a_range_has_its_end_if_it_says_so() {
        let rate = |value| format!("prune.rate={value} seed=1");
        let closed = [rate("0.1"), rate("0.3"), rate("0.5")];
        let closed: Vec<&str> = closed.iter().map(String::as_str).collect();
        assert_keys("\"prune.rate\" = { range = \"0.1..=0.5\", step = 0.2 }", &closed);
        assert_keys("\"prune.rate\" = { range = \"0.1..0.5\", step = 0.2 }", &closed[..2]);
        assert_keys(
            "\"prune.rounds\" = { range = \"1..=3\" }",
            &["prune.rounds=1 seed=1", "prune.rounds=2 seed=1", "prune.rounds=3 seed=1"],
        );
    }

    #[test]
    fn a_log_range_steps_through_powers_of_ten() {
        assert_keys(
            "\"train.lr\" = { log10 = \"-2..=-1\", step = 0.5 }",
            &["train.lr=0.01 seed=1", "train.lr=0.0316228 seed=1", "train.lr=0.1 seed=1"],
        );
    }

    #[test]
    fn a_rate_of_one_weight_is_a_setting_like_any_other() {
        let plan = load(&file("1", "", "[axes]\n\"prune.rates.fc.weight\" = [0, 0.1]"));
        let rates: Vec<f64> = plan
            .trials
            .iter()
            .map(|trial| trial.settings.prune.as_ref().unwrap().rule.rates["fc.weight"])
            .collect();
        assert_eq!(rates, [0.0, 0.1]);
    }

    #[test]
    fn seeds_are_a_number_a_list_or_a_range_and_run_fastest() {
        assert_eq!(keys(&load(&file("7", "", ""))), ["seed=7"]);
        assert_eq!(keys(&load(&file("[3, 1]", "", ""))), ["seed=3", "seed=1"]);
        let plan = load(&file("\"1..=2\"", "", "[axes]\n\"prune.rate\" = [0.1, 0.5]"));
        assert_eq!(
            keys(&plan),
            [
                "prune.rate=0.1 seed=1",
                "prune.rate=0.1 seed=2",
                "prune.rate=0.5 seed=1",
                "prune.rate=0.5 seed=2"
            ]
        );
    }

    #[test]
    fn repeats_are_whole_trials_with_other_noise() {
        let text = file("1", "", "").replace("seeds = 1", "seeds = 1\nrepeat = 2");
        let (twice, once) = (load(&text), load(&file("1", "", "")));
        assert_eq!(keys(&twice), ["seed=1", "seed=1 repeat=1"]);
        assert_eq!(twice.jobs.len(), 2 * once.jobs.len());
        assert_eq!(shared(&twice, &once), once.jobs.len(), "the first repeat is the trial there was");
    }

    #[test]
    fn a_sweep_without_pruning_is_one_dense_training_a_trial() {
        let text = file("\"1..=2\"", "", "");
        let text: String =
            text.lines().filter(|line| !line.starts_with("prune")).collect::<Vec<_>>().join("\n");
        let plan = load(&text);
        assert_eq!((plan.trials.len(), plan.jobs.len()), (2, 2));
        assert_eq!(rounds(&plan.trials[0]), [("", 0, 0)]);
    }
}

mod branches {
    use super::*;

    fn grown(branch: &str) -> Plan {
        load(&file("1", ", rewind = \"10it\"", &format!("[branch]\n{branch}")))
    }

    #[test]
    fn a_branch_grows_from_every_pruned_round_unless_it_says_which() {
        assert_eq!(
            rounds(&grown("reinit = {}").trials[0])[4..],
            [("reinit", 0, 1), ("reinit", 0, 2), ("reinit", 0, 3)]
        );
        assert_eq!(
            rounds(&grown("reinit = { rounds = \"all\" }").trials[0])[4..],
            [("reinit", 0, 1), ("reinit", 0, 2), ("reinit", 0, 3)]
        );
        assert_eq!(
            rounds(&grown("reinit = { rounds = [3, 1] }").trials[0])[4..],
            [("reinit", 0, 1), ("reinit", 0, 3)]
        );
        assert_eq!(
            rounds(&grown("reinit = { rounds = \"2..=3\" }").trials[0])[4..],
            [("reinit", 0, 2), ("reinit", 0, 3)]
        );
    }

    #[test]
    fn copies_of_a_branch_differ_in_their_noise_and_nothing_else() {
        let plan = grown("again = { kind = \"reinit\", rounds = [2], copies = 3 }");
        let trial = &plan.trials[0];
        assert_eq!(rounds(trial)[4..], [("again", 0, 2), ("again", 1, 2), ("again", 2, 2)]);
        let jobs: BTreeSet<_> = trial.rounds[4..].iter().map(|round| round.train[0]).collect();
        assert_eq!(jobs.len(), 3);
        assert!(
            trial.rounds[4..].iter().all(|copy| copy.mask == trial.rounds[2].mask),
            "the ticket's own mask"
        );
    }

    /// Data orders of the ticket's rounds 0 to 2 and of both copies of a control at rounds 1 and 2.
    fn orders(order: &str) -> Vec<Stream> {
        let plan = load(
            &file("1", "", "[branch]\nreinit = { rounds = [1, 2], copies = 2 }")
                .replace("rounds = 3 }", "rounds = 2 }")
                .replace("lr = 0.1", &format!("lr = 0.1, order = \"{order}\"")),
        );
        let of = |round: &RoundPlan| match job(&plan, round.train[0]) {
            JobSpec::Train(train) => train.order.clone(),
            other => panic!("{other:?}"),
        };
        plan.trials[0].rounds.iter().map(of).collect()
    }

    #[test]
    fn every_round_has_an_order_of_its_own_or_that_of_its_lines_round_0() {
        let fresh = orders("fresh");
        assert_eq!(fresh.iter().collect::<HashSet<_>>().len(), 7);
        let at = |branch: &str, copy| Stream { branch: branch.to_owned(), copy, ..fresh[0].clone() };
        let (ticket, controls) = (at("", 0), [at("reinit", 0), at("reinit", 1)]);
        let mut same = orders("same");
        assert_eq!(same.drain(..3).collect::<Vec<_>>(), vec![ticket; 3]);
        assert_eq!(same.iter().filter(|order| **order == controls[0]).count(), 2, "{same:?}");
        assert_eq!(same.iter().filter(|order| **order == controls[1]).count(), 2, "{same:?}");
    }

    #[test]
    fn a_control_starts_at_step_0_at_the_rewind_point_or_anywhere() {
        let start = |branch: &str| grown(branch).trials[0].rounds[4].start;
        assert_eq!(start("reinit = { rounds = 2 }"), Steps::ZERO);
        assert_eq!(start("reinit = { rounds = 2, start = \"rewind\" }"), Steps::its(10));
        assert_eq!(start("reinit = { rounds = 2, start = \"60it\" }"), Steps::its(60));
    }

    #[test]
    fn a_random_mask_takes_fresh_weights_the_trials_own_or_the_rewound_ones() {
        let start = |weights: &str| {
            let plan = grown(&format!("random_mask = {{ rounds = 2, weights = \"{weights}\" }}"));
            let (trial, round) = (&plan.trials[0], &plan.trials[0].rounds[4]);
            let JobSpec::Train(train) = job(&plan, round.train[0]).clone() else { panic!("a round trains") };
            let JobSpec::Train(dense) = job(&plan, trial.rounds[0].train[0]).clone() else { panic!() };
            assert_eq!(train.from, round.start);
            (train.start, dense.start, trial.rounds[0].train[0])
        };
        let (fresh, own, _) = start("fresh");
        assert!(matches!(&fresh, Start::Init(stream) if stream.branch == "random_mask") && fresh != own);
        let (same, own, _) = start("same");
        assert_eq!(same, own);
        let (rewound, _, trunk) = start("rewind");
        assert_eq!(rewound, Start::Rewind(trunk));
    }

    /// The training of a branch's only round, by name.
    #[track_caller]
    fn training_of(plan: &Plan, branch: &str) -> TrainJob {
        let mut rounds = plan.trials[0].rounds.iter().filter(|round| round.branch == branch);
        let (Some(round), None) = (rounds.next(), rounds.next()) else { panic!("one round of `{branch}`") };
        let JobSpec::Train(train) = job(plan, round.train[0]) else { panic!("a round trains") };
        train.clone()
    }

    #[test]
    fn a_reinit_may_keep_signs_or_values_of_the_weights_the_ticket_trained_from() {
        let redraw = |settings: &str| {
            let plan = grown(&format!("reinit = {{ rounds = 2, {settings} }}"));
            let trunk = plan.trials[0].rounds[0].train[0];
            match training_of(&plan, "reinit").start {
                Start::Redraw(redraw) => {
                    assert_eq!(redraw.after, Scored::Trained(trunk), "the rewind point is step 10");
                    assert_eq!((redraw.stream.branch.as_str(), redraw.stream.round), ("reinit", 2));
                    (redraw.values, redraw.keep_signs)
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(redraw("signs = \"kept\""), (Values::Fresh, true));
        assert_eq!(redraw("values = \"constant\", signs = \"kept\""), (Values::Constant, true));
        assert_eq!(redraw("values = \"shuffled\""), (Values::Shuffled, false));
        assert_eq!(redraw("values = { noise = 0.5 }"), (Values::Noise(0.5), false));
        // From initialization nothing has to be waited for.
        let plan = load(&file("1", "", "[branch]\nreinit = { rounds = 2, values = \"resampled\" }"));
        let Start::Redraw(redraw) = training_of(&plan, "reinit").start else { panic!("drawn after others") };
        assert!(matches!(&redraw.after, Scored::Drawn(drawn) if drawn.init.branch.is_empty()));
    }

    #[test]
    fn an_inverted_mask_is_cut_from_what_the_tickets_was_cut_from() {
        let plan = grown("inverted = { rounds = 2 }");
        let (own, other) = (&plan.trials[0].rounds[2], &plan.trials[0].rounds[4]);
        let prune = |mask: Option<Fingerprint>| match job(&plan, mask.unwrap()) {
            JobSpec::Prune(prune) => prune.clone(),
            other => panic!("{other:?}"),
        };
        let (own_mask, mut mask) = (prune(own.mask), prune(other.mask));
        assert!(mask.rule.invert && !own_mask.rule.invert);
        mask.rule.invert = false;
        assert_eq!(mask, own_mask);
        let own = job(&plan, own.train[0]);
        let (JobSpec::Train(own), train) = (own, training_of(&plan, "inverted")) else { panic!() };
        assert_eq!(
            (&train.start, train.from),
            (&own.start, own.from),
            "the ticket's weights, from its rewind point"
        );
    }

    #[test]
    fn a_ticket_is_transferred_by_the_settings_of_the_target() {
        let plan = grown(
            "transfer = { rounds = [0, 2], data = { set = \"fashion_mnist\" }, train = { lr = 0.5, steps = \"60it\" } }",
        );
        let (own, of) = (&plan.trials[0].rounds, |at: usize| &plan.trials[0].rounds[4 + at]);
        for (at, round) in [(0, 0), (1, 2)] {
            let JobSpec::Train(train) = job(&plan, of(at).train[0]) else { panic!("a round trains") };
            assert_eq!(
                (of(at).round, of(at).mask, of(at).course.as_str()),
                (round, own[round as usize].mask, "transfer")
            );
            assert_eq!(train.recipe.data.set, "fashion_mnist");
            assert_eq!((train.recipe.train.lr, train.from, train.to), (0.5, Steps::ZERO, Steps::its(60)));
            assert_eq!(train.recipe.train.batch, 50, "what it does not say is as in the trial");
            assert_eq!(train.start, Start::Rewind(own[0].train[0]), "the ticket's weights");
            assert_eq!((of(at).origin, &train.head), (own[0].train[0], &None));
        }
    }

    #[test]
    fn another_optimizer_does_not_inherit_the_constants_of_the_first() {
        let text = file(
            "1",
            "",
            "[branch]\nadam = { kind = \"retrain\", rounds = 1, train = { optimizer = \"adam\" } }",
        );
        let plan = load(&text.replace("optimizer = \"sgd\"", "optimizer = \"sgd\", momentum = 0.9"));
        let adam = training_of(&plan, "adam").recipe.train.optimizer;
        assert!(matches!(adam, Optimizer::Adam { .. }), "{adam:?}");
    }

    #[test]
    fn other_classes_get_an_output_layer_of_their_own() {
        let few = "transfer = { rounds = 2, data = { subset = [0, 1, 2] } }\n\
                   control = { kind = \"random_mask\", of = \"transfer\", weights = \"rewind\" }";
        let plan = grown(few);
        let (ticket, control) = (training_of(&plan, "transfer"), training_of(&plan, "control"));
        let head = ticket.head.clone().expect("a new output layer");
        assert_eq!((head.branch.as_str(), head.round), ("transfer", 2));
        assert_eq!(
            (control.head, control.start),
            (ticket.head, ticket.start),
            "the control begins with the same"
        );
        assert_eq!(control.recipe, ticket.recipe, "and is trained by the same settings");
        let round = plan.trials[0].rounds.iter().find(|round| round.branch == "control").unwrap();
        assert_eq!(round.course, "transfer");
        let same = grown("retrain = { rounds = 2, head = \"new\" }");
        assert!(training_of(&same, "retrain").head.is_some());
    }

    #[test]
    fn a_ticket_may_go_on_from_what_its_mask_was_cut_from_or_from_its_own_end() {
        let start = |weights: &str| {
            let plan = grown(&format!("retrain = {{ rounds = 2, weights = \"{weights}\" }}"));
            let ends = [1, 2].map(|round: usize| plan.trials[0].rounds[round].train[0]);
            let Start::Rewind(from) = training_of(&plan, "retrain").start else { panic!("trained weights") };
            ends.iter().position(|end| *end == from)
        };
        assert_eq!((start("before"), start("trained")), (Some(0), Some(1)));
    }

    #[test]
    fn copies_of_a_branch_of_a_branch_grow_from_each_copy_of_it() {
        let plan = grown(
            "a = { kind = \"random_mask\", rounds = [1, 2], copies = 2 }\n\
             b = { kind = \"reinit\", of = \"a\", rounds = 2, copies = 3 }",
        );
        let of = |branch: &str, copy: u32| {
            let same =
                |round: &&RoundPlan| (round.branch.as_str(), round.copy, round.round) == (branch, copy, 2);
            plan.trials[0].rounds.iter().find(same).unwrap().mask
        };
        let masks: Vec<_> = (0..6).map(|copy| of("b", copy)).collect();
        assert_eq!(masks[..3], vec![of("a", 0); 3]);
        assert_eq!(masks[3..], vec![of("a", 1); 3]);
        assert_eq!(plan.trials[0].rounds.iter().filter(|round| round.branch == "b").count(), 6);
    }

    #[test]
    fn the_masks_of_all_seeds_become_one() {
        let plan = load(&file("[1, 2, 3]", "", "[branch]\njoin = { rounds = 2, rule = \"majority\" }"));
        let masks: Vec<_> = plan.trials.iter().map(|trial| trial.rounds[2].mask.unwrap()).collect();
        let joins: BTreeSet<_> = plan.trials.iter().map(|trial| trial.rounds[4].mask.unwrap()).collect();
        assert_eq!(joins.len(), 1, "one job for all of them");
        let JobSpec::Join(join) = job(&plan, *joins.first().unwrap()) else { panic!("a join") };
        assert_eq!(join.masks.iter().map(|mask| mask.job).collect::<Vec<_>>(), masks);
        let trained: BTreeSet<_> = plan.trials.iter().map(|trial| trial.rounds[4].train[0]).collect();
        assert_eq!(trained.len(), 3, "each with the weights of its own trial");
        let alone = sweep::parse(&file("1", "", "[branch]\njoin = { rule = \"union\" }"));
        let told = alone.expect_err("nothing to join with").to_string();
        assert!(told.contains("there is one seed") && told.contains("write more seeds"), "{told}");
    }

    #[test]
    fn a_control_of_a_ticket_waits_for_the_tickets_mask() {
        let plan = grown("random_mask = { rounds = 2 }");
        let trial = &plan.trials[0];
        let mask = trial.rounds[4].mask.unwrap();
        let JobSpec::RandomMask(drawn) = job(&plan, mask) else { panic!("drawn at random") };
        assert_eq!(Some(drawn.mask.job), trial.rounds[2].mask);
    }
}

mod after_pruning {
    use super::*;

    /// The trainings of rounds 0 (its last segment), 1 and 2 of the only trial.
    fn lines(prune: &str, train: &str) -> (Plan, [TrainJob; 3]) {
        let text = file("1", prune, "").replace("lr = 0.1", &format!("lr = 0.1{train}"));
        let plan = load(&text);
        let jobs = [0, 1, 2].map(|round: usize| {
            match job(&plan, *plan.trials[0].rounds[round].train.last().expect("a round trains")) {
                JobSpec::Train(train) => train.clone(),
                other => panic!("{other:?}"),
            }
        });
        (plan, jobs)
    }

    #[test]
    fn learning_rate_rewinding_goes_on_from_trained_weights_by_the_old_schedule() {
        let (plan, [dense, one, two]) = lines(", after = \"lr_rewind\", retrain = \"40it\"", "");
        let end = |round: usize| *plan.trials[0].rounds[round].train.last().expect("a round trains");
        assert_eq!((&one.start, &two.start), (&Start::Rewind(end(0)), &Start::Rewind(end(1))));
        assert_eq!((one.from, one.to), (Steps::its(60), Steps::its(100)));
        assert_eq!(one.recipe, dense.recipe);
        assert_eq!(plan.trials[0].rounds[1].origin, end(0));
    }

    #[test]
    fn fine_tuning_goes_on_at_the_last_learning_rate() {
        let schedule = ", milestones = [\"50it\", \"80it\"], gamma = 0.1, warmup = \"10it\"";
        let (_, [dense, one, _]) = lines(", after = \"finetune\", retrain = \"40it\"", schedule);
        let rates: BTreeSet<u64> = (60..100).map(|it| one.recipe.train.lr_at(it, 1000).to_bits()).collect();
        assert_eq!(rates, BTreeSet::from([dense.recipe.train.lr_at(99, 1000).to_bits()]), "0.001 throughout");
        assert_eq!((one.from, one.recipe.data.clone()), (Steps::its(60), dense.recipe.data.clone()));
    }

    #[test]
    fn what_trains_on_from_where_a_fine_tuned_ticket_did_is_fine_tuned_too() {
        let schedule = "lr = 0.1, milestones = [\"50it\"], gamma = 0.1";
        let prune = ", after = \"finetune\", retrain = \"40it\"";
        let branches = "[branch]\ninverted = { rounds = 2 }\nreinit = { rounds = 2, signs = \"kept\" }";
        let plan = load(&file("1", prune, branches).replace("lr = 0.1", schedule));
        let rate = |branch: &str| {
            let round = plan.trials[0]
                .rounds
                .iter()
                .find(|round| (round.branch.as_str(), round.round) == (branch, 2));
            let round = round.expect("round 2 of each");
            let JobSpec::Train(train) = job(&plan, round.train[0]) else { panic!("a round trains") };
            (round.kind.clone(), train.recipe.train.lr_at(0, 1000))
        };
        let (ticket, inverted, redraw) = (rate(""), rate("inverted"), rate("reinit"));
        assert_eq!(inverted.1, ticket.1);
        assert_eq!(redraw.1, 0.1, "from step 0 it is trained as a network is");
        assert_eq!(
            (inverted.0.as_str(), redraw.0.as_str()),
            ("inverted", "redraw"),
            "tickets pair with plain ones"
        );
    }

    #[test]
    fn a_dense_round_may_begin_anew_at_the_rewind_point() {
        let (shared, [dense, ..]) = lines(", rewind = \"10it\"", "");
        let trunk = shared.trials[0].rounds[0].train[0];
        assert_eq!(dense.start, Start::Continue(trunk));
        let (restarted, [dense, ..]) = lines(", rewind = \"10it\", trunk = \"restart\"", "");
        assert_eq!((dense.start, dense.mask), (Start::Rewind(trunk), None));
        assert_eq!(restarted.trials[0].rounds[0].train[0], trunk, "the way there is the same");
    }

    #[test]
    fn what_is_pretrained_takes_the_place_of_an_initialization() {
        let text = file(
            "1",
            ", rewind = \"10it\"",
            "pretrain.data = { subset = [0, 1] }\npretrain.train = { steps = \"7it\" }",
        );
        let plan = load(&text);
        let before = plan.trials[0].rounds.iter().find(|round| round.branch == "pretrain").unwrap();
        let JobSpec::Train(trained) = job(&plan, before.train[0]) else { panic!("a training") };
        assert_eq!((trained.to, trained.recipe.data.classes()), (Steps::its(7), 2));
        let dense = plan.trials[0].rounds[0].train[0];
        let JobSpec::Train(train) = job(&plan, dense) else { panic!("a training") };
        assert_eq!(train.start, Start::Rewind(before.train[0]));
        assert!(train.head.is_some(), "there are ten classes now");
        for round in &plan.trials[0].rounds[1..4] {
            let JobSpec::Train(train) = job(&plan, round.train[0]) else { panic!("a training") };
            assert_eq!(
                (&train.start, &train.head),
                (&Start::Rewind(dense), &None),
                "whose output layer stays"
            );
        }
        // With the same classes nothing is drawn, and tickets may go back all the way.
        let same = load(&file("1", "", "pretrain.data = { set = \"fashion_mnist\" }"));
        let JobSpec::Train(train) = job(&same, same.trials[0].rounds[2].train[0]) else {
            panic!("a training")
        };
        assert!(matches!(train.start, Start::Rewind(_)) && train.head.is_none() && train.from.is_zero());
    }
}

mod sharing {
    use super::*;

    fn training(plan: &Plan) -> u64 {
        sweep::summary(plan).cost.iterations
    }

    #[test]
    fn a_dense_network_is_trained_once_for_all_rates_and_branches() {
        let plan = load(&file("1", "", "[axes]\n\"prune.rate\" = [0.1, 0.5]\n[branch]\nreinit = {}"));
        let dense: BTreeSet<_> = plan.trials.iter().flat_map(|trial| &trial.rounds[0].train).collect();
        assert_eq!(dense.len(), 1);
        // One dense training; three tickets and three controls for each rate.
        assert_eq!(training(&plan), 100 + 2 * (300 + 300));
        assert_eq!(sweep::summary(&plan).iterations_asked, training(&plan) + 100);
    }

    #[test]
    fn rewind_points_cut_one_dense_training_into_segments_that_all_of_them_share() {
        let plan = load(&file("1", "", "[axes]\n\"prune.rewind\" = [\"0it\", \"10it\", \"40it\"]"));
        let dense: BTreeSet<_> =
            plan.trials.iter().flat_map(|trial| &trial.rounds[0].train).copied().collect();
        let cuts: BTreeSet<(u32, u32)> = dense
            .iter()
            .map(|segment| match job(&plan, *segment) {
                JobSpec::Train(train) => (train.from.it, train.to.it),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(cuts, BTreeSet::from([(0, 10), (10, 40), (40, 100)]));
        // 100 dense, then three rounds from each rewind point to the end.
        assert_eq!(training(&plan), 100 + 3 * (100 + 90 + 60));
    }

    #[test]
    fn a_shorter_training_is_the_beginning_of_a_longer_one() {
        let plan = load(&file(
            "1",
            "",
            "[axes]\n\"train.steps\" = [\"40it\", \"100it\"]\n\"train.eval_every\" = [\"10it\"]",
        ));
        assert_eq!(training(&plan), 100 + 3 * (40 + 100));
    }

    #[test]
    fn an_epoch_and_as_many_iterations_are_one_job() {
        let epoch = load(&file("1", ", rewind = \"1ep\"", "").replace("100it", "2ep"));
        let iterations =
            load(&file("1", ", rewind = \"1100it\"", "").replace("100it\", batch", "2200it\", batch"));
        assert_eq!(fingerprints(&epoch), fingerprints(&iterations));
    }

    #[test]
    fn a_second_sweep_that_differs_in_the_prune_rate_shares_round_0() {
        let one = load(&file("\"1..=2\"", "", ""));
        let other = load(&file("\"1..=2\"", "", "").replace("small", "other").replace("0.2", "0.3"));
        assert_eq!(shared(&one, &other), 2, "the dense training of each seed, and no more");
        for (one, other) in one.trials.iter().zip(&other.trials) {
            assert_eq!(one.rounds[0].train, other.rounds[0].train);
        }
    }

    #[test]
    fn the_same_sweep_under_another_name_is_the_same_work() {
        let one = load(&file("\"1..=2\"", "", "[branch]\nreinit = {}"));
        let other = load(&file("\"1..=2\"", "", "[branch]\nreinit = {}").replace("small", "other"));
        assert_eq!(fingerprints(&one), fingerprints(&other));
    }

    #[test]
    fn more_of_a_sweep_keeps_the_trials_and_the_jobs_there_are() {
        let before = load(&file("\"1..=2\"", "", "[axes]\n\"prune.rate\" = [0.1]"));
        let more = "[axes]\n\"prune.rate\" = [0.1, 0.5]\n[branch]\nreinit = { rounds = [2] }";
        let after = load(&file("\"1..=3\"", "", more).replace("rounds = 3", "rounds = 5"));
        let kept: BTreeSet<&str> = keys(&after).into_iter().collect();
        assert!(keys(&before).iter().all(|key| kept.contains(key)), "{kept:?}");
        assert_eq!(shared(&before, &after), before.jobs.len());
    }

    /// The dense trainings of a plan, as a store hands them over.
    fn dense(plan: &Plan) -> sweep::Dense {
        let segments = |trial: &TrialPlan| {
            trial.rounds[0].train.iter().map(|segment| Arc::new(job(plan, *segment).clone())).collect()
        };
        plan.trials.iter().map(|trial| (trial.key.clone(), segments(trial))).collect()
    }

    #[test]
    fn another_rewind_point_leaves_the_stored_trials_their_jobs() {
        let rewinds = |points: &str| file("1", "", &format!("[axes]\n\"prune.rewind\" = [{points}]"));
        let old = load(&rewinds("\"0it\", \"50it\""));
        let text = rewinds("\"0it\", \"20it\", \"50it\"");
        let apart = load(&text);
        assert!(shared(&old, &apart) < old.jobs.len(), "a cut dense training is other work");
        let new = sweep::expand_onto(&sweep::parse(&text).unwrap(), &dense(&old), Extent::Whole).unwrap();
        assert_eq!(shared(&old, &new), old.jobs.len());
        for trial in &old.trials {
            let kept = new.trials.iter().find(|new| new.key == trial.key).unwrap();
            assert_eq!(kept, trial);
        }
        // The new trial is that of its own file.
        let added =
            |plan: &Plan| plan.trials.iter().find(|trial| trial.key == "prune.rewind=20it seed=1").cloned();
        assert_eq!(added(&new), added(&apart));
    }

    #[test]
    fn a_stored_dense_training_of_another_length_is_not_taken_over() {
        let old = load(&file("1", "", ""));
        let text = file("1", "", "").replace("100it", "150it");
        let new = sweep::expand_onto(&sweep::parse(&text).unwrap(), &dense(&old), Extent::Whole).unwrap();
        assert_eq!(new, load(&text));
    }
}

mod plans {
    use super::*;

    #[test]
    fn parents_stand_before_their_children() {
        let plan = load(&file("\"1..=2\"", ", rewind = \"10it\"", "[branch]\nreinit = {}\nrandom_mask = {}"));
        let mut seen = BTreeSet::new();
        for job in &plan.jobs {
            assert!(job.parents.iter().all(|parent| seen.contains(parent)));
            assert!(seen.insert(job.fingerprint), "each job once");
        }
    }

    #[test]
    fn the_critical_path_counts_the_iterations_still_to_come() {
        let plan = load(&file("1", "", "[branch]\nreinit = { rounds = [1] }"));
        let height =
            |fingerprint| plan.jobs.iter().find(|job| job.fingerprint == fingerprint).unwrap().height;
        let heights: Vec<u64> = plan.trials[0].rounds.iter().map(|round| height(round.train[0])).collect();
        // Dense and three rounds of 100 iterations each; a control leads nowhere.
        assert_eq!(heights, [400, 300, 200, 100, 100]);
    }

    #[test]
    fn a_plan_is_exact_in_every_number() {
        let plan = load(&file(
            "\"1..=2\"",
            "",
            "[branch]\nreinit = { rounds = [3] }\nrandom_mask = { rounds = [3], copies = 2 }",
        ));
        let summary = sweep::summary(&plan);
        // A trial: dense and three rounds, one control of the one kind and two of the other.
        assert_eq!((summary.trials, summary.rounds), (2, 2 * 7));
        let kinds: Vec<_> = summary.kinds.iter().map(|(kind, jobs)| (*kind, *jobs)).collect();
        assert_eq!(kinds, [("prune", 6), ("random_mask", 4), ("train", 14)]);
        assert_eq!((summary.cost.jobs, summary.cost.iterations), (24, 1_400));
        // The mask of round 3 is also reinit's.
        assert_eq!(summary.shared, 2);
        // 784 x 20 + 20 x 10 weights, 30 biases; two operations per multiply-add, forward once and backward twice.
        let (weights, parameters) = (15_880_u64, 15_910_u64);
        assert_eq!(summary.cost.flops, (6 * weights * 50 * 1_400) as f64);
        // A trial draws its own weights once, and those of three controls; every training keeps its end; masks are
        // bytes. Plain SGD has no state.
        assert_eq!(summary.cost.bytes, (2 * 4 + 14) * 4 * parameters + 10 * weights);
        let ladder: Vec<_> =
            summary.ladder.iter().map(|(round, density)| (*round, (density * 15_880.0).round())).collect();
        assert_eq!(ladder, [(0, 15_880.0), (1, 12_704.0), (2, 10_163.0), (3, 8_130.0)]);
    }

    #[test]
    fn the_new_part_of_a_plan_costs_what_is_not_there_yet() {
        let before = load(&file("1", "", ""));
        let after = load(&file("\"1..=2\"", "", ""));
        let known = fingerprints(&before);
        let new = after.jobs.iter().filter(|job| !known.contains(&job.fingerprint));
        assert_eq!(sweep::cost(&after, new), sweep::summary(&before).cost, "a second seed is as much again");
    }
}

mod settings {
    use super::*;

    fn shown(text: &str) -> String {
        let file = sweep::parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let line = |setting: sweep::Setting| {
            let origin = if setting.is_default { "  (default)" } else { "" };
            format!("{} = {}{origin}", setting.name, setting.value)
        };
        sweep::resolved(&file).into_iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_setting_is_shown_with_its_default() {
        insta::assert_snapshot!(shown(&file("1", "", "[branch]\nreinit = {}\nrandom_mask = {}")));
    }

    #[test]
    fn an_axis_shows_all_its_values() {
        let text = file("\"1..=3\"", "", "[axes]\n\"prune.rate\" = [0.1, 0.5]");
        assert!(shown(&text).contains("prune.rate = 0.1 | 0.5\n"), "{}", shown(&text));
    }

    #[test]
    fn a_data_set_of_ones_own_is_declared() {
        let own = "{ set = \"scans\", examples = 900, test = 90, classes = 2, image = [1, 8, 8] }";
        let plan = load(&file("1", "", "").replace("{ set = \"mnist\" }", own));
        let shape = plan.trials[0].settings.recipe.data.shape;
        assert_eq!(
            (shape.train, shape.image, plan.trials[0].settings.recipe.data.validation),
            (900, [1, 8, 8], 90)
        );
    }

    #[test]
    fn differences_are_told_trial_by_trial() {
        let old = load(&file("\"1..=2\"", "", "[branch]\nreinit = { rounds = [1] }"));
        let new = load(
            &file(
                "\"2..=3\"",
                ", rewind = \"10it\"",
                "[branch]\nreinit = { rounds = [1], copies = 2 }\nrandom_mask = {}",
            )
            .replace("lr = 0.1", "lr = 0.05"),
        );
        insta::assert_debug_snapshot!(sweep::diff(&old, &new));
        assert_eq!(sweep::diff(&old, &old), []);
    }
}

mod analyses {
    use super::*;
    use tombola_core::plan::AnalysisPlan;
    use tombola_spec::job::{ConnectivityJob, TrainJob};

    #[track_caller]
    fn trained<'a>(plan: &'a Plan, analysis: &AnalysisPlan) -> &'a TrainJob {
        let JobSpec::Train(train) = job(plan, analysis.job) else { panic!("a training") };
        train
    }

    #[track_caller]
    fn compared<'a>(plan: &'a Plan, analysis: &AnalysisPlan) -> &'a ConnectivityJob {
        let JobSpec::Connectivity(compared) = job(plan, analysis.job) else { panic!("a comparison") };
        compared
    }

    fn places(trial: &TrialPlan) -> Vec<(&str, u32, u32, [u32; 2])> {
        let place = |plan: &'_ AnalysisPlan| (plan.copy, plan.round, plan.pair);
        let all = trial.analyses.iter();
        all.map(|plan| (plan.branch.as_str(), place(plan).0, place(plan).1, place(plan).2)).collect()
    }

    #[test]
    fn the_rounds_own_training_is_one_of_the_copies() {
        let plan = load(&file("1", "", "analysis.lmc = { kind = \"connectivity\", rounds = [2] }"));
        let trial = &plan.trials[0];
        assert_eq!(places(trial), [("", 0, 2, [0, 1]), ("", 0, 2, [1, 1])]);
        let (line, copy) = (compared(&plan, &trial.analyses[0]), trained(&plan, &trial.analyses[1]));
        assert_eq!(line.ends, [trial.rounds[2].train[0], trial.analyses[1].job]);
        let JobSpec::Train(own) = job(&plan, trial.rounds[2].train[0]) else { panic!("a round trains") };
        assert_ne!(copy.order, own.order, "another order of the data");
        assert_eq!(TrainJob { order: own.order.clone(), ..copy.clone() }, *own, "and nothing else");
        assert_eq!(rounds(trial).len(), 4, "a copy is no round");
    }

    #[test]
    fn every_pair_of_copies_of_every_line_is_compared() {
        let branch = "branch.reinit = { rounds = [1, 3], copies = 2 }\n";
        let lmc =
            "analysis.lmc = { kind = \"connectivity\", of = [\"reinit\"], rounds = \"0..=3\", copies = 3 }";
        let plan = load(&file("1", "", &format!("{branch}{lmc}")));
        let trial = &plan.trials[0];
        let comparisons: Vec<_> = places(trial).into_iter().filter(|(.., [a, b])| a != b).collect();
        let pairs = [[0, 1], [0, 2], [1, 2]];
        let expected: Vec<_> = [(0, 1), (0, 3), (1, 1), (1, 3)]
            .into_iter()
            .flat_map(|(copy, round)| pairs.map(|pair| ("reinit", copy, round, pair)))
            .collect();
        assert_eq!(comparisons, expected);
        let comparison = |plan: &&AnalysisPlan| plan.pair[0] != plan.pair[1];
        let ends: HashSet<_> =
            trial.analyses.iter().filter(comparison).map(|analysis| compared(&plan, analysis).ends).collect();
        assert_eq!(ends.len(), expected.len());
    }

    #[test]
    fn the_dense_network_is_copied_from_the_rewind_point_on() {
        let lmc = "analysis.lmc = { kind = \"connectivity\", rounds = [0] }";
        let plan = load(&file("1", ", rewind = \"40it\"", lmc));
        let trial = &plan.trials[0];
        let copy = trained(&plan, &trial.analyses[1]);
        assert_eq!(copy.start, Start::Continue(trial.rounds[0].train[0]));
        assert_eq!((copy.from, copy.to, copy.mask), (Steps::its(40), Steps::its(100), None));
        assert_eq!(compared(&plan, &trial.analyses[0]).ends[0], trial.rounds[0].train[1]);
        let from_start = load(&file("1", "", lmc));
        let copy = trained(&from_start, &from_start.trials[0].analyses[1]);
        assert!(matches!(copy.start, Start::Init(_)) && copy.from.is_zero(), "{copy:?}");
    }

    #[test]
    fn copies_differ_even_where_all_rounds_see_one_order() {
        let same = file("1", "", "analysis.lmc = { kind = \"connectivity\", copies = 3 }");
        let plan = load(&same.replace("lr = 0.1 }", "lr = 0.1, order = \"same\" }"));
        let round_1 =
            plan.trials[0].analyses.iter().filter(|plan| plan.round == 1 && plan.pair[0] == plan.pair[1]);
        let orders: HashSet<_> = round_1.map(|analysis| trained(&plan, analysis).order.clone()).collect();
        assert_eq!(orders.len(), 2);
    }

    #[test]
    fn consecutive_rounds_are_compared_without_training_anything() {
        let between =
            "analysis.path = { kind = \"connectivity\", between = \"rounds\", rounds = [0, 1, 3, 2] }";
        let plan = load(&file("1", "", between));
        let trial = &plan.trials[0];
        assert_eq!(places(trial), [("", 0, 0, [0, 1]), ("", 0, 1, [1, 2]), ("", 0, 2, [2, 3])]);
        let ends = compared(&plan, &trial.analyses[1]).ends;
        assert_eq!(ends, [trial.rounds[1].train[0], trial.rounds[2].train[0]]);
        assert_eq!(fingerprints(&load(&file("1", "", ""))).len() + 3, plan.jobs.len());
    }

    #[test]
    fn two_analyses_share_their_copies() {
        let one = |name: &str, alphas| {
            format!("analysis.{name} = {{ kind = \"connectivity\", alphas = {alphas} }}\n")
        };
        let few = load(&file("1", "", &one("few", 5)));
        let both = load(&file("1", "", &(one("few", 5) + &one("many", 50))));
        assert_eq!(both.jobs.len(), few.jobs.len() + 4, "one comparison a round more");
        let summary = sweep::summary(&both);
        assert_eq!(summary.kinds["connectivity"], 8);
        assert_eq!(summary.iterations_asked, 100 * (4 + 2 * 4));
    }

    #[test]
    fn an_analysis_takes_no_plan_over_the_limit_unseen() {
        let plan = load(&file(
            "\"1..=3\"",
            "",
            "branch.reinit = {}\nanalysis.lmc = { kind = \"connectivity\", of = [\"ticket\", \"reinit\"], copies = 4 }",
        ));
        let each = 3 + 6;
        assert_eq!(plan.trials[0].analyses.len(), (4 + 3) * each);
    }

    /// Its steps would be others from the first on.
    #[test]
    fn a_line_pruned_to_a_density_cannot_be_given_more_rounds() {
        let to = |rounds: u32| {
            let prune = format!("density = 0.01, rounds = {rounds}");
            load(&file("1", "", "").replace("rate = 0.2, rounds = 3", &prune))
        };
        let lost = sweep::lost(&to(2), &to(4));
        assert_eq!(lost.iter().map(|change| change.setting.as_str()).collect::<Vec<_>>(), ["prune.rounds"]);
        assert!(sweep::lost(&to(2), &to(2)).is_empty());
    }

    #[test]
    fn pruning_before_training_waits_for_nothing_and_trains_the_ticket_from_its_initialization() {
        let prune = "when = \"init\", density = 0.1, criterion = \"snip\"";
        let plan = load(&file("1", "", "").replace("rate = 0.2, rounds = 3", prune));
        let [dense, ticket] = plan.trials[0].rounds.as_slice() else { panic!("two rounds") };
        let spec = |job| &*plan.jobs.iter().find(|plan| plan.fingerprint == job).unwrap().spec;
        let parents = |job| plan.jobs.iter().find(|plan| plan.fingerprint == job).unwrap().parents.clone();
        assert!(parents(ticket.mask.unwrap()).is_empty());
        assert_eq!(parents(ticket.train[0]), [ticket.mask.unwrap()]);
        let (JobSpec::Train(first), JobSpec::Train(second)) = (spec(dense.train[0]), spec(ticket.train[0]))
        else {
            panic!("trainings")
        };
        assert_eq!((&first.start, first.from, first.to), (&second.start, second.from, second.to));
        // Examples are looked at as they are, however training varies them.
        // Nor does it matter what training drops, leaves alone or rounds.
        for axis in [
            "\"data.augment\" = [\"none\", \"flip\"]",
            "\"model.dropout\" = [0, 0.5]",
            "\"train.freeze\" = [[], [\"output\"]]",
            "\"train.dtype\" = [\"f32\", \"bf16\"]",
        ] {
            let varied = file("1", "", &format!("axes = {{ {axis} }}"));
            let plan = load(&varied.replace("rate = 0.2, rounds = 3", prune));
            assert_eq!(plan.trials.len(), 2, "{axis}");
            assert_eq!(plan.jobs.iter().filter(|job| job.spec.kind() == "prune").count(), 1, "{axis}");
        }
        // At the rewind point the weights of that step are scored.
        let prune = "when = \"rewind\", rewind = \"20it\", density = 0.1, criterion = \"snip\"";
        let plan = load(&file("1", "", "").replace("rate = 0.2, rounds = 3", prune));
        let [dense, ticket] = plan.trials[0].rounds.as_slice() else { panic!("two rounds") };
        let JobSpec::Prune(pruning) =
            &*plan.jobs.iter().find(|job| Some(job.fingerprint) == ticket.mask).unwrap().spec
        else {
            panic!("a pruning")
        };
        assert_eq!(pruning.weights, Scored::Trained(dense.train[0]));
        assert_eq!((ticket.origin, ticket.start), (dense.train[0], Steps::its(20)));
    }

    #[test]
    fn a_search_is_one_job_for_each_criterion_and_scores_what_pruning_at_initialization_would() {
        let prune = "when = \"init\", density = 0.1, criterion = \"snip\"";
        let search =
            "analysis.collapse = { criteria = [\"synflow\", \"snip\"], log10 = \"1..=3\", step = 0.5 }";
        let plan = load(&file("[1, 2]", "", search).replace("rate = 0.2, rounds = 3", prune));
        for trial in &plan.trials {
            assert_eq!(places(trial), [("", 0, 0, [0, 0]), ("", 0, 0, [1, 1])]);
            let searches: Vec<_> = trial.analyses.iter().map(|analysis| job(&plan, analysis.job)).collect();
            let [JobSpec::Collapse(synflow), JobSpec::Collapse(snip)] = searches[..] else {
                panic!("two searches")
            };
            assert!(synflow.data.is_none() && searches.iter().all(|search| search.inputs().is_empty()));
            assert_eq!(snip.grid(), [1.0, 1.5, 2.0, 2.5, 3.0]);
            let JobSpec::Prune(pruned) = job(&plan, trial.rounds[1].mask.unwrap()) else {
                panic!("a pruning")
            };
            assert_eq!(snip.cut(1.0), *pruned, "a compression of 10 is a density of 0.1");
        }
        let summary = sweep::summary(&plan);
        assert_eq!(summary.kinds["collapse"], 4, "each seed draws its own network");
    }

    fn masks<'a>(plan: &'a Plan, analysis: &AnalysisPlan) -> &'a [Input] {
        let JobSpec::MaskDistance(compared) = job(plan, analysis.job) else { panic!("masks compared") };
        &compared.masks
    }

    #[test]
    fn the_masks_of_a_line_are_compared_in_one_job() {
        let branches = "branch.reinit = {}\nbranch.random = { kind = \"random_mask\", copies = 2 }\n";
        let distance = "analysis.d = { kind = \"mask_distance\", of = [\"ticket\", \"random\", \"reinit\"] }";
        let plan = load(&file("1", "", &format!("{branches}{distance}")));
        let trial = &plan.trials[0];
        let line =
            |branch: &'static str, copy| (1..=3).map(move |round| (branch, copy, round, [round - 1; 2]));
        let expected: Vec<_> =
            line("", 0).chain(line("random", 0)).chain(line("random", 1)).chain(line("reinit", 0)).collect();
        assert_eq!(places(trial), expected);
        let own = masks(&plan, &trial.analyses[0]);
        assert_eq!(
            own.iter().map(|mask| Some(mask.job)).collect::<Vec<_>>(),
            [1, 2, 3].map(|n| trial.rounds[n].mask)
        );
        assert_eq!(trial.analyses[9].job, trial.analyses[0].job, "the same masks are one job");
    }

    #[test]
    fn the_lines_of_a_round_are_compared_but_for_those_with_the_tickets_mask() {
        let branches =
            "branch.reinit = {}\nbranch.random = { kind = \"random_mask\", rounds = [1, 3], copies = 2 }\n";
        let distance = "analysis.d = { kind = \"mask_distance\", between = \"lines\" }";
        let plan = load(&file("1", "", &format!("{branches}{distance}")));
        let at = |round| [("", 0, round, [0; 2]), ("random", 0, round, [1; 2]), ("random", 1, round, [2; 2])];
        assert_eq!(places(&plan.trials[0]), [at(1), at(3)].concat());
        assert_eq!(sweep::summary(&plan).kinds["mask_distance"], 2);
    }

    #[test]
    fn an_extension_may_add_an_analysis_and_change_none() {
        let lmc = |settings: &str| {
            file("1", "", &format!("analysis.lmc = {{ kind = \"connectivity\", {settings} }}"))
        };
        let old = load(&lmc("rounds = [0, 1]"));
        assert!(sweep::lost(&load(&file("1", "", "")), &old).is_empty());
        assert!(sweep::lost(&old, &load(&lmc("rounds = \"0..=3\""))).is_empty());
        assert!(sweep::lost(&old, &load(&lmc("rounds = [0, 1], copies = 3"))).is_empty());
        for settings in ["rounds = [1]", "rounds = [0, 1], alphas = 5", "rounds = [0, 1], on = [\"test\"]"] {
            let lost = sweep::lost(&old, &load(&lmc(settings)));
            let [change] = lost.as_slice() else { panic!("{settings}: {lost:?}") };
            assert_eq!(change.setting, "analysis.lmc");
            assert_ne!(change.old, change.new, "people see what differs");
        }
    }
}
