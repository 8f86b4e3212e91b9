//! The kinds of layers: their tensors and what they cost.

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// `[N, C, H, W]` to `[N, C*H*W]`.
    Flatten,
    /// `y = x W^T + b`, weight `[outputs, inputs]` as in PyTorch.
    Linear {
        /// PyTorch's module path, such as `fc_layers.0`; parameters are `<name>.weight` and `<name>.bias`.
        name: String,
        /// Columns of the weight.
        inputs: u32,
        /// Rows of the weight.
        outputs: u32,
    },
    /// Convolution with zeros around the image: `[N, inputs, H, W]` to `[N, outputs, H', W']`, weight
    /// `[outputs, inputs, kernel, kernel]` and bias as in PyTorch.
    Conv {
        /// PyTorch's module path, as of [`Layer::Linear`].
        name: String,
        /// Channels that go in.
        inputs: u32,
        /// Channels that come out.
        outputs: u32,
        /// Height and width of the filter.
        kernel: u32,
        /// Steps between two places of the filter.
        stride: u32,
        /// Zeros on each side.
        padding: u32,
        /// Whether it has a bias.
        bias: bool,
        /// Height and width of what comes out.
        size: [u32; 2],
    },
    /// Batch normalization of each channel of `[N, C, H, W]`, PyTorch's `BatchNorm2d` with eps 1e-5 and momentum 0.1:
    /// by the batch's own mean and variance in training, by the running ones in evaluation.
    BatchNorm {
        /// PyTorch's module path; its tensors are `<name>.weight`, `.bias`, `.running_mean` and `.running_var`.
        name: String,
        /// Channels that go in and come out.
        channels: u32,
    },
    /// What `body` makes of the input plus what `shortcut` makes of it; an empty list gives the input itself.
    Residual {
        /// The long way.
        body: Vec<Layer>,
        /// The short way.
        shortcut: Vec<Layer>,
    },
    /// The largest of each `size` x `size` square; squares that would end beyond the image are dropped.
    MaxPool {
        /// Height and width of a square.
        size: u32,
        /// Steps between two squares.
        stride: u32,
        /// Places on each side that no maximum is taken of.
        padding: u32,
    },
    /// The mean of each `size` x `size` square, squares side by side; what is left over at the end is dropped.
    AvgPool {
        /// Height and width of a square.
        size: u32,
    },
    /// The mean over the image: `[N, C, H, W]` to `[N, C]`.
    GlobalAvgPool,
    /// Rectifier, elementwise.
    Relu,
    /// In training some of its inputs are set to zero and the others scaled up; in evaluation none is. How many is the
    /// recipe's business.
    Dropout {
        /// Name of the layer before it: the key of what is drawn.
        name: String,
        /// Values of one example.
        width: u32,
    },
}

impl Layer {
    /// Its tensors, in the order of the forward pass: weight, bias, running mean, running variance.
    pub(super) fn tensors(&self) -> Vec<Parameter> {
        match self {
            Self::Flatten
            | Self::MaxPool { .. }
            | Self::AvgPool { .. }
            | Self::GlobalAvgPool
            | Self::Relu
            | Self::Dropout { .. } => Vec::new(),
            Self::Linear { name, inputs, outputs } => linear(name, vec![*outputs, *inputs], true),
            Self::Conv { name, inputs, outputs, kernel, bias, .. } => {
                linear(name, vec![*outputs, *inputs, *kernel, *kernel], *bias)
            }
            Self::BatchNorm { name, channels } => normalization(name, *channels),
            Self::Residual { body, shortcut } => {
                body.iter().chain(shortcut).flat_map(Self::tensors).collect()
            }
        }
    }

    /// Multiply-adds of its weights for one example; what a layer does beside (biases, normalization, rectifiers, sums)
    /// is not counted.
    pub(super) fn multiply_adds(&self) -> u64 {
        let product = |factors: &[u32]| factors.iter().fold(1u64, |all, &n| all.saturating_mul(n.into()));
        match self {
            Self::Linear { inputs, outputs, .. } => product(&[*inputs, *outputs]),
            Self::Conv { inputs, outputs, kernel, size: [height, width], .. } => {
                product(&[*inputs, *outputs, *kernel, *kernel, *height, *width])
            }
            Self::Residual { body, shortcut } => multiply_adds(body).saturating_add(multiply_adds(shortcut)),
            Self::Flatten
            | Self::BatchNorm { .. }
            | Self::MaxPool { .. }
            | Self::AvgPool { .. }
            | Self::GlobalAvgPool
            | Self::Relu
            | Self::Dropout { .. } => 0,
        }
    }
}

/// Multiply-adds of all `layers` for one example.
pub(super) fn multiply_adds(layers: &[Layer]) -> u64 {
    layers.iter().fold(0, |sum, layer| sum.saturating_add(layer.multiply_adds()))
}

/// Multiply-adds of each weight tensor of `layers` for one example, by name.
pub(super) fn by_weight(layers: &[Layer]) -> Vec<(String, u64)> {
    let one = |layer: &Layer| match layer {
        Layer::Residual { body, shortcut } => [by_weight(body), by_weight(shortcut)].concat(),
        _ => {
            let weights = layer.tensors().into_iter().filter(|tensor| tensor.role == Role::Weight);
            weights.map(|tensor| (tensor.name, layer.multiply_adds())).collect()
        }
    };
    layers.iter().flat_map(one).collect()
}

/// Weight `[outputs, inputs, …]` and bias of a layer. What a filter sees or feeds counts at each of its places.
fn linear(name: &str, shape: Vec<u32>, bias: bool) -> Vec<Parameter> {
    let places: u32 = shape[2..].iter().product();
    let (outputs, fan_in, fan_out) = (shape[0], shape[1] * places, shape[0] * places);
    let tensor =
        |kind, shape, role| Parameter { name: format!("{name}.{kind}"), shape, role, fan_in, fan_out };
    let bias = bias.then(|| tensor("bias", vec![outputs], Role::Bias));
    [tensor("weight", shape, Role::Weight)].into_iter().chain(bias).collect()
}

/// The tensors of a batch normalization. Each channel sees and feeds itself.
fn normalization(name: &str, channels: u32) -> Vec<Parameter> {
    let tensor = |(kind, role)| {
        let (name, shape) = (format!("{name}.{kind}"), vec![channels]);
        Parameter { name, shape, role, fan_in: 1, fan_out: 1 }
    };
    let tensors = [
        ("weight", Role::Scale),
        ("bias", Role::Shift),
        ("running_mean", Role::Mean),
        ("running_var", Role::Variance),
    ];
    tensors.map(tensor).into()
}

/// One tensor of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// PyTorch's name, such as `fc.weight`.
    pub name: String,
    /// PyTorch's shape, such as `[out, in]`.
    pub shape: Vec<u32>,
    /// What it is.
    pub role: Role,
    /// Inputs of one unit, for initialization.
    pub fan_in: u32,
    /// Outputs fed by one input, for initialization.
    pub fan_out: u32,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().map(|&n| n as usize).product()
    }

    /// Whether there are no elements (never, for a parsed architecture).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a tensor is to initialization, training and pruning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A convolution or linear weight: counted in density, may be pruned. No other role is.
    Weight,
    /// A convolution or linear bias.
    Bias,
    /// What a batch normalization multiplies a channel by, gamma.
    Scale,
    /// What a batch normalization adds to a channel, beta.
    Shift,
    /// A batch normalization's running mean: not trained, but moved by every training batch.
    Mean,
    /// A batch normalization's running variance, as [`Role::Mean`].
    Variance,
}

impl Role {
    /// Whether an optimizer moves it.
    pub const fn is_trained(self) -> bool {
        !matches!(self, Self::Mean | Self::Variance)
    }
}
