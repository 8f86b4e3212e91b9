//! A small chart as inline SVG: linear axes, a line per series with its name beside. Colours are the page's.

use super::{
    canvas::{LEFT, TOP, apart, class, framed, right},
    html::escape,
    scale::{Scale, ticks},
};
use std::fmt::Write;

const HEIGHT: f64 = 340.0;
const BOTTOM: f64 = 50.0;

/// A named line of points (x, y), in order of x.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
}

/// What a chart shows.
#[derive(Debug)]
pub(super) struct Chart<'a> {
    /// Names of the axes.
    pub(super) x: &'a str,
    /// Whether x, then positive, has a logarithmic axis.
    pub(super) log: bool,
    pub(super) y: &'a str,
    pub(super) series: &'a [Series],
    /// Whether y begins at 0.
    pub(super) from_zero: bool,
    /// A value of y to compare with, and what it means.
    pub(super) bound: Option<(f64, &'a str)>,
}

impl Chart<'_> {
    /// The chart; empty text without points.
    pub(super) fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        if points().next().is_none() {
            return String::new();
        }
        let right = right(self.series.iter().map(|series| series.name.as_str()));
        let bound = self.bound.map(|(bound, _)| bound);
        let xs = range(points().map(|point| point.0), []);
        let ys = points().map(|point| point.1).chain(bound);
        let ys = if self.from_zero { range(ys, [0.0]) } else { range(ys, []) };
        let across = if self.log { Scale::log } else { Scale::linear };
        let (x, y) = (across(xs, (LEFT, right)), Scale::linear(ys, (HEIGHT - BOTTOM, TOP)));
        let mut drawing = Drawing { right, x, y, svg: String::new() };
        drawing.axes(self, xs, ys);
        for (index, series) in self.series.iter().enumerate() {
            drawing.line(index, series);
        }
        drawing.names(self.series);
        framed(HEIGHT, &format!("{} against {}", self.y, self.x), &drawing.svg)
    }
}

/// Least and largest of some values and `also`; never empty, never a point.
fn range<const N: usize>(values: impl Iterator<Item = f64>, also: [f64; N]) -> (f64, f64) {
    let all = values.chain(also).filter(|value| value.is_finite());
    let (from, to) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(from, to), v| (from.min(v), to.max(v)));
    match to - from {
        width if width > 0.0 => (from, to + 0.05 * width),
        _ if from.is_finite() => (from, from + 1.0),
        _ => (0.0, 1.0),
    }
}

struct Drawing {
    right: f64,
    x: Scale,
    y: Scale,
    svg: String,
}

impl Drawing {
    fn put(&mut self, element: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.svg, "{element}");
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        self.put(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
            escape(text)
        ));
    }

    fn axes(&mut self, chart: &Chart<'_>, xs: (f64, f64), ys: (f64, f64)) {
        let (bottom, right) = (HEIGHT - BOTTOM, self.right);
        for value in ticks(ys, 5.0) {
            let y = self.y.at(value);
            self.put(&format!("<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right:.1}\"/>"));
            self.text((LEFT - 8.0, y + 4.0), "end", &tick(value));
        }
        let marks = if chart.log { decades(xs) } else { ticks(xs, 8.0) };
        for value in marks {
            let x = self.x.at(value);
            self.put(&format!("<path class=\"grid\" d=\"M{x:.1} {TOP}V{bottom}\"/>"));
            self.text((x, bottom + 18.0), "middle", &tick(value));
        }
        self.text((f64::midpoint(LEFT, right), HEIGHT - 10.0), "middle", chart.x);
        self.text((LEFT, TOP - 4.0), "start", chart.y);
        if let Some((bound, meaning)) = chart.bound {
            let y = self.y.at(bound);
            self.put(&format!("<path class=\"dense\" d=\"M{LEFT} {y:.1}H{right:.1}\"/>"));
            self.text((right - 4.0, y - 4.0), "end", meaning);
        }
    }

    fn line(&mut self, index: usize, series: &Series) {
        let place = |(x, y): &(f64, f64)| (self.x.at(*x), self.y.at(*y));
        let places: Vec<(f64, f64)> = series.points.iter().map(place).collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let dots: String =
            places.iter().map(|(x, y)| format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.2\"/>")).collect();
        let path = format!("<path class=\"mean\" d=\"M{}\"/>", path.join("L"));
        self.put(&format!("<g class=\"{}\">{path}{dots}</g>", class(index)));
    }

    /// Names at the right, as near to the ends of their lines as others allow.
    fn names(&mut self, series: &[Series]) {
        let end = |series: &Series| series.points.last().map_or(0.0, |point| self.y.at(point.1));
        let mut ends: Vec<(f64, usize)> = series.iter().map(end).zip(0..).collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let heights: Vec<f64> = ends.iter().map(|end| end.0).collect();
        for ((_, index), y) in ends.into_iter().zip(apart(&heights, HEIGHT - BOTTOM)) {
            let (x, name, class) = (self.right + 12.0, escape(&series[index].name), class(index));
            self.put(&format!(
                "<g class=\"{class}\"><text class=\"name\" x=\"{x:.1}\" y=\"{:.1}\">{name}</text></g>",
                y + 4.0
            ));
        }
    }
}

/// 1, 2, 5 times powers of ten inside the axis; powers alone where those are many.
fn decades((from, to): (f64, f64)) -> Vec<f64> {
    let powers = from.log10().floor() as i32..=to.log10().ceil() as i32;
    let steps: &[f64] = if powers.clone().count() > 5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    all.filter(|value| (from..=to).contains(value)).collect()
}

/// Without the digits that rounding leaves behind.
fn tick(value: f64) -> String {
    if value.abs() >= 1e5 {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_names_its_lines_and_its_bound() {
        let series = |name: &str, y| Series { name: name.into(), points: vec![(0.0, y), (1.0, y + 1.0)] };
        let series = [series("a<b", 0.0), series("flat", 0.5)];
        let svg = Chart {
            x: "round",
            log: false,
            y: "points",
            series: &series,
            from_zero: true,
            bound: Some((2.0, "stable")),
        }
        .svg();
        for part in [">a&lt;b</text>", ">flat</text>", ">stable</text>", ">round</text>", ">points</text>"] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert_eq!((svg.matches("class=\"mean\"").count(), svg.matches("<circle").count()), (2, 4));
    }

    #[test]
    fn one_point_makes_a_chart_and_none_makes_nothing() {
        let one = [Series { name: "one".into(), points: vec![(3.0, 0.0)] }];
        let svg = Chart { x: "x", log: true, y: "y", series: &one, from_zero: true, bound: None }.svg();
        assert!(svg.contains("<circle") && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert_eq!(Chart { x: "x", log: false, y: "y", series: &[], from_zero: true, bound: None }.svg(), "");
    }
}
