//! Channels.

use std::collections::BTreeSet;

use super::prelude::*;
use crate::base::glob;
use crate::server::redis::pubsub::{Topic, publish};

const LISTEN: Flags = Flags::PUBSUB.and(Flags::SUBSCRIBER);

pub(super) const COMMANDS: &[Command] = &[
    Command::new("publish", 3, Flags::PUBSUB.and(FAST), NO_KEYS, "2.0.0", send, "Sends a message."),
    Command::new("subscribe", -2, LISTEN, NO_KEYS, "2.0.0", join, "Listens to channels."),
    Command::new("psubscribe", -2, LISTEN, NO_KEYS, "2.0.0", join, "Listens to patterns."),
    Command::new("unsubscribe", -1, LISTEN, NO_KEYS, "2.0.0", leave, "Leaves channels."),
    Command::new("punsubscribe", -1, LISTEN, NO_KEYS, "2.0.0", leave, "Leaves patterns."),
    Command::container("pubsub", "2.8.0", PUBSUB, "Tells who listens."),
];

const PUBSUB: &[Command] = &[
    Command::new(
        "pubsub|channels",
        -2,
        Flags::PUBSUB,
        NO_KEYS,
        "2.8.0",
        channels,
        "Lists channels.",
    ),
    Command::new("pubsub|numsub", -2, Flags::PUBSUB, NO_KEYS, "2.8.0", numsub, "Counts listeners."),
    Command::new("pubsub|numpat", 2, Flags::PUBSUB, NO_KEYS, "2.8.0", numpat, "Counts patterns."),
    super::introspection::HELP.named("pubsub|help"),
];

fn send(call: &mut Call<'_>) -> Outcome {
    let words = call.words;
    let count = publish(call.engine, &words[1], &words[2]);
    call.reply.count(count);
    Ok(())
}

fn topic(call: &Call<'_>) -> Topic {
    if call.name.starts_with('p') { Topic::Pattern } else { Topic::Channel }
}

/// One line of the answer to `SUBSCRIBE` and its kin.
fn confirm(call: &mut Call<'_>, name: Option<&[u8]>) {
    call.reply.push(3);
    call.reply.bulk(call.name);
    call.reply.bulk_or_null(name);
    call.reply.count(call.session.subscriptions());
}

/// `SUBSCRIBE` and `PSUBSCRIBE`.
fn join(call: &mut Call<'_>) -> Outcome {
    let topic = topic(call);
    let names = call.words.from(1);
    call.session.has_room_for(names)?;
    for name in names.iter() {
        if mine(call, topic).insert(name.into()) {
            call.session.names_bytes += name.len();
            call.engine.pubsub.join(topic, name, call.session.id);
        }
        confirm(call, Some(name));
    }
    Ok(())
}

/// What the session listens to.
fn mine<'c>(call: &'c mut Call<'_>, topic: Topic) -> &'c mut BTreeSet<Box<[u8]>> {
    match topic {
        Topic::Channel => &mut call.session.channels,
        Topic::Pattern => &mut call.session.patterns,
    }
}

/// `UNSUBSCRIBE` and `PUNSUBSCRIBE`: without names, from all.
fn leave(call: &mut Call<'_>) -> Outcome {
    let topic = topic(call);
    let names: Vec<Box<[u8]>> = if call.words.len() > 1 {
        call.words.from(1).iter().map(Into::into).collect()
    } else {
        mine(call, topic).iter().cloned().collect()
    };
    if names.is_empty() {
        confirm(call, None);
    }
    for name in &names {
        if mine(call, topic).remove(name) {
            call.session.names_bytes -= name.len();
        }
        call.engine.pubsub.leave(topic, name, call.session.id);
        confirm(call, Some(name));
    }
    Ok(())
}

fn channels(call: &mut Call<'_>) -> Outcome {
    if call.words.len() > 3 {
        return Err(Refusal::owned(
            "ERR unknown subcommand or wrong number of arguments for 'channels'. Try PUBSUB HELP.",
        ));
    }
    let pattern = call.words.get(2);
    let names = call.engine.pubsub.channels.keys();
    let names: Vec<&[u8]> = names
        .map(|name| &**name)
        .filter(|name| pattern.is_none_or(|pattern| glob(pattern, name)))
        .collect();
    call.reply.array(names.len());
    names.iter().for_each(|name| call.reply.bulk(name));
    Ok(())
}

fn numsub(call: &mut Call<'_>) -> Outcome {
    let names = call.words.from(2);
    call.reply.array(2 * names.len());
    for name in names.iter() {
        call.reply.bulk(name);
        call.reply.count(call.engine.pubsub.channels.get(name).map_or(0, |all| all.len()));
    }
    Ok(())
}

fn numpat(call: &mut Call<'_>) -> Outcome {
    call.reply.count(call.engine.pubsub.patterns.len());
    Ok(())
}
