//! Chaos: a real sweep on real processes, while coordinators, workers, engines, the database, the network, the disk, the
//! clock and the artifacts fail in turn. At the end masks and metrics equal those of a city on which nothing failed, bit for
//! bit.
//!
//! `cargo xtask chaos --faults 200 --seed 7` runs longer, and another run. What it does is printed as it happens.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "a run says what it does, for whoever has to do it again")]

mod city;
mod disk;
mod faults;
mod network;
mod proxy;
#[path = "../lab/rig.rs"]
#[expect(dead_code, reason = "laboratories use more of it")]
mod rig;
mod server;

use city::City;
use faults::Fault;
use network::Network;
use rig::tiny_data;
use server::Server;
use std::{
    collections::BTreeMap,
    env,
    time::{Duration, Instant},
};
use tombola_engine::random::{Purpose, Random};
use tombola_spec::job::Stream;
use tombola_wire::v1::Sweep;

/// Longest time in which everybody has to be at work again after a fault.
const RECOVERY: Duration = Duration::from_secs(90);
/// Longest time a sweep may take once nothing fails any more; many have to share the workers where nothing ever did.
const END: Duration = Duration::from_secs(15 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_on_sqlite_changes_no_result() {
    chaos(City::found(None, network()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_on_postgres_with_a_standby_changes_no_result() {
    let network = network();
    match Server::start(network.as_ref()) {
        Some(server) => chaos(City::found(Some(server), network).await).await,
        None => {
            let why = "nobody said where Postgres's programs are (`cargo xtask test` does)";
            assert!(env::var("TOMBOLA_TEST_REQUIRE").as_deref() != Ok("1"), "nothing was tested: {why}");
            println!("nothing was tested: {why}");
        }
    }
}

/// A network, where one may be made.
fn network() -> Option<Network> {
    let network = Network::make();
    println!(
        "network: {}",
        match &network {
            Some(_) => "everybody in a namespace of their own, on one bridge",
            None =>
                "loopback and proxies, for nobody may make network namespaces here, or tools are missing (ip, tc, bridge, ss, nsenter)",
        }
    );
    network
}

fn setting(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |text| text.parse().unwrap())
}

/// The sweeps of a run, one after the other: chains of rounds, a control, segments at a rewind point.
fn sweep(number: u64) -> String {
    let data = tiny_data();
    let seeds = format!("[{}, {}]", 2 * number + 1, 2 * number + 2);
    format!(
        "name = \"chaos-{number}\"\nseeds = {seeds}\nmodel = {{ name = \"mnist_lenet_16_8\" }}\n{data}\
         train = {{ steps = \"6000it\", batch = 20, optimizer = \"adam\", lr = 2e-3, eval_every = \"500it\" }}\n\
         prune = {{ scope = \"per_layer\", rate = 0.3, rounds = 3, rewind = \"100it\" }}\n\
         [branch]\nreinit = {{ rounds = [1, 3] }}\n"
    )
}

async fn chaos(mut city: City) {
    // Usually every kind once.
    let kinds = Fault::possible(&city).len() as u64;
    let (seed, wanted) = (setting("TOMBOLA_CHAOS_SEED", 1), setting("TOMBOLA_CHAOS_FAULTS", kinds));
    let begun = Instant::now();
    let mut times = Times::new();
    let sweeps = disturb(&mut city, seed, wanted, &mut times).await;
    let names: Vec<String> = (0..=sweeps).map(|number| format!("chaos-{number}")).collect();
    finish(&mut city, &names).await;
    assert!(!city.logs().contains("panicked"), "{}", tail(&city));
    report(&city, seed, begun.elapsed(), &times).await;
    let calm = calm(sweeps, &names).await;
    for sql in RESULTS {
        let (ours, theirs) = (city.sql(sql).await, calm.sql(sql).await);
        assert!(!ours.is_empty(), "{sql}");
        same(&ours, &theirs, &format!("{sql} (seed {seed})"));
    }
    same(
        &city.tickets(&names).await,
        &calm.tickets(&names).await,
        &format!("masks and weights (seed {seed})"),
    );
}

/// How long it took until everybody was at work again, by what had happened.
type Times = BTreeMap<Fault, Vec<Duration>>;

/// Lets `wanted` faults happen while sweeps run; the number of the last sweep.
async fn disturb(city: &mut City, seed: u64, wanted: u64, times: &mut Times) -> u64 {
    let stream = Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 };
    let mut random = Random::new(Purpose::Order, &stream, "chaos", 0);
    let (kinds, begun) = (Fault::possible(city), Instant::now());
    let (mut sweeps, mut deck) = (0, Vec::new());
    city.submit(&sweep(0)).await;
    for number in 1..=wanted {
        // There is always something to disturb.
        if city.sweep(&format!("chaos-{sweeps}")).await.is_none_or(|sweep| sweep.finished) {
            sweeps += 1;
            city.submit(&sweep(sweeps)).await;
        }
        // Every kind once, in an order of this run's own, and again.
        if deck.is_empty() {
            deck.clone_from(&kinds);
        }
        let fault = deck.swap_remove(random.below(deck.len() as u64) as usize);
        println!("{:7.1} s  {number:3} {fault:?}", begun.elapsed().as_secs_f64());
        fault.happen(city, &mut random).await;
        let times = times.entry(fault).or_default();
        // Some come before the city is whole again.
        if random.below(3) > 0 || number == wanted {
            times.push(whole_again(city, fault, seed).await);
        } else {
            city.revive();
        }
    }
    sweeps
}

/// Waits until everybody is at work again, and says how long it took.
async fn whole_again(city: &mut City, fault: Fault, seed: u64) -> Duration {
    let since = Instant::now();
    let whole = tokio::time::timeout(RECOVERY, city.whole()).await;
    let longest = RECOVERY.as_secs();
    assert!(whole.is_ok(), "not at work {longest} s after {fault:?} (seed {seed})\n{}", tail(city));
    since.elapsed()
}

/// What may not differ: every point of every metric, every round's counts and measures, every job that was done, each of
/// them once. None of it says when, where or how often it was tried.
const RESULTS: [&str; 3] = [
    "select sweep, seed, branch, copy, round, metric, split, iteration, value from metric
     order by sweep, seed, branch, copy, round, metric, split, iteration",
    "select sweep, seed, branch, copy, round, living, total, iterations, loss_test, accuracy_test from round_result
     order by sweep, seed, branch, copy, round",
    "select fingerprint, kind from job_history where how = 'done' order by fingerprint",
];

/// Fails with the first rows that only one side has.
fn same(ours: &[String], theirs: &[String], what: &str) {
    if ours != theirs {
        let only = |these: &[String], those: &[String]| {
            let only: Vec<_> = these.iter().filter(|row| !those.contains(row)).take(5).cloned().collect();
            only.join("\n  ")
        };
        panic!(
            "{what}\nwith faults {} rows, without {}\nonly with faults:\n  {}\nonly without:\n  {}",
            ours.len(),
            theirs.len(),
            only(ours, theirs),
            only(theirs, ours)
        );
    }
}

/// The same sweeps where nothing fails.
async fn calm(sweeps: u64, names: &[String]) -> City {
    let mut city = City::found(None, None).await;
    for number in 0..=sweeps {
        city.submit(&sweep(number)).await;
    }
    finish(&mut city, names).await;
    city
}

/// Waits until all sweeps are finished, without a failed job.
async fn finish(city: &mut City, names: &[String]) {
    for name in names {
        let finished = tokio::time::timeout(END, finished(city, name)).await;
        let Ok(sweep) = finished else { panic!("{name} does not end\n{}", tail(city)) };
        assert_eq!(sweep.jobs.as_ref().unwrap().failed, 0, "{sweep:?}\n{}", tail(city));
    }
}

async fn finished(city: &mut City, name: &str) -> Sweep {
    loop {
        city.revive();
        if let Some(sweep) = city.sweep(name).await.filter(|sweep| sweep.finished) {
            return sweep;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// How often what happened, how long it took until everybody was at work again, and what was done twice.
async fn report(city: &City, seed: u64, took: Duration, times: &Times) {
    println!("seed {seed}: {:.0} s. Back at work after, s:", took.as_secs_f64());
    for (fault, times) in times {
        let mut times: Vec<f64> = times.iter().map(Duration::as_secs_f64).collect();
        times.sort_by(f64::total_cmp);
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        let most = times.last().copied().unwrap_or_default();
        println!(
            "  {:18} {:3} times, median {middle:5.2}, most {most:5.2}",
            format!("{fault:?}"),
            times.len()
        );
    }
    let sql = "select how, count(*) from job_history where started is not null group by how order by how";
    println!("  attempts that started, by their end: {}", city.sql(sql).await.join("; "));
}

/// The last words of all processes.
fn tail(city: &City) -> String {
    let logs = city.logs();
    let lines: Vec<_> = logs.lines().collect();
    let database =
        city.database.as_ref().map(|server| std::fs::read_to_string(server.log()).unwrap_or_default());
    lines[lines.len().saturating_sub(60)..].join("\n") + &database.unwrap_or_default()
}
