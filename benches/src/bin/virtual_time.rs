//! Runs a second in virtual time, beside turmoil on the same exchange.
//!
//! Three servers (two HTTP, one RESP) and five clients (three HTTP, two RESP) with a hundred requests each over
//! one connection a client. A message takes 0 to 100 ms, which is turmoil's default network; then the same
//! with the requests 100 ms apart. What turmoil costs depends on how much virtual time passes, because it
//! ticks through it, so the same is told for faster networks: 1 to 10 ms, and 50 to 250 microseconds. Last,
//! an hour in which nothing happens.
//!
//! Both sides run in turn, on one thread, and the ratio of their processor times
//! is taken pair by pair. looplab writes its trace.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml --bin virtual_time`

use std::sync::Arc;
use std::time::Duration;

use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::Scenario;
use looplab::{run, trace};

use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::TokioIo;
use looplab_benches::{median, processor_seconds};
use rustix::time::ClockId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PAIRS: usize = 15;

/// Runs of looplab for each of turmoil's, so that both take long enough to be timed.
const TIMES: u64 = 5;

/// Latencies of a message in microseconds, and turmoil's tick.
#[derive(Clone, Copy)]
struct Network {
    min_us: u64,
    max_us: u64,
    tick_us: u64,
}

fn scenario(pause: &str, network: Network) -> String {
    let wait =
        if pause.is_empty() { String::new() } else { format!("          - wait: {pause}\n") };
    let mut text = String::from(
        "looplab: 1\nname: bench\nclock: virtual\ntimeout: 1h\nservers:\n\
         \x20 a: { type: http, routes: [ { on: GET /hello, respond: { json: { msg: hi } } } ] }\n\
         \x20 b: { type: http, routes: [ { on: GET /hello, respond: { json: { msg: hi } } } ] }\n\
         \x20 c: { type: redis }\n",
    );
    let Network { min_us, max_us, .. } = network;
    text.push_str(&format!(
        "links: [ {{ from: '*', to: '*', latency: {{ dist: uniform, min: {min_us}us, max: {max_us}us }} }} ]\nclients:\n"
    ));
    for (client, step) in [
        ("h1", "get: a/hello"),
        ("h2", "get: b/hello"),
        ("h3", "get: a/hello"),
        ("r1", "redis: c SET k 1"),
        ("r2", "redis: c GET k"),
    ] {
        text.push_str(&format!(
            "  {client}:\n    steps:\n      - repeat: 100\n        steps:\n          - {step}\n{wait}"
        ));
    }
    text
}

fn plan(text: &str) -> Plan {
    let scenario = Scenario::parse("bench.yaml", text.as_bytes(), None).expect("a good scenario");
    Plan::new(scenario, Overrides::default()).expect("a good plan")
}

/// One run of looplab with the whole trace written to `sink`.
fn looplab_run<W: std::io::Write + Send + 'static>(plan: &Plan, seed: u64, sink: W) {
    let plan = Arc::new(plan.with_seed(seed));
    let header = run::header(&plan);
    let writer = trace::Writer::new(&header, sink);
    let recorder = trace::Recorder::new(vec![Box::new(writer)]);
    let ended = run::run(&plan, &recorder, run::Hooks::default()).expect("runs");
    assert_eq!(ended.failure, None);
    recorder.flush();
}

/// Keeps the trace, and counts its lines.
#[derive(Clone, Default)]
struct Counting(Arc<std::sync::Mutex<Vec<u8>>>);

impl Counting {
    fn lines(&self) -> usize {
        let bytes = self.0.lock().unwrap();
        bytes.windows(17).filter(|part| part == b"\"event\":\"message\"").count()
    }
}

impl std::io::Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

type BoxError = Box<dyn std::error::Error>;

/// The same exchange on turmoil.
fn turmoil_run(pause: Duration, network: Network, seed: u64) {
    let mut sim = turmoil::Builder::new()
        .rng_seed(seed)
        .simulation_duration(Duration::from_secs(3600))
        .tick_duration(Duration::from_micros(network.tick_us))
        .min_message_latency(Duration::from_micros(network.min_us))
        .max_message_latency(Duration::from_micros(network.max_us))
        .build();
    for name in ["a", "b"] {
        sim.host(name, || async {
            let listener = turmoil::net::TcpListener::bind("0.0.0.0:80").await?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(|_| async {
                        let body = Full::new(bytes::Bytes::from_static(b"{\"msg\":\"hi\"}"));
                        Ok::<_, std::convert::Infallible>(hyper::Response::new(body))
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
    }
    sim.host("c", || async {
        let listener = turmoil::net::TcpListener::bind("0.0.0.0:6379").await?;
        loop {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let mut buffer = [0u8; 512];
                while let Ok(n) = stream.read(&mut buffer).await {
                    let reply: &[u8] =
                        if buffer[..n].starts_with(b"*3") { b"+OK\r\n" } else { b"$1\r\n1\r\n" };
                    if n == 0 || stream.write_all(reply).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    for (client, server) in [("h1", "a"), ("h2", "b"), ("h3", "a")] {
        sim.client(client, http_client(server, pause));
    }
    for (client, command) in [
        ("r1", &b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n1\r\n"[..]),
        ("r2", b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"),
    ] {
        sim.client(client, redis_client(command, pause));
    }
    sim.run().expect("runs");
}

async fn http_client(server: &'static str, pause: Duration) -> Result<(), BoxError> {
    let stream = turmoil::net::TcpStream::connect((server, 80)).await?;
    let (mut sender, conn) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        let _ = conn.await;
    });
    for _ in 0..100 {
        let request = hyper::Request::get("/hello")
            .header("host", server)
            .body(Empty::<bytes::Bytes>::new())?;
        let response = sender.send_request(request).await?;
        assert_eq!(response.status(), 200);
        response.into_body().collect().await?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(())
}

async fn redis_client(command: &'static [u8], pause: Duration) -> Result<(), BoxError> {
    let mut stream = turmoil::net::TcpStream::connect(("c", 6379)).await?;
    let mut buffer = [0u8; 512];
    for _ in 0..100 {
        stream.write_all(command).await?;
        assert!(stream.read(&mut buffer).await? > 0);
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    Ok(())
}

fn compare(title: &str, pause: &str, pause_duration: Duration, network: Network, target: &str) {
    let plan = plan(&scenario(pause, network));
    let trace = Counting::default();
    looplab_run(&plan, 1, trace.clone());
    assert_eq!(trace.lines(), 1000, "500 requests and 500 replies");
    turmoil_run(pause_duration, network, 1);
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS as u64 {
        let run = |n| looplab_run(&plan, pair * TIMES + n, std::io::sink());
        let a =
            processor_seconds(ClockId::ThreadCPUTime, || (0..TIMES).for_each(run)) / TIMES as f64;
        let b = processor_seconds(ClockId::ThreadCPUTime, || {
            turmoil_run(pause_duration, network, pair)
        });
        ours.push(1.0 / a);
        theirs.push(1.0 / b);
        ratios.push(b / a);
    }
    println!(
        "{title}: looplab {:.0} runs/s, turmoil {:.1} runs/s, ratio {:.1}{target}",
        median(ours),
        median(theirs),
        median(ratios)
    );
}

fn main() {
    let pause = Duration::from_millis(100);
    let default = Network { min_us: 0, max_us: 100_000, tick_us: 1_000 };
    compare("0-100 ms a message", "", Duration::ZERO, default, " (target 4)");
    compare("0-100 ms, requests 100 ms apart", "100ms", pause, default, " (target 50)");
    let wide = Network { min_us: 1_000, max_us: 10_000, tick_us: 1_000 };
    compare("1-10 ms", "", Duration::ZERO, wide, "");
    compare("1-10 ms, requests 100 ms apart", "100ms", pause, wide, "");
    let coarse = Network { min_us: 50, max_us: 250, tick_us: 1_000 };
    compare("50-250 us, turmoil rounds to 1 ms", "", Duration::ZERO, coarse, "");
    let fine = Network { tick_us: 10, ..coarse };
    compare("50-250 us, turmoil ticks of 10 us", "", Duration::ZERO, fine, "");
    let idle = "looplab: 1\nclock: virtual\ntimeout: 2h\nservers: { s: { type: echo } }\nclients: { c: { steps: [ { wait: 1h } ] } }\n";
    let idle = plan(idle);
    let times = (0..PAIRS)
        .map(|n| {
            processor_seconds(ClockId::ThreadCPUTime, || {
                looplab_run(&idle, n as u64, std::io::sink())
            })
        })
        .collect();
    println!("an hour of idling: {:.3} ms (target 1)", median(times) * 1000.0);
}
