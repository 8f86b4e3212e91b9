//! Parts of a data set, and wrong labels.

use crate::{
    error::{EngineError, Result},
    random::{Purpose, Random},
};
use tombola_spec::{
    job::Stream,
    settings::{Data, Half, Noise, Subset},
};

/// Rows of the training examples that `data` uses, validation included, in increasing order. `labels` are those of the
/// whole set.
///
/// # Errors
/// When they are not as many as `data` counts on.
pub fn subset(data: &Data, labels: &[u32]) -> Result<Vec<u32>> {
    let mut rows = match &data.subset {
        None => (0..labels.len() as u32).collect(),
        Some(Subset::Fraction(_)) => {
            let mut rows = random(data, "fraction", 0).permutation(labels.len() as u32);
            rows.truncate(data.examples() as usize);
            rows
        }
        Some(subset @ Subset::Classes { .. }) => of_classes(Some(subset), labels),
        Some(Subset::Half(half)) => half_of(data, *half, labels),
    };
    if rows.len() != data.examples() as usize {
        let (found, wanted) = (rows.len(), data.examples());
        let reason = format!("the sweep counts on {wanted} examples in its subset, the files hold {found}");
        return Err(EngineError::data(&data.set, reason));
    }
    rows.sort_unstable();
    Ok(rows)
}

/// Rows whose classes a subset has, in increasing order: all, unless it is one of classes.
pub fn of_classes(subset: Option<&Subset>, labels: &[u32]) -> Vec<u32> {
    let rows = labels.iter().zip(0..).filter(|&(&label, _)| number(subset, label).is_some());
    rows.map(|(_, row)| row).collect()
}

/// Labels as a subset numbers them; those of classes it lacks become 0.
pub fn renumbered(subset: Option<&Subset>, labels: &[u32]) -> Vec<i64> {
    labels.iter().map(|&label| number(subset, label).unwrap_or(0)).collect()
}

fn number(subset: Option<&Subset>, label: u32) -> Option<i64> {
    match subset {
        Some(Subset::Classes { classes, .. }) => {
            classes.iter().position(|&class| class == label).map(|place| place as i64)
        }
        _ => Some(i64::from(label)),
    }
}

/// Each class shuffled, one class after another, every second example: an even split of every class.
fn half_of(data: &Data, half: Half, labels: &[u32]) -> Vec<u32> {
    let mut all = Vec::with_capacity(labels.len());
    for class in 0..=labels.iter().copied().max().unwrap_or(0) {
        let of_class = labels.iter().zip(0..).filter(|&(&label, _)| label == class);
        let mut rows: Vec<u32> = of_class.map(|(_, row)| row).collect();
        random(data, "half", class.into()).shuffle(&mut rows);
        all.extend(rows);
    }
    all.into_iter().skip(usize::from(half == Half::B)).step_by(2).collect()
}

/// As with the split, only the seed is in the key: both halves are cut from one order.
fn random(data: &Data, detail: &str, index: u64) -> Random {
    Random::new(Purpose::Subset, &seeded(data.split_seed), detail, index)
}

fn seeded(seed: u64) -> Stream {
    Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
}

/// Draws labels in 0..`classes` for some of the examples in `rows`, those trained on.
pub fn add_noise(noise: Noise, classes: u32, rows: &[u32], labels: &mut [i64]) {
    let mut random = Random::new(Purpose::LabelNoise, &seeded(noise.seed), "", 0);
    let chosen = random.permutation(rows.len() as u32);
    for &place in chosen.iter().take(noise.count(rows.len() as u32) as usize) {
        labels[rows[place as usize] as usize] = random.below(classes.into()) as i64;
    }
}
