//! The no-CUDA view: a folder of links to a libtorch that leaves CUDA's libraries out.
//!
//! tch links whatever it finds, and a binary linked against CUDA pays for it in memory and start-up and does not start
//! at all without it. Through the view it is linked against libtorch_cpu alone; a GPU slot loads the rest at run time
//! from the folder named in `cuda-libs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::libtorch;
use crate::shell::{Failure, Result, at};

/// The file in the view that holds the absolute path of the folder with `libtorch_cuda.so`.
const CUDA_LIBS: &str = "cuda-libs";

/// Makes `view/torch` for the libtorch in `torch`, and `view/nvidia` beside it: libtorch_cpu looks for CUDA's small
/// run-time libraries in `../../nvidia` of the folder it was opened from, links not resolved.
pub(crate) fn make(torch: &Path, view: &Path) -> Result<()> {
    if libtorch::is_complete(&view.join("torch")) {
        return record_cuda(&view.join("torch"));
    }
    let torch = at(torch, fs::canonicalize(torch))?;
    let partial = view.with_extension("partial");
    remove(&partial)?;
    let lib = partial.join("torch/lib");
    at(&lib, fs::create_dir_all(&lib))?;
    at(&partial, symlink(torch.join("include"), partial.join("torch/include")))?;
    for entry in at(&torch, fs::read_dir(torch.join("lib")))? {
        let entry = entry?;
        if belongs(&entry.file_name().to_string_lossy()) {
            at(&lib, symlink(entry.path(), lib.join(entry.file_name())))?;
        }
    }
    let nvidia = torch.with_file_name("nvidia");
    if nvidia.exists() {
        at(&partial, symlink(nvidia, partial.join("nvidia")))?;
    }
    record_cuda(&partial.join("torch"))?;
    remove(view)?;
    at(view, fs::rename(&partial, view))
}

/// Whether a library is shown. CUDA's small run-time library is: where it lies beside libtorch_cpu, that needs it.
fn belongs(library: &str) -> bool {
    library.starts_with("libcudart")
        || !["cuda", "nvrtc", "libtorch_python", "nvshmem"].iter().any(|part| library.contains(part))
}

/// Writes where the CUDA libraries are, if there are any and it is not written yet.
pub(crate) fn record_cuda(torch: &Path) -> Result<()> {
    let note = torch.join(CUDA_LIBS);
    match full_lib(torch) {
        Some(lib) if !note.exists() && lib.join("libtorch_cuda.so").exists() => {
            at(&note, fs::write(&note, lib.as_os_str().as_encoded_bytes()))
        }
        _ => Ok(()),
    }
}

/// Whether all that a GPU slot loads is there: libtorch_cuda and the libraries it needs.
pub(crate) fn has_cuda(torch: &Path) -> bool {
    full_lib(torch).is_some_and(|lib| {
        let beside = lib.ancestors().nth(2).map(|folder| folder.join("nvidia/cudnn"));
        lib.join("libtorch_cuda.so").exists()
            && (lib.join("libcudart.so").exists() || beside.is_some_and(|cudnn| cudnn.exists()))
    })
}

/// The folder of the real libraries, seen through the view's links.
fn full_lib(torch: &Path) -> Option<PathBuf> {
    let library = fs::canonicalize(torch.join("lib/libtorch_cpu.so")).ok()?;
    library.parent().map(Path::to_path_buf)
}

/// Removes a folder that may not be there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::Failed(format!("cannot remove `{}`: {error}", folder.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_shows_what_a_cpu_needs_and_hides_cuda() {
        let shown = ["libtorch.so", "libtorch_cpu.so", "libc10.so", "libgomp.so.1", "libcudart-0ba1.so.13"];
        let hidden = [
            "libtorch_cuda.so",
            "libc10_cuda.so",
            "libcaffe2_nvrtc.so",
            "libtorch_python.so",
            "libtorch_nvshmem.so",
        ];
        assert!(shown.into_iter().all(belongs));
        assert!(!hidden.into_iter().any(belongs));
    }
}
