//! libtorch from PyPI's wheels, unpacked into the per-user cache. What is not finished never counts as done: it is
//! made under another name and renamed at the end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::libtorch::{self, VERSION};
use crate::paths::Paths;
use crate::shell::{self, Failure, Result, at, say};
use crate::view;

/// The cache folder of this version.
pub(crate) fn base(paths: &Paths) -> PathBuf {
    paths.cache.join(format!("libtorch-{VERSION}"))
}

pub(crate) fn are_unpacked(paths: &Paths) -> bool {
    libtorch::is_complete(&base(paths).join("wheels/torch"))
}

/// The folder of torch in the cache, fetched first unless it is there.
pub(crate) fn unpacked(paths: &Paths, cuda: bool) -> Result<PathBuf> {
    let wheels = base(paths).join("wheels");
    if !are_unpacked(paths) {
        say(&format!("libtorch {VERSION} is not on this machine: fetching its wheels (540 MB)"));
        let torch = format!("torch=={VERSION}");
        fetch(&wheels, &["--no-deps", &torch, "nvidia-cuda-cupti==13.0.*", "nvidia-cuda-runtime==13.0.*"])?;
    }
    if cuda {
        add_cuda(&wheels, &base(paths).join("cuda"))?;
    }
    Ok(wheels.join("torch"))
}

/// The libraries libtorch_cuda needs, as torch's own metadata names them; they take the place of the two small ones.
fn add_cuda(wheels: &Path, cuda: &Path) -> Result<()> {
    if !cuda.exists() {
        let metadata = wheels.join(format!("torch-{VERSION}.dist-info/METADATA"));
        let metadata = at(&metadata, fs::read_to_string(&metadata))?;
        say("fetching the CUDA libraries for GPU slots (2.5 GB)");
        fetch(cuda, &cuda_requirements(&metadata))?;
    }
    let nvidia = wheels.join("nvidia");
    if !nvidia.is_symlink() {
        view::remove(&nvidia)?;
        at(&nvidia, symlink(cuda.join("nvidia"), &nvidia))?;
    }
    Ok(())
}

fn cuda_requirements(metadata: &str) -> Vec<&str> {
    metadata
        .lines()
        .filter_map(|line| line.strip_prefix("Requires-Dist: "))
        .filter(|requirement| requirement.starts_with("nvidia-") || requirement.starts_with("cuda-toolkit"))
        .map(|requirement| requirement.split(';').next().unwrap_or(requirement).trim())
        .collect()
}

/// Downloads and unpacks wheels into `folder`.
fn fetch(folder: &Path, requirements: &[&str]) -> Result<()> {
    let partial = folder.with_extension("partial");
    view::remove(&partial)?;
    let (downloads, unpacked) = (partial.join("downloads"), partial.join("unpacked"));
    at(&unpacked, fs::create_dir_all(&unpacked))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--only-binary=:all:", "--dest"]);
    pip.arg(&downloads).args(platform()).args(requirements);
    shell::run(
        &mut pip,
        "the network or pip's index may be at fault; a repeated run starts this download afresh",
    )?;
    say("unpacking");
    for wheel in at(&downloads, fs::read_dir(&downloads))? {
        shell::output(
            Command::new("python3").args(["-m", "zipfile", "-e"]).arg(wheel?.path()).arg(&unpacked),
        )?;
    }
    view::remove(folder)?;
    at(folder, fs::rename(&unpacked, folder))?;
    view::remove(&partial)
}

/// The wheels are taken for their C++ libraries, so any Python's will do: one is fixed, and this machine's Python may
/// be older or newer than what torch is built for. pip matches platform names exactly, hence the list.
fn platform() -> Vec<String> {
    let arch = std::env::consts::ARCH;
    let glibc = (17..=28).rev().map(|minor| format!("manylinux_2_{minor}_{arch}"));
    let names = glibc.chain([format!("manylinux2014_{arch}")]);
    let mut args: Vec<String> = names.flat_map(|name| ["--platform".to_owned(), name]).collect();
    args.extend(["--python-version", "3.11", "--implementation", "cp"].map(str::to_owned));
    args
}

/// The failure of a machine that no wheel fits.
pub(crate) fn supported() -> Result<()> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64" | "aarch64") => Ok(()),
        (os, arch) => Err(Failure::Failed(format!(
            "there is no libtorch {VERSION} wheel for {os} on {arch}\nhint: build libtorch {VERSION} and let \
             `LIBTORCH` name its folder"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cuda_libraries_are_read_from_torchs_own_metadata() {
        let metadata = "Name: torch\nRequires-Dist: filelock\n\
                        Requires-Dist: cuda-toolkit[cublas,nvtx]==13.0.2; platform_system == \"Linux\"\n\
                        Requires-Dist: nvidia-cudnn-cu13==9.19.0.56; platform_system == \"Linux\"\n\
                        Requires-Dist: triton==3.6.0; platform_system == \"Linux\"\n";
        assert_eq!(
            cuda_requirements(metadata),
            ["cuda-toolkit[cublas,nvtx]==13.0.2", "nvidia-cudnn-cu13==9.19.0.56"]
        );
    }
}
