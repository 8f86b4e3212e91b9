//! What a lease carries beyond its first stage: jobs that the same slot can go on with, without asking.

use super::{
    Scheduler,
    job::{Job, State},
    key::KeyId,
    worker::Seat,
};
use std::collections::{BTreeMap, BTreeSet};
use tombola_spec::JobId;

impl Scheduler {
    /// The stages of a lease that begins with these jobs: each lane goes on with the most urgent job that stands on it
    /// alone, as long as most lanes have one. Stages of one lease train alike, or make masks for what follows.
    pub(super) fn chain(&self, first: Vec<JobId>, seat: &Seat) -> Vec<Vec<JobId>> {
        let mut inside: BTreeSet<JobId> = first.iter().copied().collect();
        let mut trained = u32::from(self.trains(first.first()));
        let mut stages = vec![first];
        while let Some(next) = stages.last().and_then(|stage| self.following(stage, &inside, seat)) {
            if self.trains(next.first()) {
                if trained == self.config.chain_train_stages {
                    break;
                }
                trained += 1;
            }
            inside.extend(&next);
            stages.push(next);
        }
        // A mask whose training did not fit in is not worth holding: others may want to train with it.
        while stages.len() > 1 && !self.trains(stages.last().and_then(|stage| stage.first())) {
            stages.pop();
        }
        stages
    }

    fn trains(&self, id: Option<&JobId>) -> bool {
        id.and_then(|id| self.graph.get(*id)).is_some_and(|job| self.keys.trains(job.key))
    }

    /// The jobs that follow a stage, at least half as many.
    fn following(&self, stage: &[JobId], inside: &BTreeSet<JobId>, seat: &Seat) -> Option<Vec<JobId>> {
        let mut taken = BTreeSet::new();
        let mut alike: BTreeMap<KeyId, Vec<JobId>> = BTreeMap::new();
        for lane in stage {
            let child = self.graph.critical_child(*lane, |id, child| {
                !taken.contains(&id) && self.can_follow(child, inside) && self.fits(seat, child.key)
            });
            if let Some((id, child)) = child {
                taken.insert(id);
                alike.entry(child.key).or_default().push(id);
            }
        }
        let most = alike.into_values().max_by_key(Vec::len)?;
        (2 * most.len() >= stage.len()).then_some(most)
    }

    /// Whether a job waits for nothing but jobs of the same lease, and is nothing special.
    fn can_follow(&self, job: &Job, inside: &BTreeSet<JobId>) -> bool {
        let missing = job.parents.iter().filter(|parent| !self.graph.get(**parent).is_some_and(Job::done));
        // Nothing stands on a job without outputs, so that holding it for this slot would only make others wait.
        let leads_on = !job.promised.is_empty();
        leads_on
            && job.state == State::Waiting
            && job.cap == u32::MAX
            && job.checkpoint.is_none()
            && missing.into_iter().all(|parent| inside.contains(parent))
            && self.graph.wanted_by(job).is_some()
    }
}
