//! What people do with sweeps, from the first plan to the last result.

use crate::rig::{Home, SWEEP, Worker, scenarios};
use tombola_wire::v1::{
    GetRequest, ListRequest, PlanRequest, SubmitRequest, SweepRef, TicketRequest, WatchRequest,
};

scenarios!(a_sweep_runs_from_plan_to_results);

async fn a_sweep_runs_from_plan_to_results(home: Home) {
    let served = home.serve().await;
    let mut sweeps = served.sweeps();

    let plan = sweeps.plan(PlanRequest { file: SWEEP.to_owned() }).await.unwrap().into_inner();
    assert_eq!((plan.trials, plan.rounds, plan.jobs, plan.jobs_new), (2, 8, 12, 12));
    assert_eq!(plan.device_seconds, 0.0, "nothing alike was measured yet");

    let submitted = sweeps.submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap().into_inner();
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
    assert_eq!(ended.len(), 12);
    assert!(ended.iter().all(|ended| ended.how == "done"));
    assert!(ended.iter().any(|ended| ended.label == "trial 2, round 2, reinit 0"), "{ended:?}");

    let results = sweeps.results(SweepRef { sweep: "s1".to_owned() }).await.unwrap().into_inner();
    assert_eq!((results.curve.len(), results.runs.len()), (4, 8));
    let last = results.curve.iter().find(|point| point.round == 2 && point.kind == "ticket").unwrap();
    assert!((last.mean - (0.9 - 0.02 + 0.0015)).abs() < 1e-9 && last.seeds == 2, "{last:?}");

    let ticket = TicketRequest { sweep: "tiny".to_owned(), trial: 2, round: 1, ..TicketRequest::default() };
    let ticket = sweeps.ticket(ticket).await.unwrap().into_inner();
    let card: serde_json::Value = serde_json::from_str(&ticket.card).unwrap();
    assert_eq!((card["mask"].as_str(), card["seed"].as_u64()), (Some(ticket.mask.as_str()), Some(2)));

    let listed = sweeps.list(ListRequest {}).await.unwrap().into_inner().sweeps;
    let shown = sweeps.get(GetRequest { sweep: "tiny".to_owned() }).await.unwrap().into_inner();
    assert_eq!((listed.len(), listed[0].trials, shown.file.as_str()), (1, 2, SWEEP));
    served.stop().await;
}
