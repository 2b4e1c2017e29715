//! What one fault does to the bytes of one direction, piece by piece, first in, first out.
//!
//! A stage has all bytes of a connection that the fault has chosen, or those of the messages that it has
//! chosen; the others go through in their turn. It never looks at the clock by itself: it says when it
//! wants to be asked again.

use std::sync::Arc;
use std::time::Duration;

use super::corrupt::Flips;
use super::item::{Item, Mark, What};
use super::line::Line;
use super::loose::Loose;
use crate::base::{Distribution, Rng, Time};
use crate::link::wire::Wire;
use crate::plan::fault::Harm;
use crate::trace::Fate;

/// A slow line hands on at most what it carries in this time at once.
const TRICKLE: Duration = Duration::from_millis(100);

/// One fault on the bytes of one direction.
pub(super) struct Stage {
    pub(super) by: Arc<Loose>,
    /// It harms the whole connection, not only messages that it has chosen.
    all: bool,
    rng: Rng,
    line: Line,
    kind: Kind,
    /// The last message that was counted.
    counted: Option<u64>,
}

enum Kind {
    Latency { by: Distribution, jitter: Duration, last: Time },
    Bandwidth { bytes_per_s: f64, free: Time },
    Slice { size: u32, variation: u32, delay: Duration, next: Time },
    Corrupt(Flips),
    Limit { left: u64, cut: bool },
    SlowClose(Duration),
    Blackhole { close_after: Option<Duration>, since: Time, closed: bool },
}

impl Stage {
    /// The stage of a fault that harms bytes; `None` for any other. `all` says that it has chosen the
    /// connection.
    pub(super) fn new(by: &Arc<Loose>, all: bool, rng: Rng, met: Time) -> Option<Stage> {
        let mut rng = rng;
        let kind = match by.harm()? {
            Harm::Latency { by, jitter } => {
                Kind::Latency { by: *by, jitter: *jitter, last: Time::ZERO }
            }
            Harm::Bandwidth { bytes_per_s } => {
                Kind::Bandwidth { bytes_per_s: *bytes_per_s, free: Time::ZERO }
            }
            Harm::Slice { size, variation, delay } => Kind::Slice {
                size: (*size).max(1),
                variation: *variation,
                delay: *delay,
                next: Time::ZERO,
            },
            // Of chosen messages, the verdict on them does it.
            Harm::Corrupt(corruption) if all => Kind::Corrupt(Flips::new(*corruption, &mut rng)),
            Harm::Limit { bytes } if all => Kind::Limit { left: *bytes, cut: false },
            Harm::SlowClose { by } if all => Kind::SlowClose(*by),
            Harm::Blackhole { close_after } => {
                Kind::Blackhole { close_after: *close_after, since: met, closed: false }
            }
            _ => return None,
        };
        Some(Stage { by: by.clone(), all, rng, line: Line::default(), kind, counted: None })
    }

    fn hits(&self, item: &Item) -> bool {
        item.born >= self.by.number() && (self.all || item.chosen.contains(&self.by.number()))
    }

    fn mark(&self, fate: Fate) -> Mark {
        Mark { fate, by: self.by.name.clone() }
    }

    /// Counts the messages that have bytes in a piece; those that the fault has chosen one by one were
    /// counted then.
    fn count(&mut self, item: &Item) {
        if !self.all {
            return;
        }
        for ordinal in item.ordinals() {
            if self.counted != Some(ordinal) {
                self.counted = Some(ordinal);
                self.by.touch();
            }
        }
    }

    /// A piece comes.
    pub(super) fn take(&mut self, mut item: Item, now: Time, wire: &Wire) {
        item.at = now;
        if !self.hits(&item) {
            return self.line.push(item);
        }
        let has_bytes = item.len() > 0;
        match &mut self.kind {
            Kind::Latency { by, jitter, last } => {
                let longer = jittered(by.sample(&mut self.rng), *jitter, &mut self.rng);
                item.at = (now + longer).max(*last);
                *last = item.at;
                if item.at > now && has_bytes {
                    item.mark(&self.mark(Fate::Delayed));
                    self.count(&item);
                }
            }
            Kind::Bandwidth { .. } if has_bytes => {
                item.mark(&self.mark(Fate::Delayed));
                self.count(&item);
            }
            Kind::Slice { size, variation, delay, .. }
                if item.len() > size.saturating_sub(*variation).max(1) as usize =>
            {
                let late = !delay.is_zero();
                item.mark(&self.mark(if late { Fate::Delayed } else { Fate::Delivered }));
                self.count(&item);
            }
            Kind::Corrupt(flips) if has_bytes => {
                let harmed = flips.harm(&mut item, &mut self.rng, &self.by.name);
                for ordinal in harmed {
                    if self.counted != Some(ordinal) {
                        self.counted = Some(ordinal);
                        self.by.touch();
                    }
                }
            }
            Kind::Limit { .. } if has_bytes => return self.limit(item, now),
            Kind::SlowClose(by) if matches!(item.what, What::End) => {
                item.at = now + *by;
                wire.count(&self.by);
            }
            Kind::Blackhole { since, .. } if has_bytes => {
                *since = now;
                self.count(&item);
                item.vanish(&self.by.name);
            }
            _ => {}
        }
        self.line.push(item);
    }

    /// Lets through what is left of the limit; with the last byte of it the connection is closed.
    fn limit(&mut self, mut item: Item, now: Time) {
        let Kind::Limit { left, cut } = &mut self.kind else { return };
        let was_cut = *cut;
        let length = item.len();
        let room = usize::try_from(*left).unwrap_or(usize::MAX).min(length);
        *left -= room as u64;
        *cut = *left == 0;
        let closes = *cut && !was_cut;
        let (ordinal, born) = (item.ordinal, item.born);
        if room == length {
            self.line.push(item);
            if closes && self.counted.is_none() {
                self.by.touch();
            }
        } else {
            if room > 0 {
                let first = item.split(room);
                self.line.push(first);
            }
            self.count(&item);
            item.vanish(&self.by.name);
            self.line.push(item);
        }
        if closes {
            let what = What::Shut { by: self.by.name.clone(), both: true };
            self.line.push(Item::new(now, what, ordinal, born));
        }
    }

    /// The next piece that goes on at `now`.
    pub(super) fn emit(&mut self, now: Time) -> Option<Item> {
        if let Kind::Blackhole { close_after: Some(after), since, closed } = &mut self.kind
            && !*closed
            && *since + *after <= now
        {
            *closed = true;
            if self.counted.is_none() {
                self.by.touch();
            }
            let what = What::Shut { by: self.by.name.clone(), both: true };
            return Some(Item::new(now, what, self.counted.unwrap_or(0), 0));
        }
        if self.front_at()? > now {
            return None;
        }
        let hits = self.hits(self.line.front()?);
        let length = self.line.front()?.len();
        let piece = match &mut self.kind {
            Kind::Bandwidth { bytes_per_s, free } if hits && length > 0 => {
                let piece = trickle(*bytes_per_s).min(length);
                let start = (*free).max(self.line.front()?.at);
                *free = start + carried(piece, *bytes_per_s);
                piece
            }
            Kind::Slice { size, variation, delay, next } if hits && length > 0 => {
                let spread = u64::from(*variation) * 2 + 1;
                let least = size.saturating_sub(*variation);
                let drawn = u64::from(least) + self.rng.below(spread);
                let piece = usize::try_from(drawn).unwrap_or(usize::MAX).clamp(1, length);
                *next = if piece < length { now + *delay } else { Time::ZERO };
                piece
            }
            _ => length,
        };
        let mut item = self.line.take_front(piece)?;
        item.at = now;
        Some(item)
    }

    /// When the first piece, or the next part of it, may go on.
    fn front_at(&self) -> Option<Time> {
        let front = self.line.front()?;
        if !self.hits(front) {
            return Some(front.at);
        }
        let length = front.len();
        match &self.kind {
            Kind::Bandwidth { bytes_per_s, free } if length > 0 => {
                if *bytes_per_s <= 0.0 {
                    return None;
                }
                let piece = trickle(*bytes_per_s).min(length);
                Some((*free).max(front.at) + carried(piece, *bytes_per_s))
            }
            Kind::Slice { next, .. } if length > 0 => Some((*next).max(front.at)),
            // Not even the end comes through.
            Kind::Blackhole { closed: false, .. } if !front.is_bytes() => None,
            _ => Some(front.at),
        }
    }

    /// When it wants to be asked again.
    pub(super) fn deadline(&self) -> Option<Time> {
        let closing = match &self.kind {
            Kind::Blackhole { close_after: Some(after), since, closed: false } => {
                Some(*since + *after)
            }
            _ => None,
        };
        [self.front_at(), closing].into_iter().flatten().min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    pub(super) fn size(&self) -> usize {
        self.line.size()
    }

    /// Everything that it keeps: the fault is over.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Item> + use<> {
        self.line.take().into_iter()
    }
}

/// How many bytes a line of that rate hands on at once.
fn trickle(bytes_per_s: f64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is not negative, and the cast saturates"
    )]
    let bytes = (bytes_per_s * TRICKLE.as_secs_f64()) as usize;
    bytes.max(1)
}

/// How long a line of that rate takes to carry so many bytes.
fn carried(bytes: usize, bytes_per_s: f64) -> Duration {
    #[expect(clippy::cast_precision_loss, reason = "fewer bytes than 2^53")]
    let bytes = bytes as f64;
    Duration::try_from_secs_f64(bytes / bytes_per_s).unwrap_or(Duration::MAX)
}

/// `drawn`, shorter or longer by at most `jitter`.
fn jittered(drawn: Duration, jitter: Duration, rng: &mut Rng) -> Duration {
    if jitter.is_zero() {
        return drawn;
    }
    let width = u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX / 4).min(u64::MAX / 4);
    let shift = Duration::from_nanos(rng.below(2 * width + 1));
    (drawn + shift).saturating_sub(Duration::from_nanos(width))
}
