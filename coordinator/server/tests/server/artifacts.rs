//! Bytes by digest: what is checked, what is kept, what is collected.

use crate::rig::{Home, SWEEP, Served, Worker, admin, eventually, scenarios};
use std::{path::PathBuf, time::Duration};
use tombola_server::config::Span;
use tombola_spec::{Digest, outcome::Artifact};
use tombola_wire::v1::{
    self, Chunk, GetArtifactRequest, HaveRequest, PutHeader, PutRequest, QueryRequest, SubmitRequest,
    put_request, report, value::Kind,
};
use tonic::{Code, Status};

scenarios!(
    bytes_are_checked_against_their_name,
    uploads_nobody_names_are_collected_and_nothing_else,
    nothing_that_is_needed_is_collected_while_a_sweep_runs,
    an_upload_is_protected_anew_by_whoever_asks_for_it,
    an_upload_that_breaks_off_leaves_nothing,
);

async fn get(served: &Served, digest: &Digest) -> Result<Vec<u8>, Status> {
    let request = GetArtifactRequest { digest: digest.to_string() };
    let mut chunks = served.artifacts().get(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(Chunk { data }) = chunks.message().await? {
        assert!(data.len() <= tombola_wire::CHUNK);
        bytes.extend(data);
    }
    Ok(bytes)
}

async fn put(served: &Served, name: Artifact, chunks: &[&[u8]]) -> Result<bool, Status> {
    let header = PutHeader { digest: name.digest.to_string(), bytes: name.bytes };
    let header = PutRequest { part: Some(put_request::Part::Header(header)) };
    let chunk = |bytes: &&[u8]| PutRequest { part: Some(put_request::Part::Chunk(bytes.to_vec())) };
    let parts: Vec<_> = [header].into_iter().chain(chunks.iter().map(chunk)).collect();
    let put = served.artifacts().put(tokio_stream::iter(parts)).await;
    put.map(|answer| answer.into_inner().existed)
}

fn name(bytes: &[u8]) -> Artifact {
    Artifact { digest: Digest::of(bytes), bytes: bytes.len() as u64 }
}

async fn pins(served: &Served, name: &Artifact) -> usize {
    let sql = format!("select 1 from pins where digest = '{}'", name.digest);
    served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows.len()
}

/// Where an artifact lies.
fn file(home: &Home, digest: &Digest) -> PathBuf {
    let name = digest.to_string();
    home.state().join("artifacts").join(&name[..2]).join(name)
}

async fn bytes_are_checked_against_their_name(home: &Home) {
    let served = home.serve().await;
    let large: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
    let pieces: Vec<&[u8]> = large.chunks(tombola_wire::CHUNK).collect();
    assert!(!put(&served, name(&large), &pieces).await.unwrap());
    assert!(put(&served, name(&large), &pieces).await.unwrap(), "once more is harmless");
    assert_eq!(get(&served, &name(&large).digest).await.unwrap(), large);

    let promised = name(b"promised");
    for (sent, bytes) in [(&b"otherwise"[..], 9), (b"promise", 8), (b"promised!", 8)] {
        let refused = put(&served, Artifact { bytes, ..promised }, &[sent]).await.unwrap_err();
        assert_eq!(refused.code(), Code::DataLoss, "{refused}");
        assert_eq!(get(&served, &promised.digest).await.unwrap_err().code(), Code::NotFound);
    }
    let huge = Artifact { bytes: 1 << 50, ..promised };
    // "Exhausted" would have the worker wait for room that never comes.
    let refused = put(&served, huge, &[]).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().contains("16GiB") && refused.message().contains("`limits.artifact`"),
        "{refused}"
    );
    let huge = Artifact { bytes: 1 << 50, ..name(b"never there") };
    put(&served, huge, &[]).await.unwrap_err();
    assert_eq!(pins(&served, &huge).await, 0, "what is refused is not pinned");

    // What rots on the disk is noticed, never passed on.
    std::fs::write(file(home, &name(&large).digest), &large[1..]).unwrap();
    assert_eq!(get(&served, &name(&large).digest).await.unwrap_err().code(), Code::DataLoss);
    served.stop().await;
}

async fn uploads_nobody_names_are_collected_and_nothing_else(home: &Home) {
    let mut config = home.config();
    config.uploads.collect = Span(Duration::from_millis(50));
    config.uploads.kept = Span(Duration::from_millis(300));
    let served = home.serve_with(config.clone()).await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(1).await;
    // One checkpoint that a newer one replaces, and an upload that no report ever names.
    let job = worker.begin().await;
    let (old, new) = (worker.put(b"checkpoint 1".to_vec()).await, worker.put(b"checkpoint 2".to_vec()).await);
    for (iteration, artifact) in [(10, old), (20, new)] {
        let taken = v1::CheckpointTaken { iteration, artifact: Some(artifact.into()) };
        worker.report(&job, report::What::Checkpoint(taken)).await;
    }
    let stray = worker.put(b"stray".to_vec()).await;
    for gone in [old, stray] {
        eventually(|| std::future::ready((!file(home, &gone.digest).exists()).then_some(()))).await;
    }
    assert!(file(home, &new.digest).exists(), "the newest checkpoint is needed");
    assert_eq!(lost(home, &served).await, Vec::<String>::new());
    served.stop().await;
}

/// Outputs of finished jobs that are not on the disk.
async fn lost(home: &Home, served: &Served) -> Vec<String> {
    let sql = "select digest from outputs".to_owned();
    let rows = served.query().query(QueryRequest { sql, max_rows: 0 }).await.unwrap().into_inner().rows;
    assert!(!rows.is_empty());
    let digests = rows.iter().map(|row| match &row.values[0].kind {
        Some(Kind::Text(digest)) => digest.clone(),
        other => panic!("{other:?}"),
    });
    digests.filter(|digest| !file(home, &digest.parse().unwrap()).exists()).collect()
}

async fn nothing_that_is_needed_is_collected_while_a_sweep_runs(home: &Home) {
    let mut config = home.config();
    // As eager as can be; an upload waits for its report just long enough.
    config.uploads.collect = Span(Duration::from_millis(1));
    config.uploads.kept = Span(Duration::from_millis(500));
    let served = home.serve_with(config).await;
    served.sweeps().submit(SubmitRequest { file: SWEEP.to_owned() }).await.unwrap();
    let mut worker = Worker::connect(served.address, "one").await;
    worker.work(12).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(lost(home, &served).await, Vec::<String>::new());
    // What is there already is pinned anew by whoever asks for it, or it is said not to be there.
    let again = worker.put(b"again".to_vec()).await;
    let digests = vec![again.digest.to_string()];
    let have = served.artifacts().have(HaveRequest { digests }).await.unwrap().into_inner().digests;
    assert_eq!(have.len() == 1, file(home, &again.digest).exists());
    served.stop().await;
}

/// `put` of what is there, and `have`, count as the upload did: a report that names it may come long after.
async fn an_upload_is_protected_anew_by_whoever_asks_for_it(home: &Home) {
    let served = home.serve().await;
    let [sent, had, forgotten] = ["sent again", "asked for", "forgotten"].map(str::as_bytes);
    for bytes in [sent, had, forgotten] {
        put(&served, name(bytes), &[bytes]).await.unwrap();
    }
    admin(&home.place, "update pins set expires = '2000-01-01T00:00:00.000Z'").await;
    assert!(put(&served, name(sent), &[sent]).await.unwrap());
    let asked = [had, b"never there"].map(|bytes| name(bytes).digest.to_string());
    let have = served.artifacts().have(HaveRequest { digests: asked.to_vec() }).await.unwrap();
    assert_eq!(have.into_inner().digests, asked[..1]);
    served.stop().await;

    let mut config = home.config();
    config.uploads.collect = Span(Duration::from_millis(20));
    let served = home.serve_with(config).await;
    let there = |bytes: &[u8]| file(home, &name(bytes).digest).exists();
    eventually(|| std::future::ready((!there(forgotten)).then_some(()))).await;
    assert!(there(sent) && there(had));
    served.stop().await;
}

async fn an_upload_that_breaks_off_leaves_nothing(home: &Home) {
    let served = home.serve().await;
    let whole = vec![7; 3 * tombola_wire::CHUNK];
    let header = PutHeader { digest: name(&whole).digest.to_string(), bytes: whole.len() as u64 };
    let parts =
        [put_request::Part::Header(header), put_request::Part::Chunk(whole[..tombola_wire::CHUNK].into())];
    let (say, said) = tokio::sync::mpsc::channel(4);
    for part in parts {
        say.send(PutRequest { part: Some(part) }).await.unwrap();
    }
    let mut shelf = served.artifacts();
    let upload =
        tokio::spawn(async move { shelf.put(tokio_stream::wrappers::ReceiverStream::new(said)).await });
    let incoming = home.state().join("artifacts/incoming");
    // Each process has a room of its own there.
    let rooms = || std::fs::read_dir(&incoming).unwrap().map(|room| room.unwrap().path());
    let begun = || rooms().any(|room| std::fs::read_dir(room).is_ok_and(|mut files| files.next().is_some()));
    eventually(|| std::future::ready(begun().then_some(()))).await;
    // The sender is gone.
    upload.abort();
    eventually(|| std::future::ready((!begun()).then_some(()))).await;
    assert_eq!(get(&served, &name(&whole).digest).await.unwrap_err().code(), Code::NotFound);
    served.stop().await;
}
