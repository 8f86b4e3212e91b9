//! The fused plan is the oracle of the lanes: same numbers, and lanes that never touch each other.

use crate::rig::{
    ADAM, NESTEROV, PLAIN, Recorder, Rig, SGD, distance, edit, edit_recipe, job, recipe, with_mask,
};
use tombola_engine::{
    calibration::{Calibration, Entry},
    device::{Device, LIBTORCH},
};
use tombola_spec::{
    Steps,
    job::{JobSpec, Output},
    outcome::{FailureClass, Split},
    settings::{Dtype, Optimizer},
    slot::{Stage, StageJob},
    worker::{DeviceKind, Plan},
};

/// Three unlike lanes: their own initialization, order, mask (one dense), learning rate and schedule.
fn unlike_lanes(rig: &Rig, optimizer: Optimizer, dtype: Dtype) -> Vec<StageJob> {
    let mut jobs: Vec<StageJob> = (1..=3).map(|number| job(number, recipe(optimizer), 60)).collect();
    for (index, job) in jobs.iter_mut().enumerate() {
        edit_recipe(job, |recipe| {
            recipe.dtype = dtype;
            recipe.train.lr *= 1.0 + index as f64;
            recipe.train.milestones = vec![Steps::its(20 + 7 * index as u32)];
        });
    }
    jobs[1] = with_mask(jobs[1].clone(), &rig.mask(0.5, 1));
    jobs[2] = with_mask(jobs[2].clone(), &rig.mask(0.1, 2));
    jobs
}

#[test]
fn fused_lanes_equal_plain_lanes_in_f64() {
    let rig = Rig::new();
    let adamw = Optimizer::AdamW { beta1: 0.9, beta2: 0.999, eps: 1e-8 };
    // A small epsilon would make a whole step of the rounding in a gradient near zero.
    let rmsprop = |momentum| Optimizer::RmsProp { alpha: 0.99, eps: 1e-3, momentum };
    let all = [PLAIN, SGD, NESTEROV, ADAM, adamw, rmsprop(0.0), rmsprop(0.9)].map(|rule| (rule, None));
    for (optimizer, clip) in all.into_iter().chain([(SGD, Some(0.3)), (adamw, Some(0.3))]) {
        let mut jobs = unlike_lanes(&rig, optimizer, Dtype::F64);
        for job in &mut jobs {
            edit_recipe(job, |recipe| recipe.train.clip = clip);
        }
        let (plain, fused) = (rig.run(Plan::CpuLanes, jobs.clone()), rig.run(Plan::Fused, jobs));
        for lane in 1..=3 {
            for output in [Output::Initial, Output::Weights, Output::State] {
                let apart = distance(&plain.tensors(lane, output), &fused.tensors(lane, output));
                assert!(apart <= 1e-12, "{optimizer:?} lane {lane} {output}: {apart:e}");
            }
            for split in [Split::Train, Split::Validation, Split::Test] {
                let (a, b) = (plain.points(lane, "loss", split), fused.points(lane, "loss", split));
                assert!(a.iter().all(|(iteration, loss)| (loss - b[iteration]).abs() < 1e-11), "{a:?} {b:?}");
            }
        }
        assert_eq!(fused.provenance(1).plan, "fused");
        assert_eq!((plain.provenance(1).plan.as_str(), plain.provenance(1).width), ("cpu-lanes", 3));
    }
}

/// The lanes of a convolution are groups of its channels.
#[test]
fn fused_convolutions_equal_plain_ones_in_f64() {
    let rig = Rig::new();
    let jobs: Vec<StageJob> = (1..=2).map(|number| conv_4(number, Dtype::F64)).collect();
    let (plain, fused) = (rig.run(Plan::CpuLanes, jobs.clone()), rig.run(Plan::Fused, jobs));
    for lane in 1..=2 {
        let apart = distance(&plain.tensors(lane, Output::Weights), &fused.tensors(lane, Output::Weights));
        assert!(apart <= 1e-12, "lane {lane}: {apart:e}");
        let moved = distance(&plain.tensors(lane, Output::Weights), &plain.tensors(lane, Output::Initial));
        assert!(moved > 1e-4, "{moved:e}");
    }
}

fn conv_4(number: u64, dtype: Dtype) -> StageJob {
    let mut job = job(number, recipe(SGD), 6);
    edit_recipe(&mut job, |recipe| {
        (recipe.model.name, recipe.dtype) = ("conv_4".to_owned(), dtype);
        recipe.train.eval_every = Steps::its(6);
    });
    job
}

/// As if it had been measured which way each convolution of `conv_4` is faster.
fn calibrated(job: &StageJob, ways: &str) -> Calibration {
    let JobSpec::Train(spec) = &job.spec else { panic!("it trains") };
    let mut calibration = Calibration::default();
    calibration.put(Entry {
        device: Device::open(DeviceKind::Cpu, 0).unwrap().model(),
        libtorch: LIBTORCH.to_owned(),
        date: "2026-11-29".to_owned(),
        plan: Plan::Fused,
        network: spec.recipe.model.name.clone(),
        image: spec.recipe.data.shape.image,
        batch: spec.recipe.train.batch,
        dtype: spec.recipe.dtype,
        lanes: 2,
        threads: 1,
        ways: ways.to_owned(),
        rates: Vec::new(),
        convolutions: Vec::new(),
    });
    calibration
}

/// Convolutions that were measured to be faster apart go apart, and the result says which.
#[test]
fn measured_ways_of_convolutions_change_nothing_but_the_provenance_in_f64() {
    let rig = Rig::new();
    let jobs: Vec<StageJob> = (1..=2).map(|number| conv_4(number, Dtype::F64)).collect();
    let calibration = calibrated(&jobs[0], "gaag");
    let plain = rig.run(Plan::Fused, jobs.clone());
    let stage = rig.stage(Plan::Fused, jobs.clone());
    let measured = rig.run_calibrated(&calibration, &stage, &Recorder::default());
    for lane in 1..=2 {
        let apart = distance(&plain.tensors(lane, Output::Weights), &measured.tensors(lane, Output::Weights));
        assert!(apart <= 1e-12, "lane {lane}: {apart:e}");
        assert_eq!(
            (&*plain.provenance(lane).plan, &*measured.provenance(lane).plan),
            ("fused", "fused-gaag")
        );
    }
    // Another number format was not measured, and lanes on threads have no choice.
    let other = rig.stage(Plan::Fused, vec![conv_4(1, Dtype::F32)]);
    assert_eq!(rig.run_calibrated(&calibration, &other, &Recorder::default()).provenance(1).plan, "fused");
    let threads = rig.stage(Plan::CpuLanes, jobs);
    assert_eq!(
        rig.run_calibrated(&calibration, &threads, &Recorder::default()).provenance(1).plan,
        "cpu-lanes"
    );
}

/// Otherwise its provenance would be untrue.
#[test]
fn what_was_computed_one_way_is_not_gone_on_with_another() {
    let rig = Rig::new();
    let mut job = conv_4(1, Dtype::F32);
    edit(&mut job, |spec| spec.to = Steps::its(40));
    let calibration = calibrated(&job, "agga");
    let run = |job: &StageJob, calibration: &Calibration, link: &Recorder| {
        rig.run_calibrated(calibration, &rig.stage(Plan::Fused, vec![job.clone()]), link)
    };
    let cut = run(&job, &calibration, &Recorder::yield_at(20));
    let (iteration, file) = cut.checkpoint(1);
    assert!(iteration > 0);
    job.resume = Some(file);
    assert_eq!(run(&job, &calibration, &Recorder::default()).started(1), iteration);
    assert_eq!(run(&job, &Calibration::default(), &Recorder::default()).started(1), 0);
}

#[test]
fn lanes_of_other_lengths_end_as_ghosts_and_move_nobody() {
    let rig = Rig::new();
    let jobs = unlike_lanes(&rig, ADAM, Dtype::F32);
    let mut shorter = jobs.clone();
    edit(&mut shorter[0], |spec| spec.to = Steps::its(25));
    let (even, uneven) = (rig.run(Plan::Fused, jobs), rig.run(Plan::Fused, shorter));
    assert_eq!(uneven.summary(1).iterations, 25);
    assert_eq!(even.digests(2), uneven.digests(2));
    assert_eq!(even.digests(3), uneven.digests(3));
}

#[test]
fn a_lane_that_becomes_nan_fails_alone() {
    let rig = Rig::new();
    let jobs = unlike_lanes(&rig, SGD, Dtype::F32);
    let mut wild = jobs.clone();
    edit_recipe(&mut wild[1], |recipe| recipe.train.lr = 1e30);
    let (calm, wild) = (rig.run(Plan::Fused, jobs), rig.run(Plan::Fused, wild));
    assert_eq!(wild.failure(2).expect("a failure").class, FailureClass::NotFinite);
    assert!(!wild.has_finished(2));
    for lane in [1, 3] {
        assert_eq!(calm.digests(lane), wild.digests(lane));
    }
}

#[test]
fn a_cancelled_lane_becomes_a_ghost() {
    let rig = Rig::new();
    let jobs = unlike_lanes(&rig, ADAM, Dtype::F32);
    let whole = rig.run(Plan::Fused, jobs.clone());
    let stage = rig.stage(Plan::Fused, jobs);
    let cut = rig.run_with(&stage, &Recorder::cancel_at(2, 20), 1, None);
    assert!(!cut.has_finished(2) && cut.failure(2).is_none());
    for lane in [1, 3] {
        assert_eq!(whole.digests(lane), cut.digests(lane));
    }
}

#[test]
fn a_short_pack_is_padded_with_ghosts() {
    let rig = Rig::new();
    let jobs = unlike_lanes(&rig, ADAM, Dtype::F64);
    let plain = rig.run(Plan::CpuLanes, jobs.clone());
    let stage = Stage { width: 8, ..rig.stage(Plan::Fused, jobs) };
    let padded = rig.run_with(&stage, &Recorder::default(), 1, None);
    assert_eq!(padded.provenance(3).width, 8);
    let apart = distance(&plain.tensors(3, Output::Weights), &padded.tensors(3, Output::Weights));
    assert!(apart <= 1e-12, "{apart:e}");
}

/// A lane's bits depend on the width of its pack alone: not on its neighbours, nor on whether it has any.
#[test]
fn a_lane_alone_among_ghosts_has_the_bits_it_has_among_neighbours() {
    let rig = Rig::new();
    for optimizer in [SGD, ADAM] {
        let jobs = unlike_lanes(&rig, optimizer, Dtype::F32);
        let pack = rig.run(Plan::Fused, jobs.clone());
        let alone = Stage { width: 3, ..rig.stage(Plan::Fused, vec![jobs[0].clone()]) };
        assert_eq!(rig.run_with(&alone, &Recorder::default(), 1, None).digests(1), pack.digests(1));
    }
}

/// Threads share nothing, so that not even the width matters.
#[test]
fn a_lane_on_a_thread_of_its_own_has_the_bits_it_has_alone() {
    let rig = Rig::new();
    for optimizer in [SGD, ADAM] {
        let jobs = unlike_lanes(&rig, optimizer, Dtype::F32);
        let pack = rig.run(Plan::CpuLanes, jobs.clone());
        for (number, job) in (1..).zip(jobs) {
            assert_eq!(rig.run(Plan::CpuLanes, vec![job]).digests(number), pack.digests(number));
        }
    }
}

#[test]
fn lanes_of_other_optimizers_are_trained_apart_in_one_stage() {
    let rig = Rig::new();
    let alone = [
        rig.run(Plan::Fused, vec![job(1, recipe(SGD), 30)]),
        rig.run(Plan::Fused, vec![job(2, recipe(ADAM), 30)]),
    ];
    let both = rig.run(Plan::Fused, vec![job(1, recipe(SGD), 30), job(2, recipe(ADAM), 30)]);
    assert_eq!(both.digests(1), alone[0].digests(1));
    assert_eq!(both.digests(2), alone[1].digests(2));
}
