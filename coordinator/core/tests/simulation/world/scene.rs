//! What everybody shares: time, the agenda, the network, the store, and what really happened.

use super::{
    LinkId, ToWorker,
    act::Act,
    leader::{Command, Told},
    network::Network,
};
use crate::{
    chance::Chance,
    laws,
    store::{Refusal, Store},
    story::Story,
    truth::{Nature, Truth},
    worker::{Agent, Report, Said},
};
use std::{collections::BTreeMap, time::Duration};
use tombola_core::{
    record::Write,
    schedule::{Config, Message},
};
use tombola_spec::Epoch;

/// A process by its number and its life; a restart is another life.
pub(crate) type Who = (usize, u64);

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    Act(Act),
    /// A coordinator's process starts.
    Rises(Who),
    /// It tries to lead.
    Leads(Who),
    Ticks(Who, Epoch),
    /// A paused process goes on.
    Resumes(Who),
    /// The store lets go of a process's leadership.
    LetsGo(Who),
    Arrives(Who, Box<Command>),
    /// A commit reaches the store, or does not.
    Lands {
        who: Who,
        epoch: Epoch,
        writes: Vec<Write>,
        applied: bool,
        told: Duration,
    },
    /// A process hears how its commit went.
    Told(Who, Epoch, Told),
    /// A worker's process starts.
    Boots(usize),
    Dials(Who),
    Beats(Who, LinkId),
    Works {
        who: Who,
        slot: usize,
        run: u64,
    },
    Uploads {
        who: Who,
        link: LinkId,
        sequence: u64,
    },
    Hears {
        who: Who,
        link: LinkId,
        message: Box<ToWorker>,
    },
    /// A worker notices that its link is gone.
    Notices(Who, LinkId),
    /// It gets no answer to its pings.
    Impatient(Who, LinkId),
}

/// What is wrong with the surroundings for a while.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    /// Commits fail, or nobody knows.
    pub(crate) commits_fail: Duration,
    /// Commits take seconds.
    pub(crate) disk_slow: Duration,
    /// Artifacts cannot be uploaded.
    pub(crate) uploads_fail: Duration,
    /// Some that were uploaded are gone when they are named.
    pub(crate) uploads_lost: Duration,
}

/// The common ground.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) now: Duration,
    pub(crate) config: Config,
    agenda: BTreeMap<(Duration, u64), Happening>,
    last: u64,
    pub(crate) network: Network,
    pub(crate) store: Store,
    pub(crate) chance: Chance,
    pub(crate) nature: Nature,
    pub(crate) truth: Truth,
    pub(crate) weather: Weather,
    pub(crate) story: Story,
    /// Nothing goes wrong by itself any more, and no job takes more down than its engine.
    pub(crate) calm: bool,
    /// Whose turn it is to submit: taken or not.
    pub(crate) turn: bool,
}

impl Scene {
    pub(crate) fn new(seed: u64, config: Config, nature: Nature, story: Story) -> Self {
        Self {
            now: Duration::ZERO,
            config,
            agenda: BTreeMap::new(),
            last: 0,
            network: Network::default(),
            store: Store::default(),
            chance: Chance::new(seed, 1),
            nature,
            truth: Truth::default(),
            weather: Weather::default(),
            story,
            calm: false,
            turn: false,
        }
    }

    /// Puts something on the agenda.
    pub(crate) fn after(&mut self, delay: Duration, happening: Happening) {
        self.at(self.now + delay, happening);
    }

    pub(crate) fn at(&mut self, at: Duration, happening: Happening) {
        self.last += 1;
        self.agenda.insert((at, self.last), happening);
    }

    /// Takes what happens next, and lets time pass until then.
    pub(crate) fn next(&mut self) -> Option<Happening> {
        let ((at, _), happening) = self.agenda.pop_first()?;
        self.now = at;
        Some(happening)
    }

    /// A worker says something over a link.
    pub(crate) fn say(&mut self, link: LinkId, said: Said) {
        let Some(at) = self.network.arrival(link, true, self.now, &mut self.chance) else { return };
        let Some(process) = self.network.whole(link).map(|link| link.process) else { return };
        let command = match said {
            Said::Hello { info, worker, held, number } => {
                Command::Connect { link, info, worker, held, number }
            }
            said => Command::Hear { link, said },
        };
        self.at(at, Happening::Arrives(process, Box::new(command)));
    }

    /// A coordinator says something over a link.
    pub(crate) fn answer(&mut self, link: LinkId, message: ToWorker) {
        let Some(at) = self.network.arrival(link, false, self.now, &mut self.chance) else { return };
        let Some(who) = self.network.whole(link).map(|link| link.agent) else { return };
        self.at(at, Happening::Hears { who, link, message: Box::new(message) });
    }

    /// Breaks a link; each end notices by itself.
    pub(crate) fn cut(&mut self, link: LinkId) {
        let Some(ends) = self.network.cut(link) else { return };
        let (agent, process) = (ends.agent, ends.process);
        let late = self.chance.one_in(4);
        let agent_notices = self.chance.millis(if late { 0..8000 } else { 0..50 });
        let leader_notices = self.chance.millis(if late { 0..20_000 } else { 0..50 });
        self.after(agent_notices, Happening::Notices(agent, link));
        self.after(leader_notices, Happening::Arrives(process, Box::new(Command::Disconnect { link })));
    }

    /// People ask again after a while.
    pub(crate) fn again(&mut self, act: Act) {
        let delay = self.chance.millis(500..4000);
        self.after(delay, Happening::Act(act));
    }

    /// A commit reaches the store; says whether it is in.
    pub(crate) fn land(&mut self, who: Who, epoch: Epoch, writes: Vec<Write>, applied: bool) -> bool {
        if !applied {
            return false;
        }
        let (truth, config) = (&self.truth, &self.config);
        match self.store.commit(epoch, writes, |store, write| laws::stored(store, truth, config, write)) {
            Ok(()) => true,
            Err(Refusal::Fenced) => {
                self.story
                    .tell(self.now, || format!("coordinator {} is refused a commit under {epoch}", who.0));
                false
            }
            Err(Refusal::Conflict(what)) => panic!("a commit of the leader is refused: {what}"),
        }
    }

    /// A worker hears that a report is committed: it has to be.
    pub(crate) fn check_acknowledged(&self, report: &Report) {
        laws::acknowledged(&self.store, report);
    }

    /// A worker is told to give up what may still be its own.
    pub(crate) fn check_heard(&self, agent: &Agent, message: &Message) {
        laws::heard(&self.store, agent, message);
    }
}
