//! The sweep file: a researcher's TOML, read into settings that make sense, expanded into a plan.
//!
//! ```text
//! tree ─► section, value ─► settings, axes, branch, analysis ─► file ─► expand ─► plan
//!                    notes of every mistake, each with its place and a hint
//! ```
//!
//! The language, by table:
//! - top: `name`; `seeds` (`"1..=5"`, `[1, 2, 3]`, or one number); `repeat` (whole trials again with other noise, 1).
//! - `model`, `data`, `train`, `prune`: one file each under `settings/`. Left-out settings have defaults, which
//!   [`resolved`] lists. `pretrain`: tables `data` and `train` of another task, put over these.
//! - `axes`: settings that take several values (`axes.rs`); `branch`: controls grown from rounds (`branch/`);
//!   `analysis`: comparisons of what rounds end with (`analysis/`). `files`: the bytes behind the names of files.
//!
//! - `select`: which values of an axis go on (`select.rs`). It and `prune.until` are decided by results (`judge.rs`); how far
//!   a trial goes until then is in `reach.rs`, what a decision adds to a sweep in `growth.rs`.
//!
//! Nothing here reads files, and nothing it is given makes it panic. To add a setting: its reader in `settings/`, its
//! line in `resolved.rs`. To add a kind of branch or of analysis: a file in `branch/` or `analysis/` and a line in its registry.

mod analysis;
mod axes;
mod bound;
mod branch;
mod diagnostic;
mod diff;
mod expand;
mod file;
mod files;
mod growth;
mod jobs;
mod judge;
mod kinds;
mod line;
mod reach;
mod resolved;
mod section;
mod select;
mod settings;
mod summary;
mod tree;
mod trunk;
mod value;
mod yardstick;

pub use bound::most;
pub use diagnostic::{Diagnostic, Diagnostics};
pub use diff::{Change, diff, lost};
pub use expand::{Dense, MOST_JOBS, expand, expand_onto};
pub use file::{LARGEST, SweepFile, listed_files, named_files, parse};
pub use growth::{Growth, growth};
pub use judge::{Decision, decide, judge};
pub use reach::Extent;
pub use resolved::{Setting, resolved};
pub use summary::{Cost, Summary, cost, summary};

use crate::plan::Plan;

/// The plan of a sweep file's text.
///
/// # Errors
/// All mistakes at once, in the order of the lines; or that it asks for too many jobs.
pub fn load(text: &str) -> Result<Plan, Diagnostics> {
    expand(&parse(text)?)
}
