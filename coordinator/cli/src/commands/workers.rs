//! `tombola workers`: who works, on what.

use super::Context;
use crate::output::table;
use std::process::ExitCode;
use tombola_wire::v1::{Worker, WorkersRequest};

/// List workers, their slots and data sets.
#[derive(Debug, clap::Args)]
pub(crate) struct Workers {}

impl Workers {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        let answer = client.answer(client.sweeps().workers(WorkersRequest {}).await)?;
        context.printer.show(&answer, || {
            if answer.workers.is_empty() {
                return "no workers; add one with `tombola-worker --coordinator HOST:PORT`".to_owned();
            }
            let mut shown = table(
                &["id", "name", "state", "slot", "lanes", "running", "queued", "data", "seen"],
                answer.workers.iter().flat_map(rows),
            );
            answer.workers.iter().flat_map(troubles).for_each(|trouble| shown.push_str(&trouble));
            shown
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// One line per slot; the worker's own columns only on the first.
fn rows(worker: &Worker) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (index, slot) in worker.slots.iter().enumerate() {
        let first = |text: String| if index == 0 { text } else { String::new() };
        rows.push(vec![
            first(worker.id.clone()),
            first(worker.name.clone()),
            first(worker.state.clone()),
            format!("{} {}", slot.device, slot.name),
            slot.lanes.to_string(),
            slot.jobs.join(" "),
            slot.queued.to_string(),
            first(worker.data.join(" ")),
            first(format!("{:.0} s ago", worker.seconds_since_heartbeat)),
        ]);
    }
    rows
}

/// Slots that take nothing, a line each.
fn troubles(worker: &Worker) -> impl Iterator<Item = String> + '_ {
    let out = worker.slots.iter().enumerate().filter(|(_, slot)| !slot.out_of_service.is_empty());
    out.map(|(number, slot)| {
        format!("\nslot {number} of {} is out of service: {}", worker.name, slot.out_of_service)
    })
}
