//! A queue of what is under way, and how much it takes.

use std::collections::VecDeque;

use super::item::Item;

/// What a piece, and each note on it, counts besides its bytes: about the memory that it takes. Somebody
/// who sends byte by byte to one who never reads fills the window by what is kept of it, as a kernel's
/// buffers are filled by the room of the packets.
pub(in crate::link) const PIECE_BYTES: usize = 256;

/// A queue of pieces.
#[derive(Default)]
pub(super) struct Line {
    items: VecDeque<Item>,
    size: usize,
}

fn size(item: &Item) -> usize {
    if item.is_bytes() { item.len() + PIECE_BYTES * (1 + item.notes.len()) } else { 0 }
}

impl Line {
    pub(super) fn push(&mut self, item: Item) {
        self.size += size(&item);
        self.items.push_back(item);
    }

    pub(super) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        self.size -= size(&item);
        Some(item)
    }

    /// Takes the first bytes of the first piece; all of it if there are no more.
    pub(super) fn take_front(&mut self, bytes: usize) -> Option<Item> {
        if self.items.front()?.len() <= bytes {
            return self.pop();
        }
        let front = self.items.front_mut()?;
        let before = size(front);
        let first = front.split(bytes);
        self.size = self.size - before + size(front);
        Some(first)
    }

    pub(super) fn front(&self) -> Option<&Item> {
        self.items.front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How much it takes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Takes everything.
    pub(super) fn take(&mut self) -> VecDeque<Item> {
        self.size = 0;
        std::mem::take(&mut self.items)
    }
}
