//! What goes over the wire comes back the same, and what cannot mean anything is refused by the name of its field.

use tombola_spec::{
    Digest,
    outcome::{Artifact, Failure, FailureClass, Series, Split},
    worker::WorkerInfo,
};
use tombola_wire::{DESCRIPTORS, from_json, v1};

#[test]
fn artifacts_come_back_the_same() {
    let artifact = Artifact { digest: Digest::of(b"mask"), bytes: u64::MAX };
    assert_eq!(Artifact::try_from(v1::ArtifactName::from(artifact)).unwrap(), artifact);
}

#[test]
fn series_come_back_the_same_even_what_is_not_a_number() {
    for split in [Split::Train, Split::Validation, Split::Test] {
        let (iterations, values) = (vec![0, 1, u64::MAX], vec![0.1, f64::INFINITY, -0.0]);
        let series = Series { name: "loss".to_owned(), split, iterations, values };
        assert_eq!(Series::try_from(v1::Series::from(series.clone())).unwrap(), series);
    }
    let diverged =
        Series { name: "loss".to_owned(), split: Split::Train, iterations: vec![7], values: vec![f64::NAN] };
    assert!(Series::try_from(v1::Series::from(diverged)).unwrap().values[0].is_nan());
}

#[test]
fn failures_of_every_class_come_back_the_same() {
    for class in FailureClass::ALL {
        let failure = Failure { class, message: "why\nand more".to_owned() };
        assert_eq!(Failure::try_from(v1::Failed::from(failure.clone())).unwrap(), failure);
    }
}

#[test]
fn a_field_that_means_nothing_is_named() {
    let name = v1::ArtifactName { digest: "abc".to_owned(), bytes: 3 };
    assert_eq!(Artifact::try_from(name).unwrap_err().field, "artifact.digest");

    let series = v1::Series {
        name: "loss".to_owned(),
        split: "dev".to_owned(),
        iterations: vec![1],
        values: vec![1.0],
    };
    let error = Series::try_from(series.clone()).unwrap_err();
    assert!(error.field == "series.split" && error.to_string().contains("`dev`"), "{error}");
    let uneven = v1::Series { split: "test".to_owned(), values: Vec::new(), ..series };
    let error = Series::try_from(uneven).unwrap_err();
    assert!(error.field == "series.values" && error.to_string().contains("1 iterations"), "{error}");

    let failed = v1::Failed { class: "bad_luck".to_owned(), message: String::new() };
    assert_eq!(Failure::try_from(failed).unwrap_err().field, "failed.class");
    let error = from_json::<WorkerInfo>("hello.info_json", "{\"name\": 3}").unwrap_err();
    assert!(error.to_string().starts_with("field `hello.info_json`: invalid type"), "{error}");
}

#[test]
fn reflection_names_every_service_of_the_version() {
    let text = String::from_utf8_lossy(DESCRIPTORS);
    for service in ["SweepService", "WorkerService", "ArtifactService", "QueryService"] {
        assert!(text.contains(service), "{service}");
    }
    assert!(text.contains("tombola.v1"));
}
