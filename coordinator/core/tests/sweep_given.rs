//! Files of people's own: from names in a sweep file to jobs that take them in.

use tombola_core::{plan::Plan, sweep};
use tombola_spec::job::{ImportJob, JobSpec, Output, PruneJob, Start};

/// Two seeds, two rounds; `files` stand behind the names.
fn file(criterion: &str, weights: &str, files: &[&str]) -> String {
    let listed = (1..).zip(files).map(|(number, name)| {
        format!("\"{name}\" = {{ digest = \"{number}{:063}\", bytes = {number} }}\n", 0)
    });
    let listed: String = listed.collect();
    format!(
        r#"name = "given"
seeds = [1, 2]
model = {{ name = "mnist_lenet_20"{weights} }}
data = {{ set = "mnist" }}
train = {{ steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1 }}
prune = {{ criterion = {{ {criterion} }}, rate = 0.5, rounds = 2 }}

[files]
{listed}"#
    )
}

#[track_caller]
fn load(text: &str) -> Plan {
    sweep::load(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
}

fn imports(plan: &Plan) -> Vec<&ImportJob> {
    let imports = plan.jobs.iter().filter_map(|job| match &*job.spec {
        JobSpec::Import(import) => Some(import),
        _ => None,
    });
    imports.collect()
}

#[test]
fn each_round_of_each_seed_has_a_file_of_scores() {
    let files = ["1-1", "1-2", "2-1", "2-2"].map(|name| format!("s-{name}.st"));
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let text = file("file = \"s-{seed}-{round}.st\"", "", &files).replace("rate", "scope = \"global\", rate");
    let plan = load(&text);
    let bytes: Vec<u64> = imports(&plan).iter().map(|import| import.file.bytes).collect();
    assert_eq!(bytes, [1, 2, 3, 4]);
    for round in plan.trials.iter().flat_map(|trial| &trial.rounds[1..]) {
        let mask = plan.jobs.iter().find(|job| Some(job.fingerprint) == round.mask).unwrap();
        let JobSpec::Prune(PruneJob { scores: Some(scores), .. }) = &*mask.spec else { panic!("{mask:?}") };
        assert_eq!(scores.output, Output::Scores);
        assert!(mask.parents.contains(&scores.job));
    }
    // Other bytes under the same name are another experiment.
    let other = text.replace("\"4000", "\"5000");
    let lost = sweep::lost(&plan, &load(&other));
    assert!(lost.iter().all(|change| change.trial == "seed=2") && !lost.is_empty(), "{lost:?}");
    assert_eq!(sweep::named_files(&text).into_iter().collect::<Vec<_>>(), files);
}

#[test]
fn a_mask_is_taken_in_as_the_rounds_own_and_has_its_density() {
    let files = ["m-1.st", "m-2.st"];
    let plan = load(&file("file = \"m-{round}.st\", holds = \"mask\"", "", &files));
    let densities: Vec<Option<f64>> = imports(&plan).iter().map(|import| import.density).collect();
    let rounds = &plan.trials[0].rounds;
    assert_eq!(densities, [Some(rounds[1].density), Some(rounds[2].density)]);
    for trial in &plan.trials {
        let taken =
            |round: usize| plan.jobs.iter().find(|job| Some(job.fingerprint) == trial.rounds[round].mask);
        assert!(matches!(&*taken(1).unwrap().spec, JobSpec::Import(import) if import.file.bytes == 1));
    }
}

#[test]
fn given_weights_take_the_place_of_an_initialization() {
    let masks = "file = \"m.st\", holds = \"mask\"";
    let plan = load(&file(masks, ", weights = \"w-{seed}.st\"", &["m.st", "w-1.st", "w-2.st"]));
    let other = file(masks, ", weights = \"w-{seed}.st\"", &["w-2.st", "w-1.st", "m.st"]);
    let lost = sweep::lost(&plan, &load(&other));
    assert!(lost.iter().any(|change| change.setting == "prune.criterion.masks"), "{lost:?}");
    let masks = "file = \"m-{round}.st\", holds = \"mask\"";
    let two = load(&file(masks, "", &["m-1.st", "m-2.st"]));
    let three = load(&file(masks, "", &["m-1.st", "m-2.st", "m-3.st"]).replace("rounds = 2", "rounds = 3"));
    assert_eq!(sweep::lost(&two, &three), [], "a further round has a further mask");
    for (trial, bytes) in plan.trials.iter().zip([2, 3]) {
        let start = |round: usize| {
            let job = plan.jobs.iter().find(|job| job.fingerprint == trial.rounds[round].train[0]).unwrap();
            match job.spec.training().unwrap().start {
                Start::Rewind(job) => job,
                ref other => panic!("{other:?}"),
            }
        };
        let taken = plan.jobs.iter().find(|job| job.fingerprint == start(0)).unwrap();
        assert!(matches!(&*taken.spec, JobSpec::Import(import) if import.file.bytes == bytes));
        assert_eq!(start(0), start(2), "survivors go back to it");
        // It is no round of its own.
        assert_eq!(trial.rounds.len(), 3);
    }
}
