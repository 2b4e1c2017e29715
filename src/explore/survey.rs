//! What a search knows before it varies anything: the first run, taken as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::{NodeId, Seq, Time};
use crate::plan::Plan;
use crate::scenario::model::ServerKind;
use crate::trace::{Clocks, Event, EventKind, Message};

use super::kind;
use super::pace::Link;

/// The most messages of the first run that are looked at.
pub(super) const MESSAGES_MAX: usize = 20_000;

/// The most races that are kept, those first that miss each other by the least.
const RACES_MAX: usize = 5_000;

/// How many of the messages that reach a node next may race with one.
const WINDOW: usize = 32;

/// Two messages to one node of which neither knows of the other: the first could have come second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Race {
    /// The message that came first.
    pub(super) link: Link,
    pub(super) nth: u64,
    /// How long it would have to be under way to come second.
    pub(super) delay: Duration,
}

/// Messages of one kind over one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) kind: String,
    pub(super) count: u64,
}

/// What the first run was like.
#[derive(Debug, Clone, Default)]
pub(super) struct Survey {
    /// How long it took.
    pub(super) lasted: Duration,
    pub(super) messages: u64,
    pub(super) kinds: Vec<Kind>,
    pub(super) races: Vec<Race>,
    /// The servers that can crash, and those that can stand still.
    pub(super) servers: Vec<String>,
    /// Everybody who sent or received something.
    pub(super) talkers: Vec<String>,
    /// Who talked with whom.
    pub(super) pairs: Vec<(String, String)>,
    /// The servers that talked with servers.
    pub(super) peers: Vec<String>,
    /// Whether the links' own latencies are drawn.
    pub(super) is_drawn: bool,
}

/// A message with when it came and where it stands among those from its sender to its receiver.
struct Told<'a> {
    message: &'a Message,
    at: Time,
    nth: u64,
}

impl Survey {
    /// Looks at the events of the first run.
    pub(super) fn of(plan: &Plan, events: &[Event]) -> Survey {
        let mut told = in_order(events);
        told.truncate(MESSAGES_MAX);
        // As faults name them: a client with a count is meant with all its instances.
        let name = |node: NodeId| {
            let instance = plan.instances.iter().find(|instance| instance.node == node);
            let client = instance.map(|instance| plan.clients[instance.client].name.value.as_str());
            client.unwrap_or_else(|| plan.node_name(node)).to_owned()
        };
        let is_ours = |node: NodeId| node.index() < plan.nodes.len();
        told.retain(|one| is_ours(one.message.from) && is_ours(one.message.to));
        let mut kinds: Vec<Kind> = Vec::new();
        let mut known: BTreeMap<(String, String, String), usize> = BTreeMap::new();
        let (mut talkers, mut pairs) = (BTreeSet::new(), BTreeSet::new());
        let mut seen = BTreeSet::new();
        let mut is_drawn = false;
        for one in &told {
            let (from, to) = (one.message.from, one.message.to);
            let kind = kind::kind(&one.message.summary);
            let ends = (name(from), name(to));
            let at =
                *known.entry((ends.0.clone(), ends.1.clone(), kind.clone())).or_insert_with(|| {
                    kinds.push(Kind { from: ends.0.clone(), to: ends.1.clone(), kind, count: 0 });
                    kinds.len() - 1
                });
            kinds[at].count += 1;
            if seen.insert((from.min(to), from.max(to))) {
                talkers.extend([ends.0.clone(), ends.1.clone()]);
                if ends.0 != ends.1 && !pairs.contains(&(ends.1.clone(), ends.0.clone())) {
                    pairs.insert(ends);
                }
                is_drawn |= plan.latency(from, to).is_drawn() || plan.latency(to, from).is_drawn();
            }
        }
        let lasted = events.last().map_or(Duration::ZERO, |last| last.at.since(Time::ZERO));
        let named = |server: &&crate::scenario::model::Server| {
            !matches!(server.kind, ServerKind::Closed) && server.kind.foreign().is_none()
        };
        let servers = plan.servers.iter().filter(named);
        let is_server = |name: &String| plan.servers.iter().any(|one| one.name.value == *name);
        let among = |(one, other): &&(String, String)| is_server(one) && is_server(other);
        let peers =
            pairs.iter().filter(among).flat_map(|(one, other)| [one.clone(), other.clone()]);
        let peers: BTreeSet<String> = peers.collect();
        Survey {
            lasted,
            messages: told.len() as u64,
            races: races(plan, &told, events),
            kinds,
            servers: servers.map(|server| server.name.value.clone()).collect(),
            talkers: talkers.into_iter().collect(),
            pairs: pairs.into_iter().collect(),
            peers: peers.into_iter().collect(),
            is_drawn,
        }
    }
}

/// The messages in the order of sending.
fn in_order(events: &[Event]) -> Vec<Told<'_>> {
    let messages = events.iter().filter_map(|event| match &event.kind {
        EventKind::Message(message) => Some((event.at, message.as_ref())),
        _ => None,
    });
    let by_number: BTreeMap<Seq, (Time, &Message)> =
        messages.map(|(at, message)| (message.seq, (at, message))).collect();
    let mut counts: BTreeMap<(NodeId, NodeId), u64> = BTreeMap::new();
    let told = by_number.into_values().map(|(at, message)| {
        let count = counts.entry((message.from, message.to)).or_default();
        *count += 1;
        Told { message, at, nth: *count }
    });
    told.collect()
}

/// The races, those first that are the closest.
fn races(plan: &Plan, told: &[Told<'_>], events: &[Event]) -> Vec<Race> {
    let clocks = Clocks::derive(events);
    let mut reached: BTreeMap<NodeId, Vec<&Told<'_>>> = BTreeMap::new();
    for one in told.iter().filter(|one| one.message.fate.came()) {
        reached.entry(one.message.to).or_default().push(one);
    }
    let mut races = Vec::new();
    for arrivals in reached.values_mut() {
        arrivals.sort_by_key(|one| (one.at, one.message.seq));
        for (at, first) in arrivals.iter().enumerate() {
            for second in arrivals[at + 1..].iter().take(WINDOW) {
                let one_way = first.message.conn == second.message.conn
                    && first.message.direction == second.message.direction;
                if one_way || !could_overtake(&clocks, first.message, second.message) {
                    continue;
                }
                let gap = second.at.since(first.at);
                let delay = second.at.since(first.message.sent) + Duration::from_micros(1);
                let (from, to) = (first.message.from, first.message.to);
                let link = (plan.node_name(from).to_owned(), plan.node_name(to).to_owned());
                races.push((gap, Race { link, nth: first.nth, delay }));
            }
        }
    }
    races.sort_by(|(gap, one), (other_gap, other)| {
        (gap, &one.link, one.nth, one.delay).cmp(&(other_gap, &other.link, other.nth, other.delay))
    });
    races.truncate(RACES_MAX);
    races.into_iter().map(|(_, race)| race).collect()
}

/// True if the second was sent without knowing that the first had come.
fn could_overtake(clocks: &Clocks, first: &Message, second: &Message) -> bool {
    let (Some(first), Some(second)) = (clocks.of(first.seq), clocks.of(second.seq)) else {
        return false;
    };
    let Some(received) = first.received else { return false };
    clocks.is_before(received, second.sent) == Some(false)
}
