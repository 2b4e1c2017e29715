//! `looplab proxy`: a link in front of a server that runs already, without a scenario.
#![allow(clippy::unwrap_used, reason = "what goes wrong in the lab fails the test, as it should")]

#[path = "common/up.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod up;

use std::io::{Read as _, Write as _};

use serde_json::Value;
use up::bench::Bench;
use up::{Up, connect};

const UPSTREAM: &str = r#"looplab: 1
servers:
  app: { type: http, routes: [{ on: GET /hello, respond: { text: hi } }] }
"#;

fn ask(port: u16, path: &str) -> String {
    let mut stream = connect(port).unwrap();
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn get(port: u16) -> String {
    ask(port, "/hello").lines().next().unwrap_or_default().to_owned()
}

#[test]
fn it_leads_to_the_server_records_what_crosses_it_and_can_be_harmed() {
    let upstream = Up::new(UPSTREAM, "");
    let line = format!("proxy 0 {} --protocol http --out out", upstream.port("app"));
    let proxy = Up::started_by(&line, "");
    assert_eq!(get(proxy.port("upstream")), "HTTP/1.1 200 OK");
    let words = ["fault", "add", "*->upstream edit={status: 503} direction=response"];
    let output = proxy.bench.command(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(get(proxy.port("upstream")).starts_with("HTTP/1.1 503"));
    let output = proxy.bench.command(["fault", "rm", "all"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(get(proxy.port("upstream")), "HTTP/1.1 200 OK");
    let expected = ["GET /hello", "200 OK", "GET /hello", "200 OK", "GET /hello", "200 OK"];
    let stopped = proxy.stop();
    assert_eq!(stopped.messages("upstream"), expected);
    assert!(stopped.trace.contains("\"fate\":\"edited\",\"fault\":\"edit.1\""));
    upstream.stop();
}

#[test]
fn clients_of_toxiproxy_are_told_both_of_its_ends() {
    let upstream = Up::new(UPSTREAM, "");
    let line = format!("proxy 0 {} --toxiproxy 0 --out out", upstream.port("app"));
    let proxy = Up::started_by(&line, "");
    let endpoints: Value = serde_json::from_str(&proxy.bench.read("out/endpoints.json")).unwrap();
    let (_, api) = endpoints["toxiproxy"].as_str().unwrap().rsplit_once(':').unwrap();
    let answer = ask(api.parse().unwrap(), "/proxies/upstream");
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let told: Value = serde_json::from_str(body).unwrap();
    assert_eq!(told["listen"], format!("127.0.0.1:{}", proxy.port("upstream")));
    assert_eq!(told["upstream"], format!("127.0.0.1:{}", upstream.port("app")));
    proxy.stop();
    upstream.stop();
}

#[test]
fn it_listens_where_it_is_told_and_shares_no_port() {
    let upstream = Up::new(UPSTREAM, "");
    let (bench, taken) = (Bench::new(&[]), upstream.port("app"));
    let line = format!("proxy {taken} {taken} --out out");
    let ran = bench.looplab(&line).exits(3);
    ran.complains(&[&format!("port {taken}")]);
    upstream.stop();
}

#[test]
fn what_it_cannot_lead_to_is_told() {
    let bench = Bench::new(&[]);
    for (line, code, what) in [
        ("proxy 0 10.0.0.1:80", 2, "servers of this machine only"),
        ("proxy 0.0.0.0:8080 80", 2, "looplab listens at 127.0.0.1 only"),
        ("proxy 0 127.0.0.1:0", 2, "nobody listens at port 0"),
        ("proxy 0 here", 2, "it is a port"),
        ("proxy 0", 2, "UPSTREAM"),
        ("proxy 0 1 --out out", 3, "nothing listens at 127.0.0.1:1"),
    ] {
        bench.looplab(line).exits(code).complains(&[what]);
    }
}
