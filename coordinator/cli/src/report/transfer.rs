//! Transfer: tickets of every source trained on every target, as a matrix (arXiv 1906.02773, section 4).

use super::{heading, html::escape, in_order};
use crate::output::percent;
use std::collections::BTreeSet;
use tombola_wire::v1::{CurvePoint, ResultsResponse};

/// Largest difference to the dense network, of an accuracy, that has a colour of its own.
const FULL: f64 = 0.05;

/// Tables for the page, one for each round; empty where no ticket is trained by settings of another.
pub(super) fn section(results: &ResultsResponse) -> String {
    let targets: Vec<&CurvePoint> = results.curve.iter().filter(|point| is_target(point)).collect();
    let names: BTreeSet<&str> = targets.iter().map(|point| point.branch.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    let mut sources: Vec<&str> = targets.iter().map(|point| point.group.as_str()).collect();
    sources.sort_by(|a, b| in_order(a, b));
    sources.dedup();
    let rounds: BTreeSet<u32> = targets.iter().map(|point| point.round).collect();
    let tables: String = rounds.iter().map(|round| matrix(&targets, *round, (&sources, &names))).collect();
    format!(
        "<h2>Tickets put to another use</h2>\n<p>Rows: where the ticket comes from; columns: the branch it is trained as. \
         Test accuracy, %, mean over seeds; in brackets the difference to the dense network trained likewise, in points.</p>\n\
         {tables}"
    )
}

/// A branch that has a course of its own, not one of its controls.
fn is_target(point: &CurvePoint) -> bool {
    matches!(point.kind.as_str(), "retrain" | "transfer") && point.course == point.branch
}

fn matrix(targets: &[&CurvePoint], round: u32, (sources, names): (&[&str], &BTreeSet<&str>)) -> String {
    let at = |source: &str, name: &str| {
        let same = |point: &&&CurvePoint| (point.group.as_str(), point.branch.as_str()) == (source, name);
        targets.iter().filter(|point| point.round == round).find(same)
    };
    let head: String = names.iter().map(|name| format!("<th>{}", escape(name))).collect();
    let row = |source: &&str| {
        let cells: String =
            names.iter().map(|name| at(source, name).map_or("<td>".to_owned(), |p| cell(p))).collect();
        let source = if source.is_empty() { "ticket".to_owned() } else { escape(&heading(source)) };
        format!("<tr><th>{source}{cells}\n")
    };
    let density = targets.iter().find(|point| point.round == round).map_or(1.0, |point| point.density);
    let rows: String = sources.iter().map(row).collect();
    let density = percent(density);
    format!("<h3>Round {round}, {density} of the weights</h3>\n<table>\n<tr><th>{head}\n{rows}</table>\n")
}

/// Better than dense is tinted in one colour, worse in another.
fn cell(point: &CurvePoint) -> String {
    let Some(over) = point.over_dense else { return format!("<td>{:.2}", 100.0 * point.mean) };
    let (colour, share) = (if over < 0.0 { "--c1" } else { "--c2" }, (over.abs() / FULL).min(1.0));
    let tint = format!("background:color-mix(in srgb,var({colour}) {:.0}%,transparent)", 60.0 * share);
    format!("<td style=\"{tint}\">{:.2} ({:+.2})", 100.0 * point.mean, 100.0 * over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_meets_every_target() {
        let point = |group: &str, branch: &str, mean: f64, over: f64| CurvePoint {
            group: group.into(),
            branch: branch.into(),
            kind: "transfer".into(),
            course: branch.into(),
            round: 3,
            density: 0.2,
            mean,
            over_dense: Some(over),
            ..Default::default()
        };
        let curve = vec![
            point("data.set=a", "to_a", 0.9, 0.0),
            point("data.set=a", "to_b", 0.8, -0.025),
            point("data.set=b", "to_b", 0.85, 0.025),
            CurvePoint {
                kind: "random_mask".into(),
                branch: "r".into(),
                ..point("data.set=b", "to_b", 0.1, -0.7)
            },
        ];
        let page = section(&ResultsResponse { curve, ..Default::default() });
        assert_eq!(page.matches("<tr>").count(), 3, "{page}");
        assert!(page.contains("80.00 (-2.50)") && page.contains("85.00 (+2.50)"), "{page}");
        assert!(!page.contains("10.00"), "a control is no target: {page}");
        assert!(page.contains("30%,transparent"), "half of the tint: {page}");
        assert_eq!(section(&ResultsResponse::default()), "");
    }
}
