//! A list.

use std::collections::VecDeque;

use super::ELEMENT_OVERHEAD;

/// A list up to this many bytes is what Redis calls a listpack.
const SMALL_BYTES: usize = 8192;

/// One of the two ends of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Left,
    Right,
}

/// Elements in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct List {
    elements: VecDeque<Box<[u8]>>,
    text_bytes: usize,
}

impl List {
    pub(crate) fn len(&self) -> usize {
        self.elements.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.text_bytes + self.elements.len() * ELEMENT_OVERHEAD
    }

    pub(crate) fn encoding(&self) -> &'static str {
        if self.text_bytes + 2 * self.len() <= SMALL_BYTES { "listpack" } else { "quicklist" }
    }

    pub(crate) fn push(&mut self, end: End, element: &[u8]) {
        self.text_bytes += element.len();
        match end {
            End::Left => self.elements.push_front(element.into()),
            End::Right => self.elements.push_back(element.into()),
        }
    }

    pub(crate) fn pop(&mut self, end: End) -> Option<Box<[u8]>> {
        let element = match end {
            End::Left => self.elements.pop_front(),
            End::Right => self.elements.pop_back(),
        }?;
        self.text_bytes -= element.len();
        Some(element)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&[u8]> {
        self.elements.get(index).map(|element| &**element)
    }

    /// Replaces an element; false if there is none.
    pub(crate) fn set(&mut self, index: usize, element: &[u8]) -> bool {
        let Some(slot) = self.elements.get_mut(index) else { return false };
        self.text_bytes = self.text_bytes - slot.len() + element.len();
        *slot = element.into();
        true
    }

    pub(crate) fn insert(&mut self, index: usize, element: &[u8]) {
        self.text_bytes += element.len();
        self.elements.insert(index, element.into());
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.elements.iter().map(|element| &**element)
    }

    pub(crate) fn range(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = &[u8]> {
        self.elements.range(range).map(|element| &**element)
    }

    /// Keeps only the elements of `range`.
    pub(crate) fn trim(&mut self, range: std::ops::Range<usize>) {
        self.elements.truncate(range.end);
        self.elements.drain(..range.start);
        self.text_bytes = self.elements.iter().map(|element| element.len()).sum();
    }

    /// Removes elements equal to `element`, at most `limit` of them counted from `end`; returns how
    /// many there were.
    pub(crate) fn remove(&mut self, element: &[u8], end: End, limit: usize) -> usize {
        let before = self.elements.len();
        let mut left = limit;
        let mut keep = |kept: &mut Box<[u8]>| {
            let drop = left > 0 && **kept == *element;
            left -= usize::from(drop);
            !drop
        };
        match end {
            End::Left => self.elements.retain_mut(|e| keep(e)),
            End::Right => {
                let mut flags: Vec<bool> = self.elements.iter_mut().rev().map(keep).collect();
                self.elements.retain(|_| flags.pop().unwrap_or(true));
            }
        }
        let removed = before - self.elements.len();
        self.text_bytes -= removed * element.len();
        removed
    }
}
