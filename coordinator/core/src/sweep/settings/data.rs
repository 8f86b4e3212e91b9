//! `data = { set, validation, split_seed, subset, label_noise, augment }`, and the shape of a set that is not in the
//! registry.

use crate::sweep::{
    diagnostic::{Notes, quoted, suggest},
    section::Section,
    tree::{Node, Tree, Val},
    value::{
        Reading, any_number, count, fraction, list, name, not, per_channel, positive, size, up_to_one, whole,
        word,
    },
};
use std::collections::BTreeSet;
use tombola_spec::{
    data::{self, DataShape, PerChannel},
    settings::{Augment, Data, Half, Noise, Subset},
};

/// Settings that declare a set's shape.
const SHAPE: [&str; 4] = ["examples", "test", "classes", "image"];
/// Settings of how its pixels are scaled.
const SCALE: [&str; 2] = ["mean", "std"];

pub(in crate::sweep) const AUGMENTS: &[(&str, Augment)] = &[
    ("none", Augment::None),
    ("flip", Augment::Flip),
    ("crop4", Augment::Crop4),
    ("flip+crop4", Augment::FlipCrop4),
];
const HALVES: &[(&str, Half)] = &[("half_a", Half::A), ("half_b", Half::B)];

pub(super) fn read(tree: &Tree, notes: &mut Notes) -> Option<Data> {
    let mut table = Section::open(notes, tree, "data", "set = \"mnist\"")?;
    let set = table.required("set", "\"mnist\"", name);
    let split_seed = table.or("split_seed", 0, whole);
    let shape = set.as_deref().and_then(|set| shape(&mut table, set));
    if set.is_none() {
        table.know(&SHAPE);
        table.know(&SCALE);
    }
    let subset = table.or("subset", Written::All, written);
    let noise = noise(&mut table);
    let augment = table.or("augment", Augment::None, word(AUGMENTS));
    let known = set.as_deref().zip(shape.as_ref()).zip(subset);
    let whole = known.and_then(|((set, shape), subset)| {
        let subset = taken(&mut table, set, shape, subset)?;
        Some(Data { subset, ..Data::whole(set, *shape, 0) })
    });
    let validation = table.or("validation", whole.as_ref().map_or(0, |data| held_out(data.examples())), size);
    if let Some((data, validation)) = whole.as_ref().zip(validation).filter(|(d, v)| *v >= d.examples()) {
        let what = format!("`{validation}` of {} training examples leave none to train on", data.examples());
        table.complain("validation", what, "hold out fewer");
        return None;
    }
    table.finish();
    let (validation, split_seed, noise, augment) = (validation?, split_seed?, noise?, augment?);
    Some(Data { validation, split_seed, noise, augment, ..whole? })
}

/// The paper's 5,000 (arXiv 1803.03635, section 2) where that is a small part, else a tenth.
fn held_out(examples: u32) -> u32 {
    if examples >= 20_000 { 5_000 } else { examples / 10 }
}

/// `subset` as it stands in a file.
enum Written {
    All,
    Fraction(f64),
    Classes(Vec<u32>),
    Half(Half),
}

fn written(node: &Node) -> Reading<Written> {
    match &node.value {
        Val::Whole(_) | Val::Number(_) => fraction(node).map(Written::Fraction),
        Val::List(_) => list(size)(node).map(Written::Classes),
        Val::Text(text) if text == "all" => Ok(Written::All),
        Val::Text(_) => word(HALVES)(node).map(Written::Half),
        _ => not(node, "a subset", "write a fraction `0.1`, classes `[0, 1]`, or `\"half_a\"`, `\"half_b\"`"),
    }
}

/// The subset of this set; `None` inside for all of it.
fn taken(
    table: &mut Section<'_, '_>,
    set: &str,
    shape: &DataShape,
    subset: Written,
) -> Option<Option<Subset>> {
    let subset = match subset {
        Written::All => return Some(None),
        Written::Fraction(share) => Subset::Fraction(share),
        Written::Half(half) => Subset::Half(half),
        Written::Classes(classes) => return classes_of(table, set, shape, classes).map(Some),
    };
    let data = Data { subset: Some(subset), ..Data::whole(set, *shape, 0) };
    if data.examples() == 0 {
        let what = format!("that is not one of {} training examples", shape.train);
        table.complain("subset", what, "take more");
        return None;
    }
    Some(data.subset)
}

fn classes_of(
    table: &mut Section<'_, '_>,
    set: &str,
    shape: &DataShape,
    classes: Vec<u32>,
) -> Option<Subset> {
    let hint = format!("name at least two of the {} classes by number, from 0, each once", shape.classes);
    let mut complain = |what: String, hint: &str| {
        table.complain("subset", what, hint);
        None
    };
    if data::known(set).is_none() {
        let what = "how many examples its classes have is known of known data sets only".to_owned();
        return complain(what, "make a data set of these classes alone");
    }
    if let Some(class) = classes.iter().find(|&&class| class >= shape.classes) {
        return complain(format!("`{set}` has no class `{class}`"), &hint);
    }
    let distinct: BTreeSet<u32> = classes.iter().copied().collect();
    if distinct.len() < classes.len() {
        return complain("a class is there twice".to_owned(), &hint);
    }
    if distinct.len() < 2 {
        return complain("there is nothing to tell apart".to_owned(), &hint);
    }
    let examples = classes.iter().filter_map(|&class| data::class_examples(set, class)).sum();
    Some(Subset::Classes { classes, examples })
}

fn noise(table: &mut Section<'_, '_>) -> Option<Option<Noise>> {
    let share = table.or("label_noise", 0.0, up_to_one);
    if share == Some(0.0) {
        table.refuse(&["noise_seed"], "says which labels are wrong, and none are", "add `label_noise = 0.1`");
        return Some(None);
    }
    let seed = table.or("noise_seed", 0, whole);
    Some(Some(Noise { share: share?, seed: seed? }))
}

fn shape(table: &mut Section<'_, '_>, set: &str) -> Option<DataShape> {
    if let Some(shape) = data::known(set) {
        let what = format!("cannot be changed: `{set}` is a known data set");
        table.refuse(&SHAPE, &what, "leave it out, or give your own data set another name");
        SHAPE.iter().for_each(|key| table.defaulted(key));
        let (mean, std) = scale(table, shape.image[0], shape.mean, shape.std);
        return Some(DataShape { mean: mean?, std: std?, ..shape });
    }
    let declared = ["examples", "test", "classes"].map(|key| table.get(key).is_some());
    if declared == [false; 3] {
        unknown(table, set);
        return None;
    }
    declared_shape(table)
}

fn unknown(table: &mut Section<'_, '_>, set: &str) {
    table.know(&SHAPE);
    table.know(&SCALE);
    let known: Vec<&str> = data::KNOWN.iter().map(|(name, _)| *name).collect();
    let declare = "declare `examples`, `test` and `classes` of your own";
    let hint = match suggest(set, &known, "") {
        meant if meant.starts_with("did") => format!("{meant} Or {declare}"),
        _ => format!("known: {}; or {declare}", quoted(&known)),
    };
    table.complain("set", format!("`{set}` is not a known data set"), hint);
}

fn declared_shape(table: &mut Section<'_, '_>) -> Option<DataShape> {
    let train = table.required("examples", "60000", count);
    let test = table.required("test", "10000", count);
    let classes = table.required("classes", "10", count);
    let image = table.or("image", vec![1, 28, 28], list(count));
    let image = <[u32; 3]>::try_from(image?);
    if image.is_err() {
        table.complain("image", "an image has three sizes", "write `image = [channels, height, width]`");
    }
    let channels = image.as_ref().map_or(3, |image| image[0]);
    let (mean, std) = scale(table, channels, PerChannel::All(0.0), PerChannel::All(1.0));
    Some(DataShape {
        train: train?,
        test: test?,
        image: image.ok()?,
        classes: classes?,
        mean: mean?,
        std: std?,
    })
}

/// Mean and deviation of the pixels.
fn scale(
    table: &mut Section<'_, '_>,
    channels: u32,
    mean: PerChannel,
    std: PerChannel,
) -> (Option<PerChannel>, Option<PerChannel>) {
    let mean = table.or("mean", mean, per_channel(any_number));
    let std = table.or("std", std, per_channel(positive));
    for (key, value) in [("mean", mean), ("std", std)] {
        if matches!(value, Some(PerChannel::Each(_))) && channels != 3 {
            let what = format!("three numbers for images of {channels} x height x width");
            table.complain(key, what, "write one number for all channels");
        }
    }
    (mean, std)
}
