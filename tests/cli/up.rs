//! `looplab up`.

use std::io::{Read as _, Write as _};

use rustix::process::Signal;

use super::bench::{Bench, GOOD, Running, ports_in};

/// One request, one reply, over a connection of its own.
fn ask(port: u16, path: &str) -> String {
    #[expect(clippy::disallowed_types, reason = "this test is the stranger from outside")]
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}

fn up(bench: &Bench) -> Running {
    bench.start("up good.yaml", "Ctrl-C stops")
}

#[test]
fn servers_stay_until_they_are_stopped_and_strangers_are_drawn() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let mut running = up(&bench);
    let port = ports_in(&running.said)[0];
    assert!(running.said.contains(&format!("\nexport GREETER_URL=http://127.0.0.1:{port}\n")));
    assert!(ask(port, "/hello").ends_with(r#"{"msg":"hi"}"#));
    running.until("◄─ 200 OK");
    assert!(running.said.contains("outside"), "{}", running.said);
    assert!(!running.said.contains("alice"), "clients do nothing: {}", running.said);
    running.signal(Signal::INT);
    let ran = running.end().exits(0).without_complaint();
    ran.says(&["stopped after 2 messages", "runs/good/trace.jsonl"]);
    assert!(bench.read("runs/good/trace.jsonl").contains("\"from\":\"outside\""));
}

#[test]
fn the_endpoints_are_told_to_programs_and_shells_and_taken_back() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let running = up(&bench);
    let port = ports_in(&running.said)[0];
    let json: serde_json::Value =
        serde_json::from_str(&bench.read("runs/good/endpoints.json")).unwrap();
    assert_eq!(json["scenario"], "good");
    assert_eq!(json["pid"], running.pid());
    assert_eq!(json["endpoints"][0]["name"], "greeter");
    assert_eq!(json["endpoints"][0]["port"], port);
    assert_eq!(json["endpoints"][0]["url"], format!("http://127.0.0.1:{port}"));
    let env = bench.read("runs/good/endpoints.env");
    assert!(env.contains(&format!("export GREETER_PORT={port}\n")), "{env}");
    running.signal(Signal::TERM);
    running.end().exits(0);
    let left: Vec<_> =
        bench.path("runs/good").read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["trace.jsonl"]);
}

#[test]
fn a_scenario_for_the_virtual_world_comes_up_in_the_real_one() {
    let bench =
        Bench::new(&[("good.yaml", &GOOD.replace("name: good", "name: good\nclock: virtual"))]);
    let running = up(&bench);
    assert!(ask(ports_in(&running.said)[0], "/hello").starts_with("HTTP/1.1 200 OK"));
    running.signal(Signal::INT);
    running.end().exits(0);
}

#[test]
fn quiet_prints_the_addresses_and_nothing_after_that() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let running = bench.start("up good.yaml --quiet", "Ctrl-C stops");
    ask(ports_in(&running.said)[0], "/hello");
    running.signal(Signal::INT);
    let ran = running.end().exits(0);
    assert!(!ran.out.contains("GET /hello"), "{}", ran.out);
}

#[test]
fn it_ends_when_nobody_reads_any_more() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let running = up(&bench);
    let port = ports_in(&running.said)[0];
    let unread = running.stop_reading();
    // It may have noticed and ended before, at any point of this.
    #[expect(clippy::disallowed_types, reason = "this test is the stranger from outside")]
    if let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) {
        let _ = stream.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert_eq!(unread.end(), (0, String::new()));
}

#[test]
fn it_ends_when_nobody_reads_even_if_nothing_happens() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    assert_eq!(up(&bench).stop_reading().end(), (0, String::new()));
}

#[test]
fn quiet_goes_on_when_nobody_reads_any_more() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let running = bench.start("up good.yaml --quiet", "Ctrl-C stops");
    let (port, pid) = (ports_in(&running.said)[0], running.pid());
    let unread = running.stop_reading();
    // Longer than it takes to notice.
    let watch = looplab::net::Stopwatch::start();
    while watch.elapsed() < std::time::Duration::from_millis(300) {
        assert!(ask(port, "/hello").ends_with(r#"{"msg":"hi"}"#));
    }
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    assert_eq!(unread.end(), (0, String::new()));
}
