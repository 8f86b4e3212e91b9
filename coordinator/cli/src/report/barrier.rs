//! Linear mode connectivity: error on the lines between solutions, and the barriers that rise from them.

use super::{
    Line,
    chart::{Chart, Series},
    heading,
    html::escape,
    in_order,
};
use crate::output::{percent, table_as_named};
use std::collections::BTreeMap;
use tombola_wire::v1::{Barrier, LineName, LinePoint, ResultsResponse};

/// Percentage points below which the paper calls a network stable (arXiv 1912.05671).
const STABLE: f64 = 2.0;

/// An analysis on one split, by one convention of the statistics.
type Panel<'a> = (&'a str, &'a str, &'a str, &'a str);

fn panel(line: &LineName) -> Panel<'_> {
    (&line.analysis, &line.ends, &line.split, &line.bn)
}

/// `lmc: between copies, on test`.
fn title((analysis, ends, split, bn): Panel<'_>) -> String {
    let statistics = if bn == "interpolate" { String::new() } else { format!(", statistics: {bn}") };
    format!("{analysis}: between {ends}, on {split}{statistics}")
}

/// A line's name for people, among those of its panel.
fn name(line: &LineName) -> String {
    let LineName { group, branch, kind, .. } = line;
    let own = Line { group: group.clone(), branch: branch.clone(), kind: kind.clone() }.title();
    if group.is_empty() { own } else { format!("{own}, {}", heading(group)) }
}

/// The barriers with their places, by panel.
fn by_panel(results: &ResultsResponse) -> BTreeMap<Panel<'_>, Vec<(&LineName, &Barrier)>> {
    let mut panels: BTreeMap<Panel<'_>, Vec<_>> = BTreeMap::new();
    for barrier in &results.barriers {
        if let Some(line) = &barrier.line {
            panels.entry(panel(line)).or_default().push((line, barrier));
        }
    }
    for barriers in panels.values_mut() {
        barriers.sort_by(|(a, _), (b, _)| {
            in_order(&a.group, &b.group).then(a.round.cmp(&b.round)).then(a.branch.cmp(&b.branch))
        });
    }
    panels
}

/// Tables for the terminal; empty without analyses.
pub(crate) fn render(results: &ResultsResponse) -> String {
    let headers = ["round", "density", "line", "barrier", "least", "highest", "seeds", "pairs"];
    let headers: Vec<String> = headers.map(str::to_owned).into();
    let row = |(line, barrier): &(&LineName, &Barrier)| {
        let points = |points: f64| format!("{points:.2}");
        let (mean, min, max) = (points(barrier.mean), points(barrier.min), points(barrier.max));
        let (seeds, pairs) = (barrier.seeds.to_string(), barrier.pairs.to_string());
        vec![line.round.to_string(), percent(line.density), name(line), mean, min, max, seeds, pairs]
    };
    let block = |(panel, barriers): (Panel<'_>, Vec<_>)| {
        format!("{}\n{}", title(panel), table_as_named(&headers, barriers.iter().map(row)))
    };
    let blocks: Vec<String> = by_panel(results).into_iter().map(block).collect();
    if blocks.is_empty() {
        return String::new();
    }
    let legend =
        "error barrier, percentage points: highest error on the line above the mean of its ends, over pairs";
    format!("{}\n\n{legend}", blocks.join("\n\n"))
}

/// Charts for the page; empty without analyses.
pub(super) fn charts(results: &ResultsResponse) -> String {
    let section = |(panel, barriers): (Panel<'_>, Vec<_>)| {
        let what = escape(&title(panel));
        let (lines, barrier) = (lines_chart(results, panel), barrier_chart(results, panel, &barriers));
        format!("<h3>{what}</h3>\n{barrier}{lines}")
    };
    let sections: String = by_panel(results).into_iter().map(section).collect();
    if sections.is_empty() {
        return String::new();
    }
    format!(
        "<h2>Linear mode connectivity</h2>\n<p>Error barrier: the highest error on the straight line between two \
         solutions above the mean of its ends, percentage points, mean over pairs and seeds. Below {STABLE} a network is \
         called stable. Gap to dense: test accuracy of the dense network less that of the line's round, percentage \
         points.</p>\n{sections}"
    )
}

/// Error against alpha, a series for each round of each line.
fn lines_chart(results: &ResultsResponse, of: Panel<'_>) -> String {
    let mut series: Vec<Series> = Vec::new();
    let points = results.lines.iter().filter_map(|point| Some((point.line.as_ref()?, point)));
    for (line, LinePoint { alpha, error, .. }) in points.filter(|(line, _)| panel(line) == of) {
        add(&mut series, format!("{}, round {}", name(line), line.round), (*alpha, 100.0 * error));
    }
    Chart { x: "α", log: false, y: "error, %", from_zero: true, series: &series, bound: None }.svg()
}

/// Barrier and gap to dense against the rewind step where that is an axis, else against the round.
fn barrier_chart(results: &ResultsResponse, of: Panel<'_>, barriers: &[(&LineName, &Barrier)]) -> String {
    let by_step = barriers.len() > 1 && barriers.iter().all(|(line, _)| rewind(&line.group).is_some());
    let mut series: Vec<Series> = Vec::new();
    for (line, barrier) in barriers {
        let (x, name) = match rewind(&line.group) {
            Some((step, rest)) if by_step => {
                let line = LineName { group: rest, ..(*line).clone() };
                (step, format!("{}, round {}", name(&line), line.round))
            }
            _ => (f64::from(line.round), name(line)),
        };
        add(&mut series, name.clone(), (x, barrier.mean));
        if let Some(gap) = gap(results, line).filter(|_| of.1 == "copies" && of.2 == "test") {
            add(&mut series, format!("{name}: gap to dense"), (x, gap));
        }
    }
    for series in &mut series {
        series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let x = if by_step { "rewind step, iterations" } else { "round" };
    Chart {
        x,
        log: false,
        from_zero: true,
        y: "percentage points",
        series: &series,
        bound: Some((STABLE, "stable")),
    }
    .svg()
}

fn add(series: &mut Vec<Series>, name: String, point: (f64, f64)) {
    match series.iter_mut().find(|known| known.name == name) {
        Some(known) => known.points.push(point),
        None => series.push(Series { name, points: vec![point] }),
    }
}

/// The rewind step among axis values, in iterations, and the other values. Epochs cannot be told in iterations here.
fn rewind(group: &str) -> Option<(f64, String)> {
    let is_rewind = |word: &&str| word.starts_with("prune.rewind=");
    let step = group.split(' ').find(is_rewind)?.split_once('=')?.1.strip_suffix("it")?.parse().ok()?;
    let rest: Vec<&str> = group.split(' ').filter(|word| !is_rewind(word)).collect();
    Some((step, rest.join(" ")))
}

/// Dense accuracy less that of a line's round, percentage points. Dense itself has none.
fn gap(results: &ResultsResponse, line: &LineName) -> Option<f64> {
    let mut points = results.curve.iter().filter(|point| point.group == line.group);
    let dense = points.clone().find(|point| point.branch.is_empty() && point.round == 0)?;
    let own = points.find(|point| point.branch == line.branch && point.round == line.round)?;
    (line.round > 0).then_some(100.0 * (dense.mean - own.mean))
}

#[cfg(test)]
mod tests {
    use super::{super::table::tests::small, *};

    fn line(group: &str, branch: &str, kind: &str, round: u32) -> LineName {
        let [analysis, ends, bn, split] = ["lmc", "copies", "interpolate", "test"].map(str::to_owned);
        let (group, branch, kind) = (group.into(), branch.into(), kind.into());
        LineName { group, analysis, ends, branch, kind, round, density: 1.0, bn, split }
    }

    fn results(groups: &[&str]) -> ResultsResponse {
        let mut results = small();
        for group in groups {
            for (branch, kind, round) in
                [("", "ticket", 0), ("", "ticket", 13), ("random", "random_mask", 13)]
            {
                let line = Some(line(group, branch, kind, round));
                let point = |alpha, error| LinePoint { line: line.clone(), alpha, error };
                results.lines.extend([point(0.0, 0.1), point(0.5, 0.1234), point(1.0, 0.1)]);
                let (mean, min, max) = (2.34, 2.0, 3.0);
                results.barriers.push(Barrier { line, mean, min, max, seeds: 2, pairs: 6 });
            }
        }
        results
    }

    #[test]
    fn a_row_per_line_and_round_with_its_barrier() {
        insta::assert_snapshot!(render(&results(&[""])));
        assert_eq!(render(&small()), "", "a sweep without analyses says nothing of them");
    }

    #[test]
    fn barriers_are_drawn_against_rounds_beside_the_gap_to_dense_and_errors_against_alpha() {
        let page = charts(&results(&[""]));
        assert_eq!(page.matches("<svg").count(), 2);
        for name in [
            ">ticket</text>",
            ">ticket: gap to dense</text>",
            ">random mask, round 13</text>",
            ">round</text>",
        ] {
            assert!(page.contains(name), "{name} in {page}");
        }
        // Accuracy 87.5 % dense, 88.9 % of the ticket.
        assert!((gap(&small(), &line("", "", "ticket", 13)).unwrap() + 1.4).abs() < 1e-9);
    }

    #[test]
    fn barriers_are_drawn_against_the_rewind_step_where_it_is_an_axis() {
        let page = charts(&results(&["prune.rewind=2000it", "prune.rewind=0it"]));
        assert!(page.contains(">rewind step, iterations</text>"), "{page}");
        assert!(page.contains(">ticket, round 13</text>"), "{page}");
        assert_eq!(rewind("model.name=a prune.rewind=500it"), Some((500.0, "model.name=a".to_owned())));
        assert_eq!(rewind("prune.rewind=1ep"), None);
    }
}
