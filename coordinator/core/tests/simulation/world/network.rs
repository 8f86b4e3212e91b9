//! Links: in order within one, in no order across them; slow, cut, and noticed late.

use crate::chance::Chance;
use std::{collections::BTreeMap, time::Duration};

/// One connection of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(u64);

/// A link between a worker's process and a coordinator's.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) agent: (usize, u64),
    pub(crate) process: (usize, u64),
    /// What is under way is lost, and nothing goes over it any more.
    pub(crate) broken: bool,
    /// When the last message in each direction arrives.
    up: Duration,
    down: Duration,
}

/// All links, and how well the machines are connected.
#[derive(Debug, Default)]
pub(crate) struct Network {
    links: BTreeMap<LinkId, Link>,
    last: u64,
    /// Nothing gets through to or from a machine until then.
    pub(crate) parted: BTreeMap<usize, Duration>,
    /// Messages of a machine take long until then.
    pub(crate) slow: BTreeMap<usize, Duration>,
}

impl Network {
    /// Opens a link.
    pub(crate) fn open(&mut self, agent: (usize, u64), process: (usize, u64)) -> LinkId {
        self.last += 1;
        let (up, down) = (Duration::ZERO, Duration::ZERO);
        self.links.insert(LinkId(self.last), Link { agent, process, broken: false, up, down });
        LinkId(self.last)
    }

    /// A link that is not broken.
    pub(crate) fn whole(&self, link: LinkId) -> Option<&Link> {
        self.links.get(&link).filter(|link| !link.broken)
    }

    /// Breaks a link; returns its ends if it was whole.
    pub(crate) fn cut(&mut self, link: LinkId) -> Option<&Link> {
        let link = self.links.get_mut(&link).filter(|link| !link.broken)?;
        link.broken = true;
        Some(link)
    }

    /// Links that are whole for which `which` holds.
    pub(crate) fn find(&self, which: impl Fn(&Link) -> bool) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| !link.broken && which(link)).map(|(id, _)| *id).collect()
    }

    /// When a message that is sent now arrives; `None`: never.
    pub(crate) fn arrival(
        &mut self,
        id: LinkId,
        is_up: bool,
        now: Duration,
        chance: &mut Chance,
    ) -> Option<Duration> {
        let link = self.links.get_mut(&id).filter(|link| !link.broken)?;
        let machine = link.agent.0;
        let slow = self.slow.get(&machine).is_some_and(|until| *until > now);
        let delay = chance.millis(if slow { 100..4000 } else { 0..20 });
        let free = self.parted.get(&machine).copied().unwrap_or_default().max(now);
        let last = if is_up { &mut link.up } else { &mut link.down };
        *last = (free + delay).max(*last);
        Some(*last)
    }

    /// Forgets links that have been broken for good.
    pub(crate) fn tidy(&mut self) {
        self.links.retain(|_, link| !link.broken);
    }
}
