//! What a guest tries who is allowed to ask and nothing else. Nothing of it changes anything, reaches files, holds up the
//! writer, or takes memory without bound.

use crate::rig::{PLENTY, Place, SWEEP, World, ask, scenarios};
use std::{sync::Arc, time::Duration};
use tombola_core::record::{WorkerState, Write};
use tombola_server::store::{AT_ONCE, Limits, Store, StoreError};
use tombola_spec::WorkerId;

scenarios!(
    everything_a_guest_may_try_is_refused,
    the_leader_keeps_its_lock_and_its_connection,
    one_huge_value_is_refused_and_takes_no_memory,
    a_function_on_huge_texts_is_no_way_around_the_clock,
    secrets_are_not_shown,
    statements_are_bounded_in_length_and_depth,
    what_looks_like_an_attack_in_a_view_is_none,
);

async fn why(world: &World, sql: &str) -> String {
    let limits = Limits { time: Duration::from_secs(2), ..PLENTY };
    match world.store.query(sql, limits).await {
        Err(StoreError::Query { why }) => why,
        other => panic!("{sql:.200}: {:?}", other.map(|table| (table.rows.len(), table.truncated))),
    }
}

/// What SQLite's grammar and functions offer beside reading.
const SQLITE: &[&str] = &[
    "attach '/tmp/tombola-attack.db' as other",
    "select 1; attach '/tmp/tombola-attack.db' as other",
    "explain attach '/tmp/tombola-attack.db' as other",
    "vacuum into '/tmp/tombola-attack.db'",
    "with x as (select 1) insert into leader select 2, 2",
    "with x as (select 1) update leader set epoch = 99",
    "with x as (select 1) replace into leader values (1, 1)",
    "explain delete from jobs",
    "pragma writable_schema = on",
    "pragma journal_mode = delete",
    "pragma wal_checkpoint(truncate)",
    "pragma hard_heap_limit = 1",
    "select * from pragma_journal_mode",
    "select * from pragma_wal_checkpoint('truncate')",
    "select * from pragma_writable_schema",
    "select * from pragma_query_only",
    "select * from pragma_database_list",
    "select * from pragma_temp_store_directory",
    "select load_extension('/tmp/x.so')",
    "select readfile('/etc/passwd')",
    "select writefile('/tmp/tombola-attack', 'x')",
    "select edit('x')",
    "select fts3_tokenizer('simple')",
    "select fts3_tokenizer('simple', x'0000000000000000')",
    "create temp table t (x)",
    "create virtual table t using fts5 (x)",
    "create temp view v as select 1",
    "drop table jobs",
    "begin exclusive",
    "begin immediate",
    "savepoint s",
    "rollback",
    "reindex",
    "analyze",
    "detach main",
    "select * from sqlite_dbpage",
    "select * from generate_series(1, 10)",
    "select * from fsdir('/')",
    "select * from csv('/etc/passwd')",
    "values (1) returning 1",
];

/// What Postgres has functions for, most of which a transaction that is read-only may call.
const POSTGRES: &[&str] = &[
    "select pg_advisory_lock(1)",
    "select pg_try_advisory_xact_lock(1952017665, 2200)",
    "select pg_advisory_unlock_all()",
    "select pg_terminate_backend(pid) from pg_stat_activity",
    "select pg_cancel_backend(pid) from pg_stat_activity",
    "select \"pg_terminate_backend\"(1)",
    "select U&\"pg\\005fterminate_backend\"(1)",
    "select U&\"pg!005fterminate_backend\" uescape '!' (1)",
    "select pg_catalog . pg_sleep (100)",
    "select/**/PG_SLEEP/**/(100)",
    "select pg_sleep_for('1 hour')",
    "select set_config('statement_timeout', '0', false)",
    "select set_config('default_transaction_read_only', 'off', false)",
    "select set_config('role', 'none', false)",
    "select pg_read_file('/etc/passwd')",
    "select pg_read_binary_file('/etc/passwd')",
    "select pg_ls_dir('/')",
    "select pg_stat_file('/etc/passwd')",
    "select * from pg_hba_file_rules",
    "select * from pg_file_settings",
    "select * from pg_authid",
    "select * from pg_shadow",
    "table pg_authid",
    "select lo_import('/etc/passwd')",
    "select lo_export(1, '/tmp/tombola-attack')",
    "select lo_create(0)",
    "select lo_from_bytea(0, 'x')",
    "select nextval('x')",
    "select setval('x', 1)",
    "select pg_notify('x', 'y')",
    "select pg_reload_conf()",
    "select pg_rotate_logfile()",
    "select pg_switch_wal()",
    "select pg_promote()",
    "select pg_logical_emit_message(false, 'a', 'b')",
    "select pg_create_restore_point('x')",
    "select pg_export_snapshot()",
    "select pg_stat_reset()",
    "select query_to_xml('select pg_sleep(100)', true, true, '')",
    "select query_to_xml('select pg' || '_sleep(100)', true, true, '')",
    "select table_to_xml(('pg_' || 'authid')::regclass, true, true, '')",
    "select database_to_xml(true, true, '')",
    "select * from ts_stat('select pg' || '_sleep(100)')",
    "select ts_rewrite('a'::tsquery, 'select pg' || '_sleep(100)')",
    "select * from dblink('', 'delete from jobs') as t (x int)",
    "select current_setting('data_directory')",
    "select * from information_schema.user_mapping_options",
    "copy jobs to program 'touch /tmp/tombola-attack'",
    "copy (select 1) to '/tmp/tombola-attack'",
    "do $$ begin perform pg_sleep(1); end $$",
    "set role postgres",
    "set statement_timeout = 0",
    "select 1; set statement_timeout = 0; select pg_sleep(100)",
    "select 1; commit; delete from claims",
    "listen x",
    "notify x",
    "prepare x as select 1",
    "execute x",
    "declare c cursor with hold for select 1",
    "lock table leader",
    "explain analyze select pg_advisory_lock(1)",
    "explain analyze create table t as select generate_series(1, 1000000000)",
    "explain analyze select generate_series(1, 1000000000) into t",
    "explain (analyze) update leader set epoch = 99",
    "with x as (update leader set epoch = 99 returning 1) select * from x",
    "select * from leader for update",
    "select * into temp t from leader",
    "create temp table t (x int)",
    "vacuum",
    "checkpoint",
    "load '/tmp/x.so'",
    "call x()",
];

async fn everything_a_guest_may_try_is_refused(place: &Place) {
    let mut world = World::new(place).await;
    world.submit(SWEEP).await;
    let before = world.everything().await;
    for sql in if place.is_sqlite() { SQLITE } else { POSTGRES } {
        why(&world, sql).await;
    }
    assert_eq!(world.everything().await, before);
    for file in ["/tmp/tombola-attack.db", "/tmp/tombola-attack"] {
        assert!(!std::path::Path::new(file).exists(), "{file}");
    }
    // And nothing of it stayed with the connections that come after.
    world.commit(&[Write::WorkerState { worker: WorkerId(1), state: WorkerState::Gone }]).await.unwrap();
    ask(&world.store, "select count(*) from jobs").await;
}

/// Whoever took the lock when the leader's connection broke would lead in its place, and lead nothing.
async fn the_leader_keeps_its_lock_and_its_connection(place: &Place) {
    let mut world = World::new(place).await;
    for sql in [
        "select pg_terminate_backend(l.pid) from pg_locks l where l.locktype = 'advisory'",
        "select pg_try_advisory_lock(1953459457, current_schema()::regnamespace::oid::int4)",
    ] {
        let refused = world.store.query(sql, PLENTY).await;
        assert!(matches!(refused, Err(StoreError::Query { .. })), "{refused:?}");
    }
    let worker = world.worker();
    world.commit(&[worker]).await.unwrap();
    assert!(
        matches!(place.open().lead(Duration::ZERO).await, Err(StoreError::Held { .. })),
        "it leads still"
    );
}

/// The largest memory this process has had, bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// The server sent a gigabyte, and all of it was in memory before anything was counted.
async fn one_huge_value_is_refused_and_takes_no_memory(place: &Place) {
    let world = World::new(place).await;
    let limits = Limits { bytes: 1 << 20, time: Duration::from_secs(5), ..PLENTY };
    let statements: &[&str] = if place.is_sqlite() {
        &[
            "select zeroblob(900000000)",
            "select hex(zeroblob(400000000))",
            "select printf('%900000000d', 1) || 'x' like hex(zeroblob(2000000))",
            "select replace(hex(zeroblob(1000000)), '0', hex(zeroblob(1000)))",
            "with recursive n (i) as (select 1 union all select i + 1 from n limit 100000000) select group_concat(i) from n",
        ]
    } else {
        &[
            "select repeat('x', 100000000)",
            "select repeat('x', 100000000)::bytea",
            // In the text of an error, and of a plan.
            "select repeat('x', 100000000)::integer",
            "explain select 1 from leader where epoch::text = repeat('x', 100000000)",
            "select array_fill(1, array[10000000])",
        ]
    };
    let before = peak();
    for sql in statements {
        let refused = world.store.query(sql, limits).await;
        assert!(matches!(&refused, Err(StoreError::Query { .. })), "{sql}: {refused:?}");
    }
    let grown = (peak() - before) >> 20;
    assert!(grown < 100, "{grown} MiB more");
    ask(&world.store, "select 1").await;
}

async fn a_function_on_huge_texts_is_no_way_around_the_clock(place: &Place) {
    let world = World::new(place).await;
    let limits = Limits { time: Duration::from_millis(200), ..PLENTY };
    let statements: &[&str] = if place.is_sqlite() {
        &[
            "select instr(hex(zeroblob(100000000)), hex(zeroblob(100000000)) || '1')",
            "select replace(hex(zeroblob(400000)), '00000000', '000000001') like '%0%0%0%0%0%0%0%0%0%0%0%0%2'",
            "select hex(zeroblob(1000000)) glob '*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*0*2'",
            "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n a, n b",
            "with recursive n (i) as (select 1 union all select i + 1 from n) select * from n order by i desc",
        ]
    } else {
        &[
            "select repeat('a', 5000) ~ '(a*)*(a*)*(a*)*b'",
            "select regexp_replace(repeat('a', 100000), '(a+)+(a+)+$b', '')",
            "select count(*) from generate_series(1, 1000000000000)",
            "select * from generate_series(1, 100000000000) order by 1 desc",
            "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n",
            "select sum(9999999.9 ^ 9999.9) from generate_series(1, 100000000)",
        ]
    };
    for sql in statements {
        // An answer is as good as a refusal: what must not be is that it goes on.
        let _ =
            tokio::time::timeout(Duration::from_secs(60), world.store.query(sql, limits)).await.expect(sql);
    }
    // Everything they ran in is free again.
    for _ in 0..2 * AT_ONCE {
        ask(&world.store, "select 1").await;
    }
}

async fn secrets_are_not_shown(place: &Place) {
    let world = World::new(place).await;
    for sql in [
        "select * from access_tokens",
        "select count(*) from \"ACCESS_TOKENS\" as t",
        "select hash from main.[Access_Tokens]",
        "with x as (select hash from access_tokens) select * from x",
        "with x as materialized (select * from access_tokens), y as (select * from x) select count(*) from y",
        "select (select max(hash) from access_tokens)",
        "select 1 where exists (select 1 from access_tokens t where t.hash > 'a')",
        "select hash from U&\"\\0061ccess_tokens\"",
    ] {
        why(&world, sql).await;
    }
}

async fn statements_are_bounded_in_length_and_depth(place: &Place) {
    let world = World::new(place).await;
    let told = why(&world, &format!("select 1 -- {}", "x".repeat(1 << 20))).await;
    assert!(told.contains("at most 1048576 are possible\nhint:"), "{told}");
    let depth = 100_000;
    for sql in [
        format!("select {}1{}", "(".repeat(depth), ")".repeat(depth)),
        format!("select {}1", "- ".repeat(depth)),
        format!("select 1{}", " union all select 1".repeat(40_000)),
    ] {
        // Some of it may be possible; none may be the end of us.
        let _ = world.store.query(&sql, Limits { time: Duration::from_secs(2), ..PLENTY }).await;
    }
    if place.is_sqlite() {
        let columns = (0..201).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        assert!(why(&world, &format!("select {columns}")).await.contains("too many columns"));
    }
}

/// No view has a name or a column that the guard takes for something else, and no operator or cast does what no word names.
async fn what_looks_like_an_attack_in_a_view_is_none(place: &Place) {
    let mut world = World::new(place).await;
    world.submit(SWEEP).await;
    let sql = if place.is_sqlite() {
        "select name from sqlite_master where type = 'view'"
    } else {
        "select table_name from information_schema.views where table_schema = current_schema()"
    };
    for row in ask(&world.store, sql).await.rows {
        let [tombola_server::store::Cell::Text(view)] = row.as_slice() else { panic!("{row:?}") };
        let columns = ask(&world.store, &format!("select * from {view} limit 0")).await.columns;
        let columns: Vec<String> = columns.iter().map(|column| format!("\"{column}\"")).collect();
        ask(&world.store, &format!("select {} from {view} limit 1", columns.join(", "))).await;
    }
    if !place.is_sqlite() {
        let Place::Postgres { url, .. } = place else { return };
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.unwrap();
        for unnamed in [
            "pg_operator o join pg_proc p on p.oid = o.oprcode",
            "pg_cast c join pg_proc p on p.oid = c.castfunc",
        ] {
            let sql = format!("select count(*) from {unnamed} where p.provolatile = 'v'");
            let found: i64 =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
            assert_eq!(found, 0, "{unnamed}");
        }
    }
}

/// How many megabytes are written meanwhile.
const WRITES: u64 = 800;

/// A guest's snapshot keeps the log from being started over. Guests one after the other, one of them always there, kept it growing
/// for as long as they came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_in_turn_do_not_let_the_log_grow_for_ever() {
    let place = Place::sqlite();
    let world = World::new(&place).await;
    let Place::Sqlite(folder) = &place else { unreachable!("it is SQLite") };
    let store = Arc::new(world.store);
    let guests: Vec<_> = (0..AT_ONCE)
        .map(|number| {
            let store = Arc::clone(&store);
            let time = Duration::from_millis(100 + 30 * number as u64);
            let limits = Limits { time, ..PLENTY };
            let sql = "with recursive n (i) as (select count(*) from jobs union all select i + 1 from n) select max(i) from n";
            tokio::spawn(async move { while let Err(StoreError::Query { .. }) = store.query(sql, limits).await {} })
        })
        .collect();
    let url = format!("sqlite://{}", folder.path().join("tombola.db").display());
    let mut writer = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let mut run = async |sql: &'static str| sqlx::query(sql).execute(&mut writer).await.unwrap();
    run("create table bulk (x blob)").await;
    let mut longest = 0;
    // A million bytes each: without an end to it the log would have them all.
    for _ in 0..WRITES {
        run("insert into bulk values (zeroblob(1000000))").await;
        run("delete from bulk").await;
        // A fast disk would take all of them while one guest looks.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let log = std::fs::metadata(folder.path().join("tombola.db-wal")).unwrap().len();
        longest = longest.max(log >> 20);
    }
    assert!(guests.iter().all(|guest| !guest.is_finished()));
    guests.iter().for_each(|guest| guest.abort());
    // How much is written while a guest is there depends on the machine.
    assert!((1..WRITES / 2).contains(&longest), "the log had {longest} MiB of {WRITES}");
}
