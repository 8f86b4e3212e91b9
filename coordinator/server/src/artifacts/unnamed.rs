//! What each holder of a token has uploaded since this coordinator started, and no record names yet: nobody takes the disk
//! from the others by uploading for ever and reporting nothing.

use crate::{Error, config::Bytes as Size};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tombola_spec::{Digest, outcome::Artifact};

/// What an upload counts at least: the smallest takes an entry here, an inode, a block of the disk and an upload's work.
pub(crate) const LEAST: Size = Size(64 << 10);

/// The uploads of all holders.
#[derive(Debug)]
pub struct Unnamed {
    /// Most bytes of each holder.
    most: Size,
    uploads: Mutex<Uploads>,
}

#[derive(Debug, Default)]
struct Uploads {
    by_digest: HashMap<Digest, Upload>,
    sums: HashMap<Arc<str>, u64>,
}

#[derive(Debug)]
struct Upload {
    /// The key of its sum: there may be a million uploads of one holder.
    holder: Arc<str>,
    /// What it counts, in bytes.
    weight: u64,
    /// It came, and is not only coming.
    there: bool,
}

impl Default for Unnamed {
    /// Any number.
    fn default() -> Self {
        Self::new(Size(u64::MAX))
    }
}

impl Unnamed {
    pub(super) fn new(most: Size) -> Self {
        Self { most, uploads: Mutex::default() }
    }

    /// Counts an upload that is about to come. Equal ones count once, for one of those who sent them.
    ///
    /// # Errors
    /// The holder would have too much.
    pub(super) fn count(&self, holder: &str, name: &Artifact) -> Result<Counted<'_>, Error> {
        let mut uploads = self.uploads();
        let (holder, name, first) = (holder.to_owned(), *name, !uploads.by_digest.contains_key(&name.digest));
        if first {
            let sum = uploads.sums.get(holder.as_str()).copied().unwrap_or_default();
            if sum.saturating_add(weight(&name)) > self.most.0 {
                return Err(self.too_much(&holder, sum));
            }
            uploads.add(&holder, &name, false);
        }
        Ok(Counted { unnamed: self, holder, name, breaks_off: first })
    }

    /// Records name them, or they are gone.
    pub(crate) fn forget(&self, digests: impl IntoIterator<Item = Digest>) {
        let mut uploads = self.uploads();
        digests.into_iter().for_each(|digest| uploads.forget(&digest));
    }

    /// Records may name any of them by now, or others have removed them.
    pub(crate) fn forget_all(&self) {
        *self.uploads() = Uploads::default();
    }

    fn uploads(&self) -> MutexGuard<'_, Uploads> {
        // Nothing in here panics half way.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn too_much(&self, holder: &str, sum: u64) -> Error {
        let who = if holder.is_empty() { "whoever needs no token here" } else { holder };
        let (sum, most) = (Size(sum), self.most);
        tracing::warn!(holder = who, %sum, %most, "artifacts.unnamed: uploads that nothing names are too many; one is refused");
        Error::Exhausted(format!(
            "{who} has uploaded {sum} that no record names yet, each file counted as {LEAST} or more, and `uploads.unnamed` allows \
             {most}\nhint: they are removed `uploads.kept` after they came, or raise `uploads.unnamed` in coordinator.toml; workers \
             try again by themselves"
        ))
    }
}

impl Uploads {
    fn add(&mut self, holder: &str, name: &Artifact, there: bool) {
        let weight = weight(name);
        let holder =
            self.sums.get_key_value(holder).map_or_else(|| holder.into(), |(known, _)| Arc::clone(known));
        *self.sums.entry(Arc::clone(&holder)).or_default() += weight;
        self.by_digest.insert(name.digest, Upload { holder, weight, there });
    }

    fn forget(&mut self, digest: &Digest) {
        let Some(Upload { holder, weight, .. }) = self.by_digest.remove(digest) else { return };
        let left = self.sums.get(&holder).map_or(0, |sum| sum.saturating_sub(weight));
        if left == 0 {
            self.sums.remove(&holder);
        } else {
            self.sums.insert(holder, left);
        }
    }
}

fn weight(name: &Artifact) -> u64 {
    name.bytes.max(LEAST.0)
}

/// An upload that is coming: counted, unless it breaks off.
#[must_use]
pub(super) struct Counted<'a> {
    unnamed: &'a Unnamed,
    holder: String,
    name: Artifact,
    /// The count goes with it if it breaks off.
    breaks_off: bool,
}

impl Counted<'_> {
    /// It is there, and was not before.
    pub(super) fn came(mut self) {
        self.breaks_off = false;
        let mut uploads = self.unnamed.uploads();
        match uploads.by_digest.get_mut(&self.name.digest) {
            Some(upload) => upload.there = true,
            // An equal one that was counted has broken off meanwhile.
            None => uploads.add(&self.holder, &self.name, true),
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut uploads = self.unnamed.uploads();
        let coming = |upload: &Upload| !upload.there;
        if self.breaks_off && uploads.by_digest.get(&self.name.digest).is_some_and(coming) {
            uploads.forget(&self.name.digest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str, parts: u64) -> Artifact {
        Artifact { digest: Digest::of(text.as_bytes()), bytes: parts.saturating_mul(LEAST.0) }
    }

    /// Room for so many of the smallest.
    fn room(parts: u64) -> Unnamed {
        Unnamed::new(Size(parts * LEAST.0))
    }

    #[test]
    fn a_holder_is_refused_what_others_still_may_and_what_broke_off_counts_for_nothing() {
        let unnamed = room(10);
        drop(unnamed.count("ada", &named("broke off", 10)).unwrap());
        unnamed.count("ada", &named("a", 6)).unwrap().came();
        unnamed.count("ada", &named("a", 6)).unwrap().came();
        let Err(Error::Exhausted(told)) = unnamed.count("ada", &named("b", 5)) else {
            panic!("it was taken")
        };
        assert!(told.contains("ada has uploaded 384KiB") && told.contains("hint:"), "{told}");
        unnamed.count("bob", &named("b", 5)).unwrap().came();
    }

    /// It could be repeated for ever, each time with one upload more that nobody counted.
    #[test]
    fn an_upload_stays_counted_when_an_equal_one_breaks_off() {
        let unnamed = room(10);
        let first = unnamed.count("ada", &named("a", 10)).unwrap();
        let second = unnamed.count("ada", &named("a", 10)).unwrap();
        second.came();
        drop(first);
        assert!(unnamed.count("ada", &named("b", 1)).is_err(), "it is not counted any more");
        unnamed.forget([Digest::of(b"a")]);
        let (first, second) = (unnamed.count("ada", &named("a", 10)), unnamed.count("bob", &named("a", 10)));
        drop(first);
        second.unwrap().came();
        assert!(
            unnamed.count("bob", &named("b", 1)).is_err() && unnamed.count("ada", &named("b", 1)).is_ok()
        );
    }

    #[test]
    fn what_is_named_or_gone_makes_room() {
        let unnamed = room(10);
        unnamed.count("ada", &named("a", 10)).unwrap().came();
        assert!(unnamed.count("ada", &named("b", 1)).is_err());
        unnamed.forget([Digest::of(b"a"), Digest::of(b"of nobody")]);
        unnamed.count("ada", &named("b", 10)).unwrap().came();
        assert!(unnamed.count("ada", &named("c", u64::MAX)).is_err());
        unnamed.forget_all();
        assert!(unnamed.count("ada", &named("c", 10)).is_ok());
    }

    /// Any number of them would fit into any number of bytes.
    #[test]
    fn the_smallest_uploads_take_up_room() {
        let unnamed = room(2);
        unnamed.count("ada", &named("a", 0)).unwrap().came();
        unnamed.count("ada", &Artifact { bytes: 1, ..named("b", 0) }).unwrap().came();
        assert!(unnamed.count("ada", &named("c", 0)).is_err());
    }
}
