//! Linear mode connectivity from a sweep file to SQL: copies are trained, lines walked, barriers counted.

use crate::rig::{Lab, sweep};

#[tokio::test]
async fn the_barrier_between_copies_of_every_round_is_in_sql() {
    let lab = Lab::open().await;
    let _workers = [lab.worker("ada", "cpu=2"), lab.worker("bob", "cpu=1")];
    let analyses = "branch.random = { kind = \"random_mask\", rounds = [1] }\n\
         [analysis]\n\
         lmc = { kind = \"connectivity\", of = [\"ticket\", \"random\"], copies = 2, alphas = 5 }\n\
         path = { kind = \"connectivity\", between = \"rounds\", alphas = 3, on = [\"test\"] }\n";
    let file = sweep("s", "[1, 2]", 150, 1) + analyses;
    let planned = lab.plan(&file).await;
    // A seed: dense, mask, ticket, random mask and its training; three copies and their lines; one line between rounds.
    assert_eq!(planned.jobs, 2 * (5 + 3 + 3 + 1));
    lab.submit(&file).await;
    lab.finished("s").await;
    let history = lab.history().await;
    assert!(history.iter().all(|attempt| attempt.how == "done"), "{history:?}");

    let points =
        lab.sql("select analysis, count(*) from connectivity group by analysis order by analysis").await;
    assert_eq!(points, [["lmc", "60"], ["path", "6"]]);
    let lines = "select branch, round, count(*), min(n_pairs) from error_barrier
                 where analysis = 'lmc' and split = 'test' group by branch, round order by branch, round";
    let expected = [["", "0", "2", "1"], ["", "1", "2", "1"], ["random", "1", "2", "1"]];
    assert_eq!(lab.sql(lines).await, expected);

    // The own training is one end of each line: what the line says of it is what the round says.
    let differing = "select count(*), sum(b.error_first <> 1 - r.accuracy_test) from error_barrier b
                     join round_result r on r.sweep = b.sweep and r.trial = b.trial and r.branch = b.branch
                       and r.copy = b.copy and r.round = b.round
                     where b.split = 'test' and b.first = b.round * (case b.ends when 'rounds' then 1 else 0 end)";
    let [compared] = &lab.sql(differing).await[..] else { panic!("one row") };
    assert!(compared[0] != "0" && compared[1] == "0", "{compared:?}");
    // The barrier, worked out from the points.
    let wrong = "select count(*) from error_barrier b
                 where abs(b.barrier - 100 * ((select max(c.error) from connectivity c
                       where c.trial = b.trial and c.analysis = b.analysis and c.branch = b.branch and c.round = b.round
                         and c.split = b.split and c.first = b.first and c.second = b.second)
                     - (b.error_first + b.error_second) / 2)) > 1e-9";
    assert_eq!(lab.sql(wrong).await, [["0"]]);

    let job = lab.sql("select job from connectivity where branch = 'random' order by job limit 1").await;
    let told = lab.explain(&format!("j{}", job[0][0])).await;
    assert!(told.contains("stands behind s: trial 1, round 1, random, for lmc"), "{told}");
}
