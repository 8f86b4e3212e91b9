//! Who leads, and who no longer does.

use crate::rig::{NOW, Place, World, admin, scenarios, value};
use std::time::Duration;
use tombola_server::store::{Cell, SILENCE, SqlStore, Store, StoreError};
use tombola_spec::Epoch;

scenarios!(
    a_second_leader_is_refused_and_told_who_leads,
    leadership_ends_with_the_leader,
    an_earlier_epoch_is_fenced,
    nobody_writes_without_leading,
    a_leader_that_leads_on_keeps_others_out,
);

async fn a_second_leader_is_refused_and_told_who_leads(place: &Place) {
    let first = World::new(place).await;
    let second = place.open();
    let error = second.lead(Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, StoreError::Held { .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
    first.commit(&[]).await.unwrap();
}

async fn leadership_ends_with_the_leader(place: &Place) {
    let first = World::new(place).await;
    let earlier = first.epoch;
    let second = first.succeed(place).await;
    assert!(second.epoch > earlier);
    second.commit(&[]).await.unwrap();
}

async fn an_earlier_epoch_is_fenced(place: &Place) {
    let mut world = World::new(place).await;
    let (earlier, worker) = (world.epoch, world.worker());
    let later = world.store.lead(Duration::ZERO).await.unwrap();
    assert!(later > earlier);
    let before = world.everything().await;
    let error = world.store.commit(earlier, NOW, std::slice::from_ref(&worker)).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced { epoch } if epoch == earlier), "{error}");
    let error = world.store.pin(earlier, &[], NOW, NOW).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced { .. }), "{error}");
    assert_eq!(world.everything().await, before);
    world.store.commit(later, NOW, &[worker]).await.unwrap();
}

/// The epoch in the database is looked at too, not only the one in memory.
async fn nobody_writes_without_leading(place: &Place) {
    let mut world = World::new(place).await;
    let worker = world.worker();
    admin(place, "update leader set epoch = 77").await;
    let error = world.commit(std::slice::from_ref(&worker)).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced { .. }), "{error}");
    assert_eq!(world.store.lead(Duration::ZERO).await.unwrap(), Epoch(78));
    assert_eq!(value(&world.store, "select count(*) from workers").await, Cell::Integer(1));
    let follower = place.open();
    let error = follower.commit(Epoch(78), NOW, &[worker]).await.unwrap_err();
    assert!(matches!(error, StoreError::Fenced { .. }), "{error}");
}

async fn a_leader_that_leads_on_keeps_others_out(place: &Place) {
    let world = World::new(place).await;
    let epoch = world.store.lead(Duration::ZERO).await.unwrap();
    assert!(epoch > world.epoch);
    let error = place.open().lead(Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, StoreError::Held { .. }), "{error}");
    world.store.commit(epoch, NOW, &[]).await.unwrap();
}

/// SQLite has no connection that could be lost: its database is a file.
#[tokio::test]
async fn a_leader_whose_connection_died_leads_again() {
    let Some(place) = Place::postgres("a_leader_whose_connection_died").await else { return };
    let mut world = World::new(&place).await;
    let before = world.everything().await;
    let kill = "select pg_terminate_backend(l.pid, 5000) from pg_locks l
                where l.locktype = 'advisory' and l.objid = current_schema()::regnamespace::oid";
    admin(&place, kill).await;
    let worker = world.worker();
    let error = world.commit(std::slice::from_ref(&worker)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert_eq!(world.everything().await, before);
    let epoch = world.store.lead(Duration::ZERO).await.unwrap();
    assert!(epoch > world.epoch);
    let error = place.open().lead(Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, StoreError::Held { .. }), "the new connection holds the lead: {error}");
    world.epoch = epoch;
    world.commit(&[worker]).await.unwrap();
    assert_eq!(
        value(&world.store, "select count(*) from workers where state = 'connected'").await,
        Cell::Integer(2)
    );
    place.remove().await;
}

/// Long enough for any leader to go.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_standby_leads_as_soon_as_the_leader_is_gone() {
    let Some(place) = Place::postgres("a_standby_leads_as_soon_as").await else { return };
    let (world, standby) = (World::new(&place).await, place.open());
    let error = standby.lead(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, StoreError::Held { .. }), "{error}");
    let waiting = tokio::spawn(async move { (standby.lead(LONG).await, standby) });
    // It leads on and on, and is not taken for dead.
    for _ in 0..3 {
        world.store.beat(world.epoch).await.unwrap();
        assert!(!waiting.is_finished());
    }
    let earlier = world.epoch;
    drop(world);
    let (epoch, standby) = waiting.await.unwrap();
    let epoch = epoch.unwrap();
    standby.commit(epoch, NOW, &[]).await.unwrap();
    assert!(epoch > earlier);
    place.remove().await;
}

#[tokio::test]
async fn a_leader_that_says_nothing_any_more_loses_the_lead_and_can_commit_nothing() {
    let Some(place) = Place::postgres("a_leader_that_says_nothing").await else { return };
    let (mut world, standby) = (World::new(&place).await, place.open());
    let (worker, earlier) = (world.worker(), world.epoch);
    // A process that was stopped keeps its connection.
    tokio::time::sleep(SILENCE + Duration::from_millis(500)).await;
    let epoch = standby.lead(Duration::ZERO).await.unwrap();
    let before = world.everything().await;
    world.commit(std::slice::from_ref(&worker)).await.unwrap_err();
    world.store.beat(earlier).await.unwrap_err();
    assert!(matches!(world.store.lead(Duration::ZERO).await.unwrap_err(), StoreError::Held { .. }));
    assert_eq!(world.everything().await, before);
    standby.commit(epoch, NOW, &[worker]).await.unwrap();
    place.remove().await;
}

#[tokio::test]
async fn a_schema_that_is_not_there_is_told_so() {
    let Some(place) = Place::postgres("a_schema_that_is_not_there").await else { return };
    let Place::Postgres { url, schema } = &place else { panic!("not Postgres") };
    let store = SqlStore::postgres(&url.replace(schema.as_str(), "nowhere")).unwrap();
    for error in [store.migrate().await.unwrap_err(), store.lead(Duration::ZERO).await.unwrap_err()] {
        assert!(error.to_string().contains("search_path names does not exist"), "{error}");
    }
    place.remove().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_without_its_password() {
    let store = SqlStore::postgres("postgres://me:secret@127.0.0.1:1/tombola").unwrap();
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("127.0.0.1/tombola") && text.contains("hint:") && !text.contains("secret"),
        "{text}"
    );
    let error = SqlStore::postgres("postgres://me:secret@127.0.0.1:none/tombola").err().unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
}
