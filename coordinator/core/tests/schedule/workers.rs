//! Workers that come, go, fall silent, come back late, or are somebody else.

use crate::rig::{Rig, tiny};
use tombola_core::{
    record::{CheckpointRow, JobState},
    schedule::{Effect, Event, Fact, Message},
};
use tombola_spec::{
    Attempt, Digest,
    outcome::{Artifact, Failure, FailureClass},
};

#[test]
fn a_silent_workers_jobs_go_to_another_after_a_term_and_not_before() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.cut("ada");
    rig.worker("bob");
    rig.wait(14);
    assert!(rig.runs("bob").is_empty());
    rig.wait(2);
    assert_eq!(rig.runs("bob"), [job]);
    assert_eq!(rig.store.ends_of(job), ["lost"]);
    assert_eq!((rig.store.jobs[&job].tries, rig.store.jobs[&job].losses), (0, 1));
}

#[test]
fn a_late_worker_is_fenced_and_drops_its_work() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.cut("ada");
    rig.worker("bob");
    rig.wait(16);
    assert_eq!(rig.runs("bob"), [job]);
    rig.connect("ada");
    let fenced =
        |message: &Message| matches!(message, Message::Fenced(lanes) if lanes.contains(&(job, Attempt(1))));
    assert!(rig.sent.iter().any(|(name, message)| name == "ada" && fenced(message)));
    assert!(rig.agents["ada"].running().is_empty());
    rig.run();
    assert_eq!(rig.store.times_done(job), 1);
}

#[test]
fn a_heartbeat_about_a_lost_attempt_is_fenced() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.now += std::time::Duration::from_secs(60);
    rig.event(Event::Tick);
    rig.worker("bob");
    assert_eq!(rig.runs("bob"), [job]);
    let worker = rig.agents["ada"].id;
    rig.event(Event::Heartbeat { worker, progress: vec![(job, Attempt(1), 40)] });
    assert!(rig.sent.contains(&("ada".to_owned(), Message::Fenced(vec![(job, Attempt(1))]))));
    assert!(rig.agents["ada"].running().is_empty());
    assert_eq!(rig.progress(sweep).iterations_done, 0, "what a lost attempt did counts for nothing");
    // What runs and what is done is nobody else's.
    let (worker, sent) = (rig.agents["bob"].id, rig.sent.len());
    rig.event(Event::Heartbeat { worker, progress: vec![(job, Attempt(2), 40)] });
    assert_eq!(rig.progress(sweep).iterations_done, 40);
    rig.finish("bob");
    rig.event(Event::Heartbeat { worker, progress: vec![(job, Attempt(2), 100)] });
    assert!(!rig.sent[sent..].iter().any(|(_, message)| matches!(message, Message::Fenced(_))));
}

#[test]
fn a_result_whose_acknowledgement_was_lost_is_not_fenced_at_the_next_hello() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.break_link("ada");
    let report = rig.agents.get_mut("ada").unwrap().finish(job);
    rig.event(report);
    assert_eq!(rig.state(job), JobState::Done);
    rig.cut("ada");
    assert!(rig.agents["ada"].held().iter().any(|held| held.job == job));
    rig.connect("ada");
    assert!(!rig.sent.iter().any(|(_, message)| matches!(message, Message::Fenced(_))), "{:?}", rig.sent);
    assert!(rig.agents["ada"].unacknowledged().is_empty());
    rig.run();
    assert!(rig.store.ends.iter().all(|(_, _, how)| *how == "done"));
}

#[test]
fn a_recall_that_was_lost_with_a_link_is_sent_over_the_next() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "[1, 2]", 1, ""));
    rig.worker("ada");
    rig.begin("ada");
    rig.break_link("ada");
    rig.worker("bob");
    assert!(rig.agents["bob"].leases().is_empty());
    rig.cut("ada");
    rig.connect("ada");
    assert_eq!((rig.agents["ada"].leases().len(), rig.agents["bob"].leases().len()), (1, 1));
    // Nobody is idle, but nobody wants what has not begun.
    rig.begin("bob");
    rig.break_link("bob");
    rig.set_state(sweep, tombola_core::record::SweepState::Paused);
    assert_eq!(rig.agents["bob"].leases()[0].len(), 3);
    rig.cut("bob");
    rig.connect("bob");
    assert_eq!(rig.agents["bob"].leases()[0].len(), 1);
}

#[test]
fn a_result_reported_by_a_fenced_worker_is_not_stored() {
    let mut rig = Rig::new();
    rig.submit(
        &tiny("a", "1", 0, "").replace("prune = { scope = \"per_layer\", rate = 0.2, rounds = 0 }", ""),
    );
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    let late = rig.agents.get_mut("ada").unwrap().finish(job);
    rig.kill("ada");
    rig.worker("bob");
    rig.wait(16);
    assert_eq!(rig.runs("bob"), [job]);
    rig.event(late);
    assert_eq!(rig.state(job), JobState::Leased);
    rig.finish("bob");
    assert_eq!(rig.store.times_done(job), 1);
}

#[test]
fn a_short_break_of_the_link_changes_nothing() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 2, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.cut("ada");
    let result = rig.agents.get_mut("ada").unwrap().finish(job);
    drop(result);
    rig.wait(5);
    rig.connect("ada");
    assert_eq!((rig.state(job), rig.store.times_done(job)), (JobState::Done, 1));
    rig.run();
    assert!(rig.store.ends.iter().all(|(_, _, how)| *how == "done"));
}

#[test]
fn a_repeated_report_is_acknowledged_and_stored_once() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    let report = rig.agents.get_mut("ada").unwrap().finish(job);
    rig.event(report.clone());
    rig.event(report);
    assert_eq!(rig.store.times_done(job), 1);
    assert!(!rig.sent.iter().any(|(_, message)| matches!(message, Message::Fenced(_))));
}

#[test]
fn a_killed_worker_that_is_back_at_once_gets_its_job_again_from_the_checkpoint() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    let checkpoint =
        CheckpointRow { iteration: 40, artifact: Artifact { digest: Digest::of(b"c"), bytes: 9 } };
    let told = rig.agents.get_mut("ada").unwrap().tell(job, Fact::Checkpoint(checkpoint));
    rig.event(told);
    rig.kill("ada");
    rig.connect("ada");
    assert_eq!(rig.store.ends_of(job), ["lost"]);
    assert_eq!(rig.runs("ada"), [job]);
    let resumed = rig.sent.iter().rev().find_map(|(_, message)| match message {
        Message::Lease(lease) => lease.jobs.get(&job).map(|leased| leased.resume),
        _ => None,
    });
    assert_eq!(resumed, Some(Some(checkpoint)));
}

#[test]
fn a_draining_worker_gives_everything_back_for_free() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "[1, 2, 3]", 2, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    let worker = rig.agents["ada"].id;
    rig.event(Event::Drain { worker });
    rig.event(Event::Leaving { worker });
    assert_eq!(rig.count(JobState::Leased), 0);
    assert_eq!(rig.store.ends_of(job), ["drained"]);
    assert!(rig.store.jobs.values().all(|job| (job.tries, job.losses) == (0, 0)));
    assert_eq!(rig.store.workers[&worker].1, "gone");
    assert!(rig.scheduler.workers(rig.now).is_empty());
    rig.worker("bob");
    assert_eq!(rig.run().len(), 3 * 5);
}

#[test]
fn draining_somebody_who_is_not_there_is_refused() {
    let mut rig = Rig::new();
    rig.event(Event::Drain { worker: tombola_spec::WorkerId(7) });
    assert!(rig.rejection().contains("no worker w7 is connected") && rig.rejection().contains("hint: "));
}

#[test]
fn a_worker_that_leaves_by_itself_is_not_granted_what_it_gives_back() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "[1, 2, 3]", 1, ""));
    rig.worker("ada");
    rig.begin("ada");
    let leases = rig.store.packs.len();
    let said = rig.agents.get_mut("ada").unwrap().drain();
    said.into_iter().for_each(|event| rig.event(event));
    assert_eq!(rig.store.packs.len(), leases);
}

#[test]
fn a_name_belongs_to_one_connected_worker() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let namesake = rig.agents["ada"].info.clone();
    let effects = rig
        .scheduler
        .handle(rig.now, Event::Hello { info: namesake, worker: None, held: Vec::new(), number: 0 });
    let text = format!("{effects:?}");
    assert!(text.contains("another worker called `ada` is connected") && text.contains("--name"), "{text}");
}

#[test]
fn a_worker_that_computes_otherwise_is_refused() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let mut info = rig.agents["ada"].info.clone();
    info.name = "bob".to_owned();
    info.components.insert("training".to_owned(), 99);
    rig.join(info);
    let why = rig.agents["bob"].refused.clone().unwrap();
    assert!(why.contains("version 99 of `training`") && why.contains("same release"), "{why}");
}

#[test]
fn another_content_under_a_data_sets_name_is_kept_out() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let mut info = rig.agents["ada"].info.clone();
    info.name = "bob".to_owned();
    info.data[0].digest = Digest::of(b"another mnist");
    rig.join(info);
    rig.cut("ada");
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    assert!(rig.agents["bob"].leases().is_empty());
    let why = rig.explain(rig.jobs(sweep)[0]);
    assert!(why.contains("bob has other content under the name `mnist`"), "{why}");
}

#[test]
fn a_folder_of_another_shape_does_not_take_a_known_name() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let mut info = rig.agents["ada"].info.clone();
    let mut fresh = Rig::new();
    info.data[0].shape.train = 100;
    fresh.join(info);
    assert!(fresh.store.data.is_empty());
    fresh.worker("bob");
    assert_eq!(fresh.store.data["mnist"].0, Digest::of(b"mnist"));
}

#[test]
fn a_worker_of_another_state_gets_a_new_identity() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let info = rig.agents["ada"].info.clone();
    let mut other = Rig::new();
    other.worker("bob");
    other.join(info);
    let effects = other.scheduler.handle(
        other.now,
        Event::Hello {
            info: tombola_spec::worker::WorkerInfo {
                name: "eve".to_owned(),
                ..other.agents["ada"].info.clone()
            },
            worker: Some(tombola_spec::WorkerId(77)),
            held: Vec::new(),
            number: 0,
        },
    );
    assert!(format!("{effects:?}").contains("worker: WorkerId(3)"), "{effects:?}");
}

#[test]
fn a_worker_that_was_only_slow_is_used_again_once_it_speaks() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.now += std::time::Duration::from_secs(60);
    rig.event(Event::Tick);
    let worker = rig.agents["ada"].id;
    assert_eq!(rig.store.workers[&worker].1, "lost");
    rig.submit(&tiny("a", "1", 1, ""));
    assert!(rig.agents["ada"].leases().is_empty());
    rig.event(Event::Heartbeat { worker, progress: Vec::new() });
    assert_eq!(rig.agents["ada"].leases().len(), 1);
    assert_eq!(rig.store.workers[&worker].1, "connected");
}

#[test]
fn a_result_that_stands_on_one_that_was_refused_is_refused_too() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let dense = rig.runs("ada")[0];
    // The coordinator hears that the dense training failed (its artifacts are gone), after the worker went on.
    let attempt = rig.store.jobs[&dense].attempt;
    drop(rig.agents.get_mut("ada").unwrap().finish(dense));
    let pruned = {
        let said = rig.agents.get_mut("ada").unwrap().begin(0);
        said.into_iter().for_each(|event| rig.event(event));
        rig.agents["ada"].running()[0]
    };
    let worker = rig.agents["ada"].id;
    let message = "artifacts are missing".to_owned();
    let failure = Failure { class: FailureClass::Infrastructure, message };
    // On its way when the worker is told to drop it.
    let said = rig.agents.get_mut("ada").unwrap().finish(pruned);
    rig.event(Event::Report { worker, sequence: 900, job: dense, attempt, fact: Fact::Failed(failure) });
    rig.event(said);
    assert_eq!((rig.state(pruned), rig.store.times_done(pruned)), (JobState::Open, 0));
    assert!(rig.store.jobs.values().all(|job| job.tries == 0));
}

#[test]
fn a_worker_that_changed_its_name_leaves_the_old_one_free() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let old = rig.agents["ada"].info.clone();
    let id = rig.agents["ada"].id;
    let renamed = tombola_spec::worker::WorkerInfo { name: "eve".to_owned(), ..old.clone() };
    rig.event(Event::LinkDown { worker: id });
    rig.scheduler
        .handle(rig.now, Event::Hello { info: renamed, worker: Some(id), held: Vec::new(), number: 0 });
    let effects =
        rig.scheduler.handle(rig.now, Event::Hello { info: old, worker: None, held: Vec::new(), number: 0 });
    assert!(!format!("{effects:?}").contains("Refused"), "{effects:?}");
}

/// A copied folder or a cloned machine: each is a worker of its own, and nobody's work is taken for lost.
#[test]
fn a_worker_with_the_number_of_another_that_is_here_gets_its_own() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("small", "1", 1, ""));
    rig.worker("ada");
    rig.begin("ada");
    let ada = rig.agents["ada"].id;
    let twin = tombola_spec::worker::WorkerInfo { name: "eve".to_owned(), ..rig.agents["ada"].info.clone() };
    let effects = rig
        .scheduler
        .handle(rig.now, Event::Hello { info: twin, worker: Some(ada), held: Vec::new(), number: 0 });
    let welcomed = effects.iter().find_map(|effect| match effect {
        Effect::Send { worker, message: Message::Welcome } => Some(*worker),
        _ => None,
    });
    assert!(welcomed.is_some_and(|id| id != ada), "{effects:?}");
    assert_eq!(rig.progress(sweep).running, 1, "ada trains on");
}

#[test]
fn a_draining_worker_that_was_silent_is_still_draining() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let worker = rig.agents["ada"].id;
    rig.event(Event::Draining { worker });
    rig.now += std::time::Duration::from_secs(60);
    rig.event(Event::Tick);
    rig.event(Event::Heartbeat { worker, progress: Vec::new() });
    assert_eq!(rig.store.workers[&worker].1, "draining");
}

/// The operator put the data set in its place and started the worker again, which hands in what its spool holds.
#[test]
fn missing_data_reported_late_does_not_keep_a_worker_out_that_has_it_now() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.cut("ada");
    drop(rig.agents.get_mut("ada").unwrap().fail(job, FailureClass::DataMissing));
    rig.connect("ada");
    assert_eq!(rig.runs("ada"), [job]);
    // What it says of what it was granted since counts.
    rig.fail("ada", job, FailureClass::DataMissing);
    assert!(rig.runs("ada").is_empty());
}

#[test]
fn a_worker_that_says_it_drains_is_alive() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    let worker = rig.agents["ada"].id;
    rig.break_link("ada");
    rig.wait(14);
    rig.event(Event::Draining { worker });
    rig.wait(14);
    assert_eq!(rig.state(job), JobState::Leased);
    rig.wait(2);
    assert_eq!(rig.state(job), JobState::Open);
}

/// The old link broke, its Hello was still under way, and that of the next link overtook it.
#[test]
fn a_hello_that_comes_after_a_later_one_costs_nothing() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("small", "1", 1, ""));
    rig.worker("ada");
    rig.cut("ada");
    let id = rig.agents["ada"].id;
    let late = |number| Event::Hello { info: rig_info(&rig), worker: Some(id), held: Vec::new(), number };
    let (old, uncounted) = (late(rig.hellos + 1), late(0));
    rig.hellos += 1;
    rig.connect("ada");
    let running = rig.runs("ada");
    assert_eq!(running.len(), 1);
    let effects = rig.scheduler.handle(rig.now, old);
    let [Effect::Send { message: Message::Refused { message, retry: true }, .. }] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(message.contains("comes after a later one"), "{message}");
    assert_eq!((rig.progress(sweep).running, rig.finish("ada")), (1, running));
    // A worker that does not count is taken at its word, as ever.
    let effects = rig.scheduler.handle(rig.now, uncounted);
    assert!(format!("{effects:?}").contains("Welcome"), "{effects:?}");
}

fn rig_info(rig: &Rig) -> tombola_spec::worker::WorkerInfo {
    rig.agents["ada"].info.clone()
}
