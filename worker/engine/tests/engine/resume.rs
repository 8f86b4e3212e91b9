//! Nothing is lost at a cut: resumed runs and continued segments equal uncut ones, bit for bit.

use crate::rig::{ADAM, Outcomes, PLANS, Recorder, Rig, SGD, continued, edit_recipe, job, recipe, with_mask};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tombola_engine::checkpoint::{FileKind, TensorFile};
use tombola_spec::{
    job::Output,
    outcome::{FailureClass, Split},
    slot::{Event, Stage, StageJob},
    worker::Plan,
};

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
            assert_eq!(second.started(1), first.checkpoint(1).0);
            for lane in [1, 2] {
                assert_eq!(whole.digests(lane), second.digests(lane), "{plan:?} {optimizer:?}");
                let (a, b) = (whole.summary(lane), second.summary(lane));
                assert_eq!((&a.last, &a.early_stop, a.iterations), (&b.last, &b.early_stop, b.iterations));
                for (name, split) in METRICS {
                    // The resumed run tells the points before the cut again.
                    assert_eq!(whole.points(lane, name, split), second.points(lane, name, split));
                }
            }
        }
    }
}

/// Seconds of the attempts before, which no attempt after can spend in a test.
const SPENT: f64 = 1e6;

/// The checkpoint with another note under `key`.
fn with_note(checkpoint: &Path, key: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let mut file = TensorFile::load(checkpoint, FileKind::Checkpoint).unwrap();
    let mut note: Value = file.needed_note(key).unwrap();
    change(&mut note);
    file.put_note(key, &note).unwrap();
    let changed = checkpoint.with_file_name("changed.safetensors");
    file.save(&changed).unwrap();
    changed
}

#[test]
fn the_time_of_every_attempt_that_contributed_is_counted_and_of_no_other_job() {
    let rig = Rig::new();
    for plan in PLANS {
        let (mut job, file) = half_done(&rig, plan);
        job.resume = Some(with_note(&file, "record", |record| {
            assert!(record["seconds"].as_f64().unwrap() > 0.0, "{record}");
            record["seconds"] = SPENT.into();
        }));
        let resumed = rig.run(plan, vec![job.clone()]);
        assert_eq!(resumed.started(1), 10);
        assert!(resumed.summary(1).device_seconds > SPENT);
        // Another job's time does not count, nor that of work which was thrown away.
        let next = rig.run(plan, vec![continued(job.clone(), &resumed, 30)]);
        let seconds = next.summary(1).device_seconds;
        assert!(seconds > 0.0 && seconds < SPENT, "{seconds}");
        let over = rig.run_with(&rig.stage(plan, vec![job]), &Recorder::default(), 2, None);
        assert!(over.started(1) == 0 && over.summary(1).device_seconds < SPENT);
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
        for (index, at) in [11, 33].into_iter().enumerate() {
            let cut = rig.run_with(&rig.stage(plan, jobs.clone()), &Recorder::yield_at(at), 1, Some(11));
            jobs[index].resume = Some(cut.checkpoint(index as u64 + 1).1);
        }
        let second = rig.run(plan, jobs);
        assert!(second.started(1) < second.started(2));
        assert_eq!(whole.digests(1), second.digests(1), "{plan:?}");
        assert_eq!(whole.digests(2), second.digests(2), "{plan:?}");
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

/// A job, and its checkpoint in the middle.
fn half_done(rig: &Rig, plan: Plan) -> (StageJob, PathBuf) {
    let job = job(1, recipe(SGD), 20);
    let cut = rig.run_with(&rig.stage(plan, vec![job.clone()]), &Recorder::yield_at(10), 1, Some(10));
    let (iteration, file) = cut.checkpoint(1);
    assert_eq!(iteration, 10);
    (job, file)
}

/// Such a checkpoint costs the time but not the job.
#[track_caller]
fn assert_starts_over(rig: &Rig, stage: &Stage, threads: u32) {
    let again = rig.run_with(stage, &Recorder::default(), threads, None);
    assert_eq!(again.started(stage.jobs[0].job.0), 0);
    let mut fresh = stage.clone();
    fresh.jobs[0].resume = None;
    let whole = rig.run_with(&fresh, &Recorder::default(), threads, None);
    assert_eq!(whole.digests(stage.jobs[0].job.0), again.digests(stage.jobs[0].job.0));
}

#[test]
fn a_checkpoint_that_cannot_be_read_costs_the_time_but_not_the_job() {
    let rig = Rig::new();
    let (mut job, file) = half_done(&rig, Plan::CpuLanes);
    let bytes = fs::read(&file).unwrap();
    for damaged in [&b"half a checkpo"[..], &bytes[..bytes.len() / 2], &[]] {
        let half = rig.stage_folder().join("half");
        fs::write(&half, damaged).unwrap();
        job.resume = Some(half);
        assert_starts_over(&rig, &rig.stage(Plan::CpuLanes, vec![job.clone()]), 1);
    }
    job.resume = Some("/nowhere/checkpoint".into());
    assert_starts_over(&rig, &rig.stage(Plan::CpuLanes, vec![job]), 1);
}

/// Numbers of jobs begin at 1 in every state folder, so that they do not tell whose a checkpoint is.
#[test]
fn a_checkpoint_of_another_job_of_the_same_number_is_not_gone_on_from() {
    let rig = Rig::new();
    let (mut job, file) = half_done(&rig, Plan::CpuLanes);
    edit_recipe(&mut job, |recipe| recipe.train.lr *= 2.0);
    job.resume = Some(file);
    assert_starts_over(&rig, &rig.stage(Plan::CpuLanes, vec![job]), 1);
}

/// Its bits could never be computed again.
#[test]
fn a_job_is_not_begun_in_one_way_and_ended_in_another() {
    let rig = Rig::new();
    let (mut job, file) = half_done(&rig, Plan::CpuLanes);
    job.resume = Some(with_note(&file, "origin", |origin| {
        let device = origin["provenance"]["device"].as_str().unwrap();
        assert!(device.starts_with("cpu ") && device.len() > 4, "{device}");
        origin["provenance"]["device"] = "cpu Another Processor".into();
    }));
    assert_starts_over(&rig, &rig.stage(Plan::CpuLanes, vec![job.clone()]), 1);
    job.resume = Some(file);
    assert_starts_over(&rig, &rig.stage(Plan::CpuLanes, vec![job.clone()]), 2);
    assert_starts_over(&rig, &rig.stage(Plan::Fused, vec![job]), 1);

    // An earlier build, which did not note how it adds up.
    let (mut job, file) = half_done(&rig, Plan::CpuLanes);
    job.resume = Some(with_note(&file, "origin", |origin| {
        origin.as_object_mut().unwrap().remove("arithmetic").unwrap();
    }));
    assert_starts_over(&rig, &rig.stage(Plan::CpuLanes, vec![job]), 1);

    let (mut job, file) = half_done(&rig, Plan::Fused);
    job.resume = Some(file);
    let wider = Stage { width: 2, ..rig.stage(Plan::Fused, vec![job]) };
    assert_starts_over(&rig, &wider, 1);
}

#[test]
fn the_checkpoint_of_a_newer_tombola_is_neither_misread_nor_thrown_away() {
    let rig = Rig::new();
    let (mut job, file) = half_done(&rig, Plan::CpuLanes);
    let mut newer = fs::read(&file).unwrap();
    let place = newer.windows(20).position(|part| part == b"\"tombola.format\":\"1\"").unwrap();
    newer[place + 18] = b'2';
    fs::write(&file, &newer).unwrap();
    job.resume = Some(file.clone());
    let refused = rig.run(Plan::CpuLanes, vec![job]);
    let failure = refused.failure(1).expect("a failure");
    assert_eq!(failure.class, FailureClass::Infrastructure);
    assert!(
        failure.message.contains("written by a newer Tombola (format 2; this build reads 1); hint: upgrade"),
        "{failure:?}"
    );
    assert_eq!(fs::read(&file).unwrap(), newer);
}

/// The next file of this name is written to a device that is always full.
fn fill_the_disk_for(path: &Path) {
    let name = format!("{}.{}.tmp", path.file_name().unwrap().to_str().unwrap(), std::process::id());
    std::os::unix::fs::symlink("/dev/full", path.with_file_name(name)).unwrap();
}

#[track_caller]
fn assert_full_disk(outcomes: &Outcomes) {
    let failure = outcomes.failure(1).expect("a failure");
    assert_eq!(failure.class, FailureClass::Infrastructure);
    assert!(failure.message.starts_with("disk full: cannot write `"), "{failure:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_at_a_checkpoint_costs_that_checkpoint_and_leaves_the_one_before_whole() {
    let rig = Rig::new();
    let mut job = job(1, recipe(ADAM), 40);
    let whole = rig.run(Plan::CpuLanes, vec![job.clone()]);
    let on_event = |event: &Event| {
        if let Event::Checkpoint { file, iteration: 20, .. } = event {
            fill_the_disk_for(file);
        }
    };
    let link = Recorder { on_event: Some(Box::new(on_event)), ..Recorder::default() };
    let filled = rig.run_with(&rig.stage(Plan::CpuLanes, vec![job.clone()]), &link, 1, Some(10));
    assert_eq!(whole.digests(1), filled.digests(1), "training went on");
    let (iteration, file) = filled.checkpoint(1);
    assert_eq!(iteration, 20, "that of 30 was not written");
    job.resume = Some(file);
    let second = rig.run(Plan::CpuLanes, vec![job]);
    assert_eq!(second.started(1), 20);
    assert_eq!(whole.digests(1), second.digests(1));
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_at_an_output_fails_the_job_and_leaves_no_half_file() {
    let rig = Rig::new();
    let stage = rig.stage(Plan::CpuLanes, vec![job(1, recipe(SGD), 5)]);
    let weights = stage.folder.join("j1.weights.safetensors");
    fill_the_disk_for(&weights);
    assert_full_disk(&rig.run_with(&stage, &Recorder::default(), 1, None));
    let left: Vec<_> = fs::read_dir(&stage.folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["j1.initial.safetensors"]);
    // Once there is space, another try does it.
    assert!(rig.run_with(&stage, &Recorder::default(), 1, None).has_finished(1));
}
