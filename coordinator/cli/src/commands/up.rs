//! `tombola up`: coordinator and local workers in one command, state in one folder.

use super::{Context, Sweep, read_sweep, report, results, watch};
use crate::{
    client::Client,
    files,
    output::Printer,
    places,
    up::{Plan, Supervisor},
};
use clap::Arg;
use std::{
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tombola_settings::folders;
use tombola_wire::v1::{SubmitRequest, SweepRef};

/// Run a coordinator and workers on this machine, until Ctrl-C.
///
/// State is in one folder (embedded SQLite, artifacts, logs). Starting it again goes on where it stopped: finished
/// rounds stay, running ones resume from their checkpoints.
///
/// A process that breaks down is started again; a worker that was drained (`tombola drain`) stays away until `tombola up`
/// is started again. Logs are JSON, an event a line; with TOMBOLA_WORKER_LOG__FORMAT=text and
/// TOMBOLA_COORDINATOR_LOG__FORMAT=text they are text.
#[derive(Debug, clap::Args)]
#[command(arg = no_coordinator())]
pub(crate) struct Up {
    /// State folder (database, artifacts, logs); default `tombola` in $XDG_STATE_HOME, else ~/.local/state. On a local disk.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Workers to start; default one per core. 0 = coordinator only.
    #[arg(long, value_name = "N")]
    workers: Option<u32>,
    /// Folder of data sets, one sub-folder each; default `tombola/data` in $XDG_DATA_HOME, else
    /// ~/.local/share.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Device of each worker's slot.
    #[arg(long, value_enum, default_value_t = Device::Cpu)]
    device: Device,
    /// Packs of up to this many lanes per worker; default 1 on a CPU, 32 on a GPU.
    #[arg(long, value_name = "N")]
    lanes: Option<NonZeroU32>,
    /// Address to listen on; default 127.0.0.1:7654, any free port with --run. On one that other machines reach, such as
    /// 0.0.0.0:7654, it makes a certificate and a token, and says how workers join from other hosts.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Let other machines in without TLS and tokens: whoever reaches the port may do everything.
    #[arg(long)]
    insecure: bool,
    /// Submit this sweep file, watch it, print its results, and leave when it is finished.
    #[arg(long, value_name = "FILE")]
    run: Option<PathBuf>,
    /// With --run: write the report page here.
    #[arg(long, value_name = "FILE", requires = "run")]
    report: Option<PathBuf>,
}

/// In place of the global option, which makes no sense here.
fn no_coordinator() -> Arg {
    let refuse =
        |_: &str| Err::<String, _>("`up` starts a coordinator of its own; --listen chooses its address");
    Arg::new("coordinator").long("coordinator").hide(true).value_parser(refuse)
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
        let file = self.run.as_deref().map(read_sweep).transpose()?;
        let plan = self.plan();
        let again = format!("stopped; `tombola up --state {}` goes on from here", plan.state.display());
        // From here on they are listened to: at their default they would end this process and no other.
        let mut interrupts = Interrupts::listen()?;
        let supervisor = Supervisor::new(plan);
        let result = tokio::select! {
            result = work(&supervisor, context, file, self.report.as_deref()) => Some(result),
            () = interrupts.next() => None,
        };
        supervisor.stop(context.printer).await;
        result.unwrap_or_else(|| {
            context.printer.note(&again);
            Ok(ExitCode::from(130))
        })
    }

    fn plan(&self) -> Plan {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        let gpu = self.device == Device::Cuda;
        let any_port = if self.run.is_some() { "127.0.0.1:0" } else { "127.0.0.1:7654" };
        Plan {
            state: self.state.clone().unwrap_or_else(places::state_folder),
            data: self.data.clone().unwrap_or_else(folders::user_data),
            listen: self.listen.clone().unwrap_or_else(|| any_port.to_owned()),
            insecure: self.insecure,
            workers: self.workers.unwrap_or(if gpu { 1 } else { cores }),
            device: self.device,
            lanes: self.lanes.map_or(if gpu { 32 } else { 1 }, NonZeroU32::get),
        }
    }
}

/// Starts everything and keeps it running. With a sweep: until it is finished and shown. Without: for ever.
async fn work(
    supervisor: &Supervisor,
    context: &Context<'_>,
    file: Option<Sweep>,
    report_file: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let client = supervisor.start(context.printer).await?;
    let asked = async {
        match file {
            Some(file) => run_sweep(&client, context.printer, file, report_file).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        result = asked => result,
        error = supervisor.keep_running(context.printer) => Err(error),
    }
}

/// Submits, watches, shows, reports.
async fn run_sweep(
    client: &Client,
    printer: &Printer,
    sweep: Sweep,
    report_file: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    files::send(client, &sweep.files).await?;
    let file = sweep.text;
    let submitted = client.answer(client.sweeps().submit(SubmitRequest { file }).await)?;
    printer.note(&super::submit::words(&submitted));
    let name = submitted.sweep.map_or_else(String::new, |sweep| sweep.name);
    let code = watch::until_finished(client, printer, &name, Vec::new()).await?;
    let answer = client.answer(client.sweeps().results(SweepRef { sweep: name.clone() }).await)?;
    let table = results::words(client, &name, &answer).await?;
    printer.show(&answer, || {
        format!("{table}\n\nThe same in SQL (`tombola sql`, sqlite3, psql):\n\n{}", answer.sql)
    })?;
    if let Some(report_file) = report_file {
        report::write(client, &name, report_file).await?;
        printer.note(&format!("report written to {}", report_file.display()));
    }
    Ok(code)
}

/// Ctrl-C, a request to end, a terminal that is closed.
struct Interrupts([Signal; 3]);

impl Interrupts {
    fn listen() -> io::Result<Self> {
        let [interrupt, terminate, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
        Ok(Self([interrupt?, terminate?, hangup?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
            _ = hangup.recv() => (),
        }
    }
}
