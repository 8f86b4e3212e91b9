//! Coordinators, workers, people and a network around one store, in simulated time.

pub(crate) mod act;
mod end;
mod leader;
mod network;
mod people;
mod scene;
mod trouble;
mod workers;

pub(crate) use network::LinkId;
pub(crate) use scene::Scene;

use crate::{
    chance::Chance,
    story::Story,
    truth::Nature,
    worker::{Agent, Machine},
};
use act::Script;
use leader::{Leader, Told};
use scene::{Happening, Who};
use std::time::Duration;
use tombola_core::schedule::{Config, Message};
use tombola_spec::{Epoch, WorkerId, worker::DeviceKind};

/// What a coordinator says.
#[derive(Debug, Clone)]
pub(crate) enum ToWorker {
    Welcome(WorkerId),
    Message(Message),
    Close,
}

/// A coordinator's process: it leads, or stands by.
#[derive(Debug, Default)]
struct Process {
    life: u64,
    alive: bool,
    stopped: bool,
    leader: Option<Box<Leader>>,
}

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scene: Scene,
    processes: Vec<Process>,
    agents: Vec<Agent>,
    /// Things that happened.
    pub(crate) count: u64,
}

impl World {
    /// A world by its seed: one or two coordinators, some workers, jobs of all tempers.
    pub(crate) fn new(seed: u64, story: Story) -> Self {
        let mut chance = Chance::new(seed, 3);
        let config = Config {
            chain_train_stages: chance.number(1..4) as u32,
            max_losses: chance.pick(&[2, 3, 5]),
            max_tries: chance.pick(&[1, 3]),
            // Drawn apart, so that schedules in which nothing is stuck are what they were.
            stuck_after: Chance::new(seed, 4).pick(&[20, 30, 3600].map(Duration::from_secs)),
            remember: chance.pick(&[Duration::from_secs(5), Duration::from_secs(60)]),
            ..Config::default()
        };
        let unsound = chance.pick(&[0, 0, 10, 30]);
        let mut machine = |index: usize| {
            let name = ["ada", "bob", "cleo", "dora"][index].to_owned();
            let gpu = chance.one_in(2);
            let device = if gpu { DeviceKind::Cuda } else { DeviceKind::Cpu };
            let lanes: Vec<u32> = (0..chance.number(1..3)).map(|_| chance.pick(&[1, 2, 4, 8])).collect();
            // Some have less memory than they think.
            let memory = chance.pick(&[8, 8, 2, 1]);
            Agent::new(index, name, Machine::new(device, lanes, memory))
        };
        let agents: Vec<Agent> = (0..1 + seed as usize % 4).map(&mut machine).collect();
        let processes = (0..chance.number(1..3)).map(|_| Process::default()).collect();
        let scene = Scene::new(seed, config, Nature::new(seed, unsound), story);
        Self { scene, processes, agents, count: 0 }
    }

    /// Workers and coordinators, to write a script for.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.agents.len(), self.processes.len())
    }

    /// Starts everybody, and puts a script on the agenda.
    pub(crate) fn begin(&mut self, script: &Script) {
        for number in 0..self.processes.len() {
            self.scene.after(Duration::from_millis(number as u64), Happening::Rises((number, 1)));
        }
        for agent in 0..self.agents.len() {
            let delay = self.scene.chance.millis(1..3000);
            self.scene.after(delay, Happening::Boots(agent));
        }
        for (at, act) in script {
            self.scene.at(*at, Happening::Act(*act));
        }
    }

    /// Lets things happen until a moment.
    pub(crate) fn run_until(&mut self, end: Duration) {
        while self.scene.now < end {
            let Some(happening) = self.scene.next() else { return };
            self.count += 1;
            self.let_happen(happening);
        }
    }

    fn let_happen(&mut self, happening: Happening) {
        match happening {
            Happening::Act(act) => self.act(act),
            Happening::Rises(who) => self.rise(who),
            Happening::Leads(who) => self.lead(who),
            Happening::Ticks(who, epoch) => self.tick(who, epoch),
            Happening::Resumes(who) => self.resume(who),
            Happening::LetsGo(who) => self.scene.store.let_go(who),
            Happening::Arrives(who, command) => self.arrive(who, *command),
            Happening::Lands { who, epoch, writes, applied, told } => {
                let good = self.scene.land(who, epoch, writes, applied);
                let (delay, told) = match (good, told) {
                    (true, told) if told != Duration::MAX => (told, Told::Good),
                    _ => (Duration::from_millis(3), Told::Bad),
                };
                self.scene.after(delay, Happening::Told(who, epoch, told));
            }
            Happening::Told(who, epoch, told) => self.tell(who, epoch, told),
            Happening::Boots(agent) => self.boot(agent),
            Happening::Dials(who) => self.dial(who),
            other => self.happen_to_worker(other),
        }
    }

    fn rise(&mut self, who: Who) {
        let process = &mut self.processes[who.0];
        if process.alive || process.life + 1 != who.1 {
            return;
        }
        *process = Process { life: who.1, alive: true, stopped: false, leader: None };
        self.scene.after(Duration::ZERO, Happening::Leads(who));
    }

    fn lead(&mut self, who: Who) {
        let Some(process) = living(&mut self.processes, who) else { return };
        let scene = &mut self.scene;
        if process.leader.as_ref().is_some_and(|leader| !leader.recovering) {
            return;
        }
        let Some(epoch) = (if process.stopped { None } else { scene.store.lead(who) }) else {
            if let Some(leader) = &mut process.leader {
                leader.drop_all(scene);
            }
            return scene.after(Duration::from_millis(700), Happening::Leads(who));
        };
        scene.story.tell(scene.now, || format!("coordinator {} leads under {epoch}", who.0));
        match &mut process.leader {
            Some(leader) => leader.lead_again(epoch, scene),
            None => process.leader = Some(Box::new(Leader::new(who, epoch, scene))),
        }
        scene.after(Duration::ZERO, Happening::Ticks(who, epoch));
    }

    fn tick(&mut self, who: Who, epoch: Epoch) {
        let Some(process) = living(&mut self.processes, who) else { return };
        let Some(leader) = process.leader.as_mut().filter(|leader| leader.epoch == epoch) else { return };
        if leader.recovering {
            return;
        }
        if !process.stopped {
            leader.strike(&mut self.scene);
        }
        self.scene.after(leader::TICK, Happening::Ticks(who, epoch));
    }

    fn arrive(&mut self, who: Who, command: leader::Command) {
        let Some(process) = living(&mut self.processes, who) else {
            if let leader::Command::Ask { act, .. } = command {
                leader::unanswered(act, &mut self.scene);
            }
            return;
        };
        match &mut process.leader {
            Some(leader) => {
                leader.arrive(command, &mut self.scene);
                if !process.stopped {
                    leader.work(&mut self.scene);
                }
            }
            None => match command {
                leader::Command::Ask { act, .. } => leader::unanswered(act, &mut self.scene),
                leader::Command::Connect { link, .. } => self.scene.cut(link),
                leader::Command::Hear { .. } | leader::Command::Disconnect { .. } => {}
            },
        }
    }

    fn tell(&mut self, who: Who, epoch: Epoch, told: Told) {
        let Some(process) = living(&mut self.processes, who) else { return };
        let Some(leader) = process.leader.as_mut().filter(|leader| leader.epoch == epoch) else { return };
        leader.be_told(told);
        if !process.stopped {
            leader.work(&mut self.scene);
        }
    }
}

/// The process that still lives this life, stopped or not.
fn living(processes: &mut [Process], who: Who) -> Option<&mut Process> {
    processes.get_mut(who.0).filter(|process| process.alive && process.life == who.1)
}
