//! `tombola token`: who may come in to a coordinator that other machines reach.

use super::Context;
use crate::output::table;
use std::process::ExitCode;
use tombola_settings::Span;
use tombola_wire::v1::{self, CreateTokenRequest, ListTokensRequest, RevokeTokenRequest};

/// Make, list and take back tokens: what lets workers and people in.
///
/// A coordinator that other machines reach asks for a token with each request. Only its operator may make them: whoever
/// can read its state folder, on its machine.
///   tombola token create --role worker --name gpu7                 for a worker
///   tombola token create --role client --name alice --expires 30d  for somebody who submits and steers
///   tombola token create --role reader --name board                for looking only: results, SQL, tickets
///   tombola token list
///   tombola token revoke gpu7                                      what its holder has open is closed, too
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Token {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Make a token and print it, this once
    Create {
        /// What its holder may do: `reader` looks, `client` submits and steers, too, `worker` works and nothing else
        #[arg(long, value_enum)]
        role: Role,
        /// Name for people, of whoever will hold it
        #[arg(long)]
        name: String,
        /// How long it is good, such as `12h` or `30d`, or `never` for no end
        #[arg(long, default_value = "90d", value_name = "TIME", value_parser = expires)]
        expires: u64,
    },
    /// List all tokens, without their secrets, which nobody knows but their holders
    List,
    /// Take a token back, at once
    Revoke {
        /// Its name or id
        token: String,
    },
}

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Role {
    Reader,
    Client,
    Worker,
}

/// Seconds; 0 = never.
fn expires(text: &str) -> Result<u64, String> {
    if text == "never" { Ok(0) } else { text.parse::<Span>().map(|span| span.0.as_secs().max(1)) }
}

impl Token {
    pub(crate) async fn run(self, context: &Context<'_>) -> anyhow::Result<ExitCode> {
        let (client, printer) = (context.connect().await?, context.printer);
        match self.what {
            What::Create { role, name, expires: expires_in_s } => {
                let request = CreateTokenRequest { name, role: role.name().to_owned(), expires_in_s };
                let answer = client.answer(client.access().create_token(request).await)?;
                printer.show(&answer, || answer.secret.clone())?;
                printer.note(&told(&answer.token.unwrap_or_default(), role));
            }
            What::List => {
                let answer = client.answer(client.access().list_tokens(ListTokensRequest {}).await)?;
                printer.show(&answer, || list(&answer.tokens))?;
            }
            What::Revoke { token } => {
                let answer =
                    client.answer(client.access().revoke_token(RevokeTokenRequest { token }).await)?;
                printer
                    .show(&answer, || format!("token {} ({}) is good no more", answer.name, answer.role))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Client => "client",
            Self::Worker => "worker",
        }
    }
}

/// What to do with a token, for the person at the terminal.
fn told(token: &v1::Token, role: Role) -> String {
    let v1::Token { name, role: word, expires, .. } = token;
    let until =
        if expires.is_empty() { "until it is revoked".to_owned() } else { format!("until {expires}") };
    let place = match role {
        Role::Worker => "a worker takes it from TOMBOLA_WORKER_TOKEN, or from a file (--token-file)",
        _ => "`tombola` takes it from TOMBOLA_TOKEN, or from a file (--token-file)",
    };
    format!("token {name} ({word}) is good {until}; it is not shown again\n{place}")
}

fn list(tokens: &[v1::Token]) -> String {
    if tokens.is_empty() {
        return "no tokens; make one with `tombola token create`".to_owned();
    }
    let row = |token: &v1::Token| {
        let v1::Token { id, name, role, state, created, expires } = token;
        let expires = if expires.is_empty() { "never" } else { expires };
        [id, name, role, state, created, expires].map(str::to_owned).to_vec()
    };
    table(&["id", "name", "role", "state", "created", "expires"], tokens.iter().map(row))
}
