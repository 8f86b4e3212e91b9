//! Decisions about how far trials go: what they are made of, and how they are kept.

use crate::{
    rig::{Place, Submitted, World, outcome, scenarios},
    views::shows,
};
use tombola_core::{
    record::{Ending, JobRow, JobState, SweepState, Write},
    verdict::{Moment, Rule, Seen, Verdict, Verdicts, Yardstick},
};
use tombola_server::store::Store;
use tombola_spec::outcome::{EarlyStop, Failure, FailureClass, Measure, Split, Summary};

scenarios!(
    decisions_see_validation_measures_of_own_lines_alone,
    a_training_that_diverged_is_seen_as_such,
    verdicts_come_back_as_they_were_given,
    a_verdict_is_given_once,
    a_sweep_with_verdicts_to_come_is_found_by_a_new_leader,
);

const SWEEP: &str = r#"
name = "decides"
seeds = [1, 2]
model = { name = "mnist_lenet_8_4" }
data  = { set = "mnist" }
train = { steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1 }
prune = { scope = "per_layer", rate = 0.5, rounds = 2 }
branch.reinit = {}
"#;

fn by(metric: &str, at: Moment) -> Yardstick {
    Yardstick { metric: metric.to_owned(), at }
}

fn measure(name: &str, split: Split, value: f64) -> Measure {
    Measure { name: name.to_owned(), split, value }
}

/// The job that trains a round of the own line of a trial.
fn training(sweep: &Submitted, trial: usize, round: u32) -> &JobRow {
    let id = sweep.trials[trial].id;
    let own = |row: &&tombola_core::record::RoundRow| (row.trial, &*row.branch, row.round) == (id, "", round);
    let job = *sweep.rounds.iter().find(own).unwrap().train.last().unwrap();
    sweep.jobs.iter().find(|row| row.id == job).unwrap()
}

async fn trained(world: &mut World, job: &JobRow, accuracy: f64) {
    let mut outcome = outcome(job);
    let Summary::Train(train) = &mut outcome.summary else { panic!("a training") };
    train.last =
        vec![measure("accuracy", Split::Test, 0.123), measure("accuracy", Split::Validation, accuracy)];
    let best = vec![measure("loss", Split::Validation, 1.0 - accuracy), measure("loss", Split::Test, 0.123)];
    train.early_stop = Some(EarlyStop { iteration: 50, measures: best });
    let writes = [world.lease(&[job.id]), world.start(job.id), world.finish(job, outcome)];
    world.commit(&writes).await.unwrap();
}

async fn decisions_see_validation_measures_of_own_lines_alone(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(SWEEP).await;
    for (trial, round, accuracy) in [(0, 0, 0.9), (0, 1, f64::NAN), (1, 0, 0.7)] {
        trained(&mut world, training(&sweep, trial, round), accuracy).await;
    }
    let branch = sweep.rounds.iter().find(|round| round.branch == "reinit").unwrap().train[0];
    let branch = sweep.jobs.iter().find(|row| row.id == branch).unwrap().clone();
    trained(&mut world, &branch, 0.5).await;
    let mut seen = world.store.seen(sweep.sweep.id).await.unwrap();
    let odd = seen.measured.remove(&("seed=1".to_owned(), 1)).unwrap();
    assert!(odd.values().all(|value| value.is_nan()) && odd.len() == 2);
    let both = |accuracy: f64| {
        [(by("accuracy", Moment::Last), accuracy), (by("loss", Moment::EarlyStop), 1.0 - accuracy)].into()
    };
    let measured = [(("seed=1".to_owned(), 0), both(0.9)), (("seed=2".to_owned(), 0), both(0.7))].into();
    assert_eq!(seen, Seen { measured, ..Seen::default() });
}

async fn a_training_that_diverged_is_seen_as_such(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(SWEEP).await;
    for (trial, class) in [(0, FailureClass::NotFinite), (1, FailureClass::Crashed)] {
        let job = training(&sweep, trial, 0);
        world.begin(job).await;
        let failure = Some(Failure { class, message: "scripted".to_owned() });
        let (attempt, next, how) = (world.attempt(job.id), JobState::Failed, Ending::Failed);
        let end = Write::End { job: job.id, attempt, failure, how, next, tries: 1, losses: 0 };
        world.commit(&[end]).await.unwrap();
    }
    let seen = world.store.seen(sweep.sweep.id).await.unwrap();
    // Who only crashed may still be tried again.
    assert_eq!(seen.diverged, [("seed=1".to_owned(), 0)].into());
}

fn verdicts() -> [Verdict; 3] {
    let until = |round, goes_on, value, bar| {
        let by = by("loss", Moment::EarlyStop);
        Verdict { rule: Rule::Until, round, goes_on, by, value, bar }
    };
    let by = by("accuracy", Moment::Last);
    let select = Verdict { rule: Rule::Select, round: 0, goes_on: true, by, value: Some(0.9), bar: 0.75 };
    [select, until(1, true, Some(0.5), 0.625), until(2, false, None, 0.625)]
}

async fn verdicts_come_back_as_they_were_given(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(SWEEP).await;
    let trial = sweep.trials[1].id;
    let rows = verdicts().map(|verdict| (trial, verdict));
    world.commit(&[Write::AddVerdicts(rows.to_vec())]).await.unwrap();
    let given = world.store.verdicts(sweep.sweep.id).await.unwrap();
    assert_eq!(given, Verdicts::from([("seed=2".to_owned(), verdicts().to_vec())]));
    shows(
        &world,
        "select trial, seed, rule, round, density_planned, metric, direction, at, value, bar, goes_on from verdict
         where sweep = 'decides' order by rule, round",
        "
2 | 2 | select | 0 | 1.000000 | accuracy | higher | last | 0.900000 | 0.750000 | true
2 | 2 | until | 1 | 0.500000 | loss | lower | early_stop | 0.500000 | 0.625000 | true
2 | 2 | until | 2 | 0.250000 | loss | lower | early_stop | null | 0.625000 | false
",
    )
    .await;
}

async fn a_verdict_is_given_once(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(SWEEP).await;
    let [first, ..] = verdicts();
    let row = |goes_on| Write::AddVerdicts(vec![(sweep.trials[0].id, Verdict { goes_on, ..first.clone() })]);
    world.commit(&[row(true)]).await.unwrap();
    world.refused(&[row(false)]).await;
    assert!(world.store.verdicts(sweep.sweep.id).await.unwrap()["seed=1"][0].goes_on);
}

async fn a_sweep_with_verdicts_to_come_is_found_by_a_new_leader(place: &Place) {
    let mut world = World::new(place).await;
    let sweep = world.submit(SWEEP).await;
    world.complete(&sweep.jobs).await;
    assert!(world.store.snapshot().await.unwrap().sweeps.is_empty());
    let id = sweep.sweep.id;
    let decides = |decides| Write::Decides { sweep: id, decides };
    world.commit(&[decides(true)]).await.unwrap();
    let found = world.store.snapshot().await.unwrap().sweeps;
    assert_eq!((found.len(), found[0].id, found[0].decides), (1, id, true));
    assert_eq!(world.store.sweep_by_id(id).await.unwrap(), world.store.sweep("decides").await.unwrap());
    world.commit(&[Write::SweepState { sweep: id, state: SweepState::Cancelled }]).await.unwrap();
    assert!(world.store.snapshot().await.unwrap().sweeps.is_empty());
    world
        .commit(&[Write::SweepState { sweep: id, state: SweepState::Active }, decides(false)])
        .await
        .unwrap();
    assert!(world.store.snapshot().await.unwrap().sweeps.is_empty());
}
