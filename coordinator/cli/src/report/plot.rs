//! Accuracy against density as inline SVG: log axis from dense to sparse, a line per curve with its name at its end,
//! error bars of one standard deviation between seeds, every run a dot. Colours are the page's (`html::STYLE`).

use super::{
    Line,
    canvas::{LEFT, TOP, apart, class, framed, right},
    html::escape,
    lines,
    scale::{Scale, ticks},
};
use std::fmt::Write;
use tombola_wire::v1::{CurvePoint, ResultsResponse, RunPoint};

const HEIGHT: f64 = 460.0;
const BOTTOM: f64 = 56.0;
/// Distance between the dots of neighbouring seeds at one density: dots on one spot hide each other.
const SPREAD: f64 = 3.5;

/// The plot, its lines named by `title`; empty text without points.
pub(super) fn svg(results: &ResultsResponse, title: impl Fn(&Line) -> String) -> String {
    if results.curve.is_empty() {
        return String::new();
    }
    let mut plot = Plot::new(results, title);
    plot.grid();
    plot.dense();
    for index in 0..plot.lines.len() {
        plot.line(index);
    }
    plot.labels();
    framed(HEIGHT, "test accuracy against density", &plot.svg)
}

struct Plot<'a> {
    results: &'a ResultsResponse,
    lines: Vec<Line>,
    titles: Vec<String>,
    /// Right end of the drawing area; the names stand beyond it.
    right: f64,
    x: Scale,
    y: Scale,
    svg: String,
}

impl<'a> Plot<'a> {
    /// Dense on the left, sparse on the right, as the literature draws it.
    fn new(results: &'a ResultsResponse, title: impl Fn(&Line) -> String) -> Self {
        let lines = lines(results);
        let titles: Vec<String> = lines.iter().map(title).collect();
        let right = right(titles.iter().map(String::as_str));
        let x = Scale::log((sparsest(results) / 1.08, 1.08), (right, LEFT));
        let y = Scale::linear(accuracies(results), (HEIGHT - BOTTOM, TOP));
        Self { results, lines, titles, right, x, y, svg: String::new() }
    }

    fn put(&mut self, element: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.svg, "{element}");
    }

    fn text(&mut self, x: f64, y: f64, attributes: &str, text: &str) {
        self.put(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>"));
    }

    fn grid(&mut self) {
        let (right, bottom) = (self.right, HEIGHT - BOTTOM);
        for value in ticks(accuracies(self.results), 8.0) {
            let at = self.y.at(value);
            self.put(&format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right:.1}\"/>"));
            self.text(LEFT - 8.0, at + 4.0, "text-anchor=\"end\"", &format!("{:.1}", 100.0 * value));
        }
        for (density, label) in density_ticks(sparsest(self.results)) {
            let at = self.x.at(density);
            self.put(&format!("<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>"));
            self.text(at, bottom + 18.0, "text-anchor=\"middle\"", &label);
        }
        let middle = f64::midpoint(LEFT, right);
        self.text(middle, HEIGHT - 12.0, "text-anchor=\"middle\"", "weights remaining, % (log)");
        let half = f64::midpoint(TOP, bottom);
        let turned = format!("transform=\"translate(16 {half}) rotate(-90)\" text-anchor=\"middle\"");
        self.text(0.0, 0.0, &turned, "test accuracy, %");
    }

    /// A level line at each dense network: what a ticket has to match.
    fn dense(&mut self) {
        let dense: Vec<f64> =
            self.results.curve.iter().filter(|p| p.round == 0).map(|p| self.y.at(p.mean)).collect();
        for at in dense {
            self.put(&format!("<path class=\"dense\" d=\"M{LEFT} {at:.1}H{:.1}\"/>", self.right));
        }
    }

    fn line(&mut self, index: usize) {
        let points = self.points(&self.lines[index]);
        self.put(&format!("<g class=\"{}\">", class(index)));
        let path: Vec<_> =
            points.iter().map(|p| format!("{:.1} {:.1}", self.x.at(p.density), self.y.at(p.mean))).collect();
        self.put(&format!("<path class=\"mean\" d=\"M{}\"/>", path.join("L")));
        for point in points {
            let sd = point.sd.unwrap_or(0.0);
            let (at, low, high) =
                (self.x.at(point.density), self.y.at(point.mean - sd), self.y.at(point.mean + sd));
            let caps = format!("M{:.1} {high:.1}h6M{:.1} {low:.1}h6", at - 3.0, at - 3.0);
            self.put(&format!("<path class=\"bar\" d=\"M{at:.1} {low:.1}V{high:.1}{caps}\"/>"));
            self.dots(point);
        }
        self.put("</g>");
    }

    /// Every run behind a point, side by side.
    fn dots(&mut self, point: &CurvePoint) {
        let line = Line::of(point);
        let of_point = |run: &&RunPoint| run.round == point.round && line.has(run);
        let runs: Vec<_> = self.results.runs.iter().filter(of_point).collect();
        for (index, run) in runs.iter().enumerate() {
            let aside = SPREAD * (index as f64 - (runs.len() as f64 - 1.0) / 2.0);
            let (cx, cy) = (self.x.at(run.density) + aside, self.y.at(run.accuracy));
            let (seed, copy, round, percent) = (run.seed, run.copy, run.round, 100.0 * run.accuracy);
            let title = format!("seed {seed}, copy {copy}, round {round}: {percent:.2} %");
            self.put(&format!(
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"2.4\"><title>{title}</title></circle>"
            ));
        }
    }

    /// The name of each line beside its end, moved apart where lines end close together.
    fn labels(&mut self) {
        let mut ends: Vec<(f64, f64, usize)> = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            if let Some(last) = self.points(line).last() {
                ends.push((self.y.at(last.mean), self.x.at(last.density), index));
            }
        }
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let heights: Vec<f64> = ends.iter().map(|end| end.0).collect();
        for ((end, from, index), at) in ends.into_iter().zip(apart(&heights, HEIGHT - BOTTOM)) {
            let (class, title) = (class(index), escape(&self.titles[index]));
            let lead = format!("M{:.1} {end:.1}L{:.1} {at:.1}", from + 7.0, self.right + 4.0);
            self.put(&format!("<path class=\"lead {class}\" d=\"{lead}\"/>"));
            self.text(self.right + 8.0, at + 4.0, &format!("class=\"name {class}\""), &title);
        }
    }

    fn points(&self, line: &Line) -> Vec<&'a CurvePoint> {
        let mut points: Vec<_> = self.results.curve.iter().filter(|p| Line::of(p) == *line).collect();
        points.sort_by_key(|p| p.round);
        points
    }
}

fn sparsest(results: &ResultsResponse) -> f64 {
    results.curve.iter().map(|p| p.density).fold(1.0, f64::min).max(1e-9)
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

/// 1, 2, 5 times powers of ten in the drawn range, with their names in percent.
fn density_ticks(sparsest: f64) -> Vec<(f64, String)> {
    let decades = (-9..=0).flat_map(|power| [1.0, 2.0, 5.0].map(|m| (m, power)));
    let drawn = decades.filter(|(m, power)| (sparsest / 1.08..=1.0).contains(&(m * 10f64.powi(*power))));
    drawn
        .map(|(m, power)| {
            let places = usize::try_from(-power - 2).unwrap_or(0);
            (m * 10f64.powi(power), format!("{:.places$}", m * 10f64.powi(power + 2)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn densities_are_named_in_percent_however_small() {
        let names: Vec<String> = density_ticks(0.0004).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "100"]);
    }
}
