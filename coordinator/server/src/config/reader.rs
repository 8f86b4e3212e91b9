//! Reads settings one by one out of all layers, remembering what was asked for and what was wrong.

use super::Flags;
use figment::{
    Figment, Provider as _,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Prefix of environment variables; sections are cut off by two underscores (`TOMBOLA_COORDINATOR_LOG__FORMAT`).
const PREFIX: &str = "TOMBOLA_COORDINATOR_";

/// The layers, and what became of reading them.
pub(super) struct Reader {
    layers: Figment,
    asked: BTreeSet<&'static str>,
    mistakes: Vec<String>,
}

impl Reader {
    pub(super) fn new(flags: &Flags) -> Self {
        let mut mistakes = Vec::new();
        let mut layers = Figment::new();
        if let Some(file) = &flags.config {
            if file.is_file() {
                layers = layers.merge(Toml::file_exact(file));
            } else {
                mistakes.push(format!("the configuration file `{}` is not there", file.display()));
            }
        }
        let environment = Env::prefixed(PREFIX).ignore(&["config"]).split("__");
        let layers = layers.merge(environment).merge(Serialized::defaults(typed(flags)));
        Self { layers, asked: BTreeSet::new(), mistakes }
    }

    /// The value of `key`, or `default` when no layer has one (or a wrong one: that is remembered).
    pub(super) fn get<T: DeserializeOwned>(&mut self, key: &'static str, default: T) -> T {
        self.asked.insert(key);
        if self.layers.find_value(key).is_err() {
            return default;
        }
        self.layers.extract_inner(key).unwrap_or_else(|error| {
            self.mistakes.extend(error.into_iter().map(|e| e.to_string()));
            default
        })
    }

    /// All mistakes, settings nobody asked for included.
    pub(super) fn finish(mut self) -> Vec<String> {
        match self.layers.data() {
            Ok(profiles) => {
                for key in profiles.values().flat_map(|dict| leaves("", dict)).collect::<BTreeSet<_>>() {
                    if !self.asked.contains(key.as_str()) {
                        self.mistakes.push(self.unknown(&key));
                    }
                }
            }
            Err(error) => self.mistakes.push(format!("the configuration cannot be read: {error}")),
        }
        self.mistakes
    }

    fn unknown(&self, key: &str) -> String {
        let section = key.rsplit_once('.').map_or("", |(section, _)| section);
        let same = |known: &&&str| known.rsplit_once('.').map_or("", |(s, _)| s) == section;
        let known: Vec<String> = self.asked.iter().filter(same).map(|key| format!("`{key}`")).collect();
        if known.is_empty() {
            let all: Vec<String> = self.asked.iter().map(|key| format!("`{key}`")).collect();
            return format!("`{key}` is not a setting\nhint: settings are {}", all.join(", "));
        }
        format!("`{key}` is not a setting\nhint: settings beside it are {}", known.join(", "))
    }
}

/// Dotted names of all values.
fn leaves(prefix: &str, dict: &Dict) -> Vec<String> {
    let leaf = |(key, value): (&String, &Value)| match value {
        Value::Dict(_, inner) => leaves(&format!("{prefix}{key}."), inner),
        _ => vec![format!("{prefix}{key}")],
    };
    dict.iter().flat_map(leaf).collect()
}

/// Only what was typed: a flag that was not given must not hide the layers below.
fn typed(flags: &Flags) -> serde_json::Value {
    // Every field is named, so that a new flag cannot be forgotten.
    let Flags { config: _, listen, insecure, state, database, artifacts, log_format } = flags;
    let mut typed = serde_json::Map::new();
    let mut put = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            typed.insert(key.to_owned(), value);
        }
    };
    put("listen", listen.clone().map(Into::into));
    put("insecure", insecure.then_some(true.into()));
    put("state", state.as_ref().map(|path| path.to_string_lossy().into()));
    put("database", database.clone().map(Into::into));
    put("artifacts", artifacts.as_ref().map(|path| path.to_string_lossy().into()));
    let format = log_format.and_then(|format| clap::ValueEnum::to_possible_value(&format));
    put("log", format.map(|format| serde_json::json!({ "format": format.get_name() })));
    typed.into()
}
