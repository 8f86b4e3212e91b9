//! Nothing is lost at a cut: resumed runs and continued segments equal uncut ones, bit for bit.

mod rig;

use rig::{ADAM, PLANS, Recorder, Rig, SGD, continued, job, recipe, with_mask};
use std::fs;
use tombola_spec::{job::Output, outcome::Split, slot::Event, slot::StageJob, worker::Plan};

fn lanes(rig: &Rig, optimizer: tombola_spec::settings::Optimizer, to: u32) -> Vec<StageJob> {
    vec![job(1, recipe(optimizer), to), with_mask(job(2, recipe(optimizer), to), &rig.mask(0.4, 4))]
}

const METRICS: [(&str, Split); 5] = [
    ("loss", Split::Train),
    ("loss", Split::Validation),
    ("accuracy", Split::Validation),
    ("loss", Split::Test),
    ("accuracy", Split::Test),
];

#[test]
fn a_run_that_yields_in_the_middle_of_an_epoch_and_resumes_equals_an_uninterrupted_one() {
    let rig = Rig::new();
    for plan in PLANS {
        for optimizer in [SGD, ADAM] {
            let mut jobs = lanes(&rig, optimizer, 70);
            let whole = rig.run(plan, jobs.clone());
            let stage = rig.stage(plan, jobs.clone());
            // 27 is inside the second epoch of 25 iterations and between two evaluations.
            let first = rig.run_with(&stage, &Recorder::yield_at(27), 1, Some(9));
            assert!(!first.has_finished(1) && !first.has_finished(2));
            for job in &mut jobs {
                let (iteration, file) = first.checkpoint(job.job.0);
                // On threads, a lane yields wherever it is when its neighbour gets to 27.
                assert!(iteration < 30, "{iteration}");
                job.resume = Some(file);
            }
            let second = rig.run(plan, jobs);
            let (iteration, _) = first.checkpoint(1);
            assert!(second.0.iter().any(
                |event| matches!(event, Event::Started { job, iteration: at } if job.0 == 1 && *at == iteration)
            ));
            for lane in [1, 2] {
                assert_eq!(whole.digests(lane), second.digests(lane), "{plan:?} {optimizer:?}");
                let (a, b) = (whole.summary(lane), second.summary(lane));
                assert_eq!((&a.last, &a.early_stop, a.iterations), (&b.last, &b.early_stop, b.iterations));
                for (name, split) in METRICS {
                    // The resumed run tells the points before the cut again.
                    assert_eq!(whole.points(lane, name, split), second.points(lane, name, split));
                }
            }
            assert!(second.summary(1).device_seconds > 0.0);
        }
    }
}

#[test]
fn checkpoints_do_not_change_the_result() {
    let rig = Rig::new();
    for plan in PLANS {
        let jobs = lanes(&rig, ADAM, 40);
        let without = rig.run(plan, jobs.clone());
        let with = rig.run_with(&rig.stage(plan, jobs), &Recorder::default(), 1, Some(3));
        assert_eq!(with.checkpoint(1).0, 39);
        assert_eq!(without.digests(1), with.digests(1));
        assert_eq!(without.digests(2), with.digests(2));
    }
}

#[test]
fn lanes_may_resume_at_different_iterations() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut jobs = lanes(&rig, ADAM, 50);
        let whole = rig.run(plan, jobs.clone());
        for (job, at) in jobs.iter_mut().zip([11, 33]) {
            let stage = rig.stage(plan, vec![job.clone()]);
            let first = rig.run_with(&stage, &Recorder::yield_at(at), 1, Some(11));
            job.resume = Some(first.checkpoint(job.job.0).1);
        }
        let second = rig.run(plan, jobs);
        // The width of the pack differs; on a CPU that does not move these bits in either plan.
        assert_eq!(whole.summary(1).last.len(), second.summary(1).last.len());
        if plan == Plan::CpuLanes {
            assert_eq!(whole.digests(1), second.digests(1));
            assert_eq!(whole.digests(2), second.digests(2));
        }
    }
}

#[test]
fn two_segments_equal_one_uncut_run() {
    let rig = Rig::new();
    for plan in PLANS {
        for optimizer in [SGD, ADAM] {
            let whole = rig.run(plan, lanes(&rig, optimizer, 60));
            // 33 is neither an evaluation nor the end of an epoch.
            let first = rig.run(plan, lanes(&rig, optimizer, 33));
            let jobs = lanes(&rig, optimizer, 33).into_iter().map(|job| continued(job, &first, 60)).collect();
            let second = rig.run(plan, jobs);
            for lane in [1, 2] {
                for output in [Output::Weights, Output::State] {
                    assert_eq!(
                        whole.digests(lane)[&output],
                        second.digests(lane)[&output],
                        "{plan:?} {output}"
                    );
                }
                assert_eq!(whole.summary(lane).early_stop, second.summary(lane).early_stop);
                assert_eq!(second.summary(lane).iterations, 27);
                for (name, split) in METRICS {
                    let mut joined = first.points(lane, name, split);
                    joined.extend(second.points(lane, name, split));
                    joined.remove(&33);
                    assert_eq!(whole.points(lane, name, split), joined, "{name} {split:?}");
                }
            }
        }
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_costs_the_time_but_not_the_job() {
    let rig = Rig::new();
    let mut job = job(1, recipe(SGD), 20);
    let whole = rig.run(Plan::CpuLanes, vec![job.clone()]);
    let file = rig.stage_folder().join("half");
    fs::write(&file, b"half a checkpo").unwrap();
    job.resume = Some(file);
    let second = rig.run(Plan::CpuLanes, vec![job]);
    assert!(matches!(second.0[0], Event::Started { iteration: 0, .. }));
    assert_eq!(whole.digests(1), second.digests(1));
}
