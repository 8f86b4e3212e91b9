//! A way to Postgres on which connections die and nobody is told: a firewall that forgot them.

use crate::rig::{Place, World};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};
use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tombola_server::store::{SqlStore, Store};

/// As many as the store has for reads.
const READERS: usize = 4;

struct Firewall {
    url: String,
    /// How often it forgot all connections there were.
    forgot: watch::Sender<u32>,
}

impl Firewall {
    async fn before(place: &Place) -> Self {
        let Place::Postgres { url, .. } = place else { panic!("not Postgres") };
        let server: PgConnectOptions = url.parse().unwrap();
        let server = format!("{}:{}", server.get_host(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url.replace(&server, &listener.local_addr().unwrap().to_string());
        let (forgot, news) = watch::channel(0);
        let server: SocketAddr = server.parse().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server, news.clone()));
            }
        });
        Self { url, forgot }
    }

    fn store(&self) -> SqlStore {
        SqlStore::postgres(&self.url).unwrap()
    }

    /// Nothing passes on any connection there is; new ones work.
    fn forget(&self) {
        self.forgot.send_modify(|times| *times += 1);
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut news: watch::Receiver<u32>) {
    let begun = *news.borrow();
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => return,
        _ = news.wait_for(|times| *times > begun) => {}
    }
    // Both sides believe in it.
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn reads_go_on_after_a_firewall_forgot_the_connections_that_rested() {
    let Some(place) = Place::postgres("reads_go_on_after_a_firewall").await else { return };
    let (world, firewall) = (World::new(&place).await, Firewall::before(&place).await);
    let store = firewall.store();
    store.sweep("any").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    firewall.forget();
    store.sweep("any").await.unwrap();
    drop(world);
    place.remove().await;
}

#[tokio::test]
async fn reads_that_were_given_up_in_a_silence_leave_room_for_others() {
    let Some(place) = Place::postgres("reads_that_were_given_up").await else { return };
    let (world, firewall) = (World::new(&place).await, Firewall::before(&place).await);
    let Place::Postgres { url, .. } = &place else { panic!("not Postgres") };
    let mut lock = PgConnection::connect(url).await.unwrap();
    let mut held = lock.begin().await.unwrap();
    sqlx::raw_sql("lock table sweeps in access exclusive mode").execute(&mut *held).await.unwrap();
    let store = Arc::new(firewall.store());
    let read = |store: &Arc<SqlStore>| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.sweep("any").await })
    };
    let reads: Vec<_> = (0..READERS).map(|_| read(&store)).collect();
    let waiting = "select count(*) from pg_locks where relation = 'sweeps'::regclass and not granted";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut *held).await.unwrap() < READERS as i64 {}
    firewall.forget();
    for read in reads {
        read.abort();
        assert!(read.await.unwrap_err().is_cancelled());
    }
    held.rollback().await.unwrap();
    store.sweep("any").await.unwrap();
    drop(world);
    place.remove().await;
}
