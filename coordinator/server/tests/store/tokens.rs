//! Tokens and the audit, as a store keeps them.

use crate::rig::{NOW, PLENTY, Place, World, admin, as_role, ask, scenarios, text};
use tombola_core::record::{AuditRow, Role, TokenRow, Write};
use tombola_server::store::{Store, StoreError};
use tombola_spec::Digest;

scenarios!(
    tokens_come_back_as_they_were,
    a_token_is_revoked_once,
    what_people_did_is_a_view,
    no_reader_sees_a_hash
);

fn token(id: u64, name: &str) -> TokenRow {
    let hash = Digest::of(&id.to_le_bytes());
    TokenRow {
        id,
        name: name.to_owned(),
        role: Role::Worker,
        hash,
        created: NOW,
        expires: None,
        revoked: None,
    }
}

async fn tokens_come_back_as_they_were(place: &Place) {
    let world = World::new(place).await;
    let rows =
        [token(1, "gpu7"), TokenRow { role: Role::Reader, expires: Some(NOW + 1), ..token(2, "board") }];
    world.commit(&rows.clone().map(Write::AddToken)).await.unwrap();
    assert_eq!(world.store.tokens().await.unwrap(), rows);
}

async fn a_token_is_revoked_once(place: &Place) {
    let world = World::new(place).await;
    world.commit(&[Write::AddToken(token(1, "gpu7"))]).await.unwrap();
    let again = [Write::AddToken(token(2, "gpu7"))];
    assert!(matches!(world.commit(&again).await, Err(StoreError::Conflict { .. })), "its name is taken");
    let revoke = [Write::RevokeToken { token: 1, at: NOW + 5 }];
    world.commit(&revoke).await.unwrap();
    assert!(matches!(world.commit(&revoke).await, Err(StoreError::Conflict { .. })));
    world.commit(&again).await.unwrap();
    let revoked: Vec<_> = world.store.tokens().await.unwrap().iter().map(|row| row.revoked).collect();
    assert_eq!(revoked, [Some(NOW + 5), None]);
}

async fn what_people_did_is_a_view(place: &Place) {
    let world = World::new(place).await;
    let row = |action, subject: &str| {
        let (actor, role, peer) = ("alice".to_owned(), "client".to_owned(), "10.0.0.7".to_owned());
        Write::Audit(AuditRow { actor, role, peer, action, subject: subject.to_owned() })
    };
    world.commit(&[row("submit", "lenet"), row("cancel", "lenet")]).await.unwrap();
    let seen =
        ask(&world.store, "select id, at, actor, role, peer, action, subject from audit order by id").await;
    let at = "2026-11-24T02:54:28.123Z";
    assert_eq!(
        text(&seen),
        format!(
            "1 | {at} | alice | client | 10.0.0.7 | submit | lenet\n2 | {at} | alice | client | 10.0.0.7 | cancel | lenet\n"
        )
    );
}

/// Whatever way it takes to the table: on Postgres the server itself shows nothing to who only reads, unless it is a superuser,
/// as the role of these tests is: so another role looks.
async fn no_reader_sees_a_hash(place: &Place) {
    let world = World::new(place).await;
    world.commit(&[Write::AddToken(token(1, "gpu7"))]).await.unwrap();
    let refused = world.store.query("select hash from ACCESS_TOKENS", PLENTY).await;
    assert!(matches!(refused, Err(StoreError::Query { .. })), "{refused:?}");
    let Place::Postgres { schema, .. } = place else { return };
    let reader = format!("reader_of_{}", &schema[..20]);
    admin(
        place,
        &format!(
            "create role {reader}; grant usage on schema {schema} to {reader};
             grant select on {schema}.access_tokens to {reader}"
        ),
    )
    .await;
    let seen = as_role(place, &reader, "select count(*) from access_tokens").await;
    assert_eq!(seen, [("read only".to_owned(), 0), ("read write".to_owned(), 1)]);
    admin(place, &format!("drop owned by {reader}; drop role {reader}")).await;
    assert_eq!(world.store.tokens().await.unwrap().len(), 1);
}
