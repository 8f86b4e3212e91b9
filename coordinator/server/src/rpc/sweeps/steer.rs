//! What people ask of sweeps that are stored.

use super::Sweeps;
use crate::{Error, access::Caller};
use tombola_core::{
    record::{SweepRow, SweepState},
    schedule::Event,
};
use tombola_wire::v1;
use tonic::Request;

impl Sweeps {
    pub(super) async fn steer(
        &self,
        request: Request<v1::SweepRef>,
        state: SweepState,
    ) -> Result<v1::Sweep, Error> {
        let caller = Caller::of(&request);
        let row = self.find(&request.into_inner().sweep).await?;
        if row.state == SweepState::Cancelled {
            return Err(cancelled(&row, &format!("there is nothing to {}", state.command())));
        }
        let (sweep, name) = (row.id, row.name);
        let audit = caller.did(state.command(), &name);
        self.driver.tell(Event::SetState { sweep, state }, audit).await?;
        tracing::info!(%sweep, name, state = state.name(), "sweep.steered: people changed a sweep's state");
        self.show(&name).await
    }

    pub(super) async fn retry_failed(&self, what: &str, caller: &Caller) -> Result<v1::RetryResponse, Error> {
        let row = self.find(what).await?;
        if row.state == SweepState::Cancelled {
            return Err(cancelled(&row, "its failed jobs were given up"));
        }
        let audit = caller.did("retry", &row.name);
        let jobs = self.driver.tell(Event::Retry { sweep: row.id }, audit).await?;
        Ok(v1::RetryResponse { jobs })
    }
}

/// Why nothing can be asked of a cancelled sweep, and what can.
fn cancelled(row: &SweepRow, so: &str) -> Error {
    let (name, id) = (&row.name, row.id);
    Error::Precondition(format!(
        "sweep `{name}` ({id}) was cancelled: {so}\nhint: `tombola extend {name} FILE` starts it again, the same file too; \
         what was trained is not trained twice"
    ))
}
