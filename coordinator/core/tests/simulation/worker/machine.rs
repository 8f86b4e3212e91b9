//! The machines workers run on: what they have, and what is wrong with them for a while.

use crate::store::Store;
use std::time::Duration;
use tombola_spec::{
    Digest,
    data::known,
    version,
    worker::{DataInfo, DeviceKind, SlotInfo, WorkerInfo},
};

/// A machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) device: DeviceKind,
    /// Lanes of each slot.
    pub(crate) lanes: Vec<u32>,
    /// Lanes that fit into its memory, whatever it says.
    pub(crate) memory: u32,
    /// Every stage fails until then.
    pub(crate) bad_until: Duration,
    /// Stages take long until then.
    pub(crate) slow_until: Duration,
    /// Stages do not get on until then.
    pub(crate) stuck_until: Duration,
    /// It offers data that it cannot read until then.
    pub(crate) lies_about_data_until: Duration,
    /// It has no data, or other content, at a Hello until then.
    pub(crate) lacks_data_until: Duration,
}

impl Machine {
    /// A sound one.
    pub(crate) fn new(device: DeviceKind, lanes: Vec<u32>, memory: u32) -> Self {
        let [bad_until, slow_until, stuck_until] = [Duration::ZERO; 3];
        let [lies_about_data_until, lacks_data_until] = [Duration::ZERO; 2];
        Self {
            device,
            lanes,
            memory,
            bad_until,
            slow_until,
            stuck_until,
            lies_about_data_until,
            lacks_data_until,
        }
    }

    /// Everything that is wrong with it is mended.
    pub(crate) fn mend(&mut self) {
        *self = Self::new(self.device, std::mem::take(&mut self.lanes), self.memory);
    }

    /// How its worker introduces itself.
    pub(crate) fn info(&self, name: &str, now: Duration, store: &Store) -> WorkerInfo {
        let slot = |(index, lanes): (u32, &u32)| SlotInfo {
            device: self.device,
            index,
            name: String::new(),
            memory: 0,
            lanes: *lanes,
            widths: Vec::new(),
        };
        let components = version::components().into_iter().map(|(name, version)| (name.to_owned(), version));
        WorkerInfo {
            name: name.to_owned(),
            host: "simulated".to_owned(),
            version: "0.1.0".to_owned(),
            components: components.collect(),
            slots: (0..).zip(&self.lanes).map(slot).collect(),
            data: self.data(now, store),
            data_folder: String::new(),
            patience_s: 0,
        }
    }

    /// Other content than the others' is offered only once a name is bound: the first content seen is the right one.
    fn data(&self, now: Duration, store: &Store) -> Vec<DataInfo> {
        let lacks = self.lacks_data_until > now;
        let shape = known("mnist").expect("a known data set");
        let info = |digest| DataInfo { set: "mnist".to_owned(), digest, shape };
        match (lacks, store.data.is_empty()) {
            (false, _) => vec![info(Digest::of(b"mnist"))],
            (true, true) => Vec::new(),
            (true, false) => vec![info(Digest::of(b"another mnist"))],
        }
    }
}
