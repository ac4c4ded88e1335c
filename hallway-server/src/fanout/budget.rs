//! What all rooms of a server keep for members that are behind, bounded together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// Shared by all threads.
#[derive(Debug)]
pub(crate) struct Budget {
    bound: usize,
    held: AtomicUsize,
}

/// What one room holds of it. Dropping it gives that back.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    held: usize,
}

impl Budget {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound, held: AtomicUsize::new(0) }
    }
}

impl Share {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, held: 0 }
    }

    /// The room holds so many bytes now; says whether all of them together hold too many. Costs next to nothing where
    /// everybody keeps up.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        if bytes > self.held {
            self.budget.held.fetch_add(bytes - self.held, Relaxed);
        } else if bytes < self.held {
            self.budget.held.fetch_sub(self.held - bytes, Relaxed);
        }
        self.held = bytes;
        bytes > 0 && self.budget.held.load(Relaxed) > self.budget.bound
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_told_when_they_hold_too_much_together() {
        let budget = Arc::new(Budget::new(100));
        let [mut one, mut other] = [(); 2].map(|()| Share::new(Arc::clone(&budget)));
        assert!(!one.hold(60));
        assert!(other.hold(60));
        assert!(!other.hold(40));
        drop(one);
        assert!(!other.hold(100));
        assert!(!other.hold(0));
        assert_eq!(budget.held.load(Relaxed), 0);
    }
}
