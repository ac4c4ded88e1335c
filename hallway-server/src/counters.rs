//! What is counted, through the `metrics` facade: nothing is kept unless the program installs a recorder.

use hallway_core::Totals;
use metrics::{
    Counter, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::transport::{Answer, End};

/// Tells the recorder what each metric is, and begins each counter at 0. To be called once, when the recorder is
/// installed and before a [`Server`](crate::Server) is made.
pub fn describe_metrics() {
    for metric in METRICS {
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, metric.unit, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, metric.unit, metric.help),
            Kind::Histogram => describe_histogram!(metric.name, metric.unit, metric.help),
        }
        match (metric.kind, metric.label) {
            (Kind::Counter, None) => counter!(metric.name).absolute(0),
            (Kind::Counter, Some((label, values))) => {
                for value in values {
                    counter!(metric.name, label => *value).absolute(0);
                }
            }
            (Kind::Gauge | Kind::Histogram, _) => {}
        }
    }
}

struct Metric {
    kind: Kind,
    name: &'static str,
    /// A label, and all values it may have.
    label: Option<(&'static str, &'static [&'static str])>,
    unit: Unit,
    help: &'static str,
}

#[derive(Clone, Copy)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Metric {
    const fn counter(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { kind: Kind::Counter, name, label: None, unit, help }
    }

    const fn labelled(
        name: &'static str,
        label: (&'static str, &'static [&'static str]),
        help: &'static str,
    ) -> Self {
        Self { kind: Kind::Counter, name, label: Some(label), unit: Unit::Count, help }
    }

    const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { kind: Kind::Gauge, name, label: None, unit: Unit::Count, help }
    }

    const fn histogram(name: &'static str, unit: Unit, help: &'static str) -> Self {
        Self { kind: Kind::Histogram, name, label: None, unit, help }
    }
}

/// Everything there is. `docs/metrics.md` has the same.
const METRICS: &[Metric] = &[
    Metric::gauge(CONNECTIONS, "Connections now, handshakes and plain HTTP included"),
    Metric::gauge(MEMBERS, "Members of all rooms now, those without a socket included"),
    Metric::gauge(ROOMS, "Rooms now, those included whose history alone is kept"),
    Metric::gauge(
        STORE_FAILING,
        "1 where the last messages could not be stored, and their senders were told so",
    ),
    Metric::counter(CONNECTIONS_ACCEPTED, Unit::Count, "Connections accepted"),
    Metric::counter(
        CONNECTIONS_DROPPED,
        Unit::Count,
        "Connections beyond a limit that were not even answered",
    ),
    Metric::counter(ACCEPT_ERRORS, Unit::Count, "Failed attempts to accept a connection"),
    Metric::labelled(
        HTTP_ANSWERS,
        ("answer", Answer::NAMES),
        "Connections answered with plain HTTP, by answer",
    ),
    Metric::counter(
        HANDSHAKES_ABANDONED,
        Unit::Count,
        "Connections that ended before their request was whole",
    ),
    Metric::counter(HANDSHAKES_ACCEPTED, Unit::Count, "Requests answered with 101"),
    Metric::labelled(SESSIONS_ENDED, ("reason", End::NAMES), "WebSocket sessions ended, by reason"),
    Metric::labelled(CLOSES_SENT, ("code", End::CODES), "Close frames begun by the server, by close code"),
    Metric::counter(MESSAGES_RECEIVED, Unit::Count, "Chat messages accepted from clients"),
    Metric::counter(
        MESSAGES_REFUSED,
        Unit::Count,
        "Text frames answered with a notice or an error to their sender",
    ),
    Metric::counter(
        MESSAGES_UNAVAILABLE,
        Unit::Count,
        "Messages and questions for the history that the store did not take or answer",
    ),
    Metric::counter(ACKS_SENT, Unit::Count, "Acknowledgements told to clients"),
    Metric::counter(HISTORY_PAGES, Unit::Count, "Pages of the history told to clients that asked for one"),
    Metric::labelled(
        RESUMES,
        ("outcome", &[RESUMED, NOT_RESUMED]),
        "Members that came back with a position, by outcome",
    ),
    Metric::counter(MISSED_PAGES, Unit::Count, "Pages read from the store for members that came back"),
    Metric::counter(GAPS, Unit::Count, "Gaps told to members that came back"),
    Metric::counter(
        MESSAGES_SENT,
        Unit::Count,
        "Chat messages written to clients, to each of them, without replays",
    ),
    Metric::counter(BYTES_RECEIVED, Unit::Bytes, "Bytes read from members"),
    Metric::counter(BYTES_SENT, Unit::Bytes, "Bytes written to members"),
    Metric::counter(FRAGMENTS_RECEIVED, Unit::Count, "Frames that were not the last of their message"),
    Metric::counter(
        MESSAGES_UNFINISHED,
        Unit::Count,
        "Messages that were not whole when their session ended",
    ),
    Metric::counter(SENDERS_PAUSED, Unit::Count, "Times that a client over its rate was not read from"),
    Metric::counter(MAILBOX_FULL, Unit::Count, "Messages that had to wait for the hub"),
    Metric::counter(READERS_BLOCKED, Unit::Count, "Times that a client's socket was full"),
    Metric::counter(READERS_OVERTAKEN, Unit::Count, "Times that a slow reader lost messages"),
    Metric::counter(
        MESSAGES_MISSED,
        Unit::Count,
        "Chat messages that slow readers lost, each of them for each",
    ),
    Metric::counter(FRAMES_FORGOTTEN, Unit::Count, "Pongs and notices that a client did not read"),
    Metric::counter(PANICS, Unit::Count, "Panics, all of them faults of the server"),
    Metric::gauge(BUILD_INFO, "The version that runs; its value is always 1"),
    Metric::histogram(
        PASS_SECONDS,
        Unit::Seconds,
        "From the start of a write to all members of a room to the last",
    ),
    Metric::histogram(PASS_MESSAGES, Unit::Count, "Chat messages that go to a room in one such write"),
];

const CONNECTIONS: &str = "hallway_connections";
const MEMBERS: &str = "hallway_members";
const ROOMS: &str = "hallway_rooms";
const STORE_FAILING: &str = "hallway_store_failing";
const CONNECTIONS_ACCEPTED: &str = "hallway_connections_accepted_total";
const CONNECTIONS_DROPPED: &str = "hallway_connections_dropped_total";
const ACCEPT_ERRORS: &str = "hallway_accept_errors_total";
const HTTP_ANSWERS: &str = "hallway_http_answers_total";
const HANDSHAKES_ABANDONED: &str = "hallway_handshakes_abandoned_total";
const HANDSHAKES_ACCEPTED: &str = "hallway_handshakes_accepted_total";
const SESSIONS_ENDED: &str = "hallway_sessions_ended_total";
const CLOSES_SENT: &str = "hallway_closes_sent_total";
const MESSAGES_RECEIVED: &str = "hallway_messages_received_total";
const MESSAGES_REFUSED: &str = "hallway_messages_refused_total";
const MESSAGES_UNAVAILABLE: &str = "hallway_messages_unavailable_total";
const ACKS_SENT: &str = "hallway_acks_sent_total";
const HISTORY_PAGES: &str = "hallway_history_pages_total";
const RESUMES: &str = "hallway_resumes_total";
const MISSED_PAGES: &str = "hallway_missed_pages_total";
const GAPS: &str = "hallway_gaps_total";
const MESSAGES_SENT: &str = "hallway_messages_sent_total";
const BYTES_RECEIVED: &str = "hallway_received_bytes_total";
const BYTES_SENT: &str = "hallway_sent_bytes_total";
const FRAGMENTS_RECEIVED: &str = "hallway_fragments_received_total";
const MESSAGES_UNFINISHED: &str = "hallway_messages_unfinished_total";
const SENDERS_PAUSED: &str = "hallway_senders_paused_total";
const MAILBOX_FULL: &str = "hallway_mailbox_full_total";
const READERS_BLOCKED: &str = "hallway_readers_blocked_total";
const READERS_OVERTAKEN: &str = "hallway_readers_overtaken_total";
const MESSAGES_MISSED: &str = "hallway_messages_missed_total";
const FRAMES_FORGOTTEN: &str = "hallway_frames_forgotten_total";
const PANICS: &str = "hallway_panics_total";
const BUILD_INFO: &str = "hallway_build_info";
const PASS_SECONDS: &str = "hallway_fanout_pass_seconds";
const PASS_MESSAGES: &str = "hallway_fanout_pass_messages";

/// Values of `outcome`.
const RESUMED: &str = "resumed";
const NOT_RESUMED: &str = "not_resumed";

/// What is counted so often that looking up its name each time would cost.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) messages_received: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) fragments_received: Counter,
    pub(crate) messages_sent: Counter,
    pub(crate) acks_sent: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) pass_seconds: Histogram,
    pub(crate) pass_messages: Histogram,
}

impl Traffic {
    /// Of the recorder that is installed now.
    pub(crate) fn new() -> Self {
        Self {
            messages_received: counter!(MESSAGES_RECEIVED),
            bytes_received: counter!(BYTES_RECEIVED),
            fragments_received: counter!(FRAGMENTS_RECEIVED),
            messages_sent: counter!(MESSAGES_SENT),
            acks_sent: counter!(ACKS_SENT),
            bytes_sent: counter!(BYTES_SENT),
            pass_seconds: histogram!(PASS_SECONDS),
            pass_messages: histogram!(PASS_MESSAGES),
        }
    }
}

pub(crate) fn set_connections(connections: usize) {
    gauge!(CONNECTIONS).set(number(connections));
}

pub(crate) fn set_store_failing(is_failing: bool) {
    gauge!(STORE_FAILING).set(number(is_failing.into()));
}

pub(crate) fn set_totals(totals: Totals) {
    gauge!(ROOMS).set(number(totals.rooms));
    gauge!(MEMBERS).set(number(totals.members));
}

fn number(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}

pub(crate) fn connection_accepted() {
    counter!(CONNECTIONS_ACCEPTED).increment(1);
}

pub(crate) fn connection_dropped() {
    counter!(CONNECTIONS_DROPPED).increment(1);
}

pub(crate) fn accept_failed() {
    counter!(ACCEPT_ERRORS).increment(1);
}

pub(crate) fn answered(answer: &Answer) {
    counter!(HTTP_ANSWERS, "answer" => answer.name()).increment(1);
}

pub(crate) fn handshake_accepted() {
    counter!(HANDSHAKES_ACCEPTED).increment(1);
}

pub(crate) fn handshake_abandoned() {
    counter!(HANDSHAKES_ABANDONED).increment(1);
}

pub(crate) fn session_ended(end: &End) {
    counter!(SESSIONS_ENDED, "reason" => end.name()).increment(1);
    if let Some(code) = end.code() {
        counter!(CLOSES_SENT, "code" => code).increment(1);
    }
}

pub(crate) fn message_refused() {
    counter!(MESSAGES_REFUSED).increment(1);
}

pub(crate) fn unavailable() {
    counter!(MESSAGES_UNAVAILABLE).increment(1);
}

pub(crate) fn history_page() {
    counter!(HISTORY_PAGES).increment(1);
}

/// A member has come back.
pub(crate) fn came_back(is_resumed: bool) {
    counter!(RESUMES, "outcome" => if is_resumed { RESUMED } else { NOT_RESUMED }).increment(1);
}

pub(crate) fn missed_page() {
    counter!(MISSED_PAGES).increment(1);
}

pub(crate) fn gap() {
    counter!(GAPS).increment(1);
}

pub(crate) fn message_unfinished() {
    counter!(MESSAGES_UNFINISHED).increment(1);
}

pub(crate) fn reader_blocked() {
    counter!(READERS_BLOCKED).increment(1);
}

/// Each of so many has lost these messages.
pub(crate) fn readers_overtaken(readers: usize, messages: u64) {
    counter!(READERS_OVERTAKEN).increment(readers as u64);
    counter!(MESSAGES_MISSED).increment(messages.saturating_mul(readers as u64));
}

pub(crate) fn frames_forgotten() {
    counter!(FRAMES_FORGOTTEN).increment(1);
}

pub(crate) fn sender_paused() {
    counter!(SENDERS_PAUSED).increment(1);
}

pub(crate) fn mailbox_full() {
    counter!(MAILBOX_FULL).increment(1);
}
