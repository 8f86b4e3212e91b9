//! What watching looks like: bars on a terminal, JSON lines for scripts, a line every five percent elsewhere.

use crate::{
    commands::list,
    output::{Format, Printer},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use tombola_wire::v1::{Ended, Running, Sweep, WatchEvent};

/// How events are shown: bars on a terminal, JSON lines for scripts, a line every five percent elsewhere.
pub(super) enum View<'a> {
    Bars { printer: &'a Printer, whole: ProgressBar, jobs: HashMap<String, ProgressBar> },
    Json(&'a Printer),
    Lines { printer: &'a Printer, shown: Shown },
}

impl<'a> View<'a> {
    pub(super) fn new(printer: &'a Printer) -> Self {
        if printer.format() == Format::Json {
            return Self::Json(printer);
        }
        if !printer.live() {
            return Self::Lines { printer, shown: Shown::default() };
        }
        let whole = style("{prefix} {bar:30} {percent:>3} %  {msg}  {eta} left");
        let whole = printer.bars().add(ProgressBar::new(0).with_style(whole));
        Self::Bars { printer, whole, jobs: HashMap::new() }
    }

    pub(super) fn show(&mut self, event: &WatchEvent) -> anyhow::Result<()> {
        match self {
            Self::Json(printer) => return printer.data(&serde_json::to_string(event)?),
            Self::Lines { printer, shown } => show_line(printer, shown, event),
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

    pub(super) fn clear(&self) {
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
    let more = if sweep.decides { ", more may follow" } else { "" };
    bar.set_message(format!("{}/{all} jobs{failed}{more}", jobs.done));
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
            // Masks and analyses have no iterations to count.
            let counts =
                if job.to > job.from { "  {bar:20} {pos:>6}/{len} it  {msg}" } else { "  {spinner} {msg}" };
            all.add(ProgressBar::new(0).with_style(style(counts)))
        });
        bar.set_length(job.to.saturating_sub(job.from));
        bar.set_position(job.iteration.saturating_sub(job.from));
        bar.set_message(format!("{} on {}", job.label, job.worker));
    }
}

fn show_line(printer: &Printer, shown: &mut Shown, event: &WatchEvent) {
    failed(event).for_each(|line| printer.note(&line));
    let Some(sweep) = &event.sweep else { return };
    let jobs = sweep.jobs.unwrap_or_default();
    let (name, done, running) = (&sweep.name, jobs.done, jobs.running);
    if sweep.decides {
        // Of what is not known yet nobody knows a percentage; every tenth job more.
        if shown.done.is_none_or(|last| done >= last + (last / 10).max(1)) {
            shown.done = Some(done);
            printer.note(&format!("{name}: {done} jobs done, {running} running, more may follow"));
        }
        return;
    }
    // Every five percent: a log is read, not watched.
    let Some(progress) = list::progress(sweep) else { return };
    let now = (progress * 20.0) as u64 * 5;
    if shown.percent != Some(now) {
        shown.percent = Some(now);
        printer.note(&format!("{name}: {now} %, {done} jobs done, {running} running"));
    }
}

/// What was last shown in a line.
#[derive(Debug, Default)]
pub(super) struct Shown {
    percent: Option<u64>,
    /// Jobs, of a sweep that more may follow of.
    done: Option<u64>,
}
