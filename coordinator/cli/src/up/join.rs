//! The token by which workers join a coordinator that asks for one: made once, kept in the state folder.

use super::Plan;
use crate::{client::Client, places};
use std::path::Path;
use tombola_access::{Token, write_secret};
use tombola_wire::v1::{CreateTokenRequest, RevokeTokenRequest};
use tonic::Code;

/// File in the state folder.
const FILE: &str = "join.token";
/// Its name among the tokens.
const NAME: &str = "join";
/// A year.
const EXPIRES_S: u64 = 365 * 24 * 3600;

/// Lets workers in: how, for the person at the terminal. Nothing where no token is needed.
pub(super) async fn open(plan: &Plan, client: &Client, address: &str) -> anyhow::Result<Option<String>> {
    let operator = plan.state.join(places::OPERATOR_FILE);
    if !operator.is_file() {
        return Ok(None);
    }
    let file = plan.state.join(FILE);
    let request =
        || CreateTokenRequest { name: NAME.to_owned(), role: "worker".to_owned(), expires_in_s: EXPIRES_S };
    let mut made = client.access().create_token(request()).await;
    if made.as_ref().is_err_and(|status| status.code() == Code::AlreadyExists) {
        if same_door(&file, &operator) {
            let kept = format!("TOMBOLA_WORKER_TOKEN=\"$(cat {})\"", file.display());
            return Ok(Some(command(plan, address, &kept)));
        }
        // The file is gone, or names a key that is.
        client.answer(client.access().revoke_token(RevokeTokenRequest { token: NAME.to_owned() }).await)?;
        made = client.access().create_token(request()).await;
    }
    let secret = client.answer(made)?.secret;
    write_secret(&file, &format!("{secret}\n"))
        .map_err(|error| anyhow::anyhow!("cannot write `{}`: {error}", file.display()))?;
    Ok(Some(command(plan, address, &format!("TOMBOLA_WORKER_TOKEN={secret}"))))
}

/// Where the workers of `up` find it.
pub(super) fn file(plan: &Plan) -> Option<String> {
    let needed = plan.state.join(places::OPERATOR_FILE).is_file();
    needed.then(|| plan.state.join(FILE).display().to_string())
}

/// Whether two tokens know the coordinator by the same key.
fn same_door(file: &Path, operator: &Path) -> bool {
    let read = |path: &Path| std::fs::read_to_string(path).ok()?.trim().parse::<Token>().ok();
    read(file).zip(read(operator)).is_some_and(|(one, other)| one.pin() == other.pin())
}

/// What to run on another host.
fn command(plan: &Plan, address: &str, token: &str) -> String {
    let (scheme, there) = address.split_once("://").unwrap_or(("http", address));
    let port = there.rsplit_once(':').map_or("7654", |(_, port)| port);
    let host = match plan.listen.rsplit_once(':').map_or("", |(host, _)| host) {
        "0.0.0.0" | "[::]" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        host => host.to_owned(),
    };
    format!("{token} tombola-worker --coordinator {scheme}://{host}:{port} --slots cpu")
}
