//! What tickets cost: accuracy against the training behind it, and what sharing saved.

use super::{
    Line,
    chart::{Chart, Series},
    few_lines, groups, heading,
    html::escape,
    short_title,
};
use crate::output::percent;
use tombola_wire::v1::{Cost, CurvePoint, ResultsResponse};

/// Chart, table and a sentence for the page; empty without costs.
pub(super) fn section(results: &ResultsResponse) -> String {
    let chart = chart(results);
    if chart.is_empty() {
        return String::new();
    }
    format!(
        "<h2>What it cost</h2>\n<p>Each point is a round with everything that was trained for it, as if alone: the dense \
         network, every pruning before it, scoring. {}</p>\n{chart}{}",
        saved(results),
        table(results)
    )
}

/// `This sweep trained 1,600 iterations; …`; empty without any.
fn saved(results: &ResultsResponse) -> String {
    let cost = results.cost.unwrap_or_default();
    let (Some(asked), Some(run)) = (cost.asked, cost.run) else { return String::new() };
    if run.iterations == 0 {
        return String::new();
    }
    let did = format!(
        "This sweep trained {} iterations in {:.0} device-seconds.",
        run.iterations, run.device_seconds
    );
    if asked.iterations == run.iterations {
        return format!(
            "{did} No two rounds or analyses had a training in common, and none was there before."
        );
    }
    let times = asked.iterations as f64 / run.iterations as f64;
    format!(
        "{did} Had every round and analysis trained for itself, it would have been {}: {times:.2} times as many.",
        asked.iterations
    )
}

fn points<'a>(results: &'a ResultsResponse, line: &Line) -> Vec<(&'a CurvePoint, Cost)> {
    let own = results.curve.iter().filter(|point| Line::of(point) == *line);
    let mut points: Vec<_> = own.filter_map(|point| Some((point, point.cost?))).collect();
    points.sort_by(|(_, a), (_, b)| a.flops.total_cmp(&b.flops));
    points
}

fn chart(results: &ResultsResponse) -> String {
    let series = |line: Line| {
        let points = points(results, &line).into_iter().filter(|(_, cost)| cost.flops > 0.0);
        Series {
            name: short_title(&line),
            points: points.map(|(point, cost)| (cost.flops, 100.0 * point.mean)).collect(),
        }
    };
    let series: Vec<Series> =
        few_lines(results).into_iter().map(series).filter(|series| !series.points.is_empty()).collect();
    let (x, y) = ("training behind it, floating-point operations (log)", "test accuracy, %");
    Chart { x, log: true, y, series: &series, from_zero: false, bound: None }.svg()
}

/// Tickets beside the dense network of their settings.
fn table(results: &ResultsResponse) -> String {
    let groups = groups(results);
    let settings = if groups.len() > 1 { "<th>settings" } else { "" };
    let rows: String = groups.iter().map(|group| rows(results, group, groups.len() > 1)).collect();
    format!(
        "<table>\n<tr>{settings}<th>round<th>density<th>accuracy, %<th>operations<th>times dense<th>needed by the \
         living<th>device-seconds\n{rows}</table>\n"
    )
}

/// The rows of one group, whose settings stand first if there are others.
fn rows(results: &ResultsResponse, group: &str, named: bool) -> String {
    let own = Line { group: group.to_owned(), branch: String::new(), kind: "ticket".to_owned() };
    let mut points = points(results, &own);
    points.sort_by_key(|(point, _)| point.round);
    let dense = points.iter().find(|(point, _)| point.round == 0).map(|(_, cost)| cost.flops);
    let name = if named { format!("<td>{}", escape(&heading(group))) } else { String::new() };
    let row = |(point, cost): &(&CurvePoint, Cost)| {
        let times = dense.filter(|dense| *dense > 0.0).map(|dense| format!("{:.2}", cost.flops / dense));
        format!(
            "<tr>{name}<td>{}<td>{}<td>{:.2}<td>{:.3e}<td>{}<td>{:.3e}<td>{:.1}\n",
            point.round,
            percent(point.density),
            100.0 * point.mean,
            cost.flops,
            times.unwrap_or_default(),
            cost.theoretical_flops,
            cost.device_seconds
        )
    };
    points.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::table::tests::small, *};
    use tombola_wire::v1::SweepCost;

    fn priced() -> ResultsResponse {
        let mut results = small();
        for point in &mut results.curve {
            let flops = 1e9 * f64::from(point.round + 1);
            point.cost =
                Some(Cost { iterations: 100, flops, theoretical_flops: flops / 2.0, device_seconds: 3.0 });
        }
        let cost = |iterations| Some(Cost { iterations, device_seconds: 7.0, ..Default::default() });
        results.cost = Some(SweepCost { asked: cost(1600), run: cost(400) });
        results
    }

    #[test]
    fn tickets_are_priced_beside_their_dense_network() {
        let page = section(&priced());
        assert!(page.contains("4.00 times as many") && page.contains("in 7 device-seconds"), "{page}");
        let last = small().curve.iter().filter(|p| p.kind == "ticket").map(|p| p.round).max().unwrap();
        assert!(page.contains(&format!("<td>{:.2}<td>", f64::from(last + 1))), "{page}");
    }

    #[test]
    fn a_sweep_that_shares_nothing_says_so() {
        let mut results = priced();
        let cost = results.cost.as_mut().expect("priced");
        cost.asked = cost.run;
        let page = section(&results);
        assert!(page.contains("No two rounds") && !page.contains("times as many."), "{page}");
        assert!(!page.contains("<th>settings"), "there is one");
    }

    #[test]
    fn a_sweep_of_which_nothing_is_done_has_no_price() {
        assert_eq!(section(&small()), "");
    }
}
