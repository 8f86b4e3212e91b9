//! What a user's query may not mention on Postgres.
//!
//! A transaction that is read-only may still take the leader's lock, end its connection, wait for ever, read the server's files
//! and run other SQL out of a text, if the role we were given may; and it may undo its own limits. All of that is done by functions, nearly all of
//! which the server itself calls volatile, or shown by what begins with `pg_`. So no word of a query may name any of
//! them. Words are looked for everywhere, in texts and comments too: to tell these apart as the server does would be one
//! more thing that has to be right.

use crate::store::{Result, guest};
use std::collections::BTreeSet;

/// Volatile functions that do nothing.
const HARMLESS: [&str; 7] =
    ["random", "random_normal", "clock_timestamp", "timeofday", "gen_random_uuid", "bernoulli", "system"];
/// What a plan may not be of: some of it is carried out by `explain analyze` in a transaction that is read-only.
const CHANGING: [&str; 9] =
    ["create", "into", "execute", "declare", "refresh", "insert", "update", "delete", "merge"];
/// Names that begin with `pg_` and only tell of types.
const TELLING: [&str; 1] = ["pg_typeof"];
/// Of what the server does not call volatile: functions that run SQL or show settings, and views of others' passwords.
const MORE: [&str; 8] = [
    "current_setting",
    "txid_current",
    "user_mapping_options",
    "foreign_server_options",
    "foreign_table_options",
    "foreign_data_wrapper_options",
    // Of extensions, where they are installed: they run SQL out of a text, and say that they are stable.
    "connectby",
    "xpath_table",
];

/// The words of a query, in small letters, that the server has to be asked about.
///
/// # Errors
/// When one is not for users, whatever the server says.
pub(crate) fn words(sql: &str) -> Result<Vec<String>> {
    // PostgreSQL reads small letters only of ASCII, too.
    let sql = sql.to_ascii_lowercase();
    if sql.contains("u&\"") {
        return Err(guest::refused("names are written without Unicode escapes here".to_owned()));
    }
    let is_in_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let words = sql.split(|c: char| !is_in_word(c));
    // `$` is part of a name inside it, and ends a text before it.
    let words = words.flat_map(|word| word.split('$').chain([word]));
    let words = words.flat_map(|word| [word].into_iter().chain(behind_a_number(word)));
    let words: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
    let explains = words.contains("explain");
    let changes = |word: &str| explains && CHANGING.contains(&word);
    match words.iter().find(|word| is_forbidden(word) || changes(word)) {
        Some(word) => Err(forbidden(word)),
        None => Ok(words.into_iter().filter(|word| !HARMLESS.contains(word)).map(str::to_owned).collect()),
    }
}

/// `1into` is a number and a word to servers before 15.
fn behind_a_number(word: &str) -> impl Iterator<Item = &str> {
    let number = word.starts_with(|c: char| c.is_ascii_digit());
    let digits = word.match_indices(move |c: char| number && c.is_ascii_digit());
    digits.map(|(at, digit)| &word[at + digit.len()..])
}

fn is_forbidden(word: &str) -> bool {
    let system = word.starts_with("pg_") && !TELLING.contains(&word);
    system
        || word.contains("_to_xml")
        || word.starts_with("crosstab")
        || MORE.contains(&word)
        || guest::is_secret(word)
}

/// The error of a query with this word in it.
pub(super) fn forbidden(word: &str) -> crate::store::StoreError {
    guest::refused(format!(
        "`{word}` cannot be part of a query here: the SQL service reads Tombola's views and does nothing else\n\
         hint: ask the server itself, with psql"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_behind_any_quoting() {
        for sql in [
            "select pg_sleep(1)",
            "select PG_Sleep (1)",
            "select pg_catalog.pg_sleep(1)",
            "select \"pg_sleep\"(1)",
            "select/**/pg_sleep/**/(1)",
            "select U&\"pg\\005fsleep\"(1)",
            "select 'a' 'pg_authid'",
            "select $a$ pg_authid $a$",
            "select $$a$$pg_authid",
            "select $a$pg_authid$a$",
            "select table_to_xml('x', true, true, '')",
            "select current_setting('x')",
            "select * from access_tokens",
            "explain analyze create table t as select 1",
            "explain (analyze) select 1 into t",
            "explain analyze select 1into t",
            "explain analyze select 1e5into t",
            "explain analyze select 0x1into t",
        ] {
            assert!(words(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn what_people_ask_passes() {
        let asked = words("select pg_typeof(x), random() from trial where name = 'a_pg_b'").unwrap();
        assert_eq!(asked, ["a_pg_b", "from", "name", "pg_typeof", "select", "trial", "where", "x"]);
    }
}
