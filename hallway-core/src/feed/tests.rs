use std::sync::Arc;

use super::*;
use crate::event::{Chat, SLOT_BYTES};

fn said(text: &str) -> Event {
    Event::Chat(Arc::new(Chat::new(0, time::OffsetDateTime::UNIX_EPOCH, "".into(), text.into())))
}

fn publish(feed: &Feed, events: impl IntoIterator<Item = Event>) {
    feed.publish(&mut events.into_iter().collect());
}

fn read(reader: &mut RoomFeed) -> Result<Vec<Event>, TryRecvError> {
    let mut events = Vec::new();
    reader.try_recv_many(&mut events, usize::MAX)?;
    Ok(events)
}

/// A bound that holds just `events` events without text.
fn bound(events: usize) -> usize {
    events * SLOT_BYTES
}

#[test]
fn every_reader_sees_what_follows_its_subscription_in_order() {
    let feed = Feed::new(bound(10));
    let mut early = feed.subscribe();
    publish(&feed, [said(""), Event::Count(1)]);
    let mut late = feed.subscribe();
    publish(&feed, [Event::Count(2)]);
    assert_eq!(read(&mut early), Ok(vec![said(""), Event::Count(1), Event::Count(2)]));
    assert_eq!(read(&mut late), Ok(vec![Event::Count(2)]));
    assert_eq!(read(&mut late), Err(TryRecvError::Empty));
}

#[test]
fn an_event_is_freed_when_the_last_reader_has_read_it() {
    let feed = Feed::new(bound(10));
    let (mut fast, mut slow) = (feed.subscribe(), feed.subscribe());
    publish(&feed, [Event::Count(1), Event::Count(2)]);
    read(&mut fast).unwrap();
    assert_eq!(feed.shared.lock().log.bytes(), bound(2));
    slow.try_recv_many(&mut Vec::new(), 1).unwrap();
    assert_eq!(feed.shared.lock().log.bytes(), bound(1));
    drop(slow);
    assert_eq!(feed.shared.lock().log.bytes(), 0);
}

#[test]
fn without_readers_nothing_is_stored() {
    let feed = Feed::new(bound(10));
    publish(&feed, [said(""), said("")]);
    assert_eq!(feed.shared.lock().log.bytes(), 0);
    assert_eq!(read(&mut feed.subscribe()), Err(TryRecvError::Empty));
}

#[test]
fn a_reader_that_falls_behind_learns_how_many_messages_it_missed_and_goes_on() {
    let feed = Feed::new(bound(3));
    let (mut fast, mut slow) = (feed.subscribe(), feed.subscribe());
    for number in 0..10 {
        publish(&feed, [said("")]);
        assert_eq!(read(&mut fast).map(|events| events.len()), Ok(1), "at message {number}");
    }
    assert_eq!(read(&mut slow), Err(TryRecvError::Missed(7)));
    assert_eq!(read(&mut slow).map(|events| events.len()), Ok(3));
    assert_eq!(read(&mut slow), Err(TryRecvError::Empty));
}

#[test]
fn what_was_missed_is_counted_in_messages_alone_and_the_newest_count_is_not_lost() {
    let feed = Feed::new(bound(2));
    let mut slow = feed.subscribe();
    publish(
        &feed,
        [Event::Count(1), said(""), Event::Count(2), Event::Joined("".into()), said(""), said("")],
    );
    assert_eq!(read(&mut slow), Err(TryRecvError::Missed(1)));
    assert_eq!(read(&mut slow), Ok(vec![Event::Count(2), said(""), said("")]));
}

#[test]
fn a_reader_that_lost_no_message_is_told_of_no_loss() {
    let feed = Feed::new(bound(1));
    let mut slow = feed.subscribe();
    publish(&feed, [Event::Joined("".into()), Event::Count(1), Event::Joined("".into())]);
    assert_eq!(read(&mut slow), Ok(vec![Event::Count(1), Event::Joined("".into())]));
}

#[test]
fn a_reader_that_leaves_after_it_was_overtaken_frees_what_it_had_left() {
    let feed = Feed::new(bound(2));
    let slow = feed.subscribe();
    publish(&feed, [said(""), said(""), said(""), said("")]);
    drop(slow);
    assert_eq!(feed.shared.lock().log.bytes(), 0);
}

#[test]
fn the_end_comes_after_what_was_published_before_it() {
    let feed = Feed::new(bound(10));
    let mut reader = feed.subscribe();
    publish(&feed, [said("last")]);
    drop(feed);
    assert_eq!(read(&mut reader), Ok(vec![said("last")]));
    assert_eq!(read(&mut reader), Err(TryRecvError::Closed));
}

#[test]
fn a_reader_that_asks_for_nothing_gets_nothing_and_is_told_nothing() {
    let feed = Feed::new(bound(1));
    let mut slow = feed.subscribe();
    publish(&feed, [said(""), said("")]);
    assert_eq!(slow.try_recv_many(&mut Vec::new(), 0), Ok(0));
    assert_eq!(read(&mut slow), Err(TryRecvError::Missed(1)));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_reader_is_woken_by_an_event_and_by_the_end() {
    let feed = Feed::new(bound(10));
    let mut reader = feed.subscribe();
    let waiting = tokio::spawn(async move {
        let mut events = Vec::new();
        let first = reader.recv_many(&mut events, 10).await;
        (first, reader.recv_many(&mut events, 10).await)
    });
    tokio::task::yield_now().await;
    publish(&feed, [Event::Count(1)]);
    tokio::task::yield_now().await;
    drop(feed);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await;
    assert_eq!(ended.unwrap().unwrap(), (Ok(1), Err(RecvError::Closed)));
}
