//! What of a network is not trained.

use crate::arch::{Architecture, Parameter, Role};
use serde::{Deserialize, Serialize};

/// A part of a network that keeps the values it starts with: no gradient, no decay, no momentum.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frozen {
    /// Batch normalizations as a whole: scales and shifts, and the running statistics, by which training then normalizes as
    /// evaluation does (PyTorch's `eval()` of these modules).
    Bn,
    /// Scales and shifts of batch normalizations alone (open_lth's `batchnorm_frozen`).
    BnAffine,
    /// Weight and bias of the layer that gives the outputs (open_lth's `output_frozen`).
    Output,
    /// Everything else (open_lth's `others_frozen`).
    Others,
    /// One tensor, by PyTorch's name.
    Parameter(String),
}

impl Frozen {
    /// Which of `Architecture::parameters` one of `parts` names.
    pub fn among(parts: &[Self], architecture: &Architecture) -> Vec<bool> {
        let parameters = architecture.parameters();
        let output = parameters.iter().rev().find_map(|tensor| {
            let module = tensor.name.strip_suffix(".weight")?;
            (tensor.role == Role::Weight).then(|| format!("{module}."))
        });
        let is_output = |name: &str| output.as_ref().is_some_and(|module| name.starts_with(module));
        let named = |part: &Self, tensor: &Parameter| {
            let affine = matches!(tensor.role, Role::Scale | Role::Shift);
            match part {
                Self::Bn | Self::BnAffine => affine,
                Self::Output => is_output(&tensor.name),
                Self::Others => !affine && !is_output(&tensor.name),
                Self::Parameter(name) => tensor.name == *name,
            }
        };
        parameters.iter().map(|tensor| parts.iter().any(|part| named(part, tensor))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen(network: &str, parts: &[Frozen]) -> Vec<String> {
        let network = Architecture::parse(network, [3, 32, 32], 10).unwrap();
        let named = Frozen::among(parts, &network).into_iter().zip(network.parameters());
        named.filter(|(frozen, _)| *frozen).map(|(_, tensor)| tensor.name).collect()
    }

    #[test]
    fn parts_of_a_network_are_those_of_open_lth() {
        assert_eq!(frozen("cifar_resnet_20", &[Frozen::Output]), ["fc.weight", "fc.bias"]);
        let affine = frozen("cifar_resnet_20", &[Frozen::Bn]);
        assert_eq!(affine.len(), 2 * 21, "19 normalizations of the trunk, 2 of shortcuts");
        assert_eq!(frozen("cifar_resnet_20", &[Frozen::BnAffine]), affine);
        let others = frozen("cifar_resnet_20", &[Frozen::Others]);
        assert_eq!(others.len(), 21, "every convolution: {others:?}");
        let own = Frozen::Parameter("fc_layers.0.bias".to_owned());
        assert_eq!(
            frozen("mnist_lenet_20_20", &[own, Frozen::Output]),
            ["fc_layers.0.bias", "fc.weight", "fc.bias"]
        );
    }
}
