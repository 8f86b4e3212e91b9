//! Density ladders: how many weights live after each prune step, exactly, before anything runs.
//!
//! The engine's selector cuts the same [`pools`] to the same counts, so that what a plan predicts is what a mask has. Of
//! channels their number is exact; how many weights go with them depends on which layers a global ranking takes them from,
//! and is estimated.

use crate::{
    arch::Architecture,
    settings::{Amount, Prune, Scope, Unit},
};

/// How many of `alive` weights a prune step at `rate` removes: the nearest integer, half up, never all of a layer's
/// weights unless the rate is 1.
pub fn cut(alive: u64, rate: f64) -> u64 {
    let wanted = (alive as f64 * rate + 0.5).floor() as u64;
    if rate < 1.0 { wanted.min(alive.saturating_sub(1)) } else { wanted.min(alive) }
}

/// Weight tensors, or layers of channels, that are ranked together.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// Their places in `Architecture::weights`, or in `Architecture::units` where channels are pruned.
    pub layers: Vec<usize>,
    /// Weights, or channels, in them, dead ones included.
    pub total: u64,
    goal: Goal,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    Rate(f64),
    Keep(u64),
}

impl Pool {
    /// How many of `alive` weights or channels are left by the prune step.
    pub fn left(&self, alive: u64) -> u64 {
        match self.goal {
            Goal::Rate(rate) => alive - cut(alive, rate),
            Goal::Keep(count) => alive.min(count),
        }
    }

    /// Whether the step may cut its tensors at all.
    pub fn is_prunable(&self) -> bool {
        self.goal != Goal::Rate(0.0)
    }
}

/// The groups of weights that a step ranks together: tensors with a rate of their own are each a group; the rest is one
/// group (global) or one each (per layer). To reach a density, the rest makes up for tensors that are left whole.
pub fn pools(architecture: &Architecture, prune: &Prune) -> Vec<Pool> {
    let tensors = ranked(architecture, prune.unit);
    let own = |name: &str| prune.rates.get(name).copied();
    let all: u64 = tensors.iter().map(|(_, total)| total).sum();
    let whole: u64 = tensors.iter().filter(|(name, _)| own(name).is_some()).map(|(_, total)| total).sum();
    // Of the rest, so that all together are at the density.
    let rest = |density: f64| (density * all as f64 - whole as f64) / (all - whole) as f64;
    let mut pools = Vec::new();
    let mut shared = Pool { layers: Vec::new(), total: 0, goal: Goal::Keep(0) };
    for (layer, (name, total)) in tensors.into_iter().enumerate() {
        let alone = |goal| Pool { layers: vec![layer], total, goal };
        match (own(&name), prune.scope) {
            (Some(rate), _) => pools.push(alone(Goal::Rate(rate))),
            (None, Scope::PerLayer) => pools.push(alone(match prune.amount {
                Amount::Rate(rate) => Goal::Rate(rate),
                Amount::Density(density) => Goal::Keep(nearest(rest(density), total).max(1)),
            })),
            (None, Scope::Global) => {
                shared.layers.push(layer);
                shared.total += total;
            }
        }
    }
    if !shared.layers.is_empty() {
        shared.goal = match prune.amount {
            Amount::Rate(rate) => Goal::Rate(rate),
            Amount::Density(density) => Goal::Keep(nearest(density, all).saturating_sub(whole).max(1)),
        };
        pools.push(shared);
    }
    pools
}

/// Whether each of `Architecture::weights` may lose weights in such a step; of channels, one that makes or reads some.
pub fn prunable(architecture: &Architecture, prune: &Prune) -> Vec<bool> {
    let (weights, units) = (architecture.weights(), architecture.units());
    let mut prunable = vec![false; weights.len()];
    for layer in
        pools(architecture, prune).iter().filter(|pool| pool.is_prunable()).flat_map(|pool| &pool.layers)
    {
        match prune.unit {
            Unit::Weight => prunable[*layer] = true,
            Unit::Channel => {
                let ends = [&units[*layer].layer, &units[*layer].reader].map(|name| format!("{name}.weight"));
                weights
                    .iter()
                    .zip(&mut prunable)
                    .for_each(|(weight, may)| *may |= ends.contains(&weight.name));
            }
        }
    }
    prunable
}

/// What has something to rank, by the name of its weight tensor, and how much.
fn ranked(architecture: &Architecture, unit: Unit) -> Vec<(String, u64)> {
    let weights = || architecture.weights().into_iter().map(|tensor| (tensor.len() as u64, tensor.name));
    let units = || architecture.units().into_iter();
    match unit {
        Unit::Weight => weights().map(|(total, name)| (name, total)).collect(),
        Unit::Channel => units().map(|of| (format!("{}.weight", of.layer), of.count.into())).collect(),
    }
}

fn nearest(density: f64, all: u64) -> u64 {
    (density * all as f64 + 0.5).floor() as u64
}

/// Living weights of all weight tensors together after 0, 1, …, `rounds` prune steps, which `prune` amounts to in all. Of
/// channels that are ranked over several layers an estimate: as if each of these lost the same share.
pub fn living(architecture: &Architecture, prune: &Prune, rounds: u32) -> Vec<u64> {
    let first = pools(architecture, prune);
    let mut alive: Vec<u64> = first.iter().map(|pool| pool.total).collect();
    let weights = |alive: &[u64]| match prune.unit {
        Unit::Weight => alive.iter().sum(),
        Unit::Channel => weights_between(architecture, &first, alive),
    };
    let mut ladder = vec![weights(&alive)];
    for round in 1..=rounds {
        let step = Prune { amount: prune.amount.after(round, rounds), ..prune.clone() };
        for (alive, pool) in alive.iter_mut().zip(pools(architecture, &step)) {
            *alive = pool.left(*alive);
        }
        ladder.push(weights(&alive));
    }
    ladder
}

/// Weights between living channels, of which each pool has so many.
fn weights_between(architecture: &Architecture, pools: &[Pool], alive: &[u64]) -> u64 {
    let units = architecture.units();
    let mut shares = vec![1.0; units.len()];
    for (pool, &alive) in pools.iter().zip(alive) {
        pool.layers.iter().for_each(|&layer| shares[layer] = alive as f64 / pool.total as f64);
    }
    let share_of = |layer: &str, end: fn(&crate::arch::Units) -> &String| {
        units.iter().position(|of| end(of) == layer).map_or(1.0, |at| shares[at])
    };
    let living = |tensor: crate::arch::Parameter| {
        let layer = tensor.name.trim_end_matches(".weight");
        let share = share_of(layer, |of| &of.layer) * share_of(layer, |of| &of.reader);
        (tensor.len() as f64 * share + 0.5).floor() as u64
    };
    architecture.weights().into_iter().map(living).sum()
}

/// `living / all` for each entry of [`living`].
pub fn densities(architecture: &Architecture, prune: &Prune, rounds: u32) -> Vec<f64> {
    let all = architecture.weight_count() as f64;
    living(architecture, prune, rounds).into_iter().map(|alive| alive as f64 / all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Criterion;

    fn lenet() -> Architecture {
        Architecture::parse("mnist_lenet_300_100", [1, 28, 28], 10).unwrap()
    }

    /// `published` as printed; it may be off by half a unit of its last digit, and by one weight per layer and round.
    /// `rates` are of parts of names.
    #[track_caller]
    fn assert_ladder(network: &Architecture, scope: Scope, rates: &[(&str, f64)], published: &str) {
        let rate = |name: &str| rates.iter().find(|(part, _)| name.contains(part)).map(|&(_, rate)| rate);
        let rates = network.weights().into_iter().filter_map(|w| rate(&w.name).map(|rate| (w.name, rate)));
        let (amount, rates) = (Amount::Rate(0.2), rates.collect());
        let prune = Prune {
            criterion: Criterion::Magnitude,
            scope,
            amount,
            rates,
            invert: false,
            unit: Unit::Weight,
        };
        let published: Vec<&str> = published.split_whitespace().collect();
        let got = densities(network, &prune, published.len() as u32 - 1);
        for (round, (got, text)) in got.iter().zip(published).enumerate() {
            let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len() as i32);
            let slack = 0.5 * 0.1f64.powi(decimals) + 0.002;
            let want: f64 = text.parse().unwrap();
            assert!((100.0 * got - want).abs() < slack, "round {round}: {got} against {want} %");
        }
    }

    /// Of the lottery ticket paper (arXiv 1803.03635, Figure 2): 20 % a round, 10 % of the output layer.
    #[test]
    fn lenets_ladder_is_the_published_one() {
        let published = "100 80.04 64.06 51.28 41.05 32.87 26.32 21.07 16.88 13.52 10.83 8.68 6.95 5.57 4.47 3.58 \
                         2.87 2.31 1.85 1.49 1.19";
        assert_ladder(&lenet(), Scope::PerLayer, &[("fc.weight", 0.1)], published);
    }

    /// 0.8^n.
    #[test]
    fn a_global_ladder_is_a_geometric_one() {
        let published = "100 80.0 64.0 51.2 41.0 32.8 26.2 21.0 16.8 13.4 10.7 8.59 6.87 5.50 4.40 3.52 2.81 2.25 \
                         1.80 1.44 1.15";
        assert_ladder(&lenet(), Scope::Global, &[], published);
    }

    /// The paper's "ResNet-18" and VGG-19: 20 % a round of all convolutions but those of the shortcuts.
    #[test]
    fn ladders_of_the_papers_deep_networks_are_the_published_ones() {
        let network = |name| Architecture::parse(name, [3, 32, 32], 10).unwrap();
        let kept = [("fc.weight", 0.0), ("shortcut", 0.0)];
        let resnet = "100 80.24 64.43 51.78 41.66 33.56 27.09 21.91 17.76 14.44 11.79 9.67 7.97 6.61 5.53 4.66 \
                      3.96 3.41 2.96 2.61 2.32";
        assert_ladder(&network("cifar_resnet_20"), Scope::Global, &kept, resnet);
        let vgg = "100 80.01 64.01 51.21 40.98 32.79 26.23 20.99 16.80 13.44 10.76 8.61 6.90 5.52 4.42 3.54 2.84 \
                   2.28 1.83 1.47 1.18";
        assert_ladder(&network("cifar_vgg_19"), Scope::Global, &kept, vgg);
    }

    #[test]
    fn a_rate_below_one_never_empties_a_layer() {
        assert_eq!((cut(1, 0.9), cut(10, 0.25), cut(10, 1.0), cut(0, 0.5)), (0, 3, 10, 0));
    }

    fn to_density(scope: Scope, density: f64, whole: &[&str]) -> Prune {
        let rates = whole.iter().map(|name| ((*name).to_owned(), 0.0)).collect();
        let amount = Amount::Density(density);
        Prune { criterion: Criterion::Magnitude, scope, amount, rates, invert: false, unit: Unit::Weight }
    }

    #[test]
    fn a_density_is_reached_exactly_in_one_step_or_in_equal_ones() {
        let all = lenet().weight_count();
        let ladder = living(&lenet(), &to_density(Scope::Global, 0.01, &[]), 1);
        assert_eq!(ladder, [all, 2662]);
        let ladder = living(&lenet(), &to_density(Scope::Global, 0.01, &[]), 2);
        assert_eq!(ladder, [all, 26_620, 2662]);
        // 2352 of 235,200, 300 of 30,000 and 10 of 1,000.
        assert_eq!(living(&lenet(), &to_density(Scope::PerLayer, 0.01, &[]), 1)[1], 2662);
    }

    /// Half of the channels everywhere: a quarter of the weights between two such layers.
    #[test]
    fn channels_take_the_weights_on_both_of_their_sides() {
        let conv = Architecture::parse("conv_2", [3, 32, 32], 10).unwrap();
        let kept = |amount, scope, rates: &[(&str, f64)]| {
            let rates = rates.iter().map(|&(name, rate)| (name.to_owned(), rate)).collect();
            let criterion = Criterion::L1Filter;
            let rule = Prune { criterion, scope, amount, rates, invert: false, unit: Unit::Channel };
            living(&conv, &rule, 1)[1]
        };
        let half = 3 * 32 * 9 + 32 * 32 * 9 + 32 * 256 * 128 + 128 * 128 + 128 * 10;
        assert_eq!(kept(Amount::Rate(0.5), Scope::PerLayer, &[]), half);
        assert_eq!(kept(Amount::Rate(0.5), Scope::Global, &[]), half, "an estimate");
        let first = [("conv_layers.0.weight", 0.25), ("conv_layers.1.weight", 0.0)];
        let rest = 3 * 48 * 9 + 48 * 64 * 9 + 64 * 256 * 128 + 128 * 128 + 128 * 10;
        assert_eq!(kept(Amount::Rate(0.5), Scope::Global, &first), rest);
    }

    #[test]
    fn the_rest_makes_up_for_tensors_left_whole() {
        let rule = to_density(Scope::Global, 0.01, &["fc.weight"]);
        assert_eq!(living(&lenet(), &rule, 1)[1], 2662);
        // 1474 of 235,200 and 188 of 30,000: 0.6267 % of each.
        assert_eq!(living(&lenet(), &to_density(Scope::PerLayer, 0.01, &["fc.weight"]), 1)[1], 2662);
        let pools = pools(&lenet(), &rule);
        assert_eq!((pools[0].left(1000), pools[1].left(265_200)), (1000, 1662));
        assert!(!pools[0].is_prunable() && pools[1].is_prunable());
    }
}
