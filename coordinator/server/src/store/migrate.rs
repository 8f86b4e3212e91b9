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
    migration!(14, "0014_access.sql"),
    migration!(15, "0015_rolling.sql"),
    migration!(16, "0016_keep.sql"),
];

/// Where the version is kept.
pub(super) const VERSION_TABLE: &str =
    "create table if not exists schema_version (version bigint primary key, applied text not null)";

/// The version found.
pub(super) const VERSION: &str = "select coalesce(max(version), 0) from schema_version";

/// The newest migration that contracts: builds that do not know it cannot work on the schema any more. Later ones expand:
/// they add what builds before them do not miss, so that coordinators are upgraded one by one, old beside new. Raise it to
/// the number of a migration that takes away or changes what an earlier build reads or writes.
pub(super) const OLDEST: i64 = 16;

/// Says so to builds to come.
pub(super) const PROMISE: &str =
    "update schema_version set oldest = $1 where version = $2 and oldest is distinct from $1";

/// Of a schema that is newer than this build: the oldest version that may still work on it.
pub(super) const PROMISED: &str =
    "select coalesce(oldest, version) from schema_version order by version desc limit 1";

/// The newest version this build knows.
pub(super) fn known() -> i64 {
    ALL.last().map_or(0, |last| last.number)
}

/// Whether this build may work on a newer schema, as those who made it promised.
///
/// # Errors
/// [`StoreError::Newer`] if not.
pub(super) fn may_work(found: i64, oldest: i64) -> Result<()> {
    let known = known();
    if oldest > known {
        return Err(StoreError::Newer { found, known });
    }
    tracing::warn!(
        found,
        known,
        "store.newer: a newer build has expanded the schema; this one works on beside it"
    );
    Ok(())
}

/// What is still to apply to a schema of this version; nothing to a newer one.
pub(super) fn missing(found: i64) -> &'static [Migration] {
    let first = ALL.iter().position(|migration| migration.number > found).unwrap_or(ALL.len());
    &ALL[first..]
}

/// What leads to a schema of this version.
///
/// # Errors
/// [`StoreError::Newer`] for a version this build does not know.
pub(super) fn until(version: i64) -> Result<&'static [Migration]> {
    let known = known();
    if version > known {
        return Err(StoreError::Newer { found: version, known });
    }
    Ok(&ALL[..ALL.len() - missing(version).len()])
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
    fn a_schema_of_the_future_is_refused_unless_its_makers_left_room() {
        assert_eq!(missing(0).len(), ALL.len());
        assert!(missing(known()).is_empty() && missing(known() + 1).is_empty());
        assert_eq!((until(1).unwrap().len(), until(known()).unwrap().len()), (1, ALL.len()));
        assert!(may_work(known() + 2, known()).is_ok());
        assert!(matches!(may_work(known() + 2, known() + 1), Err(StoreError::Newer { .. })));
    }

    #[test]
    fn the_newest_contraction_is_a_migration() {
        assert!(ALL.iter().any(|migration| migration.number == OLDEST));
    }

    #[test]
    fn migrations_are_numbered_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].number < pair[1].number));
    }
}
