//! Files of named tensors: weights, optimizer state, masks, mid-training checkpoints.
//!
//! Every file is safetensors, with a versioned header in its metadata; equal contents are equal bytes. What a file
//! holds is its writer's business: nothing here knows networks, optimizers or jobs.

mod format;
mod load;
mod save;

pub use format::{FORMAT, FileKind, TensorFile, Values};
pub use save::{Saved, write_atomically};
