//! All slots of a worker, at work in tasks of their own.

use super::{Order, Slot, Told, engine::Keeper};
use crate::{
    Options,
    artifacts::Artifacts,
    executor::{Engine, Executor},
    folder::Folder,
    progress::Progress,
};
use std::sync::Arc;
use tokio::{sync::mpsc, task::JoinSet};

/// Words of slots that may wait to be heard.
const UNHEARD: usize = 256;

/// The slots; dropping it ends them and their engines.
pub(crate) struct Crew {
    orders: Vec<mpsc::UnboundedSender<Order>>,
    /// What slots tell.
    pub(crate) told: mpsc::Receiver<(usize, Told)>,
    tasks: JoinSet<()>,
}

impl Crew {
    /// Puts a slot to work with each of `engines`, which are ready.
    pub(crate) fn start(
        options: &Options,
        executor: &Arc<dyn Executor>,
        engines: Vec<Engine>,
        folder: &Folder,
        artifacts: &Artifacts,
        progress: &Progress,
    ) -> Self {
        let (voice, told) = mpsc::channel(UNHEARD);
        let (mut orders, mut tasks) = (Vec::new(), JoinSet::new());
        let patience = options.limits.stuck_after;
        for (number, (&spec, engine)) in options.slots.iter().zip(engines).enumerate() {
            let (sender, receiver) = mpsc::unbounded_channel();
            let slot = Slot {
                number,
                keeper: Keeper::new(Arc::clone(executor), number, spec, patience, engine),
                artifacts: artifacts.clone(),
                folder: folder.slot(number),
                limits: options.limits,
                progress: progress.clone(),
                orders: receiver,
                told: voice.clone(),
                stages: 0,
                broken: false,
            };
            orders.push(sender);
            tasks.spawn(slot.run());
        }
        Self { orders, told, tasks }
    }

    /// Tells a slot what to do.
    pub(crate) fn order(&self, slot: usize, order: Order) {
        // A slot ends before its crew only by a fault of ours, which its task has logged by panicking.
        let _ = self.orders[slot].send(order);
    }

    /// Ends all slots, and waits until their engines have been told to end.
    pub(crate) async fn dismiss(mut self) {
        self.tasks.shutdown().await;
    }
}
