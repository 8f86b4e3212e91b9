//! A sweep file with every setting resolved and checked.

use super::{
    analysis::{self, Analysis},
    axes::{Axes, MOST, Values},
    branch::{self, Branch, Overlay},
    diagnostic::{Diagnostic, Diagnostics, Notes, position},
    expand::MOST_JOBS,
    files::{self, Files},
    section::Section,
    select::{self, Select},
    settings,
    tree::{Entry, Tree},
    value::{count, name, numbers, word},
};
use crate::{keep::Keep, plan::TrialSettings};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tombola_spec::outcome::Artifact;

/// Largest sweep file, bytes.
pub const LARGEST: usize = 1 << 20;
/// Most values of settings that are looked at, each once for every assignment of the axes and every branch put over it.
const MOST_VALUES: usize = 20_000_000;

/// A sweep file that makes sense. Only [`parse`] makes one.
#[derive(Debug, Clone)]
pub struct SweepFile {
    pub(super) name: String,
    pub(super) seeds: Vec<u64>,
    pub(super) repeat: u32,
    /// One per assignment of the axes, in file order; seeds multiply them.
    pub(super) variants: Vec<Variant>,
    pub(super) branches: Vec<Branch>,
    pub(super) analyses: Vec<Analysis>,
    /// Which values of an axis go on, if not all.
    pub(super) select: Option<Select>,
    pub(super) keep: Keep,
    /// Settings that are not in the file, by dotted name.
    pub(super) defaults: BTreeSet<String>,
    /// Line and column of the first axis, else of the seeds: where a sweep that is too large is complained about.
    pub(super) place: (u32, u32),
    /// How many values its settings have; each job keeps its own.
    pub(super) size: usize,
}

/// One assignment of the axes.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) axes: Values,
    pub(super) settings: TrialSettings,
    /// Those of branches that have settings of their own, by name.
    pub(super) courses: BTreeMap<String, TrialSettings>,
    /// Those its settings name.
    pub(super) files: Arc<Files>,
}

impl Variant {
    /// Whether results may end its lines before their last round.
    pub(super) fn ends_early(&self) -> bool {
        self.settings.prune.as_ref().is_some_and(|line| line.until.is_some())
    }
}

impl SweepFile {
    /// The sweep's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether results decide how far its trials go.
    pub fn decides(&self) -> bool {
        self.select.is_some() || self.variants.iter().any(Variant::ends_early)
    }

    /// The files of people's own that its table `[files]` lists, by name.
    pub fn files(&self) -> impl Iterator<Item = (&str, Artifact)> {
        let files = self.variants.first().map(|variant| &variant.files);
        files.into_iter().flat_map(|files| files.iter()).map(|(name, file)| (name.as_str(), *file))
    }
}

/// Reads a sweep file.
///
/// # Errors
/// All mistakes at once, in the order of the lines.
pub fn parse(text: &str) -> Result<SweepFile, Diagnostics> {
    let mut notes = Notes::default();
    let tree = tree(text, &mut notes);
    // What was made out of a file that is not TOML would only add noise.
    if let Some(diagnostics) = notes.diagnostics(text) {
        return Err(diagnostics);
    }
    let file = read(&tree, text, &mut notes);
    match (notes.diagnostics(text), file) {
        (None, Some(file)) => Ok(file),
        (Some(diagnostics), _) => Err(diagnostics),
        // A reader that gave up without a word; better vague than a panic.
        (None, None) => Err(unreadable()),
    }
}

/// The names of the files that a sweep file asks for, whatever is wrong with it.
pub fn named_files(text: &str) -> BTreeSet<String> {
    let mut notes = Notes::default();
    let tree = tree(text, &mut notes);
    read(&tree, text, &mut notes);
    notes.files
}

/// The files that a sweep file's table `[files]` lists, whatever is wrong with it.
pub fn listed_files(text: &str) -> BTreeMap<String, Artifact> {
    let mut notes = Notes::default();
    let tree = tree(text, &mut notes);
    files::read(tree.get("files"), &mut notes)
}

/// A file's values, unless there is too much of it.
fn tree(text: &str, notes: &mut Notes) -> Tree {
    if text.len() <= LARGEST {
        return Tree::parse(text, notes);
    }
    let what = format!("the sweep file has {} bytes; at most {LARGEST} are possible", text.len());
    notes.problem(0, what, "write long lists of values as ranges, or split the sweep");
    Tree::default()
}

fn unreadable() -> Diagnostics {
    let what = "this sweep file cannot be read".to_owned();
    Diagnostics(vec![Diagnostic { line: 1, column: 1, what, hint: String::new() }])
}

/// What stands at the top of a file.
struct Top<'t> {
    name: Option<String>,
    seeds: Option<Vec<u64>>,
    repeat: Option<u32>,
    keep: Option<Keep>,
    axes: Option<&'t Entry>,
    branches: Option<&'t Entry>,
    analyses: Option<&'t Entry>,
    select: Option<&'t Entry>,
    files: Files,
}

impl<'t> Top<'t> {
    fn read(tree: &'t Tree, notes: &mut Notes) -> Self {
        let mut top = Section::new(notes, "", 0, tree);
        let name = top.required("name", "\"lenet\"", name);
        let seeds = top.required("seeds", "\"1..=5\"", numbers);
        let repeat = top.or("repeat", 1, count);
        let keep = top.or("keep", Keep::All, word(Keep::WORDS));
        top.know(&settings::TABLES);
        let (axes, branches) = (top.get("axes"), top.get("branch"));
        let (analyses, select) = (top.get("analysis"), top.get("select"));
        let files = files::read(top.get("files"), top.notes);
        top.finish();
        Self { name, seeds, repeat, keep, axes, branches, analyses, select, files }
    }
}

fn read(tree: &Tree, text: &str, notes: &mut Notes) -> Option<SweepFile> {
    let Top { name, seeds, repeat, keep, axes, branches: grown, analyses: compared, select, files } =
        Top::read(tree, notes);
    let axes = Axes::read(axes, notes);
    let select = select::read(select, &axes, notes);
    let mut lasts = BTreeSet::new();
    let overlays = branch::overlays(grown);
    let settings = tree.only(&settings::TABLES);
    let size = settings.size() + overlays.iter().map(Overlay::size).sum::<usize>();
    let files = Arc::new(files);
    let (own, repeats) = (seeds.as_deref().unwrap_or_default(), repeat.unwrap_or(1));
    let trials = (own.len() as u64).saturating_mul(repeats.into()).saturating_mul(axes.len() as u64);
    let variants = match too_much(size, &axes, trials, overlays.len()) {
        None => variants(&settings, (&axes, &files), &overlays, &mut lasts, notes),
        Some((what, hint)) => {
            notes.problem(place(tree, &axes), what, hint);
            vec![None]
        }
    };
    let pruned = tree.get("prune").is_some() || axes.vary("prune");
    let branches = branch::read(grown, pruned, &lasts, notes);
    if !pruned {
        lasts.insert(0);
    }
    let names = branch::names(grown);
    for variant in variants.iter().flatten() {
        files::check((&variant.settings, &files), (own, repeats), tree, notes);
    }
    let given = analysis::Given { lasts: &lasts, branches: &branches, names: &names, trials };
    let analyses = analysis::read(compared, &given, notes);
    let chosen = select.as_ref().and_then(Option::as_ref);
    check(tree, &variants, (&branches, &analyses, chosen), notes);
    if seeds.as_ref().is_some_and(|seeds| seeds.len() < 2) {
        branches.iter().for_each(|branch| branch.check_alone(notes));
    }
    Some(SweepFile {
        name: name?,
        seeds: seeds?,
        repeat: repeat?,
        variants: variants.into_iter().collect::<Option<_>>()?,
        branches,
        analyses,
        select: select?,
        keep: keep?,
        defaults: std::mem::take(&mut notes.defaults),
        place: position(text, place(tree, &axes)),
        size,
    })
}

/// What is right by itself and cannot work together.
fn check(
    tree: &Tree,
    variants: &[Option<Variant>],
    (branches, analyses, select): (&[Branch], &[Analysis], Option<&Select>),
    notes: &mut Notes,
) {
    for variant in variants.iter().flatten() {
        branches.iter().for_each(|branch| branch.check(variant, notes));
        analyses.iter().for_each(|analysis| analysis.check(variant, notes));
        select.iter().for_each(|select| select.check(variant, notes));
    }
    nobody_looks(tree, variants, notes);
    if select.is_some() || variants.iter().flatten().any(Variant::ends_early) {
        analyses.iter().for_each(|analysis| analysis.check_undecided(notes));
    }
}

/// Settings of examples to look at, where no trial's criterion does.
fn nobody_looks(tree: &Tree, variants: &[Option<Variant>], notes: &mut Notes) {
    let looks = |variant: &Option<Variant>| {
        variant
            .as_ref()
            .is_none_or(|variant| variant.settings.prune.as_ref().is_some_and(|line| line.score.is_some()))
    };
    for setting in ["score_data", "score_mode"] {
        if tree.has(&["prune", setting]) && !variants.iter().any(looks) {
            let what = format!("`prune.{setting}`: no criterion here looks at examples");
            let hint = "leave it out, or choose `snip`, `grasp` or `gradient`";
            notes.problem(tree.place(&format!("prune.{setting}")), what, hint);
        }
    }
}

/// Every assignment of the axes, read like a file of its own. All are read even if some are wrong (`None`). `lasts` gets
/// the number of rounds of each that says one.
fn variants(
    tree: &Tree,
    (axes, files): (&Axes, &Arc<Files>),
    overlays: &[Overlay],
    lasts: &mut BTreeSet<u32>,
    notes: &mut Notes,
) -> Vec<Option<Variant>> {
    let read = |index| {
        // More of the same would only be waited for.
        if notes.are_full() {
            return None;
        }
        let (tree, axes) = axes.assign(index, tree);
        lasts.extend(settings::last(&tree));
        let settings = settings::read(&tree, notes)?;
        let courses = courses(&tree, overlays, notes)?;
        Some(Variant { axes, settings, courses, files: files.clone() })
    };
    (0..axes.len()).map(read).collect()
}

/// Where a sweep that is too large is complained about.
fn place(tree: &Tree, axes: &Axes) -> usize {
    if axes.place() > 0 { axes.place() } else { tree.place("seeds") }
}

/// Why a file is not looked at closely, and what to do: memory and time are bounded before anything is multiplied out.
fn too_much(size: usize, axes: &Axes, trials: u64, branches: usize) -> Option<(String, &'static str)> {
    let all = axes.len();
    if all > MOST {
        let what = format!("the axes multiply to {all} assignments; at most {MOST} are possible");
        return Some((what, "vary fewer settings, or several together on one axis"));
    }
    if trials > MOST_JOBS {
        let what = format!("the sweep asks for at least {trials} jobs; at most {MOST_JOBS} are possible");
        return Some((what, "take fewer seeds, repeats or values, or split it into several sweeps"));
    }
    let looked_at = size.saturating_mul(all).saturating_mul(branches + 1);
    (looked_at > MOST_VALUES).then(|| {
        let what =
            format!("{size} settings in {all} assignments of the axes and {branches} branches are too many");
        (what, "split it into several sweeps, or shorten its lists")
    })
}

/// The settings of branches that have some of their own: those written put over those of what the branch grows from.
fn courses(tree: &Tree, overlays: &[Overlay], notes: &mut Notes) -> Option<BTreeMap<String, TrialSettings>> {
    let mut trees: BTreeMap<&str, Tree> = BTreeMap::new();
    let mut courses = BTreeMap::new();
    for overlay in overlays {
        let under = overlay.of.as_deref().and_then(|of| trees.get(of)).unwrap_or(tree);
        let over = overlay.over(under);
        if overlay.is_some() {
            let settings = settings::read_course(&over, &format!("branch `{}`", overlay.name), notes);
            courses.insert(overlay.name.clone(), settings);
        }
        trees.insert(&overlay.name, over);
    }
    courses.into_iter().map(|(name, settings)| Some((name, settings?))).collect()
}
