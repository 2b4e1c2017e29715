//! Routes that ask a redis server.

use super::lab::{Lab, get, in_both, in_virtual, json, ms, request, text};

const SHOP: &str = "
  app:
    type: http
    routes:
      - on: GET /items/{id}
        redis:
          call: db GET item:${params.id}
          respond: { json: { id: \"${params.id}\", price: \"${reply}\" } }
          if_null: { status: 404, json: { error: no such item } }
      - on: PUT /items/{id}
        redis: { call: [db, SET, \"item:${params.id}\", \"${body}\"], respond: { text: \"${reply}\" } }
      - on: GET /all
        redis: { call: db LRANGE all 0 -1, respond: { text: \"${reply[1]} of ${reply}\" } }
      - on: GET /null
        redis: { call: db GET nothing, respond: { json: { got: \"${reply}\" } } }
      - on: GET /wrong
        redis: { call: db LPUSH item:1 x, respond: {} }
  db:
    type: redis
    password: secret
    data: { \"item:1\": \"9.90\", all: [a, b] }
";

fn error(status: &str, why: &str) -> String {
    json(status, "", &format!("{{\"error\":\"{why}\"}}"))
}

#[test]
fn the_reply_becomes_the_answer() {
    in_both(SHOP, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(get("/items/1")).await;
        wire.expect(&json("200 OK", "", "{\"id\":\"1\",\"price\":\"9.90\"}")).await;
        wire.send(get("/items/2")).await;
        wire.expect(&error("404 Not Found", "no such item")).await;
        wire.send([request("PUT", "/items/2", "a b\r\n"), get("/items/2")].concat()).await;
        wire.expect(&text("200 OK", "OK")).await;
        wire.expect(&json("200 OK", "", "{\"id\":\"2\",\"price\":\"a b\\r\\n\"}")).await;
        wire.send(get("/all")).await;
        wire.expect(&text("200 OK", "b of [\"a\",\"b\"]")).await;
        wire.send(get("/null")).await;
        wire.expect(&json("200 OK", "", "{\"got\":null}")).await;
    });
}

#[test]
fn an_error_of_redis_is_a_bad_gateway() {
    in_both(SHOP, |lab: Lab| async move {
        let why = "db said: WRONGTYPE Operation against a key holding the wrong kind of value";
        lab.ask(get("/wrong"), &error("502 Bad Gateway", why)).await;
    });
}

#[test]
fn one_connection_serves_call_after_call_and_more_serve_them_at_once() {
    let servers = "
  app:
    type: http
    routes: [{ on: GET /, redis: { call: db PING, respond: { text: \"${reply}\" } } }]
  db: { type: redis, delay: 10ms }
";
    in_virtual(servers, |lab: Lab| async move {
        for _ in 0..3 {
            lab.ask(get("/"), &text("200 OK", "PONG")).await;
        }
        assert_eq!(lab.dialled(), 1);
        let start = lab.clock.now();
        let mut wires = Vec::new();
        for _ in 0..3 {
            let mut wire = lab.connect("app").await;
            wire.send(get("/")).await;
            wires.push(wire);
        }
        for wire in &mut wires {
            wire.expect(&text("200 OK", "PONG")).await;
        }
        assert_eq!(lab.dialled(), 3);
        assert!(lab.clock.now().since(start) < ms(15));
    });
}

#[test]
fn a_redis_that_is_slow_is_answered_for() {
    let servers = "
  app:
    type: http
    routes: [{ on: GET /, redis: { call: db PING, respond: {}, timeout: 20ms } }]
  db: { type: redis, delay: 1s }
";
    in_both(servers, |lab: Lab| async move {
        let why = "db did not answer within 20ms";
        lab.ask(get("/"), &error("504 Gateway Timeout", why)).await;
    });
}
