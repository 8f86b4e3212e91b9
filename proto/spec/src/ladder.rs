//! Density ladders: how many weights live after each prune step, exactly, before anything runs.
//!
//! The engine's selector cuts the same [`pools`] to the same counts, so that what a plan predicts is what a mask has; under
//! a convention by which equal scores go together, where no two are equal at the cut. Of channels their number is exact; how
//! many weights go with them depends on which layers a global ranking takes them from, and is estimated.

use crate::{
    arch::Architecture,
    settings::{Amount, Counting, Prune, Scope, Unit},
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
    /// Weights in them that are never cut.
    pub protected: u64,
    goal: Goal,
    counting: Counting,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Goal {
    Rate(f64),
    Keep(u64),
    /// Of all weights, dead ones included, as Synaptic-Flow's code counts.
    Share(f64),
}

impl Pool {
    /// How many of `alive` weights or channels are left by the prune step, where `everywhere` live in all weight tensors.
    pub fn left(&self, alive: u64, everywhere: u64) -> u64 {
        self.on_the_way(alive, everywhere, |_, goal| goal)
    }

    /// How many are left at some point of the step: `course` says how many of `from` on the way `to` where the step ends,
    /// in weights or in shares of them.
    pub fn on_the_way(&self, alive: u64, everywhere: u64, course: impl Fn(f64, f64) -> f64) -> u64 {
        let goal = match self.goal {
            Goal::Share(density) => {
                let share = course(alive as f64 / self.total as f64, density);
                let gone = ((1.0 - share) * self.total as f64).floor() as u64;
                return alive.min(self.total.saturating_sub(gone));
            }
            Goal::Keep(count) => alive.min(count),
            Goal::Rate(0.0) => alive,
            Goal::Rate(rate) => alive - self.gone(alive, everywhere, rate),
        };
        libm::round(course(alive as f64, goal as f64)) as u64
    }

    /// How many go by a rate.
    fn gone(&self, alive: u64, everywhere: u64, rate: f64) -> u64 {
        // The weight at the index goes, too.
        let to_index = |index: f64| (index as u64).saturating_add(1).min(alive);
        match self.counting {
            Counting::Exact | Counting::Synflow => cut(alive, rate),
            Counting::OpenLth => to_index((rate * everywhere as f64).ceil()),
            Counting::Google => to_index((rate * alive as f64).round_ties_even()),
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
    let counting = prune.counting;
    let mut shared = Pool { layers: Vec::new(), total: 0, protected: 0, goal: Goal::Keep(0), counting };
    for (layer, (name, total)) in tensors.into_iter().enumerate() {
        let protected = protected(total, prune.protect);
        let alone = |goal| Pool { layers: vec![layer], total, protected, goal, counting };
        match (own(&name), prune.scope) {
            (Some(rate), _) => pools.push(alone(Goal::Rate(rate))),
            (None, Scope::PerLayer) => pools.push(alone(match prune.amount {
                Amount::Rate(rate) => Goal::Rate(rate),
                Amount::Density(density) if counting == Counting::Synflow => Goal::Share(density),
                Amount::Density(density) => Goal::Keep(nearest(rest(density), total).max(1)),
            })),
            (None, Scope::Global) => {
                shared.layers.push(layer);
                shared.total += total;
                shared.protected += protected;
            }
        }
    }
    if !shared.layers.is_empty() {
        shared.goal = match prune.amount {
            Amount::Rate(rate) => Goal::Rate(rate),
            Amount::Density(density) if counting == Counting::Synflow => Goal::Share(density),
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

/// How many of a layer's `total` weights are never cut: those from the index `(1 - share) total` on, rounded down, in the
/// order of their scores (Early-Bird's code).
pub fn protected(total: u64, share: f64) -> u64 {
    total - ((1.0 - share) * total as f64).floor().clamp(0.0, total as f64) as u64
}

/// Living weights of all weight tensors together after 0, 1, …, `rounds` prune steps, which `prune` amounts to in all. Of
/// channels that are ranked over several layers an estimate: as if each of these lost the same share.
pub fn living(architecture: &Architecture, prune: &Prune, rounds: u32) -> Vec<u64> {
    let weights = |(pools, alive): (Vec<Pool>, Vec<u64>)| match prune.unit {
        Unit::Weight => alive.iter().sum(),
        Unit::Channel => weights_between(architecture, &pools, &alive),
    };
    let mut ladder = vec![architecture.weight_count()];
    ladder.extend(walk(architecture, prune, rounds).map(weights));
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

/// Where a ladder cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadEnd {
    /// The round.
    pub round: u32,
    /// What it would leave of the weights that are ranked together.
    pub left: u64,
    /// The least that must live of them: one, or what is protected.
    pub least: u64,
}

/// The first prune step that would leave nothing of what it ranks, or less than is protected.
pub fn dead_end(architecture: &Architecture, prune: &Prune, rounds: u32) -> Option<DeadEnd> {
    let mut rounds = walk(architecture, prune, rounds).zip(1..);
    rounds.find_map(|((pools, alive), round)| {
        let pairs = pools.iter().zip(alive).map(|(pool, left)| (left, pool.protected.max(1)));
        let mut short = pairs.filter(|(left, least)| left < least);
        short.next().map(|(left, least)| DeadEnd { round, left, least })
    })
}

/// The pools of each round, and what lives of each after it.
fn walk(
    architecture: &Architecture,
    prune: &Prune,
    rounds: u32,
) -> impl Iterator<Item = (Vec<Pool>, Vec<u64>)> {
    let mut alive: Vec<u64> = pools(architecture, prune).iter().map(|pool| pool.total).collect();
    (1..=rounds).map(move |round| {
        let step = Prune { amount: prune.amount.after(round, rounds), ..prune.clone() };
        let pools = pools(architecture, &step);
        let everywhere = alive.iter().sum();
        alive = alive.iter().zip(&pools).map(|(&alive, pool)| pool.left(alive, everywhere)).collect();
        (pools, alive.clone())
    })
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
        let prune = Prune { rates, ..Prune::new(Criterion::Magnitude, scope, amount) };
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
        Prune { rates, ..Prune::new(Criterion::Magnitude, scope, amount) }
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
            let rule = Prune { rates, unit: Unit::Channel, ..Prune::new(criterion, scope, amount) };
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
        assert_eq!((pools[0].left(1000, 266_200), pools[1].left(265_200, 266_200)), (1000, 1662));
        assert!(!pools[0].is_prunable() && pools[1].is_prunable());
    }

    fn counted(counting: Counting, scope: Scope, rate: f64, rates: &[(&str, f64)]) -> Prune {
        let rates = rates.iter().map(|&(name, rate)| (name.to_owned(), rate)).collect();
        Prune { rates, counting, ..Prune::new(Criterion::Magnitude, scope, Amount::Rate(rate)) }
    }

    /// Worked by hand from open_lth's `sparse_global`: the index is ceil(0.2 * all that lives, `fc` included), what stands
    /// there goes too. 0.2 * 266,200 = 53,240; 0.2 * 212,959 = 42,591.8; 0.2 * 170,366 = 34,073.2.
    #[test]
    fn open_lth_cuts_one_more_and_counts_what_it_leaves_whole() {
        let rule = counted(Counting::OpenLth, Scope::Global, 0.2, &[("fc.weight", 0.0)]);
        let cut = [53_241, 42_593, 34_075];
        let wanted =
            [266_200, 266_200 - cut[0], 266_200 - cut[0] - cut[1], 266_200 - cut.iter().sum::<u64>()];
        assert_eq!(living(&lenet(), &rule, 3), wanted);
    }

    /// round(0.2 * 235,200) + 1, round(0.2 * 30,000) + 1 and round(0.1 * 1000) + 1; then of 188,159, 23,999 and 899, with
    /// 37,631.8, 4799.8 and 89.9.
    #[test]
    fn google_cuts_one_more_of_each_layer() {
        let rule = counted(Counting::Google, Scope::PerLayer, 0.2, &[("fc.weight", 0.1)]);
        let first = 266_200 - 47_041 - 6001 - 101;
        assert_eq!(living(&lenet(), &rule, 2), [266_200, first, first - 37_633 - 4801 - 91]);
        // Half goes to the even neighbour: 2 and 4 of 10 and 14, and one more.
        let network = Architecture::parse("mnist_lenet_7_2", [1, 1, 1], 5).unwrap();
        assert_eq!(
            living(&network, &counted(Counting::Google, Scope::PerLayer, 0.25, &[]), 1)[1],
            31 - 3 - 5 - 3
        );
    }

    /// int((1 - density) N) go: of 266,200 at a compression of 1000, 265,933.8.
    #[test]
    fn synaptic_flow_rounds_what_goes_down() {
        let rule = |scope, density| Prune { counting: Counting::Synflow, ..to_density(scope, density, &[]) };
        assert_eq!(living(&lenet(), &rule(Scope::Global, 0.001), 1)[1], 267);
        // 235, 30 and 1 by the nearest; rounded down goes one less of the first: 234,964.8.
        assert_eq!(living(&lenet(), &rule(Scope::PerLayer, 0.001), 1)[1], 236 + 30 + 1);
        assert_eq!(living(&lenet(), &to_density(Scope::Global, 0.001, &[]), 1)[1], 266);
    }

    #[test]
    fn a_ladder_ends_where_nothing_is_left_or_what_is_protected() {
        let tiny = Architecture::parse("mnist_lenet_2", [1, 1, 2], 2).unwrap();
        // 8, 5, 3, 1, 0: ceil(rate * alive) + 1 go.
        let rule = counted(Counting::OpenLth, Scope::Global, 0.2, &[]);
        assert_eq!(living(&tiny, &rule, 4), [8, 5, 3, 1, 0]);
        assert_eq!(dead_end(&tiny, &rule, 3), None);
        assert_eq!(dead_end(&tiny, &rule, 9), Some(DeadEnd { round: 4, left: 0, least: 1 }));
        // 23,520, 3000 and 100 are protected.
        let rule = Prune { protect: 0.1, ..to_density(Scope::Global, 0.05, &[]) };
        assert_eq!(dead_end(&lenet(), &rule, 1), Some(DeadEnd { round: 1, left: 13_310, least: 26_620 }));
        assert_eq!(dead_end(&lenet(), &Prune { protect: 0.05, ..rule }, 1), None);
        assert_eq!((protected(10, 0.1), protected(9, 0.1), protected(9, 0.0)), (1, 1, 0));
    }
}
