use hallway_core::{Config, Hub, Member, RoomName, SystemClock};
use tokio_tungstenite::tungstenite::Bytes;

use super::{joining::OWN_BYTES, *};
use crate::{
    dialect::Dialect,
    fanout::{Budget, frames::frame_end},
};

/// It tells every count at once.
fn hub() -> Hub {
    let mut config = Config::default();
    config.count_interval = std::time::Duration::ZERO;
    Hub::spawn(config, SystemClock).unwrap()
}

async fn join(hub: &Hub, name: &str) -> (hallway_core::MemberSender, RoomFeed) {
    let (sender, receiver) = Member::split(hub.join(&RoomName::default(), name).await.unwrap());
    (sender, receiver.into_parts().1)
}

fn broadcast(feed: RoomFeed) -> Broadcast {
    let share = Share::new(Arc::new(Budget::new(usize::MAX)));
    Broadcast::new(feed, 0, 4 << 20, share, Arc::new(Traffic::new()))
}

/// The texts of whole frames.
fn texts(frames: &Bytes) -> Vec<String> {
    let mut texts = Vec::new();
    let mut at = 0;
    while at < frames.len() {
        let end = frame_end(frames, at);
        let frame = &frames[at..end];
        let header = if frame[1] < 126 { 2 } else { 4 };
        texts.push(String::from_utf8(frame[header..].to_vec()).unwrap());
        at = end;
    }
    texts
}

#[tokio::test]
async fn what_is_said_between_joining_and_being_served_is_bounded_and_the_rest_is_said_to_be_missed() {
    for (messages, dialect) in
        [(10, Dialect::V1), (1_000, Dialect::V1), (10, Dialect::V2), (1_000, Dialect::V2)]
    {
        let hub = hub();
        let (alice, feed) = join(&hub, "alice").await;
        let mut broadcast = broadcast(feed);
        let (_bob, feed) = join(&hub, "bob").await;
        for number in 0..messages {
            alice.post(format!("{number:0500}")).await.unwrap();
        }
        let _carol = join(&hub, "carol").await;
        hub.member_count(&RoomName::default()).await.unwrap();
        broadcast.take_in();

        let own = broadcast.own(dialect, 0, Some(2), Some(feed));
        let texts = texts(&own);
        assert!(texts[..3].iter().any(|text| text.contains("bob joined")), "{:?}", &texts[..3]);
        let heard = texts.iter().filter(|text| text.contains("chatMessage")).count();
        if heard < messages {
            assert!((OWN_BYTES..OWN_BYTES + 1_000).contains(&own.len()), "{}", own.len());
            let missed = match dialect {
                Dialect::V1 => format!("you missed {} messages", messages - heard),
                Dialect::V2 => format!(r#"{{"from":{},"to":{messages}}}"#, heard + 1),
            };
            assert!(texts[texts.len() - 2].contains(&missed), "{}", texts[texts.len() - 2]);
        } else {
            assert_eq!(messages, 10);
        }
        let last = &texts[texts.len() - 2..];
        assert!(last.iter().any(|text| text.contains(r#""count":3"#)), "{last:?}");
    }
}

#[tokio::test]
async fn what_the_feed_itself_has_lost_is_named_and_what_follows_has_its_number() {
    let mut config = Config::default();
    config.max_message_bytes = 1 << 10;
    config.feed_bytes = 16 << 10;
    let hub = Hub::spawn(config, SystemClock).unwrap();
    let (alice, feed) = join(&hub, "alice").await;
    let mut broadcast = broadcast(feed);
    let edition = broadcast.editions.begin(Dialect::V2, 0);
    let mut cursor = edition.subscribe();
    for number in 1..=100 {
        alice.post(format!("{number:0500}")).await.unwrap();
    }
    broadcast.take_in();
    broadcast.editions.seal();
    assert_eq!(broadcast.seq, 100);

    let edition = broadcast.editions.get(Dialect::V2).unwrap();
    let frames: Vec<_> = edition.log.unread(&cursor).flat_map(|batch| texts(&batch.frames)).collect();
    let first = frames.iter().find(|text| text.contains("chatMessage")).unwrap();
    let first: u64 = first.split(r#""seq":"#).nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    assert!(first > 1);
    let gap = format!(r#"{{"type":"gap","payload":{{"from":1,"to":{}}}}}"#, first - 1);
    assert!(frames.contains(&gap), "{:?}", &frames[..2]);

    // Who misses that notice too is told of all of it.
    edition.log.trim_to(0);
    assert_eq!(edition.skip_dropped(&mut cursor), Some(1..=100));
}

#[tokio::test]
async fn a_dialect_begins_with_its_first_member_and_ends_with_its_last() {
    let hub = hub();
    let (alice, feed) = join(&hub, "alice").await;
    let mut broadcast = broadcast(feed);
    let first = broadcast.editions.begin(Dialect::V1, 0).subscribe();
    for text in ["one", "two"] {
        alice.post(text).await.unwrap();
    }
    broadcast.take_in();
    broadcast.editions.seal();
    assert!(broadcast.editions.get(Dialect::V2).is_none());
    let mut later = broadcast.editions.begin(Dialect::V2, broadcast.seq).subscribe();
    alice.post("three").await.unwrap();
    broadcast.take_in();
    broadcast.editions.seal();
    let edition = broadcast.editions.get(Dialect::V2).unwrap();
    edition.log.trim_to(0);
    assert_eq!(edition.skip_dropped(&mut later), Some(3..=3));
    broadcast.editions.unsubscribe(Dialect::V2, &later);
    assert!(broadcast.editions.get(Dialect::V2).is_none());
    broadcast.editions.unsubscribe(Dialect::V1, &first);
    assert!(broadcast.editions.get(Dialect::V1).is_none());
}
