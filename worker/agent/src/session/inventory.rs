//! What a worker has to offer, learned by starting every engine. A slot that cannot work stops the worker from starting.

use crate::{
    config::SlotSpec,
    error::{AgentError, Result},
    executor::{Engine, Executor},
    slot::{Introduction, introduced},
};
use futures::future::try_join_all;
use std::time::Duration;
use tombola_spec::{
    version,
    worker::{DataInfo, SlotInfo, WorkerInfo},
};

/// What a worker has to offer.
pub struct Inventory {
    /// Its slots.
    pub slots: Vec<SlotInfo>,
    /// Data sets it holds.
    pub data: Vec<DataInfo>,
    /// Data sets that are there but unusable: name and reason.
    pub unusable: Vec<(String, String)>,
    /// libtorch version.
    pub libtorch: String,
    /// Of each slot, what is used of measurements of its device, for people; empty = there are none.
    pub calibrations: Vec<String>,
    /// The engines, ready, in the order of the slots.
    pub(crate) engines: Vec<Engine>,
}

/// Starts the engine of every slot and takes down what they say; each may take `patience` to be ready.
///
/// # Errors
/// When there is no slot, or one cannot work; the message names the slot and says what to do.
pub async fn inventory(executor: &dyn Executor, slots: &[SlotSpec], patience: Duration) -> Result<Inventory> {
    let start = |number: usize| introduced(executor, number, slots[number], patience);
    let Some(others) = slots.len().checked_sub(1) else {
        let (what, hint) =
            ("a worker without slots".to_owned(), "name at least one, such as `cpu`".to_owned());
        return Err(AgentError::Setting { what, hint });
    };
    // The first one digests the data sets and leaves a note; the others then need not.
    let first = start(0).await?;
    let others = try_join_all((1..=others).map(start)).await?;
    let (engines, said): (Vec<Engine>, Vec<Introduction>) = [first].into_iter().chain(others).unzip();
    let slot = |(spec, said): (&SlotSpec, &Introduction)| SlotInfo {
        device: spec.device,
        index: spec.index,
        name: said.name.clone(),
        memory: said.memory,
        lanes: spec.lanes,
        widths: said.widths.iter().map(|width| spec.bounded(width)).collect(),
    };
    let slots = slots.iter().zip(&said).map(slot).collect();
    let calibrations = said.iter().map(|said| said.calibration.clone()).collect();
    let Introduction { data, unusable, libtorch, .. } = said.into_iter().next().unwrap_or_default();
    Ok(Inventory { slots, data, unusable, libtorch, calibrations, engines })
}

impl Inventory {
    /// The introduction of a worker called `name`, as JSON.
    pub(super) fn info_json(&self, name: &str, data_folder: &str, patience: Duration) -> String {
        serde_json::to_string(&self.info(name, data_folder, patience))
            .expect("a worker's introduction has string keys and finite numbers")
    }

    fn info(&self, name: &str, data_folder: &str, patience: Duration) -> WorkerInfo {
        let components = version::components().into_iter();
        let components = components.map(|(name, version)| (name.to_owned(), version)).collect();
        WorkerInfo {
            name: name.to_owned(),
            host: host(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            components,
            slots: self.slots.clone(),
            data: self.data.clone(),
            data_folder: data_folder.to_owned(),
            patience_s: patience.as_secs(),
        }
    }

    /// Says what was found, once, in the log.
    pub(super) fn log(&self) {
        for (number, slot) in self.slots.iter().enumerate() {
            let (device, name, lanes) = (slot.device.name(), &slot.name, slot.lanes);
            tracing::info!(
                slot = number,
                device,
                index = slot.index,
                name,
                lanes,
                "slot.ready: an engine waits"
            );
        }
        for (slot, told) in self.calibrations.iter().enumerate().filter(|(_, told)| !told.is_empty()) {
            tracing::info!(slot, told, "slot.calibration: widths follow from measurements");
        }
        for (set, reason) in &self.unusable {
            tracing::warn!(set, reason, "data.unusable: this data set is not offered");
        }
        let sets: Vec<&str> = self.data.iter().map(|data| data.set.as_str()).collect();
        let sets = sets.join(", ");
        if sets.is_empty() {
            tracing::warn!("data.none: no data set was found, so training jobs go to other workers");
        } else {
            tracing::info!(sets, "data.found: these data sets are offered");
        }
    }
}

/// This machine's name.
fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
