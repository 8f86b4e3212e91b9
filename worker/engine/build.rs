//! Compiles the shim, lets the engine's tests and benchmarks find libtorch at run time, and tells the code where it was linked
//! from.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    // torch-sys looks in the same place; without it, it uses a system-wide libtorch.
    let root = std::env::var_os("LIBTORCH").map_or_else(|| PathBuf::from("/usr"), PathBuf::from);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", root.join("lib").display());
    println!("cargo:rustc-env=TOMBOLA_LIBTORCH={}", root.display());
    println!("cargo:rerun-if-changed=shim");
    let mut shim = cc::Build::new();
    shim.cpp(true).std("c++17").file("shim/numerics.cpp").include(root.join("include"));
    // Warnings of libtorch's headers are nobody's here.
    shim.warnings(false).compile("tombola_numerics");
}
