//! `tombola up`: coordinator and local workers in one command, state in one folder.

use super::{Context, read_sweep, report, watch};
use crate::{
    client::Client,
    places,
    report::table as results_table,
    up::{Plan, Supervisor},
};
use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tombola_wire::v1::{SubmitRequest, SweepRef};

/// Run a coordinator and workers on this machine, until Ctrl-C.
///
/// State is in one folder (embedded SQLite, artifacts, logs). Starting it again goes on where it stopped: finished
/// rounds stay, running ones resume from their checkpoints.
#[derive(Debug, clap::Args)]
pub(crate) struct Up {
    /// State folder (database, artifacts, logs); default `$XDG_STATE_HOME/tombola`. On a local disk.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Workers to start; default one per core. 0 = coordinator only.
    #[arg(long, value_name = "N")]
    workers: Option<u32>,
    /// Folder of data sets, one sub-folder each; default `$XDG_DATA_HOME/tombola/data`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Device of each worker's slot.
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// Packs of up to this many lanes per worker; default 1 on a CPU, 32 on a GPU.
    #[arg(long, value_name = "N")]
    lanes: Option<NonZeroU32>,
    /// Address to listen on; default 127.0.0.1:7654, any free port with --run.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Submit this sweep file, watch it, print its results, and leave when it is finished.
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// With --run: write the report page here.
    #[arg(long, value_name = "FILE", requires = "run")]
    report: Option<PathBuf>,
}

/// A kind of slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Device {
    /// Processor cores.
    Cpu,
    /// NVIDIA GPUs, one worker each.
    Cuda,
}

impl Up {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        // Mistakes in the file are found before anything is started.
        let file = self.run.as_deref().map(read_sweep).transpose()?.map(|sweep| sweep.text);
        let plan = self.plan();
        let supervisor = Supervisor::start(&plan, context.printer).await?;
        let result = tokio::select! {
            result = work(supervisor.client(), context, file, self.report.as_deref()) => result,
            error = supervisor.keep_running(context.printer) => Err(error),
            () = interrupted() => Ok(ExitCode::from(130)),
        };
        supervisor.stop(context.printer).await;
        if matches!(&result, Ok(code) if *code == ExitCode::from(130)) {
            context
                .printer
                .note(&format!("stopped; `tombola up --state {}` goes on from here", plan.state.display()));
        }
        result
    }

    fn plan(&self) -> Plan {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let gpu = self.device == Device::Cuda;
        let any_port = if self.run.is_some() { "127.0.0.1:0" } else { "127.0.0.1:7654" };
        Plan {
            state: self.state.clone().unwrap_or_else(places::state_folder),
            data: self.data.clone().unwrap_or_else(places::data_folder),
            listen: self.listen.clone().unwrap_or_else(|| any_port.to_owned()),
            workers: self.workers.unwrap_or(if gpu { 1 } else { cores }),
            device: self.device,
            lanes: self.lanes.map_or(if gpu { 32 } else { 1 }, NonZeroU32::get),
        }
    }
}

/// With a sweep: submit, watch, show, report. Without: wait for ever.
async fn work(
    client: &Client,
    context: &Context<'_>,
    file: Option<String>,
    report_file: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let Some(file) = file else { return std::future::pending().await };
    let printer = context.printer;
    let submitted = client.answer(client.sweeps().submit(SubmitRequest { file }).await)?;
    printer.note(&super::submit::words(&submitted));
    let name = submitted.sweep.map_or_else(String::new, |sweep| sweep.name);
    let code = watch::until_finished(client, printer, &name).await?;
    let results = client.answer(client.sweeps().results(SweepRef { sweep: name.clone() }).await)?;
    printer.show(&results, || {
        let table = results_table::render(&results);
        format!("{table}\n\nThe same in SQL (`tombola sql`, sqlite3, psql):\n\n{}", results.sql)
    })?;
    if let Some(report_file) = report_file {
        report::write(client, &name, report_file).await?;
        printer.note(&format!("report written to {}", report_file.display()));
    }
    Ok(code)
}

/// Ctrl-C or a request to end.
async fn interrupted() {
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    match terminate {
        Ok(mut terminate) => tokio::select! {
            _ = tokio::signal::ctrl_c() => (),
            _ = terminate.recv() => (),
        },
        // Without a handler for it, the default action ends the process: no worse than not listening.
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
