//! The wire: generated code for `tombola.v1` and its conversions to and from the vocabulary.
//!
//! Wire types may appear here, in the RPC handlers, and in the clients of the agent and the command line; nowhere else.

#![forbid(unsafe_code)]

mod convert;
pub use convert::from_json;
mod error;

pub use error::ConversionError;

/// Generated from `proto/tombola/v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code; its docs are the .proto files"
)]
pub mod v1 {
    tonic::include_proto!("tombola.v1");
}

/// The encoded descriptor set, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/tombola.fds"));

/// Largest message either side accepts, bytes. Artifacts travel in chunks of [`CHUNK`].
pub const MAX_MESSAGE: usize = 16 << 20;

/// Size of an artifact chunk, bytes.
pub const CHUNK: usize = 1 << 20;
