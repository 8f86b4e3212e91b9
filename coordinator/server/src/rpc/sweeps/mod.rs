//! `SweepService`: what people do with sweeps. One file per kind of question.

mod again;
mod explain;
mod find;
mod labels;
mod plan;
mod results;
mod speed;
mod steer;
mod submit;
mod ticket;
mod watch;
mod workers;

use crate::{Error, access::Caller, artifacts::Artifacts, collect::Gate, driver::Driver, store::Store};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tombola_core::record::SweepState;
use tombola_wire::v1::{self, sweep_service_server::SweepService};
use tonic::{Request, Response, Status};

/// Sweeps. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sweeps {
    pub(crate) driver: Driver,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) shelf: Artifacts,
    pub(crate) gate: Gate,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// Room for people who watch.
    pub(crate) watches: Arc<Semaphore>,
}

type Answer<T> = Result<Response<T>, Status>;

/// The one way from an answer of ours to one on the wire.
fn answer<T>(result: Result<T, Error>) -> Answer<T> {
    Ok(Response::new(result?))
}

#[tonic::async_trait]
impl SweepService for Sweeps {
    type WatchStream = ReceiverStream<Result<v1::WatchEvent, Status>>;

    async fn plan(&self, request: Request<v1::PlanRequest>) -> Answer<v1::PlanResponse> {
        answer(self.plan_file(request.into_inner().file).await)
    }

    async fn diff(&self, request: Request<v1::DiffRequest>) -> Answer<v1::DiffResponse> {
        answer(self.diff_files(request.into_inner()).await)
    }

    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Answer<v1::SubmitResponse> {
        let caller = Caller::of(&request);
        answer(self.submit_file(request.into_inner().file, &caller).await)
    }

    async fn extend(&self, request: Request<v1::ExtendRequest>) -> Answer<v1::SubmitResponse> {
        let caller = Caller::of(&request);
        answer(self.extend_by(request.into_inner(), &caller).await)
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Answer<v1::Sweep> {
        answer(self.show(&request.into_inner().sweep).await)
    }

    async fn list(&self, _: Request<v1::ListRequest>) -> Answer<v1::ListResponse> {
        answer(self.list_all().await)
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Answer<Self::WatchStream> {
        answer(self.watch_one(&request.into_inner().sweep).await)
    }

    async fn pause(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        answer(self.steer(request, SweepState::Paused).await)
    }

    async fn resume(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        answer(self.steer(request, SweepState::Active).await)
    }

    async fn stop(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        answer(self.steer(request, SweepState::Stopped).await)
    }

    async fn cancel(&self, request: Request<v1::SweepRef>) -> Answer<v1::Sweep> {
        answer(self.steer(request, SweepState::Cancelled).await)
    }

    async fn retry(&self, request: Request<v1::RetryRequest>) -> Answer<v1::RetryResponse> {
        let caller = Caller::of(&request);
        answer(self.retry_failed(&request.into_inner().sweep, &caller).await)
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Answer<v1::ExplainResponse> {
        answer(self.explain_what(&request.into_inner().what).await)
    }

    async fn failures(&self, request: Request<v1::SweepRef>) -> Answer<v1::FailuresResponse> {
        answer(self.failures_of(&request.into_inner().sweep).await)
    }

    async fn results(&self, request: Request<v1::SweepRef>) -> Answer<v1::ResultsResponse> {
        answer(self.results_of(&request.into_inner().sweep).await)
    }

    async fn ticket(&self, request: Request<v1::TicketRequest>) -> Answer<v1::TicketResponse> {
        let caller = Caller::of(&request);
        answer(self.hand_out(request.into_inner(), &caller).await)
    }

    async fn make_again(&self, request: Request<v1::TicketRequest>) -> Answer<v1::MakeAgainResponse> {
        let caller = Caller::of(&request);
        answer(Self::make_again(self, request.into_inner(), &caller).await)
    }

    async fn workers(&self, _: Request<v1::WorkersRequest>) -> Answer<v1::WorkersResponse> {
        answer(self.all_workers().await)
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Answer<v1::DrainResponse> {
        let caller = Caller::of(&request);
        answer(self.drain_worker(&request.into_inner().worker, &caller).await)
    }
}
