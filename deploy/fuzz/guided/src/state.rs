//! A small state on SQLite: a sweep that nobody has worked on, a worker, a token.

use super::{samples, scratch};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tombola_core::{
    record::{Role, Snapshot, TokenRow, Write},
    schedule::{Config, Effect, Event, Scheduler},
    sweep,
};
use tombola_server::{
    config::{self, Flags},
    store::{SqlStore, Store},
};
use tombola_spec::Digest;

/// The sweep in it.
const SWEEP: &str = "name = \"tiny\"\nseeds = 1\nmodel = { name = \"mnist_lenet_4\" }\ndata = { set = \"mnist\" }\n\
    train = { steps = \"5it\", batch = 60, optimizer = \"sgd\", lr = 0.1 }\n\
    prune = { scope = \"per_layer\", rate = 0.2, rounds = 1 }\n";

/// What a token is stored as, which nobody is shown.
pub(crate) fn secret() -> Digest {
    Digest::of(b"nobody's business")
}

/// One thread, and whatever it sends aside.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The configuration of a coordinator with this state folder.
pub(crate) fn config(folder: &Path) -> config::Config {
    let flags = Flags { state: Some(folder.to_owned()), ..Flags::default() };
    config::Config::load(&flags).expect("defaults")
}

/// The state, in a folder of its own.
pub(crate) async fn make() -> (TempDir, SqlStore) {
    let folder = scratch();
    let store = SqlStore::sqlite(folder.path()).expect("a folder of its own");
    store.migrate().await.expect("a new state");
    let epoch = store.lead(Duration::from_secs(10)).await.expect("nobody else leads");
    store.commit(epoch, 0, &writes()).await.expect("a good commit");
    (folder, store)
}

fn writes() -> Vec<Write> {
    let mut scheduler = Scheduler::fold(Config::default(), Snapshot::default());
    let plan = sweep::load(SWEEP).unwrap_or_else(|mistakes| panic!("{}", mistakes.show("tiny")));
    let submit = Event::Submit { plan, source: SWEEP.to_owned(), known: Vec::new() };
    let hello = Event::Hello { info: samples::info("worker"), worker: None, held: Vec::new(), number: 1 };
    let effects = [submit, hello].map(|event| scheduler.handle(Duration::ZERO, event)).concat();
    let writes = effects.into_iter().filter_map(|effect| match effect {
        Effect::Write(write) => Some(write),
        _ => None,
    });
    let (name, role) = ("reader".to_owned(), Role::Reader);
    let token = TokenRow { id: 1, name, role, hash: secret(), created: 0, expires: None, revoked: None };
    writes.chain([Write::AddToken(token)]).collect()
}
