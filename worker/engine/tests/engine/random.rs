//! Random streams and what is drawn from them: initial weights.

use tombola_engine::{
    init::initial_weights,
    random::{Purpose, Random},
};
use tombola_spec::{
    arch::Architecture,
    job::Stream,
    settings::{BatchNormInit, BiasInit, Init, Model},
};

fn stream(seed: u64) -> Stream {
    Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 }
}

fn model(init: Init, bias_init: BiasInit) -> Model {
    Model { name: String::new(), init, bias_init, bn_init: BatchNormInit::One, dropout: 0.0 }
}

fn random(seed: u64) -> Random {
    Random::new(Purpose::Order, &stream(seed), "test", 0)
}

/// Computed by hand with another implementation of BLAKE3 (Python's). Frozen: results recorded with these streams must be computable again. A change needs a new `version::RANDOM`.
#[test]
fn the_first_numbers_of_each_purpose_are_frozen() {
    let key = Stream { seed: 7, branch: "reinit".to_owned(), copy: 2, round: 5, repeat: 1 };
    let first = |purpose| Random::new(purpose, &key, "fc.weight", 3).next_u64();
    let purposes = [Purpose::Init, Purpose::Order, Purpose::Split, Purpose::Ties, Purpose::RandomMask];
    assert_eq!(
        purposes.map(first),
        [
            10_147_407_083_377_636_186,
            6_534_964_416_021_219_846,
            14_725_549_427_567_835_644,
            3_401_696_178_440_966_486,
            13_587_279_269_345_864_848
        ]
    );
}

#[test]
fn derived_numbers_are_frozen_to_the_bit() {
    let mut random = random(1);
    assert_eq!([random.uniform(), random.uniform()], [0.42094075609166703, 0.39348749946689243]);
    assert_eq!(
        [random.normal(), random.normal(), random.normal()].map(f64::to_bits),
        [0x3fe0_6c05_59df_66bf, 0xbfcd_769c_12f2_39b1, 0xc000_07db_05e9_04df]
    );
    assert_eq!([10, 10, 10, 1_000_000, 1, 0].map(|n| random.below(n)), [8, 9, 5, 707_293, 0, 0]);
    assert_eq!(random.permutation(8), [4, 3, 7, 6, 2, 0, 5, 1]);
}

#[test]
fn any_number_of_a_stream_can_be_had_without_those_before_it() {
    let mut serial = random(3);
    let wanted: Vec<u64> = (0..1000).map(|_| serial.next_u64()).collect();
    let direct: Vec<u64> = (0..1000).map(|index| random(3).u64_at(index)).collect();
    assert_eq!(direct, wanted);
}

#[test]
fn every_part_of_a_key_gives_another_stream() {
    let base = stream(1);
    let mut firsts = vec![
        Random::new(Purpose::Init, &base, "a", 0).next_u64(),
        Random::new(Purpose::Order, &base, "a", 0).next_u64(),
        Random::new(Purpose::Init, &base, "b", 0).next_u64(),
        Random::new(Purpose::Init, &base, "a", 1).next_u64(),
        Random::new(Purpose::Init, &base, "", 0).next_u64(),
        Random::new(Purpose::Init, &Stream { seed: 2, ..base.clone() }, "a", 0).next_u64(),
        Random::new(Purpose::Init, &Stream { branch: "a".to_owned(), ..base.clone() }, "", 0).next_u64(),
        Random::new(Purpose::Init, &Stream { copy: 1, ..base.clone() }, "a", 0).next_u64(),
        Random::new(Purpose::Init, &Stream { round: 1, ..base.clone() }, "a", 0).next_u64(),
        Random::new(Purpose::Init, &Stream { repeat: 1, ..base.clone() }, "a", 0).next_u64(),
    ];
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), 10);
}

#[test]
fn uniform_numbers_fill_the_unit_interval_evenly() {
    let mut random = random(5);
    let mut bins = [0u32; 100];
    for _ in 0..1_000_000 {
        bins[(random.uniform() * 100.0) as usize] += 1;
    }
    // Chi-square with 99 degrees of freedom: mean 99, standard deviation 14.
    let chi: f64 = bins.iter().map(|&n| (f64::from(n) - 10_000.0).powi(2) / 10_000.0).sum();
    assert!((50.0..170.0).contains(&chi), "{chi}");
}

#[test]
fn normal_numbers_have_the_moments_and_tails_of_the_normal_distribution() {
    let mut random = random(6);
    let draws: Vec<f64> = (0..1_000_000).map(|_| random.normal()).collect();
    let moment = |power| draws.iter().map(|x: &f64| x.powi(power)).sum::<f64>() / draws.len() as f64;
    for (power, wanted, tolerance) in [(1, 0.0, 0.005), (2, 1.0, 0.01), (3, 0.0, 0.02), (4, 3.0, 0.05)] {
        assert!((moment(power) - wanted).abs() < tolerance, "moment {power}: {}", moment(power));
    }
    let beyond_two = draws.iter().filter(|x| x.abs() > 2.0).count() as f64 / draws.len() as f64;
    assert!((beyond_two - 0.0455).abs() < 0.001, "{beyond_two}");
    let neighbours = draws.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / draws.len() as f64;
    assert!(neighbours.abs() < 0.005, "neighbours are correlated: {neighbours}");
}

#[test]
fn streams_of_neighbouring_seeds_are_uncorrelated() {
    let (mut a, mut b) = (random(10), random(11));
    let mean = (0..200_000).map(|_| a.normal() * b.normal()).sum::<f64>() / 200_000.0;
    assert!(mean.abs() < 0.01, "{mean}");
}

#[test]
fn numbers_below_a_bound_are_equally_likely() {
    let mut random = random(8);
    let mut counts = [0u32; 7];
    for _ in 0..700_000 {
        counts[random.below(7) as usize] += 1;
    }
    assert!(counts.iter().all(|&n| n.abs_diff(100_000) < 1500), "{counts:?}");
}

#[test]
fn every_order_of_three_is_equally_likely_and_a_permutation_loses_nothing() {
    let mut random = random(9);
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..60_000 {
        *counts.entry(random.permutation(3)).or_insert(0u32) += 1;
    }
    assert_eq!(counts.len(), 6);
    assert!(counts.values().all(|n| n.abs_diff(10_000) < 500), "{counts:?}");
    let mut all = random.permutation(55_000);
    all.sort_unstable();
    assert!(all.into_iter().eq(0..55_000));
    assert_eq!((random.permutation(0), random.permutation(1)), (vec![], vec![0]));
}

fn deviation(values: &[f32]) -> f64 {
    (values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

#[test]
fn initial_weights_have_the_papers_deviation_and_zero_biases() {
    let parameters = Architecture::parse("mnist_lenet_300_100", [1, 28, 28], 10).unwrap().parameters();
    let glorot = initial_weights(&parameters, &model(Init::GlorotNormal, BiasInit::Zero), &stream(1));
    let kaiming = initial_weights(&parameters, &model(Init::KaimingNormal, BiasInit::Uniform), &stream(1));
    assert!((deviation(&glorot[0]) / (2.0f64 / 1084.0).sqrt() - 1.0).abs() < 0.01);
    assert!((deviation(&kaiming[0]) / (2.0f64 / 784.0).sqrt() - 1.0).abs() < 0.01);
    assert!(glorot[1].iter().all(|&bias| bias == 0.0) && glorot[1].len() == 300);
    let bound = 1.0 / 28.0;
    let (least, most) = kaiming[1].iter().fold((0f32, 0f32), |(a, b), &x| (a.min(x), b.max(x)));
    assert!(least >= -bound && most <= bound && least < -0.9 * bound && most > 0.9 * bound, "{least} {most}");
}

#[test]
fn a_parameters_initial_weights_depend_on_its_name_alone() {
    let parameters = Architecture::parse("mnist_lenet_300_100", [1, 28, 28], 10).unwrap().parameters();
    let mut reversed = parameters.clone();
    reversed.reverse();
    reversed.truncate(2);
    let all = initial_weights(&parameters, &model(Init::GlorotNormal, BiasInit::Uniform), &stream(4));
    let few = initial_weights(&reversed, &model(Init::GlorotNormal, BiasInit::Uniform), &stream(4));
    assert_eq!((&few[0], &few[1]), (&all[5], &all[4]));
    let other = initial_weights(&parameters, &model(Init::GlorotNormal, BiasInit::Uniform), &stream(5));
    assert_ne!(all[0], other[0]);
}

#[test]
fn orthogonal_rows_or_columns_are_at_right_angles_and_of_length_one() {
    let parameters = Architecture::parse("conv_2", [1, 8, 8], 10).unwrap().weights();
    let drawn = initial_weights(&parameters, &model(Init::Orthogonal, BiasInit::Zero), &stream(1));
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
    for (parameter, values) in parameters.iter().zip(&drawn) {
        let (rows, columns) = (parameter.shape[0] as usize, values.len() / parameter.shape[0] as usize);
        let row = |row: usize| values[row * columns..(row + 1) * columns].to_vec();
        let column =
            |column: usize| values.iter().skip(column).step_by(columns).copied().collect::<Vec<f32>>();
        let vector = |index| if rows <= columns { row(index) } else { column(index) };
        let [first, second] = [vector(0), vector(1)];
        assert!(
            (dot(&first, &first) - 1.0).abs() < 1e-5 && dot(&first, &second).abs() < 1e-5,
            "{}",
            parameter.name
        );
    }
    assert_eq!((drawn[0].len(), drawn[1].len()), (64 * 9, 64 * 64 * 9), "more rows than columns, and fewer");
}

#[test]
fn binary_and_uniform_weights_have_the_deviation_of_normal_ones() {
    let parameters = Architecture::parse("mnist_lenet_300_100", [1, 28, 28], 10).unwrap().parameters();
    let wanted = (2.0f64 / 784.0).sqrt();
    let draw = |init| initial_weights(&parameters, &model(init, BiasInit::Zero), &stream(1)).remove(0);
    let (binary, uniform) = (draw(Init::Binary), draw(Init::KaimingUniform));
    assert!(binary.iter().all(|weight| weight.abs() == wanted as f32));
    let above = binary.iter().filter(|&&weight| weight > 0.0).count() as f64 / binary.len() as f64;
    assert!((above - 0.5).abs() < 0.01, "{above}");
    assert!((deviation(&uniform) / wanted - 1.0).abs() < 0.01);
    let most = uniform.iter().fold(0f32, |most, weight| most.max(weight.abs()));
    assert!(f64::from(most) <= 3f64.sqrt() * wanted && f64::from(most) > 1.7 * wanted, "{most}");
}
