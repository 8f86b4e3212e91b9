//! The search for critical compression: the largest one at which no layer is empty (Tanaka et al., arXiv 2006.05467, section 3).
//!
//! Each compression is cut from the dense network as a prune step of its own would. Only what does not depend on the cut is done
//! once: the scores of a criterion that scores once, learned before if it learns.

use super::{Criterion, Lessons, Subject, criterion, prune, select};
use crate::{error::Result, mask::Mask};
use tombola_spec::{job::CollapseJob, ladder, outcome::CollapsePoint};

/// Every compression tried, increasing: the scan up to the first collapse, and what lies between it and the one before. `None`
/// if it was stopped: `go_on` is asked after each iteration.
///
/// # Errors
/// When a score is not finite, or all are the same.
pub fn collapse(
    subject: &Subject,
    job: &CollapseJob,
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Vec<CollapsePoint>>> {
    let mut points: Vec<CollapsePoint> = Vec::new();
    let Some(search) = Search::new(subject, job, go_on)? else { return Ok(None) };
    let Some(scanned) = search.until_collapse(&job.grid(), &mut points)? else { return Ok(None) };
    if let (Some(collapsed), [.., alive, _]) = (scanned, &points[..]) {
        let between = job.between(alive.exponent, collapsed);
        let last = points.pop();
        if search.until_collapse(&between, &mut points)?.is_none() {
            return Ok(None);
        }
        points.extend(last);
    }
    Ok(Some(points))
}

struct Search<'a> {
    subject: &'a Subject,
    job: &'a CollapseJob,
    go_on: &'a dyn Fn() -> bool,
    /// Of a criterion that scores once; it may draw lots.
    scores: Option<(Vec<Vec<f64>>, bool)>,
}

impl<'a> Search<'a> {
    /// `None` if it was stopped.
    fn new(subject: &'a Subject, job: &'a CollapseJob, go_on: &'a dyn Fn() -> bool) -> Result<Option<Self>> {
        let mut criterion: Box<dyn Criterion> = criterion(job.criterion)?;
        let (once, dense) = (criterion.iterations() == 1, subject.dense());
        let lessons = Lessons { stream: &job.ties, learned: &|_| go_on() };
        if !criterion.learn(subject, &dense, &lessons)? {
            return Ok(None);
        }
        let score = || -> Result<_> { Ok((criterion.score(subject, &dense)?, criterion.draws_lots())) };
        Ok(Some(Self { subject, job, go_on, scores: once.then(score).transpose()? }))
    }

    /// Tries these exponents until one empties a layer: that one, inside. `None` if it was stopped.
    fn until_collapse(
        &self,
        exponents: &[f64],
        points: &mut Vec<CollapsePoint>,
    ) -> Result<Option<Option<f64>>> {
        for &exponent in exponents {
            let Some(mask) = self.cut(exponent)? else { return Ok(None) };
            let empty = mask.layers.iter().filter(|layer| layer.living() == 0);
            let emptied: Vec<String> = empty.map(|layer| layer.name.clone()).collect();
            let (living, dead) = (mask.layers.iter().map(|layer| layer.living()).sum(), !emptied.is_empty());
            points.push(CollapsePoint { exponent, living, emptied });
            if dead {
                return Ok(Some(Some(exponent)));
            }
        }
        Ok(Some(None))
    }

    /// The mask at a compression.
    fn cut(&self, exponent: f64) -> Result<Option<Mask>> {
        let step = self.job.cut(exponent);
        let Some((scores, lots)) = &self.scores else {
            return prune(self.subject, &step.rule, None, &step.ties, &|_| (self.go_on)());
        };
        let mut mask = self.subject.dense();
        let rule = select::Rule { protect: 0.0, cuts_ties: false, draws_lots: *lots, ties: &step.ties };
        let all = self.subject.architecture.weight_count();
        for pool in ladder::pools(&self.subject.architecture, &step.rule) {
            select::cut(&mut mask, &pool.layers, pool.left(pool.total, all), scores, &rule)?;
        }
        Ok((self.go_on)().then_some(mask))
    }
}
