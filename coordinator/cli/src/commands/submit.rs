//! `tombola submit`: store a sweep and start it.

use super::{Context, read_sweep, watch};
use crate::output::count;
use std::{path::PathBuf, process::ExitCode};
use tombola_wire::v1::{SubmitRequest, SubmitResponse};

/// Submit a sweep file. Work that was done before, by any sweep, is not done again.
#[derive(Debug, clap::Args)]
pub(crate) struct Submit {
    /// The sweep file.
    file: PathBuf,
    /// Stay and watch until it is finished.
    #[arg(long)]
    watch: bool,
}

impl Submit {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let file = read_sweep(&self.file)?;
        let client = context.connect().await?;
        let answer = client.answer(client.sweeps().submit(SubmitRequest { file }).await)?;
        let name = answer.sweep.as_ref().map_or_else(String::new, |sweep| sweep.name.clone());
        context.printer.show(&answer, || words(&answer))?;
        if self.watch {
            watch::until_finished(&client, context.printer, &name).await
        } else {
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What a submission or an extension came to.
pub(super) fn words(answer: &SubmitResponse) -> String {
    let (id, name) = answer.sweep.as_ref().map_or(("", ""), |sweep| (&sweep.id, &sweep.name));
    let known = match answer.jobs_known {
        0 => String::new(),
        n => format!(", {} shared with earlier work", count(n)),
    };
    match (answer.created, answer.jobs_new) {
        (false, 0) => format!("sweep {name} ({id}) is there already: nothing new to train"),
        (_, new) => format!("sweep {name} ({id}): {} new jobs{known}", count(new)),
    }
}
