//! What `docs/protocol.md` shows is what the server writes, and what it shows of clients the server understands.

mod common;

use std::collections::HashMap;

use common::{Client, OFFER, Server, V2, handshake, open};
use serde_json::{Value, json};

const PROTOCOL: &str = include_str!("../../docs/protocol.md");

/// The payloads that the tables of section 3 show, by type, as they are written there.
fn shown() -> HashMap<String, Vec<String>> {
    let section =
        PROTOCOL.split("\n## 3.").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("section 3");
    let mut shown: HashMap<_, Vec<_>> = HashMap::new();
    for line in section.lines() {
        let mut cells = line.split('|').map(str::trim).skip(1);
        if let (Some(kind), Some(payload)) = (cells.next(), cells.next())
            && let Some(kind) = kind.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'))
            && let Some(payload) = payload.strip_prefix('`').and_then(|rest| rest.split('`').next())
            && payload.starts_with('{')
        {
            shown.entry(kind.to_owned()).or_default().push(payload.to_owned());
        }
    }
    shown
}

/// The keys of an object and of those in it, in the order in which they are written.
fn keys(json: &str) -> Vec<String> {
    let quoted: Vec<_> = json.split('"').collect();
    let is_key =
        |index: &usize| index % 2 == 1 && quoted.get(index + 1).is_some_and(|rest| rest.starts_with(':'));
    (0..quoted.len()).filter(is_key).map(|index| quoted[index].to_owned()).collect()
}

/// Without `{"type":…,"payload":` and what ends it.
fn payload(text: &str) -> &str {
    let (_, payload) = text.split_once(r#""payload":"#).expect("a payload");
    &payload[..payload.len() - 1]
}

#[tokio::test]
async fn each_frame_of_version_2_has_the_keys_that_the_document_shows_in_its_order() {
    let server = Server::with(|hub, _| hub.history = 1).await;
    let first = V2::join(&server, "first").await;
    let talker = server.hub.join(&"lobby".parse().unwrap(), "talker").await.unwrap();
    for text in ["one", "two", "three"] {
        talker.post(text).await.unwrap();
    }
    let mut frames = HashMap::new();
    let target = format!("/chat?username=alice&epoch={}&after=0", first.epoch());
    let mut alice = V2 { client: Client::over(open(server.address).await), welcome: Value::Null };
    alice.client.send(handshake(&target, OFFER)).await;
    alice.client.upgraded().await;
    let shown = shown();
    alice.say("four", "c1").await;
    alice.send(json!({"type": "chatMessage", "payload": {"message": "", "ref": "c1"}})).await;
    alice.send(json!({"type": "history", "payload": {"limit": 1, "ref": "h1"}})).await;
    while frames.len() < 8 {
        let text = alice.text().await;
        let kind: Value = serde_json::from_str(&text).unwrap();
        frames.insert(kind["type"].as_str().unwrap().to_owned(), text);
    }
    for (kind, text) in frames {
        let documented = &shown[&kind][0];
        assert_eq!(keys(payload(&text)), keys(documented), "{kind}: {text} is documented as {documented}");
    }
}

#[tokio::test]
async fn what_the_document_shows_of_a_client_is_understood() {
    let server = Server::start().await;
    let mut alice = V2::join(&server, "alice").await;
    let shown = shown();
    for (kind, answer) in [("chatMessage", "ack"), ("history", "history")] {
        let payload = shown[kind].last().expect("of a client");
        alice.client.send_text(&format!(r#"{{"type":"{kind}","payload":{payload}}}"#)).await;
        let reference: Value = serde_json::from_str(payload).expect("JSON");
        assert_eq!(alice.next_of(answer).await["ref"], reference["ref"]);
    }
}
