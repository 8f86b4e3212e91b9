//! What slices of fuzzing came to: read from libFuzzer's log, kept a line each, added up for people.

use std::collections::BTreeMap;

/// A slice, or several of a target added up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) seconds: u64,
    pub(super) executions: u64,
    /// Edges of the code that its inputs reach.
    pub(super) edges: u64,
    /// Inputs that each reach something of their own.
    pub(super) inputs: u64,
    pub(super) crashes: u64,
}

impl Tally {
    /// What libFuzzer says at the end and while it runs.
    pub(super) fn of_log(log: &str, seconds: u64) -> Self {
        let executions = log.lines().filter_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let after = |mark| {
            let lines = log.lines().rev().filter(|line| line.starts_with('#'));
            lines.filter_map(|line| first_number(line.split_once(mark)?.1)).next().unwrap_or(0)
        };
        Self {
            seconds,
            executions: executions.filter_map(|rest| rest.trim().parse::<u64>().ok()).sum(),
            edges: after(" cov: "),
            inputs: after(" corp: "),
            crashes: written(log).count() as u64,
        }
    }

    /// One line of `runs.jsonl`.
    pub(super) fn line(&self, target: &str, at: u64) -> String {
        let Self { seconds, executions, edges, inputs, crashes } = self;
        format!(
            "{{\"target\":\"{target}\",\"at\":{at},\"seconds\":{seconds},\"executions\":{executions},\"edges\":{edges},\
             \"inputs\":{inputs},\"crashes\":{crashes}}}"
        )
    }

    /// The same read back, with its target.
    fn of_line(line: &str) -> Option<(String, Self)> {
        let value = |name: &str| line.split_once(&format!("\"{name}\":")).map(|(_, rest)| rest);
        let number = |name| first_number(value(name)?);
        let target = value("target")?.strip_prefix('"')?.split('"').next()?.to_owned();
        let tally = Self {
            seconds: number("seconds")?,
            executions: number("executions")?,
            edges: number("edges")?,
            inputs: number("inputs")?,
            crashes: number("crashes")?,
        };
        Some((target, tally))
    }

    /// A later slice of the same target: what is reached is reached from what was kept.
    pub(super) fn add(&mut self, later: &Self) {
        self.seconds += later.seconds;
        self.executions += later.executions;
        self.crashes += later.crashes;
        if later.edges > 0 {
            (self.edges, self.inputs) = (later.edges, later.inputs);
        }
    }
}

/// Files of inputs that went wrong, as a log names them.
pub(super) fn written(log: &str) -> impl Iterator<Item = &str> {
    log.lines().filter_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path.trim())
}

fn first_number(text: &str) -> Option<u64> {
    text.trim_start().split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// By target, all that `runs.jsonl` tells.
pub(super) fn all(lines: &str) -> BTreeMap<String, Tally> {
    let mut all: BTreeMap<String, Tally> = BTreeMap::new();
    for (target, tally) in lines.lines().filter_map(Tally::of_line) {
        all.entry(target).or_default().add(&tally);
    }
    all
}

/// For people.
pub(super) fn table(all: &BTreeMap<String, Tally>) -> String {
    let mut text = format!(
        "{:<16}{:>14}{:>9}{:>10}{:>9}{:>9}{:>9}",
        "target", "executions", "per s", "minutes", "edges", "inputs", "crashes"
    );
    let mut sum = Tally::default();
    for (target, tally) in all {
        text += &row(target, tally);
        sum.add(tally);
    }
    (sum.edges, sum.inputs) = all.values().fold((0, 0), |(e, i), one| (e + one.edges, i + one.inputs));
    text + &row("together", &sum)
}

fn row(target: &str, tally: &Tally) -> String {
    let Tally { seconds, executions, edges, inputs, crashes } = tally;
    let (rate, minutes) = (executions / (*seconds).max(1), *seconds as f64 / 60.0);
    format!("\n{target:<16}{executions:>14}{rate:>9}{minutes:>10.1}{edges:>9}{inputs:>9}{crashes:>9}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
#2\tINITED cov: 120 ft: 121 corp: 1/1b exec/s: 0 rss: 30Mb
#4096\tpulse  cov: 300 ft: 400 corp: 17/1200b lim: 4 exec/s: 2048 rss: 31Mb
==1== ERROR: libFuzzer: deadly signal
artifact_prefix='x/'; Test unit written to x/crash-01
stat::number_of_executed_units: 5000
";

    #[test]
    fn a_log_is_added_up() {
        let tally = Tally::of_log(LOG, 9);
        assert_eq!(tally, Tally { seconds: 9, executions: 5000, edges: 300, inputs: 17, crashes: 1 });
        assert_eq!(written(LOG).collect::<Vec<_>>(), ["x/crash-01"]);
    }

    #[test]
    fn slices_of_a_target_add_up_across_runs() {
        let later = Tally { seconds: 1, executions: 10, edges: 310, inputs: 18, crashes: 0 };
        let lines = [Tally::of_log(LOG, 9).line("spool", 1), later.line("spool", 2), "half a li".to_owned()];
        let all = all(&lines.join("\n"));
        let sum = Tally { seconds: 10, executions: 5010, edges: 310, inputs: 18, crashes: 1 };
        assert_eq!(all, [("spool".to_owned(), sum)].into());
        let table = table(&all);
        assert!(table.contains("spool") && table.lines().count() == 3, "{table}");
    }
}
