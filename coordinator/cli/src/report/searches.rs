//! Searches and masks compared: where networks collapse as a table, how far masks are from each other as maps and curves.

use super::{
    answer::{number, quoted, text},
    chart::{Chart, Series},
    heading,
    html::escape,
    map::heat_map,
};
use std::collections::{BTreeMap, BTreeSet};
use tombola_wire::v1::{QueryResponse, Row};

/// What the page asks of the views: the rows come back in this order of columns.
pub(crate) fn collapse_sql(sweep: &str) -> String {
    format!(
        "select analysis, settings_key as setting, criterion, min(last_alive) as least_alive, avg(last_alive) as mean_alive, \
         max(last_alive) as most_alive, min(first_collapse) as first_collapse, max(first_collapse) as last_collapse, \
         min(emptied_layer) as layer_lost, max(greatest) as possible, count(*) as seeds from collapse where sweep = {} \
         group by analysis, settings_key, criterion, number order by analysis, settings_key, number",
        quoted(sweep)
    )
}

/// See [`collapse_sql`].
pub(crate) fn distance_sql(sweep: &str) -> String {
    format!(
        "select analysis, compared, first_settings_key, first_branch, second_branch, first_round, second_round, \
         avg(distance), avg(overlap), count(*) from mask_distance \
         where sweep = {} and layer is null and compared <> 'trials' \
         group by analysis, compared, first_settings_key, first_branch, second_branch, first_round, second_round \
         order by analysis, first_settings_key, first_branch, second_branch, first_round, second_round",
        quoted(sweep)
    )
}

/// See [`collapse_sql`].
pub(crate) fn trial_distance_sql(sweep: &str) -> String {
    format!(
        "select analysis, first_branch, first_copy, first_round, first_trial, first_settings_key, first_seed, \
         second_trial, second_settings_key, second_seed, distance from mask_distance \
         where sweep = {} and layer is null and compared = 'trials' \
         order by analysis, first_branch, first_copy, first_round, first_trial, second_trial",
        quoted(sweep)
    )
}

/// The table of critical compressions; empty without rows.
pub(crate) fn collapses(found: &QueryResponse) -> String {
    let row = |row: &Row| {
        let power =
            |column| number(row, column).map_or_else(|| "none".to_owned(), |power| format!("{power:.2}"));
        let range = |least, most| match (power(least), power(most)) {
            (least, most) if least == most => least,
            (least, most) => format!("{least} to {most}"),
        };
        let setting = heading(text(row, 1));
        let (analysis, criterion, layer) = (text(row, 0), text(row, 2), text(row, 8));
        let cells = [
            escape(analysis),
            escape(&setting),
            escape(criterion),
            power(4),
            range(3, 5),
            range(6, 7),
            escape(layer),
            power(9),
            number(row, 10).unwrap_or(0.0).to_string(),
        ];
        format!("<tr><td>{}\n", cells.join("<td>"))
    };
    let rows: String = found.rows.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<h2>Critical compression</h2>\n<p>The largest compression tried, as a power of ten, at which every layer of the \
         untrained network keeps a weight, and the smallest at which one does not; over seeds.</p>\n<table>\n<tr><th>analysis\
         <th>setting<th>criterion<th>alive, mean<th>alive<th>collapsed<th>layer lost<th>possible<th>seeds\n{rows}</table>\n"
    )
}

/// Maps of rounds, and curves of lines against rounds; empty without rows.
pub(crate) fn distances(found: &QueryResponse) -> String {
    let mut maps: BTreeMap<(&str, String), Vec<[f64; 3]>> = BTreeMap::new();
    let mut curves: BTreeMap<&str, Vec<Series>> = BTreeMap::new();
    for row in &found.rows {
        let (Some(first), Some(second), Some(distance)) = (number(row, 5), number(row, 6), number(row, 7))
        else {
            continue;
        };
        let name = |column| match text(row, column) {
            "" => "ticket".to_owned(),
            branch => branch.to_owned(),
        };
        let group = |name: String| match text(row, 2) {
            "" => name,
            group => format!("{name}, {}", heading(group)),
        };
        if text(row, 1) == "rounds" {
            maps.entry((text(row, 0), group(name(3)))).or_default().push([first, second, distance]);
        } else {
            let series = curves.entry(text(row, 0)).or_default();
            let name = group(format!("{} against {}", name(3), name(4)));
            match series.iter_mut().find(|known| known.name == name) {
                Some(known) => known.points.push((first, distance)),
                None => series.push(Series { name, points: vec![(first, distance)] }),
            }
        }
    }
    if maps.is_empty() && curves.is_empty() {
        return String::new();
    }
    let map = |((analysis, line), pairs): (&(&str, String), &Vec<[f64; 3]>)| {
        let title = format!("{analysis}: rounds of {line}");
        format!("<h3>{}</h3>\n{}", escape(&title), heat_map(&title, "round", pairs))
    };
    let curve = |(analysis, series): (&&str, &Vec<Series>)| {
        let chart = Chart { x: "round", log: false, y: "distance", series, from_zero: true, bound: None };
        format!("<h3>{}: between lines</h3>\n{}", escape(analysis), chart.svg())
    };
    let (maps, curves): (String, String) =
        (maps.iter().map(map).collect(), curves.iter().map(curve).collect());
    format!(
        "<h2>Distance between masks</h2>\n<p>Hamming distance: the share of all weights that live in one of two masks alone; \
         mean over seeds.</p>\n{maps}{curves}"
    )
}

/// Maps of trials, and what each of them is; empty without rows.
pub(crate) fn trial_distances(found: &QueryResponse) -> String {
    type Place<'a> = (&'a str, &'a str, u64, u64);
    let mut maps: BTreeMap<Place<'_>, Vec<[f64; 3]>> = BTreeMap::new();
    let mut trials: BTreeSet<(u64, String)> = BTreeSet::new();
    for row in &found.rows {
        let (Some(first), Some(second), Some(distance)) = (number(row, 4), number(row, 7), number(row, 10))
        else {
            continue;
        };
        let whole = |column| number(row, column).unwrap_or(0.0) as u64;
        let place = (text(row, 0), text(row, 1), whole(2), whole(3));
        maps.entry(place).or_default().push([first, second, distance]);
        for (trial, key, seed) in [(first, 5, 6), (second, 8, 9)] {
            let key = heading(text(row, key));
            let key = if key.is_empty() { key } else { format!("{key}, ") };
            trials.insert((trial as u64, format!("{key}seed {}", whole(seed))));
        }
    }
    if maps.is_empty() {
        return String::new();
    }
    let map = |((analysis, branch, copy, round), pairs): (&Place<'_>, &Vec<[f64; 3]>)| {
        let line = if branch.is_empty() { "ticket".to_owned() } else { format!("{branch}, copy {copy}") };
        let title = format!("{analysis}: trials in round {round} of {line}");
        format!("<h3>{}</h3>\n{}", escape(&title), heat_map(&title, "trial", pairs))
    };
    let maps: String = maps.iter().map(map).collect();
    let legend: String =
        trials.iter().map(|(trial, what)| format!("<tr><td>{trial}<td>{}\n", escape(what))).collect();
    format!(
        "<h2>Distance between the masks of trials</h2>\n<p>Hamming distance: the share of all weights, or channels, that live in \
         one of two masks alone. Cells without colour are trials with the same mask.</p>\n{maps}<table>\n<tr><th>trial<th>is\n{legend}</table>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::answer::tests::{answer, row};

    #[test]
    fn collapses_stand_in_a_table_with_their_range_over_seeds() {
        let found = answer(vec![
            row(&["c", "", "synflow", "5.75", "5.8", "5.85", "5.9", "5.9", "fc.weight", "6.02", "2"]),
            row(&["c", "", "magnitude", "null", "null", "null", "2.5", "2.5", "a<b", "6.02", "2"]),
        ]);
        let page = collapses(&found);
        assert!(
            page.contains("<td>synflow<td>5.80<td>5.75 to 5.85<td>5.90<td>fc.weight<td>6.02<td>2"),
            "{page}"
        );
        assert!(page.contains("<td>magnitude<td>none<td>none<td>2.50<td>a&lt;b"), "{page}");
        assert_eq!(collapses(&answer(Vec::new())), "");
    }

    #[test]
    fn rounds_are_a_square_and_lines_are_curves() {
        let rounds =
            |first, second, distance| row(&["d", "rounds", "", "", "", first, second, distance, "0.5", "3"]);
        let lines =
            |round, distance| row(&["l", "lines", "", "", "random", round, round, distance, "0.5", "3"]);
        let found = answer(vec![
            rounds("1", "2", "0.1"),
            rounds("1", "3", "0.2"),
            rounds("2", "3", "0.1"),
            lines("1", "0.3"),
            lines("2", "0.4"),
        ]);
        let page = distances(&found);
        assert_eq!((page.matches("<svg").count(), page.matches("<rect").count()), (2, 9));
        // The farthest are the darkest; a round is not far from itself.
        assert_eq!(
            (page.matches("fill-opacity=\"1.000\"").count(), page.matches("fill-opacity=\"0.000\"").count()),
            (2, 3)
        );
        assert!(
            page.contains("rounds 1 and 3: 0.2000") && page.contains(">ticket against random</text>"),
            "{page}"
        );
        assert_eq!(distances(&answer(Vec::new())), "");
    }

    #[test]
    fn trials_are_a_square_and_a_table_says_what_they_are() {
        let pair = |first, second, distance| {
            row(&[
                "d",
                "",
                "0",
                "1",
                first,
                "prune.rewind=2ep",
                "7",
                second,
                "prune.rewind=3ep",
                "7",
                distance,
            ])
        };
        let page = trial_distances(&answer(vec![pair("1", "2", "0.25"), pair("1", "4", "0.5")]));
        assert_eq!((page.matches("<svg").count(), page.matches("<rect").count()), (1, 7));
        assert!(
            page.contains("trials 1 and 4: 0.5000") && page.contains("trials in round 1 of ticket"),
            "{page}"
        );
        assert!(page.contains("<tr><td>1<td>prune.rewind = 2ep, seed 7\n<tr><td>2<td>"), "{page}");
        assert_eq!(trial_distances(&answer(Vec::new())), "");
    }

    #[test]
    fn a_name_cannot_end_its_quotes() {
        assert!(collapse_sql("it's").contains("sweep = 'it''s' group"));
        assert!(distance_sql("it's").contains("sweep = 'it''s' and"));
    }
}
