//! `tombola fetch`: a ticket as a folder PyTorch loads.

use super::Context;
use crate::{
    client::Client,
    output::{Printer, bytes},
};
use indicatif::ProgressBar;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    str::FromStr,
    time::Duration,
};
use tombola_wire::v1::{GetArtifactRequest, TicketRequest, TicketResponse};

/// After so long it is asked how far what is made again is, and twice as long each time: each answer costs the coordinator a look at
/// the whole sweep.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(30);

/// Fetch a ticket as a folder that PyTorch loads.
///
/// mask.safetensors, weights.safetensors (the weights it is rewound to, before masking), card.json (settings, counts,
/// digests, versions) and load.py, a few lines that put them together and say how to train on.
///
/// With --slim, the physically smaller network that an analysis of kind `slim` made of the round: the weights it was trained
/// to, without dead units, and in card.json its name. A sweep trains it on by
/// model = { name = "…", weights = "weights.safetensors" }, or anew without `weights`.
///
/// Of a sweep that does not keep all weights (`keep` in its file), they may have been dropped. With --again they are made
/// once more: their trainings run again on the workers there are, and the ticket is fetched when they are done. Masks always
/// stay: --mask fetches the mask alone.
#[derive(Debug, clap::Args)]
pub(crate) struct Fetch {
    /// SWEEP/TRIAL/ROUND, such as `lth-lenet/1/10`; add `/BRANCH` or `/BRANCH/COPY` for a control's.
    ticket: TicketPath,
    /// The folder to write; default `SWEEP-TRIAL-ROUND[-BRANCH-COPY][-slim|-mask]`.
    #[arg(long, short)]
    dir: Option<PathBuf>,
    /// Fetch the smaller network without dead units instead.
    #[arg(long)]
    slim: bool,
    /// Fetch the mask alone, without weights.
    #[arg(long, conflicts_with_all = ["slim", "again"])]
    mask: bool,
    /// Have weights made again that were dropped, and wait for them.
    #[arg(long)]
    again: bool,
}

/// A ticket's address.
#[derive(Debug, Clone)]
struct TicketPath(TicketRequest);

impl FromStr for TicketPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not SWEEP/TRIAL/ROUND[/BRANCH[/COPY]], such as `lth-lenet/1/10`");
        let mut parts = text.split('/');
        let sweep = parts.next().filter(|part| !part.is_empty()).ok_or_else(wrong)?.to_owned();
        let mut number = || parts.next().and_then(|part| part.parse().ok());
        let trial = number().filter(|n| *n > 0).ok_or_else(wrong)?;
        let round = number().ok_or_else(wrong)?;
        let branch = parts.next().unwrap_or_default().to_owned();
        let copy = parts.next().map_or(Ok(0), |part| part.parse().map_err(|_| wrong()))?;
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(Self(TicketRequest { sweep, trial, round, branch, copy, ..TicketRequest::default() }))
    }
}

/// Five statements that need only torch and safetensors (`weights` is empty where the mask alone was fetched); `from load import weights, mask` works from anywhere.
const LOADER: &str = r#"# model.load_state_dict(weights) makes the ticket of a model. To keep it sparse while it trains, after every optimizer.step():
#     with torch.no_grad():
#         for name, p in model.named_parameters():
#             if name in mask: p *= mask[name].to(p.device)
from pathlib import Path
from safetensors.torch import load_file
files = {file.stem: load_file(file) for file in Path(__file__).parent.glob("*.safetensors")}
mask = files.get("mask", {})  # one tensor of 0 and 1 per weight tensor; none for round 0, which is dense
weights = {name: tensor * mask.get(name, 1) for name, tensor in files.get("weights", {}).items()}
"#;

impl Fetch {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let request = TicketRequest { slim: self.slim, mask: self.mask, ..self.ticket.0 };
        let folder = self.dir.unwrap_or_else(|| default_folder(&request));
        let client = context.connect().await?;
        if self.again {
            make_again(&client, &request, context.printer).await?;
        }
        let ticket = client.answer(client.sweeps().ticket(request).await)?;
        let size = write(&client, &ticket, &folder).await?;
        let written = serde_json::json!({ "folder": folder, "bytes": size });
        let what = match (self.slim, self.mask) {
            (true, _) => "network",
            (_, true) => "mask",
            _ => "ticket",
        };
        let words = || format!("{what} written to {} ({})", folder.display(), bytes(size));
        context.printer.show(&written, words)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Waits until the ticket can be had.
async fn make_again(client: &Client, ticket: &TicketRequest, printer: &Printer) -> anyhow::Result<()> {
    let bar = printer.bars().add(ProgressBar::new_spinner());
    let (mut told, mut wait) = (0, FIRST_LOOK);
    loop {
        let answer = client.answer(client.sweeps().make_again(ticket.clone()).await)?;
        let left = answer.jobs_left;
        if left == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
        let words = format!("making it again: {} left", jobs(left));
        if !printer.live() && left != told {
            printer.note(&words);
        }
        bar.set_message(words);
        bar.tick();
        told = left;
        tokio::time::sleep(wait).await;
        wait = (2 * wait).min(LONGEST_LOOK);
    }
}

fn jobs(count: u64) -> String {
    if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") }
}

fn default_folder(ticket: &TicketRequest) -> PathBuf {
    let line =
        if ticket.branch.is_empty() { String::new() } else { format!("-{}-{}", ticket.branch, ticket.copy) };
    let part = match (ticket.slim, ticket.mask) {
        (true, _) => "-slim",
        (_, true) => "-mask",
        _ => "",
    };
    PathBuf::from(format!("{}-{}-{}{line}{part}", ticket.sweep, ticket.trial, ticket.round))
}

/// Writes the folder under another name and renames it at the end: one that is there is whole.
async fn write(client: &Client, ticket: &TicketResponse, folder: &Path) -> anyhow::Result<u64> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        anyhow::bail!("`{}` is there and not empty\nhint: name another folder with --dir", folder.display());
    }
    let partial = PathBuf::from(format!("{}.partial", folder.display()));
    std::fs::create_dir_all(&partial)
        .map_err(|e| anyhow::anyhow!("cannot make the folder `{}`: {e}", partial.display()))?;
    let size = fill(client, ticket, &partial).await?;
    std::fs::rename(&partial, folder)
        .map_err(|e| anyhow::anyhow!("cannot make the folder `{}`: {e}", folder.display()))?;
    Ok(size)
}

/// Writes the files; returns the bytes of mask and weights.
async fn fill(client: &Client, ticket: &TicketResponse, folder: &Path) -> anyhow::Result<u64> {
    let mut size = 0;
    for (name, digest) in [("mask.safetensors", &ticket.mask), ("weights.safetensors", &ticket.weights)] {
        if !digest.is_empty() {
            let data = download(client, digest).await?;
            size += data.len() as u64;
            save(&folder.join(name), &data)?;
        }
    }
    save(&folder.join("load.py"), LOADER.as_bytes())?;
    save(&folder.join("card.json"), ticket.card.as_bytes())?;
    Ok(size)
}

/// An artifact, checked against its name.
async fn download(client: &Client, digest: &str) -> anyhow::Result<Vec<u8>> {
    let mut chunks =
        client.answer(client.artifacts().get(GetArtifactRequest { digest: digest.to_owned() }).await)?;
    let mut data = Vec::new();
    while let Some(chunk) = client.answer(chunks.message().await.map(tonic::Response::new))? {
        data.extend_from_slice(&chunk.data);
    }
    let got = blake3::hash(&data).to_hex();
    anyhow::ensure!(
        got.as_str() == digest,
        "artifact {digest} came damaged (its bytes hash to {got})\nhint: try again; if it stays, the store is corrupt"
    );
    Ok(data)
}

fn save(file: &Path, data: &[u8]) -> anyhow::Result<()> {
    std::fs::write(file, data).map_err(|e| anyhow::anyhow!("cannot write `{}`: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_named_by_sweep_trial_round_and_branch() {
        let ticket = "lth/2/13/reinit/1".parse::<TicketPath>().unwrap().0;
        assert_eq!((ticket.sweep.as_str(), ticket.trial, ticket.round, ticket.copy), ("lth", 2, 13, 1));
        assert_eq!(default_folder(&ticket), PathBuf::from("lth-2-13-reinit-1"));
        let slim = TicketRequest { slim: true, ..ticket.clone() };
        assert_eq!(default_folder(&slim), PathBuf::from("lth-2-13-reinit-1-slim"));
        let mask = TicketRequest { mask: true, ..ticket };
        assert_eq!(default_folder(&mask), PathBuf::from("lth-2-13-reinit-1-mask"));
        for wrong in ["lth", "lth/0/1", "lth/1", "lth/a/1", "/1/1", "lth/1/1/b/0/x"] {
            assert!(wrong.parse::<TicketPath>().is_err(), "{wrong}");
        }
    }
}
