//! Migrations.

use crate::rig::{Place, admin, scenarios, value};
use std::time::Duration;
use tombola_server::store::{Cell, Store, StoreError};

scenarios!(
    migrating_twice_changes_nothing,
    two_may_migrate_at_once,
    a_newer_schema_is_refused,
    a_schema_that_a_newer_release_only_expanded_is_worked_on,
    a_state_keeps_its_name,
);

const VERSIONS: &str = "select count(*) from schema_version";

async fn migrating_twice_changes_nothing(place: &Place) {
    let store = place.open();
    store.migrate().await.unwrap();
    let before = value(&store, VERSIONS).await;
    store.migrate().await.unwrap();
    place.open().migrate().await.unwrap();
    assert_eq!(value(&store, VERSIONS).await, before);
    assert_eq!(
        value(&store, "select unit from metric_kinds where name = 'accuracy'").await,
        Cell::Text("fraction".into())
    );
}

/// On SQLite one of them may find that the other is at it; what is left is whole either way.
async fn two_may_migrate_at_once(place: &Place) {
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let store = place.open();
            tokio::spawn(async move { store.migrate().await })
        })
        .collect();
    let mut migrated = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => migrated += 1,
            Err(StoreError::Held { .. }) if place.is_sqlite() => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(migrated > 0);
    let store = place.open();
    store.migrate().await.unwrap();
    store.lead(Duration::ZERO).await.unwrap();
    assert_eq!(value(&store, "select count(*) from leader").await, Cell::Integer(1));
}

async fn a_state_keeps_its_name(place: &Place) {
    let store = place.open();
    store.migrate().await.unwrap();
    let name = store.identity().await.unwrap();
    assert!(!name.is_empty());
    store.lead(Duration::ZERO).await.unwrap();
    store.migrate().await.unwrap();
    assert_eq!(store.identity().await.unwrap(), name);
}

/// Coordinators of two releases lead in turn while they are upgraded.
async fn a_schema_that_a_newer_release_only_expanded_is_worked_on(place: &Place) {
    let store = place.open();
    store.migrate().await.unwrap();
    let newest = "select max(version) from schema_version";
    let Cell::Integer(known) = value(&store, newest).await else { panic!("no version") };
    let newer = known + 3;
    admin(place, &format!("insert into schema_version values ({newer}, 'tomorrow', {known})")).await;
    let store = place.open();
    store.migrate().await.unwrap();
    let epoch = store.lead(Duration::ZERO).await.unwrap();
    store.commit(epoch, crate::rig::NOW, &[]).await.unwrap();
    assert_eq!(value(&store, newest).await, Cell::Integer(newer), "nothing is taken back");
}

async fn a_newer_schema_is_refused(place: &Place) {
    let store = place.open();
    store.migrate().await.unwrap();
    admin(place, "insert into schema_version (version, applied) values (4711, 'tomorrow')").await;
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 4711, .. }), "{error}");
    assert!(error.to_string().contains("hint: use the newer build"));
}
