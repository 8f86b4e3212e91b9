//! What the engine reads; needs libtorch.

pub(crate) mod data_set;
pub(crate) mod tensors;
