//! A perceptron, or convolutions before one, of which only the living weights are computed with: passes and updates cost as
//! much as there are of them.
//!
//! Its parameters are packed: the living weights of a layer, then its living biases, layer by layer. [`Sparse::living`]
//! tells where each of them lies in the flat buffer.

mod filter;
mod matrix;
mod packing;
mod pool;
mod tile;
mod trunk;

use self::{
    matrix::{Matrix, gate, rectify},
    packing::Packing,
    tile::{EXAMPLES, Fill, Row},
    trunk::Trunk,
};
use super::{
    Layout,
    loss::CrossEntropy,
    perceptron::{Shape, linears},
};
use crate::simd::{self, ABREAST, Real, total};
use std::ops::Range;
use tombola_spec::arch::{self, Architecture};

/// Examples a pass goes over.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a, T> {
    /// The features of all examples there are, `[N, features]`.
    pub(crate) source: &'a [T],
    /// The label of each.
    pub(crate) labels: &'a [i64],
    /// Which of them.
    pub(crate) lines: &'a [i64],
}

/// A network's living parameters: where they are, not what they are.
pub(crate) struct Sparse {
    /// Convolutions before the linear layers; `None` in a perceptron.
    trunk: Option<Trunk>,
    /// Values of an example.
    inputs: usize,
    layers: Vec<Layer>,
    living: Vec<u32>,
}

struct Layer {
    shape: Shape,
    matrix: Matrix,
    /// Its packed weights and biases.
    weights: Range<usize>,
    biases: Range<usize>,
    /// Whose biases these are.
    biased: Vec<u32>,
    /// The matrix on its other side, through which gradients go back, and the packed weight of each of its entries, counted
    /// from the layer's first; nothing of the first layer, behind which there is nothing.
    back: Option<(Matrix, Vec<u32>)>,
}

/// What comes before an architecture's images are flattened, and the rest.
fn parts(architecture: &Architecture) -> (&[arch::Layer], &[arch::Layer]) {
    let layers = &architecture.layers[..];
    let flat = layers.iter().position(|layer| *layer == arch::Layer::Flatten);
    layers.split_at(flat.unwrap_or(0))
}

impl Layer {
    /// With its other side, if something is `behind` it.
    fn new<T: Real>(shape: Shape, behind: bool, packing: &mut Packing<'_, T>) -> Option<Self> {
        let alive = packing.next()?;
        let place = |&at: &usize| [(at / shape.inputs) as u32, (at % shape.inputs) as u32];
        let places: Vec<[u32; 2]> = alive.places.iter().map(place).collect();
        let (matrix, order) = Matrix::new([shape.outputs, shape.inputs], &places);
        let back = behind.then(|| {
            let turned: Vec<_> = matrix.entries().map(|[row, column]| [column, row]).collect();
            Matrix::new([shape.inputs, shape.outputs], &turned)
        });
        let weights = packing.pack(&alive, order.iter().map(|&entry| entry as usize));
        let (biases, biased) = packing.biases()?;
        Some(Self { shape, matrix, weights, biases, biased, back })
    }
}

impl Sparse {
    /// The living part of a network by `mask`, which is not 0 where a trained parameter lives, one value for each of them;
    /// `None` for a network it does not know.
    pub(crate) fn new<T: Real>(architecture: &Architecture, layout: &Layout, mask: &[T]) -> Option<Self> {
        let (convolutions, rest) = parts(architecture);
        let image = architecture.input.map(|size| size as usize);
        let mut packing = Packing::new(layout, mask);
        let trunk = match convolutions {
            [] => None,
            layers => Some(Trunk::new(layers, image, &mut packing)?),
        };
        let mut layers = Vec::new();
        for shape in linears(rest)? {
            let behind = trunk.is_some() || !layers.is_empty();
            layers.push(Layer::new(shape, behind, &mut packing)?);
        }
        Some(Self { trunk, inputs: image.iter().product(), layers, living: packing.living() })
    }

    /// Whether it is about networks like this.
    pub(crate) fn knows(architecture: &Architecture) -> bool {
        let (convolutions, rest) = parts(architecture);
        (convolutions.is_empty() || Trunk::knows(convolutions)) && linears(rest).is_some()
    }

    /// Where each packed parameter lies in the trained part of the flat buffer.
    pub(crate) fn living(&self) -> &[u32] {
        &self.living
    }

    /// Mean cross-entropy of a batch, in nat, and its gradient by each packed parameter. `weights` and `grads` are packed.
    pub(crate) fn step<T: Real>(
        &self,
        scratch: &mut Scratch<T>,
        batch: Batch<'_, T>,
        weights: &[T],
        grads: &mut [T],
    ) -> f64 {
        grads.fill(T::default());
        scratch.load(self, weights);
        for (layer, scratch) in self.layers.iter().zip(&mut scratch.layers) {
            scratch.turned.clear();
            if let Some((_, from)) = &layer.back {
                let weights = &weights[layer.weights.clone()];
                scratch.turned.extend(from.iter().map(|&at| weights[at as usize]));
            }
        }
        if let (Some(trunk), Some(scratch)) = (&self.trunk, &mut scratch.trunk) {
            scratch.begin(trunk, weights);
        }
        let mut loss = CrossEntropy::of(batch.lines.len());
        let mut sum = 0.0;
        for lines in batch.lines.chunks(EXAMPLES) {
            let batch = Batch { lines, ..batch };
            self.forward(scratch, batch, weights);
            sum += scratch.differentiate(&mut loss);
            self.backward(scratch, lines.len(), grads);
        }
        if let (Some(trunk), Some(scratch)) = (&self.trunk, &scratch.trunk) {
            scratch.end(trunk, grads);
        }
        sum / batch.lines.len() as f64
    }

    /// Sum of the cross-entropies of a batch, in nat, and number of right answers.
    pub(crate) fn tally<T: Real>(
        &self,
        scratch: &mut Scratch<T>,
        batch: Batch<'_, T>,
        weights: &[T],
    ) -> (f64, i64) {
        scratch.load(self, weights);
        let mut loss = CrossEntropy::of(batch.lines.len());
        let (mut sum, mut rights) = (0.0, 0);
        for lines in batch.lines.chunks(EXAMPLES) {
            self.forward(scratch, Batch { lines, ..batch }, weights);
            let (loss, right) = loss.tally(&scratch.logits, &scratch.labels);
            sum += loss;
            rights += right;
        }
        (sum, rights)
    }

    /// Leaves a tile's logits and labels in `scratch`.
    fn forward<T: Real>(&self, scratch: &mut Scratch<T>, batch: Batch<'_, T>, weights: &[T]) {
        let Scratch { input, trunk, features, layers, logits, labels, .. } = scratch;
        let Batch { source, lines, .. } = batch;
        simd::run(Fill { source, lines, tile: input });
        let parts = lines.len().div_ceil(ABREAST);
        let mut input = &input[..];
        if let (Some(net), Some(trunk)) = (&self.trunk, trunk) {
            net.forward(trunk, input, weights, (&mut features[..], parts));
            input = features;
        }
        for (layer, Activity { bias, output, .. }) in self.layers.iter().zip(layers) {
            layer.matrix.multiply(&weights[layer.weights.clone()], bias, input, output, parts);
            if layer.shape.rectified {
                rectify(output, parts);
            }
            input = output;
        }
        labels.clear();
        labels.extend(lines.iter().map(|&line| batch.labels[line as usize]));
        logits.clear();
        for example in 0..lines.len() {
            let (part, place) = (example / ABREAST, example % ABREAST);
            logits.extend(input.iter().map(|row| row.0[part][place]));
        }
    }

    /// Adds the gradient of a tile's losses, which the last layer's `delta` holds, to `grads`.
    fn backward<T: Real>(&self, scratch: &mut Scratch<T>, examples: usize, grads: &mut [T]) {
        let parts = examples.div_ceil(ABREAST);
        for (index, layer) in self.layers.iter().enumerate().rev() {
            let (before, from) = scratch.layers.split_at_mut(index);
            let Activity { delta, turned, .. } = &from[0];
            let below = before.last_mut();
            let first = if self.trunk.is_some() { &scratch.features } else { &scratch.input };
            let input = below.as_ref().map_or(first, |below| &below.output);
            layer.matrix.correlate(input, delta, &mut grads[layer.weights.clone()], parts);
            for (&row, grad) in layer.biased.iter().zip(&mut grads[layer.biases.clone()]) {
                *grad += sum(&delta[row as usize], parts);
            }
            let Some((matrix, _)) = &layer.back else { continue };
            let Some(Activity { output, delta: next, .. }) = below else {
                matrix.multiply(turned, &scratch.zeros, delta, &mut scratch.gradients, parts);
                continue;
            };
            matrix.multiply(turned, &scratch.zeros, delta, next, parts);
            if self.layers[index - 1].shape.rectified {
                gate(next, output, parts);
            }
        }
        if let (Some(net), Some(trunk)) = (&self.trunk, &mut scratch.trunk) {
            net.backward(trunk, &scratch.gradients, parts);
        }
    }
}

fn sum<T: Real>(row: &Row<T>, parts: usize) -> T {
    let mut sums = [T::default(); ABREAST];
    for part in &row.0[..parts] {
        sums.iter_mut().zip(part).for_each(|(sum, &value)| *sum += value);
    }
    total(sums)
}

/// Memory of passes, reused.
pub(crate) struct Scratch<T> {
    /// A tile of examples.
    input: Vec<Row<T>>,
    trunk: Option<trunk::Scratch<T>>,
    /// What comes out of the trunk, and the gradient of the loss by it; nothing in a perceptron.
    features: Vec<Row<T>>,
    gradients: Vec<Row<T>>,
    layers: Vec<Activity<T>>,
    /// What the tile's passes ended with, `[n, classes]`.
    logits: Vec<T>,
    labels: Vec<i64>,
    deltas: Vec<T>,
    /// As many as the widest layer has outputs.
    zeros: Vec<T>,
}

/// A layer's.
struct Activity<T> {
    /// Of all outputs, 0 where it does not live.
    bias: Vec<T>,
    /// The weights in the order of [`Layer::back`].
    turned: Vec<T>,
    output: Vec<Row<T>>,
    /// Gradient of the loss by what goes into the rectifier.
    delta: Vec<Row<T>>,
}

impl<T: Real> Scratch<T> {
    /// For passes of `net`.
    pub(crate) fn of(net: &Sparse) -> Self {
        let zero = Row::of(T::default());
        let activity = |layer: &Layer| Activity {
            bias: vec![T::default(); layer.shape.outputs],
            turned: Vec::new(),
            output: vec![zero; layer.shape.outputs],
            delta: vec![zero; layer.shape.outputs],
        };
        let features = net.trunk.as_ref().map_or(0, Trunk::features);
        let widest = net.layers.iter().map(|layer| layer.shape.outputs).chain([features]).max();
        Self {
            input: vec![zero; net.inputs],
            trunk: net.trunk.as_ref().map(trunk::Scratch::of),
            features: vec![zero; features],
            gradients: vec![zero; features],
            layers: net.layers.iter().map(activity).collect(),
            logits: Vec::new(),
            labels: Vec::new(),
            deltas: Vec::new(),
            zeros: vec![T::default(); widest.unwrap_or(0)],
        }
    }

    /// Takes up the living biases; the others are 0 from the beginning.
    fn load(&mut self, net: &Sparse, weights: &[T]) {
        if let (Some(trunk), Some(scratch)) = (&net.trunk, &mut self.trunk) {
            scratch.load(trunk, weights);
        }
        for (layer, activity) in net.layers.iter().zip(&mut self.layers) {
            for (&row, &bias) in layer.biased.iter().zip(&weights[layer.biases.clone()]) {
                activity.bias[row as usize] = bias;
            }
        }
    }

    /// Sum of the losses of the tile; their gradient goes to the last layer's `delta`.
    fn differentiate(&mut self, loss: &mut CrossEntropy) -> f64 {
        let Some(last) = self.layers.last_mut() else { return 0.0 };
        self.deltas.clear();
        self.deltas.resize(self.logits.len(), T::default());
        let sum = loss.differentiate(&self.logits, &self.labels, &mut self.deltas);
        let classes = last.delta.len();
        last.delta.fill(Row::of(T::default()));
        for (example, deltas) in self.deltas.chunks_exact(classes).enumerate() {
            for (row, &delta) in last.delta.iter_mut().zip(deltas) {
                *row.at(example) = delta;
            }
        }
        sum
    }
}
