//! One statement of SQL over a list of rows, for both databases.
//!
//! The text of a statement is shared. What differs is how a list of rows gets in: Postgres takes one array for each
//! column (`unnest`), SQLite one JSON text (`json_each`). A statement names its columns and says `{v}` where that list
//! belongs; a planner sees a table `v`.

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};
use std::{borrow::Cow, fmt::Write as _, io};

/// A statement over a list of rows.
pub(super) struct Verb {
    /// What it does, for messages: "a result".
    pub(super) what: &'static str,
    /// Columns of `v`.
    pub(super) columns: &'static [(&'static str, Kind)],
    /// The statement, with `{v}`.
    pub(super) sql: &'static str,
    /// How many rows it must reach.
    pub(super) expect: Expect,
}

/// The type of a column of `v`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Integer.
    Int,
    /// Floating point.
    Float,
    /// Text.
    Text,
    /// Boolean.
    Bool,
    /// ISO-8601 text that Postgres stores as a timestamp.
    Time,
    /// A JSON document.
    Json,
    /// A list of integers.
    Ints,
    /// A list of floats.
    Floats,
}

/// How many rows a statement must reach, or the commit is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    /// Any number.
    Any,
    /// Exactly one for each row given.
    Each,
    /// It is a `select count(*)` that must count each row given.
    Count,
}

/// One value that goes in.
#[derive(Debug, Clone)]
pub(super) enum Arg<'a> {
    /// SQL null.
    Null,
    /// Integer.
    Int(i64),
    /// Floating point; what is not a number is stored as null.
    Float(f64),
    /// Text, time or JSON.
    Text(Cow<'a, str>),
    /// Boolean.
    Bool(bool),
    /// List of integers.
    Ints(&'a [u64]),
    /// List of floats.
    Floats(&'a [f64]),
}

/// Rows for a statement.
pub(super) struct Step<'a> {
    /// The statement.
    pub(super) verb: &'static Verb,
    /// The rows, each as long as the statement's columns.
    pub(super) rows: Vec<Vec<Arg<'a>>>,
}

/// Statements that touch different tables, and of which none reads what another writes: they may be run one by one, or as
/// one statement.
pub(super) type Stride<'a> = Vec<Step<'a>>;

impl From<u64> for Arg<'_> {
    /// Bit for bit, so that it comes back the same.
    fn from(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }
}

impl From<u32> for Arg<'_> {
    fn from(value: u32) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<f64> for Arg<'_> {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<bool> for Arg<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Postgres stores no NUL. Workers may send one, in a message, and it must not stand in a commit's way.
const NUL: char = '\0';
const REPLACEMENT: &str = "\u{fffd}";

/// A text as both databases store it.
pub(super) fn stored(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains(NUL) { text.replace(NUL, REPLACEMENT).into() } else { text }
}

impl<'a> From<Cow<'a, str>> for Arg<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(stored(text))
    }
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::from(Cow::Borrowed(text))
    }
}

impl From<String> for Arg<'_> {
    fn from(text: String) -> Self {
        Self::from(Cow::Owned(text))
    }
}

impl Arg<'_> {
    /// A JSON document, without NUL in its strings.
    pub(super) fn json(value: &impl Serialize) -> Self {
        let mut text = Vec::new();
        let written = value.serialize(&mut Serializer::with_formatter(&mut text, NoNul));
        written.expect("maps of the vocabulary have string keys, and writing to memory never fails");
        Self::Text(Cow::Owned(String::from_utf8(text).expect("JSON is UTF-8")))
    }
}

/// Compact JSON, but for one escape.
struct NoNul;

impl Formatter for NoNul {
    fn write_char_escape<W: ?Sized + io::Write>(&mut self, to: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::AsciiControl(0) => to.write_all(REPLACEMENT.as_bytes()),
            escape => CompactFormatter.write_char_escape(to, escape),
        }
    }
}

impl<'a, T: Into<Arg<'a>>> From<Option<T>> for Arg<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! id_arg {
    ($($id:ident),*) => {$(
        impl From<tombola_spec::$id> for Arg<'_> {
            fn from(id: tombola_spec::$id) -> Self {
                Self::from(id.0)
            }
        }
    )*};
}
id_arg!(SweepId, TrialId, JobId, WorkerId, LeaseId, Attempt);

impl From<tombola_spec::Digest> for Arg<'_> {
    fn from(digest: tombola_spec::Digest) -> Self {
        Self::from(digest.to_string())
    }
}

impl From<tombola_spec::Fingerprint> for Arg<'_> {
    fn from(fingerprint: tombola_spec::Fingerprint) -> Self {
        Self::from(fingerprint.to_string())
    }
}

/// A row of [`Arg`]s.
macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::verb::Arg::from($value)),*] };
}
pub(super) use row;

impl Verb {
    /// The statement for SQLite: `$1` is the JSON text of the rows.
    pub(super) fn sqlite(&self) -> String {
        let mut source = String::from("(select ");
        for (index, (name, _)) in self.columns.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(source, "{comma}value ->> {index} as {name}");
        }
        source.push_str(" from json_each($1)) as v");
        self.sql.replace("{v}", &source)
    }

    /// The statement for Postgres: the columns are `$1`, `$2`, … after the `before` parameters of others.
    pub(super) fn postgres(&self, before: usize) -> String {
        let (mut columns, mut arrays, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (index, (name, kind)) in self.columns.iter().enumerate() {
            let (array, cast) = kind.postgres();
            columns.push(format!("a.{name}{cast} as {name}"));
            arrays.push(format!("${}::{array}", before + index + 1));
            names.push(*name);
        }
        let (columns, arrays, names) = (columns.join(", "), arrays.join(", "), names.join(", "));
        self.sql.replace("{v}", &format!("(select {columns} from unnest({arrays}) as a ({names})) as v"))
    }
}

impl Kind {
    /// Type of the array that carries it, and the cast of one element.
    fn postgres(self) -> (&'static str, &'static str) {
        match self {
            Self::Int => ("bigint[]", ""),
            Self::Float => ("double precision[]", ""),
            Self::Text => ("text[]", ""),
            Self::Bool => ("boolean[]", ""),
            Self::Time => ("text[]", "::timestamptz"),
            Self::Json => ("text[]", "::jsonb"),
            Self::Ints => ("text[]", "::bigint[]"),
            Self::Floats => ("text[]", "::double precision[]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERB: Verb = Verb {
        what: "a test",
        columns: &[("job", Kind::Int), ("now", Kind::Time)],
        sql: "insert into t (job, at) select v.job, v.now from {v}",
        expect: Expect::Each,
    };

    #[test]
    fn a_statement_is_the_same_on_both_databases_but_for_its_list() {
        assert_eq!(
            VERB.sqlite(),
            "insert into t (job, at) select v.job, v.now from \
             (select value ->> 0 as job, value ->> 1 as now from json_each($1)) as v"
        );
        assert_eq!(
            VERB.postgres(3),
            "insert into t (job, at) select v.job, v.now from (select a.job as job, a.now::timestamptz as now \
             from unnest($4::bigint[], $5::text[]) as a (job, now)) as v"
        );
    }

    #[test]
    fn no_nul_reaches_a_database() {
        let text =
            |arg: Arg<'static>| if let Arg::Text(text) = arg { text.into_owned() } else { String::new() };
        assert_eq!(text("a\0b".into()), "a\u{fffd}b");
        assert_eq!(text(Arg::json(&"a\0b\\u0000\n")), "\"a\u{fffd}b\\\\u0000\\n\"");
    }
}
