//! What all drawings of the report share: their frame, the colours of lines, and where names go.

use super::html::escape;

/// Width of a drawing, its left edge and its upper one, in units of the view box.
pub(super) const WIDTH: f64 = 900.0;
pub(super) const LEFT: f64 = 64.0;
pub(super) const TOP: f64 = 16.0;
/// Height of a name at the end of a line.
const LABEL: f64 = 16.0;
/// How many colours the page has (`.c0` to `.c6`, `html::STYLE`); further lines are dashed.
pub(super) const COLOURS: usize = 7;

/// A drawing of this height as inline SVG, with a name for who does not see it.
pub(super) fn framed(height: f64, name: &str, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\">\n\
         {body}</svg>\n",
        escape(name)
    )
}

/// Right end of the drawing area; these names stand beyond it.
pub(super) fn right<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    WIDTH - (8.6 * longest as f64 + 20.0).clamp(90.0, 400.0)
}

/// The class of the `index`-th line.
pub(super) fn class(index: usize) -> String {
    let dash = if index < COLOURS { "" } else { " dashed" };
    format!("c{}{dash}", index % COLOURS)
}

/// Heights in increasing order, moved down as far as names need, then up again where they would leave the drawing below
/// `lowest`.
pub(super) fn apart(heights: &[f64], lowest: f64) -> Vec<f64> {
    let mut moved = heights.to_vec();
    for index in 1..moved.len() {
        moved[index] = moved[index].max(moved[index - 1] + LABEL);
    }
    let mut limit = lowest;
    for at in moved.iter_mut().rev() {
        *at = at.min(limit);
        limit = *at - LABEL;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_lines_that_end_together_stand_one_below_the_other() {
        assert_eq!(apart(&[100.0, 200.0], 404.0), [100.0, 200.0]);
        assert_eq!(apart(&[100.0, 101.0, 102.0], 404.0), [100.0, 116.0, 132.0]);
        assert_eq!(apart(&[400.0, 403.0], 404.0), [388.0, 404.0]);
    }
}
