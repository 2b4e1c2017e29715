//! looplab used as a library, with a `tracing` subscriber of the user's own.

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use looplab::scenario::model::World;
use looplab::trace::Outcome;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

const SCENARIO: &str = "
looplab: 1
servers:
  greeter: { type: http, routes: [ { on: GET /hello, respond: { text: hi } } ] }
clients:
  alice: { steps: [ { get: greeter/hello, expect: { status: 200 } } ] }
";

/// What was seen: the target, the fields, and the names of the spans around it, outermost first.
#[derive(Debug, Clone)]
struct Seen {
    target: String,
    fields: BTreeMap<String, String>,
    spans: Vec<String>,
}

#[derive(Clone, Default)]
struct Capture(Arc<Mutex<Vec<Seen>>>);

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        attributes.record(&mut Fields(&mut fields));
        let span = context.span(id).expect("it is new");
        span.extensions_mut().insert(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        event.record(&mut Fields(&mut fields));
        let spans = context
            .event_scope(event)
            .map(|scope| scope.from_root().map(|span| span.name().to_owned()).collect())
            .unwrap_or_default();
        let target = event.metadata().target().to_owned();
        self.0.lock().expect("nobody has panicked").push(Seen { target, fields, spans });
    }
}

fn captured(filter: Targets, world: World) -> Vec<Seen> {
    let capture = Capture::default();
    let subscriber = tracing_subscriber::registry().with(capture.clone().with_filter(filter));
    // The virtual world runs on this thread; the real one takes the subscriber along by itself only
    // if it is the global one, so tests of it belong to the program's own (`--log-format`).
    tracing::subscriber::with_default(subscriber, || {
        assert_eq!(common::run_text(SCENARIO, world, 1).outcome, Outcome::Ok);
    });
    let seen = capture.0.lock().expect("nobody has panicked");
    seen.clone()
}

#[test]
fn every_message_is_an_event_inside_its_run_and_connection() {
    let all = Targets::new().with_target("looplab", tracing::Level::TRACE);
    let seen = captured(all, World::Virtual);
    let messages: Vec<&Seen> = seen.iter().filter(|one| one.target == "looplab::message").collect();
    let summaries: Vec<&str> = messages.iter().map(|one| one.fields["summary"].as_str()).collect();
    assert_eq!(summaries, ["GET /hello", "200 OK"]);
    assert_eq!(messages[0].fields["from"], "alice");
    assert_eq!(messages[0].fields["fate"], "delivered");
    for message in &messages {
        assert!(message.spans.contains(&"run".to_owned()), "{message:?}");
        assert!(message.spans.contains(&"connection".to_owned()), "{message:?}");
    }
    let changes: Vec<&str> = seen
        .iter()
        .filter(|one| one.target == "looplab::connection")
        .map(|one| one.fields["message"].as_str())
        .collect();
    assert_eq!(changes, ["connect", "accept", "close", "close"]);
}

#[test]
fn steps_are_inside_their_run_node_and_step() {
    let all = Targets::new().with_target("looplab", tracing::Level::TRACE);
    let seen = captured(all, World::Virtual);
    let step = seen.iter().find(|one| one.target == "looplab::step").expect("a step was told");
    assert_eq!(step.spans, ["run", "node", "step"], "{step:?}");
}

#[test]
fn a_filter_by_target_leaves_the_rest_out() {
    let only = Targets::new().with_target("looplab::message", tracing::Level::INFO);
    let seen = captured(only, World::Virtual);
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|one| one.target == "looplab::message"));
}
