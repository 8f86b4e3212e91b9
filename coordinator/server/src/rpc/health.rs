//! What grpc.health.v1 says: a coordinator that leads serves, a standby does not yet.

use tokio::sync::watch;
use tombola_wire::v1::{
    artifact_service_server::SERVICE_NAME as ARTIFACTS, query_service_server::SERVICE_NAME as QUERY,
    sweep_service_server::SERVICE_NAME as SWEEPS, worker_service_server::SERVICE_NAME as WORKERS,
};
use tonic_health::{ServingStatus, server::HealthReporter};

/// The coordinator as a whole, then each of its services.
const NAMES: [&str; 5] = ["", SWEEPS, WORKERS, ARTIFACTS, QUERY];

/// Says it for as long as there is a leader's task.
pub(super) async fn tell(reporter: HealthReporter, mut leads: watch::Receiver<bool>) {
    loop {
        let status = match *leads.borrow_and_update() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        };
        for name in NAMES {
            reporter.set_service_status(name, status).await;
        }
        if leads.changed().await.is_err() {
            return;
        }
    }
}
