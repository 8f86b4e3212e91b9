//! What an agent is told when it starts. Reading files, environment and flags is the binary's business.

use crate::error::{AgentError, Result};
use std::{path::PathBuf, str::FromStr, time::Duration};
use tombola_access::Access;
use tombola_spec::worker::{BestWidth, DeviceKind};

/// Lanes of a GPU slot that does not say: small networks saturate a GPU near here (reference engine.md, section B).
const GPU_LANES: u32 = 32;

/// Everything an agent needs to know.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses of the coordinator and its standbys, tried in turn, such as `http://127.0.0.1:7654`.
    pub coordinators: Vec<String>,
    /// What is needed to get in to them.
    pub access: Access,
    /// Name for people, unique while connected.
    pub name: String,
    /// The worker's folder: identity, cache, spool, engines' files. One worker at a time.
    pub folder: PathBuf,
    /// Its slots.
    pub slots: Vec<SlotSpec>,
    /// The folder its engines look for data sets in, as people are told; empty = unknown.
    pub data_folder: String,
    /// Protocol version to introduce itself with: [`tombola_spec::version::PROTOCOL`], except in tests.
    pub protocol: u32,
    /// Sizes and times.
    pub limits: Limits,
}

impl Options {
    /// The usual options of a worker called `name` with these coordinators, folder and slots.
    pub fn new(coordinators: Vec<String>, name: &str, folder: PathBuf, slots: Vec<SlotSpec>) -> Self {
        let protocol = tombola_spec::version::PROTOCOL;
        let (name, data_folder, limits) = (name.to_owned(), String::new(), Limits::default());
        let access = Access::open();
        Self { coordinators, access, name, folder, slots, data_folder, protocol, limits }
    }
}

/// Sizes and times. Operators may change all but the pauses, which tests shorten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Unacknowledged reports kept while the coordinator is away, bytes; beyond it engines checkpoint and wait.
    pub spool_bytes: u64,
    /// Artifacts kept for later, bytes; the least recently used go first.
    pub cache_bytes: u64,
    /// An engine whose training does not advance for so long is killed.
    pub stuck_after: Duration,
    /// A draining worker leaves after so long, whatever is still open.
    pub drain_within: Duration,
    /// The worker has left after so long; `None` = it has all the time in the world.
    pub time_limit: Option<Duration>,
    /// How long a slot without an engine waits before it tries to have one again.
    pub mend_after: Duration,
    /// First pause before connecting again; doubles up to [`Limits::longest_pause`].
    pub first_pause: Duration,
    /// Longest pause before connecting again.
    pub longest_pause: Duration,
    /// Points of metrics are sent at most so often per job.
    pub metrics_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            spool_bytes: 256 << 20,
            cache_bytes: 10 << 30,
            stuck_after: Duration::from_secs(600),
            drain_within: Duration::from_secs(60),
            time_limit: None,
            mend_after: Duration::from_secs(300),
            first_pause: Duration::from_millis(50),
            longest_pause: Duration::from_secs(2),
            metrics_every: Duration::from_millis(500),
        }
    }
}

/// A slot to run: one engine on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSpec {
    /// CPU or GPU.
    pub device: DeviceKind,
    /// Device index among its kind.
    pub index: u32,
    /// Widest pack it takes.
    pub lanes: u32,
    /// Whether somebody said so: then no measurement makes packs wider.
    pub declared: bool,
}

impl SlotSpec {
    /// Reads a list of slots, comma-separated: `[COUNTx]cpu[=LANES]` or `cuda:INDEX[=LANES]`. A CPU slot that does not
    /// say gets its share of `cores`; a GPU slot gets 32.
    ///
    /// # Errors
    /// When an entry is not of that form, names no slots or no lanes.
    pub fn parse_list(text: &str, cores: u32) -> Result<Vec<Self>> {
        let entries = text.split(',').map(|entry| entry.trim().parse()).collect::<Result<Vec<Entry>>>()?;
        let cpus: u32 = entries.iter().filter(|entry| entry.device == DeviceKind::Cpu).map(|e| e.count).sum();
        let mut slots = Vec::new();
        for entry in entries {
            let usual = match entry.device {
                DeviceKind::Cpu => (cores / cpus.max(1)).max(1),
                DeviceKind::Cuda => GPU_LANES,
            };
            let lanes = entry.lanes.unwrap_or(usual);
            if lanes == 0 {
                return Err(setting(
                    "a slot has at least one lane",
                    "leave the number out for the usual one",
                ));
            }
            let (device, index, declared) = (entry.device, entry.index, entry.lanes.is_some());
            slots.extend((0..entry.count).map(|_| Self { device, index, lanes, declared }));
        }
        Ok(slots)
    }

    /// A measured width, within what was declared.
    pub(crate) fn bounded(&self, width: &BestWidth) -> BestWidth {
        let most = if self.declared { self.lanes } else { u32::MAX };
        BestWidth { lanes: width.lanes.min(most), ..width.clone() }
    }
}

impl std::fmt::Display for SlotSpec {
    /// As it can be written in a list.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.device {
            DeviceKind::Cpu => write!(f, "cpu={}", self.lanes),
            DeviceKind::Cuda => write!(f, "cuda:{}={}", self.index, self.lanes),
        }
    }
}

struct Entry {
    device: DeviceKind,
    index: u32,
    count: u32,
    lanes: Option<u32>,
}

impl FromStr for Entry {
    type Err = AgentError;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let hint = "write `cpu`, `2xcpu`, `cpu=4` (4 lanes) or `cuda:0=32` (GPU 0, 32 lanes), separated by commas";
            setting(&format!("`{text}` is not a slot"), hint)
        };
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| wrong());
        let (place, lanes) = match text.split_once('=') {
            Some((place, lanes)) => (place, Some(number(lanes)?)),
            None => (text, None),
        };
        if let Some(index) = place.strip_prefix("cuda") {
            let index = index.strip_prefix(':').map_or(Ok(0), number)?;
            return Ok(Self { device: DeviceKind::Cuda, index, count: 1, lanes });
        }
        let count = match place.strip_suffix("cpu").ok_or_else(wrong)? {
            "" => 1,
            count => number(count.strip_suffix('x').ok_or_else(wrong)?)?,
        };
        if !(1..=1024).contains(&count) {
            return Err(wrong());
        }
        Ok(Self { device: DeviceKind::Cpu, index: 0, count, lanes })
    }
}

fn setting(what: &str, hint: &str) -> AgentError {
    AgentError::Setting { what: what.to_owned(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(lanes: u32, declared: bool) -> SlotSpec {
        SlotSpec { device: DeviceKind::Cpu, index: 0, lanes, declared }
    }

    fn cuda(index: u32, lanes: u32, declared: bool) -> SlotSpec {
        SlotSpec { device: DeviceKind::Cuda, index, lanes, declared }
    }

    #[test]
    fn slots_are_written_as_a_list() {
        let read = |text: &str| SlotSpec::parse_list(text, 8).unwrap();
        assert_eq!(read("cpu"), [cpu(8, false)]);
        assert_eq!(read("2xcpu"), [cpu(4, false), cpu(4, false)]);
        assert_eq!(read("cpu=2, cuda:1, cuda=64"), [cpu(2, true), cuda(1, 32, false), cuda(0, 64, true)]);
        assert_eq!(SlotSpec::parse_list("4xcpu", 2).unwrap().len(), 4);
    }

    #[test]
    fn a_measured_width_is_taken_but_for_more_than_was_declared() {
        let (network, image) = ("conv_2".to_owned(), [3, 32, 32]);
        let dtype = tombola_spec::settings::Dtype::F32;
        let width = BestWidth { network, image, dtype, batch: 60, lanes: 128 };
        assert_eq!(cuda(0, 32, false).bounded(&width).lanes, 128);
        assert_eq!(cuda(0, 64, true).bounded(&width).lanes, 64);
        assert_eq!(cuda(0, 256, true).bounded(&width).lanes, 128);
    }

    #[test]
    fn a_slot_that_means_nothing_is_refused_with_a_hint() {
        for text in ["", "gpu", "cpu:1", "0xcpu", "cpu=", "cpu=0", "cuda:x", "-1xcpu", "cpu,,cpu", "9999xcpu"]
        {
            let error = SlotSpec::parse_list(text, 2).unwrap_err().to_string();
            assert!(error.contains("hint: "), "{text}: {error}");
        }
    }
}
