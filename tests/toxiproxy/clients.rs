//! The client libraries of PyPI and npm. Where one is missing its test says so and passes; the gate installs
//! them, and there a missing one is a failure.

use std::path::Path;
use std::process::Command;

use super::lab::Lab;
use crate::tools::answers;

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
    if !answers(&format!("the Toxiproxy client for {program}"), command().args(probe)) {
        return;
    }
    let lab = Lab::new();
    let ports = [lab.api, lab.up.port("echo")].map(|port| port.to_string());
    let output =
        command().arg(root.join("tests/clients").join(script)).args(ports).output().unwrap();
    let (out, err) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(String::from_utf8_lossy(&out), "ok\n", "{err}");
    lab.up.stop();
}

#[test]
fn toxiproxy_python_finds_all_that_it_looks_for() {
    run("python3", &["-c", "import toxiproxy"], "toxiproxy_py.py");
}

#[test]
fn toxiproxy_node_client_finds_all_that_it_looks_for() {
    run("node", &["-e", "require('toxiproxy-node-client')"], "toxiproxy_node.js");
}
