//! What README.md says about sweep files is so: its examples can be planned, and its tables list every setting with the
//! default it has.
#![expect(clippy::unwrap_used, reason = "a panic is how a test's helper fails")]

use std::{collections::BTreeMap, path::Path};
use tombola_core::sweep;

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    #[expect(clippy::disallowed_methods, reason = "a test of a file; the crate itself reads none")]
    std::fs::read_to_string(path).unwrap()
}

/// The blocks of one language.
fn blocks(readme: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    readme.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Settings of the reference by name, with what stands in their second column.
fn documented(readme: &str) -> BTreeMap<String, String> {
    let (_, after) = readme.split_once("## Write a sweep").unwrap();
    let (reference, _) = after.split_once("\n## ").unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let name = cells.next()?.trim_end_matches('`').to_owned();
        Some((name, cells.next()?.to_owned()))
    };
    reference.lines().filter_map(row).collect()
}

/// A sweep that leaves out whatever can be left out.
fn least(data: &str, optimizer: &str, prune: &str) -> String {
    // Masks of one round are compared with nothing.
    let distance = if prune.contains("rounds") { "analysis.mask_distance = {}\n" } else { "" };
    format!(
        r#"name = "least"
seeds = "1..=2"
model = {{ name = "mnist_lenet_300_100" }}
data = {{ {data} }}
train = {{ steps = "1000it", batch = 60, optimizer = "{optimizer}", lr = 0.1 }}
prune = {{ scope = "global", {prune} }}
branch.reinit = {{}}
branch.inverted = {{}}
branch.join = {{ rule = "union" }}
branch.retrain = {{}}
branch.random_mask = {{}}
analysis.connectivity = {{}}
analysis.collapse = {{}}
analysis.slim = {{}}
{distance}"#
    )
}

/// Every setting there is, with its default if it has one; branches under one name.
fn settings() -> BTreeMap<String, Option<String>> {
    let own = "set = \"own\", examples = 900, test = 90, classes = 2";
    let (mnist, rounds) = ("set = \"mnist\"", "rate = 0.2, rounds = 3");
    let criteria = ["grasp", "synflow", "supermask", "movement"];
    let pruned = criteria.map(|name| least(mnist, "sgd", &format!("density = 0.1, criterion = \"{name}\"")));
    let noisy = "set = \"mnist\", label_noise = 0.1";
    // What the first file writes is a default of the others.
    let early = least(mnist, "sgd", "rate = 0.2, when = \"early_bird\"").replace("1000it", "9000it");
    let scored = "criterion = { file = \"scores.safetensors\" }, density = 0.1";
    let digest = "0".repeat(64);
    let scored = least(mnist, "sgd", scored).replace("branch.inverted = {}\n", "")
        + &format!("files.\"scores.safetensors\" = {{ digest = \"{digest}\", bytes = 8 }}\n");
    let until = "rate = 0.2, rounds = 3, until = { worse = 0.01 }";
    let decides =
        least(mnist, "sgd", until) + "axes.\"train.decay\" = [0.0, 0.1]\nselect.axes = [\"train.decay\"]\n";
    let files = [
        decides,
        scored,
        early,
        least(noisy, "rmsprop", rounds),
        least(noisy, "sgd\", schedule = \"cosine", rounds),
        least(mnist, "sgd", rounds),
        least(mnist, "adam", rounds),
        least(own, "adam", rounds),
    ];
    let mut settings = BTreeMap::from([("name".to_owned(), None)]);
    for file in pruned.into_iter().chain(files) {
        for setting in sweep::resolved(&sweep::parse(&file).unwrap()) {
            let kinds = ["reinit", "inverted", "join", "retrain", "random_mask", "connectivity", "slim"];
            let general = |name: String, kind: &str| name.replace(&format!(".{kind}."), ".NAME.");
            let name = kinds.into_iter().fold(setting.name, general);
            let name =
                name.replace(".collapse.kind", ".NAME.kind").replace(".mask_distance.kind", ".NAME.kind");
            settings.insert(name, setting.is_default.then_some(setting.value));
        }
    }
    settings
}

#[test]
fn the_reference_lists_every_setting_and_no_other() {
    let documented: Vec<String> = documented(&readme()).into_keys().collect();
    let settings: Vec<String> = settings().into_keys().collect();
    assert_eq!(documented, settings);
}

#[test]
fn the_reference_tells_the_defaults_there_are() {
    let settings = settings();
    for (name, told) in documented(&readme()) {
        let default = settings[&name].as_deref();
        // A default in words follows from something else.
        let exact = told.strip_prefix('`').and_then(|told| told.strip_suffix('`'));
        match (told.as_str(), exact) {
            ("required", _) => assert_eq!(default, None, "{name}"),
            (_, Some(told)) => assert_eq!(default, Some(told), "{name}"),
            _ => {}
        }
    }
}

#[test]
fn its_examples_can_be_planned() {
    let examples = blocks(&readme(), "toml");
    let [whole, given, axes, branches, analysis] = examples.as_slice() else {
        panic!("a file, a block of files, one of axes, one of branches, one of analyses")
    };
    let head = "name = \"own\"\nseeds = [7]\ndata = { set = \"mnist\" }\n";
    let train = "train = { steps = \"1ep\", batch = 60, optimizer = \"sgd\", lr = 0.1 }\n";
    let named = sweep::named_files(&format!("{head}{train}{given}"));
    assert!(named.iter().eq(["init-7.safetensors", "scores-7.safetensors"]), "{named:?}");
    let plan = sweep::load(whole).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(plan.trials.len(), 10, "two rewind points times five seeds");
    let plan = sweep::load(&format!("{whole}{analysis}")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(
        plan.trials[0].analyses.len(),
        5 * (2 + 3) + 2 + 4 * 2,
        "two copies and three pairs (`random` has no round 0), two searches, two masks at each of four rounds"
    );
    let (before, _) = whole.split_once("[branch]").unwrap();
    let plan = sweep::load(&format!("{before}{branches}")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let rounds = |branch: &str| plan.trials[0].rounds.iter().filter(|round| round.branch == branch).count();
    let found = ["signs", "fashion", "fashion2", "sgd", "tuned"].map(rounds);
    assert_eq!(found, [20, 21, 20, 21, 20], "those trained by settings of their own have a dense round, too");
    let (before, _) = whole.split_once("[axes]").unwrap();
    let plan =
        sweep::load(&format!("{before}[axes]\n{axes}")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(plan.trials.len(), 5 * 3 * 4 * 5 * 2);
    let mut rates: Vec<f64> = plan.trials.iter().map(|trial| trial.settings.recipe.train.lr).collect();
    rates.sort_by(f64::total_cmp);
    rates.dedup();
    let rates = rates.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    assert!(axes.contains(&rates), "the comment names the values of the log range: {rates}");
}
