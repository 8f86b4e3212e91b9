//! Searches and masks compared: where networks collapse as a table, how far masks are from each other as maps and curves.

use super::{
    canvas::{LEFT, TOP, WIDTH, framed},
    chart::{Chart, Series},
    heading,
    html::escape,
};
use std::{collections::BTreeMap, fmt::Write};
use tombola_wire::v1::{QueryResponse, Row, value::Kind};

/// Side of the largest cell of a map.
const CELL: f64 = 44.0;
/// Below a map stand the numbers of its rounds.
const BOTTOM: f64 = 50.0;
/// Up to so many rounds each cell says its number.
const MOST_NUMBERS: usize = 14;

/// What the page asks of the views: the rows come back in this order of columns.
pub(crate) fn collapse_sql(sweep: &str) -> String {
    format!(
        "select analysis, settings_key, criterion, min(last_alive), avg(last_alive), max(last_alive), min(first_collapse), \
         max(first_collapse), min(emptied_layer), max(greatest), count(*) from collapse where sweep = {} \
         group by analysis, settings_key, criterion, number order by analysis, settings_key, number",
        quoted(sweep)
    )
}

/// See [`collapse_sql`].
pub(crate) fn distance_sql(sweep: &str) -> String {
    format!(
        "select analysis, compared, first_settings_key, first_branch, second_branch, first_round, second_round, \
         avg(distance), avg(overlap), count(*) from mask_distance \
         where sweep = {} and layer is null and first_trial = second_trial \
         group by analysis, compared, first_settings_key, first_branch, second_branch, first_round, second_round \
         order by analysis, first_settings_key, first_branch, second_branch, first_round, second_round",
        quoted(sweep)
    )
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn text(row: &Row, column: usize) -> &str {
    match row.values.get(column).and_then(|value| value.kind.as_ref()) {
        Some(Kind::Text(text)) => text,
        _ => "",
    }
}

fn number(row: &Row, column: usize) -> Option<f64> {
    match row.values.get(column)?.kind.as_ref()? {
        Kind::Real(number) => Some(*number),
        Kind::Integer(number) => Some(*number as f64),
        Kind::Text(_) | Kind::Boolean(_) => None,
    }
}

/// The table of critical compressions; empty without rows.
pub(crate) fn collapses(found: &QueryResponse) -> String {
    let row = |row: &Row| {
        let power =
            |column| number(row, column).map_or_else(|| "none".to_owned(), |power| format!("{power:.2}"));
        let range = |least, most| match (power(least), power(most)) {
            (least, most) if least == most => least,
            (least, most) => format!("{least} to {most}"),
        };
        let setting = heading(text(row, 1));
        let (analysis, criterion, layer) = (text(row, 0), text(row, 2), text(row, 8));
        let cells = [
            escape(analysis),
            escape(&setting),
            escape(criterion),
            power(4),
            range(3, 5),
            range(6, 7),
            escape(layer),
            power(9),
            number(row, 10).unwrap_or(0.0).to_string(),
        ];
        format!("<tr><td>{}\n", cells.join("<td>"))
    };
    let rows: String = found.rows.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<h2>Critical compression</h2>\n<p>The largest compression tried, as a power of ten, at which every layer of the \
         untrained network keeps a weight, and the smallest at which one does not; over seeds.</p>\n<table>\n<tr><th>analysis\
         <th>setting<th>criterion<th>alive, mean<th>alive<th>collapsed<th>layer lost<th>possible<th>seeds\n{rows}</table>\n"
    )
}

/// Maps of rounds, and curves of lines against rounds; empty without rows.
pub(crate) fn distances(found: &QueryResponse) -> String {
    let mut maps: BTreeMap<(&str, String), Vec<[f64; 3]>> = BTreeMap::new();
    let mut curves: BTreeMap<&str, Vec<Series>> = BTreeMap::new();
    for row in &found.rows {
        let (Some(first), Some(second), Some(distance)) = (number(row, 5), number(row, 6), number(row, 7))
        else {
            continue;
        };
        let name = |column| match text(row, column) {
            "" => "ticket".to_owned(),
            branch => branch.to_owned(),
        };
        let group = |name: String| match text(row, 2) {
            "" => name,
            group => format!("{name}, {}", heading(group)),
        };
        if text(row, 1) == "rounds" {
            maps.entry((text(row, 0), group(name(3)))).or_default().push([first, second, distance]);
        } else {
            let series = curves.entry(text(row, 0)).or_default();
            let name = group(format!("{} against {}", name(3), name(4)));
            match series.iter_mut().find(|known| known.name == name) {
                Some(known) => known.points.push((first, distance)),
                None => series.push(Series { name, points: vec![(first, distance)] }),
            }
        }
    }
    if maps.is_empty() && curves.is_empty() {
        return String::new();
    }
    let map = |((analysis, line), pairs): (&(&str, String), &Vec<[f64; 3]>)| {
        let title = format!("{analysis}: rounds of {line}");
        format!("<h3>{}</h3>\n{}", escape(&title), heat_map(&title, pairs))
    };
    let curve = |(analysis, series): (&&str, &Vec<Series>)| {
        let chart = Chart { x: "round", log: false, y: "distance", series, from_zero: true, bound: None };
        format!("<h3>{}: between lines</h3>\n{}", escape(analysis), chart.svg())
    };
    let (maps, curves): (String, String) =
        (maps.iter().map(map).collect(), curves.iter().map(curve).collect());
    format!(
        "<h2>Distance between masks</h2>\n<p>Hamming distance: the share of all weights that live in one of two masks alone; \
         mean over seeds.</p>\n{maps}{curves}"
    )
}

/// A square of cells, one for each two rounds, the darker the farther apart they are.
fn heat_map(title: &str, pairs: &[[f64; 3]]) -> String {
    let mut rounds: Vec<f64> = pairs.iter().flat_map(|[first, second, _]| [*first, *second]).collect();
    rounds.sort_by(f64::total_cmp);
    rounds.dedup();
    let farthest = pairs.iter().map(|pair| pair[2]).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let side = CELL.min((WIDTH - 2.0 * LEFT) / rounds.len().max(1) as f64);
    let place = |round: f64| rounds.iter().position(|known| *known == round).unwrap_or(0) as f64 * side;
    let (bottom, middle) = (TOP + side * rounds.len() as f64, side / 2.0);
    let mut svg = String::new();
    let mut cell = |column: f64, row: f64, distance: f64| {
        let (x, y, share) = (LEFT + place(column), TOP + place(row), distance / farthest);
        let _ = writeln!(
            svg,
            "<rect class=\"c0\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"var(--c)\" \
             fill-opacity=\"{share:.3}\"><title>rounds {column} and {row}: {distance:.4}</title></rect>"
        );
        if rounds.len() <= MOST_NUMBERS {
            let (x, y) = (x + middle, y + middle + 4.0);
            let _ =
                writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{distance:.2}</text>");
        }
    };
    rounds.iter().for_each(|round| cell(*round, *round, 0.0));
    for [first, second, distance] in pairs {
        cell(*first, *second, *distance);
        cell(*second, *first, *distance);
    }
    for round in rounds.iter().step_by(rounds.len().div_ceil(25)) {
        let (along, end) = (place(*round) + middle, LEFT - 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{round}</text>\n\
             <text x=\"{end}\" y=\"{:.1}\" text-anchor=\"end\">{round}</text>",
            LEFT + along,
            bottom + 18.0,
            TOP + along + 4.0
        );
    }
    let (x, y) = (LEFT + side * rounds.len() as f64 / 2.0, bottom + 38.0);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">round</text>");
    framed(bottom + BOTTOM, title, &svg)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_wire::v1::Value;

    fn row(values: &[&str]) -> Row {
        let value = |text: &&str| {
            let number = text.parse::<f64>().ok().map(Kind::Real);
            let kind = if *text == "null" { None } else { number.or(Some(Kind::Text((*text).to_owned()))) };
            Value { kind }
        };
        Row { values: values.iter().map(value).collect() }
    }

    fn answer(rows: Vec<Row>) -> QueryResponse {
        QueryResponse { columns: Vec::new(), rows, truncated: false }
    }

    #[test]
    fn collapses_stand_in_a_table_with_their_range_over_seeds() {
        let found = answer(vec![
            row(&["c", "", "synflow", "5.75", "5.8", "5.85", "5.9", "5.9", "fc.weight", "6.02", "2"]),
            row(&["c", "", "magnitude", "null", "null", "null", "2.5", "2.5", "a<b", "6.02", "2"]),
        ]);
        let page = collapses(&found);
        assert!(
            page.contains("<td>synflow<td>5.80<td>5.75 to 5.85<td>5.90<td>fc.weight<td>6.02<td>2"),
            "{page}"
        );
        assert!(page.contains("<td>magnitude<td>none<td>none<td>2.50<td>a&lt;b"), "{page}");
        assert_eq!(collapses(&answer(Vec::new())), "");
    }

    #[test]
    fn rounds_are_a_square_and_lines_are_curves() {
        let rounds =
            |first, second, distance| row(&["d", "rounds", "", "", "", first, second, distance, "0.5", "3"]);
        let lines =
            |round, distance| row(&["l", "lines", "", "", "random", round, round, distance, "0.5", "3"]);
        let found = answer(vec![
            rounds("1", "2", "0.1"),
            rounds("1", "3", "0.2"),
            rounds("2", "3", "0.1"),
            lines("1", "0.3"),
            lines("2", "0.4"),
        ]);
        let page = distances(&found);
        assert_eq!((page.matches("<svg").count(), page.matches("<rect").count()), (2, 9));
        // The farthest are the darkest; a round is not far from itself.
        assert_eq!(
            (page.matches("fill-opacity=\"1.000\"").count(), page.matches("fill-opacity=\"0.000\"").count()),
            (2, 3)
        );
        assert!(
            page.contains("rounds 1 and 3: 0.2000") && page.contains(">ticket against random</text>"),
            "{page}"
        );
        assert_eq!(distances(&answer(Vec::new())), "");
    }

    #[test]
    fn a_name_cannot_end_its_quotes() {
        assert!(collapse_sql("it's").contains("sweep = 'it''s' group"));
        assert!(distance_sql("it's").contains("sweep = 'it''s' and"));
    }
}
