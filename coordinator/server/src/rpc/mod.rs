//! The gRPC services: wire types come in, the driver and the store are asked, wire types go out. Nothing is decided here.

mod access;
pub(crate) mod artifacts;
mod delivered;
mod health;
mod query;
mod specs;
mod status;
mod sweeps;
mod workers;
pub(crate) mod workers_wire;

use crate::{
    access::Registry,
    artifacts::Artifacts as Shelf,
    collect::Gate,
    config::{Limits, Workers as Terms},
    driver::Driver,
    store::Store,
};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tombola_access::Pin;
use tombola_wire::{
    DESCRIPTORS,
    v1::{
        access_service_server::AccessServiceServer, artifact_service_server::ArtifactServiceServer,
        query_service_server::QueryServiceServer, sweep_service_server::SweepServiceServer,
        worker_service_server::WorkerServiceServer,
    },
};
use tonic::service::{Routes, RoutesBuilder};

/// What the services stand on.
pub(crate) struct Services {
    pub(crate) driver: Driver,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shelf: Shelf,
    pub(crate) gate: Gate,
    pub(crate) limits: Limits,
    pub(crate) terms: Terms,
    pub(crate) registry: Arc<Registry>,
    /// Of the key that those who get a token are to know.
    pub(crate) pin: Option<Pin>,
    /// Sessions and watches run here.
    pub(crate) tasks: TaskTracker,
    /// Ends watches.
    pub(crate) stop: CancellationToken,
}

impl Services {
    /// All services, with reflection and health.
    ///
    /// # Errors
    /// When the store does not answer, or the descriptors of this build cannot be read.
    pub(crate) async fn routes(self) -> anyhow::Result<Routes> {
        let Self { driver, store, shelf, gate, limits, terms, registry, pin, tasks, stop } = self;
        let (leads, running) = (driver.leads(), tasks.clone());
        let most = usize::try_from(limits.message.0).unwrap_or(usize::MAX);
        let sweeps = SweepServiceServer::new(sweeps::Sweeps {
            driver: driver.clone(),
            store: Arc::clone(&store),
            shelf: shelf.clone(),
            gate: gate.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
            watches: Arc::new(Semaphore::new(limits.watches.get() as usize)),
        });
        let delivered = delivered::Delivered { shelf: shelf.clone(), gate: gate.clone() };
        let state = store.identity().await?.into();
        let specs = specs::SpecReader::start(Arc::clone(&store), &tasks);
        let workers = workers::Workers { driver: driver.clone(), specs, state, terms, tasks, delivered };
        let workers = WorkerServiceServer::new(workers);
        let turn = Arc::default();
        let tokens =
            access::Tokens { driver: driver.clone(), store: Arc::clone(&store), registry, pin, turn };
        let tokens = AccessServiceServer::new(tokens);
        let artifacts = ArtifactServiceServer::new(artifacts::Artifacts { shelf, driver, gate });
        let query = QueryServiceServer::new(query::Query::new(store, limits));
        let (health, healthy) = tonic_health::server::health_reporter();
        running.spawn(stop.clone().run_until_cancelled_owned(health::tell(health, leads)));
        let mut routes = RoutesBuilder::default();
        routes
            .add_service(sweeps.max_decoding_message_size(most))
            .add_service(workers.max_decoding_message_size(most))
            .add_service(artifacts.max_decoding_message_size(most))
            .add_service(query.max_decoding_message_size(most))
            .add_service(tokens.max_decoding_message_size(most))
            .add_service(healthy);
        // Older clients know only the second.
        routes.add_service(reflection().build_v1()?).add_service(reflection().build_v1alpha()?);
        Ok(routes.routes())
    }
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
