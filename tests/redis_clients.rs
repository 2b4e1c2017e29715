//! Real clients against `looplab up`: redis-cli, redis-benchmark and redis-py.
//!
//! Each is asked for by name, and its absence is said: the gate installs them all.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

/// A redis server that `looplab up` keeps up; it goes when this is dropped.
struct Up {
    child: Child,
    port: String,
    _directory: tempfile::TempDir,
}

impl Up {
    fn start() -> Up {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let scenario = directory.path().join("db.yaml");
        let text = "looplab: 1\nservers:\n  db: { type: redis, data: { \"item:42\": 10 } }\n";
        std::fs::write(&scenario, text).expect("the scenario is written");
        let mut child = Command::new(env!("CARGO_BIN_EXE_looplab"))
            .args(["up", "--quiet", "--out"])
            .arg(directory.path().join("out"))
            .arg(&scenario)
            .current_dir(directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("looplab starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("export DB_URL=").map(str::to_owned))
            .expect("the address is printed");
        let port = url.rsplit(':').next().expect("a port").to_owned();
        Up { child, port, _directory: directory }
    }

    /// What a client says, or nothing if there is no such client here.
    fn client(&self, program: &str, args: &[&str], input: &str) -> Option<Output> {
        let args = args.iter().map(|arg| arg.replace("PORT", &self.port));
        let spawned = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            let _ = writeln!(std::io::stderr(), "SKIPPED: there is no {program} on the PATH");
            return None;
        };
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        Some(child.wait_with_output().expect("it ends"))
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn redis_cli_talks_to_it_in_both_versions() {
    let up = Up::start();
    for version in ["-2", "-3"] {
        // From a pipe it also asks for COMMAND DOCS, as at a terminal.
        let input =
            "GET item:42\nHSET h f v\nHGETALL h\nZADD z 1.5 m\nZSCORE z m\nNOTHING\nDEL h z\n";
        let Some(output) = up.client("redis-cli", &["-p", "PORT", version], input) else { return };
        let expected =
            "10\n1\nf\nv\n1\n1.5\nERR unknown command 'NOTHING', with args beginning with: \n\n2\n";
        let said = text(&output.stdout);
        // As a map it is written on one line.
        assert_eq!(said.replace("f v\n", "f\nv\n"), expected, "{version} {}", text(&output.stderr));
    }
    let Some(output) = up.client("redis-cli", &["-p", "PORT", "--bigkeys"], "") else { return };
    assert!(text(&output.stdout).contains("1 strings with"), "{}", text(&output.stdout));
}

#[test]
fn redis_benchmark_runs_to_its_end() {
    let up = Up::start();
    let args = [
        "-p",
        "PORT",
        "-q",
        "-c",
        "32",
        "-n",
        "3200",
        "-P",
        "4",
        "-t",
        "set,get,incr,lpush,lrange_100,mset,zadd,hset,spop",
    ];
    let Some(output) = up.client("redis-benchmark", &args, "") else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    for name in ["SET", "GET", "LRANGE_100", "MSET (10 keys)"] {
        assert!(said.contains(name) && said.contains("requests per second"), "{said}");
    }
    assert!(!said.contains("Error"), "{said}");
}

#[test]
fn redis_py_finds_all_that_it_looks_for() {
    let up = Up::start();
    let has_redis = up.client("python3", &["-c", "import redis"], "");
    if !has_redis.is_some_and(|output| output.status.success()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no redis-py here");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/redis_py.py");
    let output = up.client("python3", &[script, "127.0.0.1", "PORT"], "").expect("python3 is here");
    assert_eq!(text(&output.stdout), "ok\n", "{}", text(&output.stderr));
}
