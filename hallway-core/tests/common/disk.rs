//! A store that a test makes slow, full or broken, over one in memory; and a hub on it that can be killed.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, RwLock,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use hallway_core::{
    Chat, Config, Durability, Hub, Retention, RoomName, Store, StoreError,
    store::{Entry, MemoryStore, PageLimit, Side, StoredReference, StoredRoom, Tidied},
};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::TestClock;

/// What is on it survives the hub.
pub(crate) struct Disk {
    kept: RwLock<Option<Arc<dyn Store>>>,
    /// When the clock of its hubs began.
    start: Instant,
    state: Mutex<State>,
    changed: Condvar,
    appends: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// Appends wait for as long as this is so, but for so many of them.
    is_stuck: bool,
    let_through: usize,
    /// How many wait.
    waiting: usize,
    fault: Option<StoreError>,
    /// Rooms that were read wait for as long as this is so.
    holds_reads: bool,
    reading: usize,
    /// Reads fail with this.
    unreadable: Option<StoreError>,
    untidy: Option<StoreError>,
    tidied: usize,
    panics: bool,
}

impl Disk {
    pub(crate) fn new() -> Arc<Self> {
        Self::over(Arc::new(MemoryStore::new()))
    }

    /// One that keeps what it has in another store.
    pub(crate) fn over(store: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            kept: RwLock::new(Some(store)),
            start: Instant::now(),
            state: Mutex::default(),
            changed: Condvar::new(),
            appends: AtomicUsize::new(0),
        })
    }

    /// A hub that keeps its messages here.
    pub(crate) fn hub(self: &Arc<Self>, change: impl FnOnce(&mut Config)) -> Hub {
        let clock = TestClock::since(self.start);
        Hub::spawn_with_store(super::config(change), clock, Arc::clone(self)).expect("a hub")
    }

    /// From now on appends take until [`go_on`](Self::go_on).
    pub(crate) fn get_stuck(&self) {
        self.change(|state| state.is_stuck = true);
    }

    pub(crate) fn go_on(&self) {
        self.change(|state| state.is_stuck = false);
    }

    /// Lets one append through.
    pub(crate) fn let_one_through(&self) {
        self.change(|state| state.let_through += 1);
    }

    /// From now on what is read of rooms is held back, or not.
    pub(crate) fn hold_reads(&self, holds: bool) {
        self.change(|state| state.holds_reads = holds);
    }

    /// From now on nothing is let go of, or it is.
    pub(crate) fn be_untidy(&self, fault: Option<StoreError>) {
        self.change(|state| state.untidy = fault);
    }

    /// From now on appends fail, or not.
    pub(crate) fn fail(&self, fault: Option<StoreError>) {
        self.change(|state| state.fault = fault);
    }

    /// From now on nothing can be read, or it can.
    pub(crate) fn be_unreadable(&self, fault: Option<StoreError>) {
        self.change(|state| state.unreadable = fault);
    }

    /// From now on appends panic, or not.
    pub(crate) fn panic(&self, panics: bool) {
        self.change(|state| state.panics = panics);
    }

    /// How many batches were appended.
    pub(crate) fn appends(&self) -> usize {
        self.appends.load(SeqCst)
    }

    /// Blocks until an append is under way.
    pub(crate) fn wait_for_append(&self) {
        self.wait(|state| state.waiting > 0);
    }

    /// Blocks until so many rooms are being read.
    pub(crate) fn wait_for_reads(&self, reads: usize) {
        self.wait(|state| state.reading >= reads);
    }

    /// Blocks until it was tidied so often.
    pub(crate) fn wait_for_tidying(&self, times: usize) {
        self.wait(|state| state.tidied >= times);
    }

    pub(crate) fn times_tidied(&self) -> usize {
        self.state().tidied
    }

    fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let patience = Duration::from_secs(10);
        let (_state, late) =
            self.changed.wait_timeout_while(self.state(), patience, |state| !is_so(state)).expect("no panic");
        assert!(!late.timed_out(), "it did not come about");
    }

    /// The messages of a room, in order.
    pub(crate) fn messages(&self, room: &RoomName) -> Vec<Arc<Chat>> {
        let all = PageLimit { messages: usize::MAX, bytes: usize::MAX };
        self.kept().page(room, Side::After(0), all).expect("a page")
    }

    /// Their texts.
    pub(crate) fn texts(&self, room: &RoomName) -> Vec<String> {
        self.messages(room).iter().map(|chat| chat.text.to_string()).collect()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Lets the store go, and takes another.
    pub(crate) fn exchange(&self, other: impl FnOnce() -> Arc<dyn Store>) {
        let mut kept = self.kept.write().expect("no panic under it");
        *kept = None;
        *kept = Some(other());
    }

    fn kept(&self) -> Arc<dyn Store> {
        self.kept.read().expect("no panic under it").clone().expect("there is one but while it is exchanged")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under it")
    }

    fn readable(&self) -> Result<(), StoreError> {
        self.state().unreadable.clone().map_or(Ok(()), Err)
    }
}

impl Store for Disk {
    fn begin(&self, durability: Durability, now: OffsetDateTime) -> Result<(), StoreError> {
        self.readable()?;
        self.kept().begin(durability, now)
    }

    fn references(&self, since: OffsetDateTime, limit: usize) -> Result<Vec<StoredReference>, StoreError> {
        self.kept().references(since, limit)
    }

    fn room(&self, room: &RoomName, newest: PageLimit) -> Result<Option<StoredRoom>, StoreError> {
        self.readable()?;
        let read = self.kept().room(room, newest);
        let mut state = self.state();
        state.reading += 1;
        self.changed.notify_all();
        let mut state = self.changed.wait_while(state, |state| state.holds_reads).expect("no panic");
        state.reading -= 1;
        read
    }

    fn page(&self, room: &RoomName, side: Side, limit: PageLimit) -> Result<Vec<Arc<Chat>>, StoreError> {
        self.readable()?;
        self.kept().page(room, side, limit)
    }

    fn append(&self, batch: &[Entry]) -> Result<(), StoreError> {
        let mut state = self.state();
        state.waiting += 1;
        self.changed.notify_all();
        let is_held = |state: &mut State| state.is_stuck && state.let_through == 0;
        let mut state = self.changed.wait_while(state, is_held).expect("no panic");
        state.waiting -= 1;
        state.let_through = state.let_through.saturating_sub(1);
        let (fault, panics) = (state.fault.clone(), state.panics);
        drop(state);
        assert!(!panics, "the store panics");
        if let Some(fault) = fault {
            return Err(fault);
        }
        self.appends.fetch_add(1, SeqCst);
        self.kept().append(batch)
    }

    fn tidy(
        &self,
        keep: &Retention,
        now: OffsetDateTime,
        references_since: OffsetDateTime,
    ) -> Result<Tidied, StoreError> {
        let fault = self.state().untidy.clone();
        let tidied = fault.map_or_else(|| self.kept().tidy(keep, now, references_since), Err);
        self.change(|state| state.tidied += 1);
        tidied
    }

    fn close(&self) -> Result<(), StoreError> {
        self.kept().close()
    }
}
