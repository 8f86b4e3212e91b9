//! Whatever comes from outside, the core answers with words or with a plan, and without much work.

mod limits;
mod sweep;
