//! What a link costs in front of a program that looplab did not write, beside `socat` and the `noxious` proxy.
//!
//! The same program is reached directly, over each of the proxies, and over a looplab link whose trace is
//! written to a file; each is a process of its own. The rounds take turns, and ratios are taken round by
//! round. Echo is one connection with 64 bytes there and back, and what counts is the median beyond that
//! of the direct connection; bulk is one connection and one direction.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin link` (needs `socat` and `wrk`)

mod crowd;
mod peers;
mod program;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use looplab_benches::median;
use peers::Way;

const ROUNDS: usize = 7;
/// Where the scheduler puts three processes on two cores is a matter of luck, so there are many short rounds, each
/// with a connection of its own.
const ECHO_ROUNDS: usize = 41;
const ECHO: Duration = Duration::from_millis(250);
const ECHO_BYTES: usize = 64;
const BULK_BYTES: u64 = 2 << 30;
const BULK_WRITE: usize = 256 * 1024;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["program", kind] => program::run(kind),
        ["looplab", protocol, upstream] => peers::looplab(protocol, address(upstream)),
        ["noxious", upstream] => peers::noxious(address(upstream)),
        [] => {
            echo();
            bulk();
            http();
            crowd::run();
        }
        ["echo"] => echo(),
        ["bulk"] => bulk(),
        ["http"] => http(),
        ["crowd"] => crowd::run(),
        _ => panic!("echo, bulk, http, crowd, or nothing for all of them"),
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// Measures each way in turn, round by round.
fn rounds(count: usize, ways: &[Way], measure: impl Fn(SocketAddr) -> f64) -> Vec<Vec<f64>> {
    let mut figures = vec![Vec::new(); ways.len()];
    for _ in 0..count {
        for (figures, way) in figures.iter_mut().zip(ways) {
            figures.push(measure(way.address));
        }
    }
    figures
}

fn echo() {
    let program = peers::program("echo");
    let ways = [
        Way::direct(&program),
        Way::socat(&program, &[]),
        Way::noxious(&program),
        Way::looplab("raw", &program),
    ];
    let figures = rounds(ECHO_ROUNDS, &ways, round_trip);
    let added: Vec<Vec<f64>> =
        figures.iter().map(|f| pairs(f, &figures[0], |a, b| a - b)).collect();
    println!(
        "echo of {ECHO_BYTES} bytes, one connection: median round trip, and what is added to it"
    );
    let of_socat = median(added[1].clone());
    for (n, way) in ways.iter().enumerate() {
        let (whole, added) = (median(figures[n].clone()), median(added[n].clone()));
        let ratio = added / of_socat;
        println!("  {:<24} {whole:>7.1} us   +{added:>6.1} us   {ratio:>5.2} of socat's", way.name);
    }
}

/// The median round trip over one connection, in microseconds.
fn round_trip(address: SocketAddr) -> f64 {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_nodelay(true).expect("a socket");
    let mut bytes = [b'x'; ECHO_BYTES];
    let mut taken = Vec::with_capacity(200_000);
    let began = Instant::now();
    while began.elapsed() < ECHO {
        let sent = Instant::now();
        stream.write_all(&bytes).expect("written");
        stream.read_exact(&mut bytes).expect("read");
        taken.push(sent.elapsed().as_nanos() as f64 / 1000.0);
    }
    median(taken)
}

fn bulk() {
    let program = peers::program("sink");
    let ways = [
        Way::direct(&program),
        Way::socat(&program, &[]),
        Way::socat(&program, &["-b", "65536"]),
        Way::noxious(&program),
        Way::looplab("raw", &program),
    ];
    let figures = rounds(ROUNDS, &ways, throughput);
    println!("bulk, one connection, {} GiB a round: MiB/s", BULK_BYTES >> 30);
    for (n, way) in ways.iter().enumerate() {
        let ratio = |of: usize| median(pairs(&figures[n], &figures[of], |own, peer| own / peer));
        let (socat, tuned, noxious) = (ratio(1), ratio(2), ratio(3));
        let figure = median(figures[n].clone());
        let name = &way.name;
        println!(
            "  {name:<24} {figure:>7.0}   {socat:>5.2} of socat's, {tuned:>5.2} with -b 65536, {noxious:>5.2} of noxious'"
        );
    }
}

/// MiB a second in one direction, until the receiver says that all has come.
fn throughput(address: SocketAddr) -> f64 {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    let bytes: Vec<u8> = (0..BULK_WRITE).map(|n| b'a' + (n % 26) as u8).collect();
    let began = Instant::now();
    stream.write_all(&BULK_BYTES.to_le_bytes()).expect("written");
    for _ in 0..BULK_BYTES / BULK_WRITE as u64 {
        stream.write_all(&bytes).expect("written");
    }
    stream.read_exact(&mut [0]).expect("all has come");
    (BULK_BYTES >> 20) as f64 / began.elapsed().as_secs_f64()
}

fn http() {
    let program = peers::program("http");
    let ways = [
        Way::direct(&program),
        Way::socat(&program, &[]),
        Way::noxious(&program),
        Way::looplab("raw", &program),
        Way::looplab("http", &program),
    ];
    let figures = rounds(ROUNDS, &ways, wrk);
    println!("http, wrk -c 32: requests a second");
    for (n, way) in ways.iter().enumerate() {
        let ratio = median(pairs(&figures[n], &figures[3], |own, raw| own / raw));
        let figure = median(figures[n].clone());
        println!(
            "  {:<24} {figure:>7.0}   {ratio:>5.2} of the link that decodes nothing",
            way.name
        );
    }
}

/// What `wrk` says: requests a second.
fn wrk(address: SocketAddr) -> f64 {
    let url = format!("http://{address}/hello");
    let output =
        std::process::Command::new("wrk").args(["-t", "1", "-c", "32", "-d", "2s", &url]).output();
    let text = String::from_utf8(output.expect("wrk is installed").stdout).expect("text");
    assert!(!text.contains("Non-2xx"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.and_then(|figure| figure.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

fn pairs(own: &[f64], other: &[f64], of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    own.iter().zip(other).map(|(own, other)| of(*own, *other)).collect()
}
