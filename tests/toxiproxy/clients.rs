//! The client libraries of PyPI and npm. Where one is missing its test says so and passes; the gate installs
//! them, and there a missing one is a failure.

use std::path::Path;
use std::process::{Command, Stdio};

use super::lab::Lab;

/// Runs a script of `tests/clients` to its end, if `probe` says that its library is there.
fn run(program: &str, probe: &[&str], script: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let command = || {
        let mut command = Command::new(program);
        // Where the gate has put it; whoever has it elsewhere says so.
        if std::env::var_os("NODE_PATH").is_none() {
            command.env("NODE_PATH", root.join("target/clients/node_modules"));
        }
        command
    };
    let probed = command().args(probe).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !probed.is_ok_and(|status| status.success()) {
        return missing(program);
    }
    let lab = Lab::new();
    let ports = [lab.api, lab.up.port("echo")].map(|port| port.to_string());
    let output =
        command().arg(root.join("tests/clients").join(script)).args(ports).output().unwrap();
    let (out, err) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(String::from_utf8_lossy(&out), "ok\n", "{err}");
    lab.up.stop();
}

/// Says that a test is skipped. In the gate nothing is.
#[expect(clippy::print_stderr, reason = "a test that is skipped must say so")]
fn missing(program: &str) {
    assert!(
        std::env::var_os("CI").is_none(),
        "the Toxiproxy client for {program} is missing, and the gate skips nothing"
    );
    eprintln!("SKIPPED: the Toxiproxy client for {program} is not installed");
}

#[test]
fn toxiproxy_python_finds_all_that_it_looks_for() {
    run("python3", &["-c", "import toxiproxy"], "toxiproxy_py.py");
}

#[test]
fn toxiproxy_node_client_finds_all_that_it_looks_for() {
    run("node", &["-e", "require('toxiproxy-node-client')"], "toxiproxy_node.js");
}
