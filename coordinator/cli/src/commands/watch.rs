//! `tombola watch`: progress until a sweep is finished.

use super::{Context, list};
use crate::{client::Client, error::Failure, output::Printer};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    collections::HashMap,
    process::ExitCode,
    time::{Duration, Instant},
};
use tombola_wire::v1::{Ended, Running, Sweep, WatchEvent, WatchRequest};

/// Watch a sweep until nothing more of it will run.
///
/// That is when it is finished, failed or cancelled; or stopped, once its running jobs are done. A paused sweep is waited
/// for. What keeps it from getting on, such as a data set no worker has, is said as a warning.
///
/// A bar for the whole, one for each running job, and failures as they come; without a terminal, a line every five
/// percent. With `--output json`, one JSON object per line. A coordinator that restarts is waited for. Leaving with
/// Ctrl-C leaves the sweep alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// The sweep's name or id.
    sweep: String,
}

impl Watch {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let client = context.connect().await?;
        until_finished(&client, context.printer, &self.sweep).await
    }
}

/// Shows events until the sweep is finished; the exit code says whether jobs failed.
pub(crate) async fn until_finished(
    client: &Client,
    printer: &Printer,
    sweep: &str,
) -> anyhow::Result<ExitCode> {
    let mut watching = Watching {
        client,
        sweep,
        view: View::new(printer),
        last: None,
        warnings: Vec::new(),
        heard: Instant::now(),
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

struct Watching<'a> {
    client: &'a Client,
    sweep: &'a str,
    view: View<'a>,
    last: Option<Sweep>,
    /// What keeps it from getting on, as last told.
    warnings: Vec<String>,
    /// When the last event came.
    heard: Instant,
}

impl Watching<'_> {
    /// Shows events until the sweep is finished.
    async fn follow(&mut self) -> anyhow::Result<()> {
        let request = WatchRequest { sweep: self.sweep.to_owned() };
        let mut events = self.client.answer(self.client.sweeps().watch(request).await)?;
        while let Some(event) = self.client.answer(events.message().await.map(tonic::Response::new))? {
            self.view.show(&event)?;
            if event.warnings != self.warnings {
                self.view.printer().warn(&event.warnings);
                self.warnings = event.warnings;
            }
            self.last = event.sweep;
            self.heard = Instant::now();
        }
        Ok(())
    }

    fn may_come_back(&self, error: &anyhow::Error) -> bool {
        let away = matches!(error.downcast_ref(), Some(Failure::Unreachable(_)));
        away && self.last.is_some() && self.heard.elapsed() < PATIENCE
    }
}

/// How events are shown: bars on a terminal, JSON lines for scripts, a line every five percent elsewhere.
enum View<'a> {
    Bars { printer: &'a Printer, whole: ProgressBar, jobs: HashMap<String, ProgressBar> },
    Json(&'a Printer),
    Lines { printer: &'a Printer, percent: Option<u64> },
}

impl<'a> View<'a> {
    fn new(printer: &'a Printer) -> Self {
        if printer.format() == crate::output::Format::Json {
            return Self::Json(printer);
        }
        if !printer.live() {
            return Self::Lines { printer, percent: None };
        }
        let whole = style("{prefix} {bar:30} {percent:>3} %  {msg}  {eta} left");
        let whole = printer.bars().add(ProgressBar::new(0).with_style(whole));
        Self::Bars { printer, whole, jobs: HashMap::new() }
    }

    fn show(&mut self, event: &WatchEvent) -> anyhow::Result<()> {
        match self {
            Self::Json(printer) => return printer.data(&serde_json::to_string(event)?),
            Self::Lines { printer, percent } => show_line(printer, percent, event),
            Self::Bars { printer, whole, jobs } => {
                failed(event).for_each(|line| printer.note(&line));
                if let Some(sweep) = &event.sweep {
                    show_whole(whole, sweep);
                }
                show_jobs(printer.bars(), jobs, &event.running);
            }
        }
        Ok(())
    }

    fn printer(&self) -> &'a Printer {
        match self {
            Self::Json(printer) | Self::Bars { printer, .. } | Self::Lines { printer, .. } => printer,
        }
    }

    fn clear(&self) {
        if let Self::Bars { printer, whole, jobs } = self {
            jobs.values().chain([whole]).for_each(ProgressBar::finish_and_clear);
            // A terminal that went away has nothing left to clear.
            let _ = printer.bars().clear();
        }
    }
}

/// A line for each job that ended without a result.
fn failed(event: &WatchEvent) -> impl Iterator<Item = String> {
    let line = |ended: &Ended| format!("{} ({}) {}: {}", ended.label, ended.job, ended.how, ended.message);
    event.ended.iter().filter(|ended| ended.how != "done").map(line)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants and valid")
}

fn show_whole(bar: &ProgressBar, sweep: &Sweep) {
    let jobs = sweep.jobs.unwrap_or_default();
    let first = bar.length() == Some(0);
    bar.set_length(sweep.iterations);
    bar.set_position(sweep.iterations_done);
    if first {
        // What was done before the watch began says nothing about the pace now.
        bar.reset_eta();
    }
    bar.set_prefix(sweep.name.clone());
    let all = list::all_jobs(sweep);
    let failed = if jobs.failed > 0 { format!(", {} failed", jobs.failed) } else { String::new() };
    bar.set_message(format!("{}/{all} jobs{failed}", jobs.done));
}

fn show_jobs(all: &MultiProgress, bars: &mut HashMap<String, ProgressBar>, running: &[Running]) {
    bars.retain(|job, bar| {
        let still = running.iter().any(|r| r.job == *job);
        if !still {
            bar.finish_and_clear();
            all.remove(bar);
        }
        still
    });
    for job in running {
        let bar = bars.entry(job.job.clone()).or_insert_with(|| {
            all.add(ProgressBar::new(0).with_style(style("  {bar:20} {pos:>6}/{len} it  {msg}")))
        });
        bar.set_length(job.to.saturating_sub(job.from));
        bar.set_position(job.iteration.saturating_sub(job.from));
        bar.set_message(format!("{} on {}", job.label, job.worker));
    }
}

fn show_line(printer: &Printer, percent: &mut Option<u64>, event: &WatchEvent) {
    failed(event).for_each(|line| printer.note(&line));
    let Some(sweep) = &event.sweep else { return };
    // Every five percent: a log is read, not watched.
    let Some(progress) = list::progress(sweep) else { return };
    let now = (progress * 20.0) as u64 * 5;
    if *percent != Some(now) {
        *percent = Some(now);
        let jobs = sweep.jobs.unwrap_or_default();
        printer.note(&format!("{}: {now} %, {} jobs done, {} running", sweep.name, jobs.done, jobs.running));
    }
}
