//! Flips and crops: which one an example gets in an epoch, and where its pixels then come from.
//!
//! The views of an image are numbered: twice the place of the crop, plus one if it is mirrored first; without crops or
//! without flips, the other alone.

use crate::random::{Purpose, Random};
use tombola_spec::{job::Stream, settings::Augment};

/// Number of views an image has.
pub fn views(augment: Augment) -> u32 {
    flips(augment) * places(augment).pow(2)
}

fn flips(augment: Augment) -> u32 {
    1 + u32::from(augment.flips())
}

/// Places a crop can have in one direction.
fn places(augment: Augment) -> u32 {
    2 * augment.padding() + 1
}

/// The view each of the rows `0..rows` of the training images gets in an epoch. Each takes one number of the stream, so
/// that a row's view depends neither on the other rows that are trained on nor on their order.
pub fn draw_views(augment: Augment, order: &Stream, epoch: u64, rows: u32) -> Vec<u8> {
    let mut random = Random::new(Purpose::Augment, order, "epoch", epoch);
    // At most 162 views: the bias of a product's upper half is below 2^-56.
    let views = u128::from(views(augment));
    (0..rows).map(|_| ((u128::from(random.next_u64()) * views) >> 64) as u8).collect()
}

/// For each view, where each of its pixels comes from: an index into `height * width` pixels, or that product itself for
/// padding. `[views, height, width]`.
pub fn sources(augment: Augment, height: u32, width: u32) -> Vec<i64> {
    let (height, width, padding) = (i64::from(height), i64::from(width), i64::from(augment.padding()));
    let mut sources = Vec::new();
    for view in 0..views(augment) {
        let place = view / flips(augment);
        let (down, right) = (i64::from(place / places(augment)), i64::from(place % places(augment)));
        let mirrored = augment.flips() && view % 2 == 1;
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (y, x) = (y + down - padding, x + right - padding);
            let inside = (0..height).contains(&y) && (0..width).contains(&x);
            let x = if mirrored { width - 1 - x } else { x };
            sources.push(if inside { y * width + x } else { height * width });
        }
    }
    sources
}
