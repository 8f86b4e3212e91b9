//! Files that ask for more than anybody can want: refused before anything is multiplied out. A file that is looked at all the
//! same hangs here, and is ended by the runner.

use std::fmt::Write;
use tombola_core::sweep;

const HEAD: &str = r#"
name = "much"
seeds = 1
model = { name = "mnist_lenet_8_4" }
data = { set = "mnist" }
train = { steps = "5it", batch = 10, optimizer = "sgd", lr = 0.1 }
prune = { scope = "per_layer", rate = 0.2, rounds = 1 }
"#;

/// `HEAD` with some of its text replaced.
fn with(old: &str, new: &str) -> String {
    assert!(HEAD.contains(old), "{old}");
    HEAD.replace(old, new)
}

/// What a file is told; all mistakes have a place.
fn refused(text: &str) -> String {
    let mistakes = sweep::load(text).unwrap_err();
    assert!(mistakes.0.len() <= 100, "{} mistakes", mistakes.0.len());
    assert!(mistakes.0.iter().all(|one| one.line >= 1 && one.column >= 1));
    mistakes.to_string()
}

#[track_caller]
fn says(told: &str, words: &str) {
    assert!(told.contains(words) && told.contains("hint:"), "{words}: {told}");
}

#[test]
fn a_file_of_two_mebibytes_is_not_read() {
    let told = refused(&format!("{HEAD}# {}", "x".repeat(2 << 20)));
    says(&told, "the sweep file has 2097");
}

#[test]
fn quadrillions_of_trials_are_counted_and_not_made() {
    let told = refused(&with("seeds = 1", "seeds = \"1..=100000\"\nrepeat = 4000000000"));
    says(&told, "asks for at least 400000000000000 jobs");
}

#[test]
fn axes_that_multiply_to_too_much_are_not_assigned() {
    let axes = "\"train.lr\" = { range = \"1..=10000\" }\n\"train.decay\" = { range = \"1..=10000\" }";
    says(&refused(&format!("{HEAD}[axes]\n{axes}")), "multiply to 100000000 assignments");
}

/// Each assignment compared 20,000 unknown names with all parameters: hours.
#[test]
fn twenty_thousand_wrong_rates_in_two_hundred_assignments_are_not_looked_up_each() {
    let rates = (0..20_000).fold(String::new(), |mut rates, n| {
        let _ = write!(rates, "x{n} = 0.1, ");
        rates
    });
    let file = with("rounds = 1 }", &format!("rounds = 1, rates = {{ {rates} }} }}"));
    let told = refused(&format!("{file}[axes]\n\"train.lr\" = {{ range = \"1..=200\" }}"));
    says(&told, "has no such weight");
}

#[test]
fn settings_times_assignments_are_bounded() {
    let milestones: Vec<String> = (1..4000).map(|at| format!("\"{at}it\"")).collect();
    let milestones = format!("lr = 0.1, gamma = 0.1, milestones = [{}]", milestones.join(", "));
    let file = with("lr = 0.1", &milestones);
    let told = refused(&format!("{file}[axes]\n\"train.decay\" = {{ range = \"1..=10000\" }}"));
    says(&told, "settings in 10000 assignments");
}

#[test]
fn settings_times_jobs_are_bounded() {
    let milestones: Vec<String> = (1..4000).map(|at| format!("\"{at}it\"")).collect();
    let milestones = format!("lr = 0.1, gamma = 0.1, milestones = [{}]", milestones.join(", "));
    let told = refused(&with("lr = 0.1", &milestones).replace("seeds = 1", "seeds = \"1..=50000\""));
    says(&told, "settings each, which is too much");
}

/// It took seconds for each job.
#[test]
fn a_network_of_a_hundred_thousand_layers_is_refused() {
    let name = format!("mnist_lenet{}", "_1".repeat(100_000));
    says(&refused(&with("mnist_lenet_8_4", &name)), "more than 1000 hidden layers");
}

#[test]
fn a_hundred_of_fifty_thousand_mistakes_are_told() {
    let told = refused(&format!(
        "{}{HEAD}",
        (0..50_000).fold(String::new(), |keys, n| keys + &format!("k{n} = 1\n"))
    ));
    says(&told, "unknown key `k0`");
}
