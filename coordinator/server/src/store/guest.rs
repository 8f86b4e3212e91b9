//! What a user's SQL must look like before a database sees it: one query, nothing else.
//!
//! The connections of users can only read; this keeps from them what a reading connection may still do, such as
//! `attach`, `set` and `commit`.

use super::{Result, StoreError};
use std::time::Duration;

/// Queries of users that run at once; the others wait, so that people leave the leader a processor.
pub const AT_ONCE: usize = 4;

/// Longest query, bytes.
const LONGEST: usize = 1 << 20;
/// Tables whose rows let people in.
const SECRET: &[&str] = &["access_tokens"];

const QUERIES: &[&str] = &["select", "with", "values", "explain"];

/// Checks that this begins like a query.
///
/// # Errors
/// [`StoreError::Query`] for another statement.
pub(super) fn check(sql: &str) -> Result<()> {
    if sql.len() > LONGEST {
        let what = format!("the query has {} bytes; at most {LONGEST} are possible", sql.len());
        return Err(refused(format!("{what}\nhint: join with a table instead of listing values")));
    }
    if sql.contains('\0') {
        return Err(refused("the query holds a NUL character".to_owned()));
    }
    let mut start = 0;
    while is_blank(&sql.as_bytes()[start..]) {
        start = after(sql.as_bytes(), start);
    }
    let verb: String = sql[start..].chars().take_while(char::is_ascii_alphabetic).collect();
    if QUERIES.contains(&verb.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    let given = if verb.is_empty() { "this".to_owned() } else { format!("`{verb}`") };
    Err(refused(format!(
        "{given} is not a query\nhint: begin with select, with, values or explain; SQL changes nothing here"
    )))
}

/// Checks, by SQLite's rules of quoting, that nothing follows the first statement. Postgres checks that itself.
///
/// # Errors
/// [`StoreError::Query`] if something does, and for parameters, inside which SQLite allows quotes and semicolons.
pub(super) fn check_single(sql: &str) -> Result<()> {
    let bytes = sql.as_bytes();
    let (mut at, mut ended) = (0, false);
    while at < bytes.len() {
        match bytes[at] {
            b';' => ended = true,
            mark @ (b'$' | b'@' | b'#' | b':' | b'?') => {
                let mark = char::from(mark);
                return Err(refused(format!(
                    "`{mark}` begins a parameter, and queries take none\nhint: write the value"
                )));
            }
            _ if ended && !is_blank(&bytes[at..]) => {
                return Err(refused("these are several statements\nhint: send them one by one".to_owned()));
            }
            _ => {}
        }
        at = after(bytes, at);
    }
    Ok(())
}

/// Whether a table is no user's to read.
pub(super) fn is_secret(table: &str) -> bool {
    SECRET.iter().any(|secret| table.eq_ignore_ascii_case(secret))
}

/// Whether white space or a comment begins here.
fn is_blank(sql: &[u8]) -> bool {
    sql.first().is_some_and(u8::is_ascii_whitespace) || sql.starts_with(b"--") || sql.starts_with(b"/*")
}

/// Where what begins at `at` ends: a quoted thing, a comment, or one byte.
fn after(sql: &[u8], at: usize) -> usize {
    let end: &[u8] = match &sql[at..] {
        [quote @ (b'\'' | b'"' | b'`'), ..] => std::slice::from_ref(quote),
        [b'[', ..] => b"]",
        [b'-', b'-', ..] => b"\n",
        [b'/', b'*', ..] => b"*/",
        _ => return at + 1,
    };
    // `/*/` is no whole comment. A doubled quote reads as two quoted things in a row, which ends at the same place.
    let body = at + end.len();
    let found = sql[body..].windows(end.len()).position(|window| window == end);
    found.map_or(sql.len(), |length| body + length + end.len())
}

pub(super) fn refused(why: String) -> StoreError {
    StoreError::Query { why }
}

/// The error of a query that was stopped.
pub(super) fn too_long(limit: Duration) -> StoreError {
    refused(format!(
        "the query was stopped after {} s\nhint: ask for less at once, such as one sweep: `where sweep = '…'`",
        limit.as_secs_f64()
    ))
}

/// The error of a query that found no room to run.
pub(super) fn too_many(limit: Duration) -> StoreError {
    let seconds = limit.as_secs_f64();
    refused(format!(
        "{AT_ONCE} other queries are running, and none ended within {seconds} s\nhint: try again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_pass() {
        for sql in
            ["select 1", " -- all\n/* of; it */ WITH x as (select 1) select * from x ;\n", "values (1)"]
        {
            check(sql).and_then(|()| check_single(sql)).unwrap();
        }
    }

    #[test]
    fn other_statements_do_not() {
        for sql in [
            "",
            "attach 'x' as y",
            "pragma x = 1",
            "/* select */ commit",
            "-- select 1",
            "(delete)",
            "séléct",
        ] {
            assert!(matches!(check(sql), Err(StoreError::Query { .. })), "{sql}");
        }
        assert!(check("select 1\0; commit").is_err());
    }

    #[test]
    fn a_second_statement_is_found_behind_any_quoting() {
        for sql in [
            "select 1; commit",
            "select ';' ; commit",
            "select 'it''s' ;commit",
            "select \"a;\" ; commit",
            "select [a;b'] ; commit",
            "select `a'` ; commit --'",
            "select 1 -- '\n; commit",
            "select 1 /* ' */; commit",
            "select 1 /*/ ; */ ; commit",
            "select $x(') ; attach 'f' as g --'",
        ] {
            assert!(check_single(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn semicolons_that_end_nothing_are_no_second_statement() {
        for sql in
            ["select ';'", "select 1;;", "select 1; -- done", "select 'a' /* ; */ ; /* x", "select '$.x ?'"]
        {
            check_single(sql).unwrap();
        }
    }
}
