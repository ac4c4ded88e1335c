//! Points in time as the wire has them: RFC 3339 in UTC, with exactly three digits behind the second.

use time::{OffsetDateTime, UtcOffset};

/// Writes times, and remembers how the last second is written: messages come many in a second.
#[derive(Debug)]
pub(super) struct Stamp {
    /// Of the Unix epoch; that of `text`.
    second: Option<i64>,
    text: [u8; 20],
}

impl Stamp {
    pub(super) fn new() -> Self {
        Self { second: None, text: *b"0000-00-00T00:00:00." }
    }

    /// Appends a time without its quotes.
    pub(super) fn write(&mut self, time: OffsetDateTime, json: &mut Vec<u8>) {
        let second = time.unix_timestamp();
        if self.second != Some(second) {
            self.second = Some(second);
            self.set(time.to_offset(UtcOffset::UTC));
        }
        json.extend_from_slice(&self.text);
        let mut rest = *b"000Z";
        digits(&mut rest[..3], time.millisecond().into());
        json.extend_from_slice(&rest);
    }

    fn set(&mut self, time: OffsetDateTime) {
        // Four digits are all that RFC 3339 has.
        let year = u32::try_from(time.year()).unwrap_or(0).min(9_999);
        digits(&mut self.text[..4], year);
        digits(&mut self.text[5..7], u8::from(time.month()).into());
        digits(&mut self.text[8..10], time.day().into());
        digits(&mut self.text[11..13], time.hour().into());
        digits(&mut self.text[14..16], time.minute().into());
        digits(&mut self.text[17..19], time.second().into());
    }
}

/// Writes a number into as many digits.
fn digits(into: &mut [u8], mut number: u32) {
    for digit in into.iter_mut().rev() {
        *digit = b'0' + (number % 10).to_le_bytes()[0];
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::{Duration, format_description::well_known::Rfc3339};

    use super::*;

    fn written(stamp: &mut Stamp, time: OffsetDateTime) -> String {
        let mut json = Vec::new();
        stamp.write(time, &mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn a_time_has_three_digits_behind_the_second_and_is_of_utc() {
        let mut stamp = Stamp::new();
        let time = OffsetDateTime::from_unix_timestamp(1_795_512_600).unwrap() + Duration::milliseconds(7);
        let east = time.to_offset(UtcOffset::from_hms(5, 30, 0).unwrap());
        for time in [time, east] {
            assert_eq!(written(&mut stamp, time), "2026-11-24T09:30:00.007Z");
        }
        assert_eq!(written(&mut stamp, time + Duration::milliseconds(999)), "2026-11-24T09:30:01.006Z");
        assert_eq!(written(&mut stamp, OffsetDateTime::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read_as_the_same_millisecond(
            millis in prop::collection::vec(-60_000_000_000_000i64..250_000_000_000_000, 1..4),
        ) {
            let mut stamp = Stamp::new();
            for millis in millis {
                let time = OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(millis);
                prop_assert_eq!(OffsetDateTime::parse(&written(&mut stamp, time), &Rfc3339).unwrap(), time);
            }
        }
    }
}
