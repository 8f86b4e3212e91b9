//! Compiles `proto/tombola/v1` without a protoc on the machine.

use prost::Message;
use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    println!("cargo:rerun-if-changed={}", root.join("tombola").display());
    let files = ["sweeps", "workers", "artifacts", "query", "access"]
        .map(|name| root.join(format!("tombola/v1/{name}.proto")));
    let descriptors = protox::compile(files, [&root])?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("tombola.fds"), descriptors.encode_to_vec())?;
    // The command line prints answers as JSON straight from the wire types.
    tonic_prost_build::configure()
        .type_attribute(".", "#[derive(serde::Serialize)]")
        .compile_fds(descriptors)?;
    Ok(())
}
