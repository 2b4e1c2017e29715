//! One direction of a connection that faults meet.
//!
//! ```text
//! push -> tap -> whole messages (verdict) or bytes as they flow
//!      -> queue: base latency, then what each message waits for -> those that yield
//!      -> stages, one for each fault on bytes -> outlet: settled, handed over
//! ```
//!
//! It is pulled from the receiver's end: nothing moves but in [`Lane::next`].

mod passing;
mod sending;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use self::sending::Gather;

use super::item::{Item, Note, Passing, What};
use super::line::Line;
use super::loose::Loose;
use super::outlet::Outlet;
use super::stage::Stage;
use super::state::{Place, View};
use super::yielding::Yielding;
use crate::base::{Direction, Rng, Seq, Time};
use crate::link::wire::{Ask, Fared, Wire};
use crate::net::Parcel;
use crate::plan::fault::Harm;
use crate::protocol::Seen;
use crate::trace::Fate;

/// The longest message that waits until it is whole; a longer one passes faults on messages unharmed.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// How many bytes of messages wait in all connections together until these are whole; what comes then passes
/// faults on messages unharmed, too.
const GATHERED_BYTES_MAX: usize = 256 << 20;

/// What whoever waits for it gets from the link, while messages wait until they are whole.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One direction of a connection that faults meet.
pub(in crate::link) struct Lane {
    pub(super) wire: Arc<Wire>,
    pub(super) place: Place,
    pub(super) view: View,
    /// What is sent and has not passed what it waits for.
    queue: Line,
    yielding: Yielding,
    stages: Vec<Stage>,
    /// What is through all stages.
    out: Line,
    outlet: Outlet,
    /// What there is of a message that has to be whole; `None` while bytes flow.
    gather: Option<Gather>,
    /// The number of the message that the next byte belongs to.
    pub(super) ordinal: u64,
    /// When the last of what was sent is through the link itself.
    last: Time,
    /// Until when a fault held things up, and what stood behind them.
    late: Option<(Time, Arc<str>)>,
    /// What goes to the stages is at the border of two messages.
    at_border: bool,
    pub(super) draws: BTreeMap<u64, Rng>,
    /// When the connection is to be broken off.
    alarms: Vec<Alarm>,
    /// The sender has ended the direction, or broken it off.
    ended: bool,
    reset: bool,
    /// The connection was broken off by that fault.
    broken: Option<Arc<str>>,
    /// The reset that follows from it has not been handed over.
    reset_due: bool,
    /// The end that a fault made has not been handed over.
    end_due: bool,
    half_closed: bool,
    /// Replies to copies are taken.
    pub(super) copies: bool,
    /// The faults have changed in the middle of a push.
    pub(super) unsettled: bool,
    warned: bool,
}

/// A connection is to be broken off.
struct Alarm {
    at: Time,
    by: Arc<Loose>,
    /// Whatever becomes of the fault.
    sure: bool,
}

/// What a direction without faults had under way.
pub(in crate::link) struct UnderWay {
    pub(in crate::link) at: Time,
    pub(in crate::link) sent: Time,
    pub(in crate::link) parcel: Parcel,
    pub(in crate::link) seen: Vec<Seen>,
}

impl Lane {
    /// A lane for a direction in which `before` bytes of a message have arrived.
    pub(in crate::link) fn new(wire: Arc<Wire>, direction: Direction, before: u64) -> Lane {
        let (conn, from, to, crashes) = (wire.conn, wire.from, wire.to, wire.crashes);
        let place = Place { conn, from, to, direction, crashes };
        Lane {
            wire,
            place,
            view: View::empty(),
            queue: Line::default(),
            yielding: Yielding::default(),
            stages: Vec::new(),
            out: Line::default(),
            outlet: Outlet::new(before),
            gather: None,
            ordinal: 0,
            last: Time::ZERO,
            late: None,
            at_border: true,
            draws: BTreeMap::new(),
            alarms: Vec::new(),
            ended: false,
            reset: false,
            broken: None,
            reset_due: false,
            end_due: false,
            half_closed: false,
            copies: false,
            unsettled: false,
            warned: false,
        }
    }

    /// True if a direction without a lane needs one.
    pub(in crate::link) fn is_needed(wire: &Wire, direction: Direction) -> bool {
        let (conn, from, to, crashes) = (wire.conn, wire.from, wire.to, wire.crashes);
        wire.is_asked(direction)
            || !wire.faults.view(&Place { conn, from, to, direction, crashes }).is_empty()
    }

    /// The sender had ended the direction before there was a lane.
    pub(in crate::link) fn set_ended(&mut self) {
        self.ended = true;
    }

    /// Takes over what is under way.
    pub(in crate::link) fn take_over(&mut self, under_way: UnderWay) {
        let UnderWay { at, sent, parcel, seen } = under_way;
        self.last = self.last.max(at);
        let what = match parcel {
            Parcel::Bytes(bytes) => What::Bytes(bytes),
            Parcel::End => What::End,
            Parcel::Reset => What::Reset,
        };
        let ends = !matches!(what, What::Bytes(_));
        if ends && !seen.is_empty() {
            let mut rest = Item::new(at, What::Bytes(Bytes::new()), self.ordinal, 0);
            rest.notes = seen.into_iter().map(|seen| (0, end_note(seen, sent))).collect();
            self.ordinal += rest.ends();
            self.queue.push(rest);
            self.queue.push(Item::new(at, what, self.ordinal, 0));
        } else {
            let mut item = Item::new(at, what, self.ordinal, 0);
            item.notes = seen.into_iter().map(|seen| (seen.end, end_note(seen, sent))).collect();
            self.ordinal += item.ends();
            self.queue.push(item);
        }
        self.ended |= ends;
    }

    /// Looks at what meets this direction now, and does what follows from it.
    pub(in crate::link) fn look(&mut self, now: Time) {
        self.refresh(now);
        self.settle(now);
        if !self.wants_whole()
            && let Some(mut gather) = self.gather.take()
        {
            let (bytes, at) = (gather.take(), self.last.max(now));
            self.flow(now, at, bytes, Vec::new());
        } else if self.wants_whole()
            && self.gather.is_none()
            && !self.wire.tap().is_within(self.place.direction)
        {
            self.gather = Some(Gather::new(self.wire.faults.gathered()));
        }
    }

    /// Looks at what meets this direction now.
    pub(super) fn refresh(&mut self, now: Time) {
        let view = self.wire.faults.view(&self.place);
        if view.over && !self.view.over {
            // What the other direction has asked for before that has happened.
            self.heed(now);
            let due = self.alarms.iter().find(|alarm| alarm.at <= now).map(|one| one.by.clone());
            if let Some(by) = due {
                self.alarm(now, &by);
            }
            self.keep_back(now);
        }
        let is_reply = self.place.direction == Direction::Response;
        self.copies = is_reply && self.wire.joint().copies;
        if self.wire.faults.remembers() {
            self.wire.tap().remember(true);
        }
        self.view = view;
        self.draws.retain(|number, _| self.view.rules.iter().any(|one| one.number() == *number));
        if let Some(by) = &self.view.receiver_down {
            self.outlet.receiver_is_down(by);
        }
        let mut at = 0;
        while at < self.stages.len() {
            if self.view.has(&self.stages[at].by) {
                at += 1;
                continue;
            }
            let items: Vec<Item> = self.stages.remove(at).drain().collect();
            for mut item in items {
                item.at = now;
                self.put_through(at, item, now);
            }
        }
        let rules = self.view.rules.clone();
        for loose in rules.iter() {
            self.put_stage(loose, now);
        }
    }

    /// Gives something to the stage of that number, or hands it over behind the last.
    fn put_through(&mut self, stage: usize, item: Item, now: Time) {
        match self.stages.get_mut(stage) {
            Some(next) => next.take(item, now, &self.wire),
            None => self.out.push(item),
        }
    }

    /// Puts a stage up for a fault on bytes, in its place.
    fn put_stage(&mut self, loose: &Arc<Loose>, now: Time) {
        if self.stages.iter().any(|stage| stage.by.number() == loose.number()) {
            return;
        }
        let all = !loose.is_by_message();
        let met = if all {
            let met = self.wire.met(loose, now);
            if !met.chosen {
                return;
            }
            met.at
        } else {
            now
        };
        let rng =
            loose.draws_of(&self.wire.rng, &self.wire.link_name(self.place.direction.as_str()));
        if let Some(stage) = Stage::new(loose, all, rng, met) {
            let place = self.stages.partition_point(|one| one.by.number() < loose.number());
            self.stages.insert(place, stage);
        }
    }

    /// Does what follows from the faults and from what the other direction asks.
    fn settle(&mut self, now: Time) {
        self.alarms.retain(|alarm| alarm.sure || self.wire.faults.acts(&alarm.by));
        self.heed(now);
        let rules = self.view.rules.clone();
        for loose in rules.iter().filter(|loose| !loose.is_by_message()) {
            match loose.harm() {
                Some(Harm::Reset { after }) => {
                    let met = self.wire.met(loose, now);
                    let set = self.alarms.iter().any(|one| one.by.number() == loose.number());
                    if met.chosen && !set && self.broken.is_none() && !self.wire.is_over() {
                        let (at, by) = (met.at + *after, loose.clone());
                        self.alarms.push(Alarm { at, by, sure: false });
                    }
                }
                Some(Harm::HalfClose) => self.half_close(now, loose),
                _ => {}
            }
        }
        if self.view.sender_down.is_some() && !self.wire.is_over() {
            self.end(now, self.last.max(now), true);
        }
        if self.wire.is_over() {
            self.alarms.clear();
        }
    }

    /// Does what the other direction asks.
    fn heed(&mut self, now: Time) {
        for ask in self.wire.asked(self.place.direction) {
            match ask {
                Ask::Close(by) => self.close(now, &by),
                Ask::Answer(by) => self.break_off(now, &by),
                Ask::Reset(at, by) => self.break_at(at, &by),
                Ask::Insert(bytes) => self.outlet.insert(bytes),
            }
        }
    }

    fn half_close(&mut self, now: Time, loose: &Arc<Loose>) {
        let chosen = self.wire.met(loose, now).chosen;
        if !chosen || self.half_closed || self.ended || self.outlet.is_closed() {
            return;
        }
        self.half_closed = true;
        self.wire.count(loose);
        let what = What::Shut { by: loose.name.clone(), both: false };
        let at = self.last.max(now);
        self.enqueue(Item::new(at, what, self.ordinal, self.view.newest), now);
    }

    /// Has the connection broken off at that time.
    pub(super) fn break_at(&mut self, at: Time, by: &Arc<Loose>) {
        let sure = by.causes.is_some() || at <= self.wire.faults.now();
        self.alarms.push(Alarm { at, by: by.clone(), sure });
    }

    /// It is time.
    fn alarm(&mut self, now: Time, by: &Arc<Loose>) {
        if self.broken.is_some() || self.wire.is_over() {
            return;
        }
        if !by.is_by_message() {
            self.wire.count(by);
        }
        let ask = Ask::Reset(now, by.clone());
        self.break_off(now, &by.name.clone());
        self.wire.ask(self.place.direction.reverse(), ask);
    }

    /// Breaks the connection off in this direction; what is under way is lost.
    fn break_off(&mut self, now: Time, by: &Arc<str>) {
        if self.broken.is_some() {
            return;
        }
        self.lose_all(now, by);
        self.alarms.clear();
        self.broken = Some(by.clone());
        let _ = self.wire.broken_by.set(by.clone());
        self.reset_due = true;
    }

    /// Ends the direction because the connection is closed; what is under way is lost.
    fn close(&mut self, now: Time, by: &Arc<str>) {
        if self.broken.is_some() {
            return;
        }
        self.lose_all(now, by);
        self.end_due = self.outlet.shut(by, true);
    }

    fn everything(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = self.out.take().into();
        for stage in self.stages.iter_mut().rev() {
            items.extend(stage.drain());
        }
        items.extend(self.yielding.take());
        items.extend(self.queue.take());
        items
    }

    fn lose_all(&mut self, now: Time, by: &Arc<str>) {
        for item in self.everything() {
            for passing in item.into_messages() {
                let Passing { seen, sent, only, .. } = *passing;
                self.record_lost(now, seen, sent, Some(by.clone()), &only);
            }
        }
        if let Some(gather) = &mut self.gather {
            gather.take();
        }
    }

    fn record_lost(
        &self,
        now: Time,
        seen: Seen,
        sent: Time,
        fault: Option<Arc<str>>,
        only: &[(Arc<Loose>, Seq)],
    ) {
        let fared = Fared { fault, ..Fared::plainly(sent, Fate::Lost) };
        self.wire.record(now, self.place.direction, seen, fared);
        self.wire.settled(only);
    }

    /// The run is over: what faults still keep back stays where it is.
    fn keep_back(&mut self, now: Time) {
        let mut held: Vec<(Item, Arc<str>)> = Vec::new();
        for stage in self.stages.iter_mut().rev() {
            let by = stage.by.name.clone();
            held.extend(stage.drain().map(|item| (item, by.clone())));
        }
        while let Some(front) = self.queue.front() {
            let waits = front.waits.iter().find(|wait| self.view.has(&wait.by));
            let by = match waits {
                Some(wait) => wait.by.name.clone(),
                None => match held.last() {
                    Some((_, by)) if front.at <= now => by.clone(),
                    _ => break,
                },
            };
            if let Some(item) = self.queue.pop() {
                held.push((item, by));
            }
        }
        for (mut item, by) in held {
            if item.is_bytes() {
                self.hold(now, item, &by);
            } else {
                // The connection ends all the same.
                item.at = now;
                self.out.push(item);
            }
        }
    }

    fn hold(&self, now: Time, item: Item, by: &Arc<str>) {
        for passing in item.into_messages() {
            let Passing { seen, sent, .. } = *passing;
            let fared = Fared { fault: Some(by.clone()), ..Fared::plainly(sent, Fate::Held) };
            self.wire.record(now, self.place.direction, seen, fared);
        }
    }

    /// The connection is gone, and the run may be over: what is under way is lost, or was kept back.
    pub(in crate::link) fn abandon(&mut self) {
        let now = self.wire.faults.now();
        self.keep_back(now);
        for item in self.everything() {
            let at = item.at.max(now);
            for passing in item.into_messages() {
                let Passing { seen, sent, .. } = *passing;
                let fared = Fared::plainly(sent, Fate::Lost);
                self.wire.record(at, self.place.direction, seen, fared);
            }
        }
    }
}

fn end_note(seen: Seen, sent: Time) -> Note {
    let (mark, becomes, only) = (None, None, Vec::new());
    Note::End(Box::new(Passing { seen, sent, mark, becomes, only }))
}
