//! Axes: data to pixels, and where the ticks go.

/// A linear or logarithmic axis from data to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    data: (f64, f64),
    pixels: (f64, f64),
    log: bool,
}

impl Scale {
    /// A linear axis.
    pub(super) fn linear(data: (f64, f64), pixels: (f64, f64)) -> Self {
        Self { data, pixels, log: false }
    }

    /// A logarithmic axis; `data` is positive.
    pub(super) fn log(data: (f64, f64), pixels: (f64, f64)) -> Self {
        Self { data, pixels, log: true }
    }

    /// The pixel of a value.
    pub(super) fn at(&self, value: f64) -> f64 {
        let f = |x: f64| if self.log { x.ln() } else { x };
        let (from, to) = (f(self.data.0), f(self.data.1));
        let share = if to > from { (f(value) - from) / (to - from) } else { 0.5 };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }
}

/// Round ticks for a linear axis, about `wanted` of them.
pub(super) fn ticks((from, to): (f64, f64), wanted: f64) -> Vec<f64> {
    let rough = (to - from) / wanted;
    let power = 10f64.powf(rough.log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= rough).unwrap_or(rough);
    let first = (from / step).ceil() as i64;
    let last = (to / step).floor() as i64;
    (first..=last).map(|n| n as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_axis_gives_decades_equal_space() {
        let axis = Scale::log((0.01, 1.0), (0.0, 200.0));
        assert!((axis.at(0.1) - 100.0).abs() < 1e-9 && axis.at(1.0) == 200.0);
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        let expected = [0.82, 0.84, 0.86, 0.88];
        let got = ticks((0.81, 0.895), 5.0);
        assert_eq!(got.len(), expected.len());
        assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{got:?}");
    }
}
