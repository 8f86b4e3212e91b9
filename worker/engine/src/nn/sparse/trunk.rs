//! What comes before the linear layers of a convolutional network: convolutions with rectifiers, and poolings by two. Goes over
//! [`ABREAST`] examples at a time, in a layout of its own; its ends are the rows of a tile.

use super::{
    filter::{Convolve, Filter, Frame, Gather, Lane},
    packing::Packing,
    pool::{Gate, Pool, Unpool},
    tile::{EXAMPLES, Row},
};
use crate::simd::{self, ABREAST, Real, total};
use std::ops::Range;
use tombola_spec::arch::Layer;

/// Layers between the images and the linear layers.
pub(super) struct Trunk {
    stages: Vec<Stage>,
    /// Of the images, as the first stage reads them.
    input: Frame,
}

enum Stage {
    Conv(Box<Conv>),
    /// The largest of each two by two.
    Pool {
        from: Frame,
        to: Frame,
    },
}

struct Conv {
    filter: Filter,
    /// Packed weights and biases.
    weights: Range<usize>,
    biases: Range<usize>,
    /// Whose biases these are.
    biased: Vec<u32>,
    from: Frame,
    to: Frame,
    /// Of the gradient of what comes out.
    delta: Frame,
    rectified: bool,
    /// The filters on their other side, through which gradients go back, and the packed weight of each of their entries,
    /// counted from the first; nothing of the first stage, behind which there is nothing.
    back: Option<(Filter, Vec<u32>)>,
}

/// A convolution or pooling as the architecture has it.
enum Plain {
    Conv(Shape),
    Pool,
}

struct Shape {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    padding: usize,
    rectified: bool,
}

impl Plain {
    /// Zeros that it reads around its input.
    fn margin(&self) -> usize {
        if let Self::Conv(shape) = self { shape.padding } else { 0 }
    }
}

/// The stages of these layers; `None` for others than convolutions of stride one with a bias, rectifiers after them, and
/// poolings by two between them.
fn plain(layers: &[Layer]) -> Option<Vec<Plain>> {
    let mut stages: Vec<Plain> = Vec::new();
    for layer in layers {
        match (layer, stages.last_mut()) {
            (Layer::Conv { inputs, outputs, kernel, stride: 1, padding, bias: true, .. }, _)
                if padding < kernel =>
            {
                let [inputs, outputs] = [inputs, outputs].map(|n| *n as usize);
                let [kernel, padding] = [kernel, padding].map(|n| *n as usize);
                stages.push(Plain::Conv(Shape { inputs, outputs, kernel, padding, rectified: false }));
            }
            (Layer::Relu, Some(Plain::Conv(shape))) => shape.rectified = true,
            (Layer::MaxPool { size: 2, stride: 2, padding: 0 }, Some(Plain::Conv(_))) => {
                stages.push(Plain::Pool);
            }
            _ => return None,
        }
    }
    Some(stages)
}

impl Trunk {
    /// Whether these layers are ones it computes.
    pub(super) fn knows(layers: &[Layer]) -> bool {
        plain(layers).is_some()
    }

    /// The living part of `layers`, which images `[channels, height, width]` go through.
    pub(super) fn new<T: Real>(
        layers: &[Layer],
        [channels, height, width]: [usize; 3],
        packing: &mut Packing<'_, T>,
    ) -> Option<Self> {
        let plain = plain(layers)?;
        let margin = |index: usize| plain.get(index).map_or(0, Plain::margin);
        let input = Frame { channels, height, width, margin: margin(0) };
        let (mut from, mut stages) = (input, Vec::new());
        for (index, layer) in plain.iter().enumerate() {
            let stage = match layer {
                Plain::Pool => {
                    let [height, width] = [from.height / 2, from.width / 2];
                    Stage::Pool { from, to: Frame { height, width, margin: margin(index + 1), ..from } }
                }
                Plain::Conv(shape) => {
                    let margins = (index > 0, margin(index + 1));
                    Stage::Conv(Box::new(Conv::new(shape, from, margins, packing)?))
                }
            };
            from = stage.to();
            stages.push(stage);
        }
        Some(Self { stages, input })
    }

    /// What comes out of it.
    fn output(&self) -> Frame {
        self.stages.last().map_or(self.input, Stage::to)
    }

    /// Values of what comes out of one example.
    pub(super) fn features(&self) -> usize {
        self.output().with_margin(0).len()
    }

    fn convs(&self) -> impl Iterator<Item = &Conv> {
        self.stages
            .iter()
            .filter_map(|stage| if let Stage::Conv(conv) = stage { Some(&**conv) } else { None })
    }

    /// From the rows of a tile to `features`, of the first `parts` vectors of each row.
    pub(super) fn forward<T: Real>(
        &self,
        scratch: &mut Scratch<T>,
        tile: &[Row<T>],
        weights: &[T],
        (features, parts): (&mut [Row<T>], usize),
    ) {
        for (part, maps) in scratch.maps[..parts].iter_mut().enumerate() {
            for (row, at) in tile.iter().zip(places(self.input)) {
                maps[0][at].0 = row.0[part];
            }
            let mut own = scratch.own.iter();
            for (index, stage) in self.stages.iter().enumerate() {
                let (before, from) = maps.split_at_mut(index + 1);
                let (input, output) = (&before[index][..], &mut from[0][..]);
                match stage {
                    Stage::Pool { from, to } => simd::run(Pool { input, from: *from, output, to: *to }),
                    Stage::Conv(conv) => {
                        let Some(Own { bias, .. }) = own.next() else { return };
                        let (filter, values) = (&conv.filter, &weights[conv.weights.clone()]);
                        let Conv { from, to, rectified, .. } = **conv;
                        simd::run(Convolve { filter, values, bias, input, from, output, to, rectified });
                    }
                }
            }
            for (row, at) in features.iter_mut().zip(places(self.output())) {
                row.0[part] = maps[self.stages.len()][at].0;
            }
        }
    }

    /// Adds up what the gradients of `features` make of the weights', in `scratch`.
    pub(super) fn backward<T: Real>(&self, scratch: &mut Scratch<T>, features: &[Row<T>], parts: usize) {
        let Scratch { maps, deltas, own, zeros } = scratch;
        for (part, maps) in maps[..parts].iter().enumerate() {
            let (Some(last), Some(delta)) = (self.stages.last(), deltas.last_mut()) else { return };
            for (row, at) in features.iter().zip(places(last.delta())) {
                delta[at].0 = row.0[part];
            }
            let mut own = own.iter_mut().rev();
            for (index, stage) in self.stages.iter().enumerate().rev() {
                let (before, from) = deltas.split_at_mut(index);
                let (below, delta) = (before.last_mut(), &mut from[0][..]);
                let (input, output) = (&maps[index][..], &maps[index + 1][..]);
                match (stage, below) {
                    (Stage::Conv(conv), below) => {
                        let Some(own) = own.next() else { return };
                        conv.backward((input, output), delta, own);
                        if let (Some((filter, _)), Some(below)) = (&conv.back, below) {
                            let (values, bias) = (&own.turned[..], &zeros[..conv.from.channels]);
                            let (from, to) = (conv.delta, self.stages[index - 1].delta());
                            let (output, rectified) = (&mut below[..], false);
                            simd::run(Convolve {
                                filter,
                                values,
                                bias,
                                input: delta,
                                from,
                                output,
                                to,
                                rectified,
                            });
                        }
                    }
                    (Stage::Pool { from, to }, Some(below)) => simd::run(Unpool {
                        input,
                        from: *from,
                        output,
                        to: *to,
                        delta,
                        below,
                        into: self.stages[index - 1].delta(),
                    }),
                    (Stage::Pool { .. }, None) => return,
                }
            }
        }
    }
}

impl Conv {
    /// Whether something is before it, and the margin that what follows it wants.
    fn new<T: Real>(
        &Shape { inputs, outputs, kernel, padding, rectified }: &Shape,
        from: Frame,
        (behind, margin): (bool, usize),
        packing: &mut Packing<'_, T>,
    ) -> Option<Self> {
        let less = kernel - 1;
        let [height, width] = [from.height, from.width].map(|size| size + 2 * padding - less);
        let to = Frame { channels: outputs, height, width, margin };
        let delta = to.with_margin(if behind { less - padding } else { 0 });
        let place = |&at: &usize| {
            let (filter, column) = (at / kernel, at % kernel);
            let (filter, line) = (filter / kernel, filter % kernel);
            [filter / inputs, filter % inputs, line, column]
        };
        let alive = packing.next()?;
        let living: Vec<_> = alive.places.iter().map(place).collect();
        let (filter, order) = Filter::new(outputs, from, &living);
        let back = behind.then(|| {
            let turned = |&at: &u32| {
                let [output, input, line, column] = living[at as usize];
                [input, output, less - line, less - column]
            };
            Filter::new(inputs, delta, &order.iter().map(turned).collect::<Vec<_>>())
        });
        let weights = packing.pack(&alive, order.iter().map(|&at| at as usize));
        let (biases, biased) = packing.biases()?;
        Some(Self { filter, weights, biases, biased, from, to, delta, rectified, back })
    }

    /// From the gradient of what comes out of the rectifier to that of what goes in, and to the weights'.
    fn backward<T: Real>(
        &self,
        (input, output): (&[Lane<T>], &[Lane<T>]),
        delta: &mut [Lane<T>],
        own: &mut Own<T>,
    ) {
        let Self { filter, from, to, delta: frame, .. } = self;
        if self.rectified {
            simd::run(Gate { output, to: *to, delta, frame: *frame });
        }
        let Own { sums, bias_sums: biases, .. } = own;
        simd::run(Gather { filter, input, from: *from, delta, to: *frame, sums, biases });
    }
}

impl Stage {
    fn to(&self) -> Frame {
        match self {
            Self::Conv(conv) => conv.to,
            Self::Pool { to, .. } => *to,
        }
    }

    /// Of the gradient of what comes out.
    fn delta(&self) -> Frame {
        match self {
            Self::Conv(conv) => conv.delta,
            Self::Pool { to, .. } => to.with_margin(0),
        }
    }
}

/// Where the values of pictures are, without their margins, channel by channel, line by line.
fn places(frame: Frame) -> impl Iterator<Item = usize> {
    let lines = (0..frame.channels)
        .flat_map(move |channel| (0..frame.height).map(move |line| frame.at(channel, line)));
    lines.flat_map(move |first| first..first + frame.width)
}

/// Pictures of zeros.
fn nothing<T: Real>(frame: Frame) -> Vec<Lane<T>> {
    vec![Lane::zero(); frame.len()]
}

/// Memory of passes, reused.
pub(super) struct Scratch<T> {
    /// Of each vector of a tile: the images, then what comes out of each stage.
    maps: Vec<Vec<Vec<Lane<T>>>>,
    /// The gradient of what comes out of each stage; nothing until one is wanted, for an evaluation wants none.
    deltas: Vec<Vec<Lane<T>>>,
    own: Vec<Own<T>>,
    /// As many as the widest stage has channels.
    zeros: Vec<T>,
}

/// A convolution's.
struct Own<T> {
    /// Of all channels, 0 where it does not live.
    bias: Vec<T>,
    /// The weights in the order of [`Conv::back`].
    turned: Vec<T>,
    /// Gradients of its weights and biases, of each example apart.
    sums: Vec<Lane<T>>,
    bias_sums: Vec<Lane<T>>,
}

impl<T: Real> Scratch<T> {
    /// For passes through `trunk`.
    pub(super) fn of(trunk: &Trunk) -> Self {
        let maps =
            || [trunk.input].into_iter().chain(trunk.stages.iter().map(Stage::to)).map(nothing).collect();
        let own = |conv: &Conv| Own {
            bias: vec![T::default(); conv.to.channels],
            turned: Vec::new(),
            sums: vec![Lane::zero(); conv.weights.len()],
            bias_sums: vec![Lane::zero(); conv.to.channels],
        };
        let widest = trunk.convs().map(|conv| conv.from.channels.max(conv.to.channels)).max();
        Self {
            maps: (0..EXAMPLES / ABREAST).map(|_| maps()).collect(),
            deltas: Vec::new(),
            own: trunk.convs().map(own).collect(),
            zeros: vec![T::default(); widest.unwrap_or(0)],
        }
    }

    /// Takes up the living biases; the others are 0 from the beginning.
    pub(super) fn load(&mut self, trunk: &Trunk, weights: &[T]) {
        for (conv, own) in trunk.convs().zip(&mut self.own) {
            for (&channel, &bias) in conv.biased.iter().zip(&weights[conv.biases.clone()]) {
                own.bias[channel as usize] = bias;
            }
        }
    }

    /// Gets ready for gradients.
    pub(super) fn begin(&mut self, trunk: &Trunk, weights: &[T]) {
        if self.deltas.is_empty() {
            self.deltas = trunk.stages.iter().map(|stage| nothing(stage.delta())).collect();
        }
        for (conv, own) in trunk.convs().zip(&mut self.own) {
            own.sums.fill(Lane::zero());
            own.bias_sums.fill(Lane::zero());
            own.turned.clear();
            if let Some((_, from)) = &conv.back {
                let weights = &weights[conv.weights.clone()];
                own.turned.extend(from.iter().map(|&at| weights[at as usize]));
            }
        }
    }

    /// Adds the gradients of the trunk's parameters to `grads`.
    pub(super) fn end(&self, trunk: &Trunk, grads: &mut [T]) {
        for (conv, own) in trunk.convs().zip(&self.own) {
            let weights = grads[conv.weights.clone()].iter_mut();
            weights.zip(&own.sums).for_each(|(grad, sums)| *grad += total(sums.0));
            let biases = grads[conv.biases.clone()].iter_mut().zip(&conv.biased);
            biases.for_each(|(grad, &channel)| *grad += total(own.bias_sums[channel as usize].0));
        }
    }
}
