//! Lets the binary find libtorch where it was linked from, so that it runs without `LD_LIBRARY_PATH`.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    let root = std::env::var_os("LIBTORCH").map_or_else(|| PathBuf::from("/usr"), PathBuf::from);
    // A relative path would mean another place in every folder the binary is started from.
    let named = std::path::absolute(root.join("lib"));
    // Set-up's link may be pointed elsewhere, or go away with the checkout; what it leads to stays.
    let real = root.join("lib").canonicalize();
    for folder in [named, real].into_iter().flatten() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
    }
}
