//! Requests a second of the redis server with its trace written, beside redis-server itself.
//!
//! `redis-benchmark -c 32 -n 100000 -t set,get` asks the two in turn, redis-server on a port of its own choosing
//! without persistence, looplab through `looplab up` with its trace going to a file. The ratio is taken
//! pair by pair.
//!
//! `cargo build --release`, then
//! `cargo run --release --manifest-path benches/Cargo.toml --bin redis_server` (needs redis-server and
//! redis-benchmark)

use looplab_benches::median;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const ROUNDS: usize = 5;

/// A server that ends with the benchmark.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scratch() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("looplab-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the trace");
    folder
}

/// The program that stands beside this package.
fn looplab_program() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/release/looplab");
    assert!(path.exists(), "build the program first: cargo build --release");
    path
}

fn looplab() -> Server {
    let folder = scratch();
    let scenario = folder.join("redis.yaml");
    std::fs::write(&scenario, "looplab: 1\nservers: { r: { type: redis } }\n").expect("writable");
    let child = Command::new(looplab_program())
        .args(["up", "--quiet", "--out"])
        .arg(folder.join("out"))
        .arg(&scenario)
        .stdout(Stdio::piped())
        .spawn()
        .expect("looplab starts");
    announced(child, |line| line.rsplit_once("127.0.0.1:")?.1.trim().parse().ok())
}

/// redis-server takes port 0 for "none", so it is given one that was free a moment ago.
fn redis() -> Server {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--save", "", "--appendonly", "no"])
        .args(["--bind", "127.0.0.1"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server starts");
    announced(child, |line| line.contains("Ready to accept connections").then_some(port))
}

/// Reads what the server says until `port` finds its port in a line; the rest is read and thrown away.
fn announced(mut child: Child, port: impl Fn(&str) -> Option<u16>) -> Server {
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let port = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| port(&line))
        .expect("the server says where it listens");
    std::thread::spawn(move || lines.for_each(drop));
    Server { child, port }
}

/// Requests a second for SET and for GET.
fn ask(port: u16) -> [f64; 2] {
    let output = Command::new("redis-benchmark")
        .args(["-p", &port.to_string(), "-c", "32", "-n", "100000", "-t", "set,get", "--csv"])
        .output()
        .expect("redis-benchmark is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    let figure = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("\"{name}\"")));
        line.and_then(|line| line.split(',').nth(1)?.trim_matches('"').parse().ok())
            .unwrap_or_else(|| panic!("no figure for {name} in {text}"))
    };
    [figure("SET"), figure("GET")]
}

fn main() {
    let (ours, theirs) = (looplab(), redis());
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push((ask(ours.port), ask(theirs.port)));
    }
    for (n, name) in ["SET", "GET"].into_iter().enumerate() {
        println!(
            "{name}: looplab {:.0} requests/s, redis-server {:.0} requests/s, ratio {:.2} (target 0.6)",
            median(rounds.iter().map(|(a, _)| a[n]).collect()),
            median(rounds.iter().map(|(_, b)| b[n]).collect()),
            median(rounds.iter().map(|(a, b)| a[n] / b[n]).collect()),
        );
    }
    drop(ours);
    let _ = std::fs::remove_dir_all(scratch());
}
