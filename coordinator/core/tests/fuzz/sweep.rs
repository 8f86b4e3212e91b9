//! Whatever stands in a sweep file, reading it ends with a plan or with words.

use proptest::{prelude::*, sample::Index};
use std::{fs, path::Path};
use tombola_core::sweep;
use tombola_fuzz::{cases, damaged};

const FILE: &str = r#"name = "all"
seeds = "1..=2"
repeat = 2
model = { name = "mnist_lenet_20_10", init = "kaiming_normal", bias_init = "uniform", bn_init = "half", dropout = 0.5 }
data = { set = "own", examples = 900, test = 90, classes = 3, image = [1, 8, 8], mean = 0.5, std = 0.2, validation = 90, split_seed = 1 }
train = { steps = "2ep5it", batch = 30, optimizer = "sgd", lr = 0.1, momentum = 0.9, nesterov = true, decay = 1e-4, milestones = ["1ep"], gamma = 0.1, warmup = "3it", eval_every = "9it", order = "same", dtype = "f64", partial = "keep", freeze = ["output", "fc_layers.0.bias"], bn_l1 = 0.0 }
prune = { criterion = "magnitude", scope = "global", rate = 0.2, rates = { "fc.weight" = 0.1 }, rounds = 3, rewind = "5it", counting = "exact", protect = 0.05 }

[axes]
"prune.rate" = [0.1, 0.3]
"train.lr, train.momentum" = [[0.1, 0.9], [0.2, 0.8]]
"train.decay" = { log10 = "-4..=-3", step = 0.5 }
"prune.rounds" = { range = "2..=3" }

[branch]
reinit = { rounds = "1..=2", copies = 2, start = "rewind" }
random = { kind = "random_mask", rounds = [2], preserve = "per_layer", weights = "rewind" }
"#;

/// What people put where something else belongs.
const PIECES: &[&str] = &[
    "",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "..",
    "..=",
    "\n",
    "#",
    "nan",
    "inf",
    "-1",
    "0",
    "1e308",
    "-0.0",
    "99999999999999999999",
    "18446744073709551615",
    "4294967295",
    "9223372036854775807",
    "\"4294967295ep\"",
    "true",
    "2026-01-01",
    "[[]]",
    "[{}]",
    "{}",
    "\"\"",
    "\"0it\"",
    "\"0..=18446744073709551615\"",
    "\"1e-300..=1e300\"",
    "\"-9..=9\"",
    "\u{1F600}",
    "β",
    "\"prune.rates.\"",
    "\".\"",
    "\",\"",
    "\"train\"",
    "\"prune.rates\"",
    "mnist_lenet_65536_65536_65536_65536",
    "[axes]\n",
    "[branch]\n",
    "x = 1\n",
];

/// Where a piece of `FILE` begins and how much of it goes, and what comes instead.
fn change() -> impl Strategy<Value = (usize, usize, usize)> {
    (0..FILE.len(), 0..24usize, 0..PIECES.len())
}

fn changed(changes: &[(usize, usize, usize)]) -> String {
    let mut text = FILE.to_owned();
    for &(at, length, piece) in changes {
        let at = floor(&text, at);
        let end = floor(&text, at + length);
        text.replace_range(at..end, PIECES[piece]);
    }
    text
}

/// The last place not after `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// Every mistake has a place in the file and says what is wrong.
fn check(text: &str) {
    if let Err(mistakes) = sweep::load(text) {
        assert!(!mistakes.0.is_empty());
        for mistake in &mistakes.0 {
            assert!(!mistake.what.is_empty() && mistake.column >= 1, "{mistake}");
            assert!((1..=text.lines().count().max(1) as u32 + 1).contains(&mistake.line), "{mistake}");
        }
    }
}

/// A line of a real sweep, put into another one at a line, or in its place.
type Graft = (Index, Index, Index, bool);

/// The sweeps people are given.
fn real() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/sweeps");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    let texts = files.iter().map(|path| fs::read_to_string(path).unwrap());
    texts.chain([FILE.to_owned()]).collect()
}

/// A real sweep with lines of others in it.
fn grafted(of: Index, grafts: &[Graft]) -> String {
    let all = real();
    let mut lines: Vec<&str> = of.get(&all).lines().collect();
    for (from, line, at, instead) in grafts {
        let donor: Vec<&str> = from.get(&all).lines().collect();
        let at = at.index(lines.len());
        lines.splice(at..at + usize::from(*instead), [*line.get(&donor)]);
    }
    lines.join("\n")
}

/// `a = { a = { …`, `[a.a.…]` or `a = [[…`.
fn nested(form: usize, depth: usize) -> String {
    match form {
        0 => format!("{}1{}", "a = { ".repeat(depth), " }".repeat(depth)),
        1 => format!("[axes.{}a]", "a.".repeat(depth)),
        2 => format!("seeds = {}1{}", "[".repeat(depth), "]".repeat(depth)),
        _ => format!("{FILE}[branch.{}]\n", vec!["reinit"; depth + 1].join(".branch.")),
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn a_file_with_slips_is_read_or_refused(changes in prop::collection::vec(change(), 1..4)) {
        check(&changed(&changes));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
        check(&text);
    }

    #[test]
    fn any_bytes_that_are_text_are_read_or_refused(bytes in damaged(FILE.as_bytes().to_vec())) {
        check(&String::from_utf8_lossy(&bytes));
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_real_sweep_with_lines_of_others_is_read_or_refused(
        of in any::<Index>(),
        grafts in prop::collection::vec(any::<Graft>(), 1..6),
    ) {
        check(&grafted(of, &grafts));
    }

    #[test]
    fn any_depth_is_read_or_refused(form in 0..4usize, depth in 0..20_000usize) {
        check(&nested(form, depth));
    }
}

#[test]
fn the_files_without_slips_are_good() {
    let own_files = |text: &str| sweep::named_files(text).is_empty();
    real().iter().filter(|text| own_files(text)).for_each(|text| drop(sweep::load(text).unwrap()));
}
