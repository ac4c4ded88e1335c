//! Requests that were damaged by chance: whatever comes is answered with well-formed HTTP, in time, or not at all.
//!
//! Which damage a request has follows from its number, which is printed where one fails. `MUTATED_HANDSHAKES=10000` makes so
//! many of them, `MUTATED_HANDSHAKES=7..8` the one of that number.

mod common;

use std::time::Duration;

use common::{Client, Random, Reply, SECOND, Server, cases, each, eventually, handshake, joined, open};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::yield_now,
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Within which each of them is answered, on a server that waits for a head for 0.5 s.
const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_damaged_handshake_is_answered_well_formed_and_in_time_or_not_at_all() {
    let server = Server::with(|_, server| {
        server.handshake_timeout = SECOND / 2;
        // Some go on sending after their answer, slowly on a busy machine.
        server.close_timeout = LIMIT;
    })
    .await;
    let address = server.address;
    let statuses = each(cases("MUTATED_HANDSHAKES", 1_500), LIMIT, |number| async move {
        Request::damaged(number).is_answered(open(address).await).await
    });
    let statuses = statuses.await;
    // Chance has been everywhere.
    for status in [101, 200, 400, 403, 404, 405, 408, 426, 431] {
        let count = statuses.iter().filter(|other| **other == status).count();
        assert!(count > 0 || statuses.len() < 1_000, "no {status} among {statuses:?}");
    }

    let fresh = timeout(SECOND, Client::open(&server, "/chat?username=fresh&room=fresh")).await;
    fresh.expect("a fresh client is let in at once").until(&joined("fresh")).await;
    eventually("nobody is left", async || server.member_count("lobby").await == 0).await;
}

/// A request that was damaged, and how it is sent.
struct Request {
    bytes: Vec<u8>,
    /// The largest piece it comes in.
    piece: usize,
    /// Whether the client says that there is no more.
    is_shut: bool,
}

impl Request {
    fn damaged(number: u64) -> Self {
        let mut random = Random::seeded(number);
        let mut bytes = whole(&mut random).into_bytes();
        for _ in 0..random.within(0..4) {
            damage(&mut bytes, &mut random);
        }
        let piece = random.pick(&[1, 16, 128, 1 << 10, 1 << 20]);
        // Hundreds of single bytes, of many at the same time, would not be there before the time is over.
        let piece = piece.max(bytes.len() / 32);
        Self { bytes, piece, is_shut: random.once_in(8) }
    }

    /// Checks what is answered; its status, or 0 where nothing is.
    async fn is_answered(&self, mut stream: TcpStream) -> usize {
        // Both at once: the server may have answered before it has read all.
        let (mut reader, mut writer) = stream.split();
        let send = async {
            let mut random = Random::seeded(self.bytes.len() as u64);
            for piece in random.pieces(&self.bytes, self.piece) {
                // It may have closed.
                if writer.write_all(piece).await.is_err() {
                    return;
                }
                yield_now().await;
            }
            if self.is_shut {
                // As above.
                let _ = writer.shutdown().await;
            }
        };
        let read = async {
            let mut bytes = Vec::new();
            while !is_upgrade(&bytes) {
                let count = reader.read_buf(&mut bytes).await;
                if count.unwrap_or_else(|error| panic!("no end without a reset: {error}")) == 0 {
                    break;
                }
            }
            bytes
        };
        let ((), answer) = tokio::join!(send, read);
        self.check(&answer)
    }

    fn check(&self, answer: &[u8]) -> usize {
        if answer.is_empty() {
            assert!(self.is_shut, "no answer");
            return 0;
        }
        let end = if is_upgrade(answer) { head_end(answer).expect("its end") } else { answer.len() };
        let reply = Reply::parse(&answer[..end]);
        let is_injected = |(name, value): &(String, String)| {
            [name, value].iter().any(|text| text.to_ascii_lowercase().contains("injected"))
        };
        assert!(!reply.headers.iter().any(is_injected), "{reply:?}");
        let status = reply.status[..3].parse().expect("a number");
        match status {
            101 => self.is_the_answer_to_its_key(&reply),
            200 | 400 | 403 | 404 | 405 | 408 | 426 | 431 => {
                let connection = reply.header("Connection").expect("a word about the connection");
                assert!(connection.split(", ").any(|option| option == "close"), "{reply:?}");
                let length = reply.header("Content-Length").expect("a length");
                let is_head = reply.body.is_empty() && String::from_utf8_lossy(&self.bytes).contains("HEAD ");
                assert!(is_head || length == reply.body.len().to_string(), "{reply:?}");
            }
            _ => panic!("{reply:?}"),
        }
        status
    }

    fn is_the_answer_to_its_key(&self, reply: &Reply) {
        let text = String::from_utf8_lossy(&self.bytes);
        let head = text.lines().skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
        let keys: Vec<_> = head
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
            .map(|(_, key)| key.trim_matches([' ', '\t']))
            .collect();
        assert!(keys.len() == 1 && keys[0].len() == 24, "{keys:?}");
        assert_eq!(reply.header("Sec-WebSocket-Accept"), Some(&*derive_accept_key(keys[0].as_bytes())));
        assert_eq!(reply.header("Upgrade"), Some("websocket"));
        assert_eq!(reply.header("Connection"), Some("Upgrade"));
    }
}

/// Whether the bytes have the whole head of an upgrade; what follows it are frames.
fn is_upgrade(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 101") && head_end(answer).is_some()
}

fn head_end(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|four| four == b"\r\n\r\n").map(|end| end + 4)
}

/// A request with nothing wrong in its form.
fn whole(random: &mut Random) -> String {
    let target = random.pick(&[
        "/chat",
        "/chat?username=alice",
        "/chat?username=J%C3%BCrgen+M&room=rust.general",
        "http://hallway.example/chat?room=lobby",
        "/chat?room=no%20room",
        "/",
        "/healthz",
        "/elsewhere",
    ]);
    let origin =
        random.pick(&["", "", "Origin: http://hallway.example\r\n", "Origin: http://evil.example\r\n"]);
    let request = handshake(target, origin);
    match random.within(0..10) {
        0 => request.replacen("GET", random.pick(&["HEAD", "POST", "OPTIONS"]), 1),
        1 => request.replacen("HTTP/1.1", "HTTP/1.0", 1),
        _ => request,
    }
}

/// Harms it in one of many ways.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = random.within(0..bytes.len());
    let end = random.within(at..bytes.len() + 1);
    match random.within(0..17) {
        0 => bytes[at] ^= 1 << random.within(0..8),
        1 => bytes[at] = random.byte(),
        2 => bytes.insert(at, random.pick(b"\0\t\n\r \"%&+,:;=?/\x7f\x80\xff")),
        3 => drop(bytes.remove(at)),
        4 => drop(bytes.drain(at..end.min(at + 16))),
        5 => {
            let again = bytes[at..end].to_vec();
            insert(bytes, end, &again);
        }
        6 => bytes.truncate(at),
        7 => insert(bytes, at, b"\r\nInjected: raw\r\n"),
        8 => insert(bytes, at, random.pick(&[&b"\r"[..], b"\n", b"\r\n", b"\r\n\r\n", b"\r\n "])),
        9 => in_target(bytes, random, |random| {
            (random.pick(&["%0d%0aInjected:%20escaped%0d%0a", "%0D%0A%0D%0AInjected", "%00", "%ff", "%"]))
                .to_owned()
        }),
        10 => in_target(bytes, random, |random| {
            let (text, times) = (random.pick(&["a", "%61", "&", "/", "=", "é"]), random.within(1..3_000));
            text.repeat(times)
        }),
        11 => {
            let value = "x".repeat(random.pick(&[10, 1_000, 7_700, 8_200, 100_000]));
            lines(bytes, |lines| lines.push(format!("X: {value}").into_bytes()));
        }
        12 => {
            let more = random.pick(&[1, 58, 59, 60, 500]);
            lines(bytes, |lines| lines.extend((0..more).map(|_| b"X: y".to_vec())));
        }
        13 => lines(bytes, |lines| {
            let (one, other) = (random.within(0..lines.len()), random.within(0..lines.len()));
            match random.within(0..3) {
                0 => lines.swap(one, other),
                1 => drop(lines.remove(one)),
                _ => lines.insert(one, lines[other].clone()),
            }
        }),
        14 => lines(bytes, |lines| {
            let (one, value) = (random.within(0..lines.len()), random.pick(VALUES));
            if let Some(colon) = lines[one].iter().position(|byte| *byte == b':') {
                lines[one].splice(colon + 1.., value.bytes());
            }
        }),
        15 => lines(bytes, |lines| {
            if let Some(line) = lines.iter_mut().find(|line| line.starts_with(b"Sec-WebSocket-Key:")) {
                line.splice("Sec-WebSocket-Key:".len().., random.pick(KEYS).bytes());
            }
        }),
        _ => bytes[at..end].make_ascii_uppercase(),
    }
}

/// In the place of a header's value.
const VALUES: &[&str] = &[
    "",
    "websocket",
    " h2c, WebSocket",
    "\tkeep-alive,Upgrade\t",
    " 13",
    " 8",
    " 13, 13",
    " null",
    " AAAAAAAAAAAAAAAAAAAAAA==",
    " AAAAAAAAAAAAAAAAAAAAAA",
    " hallway.example:80",
    " \u{a0}13",
    " x\u{0}y",
];

/// In the place of the key, all but the first of them for nothing.
const KEYS: &[&str] = &[
    " +/AAAAAAAAAAAAAAAAAAAA==",
    " AAAAAAAAAAAAAAAAAAAAAAAA==",
    " AAAAAAAAAAAAAAAAAAAAA==",
    " AAAAAAAAAAAAAAAAAAAAAAA=",
    " AAAAAAAAAAAAAAAAAAAA\u{a0}==",
    " AAAAAAAAAAAAAAAAAAAAAA==, AAAAAAAAAAAAAAAAAAAAAA==",
];

fn insert(bytes: &mut Vec<u8>, at: usize, more: &[u8]) {
    drop(bytes.splice(at..at, more.iter().copied()));
}

/// Puts something into the request's target.
fn in_target(bytes: &mut Vec<u8>, random: &mut Random, what: impl FnOnce(&mut Random) -> String) {
    let line = bytes.iter().position(|byte| *byte == b'\r').unwrap_or(bytes.len());
    let is_target = |at: &usize| bytes[..*at].contains(&b'/') && !bytes[..*at].ends_with(b"P/");
    let places: Vec<usize> = (0..line.saturating_sub(" HTTP/1.1".len() - 1)).filter(is_target).collect();
    if !places.is_empty() {
        let at = random.pick(&places);
        insert(bytes, at, what(random).as_bytes());
    }
}

/// Changes its lines, of which there is one at least, the empty line at the end left out.
fn lines(bytes: &mut Vec<u8>, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let text = bytes.strip_suffix(b"\r\n\r\n").unwrap_or(bytes);
    let cut = text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
    let mut lines: Vec<Vec<u8>> = cut.collect();
    change(&mut lines);
    *bytes = [&lines.join(&b"\r\n"[..])[..], b"\r\n\r\n"].concat();
}
