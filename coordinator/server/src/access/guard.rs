//! The guard: every request passes it, and each that may not is told why.

use super::{
    Caller, Door, Registry, Void,
    arrival::Origin,
    registry::Holder,
    rules::{Rule, rule},
    tries::Tries,
};
use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response, header};
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tombola_access::Token;
use tonic::{Status, body::Body};
use tower::{Layer, Service};

/// How long an answer is held back from an address that failed too often.
const HELD_BACK: Duration = Duration::from_secs(1);

/// Lets requests through to the services behind it, or not. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Guard {
    guarded: bool,
    registry: Arc<Registry>,
    tries: Arc<Tries>,
}

/// Why a request goes no further.
enum Refusal {
    /// Said at once.
    Status(Status),
    /// Said a while later: its address fails too often.
    Slow(Status),
}

impl Guard {
    pub(crate) fn of(door: &Door) -> Self {
        Self { guarded: door.guarded, registry: Arc::clone(&door.registry), tries: Arc::default() }
    }

    /// Who asks, and until when it may.
    fn admit(&self, request: &Request<Body>, origin: Origin) -> Result<(Caller, CancellationToken), Refusal> {
        if origin.stray {
            return Err(Refusal::Status(Status::failed_precondition(STRAY)));
        }
        let path = request.uri().path();
        let rule = rule(path).ok_or_else(|| Refusal::Status(unknown(path)))?;
        if !self.guarded || rule == Rule::Anyone {
            return Ok((Caller::anyone(origin.peer), CancellationToken::new()));
        }
        let holder = bearer(request).and_then(|token| self.registry.find(token.hash()).map_err(void));
        match holder.map_err(|status| self.failed(status, origin))? {
            Holder::Operator => Ok((Caller::operator(origin.peer), CancellationToken::new())),
            Holder::Token { name, role, over } if rule.allows(role) => {
                Ok((Caller::holder(&name, role, origin.peer), over))
            }
            Holder::Token { name, role, .. } => {
                let (role, who, method) = (role.name(), rule.who(), path.trim_start_matches('/'));
                Err(Refusal::Status(Status::permission_denied(format!(
                    "token `{name}` is a {role}'s, and `{method}` needs {who} rights\n\
                     hint: the operator makes tokens of other roles (`tombola token create --role …`)"
                ))))
            }
        }
    }

    fn failed(&self, status: Status, origin: Origin) -> Refusal {
        if self.tries.too_many(origin.peer.ip(), Instant::now()) {
            return Refusal::Slow(Status::resource_exhausted(format!(
                "too many tries from {} without a good token: {}",
                origin.peer.ip(),
                status.message()
            )));
        }
        // Not more often than tries are free: no flood of the log.
        tracing::warn!(peer = %origin.peer, why = status.message(), "access.refused: no good token");
        Refusal::Status(status)
    }
}

const STRAY: &str = "this port speaks TLS\nhint: write `https://` before the coordinator's address";

fn unknown(path: &str) -> Status {
    Status::unimplemented(format!("this coordinator has no method `{path}`"))
}

/// The token of a request.
fn bearer(request: &Request<Body>) -> Result<Token, Status> {
    let hint = "`tombola token create` on the coordinator's machine makes one; set TOMBOLA_TOKEN (workers: \
                TOMBOLA_WORKER_TOKEN), or name a file with --token-file";
    let Some(header) = request.headers().get(header::AUTHORIZATION) else {
        return Err(Status::unauthenticated(format!("a token is needed here\nhint: {hint}")));
    };
    let token = header.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    token
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Status::unauthenticated(format!("what was sent as a token is none\nhint: {hint}")))
}

fn void(void: Void) -> Status {
    let what = match void {
        Void::Unknown => "this coordinator does not know this token",
        Void::Expired => "this token has expired",
        Void::Revoked => "this token was revoked",
    };
    Status::unauthenticated(format!("{what}\nhint: ask the operator for a new one (`tombola token create`)"))
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { guard: self.clone(), inner }
    }
}

/// The services behind a guard.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    guard: Guard,
    inner: S,
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(origin) = request.extensions().get::<Origin>().copied() else {
            return answer(Status::internal("nobody knows where this request comes from").into_http());
        };
        if !is_grpc(&request) {
            return answer(for_browsers(origin));
        }
        match self.guard.admit(&request, origin) {
            Ok((caller, over)) => {
                request.extensions_mut().insert(caller);
                Box::pin(while_good(self.inner.call(request), over))
            }
            Err(Refusal::Status(status)) => answer(status.into_http()),
            Err(Refusal::Slow(status)) => Box::pin(async {
                tokio::time::sleep(HELD_BACK).await;
                Ok(status.into_http())
            }),
        }
    }
}

fn answer(response: Response<Body>) -> BoxFuture<'static, Result<Response<Body>, Infallible>> {
    futures::future::ready(Ok(response)).boxed()
}

fn is_grpc(request: &Request<Body>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// What a person sees who opens the address in a browser.
fn for_browsers(origin: Origin) -> Response<Body> {
    let version = env!("CARGO_PKG_VERSION");
    let (status, text) = if origin.stray {
        (
            http::StatusCode::BAD_REQUEST,
            "This port speaks TLS: write https:// before its address.\n".to_owned(),
        )
    } else {
        let text = format!(
            "This is a Tombola coordinator ({version}). It speaks gRPC: workers connect to this address, and people \
             ask it with the `tombola` command (`tombola --coordinator ADDRESS list`).\n"
        );
        (http::StatusCode::OK, text)
    };
    let mut response = Response::new(Body::new(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// The answer, for as long as the token is good: what is open when it ends is ended.
async fn while_good(
    call: impl Future<Output = Result<Response<Body>, Infallible>>,
    over: CancellationToken,
) -> Result<Response<Body>, Infallible> {
    match over.run_until_cancelled(call).await {
        Some(Ok(response)) => Ok(response.map(|body| Body::new(Ending::new(body, over)))),
        Some(Err(never)) => match never {},
        None => Ok(ended().into_http()),
    }
}

fn ended() -> Status {
    Status::unauthenticated("the token that opened this was revoked, or has expired")
}

/// A body that ends with its token.
struct Ending {
    body: Body,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl Ending {
    fn new(body: Body, over: CancellationToken) -> Self {
        Self { body, over: Box::pin(over.cancelled_owned()), ended: false }
    }
}

impl http_body::Body for Ending {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, Status>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.over.as_mut().poll(context).is_ready() {
            self.ended = true;
            let mut trailers = http::HeaderMap::new();
            return Poll::Ready(Some(
                ended().add_header(&mut trailers).map(|()| http_body::Frame::trailers(trailers)),
            ));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
