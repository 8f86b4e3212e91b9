//! Lets the engine's tests and benchmarks find libtorch at run time, and tells the code where it was linked from.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    // torch-sys looks in the same place; without it, it uses a system-wide libtorch.
    let root = std::env::var_os("LIBTORCH").map_or_else(|| PathBuf::from("/usr"), PathBuf::from);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", root.join("lib").display());
    println!("cargo:rustc-env=TOMBOLA_LIBTORCH={}", root.display());
}
