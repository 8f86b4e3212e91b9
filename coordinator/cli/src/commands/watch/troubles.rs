//! What goes wrong while a sweep is watched and ends no job: workers that come and go, jobs left unfinished. Pure: what the
//! coordinator says in, lines for people out.

use std::collections::{BTreeMap, BTreeSet};
use tombola_wire::v1::{Running, WatchEvent, Worker};

/// Most names in one line.
const NAMED: usize = 5;
/// Events name so many running jobs at most; beyond, a job that is not named may well run.
const ALL: usize = 256;

/// What was so when it was last heard of.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Names of connected workers; `None` before anybody was asked.
    workers: Option<BTreeSet<String>>,
    running: BTreeMap<String, Running>,
    /// Jobs that run no more without having ended: that they ended may be told in the next event.
    gone: BTreeMap<String, Gone>,
}

#[derive(Debug)]
struct Gone {
    label: String,
    worker: String,
    /// Seen once in this state by [`Troubles::look`].
    seen: bool,
}

impl Troubles {
    /// Hears an event.
    pub(super) fn event(&mut self, event: &WatchEvent) -> Vec<String> {
        let active = event.sweep.as_ref().is_some_and(|sweep| sweep.state == "active" && !sweep.finished);
        if !active || event.running.len() >= ALL {
            (self.running, self.gone) = Default::default();
            return Vec::new();
        }
        let running: BTreeMap<String, Running> =
            event.running.iter().map(|running| (running.job.clone(), running.clone())).collect();
        let before = std::mem::replace(&mut self.running, running);
        for (job, Running { label, worker, .. }) in before {
            if self.running.get(&job).is_none_or(|now| now.worker != worker) {
                self.gone.insert(job, Gone { label, worker, seen: false });
            }
        }
        event.ended.iter().for_each(|ended| drop(self.gone.remove(&ended.job)));
        let again = |job: &String, _: &mut Gone| self.running.contains_key(job);
        let again: Vec<_> = self.gone.extract_if(.., again).collect();
        let line = |(job, Gone { label, worker, .. }): (String, Gone)| {
            let now = &self.running[&job].worker;
            format!("{label} ({job}) was left unfinished by {worker}; {now} goes on with it")
        };
        again.into_iter().map(line).collect()
    }

    /// Hears who is connected now.
    pub(super) fn look(&mut self, workers: &[Worker]) -> Vec<String> {
        let now: BTreeSet<String> = workers
            .iter()
            .filter(|worker| worker.state != "away")
            .map(|worker| worker.name.clone())
            .collect();
        let before = self.workers.replace(now.clone());
        let mut lines = Vec::new();
        if let Some(before) = &before {
            lines.extend(told(
                before.difference(&now),
                "is not connected any more",
                "are not connected any more",
            ));
            lines.extend(told(now.difference(before), "is connected", "are connected"));
        }
        lines.extend(self.abandoned());
        lines
    }

    /// Jobs that nobody has had in hand since the last look.
    fn abandoned(&mut self) -> Vec<String> {
        let abandoned: Vec<_> =
            self.gone.extract_if(.., |_, gone| std::mem::replace(&mut gone.seen, true)).collect();
        let line = |(job, Gone { label, worker, .. }): (String, Gone)| {
            format!(
                "{label} ({job}) was left unfinished by {worker}; it is tried again (why: `tombola explain {job}`)"
            )
        };
        abandoned.into_iter().map(line).collect()
    }
}

/// A line on these workers, if there are any.
fn told<'a>(workers: impl Iterator<Item = &'a String>, one: &str, several: &str) -> Option<String> {
    let names: Vec<&str> = workers.map(String::as_str).collect();
    let more = names.len().saturating_sub(NAMED);
    let shown = names[..names.len() - more].join(", ");
    match (names.len(), more) {
        (0, _) => None,
        (1, _) => Some(format!("worker {shown} {one}")),
        (_, 0) => Some(format!("workers {shown} {several}")),
        (_, more) => Some(format!("workers {shown} and {more} more {several}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_wire::v1::{Ended, Sweep};

    fn event(running: &[(&str, &str)], ended: &[&str]) -> WatchEvent {
        let sweep = Sweep { state: "active".into(), ..Sweep::default() };
        let running = running.iter().map(|(job, worker)| Running {
            job: (*job).into(),
            label: "trial 1, round 2".into(),
            worker: (*worker).into(),
            ..Running::default()
        });
        let ended =
            ended.iter().map(|job| Ended { job: (*job).into(), how: "done".into(), ..Ended::default() });
        WatchEvent {
            sweep: Some(sweep),
            running: running.collect(),
            ended: ended.collect(),
            warnings: Vec::new(),
        }
    }

    fn workers(names: &[&str]) -> Vec<Worker> {
        names
            .iter()
            .map(|name| Worker { name: (*name).into(), state: "connected".into(), ..Worker::default() })
            .collect()
    }

    #[test]
    fn workers_that_come_and_go_are_told_once() {
        let mut troubles = Troubles::default();
        assert_eq!(troubles.look(&workers(&["a", "b"])), [""; 0]);
        assert_eq!(troubles.look(&workers(&["a"])), ["worker b is not connected any more"]);
        assert_eq!(troubles.look(&workers(&["a"])), [""; 0]);
        assert_eq!(troubles.look(&[]), ["worker a is not connected any more"]);
        assert_eq!(troubles.look(&[]), [""; 0]);
        let many = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(troubles.look(&workers(&many)), ["workers a, b, c, d, e and 2 more are connected"]);
    }

    #[test]
    fn a_job_that_ended_is_no_trouble_even_if_its_end_is_told_late() {
        let mut troubles = Troubles::default();
        troubles.event(&event(&[("j1", "a"), ("j2", "a")], &[]));
        assert_eq!(troubles.event(&event(&[("j2", "a")], &["j1"])), [""; 0]);
        assert_eq!(troubles.event(&event(&[], &[])), [""; 0]);
        assert_eq!(troubles.event(&event(&[], &["j2"])), [""; 0]);
        assert_eq!((troubles.look(&workers(&["a"])), troubles.look(&workers(&["a"]))), (vec![], vec![]));
    }

    #[test]
    fn a_job_left_unfinished_is_told_with_who_goes_on_with_it() {
        let mut troubles = Troubles::default();
        troubles.event(&event(&[("j1", "a")], &[]));
        troubles.event(&event(&[], &[]));
        let told = troubles.event(&event(&[("j1", "b")], &[]));
        assert_eq!(told, ["trial 1, round 2 (j1) was left unfinished by a; b goes on with it"]);
    }

    #[test]
    fn a_job_that_nobody_takes_up_is_told_after_a_while_and_once() {
        let mut troubles = Troubles::default();
        let here = workers(&["a"]);
        troubles.look(&here);
        troubles.event(&event(&[("j1", "a")], &[]));
        troubles.event(&event(&[], &[]));
        assert_eq!(troubles.look(&here), [""; 0]);
        let told = troubles.look(&here);
        assert!(
            told.len() == 1 && told[0].ends_with("it is tried again (why: `tombola explain j1`)"),
            "{told:?}"
        );
        assert_eq!(troubles.look(&here), [""; 0]);
    }

    #[test]
    fn what_people_stopped_is_no_trouble() {
        let mut troubles = Troubles::default();
        troubles.event(&event(&[("j1", "a")], &[]));
        let cancelled = Sweep { state: "cancelled".into(), ..Sweep::default() };
        troubles.event(&WatchEvent { sweep: Some(cancelled), ..WatchEvent::default() });
        assert_eq!((troubles.look(&workers(&["a"])), troubles.look(&workers(&["a"]))), (vec![], vec![]));
    }
}
