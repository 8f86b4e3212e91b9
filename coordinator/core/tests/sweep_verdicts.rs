//! `select` and `prune.until`: from a sweep file and what was measured to how far its trials go.

use std::collections::BTreeSet;
use tombola_core::{
    plan::Plan,
    sweep::{self, Dense, Extent, SweepFile},
    verdict::{Moment, Rule, Seen, Verdict, Verdicts, Yardstick},
};

fn text(prune: &str, extra: &str) -> String {
    format!(
        r#"name = "decides"
seeds = [1, 2]
{extra}
[model]
name = "mnist_lenet_4"
[data]
set = "mnist"
[train]
steps = "100it"
batch = 60
optimizer = "sgd"
lr = 0.1
[prune]
scope = "per_layer"
rate = 0.2
rounds = 5
{prune}
"#
    )
}

const UNTIL: &str = "until = { worse = 0.01 }";

fn selecting(more: &str) -> String {
    text("", &format!("axes.\"train.lr\" = [0.1, 0.2, 0.3]\nselect = {{ axes = [\"train.lr\"]{more} }}"))
}

#[track_caller]
fn parse(text: &str) -> SweepFile {
    sweep::parse(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

fn certain(file: &SweepFile, given: &Verdicts) -> Plan {
    sweep::expand_onto(file, &Dense::new(), Extent::Decided(given)).expect("not too large")
}

fn accuracy() -> Yardstick {
    Yardstick { metric: "accuracy".to_owned(), at: Moment::Last }
}

fn seen(values: &[(&str, u32, f64)]) -> Seen {
    seen_by(&accuracy(), values)
}

fn seen_by(by: &Yardstick, values: &[(&str, u32, f64)]) -> Seen {
    let mut seen = Seen::default();
    for (trial, round, value) in values {
        seen.measured.insert(((*trial).to_owned(), *round), [(by.clone(), *value)].into());
    }
    seen
}

/// Trial, round, and whether it goes on.
fn short(verdicts: &Verdicts) -> Vec<(&str, u32, bool)> {
    let all = verdicts.iter().flat_map(|(trial, own)| own.iter().map(move |one| (trial.as_str(), one)));
    all.map(|(trial, one)| (trial, one.round, one.goes_on)).collect()
}

fn rounds(plan: &Plan) -> Vec<usize> {
    plan.trials
        .iter()
        .map(|trial| trial.rounds.iter().filter(|round| round.branch.is_empty()).count())
        .collect()
}

#[track_caller]
fn assert_refused(text: &str, what: &str) {
    let mistakes = sweep::load(text).expect_err("it has a mistake").to_string();
    assert!(mistakes.contains(what), "{mistakes}");
}

mod until {
    use super::*;

    fn judged(prune: &str, values: &[(u32, f64)]) -> Vec<(u32, bool)> {
        let file = parse(&text(prune, ""));
        let values: Vec<_> = values.iter().map(|(round, value)| ("seed=1", *round, *value)).collect();
        let verdicts = sweep::judge(&file, &seen(&values), &Verdicts::new());
        short(&verdicts).into_iter().map(|(_, round, goes_on)| (round, goes_on)).collect()
    }

    #[test]
    fn a_line_ends_with_the_first_round_that_is_worse_than_allowed() {
        let values = [(0, 0.95), (1, 0.96), (2, 0.941), (3, 0.939), (4, 0.97)];
        assert_eq!(judged(UNTIL, &values), [(1, true), (2, true), (3, false)]);
    }

    #[test]
    fn rounds_are_judged_one_after_the_other_the_last_one_too() {
        let good = [(0, 0.9), (1, 0.9), (2, 0.9), (3, 0.9), (4, 0.9), (5, 0.9)];
        assert_eq!(judged(UNTIL, &good), [(1, true), (2, true), (3, true), (4, true), (5, true)]);
        assert_eq!(judged(UNTIL, &[(1, 0.9)]), []);
        assert_eq!(judged(UNTIL, &[(0, 0.9), (2, 0.9)]), [], "round by round");
    }

    #[test]
    fn patience_waits_for_as_many_bad_rounds_in_a_row() {
        let prune = "until = { worse = 0.01, patience = 2 }";
        let values = [(0, 0.9), (1, 0.5), (2, 0.9), (3, 0.5), (4, 0.5)];
        assert_eq!(judged(prune, &values), [(1, true), (2, true), (3, true), (4, false)]);
    }

    #[test]
    fn a_loss_is_worse_where_it_is_higher() {
        let file = parse(&text("until = { worse = 0.1, by = \"loss\", at = \"early_stop\" }", ""));
        let by = Yardstick { metric: "loss".to_owned(), at: Moment::EarlyStop };
        let values = seen_by(&by, &[("seed=1", 0, 1.0), ("seed=1", 1, 0.2), ("seed=1", 2, 1.2)]);
        let verdicts = sweep::judge(&file, &values, &Verdicts::new());
        assert_eq!(short(&verdicts), [("seed=1", 1, true), ("seed=1", 2, false)]);
        assert!((verdicts["seed=1"][0].bar - 1.1).abs() < 1e-12);
        assert!(
            sweep::judge(&file, &seen(&[("seed=1", 0, 0.9), ("seed=1", 1, 0.9)]), &Verdicts::new())
                .is_empty()
        );
    }

    #[test]
    fn a_line_whose_training_diverged_ends_there() {
        let file = parse(&text(UNTIL, ""));
        let mut values = seen(&[("seed=2", 0, 0.9)]);
        values.diverged.insert(("seed=2".to_owned(), 1));
        let verdicts = sweep::judge(&file, &values, &Verdicts::new());
        assert_eq!((short(&verdicts), verdicts["seed=2"][0].value), (vec![("seed=2", 1, false)], None));
    }

    #[test]
    fn each_verdict_adds_one_round_and_what_grows_from_it() {
        let file = parse(&text(UNTIL, "branch.reinit = {}"));
        let none = certain(&file, &Verdicts::new());
        assert_eq!((rounds(&none), none.decides), (vec![2, 2], true));
        let first = sweep::judge(&file, &seen(&[("seed=1", 0, 0.9), ("seed=1", 1, 0.9)]), &Verdicts::new());
        let more = certain(&file, &first);
        assert_eq!(rounds(&more), [3, 2]);
        let growth = sweep::growth(&none, more);
        assert_eq!(growth.fresh.len(), 3, "a mask, a training, a reinit");
        let [trial] = &growth.plan.trials[..] else { panic!("one trial grows") };
        assert_eq!(
            trial.rounds.iter().map(|round| (&*round.kind, round.round)).collect::<Vec<_>>(),
            [("ticket", 2), ("reinit", 2)]
        );
        let listed: BTreeSet<_> = growth.plan.jobs.iter().map(|job| job.fingerprint).collect();
        let read = growth.plan.jobs.iter().filter(|job| growth.fresh.contains(&job.fingerprint));
        assert!(read.flat_map(|job| &job.parents).all(|parent| listed.contains(parent)));
    }

    #[test]
    fn the_whole_plan_has_every_round_and_the_same_jobs() {
        let file = parse(&text(UNTIL, ""));
        let whole = sweep::expand(&file).unwrap();
        assert_eq!((rounds(&whole), whole.decides), (vec![6, 6], true));
        let plain = sweep::load(&text("", "")).unwrap();
        let jobs = |plan: &Plan| plan.jobs.iter().map(|job| job.fingerprint).collect::<Vec<_>>();
        assert_eq!(jobs(&whole), jobs(&plain), "what decides is no part of what is trained");
        assert!(!plain.decides);
    }

    #[test]
    fn a_line_that_ended_waits_for_nothing() {
        let file = parse(&text(UNTIL, "seeds = [1]").replace("seeds = [1, 2]\n", ""));
        let verdicts =
            sweep::judge(&file, &seen(&[("seed=1", 0, 0.9), ("seed=1", 1, 0.1)]), &Verdicts::new());
        let plan = certain(&file, &verdicts);
        assert_eq!((rounds(&plan), plan.decides), (vec![2], false));
    }

    #[test]
    fn masks_of_all_rounds_are_compared_when_there_are_no_more_to_come() {
        let file = parse(&text(UNTIL, "analysis.mask_distance = {}"));
        assert!(certain(&file, &Verdicts::new()).trials.iter().all(|trial| trial.analyses.is_empty()));
        let values = seen(&[("seed=1", 0, 0.9), ("seed=1", 1, 0.9), ("seed=1", 2, 0.1)]);
        let plan = certain(&file, &sweep::judge(&file, &values, &Verdicts::new()));
        assert_eq!(plan.trials.iter().map(|trial| trial.analyses.len()).collect::<Vec<_>>(), [2, 0]);
    }

    #[test]
    fn masks_of_seeds_are_joined_in_rounds_that_all_of_them_reach() {
        let file = parse(&text(UNTIL, "branch.all = { kind = \"join\", rule = \"union\" }"));
        let one = seen(&[("seed=1", 0, 0.9), ("seed=1", 1, 0.9), ("seed=2", 0, 0.9), ("seed=2", 1, 0.1)]);
        let plan = certain(&file, &sweep::judge(&file, &one, &Verdicts::new()));
        let joined = |trial: usize| {
            let own = plan.trials[trial].rounds.iter().filter(|round| round.kind == "join");
            own.map(|round| round.round).collect::<Vec<_>>()
        };
        assert_eq!((joined(0), joined(1)), (vec![1], vec![1]));
    }

    #[test]
    fn masks_of_a_join_are_compared_when_all_seeds_have_come_to_their_end() {
        let join = "branch.all = { kind = \"join\", rule = \"union\" }\n\
                    analysis.mask_distance = { between = \"lines\", of = [\"ticket\", \"all\"] }";
        let file = parse(&text(UNTIL, join));
        let one = seen(&[("seed=1", 0, 0.9), ("seed=1", 1, 0.1), ("seed=2", 0, 0.9)]);
        let compared = |values: &Seen| {
            let plan = certain(&file, &sweep::judge(&file, values, &Verdicts::new()));
            plan.trials.iter().map(|trial| trial.analyses.len()).collect::<Vec<_>>()
        };
        assert_eq!(compared(&one), [0, 0], "seed 2 may still come to a second round");
        let mut both = one;
        both.measured.insert(("seed=2".to_owned(), 1), [(accuracy(), 0.1)].into());
        assert_eq!(compared(&both), [2, 2]);
    }

    #[test]
    fn what_cannot_be_decided_is_refused() {
        assert_refused(
            &text("until = { worse = 1.5 }", ""),
            "nothing is worse by `1.5`: accuracy is a fraction",
        );
        assert_refused(
            &text("until = { worse = 0.01, patience = 5 }", ""),
            "`5` rounds are waited for, and there are 5",
        );
        assert_refused(
            &text(UNTIL, "").replace("\"mnist\"", "\"mnist\"\nvalidation = 0"),
            "test examples decide nothing",
        );
        assert_refused(
            &text("until = { worse = -1 }", ""),
            "`prune.until.worse`: `-1` is not a number from 0",
        );
        assert_refused(&text("until = {}", ""), "`prune.until.worse` is missing");
        assert_refused(&text("until = { worse = 0.1, by = \"speed\" }", ""), "`\"speed\"` is not a metric");
        assert_refused(
            &text("until = { worse = 0.1 }", "").replace("rounds = 5", "when = \"init\""),
            "there is one prune step",
        );
        assert_refused(&text(UNTIL, "").replace("rounds = 5", "rounds = 1"), "no second round to leave out");
        let trials = "analysis.mask_distance.between = \"trials\"";
        assert_refused(&text(UNTIL, trials), "decide later which trials have which rounds");
    }
}

mod select {
    use super::*;

    fn of(lr: &str, seed: u32) -> String {
        format!("train.lr={lr} seed={seed}")
    }

    /// Dense accuracies of both seeds for each learning rate.
    fn dense(values: &[(&str, [f64; 2])]) -> Seen {
        let mut all = Seen::default();
        for (lr, pair) in values {
            for (seed, value) in (1..).zip(pair) {
                all.measured.insert((of(lr, seed), 0), [(accuracy(), *value)].into());
            }
        }
        all
    }

    fn going(verdicts: &Verdicts) -> Vec<&str> {
        let on =
            verdicts.iter().filter(|(_, own)| own.iter().any(|one| one.rule == Rule::Select && one.goes_on));
        on.map(|(trial, _)| trial.as_str()).collect()
    }

    #[test]
    fn the_best_mean_over_seeds_goes_on_and_the_others_end() {
        let file = parse(&selecting(""));
        let before = certain(&file, &Verdicts::new());
        assert_eq!((rounds(&before), before.decides), (vec![1; 6], true));
        let values = dense(&[("0.1", [0.9, 0.7]), ("0.2", [0.85, 0.85]), ("0.3", [0.5, 0.6])]);
        let verdicts = sweep::judge(&file, &values, &Verdicts::new());
        assert_eq!(going(&verdicts), [of("0.2", 1), of("0.2", 2)]);
        let plan = certain(&file, &verdicts);
        assert_eq!((rounds(&plan), plan.decides), (vec![1, 1, 6, 6, 1, 1], false));
        let Verdict { value, bar, .. } = &verdicts[&of("0.1", 1)][0];
        assert!((value.unwrap() - 0.8).abs() < 1e-12 && (bar - 0.85).abs() < 1e-12);
    }

    #[test]
    fn nobody_is_judged_before_all_have_run() {
        let file = parse(&selecting(""));
        let mut values = dense(&[("0.1", [0.9, 0.7]), ("0.2", [0.85, 0.85]), ("0.3", [0.5, 0.6])]);
        values.measured.remove(&(of("0.3", 2), 0));
        assert!(sweep::judge(&file, &values, &Verdicts::new()).is_empty());
    }

    #[test]
    fn a_value_that_diverged_is_out_and_holds_up_nobody() {
        let file = parse(&selecting(""));
        let mut values = dense(&[("0.1", [0.1, 0.1]), ("0.2", [0.2, 0.2])]);
        values.diverged.extend([(of("0.3", 1), 0), (of("0.3", 2), 0)]);
        assert_eq!(going(&sweep::judge(&file, &values, &Verdicts::new())), [of("0.2", 1), of("0.2", 2)]);
        let all = [0.1, 0.2, 0.3].iter().flat_map(|lr| [1, 2].map(|seed| (of(&lr.to_string(), seed), 0)));
        let none = Seen { diverged: all.collect(), ..Seen::default() };
        assert!(sweep::judge(&file, &none, &Verdicts::new()).is_empty(), "there is nothing to go on with");
    }

    #[test]
    fn several_may_go_on_and_of_equals_the_first_does() {
        let values = dense(&[("0.1", [0.5, 0.5]), ("0.2", [0.5, 0.5]), ("0.3", [0.6, 0.6])]);
        let two = sweep::judge(&parse(&selecting(", keep = 2")), &values, &Verdicts::new());
        assert_eq!(going(&two), [of("0.1", 1), of("0.1", 2), of("0.3", 1), of("0.3", 2)]);
    }

    #[test]
    fn a_later_round_can_be_compared_and_other_axes_choose_for_themselves() {
        let extra = "axes.\"train.lr\" = [0.1, 0.2]\naxes.\"train.decay\" = [0.0, 0.1]\n\
                     select = { axes = [\"train.lr\"], round = 1, by = \"loss\" }";
        let file = parse(&text("", extra).replace("seeds = [1, 2]", "seeds = 1"));
        assert_eq!(rounds(&certain(&file, &Verdicts::new())), [2; 4]);
        let by = Yardstick { metric: "loss".to_owned(), at: Moment::Last };
        let key = |lr: &str, decay: &str| format!("train.decay={decay} train.lr={lr} seed=1");
        let (a, b, c, d) = (key("0.1", "0"), key("0.2", "0"), key("0.1", "0.1"), key("0.2", "0.1"));
        let values = seen_by(&by, &[(&a, 1, 0.3), (&b, 1, 0.2), (&c, 1, 0.4), (&d, 1, 0.5)]);
        assert_eq!(going(&sweep::judge(&file, &values, &Verdicts::new())), [b, c]);
    }

    #[test]
    fn verdicts_stand_when_seeds_and_values_are_added() {
        let values = dense(&[("0.1", [0.5, 0.5]), ("0.2", [0.7, 0.7]), ("0.3", [0.6, 0.6])]);
        let given = sweep::judge(&parse(&selecting("")), &values, &Verdicts::new());
        let more = selecting("")
            .replace("[1, 2]", "[1, 2, 3]")
            .replace("[0.1, 0.2, 0.3]", "[0.1, 0.2, 0.3, 0.4, 0.5]");
        let file = parse(&more);
        // A further seed shares its value's verdict before it is trained at all.
        let at_once = sweep::judge(&file, &values, &given);
        assert_eq!(
            short(&at_once),
            [
                ("train.lr=0.1 seed=3", 0, false),
                ("train.lr=0.2 seed=3", 0, true),
                ("train.lr=0.3 seed=3", 0, false)
            ]
        );
        let mut late = values;
        for seed in 1..=3 {
            late.measured.insert((of("0.4", seed), 0), [(accuracy(), 0.9)].into());
            late.measured.insert((of("0.5", seed), 0), [(accuracy(), 0.7)].into());
        }
        let then = sweep::judge(&file, &late, &given);
        let judged = |lr: &str| then[&of(lr, 1)][0].goes_on;
        assert_eq!(
            (judged("0.4"), judged("0.5")),
            (true, false),
            "better than the one that goes on, as good as it"
        );
    }

    #[test]
    fn only_what_goes_on_has_branches() {
        let file = parse(&selecting("").replace("select", "branch.tuned = { kind = \"retrain\" }\nselect"));
        assert!(certain(&file, &Verdicts::new()).trials.iter().all(|trial| trial.rounds.len() == 1));
        let values = dense(&[("0.1", [0.5, 0.5]), ("0.2", [0.7, 0.7]), ("0.3", [0.6, 0.6])]);
        let plan = certain(&file, &sweep::judge(&file, &values, &Verdicts::new()));
        let all: Vec<_> = plan.trials.iter().map(|trial| trial.rounds.len()).collect();
        assert_eq!(all, [1, 1, 12, 12, 1, 1]);
    }

    #[test]
    fn what_is_chosen_may_be_pruned_until() {
        let file = parse(&selecting("").replace("rounds = 5", &format!("rounds = 5\n{UNTIL}")));
        let mut values = dense(&[("0.1", [0.5, 0.5]), ("0.2", [0.7, 0.7]), ("0.3", [0.6, 0.6])]);
        let mut given = sweep::judge(&file, &values, &Verdicts::new());
        assert_eq!(rounds(&certain(&file, &given)), [1, 1, 2, 2, 1, 1]);
        values.measured.insert((of("0.2", 1), 1), [(accuracy(), 0.7)].into());
        for (trial, verdicts) in sweep::judge(&file, &values, &given) {
            given.entry(trial).or_default().extend(verdicts);
        }
        assert_eq!(rounds(&certain(&file, &given)), [1, 1, 3, 2, 1, 1]);
    }

    #[test]
    fn the_most_it_can_come_to_is_what_the_costliest_values_do() {
        let extra =
            "axes.\"train.steps\" = [\"100it\", \"300it\", \"200it\"]\nselect.axes = [\"train.steps\"]";
        let file = parse(&text(UNTIL, extra).replace("steps = \"100it\"", "steps = \"1it\""));
        let most = |given: &Verdicts| sweep::most(&file, &Dense::new(), given).unwrap();
        let none = most(&Verdicts::new());
        assert_eq!((rounds(&none), none.decides), (vec![1, 1, 6, 6, 1, 1], true));
        // What was decided is not asked again; values that come late may all go on.
        let by = accuracy();
        let one = Verdict { rule: Rule::Select, round: 0, goes_on: true, by, value: Some(0.9), bar: 0.9 };
        let given = |steps: &str, goes_on| {
            (format!("train.steps={steps} seed=1"), vec![Verdict { goes_on, ..one.clone() }])
        };
        let judged = Verdicts::from([given("100it", true), given("300it", false)]);
        assert_eq!(rounds(&most(&judged)), [6, 6, 1, 1, 6, 6]);
        let plain = parse(&text("", ""));
        assert_eq!(sweep::most(&plain, &Dense::new(), &Verdicts::new()), sweep::expand(&plain));
    }

    #[test]
    fn repeats_of_a_seed_count_as_seeds_do() {
        let file = parse(&selecting("").replace("seeds = [1, 2]", "seeds = 1\nrepeat = 2"));
        let mut values = Seen::default();
        for (lr, pair) in [("0.1", [0.9, 0.5]), ("0.2", [0.8, 0.8]), ("0.3", [0.5, 0.5])] {
            for (noise, value) in ["", " repeat=1"].iter().zip(pair) {
                let trial = format!("train.lr={lr} seed=1{noise}");
                values.measured.insert((trial, 0), [(accuracy(), value)].into());
            }
        }
        let verdicts = sweep::judge(&file, &values, &Verdicts::new());
        assert_eq!(going(&verdicts), ["train.lr=0.2 seed=1", "train.lr=0.2 seed=1 repeat=1"]);
    }

    #[test]
    fn what_cannot_be_chosen_is_refused() {
        assert_refused(
            &selecting("").replace("axes = [\"train.lr\"] }", "axes = \"train.lr\" }"),
            "write a list: `[\"train.lr\"]`",
        );
        assert_refused(
            &selecting("").replace("axes = [\"train.lr\"] }", "axes = [\"lr\"] }"),
            "settings that axes vary: `train.lr`",
        );
        assert_refused(
            &selecting("").replace("[0.1, 0.2, 0.3]", "[0.1]"),
            "there is one value, and nothing to choose",
        );
        let dense = selecting("");
        let (dense, _) = dense.split_once("[prune]").expect("a table");
        assert_refused(dense, "nothing is pruned, and so nothing is left out");
        assert_refused(
            &selecting("").replace("select = { axes = [\"train.lr\"]", "select = { axes = [\"train.decay\"]"),
            "there is no axis `train.decay`",
        );
        assert_refused(
            &selecting("").replace("axes = [\"train.lr\"] }", "axes = [] }"),
            "nothing to choose from",
        );
        assert_refused(&selecting(", keep = 3"), "`3` of 3 values are all of them");
        assert_refused(&selecting(", round = 5"), "nothing comes after the round");
        assert_refused(
            &selecting("").replace("\"mnist\"", "\"mnist\"\nvalidation = 0"),
            "test examples decide nothing",
        );
        let rates = "axes.\"prune.rate\" = [0.1, 0.5]\nselect.axes = [\"prune.rate\"]";
        assert_refused(&text("", rates), "differ in how they are pruned are the same");
        assert_refused(
            &selecting(", round = 1").replace("rounds = 5", &format!("rounds = 5\n{UNTIL}")),
            "may not come to that round",
        );
        assert_refused(&selecting(", best = 2"), "unknown key `best`");
    }

    #[test]
    fn settings_of_one_axis_are_found_by_any_of_its_names() {
        for named in ["train.lr, train.decay", "train.decay"] {
            let extra = format!(
                "axes.\"train.lr, train.decay\" = [[0.1, 0.0], [0.2, 0.1]]\nselect.axes = [\"{named}\"]"
            );
            let values = ["train.decay=0 train.lr=0.1", "train.decay=0.1 train.lr=0.2"];
            let mut all = Seen::default();
            for (value, goodness) in values.iter().zip([0.4, 0.6]) {
                for seed in 1..=2 {
                    all.measured.insert((format!("{value} seed={seed}"), 0), [(accuracy(), goodness)].into());
                }
            }
            let verdicts = sweep::judge(&parse(&text("", &extra)), &all, &Verdicts::new());
            assert_eq!(going(&verdicts), [format!("{} seed=1", values[1]), format!("{} seed=2", values[1])]);
        }
    }
}

mod changed {
    use super::*;

    fn lost(old: &str, new: &str) -> Vec<String> {
        let plan = |text: &str| sweep::expand(&parse(text)).expect("not too large");
        sweep::lost(&plan(old), &plan(new)).into_iter().map(|change| change.setting).collect()
    }

    #[test]
    fn what_decides_can_be_left_out_later_but_not_brought_in_or_changed() {
        let (plain, until) = (text("", ""), text(UNTIL, ""));
        assert!(lost(&plain, &until).iter().any(|setting| setting == "prune.until.worse"));
        assert_eq!(lost(&until, &plain), [] as [&str; 0]);
        assert_eq!(lost(&until, &until.replace("0.01", "0.02"))[0], "prune.until.worse");
        let (all, chosen) = (selecting("").replace("select =", "# select ="), selecting(""));
        assert!(lost(&all, &chosen).iter().any(|setting| setting == "select.axes"));
        assert_eq!(lost(&chosen, &all), [] as [&str; 0]);
        assert_eq!(lost(&chosen, &selecting(", round = 1")), ["select.round"]);
        assert_eq!(lost(&chosen, &chosen.replace("[1, 2]", "[1, 2, 3]")), [] as [&str; 0]);
    }

    #[test]
    fn files_that_choose_otherwise_differ() {
        let plan = |text: &str| sweep::expand(&parse(text)).expect("not too large");
        let changes = sweep::diff(&plan(&selecting("")), &plan(&selecting(", by = \"loss\"")));
        let told: Vec<_> = changes.iter().map(|change| (&*change.setting, change.new.as_deref())).collect();
        assert_eq!(told, [("select.by", Some("loss"))]);
        assert_ne!(plan(&selecting("")), plan(&selecting(", by = \"loss\"")), "nor are they the same sweep");
    }
}
