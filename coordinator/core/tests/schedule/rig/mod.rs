//! A scheduler with a store and workers around it, all in memory: tests say what happens, in the domain's words.

mod agent;
mod store;

pub(crate) use agent::Agent;
pub(crate) use store::Store;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tombola_core::{
    describe::describe,
    plan::Plan,
    record::{JobRow, JobState, SweepState},
    schedule::{
        Again, Config, Effect, Event, Extension, Judgement, Message, Progress, Scheduler, Sentence,
        StoredTrial,
    },
    sweep::{self, Dense, Extent},
    verdict::{Moment, Seen, Verdicts, Yardstick},
};
use tombola_spec::{
    Digest, JobId, SweepId, WorkerId,
    data::known,
    job::JobSpec,
    outcome::FailureClass,
    version,
    worker::{BestWidth, DataInfo, DeviceKind, SlotInfo, WorkerInfo},
};

/// The whole coordinator but its shell, and its workers.
pub(crate) struct Rig {
    pub(crate) scheduler: Scheduler,
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) now: Duration,
    pub(crate) agents: BTreeMap<String, Agent>,
    links: BTreeMap<WorkerId, String>,
    /// Hellos so far, of all workers.
    pub(crate) hellos: u64,
    /// Answers to people.
    pub(crate) answers: Vec<Effect>,
    /// Everything said to the operator.
    pub(crate) warnings: Vec<String>,
    /// Everything sent to workers, in order.
    pub(crate) sent: Vec<(String, Message)>,
    /// Every report that came, in order.
    pub(crate) heard: Vec<Event>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let store = Store::default();
        Self {
            scheduler: Scheduler::fold(config, store.snapshot()),
            config,
            store,
            now: Duration::ZERO,
            agents: BTreeMap::new(),
            links: BTreeMap::new(),
            hellos: 0,
            answers: Vec::new(),
            warnings: Vec::new(),
            sent: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Handles an event: records first, then messages, whose answers are events again.
    pub(crate) fn event(&mut self, event: Event) {
        let mut events = vec![event];
        while !events.is_empty() {
            for event in std::mem::take(&mut events) {
                if matches!(event, Event::Report { .. }) {
                    self.heard.push(event.clone());
                }
                let effects = self.scheduler.handle(self.now, event);
                let mut messages = Vec::new();
                for effect in effects {
                    match effect {
                        Effect::Write(write) => self.store.apply(write),
                        Effect::Send { worker, message } => messages.push((worker, message)),
                        Effect::Changed(_) => {}
                        Effect::Warn(what) => self.warnings.push(what),
                        answer => self.answers.push(answer),
                    }
                }
                for (worker, message) in messages {
                    events.extend(self.deliver(worker, message));
                }
            }
        }
    }

    /// A report that came before comes again, long after what followed it.
    pub(crate) fn hear_again(&mut self, number: usize) {
        let Some(Event::Report { worker, .. }) = self.heard.get(number) else { return };
        if self.links.contains_key(worker) {
            let before = self.store.told();
            self.event(self.heard[number].clone());
            assert_eq!(self.store.told(), before, "{:?} changed something", self.heard[number]);
        }
    }

    fn deliver(&mut self, worker: WorkerId, message: Message) -> Vec<Event> {
        let Some(name) = self.links.get(&worker).cloned() else { return Vec::new() };
        self.sent.push((name.clone(), message.clone()));
        let agent = self.agents.get_mut(&name);
        agent.map(|agent| agent.hear(message, &self.store.jobs)).unwrap_or_default()
    }

    /// A worker with one CPU slot of one lane that holds MNIST.
    pub(crate) fn worker(&mut self, name: &str) {
        self.worker_with(name, DeviceKind::Cpu, &[1], &["mnist"]);
    }

    pub(crate) fn worker_with(&mut self, name: &str, device: DeviceKind, lanes: &[u32], sets: &[&str]) {
        self.measured_worker(name, device, lanes, sets, &[]);
    }

    /// A worker whose devices were measured.
    pub(crate) fn measured_worker(
        &mut self,
        name: &str,
        device: DeviceKind,
        lanes: &[u32],
        sets: &[&str],
        widths: &[BestWidth],
    ) {
        let slot = |(index, lanes): (u32, &u32)| SlotInfo {
            device,
            index,
            name: String::new(),
            memory: 0,
            lanes: *lanes,
            widths: widths.to_vec(),
        };
        let data = |set: &&str| DataInfo {
            set: (*set).to_owned(),
            digest: Digest::of(set.as_bytes()),
            shape: known(set).unwrap(),
        };
        let info = WorkerInfo {
            name: name.to_owned(),
            host: "test".to_owned(),
            version: "0.1.0".to_owned(),
            components: version::components()
                .into_iter()
                .map(|(name, version)| (name.to_owned(), version))
                .collect(),
            slots: (0..).zip(lanes).map(slot).collect(),
            data: sets.iter().map(data).collect(),
            data_folder: format!("/home/{name}/data"),
            patience_s: 0,
        };
        self.join(info);
    }

    /// A worker says Hello for the first time.
    pub(crate) fn join(&mut self, info: WorkerInfo) {
        let name = info.name.clone();
        self.agents.insert(name.clone(), Agent::new(info));
        self.connect(&name);
    }

    /// A worker opens a link: Hello, then every report that was never acknowledged.
    pub(crate) fn connect(&mut self, name: &str) {
        let agent = &self.agents[name];
        let known = (agent.id != WorkerId(0)).then_some(agent.id);
        self.hellos += 1;
        let (info, number) = (agent.info.clone(), self.hellos);
        let hello = Event::Hello { info, worker: known, held: agent.held(), number };
        let reports = agent.unacknowledged();
        let effects = self.scheduler.handle(self.now, hello);
        let first = effects.iter().find_map(|effect| match effect {
            Effect::Send { worker, message: message @ (Message::Welcome | Message::Refused { .. }) } => {
                Some((*worker, message.clone()))
            }
            _ => None,
        });
        let (id, first) = first.expect("a Hello is answered");
        let agent = self.agents.get_mut(name).unwrap();
        if first == Message::Welcome {
            if known.is_some_and(|known| known != id) {
                agent.die();
            }
            agent.id = id;
            self.links.insert(id, name.to_owned());
        } else {
            agent.hear(first, &self.store.jobs);
        }
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Write(write) => self.store.apply(write),
                Effect::Send { worker, message } => answers.extend(self.deliver(worker, message)),
                _ => {}
            }
        }
        answers.into_iter().chain(reports).for_each(|event| self.event(event));
    }

    /// A worker's link breaks, and the coordinator has not noticed: what it sends is lost.
    pub(crate) fn break_link(&mut self, name: &str) {
        self.links.remove(&self.agents[name].id);
    }

    /// A worker's link breaks; it goes on by itself.
    pub(crate) fn cut(&mut self, name: &str) {
        self.break_link(name);
        self.event(Event::LinkDown { worker: self.agents[name].id });
    }

    /// `kill -9` of a worker.
    pub(crate) fn kill(&mut self, name: &str) {
        self.cut(name);
        self.agents.get_mut(name).unwrap().die();
    }

    /// `kill -9` of the coordinator and a restart: links break, memory is folded again.
    pub(crate) fn restart(&mut self) {
        self.links.clear();
        self.now = Duration::ZERO;
        self.scheduler = Scheduler::fold(self.config, self.store.snapshot());
    }

    /// Everybody that has no link comes back.
    pub(crate) fn reconnect(&mut self) {
        let names: Vec<String> = self.agents.keys().cloned().collect();
        for name in names {
            if !self.links.contains_key(&self.agents[&name].id) && !self.agents[&name].draining {
                self.connect(&name);
            }
        }
    }

    /// Time passes in half seconds, as the driver ticks; connected workers say that they live.
    pub(crate) fn wait(&mut self, seconds: u64) {
        for _ in 0..2 * seconds {
            self.now += Duration::from_millis(500);
            let linked: Vec<WorkerId> = self.links.keys().copied().collect();
            for worker in linked {
                self.event(Event::Heartbeat { worker, progress: Vec::new() });
            }
            self.event(Event::Tick);
        }
    }

    pub(crate) fn submit(&mut self, file: &str) -> SweepId {
        let plan = certain(file, &Verdicts::new());
        let known = self.known(&plan);
        self.event(Event::Submit { plan, source: file.to_owned(), known });
        *self.store.sweeps.keys().last().unwrap()
    }

    pub(crate) fn extend(&mut self, id: SweepId, file: &str) {
        self.extend_as(self.store.sweeps[&id].clone(), file);
    }

    /// Extends a sweep as it was when somebody read it.
    pub(crate) fn extend_as(&mut self, sweep: tombola_core::record::SweepRow, file: &str) {
        let id = sweep.id;
        let plan = certain(file, &self.given(id));
        let trials = self.stored(id);
        let known = self.known(&plan);
        let done = self.done(id);
        let extension = Extension { sweep, plan, source: file.to_owned(), known, trials, done };
        self.event(Event::Extend(Box::new(extension)));
    }

    /// Drops all that nobody reads; returns the jobs that lack something now.
    pub(crate) fn drop_all(&mut self) -> Vec<JobId> {
        let living = |row: &JobRow| !matches!(row.state, JobState::Done | JobState::Unwanted);
        let read: BTreeSet<JobId> =
            self.store.jobs.values().filter(|row| living(row)).flat_map(|row| row.parents.clone()).collect();
        let idle = |row: &&JobRow| row.state == JobState::Done && !read.contains(&row.id);
        let jobs = self.store.jobs.values().filter(idle).map(|row| row.id).collect();
        self.event(Event::Drop(jobs));
        self.store.jobs.values().filter(|row| lacks(row)).map(|row| row.id).collect()
    }

    /// Asks for what these jobs of a sweep had made.
    pub(crate) fn again(&mut self, id: SweepId, jobs: &[JobId]) {
        let sweep = self.store.sweeps[&id].clone();
        let plan = certain(&sweep.source, &self.given(id));
        let wanted = plan.jobs.iter().map(|job| job.fingerprint);
        let of = |job: &JobId| self.store.jobs[job].fingerprint;
        let wanted = wanted.filter(|fingerprint| jobs.iter().any(|job| of(job) == *fingerprint)).collect();
        let (known, done) = (self.known(&plan), self.done(id));
        self.event(Event::Again(Box::new(Again { sweep, plan, known, done, wanted })));
    }

    fn done(&self, id: SweepId) -> Vec<(JobId, u64)> {
        let jobs = self.jobs(id).into_iter().map(|job| &self.store.jobs[&job]);
        jobs.filter(|row| row.state == JobState::Done).map(|row| (row.id, row.spec.iterations())).collect()
    }

    /// Judges a sweep as the driver does; `accuracy` says what a round had, by trial key.
    pub(crate) fn judge(&mut self, id: SweepId, accuracy: impl Fn(&str, u32) -> f64) {
        if let Some(judgement) = self.judgement(id, accuracy) {
            self.event(Event::Judge(Box::new(judgement)));
        }
    }

    /// What the driver would judge now; `None` where there is no news.
    pub(crate) fn judgement(&self, id: SweepId, accuracy: impl Fn(&str, u32) -> f64) -> Option<Judgement> {
        let seen = self.scheduler.news(id)?;
        let by = Yardstick { metric: "accuracy".to_owned(), at: Moment::Last };
        let mut measured = Seen::default();
        let key = |trial| self.store.trials.iter().find(|row| row.id == trial && row.sweep == id);
        let own = self.store.rounds.iter().filter(|round| round.branch.is_empty());
        for (row, round) in own.filter_map(|round| Some((key(round.trial)?, round))) {
            let last = *round.train.last().unwrap();
            let place = (row.key.clone(), round.round);
            match self.state(last) {
                JobState::Done => {
                    let value = accuracy(&row.key, round.round);
                    measured.measured.insert(place, [(by.clone(), value)].into());
                }
                JobState::Failed => drop(measured.diverged.insert(place)),
                _ => {}
            }
        }
        let file = sweep::parse(&self.store.sweeps[&id].source).unwrap();
        let decision = sweep::decide(&file, &Dense::new(), &measured, &self.given(id)).unwrap();
        let known = decision.as_ref().map(|(_, growth)| self.known(&growth.plan)).unwrap_or_default();
        Some(Judgement { sweep: id, seen, decision, known, trials: self.stored(id) })
    }

    /// The trials of a sweep with the places of their rounds.
    fn stored(&self, id: SweepId) -> Vec<StoredTrial> {
        let rounds = |trial| {
            let rounds = self.store.rounds.iter().filter(move |round| round.trial == trial);
            rounds.map(|round| (round.branch.clone(), round.copy, round.round)).collect()
        };
        let trials = self.store.trials.iter().filter(|row| row.sweep == id);
        trials.map(|row| StoredTrial { row: row.clone(), rounds: rounds(row.id) }).collect()
    }

    /// The verdicts on a sweep's trials so far.
    fn given(&self, id: SweepId) -> Verdicts {
        let mut given = Verdicts::new();
        for row in self.store.trials.iter().filter(|row| row.sweep == id) {
            let own = self.store.verdicts.iter().filter(|(trial, _)| *trial == row.id);
            given.insert(row.key.clone(), own.map(|(_, verdict)| verdict.clone()).collect());
        }
        given
    }

    fn known(&self, plan: &Plan) -> Vec<JobRow> {
        self.store.find(&plan.jobs.iter().map(|job| job.fingerprint).collect::<BTreeSet<_>>())
    }

    /// `new` and `known` of the last submission or extension.
    pub(crate) fn accepted(&self) -> (u64, u64) {
        let accepted = self.answers.iter().rev().find_map(|answer| match answer {
            Effect::Accepted { new, known, .. } => Some((*new, *known)),
            _ => None,
        });
        accepted.expect("a submission")
    }

    /// The last refusal.
    pub(crate) fn rejection(&self) -> &str {
        match self.answers.last() {
            Some(Effect::Rejected(why)) => why,
            other => panic!("not rejected but {other:?}"),
        }
    }

    pub(crate) fn set_state(&mut self, sweep: SweepId, state: SweepState) {
        self.event(Event::SetState { sweep, state });
    }

    /// A worker begins whatever its slots can.
    pub(crate) fn begin(&mut self, name: &str) {
        for slot in 0..self.agents[name].info.slots.len() as u32 {
            let said = self.agents.get_mut(name).unwrap().begin(slot);
            said.into_iter().for_each(|event| self.event(event));
        }
    }

    /// A worker finishes everything it runs; returns what it was.
    pub(crate) fn finish(&mut self, name: &str) -> Vec<JobId> {
        let running = self.agents[name].running();
        for &job in &running {
            let said = self.agents.get_mut(name).unwrap().finish(job);
            self.event(said);
        }
        running
    }

    /// A worker fails one job it runs.
    pub(crate) fn fail(&mut self, name: &str, job: JobId, class: FailureClass) {
        let said = self.agents.get_mut(name).unwrap().fail(job, class);
        self.event(said);
    }

    /// What a worker runs, after it began what it could.
    pub(crate) fn runs(&mut self, name: &str) -> Vec<JobId> {
        self.begin(name);
        self.agents[name].running()
    }

    /// Lets all workers work until nothing is left to do; returns the jobs finished, in order.
    pub(crate) fn run(&mut self) -> Vec<JobId> {
        let mut done = Vec::new();
        loop {
            let before = done.len();
            let names: Vec<String> = self.agents.keys().cloned().collect();
            for name in &names {
                self.begin(name);
                done.extend(self.finish(name));
            }
            if done.len() == before {
                return done;
            }
        }
    }

    pub(crate) fn progress(&self, sweep: SweepId) -> Progress {
        self.scheduler.progress(sweep).expect("a sweep in memory")
    }

    pub(crate) fn state(&self, job: JobId) -> JobState {
        self.store.jobs[&job].state
    }

    /// Jobs a sweep wants, by id.
    pub(crate) fn jobs(&self, sweep: SweepId) -> Vec<JobId> {
        self.store.claims.iter().filter(|(claim, _)| *claim == sweep).map(|(_, job)| *job).collect()
    }

    pub(crate) fn count(&self, state: JobState) -> usize {
        self.store.jobs.values().filter(|job| job.state == state).count()
    }

    pub(crate) fn spec(&self, job: JobId) -> &JobSpec {
        &self.store.jobs[&job].spec
    }

    pub(crate) fn explain(&self, job: JobId) -> String {
        self.complete(self.scheduler.explain_job(self.now, job).expect("a job in memory"))
    }

    pub(crate) fn explain_sweep(&self, sweep: SweepId) -> String {
        self.complete(self.scheduler.explain_sweep(self.now, sweep).expect("a sweep in memory"))
    }

    fn complete(&self, told: Vec<Sentence>) -> String {
        let does = |job| Some(describe(self.spec(job)));
        told.into_iter().map(|sentence| sentence.complete(does)).collect::<Vec<_>>().join("\n")
    }
}

/// Whether something was dropped of a job.
pub(crate) fn lacks(row: &JobRow) -> bool {
    row.state == JobState::Done && row.spec.outputs().iter().any(|output| !row.outputs.contains_key(output))
}

/// What is certain of a file by these verdicts.
fn certain(file: &str, given: &Verdicts) -> Plan {
    let file = sweep::parse(file).unwrap_or_else(|mistakes| panic!("{}", mistakes.show("test")));
    sweep::expand_onto(&file, &Dense::new(), Extent::Decided(given)).unwrap()
}

/// A sweep of one tiny network: seeds, rounds, and a reinit control at round 1 if asked for.
pub(crate) fn tiny(name: &str, seeds: &str, rounds: u32, more: &str) -> String {
    format!(
        "name = \"{name}\"\nseeds = {seeds}\n\
         model = {{ name = \"mnist_lenet_4\" }}\n\
         data = {{ set = \"mnist\" }}\n\
         train = {{ steps = \"100it\", batch = 60, optimizer = \"sgd\", lr = 0.1, eval_every = \"100it\" }}\n\
         prune = {{ scope = \"per_layer\", rate = 0.2, rounds = {rounds} }}\n{more}"
    )
}
