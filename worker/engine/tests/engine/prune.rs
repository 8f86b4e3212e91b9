//! Prune steps and masks: exact counts, ties, scopes, and the published ladder.

use crate::rig::{ADAM, recipe};
use tombola_engine::{
    EngineError,
    checkpoint::{FileKind, TensorFile},
    init::initial_weights,
    mask::Mask,
    prune::{Subject, random_mask, run_random_mask},
};
use tombola_spec::{
    Digest, Fingerprint,
    arch::{Architecture, Role},
    job::{Input, Network, Output, Preserve, RandomMaskJob, Stream},
    ladder,
    outcome::FailureClass,
    settings::{Amount, Counting, Criterion, CutSchedule, Dtype, Prune, Scope},
};

fn stream(seed: u64) -> Stream {
    Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
}

fn rule(scope: Scope, rate: f64, rates: &[(&str, f64)]) -> Prune {
    let rates = rates.iter().map(|&(name, rate)| (name.to_owned(), rate)).collect();
    Prune { rates, ..Prune::new(Criterion::Magnitude, scope, Amount::Rate(rate)) }
}

fn lenet() -> Architecture {
    Architecture::parse("mnist_lenet_300_100", [1, 28, 28], 10).unwrap()
}

/// 6 inputs, 4 hidden, 3 classes: weights `fc_layers.0.weight` `[4, 6]` and `fc.weight` `[3, 4]`.
fn tiny() -> Architecture {
    Architecture::parse("mnist_lenet_4", [1, 2, 3], 3).unwrap()
}

fn weights(architecture: &Architecture, seed: u64) -> Vec<Vec<f32>> {
    initial_weights(&architecture.weights(), &recipe(ADAM).model, &stream(seed))
}

/// A prune step that looks at the weights of weight tensors alone.
fn prune(
    architecture: &Architecture,
    rule: &Prune,
    weights: &[Vec<f32>],
    mask: Option<&Mask>,
    ties: &Stream,
) -> Result<Mask, EngineError> {
    let mut weights = weights.iter().map(|tensor| tensor.iter().map(|&weight| f64::from(weight)).collect());
    let parameters: Vec<Vec<f64>> = architecture
        .tensors()
        .iter()
        .map(|tensor| match tensor.role {
            Role::Weight => weights.next().unwrap_or_default(),
            _ => vec![0.0; tensor.len()],
        })
        .collect();
    let subject = Subject::of(architecture, &parameters)?;
    let mask = tombola_engine::prune::prune(&subject, rule, mask, ties, &|_| true)?;
    Ok(mask.expect("nobody stops it"))
}

fn living(mask: &Mask) -> u64 {
    mask.layers.iter().map(|layer| layer.living()).sum()
}

/// The ladder of the lottery ticket paper (arXiv 1803.03635, Figure 2), with weights that move every round as training would move them.
#[test]
fn twenty_prune_steps_of_lenet_walk_down_the_published_ladder() {
    let published = [
        100.0, 80.04, 64.06, 51.28, 41.05, 32.87, 26.32, 21.07, 16.88, 13.52, 10.83, 8.68, 6.95, 5.57, 4.47,
        3.58, 2.87, 2.31, 1.85, 1.49, 1.19,
    ];
    let (lenet, rule) = (lenet(), rule(Scope::PerLayer, 0.2, &[("fc.weight", 0.1)]));
    let planned = ladder::living(&lenet, &rule, 20);
    let mut mask = Mask::dense(&lenet);
    for (round, (percent, planned)) in published.into_iter().zip(planned).enumerate() {
        let density = 100.0 * living(&mask) as f64 / lenet.weight_count() as f64;
        assert!((density - percent).abs() < 0.02, "round {round}: {density} against {percent} %");
        assert_eq!(living(&mask), planned, "round {round}: the plan predicts the mask exactly");
        let before = mask.clone();
        mask = prune(&lenet, &rule, &weights(&lenet, round as u64), Some(&mask), &stream(1)).unwrap();
        assert_subset(&mask, &before);
    }
}

#[track_caller]
fn assert_subset(after: &Mask, before: &Mask) {
    for (after, before) in after.layers.iter().zip(&before.layers) {
        assert!(after.bits.iter().zip(&before.bits).all(|(a, b)| a <= b), "a dead weight came back");
    }
}

#[test]
fn global_pruning_keeps_the_large_weights_wherever_they_are() {
    let tiny = tiny();
    // All weights of the first layer are smaller than all of the second.
    let weights = vec![(1..=24).map(|n| n as f32 * 0.01).collect(), (1..=12).map(|n| -(n as f32)).collect()];
    let global = prune(&tiny, &rule(Scope::Global, 0.5, &[]), &weights, None, &stream(1)).unwrap();
    assert_eq!(global.counts().layers.iter().map(|layer| layer.living).collect::<Vec<_>>(), [6, 12]);
    assert!(global.layers[0].bits.iter().rev().take(6).all(|&bit| bit == 1), "the largest six live");
    let per_layer = prune(&tiny, &rule(Scope::PerLayer, 0.5, &[]), &weights, None, &stream(1)).unwrap();
    assert_eq!(per_layer.counts().layers.iter().map(|layer| layer.living).collect::<Vec<_>>(), [12, 6]);
}

#[test]
fn a_tensor_with_its_own_rate_is_left_out_of_the_global_ranking() {
    let tiny = tiny();
    let weights = weights(&tiny, 1);
    let mask =
        prune(&tiny, &rule(Scope::Global, 0.5, &[("fc.weight", 0.0)]), &weights, None, &stream(1)).unwrap();
    let counts = mask.counts().layers;
    assert_eq!((counts[0].living, counts[0].prunable), (12, true));
    assert_eq!((counts[1].living, counts[1].prunable), (12, false));
}

#[test]
fn only_living_weights_count_and_dead_zeros_do_not_drag_the_threshold_down() {
    let tiny = tiny();
    let mut weights = weights(&tiny, 2);
    let rule = rule(Scope::PerLayer, 0.25, &[]);
    let first = prune(&tiny, &rule, &weights, None, &stream(1)).unwrap();
    for (tensor, layer) in weights.iter_mut().zip(&first.layers) {
        // Dead weights as training leaves them, and one that is not: neither may matter.
        tensor
            .iter_mut()
            .zip(&layer.bits)
            .filter(|(_, bit)| **bit == 0)
            .for_each(|(weight, _)| *weight = 0.0);
        if let Some(dead) = layer.bits.iter().position(|&bit| bit == 0) {
            tensor[dead] = f32::NAN;
        }
    }
    let second = prune(&tiny, &rule, &weights, Some(&first), &stream(1)).unwrap();
    assert_subset(&second, &first);
    let counts = |mask: &Mask| mask.layers.iter().map(|layer| layer.living()).collect::<Vec<_>>();
    assert_eq!((counts(&first), counts(&second)), (vec![18, 9], vec![13, 7]));
}

#[test]
fn ties_are_cut_to_the_exact_count_and_always_the_same_way() {
    let lenet = lenet();
    let mut equal: Vec<Vec<f32>> = lenet.weights().iter().map(|weight| vec![0.5; weight.len()]).collect();
    // One that is larger: equal weights of all would be no ranking.
    equal[2][7] = 0.6;
    let rule = rule(Scope::Global, 0.2, &[]);
    let mask = prune(&lenet, &rule, &equal, None, &stream(1)).unwrap();
    assert_eq!(living(&mask), 212_960);
    assert_eq!(prune(&lenet, &rule, &equal, None, &stream(1)).unwrap(), mask);
    assert_ne!(prune(&lenet, &rule, &equal, None, &stream(2)).unwrap(), mask, "the seed decides");
    // No tensor and no end of a tensor is favoured.
    for layer in mask.layers {
        let half = &layer.bits[..layer.bits.len() / 2];
        let density = half.iter().map(|&bit| f64::from(bit)).sum::<f64>() / half.len() as f64;
        assert!((density - 0.8).abs() < 0.08, "{}: {density}", layer.name);
    }
}

#[test]
fn weights_of_both_zeros_and_both_signs_are_tied() {
    let tiny = tiny();
    let signs = |sign: f32| {
        let mut weights = vec![vec![0.0 * sign; 24], vec![sign; 12]];
        (weights[0][5], weights[1][5]) = (2.0, 2.0);
        weights
    };
    let rule = rule(Scope::PerLayer, 0.5, &[]);
    let plus = prune(&tiny, &rule, &signs(1.0), None, &stream(1)).unwrap();
    assert_eq!(prune(&tiny, &rule, &signs(-1.0), None, &stream(1)).unwrap(), plus);
}

#[test]
fn weights_that_are_not_finite_end_the_job_as_such() {
    let tiny = tiny();
    for bad in [f32::NAN, f32::INFINITY] {
        let mut weights = weights(&tiny, 1);
        weights[1][3] = bad;
        let error = prune(&tiny, &rule(Scope::PerLayer, 0.2, &[]), &weights, None, &stream(1)).unwrap_err();
        assert_eq!(error.class(), FailureClass::NotFinite);
        assert!(error.to_string().contains("`fc.weight`"), "{error}");
    }
}

#[test]
fn impossible_rules_are_refused() {
    let (tiny, dense) = (tiny(), weights(&tiny(), 1));
    for (rule, says) in [
        (rule(Scope::Global, 1.5, &[]), "`1.5`"),
        (rule(Scope::Global, f64::NAN, &[]), "`NaN`"),
        (rule(Scope::Global, 0.2, &[("fc.weight", -0.1)]), "`-0.1`"),
        (rule(Scope::Global, 0.2, &[("conv.weight", 0.1)]), "`conv.weight`"),
        (rule(Scope::Global, 0.2, &[("fc.bias", 0.1)]), "`fc.bias`"),
    ] {
        let error = prune(&tiny, &rule, &dense, None, &stream(1)).unwrap_err();
        assert!(matches!(&error, EngineError::Settings(text) if text.contains(says)), "{error}");
    }
    let error = prune(&lenet(), &rule(Scope::Global, 0.2, &[]), &dense, None, &stream(1)).unwrap_err();
    assert_eq!(error.class(), FailureClass::User);
}

/// open_lth's `sparse_global` on ten weights, worked by hand: ceil(0.2 * 10) = 2, what is not above the third lowest goes.
#[test]
fn open_lth_keeps_seven_of_ten_not_eight() {
    let ten = Architecture::parse("mnist_lenet_2", [1, 1, 3], 2).unwrap();
    let sizes = [0.5, 0.1, 0.3, 0.7, 0.05, 0.2, 0.4, -0.15, -0.9, 0.6];
    let weights = [sizes[..6].to_vec(), sizes[6..].to_vec()];
    let exact = rule(Scope::Global, 0.2, &[]);
    let imitated = Prune { counting: Counting::OpenLth, ..exact.clone() };
    let bits = |rule: &Prune, weights: &[Vec<f32>]| -> Vec<u8> {
        let mask = prune(&ten, rule, weights, None, &stream(1)).unwrap();
        mask.layers.iter().flat_map(|layer| layer.bits.clone()).collect()
    };
    assert_eq!(bits(&imitated, &weights), [1, 0, 1, 1, 0, 1, 1, 0, 1, 1]);
    assert_eq!(bits(&exact, &weights), [1, 0, 1, 1, 0, 1, 1, 1, 1, 1]);
    assert_eq!(ladder::living(&ten, &imitated, 1), [10, 7]);
    // `fc` left whole counts and is not ranked: of the six of the first layer the three lowest go.
    let whole = Prune { rates: [("fc.weight".to_owned(), 0.0)].into(), ..imitated };
    assert_eq!(bits(&whole, &weights), [1, 0, 1, 1, 0, 0, 1, 1, 1, 1]);
    // Equal ones at the threshold go together.
    let mut tied = weights;
    tied[0][5] = 0.15;
    assert_eq!(bits(&imitated, &tied), [1, 0, 1, 1, 0, 0, 1, 0, 1, 1]);
    let equal = vec![vec![0.1, 0.2, 0.2, 0.2, 0.2, 0.2], vec![0.2; 4]];
    let error = prune(&ten, &imitated, &equal, None, &stream(1)).unwrap_err();
    assert!(error.to_string().contains("all 10 living weights"), "{error}");
}

/// The Google re-implementation, layer by layer: of 24 at 0.15, round(3.6) + 1 = 5; of 12 at 0.2, round(2.4) + 1 = 3.
#[test]
fn masks_have_the_counts_of_the_convention_they_imitate() {
    let tiny = tiny();
    let google = Prune { counting: Counting::Google, ..rule(Scope::PerLayer, 0.15, &[("fc.weight", 0.2)]) };
    let (mut weights, mut mask) = (weights(&tiny, 3), None);
    for (round, wanted) in [[19, 9], [15, 6], [12, 4]].iter().enumerate() {
        let next = prune(&tiny, &google, &weights, mask.as_ref(), &stream(1)).unwrap();
        let counts: Vec<u64> = next.layers.iter().map(|layer| layer.living()).collect();
        assert_eq!(counts, wanted, "round {round}");
        assert_eq!(living(&next), ladder::living(&tiny, &google, 3)[round + 1]);
        weights.iter_mut().flatten().enumerate().for_each(|(n, weight)| *weight += (n % 7) as f32 * 0.01);
        mask = Some(next);
    }
    // Synaptic-Flow's, in many iterations: int(0.9 * 36) = 32 of 36 go in all.
    let (iterations, schedule) = (5, CutSchedule::Exponential);
    let criterion = Criterion::Synflow { iterations, schedule, dtype: Dtype::F64 };
    let rule = Prune::new(criterion, Scope::Global, Amount::Density(0.1));
    let synflow = Prune { counting: Counting::Synflow, ..rule };
    let mask = prune(&tiny, &synflow, &weights, None, &stream(1)).unwrap();
    assert_eq!((living(&mask), ladder::living(&tiny, &synflow, 1)[1]), (4, 4));
}

#[test]
fn the_protected_share_of_a_layer_is_its_highest_scores() {
    let tiny = tiny();
    // The whole second layer is below the first.
    let low: Vec<f32> = (0..12).map(|n| 0.001 * (1 + n * 5 % 12) as f32).collect();
    let weights = vec![(0..24).map(|n| (1 + n * 7 % 24) as f32).collect(), low.clone()];
    let free = rule(Scope::Global, 0.5, &[]);
    let counts = |rule: &Prune| -> Vec<u64> {
        let mask = prune(&tiny, rule, &weights, None, &stream(1)).unwrap();
        mask.layers.iter().map(|layer| layer.living()).collect()
    };
    assert_eq!(counts(&free), [18, 0]);
    // 12 - int(0.75 * 12) = 3 of the second layer are kept, and the count stays what it was.
    let guarded = Prune { protect: 0.25, ..free };
    assert_eq!(counts(&guarded), [15, 3]);
    let mask = prune(&tiny, &guarded, &weights, None, &stream(1)).unwrap();
    let highest = low.iter().map(|&weight| u8::from(weight > 0.0095)).collect::<Vec<_>>();
    assert_eq!(mask.layers[1].bits, highest);
    let error = prune(&tiny, &Prune { protect: 0.6, ..guarded }, &weights, None, &stream(1)).unwrap_err();
    assert!(error.to_string().contains("18 of 36 living weights"), "{error}");
}

#[test]
fn a_random_mask_keeps_each_layers_count_and_nothing_else() {
    let lenet = lenet();
    let rule = rule(Scope::PerLayer, 0.5, &[("fc.weight", 0.0)]);
    let ticket = prune(&lenet, &rule, &weights(&lenet, 1), None, &stream(1)).unwrap();
    let drawn = random_mask(&ticket, Preserve::PerLayer, &[], &stream(3));
    assert_eq!(drawn.counts(), ticket.counts());
    assert_eq!(random_mask(&ticket, Preserve::PerLayer, &[], &stream(3)), drawn);
    let both =
        drawn.layers[0].bits.iter().zip(&ticket.layers[0].bits).filter(|(a, b)| **a == 1 && **b == 1).count();
    let share = both as f64 / ticket.layers[0].living() as f64;
    assert!((share - 0.5).abs() < 0.01, "chance overlap of two half-dense masks: {share}");
}

fn network(architecture: &Architecture) -> Network {
    Network { name: architecture.name.clone(), image: architecture.input, classes: architecture.outputs }
}

#[test]
fn weights_that_are_all_alike_give_nothing_to_choose_by() {
    let tiny = tiny();
    let equal = vec![vec![0.5; 24], vec![0.5; 12]];
    let error = prune(&tiny, &rule(Scope::PerLayer, 0.5, &[]), &equal, None, &stream(1)).unwrap_err();
    assert_eq!(error.class(), FailureClass::User);
    assert!(error.to_string().contains("all 24 living weights of `fc_layers.0.weight` score 0.5"), "{error}");
    // A layer that loses nothing needs no ranking.
    let rates = [("fc_layers.0.weight", 0.0), ("fc.weight", 0.0)];
    let untouched = prune(&tiny, &rule(Scope::PerLayer, 0.5, &rates), &equal, None, &stream(1)).unwrap();
    assert_eq!(living(&untouched), 36);
    // To chance it is all the same.
    let by_lot = Prune { criterion: Criterion::Random, ..rule(Scope::PerLayer, 0.5, &[]) };
    assert_eq!(living(&prune(&tiny, &by_lot, &equal, None, &stream(1)).unwrap()), 18);
}

#[test]
fn a_random_mask_job_runs_from_file_to_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask");
    let tiny = tiny();
    let first = prune(&tiny, &rule(Scope::Global, 0.25, &[]), &weights(&tiny, 1), None, &stream(1)).unwrap();
    first.save(&tiny, &path).unwrap();
    assert_eq!(Mask::load(&tiny, &path).unwrap(), first);
    let mask = Input { job: Fingerprint(Digest::of(b"job")), output: Output::Mask };
    let job = RandomMaskJob {
        network: network(&tiny),
        mask,
        preserve: Preserve::PerLayer,
        whole: Vec::new(),
        stream: stream(4),
    };
    assert_eq!(run_random_mask(&job, &path).unwrap().counts(), first.counts());
}

#[test]
fn a_mask_of_another_network_or_with_other_values_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask");
    let tiny = tiny();
    Mask::dense(&tiny).save(&tiny, &path).unwrap();
    let error = Mask::load(&lenet(), &path).unwrap_err();
    assert!(
        error.to_string().ends_with("is about the network `mnist_lenet_4`, not `mnist_lenet_300_100`"),
        "{error}"
    );

    let mut wrong = Mask::dense(&tiny);
    wrong.layers[1].bits[5] = 2;
    assert!(wrong.save(&tiny, &path).unwrap_err().to_string().contains("`fc.weight` holds 2"));

    let mut file = TensorFile::new(FileKind::Mask, &tiny.name);
    file.put("fc_layers.0.weight", &[4, 6], vec![1u8; 24]).unwrap();
    file.put("fc.weight", &[3, 4], vec![7u8; 12]).unwrap();
    file.put_note("prunable", &["fc.weight"]).unwrap();
    file.save(&path).unwrap();
    assert!(Mask::load(&tiny, &path).unwrap_err().to_string().contains("`fc.weight` holds 7"));
}

/// Three layers of 12,544, 128 and 16 weights, of which the last is never cut.
#[test]
fn random_masks_may_keep_the_sum_alone_or_give_each_layer_its_share() {
    let lenet = Architecture::parse("mnist_lenet_16_8", [1, 28, 28], 2).unwrap();
    let rule = rule(Scope::Global, 0.9, &[("fc.weight", 0.0)]);
    let ticket = prune(&lenet, &rule, &weights(&lenet, 1), None, &stream(1)).unwrap();
    let living = |mask: &Mask| mask.layers.iter().map(|layer| layer.living()).collect::<Vec<_>>();
    let whole = ["fc.weight".to_owned()];
    let [even, global] =
        [Preserve::Even, Preserve::Global].map(|keep| random_mask(&ticket, keep, &whole, &stream(3)));
    let sum = living(&ticket)[..2].iter().sum::<u64>();
    // A tenth of 12,672: 1,267 (rounded), of which the first has its share, 12,544 / 12,672.
    assert_eq!((sum, living(&even)), (1267, vec![1254, 13, 16]));
    assert_eq!((living(&global)[..2].iter().sum::<u64>(), living(&global)[2]), (sum, 16));
    assert_ne!(living(&global), living(&ticket));
    // By chance about 13 of the second layer's weights live, with a standard deviation of about 3.4.
    assert!((1..30).contains(&living(&global)[1]), "{:?}", living(&global));
    assert_eq!(random_mask(&ticket, Preserve::Global, &whole, &stream(3)), global);
    assert_ne!(random_mask(&ticket, Preserve::Global, &whole, &stream(4)), global);
}
