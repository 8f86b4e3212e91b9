//! Numbers as people read them.

/// `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A fraction as `5.57 %`, with the digits small densities need.
pub(crate) fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if percent >= 10.0 { format!("{percent:.1} %") } else { format!("{percent:.2} %") }
}

/// `1.2 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// `2 h 05 min`, `3 min 20 s`, `12 s`.
pub(crate) fn seconds(value: f64) -> String {
    let whole = value.max(0.0).round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, min, s) => format!("{min} min {s:02} s"),
        (h, min, _) => format!("{h} h {min:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_like_numbers() {
        assert_eq!([count(7), count(1_000), count(1_234_567)], ["7", "1,000", "1,234,567"]);
        assert_eq!([percent(1.0), percent(0.2107), percent(0.0557)], ["100.0 %", "21.1 %", "5.57 %"]);
        assert_eq!([bytes(999), bytes(1 << 20), bytes(5 << 29)], ["999 B", "1.0 MiB", "2.5 GiB"]);
        assert_eq!([seconds(4.2), seconds(200.0), seconds(7_500.0)], ["4 s", "3 min 20 s", "2 h 05 min"]);
    }
}
