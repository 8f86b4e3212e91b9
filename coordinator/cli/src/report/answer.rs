//! Reading the answers to questions in SQL.

use tombola_wire::v1::{Row, value::Kind};

/// Text as SQL writes it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Text in a column; empty for anything else.
pub(super) fn text(row: &Row, column: usize) -> &str {
    match row.values.get(column).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Text(text)) => text,
        _ => "",
    }
}

/// A number in a column.
pub(super) fn number(row: &Row, column: usize) -> Option<f64> {
    match row.values.get(column)?.kind.as_ref()? {
        Kind::Real(number) => Some(*number),
        Kind::Integer(number) => Some(*number as f64),
        Kind::Text(_) | Kind::Boolean(_) => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tombola_wire::v1::{QueryResponse, Value};

    /// Numbers where a text is one, and nothing for `null`.
    pub(in crate::report) fn row(values: &[&str]) -> Row {
        let value = |text: &&str| {
            let number = text.parse::<f64>().ok().map(Kind::Real);
            let kind = if *text == "null" { None } else { number.or(Some(Kind::Text((*text).to_owned()))) };
            Value { kind }
        };
        Row { values: values.iter().map(value).collect() }
    }

    pub(in crate::report) fn answer(rows: Vec<Row>) -> QueryResponse {
        QueryResponse { columns: Vec::new(), rows, truncated: false }
    }
}
