//! A tiny sweep.

/// Two seeds, two rounds, a control at the last of them: 2 x (1 dense + 2 x (mask + training) + 1 control) = 12 jobs.
pub(crate) const SWEEP: &str = r#"
name = "tiny"
seeds = "1..=2"
model = { name = "mnist_lenet_8_4" }
data  = { set = "mnist", validation = 5000 }
train = { steps = "100it", batch = 50, optimizer = "sgd", lr = 0.1, eval_every = "50it" }
prune = { scope = "per_layer", rate = 0.5, rounds = 2 }

[branch]
reinit = { rounds = [2] }
"#;

/// The tiny sweep with some of its text replaced; each has to be there.
#[track_caller]
pub(crate) fn with(changes: &[(&str, &str)]) -> String {
    changes.iter().fold(SWEEP.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    })
}
