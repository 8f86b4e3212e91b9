//! What people do with sweeps, from the first plan to the last result.

use crate::rig::{Home, SWEEP, Served, Worker, info, scenarios, with};
use std::collections::BTreeSet;
use tombola_wire::v1::{
    self, DiffRequest, ExplainRequest, ExtendRequest, GetRequest, ListRequest, PlanRequest, PlanResponse,
    QueryRequest, SubmitRequest, SubmitResponse, SweepRef, TicketRequest, WatchRequest, WorkersRequest,
    from_worker, report, value::Kind,
};
use tonic::{Code, Status};

scenarios!(
    a_sweep_runs_from_plan_to_results,
    the_same_file_again_is_answered_with_what_is_there,
    a_file_with_mistakes_is_refused_with_all_of_them,
    a_running_sweep_is_extended_and_trains_only_what_is_new,
    another_rewind_point_trains_no_stored_trial_again,
    an_extension_that_takes_away_is_refused_and_says_what,
    a_sweep_that_differs_in_the_rate_shares_the_dense_training,
    files_and_stored_sweeps_are_compared,
    a_plan_knows_how_long_work_alike_took,
    jobs_are_explained_after_they_were_forgotten,
    a_ticket_that_is_not_there_yet_says_what_it_waits_for,
    a_watcher_that_does_not_read_sees_the_end_all_the_same,
    a_watcher_is_told_of_every_job_of_a_sweep_that_ends_at_once,
    what_is_not_there_is_said_to_be_not_there,
    slow_sql_holds_up_nobody_else,
);

async fn plan(served: &Served, file: &str) -> PlanResponse {
    served.sweeps().plan(PlanRequest { file: file.to_owned() }).await.unwrap().into_inner()
}

async fn submit(served: &Served, file: &str) -> Result<SubmitResponse, Status> {
    let answer = served.sweeps().submit(SubmitRequest { file: file.to_owned() }).await;
    answer.map(tonic::Response::into_inner)
}

async fn extend(served: &Served, file: &str) -> Result<SubmitResponse, Status> {
    let request = ExtendRequest { sweep: "tiny".to_owned(), file: file.to_owned() };
    served.sweeps().extend(request).await.map(tonic::Response::into_inner)
}

async fn explain(served: &Served, what: &str) -> String {
    let request = ExplainRequest { what: what.to_owned() };
    served.sweeps().explain(request).await.unwrap().into_inner().lines.join("\n")
}

/// The attempts that ended in results.
async fn results(served: &Served) -> i64 {
    let sql = "select count(*) from job_history where how = 'done'".to_owned();
    let answer = served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner();
    match &answer.rows[0].values[0].kind {
        Some(Kind::Integer(count)) => *count,
        other => panic!("{other:?}"),
    }
}

async fn a_sweep_runs_from_plan_to_results(home: &Home) {
    let served = home.serve().await;
    let mut sweeps = served.sweeps();
    let planned = plan(&served, SWEEP).await;
    assert_eq!((planned.trials, planned.rounds, planned.jobs, planned.jobs_new), (2, 8, 12, 12));
    let submitted = submit(&served, SWEEP).await.unwrap();
    assert!(submitted.created && submitted.jobs_new == 12 && submitted.jobs_known == 0, "{submitted:?}");

    let mut watched = sweeps.watch(WatchRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(12).await;
    let (mut ended, mut last) = (Vec::new(), None);
    while let Some(event) = watched.message().await.unwrap() {
        ended.extend(event.ended);
        last = event.sweep;
    }
    let last = last.unwrap();
    assert!(last.finished && last.jobs.unwrap().done == 12, "{last:?}");
    assert_eq!(last.iterations_done, planned.iterations_new);
    assert_eq!(ended.len(), 12);
    assert!(ended.iter().all(|ended| ended.how == "done"));
    assert!(ended.iter().any(|ended| ended.label == "trial 2, round 2, reinit"), "{ended:?}");

    let results = sweeps.results(SweepRef { sweep: "s1".to_owned() }).await.unwrap().into_inner();
    assert_eq!((results.curve.len(), results.runs.len()), (4, 8));
    let last = results.curve.iter().find(|point| point.round == 2 && point.kind == "ticket").unwrap();
    assert!((last.mean - (0.9 - 0.02 + 0.0015)).abs() < 1e-9 && last.seeds == 2, "{last:?}");
    // The statement that comes with it yields the same points.
    let sql = QueryRequest { sql: results.sql, max_rows: 0 };
    let told = served.query().query(sql).await.unwrap().into_inner();
    let means = told.rows.iter().map(|row| row.values[7].kind.clone());
    assert!(means.eq(results.curve.iter().map(|point| Some(Kind::Real(point.mean)))));

    let ticket = TicketRequest { sweep: "tiny".to_owned(), trial: 2, round: 1, ..TicketRequest::default() };
    let ticket = sweeps.ticket(ticket).await.unwrap().into_inner();
    let card: serde_json::Value = serde_json::from_str(&ticket.card).unwrap();
    assert_eq!((card["mask"].as_str(), card["seed"].as_u64()), (Some(ticket.mask.as_str()), Some(2)));
    assert!(card["counts"]["density"].as_f64().is_some_and(|density| (density - 0.5).abs() < 0.01), "{card}");
    assert_eq!(card["made_by"].as_array().map(Vec::len), Some(2), "{card}");

    let listed = sweeps.list(ListRequest {}).await.unwrap().into_inner().sweeps;
    let shown = sweeps.get(GetRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    assert_eq!((listed.len(), listed[0].trials, shown.file.as_str()), (1, 2, SWEEP));
    let workers = sweeps.workers(WorkersRequest {}).await.unwrap().into_inner().workers;
    assert_eq!((workers[0].name.as_str(), workers[0].data[0].as_str()), ("one", "mnist"));
    served.stop().await;
}

async fn the_same_file_again_is_answered_with_what_is_there(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    let again = submit(&served, SWEEP).await.unwrap();
    assert!(!again.created && again.jobs_new == 0 && again.jobs_known == 12, "{again:?}");
    let commented = submit(&served, &format!("# once more\n{SWEEP}")).await.unwrap();
    assert!(!commented.created, "a comment asks for nothing else");
    let other = submit(&served, &with(&[("lr = 0.1", "lr = 0.2")])).await.unwrap_err();
    assert_eq!(other.code(), Code::AlreadyExists);
    assert!(other.message().contains("tombola extend tiny"), "{other}");
    // Two at once: one of them comes first.
    let file = with(&[("tiny", "twin"), ("lr = 0.1", "lr = 0.2")]);
    let (one, two) = tokio::join!(submit(&served, &file), submit(&served, &file));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.jobs_new + two.jobs_new, 12);
    assert!(one.created != two.created, "{one:?} {two:?}");
    served.stop().await;
}

async fn a_file_with_mistakes_is_refused_with_all_of_them(home: &Home) {
    let served = home.serve().await;
    let broken = with(&[("lr = 0.1", "lr = -1"), ("rounds = 2", "rounds = \"two\"")]);
    let refused = submit(&served, &broken).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(refused.message().matches("sweep.toml:").count(), 2, "{}", refused.message());
    let endless = submit(&served, &format!("{SWEEP}# {}", "x".repeat(2 << 20))).await.unwrap_err();
    assert_eq!(endless.code(), Code::InvalidArgument);
    assert!(served.sweeps().list(ListRequest {}).await.unwrap().into_inner().sweeps.is_empty());
    served.stop().await;
}

async fn a_running_sweep_is_extended_and_trains_only_what_is_new(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(4).await;
    let more = with(&[("1..=2", "1..=3"), ("rounds = 2", "rounds = 3")]);
    let planned = plan(&served, &more).await;
    assert_eq!((planned.jobs, planned.jobs_new, planned.jobs_known), (24, 12, 12));
    let extended = extend(&served, &more).await.unwrap();
    assert_eq!((extended.jobs_new, extended.jobs_known), (planned.jobs_new, planned.jobs_known));
    assert_eq!(extended.sweep.unwrap().trials, 3);
    worker.work(24).await;
    assert_eq!(results(&served).await, 24, "nothing was trained twice");
    let shown = served.sweeps().get(GetRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    assert!(shown.finished && shown.file == more, "{shown:?}");
    served.stop().await;
}

/// The point lies inside a dense training that is done: cut there, all that grew from it would be other work.
async fn another_rewind_point_trains_no_stored_trial_again(home: &Home) {
    let served = home.serve().await;
    let rewinds = |points: &str| format!("{SWEEP}\n[axes]\n\"prune.rewind\" = [{points}]\n");
    let two = plan(&served, &rewinds("\"0it\", \"50it\"")).await;
    submit(&served, &rewinds("\"0it\", \"50it\"")).await.unwrap();
    let more = rewinds("\"0it\", \"20it\", \"50it\"");
    let planned = plan(&served, &more).await;
    assert_eq!(planned.jobs_known, two.jobs, "all of it stays");
    let extended = extend(&served, &more).await.unwrap();
    assert_eq!((extended.jobs_new, extended.jobs_known), (planned.jobs_new, planned.jobs_known));
    // What is stored now is again what the same file asks for.
    let again = submit(&served, &more.replace("\n[axes]", "# again\n[axes]")).await.unwrap();
    assert_eq!((again.jobs_new, again.jobs_known, again.created), (0, planned.jobs, false));
    let still = extend(&served, &more.replace("1..=2", "1..=3")).await.unwrap();
    assert_eq!(still.jobs_known, planned.jobs);
    served.stop().await;
}

async fn an_extension_that_takes_away_is_refused_and_says_what(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    for (change, said) in [
        (("1..=2", "1..=1"), "seed=2"),
        (("rounds = 2", "rounds = 1"), "prune.rounds"),
        (("lr = 0.1", "lr = 0.2"), "train.lr"),
        (("reinit = { rounds = [2] }", ""), "branch.reinit"),
        (("reinit = { rounds = [2] }", "reinit = { rounds = [1] }"), "branch.reinit"),
        (("tiny", "large"), "name"),
    ] {
        let file = with(&[change]);
        // One that takes a round away has to take its branch away, too.
        let file = if said == "prune.rounds" { file.replace("[2]", "[1]") } else { file };
        let refused = extend(&served, &file).await.unwrap_err();
        assert!(refused.message().contains(said), "{said} in {}", refused.message());
        assert!(refused.message().contains("hint:"), "{}", refused.message());
    }
    served.stop().await;
}

async fn a_sweep_that_differs_in_the_rate_shares_the_dense_training(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(12).await;
    let other = with(&[("tiny", "other"), ("rate = 0.5", "rate = 0.2")]);
    let planned = plan(&served, &other).await;
    assert_eq!((planned.jobs_new, planned.jobs_known), (10, 2), "one dense training for each seed");
    let submitted = submit(&served, &other).await.unwrap();
    assert_eq!((submitted.jobs_new, submitted.jobs_known), (10, 2));
    worker.work(22).await;
    assert_eq!(results(&served).await, 22);
    served.stop().await;
}

async fn files_and_stored_sweeps_are_compared(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    let new = with(&[("lr = 0.1", "lr = 0.2")]);
    for old in [SWEEP, "tiny", "s1"] {
        let request = DiffRequest { old: old.to_owned(), new: new.clone() };
        let changes = served.sweeps().diff(request).await.unwrap().into_inner().changes;
        assert_eq!(changes.len(), 2, "once for each seed: {changes:?}");
        assert_eq!((changes[0].setting.as_str(), changes[0].new.as_str()), ("train.lr", "0.2"));
    }
    served.stop().await;
}

async fn a_plan_knows_how_long_work_alike_took(home: &Home) {
    let served = home.serve().await;
    let more = with(&[("tiny", "more"), ("1..=2", "3..=3")]);
    assert_eq!(plan(&served, &more).await.device_seconds, 0.0, "nothing alike was measured");
    submit(&served, SWEEP).await.unwrap();
    Worker::connect(served.address, "one").await.work(12).await;
    // Every training of 100 iterations took half a second; one seed has four of them.
    let planned = plan(&served, &more).await;
    assert!((planned.device_seconds - 2.0).abs() < 1e-9, "{}", planned.device_seconds);
    let unlike = with(&[("tiny", "unlike"), ("mnist_lenet_8_4", "mnist_lenet_300_100")]);
    assert_eq!(plan(&served, &unlike).await.device_seconds, 0.0);
    served.stop().await;
}

async fn jobs_are_explained_after_they_were_forgotten(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    assert!(explain(&served, "j1").await.contains("no worker is connected"));
    assert!(explain(&served, "tiny").await.contains("s1 (tiny) is active"));
    let round = explain(&served, "tiny/2/1").await;
    assert!(round.contains("tiny: trial 2, round 1") && round.contains("prune mnist_lenet_8_4"), "{round}");
    assert!(explain(&served, "s1/1/2/reinit/0").await.contains("tiny: trial 1, round 2, reinit"));
    for (what, said) in [("tiny/x", "SWEEP/TRIAL/ROUND"), ("tiny/3/1", "1 to 2"), ("tiny/1/7", "0 to 2")] {
        let request = ExplainRequest { what: what.to_owned() };
        let refused = served.sweeps().explain(request).await.unwrap_err();
        assert!(refused.message().contains(said), "{refused}");
    }
    Worker::connect(served.address, "one").await.work(12).await;
    served.stop().await;
    // A new leader folds only what lives.
    let served = home.serve().await;
    let told = explain(&served, "j1").await;
    assert!(told.contains("j1 is done, by one on cpu") && told.contains("tiny: trial 1, round 0"), "{told}");
    assert!(explain(&served, "s1").await.contains("finished: all of its 12 jobs are done"));
    // Submitted again, it wakes nothing; another sweep uses what there is.
    let other = with(&[("tiny", "other"), ("rounds = 2", "rounds = 1"), ("[2]", "[1]")]);
    let planned = plan(&served, &other).await;
    let submitted = submit(&served, &other).await.unwrap();
    assert_eq!((submitted.jobs_new, submitted.jobs_known), (planned.jobs_new, planned.jobs_known));
    assert!(explain(&served, "j1").await.contains("other: trial 1, round 0"));
    served.stop().await;
}

async fn a_ticket_that_is_not_there_yet_says_what_it_waits_for(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    let ticket = |trial, round, branch: &str| TicketRequest {
        sweep: "tiny".to_owned(),
        trial,
        round,
        branch: branch.to_owned(),
        copy: 0,
        slim: false,
        mask: false,
    };
    let mut sweeps = served.sweeps();
    let early = sweeps.ticket(ticket(1, 1, "")).await.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    assert!(early.message().contains("tombola explain j"), "{early}");
    for (wrong, said) in
        [(ticket(3, 1, ""), "1 to 2"), (ticket(1, 9, ""), "0 to 2"), (ticket(1, 2, "random"), "reinit")]
    {
        let missing = sweeps.ticket(wrong).await.unwrap_err();
        assert_eq!(missing.code(), Code::NotFound);
        assert!(missing.message().contains(said), "{said} in {missing}");
    }
    Worker::connect(served.address, "one").await.work(12).await;
    let dense = sweeps.ticket(ticket(1, 0, "")).await.unwrap().into_inner();
    assert!(dense.mask.is_empty() && dense.weights.len() == 64, "{dense:?}");
    let ticket_0 = sweeps.ticket(ticket(1, 2, "")).await.unwrap().into_inner();
    let control = sweeps.ticket(ticket(1, 2, "reinit")).await.unwrap().into_inner();
    assert_eq!(ticket_0.mask, control.mask);
    assert_ne!(ticket_0.weights, control.weights);
    assert_eq!(served.sweeps().ticket(ticket(1, 0, "")).await.unwrap().into_inner(), dense);
    let slim = TicketRequest { slim: true, ..ticket(1, 2, "") };
    let none = sweeps.ticket(slim).await.unwrap_err();
    assert!(none.message().contains("no smaller network was made of trial 1, round 2"), "{none}");
    assert_eq!(
        fetched(&served).await,
        ["tiny/1/0", "tiny/1/2", "tiny/1/2/reinit", "tiny/1/0"],
        "what was handed out is on record"
    );
    served.stop().await;
}

/// Tickets that were handed out, as the audit has them.
async fn fetched(served: &Served) -> Vec<String> {
    let sql = "select subject from audit where action = 'fetch' order by id".to_owned();
    let rows = served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    let word = |row: v1::Row| match row.values.into_iter().next().and_then(|value| value.kind) {
        Some(Kind::Text(text)) => text,
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(word).collect()
}

async fn a_watcher_that_does_not_read_sees_the_end_all_the_same(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    let mut watched =
        served.sweeps().watch(WatchRequest { sweep: "s1".to_owned() }).await.unwrap().into_inner();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(6).await;
    extend(&served, &with(&[("1..=2", "1..=3")])).await.unwrap();
    worker.work(18).await;
    let (mut ended, mut last) = (0, None);
    while let Some(event) = watched.message().await.unwrap() {
        ended += event.ended.len();
        last = event.sweep;
    }
    assert_eq!((ended, last.map(|sweep| sweep.trials)), (18, Some(3)), "an extension is noticed");
    // A finished sweep is told once.
    let mut watched =
        served.sweeps().watch(WatchRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    assert!(watched.message().await.unwrap().unwrap().sweep.unwrap().finished);
    assert!(watched.message().await.unwrap().is_none());
    served.stop().await;
}

/// More than one event names.
async fn a_watcher_is_told_of_every_job_of_a_sweep_that_ends_at_once(home: &Home) {
    const JOBS: usize = 600;
    let served = home.serve().await;
    let many =
        with(&[("1..=2", "1..=600"), ("prune = { scope = \"per_layer\", rate = 0.5, rounds = 2 }", "")]);
    submit(&served, &many.replace("[branch]\nreinit = { rounds = [2] }", "")).await.unwrap();
    let mut watched =
        served.sweeps().watch(WatchRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    let mut wide = info("wide");
    wide.slots[0].lanes = 600;
    let mut worker = Worker::welcome(served.address, &wide, "", Vec::new()).await;
    let lease = worker.lease().await;
    assert_eq!(lease.stages[0].jobs.len(), JOBS);
    for (sequence, job) in (1..).zip(&lease.stages[0].jobs) {
        let failed = v1::Failed { class: "user".to_owned(), message: "no".to_owned() };
        let what = Some(report::What::Failed(failed));
        let report = v1::Report { sequence, job: job.job, attempt: job.attempt, what };
        worker.say(from_worker::Message::Report(report)).await;
    }
    let mut ended = BTreeSet::new();
    while let Some(event) = watched.message().await.unwrap() {
        ended.extend(event.ended.into_iter().map(|ended| ended.job));
    }
    assert_eq!(ended.len(), JOBS);
    served.stop().await;
}

async fn what_is_not_there_is_said_to_be_not_there(home: &Home) {
    let served = home.serve().await;
    let mut sweeps = served.sweeps();
    for what in ["nothing", "s7", "", "'; drop table jobs; --"] {
        let sweep = what.to_owned();
        let missing = sweeps.get(GetRequest { sweep }).await.unwrap_err();
        assert_eq!(missing.code(), Code::NotFound, "{missing}");
        assert!(missing.message().contains("tombola list"), "{missing}");
    }
    let missing = sweeps.explain(ExplainRequest { what: "j99".to_owned() }).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let worker = v1::DrainRequest { worker: "w9".to_owned() };
    assert_eq!(sweeps.drain(worker).await.unwrap_err().code(), Code::NotFound);
    served.stop().await;
}

async fn slow_sql_holds_up_nobody_else(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await.unwrap();
    let endless = "with recursive n (n) as (select 1 union all select n + 1 from n) select count(*) from n";
    let ask = async || served.query().query(QueryRequest { sql: endless.to_owned(), max_rows: 0 }).await;
    let slow = futures::future::join_all((0..8).map(|_| ask()));
    let quick = async {
        // While they run, and while others of them wait.
        for _ in 0..5 {
            let listed = served.sweeps().list(ListRequest {}).await.unwrap().into_inner().sweeps;
            assert_eq!(listed.len(), 1);
            let results = SweepRef { sweep: "tiny".to_owned() };
            assert!(served.sweeps().results(results).await.unwrap().into_inner().runs.is_empty());
        }
    };
    tokio::select! {
        _ = slow => panic!("endless queries ended before quick ones"),
        () = quick => {}
    }
    served.stop().await;
}
