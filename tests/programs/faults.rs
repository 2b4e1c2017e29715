//! Faults reach programs as they reach looplab's own servers.

use crate::lab::{Lab, have};

/// A program that answers each line with its own number and the line, and how many lines it has seen.
const COUNTER: &str = r#"
import os, socketserver
seen = 0
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        global seen
        for line in self.rfile:
            seen += 1
            self.wfile.write(b"%d %d %s" % (os.getpid(), seen, line))
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"#;

fn lab(rest: &str) -> Lab {
    let scenario = format!(
        "servers:\n  app:\n    type: process\n    command: [python3, app.py]\n    protocol: line\n    \
         ready: {{ within: 60s }}\n{rest}"
    );
    Lab::new(&scenario).with("app.py", COUNTER)
}

#[test]
fn a_crash_kills_and_a_restart_starts_anew_with_nothing_remembered() {
    if !have("python3") {
        return;
    }
    let ran = lab(r#"clients:
  alice:
    timeout: 30s
    steps:
      - connect: app
      - send: "a\n"
      - receive: line
        expect: { text: { matches: " 1 a" } }
      - send: "b\n"
      - receive: line
        expect: { text: { matches: " 2 b" } }
      - fault: { crash: app }
      - receive: line
        expect: { error: reset }
      - connect: app
        as: refused
        expect: { error: refused }
      - restart: app
      - connect: app
        as: again
        retry: { every: 20ms, for: 30s }
      - send: "c\n"
        on: again
      - receive: line
        on: again
        expect: { text: { matches: " 1 c" } }
"#)
    .run("")
    .exits(0);
    assert_eq!(ran.kind("crash").len(), 1);
    assert_eq!(ran.kind("restart").len(), 1);
    let starts = ran.lines("app").iter().filter(|line| line.starts_with("started as")).count();
    assert_eq!(starts, 2);
    let ports: Vec<_> = ran.kind("listen").iter().map(|event| event["address"].clone()).collect();
    assert_eq!(ports[0], ports[1], "others find it where it was");
}

#[test]
fn a_pause_is_a_stop_of_the_process_and_what_came_meanwhile_is_answered_after_it() {
    if !have("python3") {
        return;
    }
    let ran = lab(r#"clients:
  alice:
    timeout: 30s
    steps:
      - connect: app
      - send: "a\n"
      - receive: line
      - fault: { pause: app }
      - send: "b\n"
      - receive: line
        timeout: 200ms
        expect: { error: timeout }
      - resume: app
      - receive: line
        expect: { text: { matches: " 2 b" } }
"#)
    .run("")
    .exits(0);
    assert_eq!((ran.kind("pause").len(), ran.kind("resume").len()), (1, 1));
}

#[test]
fn a_run_that_ends_while_a_program_stands_still_leaves_nothing() {
    if !have("python3") {
        return;
    }
    let ran = lab("clients: { alice: { steps: [{ fault: { pause: app } }] } }\n").run("").exits(0);
    let started = &ran.lines("app")[0];
    let pid = started.split(' ').nth(3).unwrap().trim_end_matches(':');
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let gone = status.is_empty() || status.contains(") Z ") || !status.contains("python3");
    assert!(gone, "{status}");
}

#[test]
fn a_link_harms_what_programs_say_to_each_other() {
    if !have("python3") || !have("bash") {
        return;
    }
    let ran = lab(r#"links:
  - { from: caller, to: app, latency: 50ms }
clients:
  caller:
    type: process
    command: [bash, -c, "exec 3<>/dev/tcp/${app.host}/${app.port}; echo hello >&3; head -1 <&3"]
    expect: { stdout: { matches: " 1 hello" } }
checks:
  - latency: { from: caller, min: { gte: 100ms } }
"#)
    .run("")
    .exits(0);
    assert_eq!(ran.messages("caller", "app").len(), 1);
}
