//! Every endpoint, status and error, by raw HTTP.

use std::io::{ErrorKind, Read as _, Write as _};

use serde_json::json;

use super::lab::{Lab, echo_over, echoed, port_of};
use super::up::bench::Bench;
use super::up::connect;

#[test]
fn every_link_of_the_run_is_a_proxy() {
    let lab = Lab::new();
    let answer = lab.ask("GET", "/proxies", "").is(200);
    assert_eq!(answer.header("content-type"), "application/json");
    let proxies = answer.json();
    let names: Vec<&String> = proxies.as_object().unwrap().keys().collect();
    assert_eq!(names, ["app", "app-db", "db", "echo"]);
    let address = format!("127.0.0.1:{}", lab.up.port("db"));
    let db = json!({ "name": "db", "listen": address, "upstream": address, "enabled": true, "Logger": {}, "toxics": [] });
    assert_eq!(proxies["db"], db);
    assert_eq!(lab.ask("GET", "/proxies/db", "").is(200).json(), db);
    assert_eq!(proxies["app-db"]["upstream"], db["upstream"]);
}

#[test]
fn proxies_are_made_and_lead_where_they_are_told() {
    let lab = Lab::new();
    let port = lab.up.port("echo");
    let body =
        format!(r#"{{"name":"extra","upstream":"localhost:{port}","enabled":true,"unknown":1}}"#);
    let answer = lab.ask("POST", "/proxies", &body).is(201);
    assert_eq!(answer.header("content-type"), "application/json");
    let proxy = answer.json();
    assert_eq!(proxy["upstream"], format!("localhost:{port}"));
    assert_eq!(proxy["enabled"], true);
    assert_eq!(echoed(port_of(&proxy), "hello").unwrap(), "hello");
    assert_eq!(lab.ask("GET", "/proxies/extra", "").is(200).json(), proxy);
    // In the trace it is a node like the others.
    let stopped = lab.up.stop();
    assert!(stopped.trace.contains(r#""event":"node","name":"extra","kind":"proxy"}"#));
    assert!(
        stopped.ran.out.contains(&format!("proxy :{}", port_of(&proxy))),
        "{}",
        stopped.ran.out
    );
    let stored = Bench::new(&[("trace.jsonl", &stopped.trace)]);
    stored.looplab("show trace.jsonl").exits(0).without_complaint().says(&["extra", "proxy :"]);
    stored.looplab("show trace.jsonl --as list --node extra").exits(0).says(&["outside → extra"]);
    for format in ["mermaid", "svg", "json"] {
        let line = format!("export trace.jsonl --to {format}");
        stored.looplab(&line).exits(0).without_complaint().says(&["extra"]);
    }
    assert_eq!(stopped.messages("extra"), [r#"5 bytes "hello""#, r#"5 bytes "hello""#]);
}

#[test]
fn a_proxy_that_cannot_be_is_refused() {
    let lab = Lab::new();
    let create = |body: &str| lab.ask("POST", "/proxies", body);
    create("").fails(400, "bad request body: EOF");
    create("{").is(400);
    create(r#"{"upstream":"localhost:1"}"#).fails(400, "missing required field: name");
    create(r#"{"name":"a"}"#).fails(400, "missing required field: upstream");
    create(r#"{"name":"a","upstream":"localhost:1","enabled":"yes"}"#)
        .fails(400, "bad request body: enabled must be a boolean, not string");
    create(r#"{"name":"db","upstream":"localhost:1"}"#).fails(409, "proxy already exists");
    let taken = format!("127.0.0.1:{}", lab.up.port("db"));
    create(&format!(r#"{{"name":"a","listen":"{taken}","upstream":"localhost:1"}}"#))
        .fails(500, &format!("listen tcp {taken}: bind: address already in use"));
    create(r#"{"name":"a","listen":"0.0.0.0:0","upstream":"localhost:1"}"#)
        .fails(500, "listen tcp 0.0.0.0:0: looplab listens at 127.0.0.1 only");
    create(r#"{"name":"a","upstream":"example.com:80"}"#).fails(
        400,
        "bad request body: upstream example.com:80: looplab leads to this machine only",
    );
    lab.ask("GET", "/proxies/a", "").fails(404, "proxy not found");
}

#[test]
fn a_disabled_proxy_closes_its_port_and_its_connections() {
    let lab = Lab::new();
    let port = lab.proxy("extra", "echo");
    let mut before = connect(port).unwrap();
    assert_eq!(echo_over(&mut before, "one").unwrap(), "one");
    let disabled = lab.ask("POST", "/proxies/extra", r#"{"enabled":false}"#).is(200).json();
    assert_eq!((&disabled["enabled"], port_of(&disabled)), (&json!(false), port));
    assert_eq!(connect(port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    // Its end, in order or not.
    let _ = before.write_all(b"two");
    assert!(!matches!(before.read(&mut [0; 8]), Ok(1..)));
    let enabled = lab.ask("PATCH", "/proxies/extra", r#"{"enabled":true}"#).is(200).json();
    assert_eq!((&enabled["enabled"], port_of(&enabled)), (&json!(true), port));
    assert_eq!(echoed(port, "three").unwrap(), "three");
}

#[test]
fn a_disabled_link_of_the_run_closes_its_servers_port() {
    let lab = Lab::new();
    let port = lab.up.port("echo");
    for _ in 0..2 {
        lab.ask("POST", "/proxies/echo", r#"{"enabled":false}"#).is(200);
        assert_eq!(connect(port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(lab.ask("GET", "/proxies/echo", "").json()["enabled"], false);
        lab.ask("POST", "/reset", "").is(204);
        assert_eq!(echoed(port, "hello").unwrap(), "hello");
    }
    // The server is none the worse for it.
    lab.up.stop();
}

#[test]
fn an_update_keeps_what_it_does_not_name() {
    let lab = Lab::new();
    let port = lab.proxy("extra", "db");
    lab.toxic("extra", r#""type":"latency","attributes":{"latency":1}"#);
    let mut before = connect(port).unwrap();
    let upstream = format!("localhost:{}", lab.up.port("echo"));
    let body = format!(r#"{{"name":"other","upstream":"{upstream}"}}"#);
    let proxy = lab.ask("POST", "/proxies/extra", &body).is(200).json();
    assert_eq!(proxy["name"], "extra");
    assert_eq!((port_of(&proxy), &proxy["upstream"]), (port, &json!(upstream)));
    assert_eq!(proxy["toxics"][0]["name"], "latency_downstream");
    assert!(!matches!(before.read(&mut [0; 8]), Ok(1..)), "what it led to before is cut");
    assert_eq!(echoed(port, "hello").unwrap(), "hello");
    lab.ask("POST", "/proxies/extra", "{}").is(200);
    lab.ask("POST", "/proxies/extra", "[]").is(400);
    lab.ask("POST", "/proxies/nobody", "{}").fails(404, "proxy not found");
}

#[test]
fn a_link_that_is_to_lead_elsewhere_becomes_a_proxy_of_its_own() {
    let lab = Lab::new();
    lab.toxic("echo", r#""type":"latency","attributes":{"latency":1}"#);
    let moved = lab.ask("POST", "/proxies/echo", r#"{"listen":"localhost:0"}"#).is(200).json();
    assert_ne!(port_of(&moved), lab.up.port("echo"));
    assert_eq!(moved["toxics"][0]["name"], "latency_downstream");
    assert_eq!(echoed(port_of(&moved), "hello").unwrap(), "hello");
    assert_eq!(
        echoed(lab.up.port("echo"), "hello").unwrap(),
        "hello",
        "the server is where it was"
    );
}

#[test]
fn a_deleted_proxy_is_gone_and_its_port_free() {
    let lab = Lab::new();
    let port = lab.proxy("extra", "echo");
    let answer = lab.ask("DELETE", "/proxies/extra", "").is(204);
    assert_eq!(answer.body, "");
    assert_eq!(connect(port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    lab.ask("GET", "/proxies/extra", "").fails(404, "proxy not found");
    lab.ask("DELETE", "/proxies/extra", "").fails(404, "proxy not found");
    // Under another name at the same port.
    let upstream = lab.up.port("echo");
    let body = format!(
        r#"{{"name":"next","listen":"localhost:{port}","upstream":"localhost:{upstream}"}}"#
    );
    lab.ask("POST", "/proxies", &body).is(201);
    assert_eq!(echoed(port, "hello").unwrap(), "hello");
    // One of the run's is the run's.
    lab.ask("DELETE", "/proxies/echo", "").is(204);
    assert_eq!(echoed(upstream, "hello").unwrap(), "hello");
}

#[test]
fn toxics_have_defaults_and_one_list() {
    let lab = Lab::new();
    let told = lab.toxic("db", r#""type":"latency""#);
    assert_eq!(
        told,
        json!({ "attributes": { "latency": 0, "jitter": 0 }, "name": "latency_downstream", "type": "latency",
            "stream": "downstream", "toxicity": 1.0 })
    );
    lab.toxic("db", r#""type":"bandwidth","stream":"upstream","attributes":{"rate":100}"#);
    lab.toxic("db", r#""type":"noop","name":"third""#);
    lab.toxic("db", r#""type":"slow_close","name":"fourth","stream":"upstream""#);
    let all = lab.ask("GET", "/proxies/db/toxics", "").is(200).json();
    let names: Vec<&str> =
        all.as_array().unwrap().iter().map(|toxic| toxic["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bandwidth_upstream", "fourth", "latency_downstream", "third"]);
    assert_eq!(lab.ask("GET", "/proxies/db", "").json()["toxics"], all);
    assert_eq!(lab.ask("GET", "/proxies/db/toxics/latency_downstream", "").is(200).json(), told);
}

#[test]
fn a_toxic_is_changed_and_removed() {
    let lab = Lab::new();
    lab.toxic("db", r#""type":"latency","attributes":{"latency":5,"jitter":2}"#);
    let path = "/proxies/db/toxics/latency_downstream";
    for method in ["POST", "PATCH"] {
        let body = r#"{"toxicity":0.5,"attributes":{"latency":7},"stream":"upstream","name":"x"}"#;
        let changed = lab.ask(method, path, body).is(200).json();
        assert_eq!(changed["attributes"], json!({ "latency": 7, "jitter": 2 }), "{method}");
        assert_eq!(changed["toxicity"], 0.5);
        assert_eq!(
            (&changed["stream"], &changed["name"]),
            (&json!("downstream"), &json!("latency_downstream"))
        );
    }
    lab.ask("POST", path, r#"{"attributes":{"latency":"x"}}"#).is(400);
    assert_eq!(lab.ask("DELETE", path, "").is(204).body, "");
    lab.ask("DELETE", path, "").fails(404, "toxic not found");
    assert_eq!(lab.ask("GET", "/proxies/db/toxics", "").json(), json!([]));
}

#[test]
fn a_toxic_that_cannot_be_is_refused() {
    let lab = Lab::new();
    let add = |body: &str| lab.ask("POST", "/proxies/db/toxics", body);
    add("").fails(400, "bad request body: EOF");
    add("{}").fails(400, "invalid toxic type");
    add(r#"{"type":"lag"}"#).fails(400, "invalid toxic type");
    add(r#"{"type":"noop","stream":"sideways"}"#)
        .fails(400, "stream was invalid, can be either upstream or downstream");
    add(r#"{"type":"latency","attributes":{"latency":"slow"}}"#)
        .fails(400, "bad request body: latency must be a whole number, not negative, not string");
    add(r#"{"type":"noop","name":"one"}"#).is(200);
    add(r#"{"type":"latency","name":"one","stream":"upstream"}"#)
        .fails(409, "toxic already exists");
    lab.ask("POST", "/proxies/nobody/toxics", "{}").fails(404, "proxy not found");
    lab.ask("GET", "/proxies/nobody/toxics", "").fails(404, "proxy not found");
    lab.ask("GET", "/proxies/nobody/toxics/one", "").fails(404, "proxy not found");
    lab.ask("GET", "/proxies/db/toxics/two", "").fails(404, "toxic not found");
    lab.ask("POST", "/proxies/db/toxics/two", "{}").fails(404, "toxic not found");
}

#[test]
fn populate_makes_replaces_and_leaves_proxies_with_their_toxics() {
    let lab = Lab::new();
    let (echo, db) = (lab.up.port("echo"), lab.up.port("db"));
    let body = format!(
        r#"[{{"name":"one","listen":"localhost:0","upstream":"localhost:{echo}","toxics":[{{"type":"latency","attributes":{{"latency":1}}}}]}},
            {{"name":"two","upstream":"localhost:{db}","enabled":false}}]"#
    );
    let made = lab.ask("POST", "/populate", &body).is(201).json();
    let (one, two) = (&made["proxies"][0], &made["proxies"][1]);
    assert_eq!(one["toxics"][0]["name"], "latency_downstream");
    assert_eq!((&one["enabled"], &two["enabled"]), (&json!(true), &json!(false)));
    let mut standing = connect(port_of(one)).unwrap();
    assert_eq!(echo_over(&mut standing, "one").unwrap(), "one");
    // At the same addresses it is left alone.
    let port = port_of(one);
    let body =
        format!(r#"[{{"name":"one","listen":"127.0.0.1:{port}","upstream":"127.0.0.1:{echo}"}}]"#);
    let same = lab.ask("POST", "/populate", &body).is(201).json();
    assert_eq!(&same["proxies"][0], one);
    assert_eq!(echo_over(&mut standing, "two").unwrap(), "two");
    // At others it is replaced.
    let body =
        format!(r#"[{{"name":"one","listen":"127.0.0.1:{port}","upstream":"127.0.0.1:{db}"}}]"#);
    let other = lab.ask("POST", "/populate", &body).is(201).json();
    assert_eq!(other["proxies"][0]["toxics"], json!([]));
    assert!(!matches!(standing.read(&mut [0; 8]), Ok(1..)));
}

#[test]
fn populate_does_nothing_if_one_is_wrong_and_tells_what_was_done_otherwise() {
    let lab = Lab::new();
    let fails = |body: &str, status: u16, error: &str| {
        let answer = lab.ask("POST", "/populate", body).is(status);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json(), json!({ "error": error, "status": status, "proxies": null }));
    };
    fails("", 400, "bad request body: EOF");
    fails("{}", 400, "bad request body: a list of proxies is expected");
    let good = r#"{"name":"one","upstream":"localhost:1"}"#;
    fails(
        &format!(r#"[{good},{{"upstream":"localhost:1"}}]"#),
        400,
        "missing required field: name at proxy 2",
    );
    fails(
        &format!(r#"[{good},{{"name":"two"}}]"#),
        400,
        "missing required field: upstream at proxy 2",
    );
    fails(&format!("[{good},{good}]"), 500, "duplicate proxy name \"one\"");
    let toxic = r#"{"name":"two","upstream":"localhost:1","toxics":[{"type":"lag"}]}"#;
    fails(&format!("[{good},{toxic}]"), 400, "invalid toxic type");
    lab.ask("GET", "/proxies/one", "").is(404);
    let taken = lab.up.port("db");
    let second =
        format!(r#"{{"name":"two","listen":"localhost:{taken}","upstream":"localhost:1"}}"#);
    let answer = lab.ask("POST", "/populate", &format!("[{good},{second}]")).is(500).json();
    assert_eq!(
        answer["error"],
        format!("listen tcp localhost:{taken}: bind: address already in use")
    );
    assert_eq!(answer["proxies"][0]["name"], "one");
}

#[test]
fn reset_enables_every_proxy_and_removes_every_toxic() {
    let lab = Lab::new();
    let port = lab.proxy("extra", "echo");
    lab.ask("POST", "/proxies/extra", r#"{"enabled":false}"#).is(200);
    lab.toxic("extra", r#""type":"noop""#);
    lab.toxic("db", r#""type":"latency""#);
    assert_eq!(lab.ask("POST", "/reset", "").is(204).body, "");
    for proxy in lab.ask("GET", "/proxies", "").json().as_object().unwrap().values() {
        assert_eq!((&proxy["enabled"], &proxy["toxics"]), (&json!(true), &json!([])));
    }
    assert_eq!(echoed(port, "hello").unwrap(), "hello");
}

#[test]
fn the_version_is_that_of_the_api_and_every_routed_answer_has_a_number() {
    let lab = Lab::new();
    let version = lab.ask("GET", "/version", "").is(200);
    assert_eq!(version.body, "{\"version\": \"2.12.0\"}\n");
    assert_eq!(version.header("content-type"), "application/json;charset=utf-8");
    let again = lab.ask("GET", "/proxies/nobody", "").is(404);
    let numbers = [version, again].map(|answer| answer.header("X-Toxiproxy-Request-Id").to_owned());
    assert!(
        numbers[0] != numbers[1] && numbers.iter().all(|number| number.len() == 20),
        "{numbers:?}"
    );
}

#[test]
fn what_is_not_there_is_404_and_what_is_not_done_there_405() {
    let lab = Lab::new();
    for path in ["/", "/metrics", "/proxies/", "/proxies/db/", "/proxies/db/toxics/", "/nothing"] {
        let answer = lab.ask("GET", path, "").is(404);
        assert_eq!(answer.body, "404 page not found\n", "{path}");
        assert_eq!(answer.header("x-toxiproxy-request-id"), "");
    }
    for (method, path) in [
        ("PUT", "/proxies"),
        ("PATCH", "/proxies"),
        ("DELETE", "/proxies"),
        ("GET", "/populate"),
        ("PATCH", "/populate"),
        ("PUT", "/proxies/db"),
        ("DELETE", "/proxies/db/toxics"),
        ("PATCH", "/proxies/db/toxics"),
        ("GET", "/reset"),
        ("PATCH", "/reset"),
        ("POST", "/version"),
        ("HEAD", "/version"),
    ] {
        assert_eq!(lab.ask(method, path, "").is(405).body, "", "{method} {path}");
    }
}

#[test]
fn web_pages_are_refused() {
    let lab = Lab::new();
    let agent = lab.ask_with("GET", "/proxies", "", "User-Agent: Mozilla/5.0\r\n").is(403);
    assert_eq!(agent.body, "User agent not allowed\n");
    let api = lab.api;
    for headers in [
        format!("Origin: http://localhost:{api}\r\n"),
        "Origin: null\r\n".to_owned(),
        "Sec-Fetch-Site: cross-site\r\n".to_owned(),
        format!("Host: evil.example:{api}\r\n"),
        "Host: localhost:80\r\n".to_owned(),
        format!("Host: localhost:{api}\r\nHost: evil.example\r\n"),
    ] {
        let path = "/proxies/db/toxics";
        let answer = lab.ask_with("POST", path, r#"{"type":"noop"}"#, &headers);
        assert!(matches!(answer.status, 400 | 403), "{headers} {answer:?}");
    }
    assert_eq!(lab.ask("GET", "/proxies/db/toxics", "").json(), json!([]));
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        lab.ask_with("GET", "/version", "", &format!("Host: {host}:{api}\r\n")).is(200);
    }
    for agent in ["toxiproxy-cli/v2.12.0 (linux/amd64)", "python-requests/2.32.3", "node"] {
        lab.ask_with("GET", "/version", "", &format!("User-Agent: {agent}\r\n")).is(200);
    }
}

#[test]
fn bad_requests_harm_nobody() {
    let lab = Lab::new();
    let long = "x".repeat(2 * 1024 * 1024);
    lab.ask("POST", "/proxies", &format!(r#"{{"name":"{long}"}}"#))
        .fails(400, "bad request body: it is too long");
    let name = "n".repeat(300);
    lab.ask("POST", "/proxies", &format!(r#"{{"name":"{name}","upstream":"localhost:1"}}"#))
        .is(400);
    let deep = "[".repeat(100_000);
    lab.ask("POST", "/populate", &deep).is(400);
    for bytes in
        [&b"\x00\xff\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", b"GET /proxies HTTP/1.0\r\n\r\n"]
    {
        let mut stream = connect(lab.api).unwrap();
        stream.write_all(bytes).unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(!said.starts_with(b"HTTP/1.1 200") && !said.starts_with(b"HTTP/1.0 200"));
    }
    // Nobody who says nothing holds others up.
    let idle: Vec<_> = (0..20).map(|_| connect(lab.api).unwrap()).collect();
    lab.ask("GET", "/version", "").is(200);
    drop(idle);
}

#[test]
fn an_update_that_cannot_be_leaves_the_proxy_where_it_is() {
    let lab = Lab::new();
    let port = lab.proxy("extra", "echo");
    let before = lab.ask("GET", "/proxies/extra", "").json();
    let taken = lab.up.port("db");
    for (body, status) in [
        (r#"{"upstream":"bad"}"#.to_owned(), 400),
        (r#"{"listen":"bad"}"#.to_owned(), 500),
        (r#"{"listen":"0.0.0.0:0"}"#.to_owned(), 500),
        (format!(r#"{{"listen":"127.0.0.1:{taken}"}}"#), 500),
    ] {
        let answer = lab.ask("POST", "/proxies/extra", &body);
        assert_eq!(answer.status, status, "{body} {answer:?}");
        assert_eq!(lab.ask("GET", "/proxies/extra", "").json(), before, "{body}");
        let mut stream = connect(port).unwrap();
        stream.write_all(b"x").unwrap();
        let mut back = [0];
        stream.read_exact(&mut back).unwrap();
    }
    // One that is closed is told at once, too.
    lab.ask("POST", "/proxies/extra", r#"{"enabled":false}"#).is(200);
    lab.ask("POST", "/proxies/extra", r#"{"upstream":"bad"}"#).is(400);
    let json = lab.ask("GET", "/proxies/extra", "").json();
    assert_eq!((&json["enabled"], &json["upstream"]), (&json!(false), &before["upstream"]));
    lab.up.stop();
}
