//! The processes of `tombola up`: one coordinator, some workers, started, kept running and stopped in order.

mod child;
mod join;
mod log;

use crate::{client::Client, commands::up::Device, error::Failure, output::Printer, places};
use child::Child;
pub(crate) use child::program;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) state: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) listen: String,
    /// Let other machines in without TLS and tokens.
    pub(crate) insecure: bool,
    pub(crate) workers: u32,
    pub(crate) device: Device,
    pub(crate) lanes: u32,
}

/// The processes of one `tombola up`, those that are still starting included.
pub(crate) struct Supervisor {
    plan: Plan,
    coordinator: Mutex<Option<Child>>,
    workers: Mutex<Vec<Child>>,
}

/// How long the coordinator may take to answer after its start.
const START: Duration = Duration::from_secs(30);
/// How long workers may take to checkpoint and leave.
const DRAIN: Duration = Duration::from_secs(20);

impl Supervisor {
    /// Nothing runs yet.
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, coordinator: Mutex::default(), workers: Mutex::default() }
    }

    /// Starts the coordinator, waits until it answers, then starts the workers. Given up halfway, it leaves processes
    /// that [`Supervisor::stop`] ends.
    pub(crate) async fn start(&self, printer: &Printer) -> anyhow::Result<Client> {
        let plan = &self.plan;
        // Before anything is started and has to be stopped again.
        nobody_serves(plan).await?;
        port_is_free(&plan.listen)?;
        program("tombola-coordinator")?;
        if plan.workers > 0 {
            program("tombola-worker")?;
        }
        std::fs::create_dir_all(plan.state.join("log")).map_err(|e| {
            Failure::Input(format!("cannot make the state folder `{}`: {e}", plan.state.display()))
        })?;
        let (address, client) = self.start_coordinator().await?;
        printer.note(&format!("coordinator at {address}, state in {}", plan.state.display()));
        if let Some(command) = join::open(plan, &client, &address).await? {
            printer.note(&format!("to add a worker on another host, run there:\n  {command}"));
            let as_operator = if plan.state == places::state_folder() {
                String::new()
            } else {
                let file = plan.state.join(places::OPERATOR_FILE);
                format!(" --coordinator {address} --token-file {}", file.display())
            };
            printer.note(&format!(
                "to let people in: `tombola token create --role client --name NAME{as_operator}`"
            ));
        }
        let mut workers = self.workers.lock().await;
        for number in 1..=plan.workers {
            workers.push(start_worker(plan, &address, number)?);
        }
        let (data, logs) = (plan.data.display(), plan.state.join("log"));
        printer.note(&format!("{} workers, data in {data}, logs in {}", plan.workers, logs.display()));
        Ok(client)
    }

    async fn start_coordinator(&self) -> anyhow::Result<(String, Client)> {
        let plan = &self.plan;
        let arguments = coordinator_arguments(plan, &plan.listen);
        let mut coordinator = self.coordinator.lock().await;
        let coordinator =
            coordinator.insert(Child::spawn("coordinator", "tombola-coordinator", &arguments, plan)?);
        let (address, client) = first_answer(plan, coordinator).await?;
        // Workers look for it where it was, whatever port it was free to choose.
        let (host, port) = (plan.listen.rsplit_once(':'), address.rsplit_once(':'));
        let listen = host.zip(port).map(|((host, _), (_, port))| format!("{host}:{port}"));
        coordinator.restart_with(coordinator_arguments(plan, listen.as_deref().unwrap_or(&plan.listen)));
        Ok((address, client))
    }

    /// Starts processes again that end by themselves, not workers that were drained; returns when one keeps ending.
    pub(crate) async fn keep_running(&self, printer: &Printer) -> anyhow::Error {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Err(error) = self.revive(printer).await {
                return error;
            }
        }
    }

    async fn revive(&self, printer: &Printer) -> anyhow::Result<()> {
        if let Some(coordinator) = &mut *self.coordinator.lock().await {
            coordinator.revive(printer)?;
        }
        let mut workers = self.workers.lock().await;
        // Started again at once, a drained worker would take up what it has just given back.
        workers.retain_mut(|worker| {
            let drained = worker.left_as_asked();
            if drained {
                printer.note(&format!(
                    "{} was drained and stays away; stop this and start `tombola up` again to have it back",
                    worker.name()
                ));
            }
            !drained
        });
        workers.iter_mut().try_for_each(|worker| worker.revive(printer))
    }

    /// Lets workers checkpoint and leave, then ends the coordinator. Whatever was started has ended afterwards.
    pub(crate) async fn stop(self, printer: &Printer) {
        let Some(mut coordinator) = self.coordinator.into_inner() else { return };
        printer.note("stopping: workers give back their work, checkpoints are kept");
        let mut workers = self.workers.into_inner();
        workers.iter().for_each(Child::terminate);
        let deadline = Instant::now() + DRAIN;
        for worker in &mut workers {
            worker.wait_or_kill(deadline).await;
        }
        coordinator.terminate();
        coordinator.wait_or_kill(Instant::now() + DRAIN).await;
        printer.note("coordinator stopped");
    }
}

fn coordinator_arguments(plan: &Plan, listen: &str) -> Vec<String> {
    let state = plan.state.display().to_string();
    let mut arguments = ["--state", &state, "--listen", listen].map(str::to_owned).to_vec();
    arguments.extend(plan.insecure.then(|| "--insecure".to_owned()));
    arguments
}

fn start_worker(plan: &Plan, address: &str, number: u32) -> anyhow::Result<Child> {
    let name = format!("worker-{number}");
    let slot = match plan.device {
        Device::Cpu => format!("cpu={}", plan.lanes),
        Device::Cuda => format!("cuda:{}={}", number - 1, plan.lanes),
    };
    let folder = plan.state.join("workers").join(&name);
    let arguments = [
        ("--coordinator", address.to_owned()),
        ("--name", name.clone()),
        ("--dir", folder.display().to_string()),
        ("--data", plan.data.display().to_string()),
        ("--slots", slot),
    ];
    let token = join::file(plan).map(|file| ("--token-file", file));
    let arguments: Vec<String> =
        arguments.into_iter().chain(token).flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    Child::spawn(&name, "tombola-worker", &arguments, plan)
}

/// Fails if a coordinator serves this state already: its address would be taken for that of the one started here. An
/// address that one left when it was killed is removed.
async fn nobody_serves(plan: &Plan) -> anyhow::Result<()> {
    let Some(address) = places::address_in(&plan.state) else { return Ok(()) };
    if Client::local(&plan.state, &address).await.is_ok() {
        anyhow::bail!(
            "a coordinator at {address} serves `{}` already\n\
             hint: use it (`tombola --coordinator {address} list`), stop it first, or name another folder with --state",
            plan.state.display()
        );
    }
    let file = plan.state.join(places::ADDRESS_FILE);
    std::fs::remove_file(&file).map_err(|e| anyhow::anyhow!("cannot remove `{}`: {e}", file.display()))
}

/// Fails if somebody listens on this address already. What else is wrong with it, the coordinator says.
fn port_is_free(listen: &str) -> anyhow::Result<()> {
    match std::net::TcpListener::bind(listen) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => anyhow::bail!(
            "cannot listen on {listen}: the port is in use\n\
             hint: perhaps by your own `tombola up`: use that (its address is {listen}, see `tombola --coordinator \
             {listen} list`), or let this one have any free port: `--listen 127.0.0.1:0`"
        ),
        _ => Ok(()),
    }
}

/// Waits until the coordinator answers at the address it wrote down.
async fn first_answer(plan: &Plan, coordinator: &mut Child) -> anyhow::Result<(String, Client)> {
    let deadline = Instant::now() + START;
    loop {
        coordinator.still_running()?;
        if let Some(address) = places::address_in(&plan.state)
            && let Ok(client) = Client::local(&plan.state, &address).await
        {
            return Ok((address, client));
        }
        if Instant::now() > deadline {
            let log = coordinator.log().display();
            return Err(
                Failure::Unreachable(format!("the coordinator does not answer; its log is {log}")).into()
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
