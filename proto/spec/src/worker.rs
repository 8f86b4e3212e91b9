//! What a worker says of itself: devices, slots, data sets.

use crate::{Digest, data::DataShape, settings::Dtype};
use serde::{Deserialize, Serialize};

/// A worker's introduction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerInfo {
    /// Name for people, unique per coordinator while connected (the host name by default).
    pub name: String,
    /// Host name.
    pub host: String,
    /// Version of the worker's build.
    pub version: String,
    /// Versions of the components that decide results ([`crate::version`]), by name.
    pub components: std::collections::BTreeMap<String, u32>,
    /// Its slots.
    pub slots: Vec<SlotInfo>,
    /// Data sets it holds.
    pub data: Vec<DataInfo>,
    /// The folder it looks for data sets in, one sub-folder each, for people; empty = unknown.
    #[serde(default)]
    pub data_folder: String,
    /// It ends an engine whose training stands still for so many seconds; 0 = unknown.
    #[serde(default)]
    pub patience_s: u64,
}

/// Widths fused packs come in: few, so that a device's kernels are few and each can be measured; shorter packs are padded.
pub const WIDTHS: [u32; 10] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/// One slot: one engine child on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotInfo {
    /// CPU or GPU.
    pub device: DeviceKind,
    /// Device index among its kind.
    pub index: u32,
    /// Device name for people.
    pub name: String,
    /// Memory of the device, bytes; 0 = unknown.
    pub memory: u64,
    /// Widest pack it takes of networks that were not measured there.
    pub lanes: u32,
    /// Widest pack it takes of those that were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<BestWidth>,
}

impl SlotInfo {
    /// Widest pack it takes of a network on images of a shape, in a number format and batches of a size. Of a network that was
    /// measured with other batches alone it takes the narrowest width of them: that fits.
    #[must_use]
    pub fn lanes_for(&self, network: &str, image: [u32; 3], dtype: Dtype, batch: u32) -> u32 {
        let about =
            |width: &&BestWidth| width.network == network && (width.image, width.dtype) == (image, dtype);
        let known = || self.widths.iter().filter(about);
        let same = known().find(|width| width.batch == batch);
        let width = same.or_else(|| known().min_by_key(|width| width.lanes));
        width.map_or(self.lanes, |width| width.lanes)
    }
}

/// With how many lanes of a network a device was fastest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BestWidth {
    /// The network.
    pub network: String,
    /// Channels, height and width of its images.
    pub image: [u32; 3],
    /// Number format.
    pub dtype: Dtype,
    /// Examples per update and lane.
    pub batch: u32,
    /// Lanes.
    pub lanes: u32,
}

/// A kind of device; packs and plans depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// Processor cores: one thread per lane.
    Cpu,
    /// An NVIDIA GPU: lanes fused.
    Cuda,
}

impl DeviceKind {
    /// Its name in SQL, on the wire and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }

    /// The execution plan packs on this kind of device run under. Chosen from the device kind alone, never from load,
    /// because it is part of a result's provenance.
    pub fn plan(self) -> Plan {
        match self {
            Self::Cpu => Plan::CpuLanes,
            Self::Cuda => Plan::Fused,
        }
    }
}

impl std::str::FromStr for DeviceKind {
    type Err = crate::SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            _ => Err(crate::SpecError::new(format!("`{text}` is not a device"), "devices: `cpu`, `cuda`")),
        }
    }
}

/// How the lanes of a pack are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plan {
    /// One thread per lane, one intra-op thread each.
    CpuLanes,
    /// All lanes in one set of kernels; on a CPU the oracle of `CpuLanes`.
    Fused,
}

impl Plan {
    /// Its name in SQL and provenance.
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuLanes => "cpu-lanes",
            Self::Fused => "fused",
        }
    }
}

/// In provenance, how a lane of a `cpu-lanes` pack was computed of which only living weights are computed with.
pub const CPU_SPARSE: &str = "cpu-sparse";

/// A data set a worker holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataInfo {
    /// Its name, as in a sweep file.
    pub set: String,
    /// BLAKE3 over shapes, images and labels.
    pub digest: Digest,
    /// Its shape.
    pub shape: DataShape,
}
