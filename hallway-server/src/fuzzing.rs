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

    /// Plays what was found for a target and what was written for it by hand; a folder that is missing or empty would look
    /// like one in which everything holds.
    fn replay(target: &str, check: fn(&[u8])) {
        let mut files = Vec::new();
        for kind in ["corpus", "seeds"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(target);
            let before = files.len();
            let entries =
                fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            files.extend(entries.map(|entry| entry.expect("an entry of it").path()));
            assert!(files.len() > before, "nothing is in {}", folder.display());
        }
        for file in files {
            let bytes = fs::read(&file).expect("a file");
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
