//! What people ask of sweeps that are stored.

use super::Sweeps;
use crate::Error;
use tombola_core::{record::SweepState, schedule::Event};
use tombola_wire::v1;

impl Sweeps {
    pub(super) async fn steer(&self, what: &str, state: SweepState) -> Result<v1::Sweep, Error> {
        let row = self.find(what).await?;
        let (sweep, name) = (row.id, row.name);
        self.driver.tell(Event::SetState { sweep, state }).await?;
        tracing::info!(%sweep, name, state = state.name(), "sweep.steered: people changed a sweep's state");
        self.show(&name).await
    }

    pub(super) async fn retry_failed(&self, what: &str) -> Result<v1::RetryResponse, Error> {
        let sweep = self.find(what).await?.id;
        let jobs = self.driver.tell(Event::Retry { sweep }).await?;
        Ok(v1::RetryResponse { jobs })
    }
}
