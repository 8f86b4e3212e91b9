//! An examination of everything a coordinator stands on, beside one that works or without, and repairs where that is asked.

mod artifacts;
mod repair;
mod surroundings;

pub use repair::repair;

use crate::{
    app::existing_store,
    clock,
    config::Config,
    finding::{Finding, Grade},
    progress::Progress,
    store::{SqlStore, checkup::Mend},
};
use artifacts::Bad;
use std::time::Duration;
use tombola_core::record::Millis;
use tombola_spec::{Attempt, JobId};

/// Clocks that differ by less are told apart by nothing here.
const SKEW: Millis = 2_000;
/// A moment so far ahead is no matter of two machines' clocks.
const AHEAD: Duration = Duration::from_secs(60);

/// What was found, and what could be done about it.
pub struct Examination {
    /// All findings, good ones too.
    pub findings: Vec<Finding>,
    /// Cures, each of the finding of this number.
    cures: Vec<(usize, Cure)>,
}

/// What a repair does.
enum Cure {
    Jobs(Mend, Vec<(JobId, Attempt)>),
    Artifacts(Vec<Bad>),
}

impl Examination {
    /// Whether nothing is wrong, or no more.
    pub fn is_well(&self) -> bool {
        !self.findings.iter().any(Finding::is_ill)
    }

    fn add(&mut self, finding: Finding, cure: Option<Cure>) {
        self.cures.extend(cure.map(|cure| (self.findings.len(), cure)));
        self.findings.push(finding);
    }
}

/// Looks at everything and changes nothing. `quick` does not read artifacts, only whether they are there and how long.
/// Whatever is in the way of looking is a finding, too.
pub async fn examine(config: &Config, quick: bool, progress: &mut Progress) -> Examination {
    let mut examination = Examination { findings: surroundings::look(config), cures: Vec::new() };
    if let Err(error) = look_inside(config, quick, &mut examination, progress).await {
        let words = format!("{error:#}");
        let (found, todo) =
            words.split_once("\nhint: ").unwrap_or((&words, "restore a backup if it stays so"));
        let means = "what comes after it was not looked at";
        examination.add(Finding::new("database", Grade::Fault, found).so(means, todo), None);
    }
    examination
}

async fn look_inside(
    config: &Config,
    quick: bool,
    to: &mut Examination,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let store = existing_store(config).await?;
    records(&store, to, progress).await?;
    artifacts::look(config, &store, quick, to, progress).await
}

async fn records(store: &SqlStore, to: &mut Examination, progress: &mut Progress) -> anyhow::Result<()> {
    progress.tell(|| "reading every page of the database".to_owned());
    let (findings, ahead) = store.vitals().await?;
    let newer = findings.iter().any(|finding| finding.check == "schema" && finding.is_ill());
    to.findings.extend(findings);
    to.findings.extend(ahead.map(skew));
    if newer {
        // Its tables may mean something else.
        return Ok(());
    }
    let complaints = store.complaints(clock::later(AHEAD)).await?;
    if complaints.is_empty() {
        to.add(Finding::new("records", Grade::Fine, "jobs, attempts, leases and results agree"), None);
    }
    for complaint in complaints {
        let cure = complaint.mend.map(|mend| Cure::Jobs(mend, complaint.jobs));
        to.add(complaint.finding, cure);
    }
    to.findings.push(versions(&store.seen_workers().await?));
    Ok(())
}

/// What the difference between two clocks amounts to.
fn skew(difference: Millis) -> Finding {
    let seconds = difference as f64 / 1000.0;
    if difference.abs() < SKEW {
        return Finding::new("clock", Grade::Fine, format!("the database's clock differs by {seconds:.1} s"));
    }
    let way = if difference > 0 { "ahead of" } else { "behind" };
    let found = format!("the database's clock is {:.1} s {way} this machine's", seconds.abs());
    Finding::new("clock", Grade::Warning, found).so(
        "times that people compare between machines mislead; leases run on monotonic time and do not care",
        "keep the clocks of both machines right (NTP, chrony)",
    )
}

/// Workers of another release than this build.
fn versions(workers: &[[String; 3]]) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    let at_work = workers.iter().filter(|[_, _, state]| matches!(state.as_str(), "connected" | "draining"));
    let other = at_work.filter(|[_, version, _]| version != ours);
    let about: Vec<String> = other.map(|[name, version, _]| format!("{name} ({version})")).collect();
    if about.is_empty() {
        let found =
            format!("this build is {ours}, and so is every worker at work ({} were seen)", workers.len());
        return Finding::new("versions", Grade::Fine, found);
    }
    Finding::new(
        "versions",
        Grade::Warning,
        format!("{} workers are of another release than this build, {ours}", about.len()),
    )
    .so(
        "jobs go only to workers whose components have the versions they were planned for",
        "bring them to this release when their jobs are done (`tombola drain` lets a worker finish)",
    )
    .about(about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ_by_seconds_are_warned_of() {
        assert_eq!(skew(900).grade, Grade::Fine);
        let ahead = skew(61_000);
        assert!(ahead.grade == Grade::Warning && ahead.found.contains("61.0 s ahead of"), "{ahead:?}");
        assert!(skew(-5_000).found.contains("5.0 s behind"));
    }

    #[test]
    fn only_workers_at_work_have_to_be_of_this_release() {
        let worker = |name: &str, version: &str, state: &str| [name, version, state].map(str::to_owned);
        let ours = worker("a", env!("CARGO_PKG_VERSION"), "connected");
        assert_eq!(versions(&[ours.clone(), worker("b", "0.0.1", "gone")]).grade, Grade::Fine);
        let found = versions(&[ours, worker("b", "0.0.1", "draining")]);
        assert_eq!((found.grade, found.about), (Grade::Warning, vec!["b (0.0.1)".to_owned()]));
    }
}
