//! Broken sweep files and what is said about them: every message with its place and what to do, read by a person.
//! The snapshot is the place to look at all of them.

use tombola_core::sweep;

/// A file without mistakes; each case below spoils one line of it.
const GOOD: &str = r#"name = "lenet"
seeds = "1..=3"

[model]
name = "mnist_lenet_300_100"

[data]
set = "mnist"

[train]
steps = "3000it"
batch = 60
optimizer = "adam"
lr = 1.2e-3

[prune]
scope = "per_layer"
rate = 0.2
rates = { "fc.weight" = 0.1 }
rounds = 20

[branch]
reinit = { rounds = [5, 13] }
"#;

/// What is wrong, the line of [`GOOD`] that is spoilt, and what stands there instead.
type Case = (&'static str, &'static str, &'static str);

const TOP: &[Case] = &[
    ("not TOML", "batch = 60", "batch = "),
    ("a key written twice", "batch = 60", "batch = 60\nbatch = 61"),
    ("a text that is never closed", r#"set = "mnist""#, r#"set = "mnist"#),
    ("no name", "name = \"lenet\"\n", "\n"),
    ("a name that no file could have", r#"name = "lenet""#, r#"name = "My Sweep!""#),
    ("a name that is a number", r#"name = "lenet""#, "name = 7"),
    ("no seeds", "seeds = \"1..=3\"\n", "\n"),
    ("a range of seeds with three dots", r#""1..=3""#, r#""1...3""#),
    ("a range of seeds that runs backwards", r#""1..=3""#, r#""3..=1""#),
    ("a seed twice", r#""1..=3""#, "[1, 2, 1]"),
    ("no seed at all", r#""1..=3""#, "[]"),
    ("a negative seed", r#""1..=3""#, "[1, -2]"),
    ("more seeds than anybody has", r#""1..=3""#, r#""1..=99999999999""#),
    ("a number that fits nowhere", r#""1..=3""#, "[99999999999999999999]"),
    ("repeat = 0", r#"seeds = "1..=3""#, "seeds = \"1..=3\"\nrepeat = 0"),
    ("an unknown table", "[model]", "[modle]"),
    ("a key at the wrong place", r#"seeds = "1..=3""#, "seeds = \"1..=3\"\nbatch = 60"),
    ("a table that is a number", r#"seeds = "1..=3""#, "seeds = \"1..=3\"\naxes = 3"),
];

const SETTINGS: &[Case] = &[
    ("an unknown architecture", r#""mnist_lenet_300_100""#, r#""mnist_lenet300""#),
    ("an architecture without widths", r#""mnist_lenet_300_100""#, r#""mnist_lenet_""#),
    ("a depth no network has", r#""mnist_lenet_300_100""#, r#""cifar_resnet_18""#),
    ("images too small for the network", r#""mnist_lenet_300_100""#, r#""cifar_vgg_16""#),
    (
        "a batch that cannot be normalized",
        "\"mnist_lenet_300_100\"\n\n[data]\nset = \"mnist\"\n\n[train]\nsteps = \"3000it\"\nbatch = 60",
        "\"cifar_resnet_20\"\n\n[data]\nset = \"mnist\"\n\n[train]\nsteps = \"3000it\"\nbatch = 1",
    ),
    ("an unknown scale", r#""mnist_lenet_300_100""#, "\"cifar_resnet_20\"\nbn_init = \"fixed\""),
    ("dropout where nothing is dropped", r#""mnist_lenet_300_100""#, "\"cifar_resnet_20\"\ndropout = 0.5"),
    ("everything dropped", r#""mnist_lenet_300_100""#, "\"mnist_lenet_300_100\"\ndropout = 1.0"),
    ("an unknown initialization", r#""mnist_lenet_300_100""#, "\"mnist_lenet_300_100\"\ninit = \"xavier\""),
    ("a data set misspelt", r#"set = "mnist""#, r#"set = "fashion-mnist""#),
    ("a data set nobody knows", r#"set = "mnist""#, r#"set = "imagenet""#),
    ("a data set of one's own, half declared", r#"set = "mnist""#, "set = \"scans\"\nexamples = 900"),
    (
        "an image of two sizes",
        r#"set = "mnist""#,
        "set = \"scans\"\nexamples = 900\ntest = 90\nclasses = 2\nimage = [28, 28]",
    ),
    (
        "three means for gray images, two deviations",
        r#"set = "mnist""#,
        "set = \"scans\"\nexamples = 900\ntest = 90\nclasses = 2\nmean = [0.1, 0.2, 0.3]\nstd = [1, 2]",
    ),
    ("the shape of a known set changed", r#"set = "mnist""#, "set = \"mnist\"\nclasses = 12"),
    ("all examples held out", r#"set = "mnist""#, "set = \"mnist\"\nvalidation = 60000"),
    ("an unknown augmentation", r#"set = "mnist""#, "set = \"mnist\"\naugment = \"flip+crop\""),
    ("a subset of everything", r#"set = "mnist""#, "set = \"mnist\"\nsubset = 1.0"),
    ("a subset of nothing", r#"set = "mnist""#, "set = \"mnist\"\nsubset = 1e-6"),
    ("a half that does not exist", r#"set = "mnist""#, "set = \"mnist\"\nsubset = \"half_c\""),
    ("a class that does not exist", r#"set = "mnist""#, "set = \"mnist\"\nsubset = [3, 10]"),
    ("one class alone", r#"set = "mnist""#, "set = \"mnist\"\nsubset = [3]"),
    ("a class twice", r#"set = "mnist""#, "set = \"mnist\"\nsubset = [3, 5, 3]"),
    (
        "classes of a set of one's own",
        r#"set = "mnist""#,
        "set = \"scans\"\nexamples = 900\ntest = 90\nclasses = 3\nsubset = [0, 1]",
    ),
    (
        "more validation than a subset has",
        r#"set = "mnist""#,
        "set = \"mnist\"\nsubset = 0.05\nvalidation = 5000",
    ),
    ("more label noise than labels", r#"set = "mnist""#, "set = \"mnist\"\nlabel_noise = 10"),
    ("a seed of no noise", r#"set = "mnist""#, "set = \"mnist\"\nnoise_seed = 1"),
    ("three means for a gray known set", r#"set = "mnist""#, "set = \"mnist\"\nmean = [0.1, 0.2, 0.3]"),
    ("a batch larger than the split", "batch = 60", "batch = 60000"),
    ("a batch of none", "batch = 60", "batch = 0"),
    ("a batch in quotes", "batch = 60", r#"batch = "60""#),
    ("steps without a unit", r#"steps = "3000it""#, "steps = 3000"),
    ("steps in another unit", r#"steps = "3000it""#, r#"steps = "10 epochs""#),
    ("no steps at all", r#"steps = "3000it""#, r#"steps = "0it""#),
    ("more steps than a counter holds", r#"steps = "3000it""#, r#"steps = "4294967295ep""#),
    ("an optimizer misspelt", r#"optimizer = "adam""#, r#"optimizer = "adma""#),
    ("momentum for adam", "lr = 1.2e-3", "lr = 1.2e-3\nmomentum = 0.9"),
    ("look-ahead without momentum", r#"optimizer = "adam""#, "optimizer = \"sgd\"\nnesterov = true"),
    ("a setting of rmsprop for adam", "lr = 1.2e-3", "lr = 1.2e-3\nalpha = 0.9"),
    ("betas for rmsprop", r#"optimizer = "adam""#, "optimizer = \"rmsprop\"\nbetas = [0.9, 0.999]"),
    ("a partial batch kept by half", "lr = 1.2e-3", "lr = 1.2e-3\npartial = \"pad\""),
    (
        "a last batch that cannot be normalized",
        "\"mnist_lenet_300_100\"\n\n[data]\nset = \"mnist\"\n\n[train]\nsteps = \"3000it\"\nbatch = 60",
        "\"cifar_resnet_20\"\n\n[data]\nset = \"mnist\"\nvalidation = 0\n\n[train]\nsteps = \"3000it\"\nbatch = 59999\npartial = \"keep\"",
    ),
    ("a part of no network", "lr = 1.2e-3", "lr = 1.2e-3\nfreeze = [\"outputs\"]"),
    ("a part that is not there", "lr = 1.2e-3", "lr = 1.2e-3\nfreeze = [\"bn\", \"fc.wieght\"]"),
    ("a part twice", "lr = 1.2e-3", "lr = 1.2e-3\nfreeze = [\"output\", \"output\"]"),
    ("everything frozen", "lr = 1.2e-3", "lr = 1.2e-3\nfreeze = [\"others\", \"output\"]"),
    ("a penalty on scales that are not there", "lr = 1.2e-3", "lr = 1.2e-3\nbn_l1 = 1e-4"),
    ("a norm of nothing", "lr = 1.2e-3", "lr = 1.2e-3\nclip = 0"),
    ("an unknown schedule", "lr = 1.2e-3", "lr = 1.2e-3\nschedule = \"cosin\""),
    (
        "milestones on a cosine",
        "lr = 1.2e-3",
        "lr = 1.2e-3\nschedule = \"cosine\"\nmilestones = [\"1000it\"]\ngamma = 0.1",
    ),
    ("a last learning rate of milestones", "lr = 1.2e-3", "lr = 1.2e-3\nfinal_lr = 0.005"),
    (
        "a warm-up as long as a cosine",
        "lr = 1.2e-3",
        "lr = 1.2e-3\nschedule = \"cosine\"\nwarmup = \"3000it\"",
    ),
    ("one beta", "lr = 1.2e-3", "lr = 1.2e-3\nbetas = [0.9]"),
    ("a learning rate of NaN", "lr = 1.2e-3", "lr = nan"),
    ("an infinite learning rate", "lr = 1.2e-3", "lr = inf"),
    ("a negative learning rate", "lr = 1.2e-3", "lr = -0.1"),
    ("a learning rate misspelt", "lr = 1.2e-3", "learning_rate = 1.2e-3"),
    ("milestones without gamma", "lr = 1.2e-3", "lr = 1.2e-3\nmilestones = [\"1000it\"]"),
    (
        "milestones in the wrong order",
        "lr = 1.2e-3",
        "lr = 1.2e-3\nmilestones = [\"2ep\", \"1000it\"]\ngamma = 0.1",
    ),
    ("a date", "lr = 1.2e-3", "lr = 2026-11-24"),
    ("no scope", "scope = \"per_layer\"\n", "\n"),
    ("an unknown scope", r#"scope = "per_layer""#, r#"scope = "layerwise""#),
    ("an unknown criterion", r#"scope = "per_layer""#, "scope = \"per_layer\"\ncriterion = \"synflo\""),
    ("a rate of 100 %", "\nrate = 0.2", "\nrate = 1.0"),
    ("a rate in percent", "\nrate = 0.2", "\nrate = 20"),
    ("a rate for a weight that is not there", r#""fc.weight" = 0.1"#, r#""fc2.weight" = 0.1"#),
    (
        "a rate for a parameter written with dots",
        r#"rates = { "fc.weight" = 0.1 }"#,
        "rates = { fc.weight = 0.1 }",
    ),
    ("a rate for everything at once", r#"rates = { "fc.weight" = 0.1 }"#, "rates = 0.1"),
    ("no rounds", "\nrounds = 20", "\nrounds = 0"),
    ("more rounds than weights allow", "\nrounds = 20", "\nrounds = 4000000000"),
    ("a rewind point after the end", "\nrounds = 20", "\nrounds = 20\nrewind = \"3000it\""),
];

/// How [`GOOD`] prunes.
const HOW: &str = r#"rate = 0.2
rates = { "fc.weight" = 0.1 }
rounds = 20

[branch]
reinit = { rounds = [5, 13] }
"#;

const PRUNING: &[Case] = &[
    ("an unknown criterion in a table", HOW, "density = 0.1\ncriterion = { name = \"snap\" }"),
    ("a criterion without a name", HOW, "density = 0.1\ncriterion = { iterations = 50 }"),
    (
        "a setting of another criterion",
        HOW,
        "density = 0.1\ncriterion = { name = \"snip\", iterations = 50 }",
    ),
    ("no iterations", HOW, "density = 0.1\ncriterion = { name = \"synflow\", iterations = 0 }"),
    ("a ranking in bf16", HOW, "density = 0.1\ncriterion = { name = \"synflow\", dtype = \"bf16\" }"),
    (
        "a mask learned in no iterations",
        HOW,
        "density = 0.1\ncriterion = { name = \"supermask\", iterations = 0 }",
    ),
    (
        "a mask learned from no examples, at no speed, with too much momentum",
        HOW,
        "density = 0.1\ncriterion = { name = \"supermask\", batch = 0, lr = 0, momentum = 1, rescale = 2 }",
    ),
    (
        "a mask of channels that would be learned",
        HOW,
        "unit = \"channel\"\nrate = 0.2\nrounds = 3\ncriterion = \"supermask\"",
    ),
    (
        "a mask learned from more examples than are trained on",
        HOW,
        "density = 0.1\ncriterion = \"supermask\"\nscore_data = { per_class = 6000 }",
    ),
    ("a criterion that is a number", HOW, "density = 0.1\ncriterion = 3"),
    ("a density and a compression", HOW, "density = 0.1\ncompression = 10"),
    ("a density above 1", HOW, "density = 1.5"),
    ("a compression below 1", HOW, "compression = 0.1"),
    ("a compression beyond the maximum", HOW, "compression = 200000"),
    ("a density below what is left whole", HOW, "density = 0.003\nrates = { \"fc.weight\" = 0 }"),
    ("a rate beside a density", HOW, "density = 0.1\nrates = { \"fc.weight\" = 0.1 }"),
    ("rounds where nothing is trained between them", HOW, "when = \"init\"\nrate = 0.2\nrounds = 3"),
    (
        "a rewind point for pruning at initialization",
        HOW,
        "when = \"init\"\ndensity = 0.1\nrewind = \"100it\"",
    ),
    ("the rewind point scored, and none there", HOW, "when = \"rewind\"\ndensity = 0.1"),
    ("chance turned round", HOW, "density = 0.1\ncriterion = \"random\"\ninvert = true"),
    ("channels by a criterion of weights", HOW, "unit = \"channel\"\nrate = 0.2\nrounds = 3"),
    ("weights by a criterion of channels", HOW, "rate = 0.2\nrounds = 3\ncriterion = \"l1_filter\""),
    ("channels to a density", HOW, "unit = \"channel\"\ncriterion = \"l1_filter\"\ncompression = 10"),
    (
        "scales where there are none",
        HOW,
        "unit = \"channel\"\ncriterion = \"bn_scale\"\nrate = 0.2\nrounds = 3",
    ),
    (
        "a rate of outputs, which stay",
        HOW,
        "unit = \"channel\"\ncriterion = \"l1_filter\"\nrate = 0.2\nrounds = 3\nrates = { \"fc.weight\" = 0.1 }",
    ),
    (
        "more channels than layers can spare",
        "scope = \"per_layer\"\nrate = 0.2\nrates = { \"fc.weight\" = 0.1 }\nrounds = 20",
        "scope = \"global\"\nunit = \"channel\"\ncriterion = \"l1_filter\"\nrate = 0.9\nrounds = 20",
    ),
    ("an unknown moment", HOW, "when = \"before\"\ndensity = 0.1"),
    ("a comparison before training", HOW, "when = \"init\"\ndensity = 0.1\ncriterion = \"movement\""),
    ("examples for a criterion that looks at none", HOW, "density = 0.1\nscore_data = { per_class = 10 }"),
    (
        "more examples than are trained on",
        HOW,
        "density = 0.1\ncriterion = \"snip\"\nscore_data = { per_class = 6000 }",
    ),
    ("an unknown convention", HOW, "rate = 0.2\nrounds = 3\ncounting = \"openlth\""),
    ("open_lth layer by layer", HOW, "rate = 0.2\nrounds = 3\ncounting = \"open_lth\""),
    ("open_lth to a density", HOW, "density = 0.1\ncounting = \"open_lth\""),
    ("Synaptic-Flow by a rate", HOW, "rate = 0.2\nrounds = 3\ncounting = \"synflow\""),
    (
        "Synaptic-Flow with a layer left whole",
        HOW,
        "density = 0.1\nrates = { \"fc.weight\" = 0 }\ncounting = \"synflow\"",
    ),
    ("Google's convention beyond the last weight", HOW, "rate = 0.2\nrounds = 60\ncounting = \"google\""),
    ("a share that every layer keeps", HOW, "density = 0.1\nprotect = 0.1"),
    (
        "a density below what is protected",
        "scope = \"per_layer\"\nrate = 0.2\nrates = { \"fc.weight\" = 0.1 }\nrounds = 20\n",
        "scope = \"global\"\nrate = 0.2\nrounds = 20\nprotect = 0.1\n",
    ),
    (
        "no examples for one that needs some",
        HOW,
        "density = 0.1\ncriterion = \"snip\"\nscore_data = { per_class = 0 }",
    ),
];

/// Another branch in place of the one there is.
macro_rules! branch {
    ($what:literal, $settings:literal) => {
        ($what, "reinit = { rounds = [5, 13] }", $settings)
    };
}

const BRANCHES_OF_ALL_KINDS: &[Case] = &[
    branch!("a branch of one that is not there", r#"reinit = { of = "fashion" }"#),
    branch!(
        "a branch of one that is written below it",
        r#"a = { kind = "reinit", of = "b" }
b = { kind = "random_mask" }"#
    ),
    branch!(
        "a branch of rounds that the other has not",
        r#"a = { kind = "random_mask", rounds = [5] }
b = { kind = "reinit", of = "a", rounds = [5, 6] }"#
    ),
    branch!(
        "a reinit of a reinit",
        r#"a = { kind = "reinit" }
b = { kind = "reinit", of = "a" }"#
    ),
    branch!(
        "the inverse of a random mask",
        r#"a = { kind = "random_mask" }
b = { kind = "inverted", of = "a" }"#
    ),
    branch!(
        "a join of random masks",
        r#"a = { kind = "random_mask" }
b = { kind = "join", of = "a", rule = "union" }"#
    ),
    branch!("a join without a rule", r#"join = {}"#),
    branch!("values that are none", r#"reinit = { values = { noise = 0.5, more = 1 } }"#),
    branch!("a branch called pretrain", r#"pretrain = { kind = "reinit" }"#),
    branch!("settings of its own for a control", r#"reinit = { train = { lr = 0.1 } }"#),
    branch!("a target with a mistake", r#"transfer = { data = { set = "fashion_mnits" } }"#),
    branch!(
        "a target that trains by nothing known",
        r#"retrain = { train = { optimizer = "adamm", lr = -1 } }"#
    ),
    branch!("a target of another shape", r#"transfer = { data = { set = "cifar10" } }"#),
    branch!(
        "a target that is over before it begins",
        r#"retrain = { train = { steps = "10it" }, start = "10it" }"#
    ),
    (
        "weights that nothing was pruned from",
        "[prune]\nscope = \"per_layer\"\nrate = 0.2\nrates = { \"fc.weight\" = 0.1 }\nrounds = 20\n\n[branch]\nreinit = { rounds = [5, 13] }",
        "[prune]\nscope = \"per_layer\"\nrate = 0.2\nwhen = \"init\"\n\n[branch]\nretrain = { weights = \"before\" }",
    ),
    (
        "the inverse of chance",
        "[prune]\nscope = \"per_layer\"\nrate = 0.2\nrates = { \"fc.weight\" = 0.1 }\nrounds = 20\n\n[branch]\nreinit = { rounds = [5, 13] }",
        "[prune]\nscope = \"per_layer\"\nrate = 0.2\nrounds = 3\ncriterion = \"random\"\n\n[branch]\ninverted = {}",
    ),
    ("a rewind point written twice", "rounds = 20", "rounds = 20\nrewind = \"1it\"\nretrain = \"1ep\""),
    ("more retraining than training", "rounds = 20", "rounds = 20\nretrain = \"100000it\""),
    ("fine-tuning of what is not trained", "rounds = 20", "when = \"init\"\nafter = \"finetune\""),
    ("a dense round that restarts where it starts", "rounds = 20", "rounds = 20\ntrunk = \"restart\""),
    ("pretraining on other shapes", "[data]", "[pretrain.data]\nset = \"cifar10\"\n\n[data]"),
    ("pretraining on other classes, and back to it", "[data]", "[pretrain.data]\nsubset = [0, 1]\n\n[data]"),
    (
        "a random mask of weights that are 0 elsewhere",
        "rounds = 20\n\n[branch]\nreinit = { rounds = [5, 13] }",
        "rounds = 20\nafter = \"lr_rewind\"\n\n[branch]\nrandom_mask = { weights = \"rewind\" }",
    ),
    (
        "fine-tuning at a learning rate of 0",
        "rounds = 20",
        "rounds = 20\nafter = \"finetune\"\n\n[axes]\n\"train.schedule\" = [\"cosine\"]",
    ),
    (
        "ranks that no two layers share",
        "scope = \"per_layer\"",
        "scope = \"global\"\ncriterion = \"large_init_large_final\"",
    ),
    branch!(
        "a trained output layer of other classes, and on from there",
        "a = { kind = \"transfer\", data = { subset = [0, 1] } }\nb = { kind = \"retrain\", of = \"a\", weights = \"trained\" }"
    ),
    branch!(
        "a branch that starts where another did, after its own end",
        "a = { kind = \"retrain\", start = \"2000it\" }\nb = { kind = \"retrain\", of = \"a\", start = \"rewind\", train = { steps = \"1000it\" } }"
    ),
    branch!(
        "a random mask over weights that are 0 elsewhere",
        "a = { kind = \"retrain\", weights = \"trained\" }\nb = { kind = \"random_mask\", of = \"a\", weights = \"rewind\" }"
    ),
    branch!(
        "joined masks with the ticket's weights from step 0",
        "join = { rule = \"union\", start = \"zero\" }"
    ),
    (
        "a deviation that dead weights are part of",
        "rounds = 20\n\n[branch]\nreinit = { rounds = [5, 13] }",
        "rounds = 20\nafter = \"lr_rewind\"\n\n[branch]\nreinit = { values = \"constant\" }",
    ),
    ("pretraining that is a number", "[data]", "[axes]\n\"pretrain\" = [3]\n\n[data]"),
];

const AXES_AND_BRANCHES: &[Case] = &[
    (
        "an axis of something that is no setting",
        "[branch]",
        "[axes]\n\"optimizer\" = [\"sgd\", \"adam\"]\n\n[branch]",
    ),
    ("an axis of a setting misspelt", "[branch]", "[axes]\n\"prune.rats\" = [0.1, 0.2]\n\n[branch]"),
    ("an axis of seeds", "[branch]", "[axes]\nseeds = [1, 2]\n\n[branch]"),
    (
        "one setting on two axes",
        "[branch]",
        "[axes]\n\"train.lr\" = [0.1, 0.2]\n\"train.lr, train.batch\" = [[0.1, 60]]\n\n[branch]",
    ),
    ("an axis without values", "[branch]", "[axes]\n\"prune.rate\" = []\n\n[branch]"),
    ("an axis with one bad value", "[branch]", "[axes]\n\"prune.rate\" = [0.1, 1.5, 0.3]\n\n[branch]"),
    ("a value twice on an axis", "[branch]", "[axes]\n\"prune.rate\" = [0.1, 0.2, 1e-1]\n\n[branch]"),
    ("a range without a step", "[branch]", "[axes]\n\"prune.rate\" = { range = \"0.1..=0.9\" }\n\n[branch]"),
    (
        "a range that never ends",
        "[branch]",
        "[axes]\n\"train.lr\" = { range = \"0..=1\", step = 1e-9 }\n\n[branch]",
    ),
    (
        "a log range that is a list",
        "[branch]",
        "[axes]\n\"train.lr\" = { log10 = [-3, -1], step = 1 }\n\n[branch]",
    ),
    (
        "settings zipped with too few values",
        "[branch]",
        "[axes]\n\"train.lr, train.batch\" = [[0.1, 60], [0.2]]\n\n[branch]",
    ),
    (
        "more combinations than anybody waits for",
        "[branch]",
        "[axes]\n\"train.lr\" = { range = \"1..=9999\", step = 1 }\n\"train.batch\" = { range = \"1..=9999\", step = 1 }\n\n[branch]",
    ),
    ("more jobs than a sweep may have", r#"seeds = "1..=3""#, r#"seeds = "1..=100000""#),
    ("a branch of an unknown kind", "rounds = [5, 13] }", r#"kind = "rewnd", rounds = [5, 13] }"#),
    ("a branch that does not say its kind", "reinit = {", "control = {"),
    ("a branch called ticket", "reinit = {", r#"ticket = { kind = "reinit", "#),
    ("a branch from the dense round", "[5, 13]", "[0, 5]"),
    ("a branch beyond the last round", "[5, 13]", r#""18..=25""#),
    ("a branch with an unknown setting", "rounds = [5, 13] }", "rounds = [5, 13], copys = 3 }"),
    ("a branch that is a number", "reinit = { rounds = [5, 13] }", "reinit = 3"),
    ("a branch that starts after the end", "rounds = [5, 13] }", r#"rounds = [5, 13], start = "4000it" }"#),
    (
        "rewound weights from step 0",
        "reinit = { rounds = [5, 13] }",
        r#"random = { kind = "random_mask", weights = "rewind", start = "zero" }"#,
    ),
    (
        "branches where nothing is pruned",
        "[prune]\nscope = \"per_layer\"\nrate = 0.2\nrates = { \"fc.weight\" = 0.1 }\nrounds = 20\n",
        "\n",
    ),
];

/// An analysis in place of the branch, which stays before it.
macro_rules! analysis {
    ($what:literal, $settings:literal) => {
        (
            $what,
            "reinit = { rounds = [5, 13] }",
            concat!("reinit = { rounds = [5, 13] }\n\n[analysis]\n", $settings),
        )
    };
}

const ANALYSES: &[Case] = &[
    analysis!("an analysis of an unknown kind", r#"lmc = { kind = "conectivity" }"#),
    analysis!("an analysis that does not say its kind", "lmc = {}"),
    analysis!("an analysis that is a number", "lmc = 3"),
    analysis!("a name that no column could have", r#"LMC = { kind = "connectivity" }"#),
    analysis!("an analysis with an unknown setting", "connectivity = { alpha = 30 }"),
    analysis!("an analysis of a branch that is not there", r#"connectivity = { of = ["ticket", "renit"] }"#),
    analysis!("an analysis of nothing", "connectivity = { of = [] }"),
    analysis!("a line twice", r#"connectivity = { of = ["ticket", "ticket"] }"#),
    analysis!("an analysis beyond the last round", r#"connectivity = { rounds = "0..=21" }"#),
    analysis!(
        "rounds that the branch does not have",
        r#"connectivity = { of = ["reinit"], rounds = [0, 6] }"#
    ),
    analysis!("one copy", "connectivity = { copies = 1 }"),
    analysis!("more copies than anybody trains", "connectivity = { copies = 1000 }"),
    analysis!("one value of alpha", "connectivity = { alphas = 1 }"),
    analysis!("a split misspelt", r#"connectivity = { on = ["trian"] }"#),
    (
        "a split that is empty",
        "[data]\nset = \"mnist\"",
        "[analysis]\nconnectivity = { on = [\"validation\", \"test\"] }\n\n[data]\nset = \"mnist\"\nvalidation = 0",
    ),
    analysis!("statistics that nothing has", r#"connectivity = { bn = ["interpolate", "recompute"] }"#),
    analysis!("copies between rounds", r#"connectivity = { between = "rounds", copies = 2 }"#),
    analysis!(
        "rounds of which no two are consecutive",
        r#"connectivity = { between = "rounds", rounds = [1, 3] }"#
    ),
    analysis!(
        "a branch without consecutive rounds",
        r#"connectivity = { between = "rounds", of = ["ticket", "reinit"] }"#
    ),
    analysis!("something else than copies and rounds", r#"connectivity = { between = "seeds" }"#),
    analysis!(
        "more comparisons than a sweep may have",
        "connectivity = { copies = 100, alphas = 2 }\n\n[axes]\n\"prune.rate\" = { range = \"0.1..=0.9\", step = 0.1 }"
    ),
];

const SEARCHES: &[Case] = &[
    analysis!("a search by nothing", "collapse = { criteria = [] }"),
    analysis!("a criterion twice", r#"collapse = { criteria = ["snip", "snip"] }"#),
    analysis!("a criterion that is no list", r#"collapse = { criteria = "snip" }"#),
    analysis!(
        "criteria misspelt",
        r#"collapse = { criteria = ["snipp", { name = "grasp", sing = "paper" }] }"#
    ),
    analysis!("a criterion of what is trained", r#"collapse = { criteria = ["movement"] }"#),
    analysis!("exponents backwards", r#"collapse = { log10 = "3..=1" }"#),
    analysis!("exponents without an end", r#"collapse = { log10 = "0..3" }"#),
    analysis!("a step of nothing", "collapse = { step = 0 }"),
    analysis!("a refinement coarser than the scan", "collapse = { step = 0.1, refine = 0.25 }"),
    analysis!("more compressions than anybody tries", "collapse = { step = 1e-6, refine = 0 }"),
    analysis!(
        "examples nobody looks at",
        r#"collapse = { criteria = ["synflow"], score_data = { per_class = 5 } }"#
    ),
    analysis!("more examples than there are", "collapse = { score_data = { per_class = 6000 } }"),
    analysis!("masks of the dense round", "mask_distance = { rounds = [0, 1, 2] }"),
    analysis!("a single mask", "mask_distance = { rounds = [3] }"),
    analysis!("lines with one mask", r#"mask_distance = { between = "lines", of = ["ticket", "reinit"] }"#),
    analysis!("channels of masks of weights", r#"mask_distance = { unit = "channel" }"#),
    analysis!("masks between nothing", r#"mask_distance = { between = "seeds" }"#),
    ("more masks than are compared at once", "rounds = 20", "rounds = 70\n\n[analysis]\nmask_distance = {}"),
];

/// The file above with early-bird tickets: a network with batch normalization, its channels pruned once.
const EARLY: &str = r#"name = "early"
seeds = 1
model = { name = "cifar_vgg_11" }
data = { set = "cifar10" }
train = { steps = "10ep", batch = 100, optimizer = "sgd", lr = 0.1, bn_l1 = 1e-4 }
prune = { when = "early_bird", unit = "channel", criterion = "bn_scale", scope = "global", rate = 0.3 }
"#;

const EARLY_BIRDS: &[Case] = &[
    ("a rewind point of what is found", "rate = 0.3", "rate = 0.3, rewind = \"2ep\""),
    ("rounds of what is found once", "rate = 0.3", "rate = 0.3, rounds = 3"),
    ("a search of what is not searched for", r#""early_bird""#, r#""rewind", rewind = "2ep", search = {}"#),
    ("a window of one mask", "rate = 0.3", "rate = 0.3, search = { window = 1 }"),
    ("a distance of everything", "rate = 0.3", "rate = 0.3, search = { distance = 1 }"),
    ("an unknown comparison", "rate = 0.3", r#"rate = 0.3, search = { compare = "newst", until = "foun" }"#),
    ("lots are never alike", r#""bn_scale""#, r#""random""#),
    ("more masks than training has epochs", "\"10ep\"", "\"5ep\""),
    ("survivors of nothing", "rate = 0.3", r#"rate = 0.3, after = "finetune""#),
    (
        "a control that starts where nobody knows",
        "rate = 0.3 }",
        "rate = 0.3 }\nbranch.reinit = { start = \"rewind\" }\nbranch.on = { kind = \"retrain\", weights = \"same\", start = \"rewind\" }",
    ),
    (
        "one trial among trials",
        "rate = 0.3 }",
        "rate = 0.3 }\nanalysis.mask_distance = { between = \"trials\" }",
    ),
];

/// A file whose masks come from files.
const GIVEN: &str = r#"name = "given"
seeds = 1
model = { name = "mnist_lenet_300_100", weights = "w.safetensors" }
data = { set = "mnist" }
train = { steps = "10it", batch = 60, optimizer = "adam", lr = 1e-3 }
prune = { criterion = { file = "m-{round}.safetensors", holds = "mask" }, rate = 0.5, rounds = 2 }

[files]
"m-1.safetensors" = { digest = "0000000000000000000000000000000000000000000000000000000000000001", bytes = 8 }
"m-2.safetensors" = { digest = "0000000000000000000000000000000000000000000000000000000000000002", bytes = 8 }
"w.safetensors" = { digest = "0000000000000000000000000000000000000000000000000000000000000003", bytes = 8 }
"#;

const FILES: &[Case] = &[
    ("a round without a file", "rounds = 2", "rounds = 3"),
    ("a hole nobody fills", "m-{round}", "m-{rate}"),
    ("weights of a round", "\"w.safetensors\" }", "\"w-{round}.safetensors\" }"),
    ("a file elsewhere", "\"m-{round}.safetensors\", holds", "\"../m.safetensors\", holds"),
    ("a mask that is ranked", "rate = 0.5", "rate = 0.5, scope = \"global\", invert = true"),
    ("a file that holds something else", "\"mask\"", "\"masks\""),
    ("no digest", "\"0000000000000000000000000000000000000000000000000000000000000003\"", "\"3\""),
    ("a criterion that is two", "holds = \"mask\"", "name = \"snip\""),
    ("scores that are not there, turned round", "rounds = 2 }", "rounds = 2 }\nbranch.inverted = {}"),
    (
        "weights before weights",
        "rounds = 2 }",
        "rounds = 2 }\npretrain = { data = { set = \"fashion_mnist\" } }",
    ),
];

#[track_caller]
fn messages(text: &str) -> String {
    match sweep::load(text) {
        Ok(_) => panic!("this file must be refused:\n{text}"),
        Err(mistakes) => mistakes.show("lenet.toml"),
    }
}

fn spoilt(good: &str, (what, line, instead): &Case) -> String {
    assert_eq!(good.matches(line).count(), 1, "{what}: `{line}` must stand in the file once");
    good.replacen(line, instead, 1)
}

fn told(cases: &[Case]) -> String {
    told_of(GOOD, cases)
}

fn told_of(good: &str, cases: &[Case]) -> String {
    let mut all = String::new();
    for case in cases {
        all += &format!("## {}\n{}\n\n", case.0, messages(&spoilt(good, case)));
    }
    all
}

#[test]
fn the_files_that_are_spoilt_below_are_good() {
    sweep::load(GOOD).unwrap();
    sweep::load(EARLY).unwrap();
    sweep::load(GIVEN).unwrap();
}

#[test]
fn mistakes_at_the_top() {
    insta::assert_snapshot!(told(TOP));
}

#[test]
fn mistakes_in_settings() {
    insta::assert_snapshot!(told(SETTINGS));
}

#[test]
fn mistakes_in_pruning() {
    insta::assert_snapshot!(told(PRUNING));
}

#[test]
fn mistakes_in_branches_of_all_kinds() {
    insta::assert_snapshot!(told(BRANCHES_OF_ALL_KINDS));
}

#[test]
fn mistakes_in_axes_and_branches() {
    insta::assert_snapshot!(told(AXES_AND_BRANCHES));
}

#[test]
fn mistakes_in_analyses() {
    insta::assert_snapshot!(told(ANALYSES));
}

#[test]
fn mistakes_in_searches() {
    insta::assert_snapshot!(told(SEARCHES));
}

#[test]
fn mistakes_in_early_birds() {
    insta::assert_snapshot!(told_of(EARLY, EARLY_BIRDS));
}

/// Trials are counted, never listed, before it is known that there are not too many.
#[test]
fn a_sweep_beyond_all_measure_is_refused_at_once() {
    for file in [GOOD, EARLY, GIVEN] {
        let endless = file.replacen("seeds = ", "repeat = 4000000000\nseeds = ", 1);
        let said = messages(&endless);
        assert!(said.contains("jobs; at most 200000 are possible"), "{said}");
    }
}

#[test]
fn mistakes_in_files() {
    insta::assert_snapshot!(told_of(GIVEN, FILES));
}

#[test]
fn without_pruning_there_is_round_0_to_compare_and_no_other() {
    let dense = GOOD.split("[prune]").next().unwrap().to_owned() + "[analysis]\n";
    sweep::load(&format!("{dense}lmc = {{ kind = \"connectivity\" }}")).unwrap();
    insta::assert_snapshot!(messages(&format!(
        "{dense}lmc = {{ kind = \"connectivity\", rounds = \"0..=2\" }}"
    )));
    assert!(messages(&format!("{dense}mask_distance = {{}}")).contains("there are no masks"));
    sweep::load(&format!("{dense}collapse = {{}}")).unwrap();
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_the_order_of_its_lines() {
    let text = r#"seeds = []
name = "lenet"
model = { name = "mnist_lenet_300", init = "xavier" }
data = { set = "mnist", validation = 70000 }
train = { steps = "3000", batch = 60, optimizer = "adam", lr = 0 }
prune = { scope = "per_layer", rate = 0.2, rates = { "fc_layers.0" = 0.1 }, rounds = 5, rewindd = "0it" }

[branch]
reinit = { rounds = "1..=9", copies = 0 }
"#;
    insta::assert_snapshot!(messages(text));
}

#[test]
fn a_required_key_that_is_misspelt_is_one_mistake() {
    let told = messages(&GOOD.replace("optimizer =", "optimiser ="));
    assert_eq!(told.matches("lenet.toml:").count(), 1, "{told}");
    assert!(told.contains("did you mean `optimizer`?"), "{told}");
    let told = messages(&GOOD.replace("[train]", "[trian]"));
    assert_eq!(told.matches("lenet.toml:").count(), 1, "{told}");
}

#[test]
fn a_branch_beyond_the_last_round_is_told_whatever_else_is_wrong() {
    let broken = GOOD.replace("lr = 1.2e-3", "lr = 0").replace("[5, 13] }", "\"1..=25\", copies = 0 }");
    let told = messages(&broken);
    for said in ["train.lr", "there is no round `25`", "branch.reinit.copies"] {
        assert!(told.contains(said), "{said} in:\n{told}");
    }
}

#[test]
fn an_empty_file_is_told_what_belongs_into_one() {
    insta::assert_snapshot!(messages(""));
}
