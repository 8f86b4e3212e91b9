//! A whole state out of one database and into another.

use crate::rig::{NOW, Place, SWEEP, World, admin, artifact, ask, scenarios, tables, value};
use std::collections::{BTreeMap, BTreeSet};
use tombola_core::record::{CheckpointRow, Write};
use tombola_server::store::{
    Cell, SqlStore, Store, StoreError,
    archive::{Batch, Head, Piece},
};
use tombola_spec::{
    Attempt, Digest,
    outcome::{Series, Split},
};

scenarios!(
    everything_comes_back_on_either_database,
    a_restored_state_is_another_one_in_which_nobody_works,
    the_artifacts_that_rows_name_are_told,
    a_place_that_is_not_vacant_is_left_alone,
    a_load_that_breaks_off_leaves_nothing,
    rows_of_a_newer_schema_are_refused,
    every_table_is_dumped_but_those_that_are_made_anew,
);

/// What came out: tables in order, rows as JSON, artifacts.
#[derive(Default)]
struct Dump {
    version: i64,
    tables: Vec<(Head, Vec<String>)>,
    artifacts: BTreeSet<Digest>,
}

impl Dump {
    async fn of(store: &SqlStore) -> Self {
        let mut dump = Self::default();
        let mut take = |piece| {
            match piece {
                Piece::Table(head) => dump.tables.push((head, Vec::new())),
                Piece::Row(row) => {
                    dump.tables.last_mut().unwrap().1.push(serde_json::to_string(&row).unwrap());
                }
                Piece::Artifact(artifact) => assert!(dump.artifacts.insert(artifact.digest), "told twice"),
            }
            Ok(())
        };
        let version = store.dump(&mut take).await.unwrap();
        dump.version = version;
        dump
    }

    fn batches(&self) -> impl Iterator<Item = Result<Batch, StoreError>> + Send + '_ {
        self.tables.iter().filter(|(_, rows)| !rows.is_empty()).map(|(table, rows)| {
            Ok(Batch { table: table.clone(), rows: rows.len() as u64, json: format!("[{}]", rows.join(",")) })
        })
    }

    async fn load(&self, store: &SqlStore) -> Result<(), StoreError> {
        store.load(self.version, NOW, &mut self.batches()).await
    }

    /// In a form that can be compared: documents by what they say, rows without order.
    fn comparable(&self) -> BTreeMap<&str, BTreeSet<String>> {
        let plain = |row: &String| {
            let mut values: Vec<serde_json::Value> = serde_json::from_str(row).unwrap();
            for value in &mut values {
                let document = value.as_str().filter(|text| text.starts_with(['{', '[']));
                if let Some(document) = document.and_then(|text| serde_json::from_str(text).ok()) {
                    *value = document;
                }
            }
            serde_json::to_string(&values).unwrap()
        };
        self.tables
            .iter()
            .map(|(head, rows)| (head.name.as_str(), rows.iter().map(plain).collect()))
            .collect()
    }
}

/// Somewhere else of the same kind, and on the other database.
async fn elsewhere(place: &Place, test: &str) -> Vec<Place> {
    let mut places = vec![Place::sqlite()];
    if !place.is_sqlite() || std::env::var("TOMBOLA_TEST_POSTGRES").is_ok() {
        places.extend(Place::postgres(&format!("{}{test}", if place.is_sqlite() { "s" } else { "p" })).await);
    }
    places
}

async fn remove(places: Vec<Place>) {
    for place in places {
        place.remove().await;
    }
}

/// A sweep of which some jobs are done and one runs, with metrics and a checkpoint.
async fn halfway(place: &Place) -> World {
    let mut world = World::new(place).await;
    let jobs = world.submit(SWEEP).await.jobs;
    world.complete(&jobs[..2]).await;
    world.begin(&jobs[2]).await;
    let series = Series {
        name: "loss".into(),
        split: Split::Validation,
        iterations: vec![1, 50],
        values: vec![0.1 + 0.2, f64::NAN],
    };
    let (job, attempt) = (jobs[2].id, Attempt(1));
    let checkpoint = CheckpointRow { iteration: 50, artifact: artifact("half-way") };
    let writes = [
        Write::Metrics { job, attempt, batch: 1, series: vec![series] },
        Write::Checkpoint { job, attempt, checkpoint },
    ];
    world.commit(&writes).await.unwrap();
    world
}

async fn everything_comes_back_on_either_database(place: &Place) {
    let world = halfway(place).await;
    let before = Dump::of(&world.store).await;
    assert!(before.tables.iter().map(|(_, rows)| rows.len()).sum::<usize>() > 100);
    let others = elsewhere(place, "comesback").await;
    for other in &others {
        let store = other.open();
        before.load(&store).await.unwrap();
        let after = Dump::of(&store).await;
        let (mut was, mut is) = (before.comparable(), after.comparable());
        // What is settled is looked at elsewhere.
        for table in ["leader", "workers", "jobs", "attempts"] {
            assert_eq!(was.remove(table).unwrap().len(), is.remove(table).unwrap().len(), "{table}");
        }
        assert_eq!(was, is);
        assert_eq!(before.artifacts, after.artifacts);
        // Whoever leads it finds what a leader needs.
        store.migrate().await.unwrap();
        store.lead(std::time::Duration::ZERO).await.unwrap();
        let snapshot = store.snapshot().await.unwrap();
        assert_eq!((snapshot.sweeps.len(), snapshot.packs.len()), (1, 0));
    }
    remove(others).await;
}

async fn a_restored_state_is_another_one_in_which_nobody_works(place: &Place) {
    let world = halfway(place).await;
    let (identity, epoch) = (world.store.identity().await.unwrap(), world.epoch);
    let dump = Dump::of(&world.store).await;
    let others = elsewhere(place, "another").await;
    for other in &others {
        let store = other.open();
        dump.load(&store).await.unwrap();
        assert_ne!(store.identity().await.unwrap(), identity);
        assert!(
            store.lead(std::time::Duration::ZERO).await.unwrap().0 > epoch.0 + 1,
            "the epoch goes on from a later one"
        );
        assert_eq!(
            value(&store, "select count(*) from jobs where state = 'leased' or lease is not null").await,
            Cell::Integer(0)
        );
        assert_eq!(
            value(&store, "select count(*) from workers where state <> 'gone'").await,
            Cell::Integer(0)
        );
        let ended = ask(&store, "select how, message from attempts where job = 3").await.rows;
        assert_eq!(ended[0][0], Cell::Text("lost".into()));
        assert!(
            matches!(&ended[0][1], Cell::Text(why) if why.contains("restored from a backup")),
            "{ended:?}"
        );
        // It costs the job neither a try nor a loss, and it goes on from its checkpoint.
        let job = &store.snapshot().await.unwrap().jobs.into_iter().find(|job| job.id.0 == 3).unwrap();
        assert_eq!((job.tries, job.losses, job.attempt), (0, 0, Attempt(1)));
        assert_eq!(job.checkpoint.unwrap().iteration, 50);
    }
    remove(others).await;
}

async fn the_artifacts_that_rows_name_are_told(place: &Place) {
    let world = halfway(place).await;
    world.store.pin(world.epoch, &[artifact("pinned").digest], NOW, NOW + 1000).await.unwrap();
    let kept: BTreeSet<Digest> = world.store.kept(NOW + 2000).await.unwrap().into_iter().collect();
    assert_eq!(Dump::of(&world.store).await.artifacts, kept);
}

async fn a_place_that_is_not_vacant_is_left_alone(place: &Place) {
    let world = halfway(place).await;
    let dump = Dump::of(&world.store).await;
    let before = world.everything().await;
    let store = place.open();
    assert!(!store.vacant().await.unwrap());
    let refused = dump.load(&store).await.unwrap_err();
    // SQLite says first that somebody leads there.
    assert!(matches!(refused, StoreError::Occupied { .. } | StoreError::Held { .. }), "{refused}");
    assert_eq!(world.everything().await, before);
}

async fn a_load_that_breaks_off_leaves_nothing(place: &Place) {
    let dump = Dump::of(&halfway(place).await.store).await;
    let others = elsewhere(place, "breaksoff").await;
    for other in &others {
        let store = other.open();
        let fault = || StoreError::Archive { why: "the disk is gone".to_owned() };
        let mut batches = dump.batches().take(5).chain([Err(fault())]);
        let error = store.load(dump.version, NOW, &mut batches).await.unwrap_err();
        assert!(error.to_string().contains("the disk is gone"), "{error}");
        assert!(store.vacant().await.unwrap());
        let foreign = Head { name: "jobs; drop table jobs".to_owned(), columns: vec!["id".to_owned()] };
        let foreign = Batch { table: foreign, rows: 1, json: "[[1]]".to_owned() };
        let error = store.load(dump.version, NOW, &mut [Ok(foreign)].into_iter()).await.unwrap_err();
        assert!(error.to_string().contains("no such table"), "{error}");
        assert!(store.vacant().await.unwrap());
        // There is nothing in the way of the next try.
        dump.load(&store).await.unwrap();
    }
    remove(others).await;
}

async fn rows_of_a_newer_schema_are_refused(place: &Place) {
    let store = place.open();
    let refused = store.load(4711, NOW, &mut std::iter::empty()).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 4711, .. }), "{refused}");
    store.migrate().await.unwrap();
    admin(place, "insert into schema_version (version, applied) values (4711, 'tomorrow')").await;
    let refused = store.dump(&mut |_| Ok(())).await.unwrap_err();
    assert!(matches!(refused, StoreError::Newer { found: 4711, .. }), "{refused}");
}

async fn every_table_is_dumped_but_those_that_are_made_anew(place: &Place) {
    let store = place.open();
    store.migrate().await.unwrap();
    let all: BTreeSet<String> = tables(place).await.into_iter().collect();
    let dumped: BTreeSet<String> =
        Dump::of(&store).await.tables.into_iter().map(|(head, _)| head.name).collect();
    let left: Vec<_> = all.difference(&dumped).map(String::as_str).collect();
    assert_eq!(left, ["access_tokens", "metric_kinds", "pins", "schema_version"]);
}
