//! Attempts that stand still although their worker lives.

use crate::rig::{Rig, tiny};
use std::time::Duration;
use tombola_core::{
    record::JobState,
    schedule::{Config, Event, Fact, Message},
};
use tombola_spec::{
    Attempt, JobId,
    worker::{DeviceKind, WorkerInfo},
};

const HOUR: u64 = 3600;
/// Heartbeats come often enough that nobody is taken for lost.
const BEAT: u64 = 5;

type Lane = (JobId, Attempt);

fn lanes(rig: &Rig, name: &str) -> Vec<Lane> {
    let held = rig.agents[name].held().into_iter().filter(|held| held.started);
    held.map(|held| (held.job, held.attempt)).collect()
}

/// Time passes, and every worker says each few seconds what it runs: `still` is where it was, the rest gets on.
fn pass(rig: &mut Rig, seconds: u64, still: &[Lane]) {
    for _ in 0..seconds / BEAT {
        rig.now += Duration::from_secs(BEAT);
        let at = rig.now.as_secs() % 100;
        let names: Vec<String> = rig.agents.keys().cloned().collect();
        for name in names {
            let mut said = lanes(rig, &name);
            // What was dropped is named on by an engine that hears nothing.
            said.extend(
                still.iter().filter(|_| name == "bad").filter(|lane| !lanes(rig, &name).contains(lane)),
            );
            let at = |lane: &Lane| if still.contains(lane) { 7 } else { at };
            let progress = said.iter().map(|lane| (lane.0, lane.1, at(lane))).collect();
            let worker = rig.agents[&name].id;
            rig.event(Event::Heartbeat { worker, progress });
        }
        rig.event(Event::Tick);
    }
}

fn out_of_service(rig: &Rig, name: &str) -> Option<String> {
    let workers = rig.scheduler.workers(rig.now);
    workers.iter().find(|worker| worker.name == name).unwrap().slots[0].out.clone()
}

/// Two workers that each run a job of three; what the bad one runs.
fn two_workers() -> (Rig, Vec<Lane>) {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=3\"", 1, ""));
    rig.worker("bad");
    rig.worker("good");
    rig.begin("bad");
    rig.begin("good");
    let lanes = lanes(&rig, "bad");
    assert_eq!(lanes.len(), 1);
    (rig, lanes)
}

#[test]
fn a_job_that_stands_still_is_taken_back_and_done_elsewhere() {
    let (mut rig, still) = two_workers();
    let (job, attempt) = still[0];
    pass(&mut rig, HOUR - 60, &still);
    let told = rig.explain(job);
    assert!(
        told.contains("it has not got on for 35") && told.contains("after 3600 s it is taken back"),
        "{told}"
    );
    assert_eq!((rig.store.jobs[&job].attempt, rig.warnings.len()), (attempt, 0));
    pass(&mut rig, 120, &still);
    assert_ne!(rig.agents["bad"].running(), [job]);
    let row = &rig.store.jobs[&job];
    assert_eq!((row.tries, row.losses), (0, 1), "it costs no try, and is counted");
    assert!(rig.sent.contains(&("bad".to_owned(), Message::Cancel(job, attempt))));
    let [warning] = &rig.warnings[..] else { panic!("{:?}", rig.warnings) };
    assert!(
        warning.starts_with("worker.stuck: slot 0 of the worker `bad`") && warning.contains("j"),
        "{warning}"
    );
    rig.finish("good");
    pass(&mut rig, BEAT, &still);
    let all = rig.run();
    assert!(all.contains(&job), "{all:?}");
    assert_eq!(rig.count(JobState::Done), rig.store.jobs.len());
}

#[test]
fn a_slot_that_does_not_let_go_takes_nothing() {
    let (mut rig, still) = two_workers();
    pass(&mut rig, HOUR + 60, &still);
    let why = out_of_service(&rig, "bad").unwrap();
    assert!(why.contains("was taken back from it, and it has not let go"), "{why}");
    rig.finish("good");
    pass(&mut rig, 2 * HOUR, &still);
    assert!(rig.agents["bad"].leases().is_empty(), "nothing waits behind what hangs");
    // Nor does a new link change anything.
    rig.cut("bad");
    rig.connect("bad");
    assert!(out_of_service(&rig, "bad").unwrap().contains("has not let go"));
    // Its engine was ended: it rests, then works again.
    pass(&mut rig, BEAT, &[]);
    let why = out_of_service(&rig, "bad").unwrap();
    assert!(why.starts_with("tried again in 60 s: stuck: slot 0 of bad"), "{why}");
    pass(&mut rig, 65, &[]);
    assert_eq!(out_of_service(&rig, "bad"), None);
    assert!(!rig.runs("bad").is_empty());
}

#[test]
fn what_gets_on_or_waits_is_left_alone() {
    let (mut rig, still) = two_workers();
    let (job, attempt) = still[0];
    let worker = rig.agents["bad"].id;
    // Slow, and begun again from further back by its engine.
    for at in [40, 41, 12, 13] {
        rig.event(Event::Heartbeat { worker, progress: vec![(job, attempt, at)] });
        pass(&mut rig, HOUR - 60, &[]);
    }
    // It says something else than how far it is.
    for _ in 0..3 {
        pass(&mut rig, HOUR - 60, &still);
        let said = rig.agents.get_mut("bad").unwrap().tell(job, Fact::CheckpointGone);
        rig.event(said);
    }
    // Trained, and its outputs wait to be uploaded: nothing is named.
    rig.wait(3 * HOUR);
    assert_eq!((rig.store.jobs[&job].attempt, rig.warnings.len()), (attempt, 0));
    rig.finish("bad");
    assert_eq!(rig.state(job), JobState::Done);
}

#[test]
fn a_job_that_stands_still_wherever_it_runs_does_not_go_round_for_ever() {
    let mut rig = Rig::with(Config { max_losses: 3, ..Config::default() });
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("one");
    rig.worker("two");
    let mut runs = 0;
    while rig.count(JobState::Quarantined) == 0 {
        let running: Vec<Lane> = ["one", "two"]
            .map(|name| {
                rig.begin(name);
                lanes(&rig, name)
            })
            .concat();
        runs += usize::from(!running.is_empty());
        pass(&mut rig, HOUR / 2, &running);
        assert!(runs < 20, "it goes round and round");
    }
    assert_eq!(rig.warnings.len(), 3);
    let ends = rig.jobs(*rig.store.sweeps.keys().next().unwrap());
    let told: Vec<String> = ends.iter().map(|job| rig.explain(*job)).collect();
    assert!(told.iter().any(|told| told.contains("quarantined")), "{told:?}");
}

#[test]
fn a_worker_that_is_more_patient_is_given_twice_its_own_time() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("patient");
    let info = WorkerInfo { patience_s: HOUR, ..rig.agents["patient"].info.clone() };
    rig.agents.get_mut("patient").unwrap().info = info;
    rig.cut("patient");
    rig.connect("patient");
    rig.begin("patient");
    let still = lanes(&rig, "patient");
    pass(&mut rig, 2 * HOUR - 60, &still);
    assert_eq!(rig.warnings.len(), 0);
    pass(&mut rig, 120, &still);
    assert_eq!(rig.warnings.len(), 1);
}

#[test]
fn what_follows_in_the_lease_goes_elsewhere_and_what_its_neighbours_made_stays() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "\"1..=2\"", 2, ""));
    rig.worker_with("bad", DeviceKind::Cpu, &[2], &["mnist"]);
    rig.begin("bad");
    let both = lanes(&rig, "bad");
    assert_eq!(both.len(), 2);
    let done = rig.agents.get_mut("bad").unwrap().finish(both[0].0);
    rig.event(done);
    let still = [both[1]];
    pass(&mut rig, HOUR + 60, &still);
    assert_eq!((rig.state(both[0].0), rig.state(both[1].0)), (JobState::Done, JobState::Open));
    assert!(rig.agents["bad"].leases().is_empty());
    rig.worker("good");
    rig.run();
    assert_eq!(rig.progress(sweep).done as usize, rig.jobs(sweep).len());
    assert_eq!(rig.store.jobs[&both[1].0].attempt, Attempt(2));
}

#[test]
fn a_heartbeat_that_says_everything_twice_changes_nothing() {
    let (mut rig, still) = two_workers();
    let (job, attempt) = still[0];
    let worker = rig.agents["bad"].id;
    for _ in 0..=HOUR / BEAT {
        rig.now += Duration::from_secs(BEAT);
        let said = (job, attempt, 3);
        rig.event(Event::Heartbeat { worker, progress: vec![said, said] });
    }
    assert_eq!((rig.store.jobs[&job].losses, rig.warnings.len()), (1, 1));
}

/// Reports may wait for an upload, so that heartbeats alone say that another job of the lease is at work.
#[test]
fn one_that_ends_where_another_begins_moves() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 2, ""));
    rig.worker("ada");
    rig.begin("ada");
    let worker = rig.agents["ada"].id;
    for (job, seconds) in [(1, HOUR - 600), (2, 1200)] {
        for _ in 0..seconds / BEAT {
            rig.now += Duration::from_secs(BEAT);
            rig.event(Event::Heartbeat { worker, progress: vec![(JobId(job), Attempt(1), 0)] });
            rig.event(Event::Tick);
        }
    }
    assert_eq!((rig.state(JobId(2)), rig.warnings.len()), (JobState::Leased, 0));
}
