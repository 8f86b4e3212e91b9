//! Lets the binary find libtorch where it was linked from, so that it runs without `LD_LIBRARY_PATH`.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    let root = std::env::var_os("LIBTORCH").map_or_else(|| PathBuf::from("/usr"), PathBuf::from);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", root.join("lib").display());
}
