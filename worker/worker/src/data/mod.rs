//! `tombola-worker data …`, which `tombola data …` starts: the data sets of this machine, looked at and laid out. One file per
//! command. Here and not in the coordinator's command line, because the readers are the engine's.

mod check;
mod get;
mod import;
mod list;

use crate::{args::Output, config::Config, failed};
use clap::Subcommand;
use std::{
    io::{Write, stdout},
    path::{Path, PathBuf},
    process::ExitCode,
};
use tombola_engine::data;

/// What to do with data sets.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the known data sets and your own: which are there, and what was found.
    List {
        /// What standard output holds.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Lay out a set where that needs no download; else say which files to put where.
    Get {
        /// Its name, as in a sweep file.
        set: String,
    },
    /// Read sets whole: shape, examples of each class, mean and deviation, content digest, and what is wrong.
    Check {
        /// Their names; all that are there by leaving them out.
        sets: Vec<String>,
        /// What standard output holds.
        #[arg(long, value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Make a data set of a folder of images, resized once: FOLDER/train/CLASS/*.png, FOLDER/val/CLASS/*.jpg.
    Import {
        /// The folder: `train` and `val` (or `test`) in it, a folder for each class in these.
        folder: PathBuf,
        /// Name of the data set to make, as a sweep file is to have it.
        name: String,
        /// Height and width of its images, pixels: the shorter side is scaled to it, the middle of the longer one is kept.
        #[arg(long)]
        size: u32,
    },
}

/// Runs one of them: 0 = all is well, 1 = something is not.
pub(crate) fn run(command: &Command, config: &Config) -> ExitCode {
    let done = match command {
        Command::List { output } => Ok(list::run(config, *output)),
        Command::Get { set } => get::run(&config.data, set),
        Command::Check { sets, output } => Ok(check::run(config, sets, *output)),
        Command::Import { folder, name, size } => import::run(folder, &config.data, name, *size),
    };
    match done {
        Ok(said) => said.show(),
        Err(error) => failed(&format!("{error:#}"), 1),
    }
}

/// What a command has to say.
struct Said {
    text: String,
    well: bool,
}

impl Said {
    fn show(self) -> ExitCode {
        match writeln!(stdout(), "{}", self.text.trim_end()) {
            Ok(()) if self.well => ExitCode::SUCCESS,
            // Or whoever read it has left.
            _ => ExitCode::FAILURE,
        }
    }
}

/// The sets in the data folder, and those that cannot be used. Digests are taken from where the engines leave them.
fn inventory(config: &Config) -> (Vec<tombola_spec::worker::DataInfo>, Vec<(String, String)>) {
    data::inventory(&config.data, &config.dir.join("data-sets.json"))
}

/// What is wrong with a name that is to become a folder's; `None` for nothing.
fn name_fault(set: &str) -> Option<String> {
    (!data::is_set_name(set)).then(|| {
        format!("`{set}` cannot be a data set's name; hint: letters, digits, `_`, `-` and `.`, no dot at its beginning")
    })
}

/// `60000 + 10000 images of 1x28x28, 10 classes`
fn shape_text(shape: &tombola_spec::data::DataShape) -> String {
    let [channels, height, width] = shape.image;
    let (train, test, classes) = (shape.train, shape.test, shape.classes);
    format!("{train} + {test} images of {channels}x{height}x{width}, {classes} classes")
}

fn folder_text(folder: &Path) -> String {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).display().to_string()
}
