//! States of earlier builds: each opens, is brought up, and goes on. `states/NNNN.sql` is a `.dump` of the `tombola.db` that a
//! coordinator with schema NNNN left when it was killed: a finished sweep, and one with jobs done, leased and open. Those from
//! 15 on are that of 13, opened by the coordinator of their day. Schemas before 13 were never released, nor kept.

use crate::rig::{NOW, Place, admin, ask, text};
use std::{
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
async fn the_states_that_earlier_schemas_left_open_and_go_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/states");
    let mut states: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    states.sort();
    let of = |state: &PathBuf| state.file_stem().unwrap().to_string_lossy().into_owned();
    // No state of schema 14 was ever left: it came together with the next one.
    assert_eq!(states.iter().map(of).collect::<Vec<_>>(), ["0013", "0015", "0016"]);
    for state in states {
        opens(&state).await;
    }
}

async fn opens(state: &Path) {
    let place = Place::sqlite();
    admin(&place, &fs::read_to_string(state).unwrap()).await;
    let store = place.open();
    store.migrate().await.unwrap();
    assert_eq!(text(&ask(&store, CURVE).await), MEASURED, "{}", state.display());
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
    assert_eq!(reopened, open + leased.len(), "{}", state.display());
}
