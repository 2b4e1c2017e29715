//! Requests a second of the http server with its trace written, beside hyper's own hello-world.
//!
//! Both servers answer `GET /hello` with the same body over real sockets, on as many threads; `wrk -c 32`
//! asks them in turn and the ratio is taken pair by pair. looplab shows every byte to its taps and
//! writes every message and a line of the access log to a file.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin http_server` (needs `wrk`)

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::Scenario;
use looplab::{run, trace};
use looplab_benches::median;

const ROUNDS: usize = 7;
const SECONDS: &str = "2s";
const SCENARIO: &str = "looplab: 1
servers:
  app: { type: http, routes: [{ on: GET /hello, respond: { text: Hello World } }] }
";

/// Starts looplab's server; it runs until the process ends.
fn looplab(observers: Vec<Box<dyn trace::Observer>>) -> SocketAddr {
    let scenario = Scenario::parse("bench.yaml", SCENARIO.as_bytes(), None).expect("a scenario");
    let plan = Arc::new(Plan::new(scenario, Overrides::default()).expect("a plan"));
    let (ready, address) = mpsc::channel();
    std::thread::spawn(move || {
        let recorder = trace::Recorder::new(observers);
        let hooks = run::Hooks {
            mode: run::Mode::Up,
            ready: Some(Box::new(move |endpoints: &[run::Endpoint]| {
                ready.send(endpoints[0].address).expect("the benchmark listens");
            })),
            ..run::Hooks::default()
        };
        run::run(&plan, &recorder, hooks).expect("runs");
    });
    address.recv().expect("the server starts")
}

/// A writer of the trace into a file that nobody sees.
fn writer() -> Box<dyn trace::Observer> {
    let scenario = Scenario::parse("bench.yaml", SCENARIO.as_bytes(), None).expect("a scenario");
    let plan = Plan::new(scenario, Overrides::default()).expect("a plan");
    let path = std::env::temp_dir().join(format!("looplab-bench-{}.jsonl", std::process::id()));
    let file = std::fs::File::create(&path).expect("a file");
    std::fs::remove_file(path).expect("the file is open, and needs no name");
    Box::new(trace::Writer::new(&run::header(&plan), file))
}

/// Starts hyper's hello-world; it runs until the process ends.
fn hyper() -> SocketAddr {
    let (ready, address) = mpsc::channel();
    std::thread::spawn(move || {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            ready.send(listener.local_addr().expect("an address")).expect("somebody listens");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                stream.set_nodelay(true).expect("a socket");
                tokio::spawn(async move {
                    let service = service_fn(|_| async {
                        let body = Full::new(Bytes::from_static(b"Hello World"));
                        Ok::<_, Infallible>(hyper::Response::new(body))
                    });
                    let io = TokioIo::new(stream);
                    let http = hyper::server::conn::http1::Builder::new()
                        .pipeline_flush(true)
                        .serve_connection(io, service);
                    let _ = http.await;
                });
            }
        });
    });
    address.recv().expect("the server starts")
}

/// What `wrk` says: requests a second.
fn ask(address: SocketAddr) -> f64 {
    let url = format!("http://{address}/hello");
    let output = Command::new("wrk").args(["-t", "1", "-c", "32", "-d", SECONDS, &url]).output();
    let text = String::from_utf8(output.expect("wrk is installed").stdout).expect("text");
    assert!(!text.contains("Non-2xx"), "{text}");
    let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    line.and_then(|figure| figure.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

fn main() {
    let servers = [
        ("hyper hello-world", hyper()),
        ("looplab, nobody listening", looplab(Vec::new())),
        ("looplab, trace written", looplab(vec![writer()])),
    ];
    let mut figures = vec![Vec::new(); servers.len()];
    for _ in 0..ROUNDS {
        for (figures, (_, address)) in figures.iter_mut().zip(servers) {
            figures.push(ask(address));
        }
    }
    let peer = figures[0].clone();
    for (figures, (name, _)) in figures.into_iter().zip(servers) {
        let ratio = median(figures.iter().zip(&peer).map(|(own, peer)| own / peer).collect());
        println!("{name:<28} {:>9.0} requests/s  {ratio:.2}", median(figures));
    }
}
