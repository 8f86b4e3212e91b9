//! Backups, as an operator takes and restores them: with the binary, beside a coordinator at work.

use crate::rig::{Home, SWEEP, Served, Worker, eventually, info, scenarios};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::process::Command;
use tombola_server::config::Span;
use tombola_wire::v1::{Chunk, GetArtifactRequest, QueryRequest, SubmitRequest, value::Kind};

scenarios!(
    a_restored_sweep_goes_on_to_the_same_results,
    backups_taken_in_the_middle_of_commits_are_whole,
    the_next_backup_copies_only_what_is_new,
    an_interrupted_backup_is_not_taken_for_a_whole_one,
    what_is_damaged_in_a_backup_is_found_and_nothing_is_restored,
    a_backup_is_restored_beside_no_other_state,
    a_backup_is_not_restored_among_the_artifacts_of_another_state,
    an_artifact_that_is_missing_fails_the_backup_and_leaves_the_earlier_one,
    nothing_is_collected_while_a_backup_reads,
    where_there_is_no_state_nothing_is_backed_up,
);

/// What the binary answered.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    /// Standard output as JSON; null where it is none.
    pub(crate) answer: serde_json::Value,
    pub(crate) error: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn well(self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "{}", self.error);
        self.answer
    }

    #[track_caller]
    pub(crate) fn refused(self, words: &[&str]) {
        assert_eq!(self.code, Some(1), "{}", self.error);
        for word in words {
            assert!(self.error.contains(word), "`{word}` is not in: {}", self.error);
        }
        assert!(!self.error.contains("panicked"), "{}", self.error);
    }
}

pub(crate) async fn tombola_coordinator(home: &Home, words: &[&str]) -> Said {
    let flags = home.flags();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tombola-coordinator"));
    command.args(words).args(["--output", "json", "--state"]).arg(home.state());
    command.arg("--database").arg(flags.database.unwrap()).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.unwrap();
    Said {
        code: output.status.code(),
        answer: serde_json::from_slice(&output.stdout).unwrap_or_default(),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

pub(crate) async fn backup(home: &Home, folder: &Path) -> Said {
    tombola_coordinator(home, &["backup", folder.to_str().unwrap()]).await
}

async fn restore(home: &Home, folder: &Path) -> Said {
    tombola_coordinator(home, &["restore", folder.to_str().unwrap()]).await
}

async fn check(home: &Home, folder: &Path) -> Said {
    tombola_coordinator(home, &["restore", "--check", folder.to_str().unwrap()]).await
}

/// New homes: one on SQLite, and one on Postgres where there is one.
async fn elsewhere(home: &Home, test: &str) -> Vec<Home> {
    let kind = if matches!(home.place, crate::rig::Place::Sqlite(_)) { "s" } else { "p" };
    let mut homes = vec![Home::sqlite()];
    if std::env::var("TOMBOLA_TEST_POSTGRES").is_ok() {
        homes.extend(Home::postgres(&format!("{kind}{test}")).await);
    }
    homes
}

async fn remove(homes: Vec<Home>) {
    for home in homes {
        home.place.remove().await;
    }
}

pub(crate) async fn rows(served: &Served, sql: &str) -> Vec<Vec<Option<Kind>>> {
    let request = QueryRequest { sql: sql.to_owned(), max_rows: 0 };
    let answer = served.query().query(request).await.unwrap().into_inner();
    answer.rows.into_iter().map(|row| row.values.into_iter().map(|value| value.kind).collect()).collect()
}

const RESULTS: &str =
    "select trial, branch, copy, round, state, living, loss_validation, accuracy_test from round_result
    order by trial, branch, copy, round";

async fn submit(served: &Served) {
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
}

async fn a_backup_is_not_restored_among_the_artifacts_of_another_state(home: &Home) {
    let (served, _worker, folder) = backed_up(home, 4).await;
    served.stop().await;
    let others = elsewhere(home, "claimed").await;
    for other in &others {
        let artifacts = other.state().join("artifacts");
        fs::create_dir_all(&artifacts).unwrap();
        fs::write(artifacts.join("state"), "somebody else's\n").unwrap();
        restore(other, folder.path()).await.refused(&[
            "belong to another state",
            "hint:",
            artifacts.to_str().unwrap(),
        ]);
        fs::remove_file(artifacts.join("state")).unwrap();
        restore(other, folder.path()).await.well();
        // It is claimed for the restored state, and nobody else's from then on.
        other.serve().await.stop().await;
    }
    remove(others).await;
}

/// A home whose sweep is done in part, a backup of it, and its coordinator, which serves on.
async fn backed_up(home: &Home, jobs: usize) -> (Served, Worker, TempDir) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(jobs).await;
    let folder = TempDir::new().unwrap();
    backup(home, folder.path()).await.well();
    (served, worker, folder)
}

async fn a_restored_sweep_goes_on_to_the_same_results(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(3).await;
    let lease = worker.lease().await;
    let running = lease.stages[0].jobs[0].clone();
    let heard = worker.start(&running).await;
    let folder = TempDir::new().unwrap();
    let taken = backup(home, folder.path()).await.well();
    assert!(taken["rows"].as_u64() > Some(50) && taken["artifacts"].as_u64() >= Some(3), "{taken}");
    assert_eq!(taken["new_artifacts"], taken["artifacts"]);
    assert_eq!(check(home, folder.path()).await.well()["rows"], taken["rows"]);
    // The old coordinator goes on as if nothing had been: this is what should come out.
    let held = Worker::held(&lease, true);
    worker.keep(heard).await;
    let heard = worker.finish(&running).await;
    worker.keep(heard).await;
    let mut rest = lease.clone();
    rest.stages.iter_mut().for_each(|stage| stage.jobs.retain(|job| job.job != running.job));
    worker.run(&rest).await;
    worker.work(12).await;
    let expected = rows(&served, RESULTS).await;
    served.stop().await;

    let others = elsewhere(home, "sameresults").await;
    for other in &others {
        let restored = restore(other, folder.path()).await.well();
        assert_eq!((&restored["rows"], &restored["backup_of"]), (&taken["rows"], &taken["state"]));
        assert_ne!(restored["state"], taken["state"]);
        let served = other.serve().await;
        // A worker of the old coordinator comes with what it holds: here it is a stranger, whose attempts mean nothing.
        let mut stranger = Worker::welcome(served.address, &info("one"), &worker.id, held.clone()).await;
        assert_ne!(stranger.id, worker.id);
        stranger.work(9).await;
        assert_eq!(
            rows(&served, RESULTS).await,
            expected,
            "the same results, and nothing done before is done again"
        );
        let told = rows(&served, "select a.how, j.tries, j.losses from attempts a join jobs j on j.id = a.job where a.how = 'lost'").await;
        let lost = [Some(Kind::Text("lost".into())), Some(Kind::Integer(0)), Some(Kind::Integer(0))];
        assert_eq!(told, [lost], "what ran is charged nothing");
        served.stop().await;
    }
    remove(others).await;
}

async fn backups_taken_in_the_middle_of_commits_are_whole(home: &Home) {
    let served = home.serve().await;
    submit(&served).await;
    let mut worker = Worker::connect(served.address, "one").await;
    let folder = TempDir::new().unwrap();
    let backups = async {
        for _ in 0..3 {
            backup(home, folder.path()).await.well();
            check(home, folder.path()).await.well();
        }
    };
    tokio::join!(worker.work(12), backups);
    served.stop().await;
    let others = elsewhere(home, "middle").await;
    for other in &others {
        restore(other, folder.path()).await.well();
        let served = other.serve().await;
        let mut next = Worker::connect(served.address, "two").await;
        let done = rows(&served, "select count(*) from jobs where state = 'done'").await;
        let Some(Kind::Integer(done)) = done[0][0] else { panic!("{done:?}") };
        next.work(12 - done as usize).await;
        assert_eq!(
            rows(&served, "select count(*) from jobs where state <> 'done'").await,
            [[Some(Kind::Integer(0))]]
        );
        served.stop().await;
    }
    remove(others).await;
}

async fn the_next_backup_copies_only_what_is_new(home: &Home) {
    let (served, mut worker, folder) = backed_up(home, 4).await;
    let again = backup(home, folder.path()).await.well();
    assert_eq!(again["new_artifacts"], 0);
    worker.work(12).await;
    let last = backup(home, folder.path()).await.well();
    let count = |said: &serde_json::Value, what: &str| said[what].as_u64().unwrap();
    let new = count(&last, "artifacts") - count(&again, "artifacts");
    assert!(new > 0 && count(&last, "new_artifacts") == new, "{again} {last}");
    // Of rows only those of the last backup are left.
    let kept = fs::read_dir(folder.path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("rows-"));
    assert_eq!(kept.count(), 1);
    check(home, folder.path()).await.well();
    served.stop().await;
    // Another state has no business there.
    let other = Home::sqlite();
    other.serve().await.stop().await;
    backup(&other, folder.path()).await.refused(&["holds a backup of state", "hint: name another folder"]);
}

async fn an_interrupted_backup_is_not_taken_for_a_whole_one(home: &Home) {
    let (served, _worker, folder) = backed_up(home, 3).await;
    served.stop().await;
    // As if a second one had been interrupted: rows in part, and no word of them.
    let half = folder.path().join("rows-2");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("jobs.jsonl"), "[1,").unwrap();
    fs::write(folder.path().join("backup.json.new"), "{").unwrap();
    check(home, folder.path()).await.well();
    // As if there had been no first one.
    fs::rename(folder.path().join("backup.json"), folder.path().join("kept")).unwrap();
    let other = Home::sqlite();
    restore(&other, folder.path()).await.refused(&["no whole backup", "hint: take it again"]);
    assert!(!other.state().join("tombola.db").exists());
    // The next one takes away what was left behind.
    fs::rename(folder.path().join("kept"), folder.path().join("backup.json")).unwrap();
    backup(home, folder.path()).await.well();
    assert!(!half.exists());
    check(home, folder.path()).await.well();
    restore(&other, &other.state().join("nowhere")).await.refused(&["there is no backup in"]);
}

fn flip(file: &Path) -> Vec<u8> {
    let whole = fs::read(file).unwrap();
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
    whole
}

/// Where an artifact lies under a folder of them, for some that a result names.
pub(crate) fn some_artifact(artifacts: &Path) -> PathBuf {
    let is_shelf = |path: &PathBuf| path.file_name().unwrap().len() == 2;
    let entries = |path: &Path| fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> =
        entries(artifacts).filter(is_shelf).flat_map(|shelf| entries(&shelf).collect::<Vec<_>>()).collect();
    all.sort();
    all.remove(0)
}

async fn what_is_damaged_in_a_backup_is_found_and_nothing_is_restored(home: &Home) {
    let (served, _worker, folder) = backed_up(home, 3).await;
    served.stop().await;
    let mut entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let rows = entries.find(|path| path.to_string_lossy().contains("rows-")).unwrap();
    let artifact = some_artifact(&folder.path().join("artifacts"));
    let other = Home::sqlite();
    for (file, words) in
        [(rows.join("jobs.jsonl"), "jobs.jsonl` is damaged"), (artifact, "do not match their digest")]
    {
        let whole = flip(&file);
        check(home, folder.path()).await.refused(&[words]);
        restore(&other, folder.path()).await.refused(&[words]);
        assert!(!other.state().join("tombola.db").exists(), "nothing was restored");
        fs::write(&file, whole).unwrap();
    }
    restore(&other, folder.path()).await.well();
}

async fn a_backup_is_restored_beside_no_other_state(home: &Home) {
    let (served, _worker, folder) = backed_up(home, 3).await;
    restore(home, folder.path()).await.refused(&["holds a state already", "hint: name a new state folder"]);
    served.stop().await;
    restore(home, folder.path()).await.refused(&["holds a state already"]);
    let served = home.serve().await;
    assert_eq!(
        rows(&served, "select count(*) from jobs where state = 'done'").await,
        [[Some(Kind::Integer(3))]]
    );
    served.stop().await;
}

async fn an_artifact_that_is_missing_fails_the_backup_and_leaves_the_earlier_one(home: &Home) {
    let (served, mut worker, folder) = backed_up(home, 3).await;
    worker.work(6).await;
    served.stop().await;
    let copied = |path: &Path| {
        folder.path().join("artifacts").join(path.strip_prefix(home.state().join("artifacts")).unwrap())
    };
    // One that the first backup has is copied from nowhere; the one that is gone is missed.
    let artifacts = home.state().join("artifacts");
    let lost =
        rows_of_outputs(home).await.into_iter().map(|digest| artifacts.join(&digest[..2]).join(digest));
    let lost = lost.filter(|path| !copied(path).exists()).collect::<Vec<_>>().remove(0);
    fs::remove_file(&lost).unwrap();
    backup(home, folder.path())
        .await
        .refused(&["1 artifacts that records name cannot be copied", "hint: `tombola doctor`"]);
    let other = Home::sqlite();
    restore(&other, folder.path()).await.well();
    let served = other.serve().await;
    assert_eq!(
        rows(&served, "select count(*) from jobs where state = 'done'").await,
        [[Some(Kind::Integer(3))]]
    );
    served.stop().await;
}

async fn rows_of_outputs(home: &Home) -> Vec<String> {
    let served = home.serve().await;
    let told = rows(&served, "select digest from outputs order by job, output").await;
    served.stop().await;
    let text = |row: Vec<Option<Kind>>| match &row[0] {
        Some(Kind::Text(digest)) => digest.clone(),
        other => panic!("{other:?}"),
    };
    told.into_iter().map(text).collect()
}

async fn nothing_is_collected_while_a_backup_reads(home: &Home) {
    let mut config = home.config();
    config.uploads.kept = Span(Duration::from_millis(50));
    config.uploads.collect = Span(Duration::from_millis(50));
    let served = home.serve_with(config).await;
    let reading = fs::File::create(home.state().join("artifacts/collect.lock")).unwrap();
    reading.lock_shared().unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    let digest = worker.put(b"named by nobody".to_vec()).await.digest;
    let there = || async {
        let request = GetArtifactRequest { digest: digest.to_string() };
        match served.artifacts().get(request).await {
            Ok(chunks) => {
                chunks.into_inner().message().await.is_ok_and(|chunk: Option<Chunk>| chunk.is_some())
            }
            Err(_) => false,
        }
    };
    // It is garbage and the collector has looked many times, but somebody reads.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(there().await);
    drop(reading);
    eventually(|| async { (!there().await).then_some(()) }).await;
    served.stop().await;
}

async fn where_there_is_no_state_nothing_is_backed_up(home: &Home) {
    let folder = TempDir::new().unwrap();
    backup(home, &folder.path().join("backup")).await.refused(&["there is no state in", "hint: --state"]);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "no folder is made for nothing");
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    home.serve().await.stop().await;
    backup(home, folder.path()).await.refused(&["holds something, but no backup"]);
}
