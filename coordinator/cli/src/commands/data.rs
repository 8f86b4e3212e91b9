//! `tombola data`: the data sets of this machine. The work is the worker's, which has the readers and knows its folder.

use super::{Context, hand_over};
use std::{ffi::OsString, process::ExitCode};

/// Look after the data sets of this machine: list, get, check, import.
///
/// No coordinator is asked; `tombola-worker` does it, on the folder that it trains from (`--data`).
///   tombola data list                             the known sets and your own, and which are there
///   tombola data get SET                          lay a set out without a download, or say which files to put where
///   tombola data check [SET…]                     read sets whole: classes, mean, deviation, digest, what is wrong
///   tombola data import FOLDER NAME --size 64     make a set of a folder of images for each class
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Data {
    /// `list`, `get`, `check` or `import`, and what these take.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "WHAT")]
    words: Vec<OsString>,
}

impl Data {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let answers = |word: &OsString| ["list", "check"].iter().any(|known| word == known);
        let answers = self.words.first().is_some_and(answers);
        let words = [OsString::from("data")].into_iter().chain(self.words).collect();
        hand_over("tombola-worker", words, answers, context).await
    }
}
