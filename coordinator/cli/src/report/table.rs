//! Results as a table: a line per density, a column per curve.

use super::{Line, lines};
use crate::output::{percent, table};
use std::collections::BTreeMap;
use tombola_wire::v1::{CurvePoint, ResultsResponse};

/// Rows by round; cells `mean ± sd (n seeds)`, accuracy in percent.
pub(crate) fn render(results: &ResultsResponse) -> String {
    if results.curve.is_empty() {
        return "no finished rounds yet".to_owned();
    }
    let lines = lines(results);
    let titles: Vec<_> = lines.iter().map(Line::title).collect();
    let headers: Vec<&str> =
        ["round", "density"].into_iter().chain(titles.iter().map(String::as_str)).collect();
    let rows = rounds(results).into_iter().map(|(round, points)| {
        let density = points.first().map_or_else(String::new, |point| percent(point.density));
        let cell =
            |line: &Line| points.iter().find(|p| Line::of(p) == *line).map_or_else(String::new, |p| cell(p));
        [round.to_string(), density].into_iter().chain(lines.iter().map(cell)).collect()
    });
    format!(
        "{}\n\ntest accuracy at the end of training, %: mean ± standard deviation between seeds (seeds)",
        table(&headers, rows)
    )
}

/// Points by round.
pub(super) fn rounds(results: &ResultsResponse) -> BTreeMap<u32, Vec<&CurvePoint>> {
    let mut rounds: BTreeMap<u32, Vec<&CurvePoint>> = BTreeMap::new();
    for point in &results.curve {
        rounds.entry(point.round).or_default().push(point);
    }
    rounds
}

/// One cell.
pub(super) fn cell(point: &CurvePoint) -> String {
    let spread = point.sd.map_or_else(String::new, |sd| format!(" ± {:.2}", 100.0 * sd));
    format!("{:.2}{spread} ({})", 100.0 * point.mean, point.seeds)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use tombola_wire::v1::RunPoint;

    /// Three lines over two densities, two seeds.
    pub(in crate::report) fn small() -> ResultsResponse {
        let point = |branch: &str, kind: &str, round, density, mean| CurvePoint {
            branch: branch.into(),
            kind: kind.into(),
            round,
            density,
            seeds: 2,
            runs: 2,
            mean,
            sd: Some(0.005),
            min: mean - 0.005,
            max: mean + 0.005,
            ..Default::default()
        };
        let curve = vec![
            point("", "ticket", 0, 1.0, 0.875),
            point("", "ticket", 13, 0.0557, 0.889),
            point("reinit", "reinit", 13, 0.0557, 0.864),
            point("random", "random_mask", 13, 0.0557, 0.858),
        ];
        let run = |p: &CurvePoint, seed: u64| RunPoint {
            branch: p.branch.clone(),
            kind: p.kind.clone(),
            round: p.round,
            density: p.density,
            seed,
            accuracy: if seed == 1 { p.min } else { p.max },
            ..Default::default()
        };
        let runs = curve.iter().flat_map(|p| [run(p, 1), run(p, 2)]).collect();
        ResultsResponse { curve, runs, sql: "select 1 where 'a' < 'b'".into() }
    }

    #[test]
    fn a_line_per_density_a_column_per_curve() {
        insta::assert_snapshot!(render(&small()));
    }

    #[test]
    fn no_results_say_so() {
        assert_eq!(render(&ResultsResponse::default()), "no finished rounds yet");
    }
}
