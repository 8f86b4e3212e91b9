//! What an examination of a state finds.

use serde::Serialize;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word: `artifacts`.
    pub check: &'static str,
    /// How bad it is.
    pub grade: Grade,
    /// What was found.
    pub found: String,
    /// What follows from it; empty where nothing does.
    pub means: String,
    /// What to do about it; empty where nothing is to be done.
    pub todo: String,
    /// Whom it is about, such as `j12`.
    pub about: Vec<String>,
    /// What `--repair` does about it, or did.
    pub repair: Option<&'static str>,
    /// Whether that was done.
    pub repaired: bool,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// As it should be.
    Fine,
    /// Worth knowing.
    Note,
    /// It works, and may not for long.
    Warning,
    /// Something is wrong.
    Fault,
}

impl Finding {
    /// A finding that asks for nothing.
    pub fn new(check: &'static str, grade: Grade, found: impl Into<String>) -> Self {
        let (means, todo) = (String::new(), String::new());
        Self {
            check,
            grade,
            found: found.into(),
            means,
            todo,
            about: Vec::new(),
            repair: None,
            repaired: false,
        }
    }

    /// What follows from it, and what to do.
    #[must_use]
    pub fn so(mut self, means: impl Into<String>, todo: impl Into<String>) -> Self {
        (self.means, self.todo) = (means.into(), todo.into());
        self
    }

    /// Whom it is about.
    #[must_use]
    pub fn about(mut self, about: Vec<String>) -> Self {
        self.about = about;
        self
    }

    /// Whether something is wrong still.
    pub fn is_ill(&self) -> bool {
        self.grade == Grade::Fault && !self.repaired
    }
}
