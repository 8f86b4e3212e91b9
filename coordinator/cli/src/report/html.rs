//! The report page: one file, no scripts, nothing fetched.

use super::{Line, lines, plot, table};
use crate::output::percent;
use tombola_wire::v1::{ResultsResponse, Sweep};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.5rem}table{border-collapse:collapse;margin:1rem 0}th,td{padding:.25rem .9rem;text-align:right}
th{border-bottom:2px solid #1b1f24}tr:nth-child(even) td{background:#f5f6f8}
pre{background:#f5f6f8;padding:1rem;overflow:auto}svg{width:100%;height:auto}svg text{font-size:12px;fill:#1b1f24;stroke:none}
.grid{stroke:#dfe3e8;fill:none}.mean{fill:none;stroke-width:2}.bar{fill:none;stroke-width:1.2}circle{stroke:none;fill-opacity:.45}";

/// The whole page.
pub(crate) fn page(sweep: &Sweep, results: &ResultsResponse) -> String {
    let name = escape(&sweep.name);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{name}</title>\n<style>\n{STYLE}\n</style>\n\
         <h1>{name}: test accuracy against density</h1>\n\
         <p>Test accuracy at the end of training. Lines: mean over seeds; bars: one standard deviation between seeds; \
         dots: every run. {}</p>\n{}{}\
         <h2>The same in SQL</h2>\n<pre>{}</pre>\n<h2>The sweep</h2>\n<pre>{}</pre>\n</html>\n",
        status(sweep),
        plot::svg(results),
        rows(results),
        escape(&results.sql),
        escape(&sweep.file),
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

fn rows(results: &ResultsResponse) -> String {
    let lines = lines(results);
    let titles: String = lines.iter().map(|line| format!("<th>{}", escape(&line.title()))).collect();
    let row = |(round, points): (u32, Vec<&tombola_wire::v1::CurvePoint>)| {
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

/// Text made safe inside HTML and attributes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{super::table::tests::small, *};

    #[test]
    fn the_page_draws_every_run_and_escapes_what_people_wrote() {
        let sweep = Sweep { name: "a<b".into(), file: "x = \"<&>\"".into(), ..Default::default() };
        let page = page(&sweep, &small());
        assert_eq!(page.matches("<circle").count(), small().runs.len());
        assert_eq!(page.matches("class=\"bar\"").count(), small().curve.len());
        assert!(
            page.contains("a&lt;b")
                && page.contains("x = &quot;&lt;&amp;&gt;&quot;")
                && !page.contains("a<b")
        );
    }
}
