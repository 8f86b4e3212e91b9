//! Which jobs may be packed together. Numbers stand for keys, so that queues compare integers.

use std::collections::BTreeMap;
use tombola_spec::{
    Steps,
    job::{JobSpec, Start, TrainJob},
    settings::{Data, Dtype, Model, Recipe, Train},
    worker::SlotInfo,
};

/// Number of a [`PackKey`].
pub(super) type KeyId = u32;

/// Stands for "no key" where a line has nothing following.
pub(super) const NO_KEY: KeyId = KeyId::MAX;

/// What lanes of one pack have in common. Seeds, masks, learning rates and schedules may differ between lanes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PackKey {
    pub(super) kind: &'static str,
    pub(super) network: String,
    image: [u32; 3],
    classes: u32,
    /// Data set read, as in a sweep file.
    set: Option<String>,
    pub(super) train: Option<TrainKey>,
}

/// What lanes of a training pack have in common beyond the network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TrainKey {
    /// What is taken of the set, how it is normalized, split and varied.
    data: String,
    batch: u32,
    dtype: Dtype,
    /// The optimizer's constants, the decay, the clipping, what is frozen or dropped, whether epochs end with a smaller batch: lanes may
    /// differ in learning rate and schedule only.
    rule: String,
    /// Iterations: from, to, between evaluations.
    span: (u64, u64, u64),
    /// Where it may begin or end otherwise: what is searched for, or the search that was.
    search: String,
}

impl PackKey {
    fn of(spec: &JobSpec) -> Self {
        let (network, train) = match spec {
            JobSpec::Train(job) => (&job.recipe.network(), Some(TrainKey::of(job))),
            JobSpec::Prune(job) => (&job.network, None),
            JobSpec::RandomMask(job) => (&job.network, None),
            JobSpec::Join(job) => (&job.network, None),
            JobSpec::Connectivity(job) => (&job.recipe.network(), None),
            JobSpec::Collapse(job) => (&job.network, None),
            JobSpec::MaskDistance(job) => (&job.network, None),
            JobSpec::Slim(job) => (&job.network, None),
            JobSpec::Import(job) => (&job.network, None),
        };
        let (image, classes) = (network.image, network.classes);
        let (network, set) = (network.name.clone(), spec.data_set().map(str::to_owned));
        Self { kind: spec.kind(), network, image, classes, set, train }
    }

    /// Widest pack of its jobs that a slot takes.
    pub(super) fn lanes_on(&self, slot: &SlotInfo) -> u32 {
        match &self.train {
            Some(train) => slot.lanes_for(&self.network, self.image, train.dtype, train.batch),
            None => slot.lanes,
        }
    }

    /// The data set its jobs read.
    pub(super) fn set(&self) -> Option<&str> {
        self.set.as_deref()
    }
}

impl TrainKey {
    fn of(job: &TrainJob) -> Self {
        // By name, so that whoever adds a setting has to decide whether lanes may differ in it.
        let Recipe { model, data, train, dtype } = &*job.recipe;
        let Model { name: _, init: _, bias_init: _, bn_init: _, dropout } = model;
        let Data { set: _, shape, validation, split_seed, subset, noise, augment } = data;
        let Train {
            batch,
            optimizer,
            decay,
            eval_every,
            lr: _,
            milestones: _,
            gamma: _,
            warmup: _,
            order: _,
            schedule: _,
            clip,
            partial,
            freeze,
            bn_l1,
        } = train;
        let per_epoch = job.recipe.iterations_per_epoch();
        let at = |steps: Steps| steps.iterations(per_epoch);
        Self {
            data: format!(
                "{} / {}, {validation} by {split_seed}, {subset:?} {noise:?} {augment:?}",
                shape.mean, shape.std
            ),
            batch: *batch,
            dtype: *dtype,
            rule: format!("{optimizer:?} {decay} {clip:?} {bn_l1} {freeze:?} {partial:?} {dropout}"),
            span: (at(job.from), at(job.to), at(*eval_every)),
            search: match (&job.search, &job.start) {
                (Some(search), _) => format!("{search:?}"),
                (None, Start::Found(cut)) => cut.to_string(),
                _ => String::new(),
            },
        }
    }
}

/// Every key seen, numbered. Grows with distinct settings, not with jobs.
#[derive(Debug, Default)]
pub(super) struct Keys {
    numbers: BTreeMap<PackKey, KeyId>,
    keys: Vec<PackKey>,
}

impl Keys {
    /// The number of a job's key.
    pub(super) fn number(&mut self, spec: &JobSpec) -> KeyId {
        let key = PackKey::of(spec);
        *self.numbers.entry(key).or_insert_with_key(|key| {
            self.keys.push(key.clone());
            (self.keys.len() - 1) as KeyId
        })
    }

    /// The key of a number.
    pub(super) fn get(&self, id: KeyId) -> &PackKey {
        &self.keys[id as usize]
    }

    /// Whether jobs of this key train (rather than make masks or compare).
    pub(super) fn trains(&self, id: KeyId) -> bool {
        self.get(id).train.is_some()
    }
}
