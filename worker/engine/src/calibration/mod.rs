//! What was measured of a device once, and is gone by from then on: how many lanes of a network it computes best with, and which
//! way each of its convolutions goes. `tombola-worker calibrate` measures it ([`measure`]) and keeps it in the worker's folder.
//!
//! What is measured changes no result's meaning, but its last bits: the width and the ways are in its provenance.

mod date;
mod measure;
mod speed;

pub use measure::{Task, measure};
pub use speed::{Load, Manner, Speed, speed};

use crate::{
    device::{Device, LIBTORCH},
    nn::Ways,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Write},
    path::Path,
};
use tombola_spec::{
    settings::{Dtype, Recipe},
    worker::{BestWidth, DeviceKind, Plan},
};

/// The file in a worker's folder.
pub const FILE: &str = "calibration.json";

/// Raised when the file's fields change their meaning.
const VERSION: u32 = 1;

/// All that was measured for a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    version: u32,
    /// One for each device, plan, network and number format.
    pub entries: Vec<Entry>,
}

/// What was measured of one network in one number format on one model of device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Kind and model of the device, such as `cuda NVIDIA H200`.
    pub device: String,
    /// libtorch it was measured with.
    pub libtorch: String,
    /// Day it was measured, `YYYY-MM-DD` in UTC.
    pub date: String,
    /// How lanes were executed.
    pub plan: Plan,
    /// Network.
    pub network: String,
    /// Channels, height and width of its images.
    pub image: [u32; 3],
    /// Examples per update and lane.
    pub batch: u32,
    /// Number format.
    pub dtype: Dtype,
    /// Lanes to train together.
    pub lanes: u32,
    /// Intra-op threads of each.
    pub threads: u32,
    /// How each of its convolutions goes, in the order of the forward pass: `g` grouped, `a` apart; empty = all grouped.
    pub ways: String,
    /// How fast it was.
    pub rates: Vec<Rate>,
    /// What convolutions took either way.
    pub convolutions: Vec<Convolution>,
}

/// How fast so many lanes were.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Lanes trained together.
    pub lanes: u32,
    /// Intra-op threads of each.
    pub threads: u32,
    /// Updates of all lanes together.
    pub steps_per_second: f64,
}

/// What the convolutions of one shape took, forward and backward, all lanes together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Convolution {
    /// Its shape, such as `16 to 32, 3x3, stride 2, out 16x16`.
    pub shape: String,
    /// As groups of one convolution, milliseconds.
    pub grouped_ms: f64,
    /// One for each lane, milliseconds.
    pub apart_ms: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { version: VERSION, entries: Vec::new() }
    }
}

impl Calibration {
    /// What the worker with this folder has measured; nothing if it never did.
    ///
    /// # Errors
    /// When the file is there and cannot be read, with what to do.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let file = folder.join(FILE);
        let wrong = |why: String| {
            format!(
                "`{}` {why}; hint: `tombola-worker calibrate` makes it anew once it is removed",
                file.display()
            )
        };
        let text = match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.map_err(|error| wrong(format!("cannot be read: {error}")))?,
        };
        let read: Self = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("is not what it should be: {error}")))?;
        if read.version != VERSION {
            return Err(wrong(format!("is of version {}, and this worker reads {VERSION}", read.version)));
        }
        Ok(read)
    }

    /// Keeps it in a worker's folder, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let (file, fresh) = (folder.join(FILE), folder.join("calibration.new"));
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut written = fs::File::create(&fresh)?;
        written.write_all(&text)?;
        written.sync_all()?;
        fs::rename(&fresh, &file)
    }

    /// Adds what was measured, in the place of what was measured of the same before.
    pub fn put(&mut self, entry: Entry) {
        self.entries.retain(|old| !old.is_about(&entry));
        self.entries.push(entry);
    }

    /// What holds for a device: measured on its model with this libtorch.
    pub(crate) fn valid<'a>(&'a self, device: &'a Device) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(|entry| entry.libtorch == LIBTORCH && entry.device == device.model())
    }

    /// The widths that packs are to have on a device whose lanes are fused.
    pub(crate) fn widths(&self, device: &Device) -> Vec<BestWidth> {
        let fused =
            self.valid(device).filter(|entry| device.kind == DeviceKind::Cuda && entry.plan == Plan::Fused);
        let width = |entry: &Entry| {
            let Entry { network, image, dtype, batch, lanes, .. } = entry.clone();
            BestWidth { network, image, dtype, batch, lanes }
        };
        fused.map(width).collect()
    }

    /// How the convolutions of fused lanes of a recipe go.
    pub(crate) fn ways(&self, device: &Device, recipe: &Recipe) -> Ways {
        let entry = self.valid(device).find(|entry| {
            entry.plan == Plan::Fused
                && entry.network == recipe.model.name
                && (entry.image, entry.batch) == (recipe.data.shape.image, recipe.train.batch)
                && entry.dtype == recipe.dtype
        });
        entry.and_then(|entry| Ways::read(&entry.ways)).unwrap_or_default()
    }

    /// For people: what of it is used on a device, and what is not and why; empty if nothing was ever measured, and on a CPU,
    /// where nothing follows from it by itself.
    pub(crate) fn told(&self, device: &Device) -> String {
        if device.kind == DeviceKind::Cpu {
            return String::new();
        }
        let used = self.valid(device).count();
        let latest = self.valid(device).map(|entry| entry.date.as_str()).max();
        let of_kind = |entry: &&Entry| entry.device.split(' ').next() == Some(device.kind.name());
        let stale = self
            .entries
            .iter()
            .filter(of_kind)
            .find(|entry| entry.libtorch != LIBTORCH || entry.device != device.model());
        match (latest, stale) {
            (Some(latest), None) => format!("{used} measurements are used, the last of {latest}"),
            (Some(latest), Some(_)) => format!(
                "{used} measurements are used, the last of {latest}; others are stale: of another model, or with another libtorch"
            ),
            (None, Some(Entry { device, libtorch, date, .. })) => format!(
                "what was measured is stale: on {date} on `{device}` with libtorch {libtorch}; hint: run \
                 `tombola-worker calibrate` again"
            ),
            (None, None) => String::new(),
        }
    }
}

impl Entry {
    /// Whether both are about the same, measured perhaps at another time.
    fn is_about(&self, other: &Self) -> bool {
        let about = |entry: &Self| {
            let Self { device, plan, network, image, batch, dtype, .. } = entry.clone();
            (device, plan, network, image, batch, dtype)
        };
        about(self) == about(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(kind: DeviceKind, name: &str) -> Device {
        Device { kind, index: 1, name: name.to_owned(), memory: 0, torch: tch::Device::Cpu }
    }

    fn entry(device: &str, lanes: u32) -> Entry {
        Entry {
            device: device.to_owned(),
            libtorch: LIBTORCH.to_owned(),
            date: "2026-11-29".to_owned(),
            plan: Plan::Fused,
            network: "conv_2".to_owned(),
            image: [3, 32, 32],
            batch: 60,
            dtype: Dtype::F32,
            lanes,
            threads: 1,
            ways: "ga".to_owned(),
            rates: vec![Rate { lanes, threads: 1, steps_per_second: 7.5 }],
            convolutions: Vec::new(),
        }
    }

    #[test]
    fn what_was_measured_is_kept_and_measured_again_it_takes_the_place_of_the_old() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Calibration::load(folder.path()).unwrap(), Calibration::default());
        let mut all = Calibration::default();
        [entry("cuda A", 8), entry("cuda B", 16), entry("cuda A", 32)]
            .into_iter()
            .for_each(|entry| all.put(entry));
        all.save(folder.path()).unwrap();
        let read = Calibration::load(folder.path()).unwrap();
        assert_eq!(read, all);
        assert_eq!(read.entries.iter().map(|entry| entry.lanes).collect::<Vec<_>>(), [16, 32]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        for (text, why) in
            [("{", "is not what it should be"), (r#"{"version": 2, "entries": []}"#, "version 2")]
        {
            fs::write(folder.path().join(FILE), text).unwrap();
            let told = Calibration::load(folder.path()).unwrap_err();
            assert!(told.contains(why) && told.contains("hint: ") && told.contains(FILE), "{told}");
        }
    }

    #[test]
    fn only_what_was_measured_on_this_model_with_this_libtorch_is_gone_by() {
        let mut all = Calibration::default();
        all.put(entry("cuda A", 8));
        let [same, other] = ["A", "B"].map(|name| device(DeviceKind::Cuda, name));
        assert_eq!(all.widths(&same).iter().map(|width| width.lanes).collect::<Vec<_>>(), [8]);
        assert!(all.told(&same).contains("1 measurements are used"), "{}", all.told(&same));
        assert!(all.widths(&other).is_empty());
        let mut both = all.clone();
        both.put(entry("cuda B", 4));
        assert!(both.told(&same).contains("1 measurements are used") && both.told(&same).contains("stale"));
        let told = all.told(&other);
        assert!(told.contains("stale") && told.contains("`cuda A`") && told.contains("hint: "), "{told}");
        // A processor goes by what is declared.
        assert_eq!(all.told(&device(DeviceKind::Cpu, "A")), "");
        all.entries[0].libtorch = "2.10.0".to_owned();
        assert!(all.widths(&same).is_empty() && all.told(&same).contains("2.10.0"));
    }
}
