//! Commits: what waits for them, what is told of them, and what becomes of a leader whose commit failed, or of which nobody knows.

use super::{After, Command, DEAF, Leader, Told};
use crate::{
    laws,
    world::{
        ToWorker,
        act::Act,
        scene::{Happening, Scene},
    },
};
use std::time::Duration;

/// How often a leader shows that it leads, if it has nothing to commit.
const BEAT: Duration = Duration::from_secs(1);

impl Leader {
    /// Commits, then does what waited; repeats while that makes new records.
    pub(super) fn flush(&mut self, scene: &mut Scene) {
        while !self.writes.is_empty() || !self.after.is_empty() {
            let after = std::mem::take(&mut self.after);
            if !self.writes.is_empty() {
                self.committing = Some(after);
                return self.commit(scene);
            }
            after.into_iter().for_each(|act| self.carry_out(act, scene));
        }
        if scene.now - self.proven >= BEAT {
            self.committing = Some(Vec::new());
            return self.commit(scene);
        }
        self.after_step(scene);
    }

    /// A commit is under way: it lands, or not, and what is told of it need not be true.
    fn commit(&mut self, scene: &mut Scene) {
        let slow = scene.weather.disk_slow > scene.now;
        let lands = scene.chance.millis(if slow { 200..4000 } else { 0..5 });
        let told = scene.chance.millis(0..3);
        let fails = scene.weather.commits_fail > scene.now && scene.chance.one_in(4);
        // Of those that fail, half are in the store all the same.
        let applied = !fails || scene.chance.one_in(2);
        let told = if fails { Duration::MAX } else { told };
        let writes = std::mem::take(&mut self.writes);
        scene.after(lands, Happening::Lands { who: self.who, epoch: self.epoch, writes, applied, told });
    }

    /// What is told to a process that is stopped waits.
    pub(crate) fn be_told(&mut self, told: Told) {
        self.told = Some(told);
    }

    pub(super) fn hear_told(&mut self, told: Told, scene: &mut Scene) {
        let Some(after) = self.committing.take() else { return };
        if told == Told::Bad {
            self.after = after;
            return self.forget(scene);
        }
        self.proven = scene.now;
        after.into_iter().for_each(|act| self.carry_out(act, scene));
        self.flush(scene);
    }

    fn after_step(&mut self, scene: &mut Scene) {
        let took = scene.now - self.step;
        if took > DEAF {
            self.deaf += took;
        }
        self.idle_since = scene.now;
        if self.epoch == scene.store.epoch {
            laws::remembered(&self.scheduler, &scene.store);
            laws::in_term(&self.heard, self.clock(scene.now), scene);
            laws::moves(&self.standing, scene);
        }
    }

    fn carry_out(&mut self, act: After, scene: &mut Scene) {
        match act {
            After::Open(worker, link) => {
                if let Some(old) = self.open.insert(worker, link) {
                    scene.answer(old, ToWorker::Close);
                }
                self.sessions.insert(link, worker);
                scene.answer(link, ToWorker::Welcome(worker));
                if scene.network.whole(link).is_none() {
                    // The session ended while the Hello was being committed; that was not heard then.
                    self.inbox.push_back(Command::Disconnect { link });
                }
                for said in self.waiting.remove(&link).unwrap_or_default() {
                    self.inbox.push_back(Command::Hear { link, said });
                }
            }
            After::Refuse(link, message) => {
                scene.answer(link, ToWorker::Message(message));
                scene.answer(link, ToWorker::Close);
            }
            After::Send(worker, message) => {
                laws::sent(&message, self.epoch, &scene.store);
                if let Some(link) = self.open.get(&worker) {
                    scene.answer(*link, ToWorker::Message(message));
                }
            }
            After::Left(worker) => {
                if let Some(link) = self.open.remove(&worker) {
                    scene.answer(link, ToWorker::Close);
                }
            }
            After::Answer(act) => answered(act, scene),
        }
    }

    /// Memory is thrown away, links are closed, and the process tries to lead again.
    fn forget(&mut self, scene: &mut Scene) {
        scene
            .story
            .tell(scene.now, || format!("coordinator {} ({}) forgets its memory", self.who.0, self.epoch));
        self.recovering = true;
        self.drop_all(scene);
        let wait = match self.failures {
            0 => Duration::ZERO,
            n => Duration::from_secs(5).min(Duration::from_millis(100) * 2u32.saturating_pow(n - 1)),
        };
        self.failures += 1;
        scene.after(wait, Happening::Leads(self.who));
    }

    /// Nobody gets an answer to what was asked, and every link is closed.
    pub(crate) fn drop_all(&mut self, scene: &mut Scene) {
        self.writes.clear();
        let after =
            std::mem::take(&mut self.after).into_iter().chain(self.committing.take().unwrap_or_default());
        for act in after {
            match act {
                After::Answer(act) => unanswered(act, scene),
                After::Open(_, link) | After::Refuse(link, _) => scene.cut(link),
                After::Send(..) | After::Left(_) => {}
            }
        }
        for command in std::mem::take(&mut self.inbox) {
            match command {
                Command::Ask { act, .. } => unanswered(act, scene),
                Command::Connect { link, .. } => scene.cut(link),
                Command::Hear { .. } | Command::Disconnect { .. } => {}
            }
        }
        for link in std::mem::take(&mut self.open).into_values() {
            scene.answer(link, ToWorker::Close);
        }
    }
}

/// People hear that what they asked for is done, or why not.
fn answered(act: Act, scene: &mut Scene) {
    if act.needs_turn() {
        scene.turn = false;
    }
}

/// People hear nothing, and ask again.
pub(crate) fn unanswered(act: Act, scene: &mut Scene) {
    answered(act, scene);
    scene.again(act);
}
