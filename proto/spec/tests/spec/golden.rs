//! What must never move: fingerprints, counts and ladders. Results in people's databases are found by them.
//!
//! A fingerprint that changes here makes every stored result of its kind unreachable. A new setting is left out of the
//! JSON at its introduction value; results that really change raise a version in `spec::version` instead.

use crate::examples::{self, jobs, network, papers_rule};
use std::collections::BTreeSet;
use tombola_spec::{
    Fingerprint, Steps,
    arch::Architecture,
    data,
    fingerprint::canonical_json,
    job::{JobSpec, Output, PruneJob, Start},
    ladder,
    settings::{Counting, Data, Half, Partial, Prune, Schedule, Scope, Subset, Train},
    version,
};

#[test]
fn fingerprints_are_frozen() {
    let found: Vec<String> =
        jobs().iter().map(|(name, job)| format!("{name} {}", Fingerprint::of(job))).collect();
    insta::assert_snapshot!(found.join("\n"));
}

/// The text behind the fingerprints, so that a change of one can be understood.
#[test]
fn what_is_hashed_is_frozen() {
    let found: Vec<String> = jobs().iter().map(|(_, job)| canonical_json(job)).collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn versions_are_part_of_a_fingerprint() {
    let versions = [version::RANDOM, version::TRAINING, version::SELECTION, version::ANALYSIS];
    assert_eq!(versions, [1; 4], "a raised version changes fingerprints: accept the new ones");
    for (name, job) in jobs() {
        let bare = blake3::Hasher::new_derive_key("tombola job fingerprint v1")
            .update(canonical_json(&job).as_bytes())
            .finalize();
        assert_ne!(Fingerprint::of(&job).0.0, *bare.as_bytes(), "{name}");
        // What an analysis reads was drawn by the jobs it names.
        let drawn = match job {
            JobSpec::Connectivity(_) | JobSpec::MaskDistance(_) | JobSpec::Slim(_) => "analysis",
            JobSpec::Join(_) | JobSpec::Import(_) => "selection",
            _ => "random",
        };
        assert!(version::components_of(&job).iter().any(|(component, _)| *component == drawn), "{name}");
    }
}

#[test]
fn the_order_of_fields_in_a_message_does_not_matter() {
    for (name, job) in jobs() {
        let backwards = backwards(&serde_json::to_value(&job).unwrap());
        let read: JobSpec = serde_json::from_str(&backwards).unwrap();
        assert_eq!(read, job, "{name}");
        assert_eq!(Fingerprint::of(&read), Fingerprint::of(&job), "{name}");
    }
}

#[test]
fn a_scan_goes_in_even_steps_and_is_refined_between_its_last_two() {
    let job = examples::collapse();
    let grid = job.grid();
    assert_eq!((grid.len(), grid[0], grid[1], grid[26]), (27, 0.0, 0.25, 6.5));
    // Neither end is tried again, and none has a tail of binary fractions.
    assert_eq!(job.between(6.0, 6.25), [6.05, 6.1, 6.15, 6.2]);
    let coarse = tombola_spec::job::CollapseJob { refine: 0.0, ..job.clone() };
    assert!(coarse.between(6.0, 6.25).is_empty());
    assert!(tombola_spec::job::CollapseJob { refine: 0.25, ..job }.between(6.0, 6.25).is_empty());
}

#[test]
fn each_mask_is_compared_with_each_once() {
    assert!(examples::mask_distance().pairs().eq([[0, 1], [0, 2], [1, 2]]));
}

#[test]
fn alphas_are_evenly_spaced_from_one_end_to_the_other() {
    let grid = examples::connectivity().grid();
    assert_eq!((grid.len(), grid[0], grid[1], grid[29]), (30, 0.0, 1.0 / 29.0, 1.0));
}

/// JSON with the keys of every object in reverse.
fn backwards(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().rev().map(|(key, value)| format!("\"{key}\":{}", backwards(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        serde_json::Value::Array(items) => {
            format!("[{}]", items.iter().map(backwards).collect::<Vec<_>>().join(","))
        }
        plain => plain.to_string(),
    }
}

#[test]
fn fields_at_their_introduction_value_are_left_out_and_read_back() {
    let plain = canonical_json(&JobSpec::Train(examples::dense()));
    assert!(!plain.contains("repeat"), "{plain}");
    let salted = canonical_json(&JobSpec::Train(examples::reinit()));
    assert!(salted.contains("\"repeat\":1"), "{salted}");
    let global = canonical_json(&JobSpec::Prune(examples::global_prune()));
    assert!(!global.contains("rates"), "{global}");
    assert!(!plain.contains("bn_init"), "{plain}");
    let normalized = canonical_json(&JobSpec::Train(examples::normalized()));
    assert!(normalized.contains("\"bn_init\":\"half\""), "{normalized}");
}

#[test]
fn every_setting_moves_the_fingerprint() {
    let base = examples::rewound();
    let changed = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = serde_json::to_value(JobSpec::Train(base.clone())).unwrap();
        change(&mut value);
        Fingerprint::of(&serde_json::from_value(value).unwrap())
    };
    let mut seen = BTreeSet::from([changed(&|_| {})]);
    let paths = [
        ("/recipe/model/name", "\"mnist_lenet_300\""),
        ("/recipe/model/init", "\"kaiming_normal\""),
        ("/recipe/model/bias_init", "\"uniform\""),
        ("/recipe/model/init", "\"kaiming_uniform\""),
        ("/recipe/model/init", "\"orthogonal\""),
        ("/recipe/model/init", "\"binary\""),
        ("/recipe/model/dropout", "0.5"),
        ("/recipe/model/dropout", "0.25"),
        ("/recipe/data/set", "\"fashion_mnist\""),
        ("/recipe/data/shape/mean", "0.5"),
        ("/recipe/data/shape/std", "0.5"),
        ("/recipe/data/validation", "0"),
        ("/recipe/data/split_seed", "1"),
        ("/recipe/data/subset", r#"{"fraction":0.5}"#),
        ("/recipe/data/subset", r#"{"fraction":0.1}"#),
        ("/recipe/data/subset", r#"{"half":"a"}"#),
        ("/recipe/data/subset", r#"{"half":"b"}"#),
        ("/recipe/data/subset", r#"{"classes":{"classes":[0,1],"examples":12665}}"#),
        ("/recipe/data/subset", r#"{"classes":{"classes":[1,0],"examples":12665}}"#),
        ("/recipe/data/noise", r#"{"share":0.1,"seed":0}"#),
        ("/recipe/data/noise", r#"{"share":0.1,"seed":1}"#),
        ("/recipe/data/augment", "\"flip\""),
        ("/recipe/data/augment", "\"crop4\""),
        ("/recipe/data/augment", "\"flip+crop4\""),
        ("/recipe/train/batch", "61"),
        ("/recipe/train/optimizer/momentum", "0.8"),
        ("/recipe/train/optimizer/nesterov", "true"),
        ("/recipe/train/lr", "0.10000000000000002"),
        ("/recipe/train/decay", "0.0"),
        ("/recipe/train/milestones", "[]"),
        ("/recipe/train/gamma", "0.2"),
        ("/recipe/train/warmup", "\"0it\""),
        ("/recipe/train/eval_every", "\"0it\""),
        ("/recipe/train/order", "\"same\""),
        ("/recipe/train/clip", "1.0"),
        ("/recipe/train/clip", "0.5"),
        ("/recipe/train/schedule", r#"{"name":"cosine","to":0.0,"end":"160ep"}"#),
        ("/recipe/train/schedule", r#"{"name":"cosine","to":0.0,"end":"161ep"}"#),
        ("/recipe/train/schedule", r#"{"name":"linear","to":0.0,"end":"160ep"}"#),
        ("/recipe/train/schedule", r#"{"name":"linear","to":0.005,"end":"160ep"}"#),
        ("/recipe/train/optimizer", r#"{"name":"adamw","beta1":0.9,"beta2":0.999,"eps":1e-8}"#),
        ("/recipe/train/optimizer", r#"{"name":"rmsprop","alpha":0.99,"eps":1e-8,"momentum":0.9}"#),
        ("/recipe/train/partial", "\"keep\""),
        ("/recipe/train/freeze", r#"["bn"]"#),
        ("/recipe/train/freeze", r#"["output","others"]"#),
        ("/recipe/train/freeze", r#"[{"parameter":"fc.weight"}]"#),
        ("/recipe/train/bn_l1", "0.0001"),
        ("/recipe/dtype", "\"f64\""),
        ("/recipe/dtype", "\"bf16\""),
        ("/mask", "null"),
        ("/order/seed", "2"),
        ("/order/branch", "\"b\""),
        ("/order/copy", "1"),
        ("/order/round", "3"),
        ("/from", "\"501it\""),
        ("/to", "\"50001it\""),
        ("/keep_state", "true"),
        ("/head", r#"{"seed":1,"branch":"","copy":0,"round":0}"#),
        (
            "/start",
            r#"{"redraw":{"after":"0101010101010101010101010101010101010101010101010101010101010101","values":"constant","stream":{"seed":1,"branch":"","copy":0,"round":0}}}"#,
        ),
        (
            "/start",
            r#"{"redraw":{"after":"0101010101010101010101010101010101010101010101010101010101010101","values":"constant","keep_signs":true,"stream":{"seed":1,"branch":"","copy":0,"round":0}}}"#,
        ),
        (
            "/start",
            r#"{"redraw":{"after":"0101010101010101010101010101010101010101010101010101010101010101","values":{"noise":0.5},"stream":{"seed":1,"branch":"","copy":0,"round":0}}}"#,
        ),
    ];
    for (path, value) in paths {
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        let moved = changed(&|job| set(job, path, value.clone()));
        assert!(seen.insert(moved), "{path}");
    }
}

#[test]
fn every_way_to_count_is_a_prune_step_of_its_own() {
    let rule = |counting, protect| {
        JobSpec::Prune(PruneJob { rule: Prune { counting, protect, ..papers_rule() }, ..examples::prune() })
    };
    let ways = [
        (Counting::Exact, 0.0),
        (Counting::Exact, 0.1),
        (Counting::OpenLth, 0.0),
        (Counting::Google, 0.0),
        (Counting::Synflow, 0.0),
    ];
    let all: BTreeSet<_> = ways.map(|(counting, protect)| Fingerprint::of(&rule(counting, protect))).into();
    assert_eq!(all.len(), 5);
    assert_eq!(
        Fingerprint::of(&rule(Counting::Exact, 0.0)),
        Fingerprint::of(&JobSpec::Prune(examples::prune()))
    );
}

/// open_lth's epochs: 50,000 / 128 = 390.6 and 60,000 / 128 = 468.75, the last batch of 80 and of 96.
#[test]
fn an_epoch_may_keep_its_partial_batch() {
    let optimizer = examples::recipe().train.optimizer;
    let dropped = Train::plain(128, optimizer, 0.1);
    let kept = Train { partial: Partial::Keep, ..dropped.clone() };
    assert_eq!([50_000, 60_000, 128].map(|all| kept.iterations_per_epoch(all)), [391, 469, 1]);
    assert_eq!([50_000, 60_000, 128].map(|all| dropped.iterations_per_epoch(all)), [390, 468, 1]);
    let seen = |train: &Train| [0, 1, 390, 391, 392, 782].map(|it| train.examples_before(it, 50_000));
    assert_eq!(seen(&kept), [0, 128, 49_920, 50_000, 50_128, 100_000]);
    assert_eq!(seen(&dropped), [0, 128, 49_920, 50_048, 50_176, 100_096]);
}

/// Worked by hand: 100 iterations of which 20 warm up, from 0.4 down to 0.1.
#[test]
fn the_learning_rate_may_follow_a_cosine_or_a_line_to_the_end() {
    let mut train =
        Train { warmup: Steps::its(20), ..Train::plain(60, examples::recipe().train.optimizer, 0.4) };
    let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-15, "{found} against {wanted}");
    let (to, end) = (0.1, Steps::epochs(10));
    train.schedule = Schedule::Linear { to, end };
    for (it, lr) in [(0, 0.0), (5, 0.1), (20, 0.4), (60, 0.25), (80, 0.175), (100, 0.1), (500, 0.1)] {
        near(train.lr_at(it, 10), lr);
    }
    train.schedule = Schedule::Cosine { to, end };
    // A quarter of the way the cosine has fallen by (1 - 1/√2) / 2.
    let quarter = 0.1 + 0.3 * (1.0 + 0.5f64.sqrt()) / 2.0;
    for (it, lr) in [(0, 0.0), (5, 0.1), (20, 0.4), (40, quarter), (60, 0.25), (100, 0.1), (500, 0.1)] {
        near(train.lr_at(it, 10), lr);
    }
    train.schedule = Schedule::Cosine { to: 0.0, end };
    near(train.lr_at(100, 10), 0.0);
}

/// Puts a value at a path whose last key may be left out so far.
fn set(job: &mut serde_json::Value, path: &str, value: serde_json::Value) {
    let (table, key) = path.rsplit_once('/').expect("a path");
    job.pointer_mut(table).expect("a table")[key] = value;
}

#[test]
fn a_subset_decides_how_long_an_epoch_is() {
    let examples = |subset| Data { subset, ..examples::recipe().data }.train_examples();
    assert_eq!(examples(None), 55_000);
    assert_eq!(examples(Some(Subset::Fraction(0.2))), 7_000);
    assert_eq!(examples(Some(Subset::Half(Half::A))), 25_000);
    let classes = Subset::Classes { classes: vec![0, 1], examples: 12_665 };
    assert_eq!(examples(Some(classes)), 7_665);
    let all: u32 = (0..10).filter_map(|class| data::class_examples("mnist", class)).sum();
    assert_eq!(all, 60_000);
    for (set, shape) in data::KNOWN {
        let all: u32 = (0..shape.classes).filter_map(|class| data::class_examples(set, class)).sum();
        assert_eq!(all, shape.train, "{set}");
        assert_eq!(data::class_examples(set, shape.classes), None);
    }
}

#[test]
fn a_jobs_inputs_and_outputs_follow_from_what_it_does() {
    let outputs: Vec<_> = jobs().into_iter().map(|(name, job)| (name, job.outputs())).collect();
    assert_eq!(
        outputs,
        [
            ("dense", vec![Output::Initial, Output::Weights, Output::State]),
            ("continued", vec![Output::Weights]),
            ("rewound", vec![Output::Weights]),
            ("reinit", vec![Output::Initial, Output::Weights]),
            ("varied", vec![Output::Initial, Output::Weights, Output::State]),
            ("scheduled", vec![Output::Initial, Output::Weights, Output::State]),
            ("prune", vec![Output::Mask]),
            ("global_prune", vec![Output::Mask]),
            ("random_mask", vec![Output::Mask]),
            ("synflow", vec![Output::Mask]),
            ("grasp", vec![Output::Mask]),
            ("snip", vec![Output::Mask]),
            ("inverted_movement", vec![Output::Mask]),
            ("normalized", vec![Output::Initial, Output::Weights, Output::State]),
            ("connectivity", vec![]),
            ("redrawn", vec![Output::Initial, Output::Weights]),
            ("join", vec![Output::Mask]),
            ("global_random_mask", vec![Output::Mask]),
            ("collapse", vec![]),
            ("mask_distance", vec![]),
            ("channels", vec![Output::Mask]),
            ("slim", vec![Output::Weights]),
            ("searching", vec![Output::Initial, Output::Weights, Output::Tickets]),
            ("found", vec![Output::Weights, Output::Mask]),
            ("late", vec![Output::Weights]),
            ("import", vec![Output::Scores]),
            ("scored", vec![Output::Mask]),
            ("supermask", vec![Output::Mask]),
        ]
    );
    let inputs: Vec<Vec<Output>> =
        jobs().iter().map(|(_, job)| job.inputs().iter().map(|input| input.output).collect()).collect();
    assert_eq!(
        inputs,
        [
            vec![],
            vec![Output::Weights, Output::State],
            vec![Output::Weights, Output::Mask],
            vec![Output::Mask],
            vec![],
            vec![],
            vec![Output::Weights, Output::Mask],
            vec![Output::Weights],
            vec![Output::Mask],
            vec![],
            vec![],
            vec![],
            vec![Output::Weights, Output::Mask],
            vec![],
            vec![Output::Weights, Output::Weights],
            vec![Output::Weights, Output::Mask],
            vec![Output::Mask; 3],
            vec![Output::Mask],
            vec![],
            vec![Output::Mask; 3],
            vec![Output::Weights],
            vec![Output::Weights, Output::Mask],
            vec![],
            vec![Output::Tickets],
            vec![Output::Weights, Output::Mask],
            vec![],
            vec![Output::Weights, Output::Mask, Output::Scores],
            vec![],
        ]
    );
    let iterations: Vec<u64> = jobs().iter().map(|(_, job)| job.iterations()).collect();
    assert_eq!(
        iterations,
        [
            500, 49_500, 49_500, 50_000, 500, 500, 0, 0, 0, 0, 0, 0, 0, 500, 0, 50_000, 0, 0, 0, 0, 0, 0,
            500, 0, 50_000, 0, 0, 0
        ]
    );
    assert!(matches!(examples::dense().start, Start::Init(_)));
}

#[test]
fn architectures_have_their_exact_counts() {
    for (name, image, classes, weights, parameters) in [
        ("mnist_lenet_300_100", [1, 28, 28], 10, 266_200, 266_610),
        ("mnist_lenet_300_100", [1, 28, 28], 47, 269_900, 270_347),
        ("mnist_lenet_100", [1, 28, 28], 10, 79_400, 79_510),
        ("mnist_lenet_25_9_1", [1, 28, 28], 10, 19_844, 19_889),
        ("mnist_lenet_16", [3, 8, 8], 4, 3_136, 3_156),
    ] {
        let network = Architecture::parse(name, image, classes).unwrap();
        let counts = (network.weight_count(), network.parameter_count());
        assert_eq!(counts, (weights, parameters), "{name} of {image:?} in {classes}");
        assert_eq!(network.multiply_adds(), weights);
        assert_eq!(network.training_flops(60), 360 * weights);
    }
}

/// Living weights of the paper's LeNet after each of 20 rounds, per layer and globally.
#[test]
fn ladders_are_exact() {
    let lenet = network().architecture().unwrap();
    assert_eq!(
        ladder::living(&lenet, &papers_rule(), 20),
        [
            266_200, 213_060, 170_538, 136_511, 109_282, 87_490, 70_051, 56_094, 44_923, 35_981, 28_823,
            23_093, 18_506, 14_834, 11_893, 9_537, 7_650, 6_138, 4_927, 3_957, 3_179
        ]
    );
    let global = Prune { scope: Scope::Global, rates: [].into(), ..papers_rule() };
    assert_eq!(
        ladder::living(&lenet, &global, 20),
        [
            266_200, 212_960, 170_368, 136_294, 109_035, 87_228, 69_782, 55_826, 44_661, 35_729, 28_583,
            22_866, 18_293, 14_634, 11_707, 9_366, 7_493, 5_994, 4_795, 3_836, 3_069
        ]
    );
}

/// A layer that is left out of the ranking keeps its weights, and the others are not pruned harder for it.
#[test]
fn a_protected_layer_is_not_counted_among_the_ranked() {
    let lenet = network().architecture().unwrap();
    let rule = Prune { scope: Scope::Global, rates: [("fc.weight".to_owned(), 0.0)].into(), ..papers_rule() };
    let ladder = ladder::living(&lenet, &rule, 2);
    assert_eq!(ladder, [266_200, 1000 + 212_160, 1000 + 169_728]);
}

/// open_lth's rule: lr * gamma^(milestones passed) * min(1, it / warmup).
#[test]
fn the_learning_rate_follows_its_schedule() {
    let train = examples::rewound().recipe.train.clone();
    let per_epoch = 916;
    let at = |it: u64| train.lr_at(it, per_epoch);
    assert_eq!((at(0), at(229), at(2290), at(4580), at(73_279)), (0.0, 0.1 * 0.05, 0.1 * 0.5, 0.1, 0.1));
    assert!((at(73_280) - 0.01).abs() < 1e-17 && (at(109_922) - 0.01).abs() < 1e-17);
    assert!((at(109_923) - 0.001).abs() < 1e-18);
    assert_eq!(Steps { ep: 120, it: 3 }.iterations(per_epoch), 109_923);
}
