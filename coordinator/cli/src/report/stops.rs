//! Early stopping: the iteration of least validation loss against compression, the paper's measure of how fast a network
//! learns (arXiv 1803.03635, figure 3).

use super::{
    Line,
    chart::{Chart, Series},
    few_lines, short_title,
};
use tombola_wire::v1::ResultsResponse;

/// A chart for the page; empty where fewer than two rounds have such an iteration.
pub(super) fn section(results: &ResultsResponse) -> String {
    let series = |line: Line| {
        let own = results.curve.iter().filter(|point| Line::of(point) == line && point.density > 0.0);
        let mut points: Vec<(f64, f64)> =
            own.filter_map(|point| Some((1.0 / point.density, point.early_stop_iteration?))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series { name: short_title(&line), points }
    };
    let series: Vec<Series> =
        few_lines(results).into_iter().map(series).filter(|series| series.points.len() > 1).collect();
    let (x, y) = ("compression, 1 / density (log)", "early-stopping iteration");
    let chart = Chart { x, log: true, y, series: &series, from_zero: true, bound: None }.svg();
    if chart.is_empty() {
        return chart;
    }
    format!(
        "<h2>How fast they learn</h2>\n<p>The iteration of the least validation loss, found in hindsight: mean over \
         seeds.</p>\n{chart}"
    )
}

#[cfg(test)]
mod tests {
    use super::{super::table::tests::small, *};

    #[test]
    fn lines_with_several_early_stops_are_drawn() {
        let mut results = small();
        assert_eq!(section(&results), "");
        results.curve.iter_mut().for_each(|point| point.early_stop_iteration = Some(100.0));
        let drawn = section(&results);
        assert!(drawn.contains("early-stopping iteration") && drawn.contains(">ticket</text>"), "{drawn}");
    }
}
