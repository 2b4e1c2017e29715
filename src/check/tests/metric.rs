//! Figures of the whole run.

use super::*;
use crate::scenario::model::{Between, Metric, MetricKind};
use crate::trace::{OpEvent, OpPhase};

fn metric(kind: MetricKind, filter: Filter) -> Check {
    check(CheckKind::Metric(Box::new(Metric { kind, filter, between: Between::All, f: None })))
}

fn between(mut check: Check, between: Between) -> Check {
    if let CheckKind::Metric(metric) = &mut check.kind {
        metric.between = between;
    }
    check
}

fn of(mut check: Check, f: &str) -> Check {
    if let CheckKind::Metric(metric) = &mut check.kind {
        metric.f = name(f);
    }
    check
}

fn lte(bound: impl Into<Value>) -> Predicate {
    is(Test::Lte(value(bound)))
}

fn by(client: &str) -> Filter {
    Filter { client: name(client), ..Filter::default() }
}

impl Story {
    /// One end of an operation, at so many milliseconds.
    fn op(mut self, ms: u64, client: NodeId, id: u64, (f, phase): (&str, OpPhase)) -> Story {
        let op = OpEvent { client, id, phase, f: f.into(), key: Value::Null, value: Value::Null };
        self.0.push(Event { at: at(ms * 1000), kind: EventKind::Op(Box::new(op)) });
        self
    }

    fn tried(self, client: NodeId, attempts: u32) -> Story {
        let mut done = step(Outcome::Ok);
        if let EventKind::Step(step) = &mut done {
            step.client = client;
            step.attempts = attempts;
        }
        self.other(done)
    }
}

/// Two writes of alice, of which the second is never answered, and a read of a reader's that fails:
/// 4 messages between servers, 4 of clients.
fn operations() -> Story {
    Story::default()
        .op(1, ALICE, 1, ("write", OpPhase::Invoke))
        .request(1, ALICE, APP, "PUT /items/42")
        .request(2, APP, DB, "SET item:42 9")
        .response(3, 2, (DB, APP), "+OK")
        .response(4, 1, (APP, ALICE), "200 OK")
        .op(5, ALICE, 1, ("write", OpPhase::Ok))
        .op(6, ALICE, 2, ("write", OpPhase::Invoke))
        .request(5, ALICE, APP, "PUT /items/42")
        .request(6, APP, DB, "SET item:42 10")
        .fate(Fate::Duplicated)
        .request(7, APP, DB, "SET item:42 10")
        .fate(Fate::Dropped)
        .op(9, ALICE, 2, ("write", OpPhase::Unknown))
        .op(9, READER_1, 3, ("read", OpPhase::Invoke))
        .request(8, READER_1, APP, "GET /items/42")
        .fate(Fate::Lost)
        .op(9, READER_1, 3, ("read", OpPhase::Fail))
        .end()
}

#[test]
fn messages_are_counted_that_were_sent_between_whom_it_says() {
    let all = metric(MetricKind::Messages(lte(8)), Filter::default());
    assert_eq!(operations().judge(all.clone()), ok("8 messages"));
    let servers = between(all.clone(), Between::Servers);
    assert_eq!(operations().judge(servers), ok("4 messages between servers"));
    let clients = between(all, Between::Clients);
    assert_eq!(operations().judge(clients), ok("4 messages of clients"));
    let sets = metric(MetricKind::Messages(lte(2)), to_db("SET *"));
    assert_eq!(
        operations().judge(sets),
        failed("3 messages to db that match \"SET *\", expected at most 2")
    );
    let none = Filter { from: name("alice"), to: name("db"), ..Filter::default() };
    let none = metric(MetricKind::Messages(equals(0)), none);
    assert_eq!(operations().judge(none), ok("no message from alice to db"));
}

#[test]
fn bytes_are_those_of_the_messages() {
    let mut story = operations();
    for (n, event) in story.0.iter_mut().enumerate() {
        if let EventKind::Message(message) = &mut event.kind {
            message.length = 1_000 + n as u64;
        }
    }
    // The events 1, 2, 3, 4, 7, 8, 9 and 12 are messages.
    let bound = |bound| metric(MetricKind::Bytes(is(Test::Lt(value(bound)))), Filter::default());
    assert_eq!(story.judge(bound(8_047)), ok("8,046 bytes (8 messages)"));
    assert_eq!(
        story.judge(bound(8_046)),
        failed("8,046 bytes, expected less than 8046 (8 messages)")
    );
}

#[test]
fn messages_are_divided_by_the_operations_that_were_begun() {
    let each = metric(MetricKind::MessagesPerOperation(lte(2.5)), Filter::default());
    assert_eq!(
        operations().judge(each.clone()),
        failed("2.667 messages per operation, expected at most 2.5 (8 messages, 3 operations)")
    );
    assert_eq!(
        operations().judge(between(each.clone(), Between::Servers)),
        ok("1.333 messages per operation (4 messages between servers, 3 operations)")
    );
    let (outcome, text) = story().judge(each);
    assert_eq!(outcome, Outcome::Unknown);
    assert_eq!(text, "no operation: there is nothing to divide 9 messages by");
}

#[test]
fn amplification_counts_requests_that_arrived() {
    // One arrived, one arrived twice, and one was dropped.
    let sets = metric(MetricKind::Amplification(equals(1)), to_db("SET *"));
    assert_eq!(
        operations().judge(sets),
        ok("1 request per operation (3 requests to db that match \"SET *\", 3 operations)")
    );
    let to_app = Filter {
        to: name("app"),
        method: Some(equals("PUT")),
        path: Some(equals("/items/42")),
        ..Filter::default()
    };
    assert_eq!(
        operations().judge(metric(MetricKind::Amplification(lte(0.5)), to_app)),
        failed(
            "0.667 requests per operation, expected at most 0.5 (2 requests to app with method PUT \
             and path /items/42, 3 operations)"
        )
    );
}

#[test]
fn operations_are_told_by_how_they_ended() {
    let count = |filter| metric(MetricKind::Operations(equals(1)), filter);
    assert_eq!(
        operations().judge(count(Filter::default())),
        ok("1 operation ended ok; 2 did not end ok (1 failed, 1 unknown)")
    );
    assert_eq!(
        operations().judge(of(count(by("reader")), "read")),
        failed("no read operation by reader ended ok, expected 1; 1 did not end ok (1 failed)")
    );
    let open = Story::default().op(1, ALICE, 1, ("read", OpPhase::Invoke)).end();
    assert_eq!(
        open.judge(metric(MetricKind::Operations(equals(0)), Filter::default())),
        ok("no operation ended ok; 1 did not end ok (1 open)")
    );
}

#[test]
fn the_latency_of_operations_is_that_of_those_that_ended_ok() {
    let bounds = |bound: u64| {
        let bound = is(Test::Lt(value(bound)));
        MetricKind::OperationLatency(vec![(located(Statistic::Percentile(99.0)), bound)])
    };
    let story = operations().op(20, ALICE, 4, ("write", OpPhase::Invoke)).op(
        40,
        ALICE,
        4,
        ("write", OpPhase::Ok),
    );
    // `end` stands before these: what comes behind it is no part of the run.
    assert_eq!(
        story.judge(metric(bounds(5_000), by("alice"))),
        ok("p99 is 4ms (1 operation by alice, 4ms to 4ms); 1 did not end ok (1 unknown)")
    );
    assert_eq!(
        operations().judge(metric(bounds(3_000), Filter::default())),
        failed(
            "p99 is 4ms, expected less than 3ms (1 operation, 4ms to 4ms); 2 did not end ok (1 \
             failed, 1 unknown)"
        )
    );
    let (outcome, text) = operations().judge(of(metric(bounds(1), Filter::default()), "read"));
    assert_eq!(outcome, Outcome::Unknown);
    assert_eq!(
        text,
        "no read operation ended ok: there is nothing to measure; 1 did not end ok (1 failed)"
    );
}

#[test]
fn retries_are_the_attempts_after_the_first() {
    let story = Story::default()
        .tried(ALICE, 1)
        .tried(ALICE, 4)
        .tried(READER_1, 2)
        .tried(READER_2, 0)
        .end();
    let retries = |bound, filter| metric(MetricKind::Retries(lte(bound)), filter);
    assert_eq!(
        story.judge(retries(4, Filter::default())),
        ok("4 retries (2 of 4 steps tried again)")
    );
    assert_eq!(
        story.judge(retries(2, by("alice"))),
        failed("3 retries by alice, expected at most 2 (1 of 2 steps tried again)")
    );
    assert_eq!(story.judge(retries(0, by("reader.2"))), ok("no retry by reader.2 (1 step)"));
    let (outcome, text) = Story::default().end().judge(retries(0, by("alice")));
    assert_eq!(
        (outcome, text.as_str()),
        (Outcome::Unknown, "no step by alice: there is nothing to count")
    );
}
