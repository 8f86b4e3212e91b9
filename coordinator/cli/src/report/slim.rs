//! What networks cost with and without their dead units: a table beside the others.

use super::{Line, heading, html::escape, in_order};
use crate::output::{percent, table_as_named};
use tombola_wire::v1::{ResultsResponse, SlimSize};

const HEADERS: [&str; 8] =
    ["round", "density", "line", "network", "parameters", "Mflop", "KiB", "latency, ms"];

/// One row for each network, the masked one before the slim one.
fn rows(results: &ResultsResponse) -> Vec<Vec<String>> {
    let mut sizes: Vec<&SlimSize> = results.slim.iter().collect();
    sizes.sort_by(|a, b| {
        let place = |size: &SlimSize| (size.round, size.branch.clone(), size.network.clone());
        in_order(&a.group, &b.group).then(a.analysis.cmp(&b.analysis)).then(place(a).cmp(&place(b)))
    });
    let row = |size: &&SlimSize| {
        let SlimSize { group, branch, kind, .. } = *size;
        let own = Line { group: group.clone(), branch: branch.clone(), kind: kind.clone() }.title();
        let name = if group.is_empty() { own } else { format!("{own}, {}", heading(group)) };
        vec![
            size.round.to_string(),
            percent(size.density),
            name,
            size.network.clone(),
            format!("{:.0}", size.parameters),
            format!("{:.3}", size.flops / 1e6),
            format!("{:.1}", size.bytes / 1024.0),
            format!("{:.3}", 1e3 * size.latency),
        ]
    };
    sizes.iter().map(row).collect()
}

fn legend(results: &ResultsResponse) -> String {
    let batch = results.slim.iter().map(|size| size.batch).max().unwrap_or(0);
    format!(
        "of a forward pass: operations of one example, time of up to {batch} together (median of passes, mean over seeds); \
         slim = without what the mask leaves wholly dead"
    )
}

/// A table for the terminal; empty without such an analysis.
pub(crate) fn render(results: &ResultsResponse) -> String {
    if results.slim.is_empty() {
        return String::new();
    }
    let headers: Vec<String> = HEADERS.map(str::to_owned).into();
    format!("{}\n\n{}", table_as_named(&headers, rows(results).into_iter()), legend(results))
}

/// The same for the page.
pub(super) fn section(results: &ResultsResponse) -> String {
    if results.slim.is_empty() {
        return String::new();
    }
    let cells = |tag: &str, cells: &[String]| -> String {
        cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect()
    };
    let rows: String = rows(results).iter().map(|row| format!("<tr>{}</tr>\n", cells("td", row))).collect();
    let head = cells("th", &HEADERS.map(str::to_owned));
    format!(
        "<h2>Without dead units</h2>\n<p>{}.</p>\n<table>\n<tr>{head}</tr>\n{rows}</table>\n",
        escape(&legend(results))
    )
}

#[cfg(test)]
mod tests {
    use super::{super::table::tests::small, *};

    fn results() -> ResultsResponse {
        let size = |network: &str, scale: f64| SlimSize {
            analysis: "slim".to_owned(),
            kind: "ticket".to_owned(),
            round: 1,
            network: network.to_owned(),
            density: 0.25,
            parameters: 1000.0 * scale,
            flops: 4e6 * scale,
            bytes: 4096.0 * scale,
            latency: 2e-3 * scale,
            batch: 100,
            ..Default::default()
        };
        ResultsResponse { slim: vec![size("slim", 0.25), size("masked", 1.0)], ..small() }
    }

    #[test]
    fn a_network_stands_above_what_is_left_of_it() {
        let table = render(&results());
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let rows: Vec<_> =
            table.lines().map(words).filter(|words| words.contains(&"ticket".to_owned())).collect();
        assert_eq!(rows[0][4..], ["masked", "1000", "4.000", "4.0", "2.000"], "{table}");
        assert_eq!(rows[1][4..], ["slim", "250", "1.000", "1.0", "0.500"], "{table}");
        assert_eq!(render(&small()), "", "a sweep without such an analysis says nothing of it");
    }

    #[test]
    fn the_page_has_the_same_rows() {
        let page = section(&results());
        assert_eq!(page.matches("<tr>").count(), 3);
        assert!(page.contains("<td>slim</td><td>250</td>"), "{page}");
    }
}
