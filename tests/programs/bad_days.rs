//! Programs that do not do what they should: a clear verdict, bounded memory, nothing left running.

use std::io::Read as _;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::Signal;

use crate::lab::{Lab, have, processes_with};

/// Longer than anything here takes that goes well.
const LONG: Duration = Duration::from_secs(60);

/// A scenario with one program.
fn app(keys: &str) -> Lab {
    Lab::new(&format!("servers:\n  app:\n    type: process\n{keys}"))
}

#[test]
fn a_program_that_does_not_start_is_an_error_at_its_place() {
    app("    command: [no-such-program, x]\n").run("").exits(3).complains(&[
        "`app` cannot be started",
        "lab.yaml:6:14",
        "there is no such program",
        "it is looked for in PATH",
    ]);
    let text = "    command: [./script]\n";
    app(text).with("script", "#!/bin/sh\n").run("").exits(3).complains(&["it may not be executed"]);
}

#[test]
fn a_program_that_ends_before_it_is_ready_is_an_error_with_its_last_lines() {
    let keys = "    command: \"echo one; echo two >&2; exit 3\"\n";
    let said = ["`app` ended with exit code 3 before it was ready", "one\n", "two\n"];
    app(keys).run("").exits(3).complains(&said);
    let keys = "    command: \"kill -SEGV $$\"\n";
    app(keys).run("").exits(3).complains(&["`app` was ended by SIGSEGV before it was ready"]);
}

#[test]
fn a_program_that_is_never_ready_is_an_error_that_says_what_was_missing() {
    for (keys, said) in [
        ("command: sleep 1000.0721\n    ready: { within: 100ms }", "nothing listens at port "),
        (
            "command: echo soon; sleep 1000.0721\n    ready: { line: \"on port (.*)\", within: 100ms }",
            "no line in which `on port (.*)` finds anything",
        ),
    ] {
        let ran = app(&format!("    {keys}\n")).run("").exits(3);
        ran.complains(&["`app` was not ready within 100ms", said]);
    }
    assert_eq!(processes_with("1000.0721"), [0; 0], "it is gone by then");
}

#[test]
fn a_program_that_listens_elsewhere_is_told_so() {
    if !have("python3") {
        return;
    }
    // It takes a port that is free, but not the one that it was told.
    let script = "import socket, time\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n\
                  print('here', flush=True)\ntime.sleep(1000)\n";
    let keys = "    command: python3 app.py\n    ready: { within: 5s }\n";
    app(keys).with("app.py", script).run("").exits(3).complains(&[
        "`app` was not ready within 5s",
        "it listens at port ",
        "give it `${port}` or PORT, or write `listen: ",
    ]);
}

#[test]
fn a_health_check_that_fails_says_with_what() {
    if !have("python3") {
        return;
    }
    let keys =
        "    command: python3 -u -m http.server $PORT\n    ready: { http: /healthy, within: 5s }\n";
    app(keys).run("").exits(3).complains(&["GET /healthy is answered with 404, not 200"]);
}

#[test]
fn a_port_that_somebody_else_has_is_an_error_that_names_him() {
    let other = Lab::new("servers: { db: { type: redis } }\n");
    let running = other.start("up lab.yaml --out out", "Ctrl-C stops");
    let port = crate::lab::ports(&other)["db"];
    let keys = format!("    command: sleep 1000\n    listen: {port}\n");
    app(&keys).run("").exits(3).complains(&[
        "`app` cannot have its port",
        &format!("port {port} is held by looplab (process {})", running.pid()),
    ]);
    running.signal(Signal::INT);
    running.end().exits(0);
}

#[test]
fn an_external_server_that_is_not_there_is_an_error_at_its_address() {
    let lab = Lab::new("servers: { db: { type: external, address: \"127.0.0.1:1\" } }\n");
    lab.run("").exits(3).complains(&["`db` cannot be reached", "nothing listens at 127.0.0.1:1"]);
}

#[test]
fn a_program_that_ends_in_the_middle_fails_the_run() {
    if !have("python3") {
        return;
    }
    let lab = Lab::new(
        r#"servers:
  app:
    type: process
    command: "exec python3 -u app.py"
    protocol: line
    ready: { within: 60s }
clients:
  alice:
    steps:
      - connect: app
      - send: "hello\n"
      - wait: 50s
"#,
    )
    .with(
        "app.py",
        "import os, socket\ns = socket.socket()\ns.bind(('127.0.0.1', int(os.environ['PORT'])))\ns.listen()\n\
         c, _ = s.accept()\nc.recv(100)\nraise RuntimeError('out of paper')\n",
    );
    let ran = lab.run("").exits(1);
    let verdict = "`app` ended with exit code 1; its last line: RuntimeError: out of paper";
    assert!(ran.out.contains(verdict), "{}", ran.out);
    let crash = ran.kind("crash")[0];
    assert_eq!((&crash["node"], &crash["fault"]), (&"app".into(), &serde_json::Value::Null));
    let end = ran.kind("end")[0];
    assert_eq!(end["outcome"], "failed");
}

#[test]
fn a_program_that_goes_into_the_background_is_refused_and_gone() {
    let mark = "1000.0731";
    let keys = format!("    command: \"setsid sleep {mark} & exit 0\"\n");
    app(&keys).run("").exits(3).complains(&[
        "`app` ended with exit code 0 before it was ready",
        "it went into the background",
        "run it in the foreground",
    ]);
    assert_eq!(processes_with(mark), [0; 0]);
}

#[test]
fn a_flood_of_output_takes_neither_memory_nor_disk_nor_for_ever() {
    let lab = Lab::new(
        "trace: { bytes: 1KiB }\nclients:\n  flood: { type: process, command: \"yes | head -c 1000000000\", \
         timeout: 60s }\n",
    );
    // Room for the program and its threads, and for a small part of the flood.
    let limited = "ulimit -v 700000; exec \"$0\" run lab.yaml --out out --quiet";
    let mut command = lab.command("");
    command.args::<[&str; 0], _>([]);
    let mut limiting = std::process::Command::new("sh");
    limiting.args(["-c", limited, env!("CARGO_BIN_EXE_looplab")]);
    limiting
        .current_dir(lab.bench.path("."))
        .envs(command.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let output = limiting.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let trace = lab.bench.read("out/trace.jsonl");
    assert!(trace.len() < 8 << 20, "{} bytes", trace.len());
    let events = lab.events();
    let lines = crate::lab::lines(&events, "flood");
    assert_eq!(lines.iter().filter(|line| *line == "y").count(), 20_000);
    assert_eq!(lines.last().unwrap(), "999,960,000 bytes more of its output were not kept");
}

#[test]
fn nothing_outlives_looplab_even_if_it_is_killed() {
    if !have("python3") {
        return;
    }
    // Every process of it holds the pipe: one that detached twice, one that it waits for, itself.
    let lab = app("    command: \"exec 9>lifeline; sh start.sh\"\n    ready: { within: 60s }\n")
        .with("start.sh", "( setsid sh -c 'setsid sleep 1000 & sleep 1000' & )\nexec python3 app.py\n")
        .with(
            "app.py",
            "import os, socket, time\ns = socket.socket()\ns.bind(('127.0.0.1', int(os.environ['PORT'])))\n\
             s.listen()\ntime.sleep(1000)\n",
        );
    let gone = lifeline(&lab);
    let running = lab.start("up lab.yaml --out out", "Ctrl-C stops");
    assert!(gone.try_recv().is_err(), "it runs");
    running.signal(Signal::KILL);
    running.gone();
    gone.recv_timeout(LONG).expect("every process of the program is gone");
}

#[test]
fn an_interrupt_while_a_program_starts_ends_it_in_order() {
    let mark = "1000.0741";
    let lab = app(&format!("    command: \"echo begun >&2; sleep {mark}\"\n"));
    let running = lab.start("up lab.yaml --out out", "begun");
    running.signal(Signal::INT);
    running.end().exits(0);
    assert_eq!(processes_with(mark), [0; 0]);
}

#[test]
fn a_scenario_with_programs_is_refused_where_it_must_not_run() {
    let lab = app("    command: \"touch ran\"\n");
    let said = ["this would start a program", "lab.yaml:6:14", "--no-exec forbids it"];
    lab.run("--no-exec").exits(2).complains(&said);
    let said = ["the virtual world has no room for a program", "leave out --clock virtual"];
    lab.run("--clock virtual").exits(2).complains(&said);
    let lab = Lab::new(
        "clock: virtual\nservers: { db: { type: external, address: \"127.0.0.1:1\" } }\nclients: { c: { type: process, command: touch ran } }\n",
    );
    let said = ["the virtual world has no room for a program", "write `clock: real`"];
    lab.run("").exits(2).complains(&said);
    assert!(!lab.bench.path("ran").exists());
}

#[test]
fn a_library_without_a_guard_starts_nothing() {
    use looplab::plan::{Overrides, Plan};
    use looplab::run::{Hooks, run};
    use looplab::trace::Recorder;
    let text = "looplab: 1\nservers: { app: { type: process, command: sleep 1000 } }\n";
    let plan = Plan::parse("x.yaml", text.as_bytes(), None, Overrides::default()).unwrap();
    let plan = std::sync::Arc::new(plan);
    let error = run(&plan, &Recorder::new(Vec::new()), Hooks::default()).unwrap_err();
    assert_eq!(error.to_string(), "`app` cannot be started");
    let drawn = error.diagnostic().unwrap().render(&plan.source, false);
    assert!(drawn.contains("no guard is at hand that would end it"), "{drawn}");
}

/// A program that does not listen to SIGTERM, and holds the pipe `lifeline` open.
const STUBBORN: &str = "import os, signal, socket, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
                        held = open('lifeline', 'w')\ns = socket.socket()\n\
                        s.bind(('127.0.0.1', int(os.environ['PORT'])))\ns.listen()\ntime.sleep(1000)\n";

#[test]
fn a_second_interrupt_ends_looplab_at_once_and_the_program_with_it() {
    if !have("python3") {
        return;
    }
    let keys = "    command: python3 app.py\n    ready: { within: 60s }\n    stop: { grace: 1m }\n";
    let lab = app(keys).with("app.py", STUBBORN);
    let lifeline = lifeline(&lab);
    let running = lab.start("up lab.yaml --out out", "Ctrl-C stops");
    // Two of the same signal can become one on their way.
    running.signal(Signal::INT);
    running.signal(Signal::TERM);
    lifeline.recv_timeout(LONG / 2).expect("the program is gone, and it was not waited for");
    running.gone();
}

#[test]
fn an_interrupted_run_ends_the_programs_that_are_clients() {
    let mark = "1000.0751";
    let lab = Lab::new(&format!(
        "timeout: 10m\nclients: {{ suite: {{ type: process, timeout: 5m, command: \"echo begun >&2; sleep {mark}\" }} }}\n"
    ));
    let running = lab.start("run lab.yaml --out out", "begun");
    running.signal(Signal::INT);
    running.end().exits(130);
    assert_eq!(processes_with(mark), [0; 0]);
}

#[test]
fn servers_that_are_up_go_down_with_a_program_that_ends() {
    if !have("python3") {
        return;
    }
    let script = "import os, socket\ns = socket.socket()\ns.bind(('127.0.0.1', int(os.environ['PORT'])))\n\
                  s.listen()\ns.accept()\nraise SystemExit(7)\n";
    let lab =
        app("    command: python3 app.py\n    ready: { within: 60s }\n").with("app.py", script);
    let running = lab.start("up lab.yaml --out out", "Ctrl-C stops");
    let port = crate::lab::ports(&lab)["app"];
    let asked = std::process::Command::new("python3")
        .args(["-c", &format!("import socket; socket.create_connection(('127.0.0.1', {port}))")])
        .status();
    assert!(asked.unwrap().success());
    running.end().exits(1).complains(&["`app` ended with exit code 7"]);
}

#[test]
fn who_brings_a_program_back_is_told_when_it_is_ready_and_if_it_never_will_be() {
    if !have("python3") {
        return;
    }
    let script = "import os, socket, sys, time\nif os.path.exists('broken'): sys.exit('it is broken')\n\
                  s = socket.socket()\ns.bind(('127.0.0.1', int(os.environ['PORT'])))\ns.listen()\ntime.sleep(1000)\n";
    let lab =
        app("    command: python3 app.py\n    ready: { within: 60s }\n").with("app.py", script);
    let running = lab.start("up lab.yaml --out out", "Ctrl-C stops");
    let says = |line: &str| lab.bench.looplab(line).exits(0).out;
    assert_eq!(says("node crash app"), "app is down\n");
    assert_eq!(says("node restart app"), "app is up\n");
    let broken = lab.bench.path("broken");
    std::fs::write(&broken, "").unwrap();
    assert_eq!(says("node crash app"), "app is down\n");
    let ran = lab.bench.looplab("node restart app").exits(2);
    ran.complains(&["`app` did not come back", "it is broken"]);
    std::fs::remove_file(&broken).unwrap();
    assert_eq!(says("node restart app"), "app is up\n");
    running.signal(Signal::INT);
    running.end().exits(0);
}

#[test]
fn a_program_with_a_port_of_its_own_comes_back_at_it() {
    if !have("redis-server") || !have("python3") {
        return;
    }
    // A port that nobody has just now; nobody else is told of it.
    let free = std::process::Command::new("python3")
        .args(["-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"])
        .output()
        .unwrap();
    let free = String::from_utf8(free.stdout).unwrap();
    let free = free.trim();
    let lab = Lab::new(&format!(
        r#"servers:
  db:
    type: process
    command: [redis-server, --port, "{free}", --bind, 127.0.0.1, --save, ""]
    protocol: redis
    listen: {free}
    ready: {{ within: 60s }}
clients:
  alice:
    steps:
      - redis: db SET x 1
      - fault: {{ crash: db }}
      - restart: db
      - redis: db GET x
        retry: {{ every: 20ms, for: 30s }}
        expect: {{ reply: null }}
"#
    ));
    lab.run("").exits(0);
}

/// Makes the pipe `lifeline` in a folder. What is returned completes when no process holds it any more
/// that has opened it.
fn lifeline(lab: &Lab) -> mpsc::Receiver<()> {
    let path = lab.bench.path("lifeline");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let (tell, gone) = mpsc::channel();
    std::thread::spawn(move || {
        let mut nothing = String::new();
        std::fs::File::open(path).unwrap().read_to_string(&mut nothing).unwrap();
        let _ = tell.send(());
    });
    gone
}
