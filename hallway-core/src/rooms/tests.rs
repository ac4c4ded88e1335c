use super::*;

const WALL: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

struct Hub {
    rooms: Rooms,
    now: Instant,
}

impl Hub {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        Self { rooms: Rooms::new(Arc::new(config)), now: Instant::now() }
    }

    fn join(&mut self, room: &str) -> Result<MemberId, JoinError> {
        self.rooms.join(&room.parse().unwrap(), "alice", None, self.now, WALL).map(|(id, _)| id)
    }

    fn leave(&mut self, room: &str, id: MemberId) {
        self.rooms.leave(&room.parse().unwrap(), id, self.now);
    }

    /// Leaves a room behind in which one message was said.
    fn used(&mut self, room: &str) {
        let id = self.join(room).unwrap();
        self.rooms.post(&room.parse().unwrap(), "alice".into(), "hi".into(), WALL);
        self.leave(room, id);
        self.rooms.settle(self.now);
    }

    fn replayed(&mut self, room: &str) -> usize {
        let (_, joined) = self.rooms.join(&room.parse().unwrap(), "bob", None, self.now, WALL).unwrap();
        joined.replay.history.len()
    }
}

#[test]
fn an_empty_room_without_history_is_forgotten() {
    let mut hub = Hub::new(|_| {});
    let id = hub.join("a").unwrap();
    hub.leave("a", id);
    hub.rooms.settle(hub.now);
    assert!(hub.rooms.by_name.is_empty());
    assert!(hub.rooms.deadlines.is_empty());
}

#[test]
fn an_empty_room_with_history_is_kept_for_who_comes_back() {
    let mut hub = Hub::new(|_| {});
    hub.used("a");
    assert_eq!(hub.replayed("a"), 1);
    assert_eq!(hub.rooms.idle_bytes, 0);
    assert!(hub.rooms.idle.is_empty());
}

#[test]
fn the_room_empty_the_longest_is_forgotten_when_the_empty_ones_hold_too_much() {
    let one = Chat::new(1, WALL, "alice".into(), "hi".into()).cost();
    let mut hub = Hub::new(|config| config.idle_history_bytes = 2 * one);
    for room in ["a", "b", "c"] {
        hub.used(room);
    }
    assert_eq!([hub.replayed("a"), hub.replayed("b"), hub.replayed("c")], [0, 1, 1]);
}

#[test]
fn where_all_histories_hold_too_much_the_fullest_rooms_lose_their_oldest_messages() {
    let one = Chat::new(1, WALL, "alice".into(), "hi".into()).cost();
    let mut hub = Hub::new(|config| config.history_bytes = 16 * one);
    hub.used("idle");
    for (room, messages) in [("small", 2), ("large", 10), ("larger", 20)] {
        hub.join(room).unwrap();
        for _ in 0..messages {
            hub.rooms.post(&room.parse().unwrap(), "alice".into(), "hi".into(), WALL);
        }
        hub.rooms.settle(hub.now);
    }
    // Fourteen are left: two of the small room, and six of each of the others.
    assert_eq!(hub.rooms.history_bytes, 14 * one);
    let rooms = ["idle", "small", "large", "larger"];
    assert_eq!(rooms.map(|room| hub.replayed(room)), [0, 2, 6, 6]);
}

#[test]
fn what_all_histories_hold_is_what_they_hold_however_rooms_come_and_go() {
    let mut hub = Hub::new(|config| config.idle_history_bytes = 500);
    for round in 0..100 {
        hub.used(&format!("room{}", round % 7));
    }
    let held: usize = hub.rooms.by_name.values().map(|kept| kept.room.history_bytes()).sum();
    assert_eq!(hub.rooms.history_bytes, held);
    assert_eq!(hub.rooms.idle_bytes, held);
}

#[test]
fn a_level_leaves_the_small_as_they_are() {
    assert_eq!(level(vec![1, 2, 100, 50], 23), 10);
    assert_eq!(level(vec![5, 5], 10), usize::MAX);
    assert_eq!(level(vec![9, 9], 0), 0);
    assert_eq!(level(vec![], 0), usize::MAX);
}

#[test]
fn the_room_empty_the_longest_makes_place_for_a_new_one() {
    let mut hub = Hub::new(|config| config.max_rooms = 2);
    hub.used("a");
    hub.used("b");
    hub.join("c").unwrap();
    assert_eq!(hub.replayed("b"), 1);
    assert_eq!(hub.join("a"), Err(JoinError::TooManyRooms { max: 2 }));
}

#[test]
fn a_room_that_was_emptied_just_before_makes_place_for_a_new_one() {
    let mut hub = Hub::new(|config| config.max_rooms = 1);
    let id = hub.join("a").unwrap();
    assert_eq!(hub.join("b"), Err(JoinError::TooManyRooms { max: 1 }));
    hub.leave("a", id);
    assert!(hub.join("b").is_ok());
}

#[test]
fn what_empty_rooms_hold_is_what_they_hold_when_the_store_lets_go_of_some_of_it() {
    let mut hub = Hub::new(|_| {});
    hub.used("a");
    hub.used("b");
    hub.rooms.room(&"a".parse().unwrap()).unwrap().tidied(2);
    hub.rooms.settle(hub.now);
    let held: usize = hub.rooms.by_name.values().map(|kept| kept.room.history_bytes()).sum();
    assert_eq!(hub.rooms.idle_bytes, held);
    assert_eq!([hub.replayed("a"), hub.replayed("b")], [0, 1]);
    assert_eq!(hub.rooms.idle_bytes, 0);
}
