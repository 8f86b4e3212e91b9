//! What can go wrong, and how it is put right again.

use crate::{
    city::{City, clock_shim, signal_to},
    disk::Disk,
};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tombola_engine::random::Random;

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillCoordinator,
    StopCoordinator,
    KillWorker,
    StopWorker,
    KillEngine,
    StopEngine,
    ResetConnections,
    Partition,
    FillDisk,
    HideArtifacts,
    DamageArtifact,
    DamageCache,
    StepClock,
    KillPostgres,
    RestartPostgres,
    StopPostgres,
    TakeConnections,
}

use Fault::*;

impl Fault {
    /// Those that this city can have.
    pub(crate) fn possible(city: &City) -> Vec<Self> {
        let mut all = vec![
            KillCoordinator,
            StopCoordinator,
            KillWorker,
            StopWorker,
            KillEngine,
            StopEngine,
            ResetConnections,
            Partition,
            DamageArtifact,
            DamageCache,
        ];
        if city.disk.is_some() {
            all.extend([FillDisk, HideArtifacts]);
        }
        if clock_shim().is_some() {
            all.push(StepClock);
        }
        if city.database.is_some() {
            all.extend([KillPostgres, RestartPostgres, StopPostgres, TakeConnections]);
        }
        all
    }

    /// Lets it happen for a while, and puts it right.
    pub(crate) async fn happen(self, city: &mut City, random: &mut Random) {
        let while_long = Duration::from_millis(200 + random.below(2500));
        let hold = || tokio::time::sleep(while_long);
        let coordinator = random.below(city.coordinators.len() as u64) as usize;
        let worker = random.below(city.workers.len() as u64) as usize;
        match self {
            KillCoordinator => {
                city.coordinators[coordinator].signal("-KILL");
                hold().await;
            }
            StopCoordinator => {
                city.coordinators[coordinator].signal("-STOP");
                // Now and then long enough for its standby to take over.
                let long = if random.below(3) == 0 { 14_000 } else { 0 };
                tokio::time::sleep(while_long + Duration::from_millis(long)).await;
                city.coordinators[coordinator].signal("-CONT");
            }
            KillWorker => {
                city.workers[worker].signal("-KILL");
                hold().await;
            }
            StopWorker => {
                city.workers[worker].signal("-STOP");
                // Now and then for longer than its leases last.
                tokio::time::sleep(while_long * 2).await;
                city.workers[worker].signal("-CONT");
            }
            KillEngine => {
                city.workers[worker].engines().iter().for_each(|engine| signal_to("-KILL", *engine))
            }
            StopEngine => {
                let engines = city.workers[worker].engines();
                engines.iter().for_each(|engine| signal_to("-STOP", *engine));
                hold().await;
                engines.iter().for_each(|engine| signal_to("-CONT", *engine));
            }
            ResetConnections => city.proxies[coordinator].reset(),
            Partition => {
                city.proxies[coordinator].hold(true);
                tokio::time::sleep(while_long * 3).await;
                city.proxies[coordinator].hold(false);
            }
            FillDisk => {
                city.disk.as_ref().unwrap().fill();
                hold().await;
                city.disk.as_ref().unwrap().free();
            }
            HideArtifacts => {
                Disk::hide(&city.artifacts());
                hold().await;
                Disk::show(&city.artifacts());
            }
            DamageArtifact => {
                let damaged = damage(&city.artifacts(), random);
                hold().await;
                // The disk was only flaky.
                if let Some((file, at, byte)) = damaged {
                    let _ = OpenOptions::new().write(true).open(file).map(|file| file.write_at(&[byte], at));
                }
            }
            DamageCache => {
                drop(damage(&city.path(&format!("disk/{}/artifacts", city.workers[worker].name)), random))
            }
            StepClock => {
                let step = random.below(7200) as i64 - 3600;
                fs::write(city.clock(), step.to_string()).unwrap();
                hold().await;
                if random.below(2) == 0 {
                    fs::write(city.clock(), "0").unwrap();
                }
            }
            KillPostgres => {
                city.database.as_ref().unwrap().signal("-KILL", false);
                hold().await;
            }
            RestartPostgres => {
                city.database.as_ref().unwrap().signal("-INT", false);
                hold().await;
            }
            StopPostgres => {
                city.database.as_ref().unwrap().signal("-STOP", true);
                hold().await;
                city.database.as_ref().unwrap().signal("-CONT", true);
            }
            TakeConnections => {
                let taken = city.database.as_ref().unwrap().take_connections();
                hold().await;
                drop(taken);
            }
        }
    }
}

/// Flips a bit of some file: which, where, and what was there.
fn damage(folder: &Path, random: &mut Random) -> Option<(PathBuf, u64, u8)> {
    let files = files(folder);
    let path = files.get(random.below((files.len() as u64).max(1)) as usize)?.clone();
    let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
    let at = random.below(file.metadata().ok()?.len().max(1));
    let mut byte = [0];
    (file.read_at(&mut byte, at).ok()? == 1).then_some(())?;
    file.write_at(&[byte[0] ^ 0x40], at).ok()?;
    Some((path, at, byte[0]))
}

/// All artifacts below a folder: files with a digest for a name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let mut found: Vec<_> =
        entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    found.retain(|path| path.file_name().is_some_and(|name| name.len() == 64));
    found.sort();
    found
}
