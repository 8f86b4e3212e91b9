//! Faults, each planted, found, and mended where it can be.

use crate::{
    backup::{Said, backup, some_artifact, tombola_coordinator},
    rig::{Home, SWEEP, Worker, admin, scenarios},
};
use std::{fs, os::unix::fs::PermissionsExt};
use tempfile::TempDir;
use tombola_wire::v1::SubmitRequest;

scenarios!(
    a_healthy_state_is_well_at_work_and_at_rest,
    contradictions_in_records_are_found,
    orphaned_jobs_are_found_and_mended,
    repairs_beside_a_coordinator_at_work_are_refused,
    damaged_and_missing_artifacts_are_found_and_come_back_from_a_backup,
    a_checkpoint_that_is_lost_is_forgotten,
    with_the_artifacts_of_another_state_nothing_is_mended_away,
    a_folder_that_everybody_may_write_to_is_found,
    where_there_is_no_state_that_is_what_is_found,
);

/// Findings, each `check: found`, of this grade.
fn of_grade(said: &Said, grade: &str) -> Vec<String> {
    let findings = said.answer.as_array().unwrap_or_else(|| panic!("{}", said.error));
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let graded = findings.iter().filter(|finding| finding["grade"] == grade && finding["repaired"] == false);
    graded.map(|finding| format!("{}: {}", text(finding, "check"), text(finding, "found"))).collect()
}

/// The faults found; each has to say what it means and what to do.
async fn faults(home: &Home, words: &[&str]) -> Vec<String> {
    let said = tombola_coordinator(home, &[&["doctor"], words].concat()).await;
    let faults = of_grade(&said, "fault");
    assert_eq!(said.code, Some(i32::from(!faults.is_empty())), "{faults:?} {}", said.error);
    for finding in said.answer.as_array().unwrap().iter().filter(|finding| finding["grade"] == "fault") {
        assert!(finding["means"] != "" && finding["todo"] != "", "{finding}");
    }
    faults
}

/// Some jobs done, one running.
async fn halfway(home: &Home) -> (crate::rig::Served, Worker) {
    let served = home.serve().await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(3).await;
    (served, worker)
}

async fn a_healthy_state_is_well_at_work_and_at_rest(home: &Home) {
    let (served, mut worker) = halfway(home).await;
    let none: [&str; 0] = [];
    let (looks, ()) = tokio::join!(tombola_coordinator(home, &["doctor"]), worker.work(12));
    assert_eq!((of_grade(&looks, "fault"), looks.code), (vec![], Some(0)), "{}", looks.error);
    assert_eq!(faults(home, &["--quick"]).await, none);
    let address = served.address.to_string();
    let notes = of_grade(&tombola_coordinator(home, &["doctor"]).await, "note");
    assert!(notes.iter().any(|note| note.contains(&address)), "{notes:?}");
    served.stop().await;
    assert_eq!(faults(home, &[]).await, none);
    // There is nothing to repair, and nothing is.
    assert_eq!(faults(home, &["--repair"]).await, none);
}

#[track_caller]
fn assert_finds(faults: &[String], words: &str) {
    assert!(faults.iter().any(|fault| fault.contains(words)), "`{words}` is not among {faults:#?}");
}

/// A folder that is not mounted, or a wrong `--artifacts`: every artifact would seem to be lost.
async fn with_the_artifacts_of_another_state_nothing_is_mended_away(home: &Home) {
    let (served, _worker) = halfway(home).await;
    served.stop().await;
    let state = home.state().join("artifacts/state");
    let ours = fs::read_to_string(&state).unwrap();
    let count = async || {
        let said = tombola_coordinator(home, &["doctor", "--repair"]).await;
        of_grade(&said, "fault")
    };
    fs::write(&state, "another\n").unwrap();
    assert_finds(&count().await, "belong to another state");
    fs::remove_file(&state).unwrap();
    assert_finds(&count().await, "was never used by this state");
    fs::write(&state, ours).unwrap();
    assert!(count().await.is_empty(), "nothing was changed");
}

async fn contradictions_in_records_are_found(home: &Home) {
    let (served, mut worker) = halfway(home).await;
    worker.work(12).await;
    served.stop().await;
    for (plant, mend, words) in [
        (
            "update jobs set state = 'open' where id = 1",
            "update jobs set state = 'done' where id = 1",
            "before jobs that they read",
        ),
        (
            "update jobs set state = 'open' where id = 12",
            "update jobs set state = 'done' where id = 12",
            "1 jobs have a result and are not done",
        ),
        (
            "update attempts set attempt = 7 where job = 2",
            "update attempts set attempt = 1 where job = 2",
            "1 attempts are later than the last one given out",
        ),
        (
            "update outputs set job = 77 where job = 2",
            "update outputs set job = 2 where job = 77",
            "1 jobs are done without a result or without outputs",
        ),
        (
            "insert into dropped_outputs (job, output, digest, bytes, dropped)
               select o.job, o.output, o.digest, o.bytes, a.ended from outputs o join attempts a on a.job = o.job where o.job = 1;
             update jobs set state = 'open' where id = 2",
            "delete from dropped_outputs; update jobs set state = 'done' where id = 2",
            "1 jobs read what was dropped",
        ),
        (
            "update outputs set job = 77 where job = 2",
            "update outputs set job = 2 where job = 77",
            "rows of `outputs` are about jobs that are not there",
        ),
        (
            "update results set living = living + 1 where job = 2",
            "update results set living = living - 1 where job = 2",
            "1 masks count other weights",
        ),
        (
            "update attempts set started = '2999-01-01T00:00:00.000Z' where job = 2",
            "update attempts set started = '2026-01-01T00:00:00.000Z' where job = 2",
            "1 attempts began or ended in the future",
        ),
        (
            "update attempts set ended = null where job = 2",
            "update attempts set ended = started where job = 2",
            "1 attempts never ended",
        ),
        (
            "insert into schema_version (version, applied) values (4711, 'tomorrow')",
            "delete from schema_version where version = 4711",
            "schema: schema version 4711",
        ),
    ] {
        admin(&home.place, plant).await;
        assert_finds(&faults(home, &["--quick"]).await, words);
        admin(&home.place, mend).await;
        assert!(faults(home, &["--quick"]).await.is_empty(), "after {mend}");
    }
}

#[tokio::test]
async fn a_damaged_database_file_is_found() {
    let home = Home::sqlite();
    let (served, mut worker) = halfway(&home).await;
    worker.work(12).await;
    served.stop().await;
    let file = home.state().join("tombola.db");
    let mut bytes = fs::read(&file).unwrap();
    // The first page stays: it still looks like a database.
    bytes[8192..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let faults = faults(&home, &["--quick"]).await;
    assert!(faults.iter().any(|fault| fault.starts_with("database: ")), "{faults:?}");
}

async fn orphaned_jobs_are_found_and_mended(home: &Home) {
    let (served, mut worker) = halfway(home).await;
    worker.begin().await;
    served.kill();
    // Nobody will come back for the running job, and another lost its sweep.
    admin(&home.place, "update workers set state = 'gone'").await;
    admin(&home.place, "delete from claims where job = 12").await;
    let found = faults(home, &["--quick"]).await;
    assert_finds(&found, "jobs are leased to workers that are gone");
    assert_finds(&found, "1 open jobs are wanted by no sweep");
    assert_eq!(faults(home, &["--quick"]).await, found, "looking changes nothing");
    let repaired = eventually_repaired(home).await;
    assert_eq!((of_grade(&repaired, "fault"), repaired.code), (vec![], Some(0)));
    assert!(faults(home, &["--quick"]).await.is_empty());
    // The sweep goes on, and what was opened again is charged nothing.
    let served = home.serve().await;
    let mut next = Worker::connect(served.address, "two").await;
    next.work(1).await;
    let told = crate::backup::rows(&served, "select max(tries) + max(losses) from jobs").await;
    assert_eq!(told, [[Some(tombola_wire::v1::value::Kind::Integer(0))]]);
    served.stop().await;
}

/// The lock of a coordinator that was just killed is given up a moment later.
async fn eventually_repaired(home: &Home) -> Said {
    crate::rig::eventually(|| async {
        let said = tombola_coordinator(home, &["doctor", "--quick", "--repair"]).await;
        (!said.error.contains("is at work")).then_some(said)
    })
    .await
}

async fn repairs_beside_a_coordinator_at_work_are_refused(home: &Home) {
    let (served, _worker) = halfway(home).await;
    admin(&home.place, "insert into jobs (id, fingerprint, state, attempt, tries, losses, height) values (99, 'x', 'open', 0, 0, 0, 0)").await;
    admin(&home.place, "insert into job_specs (job, kind, spec, iterations) values (99, 'train', '{}', 0)")
        .await;
    assert_finds(&faults(home, &["--quick"]).await, "1 open jobs are wanted by no sweep");
    let said = tombola_coordinator(home, &["doctor", "--quick", "--repair"]).await;
    said.refused(&["a coordinator is at work", "nothing was changed", "hint: stop it"]);
    assert_finds(&faults(home, &["--quick"]).await, "1 open jobs are wanted by no sweep");
    served.stop().await;
}

async fn damaged_and_missing_artifacts_are_found_and_come_back_from_a_backup(home: &Home) {
    let (served, _worker) = halfway(home).await;
    let (folder, artifacts) = (TempDir::new().unwrap(), home.state().join("artifacts"));
    backup(home, folder.path()).await.well();
    served.stop().await;
    let missing = some_artifact(&artifacts);
    let bytes = fs::read(&missing).unwrap();
    fs::remove_file(&missing).unwrap();
    let damaged = some_artifact(&artifacts);
    fs::write(&damaged, vec![0; fs::metadata(&damaged).unwrap().len() as usize]).unwrap();
    // What no record names is no fault, whatever it is.
    fs::write(artifacts.join("notes.txt"), "mine").unwrap();
    let found = faults(home, &[]).await;
    assert_finds(&found, "artifacts: 1 that records name have other bytes than their names say");
    assert_finds(&found, "artifacts: 1 that records name are missing");
    assert_eq!(faults(home, &["--quick"]).await.len(), 1, "a quick look does not read them");
    // Without a backup they stay lost, but the damaged one is out of the way.
    assert_eq!(faults(home, &["--repair"]).await.len(), 2);
    assert!(artifacts.join("damaged").join(damaged.file_name().unwrap()).exists());
    let said =
        tombola_coordinator(home, &["doctor", "--repair", "--from", folder.path().to_str().unwrap()]).await;
    assert_eq!((of_grade(&said, "fault"), said.code), (vec![], Some(0)), "{}", said.error);
    assert_eq!(fs::read(&missing).unwrap(), bytes);
    assert!(faults(home, &[]).await.is_empty());
}

async fn a_checkpoint_that_is_lost_is_forgotten(home: &Home) {
    let (served, _worker) = halfway(home).await;
    served.stop().await;
    let digest = "ab".repeat(32);
    let sql = format!(
        "insert into checkpoints (job, attempt, iteration, digest, bytes, taken)
         values (12, 1, 50, '{digest}', 10, '2026-01-01T00:00:00.000Z')"
    );
    admin(&home.place, &sql).await;
    assert_finds(&faults(home, &["--quick"]).await, "1 that records name are missing");
    let said = tombola_coordinator(home, &["doctor", "--repair"]).await;
    assert_eq!((of_grade(&said, "fault"), said.code), (vec![], Some(0)), "{}", said.error);
    assert!(faults(home, &[]).await.is_empty());
}

async fn a_folder_that_everybody_may_write_to_is_found(home: &Home) {
    home.serve().await.stop().await;
    fs::set_permissions(home.state(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_finds(&faults(home, &[]).await, "state folder: everybody on this machine may write");
}

async fn where_there_is_no_state_that_is_what_is_found(home: &Home) {
    let found = faults(home, &[]).await;
    assert_finds(&found, "database: there is no state in");
}
