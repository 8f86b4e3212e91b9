//! `data list`: the sets that a sweep can name, and which of them are here.

use super::{Said, folder_text, inventory, shape_text};
use crate::{args::Output, config::Config};
use std::{collections::BTreeMap, fmt::Write as _};
use tombola_spec::{data::KNOWN, worker::DataInfo};

/// How a set is.
enum State {
    Missing,
    There(DataInfo),
    Unusable(String),
}

pub(super) fn run(config: &Config, output: Output) -> Said {
    let (found, unusable) = inventory(config);
    let mut sets: BTreeMap<String, State> =
        KNOWN.iter().map(|(name, _)| ((*name).to_owned(), State::Missing)).collect();
    sets.extend(found.into_iter().map(|info| (info.set.clone(), State::There(info))));
    sets.extend(unusable.into_iter().map(|(set, reason)| (set, State::Unusable(reason))));
    let folder = folder_text(&config.data);
    let text = match output {
        Output::Table => table(&folder, &sets),
        Output::Json => json(&folder, &sets),
    };
    Said { text, well: true }
}

fn table(folder: &str, sets: &BTreeMap<String, State>) -> String {
    let mut text = format!("data sets in {folder}\n");
    for (set, state) in sets {
        let state = match state {
            State::Missing => format!("not there; `tombola data get {set}`"),
            State::There(info) => format!("{}, digest {}", shape_text(&info.shape), info.digest.short()),
            State::Unusable(reason) => format!("unusable: {reason}"),
        };
        let _ = writeln!(text, "  {set:<16} {state}");
    }
    text
}

fn json(folder: &str, sets: &BTreeMap<String, State>) -> String {
    let one = |(set, state): (&String, &State)| match state {
        State::Missing => serde_json::json!({ "set": set, "state": "missing" }),
        State::There(info) => {
            serde_json::json!({ "set": set, "state": "there", "shape": info.shape, "digest": info.digest })
        }
        State::Unusable(reason) => serde_json::json!({ "set": set, "state": "unusable", "reason": reason }),
    };
    let sets: Vec<_> = sets.iter().map(one).collect();
    format!("{:#}", serde_json::json!({ "folder": folder, "sets": sets }))
}
