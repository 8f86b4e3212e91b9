//! The views: a small finished sweep, and the numbers they must show for it, worked out by hand.
//!
//! Network: 6,272 + 32 weights that are pruned by half each round, 40 that are not. Accuracies on the test set:
//!
//! | seed | dense | ticket 1 | ticket 2 | reinit 1 | reinit 2 | random 2 |
//! |---|---|---|---|---|---|---|
//! | 1 | .90 | .92 | .88 | .80 .82 | .70 .74 | .60 |
//! | 2 | .94 | .90 | .90 | .84 .86 | .72 .72 | .66 |
//!
//! Validation losses are 1 - accuracy, and not a number for the random mask of seed 2.

use crate::rig::{Place, SWEEP, Submitted, World, ask, outcome, scenarios, text};
use tombola_core::record::{AnalysisRow, Ending, JobRow, JobState, RoundRow, Write};
use tombola_server::store::{Cell, Store};
use tombola_spec::{
    Attempt, JobId,
    outcome::{
        EarlyStop, Failure, FailureClass, LayerCount, MaskSummary, Measure, Outcome, Series, Split, Summary,
    },
};

scenarios!(
    rounds_show_counts_and_measures,
    curves_average_copies_inside_a_seed_first,
    losses_match_downwards,
    seeds_are_compared_with_the_dense_network,
    layers_show_what_lives,
    each_point_is_shown_once_as_last_told,
    cost_is_counted_alone_and_on_top,
    progress_counts_jobs_and_iterations,
    failures_name_the_round,
    trials_show_their_settings,
    jobs_are_found_by_round_and_by_result,
    sweeps_are_listed,
    lines_between_solutions_show_their_barrier,
    a_transferred_ticket_is_measured_by_its_own_dense_network,
    what_a_network_does_before_it_is_trained_is_shown,
    the_best_of_all_evaluations_is_called_so,
    sharing_shows_in_what_a_sweep_cost,
    networks_without_their_dead_units_show_what_they_cost,
);

const ACCURACIES: [[f64; 8]; 2] =
    [[0.90, 0.92, 0.88, 0.80, 0.82, 0.70, 0.74, 0.60], [0.94, 0.90, 0.90, 0.84, 0.86, 0.72, 0.72, 0.66]];

fn accuracy(seed: u64, round: &RoundRow) -> f64 {
    let column = match (round.kind.as_str(), round.round, round.copy) {
        ("ticket", round, _) => round,
        ("reinit", round, copy) => 1 + 2 * round + copy,
        _ => 7,
    };
    ACCURACIES[seed as usize - 1][column as usize]
}

fn measure(name: &str, split: Split, value: f64) -> Measure {
    Measure { name: name.into(), split, value }
}

fn trained(job: &JobRow, seed: u64, round: &RoundRow) -> Outcome {
    let accuracy = accuracy(seed, round);
    let loss = if round.kind == "random_mask" && seed == 2 { f64::NAN } else { 1.0 - accuracy };
    let mut outcome = outcome(job);
    if let Summary::Train(train) = &mut outcome.summary {
        train.last =
            vec![measure("accuracy", Split::Test, accuracy), measure("loss", Split::Validation, loss)];
        let best = vec![measure("accuracy", Split::Test, accuracy + 0.01)];
        let late = if (seed, round.round) == (2, 2) { 30 } else { 0 };
        let iteration = 50 + 10 * u64::from(round.copy) + late;
        train.early_stop = Some(EarlyStop { iteration, measures: best });
    }
    outcome
}

pub(crate) fn masked(job: &JobRow, round: u32) -> Outcome {
    let layer = |name: &str, total: u64, prunable: bool| {
        let living = if prunable { total >> round } else { total };
        LayerCount { name: name.into(), living, total, prunable }
    };
    let layers = vec![
        layer("fc_layers.0.weight", 6272, true),
        layer("fc_layers.1.weight", 32, true),
        layer("fc.weight", 40, false),
    ];
    Outcome { summary: Summary::Mask(MaskSummary { layers, ..MaskSummary::default() }), ..outcome(job) }
}

/// Does every job of a sweep with the numbers above.
async fn finish(world: &mut World, sweep: &Submitted) {
    let mut writes = Vec::new();
    let job = |id: JobId| sweep.jobs.iter().find(|job| job.id == id).unwrap();
    for round in &sweep.rounds {
        let seed = sweep.trials.iter().find(|trial| trial.id == round.trial).unwrap().seed;
        for id in round.mask.into_iter().chain(round.train.iter().copied()) {
            if world.attempt(id) != Attempt(0) {
                continue;
            }
            let row = job(id);
            let outcome =
                if Some(id) == round.mask { masked(row, round.round) } else { trained(row, seed, round) };
            writes.extend([world.lease(&[id]), world.start(id), world.finish(row, outcome)]);
        }
    }
    world.commit(&writes).await.unwrap();
}

async fn finished(place: &Place) -> World {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    finish(&mut world, &small).await;
    world
}

pub(crate) async fn shows(world: &World, sql: &str, expected: &str) {
    assert_eq!(text(&ask(&world.store, sql).await), expected.trim_start_matches('\n'), "{sql}");
}

async fn rounds_show_counts_and_measures(place: &Place) {
    let mut world = finished(place).await;
    shows(
        &world,
        "select kind, branch, copy, round, state, living, total, prunable, density, density_prunable, density_planned
         from round_result where trial = 1 order by kind, copy, round",
        "
random_mask | random | 0 | 2 | done | 1616 | 6344 | 6304 | 0.254729 | 0.250000 | 0.254729
reinit | reinit | 0 | 1 | done | 3192 | 6344 | 6304 | 0.503153 | 0.500000 | 0.503153
reinit | reinit | 0 | 2 | done | 1616 | 6344 | 6304 | 0.254729 | 0.250000 | 0.254729
reinit | reinit | 1 | 1 | done | 3192 | 6344 | 6304 | 0.503153 | 0.500000 | 0.503153
reinit | reinit | 1 | 2 | done | 1616 | 6344 | 6304 | 0.254729 | 0.250000 | 0.254729
ticket |  | 0 | 0 | done | 6344 | 6344 | 6304 | 1.000000 | 1.000000 | 1.000000
ticket |  | 0 | 1 | done | 3192 | 6344 | 6304 | 0.503153 | 0.500000 | 0.503153
ticket |  | 0 | 2 | done | 1616 | 6344 | 6304 | 0.254729 | 0.250000 | 0.254729
",
    )
    .await;
    shows(
        &world,
        "select seed, round, kind, accuracy_test, accuracy_train, loss_validation, early_stop_accuracy_test,
           early_stop_loss_validation, early_stop_iteration, iterations
         from round_result where round = 2 and kind <> 'reinit' order by seed, kind",
        "
1 | 2 | random_mask | 0.600000 | null | 0.400000 | 0.610000 | null | 50 | 100
1 | 2 | ticket | 0.880000 | null | 0.120000 | 0.890000 | null | 50 | 100
2 | 2 | random_mask | 0.660000 | null | null | 0.670000 | null | 80 | 100
2 | 2 | ticket | 0.900000 | null | 0.100000 | 0.910000 | null | 80 | 100
",
    )
    .await;
    shows(
        &world,
        "select trial, metric, split, unit, direction, at, iteration, value from round_measure
         where round = 0 order by trial, metric, at",
        "
1 | accuracy | test | fraction | higher | early_stop | 50 | 0.910000
1 | accuracy | test | fraction | higher | last | 100 | 0.900000
1 | loss | validation | nat | lower | last | 100 | 0.100000
2 | accuracy | test | fraction | higher | early_stop | 50 | 0.950000
2 | accuracy | test | fraction | higher | last | 100 | 0.940000
2 | loss | validation | nat | lower | last | 100 | 0.060000
",
    )
    .await;
    let other = world.submit(&SWEEP.replace("small", "other").replace("rate = 0.5", "rate = 0.4")).await;
    world.begin(other.jobs.iter().find(|job| !other.shared.contains(&job.id)).unwrap()).await;
    shows(
        &world,
        "select round, state, living, iterations from round_result
         where sweep = 'other' and trial = 1 and kind = 'ticket' order by round",
        "
0 | done | 6344 | 100
1 | leased | null | null
2 | open | null | null
",
    )
    .await;
}

async fn curves_average_copies_inside_a_seed_first(place: &Place) {
    let world = finished(place).await;
    shows(
        &world,
        "select kind, branch, round, density, mean, sd, min, max, n_seeds, n_runs from ticket_curve
         where metric = 'accuracy' and split = 'test' and at = 'last' order by kind, round",
        "
random_mask | random | 2 | 0.254729 | 0.630000 | 0.042426 | 0.600000 | 0.660000 | 2 | 2
reinit | reinit | 1 | 0.503153 | 0.830000 | 0.028284 | 0.810000 | 0.850000 | 2 | 4
reinit | reinit | 2 | 0.254729 | 0.720000 | 0.000000 | 0.720000 | 0.720000 | 2 | 4
ticket |  | 0 | 1.000000 | 0.920000 | 0.028284 | 0.900000 | 0.940000 | 2 | 2
ticket |  | 1 | 0.503153 | 0.910000 | 0.014142 | 0.900000 | 0.920000 | 2 | 2
ticket |  | 2 | 0.254729 | 0.890000 | 0.014142 | 0.880000 | 0.900000 | 2 | 2
",
    )
    .await;
    shows(
        &world,
        "select kind, round, early_stop_iteration from ticket_curve
         where metric = 'accuracy' and split = 'test' and at = 'last' order by kind, round",
        "
random_mask | 2 | 65.000000
reinit | 1 | 55.000000
reinit | 2 | 70.000000
ticket | 0 | 50.000000
ticket | 1 | 50.000000
ticket | 2 | 65.000000
",
    )
    .await;
    shows(
        &world,
        "select kind, round, unit, paired_dense, paired_reinit, paired_random_mask, share_matching from ticket_curve
         where metric = 'accuracy' and split = 'test' and at = 'last' order by kind, round",
        "
random_mask | 2 | fraction | -0.290000 | null | null | 0.000000
reinit | 1 | fraction | -0.090000 | null | null | 0.000000
reinit | 2 | fraction | -0.200000 | null | null | 0.000000
ticket | 0 | fraction | 0.000000 | null | null | 1.000000
ticket | 1 | fraction | -0.010000 | 0.080000 | null | 1.000000
ticket | 2 | fraction | -0.030000 | 0.170000 | 0.260000 | 0.500000
",
    )
    .await;
}

/// A loss may not be larger than the dense mean by more than its deviation; what is not a number counts nowhere.
async fn losses_match_downwards(place: &Place) {
    let world = finished(place).await;
    shows(
        &world,
        "select kind, round, mean, sd, n_seeds, paired_dense, paired_random_mask, share_matching from ticket_curve
         where metric = 'loss' and kind <> 'reinit' order by kind, round",
        "
random_mask | 2 | 0.400000 | null | 1 | 0.300000 | null | 0.000000
ticket | 0 | 0.080000 | 0.028284 | 2 | 0.000000 | null | 1.000000
ticket | 1 | 0.090000 | 0.014142 | 2 | 0.010000 | null | 1.000000
ticket | 2 | 0.110000 | 0.014142 | 2 | 0.030000 | -0.280000 | 0.500000
",
    )
    .await;
}

async fn seeds_are_compared_with_the_dense_network(place: &Place) {
    let world = finished(place).await;
    shows(
        &world,
        "select kind, round, seed, value, n_runs, dense_value, dense_mean, dense_sd, matching from matching
         where metric = 'accuracy' and at = 'last' and round <> 1 and kind <> 'random_mask' order by kind, round, seed",
        "
reinit | 2 | 1 | 0.720000 | 2 | 0.900000 | 0.920000 | 0.028284 | 0
reinit | 2 | 2 | 0.720000 | 2 | 0.940000 | 0.920000 | 0.028284 | 0
ticket | 0 | 1 | 0.900000 | 1 | 0.900000 | 0.920000 | 0.028284 | 1
ticket | 0 | 2 | 0.940000 | 1 | 0.940000 | 0.920000 | 0.028284 | 1
ticket | 2 | 1 | 0.880000 | 1 | 0.900000 | 0.920000 | 0.028284 | 0
ticket | 2 | 2 | 0.900000 | 1 | 0.940000 | 0.920000 | 0.028284 | 1
",
    )
    .await;
    shows(
        &world,
        "select round, seed, mean, reinit_value, random_mask_value from matching
         where metric = 'accuracy' and at = 'last' and kind = 'ticket' order by round, seed",
        "
0 | 1 | 0.920000 | null | null
0 | 2 | 0.920000 | null | null
1 | 1 | 0.910000 | 0.810000 | null
1 | 2 | 0.910000 | 0.850000 | null
2 | 1 | 0.890000 | 0.720000 | 0.600000
2 | 2 | 0.890000 | 0.720000 | 0.660000
",
    )
    .await;
    shows(
        &world,
        "select kind, round, seed, density, value, n_runs from seed_result
         where metric = 'accuracy' and at = 'last' and round = 1 order by kind, seed",
        "
reinit | 1 | 1 | 0.503153 | 0.810000 | 2
reinit | 1 | 2 | 0.503153 | 0.850000 | 2
ticket | 1 | 1 | 0.503153 | 0.920000 | 1
ticket | 1 | 2 | 0.503153 | 0.900000 | 1
",
    )
    .await;
}

async fn layers_show_what_lives(place: &Place) {
    let world = finished(place).await;
    shows(
        &world,
        "select round, layer, name, living, total, prunable, density from layer_density
         where trial = 2 and kind = 'ticket' order by round, layer",
        "
1 | 0 | fc_layers.0.weight | 3136 | 6272 | true | 0.500000
1 | 1 | fc_layers.1.weight | 16 | 32 | true | 0.500000
1 | 2 | fc.weight | 40 | 40 | false | 1.000000
2 | 0 | fc_layers.0.weight | 1568 | 6272 | true | 0.250000
2 | 1 | fc_layers.1.weight | 8 | 32 | true | 0.250000
2 | 2 | fc.weight | 40 | 40 | false | 1.000000
",
    )
    .await;
}

async fn each_point_is_shown_once_as_last_told(place: &Place) {
    let mut world = World::new(place).await;
    let job = world.submit(SWEEP).await.jobs.remove(0);
    let points = |attempt, batch, iterations: &[u64], values: &[f64]| Write::Metrics {
        job: job.id,
        attempt: Attempt(attempt),
        batch,
        series: vec![Series {
            name: "loss".into(),
            split: Split::Train,
            iterations: iterations.to_vec(),
            values: values.to_vec(),
        }],
    };
    world.begin(&job).await;
    let lost = Write::End {
        job: job.id,
        attempt: Attempt(1),
        failure: None,
        how: Ending::Lost,
        next: JobState::Open,
        tries: 0,
        losses: 1,
    };
    world.commit(&[points(1, 1, &[10, 20], &[1.0, 0.9]), points(1, 2, &[30], &[0.8]), lost]).await.unwrap();
    world.begin(&job).await;
    world.commit(&[points(2, 1, &[30, 40], &[0.75, f64::NAN])]).await.unwrap();
    // It gave its slot away and went on from its checkpoint, which tells its points again.
    world.commit(&[points(2, 2, &[30, 40], &[0.75, f64::NAN]), points(2, 3, &[50], &[0.7])]).await.unwrap();
    shows(
        &world,
        "select sweep, trial, seed, kind, round, metric, split, unit, direction, attempt, iteration, value from metric
         order by iteration",
        "
small | 1 | 1 | ticket | 0 | loss | train | nat | lower | 1 | 10 | 1.000000
small | 1 | 1 | ticket | 0 | loss | train | nat | lower | 1 | 20 | 0.900000
small | 1 | 1 | ticket | 0 | loss | train | nat | lower | 2 | 30 | 0.750000
small | 1 | 1 | ticket | 0 | loss | train | nat | lower | 2 | 40 | null
small | 1 | 1 | ticket | 0 | loss | train | nat | lower | 2 | 50 | 0.700000
",
    )
    .await;
}

/// Accuracies of the trial's own rounds 0 and 1, of the same on another data set, of both controls of round 1.
const TRANSFERRED: [[f64; 6]; 2] =
    [[0.90, 0.92, 0.80, 0.82, 0.70, 0.60], [0.94, 0.90, 0.84, 0.80, 0.72, 0.66]];

async fn a_transferred_ticket_is_measured_by_its_own_dense_network(place: &Place) {
    let mut world = World::new(place).await;
    let (before, _) = SWEEP.split_once("[branch]").unwrap();
    let branches = "[branch]\nreinit = { rounds = 1 }\n\
                    transfer = { rounds = [0, 1], data = { set = \"fashion_mnist\" } }\n\
                    again = { kind = \"reinit\", of = \"transfer\", rounds = 1 }";
    let sweep = world.submit(&format!("{before}{branches}").replace("rounds = 2", "rounds = 1")).await;
    let mut writes = Vec::new();
    for round in &sweep.rounds {
        let seed = sweep.trials.iter().find(|trial| trial.id == round.trial).unwrap().seed;
        let column = match (round.branch.as_str(), round.round) {
            ("", round) => round,
            ("transfer", round) => 2 + round,
            ("reinit", _) => 4,
            _ => 5,
        };
        let value = TRANSFERRED[seed as usize - 1][column as usize];
        for id in round.mask.into_iter().chain(round.train.iter().copied()) {
            if world.attempt(id) != Attempt(0) {
                continue;
            }
            let row = sweep.jobs.iter().find(|job| job.id == id).unwrap();
            let mut outcome = if Some(id) == round.mask { masked(row, round.round) } else { outcome(row) };
            if let Summary::Train(train) = &mut outcome.summary {
                train.last = vec![measure("accuracy", Split::Test, value)];
            }
            writes.extend([world.lease(&[id]), world.start(id), world.finish(row, outcome)]);
        }
    }
    world.commit(&writes).await.unwrap();
    shows(
        &world,
        "select course, branch, round, mean, paired_dense, paired_reinit, share_matching from ticket_curve
         order by course, branch, round",
        "
 |  | 0 | 0.920000 | 0.000000 | null | 1.000000
 |  | 1 | 0.910000 | -0.010000 | 0.200000 | 1.000000
 | reinit | 1 | 0.710000 | -0.210000 | null | 0.000000
transfer | again | 1 | 0.630000 | -0.190000 | null | 0.000000
transfer | transfer | 0 | 0.820000 | 0.000000 | null | 1.000000
transfer | transfer | 1 | 0.810000 | -0.010000 | 0.180000 | 1.000000
",
    )
    .await;
    let stored = world.store.rounds(&[sweep.trials[0].id]).await.unwrap();
    let courses: Vec<_> = stored.iter().map(|round| (round.branch.as_str(), round.course.as_str())).collect();
    assert!(courses.contains(&("again", "transfer")) && courses.contains(&("reinit", "")), "{courses:?}");
}

async fn what_a_network_does_before_it_is_trained_is_shown(place: &Place) {
    let mut world = World::new(place).await;
    let job = world.submit(SWEEP).await.jobs.remove(0);
    world.begin(&job).await;
    let point = |iterations: &[u64], values: &[f64]| Series {
        name: "accuracy".into(),
        split: Split::Test,
        iterations: iterations.to_vec(),
        values: values.to_vec(),
    };
    let series = vec![point(&[0, 50], &[0.11, 0.8])];
    world.commit(&[Write::Metrics { job: job.id, attempt: Attempt(1), batch: 1, series }]).await.unwrap();
    shows(
        &world,
        "select sweep, trial, kind, round, metric, split, iteration, value from untrained_result",
        "\nsmall | 1 | ticket | 0 | accuracy | test | 0 | 0.110000\n",
    )
    .await;
}

async fn the_best_of_all_evaluations_is_called_so(place: &Place) {
    let mut world = World::new(place).await;
    let job = world.submit(SWEEP).await.jobs.remove(0);
    world.begin(&job).await;
    let series = |name: &str, split, values: &[f64]| Series {
        name: name.into(),
        split,
        iterations: vec![0, 50, 100],
        values: values.to_vec(),
    };
    let series = vec![
        series("accuracy", Split::Test, &[0.1, 0.8, 0.7]),
        series("loss", Split::Test, &[2.3, 0.6, 0.9]),
        series("loss", Split::Train, &[2.3, 0.5, 0.2]),
    ];
    world.commit(&[Write::Metrics { job: job.id, attempt: Attempt(1), batch: 1, series }]).await.unwrap();
    shows(
        &world,
        "select sweep, trial, kind, round, metric, split, direction, value, evaluations from best_over_training order by metric",
        "
small | 1 | ticket | 0 | accuracy | test | higher | 0.800000 | 3
small | 1 | ticket | 0 | loss | test | lower | 0.600000 | 3
",
    )
    .await;
}

/// 14 trainings of 100 iterations a sweep: of each of two seeds 1 dense, 2 tickets, 4 reinits, 1 random; masks cost nothing
/// here. The other sweep takes the two dense networks over.
async fn sharing_shows_in_what_a_sweep_cost(place: &Place) {
    let mut world = finished(place).await;
    let other = world.submit(&SWEEP.replace("small", "other").replace("rate = 0.5", "rate = 0.4")).await;
    finish(&mut world, &other).await;
    shows(
        &world,
        "select sweep, asked_iterations, run_iterations, run_flops, run_theoretical_flops from sweep_cost order by sweep",
        "
other | 1600 | 1400 | 14000000.000000 | 14000000.000000
small | 1600 | 1600 | 16000000.000000 | 16000000.000000
",
    )
    .await;
}

/// Alone, a round costs all its ancestors; on top, what nobody had trained before it.
async fn cost_is_counted_alone_and_on_top(place: &Place) {
    let mut world = finished(place).await;
    let other = world.submit(&SWEEP.replace("small", "other").replace("rate = 0.5", "rate = 0.4")).await;
    finish(&mut world, &other).await;
    let costs = |sweep: &str| {
        format!(
            "select kind, copy, round, standalone_iterations, standalone_flops, standalone_device_seconds,
               marginal_iterations, marginal_flops, marginal_device_seconds
             from cost where sweep = '{sweep}' and trial = 2 and copy = 0 order by kind, round"
        )
    };
    let rest = "
random_mask | 0 | 2 | 300 | 3000000.000000 | 6.000000 | 100 | 1000000.000000 | 2.000000
reinit | 0 | 1 | 200 | 2000000.000000 | 4.000000 | 100 | 1000000.000000 | 2.000000
reinit | 0 | 2 | 300 | 3000000.000000 | 6.000000 | 100 | 1000000.000000 | 2.000000
ticket | 0 | 0 | 100 | 1000000.000000 | 2.000000 | DENSE
ticket | 0 | 1 | 200 | 2000000.000000 | 4.000000 | 100 | 1000000.000000 | 2.000000
ticket | 0 | 2 | 300 | 3000000.000000 | 6.000000 | 100 | 1000000.000000 | 2.000000
";
    shows(&world, &costs("small"), &rest.replace("DENSE", "100 | 1000000.000000 | 2.000000")).await;
    shows(&world, &costs("other"), &rest.replace("DENSE", "0 | 0.000000 | 0.000000")).await;
}

async fn progress_counts_jobs_and_iterations(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    world.complete(&small.jobs[..3]).await;
    world.begin(&small.jobs[3]).await;
    let (failed, bad) = (vec![small.jobs[11].id], vec![small.jobs[12].id]);
    world
        .commit(&[
            Write::JobState { jobs: failed, state: JobState::Failed, reset: false },
            Write::JobState { jobs: bad, state: JobState::Quarantined, reset: false },
        ])
        .await
        .unwrap();
    world.submit(&SWEEP.replace("small", "other")).await;
    shows(
        &world,
        "select sweep, state, jobs, done, leased, open, failed, quarantined, shared, iterations, iterations_done, created
         from sweep_progress order by sweep",
        "
other | active | 22 | 3 | 1 | 16 | 1 | 1 | 22 | 1600 | 200 | 2026-11-24T02:54:28.123Z
small | active | 22 | 3 | 1 | 16 | 1 | 1 | 0 | 1600 | 200 | 2026-11-24T02:54:28.123Z
",
    )
    .await;
}

async fn failures_name_the_round(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    world.complete(&small.jobs[..1]).await;
    world.begin(&small.jobs[1]).await;
    let failure = Failure { class: FailureClass::OutOfMemory, message: "8 lanes need 12 GiB".into() };
    let end = Write::End {
        job: small.jobs[1].id,
        attempt: Attempt(1),
        failure: Some(failure),
        how: Ending::Failed,
        next: JobState::Failed,
        tries: 1,
        losses: 0,
    };
    world.commit(&[end]).await.unwrap();
    // The mask of round 1 serves the ticket and the control's two copies.
    shows(
        &world,
        "select sweep, trial, branch, copy, round, kind, state, attempt, class, message, worker, ended from failure
         order by branch, copy",
        "
small | 1 |  | 0 | 1 | prune | failed | 1 | out_of_memory | 8 lanes need 12 GiB | node-1 | 2026-11-24T02:54:28.123Z
small | 1 | reinit | 0 | 1 | prune | failed | 1 | out_of_memory | 8 lanes need 12 GiB | node-1 | 2026-11-24T02:54:28.123Z
small | 1 | reinit | 1 | 1 | prune | failed | 1 | out_of_memory | 8 lanes need 12 GiB | node-1 | 2026-11-24T02:54:28.123Z
",
    )
    .await;
}

async fn trials_show_their_settings(place: &Place) {
    let mut world = World::new(place).await;
    world.submit(&format!("{SWEEP}\n[axes]\n\"train.lr\" = [0.1, 0.2]\n")).await;
    shows(
        &world,
        "select trial, seed, repeat, settings_key, total, prunable from trial order by trial",
        "
1 | 1 | 0 | train.lr=0.1 | 6344 | 6304
2 | 2 | 0 | train.lr=0.1 | 6344 | 6304
3 | 1 | 0 | train.lr=0.2 | 6344 | 6304
4 | 2 | 0 | train.lr=0.2 | 6344 | 6304
",
    )
    .await;
    let axes = if place.is_sqlite() { "axes ->> '$.\"train.lr\"'" } else { "(axes ->> 'train.lr')::float8" };
    shows(&world, &format!("select {axes} from trial where trial = 3"), "0.200000\n").await;
}

async fn jobs_are_found_by_round_and_by_result(place: &Place) {
    let world = finished(place).await;
    shows(
        &world,
        "select kind, copy, round, ordinal, job_kind, job_state from round_job
         where sweep = 'small' and trial = 1 and round = 2 order by kind, copy, ordinal",
        "
random_mask | 0 | 2 | 0 | random_mask | done
random_mask | 0 | 2 | 1 | train | done
reinit | 0 | 2 | 0 | prune | done
reinit | 0 | 2 | 1 | train | done
reinit | 1 | 2 | 0 | prune | done
reinit | 1 | 2 | 1 | train | done
ticket | 0 | 2 | 0 | prune | done
ticket | 0 | 2 | 1 | train | done
",
    )
    .await;
    shows(
        &world,
        "select r.kind, r.iterations, r.flops, r.device_seconds, r.early_stop_iteration, r.living, r.total, r.prunable,
           r.plan, r.device, r.threads, r.width, r.libtorch, r.capability, r.worker_version
         from job_result r join round_job j on j.job = r.job and j.fingerprint = r.fingerprint
         where j.trial = 1 and j.kind = 'ticket' and j.round = 1 order by j.ordinal",
        "
prune | null | 0.000000 | 0.000000 | null | 3192 | 6344 | 6304 | cpu-lanes | cpu | 1 | 1 | 2.11.0 | AVX512 | 0.1.0
train | 100 | 1000000.000000 | 2.000000 | 50 | null | null | null | cpu-lanes | cpu | 1 | 1 | 2.11.0 | AVX512 | 0.1.0
",
    )
    .await;
}

async fn sweeps_are_listed(place: &Place) {
    let mut world = World::new(place).await;
    let small = world.submit(SWEEP).await;
    let source = ask(&world.store, "select source from sweep").await.rows.remove(0).remove(0);
    assert_eq!(source, Cell::Text(SWEEP.to_owned()));
    world.commit(&[Write::Unclaim { sweep: small.sweep.id }]).await.unwrap();
    shows(
        &world,
        "select id, sweep, state, trials, created from sweep",
        "\n1 | small | active | 2 | 2026-11-24T02:54:28.123Z\n",
    )
    .await;
}

async fn networks_without_their_dead_units_show_what_they_cost(place: &Place) {
    let mut world = World::new(place).await;
    let file =
        COMPARED.replace("compared", "slimmed").split("analysis").next().unwrap_or_default().to_owned();
    let sweep = world.submit(&(file + "analysis.slim = { rounds = [1], batch = 10 }")).await;
    let mut writes = Vec::new();
    for job in &sweep.jobs {
        let outcome = if job.spec.kind() == "prune" { masked(job, 1) } else { outcome(job) };
        writes.extend([world.lease(&[job.id]), world.start(job.id), world.finish(job, outcome)]);
    }
    world.commit(&writes).await.unwrap();
    shows(
        &world,
        "select analysis, branch, kind, copy, round, density, network, name, parameters, weights, flops, bytes,
                latency_seconds, batch, difference
         from slim where sweep = 'slimmed' order by network",
        "
slim |  | ticket | 0 | 1 | 0.503153 | masked | mnist_lenet_8_4 | 100 | 100 | 100 | 400 | 0.100000 | 10 | 0.000000
slim |  | ticket | 0 | 1 | 0.503153 | slim | mnist_lenet_8_4 | 25 | 25 | 25 | 100 | 0.025000 | 10 | 0.000000
",
    )
    .await;
}

/// One seed, round 0 and 1 of the trial's own line: three copies each, three values of alpha.
const COMPARED: &str = r#"
name = "compared"
seeds = 1
model = { name = "mnist_lenet_8_4" }
data  = { set = "mnist" }
train = { steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1 }
prune = { scope = "per_layer", rate = 0.5, rounds = 1 }
analysis.lmc = { kind = "connectivity", copies = 3, alphas = 3, on = ["test"] }
"#;

/// Error at alpha 0, 1/2 and 1, by the copies compared. Of round 0; round 1 stays at 0.2.
const ERRORS: [([u32; 2], [f64; 3]); 3] =
    [([0, 1], [0.10, 0.16, 0.12]), ([0, 2], [0.10, 0.11, 0.14]), ([1, 2], [0.12, 0.12, 0.14])];

fn compared(job: &JobRow, row: &AnalysisRow) -> Outcome {
    let mut outcome = outcome(job);
    if let Summary::Connectivity(line) = &mut outcome.summary {
        let errors = ERRORS.iter().find(|(pair, _)| *pair == row.pair && row.round == 0);
        for (point, at) in line.curve.iter_mut().zip(0..) {
            point.error = errors.map_or(0.2, |(_, errors)| errors[at]);
            point.loss = if at == 1 { f64::NAN } else { point.error + 0.5 };
        }
    }
    outcome
}

async fn lines_between_solutions_show_their_barrier(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(COMPARED).await;
    let mut writes = Vec::new();
    for job in &sweep.jobs {
        let row = sweep.analyses.iter().find(|row| row.job == job.id);
        let outcome = match row {
            Some(row) => compared(job, row),
            None if job.spec.kind() == "prune" => masked(job, 1),
            None => outcome(job),
        };
        writes.extend([world.lease(&[job.id]), world.start(job.id), world.finish(job, outcome)]);
    }
    world.commit(&writes).await.unwrap();
    let trial = sweep.trials[0].id;
    assert_eq!(world.store.analyses(&[trial]).await.unwrap(), sweep.analyses);
    shows(
        &world,
        "select analysis, ends, branch, kind, copy, round, first, second, bn, split, alpha, loss, error from connectivity
         where sweep = 'compared' and round = 0 and first = 0 and second = 1 order by alpha",
        "
lmc | copies |  | ticket | 0 | 0 | 0 | 1 | interpolate | test | 0.000000 | 0.600000 | 0.100000
lmc | copies |  | ticket | 0 | 0 | 0 | 1 | interpolate | test | 0.500000 | null | 0.160000
lmc | copies |  | ticket | 0 | 0 | 0 | 1 | interpolate | test | 1.000000 | 0.620000 | 0.120000
",
    )
    .await;
    // 16 - (10 + 12) / 2, 14 - (10 + 14) / 2, 14 - (12 + 14) / 2
    shows(
        &world,
        "select round, density, first, second, error_first, error_second, barrier, mean_barrier, n_pairs, stable
         from error_barrier where sweep = 'compared' order by round, first, second",
        "
0 | 1.000000 | 0 | 1 | 0.100000 | 0.120000 | 5.000000 | 2.666667 | 3 | 0
0 | 1.000000 | 0 | 2 | 0.100000 | 0.140000 | 2.000000 | 2.666667 | 3 | 0
0 | 1.000000 | 1 | 2 | 0.120000 | 0.140000 | 1.000000 | 2.666667 | 3 | 0
1 | 0.503153 | 0 | 1 | 0.200000 | 0.200000 | 0.000000 | 0.000000 | 3 | 1
1 | 0.503153 | 0 | 2 | 0.200000 | 0.200000 | 0.000000 | 0.000000 | 3 | 1
1 | 0.503153 | 1 | 2 | 0.200000 | 0.200000 | 0.000000 | 0.000000 | 3 | 1
",
    )
    .await;
    shows(
        &world,
        "select round, analysis, job_kind, count(*) from round_job where analysis <> ''
         group by round, analysis, job_kind order by round, job_kind",
        "
0 | lmc | connectivity | 3
0 | lmc | train | 2
1 | lmc | connectivity | 3
1 | lmc | train | 2
",
    )
    .await;
    // The trainings of an analysis are no rounds: curves do not see them.
    shows(&world, "select count(*) from round_result where sweep = 'compared'", "2\n").await;
}
