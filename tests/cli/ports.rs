//! `looplab ports`.

use rustix::process::Signal;

use super::bench::{Bench, GOOD, ports_in};

#[test]
fn servers_that_are_up_are_listed_with_their_scenario() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    bench.looplab("ports").exits(0).says(&["no looplab run of this user listens anywhere"]);
    let running = bench.start("up good.yaml", "Ctrl-C stops");
    let (port, pid) = (ports_in(&running.said)[0], running.pid());
    let ran = bench.looplab("ports").exits(0).without_complaint();
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["PORT", "SERVER", "KIND", "SCENARIO", "COMMAND", "PROCESS"]);
    assert_eq!(lines[1], [&port.to_string(), "greeter", "http", "good", "up", &pid.to_string()]);
    let one = bench.looplab(&format!("ports {port}")).exits(0);
    one.says(&[&format!("port {port} is `greeter` (http) of scenario good"), &pid.to_string()]);
    running.signal(Signal::INT);
    running.end().exits(0);
    bench.looplab("ports").exits(0).says(&["no looplab run"]);
}

#[test]
fn any_port_has_a_holder_or_none() {
    #[expect(clippy::disallowed_types, reason = "this test is the one that holds the port")]
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let bench = Bench::new(&[]);
    let me = format!("(process {})", std::process::id());
    bench.looplab(&format!("ports {port}")).exits(0).says(&["is held by", &me]);
    drop(held);
    bench.looplab(&format!("ports {port}")).exits(0).says(&["nobody listens"]);
}

#[test]
fn what_a_killed_process_has_left_is_cleared_away() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let running = bench.start("up good.yaml", "Ctrl-C stops");
    running.signal(Signal::KILL);
    running.gone();
    let folder = bench.path("looplab");
    assert_eq!(folder.read_dir().unwrap().count(), 1, "it had no time to clear up");
    std::fs::write(folder.join("notes.json"), "mine").unwrap();
    bench.looplab("ports").exits(0).says(&["no looplab run"]);
    let left: Vec<_> = folder.read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["notes.json"], "and nobody else's file is touched");
}
