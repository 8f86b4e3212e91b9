//! Which training examples a criterion looks at.

use crate::{
    error::{EngineError, Result},
    random::{Purpose, Random},
};
use tombola_spec::settings::ScoreData;

/// Rows of the training images, drawn from `rows`, those of the training split. `labels` of all training images.
///
/// # Errors
/// When there are fewer than are asked for.
pub(crate) fn draw(score: &ScoreData, rows: &[u32], labels: &[i64]) -> Result<Vec<i64>> {
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
    let drawn: Vec<i64> = shuffled.into_iter().filter(wanted).take(all).map(i64::from).collect();
    if drawn.len() < all {
        let what = format!(
            "{each} examples a class are to be looked at, {all} in all, and there are {}",
            drawn.len()
        );
        return Err(EngineError::Settings(format!("{what}; hint: make `score_data.per_class` smaller")));
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tombola_spec::{
        data::{DataShape, known},
        job::Stream,
        settings::{Data, Dtype, ScoreMode},
    };

    /// 90 rows of class 0, 30 of class 1, 15 of class 2; the first nine are held out.
    fn drawn(per_class: u32, balanced: bool, seed: u64) -> Result<[usize; 3]> {
        let labels: Vec<i64> =
            (0..135).map(|row| if row < 90 { 0 } else { i64::from(row >= 120) + 1 }).collect();
        let rows: Vec<u32> = (9..135).collect();
        let shape = DataShape { classes: 3, ..known("mnist").unwrap() };
        let stream = Stream { seed, branch: String::new(), copy: 0, round: 0, repeat: 0 };
        let (data, dtype, mode) = (Data::whole("own", shape, 0), Dtype::F32, ScoreMode::Eval);
        let rows = draw(&ScoreData { data, per_class, balanced, stream, dtype, mode }, &rows, &labels)?;
        assert!(rows.iter().all(|row| *row >= 9), "only what is trained on");
        let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len());
        let mut counts = [0; 3];
        rows.iter().for_each(|row| counts[labels[*row as usize] as usize] += 1);
        Ok(counts)
    }

    #[test]
    fn balanced_examples_are_as_many_of_each_class() {
        assert_eq!(drawn(15, true, 1).unwrap(), [15; 3]);
        let any = drawn(15, false, 1).unwrap();
        assert_eq!(any.iter().sum::<usize>(), 45);
        assert!(any[0] > 20, "most of what there is: {any:?}");
    }

    #[test]
    fn more_examples_than_there_are_fail() {
        assert!(drawn(16, true, 1).unwrap_err().to_string().contains("there are 47"));
        assert!(drawn(43, false, 1).is_err() && drawn(42, false, 1).is_ok());
    }
}
