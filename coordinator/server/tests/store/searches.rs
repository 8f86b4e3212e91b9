//! The views of searches: where networks collapse, how far masks are from each other, where early-bird tickets are found.

use crate::{
    rig::{Place, World, outcome, scenarios},
    views::{masked, shows},
};
use tombola_spec::{
    job::{JobSpec, Output},
    outcome::{CollapsePoint, EpochPair, FoundTicket, LayerPair, MaskPair, Summary},
};

scenarios!(
    searches_show_where_they_collapsed,
    masks_show_how_far_they_are_from_each_other,
    early_birds_show_where_they_were_found,
    masks_of_trials_show_how_far_they_are_from_each_other,
);

/// One seed, no pruning: two searches. Three prunings: three masks and those of a branch, two copies of it.
const SEARCHED: &str = r#"
name = "searched"
seeds = 7
model = { name = "mnist_lenet_8_4" }
data  = { set = "mnist" }
train = { steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1 }
prune = { scope = "per_layer", rate = 0.5, rounds = 3 }
branch.random = { kind = "random_mask", rounds = [2], copies = 2 }
analysis.c = { kind = "collapse", criteria = ["synflow", "magnitude"] }
analysis.rounds = { kind = "mask_distance", rounds = [1, 3] }
analysis.lines = { kind = "mask_distance", between = "lines" }
"#;

/// Does every job of [`SEARCHED`], searches and comparisons with these results.
async fn searched(place: &Place, results: impl Fn(&mut Summary)) -> World {
    let mut world = World::new(place).await;
    let sweep = world.submit(SEARCHED).await;
    let mut writes = Vec::new();
    for job in &sweep.jobs {
        let mut outcome =
            if job.spec.outputs().contains(&Output::Mask) { masked(job, 1) } else { outcome(job) };
        results(&mut outcome.summary);
        writes.extend([world.lease(&[job.id]), world.start(job.id), world.finish(job, outcome)]);
    }
    world.commit(&writes).await.unwrap();
    world
}

async fn searches_show_where_they_collapsed(place: &Place) {
    let world = searched(place, |summary| {
        let Summary::Collapse(found) = summary else { return };
        let point = |exponent, living, emptied: &[&str]| CollapsePoint {
            exponent,
            living,
            emptied: emptied.iter().map(|name| (*name).to_owned()).collect(),
        };
        (found.greatest, found.points) = match found.criterion.as_str() {
            "synflow" => (3.25, vec![point(0.0, 900, &[]), point(1.0, 90, &[]), point(2.0, 9, &[])]),
            // Between the last one alive and the first that is not.
            _ => (
                3.25,
                vec![
                    point(0.0, 900, &[]),
                    point(0.5, 285, &[]),
                    point(0.55, 254, &["b", "a"]),
                    point(1.0, 90, &["b"]),
                ],
            ),
        };
    })
    .await;
    shows(
        &world,
        "select trial, seed, analysis, number, criterion, last_alive, first_collapse, emptied, emptied_layer, greatest
         from collapse where sweep = 'searched' order by number",
        "
1 | 7 | c | 0 | synflow | 2.000000 | null | null | null | 3.250000
1 | 7 | c | 1 | magnitude | 0.500000 | 0.550000 | 2 | b | 3.250000
",
    )
    .await;
    shows(
        &world,
        "select analysis, job_kind, count(*) from round_job where analysis = 'c' group by analysis, job_kind",
        "c | collapse | 2\n",
    )
    .await;
}

async fn masks_show_how_far_they_are_from_each_other(place: &Place) {
    let world = searched(place, |summary| {
        let Summary::MaskDistance(compared) = summary else { return };
        let layer =
            |name: &str, living, both, total| LayerPair { name: name.to_owned(), living, both, total };
        for pair in &mut compared.pairs {
            let [first, second] = pair.masks.map(u64::from);
            let pruned = 10 * second;
            pair.layers =
                vec![layer("a", [50, 50 - pruned], 40 - pruned, 100), layer("b", [first, 0], 0, 10)];
        }
        assert!(compared.pairs.iter().all(|MaskPair { masks, .. }| masks[0] < masks[1]));
    })
    .await;
    // a: 50 + 40 - 60 of 100 live in one alone, 30 of 60 in both; b: nothing lives in either.
    shows(
        &world,
        "select first_trial, first_seed, first_branch, first_round, second_round, layer, name, living_first, living_second,
           living_both, total, distance, overlap from mask_distance where analysis = 'rounds' order by coalesce(layer, 9)",
        "
1 | 7 |  | 1 | 3 | 0 | a | 50 | 40 | 30 | 100 | 0.300000 | 0.500000
1 | 7 |  | 1 | 3 | 1 | b | 0 | 0 | 0 | 10 | 0.000000 | null
1 | 7 |  | 1 | 3 | null | null | 50 | 40 | 30 | 110 | 0.272727 | 0.500000
",
    )
    .await;
    shows(
        &world,
        "select compared, first_branch, first_copy, second_branch, second_copy, first_round, second_round, living_both
         from mask_distance where analysis = 'lines' and layer is null order by first_copy, first_branch, second_copy",
        "
lines |  | 0 | random | 0 | 2 | 2 | 30
lines |  | 0 | random | 1 | 2 | 2 | 20
lines | random | 0 | random | 1 | 2 | 2 | 20
",
    )
    .await;
}

/// Two rates, one search; what is found of each.
const EARLY: &str = r#"
name = "early"
seeds = 7
model = { name = "cifar_vgg_11" }
data  = { set = "cifar10" }
train = { steps = "10ep", batch = 50, optimizer = "sgd", lr = 0.1 }
prune = { when = "early_bird", unit = "channel", criterion = "bn_scale", scope = "global", rate = 0.3 }
axes."prune.rate" = [0.3, 0.5]
branch.random = { kind = "random_mask" }
analysis.d = { kind = "mask_distance", between = "trials" }
"#;

/// Does every job of [`EARLY`] with these results.
async fn searched_early(place: &Place) -> World {
    let mut world = World::new(place).await;
    let sweep = world.submit(EARLY).await;
    let (mut writes, mut epoch) = (Vec::new(), 5);
    for job in &sweep.jobs {
        let mut outcome = outcome(job);
        if let (JobSpec::Prune(_), Summary::Mask(mask)) = (&*job.spec, &mut outcome.summary) {
            let pair = |first, distance| EpochPair { epochs: [first, epoch], distance };
            let pairs = vec![pair(1, 0.5), pair(4, 0.0625)];
            mask.found = Some(FoundTicket { epoch, iteration: 900 * u64::from(epoch), pairs });
            epoch += 1;
        }
        writes.extend([world.lease(&[job.id]), world.start(job.id), world.finish(job, outcome)]);
    }
    world.commit(&writes).await.unwrap();
    world
}

async fn early_birds_show_where_they_were_found(place: &Place) {
    let world = searched_early(place).await;
    shows(
        &world,
        "select sweep, trial, seed, repeat, settings_key, epoch, iteration from early_bird order by trial",
        "
early | 1 | 7 | 0 | prune.rate=0.3 | 5 | 4500
early | 2 | 7 | 0 | prune.rate=0.5 | 6 | 5400
",
    )
    .await;
    shows(
        &world,
        "select trial, settings_key, first_epoch, second_epoch, distance from epoch_distance order by trial, first_epoch",
        "
1 | prune.rate=0.3 | 1 | 5 | 0.500000
1 | prune.rate=0.3 | 4 | 5 | 0.062500
2 | prune.rate=0.5 | 1 | 6 | 0.500000
2 | prune.rate=0.5 | 4 | 6 | 0.062500
",
    )
    .await;
    // Behind a ticket is the search up to where it was found, of 9,000 iterations, and its own training; no dense training. What
    // the sweep added for it is the whole search, once.
    shows(
        &world,
        "select trial, round, standalone_flops / 1e6 as alone, standalone_iterations, marginal_flops / 1e6 as added
         from cost where sweep = 'early' and branch = '' order by trial, round",
        "
1 | 0 | 1.000000 | 9000 | 1.000000
1 | 1 | 1.500000 | 13500 | 2.000000
2 | 0 | 1.000000 | 9000 | 0.000000
2 | 1 | 1.600000 | 14400 | 1.000000
",
    )
    .await;
}

async fn masks_of_trials_show_how_far_they_are_from_each_other(place: &Place) {
    let world = searched_early(place).await;
    shows(
        &world,
        "select compared, first_trial, second_trial, first_settings_key, second_settings_key, first_branch, second_branch,
           first_round, distance from mask_distance where layer is null order by first_branch",
        "
trials | 1 | 2 | prune.rate=0.3 | prune.rate=0.5 |  |  | 1 | 0.600000
",
    )
    .await;
}
