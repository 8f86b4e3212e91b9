//! `until = { worse = 0.01, … }`: a line of rounds ends where it is worse than the dense network.

use crate::{
    plan::When,
    sweep::{
        section::Section,
        value::{count, non_negative},
        yardstick,
    },
    verdict::Until,
};

/// `None` inside where every round is trained.
pub(super) fn read(table: &mut Section<'_, '_>, when: Option<When>) -> Option<Option<Until>> {
    let path = table.path("until");
    let Some(entry) = table.get("until") else { return Some(None) };
    let mut own = Section::of(table.notes, &path, entry, "worse = 0.01")?;
    let worse = own.required("worse", "0.01", non_negative);
    let patience = own.or("patience", 1, count);
    let by = yardstick::read(&mut own);
    own.finish();
    if when? != When::Trained {
        let what = "there is one prune step, and no round after it to leave out";
        table.complain("until", what, "leave it out, or leave `when` out");
        return None;
    }
    let until = Until { worse: worse?, patience: patience?, by: by? };
    if until.by.metric == "accuracy" && until.worse >= 1.0 {
        let what = format!("nothing is worse by `{}`: accuracy is a fraction", until.worse);
        table.complain("until", what, "a hundredth is one point: `worse = 0.01`");
        return None;
    }
    Some(Some(until))
}
