//! The engine's state: what is known, what is in force, what became of the nodes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::loose::{Cause, Loose, Tally};
use super::trigger::{Armed, Fires, Happening};
use super::{Fired, NodeState, Status};
use crate::base::{ConnId, Direction, NodeId, Seq, Time};
use crate::plan::fault::{Condition, Fault, FaultKind, Looks};
use crate::scenario::model::NodeHarm;
use crate::trace::{FaultEvent, FaultPhase};

/// How many faults one happening may let loose, one by the other: two that wait for each other would go
/// on for ever.
const CHAIN_MAX: usize = 64;

/// All that the engine knows.
#[derive(Default)]
pub(super) struct State {
    known: Vec<Known>,
    /// In the order in which they were let loose.
    loose: Vec<Arc<Loose>>,
    nodes: BTreeMap<NodeId, Node>,
    armed: Vec<Armed>,
    newest: u64,
    over: bool,
}

fn as_cause((conn, seq): (ConnId, Seq)) -> Cause {
    Cause { conn, seq, claimed: false }
}

/// A fault that is known.
struct Known {
    fault: Arc<Fault>,
    name: Arc<str>,
    tally: Arc<Tally>,
    /// What it waits for before it meets anything; `None` once that has happened.
    awaits: Option<Armed>,
    starts: u64,
    /// Its end has been told since it was let loose last.
    told_end: bool,
}

/// What became of a node.
#[derive(Default)]
struct Node {
    state: Option<NodeState>,
    crashes: u64,
    crashed_by: Option<Arc<str>>,
}

/// What a change brings about outside of the state.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) told: Vec<FaultEvent>,
    pub(super) fired: Vec<Fired>,
    /// The connections that have to be looked at.
    pub(super) concerned: Concerned,
}

/// Which connections a change concerns.
#[derive(Default)]
pub(super) enum Concerned {
    #[default]
    None,
    These(Vec<Arc<Loose>>),
    All,
}

impl Concerned {
    fn add(&mut self, loose: &Arc<Loose>) {
        match self {
            // Whom it was about is not known any more when it ends.
            _ if loose.causes.is_some() => *self = Concerned::All,
            Concerned::None => *self = Concerned::These(vec![loose.clone()]),
            Concerned::These(all) => all.push(loose.clone()),
            Concerned::All => {}
        }
    }

    pub(super) fn has(&self, conn: ConnId, from: NodeId, to: NodeId) -> bool {
        match self {
            Concerned::None => false,
            Concerned::These(all) => all.iter().any(|loose| loose.meets(conn, from, to)),
            Concerned::All => true,
        }
    }
}

/// Whose direction asks what meets it.
#[derive(Clone, Copy)]
pub(in crate::link) struct Place {
    pub(in crate::link) conn: ConnId,
    pub(in crate::link) from: NodeId,
    pub(in crate::link) to: NodeId,
    pub(in crate::link) direction: Direction,
    /// How often its two ends had crashed when the connection was made.
    pub(in crate::link) crashes: [u64; 2],
}

impl Place {
    pub(super) fn sender(&self) -> NodeId {
        match self.direction {
            Direction::Request => self.from,
            Direction::Response => self.to,
        }
    }

    pub(super) fn receiver(&self) -> NodeId {
        match self.direction {
            Direction::Request => self.to,
            Direction::Response => self.from,
        }
    }
}

/// What meets one direction of one connection.
#[derive(Clone)]
pub(super) struct View {
    /// Faults on what travels, in the order in which they were let loose.
    pub(super) rules: Arc<[Arc<Loose>]>,
    /// Cuts that stop what is sent in this direction.
    pub(super) cuts: Arc<[Arc<Loose>]>,
    /// Somebody waits for messages.
    pub(super) watched: bool,
    /// Messages must be whole before they go on.
    pub(super) whole: bool,
    /// Everything that was let loose so far has at most this number.
    pub(super) newest: u64,
    /// The sender, or the receiver, has crashed since the connection was made, by that fault.
    pub(super) sender_down: Option<Option<Arc<str>>>,
    pub(super) receiver_down: Option<Option<Arc<str>>>,
    /// The run is over.
    pub(super) over: bool,
}

impl View {
    /// Nothing.
    pub(super) fn empty() -> View {
        View {
            rules: Arc::default(),
            cuts: Arc::default(),
            watched: false,
            whole: false,
            newest: 0,
            sender_down: None,
            receiver_down: None,
            over: false,
        }
    }

    /// True if the direction goes on as if there were no faults.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
            && self.cuts.is_empty()
            && !self.watched
            && !self.whole
            && self.sender_down.is_none()
            && self.receiver_down.is_none()
    }

    /// True if the fault is in force here.
    pub(super) fn has(&self, loose: &Loose) -> bool {
        self.rules.iter().chain(&*self.cuts).any(|one| one.number() == loose.number())
    }
}

impl State {
    /// True if no connection need ever look at the faults.
    pub(super) fn is_quiet(&self) -> bool {
        self.known.is_empty() && self.armed.is_empty() && self.nodes.is_empty() && !self.over
    }

    pub(super) fn know(&mut self, fault: &Arc<Fault>) -> usize {
        if let Some(at) = self.known.iter().position(|known| known.fault.name == fault.name) {
            return at;
        }
        self.known.push(Known::new(fault));
        self.known.len() - 1
    }

    /// Lets a fault loose. `cause` is the message that did it, if one did.
    pub(super) fn start(
        &mut self,
        fault: &Arc<Fault>,
        now: Time,
        cause: Option<(ConnId, Seq)>,
        effects: &mut Effects,
    ) {
        let at = self.know(fault);
        self.renew(at, fault);
        let only_cause = matches!(&fault.kind, FaultKind::Link(rule) if rule.only_cause);
        let cause = cause.filter(|_| only_cause);
        if let Some(cause) = cause
            && let Some(loose) = self.in_force(&fault.name).cloned()
            && let Some(mut causes) = loose.causes()
        {
            causes.push(as_cause(cause));
            drop(causes);
            effects.concerned.add(&loose);
            return;
        }
        self.take_out(&fault.name, effects);
        self.newest += 1;
        let known = &mut self.known[at];
        known.fault = fault.clone();
        known.told_end = false;
        known.starts += 1;
        let loose = Arc::new(Loose {
            id: self.newest,
            name: known.name.clone(),
            fault: fault.clone(),
            since: now,
            earlier: known.starts - 1,
            tally: known.tally.clone(),
            come: AtomicU64::new(0),
            released: AtomicU64::new(0),
            warned: AtomicBool::new(false),
            causes: cause.map(|cause| Mutex::new(vec![as_cause(cause)])),
        });
        effects.told.push(known.event(FaultPhase::Start));
        effects.concerned.add(&loose);
        self.loose.push(loose);
        self.conditions_may_change(effects);
    }

    /// A fault that is over may give its name to another one, which is counted by itself.
    fn renew(&mut self, at: usize, fault: &Arc<Fault>) {
        let is_over = self.in_force(&fault.name).is_none();
        let known = &mut self.known[at];
        if is_over && known.starts > 0 && !Arc::ptr_eq(&known.fault, fault) {
            *known = Known::new(fault);
        }
    }

    /// Ends a fault; false if it is not in force.
    pub(super) fn end(&mut self, name: &str, effects: &mut Effects) -> bool {
        if !self.take_out(name, effects) {
            return false;
        }
        if let Some(known) = self.known.iter_mut().find(|known| known.fault.name == name) {
            known.told_end = true;
            effects.told.push(known.event(FaultPhase::End));
        }
        self.conditions_may_change(effects);
        true
    }

    fn take_out(&mut self, name: &str, effects: &mut Effects) -> bool {
        let Some(at) = self.loose.iter().position(|loose| &*loose.name == name) else {
            return false;
        };
        effects.concerned.add(&self.loose.remove(at));
        true
    }

    /// A fault may hold only while something is so: then everybody looks.
    fn conditions_may_change(&self, effects: &mut Effects) {
        let conditional =
            |loose: &Arc<Loose>| loose.rule().is_some_and(|rule| rule.choice.during.is_some());
        if self.loose.iter().any(conditional) {
            effects.concerned = Concerned::All;
        }
    }

    pub(super) fn in_force(&self, name: &str) -> Option<&Arc<Loose>> {
        self.loose.iter().find(|loose| &*loose.name == name)
    }

    /// Lets go what a fault holds.
    pub(super) fn release(&mut self, name: &str, effects: &mut Effects) {
        if let Some(loose) = self.in_force(name) {
            loose.released.fetch_add(1, Ordering::Relaxed);
            effects.concerned.add(loose);
        }
    }

    pub(super) fn touch(&mut self, name: &str) {
        if let Some(known) = self.known.iter().find(|known| known.fault.name == name) {
            known.tally.touched.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn node(&mut self, node: NodeId, state: NodeState, now: Time, out: &mut Effects) {
        let by = self.loose.iter().rev().find(|loose| match &loose.fault.kind {
            FaultKind::Node { nodes, harm: NodeHarm::Crash } => nodes.contains(&node),
            _ => false,
        });
        let by = by.map(|loose| loose.name.clone());
        let entry = self.nodes.entry(node).or_default();
        let was = entry.state.replace(state).unwrap_or(NodeState::Up);
        if was == state {
            return;
        }
        if state == NodeState::Crashed {
            entry.crashes += 1;
            entry.crashed_by = by;
        }
        out.concerned = Concerned::All;
        let happening = match (was, state) {
            (_, NodeState::Crashed) => Happening::Crash(node),
            (_, NodeState::Paused) => Happening::Pause(node),
            (NodeState::Crashed, NodeState::Up) => Happening::Restart(node),
            (_, NodeState::Up) => Happening::Resume(node),
        };
        self.happens(&happening, now, out);
    }

    pub(super) fn state_of(&self, node: NodeId) -> NodeState {
        self.nodes.get(&node).and_then(|node| node.state).unwrap_or(NodeState::Up)
    }

    pub(super) fn crashes(&self, node: NodeId) -> u64 {
        self.nodes.get(&node).map_or(0, |node| node.crashes)
    }

    pub(super) fn arm(&mut self, armed: Armed) {
        if let Some(fault) = &armed.fault {
            self.know(&fault.clone());
        }
        self.armed.push(armed);
    }

    /// Something happens: triggers fire, and let faults loose, which may fire others.
    pub(super) fn happens(&mut self, what: &Happening<'_>, now: Time, effects: &mut Effects) {
        let mut started = self.fire(what, now, effects);
        let mut chain = 0;
        while chain < started.len() && chain < CHAIN_MAX {
            let name = started[chain].clone();
            chain += 1;
            let more = self.fire(&Happening::Fault(&name), now, effects);
            started.extend(more);
        }
    }

    /// A fault was let loose by somebody else than a trigger.
    pub(super) fn started(&mut self, name: &str, now: Time, effects: &mut Effects) {
        self.happens(&Happening::Fault(name), now, effects);
    }

    /// The faults that were let loose.
    fn fire(&mut self, what: &Happening<'_>, now: Time, effects: &mut Effects) -> Vec<String> {
        for known in &mut self.known {
            if known.awaits.as_mut().is_some_and(|awaits| awaits.fires(what) == Fires::Yes) {
                known.awaits = None;
                if let Some((_, seq)) = what.message() {
                    known.tally.awaited.store(seq.0, Ordering::Relaxed);
                }
                effects.concerned = Concerned::All;
            }
        }
        let mut started = Vec::new();
        for armed in &mut self.armed {
            let fires = armed.fires(what);
            if fires != Fires::No {
                let worn_out = fires == Fires::NoMore;
                effects.fired.push(Fired { number: armed.number, at: now, worn_out });
            }
            started.extend(armed.fault.clone().filter(|_| fires == Fires::Yes));
        }
        for fault in &started {
            self.start(fault, now, what.message(), effects);
        }
        started.into_iter().map(|fault| fault.name.clone()).collect()
    }

    /// True if messages, or what requests asked for, matter to somebody who may meet any connection.
    pub(super) fn remembers(&self) -> bool {
        let rule = |known: &Known| match &known.fault.kind {
            FaultKind::Link(rule) => {
                let Looks { summary, method, path, .. } = &rule.choice.looks;
                rule.response && (summary.is_some() || method.is_some() || path.is_some())
            }
            FaultKind::Cut(_) | FaultKind::Node { .. } => false,
        };
        self.known.iter().any(rule) || self.armed.iter().any(Armed::remembers)
    }

    /// True if what the fault waits for has happened and what must be so is so.
    fn may_act(&self, loose: &Loose) -> bool {
        let Some(rule) = loose.rule() else { return true };
        let awaits = |known: &Known| *known.name == *loose.name && known.awaits.is_some();
        if rule.choice.after.is_some() && self.known.iter().any(awaits) {
            return false;
        }
        match &rule.choice.during {
            None => true,
            Some(Condition::Crashed(node)) => self.state_of(*node) == NodeState::Crashed,
            Some(Condition::Paused(node)) => self.state_of(*node) == NodeState::Paused,
            Some(Condition::Fault(name)) => self.in_force(name).is_some(),
        }
    }

    /// What meets a direction.
    pub(super) fn view(&self, place: &Place) -> View {
        if self.over {
            return View { over: true, newest: self.newest, ..View::empty() };
        }
        let meets = |loose: &&Arc<Loose>| {
            loose.is_about(place.direction)
                && !loose.is_on_connects()
                && loose.meets(place.conn, place.from, place.to)
                && self.may_act(loose)
        };
        let rules: Arc<[Arc<Loose>]> = self.loose.iter().filter(meets).cloned().collect();
        let (sender, receiver) = (place.sender(), place.receiver());
        let cut = |loose: &&Arc<Loose>| loose.cut().is_some_and(|cut| cut.blocks(sender, receiver));
        let cuts: Arc<[Arc<Loose>]> = self.loose.iter().filter(cut).cloned().collect();
        let watches = |armed: &Armed| armed.watches(place.from, sender, receiver);
        let armed = self.armed.iter().filter(|armed| watches(armed));
        let starts = armed.clone().any(|armed| armed.fault.is_some());
        let awaits = self.known.iter().filter_map(|known| known.awaits.as_ref()).any(watches);
        let down = |node: NodeId, before: u64| {
            let node = self.nodes.get(&node)?;
            (node.crashes > before).then(|| node.crashed_by.clone())
        };
        let [from, to] = [down(place.from, place.crashes[0]), down(place.to, place.crashes[1])];
        let (sender_down, receiver_down) = match place.direction {
            Direction::Request => (from, to),
            Direction::Response => (to, from),
        };
        View {
            whole: starts
                || rules.iter().any(|rule| rule.needs_whole())
                || cuts.iter().any(|loose| loose.cut().is_some_and(|cut| cut.lose)),
            watched: awaits || armed.count() > 0,
            rules,
            cuts,
            newest: self.newest,
            sender_down,
            receiver_down,
            over: false,
        }
    }

    /// What meets a connection that is asked for: faults on connecting, and cuts in either direction.
    pub(super) fn on_connect(&self, conn: ConnId, from: NodeId, to: NodeId) -> Vec<Arc<Loose>> {
        let meets = |loose: &&Arc<Loose>| {
            (loose.cut().is_some() || loose.is_on_connects())
                && loose.meets(conn, from, to)
                && self.may_act(loose)
        };
        self.loose.iter().filter(meets).cloned().collect()
    }

    /// True if that start of a fault is still in force, and its conditions hold.
    pub(super) fn acts(&self, loose: &Loose) -> bool {
        self.loose.iter().any(|one| one.number() == loose.number()) && self.may_act(loose)
    }

    pub(super) fn status(&self) -> Vec<Status> {
        let status = |known: &Known| Status {
            name: known.fault.name.clone(),
            text: known.fault.text.clone(),
            span: known.fault.span,
            since: self.in_force(&known.fault.name).map(|loose| loose.since),
            touched: known.tally.touched.load(Ordering::Relaxed),
        };
        self.known.iter().map(status).collect()
    }

    /// The run is over.
    pub(super) fn finish(&mut self, effects: &mut Effects) {
        self.over = true;
        self.loose.clear();
        self.armed.clear();
        effects.concerned = Concerned::All;
        for known in self.known.iter_mut().filter(|known| !known.told_end) {
            known.told_end = true;
            effects.told.push(known.event(FaultPhase::End));
        }
    }
}

impl Known {
    fn new(fault: &Arc<Fault>) -> Known {
        let awaits = match &fault.kind {
            FaultKind::Link(rule) => rule.choice.after.as_ref(),
            FaultKind::Cut(_) | FaultKind::Node { .. } => None,
        };
        Known {
            fault: fault.clone(),
            name: fault.name.as_str().into(),
            tally: Arc::default(),
            awaits: awaits.map(|trigger| Armed::new(0, trigger, None)),
            starts: 0,
            told_end: false,
        }
    }

    fn event(&self, phase: FaultPhase) -> FaultEvent {
        FaultEvent {
            name: self.fault.name.clone(),
            phase,
            text: self.fault.text.clone(),
            span: self.fault.span,
            touched: self.tally.touched.load(Ordering::Relaxed),
        }
    }
}
