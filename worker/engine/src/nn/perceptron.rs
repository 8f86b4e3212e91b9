//! Perceptrons: networks of linear layers and rectifiers, whose steps are also made by hand.

use tombola_spec::arch::Layer;

/// A linear layer with a bias and the rectifier after it, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) rectified: bool,
}

/// The linear layers of a perceptron, the last one not rectified; `None` for other layers.
pub(super) fn linears(layers: &[Layer]) -> Option<Vec<Shape>> {
    let mut linears: Vec<Shape> = Vec::new();
    for layer in layers {
        match (layer, linears.last_mut()) {
            // Each example is a row from the beginning.
            (Layer::Flatten, _) => {}
            (Layer::Relu, Some(linear)) => linear.rectified = true,
            (Layer::Linear { inputs, outputs, .. }, _) => {
                let (inputs, outputs) = (*inputs as usize, *outputs as usize);
                linears.push(Shape { inputs, outputs, rectified: false });
            }
            (Layer::Relu, None)
            | (
                Layer::Conv { .. }
                | Layer::BatchNorm { .. }
                | Layer::Residual { .. }
                | Layer::MaxPool { .. }
                | Layer::AvgPool { .. }
                | Layer::GlobalAvgPool
                | Layer::Dropout { .. },
                _,
            ) => return None,
        }
    }
    linears.last().is_some_and(|last| !last.rectified).then_some(linears)
}
