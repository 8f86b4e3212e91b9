//! What a failure leads to, by its class.

use crate::rig::{Rig, tiny};
use tombola_core::{
    record::JobState,
    schedule::{Event, Fact},
};
use tombola_spec::{
    JobId,
    outcome::{Failure, FailureClass},
    worker::DeviceKind,
};

fn failed_once(class: FailureClass) -> (Rig, JobId) {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 2, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.fail("ada", job, class);
    (rig, job)
}

#[test]
fn a_users_mistake_is_not_tried_again() {
    for class in [FailureClass::User, FailureClass::NotFinite] {
        let (mut rig, job) = failed_once(class);
        assert_eq!(rig.state(job), JobState::Failed);
        rig.wait(100);
        assert!(rig.run().is_empty(), "{class:?}");
        // What stands behind it waits, leased to nobody.
        assert_eq!(rig.count(JobState::Open), 4);
        let sweep = *rig.store.sweeps.keys().next().unwrap();
        assert!(rig.progress(sweep).finished && rig.progress(sweep).failed == 1);
    }
}

#[test]
fn an_internal_failure_is_tried_three_times_in_all() {
    let (mut rig, job) = failed_once(FailureClass::Internal);
    for _ in 0..2 {
        assert_eq!(rig.state(job), JobState::Open);
        rig.wait(5);
        assert_eq!(rig.runs("ada"), [job]);
        rig.fail("ada", job, FailureClass::Internal);
    }
    assert_eq!(rig.state(job), JobState::Failed);
    assert_eq!(rig.store.jobs[&job].tries, 3);
}

#[test]
fn a_full_disk_costs_no_try_and_waits_longer_each_time() {
    let (mut rig, job) = failed_once(FailureClass::Infrastructure);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        let begun = rig.now;
        while rig.runs("ada").is_empty() {
            rig.wait(1);
        }
        pauses.push((rig.now - begun).as_secs());
        rig.fail("ada", job, FailureClass::Infrastructure);
    }
    assert_eq!(pauses, [1, 2, 4, 8]);
    assert_eq!((rig.state(job), rig.store.jobs[&job].tries), (JobState::Open, 0));
}

#[test]
fn too_little_memory_halves_the_pack_and_fails_a_lone_lane() {
    let mut rig = Rig::new();
    rig.submit(
        &tiny("a", "\"1..=4\"", 0, "")
            .replace("prune = { scope = \"per_layer\", rate = 0.2, rounds = 0 }", ""),
    );
    rig.worker_with("gpu", DeviceKind::Cuda, &[4], &["mnist"]);
    let mut widths = Vec::new();
    while rig.count(JobState::Failed) < 4 {
        let running = rig.runs("gpu");
        assert!(!running.is_empty());
        widths.push(rig.agents["gpu"].widths()[0]);
        running.into_iter().for_each(|job| rig.fail("gpu", job, FailureClass::OutOfMemory));
    }
    assert_eq!(widths, [4, 2, 2, 1, 1, 1, 1]);
}

#[test]
fn a_job_whose_data_a_worker_lacks_goes_to_another() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    rig.fail("ada", job, FailureClass::DataMissing);
    assert!(rig.runs("ada").is_empty());
    rig.worker("bob");
    assert_eq!(rig.runs("bob"), [job]);
    assert_eq!(rig.store.jobs[&job].tries, 0);
}

#[test]
fn engines_that_die_five_times_quarantine_their_job() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let job = rig.runs("ada")[0];
    for losses in 1..=5 {
        assert_eq!(rig.runs("ada"), [job]);
        rig.fail("ada", job, FailureClass::Crashed);
        assert_eq!((rig.store.jobs[&job].losses, rig.store.jobs[&job].tries), (losses, 0));
    }
    assert_eq!(rig.state(job), JobState::Quarantined);
    assert!(rig.runs("ada").is_empty());
    let told = rig.explain(job);
    for words in ["quarantined", "5 abrupt", "tombola retry"] {
        assert!(told.contains(words), "`{words}` is not in:\n{told}");
    }
    // It may take the next worker down, too: another sweep that wants it does not open it.
    rig.submit(&tiny("b", "1", 1, ""));
    assert_eq!(rig.state(job), JobState::Quarantined);
    rig.event(Event::Retry { sweep });
    assert_eq!((rig.state(job), rig.store.jobs[&job].losses), (JobState::Leased, 0));
}

/// A pack of so many lanes of which one takes its engine down, until that one is put aside, and then the rest.
fn with_a_culprit(lanes: u32, culprit: usize, after_each: impl Fn(&mut Rig)) -> Rig {
    let mut rig = Rig::new();
    rig.submit(
        &tiny("a", &format!("\"1..={lanes}\""), 0, "")
            .replace("prune = { scope = \"per_layer\", rate = 0.2, rounds = 0 }", ""),
    );
    rig.worker_with("gpu", DeviceKind::Cuda, &[lanes], &["mnist"]);
    let culprit = *rig.store.jobs.keys().nth(culprit).unwrap();
    while rig.state(culprit) != JobState::Quarantined {
        let running = rig.runs("gpu");
        if running.contains(&culprit) {
            running.into_iter().for_each(|job| rig.fail("gpu", job, FailureClass::Crashed));
        } else {
            rig.finish("gpu");
        }
        after_each(&mut rig);
    }
    rig.run();
    rig
}

#[test]
fn a_pack_that_kills_its_engine_is_bisected_until_the_culprit_stands_alone() {
    let rig = with_a_culprit(8, 5, |_| {});
    assert_eq!(rig.count(JobState::Done), 7);
}

/// Halving alone would have left two of sixteen, and eight of sixty-four, at the last loss.
#[test]
fn nobody_is_put_aside_for_a_neighbour_however_wide_the_pack() {
    let rig = with_a_culprit(64, 17, |rig| {
        // A new leader knows who is suspected.
        rig.restart();
        rig.reconnect();
    });
    assert_eq!((rig.count(JobState::Done), rig.count(JobState::Quarantined)), (63, 1));
}

#[test]
fn a_failed_parent_gives_its_chain_back() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let parent = rig.runs("ada")[0];
    rig.fail("ada", parent, FailureClass::User);
    assert!(rig.runs("ada").is_empty());
    assert_eq!((rig.count(JobState::Open), rig.count(JobState::Leased)), (2, 0));
}

/// Another attempt of the first may make something else of it, and the result of the second would stand on what nobody has.
#[test]
fn what_was_built_on_a_result_that_was_refused_is_dropped() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("ada");
    let first = rig.runs("ada")[0];
    let said = rig.agents.get_mut("ada").unwrap().finish(first);
    let Event::Report { worker, sequence, job, attempt, .. } = said else { panic!("{said:?}") };
    // Its worker goes on with the next stage of the lease; meanwhile the outputs of the first are found to be gone.
    let next = rig.runs("ada")[0];
    let gone = Failure { class: FailureClass::Infrastructure, message: "its outputs are gone".to_owned() };
    rig.event(Event::Report { worker, sequence, job, attempt, fact: Fact::Failed(gone) });
    assert!(rig.agents["ada"].running().is_empty());
    assert_eq!((rig.store.ends_of(first), rig.store.ends_of(next)), (vec!["failed"], vec!["failed"]));
    rig.wait(2);
    assert_eq!(rig.run().len(), 3);
    assert!(rig.store.jobs.values().all(|job| (job.tries, job.losses) == (0, 0)));
}
