//! Two thousand clients that come and vanish in eight ways leave nothing behind.
//!
//! One test alone: it counts the descriptors of its process.
#![cfg(target_os = "linux")]

mod common;

use common::{
    BINARY, Client, FIN, Frame, SECOND, Server, TEXT, close, eventually, handshake, header, in_time, left,
    masked, open, said, server_panics,
};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet, time::timeout};

const WAVES: usize = 20;
const IN_A_WAVE: usize = 100;

/// Those of a wave who were members for certain: an eighth stops half-way in the handshake, and an eighth does not wait
/// for its end.
const SURELY_IN: usize = IN_A_WAVE * 6 / 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_clients_that_vanish_in_eight_ways_leave_nothing_behind() {
    let server = Server::with(|hub, _| {
        hub.count_interval = hallway_core::Config::default().count_interval;
        // So few that most of the storm is summed up.
        hub.announcement_frames_per_second = 200;
    })
    .await;
    let before = descriptors();
    let resident = Client::join(&server, "resident").await;
    let mut resident = tokio::spawn(tally(resident));

    for wave in 0..WAVES {
        let mut clients = JoinSet::new();
        for number in 0..IN_A_WAVE {
            let request = handshake(&format!("/chat?username=guest-{wave}-{number}"), "");
            clients.spawn(vanish(number % 8, open(server.address).await, request));
        }
        while let Some(vanished) = clients.join_next().await {
            vanished.expect("it vanished in its way");
        }
    }
    eventually("only the resident is left", async || server.member_count("lobby").await == 1).await;

    // Those who come and go in the second of the last sums are summed up as well; then one is called by its name.
    let mut heard = None;
    for _ in 0..20 {
        Client::open(&server, "/chat?username=last").await.text().await;
        eventually("the last has left", async || server.member_count("lobby").await <= 1).await;
        if let Ok(tally) = timeout(SECOND / 4, &mut resident).await {
            heard = Some(tally.expect("no panic"));
            break;
        }
    }
    let Tally { joins, leaves, sums } = heard.expect("the end of the storm");
    assert_eq!(joins, leaves);
    assert!(joins >= WAVES * SURELY_IN, "{joins} joins");
    assert!(sums > 0, "{joins} joins were told one by one");

    eventually("nobody is left", async || server.member_count("lobby").await == 0).await;
    eventually("no descriptor is left", async || descriptors() <= before).await;
    assert_eq!(server_panics(), Vec::<String>::new());
}

/// Comes and goes in this way.
async fn vanish(way: usize, mut stream: TcpStream, request: String) {
    let request = request.as_bytes();
    if way == 0 {
        in_time(stream.write_all(&request[..request.len() / 2])).await.expect("sent");
        return;
    }
    if way == 1 {
        in_time(stream.write_all(&[request, &close(1000)].concat())).await.expect("sent");
        return;
    }
    let mut client = Client::over(stream);
    client.send(request).await;
    client.upgraded().await;
    // Its first frame: it is in.
    client.text().await;
    match way {
        2 => {
            client.send(close(1000)).await;
            client.until_closed_with(1000).await;
        }
        3 => {
            client.stream.shutdown().await.expect("shut");
            while client.next().await != Frame::End {}
        }
        4 => client.reset(),
        5 => {
            client.send(&header(FIN | TEXT, 1_000)[..5]).await;
            client.reset();
        }
        6 => {
            client.send(masked(FIN | 0x40 | TEXT, said("m"))).await;
            client.until_closed_with(1002).await;
        }
        _ => {
            client.send(masked(FIN | BINARY, "m")).await;
            client.until_closed_with(1003).await;
        }
    }
}

#[derive(Debug, Default)]
struct Tally {
    joins: usize,
    leaves: usize,
    sums: usize,
}

/// Counts who joined and left, by name or in sums, until the last one has left and the count says so.
async fn tally(mut resident: Client) -> Tally {
    let mut tally = Tally::default();
    let (mut last_left, mut members) = (false, 0);
    while !(last_left && members == 1) {
        let text = resident.text().await;
        let frame: Value = serde_json::from_str(&text).expect("JSON");
        let payload = &frame["payload"];
        if let Some(count) = payload["count"].as_u64() {
            members = count;
            continue;
        }
        last_left = text == left("last");
        let words: Vec<_> = payload["text"].as_str().expect("a system frame").split(' ').collect();
        let (count, what) = match words[..] {
            [_, what] => (1, what),
            [count, "other" | "others", what] => {
                tally.sums += 1;
                (count.parse().expect("a number"), what)
            }
            _ => panic!("{text}"),
        };
        match what {
            "joined" => tally.joins += count,
            "left" => tally.leaves += count,
            _ => panic!("{text}"),
        }
    }
    tally
}

/// How many descriptors this process has open.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("Linux").count()
}
