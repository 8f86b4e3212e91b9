//! Results as tables, one for each setting: a line per density, a column per curve.

use super::{Line, groups, heading, lines, of_group};
use crate::output::{percent, table_as_named};
use std::collections::BTreeMap;
use tombola_wire::v1::{CurvePoint, ResultsResponse};

/// Blocks by setting, rows by round; cells `mean ± sd (n seeds)`, accuracy in percent.
pub(crate) fn render(results: &ResultsResponse) -> String {
    if results.curve.is_empty() {
        return "no finished rounds yet".to_owned();
    }
    let block = |group: &&str| match *group {
        "" => block(&of_group(results, group)),
        named => format!("{}\n{}", heading(named), block(&of_group(results, named))),
    };
    format!(
        "{}\n\ntest accuracy at the end of training, %: mean ± standard deviation between seeds (seeds)",
        groups(results).iter().map(block).collect::<Vec<_>>().join("\n\n")
    )
}

/// The table of one setting.
fn block(results: &ResultsResponse) -> String {
    let lines = lines(results);
    let titles = lines.iter().map(Line::title);
    let headers: Vec<String> = ["round", "density"].map(str::to_owned).into_iter().chain(titles).collect();
    let rows = rounds(results).into_iter().map(|(round, points)| {
        let density = points.first().map_or_else(String::new, |point| percent(point.density));
        let cell =
            |line: &Line| points.iter().find(|p| Line::of(p) == *line).map_or_else(String::new, |p| cell(p));
        [round.to_string(), density].into_iter().chain(lines.iter().map(cell)).collect()
    });
    table_as_named(&headers, rows)
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
        ResultsResponse { curve, runs, sql: "select 1 where 'a' < 'b'".into(), ..Default::default() }
    }

    #[test]
    fn a_line_per_density_a_column_per_curve() {
        insta::assert_snapshot!(render(&small()));
    }

    /// The same of two settings, the second of which sorts before the first as text.
    pub(in crate::report) fn two_settings() -> ResultsResponse {
        let of = |group: &str| {
            let ResultsResponse { curve, runs, .. } = small();
            let curve = curve.into_iter().map(|point| CurvePoint { group: group.into(), ..point }).collect();
            let runs = runs.into_iter().map(|run| RunPoint { group: group.into(), ..run }).collect();
            ResultsResponse { curve, runs, ..Default::default() }
        };
        let (mut all, more) =
            (of("model.name=LeNet prune.rewind=2000it"), of("model.name=LeNet prune.rewind=100it"));
        all.curve.extend(more.curve);
        all.runs.extend(more.runs);
        all
    }

    #[test]
    fn a_table_per_setting_under_its_name() {
        let shown = render(&two_settings());
        insta::assert_snapshot!(shown);
        assert!(shown.lines().all(|line| line.chars().count() <= 100));
    }

    #[test]
    fn no_results_say_so() {
        assert_eq!(render(&ResultsResponse::default()), "no finished rounds yet");
    }
}
