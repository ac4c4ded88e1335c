//! Between what is in a row and what the hub knows.

use std::{str::FromStr, sync::Arc};

use hallway_core::{Chat, Epoch, RoomName};
use rusqlite::{Error, Result, Row, types::Type};
use time::{OffsetDateTime, error::ComponentRange};

/// Milliseconds since 1970, of the time's whole milliseconds.
pub(crate) fn millis(time: OffsetDateTime) -> i64 {
    let millis = time.unix_timestamp_nanos().div_euclid(NANOS_A_MILLI);
    i64::try_from(millis).expect("a year has at most five digits")
}

/// The first whole millisecond that is not before a time: a message of the millisecond in which it lies was sent before.
pub(crate) fn millis_up(time: OffsetDateTime) -> i64 {
    let floor = millis(time);
    let is_whole = time.unix_timestamp_nanos().rem_euclid(NANOS_A_MILLI) == 0;
    if is_whole { floor } else { floor + 1 }
}

/// The time so many milliseconds after 1970.
pub(crate) fn time(row: &Row<'_>, column: usize) -> Result<OffsetDateTime> {
    time_of(row.get(column)?)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Integer, error.into()))
}

/// [`time`] of a number that was read already.
pub(crate) fn time_of(millis: i64) -> std::result::Result<OffsetDateTime, ComponentRange> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * NANOS_A_MILLI)
}

const NANOS_A_MILLI: i128 = 1_000_000;

pub(crate) fn room_name(row: &Row<'_>, column: usize) -> Result<RoomName> {
    parsed(row, column)
}

pub(crate) fn epoch(row: &Row<'_>, column: usize) -> Result<Epoch> {
    parsed(row, column)
}

fn parsed<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    row: &Row<'_>,
    column: usize,
) -> Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error: T::Err| Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

/// A message of the columns `seq, sent_at, username, text`.
pub(crate) fn chat(row: &Row<'_>) -> Result<Arc<Chat>> {
    Ok(Arc::new(Chat::new(row.get(0)?, time(row, 1)?, row.get(2)?, row.get(3)?)))
}
