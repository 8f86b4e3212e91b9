//! The coordinator: gRPC, store, artifacts.

pub mod store;
