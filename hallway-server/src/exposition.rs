//! What `/metrics` shows.

use std::{fmt, sync::Arc};

use hallway_core::Hub;

use crate::{admission::Admission, counters};

/// How a program shows what it has recorded.
#[derive(Clone)]
pub(crate) struct Exposition(Arc<dyn Fn() -> String + Send + Sync>);

impl Exposition {
    pub(crate) fn new(render: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(render))
    }

    /// The page, with what is now true beside what was counted.
    pub(crate) async fn page(&self, hub: &Hub, admission: &Admission) -> String {
        counters::set_connections(admission.connections());
        counters::set_store_failing(hub.store_health().borrow().not_stored.is_some());
        // Where the hub has ended, what it last held is shown.
        if let Ok(totals) = hub.totals().await {
            counters::set_totals(totals);
        }
        (self.0)()
    }
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Exposition").finish_non_exhaustive()
    }
}
