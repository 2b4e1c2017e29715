//! A thousand links with a fault each, and ten thousand connections: how much memory they take, and what they cost
//! while nobody says anything.
//!
//! The program is `looplab up` as anybody starts it (`cargo build --release` first). Servers of looplab's own take
//! a descriptor for a connection; in front of a program that looplab did not write it takes two, so there are
//! as many connections as the limit of open files lets in.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::peers::{self, Process};

const LINKS: usize = 1000;
const CONNECTIONS: usize = 10_000;

/// Descriptors that are no connections: listeners, files, the runtime's.
const OTHERS: usize = LINKS + 500;

/// How long nobody says anything.
const IDLE: Duration = Duration::from_secs(10);

pub fn run() {
    println!(
        "{LINKS} links with a fault each, one message there and back on each connection, then silence"
    );
    let open_files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let open_files = usize::try_from(open_files).unwrap_or(usize::MAX);
    let own = CONNECTIONS.min(open_files.saturating_sub(OTHERS));
    measure("servers of looplab", "type: echo", own);
    let program = peers::program("crowd");
    let foreign = CONNECTIONS.min(open_files.saturating_sub(OTHERS) / 2);
    let words = format!("type: external, address: \"{}\", protocol: raw", program.address);
    measure("a foreign program", &words, foreign);
}

fn measure(name: &str, server: &str, connections: usize) {
    let folder = std::env::temp_dir().join(format!("looplab-crowd-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let up = Up::start(&folder, &scenario(server));
    let addresses = up.addresses();
    let began = Instant::now();
    let mut streams: Vec<TcpStream> = (0..connections)
        .map(|n| TcpStream::connect(addresses[n % LINKS]).expect("it listens"))
        .collect();
    for stream in &mut streams {
        stream.write_all(b"hello").expect("written");
    }
    for stream in &mut streams {
        stream.read_exact(&mut [0; 5]).expect("the echo");
    }
    let took = began.elapsed().as_secs_f64();
    // What was asked for at the same time has come to rest.
    std::thread::sleep(Duration::from_secs(1));
    let (cpu, began) = (up.cpu_seconds(), Instant::now());
    std::thread::sleep(IDLE);
    let share = (up.cpu_seconds() - cpu) / began.elapsed().as_secs_f64() * 100.0;
    println!(
        "  {name:<20} {connections:>6} connections: {:>4} MB at most (target 500), {share:.2}% of a core while idle \
         (target 1), connected and answered in {took:.1} s",
        up.peak_mb()
    );
    drop((streams, up));
    std::fs::remove_dir_all(folder).expect("the folder goes");
}

fn scenario(server: &str) -> String {
    let mut text = String::from("looplab: 1\nservers:\n");
    for n in 0..LINKS {
        let _ = writeln!(text, "  s{n}: {{ {server} }}");
    }
    text.push_str("timeline:\n");
    for n in 0..LINKS {
        let _ = writeln!(text, "  - {{ at: 0s, fault: {{ latency: 2ms, to: s{n} }} }}");
    }
    text
}

/// `looplab up`, killed when it is dropped.
struct Up {
    process: Process,
    out: PathBuf,
}

impl Up {
    fn start(folder: &Path, scenario: &str) -> Up {
        let (file, out) = (folder.join("crowd.yaml"), folder.join("out"));
        std::fs::write(&file, scenario).expect("a file");
        let _ = std::fs::remove_file(out.join("endpoints.json"));
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/looplab");
        let mut command = Command::new(path);
        command.arg("up").arg(&file).arg("--out").arg(&out).arg("--quiet");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let up = Up { process: Process(child.expect("cargo build --release")), out };
        while !up.out.join("endpoints.json").exists() {
            std::thread::sleep(Duration::from_millis(10));
        }
        up
    }

    fn addresses(&self) -> Vec<SocketAddr> {
        let text = std::fs::read(self.out.join("endpoints.json")).expect("it is up");
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        let endpoints = value["endpoints"].as_array().expect("endpoints");
        let address = |at: &serde_json::Value| at["address"].as_str()?.parse().ok();
        endpoints.iter().map(|at| address(at).expect("an address")).collect()
    }

    /// The processor time that it has taken until now.
    fn cpu_seconds(&self) -> f64 {
        let stat = self.proc("stat");
        let fields: Vec<&str> =
            stat.rsplit(')').next().expect("fields").split_whitespace().collect();
        let ticks = |n: usize| fields[n].parse::<f64>().expect("a number");
        // The kernel tells hundredths of a second, whatever its own clock.
        (ticks(11) + ticks(12)) / 100.0
    }

    fn peak_mb(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        let kb: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kb / 1024
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.0.id())).expect("it runs")
    }
}
