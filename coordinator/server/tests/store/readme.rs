//! `migrations/README.md` says what the databases have, and the queries it and the main README show can be asked.

use crate::rig::{Place, ask, scenarios};
use std::collections::BTreeMap;
use tombola_server::store::{Cell, Store};

scenarios!(every_view_is_documented, every_query_shown_can_be_asked);

const README: &str = include_str!("../../../../migrations/README.md");
const MAIN_README: &str = include_str!("../../../../README.md");

/// Column names with their types.
type Columns = Vec<(String, String)>;

/// The tables below the headings of views: ``| `column` | type | meaning |``.
fn documented() -> BTreeMap<String, Columns> {
    let mut views: BTreeMap<String, Columns> = BTreeMap::new();
    let mut view = None;
    for line in README.lines() {
        let name = |text: &str| text.trim().trim_matches('`').to_owned();
        if let Some(heading) = line.strip_prefix("### ") {
            view = Some(name(heading));
            views.insert(name(heading), Vec::new());
        } else if line.starts_with("## ") {
            view = None;
        } else if let (Some(view), true) = (&view, line.starts_with("| `")) {
            let cells: Vec<_> = line.split('|').collect();
            assert!(cells.len() == 5 && !cells[3].trim().is_empty(), "a column without meaning: {line}");
            views.get_mut(view).unwrap().push((name(cells[1]), name(cells[2])));
        }
    }
    views
}

fn words(row: &[Cell]) -> Vec<String> {
    row.iter()
        .map(|cell| if let Cell::Text(text) = cell { text.clone() } else { format!("{cell:?}") })
        .collect()
}

async fn every_view_is_documented(place: &Place) {
    let store = place.open();
    store.migrate().await.unwrap();
    let documented = documented();
    if place.is_sqlite() {
        let views = ask(&store, "select name from sqlite_master where type = 'view'").await;
        let names: Vec<_> = views.rows.iter().map(|row| words(row).remove(0)).collect();
        assert_eq!(names.len(), documented.len(), "{names:?}");
        for view in names {
            // SQLite knows no types of computed columns.
            let columns = ask(&store, &format!("select * from {view} limit 0")).await.columns;
            let expected: Vec<_> = documented[&view].iter().map(|(column, _)| column.clone()).collect();
            assert_eq!(columns, expected, "{view}");
        }
        return;
    }
    let sql = "select table_name::text, column_name::text, case data_type::text
                 when 'bigint' then 'integer' when 'double precision' then 'real' when 'jsonb' then 'json'
                 when 'timestamp with time zone' then 'time' else data_type::text end
               from information_schema.columns
               where table_name in (select table_name from information_schema.views where table_schema = current_schema())
                 and table_schema = current_schema()
               order by table_name, ordinal_position";
    let mut views: BTreeMap<String, Columns> = BTreeMap::new();
    for row in ask(&store, sql).await.rows {
        let [view, column, kind] = words(&row).try_into().unwrap();
        views.entry(view).or_default().push((column, kind));
    }
    assert_eq!(views, documented);
}

async fn every_query_shown_can_be_asked(place: &Place) {
    let store = place.open();
    store.migrate().await.unwrap();
    let blocks = [README, MAIN_README].into_iter().flat_map(|text| text.split("```sql\n").skip(1));
    let statements = blocks.flat_map(|block| block.split("```").next().unwrap().split(";\n"));
    let mut asked = 0;
    for statement in statements.filter(|statement| !statement.trim().is_empty()) {
        ask(&store, statement).await;
        asked += 1;
    }
    assert!(asked >= 8, "{asked}");
}
