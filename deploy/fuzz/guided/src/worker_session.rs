//! What a worker may say to a coordinator that serves another: the scheduler and a store that checks each write, without their
//! shell. Whatever was said, in the end somebody else does the work.

use super::{
    Target,
    bytes::{Bytes, piece},
    messages::SAID,
    rig::{Rig, tiny},
    samples,
};
use prost::Message as _;
use tombola_core::{
    record::{JobState, SweepState},
    schedule::Event,
};
use tombola_server::fuzz;
use tombola_spec::{Attempt, JobId, SweepId, WorkerId, outcome::FailureClass};
use tombola_wire::v1::{self, from_worker};

pub(crate) const TARGET: Target =
    Target { name: "worker_session", run, seeds, words: &["train", "user", "w1@state", "l1"], longest: 1024 };

/// The state that identities of workers belong to.
const STATE: &str = "state";
/// Rounds of mending that are enough for whatever is left to do.
const MENDINGS: u32 = 40;

fn run(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut rig = Rig::new();
    // Holds the data set first, so that its name stands for the right bytes.
    rig.join(samples::info("good"));
    rig.submit(&tiny("first", "[1, 2]", 1, "branch.reinit = { rounds = [1] }\n"));
    rig.join(samples::info("noisy"));
    let mut sequence = 1000;
    while !bytes.is_empty() {
        sequence += 1;
        happens(&mut rig, &mut bytes, sequence);
    }
    ends(&mut rig);
}

fn happens(rig: &mut Rig, bytes: &mut Bytes<'_>, sequence: u64) {
    match bytes.byte() % 20 {
        0 => says(rig, v1::FromWorker::decode(bytes.piece()).unwrap_or_default()),
        1 => introduces_itself(rig, bytes.piece()),
        2..=5 => reports(rig, bytes, sequence),
        6 => rig.begin("noisy"),
        7 => drop(rig.finish("noisy")),
        8 => {
            let class = FailureClass::ALL[bytes.below(FailureClass::ALL.len())];
            if let Some(job) = rig.agents["noisy"].running().first().copied() {
                rig.fail("noisy", job, class);
            }
        }
        9 => rig.cut("noisy"),
        10 => rig.kill("noisy"),
        11 => rig.break_link("noisy"),
        12 => rig.reconnect(),
        13 => {
            rig.restart();
            rig.reconnect();
        }
        14 => rig.wait(u64::from(bytes.byte() % 64)),
        15 => people(rig, bytes),
        16 => {
            rig.begin("good");
            rig.finish("good");
        }
        17 => rig.cut("good"),
        18 => {
            let (worker, job, attempt) = (noisy(rig), JobId(bytes.number()), Attempt(bytes.number() as u32));
            let progress = vec![(job, attempt, bytes.number())];
            rig.event(Event::Heartbeat { worker, progress });
        }
        _ => rig.event(Event::Service {
            worker: noisy(rig),
            slot: bytes.number() as u32,
            out: bytes.flag().then(String::new),
        }),
    }
}

fn noisy(rig: &Rig) -> WorkerId {
    rig.agents["noisy"].id
}

/// Over its link, if it has a meaning there.
fn says(rig: &mut Rig, message: v1::FromWorker) {
    if let Ok(event) = fuzz::said(noisy(rig), message) {
        rig.event(event);
    }
}

/// A worker of this name that nobody sees again.
fn introduces_itself(rig: &mut Rig, bytes: &[u8]) {
    let hello = v1::Hello::decode(bytes).unwrap_or_default();
    if let Ok(event) = fuzz::hello(&hello, STATE) {
        rig.event(event);
    }
}

/// Of what it was leased, or of anything.
fn reports(rig: &mut Rig, bytes: &mut Bytes<'_>, sequence: u64) {
    let held = rig.agents["noisy"].held();
    let (job, attempt) = match held.get(bytes.below(held.len() + 1)) {
        Some(held) => (held.job, held.attempt),
        None => (JobId(bytes.number()), Attempt(bytes.number() as u32)),
    };
    let kinds = &*SAID;
    let Some(from_worker::Message::Report(mut report)) = kinds.get(bytes.below(6)).cloned() else { return };
    (report.sequence, report.job, report.attempt) = (sequence, job.0, attempt.0);
    if bytes.flag() {
        complete(rig, &mut report, job);
    }
    says(rig, v1::FromWorker { message: Some(from_worker::Message::Report(report)) });
}

/// A result with all that was promised, whatever it is.
fn complete(rig: &Rig, report: &mut v1::Report, job: JobId) {
    let Some(row) = rig.store.jobs.get(&job) else { return };
    let mut outcome = samples::outcome();
    let lie = |output| (output, samples::artifact(&format!("{output} of {job}")));
    outcome.outputs = row.spec.outputs().into_iter().map(lie).collect();
    let outcome_json = serde_json::to_string(&outcome).expect("an outcome has a JSON form");
    report.what = Some(v1::report::What::Finished(v1::Finished { outcome_json }));
}

/// People go on working with the coordinator.
fn people(rig: &mut Rig, bytes: &mut Bytes<'_>) {
    let all: Vec<SweepId> = rig.store.sweeps.keys().copied().collect();
    let sweep = all[bytes.below(all.len())];
    match bytes.byte() % 8 {
        0 => rig.set_state(sweep, SweepState::Paused),
        1 => rig.set_state(sweep, SweepState::Active),
        2 => rig.set_state(sweep, SweepState::Stopped),
        3 => rig.set_state(sweep, SweepState::Cancelled),
        4 => rig.event(Event::Retry { sweep }),
        5 => rig.event(Event::Drain { worker: noisy(rig) }),
        6 => drop(rig.drop_all()),
        _ if all.len() < 3 => {
            let name = format!("more{}", all.len());
            rig.submit(&tiny(&name, "[2, 3]", 1 + bytes.below(2) as u32, ""));
        }
        _ => {}
    }
}

/// Everybody who spoke is gone; people want everything that is not given up, and somebody who holds the data does it.
fn ends(rig: &mut Rig) {
    let known: Vec<WorkerId> = rig.store.workers.keys().copied().collect();
    known.into_iter().for_each(|worker| rig.event(Event::LinkDown { worker }));
    for name in ["noisy", "good"] {
        rig.cut(name);
        rig.agents.remove(name);
    }
    rig.join(samples::info("the one who mends"));
    let wanted: Vec<SweepId> = rig
        .store
        .sweeps
        .values()
        .filter(|row| row.state != SweepState::Cancelled)
        .map(|row| row.id)
        .collect();
    for _ in 0..MENDINGS {
        for &sweep in &wanted {
            rig.set_state(sweep, SweepState::Active);
            rig.event(Event::Retry { sweep });
        }
        rig.wait(60);
        rig.run();
    }
    for job in wanted.iter().flat_map(|sweep| rig.jobs(*sweep)) {
        assert_eq!(rig.state(job), JobState::Done, "{job}: {}", rig.explain(job));
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let wire = |message| v1::FromWorker { message: Some(message) }.encode_to_vec();
    let said: Vec<Vec<u8>> =
        SAID.iter().cloned().map(|one| [&[0], piece(&wire(one)).as_slice()].concat()).collect();
    let hello = SAID.iter().find_map(|message| match message {
        from_worker::Message::Hello(hello) => Some([&[1], piece(&hello.encode_to_vec()).as_slice()].concat()),
        _ => None,
    });
    let works = b"\x06\x07\x06\x07\x06\x08\x03\x09\x0c\x0d\x0e\x20\x10\x0f\x00\x04".to_vec();
    let lies = b"\x02\x00\x03\x01\x02\x00\x03\x00\x03\x00\x01\x00\x04\x00\x04\x00\x05\x00\x02\x00\x0f\x00\x07\x0e\x3f".to_vec();
    said.into_iter().chain(hello).chain([works, lies]).collect()
}
