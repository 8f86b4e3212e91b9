//! One schedule: run, and if it fails, made short and told.

use crate::{
    story::Story,
    world::{
        World,
        act::{Script, TROUBLE, script},
    },
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A seed and what is done to its world.
pub(crate) struct Schedule {
    seed: u64,
    pub(crate) script: Script,
}

/// Why a schedule failed, and what happened before.
pub(crate) struct Broken {
    why: String,
    story: String,
}

impl Schedule {
    /// The schedule of a seed.
    pub(crate) fn of(seed: u64) -> Self {
        let (agents, processes) = World::new(seed, Story::default()).size();
        Self { seed, script: script(seed, agents, processes) }
    }

    /// Runs it; `told` keeps the story.
    pub(crate) fn run(&self, told: bool) -> Result<World, Broken> {
        let mut world = World::new(self.seed, Story::new(told));
        let ran = catch_unwind(AssertUnwindSafe(|| {
            world.begin(&self.script);
            world.run_until(TROUBLE);
            world.end();
        }));
        match ran {
            Ok(()) => Ok(world),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                Err(Broken { why: text.unwrap_or_default(), story: world.scene.story.lines() })
            }
        }
    }

    /// Leaves out whatever can be left out of the script without its becoming a good schedule, until nothing can.
    fn shrink(mut self) -> Self {
        loop {
            let before = self.script.len();
            for at in (0..before).rev() {
                let left_out = self.script.remove(at);
                if self.run(false).is_ok() {
                    self.script.insert(at, left_out);
                }
            }
            if self.script.len() == before {
                return self;
            }
        }
    }
}

/// What there is to say of a schedule that failed.
pub(crate) fn report(schedule: Schedule) -> String {
    let (seed, all) = (schedule.seed, schedule.script.len());
    let schedule = schedule.shrink();
    let Err(Broken { why, story }) = schedule.run(true) else {
        return format!(
            "seed {seed} failed, and did not when it was run again: something does not follow from the seed"
        );
    };
    let acts: Vec<_> = schedule.script.iter().map(|(at, act)| format!("  {at:?} {act:?}")).collect();
    format!(
        "seed {seed}: {why}\n\nof {all} acts these are enough:\n{}\n\nwhat happened last:\n{story}\n\
         hint: TOMBOLA_SIM_SEED={seed} cargo nextest run -p tombola-core --test simulation",
        acts.join("\n")
    )
}
