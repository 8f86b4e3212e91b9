//! `cargo xtask setup`: everything a build and a run need. What is there already is left alone.

use std::path::PathBuf;

use crate::args::Args;
use crate::paths::Paths;
use crate::shell::{Result, report, say};
use crate::tools::{self, Tool};
use crate::{data, libtorch, wheels};

pub(crate) const HELP: &str = "\
Make this checkout ready to build, test and run. Run it as often as you like: nothing is done twice.

Usage: cargo xtask setup [--data DIR] [--cuda]

Options:
  --data DIR  take Fashion-MNIST from DIR (the four *-ubyte or *-ubyte.gz files, there or in DIR/fashion-mnist)
  --cuda      also fetch the libraries that GPU slots load (2.5 GB, only where libtorch comes from the wheels)

What it does:
  libtorch 2.11.0  from the folder in LIBTORCH, else from an importable Python torch of that version, else from the
                   PyPI wheels, unpacked in ~/.cache/tombola. The git-ignored link .libtorch then leads to a view of
                   it without CUDA, and plain `cargo build --workspace` works.
  Fashion-MNIST    from --data, else Debian's package dataset-fashion-mnist (installed as root or by `sudo -n`), else
                   its public home, checksums verified. It ends in ~/.local/share/tombola/data/fashion_mnist, where
                   workers look.

Missing tools are named, all at once, with the commands that install them. XDG_CACHE_HOME and XDG_DATA_HOME move the
folders.";

/// What a command needs of the set-up.
#[derive(Default)]
pub(crate) struct Wanted {
    /// A folder to take Fashion-MNIST from.
    pub(crate) data: Option<PathBuf>,
    /// The libraries of GPU slots.
    pub(crate) cuda: bool,
    /// Tools beyond those of every build.
    pub(crate) tools: &'static [&'static Tool],
}

pub(crate) fn run(args: Args) -> Result<()> {
    let wanted = parse(args)?;
    set_up(&Paths::new()?, &wanted)?;
    if !tools::has_nextest() {
        report("cargo-nextest", "not found; the tests want it: `cargo install --locked cargo-nextest`");
    }
    say("ready: `cargo build --workspace`, `cargo xtask test`, `cargo xtask demo`");
    Ok(())
}

fn parse(mut args: Args) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    while let Some(word) = args.next() {
        match word.as_str() {
            "--data" => wanted.data = Some(args.folder("--data")?),
            "--cuda" => wanted.cuda = true,
            _ => return Err(args.unknown(&word)),
        }
    }
    Ok(wanted)
}

/// Checks for all tools first: nobody wants to hear of the second after a download for the first.
pub(crate) fn set_up(paths: &Paths, wanted: &Wanted) -> Result<()> {
    let _lock = paths.lock()?;
    let plan = libtorch::plan(paths, wanted.cuda)?;
    let mut needed = vec![&tools::CXX, &tools::MAKE, &tools::PYTHON];
    if plan == libtorch::Plan::Wheels && (!wheels::are_unpacked(paths) || wanted.cuda) {
        wheels::supported()?;
        needed.push(&tools::PIP);
    }
    needed.extend(wanted.tools);
    tools::require(&needed)?;

    libtorch::set_up(paths, &plan, wanted.cuda)?;
    data::set_up(paths, wanted.data.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::Failure;

    fn parsed(line: &str) -> Result<Wanted> {
        parse(Args::new("setup", line.split_whitespace().map(str::to_owned).collect()))
    }

    #[test]
    fn the_folder_given_is_made_absolute() {
        assert_eq!(parsed("--data /tmp/x --cuda").unwrap().data, Some(PathBuf::from("/tmp/x")));
        assert!(parsed("--data x").unwrap().data.unwrap().is_absolute());
    }

    #[test]
    fn a_stray_word_is_a_usage_error() {
        assert!(matches!(parsed("now"), Err(Failure::Usage(_))));
    }
}
