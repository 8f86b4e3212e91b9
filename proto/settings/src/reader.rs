//! Reads settings one by one out of all layers, remembering what was asked for and what was wrong.

use crate::ConfigError;
use figment::{
    Figment, Provider as _,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};
use serde::de::DeserializeOwned;
use std::{collections::BTreeSet, path::Path};

/// The layers, and what became of reading them.
pub struct Reader {
    layers: Figment,
    asked: BTreeSet<&'static str>,
    mistakes: Vec<String>,
}

impl Reader {
    /// The layers: a TOML file, variables that begin with `prefix` (sections are cut off by two underscores, as in
    /// `TOMBOLA_WORKER_LOG__FORMAT`), flags. A flag that was not given must not hide the layers below: it is `None`.
    pub fn new(
        file: Option<&Path>,
        prefix: &str,
        flags: impl IntoIterator<Item = (&'static str, Option<serde_json::Value>)>,
    ) -> Self {
        let mut mistakes = Vec::new();
        let mut layers = Figment::new();
        if let Some(file) = file {
            if file.is_file() {
                layers = layers.merge(Toml::file_exact(file));
            } else {
                mistakes.push(format!("the configuration file `{}` is not there", file.display()));
            }
        }
        let environment = Env::prefixed(prefix).ignore(&["config"]).split("__");
        let given = flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let given: serde_json::Map<_, _> = given.collect();
        let layers = layers.merge(environment).merge(Serialized::defaults(given));
        Self { layers, asked: BTreeSet::new(), mistakes }
    }

    /// The value of `key`, or `default` when no layer has one (or a wrong one: that is remembered).
    pub fn get<T: DeserializeOwned>(&mut self, key: &'static str, default: T) -> T {
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
    pub fn mistake(&mut self, mistake: String) {
        self.mistakes.push(mistake);
    }

    /// Keys of every setting that was read.
    pub fn asked(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.asked.iter().copied()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All mistakes, settings nobody asked for included.
    pub fn finish(mut self) -> Result<(), ConfigError> {
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
        if self.mistakes.is_empty() { Ok(()) } else { Err(ConfigError { mistakes: self.mistakes }) }
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
