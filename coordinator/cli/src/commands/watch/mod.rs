//! `tombola watch`: progress until a sweep is finished.

mod troubles;
mod view;

use super::Context;
use crate::{
    client::Client,
    error::Failure,
    output::{Printer, seconds},
};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};
use tombola_wire::v1::{Sweep, WatchEvent, WatchRequest, WorkersRequest};
use troubles::Troubles;
use view::View;

/// Watch a sweep until nothing more of it will run.
///
/// That is when it is finished, failed or cancelled; or stopped, once its running jobs are done. A paused sweep is waited
/// for. What keeps it from getting on, such as a data set no worker has, is said as a warning.
///
/// A bar for the whole, one for each running job, and failures as they come; without a terminal, a line every five
/// percent. A line on standard error tells when a worker comes or goes, when a job is left unfinished and tried again,
/// and when the coordinator does not answer: it is waited for. With `--output json`, standard output has one JSON object
/// per line. Leaving with Ctrl-C leaves the sweep alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// The sweep's name or id.
    sweep: String,
}

impl Watch {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        until_finished_or_left(&client, context.printer, &self.sweep, Vec::new()).await
    }
}

/// [`until_finished`], or until Ctrl-C, which ends nothing but the watching.
pub(super) async fn until_finished_or_left(
    client: &Client,
    printer: &Printer,
    sweep: &str,
    warned: Vec<String>,
) -> anyhow::Result<ExitCode> {
    tokio::select! {
        // The signal first: once anything is shown, it is heard.
        biased;
        left = tokio::signal::ctrl_c() => {
            left?;
            // A terminal that went away has nothing left to clear.
            let _ = printer.bars().clear();
            printer.note(&format!("the sweep goes on; `tombola watch {sweep}` shows it again"));
            Ok(ExitCode::from(130))
        }
        finished = until_finished(client, printer, sweep, warned) => finished,
    }
}

/// Shows events until the sweep is finished; the exit code says whether jobs failed. `warned` was said already.
pub(crate) async fn until_finished(
    client: &Client,
    printer: &Printer,
    sweep: &str,
    warned: Vec<String>,
) -> anyhow::Result<ExitCode> {
    let mut watching = Watching {
        client,
        printer,
        sweep,
        view: View::new(printer),
        last: None,
        warnings: warned,
        silent: None,
        troubles: Troubles::default(),
    };
    while let Err(error) = watching.follow().await {
        if !watching.may_come_back(&error) {
            watching.view.clear();
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
    watching.view.clear();
    let last = watching.last;
    let failed = last.as_ref().and_then(|sweep| sweep.jobs).map_or(0, |jobs| jobs.failed);
    if let Some(sweep) = &last {
        let failed = match failed {
            0 => "no job failed".to_owned(),
            1 => format!("1 job failed; see `tombola failures {}`", sweep.name),
            n => format!("{n} jobs failed; see `tombola failures {}`", sweep.name),
        };
        let again = match sweep.state.as_str() {
            "stopped" => format!("; `tombola resume {}` takes it up again", sweep.name),
            _ => String::new(),
        };
        printer.note(&format!("sweep {}: {}, {failed}{again}", sweep.name, sweep.state));
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// How long a coordinator that answered before may be away: it may be restarting.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(500);
/// How long workers may take to come to a coordinator that has just begun to answer.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Between two looks at who is connected. Also how long a job may be in nobody's hands before that is told.
const LOOK: Duration = Duration::from_secs(2);

struct Watching<'a> {
    client: &'a Client,
    printer: &'a Printer,
    sweep: &'a str,
    view: View<'a>,
    last: Option<Sweep>,
    /// What keeps it from getting on, as last told.
    warnings: Vec<String>,
    /// Since when the coordinator does not answer.
    silent: Option<Instant>,
    troubles: Troubles,
}

impl Watching<'_> {
    /// Shows events until the sweep is finished.
    async fn follow(&mut self) -> anyhow::Result<()> {
        let request = WatchRequest { sweep: self.sweep.to_owned() };
        let mut events = self.client.answer(self.client.sweeps().watch(request).await)?;
        let mut look = tokio::time::interval_at(tokio::time::Instant::now() + ARRIVAL, LOOK);
        loop {
            tokio::select! {
                event = events.message() => match self.client.answer(event.map(tonic::Response::new))? {
                    Some(event) => self.show(event)?,
                    None => return Ok(()),
                },
                _ = look.tick() => self.look().await?,
            }
        }
    }

    fn show(&mut self, event: WatchEvent) -> anyhow::Result<()> {
        if let Some(since) = self.silent.take() {
            self.printer
                .note(&format!("the coordinator is back after {}", seconds(since.elapsed().as_secs_f64())));
        }
        self.troubles.event(&event).iter().for_each(|line| self.printer.note(line));
        self.view.show(&event)?;
        if !event.warnings.is_empty() && event.warnings != self.warnings {
            self.printer.warn(&event.warnings);
            self.warnings = event.warnings;
        }
        self.last = event.sweep;
        Ok(())
    }

    /// Asks who is connected.
    async fn look(&mut self) -> anyhow::Result<()> {
        let workers = self.client.answer(self.client.sweeps().workers(WorkersRequest {}).await)?.workers;
        self.troubles.look(&workers).iter().for_each(|line| self.printer.note(line));
        Ok(())
    }

    /// Whether to wait for it; tells when the waiting begins.
    fn may_come_back(&mut self, error: &anyhow::Error) -> bool {
        if !matches!(error.downcast_ref(), Some(Failure::Unreachable(_))) || self.last.is_none() {
            return false;
        }
        if self.silent.is_none() {
            let patience = PATIENCE.as_secs();
            self.printer
                .note(&format!("the coordinator does not answer; waiting for it, up to {patience} s"));
            self.troubles = Troubles::default();
        }
        self.silent.get_or_insert_with(Instant::now).elapsed() < PATIENCE
    }
}
