//! Faults at hand: `looplab fault`, `node`, `partition`, `heal` against a scenario that is up, and the API
//! beneath them.
#![allow(clippy::unwrap_used, reason = "what goes wrong in the lab fails the test, as it should")]

#[path = "common/up.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod up;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use looplab::net::Stopwatch;
use rustix::process::Signal;
use serde_json::{Value, json};
use up::{Up, connect};

const SERVERS: &str = r#"looplab: 1
name: shop
servers:
  db: { type: redis, data: { "item:1": ten } }
  app:
    type: http
    routes:
      - { on: GET /item, redis: { call: db GET item:1, respond: { text: "${reply}" } } }
      - { on: GET /hello, respond: { text: hi } }
"#;

fn shop() -> Up {
    Up::new(SERVERS, "")
}

/// What a client sees of a path: the first line, or nothing if there is no answer; and how long it took.
fn get(up: &Up, path: &str) -> (String, Duration) {
    let watch = Stopwatch::start();
    let mut text = String::new();
    if let Ok(mut stream) = connect(up.port("app")) {
        let _ = stream.write_all(
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes(),
        );
        let _ = stream.read_to_string(&mut text);
    }
    (text.lines().next().unwrap_or_default().to_owned(), watch.elapsed())
}

/// A command, whose words may hold blanks.
fn looplab(up: &Up, words: &[&str]) -> (i32, String, String) {
    let output = up.bench.command(words).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a command prints that goes well.
#[track_caller]
fn says(up: &Up, words: &[&str]) -> String {
    let (code, out, err) = looplab(up, words);
    assert_eq!((code, err.as_str()), (0, ""), "{words:?}: {out}");
    out
}

// ---- faults -----------------------------------------------------------------------------------

#[test]
fn a_fault_is_added_listed_and_removed_while_a_client_looks_on() {
    let up = shop();
    assert_eq!(get(&up, "/item").0, "HTTP/1.1 200 OK");
    let name = says(&up, &["fault", "add", "app->db latency=200ms"]);
    assert!(get(&up, "/item").1 >= Duration::from_millis(400), "there and back");
    let listed = says(&up, &["fault", "list"]);
    let head: Vec<&str> = listed.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(head, ["NAME", "FAULT", "SINCE", "TOUCHED"]);
    assert!(listed.contains(name.trim()) && listed.contains("latency: 200ms"), "{listed}");
    assert!(listed.contains(" ago "), "{listed}");
    let listed: Value = serde_json::from_str(&says(&up, &["fault", "list", "--json"])).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["in_force"]), (&json!(name.trim()), &json!(true)));
    assert!(listed[0]["touched"].as_u64().unwrap() > 0, "{listed}");
    assert_eq!(says(&up, &["fault", "rm", name.trim()]), format!("over: {name}"));
    let listed: Value = serde_json::from_str(&says(&up, &["fault", "list", "--json"])).unwrap();
    assert_eq!(listed[0]["in_force"], false);
    let (code, _, err) = looplab(&up, &["fault", "rm", name.trim()]);
    assert!(code == 2 && err.contains("there is no fault in force"), "{err}");
    let trace = up.stop().trace;
    assert!(trace.contains(r#""event":"fault","name":"latency.1","phase":"start""#), "{trace}");
}

#[test]
fn a_fault_may_be_a_mapping_have_a_name_and_last_for_a_while() {
    let up = shop();
    let words =
        ["fault", "add", "{ edit: { status: 503 }, to: app }", "--name", "busy", "--for", "1h"];
    assert_eq!(says(&up, &words), "busy\n");
    assert_eq!(get(&up, "/hello").0, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(says(&up, &["fault", "rm", "all"]), "over: busy\n");
    assert_eq!(get(&up, "/hello").0, "HTTP/1.1 200 OK");
    assert_eq!(says(&up, &["fault", "rm", "all"]), "nothing was in force\n");
    says(&up, &["fault", "add", "*->app", "drop=response", "--for", "100ms"]);
    let watch = Stopwatch::start();
    while says(&up, &["fault", "list", "--json"]).contains("\"in_force\": true") {
        assert!(watch.elapsed() < up::PATIENCE, "it has an end");
    }
}

#[test]
fn a_fault_that_is_wrong_is_shown_where() {
    let up = shop();
    let (code, out, err) = looplab(&up, &["fault", "add", "app->dbb latency=200ms"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("app->dbb latency=200ms") && err.contains("^^^"), "{err}");
    assert!(err.contains("did you mean `db`?"), "{err}");
    let (code, _, err) = looplab(&up, &["fault", "add", "app-", "latency=200ms"]);
    assert!(code == 2 && err.contains("quote the link"), "{err}");
    let (code, _, err) = looplab(&up, &["fault", "add", "app->db latency=200"]);
    assert!(code == 2 && err.contains("^^^"), "{err}");
}

#[test]
fn strangers_are_harmed_by_their_name_and_nobody_else_is() {
    let up = shop();
    let name = says(&up, &["fault", "add", "outside->db latency=1h"]);
    // What the server asks the database on their behalf is not theirs.
    assert_eq!(get(&up, "/item").0, "HTTP/1.1 200 OK");
    let mut stranger = up.connect("db");
    stranger.write_all(b"PING\r\n").unwrap();
    stranger.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(stranger.read(&mut [0; 16]).is_err(), "it waits for an hour");
    stranger.set_read_timeout(Some(up::PATIENCE)).unwrap();
    says(&up, &["fault", "rm", name.trim()]);
    let mut said = [0; 7];
    stranger.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"+PONG\r\n");
    says(&up, &["partition", "outside", "app"]);
    says(&up, &["heal"]);
    let (code, _, err) = looplab(&up, &["fault", "add", "{ skew: outside, ahead: 1s }"]);
    assert!(code == 2 && err.contains("no server or client is called `outside`"), "{err}");
    up.stop();
}

/// How many messages the first fault has touched.
fn touched(up: &Up) -> u64 {
    let listed: Value = serde_json::from_str(&says(up, &["fault", "list", "--json"])).unwrap();
    listed[0]["touched"].as_u64().unwrap()
}

#[test]
fn what_is_held_is_let_go_by_hand_and_what_comes_later_is_held() {
    let up = shop();
    let name = says(&up, &["fault", "add", "outside->db hold=request"]);
    let mut stranger = up.connect("db");
    let mut said = [0; 7];
    for count in 1..=2 {
        stranger.write_all(b"PING\r\n").unwrap();
        let watch = Stopwatch::start();
        while touched(&up) < count {
            assert!(watch.elapsed() < up::PATIENCE, "it is held");
        }
        assert_eq!(says(&up, &["fault", "release", name.trim()]), "");
        stranger.set_read_timeout(Some(up::PATIENCE)).unwrap();
        stranger.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"+PONG\r\n");
    }
    assert!(says(&up, &["fault", "list", "--in-force"]).contains(name.trim()));
    says(&up, &["heal"]);
    assert_eq!(says(&up, &["fault", "list", "--in-force"]), "there is no fault\n");
    let (code, _, err) = looplab(&up, &["fault", "release", "nobody"]);
    assert!(code == 2 && err.contains("nobody"), "{err}");
    up.stop();
}

// ---- nodes and the network --------------------------------------------------------------------

#[test]
fn a_server_crashes_and_comes_back_at_its_port() {
    let up = shop();
    let mut standing = up.connect("app");
    assert_eq!(says(&up, &["node", "crash", "app"]), "app is down\n");
    assert!(!matches!(standing.read(&mut [0; 8]), Ok(1..)));
    assert_eq!(get(&up, "/hello").0, "");
    let (code, _, err) = looplab(&up, &["node", "crash", "app"]);
    assert!(code == 2 && err.contains("`app` cannot crash: it is down"), "{err}");
    assert_eq!(says(&up, &["node", "restart", "app"]), "app is up\n");
    assert_eq!(get(&up, "/hello").0, "HTTP/1.1 200 OK");
    let (code, _, err) = looplab(&up, &["node", "crash", "nobody"]);
    assert!(code == 2 && err.contains("there is no server `nobody`; there are: db, app"), "{err}");
}

#[test]
fn a_server_stands_still_and_goes_on() {
    let up = shop();
    assert_eq!(says(&up, &["node", "pause", "app"]), "app is paused\n");
    let mut stream = up.connect("app");
    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.read(&mut [0; 1]).unwrap_err();
    stream.set_read_timeout(Some(up::PATIENCE)).unwrap();
    assert_eq!(says(&up, &["node", "resume", "app"]), "app is up\n");
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
}

#[test]
fn a_partition_holds_what_is_sent_and_healing_lets_it_arrive() {
    let up = shop();
    let name = says(&up, &["partition", "app", "db"]);
    let mut stream = up.connect("app");
    stream.write_all(b"GET /item HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream.read(&mut [0; 1]).unwrap_err();
    stream.set_read_timeout(Some(up::PATIENCE)).unwrap();
    assert_eq!(get(&up, "/hello").0, "HTTP/1.1 200 OK", "others pass");
    assert_eq!(says(&up, &["heal"]), format!("over: {name}"));
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    says(&up, &["isolate", "db", "--name", "alone"]);
    assert_eq!(says(&up, &["heal", "alone"]), "over: alone\n");
    let (code, _, err) = looplab(&up, &["heal", "nobody"]);
    assert!(code == 2 && err.contains("there is no fault `nobody`"), "{err}");
    let (code, _, err) = looplab(&up, &["partition", "app", "dbb"]);
    assert!(code == 2 && err.contains("did you mean `db`?"), "{err}");
}

// ---- which run --------------------------------------------------------------------------------

#[test]
fn without_a_run_it_is_said_how_to_start_one_and_of_several_one_is_chosen() {
    let mut up = shop();
    let bench = &mut up.bench;
    std::fs::write(bench.path("bank.yaml"), SERVERS.replace("name: shop", "name: bank")).unwrap();
    let second = bench.start("up bank.yaml --out bank", "Ctrl-C stops");
    let (code, _, err) = looplab(&up, &["fault", "list"]);
    assert!(code == 2 && err.contains("more than one scenario is up"), "{err}");
    assert!(err.contains("shop (process ") && err.contains("bank (process "), "{err}");
    says(&up, &["fault", "list", "--run", "bank"]);
    says(&up, &["fault", "list", "--run", &up.pid().to_string()]);
    second.signal(Signal::INT);
    second.end().exits(0);
    says(&up, &["fault", "list"]);
    let (code, _, err) = looplab(&up, &["fault", "list", "--run", "bank"]);
    assert!(code == 2 && err.contains("no scenario that is up is called `bank`"), "{err}");
    let nobody = up::bench::Bench::new(&[]);
    nobody.looplab("heal").exits(2).complains(&["no scenario is up", "looplab up FILE"]);
}

// ---- the API ----------------------------------------------------------------------------------

/// What opens the API: its port and its token, as only this user can read them.
fn access(up: &Up) -> (u16, String) {
    let path = up.bench.path(&format!("looplab/{}.json", up.pid()));
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let process: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let address = process["control"]["address"].as_str().unwrap();
    let port = address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
    (port, process["control"]["token"].as_str().unwrap().to_owned())
}

/// One raw request: the status, and the body as JSON.
fn ask(port: u16, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
    let host = if headers.contains("Host:") {
        String::new()
    } else {
        format!("Host: 127.0.0.1:{port}\r\n")
    };
    let length = body.len();
    let mut stream = connect(port).unwrap();
    let text = format!(
        "{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let body = text.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[test]
fn the_api_tells_what_is_up_and_says_no_in_a_sentence() {
    let up = shop();
    let (port, token) = access(&up);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let ask = |method: &str, path: &str, body: &str| ask(port, method, path, &bearer, body);
    let (status, told) = ask("GET", "/status", "");
    assert_eq!(
        (status, &told["scenario"], &told["faults_in_force"]),
        (200, &json!("shop"), &json!(0))
    );
    assert_eq!(told["nodes"][0], json!({ "name": "db", "kind": "redis", "state": "up" }));
    let (_, links) = ask("GET", "/links", "");
    let pairs: Vec<(&str, &str)> = links["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link["from"].as_str().unwrap(), link["to"].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("outside", "db"), ("outside", "app"), ("app", "db")]);
    for (method, path, body, status) in [
        ("GET", "/", "", 404),
        ("GET", "/faults/x", "", 405),
        ("PUT", "/faults", "", 405),
        ("POST", "/faults", "", 400),
        ("POST", "/faults", r#"{"fault":1}"#, 400),
        ("POST", "/faults", r#"{"fault":"x","more":1}"#, 400),
        ("DELETE", "/faults/x", "", 404),
        ("POST", "/heal", r#"{"faults":["x"]}"#, 404),
        ("POST", "/release", "", 200),
        ("POST", "/nodes/db/explode", "", 404),
        ("POST", "/nodes/db/restart", "", 409),
    ] {
        let (said, body) = ask(method, path, body);
        assert_eq!(said, status, "{method} {path}");
        assert_eq!(body["error"].is_string(), status != 200, "{method} {path}: {body}");
    }
}

#[test]
fn nobody_without_the_token_and_no_web_page_is_answered() {
    let up = shop();
    let (port, token) = access(&up);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let refused = |headers: &str| ask(port, "GET", "/status", headers, "").0;
    assert_eq!(refused(""), 401);
    assert_eq!(refused("Authorization: Bearer x\r\n"), 401);
    for headers in [
        "User-Agent: Mozilla/5.0\r\n",
        "Origin: http://localhost\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Host: evil.example\r\n",
        "Host: localhost:1\r\n",
    ] {
        assert_eq!(refused(&format!("{bearer}{headers}")), 403, "{headers}");
    }
    assert_eq!(refused(&bearer), 200);
    assert!(!up.bench.read("out/endpoints.json").contains(&token));
    let stopped = up.stop();
    assert!(!stopped.trace.contains(&token) && !stopped.ran.out.contains(&token));
}
