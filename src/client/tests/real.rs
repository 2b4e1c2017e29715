//! The same clients on real sockets.

use super::*;

#[test]
fn requests_commands_and_raw_bytes_go_over_real_sockets() {
    let yaml = "
servers:
  app: { type: http }
  cache: { type: redis }
  echo: { type: echo }
  nobody: { type: closed }
clients:
  alice:
    steps:
      - { repeat: 3, steps: [{ get: app/x, expect: { status: 200, $.n: { exists: true } } }] }
      - { post: app/y, json: { a: 1 }, expect: { status: 200 } }
      - { redis: cache PING, expect: { reply: PONG } }
      - { connect: echo }
      - { send: \"hello\\n\" }
      - { receive: line, expect: { text: \"hello\\n\" } }
      - { close: reset }
      - { get: nobody/, op: { f: x }, expect: { error: refused } }
";
    let app = Server::http(|number, _| ok(&format!("{{\"n\":{number}}}")));
    let cache = Server::chunks(|_, _| Answer::Send("+PONG\r\n".into()));
    let echo = Server::chunks(|_, text| Answer::Send(text.to_owned()));
    let ran = run_real(yaml, [("app", app), ("cache", cache), ("echo", echo)]);
    ran.went_well();
    assert_eq!(ran.ops(), ["x=null invoke", "x=null fail"]);
}

#[test]
fn errors_are_told_apart_on_real_sockets() {
    let yaml = "
servers: { app: { type: http } }
clients:
  alice:
    steps:
      - { get: app/, expect: { error: reset } }
      - { get: app/, expect: { error: closed } }
      - { get: app/, expect: { error: malformed } }
      - { put: app/, timeout: 50ms, op: { f: w }, expect: { error: timeout, took: { gte: 50ms } } }
      - { get: app/, expect: { body: ok } }
";
    let app = Server::http(|number, _| match number {
        1 => Answer::Reset,
        2 => Answer::Close,
        3 => Answer::Send("nonsense\r\n\r\n".into()),
        4 => Answer::Hang,
        _ => ok("ok"),
    });
    let ran = run_real(yaml, [("app", app)]);
    ran.went_well();
    assert_eq!(ran.ops(), ["w=null invoke", "w=null unknown"]);
}

#[test]
fn a_load_runs_on_real_sockets() {
    let yaml = "
servers: { app: { type: http } }
clients:
  users:
    load: { users: 4, iterations: 25 }
    steps: [{ get: app/, expect: { body: ok } }]
  arrivals:
    load: { rate: 1000/s, for: 50ms }
    steps: [{ get: app/, expect: { body: ok } }]
";
    run_real(yaml, [("app", Server::http(|_, _| ok("ok")))]).went_well();
}
