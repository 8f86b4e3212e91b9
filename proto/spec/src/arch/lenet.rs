//! LeNet-300-100 and its family of multilayer perceptrons (arXiv 1803.03635, Figure 2), open_lth's `mnist_lenet_*`.
//!
//! Parameter names are open_lth's: hidden layers `fc_layers.0`, `fc_layers.1`, …, output layer `fc`.

use super::Layer;
use crate::SpecError;

/// How names of this family are written.
pub(super) const GRAMMAR: &str = "mnist_lenet_N[_N…], such as mnist_lenet_300_100";

/// Most hidden layers; a name alone must not make work for minutes.
const MOST_HIDDEN: usize = 1000;

/// The layers of `mnist_lenet_<hidden>_<hidden>…`.
pub(super) fn layers(name: &str, input: [u32; 3], classes: u32) -> Option<Result<Vec<Layer>, SpecError>> {
    let hidden = name.strip_prefix("mnist_lenet_")?;
    let widths: Option<Vec<u32>> = hidden.split('_').take(MOST_HIDDEN + 1).map(width).collect();
    Some(match widths {
        Some(widths) if widths.len() > MOST_HIDDEN => Err(SpecError::new(
            format!("a network of more than {MOST_HIDDEN} hidden layers is not possible"),
            format!("write {GRAMMAR}"),
        )),
        Some(widths) => Ok(perceptron(input.iter().product(), &widths, classes)),
        None => Err(SpecError::new(
            format!("`{name}` does not name the hidden layers"),
            format!("write {GRAMMAR}; widths are 1 to 65536"),
        )),
    })
}

fn width(text: &str) -> Option<u32> {
    // A leading zero or sign would give one network two names, and so two fingerprints.
    let plain = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|width| plain && (1..=65_536).contains(width))
}

/// A perceptron on whatever is flattened first.
pub(super) fn perceptron(inputs: u32, widths: &[u32], classes: u32) -> Vec<Layer> {
    let mut layers = vec![Layer::Flatten];
    let mut from = inputs;
    for (index, &to) in widths.iter().enumerate() {
        layers.push(Layer::Linear { name: format!("fc_layers.{index}"), inputs: from, outputs: to });
        layers.push(Layer::Relu);
        from = to;
    }
    layers.push(Layer::Linear { name: "fc".to_owned(), inputs: from, outputs: classes });
    layers
}

#[cfg(test)]
mod tests {
    use crate::arch::Architecture;

    #[test]
    fn lenet_300_100_has_the_papers_counts_and_open_lths_names() {
        let lenet = Architecture::parse("mnist_lenet_300_100", [1, 28, 28], 10).unwrap();
        assert_eq!(lenet.weight_count(), 266_200);
        assert_eq!(lenet.parameter_count(), 266_610);
        assert_eq!(lenet.training_flops(1), 6 * 266_200);
        let names: Vec<_> = lenet.parameters().into_iter().map(|p| p.name).collect();
        assert_eq!(
            names,
            [
                "fc_layers.0.weight",
                "fc_layers.0.bias",
                "fc_layers.1.weight",
                "fc_layers.1.bias",
                "fc.weight",
                "fc.bias"
            ]
        );
    }

    #[test]
    fn a_name_without_widths_is_refused() {
        for name in ["mnist_lenet_", "mnist_lenet_300_", "mnist_lenet_0", "mnist_lenet_x", "mnist_lenet_030"]
        {
            assert!(Architecture::parse(name, [1, 28, 28], 10).is_err(), "{name}");
        }
    }
}
