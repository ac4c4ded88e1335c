//! What is on its way to the store: a batch at a time, and what comes meanwhile is the next.

use std::{future, sync::Arc, time::Duration};

use time::OffsetDateTime;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    event::Chat,
    reference::Reference,
    references::{Key, since},
    room::MemberId,
    room_name::RoomName,
    store::{Durability, Entry, Store, StoreError, StoreHealth, Tidied},
    submission::Answer,
};

/// A message that is not stored yet.
#[derive(Debug)]
pub(crate) struct Unstored {
    pub(crate) room: RoomName,
    pub(crate) member: MemberId,
    pub(crate) username: Arc<str>,
    pub(crate) text: Arc<str>,
    pub(crate) reference: Option<(Reference, Key)>,
    pub(crate) answer: Answer,
    /// What it takes in the mailbox until it is done.
    pub(crate) cost: usize,
    /// With its place in the sequence, from when it has one.
    pub(crate) numbered: Option<Entry>,
}

/// Gives a store its work, on a thread for that, one piece after the other. It waits for none.
pub(crate) struct Journal {
    store: Arc<dyn Store>,
    config: Arc<Config>,
    /// In the order in which they came.
    waiting: Vec<Unstored>,
    at_work: Option<Work>,
    health: watch::Sender<StoreHealth>,
}

enum Work {
    Append(Vec<Unstored>, JoinHandle<Result<(), StoreError>>),
    Tidy(JoinHandle<Result<Tidied, StoreError>>),
}

/// What was done.
pub(crate) enum Done {
    /// These are stored.
    Stored(Vec<Unstored>),
    /// These are not.
    NotStored(Vec<Unstored>, StoreError),
    /// A step of tidying.
    Tidied(Result<Tidied, StoreError>),
}

impl Journal {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        config: Arc<Config>,
        health: watch::Sender<StoreHealth>,
    ) -> Self {
        Self { store, config, waiting: Vec::new(), at_work: None, health }
    }

    pub(crate) fn durability(&self) -> Durability {
        self.config.durability
    }

    /// Why the last batch was not stored, where it was not.
    pub(crate) fn fault(&self) -> Option<StoreError> {
        self.health.borrow().not_stored.clone()
    }

    pub(crate) fn push(&mut self, message: Unstored) {
        self.waiting.push(message);
    }

    /// Puts messages back that could not be stored and must be.
    pub(crate) fn push_front(&mut self, mut messages: Vec<Unstored>) {
        messages.append(&mut self.waiting);
        self.waiting = messages;
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.at_work.is_none()
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Takes out what waits, to be numbered and given to [`append`](Self::append).
    pub(crate) fn take_waiting(&mut self) -> Vec<Unstored> {
        std::mem::take(&mut self.waiting)
    }

    /// Begins to store these. To be called when the journal is idle.
    pub(crate) fn append(&mut self, batch: Vec<Unstored>) {
        let entries: Vec<_> = batch.iter().filter_map(|message| message.numbered.clone()).collect();
        let store = Arc::clone(&self.store);
        let task = tokio::task::spawn_blocking(move || store.append(&entries));
        self.at_work = Some(Work::Append(batch, task));
    }

    /// Begins a step of tidying. To be called when the journal is idle.
    pub(crate) fn tidy(&mut self, now: OffsetDateTime) {
        let (store, keep) = (Arc::clone(&self.store), self.config.retention);
        let references_since = since(now, self.config.reference_window);
        let task = tokio::task::spawn_blocking(move || store.tidy(&keep, now, references_since));
        self.at_work = Some(Work::Tidy(task));
    }

    /// Waits until what was begun is done; for ever, where nothing was. Cancel safe.
    pub(crate) async fn done(&mut self) -> Done {
        match &mut self.at_work {
            None => future::pending().await,
            Some(Work::Append(_, task)) => {
                let stored = finished(task.await);
                let Some(Work::Append(batch, _)) = self.at_work.take() else {
                    return future::pending().await;
                };
                self.note(|health| &mut health.not_stored, stored.as_ref().err());
                match stored {
                    Ok(()) => Done::Stored(batch),
                    Err(error) => Done::NotStored(batch, error),
                }
            }
            Some(Work::Tidy(task)) => {
                let tidied = finished(task.await);
                self.at_work = None;
                self.note(|health| &mut health.not_tidied, tidied.as_ref().err());
                Done::Tidied(tidied)
            }
        }
    }

    /// Tells whoever watches, if it is news.
    fn note(&self, of: impl Fn(&mut StoreHealth) -> &mut Option<StoreError>, fault: Option<&StoreError>) {
        self.health.send_if_modified(|health| {
            let known = of(health);
            let is_news = known.as_ref() != fault;
            *known = fault.cloned();
            is_news
        });
    }

    /// The hub has ended: waits until the store has, too.
    pub(crate) async fn close(self) {
        let store = self.store;
        // Whoever would want to know has gone. What was acknowledged is stored in any case.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}

/// A store that panics has failed like any other.
fn finished<T>(task: Result<Result<T, StoreError>, tokio::task::JoinError>) -> Result<T, StoreError> {
    task.unwrap_or_else(|error| Err(StoreError::Failed(error.to_string())))
}

impl Unstored {
    /// The message, where it has its place.
    pub(crate) fn chat(&self) -> Option<&Arc<Chat>> {
        self.numbered.as_ref().map(|entry| &entry.chat)
    }
}

/// From one step of tidying to the next when there is nothing left to do, and when there is.
pub(crate) const TIDY_INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const TIDY_PAUSE: Duration = Duration::from_millis(20);

/// Until what was said and could not be stored is tried again.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
