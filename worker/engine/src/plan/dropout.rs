//! What a training step leaves out: drawn on the host from our own streams, whatever plan, lane or thread (Srivastava et
//! al. 2014; PyTorch's `Dropout`, which scales up what is left).

use crate::{
    error::Result,
    random::{Purpose, Random},
};
use tch::{Kind, Tensor};
use tombola_spec::{arch::Architecture, job::Stream};

/// Steps of the share that is dropped: draws have 16 bits, a quarter of a random number.
const STEPS: f64 = 65_536.0;

/// The dropout layers of a network.
#[derive(Debug, Clone)]
pub(crate) struct Dropout {
    /// Draws below this are dropped, at least 1.
    below: u16,
    /// Name of the layer before, and values of an example.
    layers: Vec<(String, u32)>,
}

impl Dropout {
    /// Those of `architecture`, each of which leaves out `share`; `None` if it has none.
    pub(crate) fn of(architecture: &Architecture, share: f64) -> Option<Self> {
        let layers: Vec<_> =
            architecture.dropouts().into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
        let below = (share * STEPS).round().clamp(1.0, STEPS - 1.0) as u16;
        (!layers.is_empty()).then_some(Self { below, layers })
    }

    /// Values of one example in all layers together.
    pub(crate) fn width(&self) -> usize {
        self.layers.iter().map(|(_, width)| *width as usize).sum()
    }

    /// Adds 0 or 1 for each value of iteration `it` on `examples` examples, layer by layer `[examples][width]`. Keyed by
    /// `order`, the stream of the data order.
    pub(crate) fn draw(&self, order: &Stream, it: u64, examples: u32, kept: &mut Vec<u8>) {
        for (name, width) in &self.layers {
            let mut random = Random::new(Purpose::Dropout, order, name, it);
            let count = examples as usize * *width as usize;
            let end = kept.len() + count;
            while kept.len() < end {
                let bits = random.next_u64();
                let draws = [bits as u16, (bits >> 16) as u16, (bits >> 32) as u16, (bits >> 48) as u16];
                let left = (end - kept.len()).min(4);
                kept.extend(draws[..left].iter().map(|draw| u8::from(*draw >= self.below)));
            }
        }
    }

    /// What each layer's inputs are multiplied by. `kept` `[lanes * examples * width]`, as drawn lane by lane; of `None`
    /// lanes `[examples, width]` come of it, of some `[lanes, examples, width]`.
    pub(crate) fn factors(&self, kept: &Tensor, lanes: Option<i64>, kind: Kind) -> Result<Vec<Tensor>> {
        let kept = kept.f_view([lanes.unwrap_or(1), -1])?.f_to_kind(kind)?;
        let kept = kept.f_mul_scalar(STEPS / (STEPS - f64::from(self.below)))?;
        let examples = kept.size()[1] / self.width() as i64;
        let mut from = 0;
        let mut factors = Vec::new();
        for (_, width) in &self.layers {
            let (width, count) = (i64::from(*width), examples * i64::from(*width));
            let own = kept.f_narrow(1, from, count)?;
            factors.push(match lanes {
                None => own.f_reshape([examples, width])?,
                Some(lanes) => own.f_reshape([lanes, examples, width])?,
            });
            from += count;
        }
        Ok(factors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn stream(seed: u64) -> Stream {
        Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
    }

    fn lenet(share: f64) -> Dropout {
        let network = Architecture::parse("mnist_lenet_30_11", [1, 4, 4], 4).unwrap();
        assert!(Dropout::of(&network, share).is_none(), "no dropout layers, no dropout");
        Dropout::of(&network.with_dropout(), share).unwrap()
    }

    #[test]
    fn the_share_is_left_out_and_each_iteration_its_own() {
        let draw = |share, seed, it| {
            let mut kept = Vec::new();
            lenet(share).draw(&stream(seed), it, 200, &mut kept);
            kept
        };
        let first = draw(0.25, 1, 7);
        assert_eq!(first.len(), 200 * 41);
        assert_eq!(first, draw(0.25, 1, 7));
        // Five standard deviations of 8200 draws.
        let share = |kept: &[u8]| kept.iter().filter(|kept| **kept == 0).count() as f64 / kept.len() as f64;
        assert!((share(&first) - 0.25).abs() < 5.0 * (0.25f64 * 0.75 / 8200.0).sqrt());
        for other in [draw(0.25, 1, 8), draw(0.25, 2, 7)] {
            let both = first.iter().zip(&other).filter(|(a, b)| **a + **b == 0).count() as f64 / 8200.0;
            assert!((both - 0.0625).abs() < 0.02, "chance overlap: {both}");
        }
        // The second layer is drawn apart from the first.
        assert_ne!(first[..200], first[200 * 30..200 * 31]);
        // A smaller batch sees the same draws as far as it goes.
        let mut fewer = Vec::new();
        lenet(0.25).draw(&stream(1), 7, 100, &mut fewer);
        assert_eq!(fewer[..100 * 30], first[..100 * 30]);
    }

    #[test]
    fn what_is_left_is_scaled_up_lane_by_lane() {
        let dropout = lenet(0.5);
        // Two lanes of three examples: 90 and 33 values each.
        let bytes: Vec<u8> = (0..246).map(|n| u8::from(n % 3 > 0)).collect();
        let kept = Tensor::from_slice(&bytes);
        let lanes = dropout.factors(&kept, Some(2), Kind::Double).unwrap();
        assert_eq!(lanes.iter().map(Tensor::size).collect::<Vec<_>>(), [vec![2, 3, 30], vec![2, 3, 11]]);
        for lane in 0..2 {
            let own = kept.narrow(0, lane * 123, 123);
            let alone = dropout.factors(&own, None, Kind::Double).unwrap();
            for (alone, all) in alone.iter().zip(&lanes) {
                assert_eq!((alone - all.get(lane)).abs().max().double_value(&[]), 0.0);
            }
        }
        assert_eq!(lanes[0].double_value(&[0, 0, 1]), 2.0);
        let (second, first) = (lanes[1].double_value(&[1, 2, 10]), f64::from(bytes[245]));
        assert_eq!(second, 2.0 * first);
        assert_eq!(lanes[0].device(), Device::Cpu);
    }
}
