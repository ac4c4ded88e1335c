//! Counts what panics in the server: a session that does is caught by its task, and no client may notice.

use std::{
    panic,
    sync::{Mutex, Once},
};

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
static WATCH: Once = Once::new();

/// Installs the hook, once in a process.
pub(super) fn watch() {
    WATCH.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            // A test that fails panics, too.
            if let Some(place) = info.location().filter(|place| !place.file().contains("tests/")) {
                SEEN.lock().expect("no panic under the lock").push(place.to_string());
            }
            usual(info);
        }));
    });
}

/// Where something panicked outside of the tests' own files since the process began.
pub(crate) fn server_panics() -> Vec<String> {
    SEEN.lock().expect("no panic under the lock").clone()
}
