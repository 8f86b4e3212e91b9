//! The rig of the store's scenarios: a place for state on either database, and a world that lives there.

mod place;
mod world;

pub(crate) use place::{Place, admin, as_role, tables};
pub(crate) use world::{NOW, SWEEP, Submitted, World, artifact, outcome};

use std::time::Duration;
use tombola_server::store::{Cell, Limits, Store, Table};

/// Limits that no scenario reaches unless it means to.
pub(crate) const PLENTY: Limits = Limits { rows: 100_000, bytes: 64 << 20, time: Duration::from_secs(30) };

/// The answer to a query that must work.
pub(crate) async fn ask(store: &dyn Store, sql: &str) -> Table {
    store.query(sql, PLENTY).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
}

/// The single value that a query yields.
pub(crate) async fn value(store: &dyn Store, sql: &str) -> Cell {
    ask(store, sql).await.rows[0][0].clone()
}

/// A table as people read it: `a | 0.500000 | null`, a line for each row.
pub(crate) fn text(table: &Table) -> String {
    let cell = |cell: &Cell| match cell {
        Cell::Null => "null".to_owned(),
        Cell::Integer(value) => value.to_string(),
        // Adding zero takes the sign from a negative one.
        Cell::Float(value) => format!("{:.6}", (value * 1e6).round() / 1e6 + 0.0),
        Cell::Text(text) => text.clone(),
        Cell::Bool(value) => value.to_string(),
    };
    let line = |row: &Vec<Cell>| row.iter().map(cell).collect::<Vec<_>>().join(" | ") + "\n";
    table.rows.iter().map(line).collect()
}

/// Runs each scenario on each database: `sqlite::NAME` and `postgres::NAME`.
macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&$crate::rig::Place::sqlite()).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(place) = $crate::rig::Place::postgres(concat!(module_path!(), stringify!($name))).await {
                    super::$name(&place).await;
                    place.remove().await;
                }
            })*
        }
    };
}
pub(crate) use scenarios;
