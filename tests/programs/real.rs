//! Programs that people have, as servers: Python's http.server, Flask, Node, redis-server, C.

use crate::lab::{Lab, have, have_module};

#[test]
fn pythons_http_server_is_reached_by_steps_and_by_other_programs() {
    if !have("python3") || !have("curl") {
        return;
    }
    let ran = Lab::new(
        r#"servers:
  web:
    type: process
    command: [python3, -u, -m, http.server, --bind, 127.0.0.1, "${port}"]
    ready: { within: 60s }
clients:
  alice:
    steps:
      - get: web/hello.txt
        expect: { status: 200, body: "hello\n" }
  curl:
    type: process
    command: [curl, -sS, --noproxy, "*", "${web.url}/hello.txt"]
    after: alice
    expect: { stdout: "hello\n" }
checks:
  - calls: { from: curl, to: web, match: "GET /hello.txt*", count: 1 }
"#,
    )
    .with("hello.txt", "hello\n")
    .run("")
    .exits(0);
    assert_eq!(ran.messages("alice", "web"), ["GET /hello.txt"]);
    assert!(ran.messages("web", "curl")[0].starts_with("200 OK"));
    let lines = ran.lines("web");
    assert!(
        lines.iter().any(|line| line.contains(r#""GET /hello.txt HTTP/1.1" 200"#)),
        "{lines:?}"
    );
    assert!(lines[0].starts_with("started as process "), "{lines:?}");
}

#[test]
fn a_flask_app_calls_redis_over_a_slow_link_of_its_own() {
    if !have_module("flask") || !have_module("redis") {
        return;
    }
    let ran = Lab::of("docs/own-programs").run_file("flask.yaml", "").exits(0);
    let counted = ran.messages("app", "store");
    let counted = counted.iter().filter(|message| message.starts_with("INCRBY")).count();
    assert_eq!(counted, 3);
    assert_eq!(ran.messages("app", "alice").len(), 4);
}

#[test]
fn a_node_server_says_itself_at_which_port_it_listens_and_gives_up_on_a_slow_answer() {
    if !have("node") {
        return;
    }
    let ran = Lab::of("docs/own-programs").run_file("node.yaml", "").exits(0);
    assert_eq!(ran.messages("shop", "prices"), ["GET /fast", "GET /slow"]);
    let lines = ran.lines("shop");
    assert!(lines.iter().any(|line| line.starts_with("/slow: ")), "{lines:?}");
}

#[test]
fn a_program_in_c_is_compiled_run_and_spoken_to_line_by_line() {
    if !have("cc") || !have("bash") {
        return;
    }
    let ran = Lab::of("docs/own-programs").run_file("socket.yaml", "").exits(0);
    assert_eq!(ran.messages("adder", "alice"), [r#""5""#, r#""42""#, r#""2""#, r#""error""#]);
    assert_eq!(ran.messages("adder", "bob"), [r#""21""#]);
}

#[test]
fn a_real_redis_server_stands_behind_steps_and_redis_cli() {
    if !have("redis-server") || !have("redis-cli") {
        return;
    }
    let ran = Lab::new(
        r#"servers:
  db:
    type: process
    command: [redis-server, --port, "${port}", --bind, 127.0.0.1, --save, ""]
    protocol: redis
    ready: { line: Ready to accept connections, within: 60s }
clients:
  alice:
    steps:
      - redis: db SET greeting hello
        expect: { reply: OK }
  cli:
    type: process
    command: "redis-cli -u ${db.url} GET greeting"
    after: alice
    expect: { stdout: "hello\n" }
checks:
  - calls: { from: cli, to: db, match: "GET greeting", count: 1 }
"#,
    )
    .run("")
    .exits(0);
    assert_eq!(ran.messages("alice", "db"), ["SET greeting hello"]);
    assert_eq!(ran.messages("db", "alice"), ["+OK"]);
}

#[test]
fn a_server_that_runs_already_is_reached_over_links_like_any_other() {
    if !have("redis-server") {
        return;
    }
    // The one that runs already is another looplab's.
    let other = Lab::new("servers: { db: { type: redis, data: { item: 42 } } }\n");
    let running = other.start("up lab.yaml --out out", "Ctrl-C stops");
    let port = crate::lab::ports(&other)["db"];
    let ran = Lab::new(&format!(
        r#"servers:
  db: {{ type: external, address: "localhost:{port}", protocol: redis }}
links:
  - {{ from: alice, to: db, latency: 30ms }}
clients:
  alice:
    steps:
      - redis: db GET item
        expect: {{ reply: "42", took: {{ gte: 60ms }} }}
"#,
    ))
    .run("")
    .exits(0);
    assert_eq!(ran.messages("alice", "db"), ["GET item"]);
    running.signal(rustix::process::Signal::INT);
    running.end().exits(0);
}

#[test]
fn programs_wait_for_those_whose_addresses_they_are_given() {
    if !have("python3") {
        return;
    }
    // The first one asks the second before it listens itself, and ends if it cannot.
    let ran = Lab::new(
        r#"vars: { upstream: "${second.url}/ping.txt" }
servers:
  first:
    type: process
    command: "python3 -u first.py && exec python3 -u -m http.server $PORT"
    env: { UPSTREAM: "${upstream}" }
    ready: { within: 60s }
  second:
    type: process
    command: "sleep 0.5; exec python3 -u -m http.server $PORT"
    ready: { http: /ping.txt, within: 60s }
clients:
  alice:
    steps:
      - get: first/ping.txt
        expect: { body: "pong" }
"#,
    )
    .with("ping.txt", "pong")
    .with(
        "first.py",
        "import os, urllib.request\nopener = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n\
         print(opener.open(os.environ['UPSTREAM']).read().decode())\n",
    )
    .run("")
    .exits(0);
    assert_eq!(ran.messages("first", "second"), ["GET /ping.txt"]);
    assert!(ran.lines("first").contains(&"pong".to_owned()));
}

#[test]
fn up_tells_strangers_the_front_port_so_that_their_calls_are_seen() {
    if !have("python3") || !have("curl") {
        return;
    }
    let lab = Lab::new(
        "servers:\n  web:\n    type: process\n    command: python3 -u -m http.server $PORT\n    \
         ready: { within: 60s }\n",
    )
    .with("hello.txt", "hello");
    let running = lab.start("up lab.yaml --out out", "Ctrl-C stops");
    let port = crate::lab::ports(&lab)["web"];
    let env = lab.bench.read("out/endpoints.env");
    assert!(env.contains(&format!("export WEB_URL=http://127.0.0.1:{port}")), "{env}");
    let asked = std::process::Command::new("curl")
        .args(["-sS", "--noproxy", "*", &format!("http://127.0.0.1:{port}/hello.txt")])
        .output()
        .unwrap();
    assert_eq!(asked.stdout, b"hello");
    running.signal(rustix::process::Signal::INT);
    running.end().exits(0).without_complaint();
    let events = lab.events();
    let asked =
        events.iter().filter(|event| event["event"] == "message" && event["from"] == "outside");
    assert_eq!(asked.count(), 1);
    let lines = crate::lab::lines(&events, "web");
    let ready = lines.iter().find(|line| line.starts_with("ready after")).expect("it was ready");
    assert!(!ready.ends_with(&format!(":{port}")), "the program has a port of its own: {ready}");
}
