//! Axes: settings that take several values, each assignment a trial.
//!
//! `[axes]` maps a dotted setting to a list of values, or to `{ range = "0.1..=0.9", step = 0.2 }`, or to
//! `{ log10 = "-3..=-1", step = 0.5 }` (powers of ten, to six digits). Several axes multiply, the first one slowest.
//! Settings that vary together share one axis: `"train.lr, train.batch" = [[0.1, 60], [0.2, 120]]`.
//! A value is put into the tree where the setting would be written and judged there like any other.

use super::{
    diagnostic::{Notes, Problem, quoted},
    section::Section,
    settings::TABLES,
    tree::{Entry, Node, Tree, Val},
    value::{Reading, bounds, not, positive, text},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most assignments that are looked at.
pub(super) const MOST: usize = 200_000;
/// How a range is written.
const RANGE: &str = "write its ends as a text: `\"0.1..=0.9\"`";
/// Most values a range may stand for.
const LONGEST: f64 = 10_000.0;

/// All axes of a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Axes(Vec<Axis>);

/// Settings that vary together, and the values they take.
#[derive(Debug)]
struct Axis {
    at: usize,
    settings: Vec<String>,
    /// One value per setting each.
    points: Vec<Vec<Node>>,
}

/// The axis values of one trial, by dotted setting.
pub(super) type Values = BTreeMap<String, Value>;

impl Axes {
    pub(super) fn read(entry: Option<&Entry>, notes: &mut Notes) -> Self {
        let Some(entry) = entry else { return Self::default() };
        let mut written = Vec::new();
        if Section::of(notes, "axes", entry, "\"prune.rate\" = [0.1, 0.2]").is_some() {
            flatten("", entry, &mut written);
        }
        let mut axes = Self::default();
        for (name, entry) in written {
            let axis = Axis::read(&name, entry, notes);
            axes.add(axis, notes);
        }
        axes
    }

    fn add(&mut self, axis: Axis, notes: &mut Notes) {
        for (index, setting) in axis.settings.iter().enumerate() {
            let earlier = self.0.iter().flat_map(|axis| &axis.settings).chain(&axis.settings[..index]);
            if earlier.into_iter().any(|other| other == setting) {
                notes.problem(axis.at, format!("`{setting}` is varied by two axes"), "leave one of them out");
            }
        }
        self.0.push(axis);
    }

    /// Number of assignments; 1 without axes.
    pub(super) fn len(&self) -> usize {
        self.0.iter().fold(1, |product: usize, axis| product.saturating_mul(axis.points.len()))
    }

    /// Whether any axis varies a setting of this table.
    pub(super) fn vary(&self, table: &str) -> bool {
        self.0.iter().flat_map(|axis| &axis.settings).any(|setting| first(setting) == table)
    }

    /// All settings that vary.
    pub(super) fn settings(&self) -> Vec<&str> {
        self.0.iter().flat_map(|axis| &axis.settings).map(String::as_str).collect()
    }

    /// The settings of an axis, found by its name or by one of them, and the number of its values.
    pub(super) fn find(&self, name: &str) -> Option<(&[String], usize)> {
        let named: Vec<&str> = name.split(',').map(str::trim).collect();
        let is_it =
            |axis: &&Axis| axis.settings == named || axis.settings.iter().any(|setting| setting == name);
        self.0.iter().find(is_it).map(|axis| (&*axis.settings, axis.points.len()))
    }

    /// Where the first axis is written.
    pub(super) fn place(&self) -> usize {
        self.0.first().map_or(0, |axis| axis.at)
    }

    /// The `index`-th assignment put into a copy of `tree`, and its values.
    pub(super) fn assign(&self, mut index: usize, tree: &Tree) -> (Tree, Values) {
        let (mut tree, mut values) = (tree.clone(), Values::new());
        for axis in self.0.iter().rev() {
            let point = &axis.points[index % axis.points.len()];
            index /= axis.points.len();
            for (setting, node) in axis.settings.iter().zip(point) {
                tree.set(setting, axis.at, node);
                values.insert(setting.clone(), node.json());
            }
        }
        (tree, values)
    }
}

/// `prune.rate = [...]` without quotes is a table in a table to TOML; to us both are one dotted name.
fn flatten<'a>(prefix: &str, entry: &'a Entry, out: &mut Vec<(String, &'a Entry)>) {
    let Val::Table(tree) = &entry.node.value else { return };
    for entry in &tree.0 {
        let name = format!("{prefix}{}", entry.key);
        let series = |tree: &Tree| tree.get("range").or(tree.get("log10")).is_some();
        match &entry.node.value {
            Val::Table(inner) if TABLES.contains(&first(&name)) && !inner.0.is_empty() && !series(inner) => {
                flatten(&format!("{name}."), entry, out);
            }
            _ => out.push((name, entry)),
        }
    }
}

fn first(setting: &str) -> &str {
    setting.split('.').next().unwrap_or("")
}

impl Axis {
    /// An axis whose values are wrong has one broken point: its settings count as written, nothing more is said.
    fn read(name: &str, entry: &Entry, notes: &mut Notes) -> Self {
        let settings: Vec<String> = name.split(',').map(|setting| setting.trim().to_owned()).collect();
        for setting in settings.iter().filter(|setting| !TABLES.contains(&first(setting))) {
            let hint = match setting.as_str() {
                "seeds" => {
                    "seeds multiply every axis already: write `seeds = \"1..=5\"` at the top".to_owned()
                }
                _ => format!("an axis varies a setting of {}", quoted(&TABLES)),
            };
            notes.problem(entry.at, format!("there is no setting `{setting}` to vary"), hint);
        }
        let points = points(name, settings.len(), entry, notes).unwrap_or_else(|| {
            let broken = Node { at: entry.node.at, value: Val::Broken };
            vec![vec![broken; settings.len()]]
        });
        let settings = settings.into_iter().filter(|setting| TABLES.contains(&first(setting))).collect();
        Self { at: entry.at, settings, points }
    }
}

/// The values of an axis; `None` if they are wrong, which has been noted.
fn points(name: &str, width: usize, entry: &Entry, notes: &mut Notes) -> Option<Vec<Vec<Node>>> {
    let values = match &entry.node.value {
        Val::List(nodes) => nodes.clone(),
        Val::Table(tree) => series(name, entry, tree, notes)?,
        _ => {
            let what = format!("axis `{name}`: {} is not a list of values", entry.node.describe());
            notes.problem(entry.node.at, what, "write a list, or `{ range = \"0.1..=0.9\", step = 0.2 }`");
            return None;
        }
    };
    if values.is_empty() {
        notes.problem(
            entry.node.at,
            format!("axis `{name}` has no values"),
            "add some, or leave the axis out",
        );
        return None;
    }
    let points: Vec<_> =
        values.into_iter().map(|node| point(name, width, node, notes)).collect::<Option<_>>()?;
    distinct(name, &points, notes).then_some(points)
}

/// One point: the value itself, or one value for each of several settings.
fn point(name: &str, width: usize, node: Node, notes: &mut Notes) -> Option<Vec<Node>> {
    if width == 1 {
        return Some(vec![node]);
    }
    let at = node.at;
    let what = match node.value {
        Val::List(nodes) if nodes.len() == width => return Some(nodes),
        Val::List(nodes) => format!("axis `{name}`: {} values for {width} settings", nodes.len()),
        _ => format!("axis `{name}`: {} is not a list", node.describe()),
    };
    notes.problem(at, what, "each point lists one value per setting: `[[0.1, 60], [0.2, 120]]`");
    None
}

fn distinct(name: &str, points: &[Vec<Node>], notes: &mut Notes) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    let mut distinct = true;
    for point in points {
        let values: Vec<String> = point.iter().map(|node| node.json().to_string()).collect();
        if !seen.insert(values) {
            let shown: Vec<_> = point.iter().map(Node::describe).collect();
            let what = format!("axis `{name}`: {} is there twice", shown.join(", "));
            notes.problem(point[0].at, what, "each value makes trials of its own: leave one out");
            distinct = false;
        }
    }
    distinct
}

/// The values of `{ range, step }` or `{ log10, step }`.
fn series(name: &str, entry: &Entry, tree: &Tree, notes: &mut Notes) -> Option<Vec<Node>> {
    let mut table = Section::new(notes, &format!("axes.{name}"), entry.at, tree);
    table.know(&["range", "log10"]);
    let powers = tree.get("log10").is_some();
    let key = if powers { "log10" } else { "range" };
    if powers {
        table.refuse(&["range"], "and `log10` exclude each other", "write one of them");
    }
    let range = |node: &Node| text(node).or_else(|_| not(node, "a range of numbers", RANGE));
    let ends = table.required(key, "\"0.1..=0.9\"", range);
    let whole = ends.as_deref().and_then(bounds).is_some_and(|(a, b, _)| is_whole(a) && is_whole(b));
    let step = if whole { table.or("step", 1.0, positive) } else { table.required("step", "0.2", positive) };
    let at = entry.node.at;
    let read = |node: &Node| steps_between(node, step.unwrap_or(1.0));
    let numbers = tree.get(key).and_then(|entry| table.read(key, &entry.node, read));
    table.finish();
    step?;
    let value = |number: f64| {
        let number = if powers { digits(10f64.powf(number), 6) } else { number };
        let whole = number.fract() == 0.0 && number.abs() < 1e15;
        Node { at, value: if whole { Val::Whole(number as i64) } else { Val::Number(number) } }
    };
    Some(numbers?.into_iter().map(value).collect())
}

fn is_whole(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

fn steps_between(node: &Node, step: f64) -> Reading<Vec<f64>> {
    // That it is no text at all has been said already.
    let Val::Text(text) = &node.value else { return Err(Vec::new()) };
    let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
    let ends = bounds(text).and_then(|(from, to, inclusive)| Some((number(from)?, number(to)?, inclusive)));
    let Some((from, to, inclusive)) = ends else { return not(node, "a range of numbers", RANGE) };
    // A hair of tolerance: (0.9 - 0.1) / 0.2 is 4.000000000000001 in binary.
    let last = if inclusive {
        ((to - from) / step + 1e-9).floor()
    } else {
        ((to - from) / step - 1e-9).ceil() - 1.0
    };
    if last < 0.0 {
        return not(node, "a range with a number in it", RANGE);
    }
    if last >= LONGEST {
        let what = format!("that is more than {LONGEST} values");
        return Err(vec![Problem::new(node.at, what, "make `step` larger")]);
    }
    Ok((0..=last as u32).map(|index| digits(from + f64::from(index) * step, 12)).collect())
}

/// A number rounded to so many significant digits, so that 0.1 + 2 x 0.1 is written 0.3 and means it.
fn digits(number: f64, digits: usize) -> f64 {
    format!("{number:.*e}", digits - 1).parse().unwrap_or(number)
}
