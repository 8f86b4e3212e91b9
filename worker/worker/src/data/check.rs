//! `data check`: sets read whole, and what is wrong with them.

use super::{Said, folder_text, inventory, shape_text};
use crate::{args::Output, config::Config};
use std::fmt::Write as _;
use tombola_engine::data::{Checkup, check_up};
use tombola_spec::data::known;

pub(super) fn run(config: &Config, sets: &[String], output: Output) -> Said {
    let all = || {
        let (found, unusable) = inventory(config);
        let found = found.into_iter().map(|info| info.set);
        found.chain(unusable.into_iter().map(|(set, _)| set)).collect()
    };
    let sets: Vec<String> = if sets.is_empty() { all() } else { sets.to_vec() };
    let mut checked = Vec::new();
    for set in sets {
        let checkup = check_up(&config.data, &set).map_err(|error| error.to_string());
        checked.push((set, checkup));
    }
    let well = checked.iter().all(|(_, checkup)| checkup.is_ok());
    let text = match output {
        Output::Table if checked.is_empty() => format!("no data sets in {}", folder_text(&config.data)),
        Output::Table => checked.iter().map(|(set, checkup)| words(set, checkup)).collect(),
        Output::Json => json(&checked),
    };
    Said { text, well }
}

fn words(set: &str, checkup: &Result<Checkup, String>) -> String {
    let found = match checkup {
        Ok(found) => found,
        Err(reason) => return format!("{set}\n  unusable     {reason}\n"),
    };
    let list = |counts: &[u32]| match (counts.iter().min(), counts.iter().max()) {
        (Some(least), Some(most)) if least == most => format!("{least} of each class"),
        (Some(least), Some(most)) if counts.len() > 20 => format!("{least} to {most} of a class"),
        _ => counts.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
    };
    let mut text = format!("{set}\n");
    let mut line = |what: &str, said: &str| {
        let _ = writeln!(text, "  {what:<12} {said}");
    };
    line("shape", &shape_text(&found.info.shape));
    line("files", &format!("{}: {}", found.format, files(found).join(", ")));
    line("training", &list(&found.train));
    line("test", &list(&found.test));
    line("mean", &decimals(&found.mean));
    line("deviation", &decimals(&found.std));
    line("digest", &found.info.digest.to_string());
    found.oddities.iter().for_each(|oddity| line("odd", oddity));
    if known(set).is_none() {
        line("in a sweep", &declaration(found));
    }
    text
}

fn files(found: &Checkup) -> Vec<String> {
    let name = |file: &std::path::PathBuf| file.file_name().map(|name| name.to_string_lossy().into_owned());
    found.files.iter().filter_map(name).collect()
}

fn decimals(numbers: &[f64]) -> String {
    numbers.iter().map(|number| format!("{number:.4}")).collect::<Vec<_>>().join(" ")
}

/// The line of a sweep file that names a set of one's own.
fn declaration(found: &Checkup) -> String {
    let shape = &found.info.shape;
    let per_channel = |numbers: &[f64]| match numbers {
        [red, green, blue] => format!("[{red:.4}, {green:.4}, {blue:.4}]"),
        _ => format!("{:.4}", numbers.iter().sum::<f64>() / numbers.len().max(1) as f64),
    };
    let (mean, std) = (per_channel(&found.mean), per_channel(&found.std));
    format!(
        "data = {{ set = \"{}\", image = {:?}, classes = {}, examples = {}, test = {}, mean = {mean}, std = {std} }}",
        found.info.set, shape.image, shape.classes, shape.train, shape.test
    )
}

fn json(checked: &[(String, Result<Checkup, String>)]) -> String {
    let one = |(set, checkup): &(String, Result<Checkup, String>)| match checkup {
        Err(reason) => serde_json::json!({ "set": set, "unusable": reason }),
        Ok(found) => serde_json::json!({
            "set": set, "digest": found.info.digest, "shape": found.info.shape, "format": found.format,
            "files": found.files, "train": found.train, "test": found.test, "mean": found.mean, "std": found.std,
            "odd": found.oddities,
        }),
    };
    format!("{:#}", serde_json::json!(checked.iter().map(one).collect::<Vec<_>>()))
}
