//! Scenarios of the engine, from files and jobs to files and events.
#![expect(clippy::unwrap_used, reason = "a panic is how a test's helper fails")]

mod artifacts;
mod augment;
mod channels;
mod checkpoint;
mod child;
mod connectivity;
mod criteria;
mod data;
mod early_bird;
mod fused;
mod fuzz;
mod import;
mod mixed;
mod nets;
mod prune;
mod random;
mod real;
mod recipes;
mod redraw;
mod resume;
mod rig;
mod searches;
mod sparse;
mod subset;
mod supermask;
mod tensors;
mod training;
