//! Workers' processes in the world: they start, dial, hear, and what they decide is carried out.

use super::{
    LinkId, ToWorker, World,
    scene::{Happening, Scene, Who},
};
use crate::worker::{Agent, Doing, Line};
use std::time::Duration;

impl World {
    pub(super) fn boot(&mut self, agent: usize) {
        let agent = &mut self.agents[agent];
        if agent.alive {
            return;
        }
        agent.boot();
        let who = (agent.index, agent.life);
        self.scene.truth.living.insert(agent.index, agent.life);
        let name = &agent.name;
        self.scene.story.tell(self.scene.now, || format!("{name} starts"));
        self.scene.after(Duration::from_millis(10), Happening::Dials(who));
    }

    pub(super) fn dial(&mut self, who: Who) {
        let (agent, scene) = (&mut self.agents[who.0], &mut self.scene);
        if !agent.alive || agent.life != who.1 || agent.line != Line::Down {
            return;
        }
        let number = scene.chance.below(self.processes.len());
        let process = &self.processes[number];
        let parted = scene.network.parted.get(&who.0).is_some_and(|until| *until > scene.now);
        if parted || !process.alive || process.leader.is_none() {
            let rest = scene.chance.millis(100..2000);
            return scene.after(rest, Happening::Dials(who));
        }
        let link = scene.network.open(who, (number, process.life));
        agent.opened(link, scene);
        // One that is never welcomed gives up.
        scene.after(Duration::from_secs(10), Happening::Notices(who, link));
        self.do_all(who.0);
    }

    pub(super) fn happen_to_worker(&mut self, happening: Happening) {
        let (who, scene) = match &happening {
            Happening::Beats(who, _) | Happening::Notices(who, _) | Happening::Impatient(who, _) => {
                (*who, &mut self.scene)
            }
            Happening::Works { who, .. } | Happening::Uploads { who, .. } | Happening::Hears { who, .. } => {
                (*who, &mut self.scene)
            }
            other => unreachable!("{other:?} is nothing that happens to a worker"),
        };
        let agent = &mut self.agents[who.0];
        if !agent.alive || agent.life != who.1 {
            return;
        }
        match happening {
            Happening::Beats(_, link) if agent.line == Line::Up(link) => {
                agent.beat(scene);
                scene.after(scene.config.heartbeat, Happening::Beats(who, link));
            }
            Happening::Notices(_, link) => notice(agent, link, scene),
            Happening::Impatient(_, link) => scene.cut(link),
            Happening::Works { slot, run, .. } => agent.work(slot, run, scene),
            Happening::Uploads { link, sequence, .. } if agent.line == Line::Up(link) => {
                let good = scene.weather.uploads_fail <= scene.now;
                agent.uploaded(sequence, good, scene);
            }
            Happening::Hears { link, message, .. } if scene.network.whole(link).is_some() => {
                hear(agent, link, *message, scene);
            }
            _ => {}
        }
        self.do_all(who.0);
    }

    /// Carries out what a worker decided.
    pub(super) fn do_all(&mut self, index: usize) {
        let (agent, scene) = (&mut self.agents[index], &mut self.scene);
        let who = (index, agent.life);
        for doing in agent.take_doings() {
            let link = match agent.line {
                Line::Greeting(link) | Line::Up(link) => Some(link),
                Line::Down => None,
            };
            match doing {
                Doing::Say(said) => link.into_iter().for_each(|link| scene.say(link, said.clone())),
                Doing::Work { slot, run, after } => scene.after(after, Happening::Works { who, slot, run }),
                Doing::Upload(sequence) => {
                    let Some(link) = link else { continue };
                    let takes = scene.chance.millis(1..400);
                    scene.after(takes, Happening::Uploads { who, link, sequence });
                }
                Doing::Leave => return self.leave(index),
                Doing::Die { keeps } => {
                    let back = self.scene.chance.millis(500..6000);
                    return self.kill_worker(index, back, keeps);
                }
                Doing::Rest => {
                    if let Some(link) = link {
                        scene.cut(link);
                    }
                }
            }
        }
    }
}

fn notice(agent: &mut Agent, link: LinkId, scene: &mut Scene) {
    match agent.line {
        Line::Up(ours) if ours == link && scene.network.whole(link).is_some() => return,
        Line::Up(ours) | Line::Greeting(ours) if ours == link => {}
        _ => return,
    }
    scene.cut(link);
    agent.closed();
    let rest = scene.chance.millis(50..2000);
    scene.after(rest, Happening::Dials((agent.index, agent.life)));
}

fn hear(agent: &mut Agent, link: LinkId, message: ToWorker, scene: &mut Scene) {
    if !matches!(agent.line, Line::Greeting(ours) | Line::Up(ours) if ours == link) {
        return;
    }
    let who = (agent.index, agent.life);
    if let ToWorker::Message(message) = &message {
        scene.check_heard(agent, message);
    }
    match &message {
        ToWorker::Welcome(_) => scene.after(Duration::ZERO, Happening::Beats(who, link)),
        ToWorker::Close => {
            scene.cut(link);
            let rest = scene.chance.millis(50..2000);
            scene.after(rest, Happening::Dials(who));
        }
        ToWorker::Message(_) => {}
    }
    let name = &agent.name;
    scene.story.tell(scene.now, || {
        let mut words = format!("{message:?}");
        words.truncate(words.floor_char_boundary(200));
        format!("{name} hears {words}")
    });
    agent.hear(message, scene);
}
