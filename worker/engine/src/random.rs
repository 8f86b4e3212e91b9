//! Random streams: the same numbers for the same key, whatever the device, lane, thread count or libtorch.
//!
//! A stream is the extendable output of BLAKE3 over its key, so that the n-th number needs no number before it. All
//! arithmetic on it is exact or done by the pure-Rust `libm`: the platform's own logarithm may differ in the last bit.
//! A change of any number here needs a raise of `spec::version::RANDOM`.

use blake3::OutputReader;
use tombola_spec::job::Stream;

/// What a stream is for. Streams of different purposes are independent under equal seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Weights and biases at initialization.
    Init,
    /// Order of the examples in an epoch.
    Order,
    /// Which examples are held out for validation.
    Split,
    /// Which of equal scores are pruned.
    Ties,
    /// Shuffles of a mask.
    RandomMask,
    /// Which examples a criterion looks at.
    ScoreData,
    /// Flips and crops of the examples in an epoch.
    Augment,
    /// Which examples a subset has.
    Subset,
    /// Which labels are wrong, and how.
    LabelNoise,
    /// Weights drawn after others.
    Redraw,
    /// Which outputs of hidden layers a training step leaves out.
    Dropout,
    /// Pixels of images that networks are measured on.
    Probe,
    /// Batches and sampled masks of a mask that is learned.
    Supermask,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Order => "order",
            Self::Split => "split",
            Self::Ties => "ties",
            Self::RandomMask => "random_mask",
            Self::ScoreData => "score_data",
            Self::Augment => "augment",
            Self::Subset => "subset",
            Self::LabelNoise => "label_noise",
            Self::Redraw => "redraw",
            Self::Dropout => "dropout",
            Self::Probe => "probe",
            Self::Supermask => "supermask",
        }
    }
}

/// Bytes drawn at a time: a multiple of BLAKE3's block, enough of them for its vectorized path.
const BUFFER: usize = 1024;

/// A random stream.
pub struct Random {
    output: OutputReader,
    buffer: [u8; BUFFER],
    used: usize,
}

impl Random {
    /// The stream of a key. `detail` and `index` tell streams of one purpose apart: a parameter name, an epoch.
    pub fn new(purpose: Purpose, stream: &Stream, detail: &str, index: u64) -> Self {
        let Stream { seed, branch, copy, round, repeat } = stream;
        let mut hasher = blake3::Hasher::new_derive_key("tombola random v1");
        // Each field is preceded by its length, so that no two keys give the same bytes.
        let mut field = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        field(purpose.name().as_bytes());
        field(&seed.to_le_bytes());
        field(branch.as_bytes());
        field(&copy.to_le_bytes());
        field(&round.to_le_bytes());
        field(&repeat.to_le_bytes());
        field(detail.as_bytes());
        field(&index.to_le_bytes());
        Self { output: hasher.finalize_xof(), buffer: [0; BUFFER], used: BUFFER }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        if self.used == BUFFER {
            self.output.fill(&mut self.buffer);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.buffer[self.used..self.used + 8]);
        self.used += 8;
        u64::from_le_bytes(bytes)
    }

    /// The stream's `index`-th 64 bits, as if [`Random::next_u64`] had been called `index` times before. Does not move
    /// the stream.
    pub fn u64_at(&self, index: u64) -> u64 {
        let (mut output, mut bytes) = (self.output.clone(), [0; 8]);
        output.set_position(index.wrapping_mul(8));
        output.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Uniform in [0, 1), a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal, by Box and Muller's transform; takes two numbers of the stream.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * libm::log(1.0 - self.uniform())).sqrt();
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Uniform in 0..n, without bias (Lemire 2019, arXiv 1805.10941). 0 for `n` = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        let threshold = n.wrapping_neg().checked_rem(n).unwrap_or(0);
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Shuffles in place; every order is equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// The numbers 0..n in random order.
    pub fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..n).collect();
        self.shuffle(&mut numbers);
        numbers
    }
}
