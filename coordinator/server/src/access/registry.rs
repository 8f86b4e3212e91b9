//! Tokens in memory: the leader's store read again every few seconds, so that what one coordinator revokes ends at all of
//! them.

use crate::{
    clock,
    store::{Store, StoreError},
};
use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tombola_access::Hash;
use tombola_core::record::{Millis, Role, TokenRow};

/// How old what is known may be.
const EVERY: Duration = Duration::from_secs(2);

/// Who has a token.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Of the operator's token; it is in no database.
    operator: Option<Hash>,
    known: RwLock<Vec<Known>>,
    /// Held from the reading of the store on: what was read earlier never takes the place of what was read later.
    turn: Mutex<()>,
}

#[derive(Debug)]
struct Known {
    row: TokenRow,
    /// Set once the token is good no more: what its holder has open ends.
    over: CancellationToken,
}

/// Whose token it is.
#[derive(Debug, Clone)]
pub(crate) enum Holder {
    /// The operator's.
    Operator,
    /// One that was given out.
    Token {
        /// Its name.
        name: String,
        /// Its role.
        role: Role,
        /// Set once it is good no more.
        over: CancellationToken,
    },
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Void {
    Unknown,
    Expired,
    Revoked,
}

impl Registry {
    pub(crate) fn new(operator: Option<Hash>) -> Self {
        Self { operator, known: RwLock::default(), turn: Mutex::default() }
    }

    /// Whose token has this hash. All are compared, each to its last byte, so that time tells nothing.
    pub(crate) fn find(&self, hash: Hash) -> Result<Holder, Void> {
        let mut found = Err(Void::Unknown);
        let now = clock::now();
        for known in self.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if Hash::from_bytes(known.row.hash.0) == hash {
                found = known.holder(now);
            }
        }
        if self.operator == Some(hash) { Ok(Holder::Operator) } else { found }
    }

    /// Reads the store. Who is not good any more is out.
    pub(crate) async fn refresh(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _turn = self.turn.lock().await;
        let rows = store.tokens().await?;
        let now = clock::now();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *known);
        *known = rows.into_iter().map(|row| Known::next(row, &mut before, now)).collect();
        // Of a store that was restored from an earlier day.
        before.iter().for_each(|gone| gone.over.cancel());
        Ok(())
    }

    /// Refreshes until it is stopped. A store that does not answer changes nothing: what was known goes on.
    pub(crate) async fn run(self: Arc<Self>, store: Arc<dyn Store>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            if let Err(error) = self.refresh(store.as_ref()).await {
                tracing::warn!(%error, "access.tokens: they cannot be read; those known are believed on");
            }
        }
    }
}

impl Known {
    /// The same token as known before, if it was.
    fn next(row: TokenRow, before: &mut Vec<Self>, now: Millis) -> Self {
        let there = before.iter().position(|known| known.row.id == row.id && known.row.hash == row.hash);
        let over = there.map_or_else(CancellationToken::new, |index| before.swap_remove(index).over);
        if void(&row, now).is_some() {
            over.cancel();
        }
        Self { row, over }
    }

    fn holder(&self, now: Millis) -> Result<Holder, Void> {
        match void(&self.row, now) {
            Some(void) => Err(void),
            None => {
                let (name, over) = (self.row.name.clone(), self.over.clone());
                Ok(Holder::Token { name, role: self.row.role, over })
            }
        }
    }
}

/// Why a token is good no more.
pub(crate) fn void(row: &TokenRow, now: Millis) -> Option<Void> {
    if row.revoked.is_some() {
        return Some(Void::Revoked);
    }
    row.expires.is_some_and(|expires| expires <= now).then_some(Void::Expired)
}
