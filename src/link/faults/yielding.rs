//! Messages that stand aside and let others by.

use super::item::{Item, Mark, Yields};
use super::state::View;
use crate::base::Time;
use crate::trace::Fate;

/// Those who stand aside, in the order in which they came.
#[derive(Default)]
pub(super) struct Yielding {
    waiting: Vec<Waiting>,
}

struct Waiting {
    item: Item,
    yields: Yields,
    until: Time,
}

impl Yielding {
    pub(super) fn add(&mut self, item: Item, yields: Yields, now: Time) {
        let until = now + yields.within;
        self.waiting.push(Waiting { item, yields, until });
    }

    /// A message has overtaken them.
    pub(super) fn overtaken(&mut self) {
        for one in &mut self.waiting {
            one.yields.behind = one.yields.behind.saturating_sub(1);
        }
    }

    /// The next whose time has come.
    pub(super) fn due(&mut self, now: Time, view: &View) -> Option<Item> {
        let due =
            |one: &Waiting| one.yields.behind == 0 || one.until <= now || !view.has(&one.yields.by);
        let at = self.waiting.iter().position(due)?;
        Some(self.waiting.remove(at).go(now))
    }

    /// The first, whatever it waits for.
    pub(super) fn first(&mut self, now: Time) -> Option<Item> {
        (!self.waiting.is_empty()).then(|| self.waiting.remove(0).go(now))
    }

    pub(super) fn deadline(&self, view: &View) -> Option<Time> {
        let when = |one: &Waiting| {
            let now = one.yields.behind == 0 || !view.has(&one.yields.by);
            if now { Time::ZERO } else { one.until }
        };
        self.waiting.iter().map(when).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn size(&self) -> usize {
        self.waiting.iter().map(|one| one.item.len() + super::line::PIECE_BYTES).sum()
    }

    pub(super) fn take(&mut self) -> impl Iterator<Item = Item> + use<> {
        std::mem::take(&mut self.waiting).into_iter().map(|one| one.item)
    }
}

impl Waiting {
    fn go(self, now: Time) -> Item {
        let mut item = self.item;
        item.at = now;
        item.mark(&Mark { fate: Fate::Delayed, by: self.yields.by.name.clone() });
        item
    }
}
