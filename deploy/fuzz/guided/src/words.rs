//! Words and messages of the vocabulary: what is read is printed as it was read, and printed again it is the same.

use super::{Target, examples, samples};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Display, str::FromStr};
use tombola_core::record::SweepState;
use tombola_spec::{
    Digest, Fingerprint, JobId, LeaseId, Steps, SweepId, WorkerId,
    arch::Architecture,
    job::{Input, JobSpec, Output},
    outcome::{FailureClass, Outcome, Split, Summary},
    slot::{Event, Request},
    worker::WorkerInfo,
};

pub(crate) const TARGET: Target = Target { name: "words", run, seeds, words: WORDS, longest: 2048 };

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "ep", "it", "mask", "weights", "train", "test", "validation", "mnist_lenet_", "cifar_resnet_",
    "cifar_vgg_", "imagenet_resnet_", "preresnet", "conv", "\"event\":", "\"request\":", "\"kind\":",
    "\"NaN\"", "\"-inf\"", "null", "1e999", "18446744073709551615", "[]", "{}", "{\"0\":", "j1", "l1", "w1",
    "s1", "\\u0000",
];

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "\x002ep5it",
        "\x01j12",
        "\x02l3",
        "\x03w4",
        "\x04s5",
        "\x05mnist_lenet_300_100",
        "\x05cifar_resnet_20",
        "\x05cifar_vgg_11",
        "\x05imagenet_resnet_18",
        "\x09{\"request\":\"yield\"}",
        "\x09{\"request\":\"cancel\",\"job\":1}",
        "\x0a{\"event\":\"stage_done\"}",
        "\x0a{\"event\":\"started\",\"job\":3,\"iteration\":0}",
        "\x0a{\"event\":\"metrics\",\"job\":1,\"series\":[{\"name\":\"loss\",\"split\":\"test\",\"iterations\":[1],\"values\":[\"NaN\"]}]}",
    ];
    let digest = Digest::of(b"x");
    let jobs = examples::jobs().into_iter().map(|(_, spec)| [b"\x08".as_slice(), &json(&spec)].concat());
    let named = [format!("\x06{digest}"), format!("\x07{digest}.mask")].map(String::into_bytes);
    let outcome = [b"\x0b".as_slice(), &json(&samples::outcome())].concat();
    let info = [b"\x0c".as_slice(), &json(&samples::info("worker"))].concat();
    texts
        .map(|text| text.as_bytes().to_vec())
        .into_iter()
        .chain(jobs)
        .chain(named)
        .chain([outcome, info])
        .collect()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("it has a JSON form")
}

fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match kind % 14 {
        0 => word::<Steps>(text),
        1 => word::<JobId>(text),
        2 => word::<LeaseId>(text),
        3 => word::<WorkerId>(text),
        4 => word::<SweepId>(text),
        5 => network(text),
        6 => word::<Digest>(text),
        7 => word::<Input>(text),
        8 => job(text),
        9 => line::<Request>(text),
        10 => line::<Event>(text),
        11 => line::<Outcome>(text),
        12 => line::<WorkerInfo>(text),
        _ => {
            drop((text.parse::<Output>(), text.parse::<Split>(), text.parse::<FailureClass>()));
            drop((serde_json::from_str::<SweepState>(text), serde_json::from_str::<Summary>(text)));
        }
    }
}

/// What is read is printed as something that is read as the same.
fn word<T: FromStr<Err: Display> + Display + PartialEq + std::fmt::Debug>(text: &str) {
    match text.parse::<T>() {
        Ok(read) => {
            let again = read.to_string().parse::<T>();
            assert!(again.is_ok_and(|again| again == read), "{read} of {text:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// What is read is written as something that is read and written as the same.
fn line<T: DeserializeOwned + Serialize>(text: &str) {
    let Ok(read) = serde_json::from_str::<T>(text) else { return };
    let line = serde_json::to_string(&read).expect("a message has a JSON form");
    assert!(!line.contains('\n'), "a message is one line: {line}");
    let again: T = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!(serde_json::to_string(&again).expect("as before"), line);
}

/// A job that came over the wire has one fingerprint, and can be asked what it reads and makes.
fn job(text: &str) {
    line::<JobSpec>(text);
    let Ok(spec) = serde_json::from_str::<JobSpec>(text) else { return };
    let sent = serde_json::to_string(&spec).expect("a job has a JSON form");
    let read: JobSpec = serde_json::from_str(&sent).expect("it was written a moment ago");
    assert_eq!(Fingerprint::of(&read), Fingerprint::of(&spec));
    drop((spec.inputs(), spec.outputs(), spec.iterations(), spec.given()));
    assert!(!tombola_core::describe::describe(&spec).is_empty());
}

/// A name is a network whose tensors can be counted, or words.
fn network(text: &str) {
    for (image, classes) in [([1, 28, 28], 10), ([3, 32, 32], 100), ([3, 224, 224], 1000)] {
        match Architecture::parse(text, image, classes) {
            Ok(network) => {
                assert!(!network.parameters().is_empty(), "{text}");
                assert!(network.weights().iter().all(|weight| !weight.is_empty()), "{text}");
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
