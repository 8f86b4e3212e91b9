//! Jobs that ended, for people who watch.

use tombola_core::record::{JobState, Write};
use tombola_spec::JobId;

/// A job that ended one way or another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The job.
    pub job: JobId,
    /// `done`, or the state it ended in.
    pub how: &'static str,
    /// Why, if it failed.
    pub message: String,
}

impl Ended {
    /// What a committed record says about the end of a job, if anything. An attempt that is tried again is no end.
    pub(super) fn of(write: &Write) -> Option<Self> {
        match write {
            Write::Finish { job, .. } => {
                Some(Self { job: *job, how: JobState::Done.name(), message: String::new() })
            }
            Write::End { job, failure, next: next @ (JobState::Failed | JobState::Quarantined), .. } => {
                let message = failure.as_ref().map_or_else(String::new, |failure| failure.message.clone());
                Some(Self { job: *job, how: next.name(), message })
            }
            _ => None,
        }
    }
}
