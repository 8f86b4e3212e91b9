//! The scripted answers: one small sweep, halfway through.

use super::{Asked, ENDLESS, FAILED, SWEEP, WHOLE};
use safetensors::{Dtype, serialize, tensor::TensorView};
use std::{collections::HashMap, pin::Pin};
use tokio_stream::{Iter, Stream, StreamExt, iter, pending};
use tombola_wire::v1::{
    self, CurvePoint, RunPoint, artifact_service_server::ArtifactService, query_service_server::QueryService,
    sweep_service_server::SweepService, value::Kind,
};
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;
type Events<T> = Iter<std::vec::IntoIter<Result<T, Status>>>;

#[derive(Clone)]
pub(super) struct Fake {
    asked: Asked,
    /// By BLAKE3 digest.
    artifacts: HashMap<String, Vec<u8>>,
    mask: String,
    weights: String,
}

/// The sweep everything here is about.
fn sweep() -> v1::Sweep {
    v1::Sweep {
        decides: false,
        id: "s1".into(),
        name: "lenet".into(),
        state: "active".into(),
        jobs: Some(v1::JobCounts { waiting: 40, ready: 3, running: 2, done: 131, failed: 1 }),
        iterations_done: 160_500,
        iterations: 297_000,
        finished: false,
        file: "name = \"lenet\"\nseeds = \"1..=3\"\n".into(),
        trials: 3,
    }
}

impl Fake {
    pub(super) fn new(asked: Asked) -> Self {
        let (mask, weights) = (mask(), weights());
        let name = |data: &[u8]| blake3::hash(data).to_hex().to_string();
        let (mask_name, weights_name) = (name(&mask), name(&weights));
        let artifacts = HashMap::from([(mask_name.clone(), mask), (weights_name.clone(), weights)]);
        Self { asked, artifacts, mask: mask_name, weights: weights_name }
    }

    fn note(&self, request: &str, about: &str) {
        self.asked.lock().unwrap().push(format!("{request} {}", about.lines().next().unwrap_or_default()));
    }

    /// The sweep, if it is called by its name or id.
    fn find(&self, request: &str, name: &str) -> Result<v1::Sweep, Status> {
        self.note(request, name);
        let known = sweep();
        if [&known.name, &known.id].contains(&&name.to_owned()) {
            return Ok(known);
        }
        Err(Status::not_found(format!(
            "no sweep is called `{name}`\nhint: `tombola list` shows those there are"
        )))
    }

    fn steer(&self, request: &str, name: &str, state: &str) -> Answer<v1::Sweep> {
        let sweep = self.find(request, name)?;
        Ok(Response::new(v1::Sweep { state: state.into(), ..sweep }))
    }
}

/// Two tensors of three layers' worth, as the engine writes them: bytes of 0 and 1.
fn mask() -> Vec<u8> {
    let hidden: Vec<u8> = (0..12).map(|n| u8::from(n % 4 == 0)).collect();
    let output = [1, 0, 1, 1, 0, 1];
    let tensors = [
        ("fc_layers.0.weight", TensorView::new(Dtype::U8, vec![3, 4], &hidden).unwrap()),
        ("fc.weight", TensorView::new(Dtype::U8, vec![2, 3], &output).unwrap()),
    ];
    serialize(tensors, None).unwrap()
}

fn weights() -> Vec<u8> {
    let values = |n: usize| -> Vec<u8> { (1..=n).flat_map(|n| (n as f32).to_le_bytes()).collect() };
    let tensors = [
        ("fc_layers.0.weight", vec![3, 4]),
        ("fc_layers.0.bias", vec![3]),
        ("fc.weight", vec![2, 3]),
        ("fc.bias", vec![2]),
    ];
    let data: Vec<_> = tensors.iter().map(|(_, shape)| values(shape.iter().product())).collect();
    let views = tensors
        .iter()
        .zip(&data)
        .map(|((name, shape), data)| (*name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
    serialize(views, None).unwrap()
}

fn curve() -> Vec<CurvePoint> {
    let point = |branch: &str, kind: &str, round, density, mean, sd| CurvePoint {
        branch: branch.into(),
        kind: kind.into(),
        round,
        density,
        seeds: 3,
        runs: 3,
        mean,
        sd,
        min: mean - 0.002,
        max: mean + 0.003,
        early_stop_iteration: Some(2_000.0),
        ..CurvePoint::default()
    };
    vec![
        point("", "ticket", 0, 1.0, 0.8746, Some(0.0021)),
        point("", "ticket", 13, 0.0557, 0.8886, Some(0.0012)),
        point("reinit", "reinit", 13, 0.0557, 0.8636, Some(0.0027)),
        CurvePoint { seeds: 1, runs: 1, ..point("random", "random_mask", 13, 0.0557, 0.8581, None) },
    ]
}

fn runs() -> Vec<RunPoint> {
    let run = |p: &CurvePoint, seed: u64| RunPoint {
        branch: p.branch.clone(),
        kind: p.kind.clone(),
        round: p.round,
        density: p.density,
        seed,
        accuracy: p.mean + 0.001 * (seed as f64 - 2.0),
        ..RunPoint::default()
    };
    curve().iter().flat_map(|point| (1..=u64::from(point.seeds)).map(move |seed| run(point, seed))).collect()
}

fn events() -> Vec<v1::WatchEvent> {
    let running = |job: &str, label: &str, worker: &str, iteration| v1::Running {
        job: job.into(),
        label: label.into(),
        worker: worker.into(),
        iteration,
        from: 0,
        to: 3_000,
    };
    let ended = |job: &str, label: &str, how: &str, message: &str| v1::Ended {
        job: job.into(),
        label: label.into(),
        how: how.into(),
        message: message.into(),
    };
    let done = v1::JobCounts { waiting: 0, ready: 0, running: 0, done: 176, failed: 1 };
    vec![
        v1::WatchEvent {
            sweep: Some(sweep()),
            running: vec![
                running("j140", "seed=1 round 14", "worker-1", 1_200),
                running("j141", "seed=2 reinit round 13", "worker-2", 300),
            ],
            ended: Vec::new(),
            warnings: Vec::new(),
        },
        v1::WatchEvent {
            sweep: Some(v1::Sweep { iterations_done: 163_500, ..sweep() }),
            running: vec![running("j141", "seed=2 reinit round 13", "worker-2", 2_800)],
            ended: vec![
                ended("j140", "seed=1 round 14", "done", ""),
                ended("j150", "seed=3 random round 17", "failed", "not finite: the loss at iteration 400"),
            ],
            warnings: Vec::new(),
        },
        v1::WatchEvent {
            sweep: Some(v1::Sweep {
                iterations_done: 297_000,
                state: "failed".into(),
                finished: true,
                jobs: Some(done),
                ..sweep()
            }),
            ..v1::WatchEvent::default()
        },
    ]
}

#[tonic::async_trait]
impl SweepService for Fake {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::WatchEvent, Status>> + Send>>;

    async fn plan(&self, request: Request<v1::PlanRequest>) -> Answer<v1::PlanResponse> {
        self.note("Plan", &request.into_inner().file);
        let setting = |name: &str, value: &str, is_default| v1::Setting {
            name: name.into(),
            value: value.into(),
            is_default,
        };
        Ok(Response::new(v1::PlanResponse {
            at_most: false,
            name: "lenet".into(),
            trials: 3,
            rounds: 99,
            jobs: 177,
            jobs_new: 118,
            jobs_shared: 18,
            jobs_known: 59,
            iterations_new: 198_000,
            iterations_asked: 297_000,
            flops_new: 1.9e13,
            bytes_kept: 111_954_880,
            settings: vec![setting("seeds", "1..=3", false), setting("train.order", "fresh", true)],
            ladder: vec![
                v1::Density { round: 0, density: 1.0 },
                v1::Density { round: 1, density: 0.8004 },
                v1::Density { round: 20, density: 0.0119 },
            ],
            device_seconds: 270.0,
            warnings: Vec::new(),
        }))
    }

    async fn diff(&self, _: Request<v1::DiffRequest>) -> Answer<v1::DiffResponse> {
        Err(Status::unimplemented("the command compares by itself"))
    }

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Answer<v1::SubmitResponse> {
        self.note("Submit", &request.into_inner().file);
        Ok(Response::new(v1::SubmitResponse {
            sweep: Some(sweep()),
            jobs_new: 1_118,
            jobs_known: 59,
            created: true,
            warnings: vec!["no connected worker has the data set `mnist`".into()],
        }))
    }

    async fn extend(&self, request: Request<v1::ExtendRequest>) -> Answer<v1::SubmitResponse> {
        let v1::ExtendRequest { sweep, file } = request.into_inner();
        let sweep = self.find("Extend", &sweep)?;
        self.note("by", &file);
        Ok(Response::new(v1::SubmitResponse {
            sweep: Some(sweep),
            jobs_new: 0,
            jobs_known: 0,
            created: false,
            warnings: Vec::new(),
        }))
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Answer<v1::Sweep> {
        let name = request.into_inner().sweep;
        if name == WHOLE {
            self.note("Get", &name);
            return Ok(Response::new(v1::Sweep { name, file: SWEEP.to_owned(), ..sweep() }));
        }
        if name == FAILED {
            let jobs = Some(v1::JobCounts { failed: 3, ..v1::JobCounts::default() });
            return Ok(Response::new(v1::Sweep { name, jobs, ..sweep() }));
        }
        self.find("Get", &name).map(Response::new)
    }

    async fn list(&self, _: Request<v1::ListRequest>) -> Answer<v1::ListResponse> {
        let jobs = Some(v1::JobCounts { done: 1_705, ..v1::JobCounts::default() });
        let (id, name, trials) = ("s2".into(), "lth-lenet".into(), 5);
        let done = v1::Sweep {
            id,
            name,
            trials,
            state: "finished".into(),
            finished: true,
            jobs,
            iterations_done: 9,
            iterations: 9,
            ..sweep()
        };
        let given_up = v1::Sweep {
            id: "s3".into(),
            name: "given-up".into(),
            state: "cancelled".into(),
            finished: true,
            jobs: Some(v1::JobCounts { done: 12, ..v1::JobCounts::default() }),
            iterations_done: 900,
            iterations: 900,
            ..sweep()
        };
        Ok(Response::new(v1::ListResponse { sweeps: vec![sweep(), done, given_up] }))
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Answer<Self::WatchStream> {
        let name = request.into_inner().sweep;
        if name == ENDLESS {
            let first = events().into_iter().take(1).map(Ok);
            return Ok(Response::new(Box::pin(iter(first).chain(pending()))));
        }
        self.find("Watch", &name)?;
        let mut events: Vec<_> = events().into_iter().map(Ok).collect();
        // Who watches by id sees the coordinator restart after the first event.
        if name == "s1" && self.asked.lock().unwrap().len() == 1 {
            events.truncate(1);
            events.push(Err(Status::unavailable("the coordinator is shutting down")));
        }
        Ok(Response::new(Box::pin(iter(events))))
    }

    async fn pause(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        self.steer("Pause", &request.into_inner().sweep, "paused")
    }

    async fn resume(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        self.steer("Resume", &request.into_inner().sweep, "active")
    }

    async fn stop(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        self.steer("Stop", &request.into_inner().sweep, "stopped")
    }

    async fn cancel(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        self.steer("Cancel", &request.into_inner().sweep, "cancelled")
    }

    async fn retry(&self, request: Request<v1::RetryRequest>) -> Answer<v1::RetryResponse> {
        self.find("Retry", &request.into_inner().sweep)?;
        Ok(Response::new(v1::RetryResponse { jobs: 2 }))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Answer<v1::ExplainResponse> {
        self.note("Explain", &request.into_inner().what);
        let lines =
            ["job j12 (prune) waits for j11", "j11 runs on worker-1 since 12 s, iteration 1,200 of 3,000"];
        Ok(Response::new(v1::ExplainResponse { lines: lines.map(str::to_owned).to_vec() }))
    }

    async fn failures(&self, request: Request<v1::SweepRef>) -> Answer<v1::FailuresResponse> {
        self.find("Failures", &request.into_inner().sweep)?;
        let failed = v1::FailedJob {
            job: "j150".into(),
            label: "seed=3 random round 17".into(),
            state: "failed".into(),
            class: "not_finite".into(),
            message: "not finite: the loss at iteration 400".into(),
            tries: 1,
            worker: "worker-2".into(),
        };
        Ok(Response::new(v1::FailuresResponse { jobs: vec![failed] }))
    }

    async fn results(&self, request: Request<v1::SweepRef>) -> Answer<v1::ResultsResponse> {
        let name = request.into_inner().sweep;
        if name == FAILED {
            return Ok(Response::new(v1::ResultsResponse::default()));
        }
        self.find("Results", &name)?;
        let sql = "select round, density, kind, mean, sd\nfrom ticket_curve\nwhere sweep = 'lenet'".into();
        Ok(Response::new(v1::ResultsResponse { curve: curve(), runs: runs(), sql, ..Default::default() }))
    }

    async fn ticket(&self, request: Request<v1::TicketRequest>) -> Answer<v1::TicketResponse> {
        let v1::TicketRequest { sweep, trial, round, branch, copy, slim, mask: alone } = request.into_inner();
        self.find("Ticket", &sweep)?;
        self.note("of", &format!("{trial}/{round}/{branch}/{copy}"));
        let mask = if round == 0 || slim { String::new() } else { self.mask.clone() };
        let card = format!("{{\n  \"sweep\": \"{sweep}\",\n  \"round\": {round},\n  \"living\": 7\n}}\n");
        let weights = if alone { String::new() } else { self.weights.clone() };
        Ok(Response::new(v1::TicketResponse { mask, weights, card }))
    }

    /// Made again by the second time it is asked for.
    async fn make_again(&self, request: Request<v1::TicketRequest>) -> Answer<v1::MakeAgainResponse> {
        self.find("MakeAgain", &request.into_inner().sweep)?;
        let times = self.asked.lock().unwrap().iter().filter(|what| what.starts_with("MakeAgain")).count();
        Ok(Response::new(v1::MakeAgainResponse { jobs_left: u64::from(times < 2) }))
    }

    async fn workers(&self, _: Request<v1::WorkersRequest>) -> Answer<v1::WorkersResponse> {
        let slot = |name: &str, jobs: &[&str], queued| v1::WorkerSlot {
            out_of_service: if jobs.is_empty() {
                "its engine does not start: no CUDA device".to_owned()
            } else {
                String::new()
            },
            device: "cpu".into(),
            name: name.into(),
            lanes: 2,
            jobs: jobs.iter().map(|&job| job.to_owned()).collect(),
            queued,
        };
        let worker = |id: &str, name: &str, slots| v1::Worker {
            id: id.into(),
            name: name.into(),
            host: "lab-3".into(),
            state: "connected".into(),
            version: "0.1.0".into(),
            slots,
            data: vec!["fashion_mnist".into(), "mnist".into()],
            seconds_since_heartbeat: 0.4,
            data_folder: "/srv/data".into(),
        };
        Ok(Response::new(v1::WorkersResponse {
            workers: vec![
                worker("w1", "worker-1", vec![slot("0", &["j140", "j141"], 2), slot("1", &[], 0)]),
                v1::Worker {
                    state: "draining".into(),
                    ..worker("w2", "worker-2", vec![slot("0", &["j12"], 0)])
                },
            ],
        }))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Answer<v1::DrainResponse> {
        self.note("Drain", &request.into_inner().worker);
        Ok(Response::new(v1::DrainResponse {}))
    }
}

#[tonic::async_trait]
impl QueryService for Fake {
    async fn query(&self, request: Request<v1::QueryRequest>) -> Answer<v1::QueryResponse> {
        let v1::QueryRequest { sql, max_rows } = request.into_inner();
        self.note("Query", &sql);
        if !sql.starts_with("select") {
            return Err(Status::invalid_argument(
                "only reading is possible\nhint: begin with `select` or `with`",
            ));
        }
        let value = |kind| v1::Value { kind };
        let row = |sweep: &str, seed, accuracy, matching| v1::Row {
            values: vec![
                value(Some(Kind::Text(sweep.into()))),
                value(Some(Kind::Integer(seed))),
                value(accuracy),
                value(Some(Kind::Boolean(matching))),
            ],
        };
        let rows = vec![row("lenet", 1, Some(Kind::Real(0.8886)), true), row("a, \"b\"", 2, None, false)];
        let columns = ["sweep", "seed", "accuracy", "matching"].map(str::to_owned).to_vec();
        Ok(Response::new(v1::QueryResponse { columns, rows, truncated: max_rows == 2 }))
    }
}

#[tonic::async_trait]
impl ArtifactService for Fake {
    type GetStream = Events<v1::Chunk>;

    async fn put(&self, request: Request<Streaming<v1::PutRequest>>) -> Answer<v1::PutResponse> {
        let _ = request.into_inner().next().await;
        Err(Status::unimplemented("people put nothing"))
    }

    async fn get(&self, request: Request<v1::GetArtifactRequest>) -> Answer<Self::GetStream> {
        let digest = request.into_inner().digest;
        let data =
            self.artifacts.get(&digest).ok_or_else(|| Status::not_found(format!("no artifact {digest}")))?;
        let chunks: Vec<_> = data.chunks(100).map(|data| Ok(v1::Chunk { data: data.to_vec() })).collect();
        Ok(Response::new(iter(chunks)))
    }

    async fn have(&self, request: Request<v1::HaveRequest>) -> Answer<v1::HaveResponse> {
        Ok(Response::new(v1::HaveResponse { digests: request.into_inner().digests }))
    }
}
