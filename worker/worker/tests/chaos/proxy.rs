//! A network between workers and a coordinator that can be cut: connections reset in the middle of a message, or nothing
//! passes for a while and nobody is told.

use std::{net::SocketAddr, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Weather {
    /// Nothing passes.
    held: bool,
    /// Connections of an earlier number are reset.
    storm: u64,
}

/// A way to a coordinator.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
}

impl Proxy {
    pub(crate) async fn to(coordinator: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (weather, sky) = watch::channel(Weather { held: false, storm: 0 });
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connect(near, coordinator, sky.clone()));
            }
        });
        Self { address, weather: Arc::new(weather) }
    }

    /// Resets every connection.
    pub(crate) fn reset(&self) {
        self.weather.send_modify(|weather| weather.storm += 1);
    }

    /// Lets nothing pass, or everything again.
    pub(crate) fn hold(&self, held: bool) {
        self.weather.send_modify(|weather| weather.held = held);
    }
}

async fn connect(near: TcpStream, coordinator: SocketAddr, mut sky: watch::Receiver<Weather>) {
    let begun = sky.borrow().storm;
    passable(&mut sky).await;
    let Ok(far) = TcpStream::connect(coordinator).await else { return };
    for stream in [&near, &far] {
        stream.set_nodelay(true).unwrap();
        // Dropped, it is reset, as by a firewall that has forgotten it.
        stream.set_zero_linger().unwrap();
    }
    let ((near_in, near_out), (far_in, far_out)) = (tokio::io::split(near), tokio::io::split(far));
    let mut storm = sky.clone();
    tokio::select! {
        () = carry(near_in, far_out, sky.clone()) => {}
        () = carry(far_in, near_out, sky) => {}
        _ = storm.wait_for(|weather| weather.storm > begun) => {}
    }
}

async fn passable(sky: &mut watch::Receiver<Weather>) {
    // The proxy may be gone: then nothing matters any more.
    let _ = sky.wait_for(|weather| !weather.held).await;
}

async fn carry(
    mut from: ReadHalf<TcpStream>,
    mut to: WriteHalf<TcpStream>,
    mut sky: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        passable(&mut sky).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
