//! The schema's history: files of `/migrations`, applied in order, each once, never edited afterwards.

use super::{
    Result, StoreError,
    steps::METRIC_KINDS,
    verb::{Step, row},
};
use tombola_spec::outcome::{Direction, METRICS};

/// One numbered file.
pub(super) struct Migration {
    /// Its number; the schema has the version of the last one applied.
    pub(super) number: i64,
    /// Statements for SQLite.
    pub(super) sqlite: &'static str,
    /// Statements for Postgres.
    pub(super) postgres: &'static str,
}

macro_rules! migration {
    ($number:literal, $file:literal) => {
        Migration {
            number: $number,
            sqlite: include_str!(concat!("../../../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../../../migrations/postgres/", $file)),
        }
    };
}

/// Every migration, in order.
pub(super) const ALL: &[Migration] = &[
    migration!(1, "0001_init.sql"),
    migration!(2, "0002_views.sql"),
    migration!(3, "0003_jobs.sql"),
    migration!(4, "0004_last_word.sql"),
    migration!(5, "0005_analyses.sql"),
    migration!(6, "0006_courses.sql"),
    migration!(7, "0007_slim.sql"),
    migration!(8, "0008_searches.sql"),
    migration!(9, "0009_early_bird.sql"),
    migration!(10, "0010_files.sql"),
    migration!(11, "0011_verdicts.sql"),
    migration!(12, "0012_cost.sql"),
    migration!(13, "0013_best.sql"),
];

/// Where the version is kept.
pub(super) const VERSION_TABLE: &str =
    "create table if not exists schema_version (version bigint primary key, applied text not null)";

/// The version found.
pub(super) const VERSION: &str = "select coalesce(max(version), 0) from schema_version";

/// What is still to apply to a schema of this version.
///
/// # Errors
/// [`StoreError::Newer`] for a version this build does not know.
pub(super) fn missing(found: i64) -> Result<&'static [Migration]> {
    let known = ALL.last().map_or(0, |last| last.number);
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let first = ALL.iter().position(|migration| migration.number > found).unwrap_or(ALL.len());
    Ok(&ALL[first..])
}

/// What leads to a schema of this version.
///
/// # Errors
/// [`StoreError::Newer`] for a version this build does not know.
pub(super) fn until(version: i64) -> Result<&'static [Migration]> {
    let later = missing(version)?.len();
    Ok(&ALL[..ALL.len() - later])
}

/// The metrics this build knows, as rows.
pub(super) fn metric_kinds() -> Step<'static> {
    let direction = |direction: &Direction| match direction {
        Direction::Lower => "lower",
        Direction::Higher => "higher",
    };
    let rows = METRICS.iter().map(|(name, unit, good)| row![*name, *unit, direction(good)]).collect();
    Step { verb: &METRIC_KINDS, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_of_the_future_is_refused() {
        let known = ALL.last().map_or(0, |last| last.number);
        assert_eq!(missing(0).unwrap().len(), ALL.len());
        assert!(missing(known).unwrap().is_empty());
        assert_eq!((until(1).unwrap().len(), until(known).unwrap().len()), (1, ALL.len()));
        assert!(matches!(missing(known + 1), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn migrations_are_numbered_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}
