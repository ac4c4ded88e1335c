//! What was acknowledged against what is there.

use std::collections::{BTreeMap, BTreeSet};

use hallway_harness::Sheet;

/// A message with its number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Placed {
    seq: u64,
    /// Without what it ends with where it is [long](text); and its length with it, in bytes.
    text: String,
    len: usize,
}

impl Placed {
    pub(super) fn new(seq: u64, text: &str) -> Self {
        Self { seq, text: text.trim_end_matches(FILLER).to_owned(), len: text.len() }
    }
}

/// What a writer has said: the numbers of its messages in the order in which it said them, where it knows them.
pub(super) struct Acked {
    pub(super) writer: usize,
    pub(super) seqs: Vec<Option<u64>>,
}

/// What a writer says at this place. The first writer is long-winded, so that the store's log is taken over into its file
/// now and then, and some kills hit that.
pub(super) fn text(writer: usize, place: usize) -> String {
    let text = format!("writer {writer} says {place}");
    if writer == 0 { format!("{text:-<LONG$}") } else { text }
}

/// Bytes of a long message, and what it is filled with.
const LONG: usize = 2_000;
const FILLER: char = '-';

/// How many messages are not as they should be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    acknowledged: usize,
    /// Acknowledged, and not there.
    lost: usize,
    /// Acknowledged, and there under another number.
    moved: usize,
    /// There more than once.
    doubled: usize,
    /// Before what their writer has said before them.
    disordered: usize,
    /// There, and said by nobody.
    strange: usize,
    /// Numbers that are missing, or that come twice.
    holes: usize,
}

impl Verdict {
    pub(super) fn of(writers: &[Acked], there: &[Placed]) -> Self {
        let mut verdict = Self::default();
        let mut seqs = BTreeMap::<_, Vec<u64>>::new();
        for Placed { seq, text, len } in there {
            seqs.entry((text.clone(), *len)).or_default().push(*seq);
        }
        verdict.holes = there.iter().zip(1..).filter(|(placed, seq)| placed.seq != *seq).count();
        for Acked { writer, seqs: acked } in writers {
            let mut newest = 0;
            for (place, acked) in acked.iter().enumerate() {
                let Placed { text, len, .. } = Placed::new(0, &text(*writer, place));
                let found = seqs.remove(&(text, len)).unwrap_or_default();
                verdict.doubled += usize::from(found.len() > 1);
                if let Some(first) = found.first() {
                    verdict.disordered += usize::from(*first < newest);
                    newest = newest.max(*first);
                }
                if let Some(acked) = acked {
                    verdict.acknowledged += 1;
                    verdict.lost += usize::from(found.is_empty());
                    verdict.moved += usize::from(!found.is_empty() && !found.contains(acked));
                }
            }
        }
        verdict.strange = seqs.len();
        verdict
    }

    pub(super) fn report(&self, sheet: &mut Sheet, whence: &str) {
        let some = self.acknowledged > 0;
        sheet.judge("acknowledged", self.acknowledged.to_string(), "> 0", some);
        for (what, count) in [
            ("lost", self.lost),
            ("at another number than acknowledged", self.moved),
            ("doubled", self.doubled),
            ("out of their writer's order", self.disordered),
            ("said by nobody", self.strange),
            ("numbers that are not the one before +1", self.holes),
        ] {
            sheet.none(format!("{whence}: {what}"), count, None);
        }
    }
}

/// How many messages are in one and not in the other.
pub(super) fn differences(one: &[Placed], other: &[Placed]) -> usize {
    let sets = [one, other].map(|all| all.iter().collect::<BTreeSet<_>>());
    // What is in one of them twice is a difference, too.
    let doubled = one.len() - sets[0].len();
    sets[0].symmetric_difference(&sets[1]).count() + doubled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(said: &[(u64, usize, usize)]) -> Vec<Placed> {
        said.iter().map(|(seq, writer, place)| Placed::new(*seq, &text(*writer, *place))).collect()
    }

    fn acked(writer: usize, seqs: &[u64]) -> Acked {
        Acked { writer, seqs: seqs.iter().map(|seq| (*seq > 0).then_some(*seq)).collect() }
    }

    #[test]
    fn what_is_as_it_was_acknowledged_is_sound() {
        let there = placed(&[(1, 0, 0), (2, 1, 0), (3, 0, 1)]);
        let verdict = Verdict::of(&[acked(0, &[1, 3]), acked(1, &[2])], &there);
        assert_eq!(verdict, Verdict { acknowledged: 3, ..Verdict::default() });
    }

    #[test]
    fn each_kind_of_fault_is_found() {
        let sound = || Verdict { acknowledged: 2, ..Verdict::default() };
        let of = |there: &[(u64, usize, usize)]| Verdict::of(&[acked(0, &[1, 2])], &placed(there));
        assert_eq!(of(&[(1, 0, 0)]), Verdict { lost: 1, ..sound() });
        assert_eq!(of(&[(1, 0, 0), (2, 0, 1), (3, 0, 1)]), Verdict { doubled: 1, ..sound() });
        assert_eq!(of(&[(1, 0, 1), (2, 0, 0)]), Verdict { moved: 2, disordered: 1, ..sound() });
        assert_eq!(of(&[(1, 0, 0), (2, 0, 1), (3, 7, 7)]), Verdict { strange: 1, ..sound() });
        assert_eq!(of(&[(1, 0, 0), (3, 0, 1)]), Verdict { moved: 1, holes: 1, ..sound() });
    }

    #[test]
    fn a_long_message_that_is_cut_is_another() {
        let whole = text(0, 0);
        let there = [Placed::new(1, &whole[..whole.len() - 1])];
        let verdict = Verdict::of(&[acked(0, &[1])], &there);
        assert_eq!(verdict, Verdict { acknowledged: 1, lost: 1, strange: 1, ..Verdict::default() });
    }

    #[test]
    fn what_is_heard_twice_or_not_at_all_is_a_difference() {
        let there = placed(&[(1, 0, 0), (2, 0, 1)]);
        assert_eq!(differences(&there, &there), 0);
        assert_eq!(differences(&there[..1], &there), 1);
        assert_eq!(differences(&[there.clone(), there.clone()].concat(), &there), 2);
    }
}
