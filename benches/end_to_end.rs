//! The server over loopback sockets: one client says something, all clients of the room receive it. The server has a
//! thread of its own, the clients share another; what is measured is the time until the last has it, the clients' own
//! work included. Throughput is in frames delivered.

use std::{net::SocketAddr, thread};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::{SinkExt, StreamExt};
use hallway_core::{Hub, SystemClock};
use hallway_server::{Config, serve};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Starts a server that serves until the process ends.
fn server() -> SocketAddr {
    let (address, bound) = std::sync::mpsc::channel();
    thread::spawn(move || {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            address.send(listener.local_addr().expect("it is bound")).expect("the bench waits for it");
            let hub = Hub::spawn(hallway_core::Config::default(), SystemClock).expect("valid limits");
            let mut config = Config::default();
            (config.rate, config.burst) = (1_000_000, 1_000_000);
            serve(listener, hub, config, std::future::pending()).await.expect("valid limits");
        });
    });
    bound.recv().expect("the server starts")
}

async fn connect(address: SocketAddr, room: usize) -> Client {
    let url = format!("ws://{address}/chat?username=client&room=room-{room}");
    connect_async(url).await.expect("the server accepts").0
}

/// Says `count` messages through the first client; every client must receive them all, in order.
async fn talk(clients: &mut [Client], said: &mut u64, count: u64) {
    for number in *said..*said + count {
        let frame = format!(r#"{{"type":"chatMessage","payload":{{"message":"number {number}"}}}}"#);
        clients[0].feed(Message::text(frame)).await.expect("the server reads");
    }
    clients[0].flush().await.expect("the server reads");
    for client in clients {
        for number in *said..*said + count {
            let expected = format!("number {number}");
            loop {
                let frame = client.next().await.expect("the server runs").expect("a frame");
                let text = frame.to_text().expect("text");
                if text.contains(r#""chatMessage""#) {
                    assert!(text.contains(&expected), "{text} came in place of {expected}");
                    break;
                }
            }
        }
    }
    *said += count;
}

fn end_to_end(c: &mut Criterion) {
    let address = server();
    let runtime = runtime();
    let mut group = c.benchmark_group("end_to_end");
    group.sample_size(20);
    for (room, (members, outstanding)) in [(10, 1), (100, 1), (10, 16), (100, 16)].into_iter().enumerate() {
        let mut clients = runtime.block_on(async {
            let mut clients = Vec::new();
            for _ in 0..members {
                clients.push(connect(address, room).await);
            }
            clients
        });
        let mut said = 0;
        group.throughput(Throughput::Elements(members * outstanding));
        let id = BenchmarkId::new(format!("{members} clients"), format!("{outstanding} outstanding"));
        group.bench_function(id, |b| {
            b.iter(|| runtime.block_on(talk(&mut clients, &mut said, outstanding)));
        });
    }
    group.finish();
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
