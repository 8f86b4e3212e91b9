//! How each convolution of lanes is computed: all lanes as groups of one convolution, or one convolution for each lane. Which is
//! faster depends on the layer's shape and the device; `tombola-worker calibrate` measures it.

use std::fmt;

/// How a convolution of lanes is computed. The two differ in rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Way {
    /// One convolution of which each lane is a group of channels.
    #[default]
    Grouped,
    /// A plain convolution for each lane.
    Apart,
}

/// Those of a network's convolutions, in the order of the forward pass; what is not listed is grouped.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ways(Vec<Way>);

/// The way of the next convolution, over and over.
pub(super) struct Iter<'a>(std::slice::Iter<'a, Way>);

impl Ways {
    /// As they are written: a letter for each.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let way = |letter| match letter {
            'g' => Some(Way::Grouped),
            'a' => Some(Way::Apart),
            _ => None,
        };
        text.chars().map(way).collect::<Option<_>>().map(Self)
    }

    /// Whether all are the same as without any measurement.
    pub(crate) fn are_usual(&self) -> bool {
        self.0.iter().all(|way| *way == Way::Grouped)
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }
}

impl FromIterator<Way> for Ways {
    fn from_iter<T: IntoIterator<Item = Way>>(ways: T) -> Self {
        Self(ways.into_iter().collect())
    }
}

impl fmt::Display for Ways {
    /// A letter for each: `g` grouped, `a` apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|way| f.write_str(if *way == Way::Apart { "a" } else { "g" }))
    }
}

impl Iter<'_> {
    pub(super) fn next(&mut self) -> Way {
        self.0.next().copied().unwrap_or_default()
    }
}
