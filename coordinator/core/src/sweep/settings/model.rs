//! `model = { name, init, bias_init, bn_init, dropout, weights }`.

use crate::{
    plan::FileName,
    sweep::{
        diagnostic::Notes,
        section::Section,
        tree::Tree,
        value::{below_one, file_name, text, word},
    },
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

pub(super) fn read(tree: &Tree, notes: &mut Notes) -> Option<(Model, Option<FileName>)> {
    let mut table = Section::open(notes, tree, "model", "name = \"mnist_lenet_300_100\"")?;
    let name = table.required("name", "\"mnist_lenet_300_100\"", text);
    let init = table.or("init", Init::GlorotNormal, word(INITS));
    let bias_init = table.or("bias_init", BiasInit::Zero, word(BIAS_INITS));
    let bn_init = table.or("bn_init", BatchNormInit::One, word(BN_INITS));
    let dropout = table.or("dropout", 0.0, below_one);
    let weights = table.or("weights", None, |node| file_name(node, &["{seed}", "{repeat}"]).map(Some));
    table.finish();
    let (init, bias_init, bn_init) = (init?, bias_init?, bn_init?);
    Some((Model { name: name?, init, bias_init, bn_init, dropout: dropout? }, weights?))
}
