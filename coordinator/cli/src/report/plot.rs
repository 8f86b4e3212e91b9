//! Accuracy against density as inline SVG: log axis from dense to sparse, a line per curve, error bars of one standard
//! deviation between seeds, every run a dot.

use super::{
    Line, lines,
    scale::{Scale, ticks},
};
use std::fmt::Write;
use tombola_wire::v1::{CurvePoint, ResultsResponse};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 210.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 56.0;
/// Colours told apart by most colour-blind people (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];

/// The plot; empty text without points.
pub(super) fn svg(results: &ResultsResponse) -> String {
    if results.curve.is_empty() {
        return String::new();
    }
    let (x, y) = axes(results);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"test accuracy against density\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n"
    );
    draw_grid(&mut svg, results, x, y);
    for (index, line) in lines(results).iter().enumerate() {
        draw_line(&mut svg, results, line, COLOURS[index % COLOURS.len()], x, y);
        draw_legend(&mut svg, line, index);
    }
    svg.push_str("</svg>\n");
    svg
}

/// Dense on the left, sparse on the right, as the literature draws it.
fn axes(results: &ResultsResponse) -> (Scale, Scale) {
    let densities = results.curve.iter().map(|p| p.density);
    let sparsest = densities.fold(1.0, f64::min).max(1e-9);
    let (low, high) = accuracies(results);
    let x = Scale::log((sparsest / 1.1, 1.1), (WIDTH - RIGHT, LEFT));
    let y = Scale::linear((low, high), (HEIGHT - BOTTOM, TOP));
    (x, y)
}

/// The range of everything drawn, with a little air.
fn accuracies(results: &ResultsResponse) -> (f64, f64) {
    let bars =
        results.curve.iter().flat_map(|p| [p.mean - p.sd.unwrap_or(0.0), p.mean + p.sd.unwrap_or(0.0)]);
    let all: Vec<f64> = bars.chain(results.runs.iter().map(|run| run.accuracy)).collect();
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let air = ((high - low) * 0.05).max(0.001);
    (low - air, high + air)
}

fn draw_grid(svg: &mut String, results: &ResultsResponse, x: Scale, y: Scale) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for value in ticks(accuracies(results), 6.0) {
        let at = y.at(value);
        put(svg, &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>"));
        put(
            svg,
            &format!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.1}</text>",
                LEFT - 8.0,
                at + 4.0,
                100.0 * value
            ),
        );
    }
    for density in density_ticks(results) {
        let at = x.at(density);
        put(svg, &format!("<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>"));
        let label = format!("{}", 100.0 * density).chars().take(4).collect::<String>();
        put(
            svg,
            &format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>", bottom + 18.0),
        );
    }
    let middle = (LEFT + right) / 2.0;
    put(
        svg,
        &format!(
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">weights remaining, % (log)</text>",
            HEIGHT - 12.0
        ),
    );
    let half = (TOP + bottom) / 2.0;
    put(
        svg,
        &format!(
            "<text transform=\"translate(16 {half}) rotate(-90)\" text-anchor=\"middle\">test accuracy, %</text>"
        ),
    );
}

/// 1, 2, 5 times powers of ten inside the drawn range.
fn density_ticks(results: &ResultsResponse) -> Vec<f64> {
    let sparsest = results.curve.iter().map(|p| p.density).fold(1.0, f64::min).max(1e-9);
    let decades = (-9..=0).flat_map(|power| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(power)));
    decades.filter(|d| (sparsest / 1.1..=1.0).contains(d)).collect()
}

fn draw_line(svg: &mut String, results: &ResultsResponse, line: &Line, colour: &str, x: Scale, y: Scale) {
    put(svg, &format!("<g stroke=\"{colour}\" fill=\"{colour}\">"));
    let mut points: Vec<&CurvePoint> = results.curve.iter().filter(|p| Line::of(p) == *line).collect();
    points.sort_by_key(|p| p.round);
    let path: Vec<_> = points.iter().map(|p| format!("{:.1} {:.1}", x.at(p.density), y.at(p.mean))).collect();
    put(svg, &format!("<path class=\"mean\" d=\"M{}\"/>", path.join("L")));
    for p in &points {
        let sd = p.sd.unwrap_or(0.0);
        let (at, low, high) = (x.at(p.density), y.at(p.mean - sd), y.at(p.mean + sd));
        put(
            svg,
            &format!(
                "<path class=\"bar\" d=\"M{at:.1} {low:.1}V{high:.1}m-3 0h6M{:.1} {low:.1}h6\"/>",
                at - 3.0
            ),
        );
    }
    let own = |run: &&tombola_wire::v1::RunPoint| {
        run.group == line.group && run.branch == line.branch && run.kind == line.kind
    };
    for run in results.runs.iter().filter(own) {
        let (cx, cy) = (x.at(run.density), y.at(run.accuracy));
        let title = format!(
            "seed {}, copy {}, round {}: {:.2} %",
            run.seed,
            run.copy,
            run.round,
            100.0 * run.accuracy
        );
        put(svg, &format!("<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"2.2\"><title>{title}</title></circle>"));
    }
    svg.push_str("</g>\n");
}

fn draw_legend(svg: &mut String, line: &Line, index: usize) {
    let colour = COLOURS[index % COLOURS.len()];
    let (x, y) = (WIDTH - RIGHT + 16.0, TOP + 12.0 + 20.0 * index as f64);
    put(svg, &format!("<path stroke=\"{colour}\" class=\"mean\" d=\"M{x} {y}h22\"/>"));
    put(
        svg,
        &format!("<text x=\"{}\" y=\"{}\">{}</text>", x + 28.0, y + 4.0, super::html::escape(&line.title())),
    );
}

fn put(svg: &mut String, element: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(svg, "{element}");
}
