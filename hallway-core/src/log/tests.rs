//! The log against a list that forgets nothing.

use proptest::{collection::vec, prelude::*};

use super::*;

/// What is pushed: its place in the list of everything, its size, and whether it is a message or something that remains.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Numbered {
    number: usize,
    bytes: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Messages(u64),
    Remains,
    Neither,
}

impl Item for Numbered {
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn messages(&self) -> u64 {
        match self.kind {
            Kind::Messages(count) => count,
            Kind::Remains | Kind::Neither => 0,
        }
    }

    fn remains(&self) -> Option<Self> {
        (self.kind == Kind::Remains).then(|| self.clone())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push {
        bytes: usize,
        kind: Kind,
    },
    Trim,
    Subscribe,
    /// Reads up to so many items, as one of the readers.
    Read {
        reader: usize,
        limit: usize,
    },
    Unsubscribe {
        reader: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        3 => (0..4u64).prop_map(Kind::Messages),
        1 => Just(Kind::Remains),
        1 => Just(Kind::Neither),
    ];
    prop_oneof![
        6 => (0..40usize, kind).prop_map(|(bytes, kind)| Step::Push { bytes, kind }),
        2 => Just(Step::Trim),
        1 => Just(Step::Subscribe),
        4 => (any::<usize>(), 0..6usize).prop_map(|(reader, limit)| Step::Read { reader, limit }),
        1 => any::<usize>().prop_map(|reader| Step::Unsubscribe { reader }),
    ]
}

/// A reader, and what it must be shown next if nothing was dropped.
struct Reader {
    cursor: Cursor<Numbered>,
    next: usize,
    /// The number of what remained of the gap it was told of last, until it has read it.
    owed: Option<usize>,
}

struct Model {
    log: Log<Numbered>,
    bound: usize,
    all: Vec<Numbered>,
    readers: Vec<Reader>,
    /// How many of all were dropped for want of space, or freed, from the front.
    gone: usize,
}

impl Model {
    fn new(bound: usize) -> Self {
        Self { log: Log::new(bound), bound, all: Vec::new(), readers: Vec::new(), gone: 0 }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Push { bytes, kind } => {
                let item = Numbered { number: self.all.len(), bytes, kind };
                self.all.push(item.clone());
                self.log.push(item);
            }
            Step::Trim => {
                self.log.trim();
                let bytes_from = |from: usize| self.all[from..].iter().map(Item::bytes).sum::<usize>();
                while bytes_from(self.gone) > self.bound {
                    self.gone += 1;
                }
            }
            Step::Subscribe => {
                let (cursor, next) = (self.log.subscribe(), self.all.len());
                prop_assert_eq!(cursor.position(), next as u64);
                self.readers.push(Reader { cursor, next, owed: None });
            }
            Step::Read { reader, limit } if !self.readers.is_empty() => {
                let index = reader % self.readers.len();
                self.read(index, limit)?;
            }
            Step::Unsubscribe { reader } if !self.readers.is_empty() => {
                let Reader { cursor, .. } = self.readers.swap_remove(reader % self.readers.len());
                self.log.unsubscribe(&cursor);
            }
            Step::Read { .. } | Step::Unsubscribe { .. } => {}
        }
        self.check_what_is_kept()
    }

    fn read(&mut self, index: usize, limit: usize) -> Result<(), TestCaseError> {
        let Self { log, all, readers, gone, .. } = self;
        let reader = &mut readers[index];
        if reader.next < *gone {
            prop_assert_eq!(log.unread(&reader.cursor).count(), 0, "nothing before it knows of the gap");
            let skipped = &all[reader.next..*gone];
            let messages: u64 = skipped.iter().map(Item::messages).sum();
            let missed = log.skip_dropped(&mut reader.cursor);
            prop_assert_eq!(missed, (messages > 0).then_some(Missed(messages)), "exactly what was dropped");
            let remains = skipped.iter().rev().find(|item| item.kind == Kind::Remains);
            reader.owed = remains.map(|item| item.number).or(reader.owed);
            reader.next = *gone;
        }
        prop_assert_eq!(log.skip_dropped(&mut reader.cursor), None, "told once");

        let expected: Vec<_> = reader.owed.into_iter().chain(reader.next..all.len()).collect();
        let unread: Vec<_> = log.unread(&reader.cursor).cloned().collect();
        let numbers: Vec<_> = unread.iter().map(|item| item.number).collect();
        prop_assert_eq!(&numbers, &expected, "none skipped, none twice, none freed");
        prop_assert!(unread.iter().all(|item| *item == all[item.number]));

        let count = limit.min(unread.len());
        log.advance(&mut reader.cursor, count);
        let of_log = if count > 0 && reader.owed.take().is_some() { count - 1 } else { count };
        reader.next += of_log;
        prop_assert_eq!(log.is_at_end(&reader.cursor), reader.next == all.len() && reader.owed.is_none());
        Ok(())
    }

    /// Only what somebody has not read is kept; the oldest of it is dropped first, no sooner than it must be.
    fn check_what_is_kept(&mut self) -> Result<(), TestCaseError> {
        let slowest = self.readers.iter().map(|reader| reader.next).min().unwrap_or(self.all.len());
        self.gone = self.gone.max(slowest);
        let bytes = self.all[self.gone..].iter().map(Item::bytes).sum::<usize>();
        prop_assert_eq!((self.log.bytes(), self.log.is_over_bound()), (bytes, bytes > self.bound));
        prop_assert_eq!(self.log.end(), self.all.len() as u64);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cursor_never_skips_repeats_or_reads_what_was_freed_and_the_overtaken_are_told_exactly_how_much(
        bound in 0..200usize,
        steps in vec(step(), 0..200),
    ) {
        let mut model = Model::new(bound);
        for step in &steps {
            model.take(step)?;
        }
        for index in 0..model.readers.len() {
            model.read(index, usize::MAX)?;
        }
        for Reader { cursor, .. } in std::mem::take(&mut model.readers) {
            model.log.unsubscribe(&cursor);
        }
        prop_assert_eq!((model.log.bytes(), model.log.entries.len()), (0, 0), "nothing is kept for nobody");
    }
}
