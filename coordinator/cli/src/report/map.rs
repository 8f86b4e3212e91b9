//! Maps of distances: a square of cells, one for each two things.

use super::canvas::{LEFT, TOP, WIDTH, framed};
use std::fmt::Write;

/// Side of the largest cell of a map.
const CELL: f64 = 44.0;
/// Below a map stand the numbers of its rows.
const BOTTOM: f64 = 50.0;
/// Up to so many rows each cell says its number.
const MOST_NUMBERS: usize = 14;

/// A square of cells, the darker the farther apart two things are. `pairs`: their numbers, and how far they are; `what`: one
/// of them, for people.
pub(super) fn heat_map(title: &str, what: &str, pairs: &[[f64; 3]]) -> String {
    let mut all: Vec<f64> = pairs.iter().flat_map(|[first, second, _]| [*first, *second]).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let farthest = pairs.iter().map(|pair| pair[2]).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let side = CELL.min((WIDTH - 2.0 * LEFT) / all.len().max(1) as f64);
    let place = |one: f64| all.iter().position(|known| *known == one).unwrap_or(0) as f64 * side;
    let (bottom, middle) = (TOP + side * all.len() as f64, side / 2.0);
    let mut svg = String::new();
    let mut cell = |column: f64, row: f64, distance: f64| {
        let (x, y, share) = (LEFT + place(column), TOP + place(row), distance / farthest);
        let _ = writeln!(
            svg,
            "<rect class=\"c0\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{side:.1}\" height=\"{side:.1}\" fill=\"var(--c)\" \
             fill-opacity=\"{share:.3}\"><title>{what}s {column} and {row}: {distance:.4}</title></rect>"
        );
        if all.len() <= MOST_NUMBERS {
            let (x, y) = (x + middle, y + middle + 4.0);
            let _ =
                writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{distance:.2}</text>");
        }
    };
    all.iter().for_each(|one| cell(*one, *one, 0.0));
    for [first, second, distance] in pairs {
        cell(*first, *second, *distance);
        cell(*second, *first, *distance);
    }
    for one in all.iter().step_by(all.len().div_ceil(25)) {
        let (along, end) = (place(*one) + middle, LEFT - 8.0);
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{one}</text>\n\
             <text x=\"{end}\" y=\"{:.1}\" text-anchor=\"end\">{one}</text>",
            LEFT + along,
            bottom + 18.0,
            TOP + along + 4.0
        );
    }
    let (x, y) = (LEFT + side * all.len() as f64 / 2.0, bottom + 38.0);
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{what}</text>");
    framed(bottom + BOTTOM, title, &svg)
}
