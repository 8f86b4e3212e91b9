//! Good things to begin with.

use std::{fs, path::Path};
use tombola_spec::{
    Digest,
    data::known,
    job::Output,
    outcome::{Artifact, LayerCount, MaskSummary, Outcome, Provenance, Summary},
    version,
    worker::{DataInfo, DeviceKind, SlotInfo, WorkerInfo},
};

/// The files of a folder of this repository that end like this; none where the repository is not at hand.
pub(crate) fn repository(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(folder);
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = files.filter(|path| path.extension().is_some_and(|ending| ending == extension));
    named.filter_map(|path| fs::read(path).ok()).collect()
}

/// A worker with one CPU slot that holds MNIST.
pub(crate) fn info(name: &str) -> WorkerInfo {
    let components = version::components().into_iter().map(|(name, version)| (name.to_owned(), version));
    let shape = known("mnist").expect("a set of the registry");
    WorkerInfo {
        name: name.to_owned(),
        host: "host".to_owned(),
        version: "0.1.0".to_owned(),
        components: components.collect(),
        slots: vec![SlotInfo {
            device: DeviceKind::Cpu,
            index: 0,
            name: String::new(),
            memory: 0,
            lanes: 2,
            widths: Vec::new(),
        }],
        data: vec![DataInfo { set: "mnist".to_owned(), digest: Digest::of(b"mnist"), shape }],
        data_folder: "/data".to_owned(),
        patience_s: 0,
    }
}

pub(crate) fn artifact(text: &str) -> Artifact {
    Artifact { digest: Digest::of(text.as_bytes()), bytes: text.len() as u64 }
}

/// What came of a pruning.
pub(crate) fn outcome() -> Outcome {
    let layer = LayerCount { name: "fc.weight".to_owned(), living: 80, total: 100, prunable: true };
    Outcome {
        outputs: [(Output::Mask, artifact("mask"))].into(),
        summary: Summary::Mask(MaskSummary { layers: vec![layer], ..MaskSummary::default() }),
        provenance: Provenance {
            plan: "cpu-lanes".to_owned(),
            device: "cpu".to_owned(),
            threads: 1,
            width: 1,
            libtorch: "2.11.0".to_owned(),
            capability: "AVX2".to_owned(),
            worker: "0.1.0".to_owned(),
            data: None,
        },
    }
}
