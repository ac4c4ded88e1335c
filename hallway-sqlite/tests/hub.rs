//! A hub on the file: random posts, crashes, resends, resumes and retention, against the same plain model that the store in
//! memory is held to.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod common;
#[path = "../../hallway-core/tests/common/mod.rs"]
mod of_hubs;

use std::sync::Arc;

use common::Scratch;
use hallway_core::Store;
use of_hubs::store_model::{Medium, check};

/// A file, which is opened anew after each death of the hub, as it was left.
struct File(Scratch);

impl Medium for File {
    fn open(&mut self) -> Arc<dyn Store> {
        Arc::new(common::open(&self.0.file()))
    }
}

#[test]
fn what_was_seen_or_acknowledged_is_there_for_ever_and_once_whatever_fails() {
    check(32, || File(Scratch::new()));
}
