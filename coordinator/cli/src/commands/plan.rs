//! `tombola plan`: what a sweep would train, before it does.

use super::{Context, read_sweep};
use crate::output::{bytes, count, percent, seconds, table};
use std::{path::PathBuf, process::ExitCode};
use tombola_wire::v1::{PlanRequest, PlanResponse};

/// Show what a sweep would do: trials, jobs, what is shared or done already, steps, bytes, every resolved setting.
#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    /// The sweep file.
    file: PathBuf,
}

impl Plan {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let file = read_sweep(&self.file)?;
        let client = context.connect().await?;
        let plan = client.answer(client.sweeps().plan(PlanRequest { file }).await)?;
        context.printer.show(&plan, || words(&plan))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn words(plan: &PlanResponse) -> String {
    let settings = plan.settings.iter().map(|s| {
        vec![s.name.clone(), s.value.clone(), if s.is_default { "default".to_owned() } else { String::new() }]
    });
    let ladder: Vec<_> = plan.ladder.iter().map(|d| format!("{}: {}", d.round, percent(d.density))).collect();
    let time = match plan.device_seconds {
        0.0 => "unknown (nothing alike was measured yet)".to_owned(),
        measured => seconds(measured),
    };
    format!(
        "{}\n\nsweep {}: {} trials, {} rounds, {} jobs\n  new {}, known from earlier sweeps {}, shared inside the sweep {}\n\
         training iterations: {} to run, {} asked for\nfloating-point operations: {:.3e}\ndevice time: {}\nkept artifacts: {}\n\
         density by round: {}",
        table(&["setting", "value", ""], settings),
        plan.name,
        count(plan.trials.into()),
        count(plan.rounds.into()),
        count(plan.jobs),
        count(plan.jobs_new),
        count(plan.jobs_known),
        count(plan.jobs_shared),
        count(plan.iterations_new),
        count(plan.iterations_asked),
        plan.flops_new,
        time,
        bytes(plan.bytes_kept),
        ladder.join(", "),
    )
}
