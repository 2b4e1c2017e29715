//! Flipped bits.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::item::{Item, Mark, Note, What};
use crate::base::Rng;
use crate::scenario::model::Corruption;
use crate::trace::Fate;

/// Which bits of a stream of bytes are flipped.
pub(super) struct Flips {
    corruption: Corruption,
    /// With a rate: how many bits come before the next that is flipped.
    skip: u64,
    /// How many bytes have come.
    passed: u64,
}

impl Flips {
    pub(super) fn new(corruption: Corruption, rng: &mut Rng) -> Flips {
        let skip = match corruption {
            Corruption::Rate(rate) => skip(rate, rng),
            Corruption::At { .. } => 0,
        };
        Flips { corruption, skip, passed: 0 }
    }

    /// The bytes with flipped bits, and which of them were harmed, in ascending order; `None` if none.
    pub(super) fn flip(&mut self, bytes: &Bytes, rng: &mut Rng) -> Option<(Bytes, Vec<usize>)> {
        let mut harmed = Vec::new();
        let mut flipped: Option<BytesMut> = None;
        let mut flip = |byte: usize, bits: u8| {
            let flipped = flipped.get_or_insert_with(|| BytesMut::from(&bytes[..]));
            flipped[byte] ^= bits;
            if harmed.last() != Some(&byte) {
                harmed.push(byte);
            }
        };
        match self.corruption {
            Corruption::Rate(rate) => {
                let bits = bytes.len() as u64 * 8;
                while self.skip < bits {
                    let byte = usize::try_from(self.skip / 8).unwrap_or(usize::MAX);
                    flip(byte, 1 << (self.skip % 8));
                    self.skip = self.skip.saturating_add(1).saturating_add(skip(rate, rng));
                }
                self.skip -= bits;
            }
            Corruption::At { offset, bits } => {
                let within = offset.checked_sub(self.passed).map(usize::try_from);
                if let Some(Ok(byte)) = within
                    && byte < bytes.len()
                {
                    flip(byte, bits);
                }
            }
        }
        self.passed += bytes.len() as u64;
        flipped.map(|flipped| (flipped.freeze(), harmed))
    }

    /// Flips bits of a piece, and notes it; the numbers of the messages that were harmed.
    pub(super) fn harm(&mut self, item: &mut Item, rng: &mut Rng, by: &Arc<str>) -> Vec<u64> {
        let What::Bytes(bytes) = &mut item.what else { return Vec::new() };
        let Some((flipped, harmed)) = self.flip(bytes, rng) else { return Vec::new() };
        *bytes = flipped;
        let length = bytes.len();
        let ends = item.notes.iter().filter(|(_, note)| matches!(note, Note::End(_)));
        let mut ends: Vec<usize> = ends.map(|(at, _)| *at).collect();
        ends.push(length);
        let mut from = 0;
        let mut ordinals = Vec::new();
        let mut marks = Vec::new();
        for (ordinal, end) in (item.ordinal..).zip(ends) {
            if harmed.iter().any(|byte| (from..end).contains(byte)) {
                ordinals.push(ordinal);
                marks.push(end);
            }
            from = end;
        }
        for end in marks {
            let mark = Mark { fate: Fate::Corrupted, by: by.clone() };
            item.note(end, Note::Mark(mark));
        }
        ordinals
    }
}

/// How many bits stay as they are before the next that is flipped, if each is with that probability.
fn skip(rate: f64, rng: &mut Rng) -> u64 {
    if rate >= 1.0 {
        return 0;
    }
    if rate <= 0.0 {
        return u64::MAX;
    }
    let drawn = libm::log(1.0 - rng.unit()) / libm::log1p(-rate);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and the cast saturates"
    )]
    let bits = drawn as u64;
    bits
}
