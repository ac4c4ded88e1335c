//! What a member missed and is in the store alone.

use std::{collections::VecDeque, ops::RangeInclusive, sync::Arc};

use crate::{
    error::HistoryError,
    event::Chat,
    reader::Reader,
    room_name::RoomName,
    store::{PageLimit, Side},
};

/// Messages that a member was to be shown and cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Their places.
    pub range: RangeInclusive<u64>,
    /// Why they cannot be read; nothing where they are no longer kept.
    pub error: Option<HistoryError>,
}

/// Reads a piece of a room's history page by page, and takes the memory of one.
#[derive(Debug)]
pub(crate) struct CatchUp {
    reader: Reader,
    room: RoomName,
    /// What is still to be read.
    range: RangeInclusive<u64>,
    page_bytes: usize,
    /// Read, and not handed out.
    page: VecDeque<Arc<Chat>>,
}

impl CatchUp {
    pub(crate) fn new(reader: Reader, room: RoomName, range: RangeInclusive<u64>, page_bytes: usize) -> Self {
        Self { reader, room, range, page_bytes, page: VecDeque::new() }
    }

    /// The next page, or what cannot be shown in its place; an empty one at the end. Cancel safe: a page that was not handed
    /// out is read again.
    pub(crate) async fn next(&mut self) -> Result<Vec<Arc<Chat>>, Lost> {
        if !self.page.is_empty() || self.range.is_empty() {
            return Ok(std::mem::take(&mut self.page).into());
        }
        let (first, last) = (*self.range.start(), *self.range.end());
        let limit = PageLimit { messages: MESSAGES_A_PAGE, bytes: self.page_bytes };
        let page = self.reader.page(&self.room, Side::After(first - 1), limit).await;
        let mut page = page.map_err(|error| {
            self.range = last + 1..=last;
            Lost { range: first..=last, error: Some(error) }
        })?;
        page.retain(|chat| chat.seq <= last);
        let kept = page.first().map_or(last + 1, |chat| chat.seq);
        self.range = page.last().map_or(last, |chat| chat.seq) + 1..=last;
        if first == kept {
            return Ok(page);
        }
        self.page = page.into();
        Err(Lost { range: first..=kept - 1, error: None })
    }

    /// Takes a page back of which not all was wanted.
    pub(crate) fn put_back(&mut self, page: impl IntoIterator<Item = Arc<Chat>>) {
        self.page.extend(page);
    }
}

impl Lost {
    /// How many they are.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.range.end() + 1).saturating_sub(*self.range.start())
    }
}

/// Messages of a page that is read for a member who missed many.
const MESSAGES_A_PAGE: usize = 500;
