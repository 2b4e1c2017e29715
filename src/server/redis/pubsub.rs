//! Who listens to what.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::Engine;
use super::session::{ClientId, Session};
use crate::base::glob;

type Listeners = BTreeMap<Box<[u8]>, BTreeSet<ClientId>>;

/// The listeners of each channel and each pattern. Messages go out in order of the clients' numbers.
#[derive(Debug, Default)]
pub(super) struct PubSub {
    pub(super) channels: Listeners,
    pub(super) patterns: Listeners,
}

/// A channel, or a pattern of channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Channel,
    Pattern,
}

impl PubSub {
    fn listeners(&mut self, topic: Topic) -> &mut Listeners {
        match topic {
            Topic::Channel => &mut self.channels,
            Topic::Pattern => &mut self.patterns,
        }
    }

    pub(super) fn join(&mut self, topic: Topic, name: &[u8], client: ClientId) {
        self.listeners(topic).entry(name.into()).or_default().insert(client);
    }

    pub(super) fn leave(&mut self, topic: Topic, name: &[u8], client: ClientId) {
        let listeners = self.listeners(topic);
        if let Some(clients) = listeners.get_mut(name) {
            clients.remove(&client);
            if clients.is_empty() {
                listeners.remove(name);
            }
        }
    }

    pub(super) fn leave_all(&mut self, session: &mut Session) {
        for name in std::mem::take(&mut session.channels) {
            session.names_bytes -= name.len();
            self.leave(Topic::Channel, &name, session.id);
        }
        for name in std::mem::take(&mut session.patterns) {
            session.names_bytes -= name.len();
            self.leave(Topic::Pattern, &name, session.id);
        }
    }
}

/// Sends a message to all who listen; returns how many times it was sent.
pub(super) fn publish(engine: &mut Engine, channel: &[u8], message: &[u8]) -> usize {
    let direct: Vec<ClientId> =
        engine.pubsub.channels.get(channel).into_iter().flatten().copied().collect();
    for &client in &direct {
        engine.post(client, |reply| {
            reply.push(3);
            reply.bulk("message");
            reply.bulk(channel);
            reply.bulk(message);
        });
    }
    let by_pattern: Vec<(Box<[u8]>, ClientId)> = engine
        .pubsub
        .patterns
        .iter()
        .filter(|(pattern, _)| glob(pattern, channel))
        .flat_map(|(pattern, clients)| clients.iter().map(move |id| (pattern.clone(), *id)))
        .collect();
    for (pattern, client) in &by_pattern {
        engine.post(*client, |reply| {
            reply.push(4);
            reply.bulk("pmessage");
            reply.bulk(pattern);
            reply.bulk(channel);
            reply.bulk(message);
        });
    }
    direct.len() + by_pattern.len()
}
