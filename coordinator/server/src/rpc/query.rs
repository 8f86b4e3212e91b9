//! `QueryService`: read-only SQL, within limits.

use crate::{
    Error,
    config::{Limits, Span},
    store::{AT_ONCE as AT_ONCE_IN_STORE, Cell, Limits as Bounds, Store, Table},
};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tombola_wire::v1::{self, query_service_server::QueryService, value::Kind};
use tonic::{Request, Response, Status};

/// Statements of users that run at once: one fewer than the store runs, so that `tombola list` and the like never stand
/// behind slow SQL.
const AT_ONCE: usize = AT_ONCE_IN_STORE - 1;

/// SQL for people.
pub(crate) struct Query {
    store: Arc<dyn Store>,
    limits: Limits,
    room: Semaphore,
}

impl Query {
    pub(crate) fn new(store: Arc<dyn Store>, limits: Limits) -> Self {
        Self { store, limits, room: Semaphore::new(AT_ONCE) }
    }
}

#[tonic::async_trait]
impl QueryService for Query {
    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<v1::QueryResponse>, Status> {
        let v1::QueryRequest { sql, max_rows } = request.into_inner();
        let most = self.limits.query_rows.get();
        let rows = if max_rows == 0 { most } else { max_rows.min(most) };
        let bytes = usize::try_from(self.limits.query_bytes.0).unwrap_or(usize::MAX);
        let time = self.limits.query_time.0;
        let bounds = Bounds { rows: rows as usize, bytes, time };
        let room = tokio::time::timeout(time, self.room.acquire()).await;
        let _room = room.map_err(|_| Status::from(busy(self.limits.query_time)))?;
        let table = self.store.query(&sql, bounds).await.map_err(Error::from)?;
        Ok(Response::new(answer(table)))
    }
}

fn busy(time: Span) -> Error {
    Error::Unavailable(format!(
        "{AT_ONCE} other queries are running, and none ended within {time}\nhint: try again"
    ))
}

fn answer(table: Table) -> v1::QueryResponse {
    let row = |row: Vec<Cell>| v1::Row {
        values: row.into_iter().map(|cell| v1::Value { kind: kind(cell) }).collect(),
    };
    let rows = table.rows.into_iter().map(row).collect();
    v1::QueryResponse { columns: table.columns, rows, truncated: table.truncated }
}

fn kind(cell: Cell) -> Option<Kind> {
    match cell {
        Cell::Null => None,
        Cell::Integer(value) => Some(Kind::Integer(value)),
        Cell::Float(value) => Some(Kind::Real(value)),
        Cell::Text(value) => Some(Kind::Text(value)),
        Cell::Bool(value) => Some(Kind::Boolean(value)),
    }
}
