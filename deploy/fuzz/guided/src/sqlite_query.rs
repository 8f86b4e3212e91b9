//! SQL of people on SQLite: an answer or words, nothing is written, nothing secret is told, and it ends in time.

use super::{Target, repository, state};
use std::{
    fs,
    sync::LazyLock,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tombola_server::store::{Cell, Limits, SqlStore, Store, StoreError};
use tombola_spec::Digest;

pub(crate) const TARGET: Target = Target { name: "sqlite_query", run, seeds, words: WORDS, longest: 1024 };

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "select ", " from ", " where ", "with ", "recursive ", "values ", "explain ", "query plan ",
    " union all ", " order by ", " group by ", " limit ", "jobs", "trial", "sweeps", "workers",
    "access_tokens", "sqlite_master", "pragma_table_info(", "pragma_", "attach ", "vacuum into ",
    "insert into ", "update ", "delete from ", "pragma ", "begin", "savepoint x", "load_extension(",
    "randomblob(", "zeroblob(", "printf(", "json_each(", "instr(", "replace(", "hex(", "group_concat(",
    "count(*)", "999999999", "x'00'", "'", "\"", "`", "[", "]", "--", "/*", "*/", ";", "?1", ":a", "$x(",
    "||", " like ", " glob ", " match ",
];

const LIMITS: Limits = Limits { rows: 1000, bytes: 1 << 20, time: Duration::from_secs(1) };

struct Place {
    folder: TempDir,
    store: SqlStore,
    runtime: Runtime,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let runtime = state::runtime();
    let (folder, store) = runtime.block_on(state::make());
    Place { folder, store, runtime }
});

/// The hash of what is secret: a fuzzer learns whatever a text is compared with, and asks for it.
static SECRET: LazyLock<Digest> = LazyLock::new(|| Digest::of(state::secret().to_string().as_bytes()));

/// Length and time of the last change of each file of the database; its index of the log is written by readers, too.
fn files(place: &Place) -> Vec<(String, u64, Option<SystemTime>)> {
    let all = fs::read_dir(place.folder.path()).into_iter().flatten().flatten();
    let all = all.filter_map(|entry| {
        let (name, data) = (entry.file_name().to_string_lossy().into_owned(), entry.metadata().ok()?);
        (!name.ends_with("-shm")).then(|| (name, data.len(), data.modified().ok()))
    });
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

fn run(bytes: &[u8]) {
    let Ok(sql) = std::str::from_utf8(bytes) else { return };
    let place = &*PLACE;
    let before = files(place);
    match place.runtime.block_on(place.store.query(sql, LIMITS)) {
        Ok(table) => {
            assert!(table.rows.len() <= LIMITS.rows);
            assert!(table.rows.iter().all(|row| row.len() == table.columns.len()));
            let told =
                |cell: &Cell| matches!(cell, Cell::Text(text) if Digest::of(text.as_bytes()) == *SECRET);
            assert!(!table.rows.iter().flatten().any(told), "a secret is told: {sql:?}");
        }
        Err(StoreError::Query { why }) => assert!(!why.is_empty()),
        Err(other) => panic!("{other} for {sql:?}"),
    }
    assert_eq!(files(place), before, "{sql:?} wrote");
}

fn seeds() -> Vec<Vec<u8>> {
    let asked = [
        "select * from jobs",
        "select count(*), max(id) from trial group by 1 order by 2 limit 3",
        "with recursive n(i) as (select 1 union all select i + 1 from n limit 9) select i from n",
        "explain query plan select * from sweeps where name like 't%'",
        "values (1, 'a', x'00', null, 1.5)",
        "select name from pragma_table_info('jobs')",
        "select * from access_tokens",
        "select 1; attach 'x' as y",
        "select ';' -- '\n",
        "select \"a\"\"b\" from [trial] /* ; */",
        "select json_extract(settings, '$.train') from trial",
    ];
    asked
        .into_iter()
        .map(|sql| sql.as_bytes().to_vec())
        .chain(repository("migrations/sqlite", "sql"))
        .collect()
}
