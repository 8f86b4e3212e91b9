//! The sweeps people submit: real files, small, which share work with each other, and what each is extended to.

use std::sync::LazyLock;
use tombola_core::{plan::Plan, sweep};

/// A sweep file, and a later version of it that asks for more.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) first: (String, Plan),
    pub(crate) later: (String, Plan),
}

/// Every family; a file is read once for all schedules.
pub(crate) static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    vec![
        family("line", &tiny("line", "[1, 2]", &pruned(0.2, 2)), &{
            let reinit = format!("{}branch.reinit = {{ rounds = [1, 3] }}\n", pruned(0.2, 3));
            tiny("line", "[1, 2, 3]", &reinit)
        }),
        // Shares the dense networks of seeds 2 and 3.
        family(
            "rate",
            &tiny("rate", "[2, 3]", &pruned(0.5, 1)),
            &tiny(
                "rate",
                "[2, 3, 4]",
                &format!("{}branch.random = {{ kind = \"random_mask\" }}\n", pruned(0.5, 2)),
            ),
        ),
        // No pruning: wide packs of equals.
        family("wide", &tiny("wide", "\"1..=6\"", ""), &tiny("wide", "\"1..=9\"", "")),
        // Dense training cut at a rewind point, controls, and pairs of solutions compared.
        family(
            "late",
            &tiny("late", "[1, 5]", &rewound(2)),
            &tiny(
                "late",
                "[1, 5]",
                &format!("{}analysis.lmc = {{ kind = \"connectivity\", rounds = [1] }}\n", rewound(3)),
            ),
        ),
        // The same as the first under another name: all shared.
        family("twin", &tiny("twin", "[1]", &pruned(0.2, 2)), &tiny("twin", "[1, 2]", &pruned(0.2, 4))),
    ]
});

fn family(name: &'static str, first: &str, later: &str) -> Family {
    let read = |text: &str| {
        let plan = sweep::load(text).unwrap_or_else(|mistakes| panic!("{}", mistakes.show(name)));
        (text.to_owned(), plan)
    };
    Family { name, first: read(first), later: read(later) }
}

fn pruned(rate: f64, rounds: u32) -> String {
    format!("prune = {{ scope = \"per_layer\", rate = {rate}, rounds = {rounds} }}\n")
}

fn rewound(rounds: u32) -> String {
    format!(
        "prune = {{ scope = \"per_layer\", rate = 0.2, rounds = {rounds}, rewind = \"20it\" }}\nbranch.reinit = {{ rounds = [1] }}\n"
    )
}

fn tiny(name: &str, seeds: &str, more: &str) -> String {
    format!(
        "name = \"{name}\"\nseeds = {seeds}\n\
         model = {{ name = \"mnist_lenet_4\" }}\n\
         data = {{ set = \"mnist\" }}\n\
         train = {{ steps = \"100it\", batch = 60, optimizer = \"sgd\", lr = 0.1, eval_every = \"100it\" }}\n{more}"
    )
}
