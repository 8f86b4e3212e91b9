//! Early-bird tickets: when they were found, and how far the masks of the epochs are from each other (arXiv 1909.11957,
//! Figures 1 and 2).

use super::{
    answer::{number, quoted, text},
    heading,
    html::escape,
    map::heat_map,
};
use std::collections::BTreeMap;
use tombola_wire::v1::{QueryResponse, Row};

/// What the page asks of the views: the rows come back in this order of columns.
pub(crate) fn found_sql(sweep: &str) -> String {
    format!(
        "select settings_key as setting, avg(epoch) as mean_epoch, min(epoch) as first_epoch, max(epoch) as last_epoch, \
         avg(iteration) as mean_iteration, count(*) as seeds from early_bird \
         where sweep = {} group by settings_key order by settings_key",
        quoted(sweep)
    )
}

/// See [`found_sql`].
pub(crate) fn distance_sql(sweep: &str) -> String {
    format!(
        "select settings_key, first_epoch, second_epoch, avg(distance) from epoch_distance where sweep = {} \
         group by settings_key, first_epoch, second_epoch order by settings_key, first_epoch, second_epoch",
        quoted(sweep)
    )
}

/// The table and the maps; empty without rows.
pub(crate) fn section(found: &QueryResponse, distances: &QueryResponse) -> String {
    let row = |row: &Row| {
        let value = |column| number(row, column).unwrap_or(0.0);
        let (mean, iteration, seeds) = (value(1), value(4), value(5));
        let (least, most) = (value(2), value(3));
        let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let setting = escape(&heading(text(row, 0)));
        format!("<tr><td>{setting}<td>{mean:.1}<td>{range}<td>{iteration:.0}<td>{seeds}\n")
    };
    let rows: String = found.rows.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let mut maps: BTreeMap<&str, Vec<[f64; 3]>> = BTreeMap::new();
    for row in &distances.rows {
        if let (Some(first), Some(second), Some(distance)) = (number(row, 1), number(row, 2), number(row, 3))
        {
            maps.entry(text(row, 0)).or_default().push([first, second, distance]);
        }
    }
    let map = |(key, pairs): (&&str, &Vec<[f64; 3]>)| {
        let title = match *key {
            "" => "masks of the epochs".to_owned(),
            key => format!("masks of the epochs, {}", heading(key)),
        };
        format!("<h3>{}</h3>\n{}", escape(&title), heat_map(&title, "epoch", pairs))
    };
    let maps: String = maps.iter().map(map).collect();
    format!(
        "<h2>Early-bird tickets</h2>\n<p>Epochs trained before the mask no longer changed; the ticket trains on from there. Below, \
         the share of units in which the masks of two epochs differ; mean over seeds.</p>\n<table>\n<tr><th>setting\
         <th>found, mean epoch<th>epochs<th>iteration<th>seeds\n{rows}</table>\n{maps}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::answer::tests::{answer, row};

    #[test]
    fn tickets_stand_in_a_table_and_their_epochs_in_a_square() {
        let found = answer(vec![row(&["prune.rate=0.3", "12.5", "12", "13", "2437.5", "2"])]);
        let pair = |first, second, distance| row(&["prune.rate=0.3", first, second, distance]);
        let distances = answer(vec![pair("1", "2", "0.4"), pair("1", "3", "0.5"), pair("2", "3", "0.1")]);
        let page = section(&found, &distances);
        assert!(page.contains("<tr><td>prune.rate = 0.3<td>12.5<td>12 to 13<td>2438<td>2"), "{page}");
        assert_eq!(page.matches("<rect").count(), 9);
        assert!(page.contains("epochs 2 and 3: 0.1000"), "{page}");
        assert_eq!(section(&answer(Vec::new()), &distances), "");
    }

    #[test]
    fn a_name_cannot_end_its_quotes() {
        assert!(
            found_sql("it's").contains("'it''s' group") && distance_sql("it's").contains("'it''s' group")
        );
    }
}
