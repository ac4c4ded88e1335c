//! The log, on stderr: a line an event.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal},
    panic::{self, PanicHookInfo},
};

use tracing::error;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people; in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// Begins the log. What is in it when the guard is dropped is written first.
///
/// A thread of its own writes it, so that whoever reads it slowly does not hold up the server: of more lines than wait
/// at most the newest are lost.
pub(super) fn begin(format: Format, filter: EnvFilter) -> WorkerGuard {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES).lossy(true).finish(io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    match format {
        Format::Human => log.with_ansi(io::stderr().is_terminal()).init(),
        Format::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
    panic::set_hook(Box::new(panicked));
    guard
}

/// A panic is a line like any other, and counted.
fn panicked(info: &PanicHookInfo<'_>) {
    metrics::counter!("hallway_panics_total").increment(1);
    let payload = info.payload();
    let literal = payload.downcast_ref::<&str>().copied();
    let message =
        literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    error!(message = "panicked", panic = message, location, backtrace);
}

const WAITING_LINES: usize = 8 << 10;
