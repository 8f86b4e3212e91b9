//! What the GPU benchmark needs: a GPU here, or a folder of its own for a machine that has one and a Python with PyTorch, but
//! no Rust.

use std::fs;
use std::path::{Path, PathBuf};

use crate::paths::Paths;
use crate::shell::{Result, at, fail, output, say};

/// What starts it there.
const RUN: &str = include_str!("../../bench/gpu.sh");

/// What NVIDIA's driver shows of itself: on Linux, and on Linux inside Windows.
const DRIVER: [&str; 2] = ["/dev/nvidiactl", "/dev/dxg"];

/// Whether the benchmark's options ask for a GPU: unless they say `--device cpu`.
pub(crate) fn wanted(options: &[String]) -> bool {
    !options.windows(2).any(|pair| pair == ["--device", "cpu"])
}

/// Fails where there is none, before gigabytes are fetched for it.
pub(crate) fn require() -> Result<()> {
    if DRIVER.iter().any(|driver| Path::new(driver).exists()) {
        return Ok(());
    }
    fail(
        "no NVIDIA GPU here: its driver shows neither /dev/nvidiactl nor /dev/dxg\n\
         hint: `cargo xtask bench gpu --carry DIR` makes a folder for a machine that has one; `cargo xtask bench gpu -- \
         --device cpu --widths 1,2 --seconds 0.01 --without-torch` tries the benchmark out",
    )
}

/// Builds it here and puts what it needs into `folder`.
pub(crate) fn carry(paths: &Paths, folder: &Path) -> Result<()> {
    let binary = built(paths)?;
    at(folder, fs::create_dir_all(folder))?;
    at(&binary, fs::copy(&binary, folder.join("gpu")))?;
    let script = paths.repo.join("deploy/bench/torch_step.py");
    at(&script, fs::copy(&script, folder.join("torch_step.py")))?;
    at(folder, fs::write(folder.join("gpu.sh"), RUN))?;
    let folder = folder.display();
    say(&format!(
        "carry `{folder}` to a machine with a GPU and a Python that has torch 2.11, then: sh gpu.sh"
    ));
    Ok(())
}

/// The benchmark's binary, built first.
fn built(paths: &Paths) -> Result<PathBuf> {
    let mut cargo = paths.cargo();
    cargo.args([
        "bench",
        "--package",
        "tombola-engine",
        "--bench",
        "gpu",
        "--no-run",
        "--message-format",
        "json",
    ]);
    let said = output(&mut cargo)?;
    match executable(&said) {
        Some(binary) => Ok(binary),
        None => fail("cargo built the GPU benchmark and does not say where"),
    }
}

/// The last program that cargo's messages name.
fn executable(messages: &str) -> Option<PathBuf> {
    let named = |line: &str| line.split_once("\"executable\":\"")?.1.split('"').next().map(PathBuf::from);
    messages.lines().filter_map(named).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_device_cpu_do_without_a_gpu() {
        let wanted = |line: &str| wanted(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert!(wanted("--turns 1") && wanted("--device cuda") && wanted("--only cpu"));
        assert!(!wanted("--turns 1 --device cpu"));
    }

    #[test]
    fn the_benchmark_is_found_in_what_cargo_says() {
        let said = "{\"reason\":\"compiler-artifact\",\"executable\":null}\n\
                    {\"reason\":\"compiler-artifact\",\"executable\":\"/target/release/deps/gpu-1\",\"fresh\":true}\n\
                    {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(said), Some(PathBuf::from("/target/release/deps/gpu-1")));
        assert_eq!(executable("{\"executable\":null}"), None);
    }
}
