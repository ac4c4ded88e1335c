//! Keeps what is counted, in Prometheus' form.

use std::{future::Future, time::Duration};

use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio::time::{MissedTickBehavior, interval};

#[derive(Clone)]
pub(super) struct Recorder(PrometheusHandle);

/// Begins to keep it.
pub(super) fn install() -> Result<Recorder, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_messages".to_owned()), MESSAGES)?
        .install_recorder()?;
    hallway_server::describe_metrics();
    gauge!("hallway_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Collector::default().describe();
    Ok(Recorder(handle))
}

impl Recorder {
    /// Renders the page that is scraped.
    pub(super) fn page(&self) -> impl Fn() -> String + Send + Sync + 'static {
        let (handle, process) = (self.0.clone(), Collector::default());
        move || {
            process.collect();
            handle.render()
        }
    }

    /// What is measured is kept one by one until it is put into its bucket: often enough that it never is much, however
    /// seldom somebody looks.
    pub(super) fn upkeep(&self) -> impl Future<Output = ()> + Send + 'static {
        let handle = self.0.clone();
        async move {
            let mut ticks = interval(Duration::from_secs(5));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                handle.run_upkeep();
            }
        }
    }
}

/// Upper bounds: from a pass over a few sockets to one that a client would notice.
const SECONDS: &[f64] = &[0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0];
const MESSAGES: &[f64] = &[0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1_024.0, 4_096.0];
