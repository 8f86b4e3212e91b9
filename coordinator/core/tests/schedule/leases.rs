//! Who gets what: order, chains, packs, prefetch.

use crate::rig::{Rig, tiny};
use tombola_core::{
    record::{CheckpointRow, JobState},
    schedule::{Fact, Message},
};
use tombola_spec::{
    Digest, JobId,
    job::JobSpec,
    outcome::Artifact,
    settings::Dtype,
    worker::{BestWidth, DeviceKind},
};

#[test]
fn a_sweep_runs_to_its_end_on_one_worker() {
    let mut rig = Rig::new();
    rig.worker("ada");
    let sweep = rig.submit(&tiny("a", "1", 3, "branch.reinit = { rounds = [1, 3] }"));
    let done = rig.run();
    // Dense training, three prunings with their training, two controls that share the masks.
    assert_eq!(done.len(), 1 + 3 * 2 + 2);
    assert!(
        rig.jobs(sweep)
            .iter()
            .all(|job| rig.state(*job) == JobState::Done && rig.store.times_done(*job) == 1)
    );
    assert!(rig.progress(sweep).finished);
}

#[test]
fn a_lease_carries_training_pruning_and_the_next_training() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 4, ""));
    rig.worker("ada");
    let leases = rig.agents["ada"].leases();
    let kinds: Vec<_> = leases[0].iter().map(|stage| rig.spec(stage[0]).kind()).collect();
    assert_eq!(kinds, ["train", "prune", "train"]);
    rig.run();
    assert_eq!(rig.count(JobState::Done), 9);
    // Nine jobs in leases of up to two trainings.
    assert_eq!(rig.store.packs.len(), 3);
}

/// A worker is killed once a job of its has a checkpoint at iteration 40, and is back at once.
fn kill_at_a_checkpoint(rig: &mut Rig, name: &str, job: JobId) -> CheckpointRow {
    let artifact = Artifact { digest: Digest::of(b"c"), bytes: 9 };
    let checkpoint = CheckpointRow { iteration: 40, artifact };
    let told = rig.agents.get_mut(name).unwrap().tell(job, Fact::Checkpoint(checkpoint));
    rig.event(told);
    rig.kill(name);
    rig.connect(name);
    checkpoint
}

#[test]
fn a_job_with_a_checkpoint_leads_a_chain_of_its_own() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 3, ""));
    rig.worker("ada");
    for _ in 0..2 {
        rig.begin("ada");
        rig.finish("ada");
    }
    let job = rig.runs("ada")[0];
    let checkpoint = kill_at_a_checkpoint(&mut rig, "ada", job);
    let Some((_, Message::Lease(lease))) = rig.sent.last() else { panic!("{:?}", rig.sent.last()) };
    let stages = lease.pack.stages.iter().map(|stage| (rig.spec(stage[0].0).kind(), stage[0].0));
    let stages: Vec<_> = stages.map(|(kind, job)| (kind, lease.jobs[&job].resume)).collect();
    assert_eq!(stages, [("train", Some(checkpoint)), ("prune", None), ("train", None)]);
    assert_eq!(rig.run().len(), 5);
}

#[test]
fn a_job_with_a_checkpoint_is_not_packed_with_one_that_starts_over() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "[1, 2]", 1, ""));
    rig.worker_with("gpu", DeviceKind::Cuda, &[4], &["mnist"]);
    let jobs = rig.runs("gpu");
    assert_eq!(jobs.len(), 2);
    kill_at_a_checkpoint(&mut rig, "gpu", jobs[0]);
    assert!(rig.agents["gpu"].leases().iter().all(|lease| lease[0].len() == 1));
    assert_eq!(rig.run().len(), 6);
}

#[test]
fn the_longest_line_goes_first() {
    let mut rig = Rig::new();
    rig.submit(&tiny("short", "1", 1, ""));
    rig.submit(&tiny("long", "2", 5, ""));
    rig.worker("ada");
    let JobSpec::Train(first) = rig.spec(rig.agents["ada"].leases()[0][0][0]) else { panic!("a training") };
    assert_eq!(first.order.seed, 2);
}

#[test]
fn a_busy_slot_has_one_lease_in_reserve_and_not_more() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=5\"", 1, ""));
    rig.worker("ada");
    assert_eq!(rig.agents["ada"].leases().len(), 2);
    rig.begin("ada");
    assert_eq!(rig.agents["ada"].leases().len(), 2);
}

#[test]
fn idle_slots_are_served_before_reserves() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.worker("bob");
    rig.submit(&tiny("a", "[1, 2]", 1, ""));
    assert_eq!(rig.agents["ada"].leases().len(), 1);
    assert_eq!(rig.agents["bob"].leases().len(), 1);
}

#[test]
fn an_idle_worker_takes_over_anothers_reserve() {
    let mut rig = Rig::new();
    rig.worker("ada");
    rig.submit(&tiny("a", "[1, 2]", 1, ""));
    rig.begin("ada");
    assert_eq!(rig.agents["ada"].leases().len(), 2);
    rig.worker("bob");
    assert_eq!(rig.agents["ada"].leases().len(), 1);
    assert_eq!(rig.agents["bob"].leases().len(), 1);
    rig.run();
    // A recalled lease is not a try.
    assert!(rig.store.jobs.values().all(|job| job.tries == 0 && job.state == JobState::Done));
}

#[test]
fn equal_jobs_of_many_seeds_share_a_pack_on_a_gpu() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=6\"", 2, ""));
    rig.worker_with("gpu", DeviceKind::Cuda, &[32], &["mnist"]);
    let leases = rig.agents["gpu"].leases();
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 6]);
    // Six lanes are padded to a width from the fixed set.
    assert_eq!(rig.agents["gpu"].widths(), [8]);
    rig.run();
    assert_eq!(rig.count(JobState::Done), 6 * 5);
    assert_eq!(rig.store.packs.len(), 2);
}

#[test]
fn lanes_of_a_pack_stay_together_after_pruning() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=4\"", 3, "branch.reinit = { rounds = [1] }"));
    rig.worker_with("gpu", DeviceKind::Cuda, &[4], &["mnist"]);
    rig.run();
    let widths: Vec<_> = rig.store.packs.values().map(|pack| (pack.width, pack.stages[0].len())).collect();
    assert!(widths.iter().all(|(width, lanes)| (*width, *lanes) == (4, 4)), "{widths:?}");
}

/// Of other sweeps, seeds, rates of pruning, learning rates and masks: a pack asks for the same network, data and batch.
#[test]
fn jobs_of_different_sweeps_ride_in_one_pack() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=3\"", 2, ""));
    rig.submit(
        &tiny("b", "\"4..=5\"", 2, "").replace("rate = 0.2", "rate = 0.5").replace("lr = 0.1", "lr = 0.3"),
    );
    rig.worker_with("gpu", DeviceKind::Cuda, &[32], &["mnist"]);
    rig.run();
    assert_eq!(rig.count(JobState::Done), 5 * 5);
    let stages = rig.store.packs.values().flat_map(|pack| &pack.stages);
    let lanes: Vec<_> = stages.map(|stage| (rig.spec(stage[0].0).kind(), stage.len())).collect();
    assert_eq!(lanes, [("train", 5), ("prune", 5), ("train", 5), ("prune", 5), ("train", 5)]);
}

#[test]
fn two_gpus_divide_what_is_ready() {
    let mut rig = Rig::new();
    rig.worker_with("a", DeviceKind::Cuda, &[32], &["mnist"]);
    rig.worker_with("b", DeviceKind::Cuda, &[32], &["mnist"]);
    rig.submit(&tiny("s", "\"1..=8\"", 1, ""));
    assert_eq!(rig.agents["a"].leases()[0][0].len(), 4);
    assert_eq!(rig.agents["b"].leases()[0][0].len(), 4);
}

#[test]
fn jobs_that_cannot_be_packed_are_not() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=2\"", 1, ""));
    rig.submit(&tiny("b", "\"3..=4\"", 1, "").replace("batch = 60", "batch = 50"));
    rig.worker_with("gpu", DeviceKind::Cuda, &[32], &["mnist"]);
    assert!(rig.store.packs.values().all(|pack| pack.stages[0].len() == 2));
}

#[test]
fn lanes_differ_in_learning_rate_and_in_no_other_constant() {
    let lanes = |axis: &str| {
        let mut rig = Rig::new();
        rig.submit(
            &tiny("a", "1", 1, &format!("[axes]\n{axis}\n")).replace("lr = 0.1", "momentum = 0.9, lr = 0.1"),
        );
        rig.worker_with("gpu", DeviceKind::Cuda, &[32], &["mnist"]);
        rig.agents["gpu"].leases()[0][0].len()
    };
    assert_eq!(lanes("\"train.lr\" = [0.1, 0.2, 0.3]"), 3);
    assert_eq!(lanes("\"train.momentum\" = [0.0, 0.5, 0.9]"), 1);
    assert_eq!(lanes("\"train.dtype\" = [\"f32\", \"f64\", \"bf16\"]"), 1);
    assert_eq!(lanes("\"train.decay\" = [0.0, 1e-4, 1e-3]"), 1);
}

/// Of networks that were not measured, and of other number formats, it takes what its slot says.
#[test]
fn a_gpu_takes_as_many_lanes_of_a_network_as_were_measured_to_be_best() {
    let widths = |dtype: &str, measured: &[(u32, u32)]| {
        let mut rig = Rig::new();
        let sweep =
            tiny("a", "\"1..=40\"", 1, "").replace("lr = 0.1", &format!("dtype = \"{dtype}\", lr = 0.1"));
        rig.submit(&sweep);
        let (network, image, dtype) = ("mnist_lenet_4".to_owned(), [1, 28, 28], Dtype::Bf16);
        let best =
            |&(batch, lanes): &(u32, u32)| BestWidth { network: network.clone(), image, dtype, batch, lanes };
        let measured: Vec<_> = measured.iter().map(best).collect();
        rig.measured_worker("gpu", DeviceKind::Cuda, &[4], &["mnist"], &measured);
        rig.agents["gpu"].widths()
    };
    let measured = [(50, 8), (60, 16), (70, 2)];
    assert_eq!(widths("bf16", &measured), [16, 16]);
    assert_eq!(widths("f32", &measured), [4, 4]);
    // Of other batches the narrowest: it fits.
    assert_eq!(widths("bf16", &[(50, 8), (70, 2)]), [2, 2]);
}

#[test]
fn a_cpu_slot_uses_every_core_it_has() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "\"1..=20\"", 1, ""));
    rig.worker_with("ada", DeviceKind::Cpu, &[12], &["mnist"]);
    assert_eq!(rig.agents["ada"].leases()[0][0].len(), 12);
    assert_eq!(rig.agents["ada"].widths(), [12, 8]);
}

#[test]
fn a_worker_without_the_data_set_gets_no_training() {
    let mut rig = Rig::new();
    rig.submit(&tiny("a", "1", 1, ""));
    rig.worker_with("poor", DeviceKind::Cpu, &[1], &["kmnist"]);
    assert!(rig.agents["poor"].leases().is_empty());
    rig.worker("ada");
    assert_eq!(rig.agents["ada"].leases().len(), 1);
}
