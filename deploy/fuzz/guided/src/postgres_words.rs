//! SQL of people on its way to Postgres: whatever the server would read as a name that is for no user is refused.

use super::{Target, repository};
use tombola_server::fuzz;

pub(crate) const TARGET: Target = Target { name: "postgres_words", run, seeds, words: WORDS, longest: 1024 };

/// Names that no query may have in it, and what names hide in.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "pg_sleep", "pg_catalog", "PG_READ_FILE", "current_setting", "txid_current", "query_to_xml", "crosstab",
    "connectby", "access_tokens", "pg_typeof", "random", "select ", "from ", "explain ", "create ",
    "insert ", "into ", "$$", "$a$", "E'", "U&\"", "u&'", "\"", "'", "--", "/*", "*/", "::regclass", "(",
    ")", "1", ".", ";", "\\", "\u{e9}", "\u{130}", "\u{212a}",
];

fn seeds() -> Vec<Vec<u8>> {
    let attacks = [
        "select pg_sleep(1)",
        "select \"pg_sleep\"(1)",
        "select/**/pg_catalog.pg_sleep/**/(1)",
        "select $a$ pg_authid $a$",
        "explain analyze create table t as select 1",
        "select pg_typeof(x), random() from trial where name = 'a_pg_b'",
        "select 'it''s', $1, 1e5, \"a\"\"b\" from job_history",
    ];
    let attacks = attacks.into_iter().map(|sql| sql.as_bytes().to_vec());
    attacks.chain(repository("migrations/postgres", "sql")).collect()
}

fn run(bytes: &[u8]) {
    let Ok(sql) = std::str::from_utf8(bytes) else { return };
    let Ok(words) = fuzz::postgres_words(sql) else { return };
    let names = names(sql);
    // No function of the server has a `$` in its name; where one ends a text right before a name, both are one word to the guard.
    for name in names.iter().filter(|name| !name.contains('$')) {
        assert!(!is_forbidden(name), "`{name}` passes in {sql:?}");
        let known = words.contains(name) || HARMLESS.contains(&name.as_str());
        assert!(known, "the server is not asked about `{name}` in {sql:?}: {words:?}");
    }
    let explains = names.iter().any(|name| name == "explain");
    assert!(!explains || !names.iter().any(|name| CHANGING.contains(&name.as_str())), "{sql:?}");
}

const HARMLESS: [&str; 7] =
    ["random", "random_normal", "clock_timestamp", "timeofday", "gen_random_uuid", "bernoulli", "system"];
const CHANGING: [&str; 9] =
    ["create", "into", "execute", "declare", "refresh", "insert", "update", "delete", "merge"];
const FORBIDDEN: [&str; 5] = ["current_setting", "txid_current", "connectby", "xpath_table", "access_tokens"];

fn is_forbidden(name: &str) -> bool {
    let system = name.starts_with("pg_") && name != "pg_typeof";
    system || name.contains("_to_xml") || name.starts_with("crosstab") || FORBIDDEN.contains(&name)
}

/// The names of a text as Postgres's own scanner finds them, from its rules and not from ours: outside of quotes and comments a
/// letter or `_`, then letters, digits, `_` and `$`; in double quotes as it stands.
fn names(sql: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' => quoted(rest, '\''),
            '"' => {
                let length = quoted(rest, '"');
                let inside = rest[1..length].strip_suffix('"').unwrap_or(&rest[1..length]);
                // Only what is a plain word can be one of the names.
                if !inside.is_empty() && inside.chars().all(is_part) {
                    names.push(inside.to_ascii_lowercase());
                }
                length
            }
            '-' if rest.starts_with("--") => rest.find(['\n', '\r']).unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => commented(rest),
            '$' => dollar_quoted(rest),
            // A number, and whatever is written to its end: newer servers refuse it, older ones take it for a new name at most.
            '0'..='9' => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            first if is_first(first) => {
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                names.push(rest[..length].to_ascii_lowercase());
                length
            }
            first => first.len_utf8(),
        };
        rest = &rest[length..];
    }
    names
}

fn is_first(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn is_part(c: char) -> bool {
    is_first(c) || c.is_ascii_digit() || c == '$'
}

/// Length of a quoted thing; a doubled quote reads as two in a row.
fn quoted(text: &str, quote: char) -> usize {
    text[1..].find(quote).map_or(text.len(), |end| end + 2)
}

/// Length of a comment; they nest.
fn commented(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += rest.chars().next().map_or(0, char::len_utf8);
        }
        if depth == 0 || at >= text.len() {
            return at;
        }
    }
}

/// Length of `$tag$ … $tag$`, or of the `$` of something else.
fn dollar_quoted(text: &str) -> usize {
    let tag = text[1..].find(|c| !is_part(c) || c == '$').filter(|end| text[1 + end..].starts_with('$'));
    let Some(mark) =
        tag.map(|end| &text[..end + 2]).filter(|mark| !mark[1..].starts_with(|c: char| c.is_ascii_digit()))
    else {
        return 1;
    };
    text[mark.len()..].find(mark).map_or(text.len(), |end| end + 2 * mark.len())
}
