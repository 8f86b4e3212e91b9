//! How a schedule ends: once nothing goes wrong any more, everything comes to an end, and the right one.

use super::{World, leader::Leader};
use crate::laws;
use std::time::Duration;

/// Nothing takes longer once nothing goes wrong any more.
const PATIENCE: Duration = Duration::from_secs(1800);

impl World {
    /// The trouble is over: lets the world come to its end, and checks it.
    pub(crate) fn end(&mut self) {
        self.mend();
        self.wait_until_over("after the trouble");
        laws::has_reasons(&self.scene.store);
        // Some of what failed was not the jobs' fault.
        self.retry_all();
        self.wait_until_over("after a retry of everything");
        laws::ended_well(&self.scene.store, &self.scene.nature, &self.scene.truth);
        self.run_until(self.scene.now + self.scene.config.remember + Duration::from_secs(20));
        let leader = self.leader().expect("somebody leads");
        laws::forgotten(&leader.scheduler, leader.clock(self.scene.now), &self.scene.store);
        laws::as_folded(&leader.scheduler, &self.scene.store, self.scene.config);
    }

    fn wait_until_over(&mut self, when: &str) {
        let latest = self.scene.now + PATIENCE;
        while !laws::is_over(&self.scene.store) {
            assert!(self.scene.now < latest, "{when}, these wait for ever:\n{}", self.left_over());
            self.run_until(self.scene.now + Duration::from_secs(2));
            self.resume_all();
            self.scene.network.tidy();
        }
    }

    /// The one that leads in truth.
    fn leader(&self) -> Option<&Leader> {
        let mut leaders = self.processes.iter().filter_map(|process| process.leader.as_deref());
        leaders.find(|leader| leader.epoch == self.scene.store.epoch)
    }

    /// What is not over, and what the leader says of it.
    fn left_over(&self) -> String {
        let leader = self.leader();
        let explain = |job| {
            let leader = leader?;
            leader.scheduler.explain_job(leader.clock(self.scene.now), job)
        };
        let left = laws::left(&self.scene.store).into_iter();
        let lines =
            left.map(|row| format!("{} {:?} {:?}: {:?}", row.id, row.state, row.attempt, explain(row.id)));
        lines.collect::<Vec<_>>().join("\n")
    }
}
