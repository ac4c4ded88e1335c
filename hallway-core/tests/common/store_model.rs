//! Random posts, crashes, resends, resumes and retention on a hub with a store, against a plain model: what was seen or
//! acknowledged at a place is there for ever, once, and nobody is shown anything but 1, 2, 3, … or a gap.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

use hallway_core::{
    Acknowledgement, Epoch, Event, Hub, Member, Position, PostError, RecvError, Reference, RoomName, Store,
    StoreError, TryRecvError,
};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use tokio::runtime::Builder;

use super::{MS, SECOND, disk::Disk, in_time, pass, room};

const ROOMS: usize = 2;
const NAMES: [&str; 3] = ["alice", "bob", "carol"];

/// What a case keeps its messages in.
pub(crate) trait Medium {
    /// Opens the store, a new one at first, and then what is left of it after the death of a hub.
    fn open(&mut self) -> Arc<dyn Store>;
}

/// What was seen or acknowledged is there for ever and once, whatever fails.
pub(crate) fn check<M: Medium>(cases: u32, medium: impl Fn() -> M) {
    let (crashes, resumed, gaps) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&case(), |case| {
        let world = World::new(&case, medium()).run(&case);
        crashes.set(crashes.get() + world.crashes);
        resumed.set(resumed.get() + world.resumed);
        gaps.set(gaps.get() + world.gaps);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    // That it has looked at what it is for. Gaps are rare and come together: a few cases may have none.
    assert!(crashes.get() > cases, "{} crashes", crashes.get());
    assert!(
        resumed.get() > cases && gaps.get() >= cases / 96,
        "{} resumed, {} gaps",
        resumed.get(),
        gaps.get()
    );
}

#[derive(Clone, Debug)]
struct Case {
    history: usize,
    keep: Option<u64>,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Join {
        room: usize,
        name: usize,
    },
    /// Somebody goes and comes back with the position that it has come to.
    Resume {
        guest: Index,
    },
    Post {
        guest: Index,
        has_reference: bool,
        times: usize,
    },
    Resend {
        guest: Index,
        message: Index,
    },
    Read {
        guest: Index,
    },
    Page {
        room: usize,
        before: u64,
        limit: usize,
    },
    /// The disk is stuck, or goes on; it is full, or has room.
    Stick(bool),
    Fill(bool),
    Pass {
        seconds: u32,
    },
    /// The hub is killed; what the store was being given is kept, or not.
    Crash {
        is_kept: bool,
    },
    Restart,
}

fn case() -> impl Strategy<Value = Case> {
    let step = prop_oneof![
        3 => (0..ROOMS, 0..NAMES.len()).prop_map(|(room, name)| Step::Join { room, name }),
        3 => any::<Index>().prop_map(|guest| Step::Resume { guest }),
        9 => (any::<Index>(), any::<bool>(), 1..6_usize)
            .prop_map(|(guest, has_reference, times)| Step::Post { guest, has_reference, times }),
        4 => (any::<Index>(), any::<Index>()).prop_map(|(guest, message)| Step::Resend { guest, message }),
        4 => any::<Index>().prop_map(|guest| Step::Read { guest }),
        2 => (0..ROOMS, 0..40_u64, 1..20_usize).prop_map(|(room, before, limit)| Step::Page { room, before, limit }),
        3 => any::<bool>().prop_map(Step::Stick),
        2 => prop::bool::weighted(0.3).prop_map(Step::Fill),
        1 => (0..60_u32).prop_map(|seconds| Step::Pass { seconds }),
        2 => any::<bool>().prop_map(|is_kept| Step::Crash { is_kept }),
        1 => Just(Step::Restart),
    ];
    (0..8_usize, prop::option::weighted(0.3, 1..20_u64), prop::collection::vec(step, 1..120))
        .prop_map(|(history, keep, steps)| Case { history, keep, steps })
}

/// What is known of everything that was ever posted, and who is there.
struct World<M> {
    medium: M,
    disk: Arc<Disk>,
    rooms: [Room; ROOMS],
    messages: Vec<Message>,
    guests: Vec<Guest>,
    outstanding: Vec<(usize, Acknowledgement)>,
    is_stuck: bool,
    is_tidied: bool,
    crashes: u32,
    resumed: u32,
    gaps: u32,
}

#[derive(Default)]
struct Room {
    epoch: Option<Epoch>,
    /// What was seen or acknowledged at each place.
    known: BTreeMap<u64, String>,
}

struct Message {
    room: usize,
    name: usize,
    text: String,
    reference: Option<Reference>,
    /// Where it was acknowledged; nothing where it was refused or its fate is unknown.
    seq: Option<u64>,
    is_refused: bool,
}

struct Guest {
    /// Nothing after a crash.
    member: Option<Member>,
    room: usize,
    name: usize,
    epoch: Epoch,
    /// The newest it was shown, or told that it will not be.
    after: u64,
}

impl<M: Medium> World<M> {
    fn new(case: &Case, mut medium: M) -> Self {
        let store = medium.open();
        // Made within a runtime, because its clock is the runtime's.
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        Self {
            disk: runtime.block_on(async { Disk::over(store) }),
            medium,
            rooms: Default::default(),
            messages: Vec::new(),
            guests: Vec::new(),
            outstanding: Vec::new(),
            is_stuck: false,
            is_tidied: case.keep.is_some(),
            crashes: 0,
            resumed: 0,
            gaps: 0,
        }
    }

    fn run(mut self, case: &Case) -> Self {
        let mut steps = case.steps.iter();
        let mut is_over = false;
        while !is_over {
            let runtime =
                Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
            let life = runtime.block_on(self.live(case, &mut steps));
            // Whatever the store was given last happens now, or never does.
            if let ControlFlow::Continue(is_kept) = life {
                self.disk.fail(if is_kept { None } else { Some(StoreError::Failed("killed".into())) });
            }
            self.disk.go_on();
            drop(runtime);
            self.disk.fail(None);
            self.is_stuck = false;
            self.outstanding.clear();
            for guest in &mut self.guests {
                guest.member = None;
            }
            // Nobody has the old one any more.
            self.disk.exchange(|| self.medium.open());
            self.check_store(case);
            is_over = life.is_break();
        }
        self
    }

    /// One life of a hub: until it is killed, or there is no step left.
    async fn live(&mut self, case: &Case, steps: &mut std::slice::Iter<'_, Step>) -> ControlFlow<(), bool> {
        let hub = self.disk.hub(|config| {
            config.history = case.history;
            config.idle_history_bytes = 0;
            config.page_bytes = 200;
            config.retention.messages = case.keep;
        });
        self.resend_all(&hub).await;
        for step in steps {
            match *step {
                Step::Crash { is_kept } => {
                    self.crashes += 1;
                    return ControlFlow::Continue(is_kept);
                }
                Step::Restart => {
                    self.go_on().await;
                    hub.shutdown();
                    in_time(hub.closed()).await.expect("it ends in order");
                    return ControlFlow::Continue(true);
                }
                ref step => self.step(&hub, step).await,
            }
        }
        self.go_on().await;
        for guest in 0..self.guests.len() {
            if self.guests[guest].member.is_some() {
                self.read(guest).await;
            }
        }
        ControlFlow::Break(())
    }

    async fn step(&mut self, hub: &Hub, step: &Step) {
        let guest = |index: &Index, guests: &[Guest]| (!guests.is_empty()).then(|| index.index(guests.len()));
        match step {
            Step::Join { room, name } => self.join(hub, *room, *name).await,
            Step::Resume { guest: index } => {
                if let Some(guest) = guest(index, &self.guests) {
                    self.resume(hub, guest).await;
                }
            }
            Step::Post { guest: index, has_reference, times } => {
                let Some(guest) = guest(index, &self.guests) else { return };
                for _ in 0..*times {
                    let (room, name) = (self.guests[guest].room, self.guests[guest].name);
                    let number = self.messages.len();
                    let text = format!("message {number}");
                    let reference =
                        has_reference.then(|| Reference::new(&number.to_string()).expect("short"));
                    self.messages.push(Message { room, name, text, reference, seq: None, is_refused: false });
                    self.submit(guest, number).await;
                }
            }
            Step::Resend { guest: index, message } => {
                if let Some(guest) = guest(index, &self.guests)
                    && !self.messages.is_empty()
                {
                    let number = message.index(self.messages.len());
                    let message = &self.messages[number];
                    let is_its =
                        (message.room, message.name) == (self.guests[guest].room, self.guests[guest].name);
                    // Sent again while the first is under way, its fate would be known twice.
                    let is_outstanding = self.outstanding.iter().any(|(other, _)| *other == number);
                    if is_its && message.reference.is_some() && !is_outstanding {
                        self.submit(guest, number).await;
                    }
                }
            }
            Step::Read { guest: index } => {
                if let Some(guest) = guest(index, &self.guests) {
                    self.read(guest).await;
                }
            }
            Step::Page { room, before, limit } => {
                let page =
                    in_time(hub.history(&name_of(*room), Some(*before), *limit)).await.expect("a page");
                assert!(page.messages.len() <= *limit);
                assert!(page.messages.last().is_none_or(|last| last.seq < *before));
                for pair in page.messages.windows(2) {
                    assert_eq!(pair[0].seq + 1, pair[1].seq, "a page without a hole");
                }
                for chat in page.messages {
                    self.rooms[*room].know(chat.seq, &chat.text);
                }
            }
            Step::Stick(true) if !self.is_stuck => {
                self.is_stuck = true;
                self.disk.get_stuck();
            }
            Step::Stick(_) => self.go_on().await,
            Step::Fill(is_full) => self.disk.fail(is_full.then_some(StoreError::Full)),
            Step::Pass { seconds } if !self.is_stuck => pass(*seconds * SECOND).await,
            Step::Pass { .. } => {}
            Step::Crash { .. } | Step::Restart => unreachable!("the end of a life"),
        }
        if !self.is_stuck {
            self.learn().await;
        }
    }

    /// As a client does: whatever was not acknowledged is sent again.
    async fn resend_all(&mut self, hub: &Hub) {
        for number in 0..self.messages.len() {
            let message = &self.messages[number];
            if message.seq.is_none() && !message.is_refused && message.reference.is_some() {
                let member =
                    in_time(hub.join(&name_of(message.room), NAMES[message.name])).await.expect("in");
                self.rooms[message.room].is_in(&member.welcome().epoch);
                let reference = message.reference.clone();
                let sent = in_time(member.submit(message.text.clone(), reference)).await.expect("accepted");
                self.outstanding.push((number, sent));
            }
        }
        self.learn().await;
    }

    async fn join(&mut self, hub: &Hub, room: usize, name: usize) {
        let member = in_time(hub.join(&name_of(room), NAMES[name])).await.expect("in");
        let welcome = member.welcome().clone();
        let epoch = self.rooms[room].is_in(&welcome.epoch);
        // What was before the history is not for who joins.
        self.guests.push(Guest { member: Some(member), room, name, epoch, after: u64::MAX });
        self.read(self.guests.len() - 1).await;
        let guest = self.guests.last_mut().expect("the one that joined");
        if guest.after == u64::MAX {
            guest.after = welcome.seq;
        }
    }

    async fn resume(&mut self, hub: &Hub, guest: usize) {
        if self.guests[guest].member.is_some() {
            self.read(guest).await;
        }
        let Guest { room, name, epoch, after, .. } = &mut self.guests[guest];
        let position = Position { epoch: epoch.clone(), after: *after };
        let member = in_time(hub.resume(&name_of(*room), NAMES[*name], position)).await.expect("in");
        let welcome = member.welcome().clone();
        // A room that nobody has said anything in has no past.
        if welcome.epoch != *epoch {
            assert_eq!(*after, 0, "an epoch ends with messages in it");
        }
        *epoch = self.rooms[*room].is_in(&welcome.epoch);
        if welcome.resumed {
            self.resumed += 1;
            assert_eq!(welcome.gap, None);
        } else if let Some(gap) = welcome.gap {
            self.gaps += 1;
            assert_eq!(*gap.start(), *after + 1, "the gap begins where it had come to");
            *after = *gap.end();
        }
        self.guests[guest].member = Some(member);
        self.read(guest).await;
    }

    async fn submit(&mut self, guest: usize, number: usize) {
        let Message { text, reference, .. } = &self.messages[number];
        let Some(member) = &self.guests[guest].member else { return };
        let sent = in_time(member.submit(text.clone(), reference.clone())).await.expect("accepted");
        self.outstanding.push((number, sent));
        // Its fate is unknown again.
        self.messages[number].is_refused = false;
    }

    async fn go_on(&mut self) {
        self.disk.go_on();
        self.is_stuck = false;
        self.learn().await;
    }

    /// Hears what became of all that was sent.
    async fn learn(&mut self) {
        for (number, sent) in std::mem::take(&mut self.outstanding) {
            let message = &mut self.messages[number];
            match in_time(sent).await {
                Ok(receipt) => {
                    assert!(message.seq.is_none_or(|seq| seq == receipt.seq), "it has one place");
                    message.seq = Some(receipt.seq);
                    message.is_refused = false;
                    self.rooms[message.room].know(receipt.seq, &message.text);
                }
                Err(PostError::Unavailable(_)) => message.is_refused = message.seq.is_none(),
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Whatever a guest can be shown now: the next number, or a word about what it will not be shown.
    async fn read(&mut self, guest: usize) {
        let Guest { member: Some(member), room, after, .. } = &mut self.guests[guest] else { return };
        loop {
            let next = if self.is_stuck {
                // Time stands still while the disk does.
                member.try_recv().map_err(|error| match error {
                    TryRecvError::Missed(count) => Some(RecvError::Missed(count)),
                    TryRecvError::Closed => Some(RecvError::Closed),
                    TryRecvError::Empty => None,
                })
            } else {
                let next = tokio::time::timeout(MS, member.recv()).await;
                next.map_or(Err(None), |next| next.map_err(Some))
            };
            match next {
                Ok(Event::Chat(chat)) => {
                    assert!(*after == u64::MAX || *after + 1 == chat.seq, "{} behind {after}", chat.seq);
                    *after = chat.seq;
                    self.rooms[*room].know(chat.seq, &chat.text);
                }
                Ok(_) => {}
                Err(None) => return,
                // Let go between the join and the reading.
                Err(Some(RecvError::Missed(count))) if self.is_tidied => *after += count,
                Err(Some(error)) => panic!("{error}"),
            }
        }
    }

    /// What is on the disk is what is known, each message once.
    fn check_store(&mut self, case: &Case) {
        for (number, known) in self.rooms.iter_mut().enumerate() {
            let kept = self.disk.messages(&name_of(number));
            let mut times: HashMap<&str, u32> = HashMap::new();
            for chat in &kept {
                *times.entry(&*chat.text).or_default() += 1;
            }
            assert!(times.values().all(|times| *times == 1), "each message once: {times:?}");
            let first = kept.first().map_or(u64::MAX, |first| first.seq);
            if case.keep.is_none() {
                assert!(first == 1 || first == u64::MAX);
            }
            for (seq, text) in known.known.range(first..) {
                let chat = kept.get(usize::try_from(seq - first).expect("few"));
                assert_eq!(chat.map(|chat| &*chat.text), Some(text.as_str()), "message {seq} is there");
            }
            if first == u64::MAX {
                assert!(known.known.is_empty(), "nothing is left of {:?}", known.known);
            }
            for chat in &kept {
                let message = self.messages.iter().find(|message| *message.text == *chat.text);
                assert!(!message.expect("one that was sent").is_refused, "{} was refused", chat.text);
            }
        }
    }
}

impl Room {
    fn know(&mut self, seq: u64, text: &str) {
        let known = self.known.entry(seq).or_insert_with(|| text.to_owned());
        assert_eq!(known, text, "what was at {seq} is there for ever");
    }

    /// The epoch stays what it was as soon as there are messages.
    fn is_in(&mut self, epoch: &Epoch) -> Epoch {
        if self.known.is_empty() {
            self.epoch = Some(epoch.clone());
        }
        assert_eq!(self.epoch.as_ref(), Some(epoch));
        epoch.clone()
    }
}

fn name_of(number: usize) -> RoomName {
    room(&number.to_string())
}
