//! Values into SQLite, as one JSON text for a list of rows, and out of it.

use crate::store::{Cell, cell::Row, verb::Arg};
use serde::{Serialize, Serializer, ser::SerializeSeq};
use sqlx::{Column, Decode, Row as _, Sqlite, TypeInfo, ValueRef, error::BoxDynError, sqlite::SqliteRow};

/// The rows as a JSON array of arrays; what JSON has no number for becomes null.
pub(super) fn json(rows: &[Vec<Arg<'_>>]) -> String {
    serde_json::to_string(rows).expect("rows of plain values are JSON")
}

impl Serialize for Arg<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Int(value) => to.serialize_i64(*value),
            Self::Float(value) => to.serialize_f64(*value),
            Self::Text(text) => to.serialize_str(text),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Ints(values) => {
                let mut list = to.serialize_seq(Some(values.len()))?;
                for value in *values {
                    list.serialize_element(&value.cast_signed())?;
                }
                list.end()
            }
            Self::Floats(values) => values.serialize(to),
        }
    }
}

/// A row that came out.
pub(super) fn row(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    (0..row.len()).map(|column| cell(row, column)).collect::<Result<_, _>>().map(Row)
}

fn cell(row: &SqliteRow, column: usize) -> Result<Cell, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    let declared = row.column(column).type_info();
    let kind = value.type_info().into_owned();
    let decoded: Result<Cell, BoxDynError> = match kind.name() {
        _ if value.is_null() => Ok(Cell::Null),
        // A boolean is stored as a number; only the column knows.
        "INTEGER" | "BOOLEAN" if declared.name() == "BOOLEAN" => {
            <bool as Decode<Sqlite>>::decode(value).map(Cell::Bool)
        }
        "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(Cell::Integer),
        "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(Cell::Float),
        "BLOB" => <&[u8] as Decode<Sqlite>>::decode(value).map(|bytes| Cell::Text(hex(bytes))),
        _ => <&str as Decode<Sqlite>>::decode(value).map(|text| Cell::Text(text.to_owned())),
    };
    decoded.map_err(|source| sqlx::Error::ColumnDecode { index: column.to_string(), source })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
