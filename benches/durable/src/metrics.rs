//! The server's own metrics, where it has some.

use std::{collections::BTreeMap, io, net::SocketAddr};

use crate::client::get;

/// The metrics whose names begin with `hallway_`, at one moment.
#[derive(Default)]
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub(crate) async fn read(address: SocketAddr) -> io::Result<Self> {
        let (status, page) = get(address, "/metrics").await?;
        // A server without metrics is one whose metrics are all absent.
        Ok(if status == 200 { Self(page.lines().filter_map(metric).collect()) } else { Self::default() })
    }

    /// By how much a metric has grown since `before`; nothing where there is none of that name.
    pub(crate) fn since(&self, before: &Self, name: &str) -> Option<f64> {
        Some(self.0.get(name)? - before.0.get(name).unwrap_or(&0.0))
    }

    /// In one line: what has changed since `before`.
    pub(crate) fn moved(&self, before: &Self) -> String {
        let by = |(name, value): (&String, &f64)| (name.clone(), value - before.0.get(name).unwrap_or(&0.0));
        let changed = self.0.iter().map(by).filter(|(_, by)| *by != 0.0);
        let moved: Vec<_> = changed.map(|(name, by)| format!("{name} {by:+}")).collect();
        if moved.is_empty() { "no metric changed".to_owned() } else { moved.join(", ") }
    }
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
        let read = |page: &str| Metrics(page.lines().filter_map(metric).collect());
        let before = read("# TYPE hallway_a counter\nhallway_a 1\nhallway_b 7\nprocess_c 1");
        let after = read("hallway_a 3\nhallway_b 7\nhallway_d_bucket{le=\"1\"} 5\nprocess_c 2");
        assert_eq!(after.moved(&before), "hallway_a +2");
        assert_eq!((after.since(&before, "hallway_a"), after.since(&before, "hallway_x")), (Some(2.0), None));
    }
}
