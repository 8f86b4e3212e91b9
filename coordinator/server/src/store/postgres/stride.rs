//! A stride as one statement: its statements become named parts of it, so that they share one round trip.
//!
//! ```sql
//! with s0 as (update … returning 1), s1 as (insert … returning 1), s2 as (select count(*) …)
//! select (select count(*) from s0), (select count(*) from s1), (select * from s2)
//! ```

use super::{Postgres, values};
use crate::store::{
    Result, StoreError,
    sql::{about, check},
    verb::{Expect, Step},
};
use sqlx::{AssertSqlSafe, PgConnection};

impl Postgres {
    /// Runs a stride, and checks how many rows each of its statements reached.
    pub(super) async fn run(&self, connection: &mut PgConnection, stride: &[Step<'_>]) -> Result<()> {
        if stride.is_empty() {
            return Ok(());
        }
        let mut query = sqlx::query(AssertSqlSafe(text(stride)));
        for step in stride {
            query = values::bind(query, step.verb, &step.rows);
        }
        let counts = self.answer_to(query.fetch_one(connection)).await;
        let counts = counts.map_err(|error| match stride {
            [only] => about(only, error),
            all => among(all, error),
        })?;
        let counts = values::row(&counts).map_err(|error| self.fault(&error))?;
        stride.iter().enumerate().try_for_each(|(index, step)| check(step, counts.unsigned(index)?))
    }
}

/// A violated constraint: the database does not say of which statement.
fn among(stride: &[Step<'_>], error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict { what } => {
            let all: Vec<_> = stride.iter().map(|step| step.verb.what).collect();
            StoreError::Conflict { what: format!("one of {}: {what}", all.join(", ")) }
        }
        other => other,
    }
}

/// One statement that runs all of a stride and counts the rows that each of its statements reached.
fn text(stride: &[Step<'_>]) -> String {
    let (mut parts, mut counts, mut before) = (Vec::new(), Vec::new(), 0);
    for (index, step) in stride.iter().enumerate() {
        let sql = step.verb.postgres(before);
        let (returning, count) = match step.verb.expect {
            Expect::Count => ("", "*"),
            Expect::Any | Expect::Each => (" returning 1", "count(*)"),
        };
        parts.push(format!("s{index} as ({sql}{returning})"));
        counts.push(format!("(select {count} from s{index})"));
        before += step.verb.columns.len();
    }
    format!("with {} select {}", parts.join(", "), counts.join(", "))
}
