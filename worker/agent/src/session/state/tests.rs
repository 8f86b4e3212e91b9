//! Scenarios of a worker's life, in the words of the protocol.

use super::{
    super::message::{FromCoordinator, ToCoordinator},
    Exit, Input,
    rig::{RULES, Rig, artifact, identity, kind, leased, output},
};
use crate::{
    samples,
    slot::{Order, Told},
};
use std::time::Duration;
use tombola_spec::{
    Attempt, JobId, LeaseId,
    job::Output,
    outcome::{Failure, FailureClass},
};

#[test]
fn a_job_is_run_reported_and_forgotten_once_acknowledged() {
    let mut rig = Rig::up();
    let job = leased(1, samples::train(1));
    rig.lease(1, &[&[&job]]);
    assert_eq!(rig.ordered().jobs[0].job, JobId(1));
    rig.start(1);
    rig.measure(1);
    rig.finish(&job);
    rig.told(Told::Ended);
    rig.upload();
    assert_eq!(rig.reported(), [(1, "started"), (1, "metrics"), (1, "finished")]);
    rig.acknowledge();
    assert_eq!(rig.state.reports().count(), 0);
    rig.is_quiet();
    assert_eq!(rig.reconnect(1), []);
}

#[test]
fn reports_survive_a_reconnect_in_order_and_hello_says_what_is_held() {
    let mut rig = Rig::up();
    let (first, second) = (leased(1, samples::train(1)), leased(2, samples::train(2)));
    rig.lease(1, &[&[&first]]);
    rig.lease(2, &[&[&second]]);
    rig.start(1);
    assert_eq!(rig.reported(), [(1, "started")]);
    rig.handle(Input::Closed);
    rig.measure(1);
    rig.finish(&first);
    rig.told(Told::Ended);
    assert_eq!(rig.orders().len(), 2, "the next lease begins without a coordinator");
    assert_eq!(rig.sent(), []);
    assert_eq!(rig.reconnect(1), [(1, true), (2, false)]);
    rig.upload();
    assert_eq!(rig.reported(), [(1, "started"), (1, "metrics"), (1, "finished")]);
}

#[test]
fn nothing_is_reported_before_its_artifacts_are_there_nor_overtakes() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.start(1);
    rig.checkpoint(1, 50);
    rig.measure(1);
    assert_eq!(rig.reported(), [(1, "started")]);
    let [(report, artifacts)] = rig.uploads().try_into().unwrap();
    assert_eq!(artifacts, [artifact("checkpoint of 1 at 50")]);
    rig.handle(Input::UploadFailed(report));
    assert_eq!(rig.uploads(), [], "a failed upload rests for a while");
    rig.tick(1);
    assert_eq!(rig.upload(), artifacts);
    assert_eq!(rig.reported(), [(1, "checkpoint"), (1, "metrics")]);
}

#[test]
fn artifacts_are_asked_for_again_over_a_new_link() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.checkpoint(1, 50);
    assert_eq!(rig.upload().len(), 1);
    rig.handle(Input::Closed);
    rig.reconnect(1);
    assert_eq!(rig.upload().len(), 1, "their pins may be gone with the coordinator");
}

#[test]
fn outputs_that_are_lost_fail_the_job_and_lost_checkpoints_are_forgotten() {
    let mut rig = Rig::up();
    let job = leased(1, samples::train(1));
    rig.lease(1, &[&[&job]]);
    rig.checkpoint(1, 50);
    let [(checkpoint, _)] = rig.uploads().try_into().unwrap();
    let lost = Failure { class: FailureClass::Infrastructure, message: "deleted".to_owned() };
    rig.handle(Input::ArtifactsLost(checkpoint, lost.clone()));
    rig.finish(&job);
    let [(finished, _)] = rig.uploads().try_into().unwrap();
    rig.handle(Input::ArtifactsLost(finished, lost));
    assert_eq!(rig.reported(), [(1, "failed")]);
    rig.acknowledge();
    assert_eq!(rig.state.reports().count(), 0);
}

#[test]
fn without_a_coordinator_only_the_latest_checkpoint_waits() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1)), &leased(2, samples::train(2))]]);
    rig.handle(Input::Closed);
    (1..=100).for_each(|n| rig.checkpoint(1, n));
    rig.checkpoint(2, 7);
    rig.reconnect(1);
    let uploaded = rig.upload();
    assert_eq!(uploaded, [artifact("checkpoint of 1 at 100"), artifact("checkpoint of 2 at 7")]);
}

#[test]
fn fenced_work_is_dropped_quietly() {
    let mut rig = Rig::up();
    let (job, neighbour) = (leased(1, samples::train(1)), leased(2, samples::train(2)));
    rig.lease(1, &[&[&job, &neighbour]]);
    rig.start(1);
    rig.start(2);
    rig.orders();
    rig.sent();
    rig.hear(FromCoordinator::Fenced(vec![(JobId(1), Attempt(1))]));
    assert_eq!(rig.orders(), [Order::Cancel(JobId(1))]);
    assert!(rig.state.reports().all(|report| report.job == JobId(2)));
    rig.measure(1);
    rig.finish(&job);
    rig.is_quiet();
    rig.measure(2);
    assert_eq!(rig.reported(), [(2, "metrics")]);
}

#[test]
fn a_cancelled_job_is_stopped_and_not_reported() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.lease(2, &[&[&leased(2, samples::train(2))]]);
    rig.orders();
    rig.hear(FromCoordinator::Cancel(JobId(1), Attempt(1)));
    rig.hear(FromCoordinator::Cancel(JobId(2), Attempt(1)));
    assert_eq!(rig.orders(), [Order::Cancel(JobId(1))], "the other had not begun");
    rig.told(Told::Ended);
    rig.is_quiet();
    assert_eq!(rig.reconnect(1), []);
}

#[test]
fn a_recall_gives_back_what_has_not_begun() {
    let mut rig = Rig::up();
    let train = samples::train(1);
    let (job, prune) = (leased(1, train.clone()), leased(2, samples::prune(&train)));
    rig.lease(1, &[&[&job], &[&prune]]);
    rig.lease(2, &[&[&leased(3, samples::train(3))]]);
    rig.ordered();
    rig.hear(FromCoordinator::Recall(LeaseId(2)));
    assert_eq!(rig.returned(), [3]);
    rig.hear(FromCoordinator::Recall(LeaseId(1)));
    assert_eq!(rig.returned(), [2]);
    rig.hear(FromCoordinator::Recall(LeaseId(99)));
    assert_eq!(rig.sent(), [ToCoordinator::Returned { lease: LeaseId(99), jobs: Vec::new() }]);
    rig.finish(&job);
    rig.told(Told::Ended);
    rig.upload();
    assert_eq!(rig.reported(), [(1, "finished")]);
    assert_eq!(rig.orders(), []);
}

#[test]
fn a_chain_hands_outputs_on_without_the_coordinator() {
    let mut rig = Rig::up();
    let train = samples::train(1);
    let prune = samples::prune(&train);
    let again = samples::retrain(&train, &prune);
    let jobs = [leased(1, train), leased(2, prune), leased(3, again)];
    rig.lease(1, &[&[&jobs[0]], &[&jobs[1]], &[&jobs[2]]]);
    rig.handle(Input::Closed);
    assert!(rig.ordered().jobs[0].inputs.is_empty());
    rig.finish(&jobs[0]);
    rig.told(Told::Ended);
    let pruned = rig.ordered();
    let weights = output(&jobs[0], Output::Weights);
    assert_eq!(pruned.jobs[0].inputs.values().collect::<Vec<_>>(), [&weights]);
    rig.finish(&jobs[1]);
    rig.told(Told::Ended);
    let inputs = rig.ordered().jobs[0].inputs.clone();
    let mask = output(&jobs[1], Output::Mask);
    assert!(inputs.len() == 2 && inputs.values().all(|input| *input == weights || *input == mask));
    assert!(rig.state.needed().contains(&mask.digest), "an input of a running job is not removed");
}

#[test]
fn the_children_of_a_failed_job_are_given_back() {
    let mut rig = Rig::up();
    let (good, bad) = (samples::train(1), samples::train(2));
    let children = [leased(3, samples::prune(&good)), leased(4, samples::prune(&bad))];
    let parents = [leased(1, good), leased(2, bad)];
    rig.lease(1, &[&[&parents[0], &parents[1]], &[&children[0], &children[1]]]);
    rig.ordered();
    rig.finish(&parents[0]);
    rig.fail(2);
    rig.told(Told::Ended);
    assert_eq!(rig.ordered().jobs.iter().map(|job| job.job).collect::<Vec<_>>(), [JobId(3)]);
    assert_eq!(rig.returned(), [4]);
}

#[test]
fn a_stage_that_ends_without_a_word_about_a_job_is_a_fault() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.start(1);
    rig.told(Told::Ended);
    assert_eq!(rig.reported(), [(1, "started"), (1, "failed")]);
}

#[test]
fn a_full_spool_has_engines_checkpoint_and_wait_and_loses_nothing() {
    let mut rig = Rig::with_spool_of(1500);
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.ordered();
    rig.start(1);
    rig.handle(Input::Closed);
    while rig.orders().is_empty() {
        rig.measure(1);
    }
    rig.checkpoint(1, 60);
    rig.told(Told::Ended);
    rig.tick(1);
    assert_eq!(rig.orders(), [], "it waits");
    let kept: Vec<_> = rig.state.reports().map(|report| kind(&report.fact)).collect();
    assert_eq!((kept[0], kept[kept.len() - 1]), ("started", "checkpoint"));

    assert_eq!(rig.reconnect(1), [(1, true)]);
    rig.upload();
    rig.sent();
    rig.acknowledge();
    let run = rig.ordered();
    assert_eq!(run.jobs[0].resume, Some(artifact("checkpoint of 1 at 60")));
    rig.start(1);
    rig.measure(1);
    assert_eq!(rig.reported(), [(1, "metrics")], "it began once");
}

#[test]
fn a_stage_that_yields_after_there_is_room_again_goes_on() {
    let mut rig = Rig::with_spool_of(1500);
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.ordered();
    while rig.orders().is_empty() {
        rig.measure(1);
    }
    rig.sent();
    rig.acknowledge();
    rig.checkpoint(1, 60);
    rig.told(Told::Ended);
    rig.upload();
    assert_eq!(rig.reported(), [(1, "checkpoint")]);
    assert_eq!(rig.ordered().jobs[0].resume, Some(artifact("checkpoint of 1 at 60")));
}

#[test]
fn a_spool_that_cannot_be_written_is_a_full_one() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.ordered();
    rig.handle(Input::Tick { now: Duration::ZERO, unwritten: true });
    assert_eq!(rig.orders(), [Order::Yield]);
    rig.told(Told::Ended);
    assert_eq!(rig.orders(), []);
    rig.tick(1);
    rig.ordered();
}

#[test]
fn a_coordinator_of_another_memory_is_told_nothing_of_the_old_one() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.lease(2, &[&[&leased(2, samples::train(2))]]);
    rig.ordered();
    rig.start(1);
    rig.sent();
    rig.handle(Input::Closed);
    rig.handle(Input::Opened);
    rig.sent();
    // The first worker there, too: only the name of the state differs.
    let stranger = "w1@elsewhere".to_owned();
    rig.hear(FromCoordinator::Welcome(stranger.clone()));
    assert_eq!(rig.remembered(), [stranger]);
    assert_eq!(rig.orders(), [Order::Cancel(JobId(1))]);
    assert_eq!(rig.state.reports().count(), 0);
    // There, job 1 is another job.
    rig.lease(1, &[&[&leased(1, samples::train(3))]]);
    rig.measure(1);
    rig.is_quiet();
    rig.told(Told::Ended);
    assert_eq!(rig.ordered().jobs[0].spec, samples::train(3));
}

#[test]
fn a_restarted_worker_hands_in_what_it_had_finished_and_fails_what_it_had_begun() {
    let mut rig = Rig::up();
    let job = leased(1, samples::train(1));
    rig.lease(1, &[&[&job, &leased(2, samples::train(2))]]);
    rig.start(1);
    rig.start(2);
    rig.finish(&job);
    let spooled: Vec<_> = rig.state.reports().cloned().collect();

    let mut rig = Rig::new(RULES, Some(identity(1)), spooled);
    assert_eq!(rig.reconnect(1), [(1, true), (2, true)]);
    rig.upload();
    assert_eq!(rig.reported(), [(1, "started"), (2, "started"), (1, "finished"), (2, "failed")]);
    let last = rig.state.reports().last().unwrap();
    assert!(matches!(&last.fact, super::Fact::Failed(failure) if failure.class == FailureClass::Crashed));
    assert!(rig.remembered().is_empty(), "it is who it was");
}

#[test]
fn a_lease_is_taken_once_and_a_newer_attempt_replaces_an_older() {
    let mut rig = Rig::up();
    let mut job = leased(1, samples::train(1));
    rig.lease(1, &[&[&job]]);
    rig.ordered();
    rig.lease(1, &[&[&job]]);
    rig.is_quiet();
    job.attempt = Attempt(2);
    rig.lease(2, &[&[&job]]);
    assert_eq!(rig.orders(), [Order::Cancel(JobId(1))]);
    rig.finish(&job);
    rig.told(Told::Ended);
    assert_eq!(rig.ordered().jobs[0].attempt, Attempt(2));
    assert_eq!(rig.sent(), [], "the older attempt is nobody's");
}

#[test]
fn a_lease_that_cannot_be_read_fails_its_jobs_with_the_reason() {
    let mut rig = Rig::up();
    let (jobs, why) = (vec![(JobId(1), Attempt(1))], "unknown variant `prune2`".to_owned());
    rig.hear(FromCoordinator::Unreadable { lease: LeaseId(1), slot: 0, jobs, why });
    let sent: [ToCoordinator; 1] = rig.sent().try_into().unwrap();
    let [ToCoordinator::Report(report)] = sent else { panic!() };
    let super::Fact::Failed(failure) = report.fact else { panic!() };
    assert!(failure.class == FailureClass::Internal && failure.message.contains("prune2"), "{failure:?}");
}

#[test]
fn a_lease_for_a_slot_there_is_not_is_given_back() {
    let mut rig = Rig::up();
    let mut lease = super::rig::lease(1, &[&[&leased(1, samples::train(1))]]);
    lease.slot = 7;
    rig.hear(FromCoordinator::Lease(lease));
    assert_eq!(rig.returned(), [1]);
    assert_eq!(rig.orders(), []);
}

#[test]
fn a_refused_worker_leaves_unless_it_may_come_back() {
    let mut rig = Rig::new(RULES, None, Vec::new());
    rig.handle(Input::Opened);
    rig.hear(FromCoordinator::Refused { message: "no leader".to_owned(), retry: true });
    assert_eq!(rig.exit(), None);
    rig.handle(Input::Closed);
    rig.handle(Input::Opened);
    rig.hear(FromCoordinator::Refused { message: "protocol 9".to_owned(), retry: false });
    assert_eq!(rig.exit(), Some(Exit::Refused("protocol 9".to_owned())));
}

#[test]
fn a_slot_without_an_engine_ends_the_worker_after_all_is_given_back() {
    let mut rig = Rig::up();
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.lease(2, &[&[&leased(2, samples::train(2))]]);
    rig.ordered();
    rig.fail(1);
    rig.told(Told::Ended);
    rig.told(Told::Broken("the driver is gone".to_owned()));
    rig.told(Told::Ended);
    rig.acknowledge();
    assert_eq!(rig.exit(), Some(Exit::Broken("the driver is gone".to_owned())));
}

#[test]
fn a_slot_without_an_engine_is_out_of_service_and_the_others_go_on() {
    let mut rig = Rig::with_slots(2);
    rig.lease(1, &[&[&leased(1, samples::train(1))]]);
    rig.lease(2, &[&[&leased(2, samples::train(2))]]);
    rig.ordered();
    rig.sent();
    rig.told(Told::Broken("the GPU fell off the bus".to_owned()));
    let out = |why: &str| ToCoordinator::Service { slot: 0, out: Some(why.to_owned()) };
    let returned = ToCoordinator::Returned { lease: LeaseId(2), jobs: vec![JobId(2)] };
    assert_eq!(rig.sent(), [out("the GPU fell off the bus"), returned]);
    // The stage ends without a word: that is nobody's fault.
    rig.told(Told::Ended);
    assert_eq!(rig.returned(), [1]);
    rig.lease(3, &[&[&leased(3, samples::train(3))]]);
    assert_eq!(rig.returned(), [3], "it takes nothing");
    assert_eq!(rig.exit(), None);
    // A coordinator that was away is told.
    rig.reconnect(1);
    assert_eq!(rig.sent(), [out("the GPU fell off the bus")]);
    rig.told(Told::Mended);
    assert_eq!(rig.sent(), [ToCoordinator::Service { slot: 0, out: None }]);
    rig.lease(4, &[&[&leased(4, samples::train(4))]]);
    assert!(rig.returned().is_empty(), "it works again");
}
