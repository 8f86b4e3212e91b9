//! States of earlier builds: each opens, is brought up, and goes on. `states/NNNN.sql` is a `.dump` of the `tombola.db` that a
//! coordinator with schema NNNN left when it was killed: a finished sweep, and one with jobs done, leased and open. Each is opened
//! as it is, and as every later schema would have had it. Schemas before 13 were never released, nor kept.

use crate::rig::{NOW, Place, admin, ask, text};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tombola_core::{
    record::{Ending, JobState, Write},
    schedule::{Config, Scheduler},
};
use tombola_server::store::Store;

/// What both sweeps had measured, as the coordinator that made the state showed it.
const CURVE: &str = "select sweep, branch, round, n_seeds, mean from ticket_curve
    where metric = 'accuracy' and split = 'test' and at = 'last' order by sweep, branch, round";

const MEASURED: &str = "\
first |  | 0 | 2 | 0.894400
first |  | 1 | 2 | 0.901500
first |  | 2 | 2 | 0.909100
first | reinit | 1 | 2 | 0.893150
first | reinit | 2 | 2 | 0.894950
second |  | 0 | 2 | 0.903050
second |  | 1 | 1 | 0.891300
second |  | 2 | 1 | 0.910300
";

#[tokio::test]
async fn the_states_of_schema_13_and_all_later_ones_open_and_go_on() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let migrations = numbered(&package.join("../../migrations/sqlite"));
    let mut opened = BTreeSet::new();
    for (schema, mut state) in numbered(&package.join("tests/store/states")) {
        opens(schema, &state).await;
        opened.insert(schema);
        for (later, migration) in migrations.range(schema + 1..) {
            let applied = format!("insert into schema_version (version, applied) values ({later}, 'then');");
            state.extend([migration, applied.as_str()]);
            opens(*later, &state).await;
            opened.insert(*later);
        }
    }
    let newest = *migrations.keys().last().unwrap();
    assert_eq!(opened, (13..=newest).collect());
}

/// The files of a folder by the numbers their names begin with.
fn numbered(folder: &Path) -> BTreeMap<u32, String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let number = |file: &PathBuf| file.file_name().unwrap().to_string_lossy()[..4].parse().unwrap();
    files.map(|file| (number(&file), fs::read_to_string(&file).unwrap())).collect()
}

async fn opens(schema: u32, state: &str) {
    let place = Place::sqlite();
    admin(&place, state).await;
    let store = place.open();
    store.migrate().await.unwrap();
    assert_eq!(text(&ask(&store, CURVE).await), MEASURED, "schema {schema}");
    let epoch = store.lead(Duration::ZERO).await.unwrap();
    let found = store.snapshot().await.unwrap();
    let leased: Vec<_> = found.jobs.iter().filter(|job| job.state == JobState::Leased).cloned().collect();
    let open = found.jobs.iter().filter(|job| job.state == JobState::Open).count();
    assert!(!leased.is_empty() && open > 0, "a state in the middle of things");
    let second = found.sweeps[0].id;
    let progress = Scheduler::fold(Config::default(), found).progress(second).unwrap();
    assert!(progress.done > 0 && !progress.finished, "{progress:?}");
    // Its workers do not come back: what they held is open again.
    let ends: Vec<Write> = leased
        .iter()
        .map(|job| Write::End {
            job: job.id,
            attempt: job.attempt,
            failure: None,
            how: Ending::Lost,
            next: JobState::Open,
            tries: 0,
            losses: 1,
        })
        .collect();
    store.commit(epoch, NOW, &ends).await.unwrap();
    let found = store.snapshot().await.unwrap();
    let reopened = found.jobs.iter().filter(|job| job.state == JobState::Open).count();
    assert_eq!(reopened, open + leased.len(), "schema {schema}");
}
