//! The engine: training, pruning, masks, checkpoints and data sets on libtorch.
//!
//! It knows neither network nor coordinator nor async: [`child`] speaks to the agent over a pair of pipes, and
//! everything else is plain functions over files and tensors. `train` drives `plan`, which computes with `nn` and
//! `optim`; `data`, `prune`, `checkpoint`, `mask`, `init`, `redraw` and `random` are Rust without libtorch.

pub mod calibration;
pub mod checkpoint;
pub mod child;
pub mod data;
pub mod device;
pub mod error;
pub mod init;
pub mod mask;
mod nn;
mod numerics;
mod optim;
mod plan;
pub mod prune;
pub mod random;
pub mod redraw;
mod simd;
pub mod slim;
pub mod train;

pub use child::{ChildOptions, run_child};
pub use error::{EngineError, Result};
