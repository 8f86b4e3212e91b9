//! Searches and masks compared, from a sweep file to SQL and the report.

use crate::rig::{Lab, binary, sweep};
use std::{fs, process::Command};

#[tokio::test]
async fn collapses_and_distances_of_a_sweep_are_in_sql_and_in_its_report() {
    let lab = Lab::open().await;
    let _worker = lab.worker("ada", "cpu=2");
    let analyses = "branch.random_mask = {}\n\
         [analysis]\n\
         collapse = { criteria = [\"synflow\", \"magnitude\", \"snip\"], score_data = { per_class = 4 } }\n\
         rounds = { kind = \"mask_distance\" }\n\
         lines = { kind = \"mask_distance\", between = \"lines\" }\n";
    let file = sweep("s", "[1, 2]", 60, 3) + analyses;
    let planned = lab.plan(&file).await;
    // A seed: dense; mask, ticket, random mask and its training of three rounds; searches; one comparison of rounds, three of lines.
    assert_eq!(planned.jobs, 2 * (1 + 3 * 4 + 3 + 1 + 3));
    lab.submit(&file).await;
    lab.finished("s").await;
    let history = lab.history().await;
    assert!(history.iter().all(|attempt| attempt.how == "done"), "{history:?}");

    let found = lab
        .sql("select criterion, count(*), min(first_collapse - last_alive), max(first_collapse - last_alive) from collapse
              where sweep = 's' group by criterion order by criterion")
        .await;
    let criteria: Vec<&str> = found.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(criteria, ["magnitude", "snip", "synflow"]);
    for row in &found {
        let [least, most] = [&row[2], &row[3]].map(|text| text.parse::<f64>().unwrap());
        assert!(row[1] == "2" && least > 0.0 && most < 0.3, "{row:?}");
    }
    let order = "select count(*) from collapse s join collapse m on m.trial = s.trial
                 where s.criterion = 'synflow' and m.criterion = 'magnitude'
                   and m.last_alive < s.last_alive and s.last_alive <= s.greatest";
    assert_eq!(lab.sql(order).await, [["2"]]);

    // Masks of a line are nested: what round 3 keeps, round 1 keeps. Their distance is what was pruned between them.
    let wrong = "select count(*), sum(case when abs(d.distance - (a.density - b.density)) > 1e-9 then 1 else 0 end)
                 from mask_distance d
                 join round_result a on a.sweep = d.sweep and a.trial = d.first_trial and a.branch = '' and a.round = d.first_round
                 join round_result b on b.sweep = d.sweep and b.trial = d.second_trial and b.branch = '' and b.round = d.second_round
                 where d.analysis = 'rounds' and d.layer is null";
    assert_eq!(lab.sql(wrong).await, [["6", "0"]]);
    // Random masks keep as many, by chance some of the same.
    let apart = "select count(*), min(distance) > 0 from mask_distance
                 where analysis = 'lines' and layer is null and living_first = living_second and second_branch = 'random_mask'";
    let [apart] = &lab.sql(apart).await[..] else { panic!("one row") };
    assert!(apart[0] == "6" && apart[1] != "0" && apart[1] != "false", "{apart:?}");

    let page = lab.path("page.html");
    let mut command = Command::new(binary("tombola"));
    command.args(["report", "s", "--coordinator", lab.address(), "--file"]).arg(&page);
    assert!(command.status().unwrap().success());
    let page = fs::read_to_string(page).unwrap();
    for part in [
        "Critical compression",
        "<td>synflow<td>",
        "rounds of ticket",
        "rounds 1 and 3: 0.",
        ">ticket against random_mask</text>",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
