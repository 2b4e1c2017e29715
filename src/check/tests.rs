use super::*;
use crate::base::{ConnId, Direction, Located, NodeId, Seq, Source, Value};
use crate::plan::Overrides;
use crate::scenario::model::{
    Check, CheckKind, Client, Dynamic, DynamicKind, Filter, Predicate, RedisServer, Scenario,
    Server, ServerKind, Statistic, Test, Text, TraceOptions, UnusedFaults,
};
use crate::trace::{Collector, Fate, FaultEvent, FaultPhase, LoadEvent, Message, StepEvent};
use std::time::Duration;

mod metric;

const APP: NodeId = NodeId(0);
const DB: NodeId = NodeId(1);
const ALICE: NodeId = NodeId(2);
const READER_1: NodeId = NodeId(3);
const READER_2: NodeId = NodeId(4);

fn at(micros: u64) -> Time {
    Time::ZERO + Duration::from_micros(micros)
}

fn located<T>(value: T) -> Located<T> {
    Located::new(value, Span::default())
}

fn name(name: &str) -> Option<Located<String>> {
    Some(located(name.to_owned()))
}

fn value(value: impl Into<Value>) -> Dynamic {
    Dynamic { kind: DynamicKind::Scalar(value.into()), span: Span::default() }
}

fn var(name: &str) -> Dynamic {
    let text = Text::parse(&format!("${{{name}}}"), Span::default(), |_, _| Span::new(2, 3));
    Dynamic { kind: DynamicKind::Text(text.unwrap()), span: Span::default() }
}

fn is(test: Test) -> Predicate {
    Predicate { tests: vec![test], span: Span::default() }
}

fn equals(wanted: impl Into<Value>) -> Predicate {
    is(Test::Equals(value(wanted)))
}

fn calls(filter: Filter, count: Predicate) -> Check {
    check(CheckKind::Calls { filter, count })
}

fn never(filter: Filter) -> Check {
    check(CheckKind::Never { filter })
}

fn check(kind: CheckKind) -> Check {
    Check { span: Span::default(), kind, violated: false }
}

/// `app` (redis, for the types' sake), `db`, `alice`, and `reader` twice.
fn plan(checks: Vec<Check>) -> Plan {
    let server = |name: &str| Server {
        name: located(name.to_owned()),
        about: None,
        port: None,
        connections_max: 1,
        script: None,
        kind: ServerKind::Redis(RedisServer::default()),
    };
    let client = |name: &str, count: Option<u32>| Client {
        name: located(name.to_owned()),
        about: None,
        count: count.map(located),
        after: Vec::new(),
        timeout: None,
        vars: Vec::new(),
        may_fail: false,
        load: None,
        steps: Vec::new(),
    };
    let scenario = Scenario {
        source: Source::new("test.yaml", "a: 1\n"),
        name: "test".into(),
        about: None,
        clock: None,
        seed: None,
        timeout: None,
        vars: vec![(located("once".into()), value(1))],
        servers: vec![server("app"), server("db")],
        links: Vec::new(),
        timeline: Vec::new(),
        unused_faults: UnusedFaults::default(),
        flows: Vec::new(),
        clients: vec![client("alice", None), client("reader", Some(2))],
        checks: Vec::new(),
        scripts: Vec::new(),
        trace: TraceOptions::default(),
        schedule: None,
        expected: None,
    };
    // A plan refuses most checks that could not be decided; a judge must bear them all the same.
    let mut plan = Plan::new(scenario, Overrides::default()).unwrap();
    plan.checks = checks;
    plan
}

/// A run, written down message by message.
#[derive(Default)]
struct Story(Vec<Event>);

impl Story {
    fn message(mut self, message: Message, at: Time) -> Story {
        self.0.push(Event { at, kind: EventKind::Message(Box::new(message)) });
        self
    }

    fn request(self, seq: u64, from: NodeId, to: NodeId, summary: &str) -> Story {
        self.message(request(seq, from, to, summary), at(seq * 1000 + 100))
    }

    fn response(self, seq: u64, cause: u64, (from, to): (NodeId, NodeId), summary: &str) -> Story {
        let mut message = request(seq, from, to, summary);
        message.direction = Direction::Response;
        message.cause = Some(Seq(cause));
        message.conn = conn(to, from);
        self.message(message, at(seq * 1000 + 100))
    }

    fn fate(mut self, fate: Fate) -> Story {
        if let Some(Event { kind: EventKind::Message(message), .. }) = self.0.last_mut() {
            message.fate = fate;
        }
        self
    }

    fn other(mut self, kind: EventKind) -> Story {
        self.0.push(Event { at: at(0), kind });
        self
    }

    fn end(self) -> Story {
        self.other(EventKind::End { outcome: Outcome::Ok, text: String::new() })
    }

    fn verdict(&self, checks: Vec<Check>) -> Verdict {
        verdict_of(&plan(checks), &self.0)
    }

    /// The outcome and sentence of one check.
    fn judge(&self, check: Check) -> (Outcome, String) {
        let verdict = self.verdict(vec![check]);
        (verdict.checks[0].outcome, verdict.checks[0].text.clone())
    }
}

/// One connection for each pair.
fn conn(from: NodeId, to: NodeId) -> ConnId {
    ConnId(from.0 * 10 + to.0)
}

fn request(seq: u64, from: NodeId, to: NodeId, summary: &str) -> Message {
    let protocol = if to == DB || from == DB { "redis" } else { "http" };
    Message {
        seq: Seq(seq),
        sent: at(seq * 1000),
        conn: conn(from, to),
        direction: Direction::Request,
        from,
        to,
        protocol: protocol.into(),
        summary: summary.into(),
        fate: Fate::Delivered,
        fault: None,
        cause: None,
        length: 0,
        bytes: bytes::Bytes::new(),
        arrived: None,
    }
}

/// alice puts through app into db, twice; readers read, once with a failure.
fn story() -> Story {
    Story::default()
        .request(1, ALICE, APP, "PUT /items/42?now=1")
        .request(2, APP, DB, "SET item:42 9")
        .response(3, 2, (DB, APP), "+OK")
        .response(4, 1, (APP, ALICE), "200 OK")
        .request(5, READER_1, APP, "GET /items/42")
        .response(6, 5, (APP, READER_1), "200 OK")
        .request(7, READER_2, APP, "GET /items/42")
        .response(9, 7, (APP, READER_2), "500 Internal Server Error")
        .request(10, APP, DB, "SET item:42 10")
        .end()
}

fn to_db(summary: &str) -> Filter {
    Filter { to: name("db"), summary: name(summary), ..Filter::default() }
}

fn ok(text: &str) -> (Outcome, String) {
    (Outcome::Ok, text.into())
}

fn failed(text: &str) -> (Outcome, String) {
    (Outcome::Failed, text.into())
}

#[test]
fn calls_are_counted_and_the_offenders_named() {
    assert_eq!(
        story().judge(calls(to_db("SET *"), equals(2))),
        ok("2 calls to db match \"SET *\"")
    );
    assert_eq!(
        story().judge(calls(to_db("SET *"), equals(1))),
        failed("2 calls to db match \"SET *\", expected 1 (#2 SET item:42 9, #10 SET item:42 10)")
    );
    assert_eq!(
        story().judge(calls(to_db("DEL *"), is(Test::Gte(value(1))))),
        failed("no call to db matches \"DEL *\", expected at least 1")
    );
    assert_eq!(
        story().judge(calls(to_db("DEL *"), equals(0))),
        ok("no call to db matches \"DEL *\"")
    );
}

#[test]
fn calls_look_at_method_path_and_the_status_of_the_reply() {
    let get = Filter {
        to: name("app"),
        method: Some(equals("GET")),
        path: Some(equals("/items/42")),
        ..Filter::default()
    };
    assert_eq!(
        story().judge(calls(get.clone(), equals(2))),
        ok("2 calls to app with method GET and path /items/42")
    );
    let put = Filter { path: Some(is(Test::StartsWith(value("/items/")))), ..Filter::default() };
    assert_eq!(
        story().judge(calls(put, equals(1))),
        failed(
            "3 calls with path starting with /items/, expected 1 (#1 PUT /items/42?now=1, \
             #5 GET /items/42, #7 GET /items/42)"
        )
    );
    let broken = Filter { status: Some(is(Test::Gte(value(500)))), ..get };
    assert_eq!(
        story().judge(calls(broken, equals(0))),
        failed(
            "1 call to app with method GET and path /items/42 was answered with status at least \
             500, expected 0 (#9 500 Internal Server Error)"
        )
    );
}

#[test]
fn a_client_with_a_count_is_meant_with_all_its_instances() {
    let reader = |who: &str| Filter { client: name(who), ..Filter::default() };
    assert_eq!(story().judge(calls(reader("reader"), equals(2))), ok("2 calls by reader"));
    assert_eq!(story().judge(calls(reader("reader.1"), equals(1))), ok("1 call by reader.1"));
    let replies = Filter { status: Some(equals(500)), ..reader("reader") };
    assert_eq!(
        story().judge(never(replies)),
        failed("1 reply for reader has status 500, expected none (#9 500 Internal Server Error)")
    );
}

#[test]
fn a_request_that_did_not_arrive_is_told_but_not_counted_and_a_double_one_counts_twice() {
    let story = Story::default()
        .request(1, APP, DB, "SET a 1")
        .fate(Fate::Dropped)
        .request(2, APP, DB, "SET a 1")
        .fate(Fate::Duplicated)
        .end();
    assert_eq!(
        story.judge(calls(to_db("SET *"), equals(1))),
        failed(
            "2 calls to db match \"SET *\", expected 1 (#2 SET a 1 [duplicated]); 1 did not arrive \
             (#1 SET a 1 [dropped])"
        )
    );
    let (outcome, _) = story.judge(never(to_db("SET *")));
    assert_eq!(outcome, Outcome::Failed, "what was sent must never have been sent");
}

#[test]
fn never_names_what_must_not_be() {
    let from_app = Filter { from: name("app"), status: Some(equals(500)), ..Filter::default() };
    assert_eq!(
        story().judge(never(from_app.clone())),
        failed("1 reply from app has status 500, expected none (#9 500 Internal Server Error)")
    );
    let with_path = |path: &str| Filter { path: Some(equals(path)), ..from_app.clone() };
    assert_eq!(
        story().judge(never(with_path("/items/42"))),
        failed(
            "1 reply from app to a request with path /items/42 has status 500, expected none (#9 \
             500 Internal Server Error)"
        )
    );
    assert_eq!(
        story().judge(never(with_path("/other"))),
        ok("no reply from app to a request with path /other has status 500")
    );
    assert_eq!(
        story().judge(never(Filter { to: name("db"), from: name("alice"), ..Filter::default() })),
        ok("no message from alice to db")
    );
}

#[test]
fn only_the_first_offenders_are_named() {
    let story =
        (1..=1000).fold(Story::default(), |story, seq| story.request(seq, APP, DB, "GET a"));
    assert_eq!(
        story.end().judge(calls(to_db("GET ?"), is(Test::Lt(value(7))))),
        failed(
            "1000 calls to db match \"GET ?\", expected less than 7 (#1 GET a, #2 GET a, #3 GET a, \
             #4 GET a, #5 GET a and 995 more)"
        )
    );
}

fn latency(filter: Filter, percent: f64, predicate: Test) -> Check {
    let bounds = vec![(located(Statistic::Percentile(percent)), is(predicate))];
    check(CheckKind::Latency { filter, bounds })
}

#[test]
fn latency_runs_from_request_sent_to_reply_delivered() {
    let reader = Filter { client: name("reader"), ..Filter::default() };
    // #5 is sent at 5 ms and its reply delivered at 6.1 ms; #7 at 7 ms and 9.1 ms.
    assert_eq!(
        story().judge(latency(reader.clone(), 50.0, Test::Lte(value(1100)))),
        ok("p50 is 1.1ms (2 calls by reader, 1.1ms to 2.1ms)")
    );
    assert_eq!(
        story().judge(latency(reader, 95.0, Test::Lt(value(2000.5)))),
        failed("p95 is 2.1ms, expected less than 2ms (2 calls by reader, 1.1ms to 2.1ms)")
    );
}

#[test]
fn requests_without_a_reply_are_told_and_nothing_but_those_decides_nothing() {
    let db = Filter { to: name("db"), ..Filter::default() };
    assert_eq!(
        story().judge(latency(db.clone(), 50.0, Test::Lt(value(9999)))),
        ok("p50 is 1.1ms (1 call to db, 1.1ms to 1.1ms); 1 call had no reply")
    );
    let silent = Story::default().request(1, APP, DB, "GET a").fate(Fate::Lost).end();
    assert_eq!(
        silent.judge(latency(db.clone(), 50.0, Test::Lt(value(9999)))),
        (
            Outcome::Unknown,
            "no call to db: there is nothing to measure; 1 call had no reply".into()
        )
    );
    let unheard = Story::default()
        .request(1, APP, DB, "GET a")
        .response(2, 1, (DB, APP), "(nil)")
        .fate(Fate::Dropped)
        .end();
    let verdict = unheard.verdict(vec![latency(db, 50.0, Test::Lt(value(9999)))]);
    assert_eq!(verdict.checks[0].outcome, Outcome::Unknown);
    assert_eq!(verdict.outcome, Outcome::Unknown, "what could not be decided does not pass");
}

#[test]
fn a_reply_is_on_the_connection_of_its_request_and_final() {
    let story = Story::default()
        .request(1, ALICE, APP, "POST /a")
        .response(2, 1, (APP, READER_1), "200 OK")
        .response(3, 1, (APP, ALICE), "100 Continue")
        .response(4, 1, (APP, ALICE), "201 Created")
        .end();
    let alice = Filter { client: name("alice"), ..Filter::default() };
    assert_eq!(
        story.judge(latency(alice, 50.0, Test::Equals(value(3100)))),
        ok("p50 is 3.1ms (1 call by alice, 3.1ms to 3.1ms)")
    );
}

#[test]
fn a_reply_that_comes_before_the_end_of_its_request_is_its_reply() {
    let mut story = Story::default()
        .response(2, 1, (APP, ALICE), "413 Payload Too Large")
        .request(1, ALICE, APP, "POST /a")
        .end();
    story.0[1].at = at(2500);
    let check = Filter { status: Some(equals(413)), ..Filter::default() };
    assert_eq!(story.judge(calls(check, equals(1))), ok("1 call was answered with status 413"));
}

#[test]
fn an_expected_violation_is_what_passes() {
    let check = |count: i64| Check { violated: true, ..calls(to_db("SET *"), equals(count)) };
    assert_eq!(
        story().judge(check(1)),
        ok("violated as expected: 2 calls to db match \"SET *\", expected 1 (#2 SET item:42 9, \
             #10 SET item:42 10)")
    );
    assert_eq!(
        story().judge(check(2)),
        failed("expected to be violated, but it holds: 2 calls to db match \"SET *\"")
    );
}

#[test]
fn a_variable_is_filled_in_and_one_without_a_value_leaves_the_check_undecided() {
    assert_eq!(
        story().judge(calls(to_db("SET *"), is(Test::Gt(var("once"))))),
        ok("2 calls to db match \"SET *\"")
    );
    let (outcome, text) = story().judge(calls(to_db("SET *"), is(Test::Gt(var("nope")))));
    assert_eq!(outcome, Outcome::Unknown);
    assert_eq!(text, "`nope` has no value here (line 1, column 3)");
}

fn step(outcome: Outcome) -> EventKind {
    EventKind::Step(Box::new(StepEvent {
        client: ALICE,
        name: None,
        span: Span::default(),
        summary: "get app/".into(),
        began: at(0),
        attempts: 1,
        outcome,
        forgiven: false,
        error: None,
        failures: Vec::new(),
    }))
}

#[test]
fn a_failed_step_a_crash_or_a_failed_load_fails_the_run() {
    assert_eq!(story().verdict(Vec::new()).outcome, Outcome::Ok);
    let stepped = Story::default().other(step(Outcome::Ok)).other(step(Outcome::Failed)).end();
    assert_eq!(stepped.verdict(Vec::new()).outcome, Outcome::Failed);
    let mut forgiven = step(Outcome::Failed);
    if let EventKind::Step(step) = &mut forgiven {
        step.forgiven = true;
    }
    assert_eq!(Story::default().other(forgiven).end().verdict(Vec::new()).outcome, Outcome::Ok);
    let crash = EventKind::Crash { node: DB, text: "out of cheese".into(), fault: None };
    let verdict = Story::default().other(crash).end().verdict(Vec::new());
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(verdict.text, "db crashed: out of cheese");
    let load = |failed| {
        EventKind::Load(Box::new(LoadEvent {
            client: READER_1,
            span: Span::default(),
            began: at(0),
            started: 10,
            done: 10 - failed,
            failed,
            forgiven: 0,
            shed: 0,
            latency: None,
        }))
    };
    assert_eq!(Story::default().other(load(0)).end().verdict(Vec::new()).outcome, Outcome::Ok);
    let verdict = Story::default().other(load(3)).end().verdict(Vec::new());
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(verdict.text, "3 of 10 iterations of reader.1 failed");
}

#[test]
fn a_trace_that_was_cut_short_is_never_all_right() {
    let mut cut = story();
    cut.0.pop();
    let verdict = cut.verdict(vec![calls(to_db("SET *"), equals(2))]);
    assert_eq!(verdict.checks[0].outcome, Outcome::Ok);
    assert_eq!(verdict.outcome, Outcome::Unknown);
    assert_eq!(verdict.text, "the trace has no end: it was cut short");
}

#[test]
fn a_run_and_its_stored_trace_get_the_same_verdict() {
    let checks = vec![
        calls(to_db("SET *"), equals(1)),
        never(Filter { status: Some(equals(500)), ..Filter::default() }),
        latency(Filter::default(), 50.0, Test::Lt(value(9999))),
    ];
    let plan = plan(checks);
    for failure in [None, Some("the run took longer than 60s".to_owned())] {
        let (checker, collector) = (Checker::new(&plan), Collector::new());
        let recorder = Recorder::new(vec![Box::new(collector.clone()), Box::new(checker.clone())]);
        let events = story().0;
        for event in &events[..events.len() - 1] {
            recorder.record(event.at, event.kind.clone());
        }
        let outcome = checker.conclude(&plan, at(99_000), &recorder, failure.clone());
        let stored = collector.take();

        let kinds: Vec<_> = stored[events.len() - 1..].iter().map(|event| &event.kind).collect();
        assert!(
            matches!(
                kinds.as_slice(),
                [
                    EventKind::Check { check: first, .. },
                    EventKind::Check { check: second, .. },
                    EventKind::Check { check: third, .. },
                    EventKind::End { .. }
                ] if first == "calls" && second == "never" && third == "latency"
            ),
            "{kinds:?}"
        );
        let again = verdict_of(&plan, &stored);
        assert_eq!(again.outcome, outcome);
        assert_eq!(outcome, Outcome::Failed);
        assert_eq!(again.text, failure.unwrap_or_default());
        for (kind, check) in kinds.iter().zip(&again.checks) {
            let EventKind::Check { outcome, text, .. } = kind else { unreachable!() };
            assert_eq!((outcome, text), (&check.outcome, &check.text));
        }
    }
}

#[test]
fn a_fault_that_touched_nothing_fails_only_a_run_that_wants_it() {
    let fault = |phase, touched| {
        let (name, text) = ("drop.1".to_owned(), "{ drop: request }".to_owned());
        EventKind::Fault(Box::new(FaultEvent { name, phase, text, span: None, touched }))
    };
    let run = |touched, unused_faults| {
        let mut plan = plan(Vec::new());
        plan.unused_faults = unused_faults;
        let (checker, collector) = (Checker::new(&plan), Collector::new());
        let recorder = Recorder::new(vec![Box::new(collector.clone()), Box::new(checker.clone())]);
        recorder.record(at(0), fault(FaultPhase::Start, 0));
        recorder.record(at(9), fault(FaultPhase::End, touched));
        let outcome = checker.conclude(&plan, at(9), &recorder, None);
        let again = verdict_of(&plan, collector.take());
        assert_eq!(again.outcome, outcome);
        again
    };
    assert_eq!(run(0, UnusedFaults::Warn).outcome, Outcome::Ok);
    assert_eq!(run(0, UnusedFaults::Ignore).outcome, Outcome::Ok);
    assert_eq!(run(1, UnusedFaults::Error).outcome, Outcome::Ok);
    let verdict = run(0, UnusedFaults::Error);
    assert_eq!(verdict.outcome, Outcome::Failed);
    assert_eq!(
        verdict.text,
        "fault `drop.1` touched nothing: no message fitted `{ drop: request }`"
    );
}

#[test]
fn requests_that_nobody_answers_are_given_up_when_they_are_too_many() {
    let db = Filter { to: name("db"), ..Filter::default() };
    let plan = plan(vec![latency(db, 50.0, Test::Lt(value(1)))]);
    let mut checker = Checker::new(&plan);
    let count = pairs::WAITING_MAX as u64 + 10;
    for seq in 1..=count {
        let message = request(seq, APP, DB, "GET a");
        checker.event(&Event { at: at(seq), kind: EventKind::Message(Box::new(message)) });
    }
    let verdict = checker.verdict(&plan, None);
    assert_eq!(
        verdict.checks[0].text,
        format!("no call to db: there is nothing to measure; {count} calls had no reply")
    );
}

#[test]
fn a_path_longer_than_its_summary_is_read_from_the_message() {
    let mut message = request(1, ALICE, APP, &format!("GET /{}…", "a".repeat(114)));
    let long = "a".repeat(500);
    message.bytes = format!("GET /{long}?q=1 HTTP/1.1\r\n\r\n").into();
    assert_eq!(filter::request_line(&message), Some(("GET", format!("/{long}").as_str())));
    message.summary = "GET http://app:80/x?y HTTP".into();
    assert_eq!(filter::request_line(&message), Some(("GET", "/x")));
}
