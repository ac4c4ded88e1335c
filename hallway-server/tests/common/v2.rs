//! A client of version 2.

use std::ops::RangeInclusive;

use serde_json::{Value, json};
use tokio::net::TcpSocket;

use super::{Client, FIN, Frame, PONG, Server, handshake, in_time, masked, open};

/// The header line with which a client asks for it.
pub(crate) const OFFER: &str = "Sec-WebSocket-Protocol: hallway.v2\r\n";

/// A connection that speaks version 2.
pub(crate) struct V2 {
    pub(crate) client: Client,
    /// What it was welcomed with.
    pub(crate) welcome: Value,
}

impl V2 {
    /// Opens a connection, and reads its welcome.
    pub(crate) async fn open(server: &Server, target: &str) -> Self {
        Self::over(Client::over(open(server.address).await), target).await
    }

    /// A member of the lobby: everything up to the announcement of its joining is read.
    pub(crate) async fn join(server: &Server, name: &str) -> Self {
        let mut member = Self::open(server, &format!("/chat?username={name}")).await;
        member.joined().await;
        member
    }

    /// As [`join`](Self::join), with a receive buffer so small that the server soon feels when it is not read.
    pub(crate) async fn join_with_small_buffer(server: &Server, name: &str) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 << 10).expect("a receive buffer");
        let stream = in_time(socket.connect(server.address)).await.expect("connected");
        let mut member = Self::over(Client::over(stream), &format!("/chat?username={name}")).await;
        member.joined().await;
        member
    }

    async fn over(mut client: Client, target: &str) -> Self {
        client.send(handshake(target, OFFER)).await;
        let head = client.upgraded().await;
        assert!(head.contains("\r\nSec-WebSocket-Protocol: hallway.v2\r\n"), "{head}");
        let mut member = Self { client, welcome: Value::Null };
        let welcome = member.next().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        member.welcome = welcome["payload"].clone();
        member
    }

    /// As one that comes back to the lobby and has everything up to this message.
    pub(crate) async fn come_back(server: &Server, name: &str, epoch: &str, after: u64) -> Self {
        Self::open(server, &format!("/chat?username={name}&epoch={epoch}&after={after}")).await
    }

    pub(crate) fn epoch(&self) -> String {
        self.welcome["epoch"].as_str().expect("an epoch").to_owned()
    }

    /// The next frame, as it was sent.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            match self.client.next().await {
                Frame::Text(text) => break text,
                Frame::Ping(payload) => self.client.send(masked(FIN | PONG, payload)).await,
                other => panic!("not a text: {other:?}"),
            }
        }
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        serde_json::from_str(&self.text().await).expect("JSON")
    }

    /// The payload of the next frame of this type; others are left out.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        loop {
            let mut frame = self.next().await;
            if frame["type"] == kind {
                break frame["payload"].take();
            }
        }
    }

    /// Reads on until this member's joining is announced.
    pub(crate) async fn joined(&mut self) {
        let name = self.welcome["username"].clone();
        while self.next_of("system").await["usernames"] != json!([name]) {}
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.client.send_text(&frame.to_string()).await;
    }

    /// Says something, with a reference.
    pub(crate) async fn say(&mut self, message: &str, reference: &str) {
        self.send(json!({"type": "chatMessage", "payload": {"message": message, "ref": reference}})).await;
    }

    /// Asks for a page of the history, and reads on until it is there.
    pub(crate) async fn page(&mut self, payload: Value) -> Value {
        self.send(json!({"type": "history", "payload": payload})).await;
        self.next_of("history").await
    }

    /// Pages back until it has these messages; returns their texts.
    pub(crate) async fn page_all(&mut self, places: RangeInclusive<u64>) -> Vec<String> {
        let mut texts = Vec::new();
        let mut before = places.end() + 1;
        while before > *places.start() {
            let limit = (before - places.start()).min(7);
            let page = self.page(json!({"before": before, "limit": limit})).await;
            for message in page["messages"].as_array().expect("messages").iter().rev() {
                before -= 1;
                assert_eq!(message["seq"], before, "{page}");
                texts.push(message["message"].as_str().expect("a text").to_owned());
            }
        }
        texts.reverse();
        texts
    }

    /// What it is told up to the message at this place, from `next` on: each message or a gap, and none twice. Returns what
    /// was said, by place, and the gaps.
    pub(crate) async fn hear_to(
        &mut self,
        mut next: u64,
        last: u64,
    ) -> (Vec<(u64, String)>, Vec<(u64, u64)>) {
        let (mut heard, mut gaps) = (Vec::new(), Vec::new());
        while next <= last {
            let frame = self.next().await;
            let payload = &frame["payload"];
            if frame["type"] == "chatMessage" {
                assert_eq!(payload["seq"], next, "after the gaps {gaps:?}: {payload:.200}");
                heard.push((next, payload["message"].as_str().expect("a text").to_owned()));
                next += 1;
            } else if frame["type"] == "gap" {
                assert_eq!(payload["from"], next, "{payload}");
                let to = payload["to"].as_u64().expect("a place");
                assert!(to >= next);
                gaps.push((next, to));
                next = to + 1;
            }
        }
        (heard, gaps)
    }
}
