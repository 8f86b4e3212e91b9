//! Tokens, as they are read. Users' SQL cannot: see `guest`.

use super::{
    Result,
    cell::Row,
    read::{Db, known},
    read_sql::read,
    verb::Verb,
};
use tombola_core::record::{Role, TokenRow};

const TOKENS: Verb = read(
    "tokens",
    &[],
    "select id, name, role, hash, created, expires, revoked from access_tokens order by id",
);

pub(super) async fn tokens(db: Db<'_>) -> Result<Vec<TokenRow>> {
    let token = |row: &Row| {
        Ok(TokenRow {
            id: row.unsigned(0)?,
            name: row.text(1)?.to_owned(),
            role: known(row, 2, &Role::ALL, Role::name)?,
            hash: row.word(3)?,
            created: row.int(4)?,
            expires: row.opt_int(5)?,
            revoked: row.opt_int(6)?,
        })
    };
    db.fetch(&TOKENS, &[]).await?.iter().map(token).collect()
}
