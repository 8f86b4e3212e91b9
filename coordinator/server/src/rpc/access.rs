//! `AccessService`: tokens are made, listed and taken back. Only the operator comes this far.

use crate::{
    Error,
    access::{Caller, Registry, Void, void},
    clock,
    driver::Driver,
    store::{Store, iso},
};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tombola_access::{Pin, Token};
use tombola_core::record::{Role, TokenRow, Write};
use tombola_spec::Digest;
use tombola_wire::v1::{self, access_service_server::AccessService};
use tonic::{Request, Response, Status};

/// Longest name of a token.
const LONGEST: usize = 64;

/// Tokens.
pub(crate) struct Tokens {
    pub(crate) driver: Driver,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) pin: Option<Pin>,
    /// Held from the reading of tokens until the commit, so that no two get one name or one identity.
    pub(crate) turn: Arc<Mutex<()>>,
}

#[tonic::async_trait]
impl AccessService for Tokens {
    async fn create_token(
        &self,
        request: Request<v1::CreateTokenRequest>,
    ) -> Result<Response<v1::CreateTokenResponse>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(self.create(request.into_inner(), &caller).await?))
    }

    async fn list_tokens(
        &self,
        _: Request<v1::ListTokensRequest>,
    ) -> Result<Response<v1::ListTokensResponse>, Status> {
        let rows = self.store.tokens().await.map_err(Error::from)?;
        let tokens = rows.iter().map(to_wire).collect();
        Ok(Response::new(v1::ListTokensResponse { tokens }))
    }

    async fn revoke_token(
        &self,
        request: Request<v1::RevokeTokenRequest>,
    ) -> Result<Response<v1::Token>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(self.revoke(&request.into_inner().token, &caller).await?))
    }
}

impl Tokens {
    async fn create(
        &self,
        request: v1::CreateTokenRequest,
        caller: &Caller,
    ) -> Result<v1::CreateTokenResponse, Error> {
        let (name, role) = (checked(request.name)?, role(&request.role)?);
        let token = Token::random(self.pin)
            .map_err(|error| Error::Internal(format!("this system has no random numbers: {error}")))?;
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let rows = self.store.tokens().await?;
        let now = clock::now();
        let there = rows.iter().find(|row| row.name == name && row.revoked.is_none());
        let mut writes = Vec::new();
        match there.map(|row| (row.id, void(row, now))) {
            // The name of an expired one is free again.
            Some((token, Some(Void::Expired))) => writes.push(Write::RevokeToken { token, at: now }),
            Some(_) => {
                return Err(Error::Exists(format!(
                    "there is a token `{name}` already\nhint: choose another name, or take that one back first: \
                     `tombola token revoke {name}`"
                )));
            }
            None => {}
        }
        let id = rows.last().map_or(1, |last| last.id + 1);
        let expires =
            (request.expires_in_s > 0).then(|| clock::later(Duration::from_secs(request.expires_in_s)));
        let hash = Digest(*token.hash().as_bytes());
        let row = TokenRow { id, name: name.clone(), role, hash, created: now, expires, revoked: None };
        let answer = v1::CreateTokenResponse { token: Some(to_wire(&row)), secret: token.reveal() };
        writes.extend([Write::AddToken(row), Write::Audit(caller.did("create token", &name))]);
        self.store_and_believe(writes, turn).await?;
        tracing::info!(name, role = role.name(), "access.created: a token was made");
        Ok(answer)
    }

    async fn revoke(&self, what: &str, caller: &Caller) -> Result<v1::Token, Error> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let rows = self.store.tokens().await?;
        let good = |row: &&TokenRow| row.revoked.is_none();
        let by_name = rows.iter().filter(good).find(|row| row.name == what);
        let found = by_name.or_else(|| rows.iter().filter(good).find(|row| row.id.to_string() == what));
        let Some(row) = found else {
            let what = format!("there is no token `{what}` that could be revoked");
            return Err(Error::NotFound(format!("{what}\nhint: `tombola token list` shows names and ids")));
        };
        let (token, at) = (row.id, clock::now());
        let audit = Write::Audit(caller.did("revoke token", &row.name));
        self.store_and_believe(vec![Write::RevokeToken { token, at }, audit], turn).await?;
        tracing::info!(name = row.name, "access.revoked: a token is good no more");
        Ok(to_wire(&TokenRow { revoked: Some(at), ..row.clone() }))
    }

    /// Commits, and acts upon it before anything is answered.
    async fn store_and_believe(&self, writes: Vec<Write>, turn: OwnedMutexGuard<()>) -> Result<(), Error> {
        self.driver.record(writes, Some(turn)).await?;
        Ok(self.registry.refresh(self.store.as_ref()).await?)
    }
}

fn checked(name: String) -> Result<String, Error> {
    let fine = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    if (1..=LONGEST).contains(&name.len()) && name.chars().all(fine) {
        return Ok(name);
    }
    Err(Error::Invalid(format!(
        "a token needs a name of 1 to {LONGEST} letters, digits, `-`, `_`, `.` or `@`\nhint: name it after who will hold \
         it, such as `gpu7` or `alice`"
    )))
}

fn role(name: &str) -> Result<Role, Error> {
    Role::ALL.into_iter().find(|role| role.name() == name).ok_or_else(|| {
        let all = Role::ALL.map(Role::name).join(", ");
        Error::Invalid(format!("`{name}` is not a role\nhint: roles are {all}"))
    })
}

fn to_wire(row: &TokenRow) -> v1::Token {
    let state = match void(row, clock::now()) {
        None => "good",
        Some(Void::Revoked) => "revoked",
        Some(_) => "expired",
    };
    v1::Token {
        id: row.id.to_string(),
        name: row.name.clone(),
        role: row.role.name().to_owned(),
        state: state.to_owned(),
        created: iso(row.created),
        expires: row.expires.map_or_else(String::new, iso),
    }
}
