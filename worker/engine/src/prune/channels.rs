//! Channels pruned whole. A dead one loses its filter, its bias, its scale and shift, and what the next layer's weights make
//! of it, so that the masked network computes exactly what one without these channels does.

use super::{ChannelCriterion, Subject, channel_criterion, select};
use crate::{
    error::{EngineError, Result},
    mask::{Mask, MaskLayer},
    random::{Purpose, Random},
};
use tombola_spec::{
    arch::{Architecture, Units},
    job::{Preserve, Stream},
    ladder::{self, Pool},
    settings::Prune,
};

/// Which channels of each layer live: one tensor for each of `Architecture::units`, called as the layer.
pub(crate) type Channels = Mask;

/// All channels of these layers, living.
fn dense(units: &[Units]) -> Channels {
    let all = |of: &Units| {
        let count = of.count as usize;
        MaskLayer { name: of.layer.clone(), shape: vec![count], bits: vec![1; count], prunable: true }
    };
    Mask { layers: units.iter().map(all).collect(), rest: Vec::new() }
}

/// The channels that live in a mask: those of whose filter something does.
pub(crate) fn living(units: &[Units], mask: &Mask) -> Channels {
    let mut channels = dense(units);
    for (channels, units) in channels.layers.iter_mut().zip(units) {
        let filters = mask.bits(&format!("{}.weight", units.layer)).unwrap_or_default();
        let filters = filters.chunks((filters.len() / channels.bits.len()).max(1));
        channels.bits.iter_mut().zip(filters).for_each(|(bit, filter)| *bit = u8::from(filter.contains(&1)));
    }
    channels
}

/// The mask over all parameters with which these channels live. It also has the biases, scales and shifts of channels.
pub(crate) fn mask_of(architecture: &Architecture, units: &[Units], channels: &Channels) -> Mask {
    let mut mask = Mask::dense(architecture);
    for (units, channels) in units.iter().zip(&channels.layers) {
        let ends = [(&units.layer, units.count as usize), (&units.reader, 0)];
        for (name, rows) in ends {
            let name = format!("{name}.weight");
            let Some(layer) = mask.layers.iter_mut().find(|layer| layer.name == name) else { continue };
            match rows {
                0 => fade_columns(layer, &channels.bits, units.places as usize),
                rows => fade_rows(layer, &channels.bits, rows),
            }
        }
        let bias = units.bias.then(|| format!("{}.bias", units.layer));
        let norm = units.norm.iter().flat_map(|norm| ["weight", "bias"].map(|kind| format!("{norm}.{kind}")));
        let own = bias.into_iter().chain(norm);
        mask.rest.extend(own.map(|name| MaskLayer { name, ..channels.clone() }));
    }
    mask
}

/// Dead filters, the rows of a weight.
fn fade_rows(layer: &mut MaskLayer, channels: &[u8], rows: usize) {
    let length = layer.bits.len() / rows;
    let rows = layer.bits.chunks_mut(length).zip(channels);
    rows.filter(|(_, living)| **living == 0).for_each(|(row, _)| row.fill(0));
}

/// What a weight `[outputs, channels * places, …]` makes of dead channels.
fn fade_columns(layer: &mut MaskLayer, channels: &[u8], places: usize) {
    let kernel: usize = layer.shape[2..].iter().product();
    let read = layer.bits.chunks_mut(places * kernel).zip(channels.iter().cycle());
    read.filter(|(_, living)| **living == 0).for_each(|(part, _)| part.fill(0));
}

/// One prune step of channels: as [`super::prune()`].
pub(super) fn prune(subject: &Subject, rule: &Prune, mask: &Mask, ties: &Stream) -> Result<Mask> {
    let architecture = &subject.architecture;
    let units = architecture.units();
    let mut channels = living(&units, mask);
    cut(subject, rule, &units, &mut channels, ties)?;
    let mut mask = mask_of(architecture, &units, &channels);
    let prunable = ladder::prunable(architecture, rule);
    mask.layers.iter_mut().zip(prunable).for_each(|(layer, prunable)| layer.prunable = prunable);
    Ok(mask)
}

/// Cuts the channels that go in one step.
pub(crate) fn cut(
    subject: &Subject,
    rule: &Prune,
    units: &[Units],
    channels: &mut Channels,
    ties: &Stream,
) -> Result<()> {
    let criterion = channel_criterion(rule.criterion)?;
    let mut scores = criterion.score(subject, units)?;
    if rule.invert {
        scores.iter_mut().flatten().for_each(|score| *score = -*score);
    }
    for pool in ladder::pools(&subject.architecture, rule) {
        cut_pool(&pool, channels, &scores, criterion.as_ref(), ties)?;
    }
    Ok(())
}

/// Cuts layers ranked together. The best channel of each stays: a layer without any would disconnect the network.
fn cut_pool(
    pool: &Pool,
    channels: &mut Channels,
    scores: &[Vec<f64>],
    criterion: &dyn ChannelCriterion,
    ties: &Stream,
) -> Result<()> {
    let layers = &pool.layers;
    let alive = layers.iter().map(|&layer| channels.layers[layer].living()).sum();
    let left = pool.left(alive, alive);
    if left < layers.len() as u64 {
        let what = format!("{left} channels cannot keep {} layers connected", layers.len());
        return Err(EngineError::Settings(format!("{what}; hint: prune less")));
    }
    let kept: Vec<(usize, usize)> = layers
        .iter()
        .filter_map(|&layer| Some((layer, best(&channels.layers[layer], &scores[layer], ties)?)))
        .collect();
    // Where all score alike the selector says so; that those beside the best do is nothing wrong.
    let alike = {
        let mut all = layers.iter().flat_map(|&layer| scores[layer].iter().zip(&channels.layers[layer].bits));
        let first = all.find(|(_, bit)| **bit == 1).map(|(score, _)| *score);
        all.filter(|(_, bit)| **bit == 1).all(|(score, _)| Some(*score) == first)
    };
    kept.iter().for_each(|&(layer, best)| channels.layers[layer].bits[best] = 0);
    let draws_lots = criterion.draws_lots() || !alike;
    let rule = select::Rule { protect: 0.0, cuts_ties: false, draws_lots, ties };
    let done = match left - kept.len() as u64 {
        0 => {
            layers.iter().for_each(|&layer| channels.layers[layer].bits.fill(0));
            Ok(())
        }
        others => select::cut(channels, layers, others, scores, &rule),
    };
    kept.iter().for_each(|&(layer, best)| channels.layers[layer].bits[best] = 1);
    done
}

/// The living channel of highest score, of equal ones by lot.
fn best(layer: &MaskLayer, scores: &[f64], ties: &Stream) -> Option<usize> {
    // Another stream than the selector's: what is kept says nothing about what goes.
    let lots = Random::new(Purpose::Ties, ties, &layer.name, 1);
    let living = (0..scores.len()).filter(|&index| layer.bits[index] == 1);
    let key = |index: usize| (scores[index] + 0.0, lots.u64_at(index as u64));
    living.max_by(|&a, &b| {
        let ((a, lot_a), (b, lot_b)) = (key(a), key(b));
        a.total_cmp(&b).then(lot_a.cmp(&lot_b))
    })
}

/// A mask drawn at random with the counts of living channels of `mask`.
pub(super) fn random(
    architecture: &Architecture,
    mask: &Mask,
    preserve: Preserve,
    whole: &[String],
    stream: &Stream,
) -> Mask {
    let units = architecture.units();
    let whole: Vec<String> = whole.iter().map(|name| name.trim_end_matches(".weight").to_owned()).collect();
    let drawn = super::random_mask(&living(&units, mask), preserve, &whole, stream);
    let mut random = mask_of(architecture, &units, &drawn);
    random.layers.iter_mut().zip(&mask.layers).for_each(|(layer, old)| layer.prunable = old.prunable);
    random
}
