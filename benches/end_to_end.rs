//! The server over loopback sockets: one client says something, all clients of its room receive it.
//!
//! Measured: one iteration is one message, or 16 sent in one go, by one client; from before it is sent until each of
//! the 10 or 100 clients has read it, the clients' own work included. The throughput is in frames delivered:
//! messages × clients for each iteration. Every frame is compared with the one expected, so that a lost, doubled or
//! misplaced one fails the bench.
//!
//! Not measured: handshakes and joins, a network, and the binary's multi-thread runtime: server and clients have one
//! thread each. The limits of rate are raised out of the way.

use std::{future, net::SocketAddr, sync::mpsc, thread, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt, StreamExt};
use hallway_core::{Hub, SystemClock};
use hallway_server::{Config, serve};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, Utf8Bytes},
};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Far beyond any iteration: with it a lost frame fails the bench, without it the bench would hang.
const PATIENCE: Duration = Duration::from_secs(10);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Starts a server that serves until the process ends.
fn server() -> SocketAddr {
    let (address, bound) = mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            address.send(listener.local_addr().expect("it is bound")).expect("the bench waits for it");
            let hub = Hub::spawn(hallway_core::Config::default(), SystemClock).expect("valid limits");
            let mut config = Config::default();
            (config.rate, config.burst) = (1_000_000, 1_000_000);
            serve(listener, hub, config, future::pending()).await.expect("valid limits");
        });
    });
    bound.recv().expect("the server starts")
}

async fn connect(address: SocketAddr, room: &str) -> Client {
    let url = format!("ws://{address}/chat?username=client&room={room}");
    // As the server, a client does not hold back small writes.
    let disable_nagle = true;
    connect_async_with_config(url, None, disable_nagle).await.expect("the server accepts").0
}

/// Says `count` messages through the first client; every client must receive them all, in order.
async fn talk(clients: &mut [Client], said: &mut u64, count: u64) {
    let mut expected = Vec::new();
    for number in *said..*said + count {
        let frame = format!(r#"{{"type":"chatMessage","payload":{{"message":"number {number}"}}}}"#);
        clients[0].feed(Message::text(frame)).await.expect("the server reads");
        let payload = format!(r#"{{"username":"client","message":"number {number}"}}"#);
        expected.push(format!(r#"{{"type":"chatMessage","payload":{payload}}}"#));
    }
    clients[0].flush().await.expect("the server reads");
    *said += count;
    for client in clients {
        for frame in &expected {
            assert_eq!(next_chat(client).await.as_deref(), Some(&**frame));
        }
    }
}

/// The next chat message, past what is said of those who come and go; nothing where the server has closed.
async fn next_chat(client: &mut Client) -> Option<Utf8Bytes> {
    while let Some(frame) = client.next().await {
        let text = frame.expect("a frame").into_text().expect("text");
        if text.starts_with(r#"{"type":"chatMessage""#) {
            return Some(text);
        }
    }
    None
}

/// Closes every client, which must not have been sent anything more.
async fn close(clients: Vec<Client>) {
    for mut client in clients {
        client.close(None).await.expect("the server reads");
        assert_eq!(next_chat(&mut client).await, None);
    }
}

fn end_to_end(c: &mut Criterion) {
    let address = server();
    let runtime = runtime();
    let mut group = c.benchmark_group("end_to_end");
    for (members, outstanding) in [(10, 1), (100, 1), (10, 16), (100, 16)] {
        let mut clients = Vec::new();
        for _ in 0..members {
            clients.push(runtime.block_on(connect(address, &format!("{members}-{outstanding}"))));
        }
        let mut said = 0;
        group.throughput(Throughput::Elements(members * outstanding));
        let id = BenchmarkId::new(format!("{members} clients"), format!("{outstanding} outstanding"));
        group.bench_function(id, |b| {
            b.iter(|| {
                let talk = talk(&mut clients, &mut said, outstanding);
                let talk = runtime.block_on(async { timeout(PATIENCE, talk).await });
                talk.expect("every client receives every frame");
            });
        });
        runtime.block_on(close(clients));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1)).sample_size(20);
    targets = end_to_end
}
criterion_main!(benches);
