//! What was dropped and is asked for after all.

use super::{Sweeps, ticket::Found};
use crate::{Error, access::Caller};
use tombola_core::plan::{Plan, RoundPlan, TrialPlan};
use tombola_spec::{Fingerprint, job::JobSpec};
use tombola_wire::v1;

impl Sweeps {
    /// Makes what a ticket is made of again, if it was dropped. Asked again meanwhile, it says how far that is.
    pub(super) async fn make_again(
        &self,
        request: v1::TicketRequest,
        caller: &Caller,
    ) -> Result<v1::MakeAgainResponse, Error> {
        let slim = request.slim;
        let found = self.find_round(request).await?;
        let sweep = self.find(found.sweep()).await?.id;
        if slim {
            self.made_smaller(&found).await?;
        }
        let audit = caller.did("make again", found.path());
        let jobs_left = self.driver.make_again(sweep, move |plan| behind(plan, &found, slim), audit).await?;
        Ok(v1::MakeAgainResponse { jobs_left })
    }
}

/// The job whose weights a ticket has, or the smaller network of its round.
fn behind(plan: &Plan, found: &Found, slim: bool) -> Option<Fingerprint> {
    let trial: &TrialPlan = plan.trials.iter().find(|trial| trial.key == found.key())?;
    let row = &found.round;
    if !slim {
        let same = |round: &&RoundPlan| {
            (&round.branch, round.copy, round.round) == (&row.branch, row.copy, row.round)
        };
        return trial.rounds.iter().find(same).map(|round| round.origin);
    }
    let slims = |job: Fingerprint| {
        let mut jobs = plan.jobs.iter();
        jobs.any(|plan| plan.fingerprint == job && matches!(*plan.spec, JobSpec::Slim(_)))
    };
    let here = trial.analyses.iter().filter(|analysis| {
        (&analysis.branch, analysis.copy, analysis.round) == (&row.branch, row.copy, row.round)
    });
    here.map(|analysis| analysis.job).find(|job| slims(*job))
}
