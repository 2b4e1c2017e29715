//! HTTP requests.

use std::sync::{Arc, Mutex};

use super::*;

const APP: &str = "servers: { app: { type: http } }\n";

fn client(steps: &str) -> String {
    format!("{APP}clients:\n  alice:\n    steps:\n{steps}")
}

/// A server that answers `ok` and keeps the requests it got.
fn keeping() -> (Server, Arc<Mutex<Vec<String>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keep = kept.clone();
    let server = Server::http(move |_, request| {
        keep.lock().unwrap().push(request.to_owned());
        ok("ok")
    });
    (server, kept)
}

#[test]
fn a_get_is_sent_with_host_and_agent_and_its_reply_has_all_its_fields() {
    let (server, kept) = keeping();
    let ran = run(
        &client(
            "
      - get: app/hello
        expect:
          status: 200
          reason: OK
          body: ok
          text: ok
          bytes: 2
          hex: 6f6b
          headers.Content-Length: \"2\"
          took: { lt: 2ms, gt: 0ms }
          error: { exists: false }
",
        ),
        [("app", server)],
    );
    ran.went_well();
    assert_eq!(ran.told(), ["alice: get app/hello"]);
    let requests = kept.lock().unwrap();
    let lines: Vec<&str> = requests[0].split("\r\n").collect();
    assert_eq!(lines[0], "GET /hello HTTP/1.1");
    assert!(lines[1].starts_with("host: 127.0.0.1:"), "{lines:?}");
    assert_eq!(lines[2], concat!("user-agent: looplab/", env!("CARGO_PKG_VERSION")));
    assert_eq!(lines[3..], ["", ""]);
}

#[test]
fn bodies_bring_their_type_and_length() {
    let (server, kept) = keeping();
    let ran = run(
        &client(
            "
      - { post: app/a, json: { qty: 9, \"tags\": [x] } }
      - { put: app/b, text: \"hé\" }
      - { post: app/c, form: { name: Ada L, x: \"1&2\" } }
      - { patch: app/d, hex: 00ff, headers: { content-type: image/png, X-Id: \"7\" } }
      - { post: app/e }
      - { get: app/f, query: { q: a b } }
",
        ),
        [("app", server)],
    );
    ran.went_well();
    let requests = kept.lock().unwrap();
    let has = |n: usize, part: &str| assert!(requests[n].contains(part), "{}", requests[n]);
    has(0, "content-type: application/json\r\n");
    has(0, "content-length: 22\r\n\r\n{\"qty\":9,\"tags\":[\"x\"]}");
    has(1, "content-type: text/plain; charset=utf-8\r\ncontent-length: 3\r\n\r\nhé");
    has(2, "content-type: application/x-www-form-urlencoded\r\n");
    has(2, "\r\n\r\nname=Ada+L&x=1%262");
    has(3, "content-type: image/png\r\nx-id: 7\r\ncontent-length: 2\r\n\r\n");
    has(4, "content-length: 0\r\n");
    has(5, "GET /f?q=a%20b HTTP/1.1\r\n");
    assert_eq!(ran.told()[5], "alice: get app/f?q=a%20b");
}

#[test]
fn a_connection_is_kept_and_used_again() {
    let connections = Arc::new(Mutex::new(0));
    let count = connections.clone();
    let inner = Server::http(|_, _| ok("ok"));
    let server = Server::new(move |stream, clock| {
        *count.lock().unwrap() += 1;
        inner.0(stream, clock)
    });
    let ran = run(&client("      - { repeat: 5, steps: [{ get: app/ }] }"), [("app", server)]);
    ran.went_well();
    assert_eq!(*connections.lock().unwrap(), 1);
}

#[test]
fn a_connection_that_the_server_closed_meanwhile_is_made_anew_for_any_method() {
    let server = Server::http(|_, _| Answer::SendAndClose(response("200 OK", "ok")));
    let steps = "      - { repeat: 3, steps: [{ post: app/, text: x }, { wait: 1ms }] }";
    run(&client(steps), [("app", server)]).went_well();
}

/// Closes under the second request.
fn closing() -> Server {
    Server::http(|number, _| if number == 2 { Answer::Close } else { ok("ok") })
}

#[test]
fn an_idempotent_request_on_a_connection_that_was_just_closed_is_sent_once_more() {
    let ran = run(&client("      - { repeat: 2, steps: [{ get: app/ }] }"), [("app", closing())]);
    ran.went_well();
}

#[test]
fn a_post_on_a_connection_that_was_just_closed_is_not_sent_again() {
    let steps = "
      - get: app/
      - post: app/
        op: { f: add, value: 1 }
        expect: { error: closed }";
    let ran = run(&client(steps), [("app", closing())]);
    ran.went_well();
    assert_eq!(ran.ops(), ["add=1 invoke", "add=1 unknown"]);
}

#[test]
fn a_first_request_that_gets_no_reply_is_not_sent_again() {
    let server = Server::http(|number, _| if number == 1 { Answer::Close } else { ok("ok") });
    run(&client("      - { get: app/, expect: { error: closed } }"), [("app", server)]).went_well();
}

#[test]
fn a_refused_connection_is_an_error_and_the_operation_failed() {
    let steps = "
      - get: app/
        op: { f: write, value: 1 }
        expect: { error: refused, status: { exists: false } }";
    let ran = run(&client(steps), []);
    ran.went_well();
    assert_eq!(ran.ops(), ["write=1 invoke", "write=1 fail"]);
    assert_eq!(ran.steps().next().unwrap().1.error.as_deref(), Some("refused"));
}

#[test]
fn a_reply_that_never_comes_is_a_timeout_and_the_operation_is_unknown() {
    let steps = "
      - put: app/
        timeout: 500ms
        op: { f: write, value: 1 }
        expect: { error: timeout, took: 500ms }
      - get: app/
        expect: { body: ok }";
    let server = Server::http(|number, _| if number == 1 { Answer::Hang } else { ok("ok") });
    let ran = run(&client(steps), [("app", server)]);
    ran.went_well();
    assert_eq!(ran.ops(), ["write=1 invoke", "write=1 unknown"]);
}

#[test]
fn an_operation_takes_five_seconds_at_most_unless_the_client_says_otherwise() {
    let server = Server::http(|_, _| Answer::Hang);
    let ran = run(
        &client("      - { get: app/, expect: { took: 5s, error: timeout } }"),
        [("app", server.clone())],
    );
    ran.went_well();
    let yaml = format!("{APP}clients: {{ alice: {{ timeout: 70ms, steps: [{{ get: app/ }}] }} }}");
    let ran = run(&yaml, [("app", server)]);
    assert_eq!(ran.failures(), ["app: timeout: nothing came within 70ms"]);
}

#[test]
fn a_reset_is_told_from_a_close() {
    let steps = "
      - { get: app/, expect: { error: reset } }
      - { get: app/, expect: { error: closed } }";
    let server = Server::http(|number, _| if number == 1 { Answer::Reset } else { Answer::Close });
    run(&client(steps), [("app", server)]).went_well();
}

#[test]
fn a_malformed_reply_is_an_error_and_the_connection_is_not_used_again() {
    let steps = "
      - { get: app/1, expect: { error: malformed } }
      - { get: app/2, expect: { error: malformed, status: 200 } }
      - { get: app/3, expect: { error: malformed } }
      - { get: app/4, expect: { body: ok } }";
    let server = Server::http(|number, _| match number {
        1 => Answer::Send("HTCPCP/1.0 418 I'm a teapot\r\n\r\n".into()),
        2 => Answer::Send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".into()),
        3 => Answer::Send("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n".into()),
        _ => ok("ok"),
    });
    run(&client(steps), [("app", server)]).went_well();
}

#[test]
fn a_body_cut_short_is_closed_and_shows_what_there_was() {
    let steps = "
      - get: app/
        op: { f: read, value: body }
        expect: { error: closed, status: 200, body: hel }";
    let server = Server::http(|_, _| {
        Answer::SendAndClose("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhel".into())
    });
    let ran = run(&client(steps), [("app", server)]);
    ran.went_well();
    assert_eq!(ran.ops(), ["read=null invoke", "read=null unknown"]);
}

#[test]
fn more_than_the_reply_is_a_warning_and_a_new_connection() {
    let steps = "
      - { get: app/short, expect: { body: hel } }
      - { get: app/next, expect: { body: ok } }";
    let server = Server::http(|number, _| match number {
        1 => Answer::Send("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhello".into()),
        _ => ok("ok"),
    });
    let ran = run(&client(steps), [("app", server)]);
    ran.went_well();
    let text = "`app` sent more than its reply to GET /short; the connection is closed";
    assert_eq!(ran.logs(), [(Level::Warn, text)]);
}

#[test]
fn a_status_is_no_error_but_tells_whether_the_operation_happened() {
    let steps = "
      - for_each: { status: [200, 201, 302, 404, 409, 500, 503] }
        steps:
          - { put: \"app/${status}\", op: { f: \"write\", value: \"${status}\" } }";
    let server = Server::http(|_, request| {
        let status = request.split(['/', ' ']).nth(2).unwrap().to_owned();
        Answer::Send(response(&format!("{status} So"), ""))
    });
    let ran = run(&client(steps), [("app", server)]);
    ran.went_well();
    let ends: Vec<String> = ran.ops().into_iter().filter(|op| !op.ends_with("invoke")).collect();
    let expected =
        ["200 ok", "201 ok", "302 ok", "404 fail", "409 fail", "500 unknown", "503 unknown"];
    assert_eq!(ends, expected.map(|end| format!("write={end}")));
}

#[test]
fn chunked_bodies_repeated_headers_and_json_paths_are_read() {
    let steps = "
      - get: app/
        expect:
          headers.set-cookie: a=1, b=2
          $.items[1].id: 7
          $.items[-1]['a b']: x
          $.items: { length: 2 }
          $.none: { exists: false }
          $: { type: object }
          reason: Fine
        capture: { id: \"$.items[1].id\", all: $, cookie: headers.set-cookie }
        op: { f: read, value: \"$.items[1].id\" }
      - expect: { vars.id: 7, vars.cookie: \"a=1, b=2\" }
      - get: app/${id}/${all.items.0.id}";
    let server = Server::http(|_, _| {
        let json = r#"{"items":[{"id":1},{"id":7,"a b":"x"}]}"#;
        let (first, rest) = json.split_at(9);
        Answer::Send(format!(
            "HTTP/1.1 200 Fine\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ntransfer-encoding: chunked\
             \r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
            first.len(),
            rest.len()
        ))
    });
    let ran = run(&client(steps), [("app", server)]);
    ran.went_well();
    assert_eq!(ran.ops(), ["read=null invoke", "read=7 ok"]);
    assert_eq!(ran.told()[1..], ["alice: expect vars.id, vars.cookie", "alice: get app/7/1"]);
}

#[test]
fn a_head_has_no_body_and_a_response_may_end_with_its_connection() {
    let steps = "
      - { head: app/, expect: { status: 200, bytes: 0, headers.content-length: \"5\" } }
      - { get: app/, expect: { status: 204, bytes: 0 } }
      - { get: app/, expect: { status: 200, body: all } }";
    let server = Server::http(|number, _| match number {
        1 => Answer::Send("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".into()),
        2 => Answer::Send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".into()),
        _ => Answer::SendAndClose("HTTP/1.0 200 OK\r\n\r\nall".into()),
    });
    run(&client(steps), [("app", server)]).went_well();
}

#[test]
fn a_header_that_cannot_be_sent_fails_the_step_at_its_place() {
    let steps = "
      - set: { evil: \"a\\r\\nb: c\" }
      - get: app/
        headers: { x-id: \"${evil}\" }";
    let ran = run(&client(steps), [("app", Server::http(|_, _| ok("ok")))]);
    let why = "a header holds neither line breaks nor control bytes";
    assert_eq!(ran.failures(), [format!("\"${{evil}}\": {why}")]);
}

#[test]
fn a_body_that_announces_more_than_the_limit_is_not_waited_for() {
    let steps = "
      - { get: app/, expect: { error: malformed, status: 200, bytes: 0, took: { lt: 10ms } } }";
    let server = Server::http(|_, _| {
        Answer::Send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".into())
    });
    run(&client(steps), [("app", server)]).went_well();
}
