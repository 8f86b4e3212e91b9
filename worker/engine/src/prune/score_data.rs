//! Which training examples a criterion looks at.

use crate::random::{Purpose, Random};
use tombola_spec::settings::ScoreData;

/// Rows of the training images, drawn from `rows`, those of the training split. `labels` of all training images.
pub(crate) fn draw(score: &ScoreData, rows: &[u32], labels: &[i64]) -> Vec<i64> {
    let mut shuffled = rows.to_vec();
    Random::new(Purpose::ScoreData, &score.stream, "", 0).shuffle(&mut shuffled);
    let classes = score.data.classes() as usize;
    let (each, all) = (score.per_class as usize, score.per_class as usize * classes);
    let mut taken = vec![0; classes];
    let wanted = |row: &u32| {
        let taken = taken.get_mut(labels[*row as usize] as usize);
        !score.balanced
            || taken.is_some_and(|taken| {
                *taken += 1;
                *taken <= each
            })
    };
    shuffled.into_iter().filter(wanted).take(all).map(i64::from).collect()
}
