//! SQL of users: what it may ask, and what it costs at most.

use crate::rig::{PLENTY, Place, SWEEP, World, ask, scenarios};
use std::{sync::Arc, time::Duration};
use tombola_core::record::{WorkerState, Write};
use tombola_server::store::{AT_ONCE, Cell, Limits, Store, StoreError};
use tombola_spec::WorkerId;

scenarios!(
    values_of_every_kind_come_back,
    an_empty_answer_has_columns,
    rows_and_bytes_are_limited,
    a_query_that_takes_too_long_is_stopped,
    nothing_can_be_changed,
    nothing_but_queries_is_run,
    mistakes_are_explained,
    a_limit_that_is_no_number_is_a_mistake_of_the_query,
    the_writer_waits_for_no_reader,
    an_abandoned_query_makes_room,
);

/// Runs until it is stopped.
const ENDLESS: &str =
    "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n";

async fn why(world: &World, sql: &str) -> String {
    match world.store.query(sql, PLENTY).await {
        Err(StoreError::Query { why }) => why,
        other => panic!("{sql}: {other:?}"),
    }
}

async fn values_of_every_kind_come_back(place: &Place) {
    let world = World::new(place).await;
    let sql = "select 1, 1.5, 'a;b', null, cast(null as text), sum(n), name, since from workers, (select 2 as n) as t
               group by name, since -- the end;";
    let table = ask(&world.store, sql).await;
    let text = |text: &str| Cell::Text(text.to_owned());
    assert_eq!(
        table.rows,
        [[
            Cell::Integer(1),
            Cell::Float(1.5),
            text("a;b"),
            Cell::Null,
            Cell::Null,
            Cell::Integer(2),
            text("node-1"),
            text("2026-11-24T02:54:28.123Z"),
        ]]
    );
    assert_eq!(table.columns[6..], ["name", "since"]);
    assert!(!table.truncated);
    ask(&world.store, "explain select * from ticket_curve").await;
    ask(&world.store, "values (1), (2)").await;
}

async fn an_empty_answer_has_columns(place: &Place) {
    let world = World::new(place).await;
    let table = ask(&world.store, "select sweep, done from sweep_progress").await;
    assert_eq!((table.columns, table.rows.len()), (vec!["sweep".to_owned(), "done".to_owned()], 0));
}

async fn rows_and_bytes_are_limited(place: &Place) {
    let mut world = World::new(place).await;
    world.submit(SWEEP).await;
    let all = ask(&world.store, "select fingerprint from jobs").await.rows.len();
    let some = |rows, bytes| Limits { rows, bytes, ..PLENTY };
    let table = world.store.query("select fingerprint from jobs", some(3, 1 << 20)).await.unwrap();
    assert_eq!((table.rows.len(), table.truncated), (3, true));
    // 64 digits and 8 for the cell.
    let table = world.store.query("select fingerprint from jobs", some(1000, 200)).await.unwrap();
    assert_eq!((table.rows.len(), table.truncated), (2, true));
    let table = world.store.query("select fingerprint from jobs", some(all, 1 << 20)).await.unwrap();
    assert_eq!((table.rows.len(), table.truncated), (all, false));
}

async fn a_query_that_takes_too_long_is_stopped(place: &Place) {
    let world = World::new(place).await;
    let limits = Limits { rows: usize::MAX, bytes: usize::MAX, time: Duration::from_millis(50) };
    for sql in [ENDLESS, &ENDLESS.replace("count(*)", "i")] {
        match world.store.query(sql, limits).await {
            Err(StoreError::Query { why }) => assert!(why.contains("stopped after 0.05 s\nhint:"), "{why}"),
            other => panic!("{:?}", other.map(|table| table.rows.len())),
        }
    }
}

async fn nothing_can_be_changed(place: &Place) {
    let mut world = World::new(place).await;
    world.submit(SWEEP).await;
    let before = world.everything().await;
    let mut statements = vec![
        "delete from jobs",
        "update leader set epoch = 0",
        "with gone as (select 1) delete from claims",
        "drop view ticket_curve",
        "create table mine (x integer)",
        "explain analyze delete from jobs",
        "begin",
        "commit",
        "select 1; delete from claims",
        "select 1; commit; delete from claims",
    ];
    if !place.is_sqlite() {
        statements.extend([
            "with gone as (delete from claims returning job) select * from gone",
            "select * into mine from jobs",
            "select * from jobs for update",
            "select set_config('transaction_read_only', 'off', true)",
            "select lo_create(0)",
        ]);
    }
    for sql in statements {
        why(&world, sql).await;
    }
    assert_eq!(world.everything().await, before);
}

async fn nothing_but_queries_is_run(place: &Place) {
    let world = World::new(place).await;
    for sql in [
        "",
        ";",
        "-- select",
        "pragma user_version",
        "pragma journal_mode = delete",
        "vacuum",
        "reset all",
        "attach '/tmp/other.db' as other",
        "set role none",
        "copy jobs to stdout",
        "analyze",
        "listen x",
    ] {
        let why = why(&world, sql).await;
        assert!(why.contains("is not a query\nhint: begin with select"), "{why}");
    }
    if place.is_sqlite() {
        assert!(why(&world, "select load_extension('x')").await.contains("not authorized"));
        assert!(why(&world, "select $x(') ; attach 'f' as g --'").await.contains("begins a parameter"));
    }
}

async fn mistakes_are_explained(place: &Place) {
    let world = World::new(place).await;
    assert!(why(&world, "select * from ticket_curves").await.contains("ticket_curves"));
    assert!(why(&world, "select swep from sweep_progress").await.contains("swep"));
    // And the store goes on.
    ask(&world.store, "select 1").await;
}

/// People were told that the database does not answer.
async fn a_limit_that_is_no_number_is_a_mistake_of_the_query(place: &Place) {
    let world = World::new(place).await;
    assert!(!why(&world, "select 1 limit 'x'").await.is_empty());
}

/// Queries that run, or that nobody reads on, hold up no commit and no schema.
async fn the_writer_waits_for_no_reader(place: &Place) {
    let mut world = World::new(place).await;
    let other = Arc::new(place.open());
    let running: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let other = Arc::clone(&other);
            tokio::spawn(async move {
                other.query(ENDLESS, Limits { time: Duration::from_secs(20), ..PLENTY }).await
            })
        })
        .collect();
    // They run once they have left no room for another.
    let question = || tokio::time::timeout(Duration::from_millis(50), other.query("select 1", PLENTY));
    while question().await.is_ok() {}
    for _ in 0..20 {
        let worker = world.worker();
        world.commit(&[worker]).await.unwrap();
    }
    assert!(running.iter().all(|query| !query.is_finished()));
    running.iter().for_each(|query| query.abort());
    world.commit(&[Write::WorkerState { worker: WorkerId(1), state: WorkerState::Gone }]).await.unwrap();
}

/// As many endless queries as there is room for, given up one after the other: the last question still finds room.
async fn an_abandoned_query_makes_room(place: &Place) {
    let world = World::new(place).await;
    for _ in 0..6 {
        let query = world.store.query(ENDLESS, Limits { time: Duration::from_secs(60), ..PLENTY });
        assert!(tokio::time::timeout(Duration::from_millis(20), query).await.is_err());
    }
    ask(&world.store, "select 1").await;
}
