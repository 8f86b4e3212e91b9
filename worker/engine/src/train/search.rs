//! Looks for early-bird tickets while a lane trains: masks that no longer change from epoch to epoch (arXiv 1909.11957,
//! section 3, Algorithm 1).
//!
//! A mask is drawn at the start of each epoch but the first, whose weights are untrained: fresh scales of batch
//! normalizations are all equal.

use super::values;
use crate::{
    checkpoint::{FileKind, TensorFile, Values},
    error::{EngineError, Result},
    nn::Layout,
    prune::{Packed, Subject, prune},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use tch::{Kind, Tensor};
use tombola_spec::{
    arch::Architecture,
    job::{Compared, Search, Settled, Ticket},
    outcome::{EpochPair, FoundTicket},
};

/// Key of the iteration at which the weights of a file were found.
pub(super) const FOUND_AT: &str = "found_at";

/// Key of what each rule has seen, in a file's notes.
const SEEN: &str = "search";

/// A search in a lane.
pub(crate) struct Searching {
    search: Arc<Search>,
    architecture: Architecture,
    layout: Layout,
    /// One for each rule.
    rules: Vec<Sought>,
}

/// What was seen of one rule's ticket.
#[derive(Default)]
struct Sought {
    seen: Seen,
    /// By the epochs trained before.
    masks: BTreeMap<u32, Packed>,
    /// Those it was found at.
    weights: Option<Tensor>,
}

/// What of it is noted in files.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Seen {
    found: Option<At>,
    /// The epoch looked at last.
    last: u32,
    /// The smallest distance at which it would have been found so far.
    nearest: Option<f64>,
    pairs: Vec<EpochPair>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct At {
    epoch: u32,
    iteration: u64,
}

impl Searching {
    /// A search that has seen nothing.
    pub(crate) fn new(search: Arc<Search>, architecture: Architecture) -> Self {
        let rules = search.rules.iter().map(|_| Sought::default()).collect();
        Self { layout: Layout::of(&architecture), search, architecture, rules }
    }

    /// Whether masks of this epoch are wanted and have not been drawn.
    pub(super) fn wants(&self, epoch: u32) -> bool {
        self.rules.iter().any(|sought| self.open(sought) && sought.seen.last < epoch)
    }

    /// Whether there is nothing more to look for.
    pub(super) fn done(&self) -> bool {
        !self.rules.iter().any(|sought| self.open(sought))
    }

    fn open(&self, sought: &Sought) -> bool {
        self.search.whole || sought.seen.found.is_none()
    }

    /// Draws the masks of an epoch from the weights at its start, `[P]`.
    ///
    /// # Errors
    /// When a rule cannot be followed.
    pub(super) fn look(&mut self, weights: &Tensor, epoch: u32, iteration: u64) -> Result<()> {
        let subject = Subject::of_values(&self.architecture, weights)?;
        let Self { search, architecture, rules, .. } = self;
        for (rule, sought) in search.rules.iter().zip(rules) {
            if sought.seen.last >= epoch || (sought.seen.found.is_some() && !search.whole) {
                continue;
            }
            let mask = prune(&subject, rule, None, &search.ties, &|_| true)?;
            let mask = mask.ok_or_else(|| EngineError::Settings("a prune step was stopped".to_owned()))?;
            sought.see(Packed::of(architecture, &mask, rule.unit), epoch, search);
            let spread = sought.spread(&search.settled);
            sought.seen.nearest = [sought.seen.nearest, spread].into_iter().flatten().min_by(f64::total_cmp);
            if sought.seen.found.is_none() && spread.is_some_and(|spread| spread <= search.settled.distance) {
                sought.seen.found = Some(At { epoch, iteration });
                sought.weights = Some(weights.f_detach_copy()?);
            }
        }
        Ok(())
    }

    /// What was found, as a file of [`FileKind::Tickets`].
    pub(super) fn tickets(&self) -> Result<TensorFile> {
        let mut file = TensorFile::new(FileKind::Tickets, &self.architecture.name);
        self.put_found(&mut file)?;
        Ok(file)
    }

    /// Puts all it needs to be gone on with into a checkpoint.
    pub(super) fn put(&self, file: &mut TensorFile) -> Result<()> {
        self.put_found(file)?;
        for (number, sought) in self.rules.iter().enumerate() {
            for (epoch, mask) in &sought.masks {
                let words: Vec<i64> = mask.words.iter().map(|&word| word as i64).collect();
                file.put(&mask_name(number, epoch), &[words.len()], words)?;
            }
        }
        Ok(())
    }

    /// Takes up what [`Searching::put`] put there; the weights of `kind`.
    pub(super) fn resume(&mut self, file: &TensorFile, kind: Kind) -> Result<()> {
        let seen: Vec<Seen> = file.needed_note(SEEN)?;
        if seen.len() != self.rules.len() {
            return Err(file.wrong("is about another search"));
        }
        for (number, seen) in seen.into_iter().enumerate() {
            let suffix = suffix(number);
            let found = seen.found.map(|_| values::get(file, self.layout.entries(), kind, Some(&suffix)));
            let masks = self.masks(file, number)?;
            self.rules[number] = Sought { weights: found.transpose()?, masks, seen };
        }
        Ok(())
    }

    fn masks(&self, file: &TensorFile, rule: usize) -> Result<BTreeMap<u32, Packed>> {
        let prefix = mask_name(rule, "");
        let units = Packed::units_of(&self.architecture, self.search.rules[rule].unit);
        let mut masks = BTreeMap::new();
        for (name, _, words) in file.tensors() {
            let epoch = name.strip_prefix(&prefix).and_then(|epoch| epoch.parse().ok());
            if let (Some(epoch), Values::I64(words)) = (epoch, words) {
                masks.insert(epoch, Packed { words: words.iter().map(|&word| word as u64).collect(), units });
            }
        }
        Ok(masks)
    }

    fn put_found(&self, file: &mut TensorFile) -> Result<()> {
        let seen: Vec<&Seen> = self.rules.iter().map(|sought| &sought.seen).collect();
        file.put_note(SEEN, &seen)?;
        for (number, sought) in self.rules.iter().enumerate() {
            if let Some(weights) = &sought.weights {
                values::put(file, self.layout.entries(), weights, Some(&suffix(number)))?;
            }
        }
        Ok(())
    }
}

impl Sought {
    /// Compares the mask of an epoch with those before it.
    fn see(&mut self, mask: Packed, epoch: u32, search: &Search) {
        let pair = |(&before, older): (&u32, &Packed)| EpochPair {
            epochs: [before, epoch],
            distance: older.distance(&mask),
        };
        let pairs: Vec<_> = self.masks.iter().map(pair).collect();
        self.seen.pairs.extend(pairs);
        self.masks.insert(epoch, mask);
        while !search.whole && self.masks.len() > search.settled.masks() {
            self.masks.pop_first();
        }
        self.seen.last = epoch;
    }

    /// The largest of the distances in the window, once there are masks enough.
    fn spread(&self, settled: &Settled) -> Option<f64> {
        let window = settled.masks();
        let epochs: Vec<u32> = self.masks.keys().rev().take(window).copied().collect();
        if epochs.len() < window {
            return None;
        }
        let pairs: Vec<[u32; 2]> = match settled.compared {
            Compared::Newest => epochs[1..].iter().map(|&older| [older, epochs[0]]).collect(),
            Compared::Neighbours => epochs.windows(2).map(|pair| [pair[1], pair[0]]).collect(),
        };
        let known = self.seen.pairs.iter().filter(|known| pairs.contains(&known.epochs));
        known.map(|known| known.distance).max_by(f64::total_cmp)
    }
}

fn suffix(rule: usize) -> String {
    format!("found{rule}")
}

/// The mask of an epoch.
fn mask_name(rule: usize, epoch: impl std::fmt::Display) -> String {
    format!("mask{rule}.epoch{epoch}")
}

/// The weights at which a ticket was found, as a file of [`FileKind::Weights`] that says when, and what was seen on the
/// way.
///
/// # Errors
/// When it was not found, or the file cannot be read.
pub(crate) fn found(
    path: &Path,
    ticket: &Ticket,
    network: &Architecture,
) -> Result<(FoundTicket, TensorFile)> {
    let file = TensorFile::load(path, FileKind::Tickets)?;
    file.expect_network(&network.name)?;
    let seen: Vec<Seen> = file.needed_note(SEEN)?;
    let number = ticket.rule as usize;
    let seen = seen.into_iter().nth(number).ok_or_else(|| file.wrong("has no such ticket"))?;
    let Some(At { epoch, iteration }) = seen.found else {
        let nearest = seen.nearest.map_or("masks were too few".to_owned(), |nearest| {
            format!("it would have been at a distance of {nearest:.3}")
        });
        let what = format!("no early-bird ticket was found in {} epochs: {nearest}", seen.last);
        return Err(EngineError::Settings(format!(
            "{what}; hint: a larger `prune.search.distance`, or longer training"
        )));
    };
    let mut weights = TensorFile::new(FileKind::Weights, &network.name);
    for entry in Layout::of(network).entries() {
        let name = format!("{}.{}", entry.name, suffix(number));
        weights.put(&entry.name, file.shape(&name)?, file.values(&name)?.clone())?;
    }
    weights.put_note(FOUND_AT, &iteration)?;
    Ok((FoundTicket { epoch, iteration, pairs: seen.pairs }, weights))
}
