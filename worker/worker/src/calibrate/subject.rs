//! A network on images of a data set, as `--network` names it.

use std::str::FromStr;
use tombola_engine::calibration::Load;
use tombola_spec::{
    arch::Architecture,
    data::{DataShape, known},
    settings::Dtype,
};

/// Batch of the paper's small networks, and of its large ones.
const BATCHES: [u32; 2] = [60, 128];

/// A network that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subject {
    network: String,
    shape: DataShape,
}

impl FromStr for Subject {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (network, set) = text.split_once('@').ok_or("write NETWORK@SET, such as conv_2@cifar10")?;
        let shape =
            known(set).ok_or_else(|| format!("`{set}` is not a known data set, such as mnist or cifar10"))?;
        Architecture::parse(network, shape.image, shape.classes).map_err(|error| error.to_string())?;
        Ok(Self { network: network.to_owned(), shape })
    }
}

impl Subject {
    /// Training of it, in batches of `batch` or as usual.
    pub(super) fn load(&self, dtype: Dtype, batch: Option<u32>) -> Load {
        let small = self.network.contains("lenet") || self.network.starts_with("conv");
        let usual = BATCHES[usize::from(!small)];
        let (network, image, classes) = (self.network.clone(), self.shape.image, self.shape.classes);
        Load { network, image, classes, batch: batch.unwrap_or(usual), dtype }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_named_with_the_set_whose_images_it_gets() {
        let subject: Subject = "conv_2@cifar10".parse().unwrap();
        let load = subject.load(Dtype::Bf16, None);
        assert_eq!((load.image, load.classes, load.batch, load.dtype), ([3, 32, 32], 10, 60, Dtype::Bf16));
        assert_eq!("cifar_resnet_20@cifar10".parse::<Subject>().unwrap().load(Dtype::F32, None).batch, 128);
        assert_eq!(subject.load(Dtype::F32, Some(7)).batch, 7);
        for (text, why) in
            [("conv_2", "NETWORK@SET"), ("conv_2@own", "known data set"), ("konv@mnist", "konv")]
        {
            let told = text.parse::<Subject>().unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
