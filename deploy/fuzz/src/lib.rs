//! What the fuzzing of all crates shares: how many cases, how good bytes go bad, how much memory a reader may take.
//!
//! A crate's cases are in a module or test binary called `fuzz`. Few cases of one seed run with all other tests, the same on
//! every machine; `cargo xtask fuzz` runs many more of other seeds, by proptest's own variables.

use proptest::{
    collection::vec,
    prelude::*,
    sample::Index,
    strategy::ValueTree,
    test_runner::{Config, RngSeed, TestRunner},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// So many cases of one seed, or as many as `PROPTEST_CASES` and of the seed that `PROPTEST_RNG_SEED` says.
pub fn cases(usual: u32) -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = usual;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(1);
    }
    config
}

/// The same as a list, for what is not one closure: a session with a server.
///
/// # Panics
/// When the strategy refuses nearly everything it makes.
pub fn samples<S: Strategy>(usual: u32, strategy: &S) -> Vec<S::Value> {
    let config = cases(usual);
    let many = config.cases;
    let mut runner = TestRunner::new(config);
    (0..many).map(|_| strategy.new_tree(&mut runner).expect("it makes something").current()).collect()
}

/// Texts that people and programs send where a name or a message belongs.
pub fn texts() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[a-z]{1,8}",
        3 => "\\PC{0,20}",
        1 => Just(String::new()),
        1 => Just("a\0b".to_owned()),
        1 => Just("\u{202e}\u{feff}\r\n\t".to_owned()),
        1 => Just("'; drop table jobs; --".to_owned()),
        1 => Just("../../etc/passwd".to_owned()),
        1 => Just("x".repeat(100_000)),
    ]
    .boxed()
}

/// Numbers: small ones that may mean something, and ends of types.
pub fn numbers() -> BoxedStrategy<u64> {
    prop_oneof![
        6 => 0..40u64,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
        1 => Just(i64::MAX as u64),
        1 => Just(1 << 63),
        1 => Just(u64::from(u32::MAX)),
    ]
    .boxed()
}

/// From here on this process gets no more than so many bytes: a reader that believes a huge count aborts.
///
/// # Panics
/// When the system does not let a process bound itself.
pub fn bound_memory(bytes: u64) {
    let limit = Rlimit { current: Some(bytes), ..getrlimit(Resource::Data) };
    setrlimit(Resource::Data, limit).expect("a lower limit is always possible");
}

/// One thing that happens to bytes on their way.
#[derive(Debug, Clone)]
enum Damage {
    Flip(Index, u8),
    CutAt(Index),
    Remove(Index, usize),
    Repeat(Index, usize),
    Put(Index, Vec<u8>),
    Over(Index, Vec<u8>),
}

/// Good bytes, each time damaged in up to four places.
pub fn damaged(good: Vec<u8>) -> BoxedStrategy<Vec<u8>> {
    let damages = vec(damage(), 1..=4);
    let damaged = damages.prop_map(move |damages| {
        damages.into_iter().fold(good.clone(), |mut bytes, damage| {
            suffer(&mut bytes, damage);
            bytes
        })
    });
    damaged.boxed()
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => at().prop_map(Damage::CutAt),
        1 => (at(), 1..64usize).prop_map(|(at, length)| Damage::Remove(at, length)),
        1 => (at(), 1..64usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        1 => (at(), vec(any::<u8>(), 1..16)).prop_map(|(at, bytes)| Damage::Put(at, bytes)),
        2 => (at(), telling()).prop_map(|(at, bytes)| Damage::Over(at, bytes)),
    ]
}

/// Bytes that mean something to many formats: huge counts in both byte orders, huge varints, digits.
fn telling() -> impl Strategy<Value = Vec<u8>> {
    let number =
        prop_oneof![Just(u64::MAX), Just(1 << 63), Just(1 << 40), Just(u64::from(u32::MAX)), Just(0)];
    prop_oneof![
        number.clone().prop_map(|n| n.to_le_bytes().to_vec()),
        number.clone().prop_map(|n| n.to_be_bytes().to_vec()),
        number.clone().prop_map(|n| (n as u32).to_le_bytes().to_vec()),
        number.prop_map(|n| n.to_string().into_bytes()),
        Just(vec![0xff; 9]),
        Just(b"-1".to_vec()),
        Just(b"[[[[[[[[".to_vec()),
        Just(b"{\"\":{\"\":".to_vec()),
    ]
}

fn suffer(bytes: &mut Vec<u8>, damage: Damage) {
    if bytes.is_empty() {
        return;
    }
    let all = bytes.len();
    match damage {
        Damage::Flip(at, bit) => bytes[at.index(all)] ^= 1 << bit,
        Damage::CutAt(at) => bytes.truncate(at.index(all)),
        Damage::Remove(at, length) => {
            let at = at.index(all);
            bytes.drain(at..all.min(at + length));
        }
        Damage::Repeat(at, length) => {
            let at = at.index(all);
            let again = bytes[at..all.min(at + length)].to_vec();
            bytes.splice(at..at, again);
        }
        Damage::Put(at, put) => {
            let at = at.index(all);
            bytes.splice(at..at, put);
        }
        Damage::Over(at, put) => {
            let at = at.index(all);
            let end = all.min(at + put.len());
            bytes.splice(at..end, put);
        }
    }
}
