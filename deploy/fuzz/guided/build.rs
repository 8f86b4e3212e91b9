//! Lets the targets that need libtorch find it at run time.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_ENGINE").is_some() {
        let root = std::env::var_os("LIBTORCH").map_or_else(|| PathBuf::from("/usr"), PathBuf::from);
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", root.join("lib").display());
    }
}
