//! `data = { set, validation, split_seed }`, and the shape of a set that is not in the registry.

use crate::sweep::{
    diagnostic::{Notes, quoted, suggest},
    section::Section,
    tree::Tree,
    value::{any_number, count, list, name, per_channel, positive, size, whole},
};
use tombola_spec::{
    data::{self, DataShape, PerChannel},
    settings::Data,
};

/// Settings that declare a set's shape.
const SHAPE: [&str; 6] = ["examples", "test", "classes", "image", "mean", "std"];

pub(super) fn read(tree: &Tree, notes: &mut Notes) -> Option<Data> {
    let mut table = Section::open(notes, tree, "data", "set = \"mnist\"")?;
    let set = table.required("set", "\"mnist\"", name);
    let split_seed = table.or("split_seed", 0, whole);
    let shape = set.as_deref().and_then(|set| shape(&mut table, set));
    if set.is_none() {
        table.know(&SHAPE);
    }
    let validation = table.or("validation", shape.map_or(0, |shape| held_out(&shape)), size);
    if let Some((shape, validation)) = shape.zip(validation).filter(|(s, v)| *v >= s.train) {
        let what = format!("`{validation}` of {} training examples leave none to train on", shape.train);
        table.complain("validation", what, "hold out fewer");
        return None;
    }
    table.finish();
    Some(Data { set: set?, shape: shape?, validation: validation?, split_seed: split_seed? })
}

/// The paper's 5,000 (arXiv 1803.03635, section 2) where that is a small part, else a tenth.
fn held_out(shape: &DataShape) -> u32 {
    if shape.train >= 20_000 { 5_000 } else { shape.train / 10 }
}

fn shape(table: &mut Section<'_, '_>, set: &str) -> Option<DataShape> {
    if let Some(shape) = data::known(set) {
        let what = format!("cannot be changed: `{set}` is a known data set");
        table.refuse(&SHAPE, &what, "leave it out, or give your own data set another name");
        SHAPE.iter().for_each(|key| table.defaulted(key));
        return Some(shape);
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
    let mean = table.or("mean", PerChannel::All(0.0), per_channel(any_number));
    let std = table.or("std", PerChannel::All(1.0), per_channel(positive));
    let image = <[u32; 3]>::try_from(image?);
    if image.is_err() {
        table.complain("image", "an image has three sizes", "write `image = [channels, height, width]`");
    }
    let channels = image.as_ref().map_or(3, |image| image[0]);
    for (key, value) in [("mean", mean), ("std", std)] {
        if matches!(value, Some(PerChannel::Each(_))) && channels != 3 {
            let what = format!("three numbers for images of {channels} x height x width");
            table.complain(key, what, "write one number for all channels");
        }
    }
    Some(DataShape {
        train: train?,
        test: test?,
        image: image.ok()?,
        classes: classes?,
        mean: mean?,
        std: std?,
    })
}
