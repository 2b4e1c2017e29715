//! The way through a lane, pulled from the receiver's end.

use std::sync::atomic::Ordering;

use super::Lane;
use crate::base::Time;
use crate::link::faults::item::{Item, Mark, Note, Until, What};
use crate::link::faults::stage::Stage;
use crate::net::Parcel;
use crate::trace::Fate;

impl Lane {
    /// When the first of the queue may go on; `None` is not before something happens.
    fn ready(&self, item: &Item) -> Option<Time> {
        let mut at = item.at;
        for wait in item.waits.iter().filter(|wait| self.view.has(&wait.by)) {
            match &wait.until {
                Until::Passed(longer) => at = at + *longer,
                Until::Released(then) => {
                    if wait.by.released.load(Ordering::Relaxed) <= *then {
                        return None;
                    }
                }
                Until::Healed => at = wait.by.opens_at(at)?,
            }
        }
        Some(at)
    }

    /// The next that has waited for all that it has to wait for.
    fn next_ready(&mut self, now: Time) -> Option<Item> {
        loop {
            if self.at_border
                && let Some(item) = self.yielding.due(now, &self.view)
            {
                return Some(item);
            }
            let front = self.queue.front()?;
            if self.ready(front).is_none_or(|at| at > now) {
                return None;
            }
            if !front.is_bytes()
                && let Some(item) = self.yielding.first(now)
            {
                return Some(item);
            }
            let mut item = self.queue.pop()?;
            self.tell_late(&mut item, now);
            if let Some(yields) = item.yields.take() {
                self.yielding.add(item, yields, now);
                continue;
            }
            let last_end = item
                .notes
                .iter()
                .rev()
                .find(|(_, note)| matches!(note, Note::End(_) | Note::Besides));
            self.at_border = match last_end {
                Some((at, _)) => *at == item.len(),
                None => item.len() == 0 && self.at_border,
            };
            if item.ends() > 0 {
                self.yielding.overtaken();
            }
            return Some(item);
        }
    }

    /// Marks what comes later than the link itself would bring it.
    fn tell_late(&mut self, item: &mut Item, now: Time) {
        if let Some(wait) = item.waits.last()
            && now > item.at
        {
            let by = wait.by.name.clone();
            item.mark(&Mark { fate: Fate::Delayed, by: by.clone() });
            self.late = Some((now, by));
        } else if let Some((until, by)) = &self.late
            && item.at < *until
        {
            item.mark(&Mark { fate: Fate::Delayed, by: by.clone() });
        }
        item.at = now;
        item.waits.clear();
    }

    /// What comes out behind the first `stages` stages.
    fn pull(&mut self, stages: usize, now: Time) -> Option<Item> {
        let Some(before) = stages.checked_sub(1) else { return self.next_ready(now) };
        loop {
            if let Some(item) = self.stages[before].emit(now) {
                return Some(item);
            }
            let item = self.pull(before, now)?;
            self.stages[before].take(item, now, &self.wire);
        }
    }

    pub(in crate::link) fn next(&mut self, now: Time) -> Option<Parcel> {
        let due = self.alarms.iter().position(|alarm| alarm.at <= now);
        if let Some(alarm) = due.map(|due| self.alarms.remove(due)) {
            self.alarm(now, &alarm.by);
        }
        if std::mem::take(&mut self.reset_due) {
            let reset = Item::new(now, What::Reset, self.ordinal, 0);
            return self.outlet.deliver(reset, now, &self.wire, self.place.direction);
        }
        if std::mem::take(&mut self.end_due) {
            return self.outlet.end_shut(now, &self.wire, self.place.direction);
        }
        if let Some(bytes) = self.outlet.inserted() {
            return Some(Parcel::Bytes(bytes));
        }
        loop {
            let item = match self.out.pop() {
                Some(item) => item,
                None => self.pull(self.stages.len(), now)?,
            };
            let parcel = self.outlet.deliver(item, now, &self.wire, self.place.direction);
            if parcel.is_some() {
                return parcel;
            }
        }
    }

    pub(in crate::link) fn deadline(&self) -> Option<Time> {
        if self.reset_due || self.end_due || self.outlet.has_insert() || !self.out.is_empty() {
            return Some(Time::ZERO);
        }
        let queue = self.queue.front().and_then(|front| self.ready(front));
        let yielding = self.yielding.deadline(&self.view).filter(|_| self.at_border);
        let stages = self.stages.iter().filter_map(Stage::deadline).min();
        let alarm = self.alarms.iter().map(|alarm| alarm.at).min();
        [queue, yielding, stages, alarm].into_iter().flatten().min()
    }

    pub(in crate::link) fn in_flight(&self) -> usize {
        let stages: usize = self.stages.iter().map(Stage::size).sum();
        self.queue.size() + self.yielding.size() + stages + self.out.size()
    }

    /// True if nothing is under way.
    pub(in crate::link) fn is_drained(&self) -> bool {
        self.queue.is_empty()
            && self.yielding.is_empty()
            && self.out.is_empty()
            && self.stages.iter().all(Stage::is_empty)
            && !self.reset_due
            && !self.end_due
            && !self.outlet.has_insert()
    }

    /// How many bytes of a message have arrived, if the direction can go on without a lane.
    pub(in crate::link) fn leaves(&self) -> Option<u64> {
        let idle = self.view.is_empty()
            && self.is_drained()
            && self.gather.is_none()
            && self.alarms.is_empty()
            && self.broken.is_none()
            && !self.ended
            && !self.copies
            && !self.outlet.is_closed();
        idle.then(|| self.outlet.within())
    }
}
