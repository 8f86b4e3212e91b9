//! Sweeps whose results decide how far their trials go: they grow while they run, whatever happens to the coordinator.

use crate::rig::{Home, SWEEP, Served, Worker, admin, eventually, info, scenarios, with};
use tombola_wire::v1::{
    ExtendRequest, GetRequest, QueryRequest, SubmitRequest, SubmitResponse, Sweep, WatchRequest, value::Kind,
};
use tonic::Status;

scenarios!(
    a_sweep_grows_as_results_come_in_and_is_over_when_all_is_decided,
    killed_before_it_judged_it_judges_when_it_is_back,
    what_decides_cannot_be_brought_into_a_sweep_that_is_there,
    a_sweep_that_cannot_be_judged_holds_up_no_other,
);

/// The made-up accuracy falls by 0.01 a round: round 2 is the first that is worse by more than 0.015.
fn until() -> String {
    with(&[("rounds = 2", "rounds = 5, until = { worse = 0.015 }")])
}

/// Two seeds: dense, two rounds of mask and training, a control of the second.
const JOBS: usize = 2 * (1 + 2 * 2 + 1);

async fn submit(served: &Served, file: &str) -> SubmitResponse {
    served.sweeps().submit(SubmitRequest { file: file.to_owned() }).await.unwrap().into_inner()
}

async fn extend(served: &Served, file: &str) -> Result<(), Status> {
    let request = ExtendRequest { sweep: "tiny".to_owned(), file: file.to_owned() };
    served.sweeps().extend(request).await.map(drop)
}

async fn get(served: &Served, sweep: &str) -> Sweep {
    served.sweeps().get(GetRequest { sweep: sweep.to_owned() }).await.unwrap().into_inner()
}

/// A number that SQL yields.
async fn count(served: &Served, sql: &str) -> i64 {
    let request = QueryRequest { sql: sql.to_owned(), max_rows: 0 };
    let answer = served.query().query(request).await.unwrap().into_inner();
    match &answer.rows[0].values[0].kind {
        Some(Kind::Integer(count)) => *count,
        other => panic!("{other:?}"),
    }
}

async fn verdicts(served: &Served, sweep: &str) -> i64 {
    count(served, &format!("select count(*) from verdict where sweep = '{sweep}'")).await
}

async fn a_sweep_grows_as_results_come_in_and_is_over_when_all_is_decided(home: &Home) {
    let served = home.serve().await;
    let submitted = submit(&served, &until()).await;
    assert!(submitted.sweep.as_ref().unwrap().decides && submitted.jobs_new == 6, "{submitted:?}");
    let mut watched =
        served.sweeps().watch(WatchRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(JOBS).await;
    let (mut ended, mut last) = (Vec::new(), None);
    while let Some(event) = watched.message().await.unwrap() {
        ended.extend(event.ended.into_iter().map(|ended| ended.label));
        last = event.sweep;
    }
    let last = last.unwrap();
    assert!(last.finished && last.jobs.unwrap().done == JOBS as u64, "{last:?}");
    assert!(ended.contains(&"trial 2, round 2, reinit".to_owned()), "{ended:?}");
    assert_eq!(verdicts(&served, "tiny").await, 4);
    assert_eq!(count(&served, "select count(*) from verdict where round = 2 and not goes_on").await, 2);
    // The same file again asks for nothing, and nothing is to come.
    let again = submit(&served, &until()).await;
    assert!(!again.created && !again.sweep.as_ref().unwrap().decides && again.jobs_new == 0, "{again:?}");
    served.stop().await;
}

async fn killed_before_it_judged_it_judges_when_it_is_back(home: &Home) {
    let served = home.serve().await;
    submit(&served, &until()).await;
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(6).await;
    served.kill();
    let served = home.serve().await;
    let done = worker.finished.len();
    let mut back = Worker::welcome(served.address, &info("one"), &worker.id, Vec::new()).await;
    back.work(JOBS - done).await;
    let over = || async { Some(get(&served, "tiny").await).filter(|sweep| sweep.finished) };
    assert_eq!(eventually(over).await.jobs.unwrap().done, JOBS as u64);
    assert_eq!(count(&served, "select count(*) from job_history where how = 'done'").await, JOBS as i64);
    served.stop().await;
}

async fn what_decides_cannot_be_brought_into_a_sweep_that_is_there(home: &Home) {
    let served = home.serve().await;
    submit(&served, SWEEP).await;
    let refused = extend(&served, &until()).await.unwrap_err();
    assert!(refused.message().contains("prune.until.worse: missing -> 0.015"), "{}", refused.message());
    let chosen = format!("axes.\"train.lr\" = [0.1, 0.2]\nselect.axes = [\"train.lr\"]\n{SWEEP}");
    let refused = extend(&served, &chosen).await.unwrap_err();
    assert!(refused.message().contains("select.axes: missing -> train.lr"), "{}", refused.message());

    let other = until().replace("tiny", "other");
    submit(&served, &other).await;
    let mut worker = Worker::connect(served.address, "one").await;
    // What both ask for is done once; then one has what it asked for, and the other was judged on the way.
    worker.work(JOBS).await;
    let over = || async { Some(get(&served, "other").await).filter(|sweep| sweep.finished) };
    assert_eq!(eventually(over).await.jobs.unwrap().done, JOBS as u64);
    // Left out, it lets everything be trained.
    let all = with(&[("rounds = 2", "rounds = 5")]).replace("tiny", "other");
    let request = ExtendRequest { sweep: "other".to_owned(), file: all };
    let extended = served.sweeps().extend(request).await.unwrap().into_inner();
    assert!(!extended.sweep.as_ref().unwrap().decides && extended.jobs_new == 2 * 2 * 3, "{extended:?}");
    served.stop().await;
}

async fn a_sweep_that_cannot_be_judged_holds_up_no_other(home: &Home) {
    let served = home.serve().await;
    submit(&served, &until()).await;
    served.stop().await;
    admin(&home.place, "update sweeps set source = 'of another time'").await;
    let served = home.serve().await;
    submit(&served, &until().replace("tiny", "other").replace("lr = 0.1", "lr = 0.2")).await;
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(6 + JOBS).await;
    let over = || async { Some(get(&served, "other").await).filter(|sweep| sweep.finished) };
    eventually(over).await;
    assert_eq!((verdicts(&served, "other").await, verdicts(&served, "tiny").await), (4, 0));
    assert!(!get(&served, "tiny").await.finished, "it waits");
    served.stop().await;
}
