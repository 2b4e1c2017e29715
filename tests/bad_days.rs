//! Bad input and bad days, on real sockets and real processes: whatever one client does, the others do
//! not notice and memory stays bounded; and however a run ends, what it leaves can be used.
#![allow(clippy::unwrap_used, reason = "what goes wrong in the bench fails the test, as it should")]

#[path = "common/up.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod up;

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use looplab::base::Rng;
use looplab::net::Stopwatch;
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};

use up::bench::{Bench, Running};
use up::{Tcp, Up, connect, files};

const SERVERS: &str = r#"looplab: 1
name: bad-days
servers:
  web:
    type: http
    routes:
      - { on: GET /hello, respond: { text: hi } }
      - { on: GET /big, respond: { text: BIG } }
      - { on: "* /items", collection: items }
      - { on: "* /behind/{rest...}", proxy_to: hidden, path: "/${params.rest}" }
  hidden:
    type: http
    routes:
      - { on: "* /items", collection: items }
  store: { type: redis }
  echo: { type: echo }
  lines: { type: echo, mode: line }
"#;

/// A question and its answer, for each server.
const EXCHANGES: [(&str, &str, &str); 4] = [
    ("web", "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n", "\r\n\r\nhi"),
    ("store", "*1\r\n$4\r\nPING\r\n", "+PONG\r\n"),
    ("echo", "hello", "hello"),
    ("lines", "hello\n", "hello\n"),
];

fn up(more: &str) -> Up {
    Up::new(&SERVERS.replace("BIG", &"x".repeat(64 << 10)), more)
}

/// Asks and reads until the answer is there.
#[track_caller]
fn ask(stream: &mut Tcp, question: &str, answer: &str) {
    stream.write_all(question.as_bytes()).unwrap();
    let mut reply = Vec::new();
    let mut chunk = [0; 4096];
    while !reply.ends_with(answer.as_bytes()) {
        let n = stream.read(&mut chunk).unwrap();
        assert_ne!(n, 0, "closed after {:?}", String::from_utf8_lossy(&reply));
        reply.extend_from_slice(&chunk[..n]);
    }
}

/// Connections to all servers that have been used, and are to be used again after the bad day.
struct Others(Vec<(Tcp, &'static str, &'static str)>);

impl Others {
    fn new(up: &Up) -> Others {
        let mut others =
            Others(EXCHANGES.map(|(server, ask, answer)| (up.connect(server), ask, answer)).into());
        others.notice_nothing();
        others
    }

    #[track_caller]
    fn notice_nothing(&mut self) {
        for (stream, question, answer) in &mut self.0 {
            ask(stream, question, answer);
        }
    }
}

/// Sends, ends the sending direction, and reads what comes until the server closes.
fn send(up: &Up, server: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = up.connect(server);
    // A server may have had enough before all of it was sent, and may say so with a reset.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    read_to_end(&mut stream)
}

/// Reads until the server closes, in whatever way.
fn read_to_end(stream: &mut Tcp) -> Vec<u8> {
    let mut reply = Vec::new();
    match stream.read_to_end(&mut reply) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "it closes"),
    }
    reply
}

/// What is no request and no command, whoever is asked.
fn garbage() -> Vec<Vec<u8>> {
    let mut rng = Rng::new(11);
    let mut random = |length: usize| (0..length).map(|_| rng.next_u64().to_le_bytes()[0]).collect();
    vec![
        vec![0; 5_000],
        vec![0xff; 100_000],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a hello of TLS".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET /hello HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"GET /hello HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n".to_vec(),
        b"POST /items HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        [b"GET /".as_slice(), &[b'a'; 100_000], b" HTTP/1.1\r\n\r\n"].concat(),
        [b"GET / HTTP/1.1\r\n".as_slice(), &b"a: b\r\n".repeat(10_000), b"\r\n"].concat(),
        b"*-5\r\n".to_vec(),
        b"*1000000000\r\n$1\r\n".to_vec(),
        b"*1\r\n$-7\r\n".to_vec(),
        b"*1\r\n:1\r\n".to_vec(),
        b"*1\r\n$99999999999999999999\r\n".to_vec(),
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nabc".to_vec(),
        b"*1\r\n".repeat(20_000),
        b"\r\n".repeat(20_000),
        b"SET \"unbalanced\r\n".to_vec(),
        random(50),
        random(5_000),
        random(200_000),
    ]
}

#[test]
fn malformed_bytes_end_their_own_connection_alone() {
    let up = up("--quiet");
    let mut others = Others::new(&up);
    for bytes in garbage() {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
        for server in ["web", "hidden"] {
            let reply = String::from_utf8(send(&up, server, &bytes)).expect("a reply is text");
            let refused = reply.is_empty() || reply.starts_with("HTTP/1.1 4");
            assert!(refused || reply.starts_with("HTTP/1.1 505"), "{server} {shown:?}: {reply}");
        }
        let reply = send(&up, "store", &bytes);
        assert!(reply.is_empty() || reply.starts_with(b"-ERR"), "store {shown:?}");
        assert_eq!(send(&up, "echo", &bytes), bytes, "echo {shown:?}");
        let echoed = send(&up, "lines", &bytes);
        let lines = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        assert!(bytes.starts_with(&echoed), "lines {shown:?}");
        assert!(bytes.len() > 65_536 || echoed.len() == lines, "lines {shown:?}");
        others.notice_nothing();
    }
    up.stop();
}

#[test]
fn half_a_request_waits_harms_nobody_and_holds_nobody_up() {
    let up = up("--quiet");
    let mut others = Others::new(&up);
    let mut waiting = Vec::new();
    for (server, question, _) in EXCHANGES {
        for cut in 1..question.len() {
            let mut stream = up.connect(server);
            stream.write_all(&question.as_bytes()[..cut]).unwrap();
            waiting.push(stream);
            others.notice_nothing();
        }
    }
    for (server, question, _) in &EXCHANGES[..2] {
        for cut in 1..question.len() {
            let reply = send(&up, server, &question.as_bytes()[..cut]);
            let refused = reply.is_empty() || reply.starts_with(b"HTTP/1.1 400");
            assert!(refused || reply.starts_with(b"-ERR"), "{server} {cut} bytes");
        }
    }
    let mut stream = up.connect("web");
    stream.write_all(b"POST /items HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").unwrap();
    others.notice_nothing();
    up.stop();
    drop((waiting, stream));
}

/// A line of `/proc/PID/status` that is told in kB.
fn memory_kb(up: &Up, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", up.pid())).unwrap();
    let found = status.lines().find_map(|found| found.strip_prefix(line)).expect(line);
    found.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

/// The most memory that the servers have ever had.
fn peak_kb(up: &Up) -> u64 {
    memory_kb(up, "VmHWM")
}

#[test]
fn what_is_announced_and_not_sent_takes_no_memory() {
    let up = up("--quiet");
    let mut others = Others::new(&up);
    let before = peak_kb(&up);
    let gigabyte = "content-length: 1073741824\r\n\r\n";
    for more in ["", "expect: 100-continue\r\n"] {
        let head = format!("POST /items HTTP/1.1\r\nhost: x\r\n{more}{gigabyte}");
        let mut stream = up.connect("web");
        stream.write_all(head.as_bytes()).unwrap();
        let reply = String::from_utf8(read_to_end(&mut stream)).unwrap();
        assert!(reply.starts_with("HTTP/1.1 413"), "it is answered without the body: {reply}");
    }
    let announced: [(&str, String); 6] = [
        ("web", format!("POST /nowhere HTTP/1.1\r\nhost: x\r\n{gigabyte}")),
        ("web", format!("POST /behind/items HTTP/1.1\r\nhost: x\r\n{gigabyte}")),
        ("web", "POST /items HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3fffffff\r\n".into()),
        ("store", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n".into()),
        ("store", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$60000000\r\n".into()),
        ("store", "*1000000\r\n".into()),
    ];
    let mut waiting = Vec::new();
    for (server, head) in &announced {
        for _ in 0..20 {
            let mut stream = up.connect(server);
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(b"a little of it").unwrap();
            waiting.push(stream);
        }
        others.notice_nothing();
    }
    let too_long = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\n";
    let reply = send(&up, "store", too_long.as_bytes());
    assert_eq!(reply, b"-ERR Protocol error: invalid bulk length\r\n");
    let grown = peak_kb(&up) - before;
    assert!(grown < 8 << 10, "{grown} kB for {} clients that announce", waiting.len());
    up.stop();
}

/// The most memory that a server may have for ten thousand connections that say nothing.
const IDLE_KB_MAX: u64 = 200 << 10;

#[test]
fn ten_thousand_idle_connections_are_held_and_one_more_is_answered() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    // The program at the other end has the same limit, and needs a few files of its own.
    let allowed = limit.maximum.map_or(10_000, |most| most.saturating_sub(200).min(10_000));
    let up = up("--quiet");
    let mut others = Others::new(&up);
    let before = peak_kb(&up);
    let half = usize::try_from(allowed / 2).unwrap();
    let mut idle: Vec<Tcp> = Vec::new();
    for server in ["web", "store"] {
        idle.extend((0..half).map(|_| up.connect(server)));
    }
    // The last of them are answered, so all of them were accepted.
    let (mut web, mut store) = (idle.swap_remove(half - 1), idle.pop().unwrap());
    ask(&mut web, EXCHANGES[0].1, EXCHANGES[0].2);
    ask(&mut store, EXCHANGES[1].1, EXCHANGES[1].2);
    others.notice_nothing();
    let watch = Stopwatch::start();
    Others::new(&up);
    assert!(watch.elapsed() < Duration::from_secs(5), "one more took {:?}", watch.elapsed());
    let peak = peak_kb(&up);
    say(&format!("{allowed} idle connections: from {before} kB to {peak} kB"));
    assert!(peak < IDLE_KB_MAX, "{peak} kB for {allowed} idle connections");
    up.stop();
    drop(idle);
}

#[expect(clippy::print_stderr, reason = "what was measured is of interest when it is asked for")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Sends `request` again and again and never reads, until the server does not take any more.
fn never_read(up: &Up, server: &str, request: &[u8]) -> Tcp {
    let mut stream = up.connect(server);
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let batch = request.repeat(1 + 64_000 / request.len());
    let mut sent = 0;
    loop {
        match stream.write(&batch) {
            Ok(n) => sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return stream,
            Err(error) => panic!("{server} after {sent} bytes: {error}"),
        }
        assert!(sent < 256 << 20, "{server} reads for ever from one who never does");
    }
}

#[test]
fn a_client_that_never_reads_is_not_read_from_and_takes_a_bounded_memory() {
    let up = up("--quiet");
    let mut others = Others::new(&up);
    let value = "x".repeat(64 << 10);
    let set = format!("*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${}\r\n{value}\r\n", value.len());
    ask(&mut up.connect("store"), &set, "+OK\r\n");
    let before = peak_kb(&up);
    let mut deaf = Vec::new();
    let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
    for _ in 0..2 {
        deaf.push(never_read(&up, "web", b"GET /big HTTP/1.1\r\nhost: x\r\n\r\n"));
        deaf.push(never_read(&up, "store", b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n"));
        deaf.push(never_read(&up, "echo", &line));
        deaf.push(never_read(&up, "lines", &line));
        others.notice_nothing();
    }
    // What is kept beside each of very many small messages counts as well.
    deaf.push(never_read(&up, "lines", b"no more than that\n"));
    others.notice_nothing();
    let grown = peak_kb(&up) - before;
    say(&format!("{} clients that never read: {grown} kB", deaf.len()));
    assert!(grown < 10 << 10, "{grown} kB for {} clients that never read", deaf.len());
    up.stop();
    drop(deaf);
}

#[test]
fn a_subscriber_that_never_reads_is_disconnected() {
    let up = up("--quiet");
    let mut others = Others::new(&up);
    let mut deaf = up.connect("store");
    ask(&mut deaf, "*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n", ":1\r\n");
    let mut speaker = up.connect("store");
    let text = "x".repeat(1 << 20);
    let publish = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n${}\r\n{text}\r\n", text.len());
    let mut heard = 0;
    loop {
        speaker.write_all(publish.as_bytes()).unwrap();
        let mut reply = [0; 4];
        speaker.read_exact(&mut reply).unwrap();
        if &reply == b":0\r\n" {
            break;
        }
        heard += 1;
        assert!(heard < 100, "100 MiB lie ready for a client that never reads");
    }
    others.notice_nothing();
    up.stop();
}

/// A load that goes on for as long as it is let.
const LOAD: &str = r#"looplab: 1
name: load
timeout: 1h
servers:
  web: { type: http, routes: [{ on: GET /hello, respond: { text: hi } }] }
  store: { type: redis }
clients:
  crowd:
    load: { users: 8, for: 1h }
    steps:
      - get: web/hello
      - redis: store INCR n
"#;

/// When a run is struck.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after its start.
    After(Duration),
    /// Once it has logged so many messages.
    Message(usize),
}

/// Strikes a load at a moment, and says how the process ended.
fn struck(bench: &Bench, moment: Moment, signal: Signal) -> std::process::ExitStatus {
    let mut command = bench.command(["run", "load.yaml", "--out", "out"]);
    command.args(["--log", "looplab::message=info"]).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    match moment {
        Moment::After(time) => {
            let watch = Stopwatch::start();
            while watch.elapsed() < time {
                std::thread::yield_now();
            }
        }
        Moment::Message(number) => {
            for _ in 0..number {
                log.read_line(&mut line).unwrap();
            }
        }
    }
    kill_process(pid, signal).unwrap();
    io::copy(&mut log, &mut io::sink()).unwrap();
    child.wait().unwrap()
}

/// Moments of all kinds; the draws differ with the seed.
fn moments(seed: u64) -> Vec<Moment> {
    let mut rng = Rng::new(seed);
    let mut moments: Vec<Moment> =
        (0..8).map(|_| Moment::After(Duration::from_micros(rng.next_u64() % 40_000))).collect();
    moments.extend([1, 10, 100].map(Moment::Message));
    moments
        .extend((0..3).map(|_| Moment::Message(usize::try_from(rng.next_u64() % 4_000).unwrap())));
    moments
}

/// The ports that a trace says were listened at.
fn ports_of(trace: &str) -> Vec<u16> {
    let listen = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let address = line["address"].as_str().filter(|_| line["event"] == "listen")?;
        address.rsplit_once(':')?.1.parse().ok()
    };
    trace.lines().filter_map(listen).collect()
}

/// True of a hangup under nohup, which looplab respects, and of an interrupt in a shell's background, where nobody has
/// heard it before looplab listens.
fn is_ignored(number: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (number - 1) & 1 == 1)
}

#[test]
fn who_is_started_with_nohup_outlives_the_terminal() {
    let bench = Bench::new(&[("up.yaml", SERVERS_FOR_TWO)]);
    let line = format!("trap '' HUP; exec {} up up.yaml --out out", env!("CARGO_BIN_EXE_looplab"));
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &line]).current_dir(bench.path("")).env_clear();
    shell.env("XDG_RUNTIME_DIR", bench.path("")).stdin(Stdio::null());
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::of(shell.spawn().unwrap());
    running.until("Ctrl-C stops");
    // A second one would end it at once.
    running.signal(Signal::HUP);
    running.signal(Signal::HUP);
    bench.looplab("fault list").exits(0);
    running.signal(Signal::INT);
    running.end().exits(0);
}

#[test]
fn a_signal_at_any_moment_leaves_nothing_half_done() {
    for (signal, number) in [(Signal::INT, 2_i32), (Signal::TERM, 15), (Signal::HUP, 1)] {
        if is_ignored(number) {
            continue;
        }
        for moment in moments(u64::from(number.unsigned_abs())) {
            let bench = Bench::new(&[("load.yaml", LOAD)]);
            let status = struck(&bench, moment, signal);
            let told = format!("{number} at {moment:?}: {status}");
            // Before it listens for signals, they do what they do to any program.
            let left = files(&bench, "out");
            if status.signal() == Some(number) {
                assert!(left.is_empty(), "{told}: it had not begun to write: {left:?}");
                continue;
            }
            assert_eq!(status.code(), Some(128 + number), "{told}");
            assert_eq!(left, ["trace.jsonl"], "{told}");
            assert_eq!(files(&bench, "looplab"), [""; 0], "{told}: nobody is told of it any more");
            let trace = bench.read("out/trace.jsonl");
            assert!(trace.ends_with("}\n"), "{told}");
            for port in ports_of(&trace) {
                let error = connect(port).expect_err("nobody is there any more");
                assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{told}");
            }
            let shown = bench.looplab("show out --as summary").exits(0).without_complaint();
            shown.says(&["cut short"]);
        }
    }
}

#[test]
fn the_trace_of_a_run_that_was_killed_loads_up_to_its_last_whole_line() {
    for number in [1, 500, 12_000] {
        let bench = Bench::new(&[("load.yaml", LOAD)]);
        let status = struck(&bench, Moment::Message(number), Signal::KILL);
        assert_eq!(status.signal(), Some(9));
        let trace = bench.read("out/trace.jsonl");
        let whole = trace.rfind('\n').expect("the header is in the file from the beginning");
        let is_message = |line: &&str| line.contains(r#","event":"message","#);
        let messages = trace[..whole].lines().filter(is_message).count();
        assert!(messages >= number.saturating_sub(5_000), "{messages} of {number} are in the file");
        let shown = bench.looplab("show out --as summary").exits(0).without_complaint();
        let told = shown.out.split(" messages").next().unwrap().trim().replace(',', "");
        assert!(messages == 0 || told == messages.to_string(), "{messages}: {}", shown.out);
        // Its folder is free again.
        let short = LOAD.replace("for: 1h", "iterations: 10");
        fs::write(bench.path("load.yaml"), short).unwrap();
        bench.looplab("run load.yaml --out out").exits(0).says(&["all holds"]);
    }
}

#[test]
fn one_run_at_a_time_writes_a_trace() {
    let bench = Bench::new(&[("load.yaml", LOAD), ("up.yaml", SERVERS_FOR_TWO)]);
    let mut first = bench.start("run load.yaml --out out", "real clock");
    first.until("GET /hello");
    for second in ["run load.yaml --out out", "up up.yaml --out out"] {
        let ran = bench.looplab(second).exits(3);
        ran.complains(&["cannot write out/trace.jsonl: another run is writing it", "--out"]);
    }
    first.signal(Signal::INT);
    first.end().exits(130);
    bench.looplab("show out --as summary").exits(0).without_complaint().says(&["crowd → web"]);
}

const SERVERS_FOR_TWO: &str = "looplab: 1\nname: two\nservers: { echo: { type: echo } }\n";

#[test]
fn a_full_disk_is_told_before_anything_runs() {
    let bench = Bench::new(&[("up.yaml", SERVERS_FOR_TWO)]);
    fs::create_dir(bench.path("out")).unwrap();
    symlink("/dev/full", bench.path("out/trace.jsonl")).unwrap();
    for command in ["run", "up"] {
        let ran = bench.looplab(&format!("{command} up.yaml --out out")).exits(3);
        ran.complains(&["cannot write out/trace.jsonl: no space left on device"]);
    }
}

#[test]
fn a_folder_that_must_not_be_written_is_exit_code_3() {
    /// A user who owns nothing.
    const NOBODY: u32 = 65_534;
    let bench = Bench::new(&[("up.yaml", SERVERS_FOR_TWO)]);
    fs::create_dir(bench.path("shut")).unwrap();
    let mode = |name: &str, mode| {
        fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("shut", 0o555);
    mode("", 0o755);
    for (command, out, verb) in [
        ("run", "shut", "cannot write shut/trace.jsonl"),
        ("up", "shut", "cannot write shut/trace.jsonl"),
        ("run", "shut/new", "cannot make the folder shut/new"),
    ] {
        let mut command = bench.command([command, "up.yaml", "--out", out]);
        if rustix::process::getuid().is_root() {
            // Nothing is shut to the one; another one may have no access to where the program lies.
            let copy = bench.path("looplab-copy");
            fs::copy(env!("CARGO_BIN_EXE_looplab"), &copy).unwrap();
            let args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
            command = std::process::Command::new(copy);
            command.args(args).current_dir(bench.path("")).env_clear().uid(NOBODY).gid(NOBODY);
        }
        let output = command.output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{complaint}");
        assert!(complaint.contains(verb) && complaint.contains("permission denied"), "{complaint}");
    }
    mode("shut", 0o755);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_a_wrong_command_line() {
    let bench = Bench::new(&[("up.yaml", SERVERS_FOR_TWO), ("file", "mine")]);
    for command in ["run", "up"] {
        let ran = bench.looplab(&format!("{command} up.yaml --out file")).exits(2);
        ran.complains(&["cannot make the folder file"]);
    }
    assert_eq!(bench.read("file"), "mine");
}
