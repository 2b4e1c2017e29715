//! What scripts of http and redis servers ask for and answer, without any server.

use super::tests::{Bench, bench};
use super::*;

/// What an expression waits for.
fn asked(expression: &str) -> Request {
    let bench = bench(&format!("function on.go() {expression} end"));
    match bench.message(r#"{"type":"go"}"#) {
        Step::Wait(_, request) => request,
        Step::Done(other) => panic!("{expression}: {other:?}"),
        Step::Failed(error) => panic!("{expression}: {error}"),
    }
}

fn redis(words: &[&str], timeout_ms: Option<f64>) -> Request {
    let words = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    Request::Redis { server: "db".into(), words, timeout_ms }
}

#[test]
fn a_command_is_its_words_and_the_time_it_may_take() {
    for (call, request) in [
        ("ctx.db:get('k')", redis(&["GET", "k"], None)),
        ("ctx.db:SET('k', 1, 'EX', 60)", redis(&["SET", "k", "1", "EX", "60"], None)),
        ("ctx.db:incrbyfloat('k', 1.5)", redis(&["INCRBYFLOAT", "k", "1.5"], None)),
        ("ctx.db:get('k', { timeout = 50 })", redis(&["GET", "k"], Some(50.0))),
        ("ctx.db:ping()", redis(&["PING"], None)),
        ("ctx.db:blpop('q', 2)", redis(&["BLPOP", "q", "2"], Some(7000.0))),
        ("ctx.db:blpop('q', 0)", redis(&["BLPOP", "q", "0"], Some(f64::INFINITY))),
        ("ctx.db:blpop('q', 2, { timeout = 1 })", redis(&["BLPOP", "q", "2"], Some(1.0))),
        (
            "ctx.db:blmpop(1, 1, 'q', 'LEFT')",
            redis(&["BLMPOP", "1", "1", "q", "LEFT"], Some(6000.0)),
        ),
    ] {
        assert_eq!(asked(call), request, "{call}");
    }
    let words = |words: &[&str]| words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let transaction =
        asked("ctx.db:transaction({ { 'set', 'a', 1 }, { 'GET', 'a' } }, { timeout = 9 })");
    let commands: Vec<Vec<Vec<u8>>> = vec![words(&["SET", "a", "1"]), words(&["GET", "a"])];
    let server = "db".to_owned();
    assert_eq!(transaction, Request::Transaction { server, commands, timeout_ms: Some(9.0) });
}

#[test]
fn a_request_is_told_in_the_order_of_its_names() {
    let Request::Http(request) = asked(
        "http.post('http://app/x', { headers = { b = 2, a = 1 }, query = { z = { 1, 2 }, y = true }, \
         json = { n = json.array() }, timeout = 7 })",
    ) else {
        panic!("it is no HTTP request");
    };
    let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "http://app/x"));
    assert_eq!(request.headers, pairs(&[("a", "1"), ("b", "2")]));
    assert_eq!(request.query, pairs(&[("y", "true"), ("z", "1"), ("z", "2")]));
    assert_eq!(request.body.as_deref(), Some(&br#"{"n":[]}"#[..]));
    assert_eq!((request.kind, request.timeout_ms), (Some("application/json"), Some(7.0)));
    assert_eq!(request.server, None);
}

/// What a redis server's reply comes to in a script.
#[test]
fn an_answer_is_a_value_or_nothing_and_an_error() {
    let bench = bench(
        "function on.go()
           local value, err = ctx.db:get('k')
           return { type = 'ok', value = value, kind = err and err.kind, told = tostring(err) }
         end",
    );
    let answered = |answer: Answer| go_on(&bench, answer);
    assert_eq!(answered(Answer::Datum(None)), r#""type":"ok","told":"nil""#);
    let text = Answer::Datum(Some(Datum::Text(b"v".to_vec())));
    assert_eq!(answered(text), r#""type":"ok","told":"nil","value":"v""#);
    let failed = Answer::Failed { kind: "reset", text: "gone".into(), code: None };
    assert_eq!(answered(failed), r#""type":"ok","kind":"reset","told":"reset: gone""#);
}

fn go_on(bench: &Bench, answer: Answer) -> String {
    let Step::Wait(running, _) = bench.message(r#"{"type":"go"}"#) else { panic!("it waits") };
    match bench.machine.resume(running, answer) {
        Step::Done(Output::Reply(fields)) => String::from_utf8(fields).expect("JSON is UTF-8"),
        _ => panic!("it is not done"),
    }
}
