//! Random posts, crashes, resends, resumes and retention, against a plain model: see `common/store_model`.

mod common;

use std::sync::Arc;

use common::store_model::{Medium, check};
use hallway_core::{Store, store::MemoryStore};

/// What survives the hub is what is in memory.
struct Memory(Arc<MemoryStore>);

impl Medium for Memory {
    fn open(&mut self) -> Arc<dyn Store> {
        Arc::<MemoryStore>::clone(&self.0)
    }
}

#[test]
fn what_was_seen_or_acknowledged_is_there_for_ever_and_once_whatever_fails() {
    check(256, || Memory(Arc::default()));
}
