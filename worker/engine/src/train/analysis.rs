//! Analyses that train and evaluate nothing: of masks, and of untrained networks.

use super::{Halt, Link, input, stage::Engine};
use crate::{
    error::{EngineError, Result},
    mask::Mask,
    prune::{self, Subject},
};
use std::{cell::Cell, time::Instant};
use tombola_spec::{
    flops,
    job::{CollapseJob, MaskDistanceJob, greatest_compression},
    outcome::{CollapseSummary, MaskDistanceSummary, Summary},
    slot::{Event, StageJob},
};

impl Engine {
    /// Searches where a network collapses, as the event that ends the job; `None` if it was stopped.
    pub(super) fn collapse(
        &mut self,
        job: &StageJob,
        spec: &CollapseJob,
        link: &dyn Link,
    ) -> Result<Option<Event>> {
        let begun = Instant::now();
        let looked_at = spec.data.as_ref().map(|score| self.library.score_examples(score)).transpose()?;
        let (examples, data) = looked_at.unzip();
        let subject = Subject::load(&spec.cut(0.0), None, examples, self.device.torch)?;
        let Some(points) = prune::collapse(&subject, spec, &going(job, link))? else { return Ok(None) };
        let network = spec.network.architecture()?;
        let summary = Summary::Collapse(CollapseSummary {
            criterion: spec.criterion.name().to_owned(),
            flops: flops::collapse(spec, &network, points.len()),
            points,
            greatest: greatest_compression(&network),
            device_seconds: begun.elapsed().as_secs_f64(),
        });
        let plan = if spec.criterion.differentiates() { "alone" } else { "rust" };
        let provenance = self.provenance(plan, 1, data);
        Ok(Some(Event::Finished { job: job.job, outputs: [].into(), summary, provenance }))
    }

    /// Compares masks, each with each, as the event that ends the job; `None` if it was stopped.
    pub(super) fn mask_distances(
        &self,
        job: &StageJob,
        spec: &MaskDistanceJob,
        link: &dyn Link,
    ) -> Result<Option<Event>> {
        let begun = Instant::now();
        let architecture = spec.network.architecture()?;
        let load = |mask| Mask::load(&architecture, input(job, mask)?);
        let masks = spec.masks.iter().map(|mask| load(*mask)).collect::<Result<Vec<_>>>()?;
        let masks = prune::in_units(&architecture, masks, spec.unit);
        let (go_on, mut pairs) = (going(job, link), Vec::new());
        for numbers in spec.pairs() {
            let missing = || EngineError::Settings(format!("there are no masks {numbers:?}"));
            pairs.push(prune::compare(&masks, numbers).ok_or_else(missing)?);
            if !go_on() {
                return Ok(None);
            }
        }
        let device_seconds = begun.elapsed().as_secs_f64();
        let summary = Summary::MaskDistance(MaskDistanceSummary { pairs, device_seconds });
        let provenance = self.provenance("rust", 1, None);
        Ok(Some(Event::Finished { job: job.job, outputs: [].into(), summary, provenance }))
    }
}

/// Says whether to go on, and that the work does: a count that stands still would be taken for an engine that is stuck.
fn going<'a>(job: &'a StageJob, link: &'a dyn Link) -> impl Fn() -> bool + 'a {
    let done = Cell::new(0);
    move || {
        done.set(done.get() + 1);
        link.progress(job.job, done.get());
        !link.cancelled(job.job) && link.halt() == Halt::No
    }
}
