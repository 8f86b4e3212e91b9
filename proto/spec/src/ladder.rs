//! Density ladders: how many weights live after each prune step, exactly, before anything runs.
//!
//! The engine's selector cuts by the same [`cut`], so that what a plan predicts is what a mask has.

use crate::{arch::Architecture, settings::Prune, settings::Scope};

/// How many of `alive` weights a prune step at `rate` removes: the nearest integer, half up, never all of a layer's
/// weights unless the rate is 1.
pub fn cut(alive: u64, rate: f64) -> u64 {
    let wanted = (alive as f64 * rate + 0.5).floor() as u64;
    if rate < 1.0 { wanted.min(alive.saturating_sub(1)) } else { wanted.min(alive) }
}

/// Living weights of all weight tensors together after 0, 1, …, `rounds` prune steps.
pub fn living(architecture: &Architecture, prune: &Prune, rounds: u32) -> Vec<u64> {
    let mut pools = pools(architecture, prune);
    let mut ladder = vec![pools.iter().map(|(alive, _)| alive).sum()];
    for _ in 0..rounds {
        for (alive, rate) in &mut pools {
            *alive -= cut(*alive, *rate);
        }
        ladder.push(pools.iter().map(|(alive, _)| alive).sum());
    }
    ladder
}

/// `living / all` for each entry of [`living`].
pub fn densities(architecture: &Architecture, prune: &Prune, rounds: u32) -> Vec<f64> {
    let all = architecture.weight_count() as f64;
    living(architecture, prune, rounds).into_iter().map(|alive| alive as f64 / all).collect()
}

/// Groups of weights that are ranked together, with their rate: (living weights, rate). Tensors with a rate of their
/// own are each a group; the rest is one group (global) or one each (per layer).
fn pools(architecture: &Architecture, prune: &Prune) -> Vec<(u64, f64)> {
    let mut pools = Vec::new();
    let mut shared = 0;
    for weight in architecture.weights() {
        let count = weight.len() as u64;
        match (prune.rates.get(&weight.name), prune.scope) {
            (Some(&rate), _) => pools.push((count, rate)),
            (None, Scope::PerLayer) => pools.push((count, prune.rate)),
            (None, Scope::Global) => shared += count,
        }
    }
    if shared > 0 {
        pools.push((shared, prune.rate));
    }
    pools
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
        let prune = Prune { criterion: Criterion::Magnitude, scope, rate: 0.2, rates: rates.collect() };
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
}
