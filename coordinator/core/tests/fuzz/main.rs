//! Whatever comes from outside, the core answers with words or with a plan, and without much work.

#![expect(clippy::unwrap_used, reason = "a panic is how a case fails")]
#![expect(clippy::disallowed_methods, reason = "the sweeps that people are given are files")]

mod limits;
mod sweep;
