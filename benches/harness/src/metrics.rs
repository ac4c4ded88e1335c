//! The server's own metrics, where it has some.

use std::{collections::BTreeMap, io, net::SocketAddr};

use crate::get;

/// The metrics whose names begin with `hallway_`, at one moment; or the status that `GET /metrics` answers instead.
#[derive(Debug)]
pub enum Metrics {
    /// Those that there are.
    Read(BTreeMap<String, f64>),
    /// There are none: the status.
    Absent(u16),
}

impl Metrics {
    /// Asks the server.
    pub async fn read(address: SocketAddr) -> io::Result<Self> {
        let (status, page) = get(address, "/metrics").await?;
        if status != 200 {
            return Ok(Self::Absent(status));
        }
        Ok(Self::Read(page.lines().filter_map(metric).collect()))
    }

    /// By how much a metric has grown since `before`; nothing where there is none of that name.
    #[must_use]
    pub fn since(&self, before: &Self, name: &str) -> Option<f64> {
        let value = |metrics: &Self| match metrics {
            Self::Read(metrics) => metrics.get(name).copied(),
            Self::Absent(_) => None,
        };
        Some(value(self)? - value(before).unwrap_or_default())
    }

    /// In one line: what has changed since `before`.
    #[must_use]
    pub fn moved(&self, before: &Self) -> String {
        match (before, self) {
            (Self::Read(before), Self::Read(after)) => moved(before, after),
            (Self::Absent(status), _) | (_, Self::Absent(status)) => {
                format!("no metrics: GET /metrics answers {status}")
            }
        }
    }
}

fn moved(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> String {
    let by = |(name, value): (&String, &f64)| (name.clone(), value - before.get(name).unwrap_or(&0.0));
    let changed = after.iter().map(by).filter(|(_, by)| *by != 0.0);
    let moved: Vec<_> = changed.map(|(name, by)| format!("{name} {by:+}")).collect();
    if moved.is_empty() { "no metric changed".to_owned() } else { moved.join(", ") }
}

/// A sample of the Prometheus text format, under its name and labels.
fn metric(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.rsplit_once(' ')?;
    // Of a histogram its sum and its count say enough.
    (name.starts_with("hallway_") && !name.contains("_bucket{")).then_some(())?;
    Some((name.to_owned(), value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_named_and_what_is_absent_is_no_zero() {
        let read = |page: &str| Metrics::Read(page.lines().filter_map(metric).collect());
        let before = read("# TYPE hallway_a counter\nhallway_a 1\nhallway_b 7\nprocess_c 1");
        let after = read(
            "hallway_a{reason=\"x y\"} 2\nhallway_a 3\nhallway_b 7\nhallway_d_bucket{le=\"1\"} 5\nprocess_c 2",
        );
        assert_eq!(after.moved(&before), "hallway_a +2, hallway_a{reason=\"x y\"} +2");
        assert_eq!((after.since(&before, "hallway_a"), after.since(&before, "hallway_x")), (Some(2.0), None));
        assert_eq!(after.moved(&after), "no metric changed");
    }

    #[test]
    fn that_there_are_none_is_said() {
        let absent = Metrics::Absent(404);
        assert_eq!(absent.moved(&absent), "no metrics: GET /metrics answers 404");
    }
}
