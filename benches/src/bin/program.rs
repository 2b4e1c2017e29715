//! The program as a whole: from start to exit, beside `true`; and a thousand servers and clients.
//!
//! `cargo build --release`, then `cargo run --release --manifest-path benches/Cargo.toml --bin program`

use looplab_benches::median;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 31;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Milliseconds of wall time from start to exit.
fn milliseconds(command: &mut Command) -> f64 {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).status().expect("it starts");
    assert!(status.success(), "{command:?}");
    began.elapsed().as_secs_f64() * 1000.0
}

fn run(scenario: &Path, out: &Path) -> Command {
    let mut command = Command::new(folder().join("target/release/looplab"));
    command.arg("run").arg(scenario).arg("--out").arg(out);
    command
}

fn thousand() -> String {
    let mut text = String::from("looplab: 1\nservers:\n");
    for n in 0..1000 {
        let _ = writeln!(
            text,
            "  s{n}: {{ type: http, routes: [{{ on: GET /, respond: {{ text: hi }} }}] }}"
        );
    }
    text.push_str("clients:\n");
    for n in 0..1000 {
        let _ =
            writeln!(text, "  c{n}: {{ steps: [{{ get: s{n}/, expect: {{ status: 200 }} }}] }}");
    }
    text
}

fn main() {
    let scratch = std::env::temp_dir().join(format!("looplab-bench-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).expect("a folder");
    let hello = folder().join("scenarios/01-hello-loopback.yaml");
    let mut beyond = Vec::new();
    for _ in 0..ROUNDS {
        let ours = milliseconds(&mut run(&hello, &scratch));
        beyond.push(ours - milliseconds(&mut Command::new("true")));
    }
    println!("hello, start to exit: {:.1} ms beyond `true` (target 25)", median(beyond));

    let scenario = scratch.join("thousand.yaml");
    std::fs::write(&scenario, thousand()).expect("writable");
    for world in ["real", "virtual"] {
        let times = (0..5)
            .map(|_| milliseconds(run(&scenario, &scratch).args(["--clock", world, "--quiet"])))
            .collect();
        println!("1,000 servers and 1,000 clients, {world}: {:.0} ms", median(times));
    }
    let mut command = run(&scenario, &scratch);
    let mut child =
        command.args(["--clock", "real", "--quiet"]).stdout(Stdio::null()).spawn().expect("starts");
    let peak = peak_kib(child.id());
    child.wait().expect("it ends");
    println!(
        "1,000 servers and 1,000 clients, real: peak {:.0} MB (targets: 2000 ms, 300 MB)",
        peak / 1024.0
    );
    let _ = std::fs::remove_dir_all(&scratch);
}

/// The largest resident size that a process is seen to have had, until it ends.
fn peak_kib(pid: u32) -> f64 {
    let mut peak = 0.0;
    while let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let Some(kib) = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()) else {
            return peak;
        };
        peak = f64::max(peak, kib);
    }
    peak
}
