//! Reads settings one by one out of all layers, remembering what was asked for and what was wrong.

use super::Flags;
use clap::ValueEnum;
use figment::{
    Figment, Provider,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeSet, path::PathBuf};

/// Prefix of environment variables; sections are cut off by two underscores (`TOMBOLA_WORKER_LOG__FORMAT`).
const PREFIX: &str = "TOMBOLA_WORKER_";

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

    /// Adds a mistake.
    pub(super) fn mistake(&mut self, mistake: String) {
        self.mistakes.push(mistake);
    }

    /// Keys of every setting read so far.
    #[cfg(test)]
    pub(super) fn asked(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.asked.iter().copied()
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
    let Flags { config: _, coordinator, name, dir, data, slots, log_format } = flags;
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let format = log_format.and_then(|format| format.to_possible_value());
    let texts = [
        ("coordinator", coordinator.clone()),
        ("name", name.clone()),
        ("dir", path(dir)),
        ("data", path(data)),
        ("slots", slots.clone()),
    ];
    let texts = texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
    let log = format.map(|format| ("log".to_owned(), serde_json::json!({ "format": format.get_name() })));
    serde_json::Value::Object(texts.chain(log).collect())
}
