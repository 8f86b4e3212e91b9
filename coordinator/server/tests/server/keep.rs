//! Weights that a sweep does not keep: gone from the disk once nobody reads them, and there again for whoever asks.

use crate::rig::{Home, SWEEP, Served, Worker, eventually, scenarios, with};
use std::{fs, path::Path, time::Duration};
use tombola_server::config::Span;
use tombola_wire::v1::{
    ExplainRequest, ExtendRequest, GetArtifactRequest, QueryRequest, SubmitRequest, SweepRef, TicketRequest,
    TicketResponse, value::Kind,
};
use tonic::{Code, Status};

scenarios!(
    weights_nobody_keeps_go_and_are_made_again_on_demand,
    an_extension_makes_again_what_it_reads,
    nothing_is_made_again_for_a_sweep_that_was_given_up,
);

/// Files of artifacts.
fn files(home: &Home) -> usize {
    let folders = fs::read_dir(home.state().join("artifacts")).unwrap().map(|entry| entry.unwrap().path());
    let short = |folder: &std::path::PathBuf| folder.file_name().is_some_and(|name| name.len() == 2);
    let files = |folder: &Path| fs::read_dir(folder).unwrap().count();
    folders.filter(short).map(|folder| files(&folder)).sum()
}

async fn number(served: &Served, sql: &str) -> i64 {
    let request = QueryRequest { sql: sql.to_owned(), max_rows: 0 };
    let answer = served.query().query(request).await.unwrap().into_inner();
    match answer.rows[0].values[0].kind {
        Some(Kind::Integer(number)) => number,
        ref other => panic!("{other:?}"),
    }
}

/// The sweep of this file, done, and what it does not keep dropped.
async fn finished(home: &Home, file: &str) {
    let mut config = home.config();
    config.uploads.collect = Span(Duration::from_millis(20));
    config.uploads.unkept = Span(Duration::from_millis(20));
    let served = home.serve_with(config).await;
    served.sweeps().submit(SubmitRequest { file: file.to_owned() }).await.unwrap();
    Worker::connect(served.address, "one").await.work(12).await;
    let masks = number(&served, "select count(distinct digest) from outputs where output = 'mask'").await;
    eventually(|| std::future::ready((files(home) as i64 == masks).then_some(()))).await;
    served.stop().await;
}

fn keeping_none() -> String {
    format!("keep = \"none\"\n{SWEEP}")
}

fn ticket(round: u32) -> TicketRequest {
    TicketRequest { sweep: "tiny".to_owned(), trial: 1, round, ..TicketRequest::default() }
}

async fn fetched(served: &Served, request: TicketRequest) -> Result<TicketResponse, Status> {
    Ok(served.sweeps().ticket(request).await?.into_inner())
}

async fn left(served: &Served, request: TicketRequest) -> Result<u64, Status> {
    Ok(served.sweeps().make_again(request).await?.into_inner().jobs_left)
}

async fn explained(served: &Served, what: &str) -> String {
    let request = ExplainRequest { what: what.to_owned() };
    served.sweeps().explain(request).await.unwrap().into_inner().lines.join("\n")
}

async fn weights_nobody_keeps_go_and_are_made_again_on_demand(home: &Home) {
    finished(home, &keeping_none()).await;
    let served = home.serve().await;
    assert_eq!(number(&served, "select done from sweep_progress").await, 12, "results stay");
    let gone = fetched(&served, ticket(2)).await.unwrap_err();
    assert_eq!(gone.code(), Code::FailedPrecondition);
    assert!(gone.message().contains("`tombola fetch tiny/1/2 --again`"), "{gone}");
    assert!(gone.message().contains("`tombola fetch tiny/1/2 --mask`"), "{gone}");

    // Its mask is there, whatever is kept; a dense round has none.
    let mask = fetched(&served, TicketRequest { mask: true, ..ticket(2) }).await.unwrap();
    assert!(mask.weights.is_empty() && mask.card.contains("\"weights\": null"), "{}", mask.card);
    let request = GetArtifactRequest { digest: mask.mask };
    let mut bytes = served.artifacts().get(request).await.unwrap().into_inner();
    assert!(bytes.message().await.unwrap().is_some());
    let dense = fetched(&served, TicketRequest { mask: true, ..ticket(0) }).await.unwrap_err();
    assert!(dense.message().contains("`tiny/1/0` is dense"), "{dense}");

    // Rewound to the start: its training draws the weights anew.
    assert_eq!(left(&served, ticket(2)).await.unwrap(), 1);
    assert_eq!(left(&served, ticket(2)).await.unwrap(), 1, "asked twice, made once");
    Worker::connect(served.address, "two").await.work(1).await;
    assert_eq!(left(&served, ticket(2)).await.unwrap(), 0);
    assert_eq!(
        number(&served, "select count(*) from audit where action = 'make again'").await,
        1,
        "it was made once"
    );
    let again = fetched(&served, ticket(2)).await.unwrap();
    let request = GetArtifactRequest { digest: again.weights };
    let mut weights = served.artifacts().get(request).await.unwrap().into_inner();
    assert!(weights.message().await.unwrap().is_some());

    let first = number(&served, "select job from dropped_output where made_again_by = 13 limit 1").await;
    let lines = explained(&served, "j13").await;
    assert!(lines.contains(&format!("makes again what was dropped of j{first}")), "{lines}");
    let lines = explained(&served, &format!("j{first}")).await;
    assert!(lines.contains("its weights were dropped"), "{lines}");
    served.stop().await;
}

async fn an_extension_makes_again_what_it_reads(home: &Home) {
    finished(home, &keeping_none()).await;
    let served = home.serve().await;
    let file =
        with(&[("rounds = 2", "rounds = 3"), ("seeds = \"1..=2\"", "seeds = \"1..=2\"\nkeep = \"all\"")]);
    let extend = ExtendRequest { sweep: "tiny".to_owned(), file };
    let planned = served.sweeps().plan(tombola_wire::v1::PlanRequest { file: extend.file.clone() }).await;
    let extended = served.sweeps().extend(extend).await.unwrap().into_inner();
    // A mask and a training for each seed, and the training that the mask is made of once more.
    assert_eq!(extended.jobs_new, 2 * (2 + 1));
    assert_eq!(planned.unwrap().into_inner().jobs_new, 2 * (2 + 1), "`tombola plan` told so before");
    Worker::connect(served.address, "two").await.work(6).await;
    assert_eq!(number(&served, "select count(*) from outputs where output = 'weights'").await, 2 * 2);
    fetched(&served, ticket(3)).await.unwrap();
    served.stop().await;
}

async fn nothing_is_made_again_for_a_sweep_that_was_given_up(home: &Home) {
    let served = home.serve().await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let smaller = TicketRequest { slim: true, ..ticket(2) };
    let refused = left(&served, smaller).await.unwrap_err();
    assert!(refused.message().starts_with("no smaller network was made"), "{refused}");
    served.sweeps().pause(SweepRef { sweep: "tiny".to_owned() }).await.unwrap();
    let refused = left(&served, ticket(2)).await.unwrap_err();
    assert!(refused.message().contains("`tombola resume tiny`"), "{refused}");
    served.sweeps().cancel(SweepRef { sweep: "tiny".to_owned() }).await.unwrap();
    let refused = left(&served, ticket(2)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("`tombola extend tiny FILE`"), "{refused}");
    served.stop().await;
}
