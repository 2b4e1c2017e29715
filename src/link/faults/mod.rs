//! The faults that are in force: what meets a message, a connection, a direction.
//!
//! ```text
//! run: start / end / release, node states -> Faults -> pipes: verdicts, waits, resets
//! pipes, links: what is sent, who connects -> triggers -> fired, for the run's director
//!
//! one direction:  sent -> tap -> verdict on each message
//!                  -> base latency -> waits (cut, delay, hold, reorder) -> bytes: stage, stage, ... -> out
//! ```
//!
//! **When.** A fault meets what is sent after it was let loose. What becomes of a message is decided when
//! its last byte is sent; what a fault does to bytes happens to them on their way. Harms on messages come
//! first, those on bytes after them, each kind in the order in which the faults were let loose. All is
//! first in, first out; only `reorder` lets messages overtake.
//!
//! **Until when.** A fault takes effect at once and ends at once: whoever waits because of it is looked at
//! again. A delay is taken off, held messages go on, a stalled line goes on, a blackhole ends for what is
//! sent from then on.
//!
//! **Whole messages.** While a fault on messages may meet a direction, its bytes wait until the message is
//! whole (up to [`MESSAGE_BYTES_MAX`]; a longer one passes, and the trace says so once). Before and after,
//! bytes flow as they come; this changes at the border of two messages. Whoever waits for `100 Continue`
//! meanwhile gets it from the link. Interim replies (1xx) are met only by who asks for their status.
//!
//! **What a fault counts**: messages it touched, each once; for harms on connections, connections.
//!
//! The parts: `state` knows what is in force, `trigger` and `looks` who waits for what, `loose` is one
//! fault from start to end, `connect` stands before a connection, `lane` is one direction that faults
//! meet: `verdict` decides on messages, `edit` changes them, `stage` harms bytes, `outlet` settles what
//! became of each.

mod connect;
mod corrupt;
mod edit;
mod fields;
mod item;
mod lane;
mod line;
mod looks;
mod loose;
mod outlet;
mod stage;
mod state;
#[cfg(test)]
mod tests;
mod trigger;
mod verdict;
mod yielding;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

pub(super) use self::connect::{Asking, Refusal};
pub(super) use self::lane::{Lane, UnderWay};
pub(super) use self::line::PIECE_BYTES;
use self::looks::Sight;
pub(super) use self::loose::Loose;
pub(super) use self::state::Place;
use self::state::{Concerned, Effects, State, View};
use self::trigger::{Armed, Happening};
use super::wire::{Ask, Wire};
use crate::base::{ConnId, Direction, NodeId, Seq, Span, Time};
use crate::net::Clock;
use crate::plan::fault::{Fault, Scope, Trigger};
use crate::trace::{EventKind, Level, Recorder};

pub use self::lane::MESSAGE_BYTES_MAX;
pub use self::trigger::FIRINGS_MAX;

/// All faults of a run. Cheap to clone.
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    recorder: Recorder,
    /// Something is known: connections have to look.
    awake: AtomicBool,
    /// Replies need to know what they answer.
    remembers: AtomicBool,
    state: Mutex<State>,
    scope: Mutex<Option<Scope>>,
    wires: Mutex<Wires>,
    /// How many bytes wait until messages are whole.
    gathered: Arc<AtomicUsize>,
    fired: Mutex<VecDeque<Fired>>,
    firing: Notify,
    /// Something has changed: those who connect look again.
    changed: Notify,
}

/// The connections that may be there, for faults to find.
#[derive(Default)]
struct Wires {
    all: Vec<Weak<Wire>>,
    /// At so many, those that are gone are taken out.
    full: usize,
}

/// The fewest connections at which it is worth to look for those that are gone.
const WIRES_MIN: usize = 64;

/// A fault, and what has come of it so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// What it does, on one line.
    pub text: String,
    /// Its place in the scenario, if it has one.
    pub span: Option<Span>,
    /// Since when it is in force, if it is.
    pub since: Option<Time>,
    /// How many messages, connections or nodes it has touched.
    pub touched: u64,
}

/// What became of a node, as conditions and connections see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It runs.
    Up,
    /// It is down: its connections are reset, what is under way to it is lost.
    Crashed,
    /// It stands still.
    Paused,
}

/// A trigger of the timeline has fired, or a fault has begun by a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The number it was armed with.
    pub number: usize,
    /// When.
    pub at: Time,
    /// It would have, and has so too often: it does not any more.
    pub worn_out: bool,
}

impl Faults {
    /// No fault yet.
    #[must_use]
    pub fn new(clock: Clock, recorder: Recorder) -> Faults {
        let shared = Shared {
            clock,
            recorder,
            awake: AtomicBool::new(false),
            remembers: AtomicBool::new(false),
            state: Mutex::default(),
            scope: Mutex::default(),
            wires: Mutex::default(),
            gathered: Arc::default(),
            fired: Mutex::default(),
            firing: Notify::new(),
            changed: Notify::new(),
        };
        Faults { shared: Arc::new(shared) }
    }

    /// What the texts and predicates of faults see. Without it they see no variable.
    pub fn set_scope(&self, scope: Scope) {
        *lock(&self.shared.scope) = Some(scope);
    }

    /// Makes a fault known without letting it loose, so that the end of the run tells of it in any case.
    pub fn know(&self, fault: &Arc<Fault>) {
        self.change(|state, _, _| {
            state.know(fault);
        });
    }

    /// Lets a fault loose; if it is in force already, it begins anew. One on nodes is only told and counted
    /// here.
    pub fn start(&self, fault: &Arc<Fault>) {
        self.change(|state, now, effects| {
            state.start(fault, now, None, effects);
            state.started(&fault.name, now, effects);
        });
    }

    /// Ends a fault; false if it was not in force.
    pub fn end(&self, name: &str) -> bool {
        self.change(|state, _, effects| state.end(name, effects))
    }

    /// Lets go what a fault holds; the fault goes on.
    pub fn release(&self, name: &str) {
        self.change(|state, _, effects| state.release(name, effects));
    }

    /// Closes the connections that a fault in force has chosen, both ways and in order; what is under way
    /// is lost. The fault goes on.
    pub fn close_chosen(&self, name: &str) {
        let Some(loose) = self.lock().in_force(name).cloned() else { return };
        let now = self.now();
        self.close(&loose.name, |wire| {
            loose.meets(wire.conn, wire.from, wire.to) && wire.met(&loose, now).chosen
        });
    }

    /// Closes the connections that `from` has made to `to`, both ways and in order; what is under way is
    /// lost, and the trace says by what.
    pub fn close_between(&self, from: NodeId, to: NodeId, by: &str) {
        self.close(&by.into(), |wire| wire.from == from && wire.to == to);
    }

    fn close(&self, by: &Arc<str>, wanted: impl Fn(&Wire) -> bool) {
        for wire in self.wires().iter().filter(|wire| wanted(wire)) {
            wire.set_harmed();
            wire.ask(Direction::Request, Ask::Close(by.clone()));
            wire.ask(Direction::Response, Ask::Close(by.clone()));
        }
    }

    /// Counts something that a fault on nodes touched.
    pub fn touch(&self, name: &str) {
        self.change(|state, _, _| state.touch(name));
    }

    /// Says what has become of a node.
    pub fn node(&self, node: NodeId, state: NodeState) {
        self.change(|all, now, effects| all.node(node, state, now, effects));
    }

    /// Sets a trigger of the timeline, with the number that [`Faults::fired`] will say. With `fault`, it is
    /// let loose by the trigger itself, so that the very message that fires it meets it; `fired` tells all
    /// the same.
    pub fn arm(&self, number: usize, trigger: &Trigger, fault: Option<&Arc<Fault>>) {
        self.change(|state, _, effects| {
            state.arm(Armed::new(number, trigger, fault));
            effects.concerned = Concerned::All;
        });
    }

    /// A step is done (`None`: all steps of the client), for triggers.
    pub fn step_done(&self, client: NodeId, step: Option<&str>) {
        if self.is_awake() {
            self.happens(&Happening::Step { client, step });
        }
    }

    /// The next trigger that fires. One caller at a time.
    pub async fn fired(&self) -> Fired {
        loop {
            if let Some(fired) = lock(&self.shared.fired).pop_front() {
                return fired;
            }
            self.shared.firing.notified().await;
        }
    }

    /// All faults that are known, in the order in which they became so.
    #[must_use]
    pub fn status(&self) -> Vec<Status> {
        self.lock().status()
    }

    /// The run is over: every fault that has not ended ends, and those that never began are told. What a
    /// fault still keeps back is recorded as held and goes nowhere.
    pub fn finish(&self) {
        self.change(|state, _, effects| state.finish(effects));
    }

    // ---- for connections ------------------------------------------------------------------

    /// True if there is anything that a connection may meet.
    pub(super) fn is_awake(&self) -> bool {
        self.shared.awake.load(Ordering::Relaxed)
    }

    /// True if replies have to know what they answer.
    pub(super) fn remembers(&self) -> bool {
        self.shared.remembers.load(Ordering::Relaxed)
    }

    /// How many bytes wait in all connections until messages are whole.
    fn gathered(&self) -> &Arc<AtomicUsize> {
        &self.shared.gathered
    }

    pub(super) fn now(&self) -> Time {
        self.shared.clock.now()
    }

    /// How often a node has crashed.
    pub(super) fn crashes(&self, node: NodeId) -> u64 {
        if self.is_awake() { self.lock().crashes(node) } else { 0 }
    }

    /// Lets faults find a connection.
    pub(super) fn register(&self, wire: &Arc<Wire>) {
        let mut wires = lock(&self.shared.wires);
        if wires.all.len() >= wires.full {
            wires.all.retain(|wire| wire.strong_count() > 0);
            wires.full = (2 * wires.all.len()).max(WIRES_MIN);
        }
        wires.all.push(Arc::downgrade(wire));
        drop(wires);
        if self.is_awake() {
            wire.make_stale(Direction::Request);
            wire.make_stale(Direction::Response);
        }
    }

    fn view(&self, place: &Place) -> View {
        self.lock().view(place)
    }

    /// True if that start of a fault is still in force, and what it asks for is so.
    fn acts(&self, loose: &Loose) -> bool {
        self.lock().acts(loose)
    }

    fn scope(&self) -> Option<Scope> {
        lock(&self.shared.scope).clone()
    }

    /// A message is sent: triggers see it before anything is decided.
    fn sent(&self, place: &Place, sight: &Sight<'_>) {
        let scope = self.scope();
        self.happens(&Happening::Message {
            conn: place.conn,
            client: place.from,
            sender: place.sender(),
            receiver: place.receiver(),
            sight,
            scope: scope.as_ref(),
        });
    }

    /// A fault that is about certain messages has met one of them; with the last it ends.
    pub(super) fn met_cause(&self, loose: &Loose, conn: ConnId, seq: Seq) {
        let Some(mut causes) = loose.causes() else { return };
        causes.retain(|cause| (cause.conn, cause.seq) != (conn, seq));
        let done = causes.is_empty();
        drop(causes);
        if done {
            self.end(&loose.name);
        }
    }

    /// A line in the trace.
    /// Records a warning.
    pub fn warn(&self, text: String) {
        let kind = EventKind::Log { node: None, level: Level::Warn, text };
        self.shared.recorder.record(self.now(), kind);
    }

    fn happens(&self, what: &Happening<'_>) {
        self.change(|state, now, effects| state.happens(what, now, effects));
    }

    /// Changes the state, then does outside of its lock what follows from that.
    fn change<T>(&self, change: impl FnOnce(&mut State, Time, &mut Effects) -> T) -> T {
        let now = self.now();
        let mut effects = Effects::default();
        let (result, quiet, remembers) = {
            let mut state = self.lock();
            let result = change(&mut state, now, &mut effects);
            (result, state.is_quiet(), state.remembers())
        };
        let shared = &self.shared;
        shared.remembers.store(remembers, Ordering::Relaxed);
        if !quiet {
            shared.awake.store(true, Ordering::Release);
        }
        for event in effects.told {
            shared.recorder.record(now, EventKind::Fault(Box::new(event)));
        }
        if !effects.fired.is_empty() {
            lock(&shared.fired).extend(effects.fired);
            shared.firing.notify_one();
        }
        if !matches!(effects.concerned, Concerned::None) {
            self.have_looked_at(&effects.concerned);
            shared.changed.notify_waiters();
        }
        result
    }

    /// Has the connections that a change concerns looked at.
    fn have_looked_at(&self, concerned: &Concerned) {
        let mut wires = self.wires();
        wires.retain(|wire| concerned.has(wire.conn, wire.from, wire.to));
        // All of them know before the first one moves: its reply must not meet what is over.
        for direction in [Direction::Request, Direction::Response] {
            wires.iter().for_each(|wire| wire.make_stale(direction));
        }
        for wire in wires {
            wire.look(Direction::Request);
            wire.look(Direction::Response);
        }
    }

    /// The connections that are there.
    fn wires(&self) -> Vec<Arc<Wire>> {
        lock(&self.shared.wires).all.iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
