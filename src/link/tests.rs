//! Links on both networks: latency, order, and what becomes of messages that are under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Links;
use crate::base::{Direction, Rng};
use crate::net::{Clock, Dial, Net, Stream, block_on_real, block_on_virtual};
use crate::plan::{Overrides, Plan};
use crate::scenario::model::{Scenario, World};
use crate::trace::{Collector, Event, EventKind, Fate, Message, Recorder};

const TEXT: &str = "
looplab: 1
servers: { s: { type: echo } }
links: [ { from: c, to: s, latency: 20ms } ]
clients: { c: { steps: [ { wait: 1ms } ] } }
";

/// A connection over the link of [`TEXT`], in both worlds: its two ends, and what is recorded.
fn over_the_link<Fut>(body: fn(Clock, Stream, Stream) -> Fut, judge: fn(World, Vec<Event>))
where
    Fut: Future<Output = ()> + Send + 'static,
{
    for world in [World::Virtual, World::Real] {
        let scenario = Scenario::parse("t.yaml", TEXT.as_bytes(), None).expect("a good scenario");
        let overrides = Overrides { clock: Some(world), ..Overrides::default() };
        let plan = Arc::new(Plan::new(scenario, overrides).expect("a good plan"));
        let collector = Collector::new();
        let recorder = Recorder::new(vec![Box::new(collector.clone())]);
        let main = move |net: Net, clock: Clock| async move {
            let links = Links::new(plan.clone(), net, clock.clone(), recorder);
            let (client, server) = (plan.nodes[1].id, plan.nodes[0].id);
            let mut listener = links.listen(server).expect("a port");
            let accepting = tokio::spawn(async move { listener.accept().await });
            let near = links.dial(client, server).await.expect("connected");
            let far = accepting.await.expect("no panic").expect("accepted");
            body(clock, near, far).await;
            links.all_gone().await;
        };
        match world {
            World::Virtual => block_on_virtual(Rng::new(1), main).expect("no deadlock"),
            World::Real => block_on_real(2, main).expect("a runtime"),
        }
        judge(world, collector.take());
    }
}

fn messages(events: &[Event]) -> Vec<(&Event, &Message)> {
    let mut messages = Vec::new();
    for event in events {
        if let EventKind::Message(message) = &event.kind {
            messages.push((event, &**message));
        }
    }
    messages
}

#[test]
fn a_message_takes_its_latency_and_is_recorded_when_it_arrives() {
    over_the_link(
        |_, mut near, mut far| async move {
            near.write_all(b"one").await.unwrap();
            let mut got = [0; 3];
            far.read_exact(&mut got).await.unwrap();
            far.write_all(b"two").await.unwrap();
            near.read_exact(&mut got).await.unwrap();
            assert_eq!(&got, b"two");
        },
        |world, events| {
            let messages = messages(&events);
            let told: Vec<_> = messages.iter().map(|(_, m)| (m.seq.0, m.direction)).collect();
            assert_eq!(told, [(1, Direction::Request), (2, Direction::Response)]);
            assert_eq!(messages[1].1.cause, Some(messages[0].1.seq));
            for (event, message) in messages {
                let latency = message.latency(event.at);
                assert!(latency >= Duration::from_millis(20), "{latency:?}");
                if world == World::Virtual {
                    assert_eq!(latency, Duration::from_millis(20));
                }
            }
        },
    );
}

#[test]
fn a_reset_overtakes_nothing() {
    over_the_link(
        |_, mut near, mut far| async move {
            near.write_all(b"last words").await.unwrap();
            near.reset();
            let mut got = Vec::new();
            let error = far.read_to_end(&mut got).await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        },
        |_, events| {
            let kinds: Vec<&str> = events
                .iter()
                .filter_map(|event| match &event.kind {
                    EventKind::Message(_) => Some("message"),
                    EventKind::Reset { .. } => Some("reset"),
                    _ => None,
                })
                .collect();
            assert_eq!(kinds, ["message", "reset"]);
        },
    );
}

#[test]
fn what_is_written_before_a_close_still_arrives() {
    over_the_link(
        |_, mut near, mut far| async move {
            near.write_all(b"and good bye").await.unwrap();
            drop(near);
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            assert_eq!(got, b"and good bye");
        },
        |_, events| {
            assert_eq!(messages(&events)[0].1.fate, Fate::Delivered);
            let closes =
                events.iter().filter(|event| matches!(event.kind, EventKind::Close { .. })).count();
            assert_eq!(closes, 2);
        },
    );
}
