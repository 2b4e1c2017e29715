use serde_json::Value;

use super::super::Format;
use super::super::sample::{self, ALICE, APP, Run, export_of, exported, exported_faulty};
use super::*;
use crate::trace::{Arrived, Fate};

fn entries(text: &str) -> Vec<Value> {
    let archive: Value = serde_json::from_str(text).unwrap();
    archive["log"]["entries"].as_array().unwrap().clone()
}

/// A request and its reply, as on the wire.
fn exchange(request: &str, reply: &[u8]) -> Run {
    let mut run = Run::default();
    run.event(0, EventKind::Listen { node: APP, address: ([127, 0, 0, 1], 4001).into() });
    set(run.message((1000, 2500), 1, (ALICE, APP), "POST /a", None), request.as_bytes());
    set(run.message((3000, 4250), 1, (APP, ALICE), "200 OK", Some(1)), reply);
    run
}

fn set(message: &mut Message, bytes: &[u8]) {
    message.bytes = bytes.to_vec().into();
    message.length = bytes.len() as u64;
}

fn only(run: Run) -> Value {
    let entries = entries(&export_of(Format::Har, run.events));
    assert_eq!(entries.len(), 1);
    entries[0].clone()
}

#[test]
fn an_entry_has_all_that_the_wire_had() {
    let request = "POST /a%20b?q=x%20y&empty HTTP/1.1\r\nHost: shop:80\r\nCookie: a=1; b=2=3\r\n\
                   Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    let reply = b"HTTP/1.1 303 See Other\r\nLocation: /there\r\nTransfer-Encoding: chunked\r\n\
                  Set-Cookie: s=t; Path=/; HttpOnly; Secure; Max-Age=9\r\nContent-Type: text/plain\r\n\r\n\
                  3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let entry = only(exchange(request, reply));
    assert_eq!(entry["startedDateTime"], "1970-01-01T00:00:00.001000Z");
    assert_eq!(entry["time"], 3.25);
    assert_eq!(entry["timings"]["send"], 1.5);
    assert_eq!(entry["timings"]["wait"], 0.5);
    assert_eq!(entry["timings"]["receive"], 1.25);
    assert_eq!(entry["serverIPAddress"], "127.0.0.1");
    assert_eq!(entry["connection"], "1");
    assert_eq!(entry["comment"], "#1 alice -> app; #2 200 OK");
    let asked = &entry["request"];
    assert_eq!(asked["method"], "POST");
    assert_eq!(asked["url"], "http://shop:80/a%20b?q=x%20y&empty");
    assert_eq!(asked["queryString"][0], json!({ "name": "q", "value": "x y" }));
    assert_eq!(asked["queryString"][1], json!({ "name": "empty", "value": "" }));
    assert_eq!(asked["cookies"][1], json!({ "name": "b", "value": "2=3" }));
    assert_eq!(asked["headers"].as_array().unwrap().len(), 4);
    assert_eq!(asked["bodySize"], 2);
    assert_eq!(asked["headersSize"], request.len() - 2);
    let data = json!({ "mimeType": "application/json", "params": [], "text": "{}" });
    assert_eq!(asked["postData"], data);
    let got = &entry["response"];
    assert_eq!(got["status"], 303);
    assert_eq!(got["statusText"], "See Other");
    assert_eq!(got["redirectURL"], "/there");
    assert_eq!(
        got["cookies"][0],
        json!({ "name": "s", "value": "t", "path": "/", "httpOnly": true, "secure": true })
    );
    assert_eq!(got["content"], json!({ "size": 5, "mimeType": "text/plain", "text": "abcde" }));
    assert_eq!(got["bodySize"], 20, "what the chunks take on the wire");
}

#[test]
fn what_is_no_text_is_in_base64_and_what_was_not_kept_is_told() {
    let request = "GET / HTTP/1.1\r\n\r\n";
    let reply =
        b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 3\r\n\r\n\xff\x00\x01";
    let content = only(exchange(request, reply))["response"]["content"].clone();
    assert_eq!(content["text"], "/wAB");
    assert_eq!(content["encoding"], "base64");

    let mut run =
        exchange("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc", b"HTTP/1.1 20");
    for event in &mut run.events {
        if let EventKind::Message(message) = &mut event.kind {
            message.length = 1_000;
        }
    }
    let entry = only(run);
    assert_eq!(entry["request"]["postData"]["comment"], "only the first 3 bytes are in the trace");
    let response = &entry["response"];
    assert_eq!(response["status"], 200, "as the summary says");
    assert_eq!((&response["headersSize"], &response["bodySize"]), (&json!(-1), &json!(-1)));
    assert_eq!(response["content"]["comment"], "only the first 0 bytes are in the trace");
}

#[test]
fn without_a_reply_the_status_is_0() {
    let entries = entries(&exported(Format::Har));
    assert_eq!(entries.len(), 3);
    assert_eq!(entries[0]["request"]["method"], "PUT");
    assert_eq!(entries[0]["request"]["url"], "http://127.0.0.1:40001/items/42");

    let faulty = super::tests::entries(&exported_faulty(Format::Har));
    for entry in &faulty {
        let comment = entry["comment"].as_str().unwrap();
        let arrived = entry["response"]["status"] != 0;
        let unseen = comment.contains("no reply")
            || comment.rsplit(';').next().is_some_and(|reply| {
                ["dropped", "lost", "held"].iter().any(|fate| reply.contains(fate))
            });
        assert_eq!(arrived, !unseen, "{comment}");
    }
    assert!(faulty.iter().any(|entry| entry["response"]["status"] == 0));
}

#[test]
fn the_caller_sees_what_arrived_and_is_told_of_every_other_reply() {
    let mut run = exchange("GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n");
    let Some(EventKind::Message(reply)) = run.events.last_mut().map(|event| &mut event.kind) else {
        unreachable!("a reply is last")
    };
    reply.fate = Fate::Edited;
    reply.fault = Some("other".into());
    let bytes = bytes::Bytes::from_static(b"HTTP/1.1 503 Gone\r\n\r\n");
    let length = bytes.len() as u64;
    reply.arrived = Some(Box::new(Arrived { summary: "503 Gone".into(), length, bytes }));
    let entry = only(run);
    assert_eq!(entry["response"]["status"], 503);
    assert_eq!(entry["comment"], "#1 alice -> app; #2 200 OK [edited by other]");

    let mut run = Run::default();
    run.message((0, 10), 1, (ALICE, APP), "POST /a", None);
    run.message((20, 30), 1, (APP, ALICE), "100 Continue", Some(1));
    run.message((40, 50), 1, (APP, ALICE), "201 Created", Some(1));
    let entry = only(run);
    assert_eq!(entry["response"]["status"], 201);
    assert_eq!(entry["comment"], "#1 alice -> app; #3 201 Created; also #2 100 Continue");
}

#[test]
fn the_reply_to_a_copy_may_be_lost_before_the_reply_comes() {
    let mut run = Run::default();
    run.message((0, 10), 1, (ALICE, APP), "GET /", None).fate = Fate::Duplicated;
    run.message((20, 20), 1, (APP, ALICE), "500 Oh", Some(1)).fate = Fate::Dropped;
    run.message((20, 30), 1, (APP, ALICE), "200 OK", Some(1));
    let entry = only(run);
    assert_eq!(entry["response"]["status"], 200);
    let comment = "#1 alice -> app [duplicated]; #3 200 OK; also #2 500 Oh [dropped]";
    assert_eq!(entry["comment"], comment);
}

#[test]
fn entries_are_in_the_order_of_asking_until_that_takes_too_much_memory() {
    let ask = |run: &mut Run, n: u64| {
        run.message((n, n + 1), 1, (ALICE, APP), &format!("GET /{n}"), None);
    };
    let mut run = Run::default();
    (1..=4).for_each(|n| ask(&mut run, n));
    for cause in [3, 2, 4] {
        run.message((10, 20), 1, (APP, ALICE), "200 OK", Some(cause));
    }
    let targets = |held_max: usize| -> Vec<String> {
        let (header, mut out) = (sample::header(), Vec::new());
        let mut archive = Archive { held_max, ..Archive::new(&header, &mut out) };
        archive.begin().unwrap();
        run.events.iter().for_each(|event| archive.event(event.clone()).unwrap());
        archive.end().unwrap();
        let of =
            |entry: &Value| entry["request"]["url"].as_str().unwrap().replace("http://app", "");
        entries(&String::from_utf8(out).unwrap()).iter().map(of).collect()
    };
    assert_eq!(targets(usize::MAX), ["/1", "/2", "/3", "/4"]);
    assert_eq!(targets(5 * MESSAGE_BYTES), ["/3", "/2", "/4", "/1"]);
    assert_eq!(targets(0).len(), 4, "and none is lost");
}

#[test]
fn moments_are_dates() {
    for (seconds, date) in [
        (0, "1970-01-01T00:00:00.000000Z"),
        (86_399, "1970-01-01T23:59:59.000000Z"),
        (951_782_400, "2000-02-29T00:00:00.000000Z"),
        (1_709_251_199, "2024-02-29T23:59:59.000000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000000Z"),
        (18_446_744_073, "2554-07-21T23:34:33.000000Z"),
    ] {
        assert_eq!(fields::iso(Time::from_nanos(seconds * 1_000_000_000)), date);
    }
    assert_eq!(fields::iso(Time::from_nanos(1_234_567)), "1970-01-01T00:00:00.001234Z");
}
