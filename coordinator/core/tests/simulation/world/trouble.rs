//! What goes wrong, and its end.

use super::{
    World,
    act::Act,
    living,
    scene::{Happening, Weather, Who},
};
use crate::worker::Line;
use std::time::Duration;

impl World {
    pub(super) fn act(&mut self, act: Act) {
        self.scene.story.tell(self.scene.now, || format!("— {act:?}"));
        let until = |duration: Duration| self.scene.now + duration;
        match act {
            Act::Submit(_)
            | Act::Extend(_)
            | Act::Set(..)
            | Act::Retry(_)
            | Act::Drain(_)
            | Act::Drop(_)
            | Act::Again(_) => self.ask(act),
            _ if self.scene.calm => {}
            Act::KillCoordinator(process, back) => self.kill_coordinator(process, back),
            Act::StopCoordinator(process, long, noticed) => self.stop_coordinator(process, long, noticed),
            Act::FailCommits(long) => self.scene.weather.commits_fail = until(long),
            Act::SlowDisk(long) => self.scene.weather.disk_slow = until(long),
            Act::FailUploads(long) => self.scene.weather.uploads_fail = until(long),
            Act::LoseUploads(long) => self.scene.weather.uploads_lost = until(long),
            Act::KillWorker(agent, back, keeps) => self.kill_worker(agent, back, keeps),
            Act::DrainWorker(agent) => {
                self.agents[agent].drain();
                self.agents[agent].settle(&mut self.scene);
                self.do_all(agent);
            }
            Act::CutLink(agent) => self.cut_links(|link| link.agent.0 == agent),
            Act::Part(agent, long) => self.part(agent, long),
            Act::SlowNetwork(agent, long) => drop(self.scene.network.slow.insert(agent, until(long))),
            Act::Spoil(agent, long) => self.agents[agent].machine.bad_until = until(long),
            Act::SlowMachine(agent, long) => self.agents[agent].machine.slow_until = until(long),
            Act::Stick(agent, long) => self.agents[agent].machine.stuck_until = until(long),
            Act::LieAboutData(agent, long) => self.agents[agent].machine.lies_about_data_until = until(long),
            Act::LackData(agent, long) => {
                self.agents[agent].machine.lacks_data_until = until(long);
                self.cut_links(|link| link.agent.0 == agent);
            }
        }
    }

    fn cut_links(&mut self, which: impl Fn(&super::network::Link) -> bool) {
        for link in self.scene.network.find(which) {
            self.scene.cut(link);
        }
    }

    fn kill_coordinator(&mut self, number: usize, back: Duration) {
        let process = &mut self.processes[number];
        if !process.alive {
            return;
        }
        let who = (number, process.life);
        (process.alive, process.stopped) = (false, false);
        if let Some(mut leader) = process.leader.take() {
            leader.drop_all(&mut self.scene);
        }
        self.cut_links(|link| link.process == who);
        let noticed = self.scene.chance.millis(0..2000);
        self.scene.after(noticed, Happening::LetsGo(who));
        self.scene.after(back, Happening::Rises((number, who.1 + 1)));
    }

    /// A stopped process hears nothing and says nothing; what comes in waits. Workers look for another after a while, and
    /// the store may let go of its leadership.
    fn stop_coordinator(&mut self, number: usize, long: Duration, noticed: bool) {
        let process = &mut self.processes[number];
        if !process.alive || process.stopped {
            return;
        }
        process.stopped = true;
        let who = (number, process.life);
        if noticed {
            let after = self.scene.chance.millis(100..5000);
            self.scene.after(after, Happening::LetsGo(who));
        }
        for link in self.scene.network.find(|link| link.process == who) {
            let agent = self.scene.network.whole(link).map(|link| link.agent);
            let patience = self.scene.chance.millis(5000..20_000);
            if let Some(agent) = agent.filter(|_| patience < long) {
                self.scene.after(patience, Happening::Impatient(agent, link));
            }
        }
        self.scene.after(long, Happening::Resumes(who));
    }

    pub(super) fn resume(&mut self, who: Who) {
        let Some(process) = living(&mut self.processes, who) else { return };
        if !std::mem::take(&mut process.stopped) {
            return;
        }
        if let Some(leader) = &mut process.leader {
            // Its clock went on, and strikes at once.
            leader.strike(&mut self.scene);
        }
    }

    pub(super) fn kill_worker(&mut self, index: usize, back: Duration, keeps: bool) {
        let agent = &mut self.agents[index];
        if !agent.alive {
            return;
        }
        let name = &agent.name;
        self.scene.story.tell(self.scene.now, || format!("{name} dies"));
        agent.die(keeps, &mut self.scene);
        self.scene.truth.living.remove(&index);
        self.cut_links(|link| link.agent.0 == index);
        self.scene.after(back, Happening::Boots(index));
    }

    /// Everything is given back, and the process ends; another starts later.
    pub(super) fn leave(&mut self, index: usize) {
        let agent = &mut self.agents[index];
        let name = &agent.name;
        self.scene.story.tell(self.scene.now, || format!("{name} leaves"));
        (agent.alive, agent.line) = (false, Line::Down);
        self.scene.truth.living.remove(&index);
        let back = self.scene.chance.millis(500..5000);
        self.scene.after(back, Happening::Boots(index));
    }

    /// Short partitions only delay; long ones end links, and both sides learn of it late.
    fn part(&mut self, agent: usize, long: Duration) {
        let until = self.scene.now + long;
        self.scene.network.parted.insert(agent, until);
        if long > Duration::from_secs(8) || self.scene.chance.one_in(2) {
            self.cut_links(|link| link.agent.0 == agent);
        }
    }

    /// Everything that is wrong is mended, and stays so. What jobs are like does not change.
    pub(crate) fn mend(&mut self) {
        self.scene.calm = true;
        self.scene.weather = Weather::default();
        self.scene.network.parted.clear();
        self.scene.network.slow.clear();
        for number in 0..self.processes.len() {
            let (alive, life) = (self.processes[number].alive, self.processes[number].life);
            self.resume((number, life));
            if !alive {
                self.scene.after(Duration::ZERO, Happening::Rises((number, life + 1)));
            }
        }
        for agent in 0..self.agents.len() {
            self.agents[agent].machine.mend();
            // What it has is said in a Hello.
            self.cut_links(|link| link.agent.0 == agent);
            self.scene.after(Duration::from_secs(1), Happening::Boots(agent));
        }
        self.resume_all();
    }
}
