//! What must hold for whatever a stranger sends, one function a fuzz target; a broken one panics.
//!
//! The targets in `fuzz/` look for bytes that break it, with the nightly compiler. The tests here play the bytes that they
//! kept through the same functions, with every compiler. Each is checked against a second way to the same result, written
//! for clarity alone.

mod client_frame;
mod query;
mod request_head;

pub use client_frame::client_frame;
pub use query::query;
pub use request_head::request_head;

#[cfg(test)]
mod tests {
    use std::{
        fs,
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        path::Path,
    };

    /// Plays every file of a target's corpus; one that is missing would look like one in which nothing is found.
    fn replay(target: &str, check: fn(&[u8])) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let entries = fs::read_dir(&corpus).expect("the corpus of a target");
        let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry of it").path()).collect();
        files.sort();
        assert!(!files.is_empty(), "nothing is in {}", corpus.display());
        for file in files {
            let bytes = fs::read(&file).expect("a file of the corpus");
            if let Err(broken) = catch_unwind(AssertUnwindSafe(|| check(&bytes))) {
                eprintln!("it was {}", file.display());
                resume_unwind(broken);
            }
        }
    }

    #[test]
    fn what_was_kept_of_fuzzing_request_heads_holds() {
        replay("request_head", super::request_head);
    }

    #[test]
    fn what_was_kept_of_fuzzing_query_strings_holds() {
        replay("query", super::query);
    }

    #[test]
    fn what_was_kept_of_fuzzing_client_frames_holds() {
        replay("client_frame", super::client_frame);
    }
}
