//! libtorch: found (`LIBTORCH`, then Python's torch) or fetched, then linked as `.libtorch` for every build.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::paths::{Paths, key};
use crate::shell::{self, Failure, Result, at, report, say};
use crate::{view, wheels};

/// tch 0.24 builds against this version and no other.
pub(crate) const VERSION: &str = "2.11.0";

/// Where libtorch will come from.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// The link leads to a complete libtorch already.
    Linked,
    /// A libtorch on this machine: its folder with `include` and `lib`.
    Found(PathBuf),
    /// The wheels, fetched unless they are in the cache.
    Wheels,
}

/// Decides without changing anything.
pub(crate) fn plan(paths: &Paths, cuda: bool) -> Result<Plan> {
    if let Some(given) = given(paths) {
        check(&given)?;
        let linked =
            fs::read_link(paths.libtorch_link()).is_ok_and(|to| to == view_of(paths, &given).join("torch"));
        return Ok(if linked && is_complete(&paths.libtorch_link()) {
            Plan::Linked
        } else {
            Plan::Found(given)
        });
    }
    if is_complete(&paths.libtorch_link()) && (!cuda || view::has_cuda(&paths.libtorch_link())) {
        return Ok(Plan::Linked);
    }
    if wheels::are_unpacked(paths) {
        return Ok(Plan::Wheels);
    }
    Ok(from_python().map_or(Plan::Wheels, Plan::Found))
}

/// Carries the plan out; says what happened in one line. `cuda` fetches what a GPU slot loads, too.
pub(crate) fn set_up(paths: &Paths, plan: &Plan, cuda: bool) -> Result<()> {
    let link = paths.libtorch_link();
    let title = format!("libtorch {VERSION}");
    let (torch, view) = match plan {
        Plan::Linked => {
            view::record_cuda(&link)?;
            report(&title, &format!("already linked: {}", fs::canonicalize(&link)?.display()));
            return Ok(());
        }
        Plan::Found(torch) => (torch.clone(), view_of(paths, torch)),
        Plan::Wheels => (wheels::unpacked(paths, cuda)?, wheels::base(paths).join("view")),
    };
    check(&torch)?;
    view::make(&torch, &view)?;
    relink(&link, &view.join("torch"))?;
    report(&title, &format!("linked {} -> {}", link.display(), torch.display()));
    warn_of_a_shell_that_overrules(paths);
    Ok(())
}

/// Plain cargo lets the shell's `LIBTORCH` win over the link.
fn warn_of_a_shell_that_overrules(paths: &Paths) {
    if given(paths).is_some() {
        say("note: unset `LIBTORCH` from now on, so that plain cargo commands build against the same link");
    }
}

/// `LIBTORCH` of the user's shell; cargo's own setting, the link, is no answer.
fn given(paths: &Paths) -> Option<PathBuf> {
    let given = PathBuf::from(env::var_os("LIBTORCH").filter(|value| !value.is_empty())?);
    (!is_the_link(&given, paths)).then_some(given)
}

fn is_the_link(path: &Path, paths: &Paths) -> bool {
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    path.file_name() == paths.libtorch_link().file_name() && folder == fs::canonicalize(&paths.repo).ok()
}

/// The folder of an importable Python torch of the right version. It is imported for real: a torch whose libraries
/// are missing is of no use here either.
fn from_python() -> Option<PathBuf> {
    let script = "import os, torch; print(torch.__version__); print(os.path.dirname(torch.__file__))";
    let answer = shell::output(Command::new("python3").args(["-c", script])).ok()?;
    let (version, folder) = answer.trim().split_once('\n')?;
    (release(version) == VERSION && is_complete(Path::new(folder))).then(|| PathBuf::from(folder))
}

fn view_of(paths: &Paths, torch: &Path) -> PathBuf {
    wheels::base(paths).join(format!("view-{}", key(&torch.to_string_lossy())))
}

fn check(torch: &Path) -> Result<()> {
    let wrong = match version(torch) {
        Some(version) if version != VERSION => format!("it is version {version}"),
        None => "no version was found in it".to_owned(),
        Some(_) if !torch.join("lib/libtorch_cpu.so").exists() => {
            "it has no `lib/libtorch_cpu.so`".to_owned()
        }
        Some(_) => return Ok(()),
    };
    fail_with(torch, &wrong)
}

fn fail_with(torch: &Path, wrong: &str) -> Result<()> {
    Err(Failure::Failed(format!(
        "`{}` is not libtorch {VERSION}: {wrong}\nhint: unset `LIBTORCH` to have {VERSION} fetched, or let it name a \
         folder with `include` and `lib` of that version",
        torch.display()
    )))
}

/// Whether a build against this folder will work.
pub(crate) fn is_complete(torch: &Path) -> bool {
    version(torch).as_deref() == Some(VERSION) && torch.join("lib/libtorch_cpu.so").exists()
}

fn version(torch: &Path) -> Option<String> {
    let build_version = fs::read_to_string(torch.join("build-version")).ok();
    build_version.map(|text| release(&text).to_owned()).or_else(|| {
        ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h"]
            .iter()
            .filter_map(|header| fs::read_to_string(torch.join("include").join(header)).ok())
            .find_map(|text| version_in_header(&text))
    })
}

/// `2.11.0+cu130` is release `2.11.0`.
fn release(version: &str) -> &str {
    let version = version.trim();
    version.split_once('+').map_or(version, |(release, _)| release)
}

fn version_in_header(text: &str) -> Option<String> {
    let number = |part: &str| {
        let name = format!("TORCH_VERSION_{part}");
        text.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let defines = words.next() == Some("#define") && words.next() == Some(&name);
            defines.then(|| words.next()?.parse::<u32>().ok()).flatten()
        })
    };
    Some(format!("{}.{}.{}", number("MAJOR")?, number("MINOR")?, number("PATCH")?))
}

/// Replaces the link in one step, so that no build ever finds it missing.
fn relink(link: &Path, target: &Path) -> Result<()> {
    let fresh = link.with_extension(format!("new-{}", std::process::id()));
    at(&fresh, symlink(target, &fresh))?;
    at(link, fs::rename(&fresh, link))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_torchs_header() {
        let header = "#pragma once\n#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n\
                      #define TORCH_VERSION_PATCH 0\n#define TORCH_VERSION \\\n";
        assert_eq!(version_in_header(header).as_deref(), Some("2.11.0"));
        assert_eq!(version_in_header("#define TORCH_VERSION_MAJOR x"), None);
    }

    #[test]
    fn a_local_build_suffix_does_not_change_the_release() {
        assert_eq!(release("2.11.0+cu130\n"), "2.11.0");
        assert_eq!(release("2.11.0"), "2.11.0");
        assert_eq!(release("2.11.0a0"), "2.11.0a0");
    }
}
