use hallway_core::{Config, Hub, Member, RoomName, SystemClock};

use super::*;
use crate::fanout::{Budget, batch::frame_end};

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
    Broadcast::new(feed, 4 << 20, share, Arc::new(Traffic::new()))
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
    for messages in [10, 1_000] {
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

        let own = broadcast.own(Some(2), Some(feed));
        let texts = texts(&own);
        assert!(texts[..3].iter().any(|text| text.contains("bob joined")), "{:?}", &texts[..3]);
        let heard = texts.iter().filter(|text| text.contains("chatMessage")).count();
        if heard < messages {
            assert!((OWN_BYTES..OWN_BYTES + 1_000).contains(&own.len()), "{}", own.len());
            assert!(texts[texts.len() - 2].contains(&format!("you missed {} messages", messages - heard)));
        } else {
            assert_eq!(messages, 10);
        }
        let last = &texts[texts.len() - 2..];
        assert!(last.iter().any(|text| text.contains(r#""count":3"#)), "{last:?}");
    }
}
