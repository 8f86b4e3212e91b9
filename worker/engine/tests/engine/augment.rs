//! Flips and crops: drawn evenly, from streams of their own, for training batches and nothing else.

use crate::rig::{Outcomes, PLANS, Recorder, Rig, SGD, distance, edit, edit_recipe, job, recipe, stream};
use tombola_engine::data::{draw_views, sources, views};
use tombola_spec::{
    job::Output,
    outcome::Split,
    settings::{Augment, Dtype},
    slot::StageJob,
    worker::Plan,
};

const KINDS: [Augment; 4] = [Augment::None, Augment::Flip, Augment::Crop4, Augment::FlipCrop4];

#[test]
fn every_offset_from_0_to_8_and_both_sides_are_equally_likely() {
    assert_eq!(KINDS.map(views), [1, 2, 81, 162]);
    const ROWS: u32 = 100_000;
    for augment in KINDS {
        let mut counts = vec![0f64; views(augment) as usize];
        for view in draw_views(augment, &stream(1), 3, ROWS) {
            counts[usize::from(view)] += 1.0;
        }
        let expected = f64::from(ROWS) / counts.len() as f64;
        let chi_square: f64 = counts.iter().map(|count| (count - expected).powi(2) / expected).sum();
        // Its mean is the degrees of freedom, its variance twice that.
        let freedom = counts.len() as f64 - 1.0;
        assert!(chi_square <= freedom + 5.0 * (2.0 * freedom).sqrt(), "{augment:?}: {chi_square}");
    }
}

#[test]
fn a_rows_view_follows_from_stream_and_epoch_alone() {
    let drawn = |seed, epoch, rows| draw_views(Augment::FlipCrop4, &stream(seed), epoch, rows);
    let wanted = drawn(1, 0, 1000);
    assert_eq!(drawn(1, 0, 1000), wanted);
    assert_eq!(drawn(1, 0, 10), wanted[..10]);
    let apart = |other: &[u8]| wanted.iter().zip(other).filter(|(a, b)| a != b).count();
    assert!(apart(&drawn(2, 0, 1000)) > 900 && apart(&drawn(1, 1, 1000)) > 900);
    // Frozen: recorded results were trained with these.
    assert_eq!(wanted[..8], FIRST);
}

const FIRST: [u8; 8] = [128, 60, 15, 102, 21, 124, 21, 92];

/// Pads and crops as one does by hand: mirror, write into a larger frame, cut a window out of it.
fn by_hand(pixels: &[i64], height: usize, width: usize, view: usize, augment: Augment) -> Vec<i64> {
    let padding = augment.padding() as usize;
    let (place, mirrored) = if augment.flips() { (view / 2, view % 2 == 1) } else { (view, false) };
    let (down, right) = (place / (2 * padding + 1), place % (2 * padding + 1));
    let mut frame = vec![vec![-1; width + 2 * padding]; height + 2 * padding];
    for (y, row) in pixels.chunks(width).enumerate() {
        let mut row = row.to_vec();
        if mirrored {
            row.reverse();
        }
        frame[y + padding][padding..padding + width].copy_from_slice(&row);
    }
    frame[down..down + height].iter().flat_map(|row| row[right..right + width].to_vec()).collect()
}

#[test]
fn a_view_is_mirrored_padded_and_cropped() {
    let pixels: Vec<i64> = (10..25).collect();
    for augment in KINDS {
        let sources = sources(augment, 3, 5);
        assert_eq!(sources.len(), 15 * views(augment) as usize);
        for (view, sources) in sources.chunks(15).enumerate() {
            let seen: Vec<i64> =
                sources.iter().map(|&source| pixels.get(source as usize).copied().unwrap_or(-1)).collect();
            assert_eq!(seen, by_hand(&pixels, 3, 5, view, augment), "{augment:?} {view}");
        }
    }
}

fn varied(number: u64, augment: Augment, dtype: Dtype) -> StageJob {
    let mut job = job(number, recipe(SGD), 40);
    edit_recipe(&mut job, |recipe| (recipe.data.augment, recipe.dtype) = (augment, dtype));
    job
}

fn weights_apart(a: (&Outcomes, u64), b: (&Outcomes, u64)) -> f64 {
    distance(&a.0.tensors(a.1, Output::Weights), &b.0.tensors(b.1, Output::Weights))
}

#[test]
fn fused_lanes_see_what_plain_lanes_see() {
    let rig = Rig::new();
    for augment in [Augment::Flip, Augment::Crop4, Augment::FlipCrop4] {
        let lanes = || (1..=3).map(|number| varied(number, augment, Dtype::F64)).collect();
        let (plain, fused) = (rig.run(Plan::CpuLanes, lanes()), rig.run(Plan::Fused, lanes()));
        for lane in 1..=3 {
            let apart = weights_apart((&plain, lane), (&fused, lane));
            assert!(apart <= 1e-12, "{augment:?} lane {lane}: {apart:e}");
        }
    }
}

/// Same weights, same order of the examples: what is left to differ are flips and crops.
#[test]
fn lanes_of_equal_streams_see_the_same_and_others_do_not() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut lanes: Vec<StageJob> =
            (1..=3).map(|number| varied(number, Augment::FlipCrop4, Dtype::F32)).collect();
        for (lane, order) in lanes.iter_mut().zip([7, 7, 8]) {
            edit(lane, |spec| {
                spec.start = tombola_spec::job::Start::Init(stream(1));
                spec.order = stream(order);
            });
            // All examples in each batch: their order does not matter.
            edit_recipe(lane, |recipe| (recipe.data.validation, recipe.train.batch) = (0, 600));
        }
        let outcomes = rig.run(plan, lanes);
        assert_eq!(outcomes.digests(1)[&Output::Weights], outcomes.digests(2)[&Output::Weights]);
        assert!(weights_apart((&outcomes, 1), (&outcomes, 3)) > 1e-3);
    }
}

#[test]
fn training_batches_are_varied_and_evaluations_never() {
    let rig = Rig::new();
    let run = |augment| rig.run(Plan::CpuLanes, vec![varied(1, augment, Dtype::F32)]);
    let (as_is, cropped) = (run(Augment::None), run(Augment::Crop4));
    for split in [Split::Validation, Split::Test] {
        let (a, b) = (as_is.points(1, "loss", split), cropped.points(1, "loss", split));
        assert_eq!(a[&0], b[&0]);
        assert_ne!(a[&40], b[&40]);
    }
}

#[test]
fn a_cut_changes_no_crop() {
    let rig = Rig::new();
    for plan in PLANS {
        let mut job = varied(1, Augment::FlipCrop4, Dtype::F32);
        let whole = rig.run(plan, vec![job.clone()]);
        let first = rig.run_with(&rig.stage(plan, vec![job.clone()]), &Recorder::yield_at(13), 1, Some(13));
        job.resume = Some(first.checkpoint(1).1);
        assert_eq!(rig.run(plan, vec![job]).digests(1), whole.digests(1));
    }
}
