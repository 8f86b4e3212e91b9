//! Workers, for people.

use super::Sweeps;
use crate::Error;
use tombola_core::schedule::{Event, SlotView, WorkerView};
use tombola_spec::{JobId, WorkerId, worker::SlotInfo};
use tombola_wire::v1;

impl Sweeps {
    pub(super) async fn all_workers(&self) -> Result<v1::WorkersResponse, Error> {
        let workers = self.driver.read(|scheduler, now| scheduler.workers(now)).await?;
        Ok(v1::WorkersResponse { workers: workers.into_iter().map(to_wire).collect() })
    }

    /// Drains a worker, given by name or id (`w2`).
    pub(super) async fn drain_worker(&self, what: &str) -> Result<v1::DrainResponse, Error> {
        let id: Option<WorkerId> =
            what.strip_prefix('w').and_then(|digits| digits.parse().ok()).map(WorkerId);
        let workers = self.driver.read(|scheduler, now| scheduler.workers(now)).await?;
        let by_name = workers.iter().find(|worker| worker.name == what);
        let worker = by_name.or_else(|| workers.iter().find(|worker| Some(worker.worker) == id));
        let Some(WorkerView { worker, .. }) = worker else {
            let what =
                format!("there is no worker `{what}`\nhint: `tombola workers` lists the connected ones");
            return Err(Error::NotFound(what));
        };
        self.driver.tell(Event::Drain { worker: *worker }).await?;
        Ok(v1::DrainResponse {})
    }
}

fn to_wire(view: WorkerView) -> v1::Worker {
    let WorkerView { worker, name, state, info, slots, silent_s } = view;
    let (host, version, known, data, data_folder) = info.map_or_else(Default::default, |info| {
        let data = info.data.into_iter().map(|data| data.set).collect();
        (info.host, info.version, info.slots, data, info.data_folder)
    });
    let described = known.into_iter().map(Some).chain(std::iter::repeat(None));
    v1::Worker {
        id: worker.to_string(),
        name,
        host,
        state: state.to_owned(),
        version,
        slots: slots.into_iter().zip(described).map(|(slot, info)| slot_to_wire(&slot, info)).collect(),
        data,
        seconds_since_heartbeat: silent_s,
        data_folder,
    }
}

fn slot_to_wire(slot: &SlotView, info: Option<SlotInfo>) -> v1::WorkerSlot {
    let (device, name, lanes) =
        info.map_or_else(Default::default, |info| (info.device.name().to_owned(), info.name, info.lanes));
    let jobs = slot.running.iter().map(JobId::to_string).collect();
    let queued = u32::try_from(slot.queued.len()).unwrap_or(u32::MAX);
    v1::WorkerSlot { device, name, lanes, jobs, queued, out_of_service: slot.out.clone().unwrap_or_default() }
}
