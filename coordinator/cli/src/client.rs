//! The connection to a coordinator.

use crate::{error, error::Failure, places};
use std::{path::Path, time::Duration};
use tombola_access::{Access, Channel, DialError, Settings};
use tombola_wire::v1::{
    access_service_client::AccessServiceClient, artifact_service_client::ArtifactServiceClient,
    query_service_client::QueryServiceClient, sweep_service_client::SweepServiceClient,
};
use tonic::{Code, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// How long a coordinator may take to say whether it serves, while there are others.
const SAY: Duration = Duration::from_secs(5);

/// A coordinator that answered.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    channel: Channel,
}

impl Client {
    /// Connects to the first of these addresses that serves, or to the local coordinator.
    pub(crate) async fn connect(addresses: Option<&str>, settings: Settings) -> anyhow::Result<Self> {
        let state = places::state_folder();
        let here = places::address_in(&state);
        let addresses = match (addresses, &here) {
            (Some(addresses), _) => places::typed_list(addresses)?,
            (None, Some(here)) => vec![here.clone()],
            (None, None) => vec![places::USUAL.to_owned()],
        };
        let settings = match &addresses[..] {
            [address] if Some(address) == here.as_ref() => as_operator(settings, &state),
            _ => settings,
        };
        let access = load(&settings)?;
        match &addresses[..] {
            [address] => Self::dial(&access, address).await,
            several => Self::first_serving(&access, several).await,
        }
    }

    /// Connects to the coordinator that serves a state folder, as its operator.
    pub(crate) async fn local(state: &Path, address: &str) -> anyhow::Result<Self> {
        Self::dial(&load(&as_operator(Settings::default(), state))?, address).await
    }

    async fn dial(access: &Access, address: &str) -> anyhow::Result<Self> {
        let address = access.url(address);
        let endpoint = Endpoint::from_shared(address.clone())
            .map_err(|e| {
                Failure::Input(format!("`{address}` is not an address: {e}\nhint: write host:port"))
            })?
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_while_idle(true);
        match access.connect(&endpoint).await {
            Ok(channel) => Ok(Self { address, channel }),
            Err(DialError::Silent(_)) => Err(silent(&endpoint, &address).await.into()),
            Err(DialError::Tls(why)) => {
                let what = format!("cannot talk to the coordinator at {address}: {why}");
                Err(Failure::Unreachable(what).into())
            }
            Err(DialError::Access(error)) => Err(Failure::Input(error.to_string()).into()),
        }
    }

    /// The first that says that it serves: standbys say that they do not.
    async fn first_serving(access: &Access, addresses: &[String]) -> anyhow::Result<Self> {
        let mut why = Vec::new();
        for address in addresses {
            match Self::dial(access, address).await {
                Ok(client) if client.serves().await => return Ok(client),
                Ok(client) => why.push(format!("{} stands by, or is starting", client.address)),
                Err(error) if matches!(error.downcast_ref(), Some(Failure::Unreachable(_))) => {
                    why.push(error.to_string().replace("\nhint:", "; hint:"));
                }
                Err(error) => return Err(error),
            }
        }
        let what = format!("none of these coordinators serves:\n  {}", why.join("\n  "));
        Err(Failure::Unreachable(format!(
            "{what}\nhint: try again in a moment: a standby takes over by itself"
        ))
        .into())
    }

    /// Whether it says so. One that knows no such question is older than standbys.
    async fn serves(&self) -> bool {
        let mut health = HealthClient::new(self.channel.clone());
        let asked = tokio::time::timeout(SAY, health.check(HealthCheckRequest::default())).await;
        match asked {
            Ok(Ok(answer)) => answer.into_inner().status() == ServingStatus::Serving,
            Ok(Err(status)) => status.code() == Code::Unimplemented,
            Err(_) => false,
        }
    }

    /// Sweeps.
    pub(crate) fn sweeps(&self) -> SweepServiceClient<Channel> {
        SweepServiceClient::new(self.channel.clone()).max_decoding_message_size(tombola_wire::MAX_MESSAGE)
    }

    /// SQL.
    pub(crate) fn query(&self) -> QueryServiceClient<Channel> {
        QueryServiceClient::new(self.channel.clone()).max_decoding_message_size(tombola_wire::MAX_MESSAGE)
    }

    /// Artifacts.
    pub(crate) fn artifacts(&self) -> ArtifactServiceClient<Channel> {
        ArtifactServiceClient::new(self.channel.clone()).max_decoding_message_size(tombola_wire::MAX_MESSAGE)
    }

    /// Tokens.
    pub(crate) fn access(&self) -> AccessServiceClient<Channel> {
        AccessServiceClient::new(self.channel.clone())
    }

    /// An answer, or its refusal in words.
    pub(crate) fn answer<T>(&self, result: Result<tonic::Response<T>, tonic::Status>) -> anyhow::Result<T> {
        result.map(tonic::Response::into_inner).map_err(|status| error::refused(&status, &self.address))
    }
}

fn load(settings: &Settings) -> Result<Access, Failure> {
    Access::load(settings).map_err(|error| Failure::Input(error.to_string()))
}

/// Who may read the state folder is its operator, unless he came with a token of his own.
fn as_operator(settings: Settings, state: &Path) -> Settings {
    let file = state.join(places::OPERATOR_FILE);
    if settings.token.is_some() || settings.token_file.is_some() || !file.is_file() {
        return settings;
    }
    Settings { token_file: Some(file), ..settings }
}

/// Why nothing answers: its host is not known, or there is nobody.
async fn silent(endpoint: &Endpoint, address: &str) -> Failure {
    let host = endpoint.uri().host().unwrap_or_default();
    let unknown = tokio::net::lookup_host((host.trim_matches(['[', ']']), 0)).await.is_err();
    let hint = "start one with `tombola up`, or name another with --coordinator HOST:PORT";
    Failure::Unreachable(if unknown {
        format!("no host `{host}` is known here, so no coordinator answers at {address}\nhint: {hint}")
    } else {
        format!("no coordinator answers at {address}\nhint: {hint}")
    })
}
