//! Values into Postgres, as one array for each column, and out of it.

use crate::store::{
    Cell,
    cell::Row,
    verb::{Arg, Kind, Verb},
};
use sqlx::{
    Decode, Postgres, Row as _, TypeInfo, ValueRef,
    error::BoxDynError,
    postgres::{PgArguments, PgRow, PgValueFormat, PgValueRef},
    query::Query,
};
use std::{borrow::Cow, fmt::Write};

/// Binds the rows, column by column, as [`Verb::postgres`] expects them.
pub(super) fn bind<'q>(
    mut query: Query<'q, Postgres, PgArguments>,
    verb: &Verb,
    rows: &[Vec<Arg<'_>>],
) -> Query<'q, Postgres, PgArguments> {
    for (column, (_, kind)) in verb.columns.iter().enumerate() {
        let values = rows.iter().map(|row| &row[column]);
        query = match kind {
            Kind::Int => query.bind(values.map(int).collect::<Vec<_>>()),
            Kind::Float => query.bind(values.map(float).collect::<Vec<_>>()),
            Kind::Bool => query.bind(values.map(boolean).collect::<Vec<_>>()),
            Kind::Text | Kind::Time | Kind::Json | Kind::Ints | Kind::Floats => {
                query.bind(values.map(text).collect::<Vec<_>>())
            }
        };
    }
    query
}

fn int(value: &Arg<'_>) -> Option<i64> {
    if let Arg::Int(value) = value { Some(*value) } else { None }
}

fn float(value: &Arg<'_>) -> Option<f64> {
    if let Arg::Float(value) = value { Some(*value).filter(|value| value.is_finite()) } else { None }
}

fn boolean(value: &Arg<'_>) -> Option<bool> {
    if let Arg::Bool(value) = value { Some(*value) } else { None }
}

/// Text as it is, lists as Postgres writes them: `{1,null,2}`.
fn text<'a>(value: &'a Arg<'_>) -> Option<Cow<'a, str>> {
    match value {
        Arg::Text(text) => Some(Cow::Borrowed(text)),
        Arg::Ints(values) => Some(list(values, |text, value| write!(text, "{}", value.cast_signed())).into()),
        Arg::Floats(values) => Some(list(values, write_float).into()),
        _ => None,
    }
}

fn write_float(text: &mut String, value: &f64) -> std::fmt::Result {
    if value.is_finite() { write!(text, "{value:e}") } else { text.write_str("null") }
}

fn list<T>(values: &[T], write: impl Fn(&mut String, &T) -> std::fmt::Result) -> String {
    let mut text = String::with_capacity(values.len() * 8 + 2);
    text.push('{');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(&mut text, value).expect("writing to a string never fails");
    }
    text.push('}');
    text
}

/// A row that came out.
pub(super) fn row(row: &PgRow) -> Result<Row, sqlx::Error> {
    (0..row.len()).map(|column| cell(row, column)).collect::<Result<_, _>>().map(Row)
}

fn cell(row: &PgRow, column: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    let decoded = if value.is_null() {
        Ok(Cell::Null)
    } else if value.format() == PgValueFormat::Text {
        value.as_str().map(|text| printed(value.type_info().name(), text))
    } else {
        binary(value)
    };
    decoded.map_err(|source| sqlx::Error::ColumnDecode { index: column.to_string(), source })
}

/// The few types our own reads yield.
fn binary(value: PgValueRef<'_>) -> Result<Cell, BoxDynError> {
    match value.type_info().name() {
        "INT8" => <i64 as Decode<Postgres>>::decode(value).map(Cell::Integer),
        "BOOL" => <bool as Decode<Postgres>>::decode(value).map(Cell::Bool),
        "FLOAT8" => <f64 as Decode<Postgres>>::decode(value).map(Cell::Float),
        _ => <&str as Decode<Postgres>>::decode(value).map(|text| Cell::Text(text.to_owned())),
    }
}

/// A value of any type, from its printed form.
fn printed(kind: &str, text: &str) -> Cell {
    let float = |text: &str| match text.parse::<f64>() {
        Ok(value) if !value.is_nan() => Cell::Float(value),
        _ => Cell::Null,
    };
    match kind {
        "BOOL" => Cell::Bool(text == "t"),
        "INT2" | "INT4" | "INT8" | "OID" => {
            text.parse().map_or_else(|_| Cell::Text(text.to_owned()), Cell::Integer)
        }
        "FLOAT4" | "FLOAT8" => float(text),
        "NUMERIC" => text.parse().map_or_else(|_| float(text), Cell::Integer),
        "TIMESTAMPTZ" => Cell::Text(moment(text)),
        "BYTEA" => Cell::Text(text.trim_start_matches("\\x").to_owned()),
        _ => Cell::Text(text.to_owned()),
    }
}

/// `2026-11-24 02:54:28.12+00` as SQLite stores it: `2026-11-24T02:54:28.120Z`.
fn moment(text: &str) -> String {
    let Some(utc) = text.strip_suffix("+00") else { return text.to_owned() };
    let (seconds, fraction) = utc.split_once('.').unwrap_or((utc, ""));
    format!("{}.{fraction:0<3}Z", seconds.replacen(' ', "T", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_values_become_plain_ones() {
        assert_eq!(printed("BOOL", "t"), Cell::Bool(true));
        assert_eq!(printed("INT4", "-3"), Cell::Integer(-3));
        assert_eq!(printed("NUMERIC", "12"), Cell::Integer(12));
        assert_eq!(printed("NUMERIC", "12.50"), Cell::Float(12.5));
        assert_eq!(printed("FLOAT8", "NaN"), Cell::Null);
        assert_eq!(printed("JSONB", "{}"), Cell::Text("{}".into()));
        assert_eq!(
            printed("TIMESTAMPTZ", "2026-11-24 02:54:28.12+00"),
            Cell::Text("2026-11-24T02:54:28.120Z".into())
        );
        assert_eq!(
            printed("TIMESTAMPTZ", "2026-11-24 02:54:28+00"),
            Cell::Text("2026-11-24T02:54:28.000Z".into())
        );
        assert_eq!(printed("TIMESTAMPTZ", "infinity"), Cell::Text("infinity".into()));
    }

    #[test]
    fn lists_keep_their_holes() {
        assert_eq!(text(&Arg::Floats(&[1.5, f64::NAN, -2e-9])).unwrap(), "{1.5e0,null,-2e-9}");
        assert_eq!(text(&Arg::Ints(&[])).unwrap(), "{}");
    }
}
