//! Files of people's own: what fits is taken as it is, what does not is refused by name.

use crate::rig::{ADAM, Outcomes, Rig, recipe};
use std::path::Path;
use tombola_engine::{
    checkpoint::{FileKind, TensorFile, Values},
    mask::Mask,
};
use tombola_spec::{
    Attempt, Digest, JobId,
    arch::Parameter,
    job::{ImportJob, JobSpec, Output},
    outcome::{Artifact, FailureClass, Summary},
    slot::{Event, StageJob},
    worker::Plan,
};

fn import(rig: &Rig, file: &Path, holds: Output, density: Option<f64>) -> Outcomes {
    let artifact = Artifact { digest: Digest::of(b"given"), bytes: 5 };
    let spec = ImportJob { network: recipe(ADAM).network(), file: artifact, holds, density };
    let inputs = [(spec.input().to_string(), file.to_owned())].into();
    let spec = JobSpec::Import(spec);
    rig.run(Plan::CpuLanes, vec![StageJob { job: JobId(1), attempt: Attempt(1), spec, inputs, resume: None }])
}

/// A file with these values for each tensor of the network, changed by `change`.
fn given(
    rig: &Rig,
    tensors: Vec<Parameter>,
    value: impl Fn(usize) -> Values,
    change: impl FnOnce(&mut TensorFile),
) -> std::path::PathBuf {
    let mut file = TensorFile::new(FileKind::Weights, "somebody's");
    for tensor in tensors {
        let shape: Vec<usize> = tensor.shape.iter().map(|&n| n as usize).collect();
        file.put(&tensor.name, &shape, value(tensor.len())).unwrap();
    }
    change(&mut file);
    let path = rig.stage_folder().join("given.safetensors");
    file.save(&path).unwrap();
    path
}

fn ramp(len: usize) -> Values {
    (0..len).map(|n| n as f64 / 7.0).collect::<Vec<f64>>().into()
}

/// Every fourth weight lives.
fn fourth(len: usize) -> Values {
    (0..len).map(|n| f32::from(u8::from(n % 4 == 0))).collect::<Vec<f32>>().into()
}

#[test]
fn weights_and_scores_are_taken_as_they_are() {
    let rig = Rig::new();
    let network = recipe(ADAM).architecture().unwrap();
    for (tensors, holds) in [(network.tensors(), Output::Weights), (network.weights(), Output::Scores)] {
        // PyTorch counts batches, which nothing here reads.
        let file = given(&rig, tensors.clone(), ramp, |file| {
            file.put("bn.num_batches_tracked", &[1], vec![3i64]).unwrap();
        });
        let taken = import(&rig, &file, holds, None);
        let read = taken.tensors(1, holds);
        assert_eq!(read.len(), tensors.len());
        for tensor in &tensors {
            let expected: Vec<f64> = (0..tensor.len()).map(|n| n as f64 / 7.0).collect();
            assert_eq!(read[&tensor.name], expected, "{}", tensor.name);
        }
    }
}

#[test]
fn a_mask_is_counted_whatever_numbers_it_is_written_in() {
    let rig = Rig::new();
    let network = recipe(ADAM).architecture().unwrap();
    let as_bytes =
        |len: usize| -> Values { (0..len).map(|n| u8::from(n % 4 == 0)).collect::<Vec<u8>>().into() };
    let files =
        [given(&rig, network.weights(), fourth, |_| {}), given(&rig, network.weights(), as_bytes, |_| {})];
    for file in files {
        let taken = import(&rig, &file, Output::Mask, Some(0.25));
        let mask = Mask::load(&network, &taken.outputs(1)[&Output::Mask].file).unwrap();
        let living = mask.layers.iter().map(|layer| layer.living()).sum::<u64>();
        assert_eq!(living * 4, network.weight_count());
        let counted = taken.0.iter().any(|event| {
            matches!(event, Event::Finished { summary: Summary::Mask(mask), .. } if mask.layers.len() == 3)
        });
        assert!(counted, "{:?}", taken.0);
    }
}

#[track_caller]
fn refused(rig: &Rig, file: &Path, holds: Output, density: Option<f64>, words: &[&str]) {
    let outcomes = import(rig, file, holds, density);
    let failure = outcomes.failure(1).unwrap_or_else(|| panic!("{words:?}: it was taken"));
    assert_eq!(failure.class, FailureClass::User, "{failure:?}");
    for word in words {
        assert!(failure.message.contains(word), "{word}: {}", failure.message);
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let rig = Rig::new();
    let network = recipe(ADAM).architecture().unwrap();
    let (all, weights) = (|| network.tensors(), || network.weights());
    let first = network.weights()[0].name.clone();
    let missing = given(&rig, all().split_off(1), ramp, |_| {});
    refused(&rig, &missing, Output::Weights, None, &["has no tensor", &first, "PyTorch's"]);
    let more = given(&rig, all(), ramp, |file| file.put("head.weight", &[1], vec![1.0f32]).unwrap());
    refused(&rig, &more, Output::Weights, None, &["`head.weight`", "no use for"]);
    let flat = given(&rig, all(), ramp, |file| file.put(&first, &[1], vec![1.0f32]).unwrap());
    refused(&rig, &flat, Output::Weights, None, &[&first, "of shape [1], not [16, 64]"]);
    let bytes = given(&rig, weights(), |len| vec![1u8; len].into(), |_| {});
    refused(&rig, &bytes, Output::Scores, None, &["of type U8", "write floats"]);
    let nan = given(&rig, weights(), |len| vec![f32::NAN; len].into(), |_| {});
    refused(&rig, &nan, Output::Scores, None, &["NaN or infinity in `", &first]);
    let scores = given(&rig, weights(), ramp, |_| {});
    refused(&rig, &scores, Output::Mask, None, &["more than 0 and 1", "a file of scores?"]);
    let mask = given(&rig, weights(), fourth, |_| {});
    refused(&rig, &mask, Output::Mask, Some(0.5), &["leaves 0.2500", "says 0.5000", "`density = 0.2500`"]);
    let text = rig.stage_folder().join("given.safetensors");
    std::fs::write(&text, "not tensors").unwrap();
    refused(&rig, &text, Output::Mask, None, &["is not a safetensors file"]);
}
