//! The report page: one file, no scripts, nothing fetched, light or dark as the reader's system is.

use super::{
    Line, barrier, cost, groups, heading, lines, of_group, plot, slim, stops, table, tickets, transfer,
};
use crate::output::percent;
use tombola_core::sweep;
use tombola_wire::v1::{CurvePoint, ResultsResponse, Sweep};

/// Line colours are told apart by most colour-blind people (Okabe and Ito), lighter ones on dark.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--soft:#f5f6f8;--grid:#dfe3e8;--dim:#5d6670;
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#b8588f;--c4:#b07d00;--c5:#3a9ad9;--c6:#1b1f24}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--paper:#16191d;--soft:#20252b;--grid:#333a42;--dim:#9aa3ad;
--c0:#56b4e9;--c1:#f0883e;--c2:#2ecc9b;--c3:#e08fc0;--c4:#e6b422;--c5:#8fc7f4;--c6:#e4e7eb}}
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.2rem .9rem;text-align:right;font-variant-numeric:tabular-nums}
th{border-bottom:2px solid var(--ink)}tr:nth-child(even) td{background:var(--soft)}
.settings th,.settings td{text-align:left}.settings i{color:var(--dim)}
pre{background:var(--soft);padding:1rem;white-space:pre-wrap;overflow-wrap:anywhere}
svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--ink)}svg .name{font-size:13px;font-weight:600;fill:var(--c)}
.c0{--c:var(--c0)}.c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}.c6{--c:var(--c6)}
.grid{stroke:var(--grid);fill:none}.dense{stroke:var(--dim);stroke-dasharray:6 4;fill:none}
.mean{stroke:var(--c);stroke-width:2;fill:none}.bar{stroke:var(--c);stroke-width:1.2;fill:none}.dashed .mean{stroke-dasharray:5 4}
.lead{stroke:var(--c);stroke-dasharray:1 3;fill:none}circle{fill:var(--c);fill-opacity:.5}";

/// The whole page; `searches` is what it shows of them.
pub(crate) fn page(sweep: &Sweep, results: &ResultsResponse, searches: &str) -> String {
    let title = format!("{}: test accuracy against density", sweep.name);
    let body = format!(
        "<p>Test accuracy at the end of training. Lines: mean over seeds; bars: one standard deviation between seeds; \
         dots: every run; dashed: the dense network. {}</p>\n{}{}{}{}{}{}{searches}\
         <h2>The same in SQL</h2>\n<pre>{}</pre>\n{}<h2>The sweep file</h2>\n<pre>{}</pre>\n",
        status(sweep),
        curves(results),
        stops::section(results),
        transfer::section(results),
        barrier::charts(results),
        slim::section(results),
        cost::section(results),
        escape(&results.sql),
        settings(&sweep.file),
        escape(&sweep.file),
    );
    framed(&sweep.name, &title, &body)
}

/// A page with a name for its tab and a title above its body.
pub(super) fn framed(name: &str, title: &str, body: &str) -> String {
    let (name, title) = (escape(name), escape(title));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n<style>\n{STYLE}\n</style>\n\
         <h1>{title}</h1>\n{body}</html>\n"
    )
}

fn status(sweep: &Sweep) -> String {
    let jobs = sweep.jobs.unwrap_or_default();
    match (sweep.finished, jobs.failed) {
        (true, 0) => format!("All {} jobs are done.", jobs.done),
        (true, failed) => format!("{} jobs are done, {failed} failed.", jobs.done),
        (false, _) => format!(
            "Not finished: {} jobs done, {} to go.",
            jobs.done,
            jobs.waiting + jobs.ready + jobs.running
        ),
    }
}

/// Plot and table; of several settings, their tickets in one plot, then each with its controls.
fn curves(results: &ResultsResponse) -> String {
    let groups = groups(results);
    if groups.len() < 2 {
        return format!("{}{}", plot::svg(results, Line::title), rows(results));
    }
    let setting = |line: &Line| heading(&line.group);
    let section = |group: &&str| {
        let (name, of_group) = (escape(&heading(group)), of_group(results, group));
        format!("<h2>{name}</h2>\n{}{}", plot::svg(&of_group, Line::title), rows(&of_group))
    };
    let sections: String = groups.iter().map(section).collect();
    format!("<h2>Tickets by setting</h2>\n{}{sections}", plot::svg(&tickets(results), setting))
}

fn rows(results: &ResultsResponse) -> String {
    let lines = lines(results);
    let titles: String = lines.iter().map(|line| format!("<th>{}", escape(&line.title()))).collect();
    let row = |(round, points): (u32, Vec<&CurvePoint>)| {
        let density = points.first().map_or_else(String::new, |point| percent(point.density));
        let cell = |line: &Line| {
            let point = points.iter().find(|point| Line::of(point) == *line);
            format!("<td>{}", point.map_or_else(String::new, |point| table::cell(point)))
        };
        format!("<tr><td>{round}<td>{density}{}\n", lines.iter().map(cell).collect::<String>())
    };
    let body: String = table::rounds(results).into_iter().map(row).collect();
    format!(
        "<table>\n<tr><th>round<th>density{titles}\n{body}</table>\n<p>Mean ± standard deviation, % (number of seeds).</p>\n"
    )
}

/// Every resolved setting. A file of a later version, which this one cannot read, is shown as it is and no more.
fn settings(file: &str) -> String {
    let Ok(file) = sweep::parse(file) else { return String::new() };
    let row = |setting: sweep::Setting| {
        let origin = if setting.is_default { "<i>default</i>" } else { "" };
        format!("<tr><td>{}<td>{}<td>{origin}\n", escape(&setting.name), escape(&setting.value))
    };
    let rows: String = sweep::resolved(&file).into_iter().map(row).collect();
    format!("<h2>Settings</h2>\n<table class=\"settings\">\n<tr><th>setting<th>value<th>\n{rows}</table>\n")
}

/// Text made safe inside HTML and attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            canvas::COLOURS,
            table::tests::{small, two_settings},
        },
        *,
    };

    #[test]
    fn the_page_draws_every_run_and_names_every_line() {
        let page = page(&Sweep::default(), &small(), "");
        assert_eq!(page.matches("<circle").count(), small().runs.len());
        assert_eq!(page.matches("class=\"bar\"").count(), small().curve.len());
        for name in [">ticket</text>", ">reinit</text>", ">random mask</text>"] {
            assert!(page.contains(name), "{name}");
        }
    }

    #[test]
    fn several_settings_are_compared_by_their_tickets_and_shown_one_by_one() {
        let page = page(&Sweep::default(), &two_settings(), "");
        assert_eq!((page.matches("<svg").count(), page.matches("<table>").count()), (3, 2));
        let place = |part: &str| page.find(part).unwrap_or_else(|| panic!("{part}"));
        let (first, second) =
            ("model.name = LeNet, prune.rewind = 100it", "model.name = LeNet, prune.rewind = 2000it");
        assert!(place(&format!("{first}</text>")) < place(&format!("<h2>{first}")));
        assert!(place(&format!("<h2>{first}")) < place(&format!("<h2>{second}")));
        assert_eq!(page.matches(">random mask</text>").count(), 2);
    }

    #[test]
    fn what_people_wrote_is_escaped() {
        let sweep = Sweep { name: "a<b".into(), file: "x = \"<&>\"".into(), ..Default::default() };
        let page = page(&sweep, &small(), "");
        assert!(page.contains("a&lt;b") && page.contains("x = &quot;&lt;&amp;&gt;&quot;"));
        assert!(!page.contains("a<b"));
    }

    #[test]
    fn the_page_fetches_nothing() {
        let page = page(&Sweep::default(), &small(), "");
        for part in ["<script", "<link", "<img", "url(", "src=", "@import"] {
            assert!(!page.contains(part), "{part}");
        }
    }

    #[test]
    fn every_colour_a_line_may_have_is_defined() {
        for index in 0..COLOURS {
            assert!(STYLE.contains(&format!(".c{index}{{")), "{index}");
        }
    }
}
