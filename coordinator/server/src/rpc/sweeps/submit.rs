//! Sweep files that are stored.

use super::{Sweeps, plan};
use crate::{Error, driver::Accepted};
use tombola_wire::v1;

impl Sweeps {
    pub(super) async fn submit_file(&self, text: String) -> Result<v1::SubmitResponse, Error> {
        let file = plan::parse(text.clone()).await?;
        let name = file.name().to_owned();
        let accepted = self.driver.submit(file, text).await?;
        self.stored(&name, accepted).await
    }

    pub(super) async fn extend_by(&self, request: v1::ExtendRequest) -> Result<v1::SubmitResponse, Error> {
        let sweep = self.find(&request.sweep).await?;
        let file = plan::parse(request.file.clone()).await?;
        let accepted = self.driver.extend(sweep.id, file, request.file).await?;
        self.stored(&sweep.name, accepted).await
    }

    async fn stored(&self, name: &str, accepted: Accepted) -> Result<v1::SubmitResponse, Error> {
        let Accepted { sweep: id, new: jobs_new, known: jobs_known, created } = accepted;
        tracing::info!(%id, name, jobs_new, jobs_known, created, "sweep.stored: a sweep file was accepted");
        let sweep = Some(self.show(name).await?);
        let warnings = self.driver.read(move |scheduler, _| scheduler.sweep_warnings(id)).await?;
        Ok(v1::SubmitResponse { sweep, jobs_new, jobs_known, created, warnings })
    }
}
