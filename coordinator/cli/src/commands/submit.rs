//! `tombola submit`: store a sweep and start it.

use super::{Context, list, read_sweep, watch};
use crate::{files, output::count};
use std::{path::PathBuf, process::ExitCode};
use tombola_wire::v1::{SubmitRequest, SubmitResponse};

/// Store a sweep and start it.
///
/// Work that was done before, by any sweep, is not done again. Submitting the same file twice is harmless.
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
        let sweep = read_sweep(&self.file)?;
        let client = context.connect().await?;
        files::send(&client, &sweep.files).await?;
        let file = sweep.text;
        let answer = client.answer(client.sweeps().submit(SubmitRequest { file }).await)?;
        let name = answer.sweep.as_ref().map_or_else(String::new, |sweep| sweep.name.clone());
        if self.watch {
            // Standard output is the events' alone, so that `--output json` stays one object a line.
            context.printer.note(&words(&answer));
            context.printer.warn(&answer.warnings);
            return watch::until_finished_or_left(&client, context.printer, &name, answer.warnings).await;
        }
        context.printer.show(&answer, || words(&answer))?;
        context.printer.warn(&answer.warnings);
        Ok(ExitCode::SUCCESS)
    }
}

fn there_already(answer: &SubmitResponse) -> String {
    let Some(sweep) = &answer.sweep else { return "the sweep is there already".to_owned() };
    let done = sweep.jobs.unwrap_or_default().done;
    let (name, id, done, all) = (&sweep.name, &sweep.id, count(done), count(list::all_jobs(sweep)));
    format!("sweep {name} ({id}) asks for nothing new: {done} of {all} jobs are done")
}

/// What a submission or an extension came to.
pub(super) fn words(answer: &SubmitResponse) -> String {
    let (id, name) = answer.sweep.as_ref().map_or(("", ""), |sweep| (&sweep.id, &sweep.name));
    let new = match answer.jobs_new {
        0 if !answer.created => return there_already(answer),
        0 => "nothing new to train".to_owned(),
        1 => "1 new job".to_owned(),
        n => format!("{} new jobs", count(n)),
    };
    let known = match answer.jobs_known {
        0 => String::new(),
        n => format!(", {} shared with earlier work", count(n)),
    };
    let more = if answer.sweep.as_ref().is_some_and(|sweep| sweep.decides) {
        "; more may follow as results decide"
    } else {
        ""
    };
    format!("sweep {name} ({id}): {new}{known}{more}")
}
