//! What is counted, through the `metrics` facade: nothing is kept unless the program installs a recorder.
//!
//! | counter | what it counts |
//! |---|---|
//! | `hallway_http_answers_total` | requests and connections that were answered otherwise than with 101, by `answer`: one of [`Answer::name`]'s |
//! | `hallway_handshakes_abandoned_total` | connections that ended before their request was whole |
//! | `hallway_connections_dropped_total` | connections over a limit for which there was not even an answer |
//! | `hallway_sessions_ended_total` | sessions, by `reason`: one of [`End::name`]'s |
//! | `hallway_readers_overtaken_total` | times that a slow reader lost messages |
//! | `hallway_messages_missed_total` | messages that slow readers lost, each of them for each |
//! | `hallway_frames_forgotten_total` | pongs and notices that a client did not read |
//! | `hallway_senders_paused_total` | times that a client above its rate was not read from |
//! | `hallway_messages_unfinished_total` | messages that were begun and not finished when their session ended |
//! | `hallway_mailbox_full_total` | messages that had to wait for the hub |

use metrics::counter;

use crate::transport::{Answer, End};

pub(crate) fn connection_dropped() {
    counter!("hallway_connections_dropped_total").increment(1);
}

pub(crate) fn answered(answer: &Answer) {
    counter!("hallway_http_answers_total", "answer" => answer.name()).increment(1);
}

pub(crate) fn handshake_abandoned() {
    counter!("hallway_handshakes_abandoned_total").increment(1);
}

pub(crate) fn session_ended(end: &End) {
    counter!("hallway_sessions_ended_total", "reason" => end.name()).increment(1);
}

pub(crate) fn message_unfinished() {
    counter!("hallway_messages_unfinished_total").increment(1);
}

pub(crate) fn reader_overtaken(messages: u64) {
    counter!("hallway_readers_overtaken_total").increment(1);
    counter!("hallway_messages_missed_total").increment(messages);
}

pub(crate) fn frames_forgotten() {
    counter!("hallway_frames_forgotten_total").increment(1);
}

pub(crate) fn sender_paused() {
    counter!("hallway_senders_paused_total").increment(1);
}

pub(crate) fn mailbox_full() {
    counter!("hallway_mailbox_full_total").increment(1);
}
