//! `model = { name, init, bias_init, bn_init }`.

use crate::sweep::{
    diagnostic::Notes,
    section::Section,
    tree::Tree,
    value::{below_one, text, word},
};
use tombola_spec::settings::{BatchNormInit, BiasInit, Init, Model};

pub(in crate::sweep) const INITS: &[(&str, Init)] = &[
    ("glorot_normal", Init::GlorotNormal),
    ("kaiming_normal", Init::KaimingNormal),
    ("kaiming_uniform", Init::KaimingUniform),
    ("orthogonal", Init::Orthogonal),
    ("binary", Init::Binary),
];
pub(in crate::sweep) const BIAS_INITS: &[(&str, BiasInit)] =
    &[("zero", BiasInit::Zero), ("uniform", BiasInit::Uniform)];
pub(in crate::sweep) const BN_INITS: &[(&str, BatchNormInit)] =
    &[("one", BatchNormInit::One), ("uniform", BatchNormInit::Uniform), ("half", BatchNormInit::Half)];

pub(super) fn read(tree: &Tree, notes: &mut Notes) -> Option<Model> {
    let mut table = Section::open(notes, tree, "model", "name = \"mnist_lenet_300_100\"")?;
    let name = table.required("name", "\"mnist_lenet_300_100\"", text);
    let init = table.or("init", Init::GlorotNormal, word(INITS));
    let bias_init = table.or("bias_init", BiasInit::Zero, word(BIAS_INITS));
    let bn_init = table.or("bn_init", BatchNormInit::One, word(BN_INITS));
    let dropout = table.or("dropout", 0.0, below_one);
    table.finish();
    Some(Model { name: name?, init: init?, bias_init: bias_init?, bn_init: bn_init?, dropout: dropout? })
}
