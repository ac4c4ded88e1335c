//! What goes wrong, counted.

/// What went wrong; each count must be 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Deliveries that did not come.
    pub(crate) lost: u64,
    /// Deliveries that came twice, or after one that should have come later.
    pub(crate) repeated: u64,
    /// Frames that nobody sent, ends of connections, a sender's messages in a wrong order.
    pub(crate) broken: u64,
    /// The first of them, in words.
    pub(crate) first: Option<String>,
}

impl Faults {
    pub(crate) fn any(&self) -> bool {
        self.lost + self.repeated + self.broken > 0
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.broken += other.broken;
        self.first = self.first.take().or_else(|| other.first.clone());
    }

    pub(crate) fn broken(&mut self, what: impl FnOnce() -> String) {
        self.broken += 1;
        self.first.get_or_insert_with(what);
    }

    pub(crate) fn lost(&mut self, count: u64, what: impl FnOnce() -> String) {
        self.lost += count;
        self.first.get_or_insert_with(what);
    }

    pub(crate) fn repeated(&mut self, what: impl FnOnce() -> String) {
        self.repeated += 1;
        self.first.get_or_insert_with(what);
    }
}
