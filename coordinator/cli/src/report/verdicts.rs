//! Decisions about how far trials went, by `select` and `prune.until`.

use super::{
    answer::{number, quoted, text},
    heading,
    html::escape,
};
use crate::output::percent;
use tombola_wire::v1::{QueryResponse, Row};

/// What the page asks of the views: the rows come back in this order of columns.
pub(crate) fn select_sql(sweep: &str) -> String {
    format!(
        "select settings_key as setting, metric, at, value, bar, case when goes_on then 'yes' else 'no' end as goes_on, \
         count(*) as trials from verdict where sweep = {} and rule = 'select' \
         group by settings_key, metric, at, value, bar, goes_on order by goes_on desc, settings_key",
        quoted(sweep)
    )
}

/// See [`select_sql`]. A round is good that is not worse than the dense one by more than is allowed.
pub(crate) fn until_sql(sweep: &str) -> String {
    let good = "(direction = 'lower' and value <= bar) or (direction = 'higher' and value >= bar)";
    format!(
        "select settings_key as setting, seed, repeat, max(case when {good} then round end) as last_good_round, \
         min(case when {good} then density_planned end) as its_density, \
         max(case when goes_on then null else round end) as ended_after from verdict \
         where sweep = {} and rule = 'until' group by settings_key, seed, repeat order by settings_key, seed, repeat",
        quoted(sweep)
    )
}

/// The tables; empty without decisions.
pub(crate) fn section(select: &QueryResponse, until: &QueryResponse) -> String {
    let tables = selected(select) + &ended(until);
    if tables.is_empty() { tables } else { format!("<h2>Decided by validation results</h2>\n{tables}") }
}

fn selected(select: &QueryResponse) -> String {
    let row = |row: &Row| {
        let setting = escape(&heading(text(row, 0)));
        let value = number(row, 3).map_or_else(|| "diverged".to_owned(), |value| format!("{value:.4}"));
        let (bar, goes_on) = (number(row, 4).unwrap_or(f64::NAN), text(row, 5));
        format!("<tr><td>{setting}<td>{value}<td>{bar:.4}<td>{goes_on}\n")
    };
    let Some(first) = select.rows.first() else { return String::new() };
    let (metric, at, rows) =
        (escape(text(first, 1)), moment(first), select.rows.iter().map(row).collect::<String>());
    format!(
        "<p>Values compared by their mean validation {metric} {at}.</p>\n<table>\n<tr><th>setting<th>mean<th>to go on\
         <th>goes on\n{rows}</table>\n"
    )
}

fn moment(row: &Row) -> &'static str {
    match text(row, 2) {
        "early_stop" => "at the early-stopping iteration",
        _ => "at the end of training",
    }
}

fn ended(until: &QueryResponse) -> String {
    let row = |row: &Row| {
        let setting = escape(&heading(text(row, 0)));
        let whole =
            |column| number(row, column).map_or_else(|| "none".to_owned(), |round| format!("{round:.0}"));
        let density = number(row, 4).map_or_else(String::new, percent);
        let (seed, good, end) = (whole(1), whole(3), whole(5));
        let end = if end == "none" { "not ended early".to_owned() } else { format!("round {end}") };
        format!("<tr><td>{setting}<td>{seed}<td>{good}<td>{density}<td>{end}\n")
    };
    let rows: String = until.rows.iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<p>Pruned until worse than the dense network by more than is allowed, on validation examples.</p>\n<table>\n\
         <tr><th>setting<th>seed<th>last good round<th>its density<th>ended after\n{rows}</table>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::answer::tests::{answer, row};

    #[test]
    fn what_went_on_and_where_lines_ended_stands_in_tables() {
        let select = answer(vec![
            row(&["train.lr=0.2", "accuracy", "last", "0.9", "0.9", "yes", "3"]),
            row(&["train.lr=5.5", "accuracy", "last", "null", "0.9", "no", "3"]),
        ]);
        let until = answer(vec![
            row(&["", "1", "0", "7", "0.2097", "8"]),
            row(&["", "2", "0", "9", "0.1342", "null"]),
        ]);
        let page = section(&select, &until);
        for part in [
            "mean validation accuracy at the end of training",
            "<td>train.lr = 0.2<td>0.9000<td>0.9000<td>yes",
            "<td>train.lr = 5.5<td>diverged<td>0.9000<td>no",
            "<td>1<td>7<td>21.0 %<td>round 8",
            "<td>2<td>9<td>13.4 %<td>not ended early",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert_eq!(section(&answer(Vec::new()), &answer(Vec::new())), "");
    }
}
