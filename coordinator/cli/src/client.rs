//! The connection to a coordinator.

use crate::{error, error::Failure, places};
use std::time::Duration;
use tombola_wire::v1::{
    artifact_service_client::ArtifactServiceClient, query_service_client::QueryServiceClient,
    sweep_service_client::SweepServiceClient,
};
use tonic::transport::{Channel, Endpoint};

/// A coordinator that answered.
#[derive(Clone)]
pub(crate) struct Client {
    address: String,
    channel: Channel,
}

impl Client {
    /// Connects to `address`, or to the local coordinator.
    pub(crate) async fn connect(address: Option<&str>) -> anyhow::Result<Self> {
        let address = address.map_or_else(|| Ok(places::default_address()), places::typed)?;
        let endpoint = Endpoint::from_shared(address.clone())
            .map_err(|e| {
                Failure::Input(format!("`{address}` is not an address: {e}\nhint: write host:port"))
            })?
            .connect_timeout(Duration::from_secs(5))
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true);
        match endpoint.connect().await {
            Ok(channel) => Ok(Self { address, channel }),
            Err(_) => Err(silent(&endpoint, &address).await.into()),
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

    /// An answer, or its refusal in words.
    pub(crate) fn answer<T>(&self, result: Result<tonic::Response<T>, tonic::Status>) -> anyhow::Result<T> {
        result.map(tonic::Response::into_inner).map_err(|status| error::refused(&status, &self.address))
    }
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
