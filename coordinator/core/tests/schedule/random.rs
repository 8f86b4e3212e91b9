//! Whatever happens, in whatever order: nothing finished is redone, nothing is lost, and once the trouble is over
//! everything gets done.

use crate::rig::{Rig, tiny};
use proptest::prelude::*;
use tombola_core::{
    record::{JobState, SweepState},
    schedule::Event,
};
use tombola_spec::{SweepId, outcome::FailureClass, worker::DeviceKind};

/// Something that happens to a coordinator with three workers and two sweeps.
#[derive(Debug, Clone)]
enum Step {
    Begin(usize),
    Finish(usize),
    Fail(usize, FailureClass),
    Kill(usize),
    Cut(usize),
    Connect(usize),
    Restart,
    Wait(u64),
    /// A report that came long ago comes again.
    Repeat(prop::sample::Index),
    Set(usize, SweepState),
    Retry(usize),
    Extend(u32),
}

const WORKERS: [&str; 3] = ["ada", "bob", "gpu"];

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..WORKERS.len();
    let class = prop::sample::select(vec![
        FailureClass::Crashed,
        FailureClass::Internal,
        FailureClass::Infrastructure,
        FailureClass::OutOfMemory,
        FailureClass::User,
    ]);
    let state = prop::sample::select(vec![SweepState::Active, SweepState::Paused, SweepState::Cancelled]);
    prop_oneof![
        8 => worker.clone().prop_map(Step::Begin),
        8 => worker.clone().prop_map(Step::Finish),
        1 => (worker.clone(), class).prop_map(|(worker, class)| Step::Fail(worker, class)),
        1 => worker.clone().prop_map(Step::Kill),
        1 => worker.clone().prop_map(Step::Cut),
        3 => worker.prop_map(Step::Connect),
        1 => Just(Step::Restart),
        2 => (1u64..20).prop_map(Step::Wait),
        4 => any::<prop::sample::Index>().prop_map(Step::Repeat),
        1 => (0usize..2, state).prop_map(|(sweep, state)| Step::Set(sweep, state)),
        1 => (0usize..2).prop_map(Step::Retry),
        1 => (2u32..5).prop_map(Step::Extend),
    ]
}

fn take(rig: &mut Rig, sweeps: &[SweepId], step: &Step) {
    let linked = |rig: &Rig, name: &str| {
        rig.scheduler.workers(rig.now).iter().any(|worker| worker.name == name && worker.state == "connected")
    };
    match *step {
        Step::Begin(worker) if linked(rig, WORKERS[worker]) => rig.begin(WORKERS[worker]),
        Step::Finish(worker) if linked(rig, WORKERS[worker]) => drop(rig.finish(WORKERS[worker])),
        // Away from the coordinator, a worker goes on with what it has.
        Step::Finish(worker) => {
            for job in rig.agents[WORKERS[worker]].running() {
                drop(rig.agents.get_mut(WORKERS[worker]).unwrap().finish(job));
            }
        }
        Step::Fail(worker, class) if linked(rig, WORKERS[worker]) => {
            if let Some(&job) = rig.agents[WORKERS[worker]].running().first() {
                rig.fail(WORKERS[worker], job, class);
            }
        }
        Step::Begin(_) | Step::Fail(..) => {}
        Step::Kill(worker) if linked(rig, WORKERS[worker]) => rig.kill(WORKERS[worker]),
        Step::Cut(worker) if linked(rig, WORKERS[worker]) => rig.cut(WORKERS[worker]),
        Step::Kill(worker) => rig.agents.get_mut(WORKERS[worker]).unwrap().die(),
        Step::Cut(_) => {}
        Step::Connect(worker) if !linked(rig, WORKERS[worker]) => rig.connect(WORKERS[worker]),
        Step::Connect(_) => {}
        Step::Restart => rig.restart(),
        Step::Wait(seconds) => rig.wait(seconds),
        Step::Repeat(which) if !rig.heard.is_empty() => rig.hear_again(which.index(rig.heard.len())),
        Step::Repeat(_) => {}
        Step::Set(sweep, state) => rig.set_state(sweeps[sweep], state),
        Step::Retry(sweep) => rig.event(Event::Retry { sweep: sweeps[sweep] }),
        Step::Extend(rounds) => rig.extend(sweeps[0], &tiny("a", "[1, 2]", rounds, "")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn trouble_costs_time_and_nothing_else(steps in prop::collection::vec(step(), 1..80)) {
        let mut rig = Rig::new();
        rig.worker("ada");
        rig.worker("bob");
        rig.worker_with("gpu", DeviceKind::Cuda, &[4, 2], &["mnist"]);
        let sweeps = [
            rig.submit(&tiny("a", "[1, 2]", 2, "")),
            rig.submit(&tiny("b", "[2, 3, 4]", 1, "branch.reinit = { rounds = [1], copies = 2 }")),
        ];
        for step in &steps {
            take(&mut rig, &sweeps, step);
        }
        // The trouble ends: everybody is back, everything is wanted, failures are opened again.
        rig.wait(20);
        rig.reconnect();
        for (sweep, file) in sweeps.iter().zip([tiny("a", "[1, 2]", 5, ""), tiny("b", "[2, 3, 4]", 1, "branch.reinit = { rounds = [1], copies = 2 }")]) {
            rig.extend(*sweep, &file);
            rig.set_state(*sweep, SweepState::Active);
            rig.event(Event::Retry { sweep: *sweep });
        }
        for _ in 0..4 {
            rig.run();
            rig.wait(70);
        }
        for (job, row) in &rig.store.jobs {
            prop_assert!(rig.store.times_done(*job) <= 1, "{job} was finished twice");
            prop_assert_eq!(row.state, JobState::Done, "{} is {:?}:\n{:#?}", job, row.state,
                rig.scheduler.explain_job(rig.now, *job));
        }
    }
}
