//! Sweep files that are stored.

use super::{Sweeps, plan};
use crate::{Error, access::Caller, driver::Accepted};
use tombola_core::sweep::SweepFile;
use tombola_wire::v1;

impl Sweeps {
    pub(super) async fn submit_file(
        &self,
        text: String,
        caller: &Caller,
    ) -> Result<v1::SubmitResponse, Error> {
        let file = plan::parse(text.clone()).await?;
        let name = file.name().to_owned();
        // Until the leader has stored the sweep, the collector keeps its hands off its files.
        let _gate = self.gate.hold().await;
        self.has_files(&file).await?;
        let accepted = self.driver.submit(file, text, caller.did("submit", &name)).await?;
        self.stored(&name, accepted).await
    }

    pub(super) async fn extend_by(
        &self,
        request: v1::ExtendRequest,
        caller: &Caller,
    ) -> Result<v1::SubmitResponse, Error> {
        let sweep = self.find(&request.sweep).await?;
        let file = plan::parse(request.file.clone()).await?;
        let _gate = self.gate.hold().await;
        self.has_files(&file).await?;
        let audit = caller.did("extend", &sweep.name);
        let accepted = self.driver.extend(sweep.id, file, request.file, audit).await?;
        self.stored(&sweep.name, accepted).await
    }

    /// Whether the files that a sweep names were sent.
    async fn has_files(&self, file: &SweepFile) -> Result<(), Error> {
        for (name, artifact) in file.files() {
            if self.shelf.length(&artifact.digest).await? != Some(artifact.bytes) {
                let what =
                    format!("the sweep names the file `{name}` ({}), which was not sent", artifact.digest);
                let hint = "`tombola submit` sends what lies beside the sweep file; other clients put it as an artifact";
                return Err(Error::Precondition(format!("{what}\nhint: {hint}")));
            }
        }
        Ok(())
    }

    async fn stored(&self, name: &str, accepted: Accepted) -> Result<v1::SubmitResponse, Error> {
        let Accepted { sweep: id, new: jobs_new, known: jobs_known, created } = accepted;
        tracing::info!(%id, name, jobs_new, jobs_known, created, "sweep.stored: a sweep file was accepted");
        let sweep = Some(self.show(name).await?);
        let warnings = self.driver.read(move |scheduler, _| scheduler.sweep_warnings(id)).await?;
        Ok(v1::SubmitResponse { sweep, jobs_new, jobs_known, created, warnings })
    }
}
