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
use tokio::time::sleep;
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
    /// Nothing passes a proxy; where there is no network.
    Partition,
    /// A host is silent, both ways.
    CutHost,
    /// A worker and a coordinator do not hear each other, or one of them the other.
    CutWorker,
    /// The same for a coordinator and Postgres: the coordinator still talks to workers.
    CutDatabase,
    /// Little passes to or from a host, and some of it is lost.
    SlowHost,
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
            DamageArtifact,
            DamageCache,
        ];
        match city.network {
            Some(_) => all.extend([CutHost, CutWorker, SlowHost]),
            None => all.push(Partition),
        }
        if city.disk.is_some() {
            all.extend([FillDisk, HideArtifacts]);
        }
        if clock_shim().is_some() {
            all.push(StepClock);
        }
        if city.database.is_some() {
            all.extend([KillPostgres, RestartPostgres, StopPostgres, TakeConnections]);
        }
        if city.database.is_some() && city.network.is_some() {
            all.push(CutDatabase);
        }
        all
    }

    /// Lets it happen for a while, and puts it right.
    pub(crate) async fn happen(self, city: &mut City, random: &mut Random) {
        let hold = Duration::from_millis(200 + random.below(2500));
        match self {
            KillCoordinator | StopCoordinator => self.befall_a_coordinator(city, random, hold).await,
            KillWorker | StopWorker | KillEngine | StopEngine => {
                self.befall_a_worker(city, random, hold).await;
            }
            ResetConnections if city.network.is_none() => city.proxies[any(&city.proxies, random)].reset(),
            Partition => {
                let way = &city.proxies[any(&city.proxies, random)];
                way.hold(true);
                sleep(hold * 3).await;
                way.hold(false);
            }
            ResetConnections | CutHost | CutWorker | CutDatabase | SlowHost => {
                self.befall_the_network(city, random, hold).await;
            }
            KillPostgres | RestartPostgres | StopPostgres | TakeConnections => {
                self.befall_postgres(city, hold).await;
            }
            FillDisk | HideArtifacts | DamageArtifact | DamageCache => {
                self.befall_a_disk(city, random, hold).await;
            }
            StepClock => {
                let step = random.below(7200) as i64 - 3600;
                fs::write(city.clock(), step.to_string()).unwrap();
                sleep(hold).await;
                if random.below(2) == 0 {
                    fs::write(city.clock(), "0").unwrap();
                }
            }
        }
    }

    async fn befall_a_coordinator(self, city: &mut City, random: &mut Random, hold: Duration) {
        let coordinator = &city.coordinators[any(&city.coordinators, random)];
        if self == KillCoordinator {
            coordinator.signal("-KILL");
            return sleep(hold).await;
        }
        coordinator.signal("-STOP");
        sleep(hold + now_and_then(random)).await;
        coordinator.signal("-CONT");
    }

    async fn befall_the_network(self, city: &City, random: &mut Random, hold: Duration) {
        let network = city.network.as_ref().unwrap();
        let worker = &city.workers[any(&city.workers, random)].name;
        let mut coordinator = any(&city.coordinators, random);
        if self == CutDatabase && random.below(2) == 0 {
            coordinator = city.leads().await.0;
        }
        let coordinator = &city.coordinators[coordinator].name;
        let mut hosts = vec![worker.as_str(), coordinator];
        hosts.extend(city.database.iter().map(|_| "postgres"));
        let (host, way) = (hosts[any(&hosts, random)], random.below(3));
        let peer = if self == CutDatabase { "postgres" } else { worker };
        match self {
            ResetConnections => return network.reset(worker, coordinator),
            CutHost | SlowHost => {
                println!("{:18}{host}", "");
                if self == CutHost { network.cut(host) } else { network.slow(host) }
            }
            _ => {
                let ways = [(coordinator.as_str(), peer), (peer, coordinator)];
                let cut = ways.iter().skip(usize::from(way == 1)).take(if way == 0 { 2 } else { 1 });
                cut.for_each(|(from, to)| {
                    println!("{:18}{from} to {to}", "");
                    network.cut_way(from, to);
                });
            }
        }
        sleep(hold * 3 + now_and_then(random)).await;
        network.heal();
    }

    async fn befall_a_worker(self, city: &mut City, random: &mut Random, hold: Duration) {
        let worker = &city.workers[any(&city.workers, random)];
        let engines = worker.engines();
        match self {
            KillWorker => {
                worker.signal("-KILL");
                sleep(hold).await;
            }
            StopWorker => {
                worker.signal("-STOP");
                // Now and then for longer than its leases last.
                sleep(hold * 2).await;
                worker.signal("-CONT");
            }
            KillEngine => engines.iter().for_each(|engine| signal_to("-KILL", *engine)),
            _ => {
                engines.iter().for_each(|engine| signal_to("-STOP", *engine));
                sleep(hold).await;
                engines.iter().for_each(|engine| signal_to("-CONT", *engine));
            }
        }
    }

    async fn befall_postgres(self, city: &mut City, hold: Duration) {
        let server = city.database.as_ref().unwrap();
        let mut taken = Vec::new();
        match self {
            KillPostgres => server.signal("-KILL", false),
            RestartPostgres => server.signal("-INT", false),
            StopPostgres => server.signal("-STOP", true),
            _ => taken = server.take_connections(),
        }
        sleep(hold).await;
        if self == StopPostgres {
            server.signal("-CONT", true);
        }
        drop(taken);
    }

    async fn befall_a_disk(self, city: &mut City, random: &mut Random, hold: Duration) {
        let worker = &city.workers[any(&city.workers, random)].name;
        match self {
            FillDisk => {
                city.disk.as_ref().unwrap().fill();
                sleep(hold).await;
                city.disk.as_ref().unwrap().free();
            }
            HideArtifacts => {
                Disk::hide(&city.artifacts());
                sleep(hold).await;
                Disk::show(&city.artifacts());
            }
            DamageArtifact => {
                let damaged = damage(&city.artifacts(), random);
                sleep(hold).await;
                // The disk was only flaky.
                if let Some((file, at, byte)) = damaged {
                    let _ = OpenOptions::new().write(true).open(file).map(|file| file.write_at(&[byte], at));
                }
            }
            _ => drop(damage(&city.path(&format!("disk/{worker}/artifacts")), random)),
        }
    }
}

/// One of these, by number.
fn any<T>(these: &[T], random: &mut Random) -> usize {
    random.below(these.len() as u64) as usize
}

/// Now and then long enough for a standby to take over, and for everybody to give a link up.
fn now_and_then(random: &mut Random) -> Duration {
    Duration::from_secs(if random.below(3) == 0 { 14 } else { 0 })
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
