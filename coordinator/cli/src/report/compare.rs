//! Several sweeps on one page: what their networks are worth, against what was trained for them and against their size.

use super::{
    answer::{number, quoted, text},
    chart::{Chart, Series},
    heading, html,
    html::escape,
    in_order,
};
use tombola_wire::v1::{QueryResponse, Row};

/// What the page asks of the views for each sweep: the rows come back in this order of columns.
pub(crate) fn sql(sweep: &str) -> String {
    format!(
        "select r.settings_key as setting, r.round, avg(coalesce(r.living, r.total)) as weights, \
         avg(r.accuracy_test) as accuracy, avg(r.accuracy_test * r.accuracy_test) as squared, \
         avg(c.standalone_flops) as operations, avg(c.standalone_theoretical_flops) as needed, \
         avg(c.standalone_device_seconds) as device_seconds, count(r.accuracy_test) as runs \
         from round_result r join cost c on c.sweep = r.sweep and c.trial = r.trial and c.branch = r.branch \
         and c.copy = r.copy and c.round = r.round \
         where r.sweep = {} and r.branch = '' and r.state = 'done' group by r.settings_key, r.round \
         order by r.settings_key, r.round",
        quoted(sweep)
    )
}

/// The networks of one round of one setting; means over runs.
#[derive(Debug, Clone, PartialEq)]
struct Point {
    setting: String,
    round: u32,
    weights: f64,
    /// Test accuracy, fraction, and its standard deviation between runs.
    accuracy: (f64, f64),
    flops: f64,
    needed: f64,
    seconds: f64,
    runs: f64,
}

impl Point {
    fn of(row: &Row) -> Option<Self> {
        let (mean, squared, runs) = (number(row, 3)?, number(row, 4)?, number(row, 8)?);
        let sd =
            if runs > 1.0 { ((squared - mean * mean).max(0.0) * runs / (runs - 1.0)).sqrt() } else { 0.0 };
        Some(Self {
            setting: text(row, 0).to_owned(),
            round: number(row, 1)? as u32,
            weights: number(row, 2)?,
            accuracy: (mean, sd),
            flops: number(row, 5)?,
            needed: number(row, 6)?,
            seconds: number(row, 7)?,
            runs,
        })
    }
}

/// A sweep and what it came to.
#[derive(Debug)]
struct Compared {
    name: String,
    points: Vec<Point>,
}

impl Compared {
    fn of((name, answer): &(String, QueryResponse)) -> Self {
        let mut points: Vec<Point> = answer.rows.iter().filter_map(Point::of).collect();
        points.sort_by(|a, b| in_order(&a.setting, &b.setting).then(a.round.cmp(&b.round)));
        Self { name: name.clone(), points }
    }

    /// Its lines: the rounds of each setting; or all settings together, where each has one network of its own.
    fn lines(&self) -> Vec<(String, Vec<&Point>)> {
        let last = self.points.iter().map(|point| point.round).max().unwrap_or(0);
        if last < 2 {
            let own = self.points.iter().filter(|point| point.round == last).collect();
            return vec![(self.name.clone(), own)];
        }
        let of_setting = |points: &'_ [Point]| match points[0].setting.as_str() {
            "" => self.name.clone(),
            setting => format!("{}, {}", self.name, heading(setting)),
        };
        let settings = self.points.chunk_by(|a, b| a.setting == b.setting);
        settings.map(|points| (of_setting(points), points.iter().collect())).collect()
    }
}

/// The whole page.
pub(crate) fn page(answers: &[(String, QueryResponse)]) -> String {
    let sweeps: Vec<Compared> = answers.iter().map(Compared::of).collect();
    let names: Vec<&str> = sweeps.iter().map(|sweep| sweep.name.as_str()).collect();
    let names = names.join(", ");
    let questions: Vec<String> = sweeps.iter().map(|sweep| sql(&sweep.name)).collect();
    let body = format!(
        "<p>Test accuracy at the end of training, means over runs. Left out are branches. What was trained for a network is \
         everything behind it, as if it had been made alone: dense networks, earlier rounds, searches, scoring.</p>\n\
         <h2>Against what was trained for it</h2>\n{}<h2>Against its size</h2>\n{}{}<h2>The same in SQL</h2>\n<pre>{}</pre>\n",
        chart(&sweeps, "training behind it, floating-point operations (log)", |point| point.flops),
        chart(&sweeps, "weights that live (log)", |point| point.weights),
        table(&sweeps),
        escape(&questions.join(";\n\n"))
    );
    html::framed(&names, &format!("{names}, side by side"), &body)
}

fn chart(sweeps: &[Compared], x: &str, place: impl Fn(&Point) -> f64) -> String {
    let series = |(name, points): (String, Vec<&Point>)| {
        let mut points: Vec<_> =
            points.into_iter().map(|point| (place(point), 100.0 * point.accuracy.0)).collect();
        points.retain(|(x, _)| *x > 0.0);
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Series { name, points }
    };
    let series: Vec<Series> = sweeps.iter().flat_map(Compared::lines).map(series).collect();
    Chart { x, log: true, y: "test accuracy, %", series: &series, from_zero: false, bound: None }.svg()
}

fn table(sweeps: &[Compared]) -> String {
    let row = |sweep: &Compared, point: &Point| {
        let Point { setting, round, weights, accuracy: (mean, sd), flops, needed, seconds, runs } = point;
        let (name, setting) = (escape(&sweep.name), escape(&heading(setting)));
        format!(
            "<tr><td>{name}<td>{setting}<td>{round}<td>{weights:.0}<td>{:.2} ± {:.2} ({runs:.0})<td>{flops:.3e}\
             <td>{needed:.3e}<td>{seconds:.1}\n",
            100.0 * mean,
            100.0 * sd
        )
    };
    let rows = |sweep: &Compared| sweep.points.iter().map(|point| row(sweep, point)).collect::<String>();
    format!(
        "<table>\n<tr><th>sweep<th>settings<th>round<th>weights<th>accuracy, %<th>operations<th>needed by the living\
         <th>device-seconds\n{}</table>\n<p>Mean ± standard deviation between runs (their number).</p>\n",
        sweeps.iter().map(rows).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::answer::tests::{answer, row};

    fn sweeps() -> Vec<(String, QueryResponse)> {
        let imp = |round, weights, accuracy: &str, flops| {
            row(&["", round, weights, accuracy, "0.8101", flops, "1e9", "5", "2"])
        };
        let small =
            |name, weights, flops| row(&[name, "0", weights, "0.85", "0.7225", flops, flops, "2", "1"]);
        let imp = vec![
            imp("0", "1000", "0.9", "1e9"),
            imp("1", "500", "0.9", "2e9"),
            imp("2", "250", "0.9", "3e9"),
        ];
        let small = vec![small("model.name=b_20", "20", "2e7"), small("model.name=b_100", "100", "1e8")];
        vec![("imp".to_owned(), answer(imp)), ("small".to_owned(), answer(small))]
    }

    #[test]
    fn a_sweep_of_many_networks_is_one_line_and_rounds_are_another() {
        let compared: Vec<Compared> = sweeps().iter().map(Compared::of).collect();
        let lines: Vec<_> =
            compared.iter().flat_map(Compared::lines).map(|(name, points)| (name, points.len())).collect();
        assert_eq!(lines, [("imp".to_owned(), 3), ("small".to_owned(), 2)]);
    }

    #[test]
    fn the_page_has_two_charts_a_table_and_what_was_asked() {
        let page = page(&sweeps());
        assert_eq!(page.matches("<svg").count(), 2);
        assert_eq!(page.matches("<tr><td>").count(), 5);
        // The variance of 0.9 and its square 0.8101 is 0.0001; of two runs, twice that.
        assert!(page.contains("<td>90.00 ± 1.41 (2)<td>1.000e9"), "{page}");
        assert!(page.contains("r.sweep = 'imp'") && page.contains("imp, small, side by side"));
        let place = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part}"));
        assert!(place("model.name = b_20") < place("model.name = b_100"), "numbers by their value");
    }
}
