//! Outputs that no sweep keeps: dropped once nobody reads them, and made again for whoever asks for them after all.

use super::{Again, Scheduler, find::Wanted, submit::Fresh};
use crate::record::Write;
use tombola_spec::{JobId, job::Output};

impl Scheduler {
    /// Drops what no sweep keeps of these jobs. Jobs that something reads by now are left alone.
    pub(super) fn drop_outputs(&mut self, jobs: Vec<JobId>) {
        let idle = |id: &JobId| self.graph.get(*id).is_none() || self.nobody_waits_for(*id);
        let jobs: Vec<JobId> = jobs.into_iter().filter(idle).collect();
        for &id in &jobs {
            self.graph.change(id, |job| {
                job.outputs =
                    job.outputs.iter().copied().filter(|(output, _)| *output == Output::Mask).collect();
            });
        }
        if !jobs.is_empty() {
            self.write(Write::Drop(jobs));
        }
    }

    /// Makes what was dropped of a sweep again, and what that needs.
    pub(super) fn make_again(&mut self, again: Again) {
        let Again { sweep, plan, known, done, wanted } = again;
        let id = sweep.id;
        self.wake(sweep);
        let wanted = Wanted { jobs: &|_| false, outputs: &wanted };
        self.take_in(id, &plan, (known, &Fresh::default()), &wanted, Some(done));
        self.forget_sweep(id);
    }
}
