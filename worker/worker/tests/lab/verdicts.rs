//! Sweeps whose results decide how far their trials go, from a sweep file to SQL, with the coordinator killed on the way.

use crate::rig::{Lab, binary, sweep};
use std::{fs, process::Command};

/// Two learning rates, one of them hopeless; the better one is pruned until it is worse than dense.
fn file(rounds: u32) -> String {
    let until = "rounds = ROUNDS, until = { worse = 0.1 }".replace("ROUNDS", &rounds.to_string());
    let file = sweep("s", "[1, 2]", 400, rounds).replace(&format!("rounds = {rounds}"), &until);
    let file = file.replace("\"tiny\"", "\"learnable\"");
    format!("select.axes = [\"train.lr\"]\naxes.\"train.lr\" = [1e-6, 5e-3]\nbranch.reinit = {{}}\n{file}")
}

#[tokio::test]
async fn the_better_learning_rate_is_pruned_until_it_is_worse_than_dense() {
    let mut lab = Lab::open().await;
    lab.add_learnable_data();
    let _workers = [lab.worker("ada", "cpu=1"), lab.worker("bob", "cpu=1")];
    let file = file(30);
    let planned = lab.plan(&file).await;
    assert!(planned.at_most);
    assert_eq!(planned.jobs, 2 + 2 * (1 + 30 * 3), "dense networks, and all rounds of one rate");
    let submitted = lab.submit(&file).await;
    assert_eq!(submitted.jobs_new, 4, "nothing is pruned before a rate is chosen");
    lab.judged(4 + 1).await;
    lab.kill_coordinator();
    lab.start_coordinator().await;
    lab.finished("s").await;

    let chosen = lab
        .sql("select settings_key, count(*) from round_result where sweep = 's' and branch = '' and state = 'done'
              group by settings_key order by settings_key desc")
        .await;
    let [hopeless, better] = &chosen[..] else { panic!("{chosen:?}") };
    assert_eq!(hopeless[1], "2", "dense networks of two seeds and no more: {chosen:?}");
    let rounds: u32 = better[1].parse().unwrap();
    assert!(rounds > 4, "{chosen:?}");
    // Of each line, all rounds but the last are about as good as dense; the last is worse, or the last there can be.
    let measured = "select t.trial, r.round, m.value >= d.value - 0.1 from trial t
         join round_result r on r.sweep = t.sweep and r.trial = t.trial and r.branch = '' and r.state = 'done'
         join round_measure m on m.sweep = r.sweep and m.trial = r.trial and m.branch = '' and m.round = r.round
           and m.metric = 'accuracy' and m.split = 'validation' and m.at = 'last'
         join round_measure d on d.sweep = r.sweep and d.trial = r.trial and d.branch = '' and d.round = 0
           and d.metric = 'accuracy' and d.split = 'validation' and d.at = 'last'
         where t.sweep = 's' and t.settings_key = 'train.lr=0.005' order by t.trial, r.round";
    let measured = lab.sql(measured).await;
    assert_eq!(measured.len() as u32, rounds);
    for (row, next) in measured.iter().zip(measured.iter().skip(1).map(Some).chain([None])) {
        let last = next.is_none_or(|next| next[0] != row[0]);
        let good = row[2] != "0" && row[2] != "false";
        assert!(good != last || row[1] == "30", "{measured:?}");
    }
    let deepest: u32 = measured.iter().map(|row| row[1].parse().unwrap()).max().unwrap();
    // Every pruned round has its control, and nothing was trained twice.
    let controls = lab
        .sql("select count(*) from round_result where sweep = 's' and branch = 'reinit' and state = 'done'")
        .await;
    assert_eq!(controls, [[(rounds - 2).to_string()]]);
    let twice =
        lab.sql("select job from job_history where how = 'done' group by job having count(*) > 1").await;
    assert!(twice.is_empty(), "{twice:?}");
    let verdicts =
        lab.sql("select rule, count(*) from verdict where sweep = 's' group by rule order by rule").await;
    assert_eq!((verdicts[0][0].as_str(), verdicts[0][1].as_str()), ("select", "4"));

    let page = lab.path("page.html");
    let mut command = Command::new(binary("tombola"));
    command.args(["report", "s", "--coordinator", lab.address(), "--file"]).arg(&page);
    assert!(command.status().unwrap().success());
    let page = fs::read_to_string(page).unwrap();
    for part in ["Decided by validation results", "train.lr = 0.005", "last good round"] {
        assert!(page.contains(part), "{part}");
    }
    // Beside another sweep, here itself, it has a page of its own.
    let both = lab.path("both.html");
    let compared = lab.tombola(&["report", "s", "s", "--file", both.to_str().unwrap()]);
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));
    let both = fs::read_to_string(both).unwrap();
    assert!(both.contains("s, s, side by side") && both.matches("<svg").count() == 2, "{both}");
    assert_eq!(
        both.matches("<tr><td>s<td>").count() as u32,
        2 * (1 + deepest + 1),
        "rounds of one rate, and the other's dense"
    );
}
