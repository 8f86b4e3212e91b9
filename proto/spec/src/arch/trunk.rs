//! What convolutional families grow their layer lists with.

use super::Layer;
use crate::SpecError;

/// The widest network: channels of its first convolution.
const MOST_CHANNELS: u32 = 1024;

/// The deepest network; ResNet-1202 is that of arXiv 1512.03385.
const MOST_DEPTH: u32 = 1202;

/// A layer list, and the shape of what comes out of it so far.
pub(super) struct Trunk {
    pub(super) layers: Vec<Layer>,
    pub(super) channels: u32,
    /// Height and width.
    pub(super) size: [u32; 2],
}

/// A convolution; zeros are added so that at stride 1 the image keeps its size.
#[derive(Clone, Copy)]
pub(super) struct Filter {
    pub(super) outputs: u32,
    /// Height and width, odd.
    pub(super) kernel: u32,
    pub(super) stride: u32,
    pub(super) bias: bool,
}

impl Filter {
    /// Without bias, as before a batch normalization.
    pub(super) const fn new(outputs: u32, kernel: u32, stride: u32) -> Self {
        Self { outputs, kernel, stride, bias: false }
    }
}

impl Trunk {
    /// Nothing yet, on images `[C, H, W]`.
    pub(super) const fn new([channels, height, width]: [u32; 3]) -> Self {
        Self { layers: Vec::new(), channels, size: [height, width] }
    }

    pub(super) fn conv(&mut self, name: &str, filter: Filter) {
        let Filter { outputs, kernel, stride, bias } = filter;
        let (name, inputs, padding) = (name.to_owned(), self.channels, kernel / 2);
        self.shrink(kernel, stride, padding);
        self.channels = outputs;
        let size = self.size;
        self.layers.push(Layer::Conv { name, inputs, outputs, kernel, stride, padding, bias, size });
    }

    pub(super) fn batch_norm(&mut self, name: &str) {
        self.layers.push(Layer::BatchNorm { name: name.to_owned(), channels: self.channels });
    }

    pub(super) fn relu(&mut self) {
        self.layers.push(Layer::Relu);
    }

    /// Convolution, batch normalization, rectifier.
    pub(super) fn conv_bn_relu(&mut self, conv: &str, bn: &str, filter: Filter) {
        self.conv(conv, filter);
        self.batch_norm(bn);
        self.relu();
    }

    pub(super) fn max_pool(&mut self, size: u32, stride: u32, padding: u32) {
        self.shrink(size, stride, padding);
        self.layers.push(Layer::MaxPool { size, stride, padding });
    }

    /// The sum of two ways through.
    pub(super) fn residual(&mut self, body: impl FnOnce(&mut Self), shortcut: impl FnOnce(&mut Self)) {
        let branch = || Self { layers: Vec::new(), channels: self.channels, size: self.size };
        let (mut long, mut short) = (branch(), branch());
        body(&mut long);
        shortcut(&mut short);
        (self.channels, self.size) = (long.channels, long.size);
        self.layers.push(Layer::Residual { body: long.layers, shortcut: short.layers });
    }

    /// The mean over the image, and the linear layer `fc`.
    pub(super) fn classify(mut self, classes: u32) -> Vec<Layer> {
        self.layers.push(Layer::GlobalAvgPool);
        self.layers.push(Layer::Linear { name: "fc".to_owned(), inputs: self.channels, outputs: classes });
        self.layers
    }

    fn shrink(&mut self, size: u32, stride: u32, padding: u32) {
        let places = |length: u32| {
            (length.saturating_add(2 * padding)).checked_sub(size).map_or(0, |room| room / stride + 1)
        };
        self.size = self.size.map(places);
    }
}

/// The depth of `<depth>` or `<depth>_<width>`, and the width or `default`; an error names `grammar`. The default is not
/// written out: a network has one name, and so one fingerprint.
pub(super) fn depth_and_width(
    name: &str,
    rest: &str,
    default: u32,
    grammar: &str,
) -> Result<(u32, u32), SpecError> {
    let (depth, width) = rest.split_once('_').map_or((rest, None), |(depth, width)| (depth, Some(width)));
    let width = width.map_or(Some(default), number).filter(|width| (1..=MOST_CHANNELS).contains(width));
    if let Some(short) = name.strip_suffix(&format!("_{default}")).filter(|_| rest.contains('_')) {
        return Err(another_name(name, short));
    }
    number(depth).zip(width).ok_or_else(|| {
        let what = format!("`{name}` does not name a depth, or a depth and a width");
        SpecError::new(what, format!("write {grammar}; widths are 1 to {MOST_CHANNELS}"))
    })
}

/// The error of a name for what has another.
pub(super) fn another_name(name: &str, known_as: &str) -> SpecError {
    SpecError::new(format!("`{name}` is called `{known_as}`"), format!("write `{known_as}`"))
}

/// A number written in one way only: a leading zero or sign would give one network two names, and so two fingerprints.
fn number(text: &str) -> Option<u32> {
    let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// `depth` as `layers * n + 2`, n from 1 up to what anybody has trained; else an error that tells the nearest depths.
pub(super) fn repeats(name: &str, depth: u32, layers: u32) -> Result<u32, SpecError> {
    let most = (MOST_DEPTH - 2) / layers;
    let n = depth.saturating_sub(2) / layers;
    if depth == layers * n.min(most) + 2 && n > 0 {
        return Ok(n);
    }
    let below = n.clamp(1, most);
    let above = (below + u32::from(n > 0)).min(most);
    let near = if below == above { vec![below] } else { vec![below, above] };
    let near: Vec<_> = near.into_iter().map(|n| (layers * n + 2).to_string()).collect();
    let what = format!("`{name}` cannot be {depth} layers deep");
    let hint =
        format!("depths are {layers} n + 2, up to {}; nearest: {}", layers * most + 2, near.join(", "));
    Err(SpecError::new(what, hint))
}
