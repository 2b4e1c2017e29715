//! `looplab run`.

use rustix::process::Signal;

use super::bench::{BAD, Bench, GOOD, LONG, ports_in};

#[test]
fn a_run_shows_the_addresses_the_arrows_and_the_verdict() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let ran = bench.looplab("run good.yaml").exits(0).without_complaint().says(&[
        "good: A greeting.\n",
        "  greeter  http  127.0.0.1:",
        "  real clock, seed 1",
        "── GET /hello ──",
        r#"◄─ 200 OK {"msg":"hi"} ─"#,
        "2 messages",
        "alice → greeter         1        1",
        "✓ calls: 1 call to greeter",
        "all holds",
        "runs/good/trace.jsonl",
        "looplab run good.yaml --clock real --seed 1",
    ]);
    assert!(!ran.out.contains('\u{1b}'), "no colours in a pipe");
    let [port] = ports_in(&ran.out)[..] else { panic!("{}", ran.out) };
    assert!(ran.out.contains(&format!("http :{port}")), "the same port stands at the lifeline");
    assert!(bench.read("runs/good/trace.jsonl").ends_with("\"outcome\":\"ok\",\"text\":\"\"}\n"));
}

#[test]
fn what_fails_is_told_with_its_line_and_a_caret() {
    let bench = Bench::new(&[("bad.yaml", BAD)]);
    let ran = bench.looplab("run bad.yaml --clock virtual").exits(1).without_complaint();
    ran.says(&[
        "✗ alice: get greeter/hello\n              bad.yaml:12:27  expect: { status: 404 }\n",
        "^^^ expected 404, got 200",
        "✗ calls: 1 call to greeter, expected 7",
        "bad.yaml:14:",
        "steps     1 failed",
        "verdict   failed",
    ]);
}

#[test]
fn the_same_seed_in_the_virtual_world_prints_the_same_text() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let run = || bench.looplab("run good.yaml --clock virtual --seed 7").exits(0).out;
    let (first, trace) = (run(), bench.read("runs/good/trace.jsonl"));
    assert_eq!(first, run());
    assert_eq!(trace, bench.read("runs/good/trace.jsonl"));
    assert!(first.contains("virtual clock, seed 7") && first.contains("byte for byte"), "{first}");
}

#[test]
fn quiet_says_nothing_if_all_holds_and_what_fails_if_not() {
    let bench = Bench::new(&[("good.yaml", GOOD), ("bad.yaml", BAD)]);
    assert_eq!(bench.looplab("run good.yaml --quiet").exits(0).without_complaint().out, "");
    let ran = bench.looplab("run bad.yaml -q").exits(1);
    assert!(!ran.out.contains("GET /hello ──"), "{}", ran.out);
    ran.says(&["✗ alice: get greeter/hello", "expected 404, got 200", "expected 7", "failed"]);
}

#[test]
fn the_trace_lies_where_it_is_asked_for() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    bench
        .looplab("run good.yaml --out there/and/here")
        .exits(0)
        .says(&["there/and/here/trace.jsonl"]);
    assert!(bench.read("there/and/here/trace.jsonl").starts_with(r#"{"looplab":"trace""#));
    assert!(!bench.path("runs").exists());
    std::fs::write(bench.path("file"), "").unwrap();
    bench.looplab("run good.yaml --out file/x").exits(2).complains(&["cannot make the folder"]);
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let run = |args: &str, env: &[(&str, &str)]| {
        let line = format!("run good.yaml --clock virtual {args}");
        let output = bench.command(line.split_whitespace()).envs(env.to_vec()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let coloured = |text: &str| text.contains("\u{1b}[");
    assert!(!coloured(&run("", &[])));
    assert!(coloured(&run("--color always", &[])));
    assert!(coloured(&run("--color always", &[("NO_COLOR", "1")])), "the command line has its way");
    assert!(coloured(&run("", &[("CLICOLOR_FORCE", "1")])));
    assert!(!coloured(&run("", &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])));
    assert!(!coloured(&run("--color never", &[("CLICOLOR_FORCE", "1")])));
}

#[test]
fn ascii_is_for_old_locales_and_for_those_who_ask() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    let run = |args: &str, env: &[(&str, &str)]| {
        let line = format!("run good.yaml --clock virtual {args}");
        let output = bench.command(line.split_whitespace()).envs(env.to_vec()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run("--ascii", &[]).is_ascii());
    assert!(run("", &[("LC_ALL", "C")]).is_ascii());
    assert!(run("", &[("LANG", "de_DE.ISO-8859-1")]).is_ascii());
    assert!(!run("", &[]).is_ascii());
    assert!(!run("", &[("LANG", "C"), ("LC_ALL", "C.UTF-8")]).is_ascii());
    assert!(run("--ascii", &[]).contains("|-- GET /hello --"));
}

#[test]
fn the_picture_is_as_wide_as_it_is_told() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    for columns in ["60", "80", "200"] {
        let mut command = bench.command(["run", "good.yaml", "--clock", "virtual"]);
        let output = command.env("COLUMNS", columns).output().unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let widest = out.lines().filter(|line| line.contains('│')).map(|line| line.chars().count());
        assert!(widest.max().unwrap() <= columns.parse().unwrap(), "{out}");
    }
}

#[test]
fn a_taken_port_is_exit_code_3_and_its_holder_is_named() {
    #[expect(clippy::disallowed_types, reason = "this test is the one that takes the port")]
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let scenario = GOOD.replace("    type: http", &format!("    type: http\n    port: {port}"));
    let bench = Bench::new(&[("good.yaml", &scenario)]);
    for command in ["run", "up"] {
        let ran = bench.looplab(&format!("{command} good.yaml")).exits(3);
        let me = format!("(process {})", std::process::id());
        let held = format!("port {port} is held by");
        ran.complains(&["server `greeter` cannot listen", "good.yaml:7:11", &held, &me]);
        assert!(!bench.path("runs/good/trace.jsonl").exists(), "nothing ran");
    }
}

#[test]
fn ctrl_c_ends_a_run_in_order_with_a_whole_trace() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let bench = Bench::new(&[("long.yaml", LONG)]);
        let mut running = bench.start("run long.yaml", "real clock");
        running.until("200 OK");
        assert!(
            bench.path("looplab").read_dir().unwrap().count() == 1,
            "it can be asked for ports"
        );
        running.signal(signal);
        let ran = running.end().exits(code).without_complaint();
        let port = ports_in(&ran.out)[0];
        ran.says(&["cut short", "2 messages"]);
        let trace = bench.read("runs/long/trace.jsonl");
        assert!(trace.ends_with("}\n"), "{trace}");
        assert!(trace.contains("\"event\":\"close\""), "connections were closed in order: {trace}");
        for line in trace.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
        bench.looplab(&format!("ports {port}")).exits(0).says(&["nobody listens"]);
        assert!(bench.path("looplab").read_dir().unwrap().next().is_none(), "nothing is left");
        bench.looplab("show runs/long").exits(0).says(&["200 OK", "cut short"]);
    }
}

#[test]
fn ctrl_c_ends_a_virtual_run_that_never_idles() {
    let endless = LONG.replace(
        "      - wait: 30m",
        "      - repeat: 1000000000\n        steps: [{ get: greeter/hello }]",
    );
    let endless = endless.replace("timeout: 1h", "timeout: 24h");
    let bench = Bench::new(&[("long.yaml", &endless)]);
    let mut running = bench.start("run long.yaml --clock virtual", "virtual clock");
    running.until("200 OK");
    running.signal(Signal::INT);
    running.end().exits(130).says(&["cut short", "virtual clock"]);
}

#[test]
fn a_run_goes_on_to_its_verdict_when_nobody_reads() {
    let bench = Bench::new(&[("bad.yaml", BAD)]);
    let unread = bench.spawn("run bad.yaml --clock virtual").stop_reading();
    assert_eq!(unread.end(), (1, String::new()));
    assert!(
        bench.read("runs/bad/trace.jsonl").ends_with("\"outcome\":\"failed\",\"text\":\"\"}\n")
    );
}

#[test]
fn nothing_is_logged_unless_it_is_asked_for() {
    let bench = Bench::new(&[("good.yaml", GOOD)]);
    bench.looplab("run good.yaml --clock virtual").exits(0).without_complaint();
    let ran = bench.looplab("run good.yaml --clock virtual --log-format json").exits(0);
    let messages: Vec<serde_json::Value> =
        ran.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let message = messages.iter().find(|line| line["target"] == "looplab::message").unwrap();
    assert_eq!(message["fields"]["summary"], "GET /hello");
    let ran = bench.looplab("run good.yaml --clock virtual --log looplab::message=info").exits(0);
    assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
    ran.complains(&["looplab::message", "GET /hello", "200 OK"]);
    let mut command = bench.command(["run", "good.yaml", "--clock", "virtual"]);
    let output = command.env("RUST_LOG", "looplab::message=info").output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("GET /hello"));
    bench.looplab("run good.yaml --log =x=").exits(2).complains(&["log filter", "TARGET=LEVEL"]);
}
