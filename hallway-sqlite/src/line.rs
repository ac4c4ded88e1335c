//! A message as a line of JSON, for export and import.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// `{"room":"lobby","epoch":"…","seq":1,"sentAt":"2026-11-24T09:30:00.123Z","username":"alice","message":"Hello!"}`
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line<'l> {
    #[serde(borrow)]
    pub(crate) room: Cow<'l, str>,
    #[serde(borrow)]
    pub(crate) epoch: Cow<'l, str>,
    pub(crate) seq: u64,
    #[serde(borrow)]
    pub(crate) sent_at: Cow<'l, str>,
    #[serde(borrow)]
    pub(crate) username: Cow<'l, str>,
    #[serde(borrow)]
    pub(crate) message: Cow<'l, str>,
}

/// A time as the protocol writes it: in UTC, to the millisecond.
pub(crate) fn written(time: OffsetDateTime) -> String {
    let time = time.to_offset(UtcOffset::UTC);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second, milli) = time.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// A time as RFC 3339 has it.
pub(crate) fn read(text: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_millisecond_and_read_as_the_same() {
        for text in ["2026-11-24T09:30:00.123Z", "1970-01-01T00:00:00.000Z", "0001-02-03T04:05:06.070Z"] {
            assert_eq!(written(read(text).unwrap()), text);
        }
        assert_eq!(written(read("2026-11-24T10:30:00+01:00").unwrap()), "2026-11-24T09:30:00.000Z");
        assert_eq!(read("yesterday"), None);
    }
}
