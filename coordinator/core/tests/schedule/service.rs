//! Slots that go bad.

use crate::rig::{Rig, tiny};
use tombola_core::{record::JobState, schedule::Event};
use tombola_spec::outcome::FailureClass;

/// Two workers of one slot each, and more work than they can do.
fn two_workers() -> Rig {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=12\"", 1, ""));
    rig.worker("good");
    rig.worker("bad");
    rig
}

fn works(rig: &mut Rig, name: &str) -> bool {
    !rig.runs(name).is_empty()
}

fn finishes(rig: &mut Rig, name: &str) {
    assert!(works(rig, name));
    assert!(!rig.finish(name).is_empty());
}

/// Fails what runs at a worker, however many times it takes work.
fn fail_all(rig: &mut Rig, name: &str, class: FailureClass) -> usize {
    let mut failed = 0;
    while let Some(job) = rig.runs(name).first().copied() {
        rig.fail(name, job, class);
        failed += 1;
        assert!(failed < 100, "it goes on taking work");
    }
    failed
}

fn out_of_service(rig: &Rig, name: &str) -> Option<String> {
    let workers = rig.scheduler.workers(rig.now);
    workers.iter().find(|worker| worker.name == name).unwrap().slots[0].out.clone()
}

#[test]
fn a_slot_at_which_one_pack_after_the_other_fails_rests_while_the_others_work() {
    let mut rig = two_workers();
    finishes(&mut rig, "good");
    assert_eq!(fail_all(&mut rig, "bad", FailureClass::Crashed), 3);
    let why = out_of_service(&rig, "bad").unwrap();
    assert!(why.contains("tried again in 60 s: 3 packs in a row"), "{why}");
    assert!(works(&mut rig, "good"), "{why}");
    // After its rest one more failure sends it back, for twice as long.
    rig.wait(61);
    assert_eq!(fail_all(&mut rig, "bad", FailureClass::Infrastructure), 1);
    assert!(out_of_service(&rig, "bad").unwrap().contains("in 120 s"));
    // A result puts everything right.
    rig.wait(121);
    finishes(&mut rig, "bad");
    assert_eq!(out_of_service(&rig, "bad"), None);
    assert_eq!(fail_all(&mut rig, "bad", FailureClass::Crashed), 3);
    assert!(out_of_service(&rig, "bad").unwrap().contains("in 60 s"));
}

#[test]
fn jobs_that_fail_wherever_they_run_take_no_slot_out_of_service() {
    let mut rig = two_workers();
    for _ in 0..4 {
        for name in ["good", "bad"] {
            for job in rig.runs(name) {
                rig.fail(name, job, FailureClass::Internal);
            }
        }
        assert_eq!((out_of_service(&rig, "good"), out_of_service(&rig, "bad")), (None, None));
        rig.wait(5);
    }
}

#[test]
fn the_only_slot_is_never_taken_out() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=9\"", 1, ""));
    rig.worker("bad");
    for _ in 0..6 {
        let job = rig.runs("bad")[0];
        rig.fail("bad", job, FailureClass::Infrastructure);
    }
    assert_eq!(out_of_service(&rig, "bad"), None);
}

#[test]
fn a_job_that_fails_again_and_again_at_one_slot_is_not_the_slots_fault() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker("one");
    rig.worker("two");
    for _ in 0..4 {
        let name = if works(&mut rig, "one") { "one" } else { "two" };
        let job = rig.runs(name)[0];
        rig.fail(name, job, FailureClass::Crashed);
    }
    assert_eq!((out_of_service(&rig, "one"), out_of_service(&rig, "two")), (None, None));
}

#[test]
fn a_slot_whose_worker_says_that_it_cannot_work_takes_nothing_until_it_can() {
    let mut rig = Rig::new();
    let sweep = rig.submit(&tiny("a", "\"1..=3\"", 1, ""));
    rig.worker("lone");
    let worker = rig.agents["lone"].id;
    finishes(&mut rig, "lone");
    rig.event(Event::Service { worker, slot: 0, out: Some("the GPU fell off the bus".to_owned()) });
    fail_all(&mut rig, "lone", FailureClass::Crashed);
    assert_eq!(out_of_service(&rig, "lone").unwrap(), "the GPU fell off the bus");
    let told = rig.explain_sweep(sweep);
    assert!(told.contains("out of service"), "{told}");
    // A number it never introduced means nothing.
    rig.event(Event::Service { worker, slot: 7, out: Some("what?".to_owned()) });
    rig.event(Event::Service { worker, slot: 0, out: None });
    while works(&mut rig, "lone") {
        rig.finish("lone");
    }
    assert_eq!(rig.count(JobState::Open) + rig.count(JobState::Leased), 0);
}
