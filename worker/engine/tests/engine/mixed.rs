//! Mixed precision: products in bfloat16, everything that is kept in 32-bit floats.

use crate::rig::{ADAM, Outcomes, PLANS, Recorder, Rig, distance, edit_recipe, job, recipe, with_mask};
use tombola_engine::checkpoint::{FileKind, TensorFile, Values};
use tombola_spec::{job::Output, outcome::Split, settings::Dtype, slot::StageJob, worker::Plan};

/// A perceptron, and convolutions with batch normalization.
const NETWORKS: [&str; 2] = ["mnist_lenet_16_8", "cifar_resnet_8_4"];

fn in_format(number: u64, dtype: Dtype, network: &str, to: u32) -> StageJob {
    let mut job = job(number, recipe(ADAM), to);
    edit_recipe(&mut job, |recipe| {
        (recipe.dtype, recipe.model.name) = (dtype, network.to_owned());
    });
    job
}

fn trained(rig: &Rig, plan: Plan, dtype: Dtype, network: &str) -> Outcomes {
    rig.run(plan, vec![in_format(1, dtype, network, 100), in_format(2, dtype, network, 100)])
}

fn last(outcomes: &Outcomes, name: &str) -> f64 {
    outcomes.points(1, name, Split::Test)[&100]
}

/// A number of bfloat16 is off by at most 2^-9 of itself. Each of up to eight layers rounds inputs, weights and outputs: 24
/// roundings make about five such, were they independent, and the loss before any step may be off by eight. Training evens
/// out what the steps make of it, as it does with other noise.
#[test]
fn a_network_learns_in_bf16_about_as_well_as_in_f32_and_not_in_the_same_way() {
    let rig = Rig::new();
    for (plan, network) in PLANS.into_iter().flat_map(|plan| NETWORKS.map(|network| (plan, network))) {
        let [single, mixed] = [Dtype::F32, Dtype::Bf16].map(|dtype| trained(&rig, plan, dtype, network));
        let at = |outcomes: &Outcomes| outcomes.points(1, "loss", Split::Test)[&0];
        let apart = (at(&single) / at(&mixed) - 1.0).abs();
        assert!(apart < 8.0 / 512.0 && apart > 1e-7, "{plan:?} {network}: {apart}");
        let (single_loss, mixed_loss) = (last(&single, "loss"), last(&mixed, "loss"));
        assert!((single_loss - mixed_loss).abs() < 0.1, "{plan:?} {network}: {single_loss} {mixed_loss}");
        assert!(last(&mixed, "accuracy") > 0.9, "{plan:?} {network}: {}", last(&mixed, "accuracy"));
        let weights = |outcomes: &Outcomes| outcomes.tensors(1, Output::Weights);
        assert!(distance(&weights(&single), &weights(&mixed)) > 1e-5, "{plan:?} {network}");
    }
}

/// No processor rounds to TF32.
#[test]
fn tf32_is_f32_on_a_cpu() {
    let rig = Rig::new();
    for plan in PLANS {
        let [single, loose] = [Dtype::F32, Dtype::Tf32].map(|dtype| trained(&rig, plan, dtype, NETWORKS[1]));
        assert_eq!(single.digests(1), loose.digests(1), "{plan:?}");
    }
}

/// The initial weights are those of f32, and what training leaves is more finely graded than bfloat16.
#[test]
fn what_is_kept_is_single_precision() {
    let rig = Rig::new();
    for plan in PLANS {
        let [single, mixed] = [Dtype::F32, Dtype::Bf16].map(|dtype| trained(&rig, plan, dtype, NETWORKS[1]));
        assert_eq!(single.digests(1)[&Output::Initial], mixed.digests(1)[&Output::Initial]);
        for (output, kind) in [(Output::Weights, FileKind::Weights), (Output::State, FileKind::State)] {
            let file = TensorFile::load(&mixed.outputs(1)[&output].file, kind).unwrap();
            for (name, ..) in file.tensors() {
                let Values::F32(values) = file.values(name).unwrap() else { panic!("{name}") };
                let fine = values.iter().any(|value| value.to_bits() & 0xffff != 0);
                assert!(fine, "{name}");
            }
        }
    }
}

#[test]
fn a_masked_run_in_bf16_that_yields_and_resumes_equals_an_uninterrupted_one() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut jobs = vec![
            in_format(1, Dtype::Bf16, NETWORKS[0], 70),
            with_mask(in_format(2, Dtype::Bf16, NETWORKS[0], 70), &rig.mask(0.4, 4)),
        ];
        let whole = rig.run(plan, jobs.clone());
        let first = rig.run_with(&rig.stage(plan, jobs.clone()), &Recorder::yield_at(27), 1, Some(9));
        assert!(!first.has_finished(1) && !first.has_finished(2));
        jobs.iter_mut().for_each(|job| job.resume = Some(first.checkpoint(job.job.0).1));
        let second = rig.run(plan, jobs);
        assert_eq!(second.started(1), first.checkpoint(1).0);
        for lane in [1, 2] {
            assert_eq!(whole.digests(lane), second.digests(lane), "{plan:?}");
        }
    }
}
