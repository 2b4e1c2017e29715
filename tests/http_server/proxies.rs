//! Servers in front of servers.

use std::time::Duration;

use super::lab::{Lab, get, in_both, in_virtual, json, request};

const CHAIN: &str = "
  app:
    type: http
    routes:
      - { on: \"* /api/{rest...}\", proxy_to: api, path: \"/${params.rest}\", timeout: 100ms }
      - { on: GET /gone, proxy_to: gone }
      - { on: GET /silent, proxy_to: silent, timeout: 100ms }
      - { on: GET /echo, proxy_to: echo }
      - { on: \"* /{rest...}\", proxy_to: api }
  api:
    type: http
    routes:
      - on: \"* /whoami\"
        respond:
          json:
            host: \"${headers.host}\"
            via: \"${headers.via}\"
            \"for\": \"${headers.x-forwarded-for}\"
            hop: \"${headers.x-hop}\"
            kept: \"${headers.x-kept}\"
            te: \"${headers.te}\"
      - { on: POST /say, respond: { text: \"${body}\" } }
      - { on: GET /query, respond: { text: \"${query.a} ${path}\" } }
      - { on: GET /chunked, respond: { text: pieces, chunked: true } }
      - { on: GET /nothing, respond: { status: 204 } }
      - { on: GET /long, respond: { text: \"0123456789\", content_length: 20, then: close } }
      - { on: GET /reset, respond: { then: reset } }
      - { on: GET /hang, respond: { then: hang } }
      - { on: GET /bye, respond: { text: bye, then: close } }
      - { on: GET /hop, respond: { headers: { connection: x-hop, x-hop: a, x-kept: b }, text: ok } }
  gone: { type: closed }
  silent: { type: silent }
  echo: { type: echo }
";

/// A text that has come through the proxy.
fn passed_on(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\nvia: 1.1 app\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

fn failed(status: &str, why: &str) -> String {
    json(status, "", &format!("{{\"error\":\"{why}\"}}"))
}

#[test]
fn a_request_and_its_answer_pass_through() {
    in_both(CHAIN, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        for _ in 0..2 {
            wire.send([get("/query?a=b+c"), get("/api/query?a=%41"), get("/api/bye")].concat())
                .await;
            let answers = [passed_on("b c /query"), passed_on("A /query"), passed_on("bye")];
            wire.expect(&answers.concat()).await;
        }
        wire.send(request("POST", "/api/say", "hello")).await;
        wire.expect(&passed_on("hello")).await;
        wire.send(get("/nothing")).await;
        wire.expect("HTTP/1.1 204 No Content\r\nvia: 1.1 app\r\n\r\n").await;
        wire.send(request("HEAD", "/query", "")).await;
        let head = passed_on(" /query");
        wire.expect(head.strip_suffix(" /query").expect("the body stands last")).await;
        wire.send(get("/api/x%20y?z=%7C|")).await;
        wire.expect("HTTP/1.1 404 Not Found\r\n").await;
    });
}

#[test]
fn headers_of_one_hop_stay_there_and_the_proxy_names_itself() {
    in_both(CHAIN, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(
            "GET /whoami HTTP/1.1\r\nHost: somewhere\r\nConnection: X-Hop, keep-alive\r\n\
             X-Hop: a\r\nX-Kept: b\r\nTE: trailers\r\nX-Forwarded-For: 10.0.0.1\r\nVia: 1.0 edge\r\n\r\n",
        )
        .await;
        let seen = "{\"host\":\"api\",\"via\":\"1.0 edge, 1.1 app\",\"for\":\"10.0.0.1, 127.0.0.1\",\
                    \"hop\":null,\"kept\":\"b\",\"te\":null}";
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nvia: 1.1 app\r\n\
             Content-Length: {}\r\n\r\n{seen}",
            seen.len()
        );
        wire.expect(&answer).await;
        wire.send(get("/hop")).await;
        wire.expect(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\nx-kept: b\r\n\
             via: 1.1 app\r\nContent-Length: 2\r\n\r\nok",
        )
        .await;
    });
}

#[test]
fn chunks_pass_through_in_both_directions() {
    in_both(CHAIN, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        let chunked = "POST /say HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                       3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n";
        wire.send([chunked, &get("/chunked")].concat()).await;
        wire.expect(&passed_on("abcdefgh")).await;
        wire.expect(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\nvia: 1.1 app\r\n\
             Transfer-Encoding: chunked\r\n\r\n6\r\npieces\r\n0\r\n\r\n",
        )
        .await;
        let old = lab.exchange("app", "GET /chunked HTTP/1.0\r\n\r\n").await;
        assert_eq!(
            old,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\nvia: 1.1 app\r\n\
             Connection: close\r\n\r\npieces"
        );
    });
}

#[test]
fn large_bodies_pass_through_in_both_directions() {
    let servers = "
  app: { type: http, routes: [{ on: \"* /{rest...}\", proxy_to: api }] }
  api: { type: http, routes: [{ on: POST /, respond: { text: \"${body}\" } }] }
";
    in_both(servers, |lab: Lab| async move {
        let body: String = (0..300_000).map(|n| format!("{n:07}.")).collect();
        let mut wire = lab.connect("app").await;
        for _ in 0..2 {
            wire.send(request("POST", "/", &body)).await;
            wire.expect(&passed_on(&body)).await;
        }
    });
}

#[test]
fn a_server_that_cannot_be_reached_is_answered_for() {
    in_both(CHAIN, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(get("/gone")).await;
        wire.expect(&failed("502 Bad Gateway", "gone refused the connection")).await;
        wire.send(get("/silent")).await;
        wire.expect(&failed("504 Gateway Timeout", "silent did not answer within 100ms")).await;
        wire.send(get("/api/hang")).await;
        wire.expect(&failed("504 Gateway Timeout", "api did not answer within 100ms")).await;
        wire.send(get("/reset")).await;
        wire.expect(&failed("502 Bad Gateway", "api reset the connection")).await;
        wire.send(get("/echo")).await;
        wire.expect("HTTP/1.1 502 Bad Gateway\r\n").await;
    });
}

#[test]
fn an_answer_that_breaks_off_is_broken_off() {
    in_both(CHAIN, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(get("/long")).await;
        let answer = wire.rest().await;
        assert!(answer.contains("Content-Length: 20\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n0123456789"), "{answer}");
        let broken =
            "GET /long was broken off: api closed the connection before its answer was complete";
        assert_eq!(lab.log().last().map(String::as_str), Some(broken));
    });
}

#[test]
fn on_a_kept_connection_that_breaks_only_what_is_safe_is_sent_again() {
    let servers = "
  app: { type: http, routes: [{ on: \"* /{rest...}\", proxy_to: api }] }
  api:
    type: http
    routes:
      - { on: GET /first, respond: { text: ok } }
      - on: GET /then
        sequence: [{ respond: { then: reset } }, { respond: { text: again } }]
      - on: POST /then
        sequence: [{ respond: { then: reset } }, { respond: { text: again } }]
";
    in_both(servers, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(get("/first")).await;
        wire.expect(&passed_on("ok")).await;
        wire.send(get("/then")).await;
        wire.expect(&passed_on("again")).await;
        assert_eq!(lab.dialled(), 2);
        wire.send(request("POST", "/then", "")).await;
        wire.expect(&failed("502 Bad Gateway", "api reset the connection")).await;
        assert_eq!(lab.dialled(), 2);
        wire.send(request("POST", "/then", "")).await;
        wire.expect(&passed_on("again")).await;
        assert_eq!(lab.dialled(), 3);
    });
}

#[test]
fn connections_to_the_server_behind_are_kept() {
    in_virtual(CHAIN, |lab: Lab| async move {
        for _ in 0..5 {
            lab.ask(get("/query"), &passed_on(" /query")).await;
        }
        assert_eq!(lab.dialled(), 1);
        let mut wires = Vec::new();
        for _ in 0..5 {
            let mut wire = lab.connect("app").await;
            wire.send(get("/query")).await;
            wires.push(wire);
        }
        for wire in &mut wires {
            wire.expect(&passed_on(" /query")).await;
        }
        assert_eq!(lab.dialled(), 5);
    });
}

#[test]
fn a_circle_is_recognised() {
    let servers = "
  app: { type: http, routes: [{ on: \"* /{rest...}\", when: { method: GET }, proxy_to: back }] }
  back: { type: http, routes: [{ on: \"* /{rest...}\", proxy_to: app }] }
";
    in_both(servers, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(get("/")).await;
        wire.expect("HTTP/1.1 508 Loop Detected\r\n").await;
    });
}

#[test]
fn neither_side_can_make_the_proxy_hold_more_than_a_window() {
    let servers = "
  app: { type: http, routes: [{ on: \"* /{rest...}\", proxy_to: silent, timeout: 60s }] }
  silent: { type: echo, delay: 1h }
";
    in_virtual(servers, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n").await;
        let mut sent = 0;
        let sending = async {
            loop {
                wire.send([b'x'; 10_000]).await;
                sent += 10_000;
            }
        };
        assert!(lab.clock.timeout(Duration::from_secs(30), sending).await.is_err());
        assert!(sent < 3 * looplab::net::WINDOW_BYTES, "{sent} bytes were taken");
        let answer = wire.rest().await;
        assert!(answer.starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{answer}");
    });
}

#[test]
fn a_stop_closes_the_connections_that_are_kept() {
    in_both(CHAIN, |lab: Lab| async move {
        lab.ask(get("/query"), &passed_on(" /query")).await;
        let stopped = lab.clock.timeout(Duration::from_millis(500), lab.tasks.stop()).await;
        assert!(stopped.is_ok());
    });
}
