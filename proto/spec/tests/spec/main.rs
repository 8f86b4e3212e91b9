//! What must never move, and what goes through wires and files.

mod examples;
mod golden;
mod messages;
