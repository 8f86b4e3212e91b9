//! Where a coordinator's state is, and a coordinator that serves it in this process.

use super::place::Place;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use std::{any::Any, net::SocketAddr, path::Path, time::Duration};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tombola_server::{
    app::Coordinator,
    config::{Config, Flags, Span},
};
use tombola_wire::v1::{
    artifact_service_client::ArtifactServiceClient, query_service_client::QueryServiceClient,
    sweep_service_client::SweepServiceClient,
};
use tonic::transport::{Channel, Endpoint};

/// State that outlives coordinators.
pub(crate) struct Home {
    pub(crate) place: Place,
    /// State folder, where the database is elsewhere.
    folder: TempDir,
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        Self { place: Place::sqlite(), folder: TempDir::new().unwrap() }
    }

    /// Nothing where no server is given.
    pub(crate) async fn postgres(test: &str) -> Option<Self> {
        Some(Self { place: Place::postgres(test).await?, folder: TempDir::new().unwrap() })
    }

    /// Where another coordinator of this state may keep what is its own; nothing on SQLite, where there is none.
    pub(crate) fn beside(&self) -> Option<Self> {
        let Place::Postgres { url, schema } = &self.place else { return None };
        let place = Place::Postgres { url: url.clone(), schema: schema.clone() };
        Some(Self { place, folder: TempDir::new().unwrap() })
    }

    pub(crate) fn state(&self) -> &Path {
        match &self.place {
            Place::Sqlite(folder) => folder.path(),
            Place::Postgres { .. } => self.folder.path(),
        }
    }

    /// What the command line says of this state; any free port.
    pub(crate) fn flags(&self) -> Flags {
        let database = match &self.place {
            Place::Sqlite(_) => "sqlite".to_owned(),
            Place::Postgres { url, .. } => url.clone(),
        };
        Flags {
            listen: Some("127.0.0.1:0".to_owned()),
            state: Some(self.state().to_owned()),
            database: Some(database),
            ..Flags::default()
        }
    }

    /// Quick terms, so that what takes seconds in a lab takes less here.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::load(&self.flags()).unwrap();
        let millis = |n| Span(Duration::from_millis(n));
        config.workers.heartbeat = millis(200);
        config.workers.term = millis(1500);
        config.workers.pause = millis(100);
        config
    }

    /// Somebody keeps the database's writers waiting: no commit gets through until what is returned is dropped.
    pub(crate) async fn hold_up_commits(&self) -> Box<dyn Any> {
        match &self.place {
            Place::Sqlite(folder) => {
                let url = format!("sqlite://{}", folder.path().join("tombola.db").display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                connection.execute("begin immediate").await.unwrap();
                Box::new(connection)
            }
            Place::Postgres { url, .. } => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute("begin; lock table leader in access exclusive mode").await.unwrap();
                Box::new(connection)
            }
        }
    }

    /// A coordinator on this state.
    pub(crate) async fn serve(&self) -> Served {
        self.serve_with(self.config()).await
    }

    /// On a runtime of its own, so that it can be taken away in the middle of anything.
    pub(crate) async fn serve_with(&self, config: Config) -> Served {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let started = runtime.spawn(async move {
            loop {
                // The lock of a coordinator that was just killed is given up a moment later.
                match Coordinator::start(config.clone()).await {
                    Err(error) if error.to_string().contains("another coordinator leads") => {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    started => break started,
                }
            }
        });
        let coordinator = started.await.unwrap().unwrap();
        // On Postgres it is the standby of one that was just killed, for a moment.
        coordinator.leading().await;
        Served { address: coordinator.address(), coordinator, runtime }
    }
}

/// A coordinator.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    coordinator: Coordinator,
    runtime: Runtime,
}

impl Served {
    /// Stops it in order.
    pub(crate) async fn stop(self) {
        let Self { coordinator, runtime, .. } = self;
        runtime.spawn(coordinator.stop()).await.unwrap();
        runtime.shutdown_background();
    }

    /// Takes it away as a power cut would.
    pub(crate) fn kill(self) {
        self.runtime.shutdown_background();
    }

    pub(crate) fn channel(&self) -> Channel {
        channel(self.address)
    }

    pub(crate) fn sweeps(&self) -> SweepServiceClient<Channel> {
        SweepServiceClient::new(self.channel())
    }

    pub(crate) fn query(&self) -> QueryServiceClient<Channel> {
        QueryServiceClient::new(self.channel())
    }

    pub(crate) fn artifacts(&self) -> ArtifactServiceClient<Channel> {
        ArtifactServiceClient::new(self.channel())
    }
}

/// A connection, made when first used.
pub(crate) fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().tcp_nodelay(true).connect_lazy()
}

/// Waits until something is so, a minute at most: a machine so slow has other troubles.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(mut look: impl FnMut() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), found).await.expect("it did not come to be within a minute")
}
