//! Lanes computed together: one of its own thread on a CPU, all alike at once when fused.

use super::{CheckpointRule, Link, checkpoints::Checkpoints, lane::Lane, segment::Segment};
use crate::{
    error::Result,
    numerics,
    optim::Rule,
    plan::{Common, Fused, LaneStart, Living, Lone, Pack},
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use tch::Kind;
use tombola_spec::{
    outcome::{Failure, FailureClass, Provenance},
    settings::{Dtype, Recipe},
    slot::Event,
    worker::Plan,
};

/// Lanes of equal network, data, batch, numerics and optimizer.
pub(super) struct Group {
    /// What they have in common.
    pub(super) common: Common,
    /// The jobs.
    pub(super) lanes: Vec<Lane>,
    /// What they start from, in the same order.
    pub(super) starts: Vec<LaneStart>,
    /// How they are computed.
    pub(super) provenance: Provenance,
}

impl Group {
    /// Whether a lane can be fused with these.
    pub(super) fn takes(&self, lane: &Lane) -> bool {
        fn in_common(lane: &Lane) -> impl PartialEq + '_ {
            let Recipe { model, data, train, dtype } = &*lane.spec.recipe;
            (
                (&model.name, model.dropout, data, *dtype),
                (train.batch, train.partial, lane.phase(), &train.freeze),
            )
        }
        let alike = |first: &Lane| in_common(first) == in_common(lane);
        self.lanes.first().is_some_and(alike) && self.common.rule == Rule::of(&lane.spec.recipe.train)
    }

    /// Trains the lanes to their ends. Whatever happens, each ends with an event, unless it was cancelled or the stage
    /// halted.
    pub(super) fn train(self, plan: Plan, checkpoints: CheckpointRule, link: &dyn Link) {
        let Self { common, mut lanes, starts, provenance } = self;
        let rule = common.rule;
        let dtype = lanes.first().map_or(Dtype::F32, |lane| lane.spec.recipe.dtype);
        let device = common.examples.device();
        let train = || {
            let mut pack: Box<dyn Pack> = match plan {
                Plan::CpuLanes => {
                    let start = starts.into_iter().next().expect("a group is made with its first lane");
                    match (start.sparse, common.kind) {
                        (true, Kind::Double) => Box::new(Living::<f64>::new(common, &start)?),
                        (true, _) => Box::new(Living::<f32>::new(common, &start)?),
                        (false, _) => Box::new(Lone::new(common, start)?),
                    }
                }
                Plan::Fused => Box::new(Fused::new(common, &starts, provenance.width as usize)?),
            };
            let checkpoints = Checkpoints::new(checkpoints);
            let (pack, lanes, provenance) = (pack.as_mut(), &mut lanes[..], &provenance);
            Segment { pack, lanes, rule, checkpoints, provenance, link }.run()
        };
        let trained = guarded(|| numerics::within(device, dtype, train));
        if let Err(failure) = trained {
            for lane in lanes.iter().filter(|lane| !lane.ended) {
                link.emit(Event::Failed { job: lane.job, failure: failure.clone() });
            }
        }
    }
}

/// Runs `work`; a panic becomes a failure.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    // What a panic leaves half done is dropped by the caller, never used again.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| error.failure()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
            let first = text.lines().next().unwrap_or_default();
            let message =
                format!("the engine panicked: {first}; hint: this is a fault of Tombola, please report it");
            Err(Failure { class: FailureClass::Internal, message })
        }
    }
}
