//! What toxics do to connections: on proxies and on the run's own links, to those that come and to those that
//! stand, and that it is over at once when they go.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use looplab::net::Stopwatch;
use serde_json::json;

use super::lab::{Lab, echo_over, echoed};
use super::up::{Tcp, connect};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// How long an echo takes over a connection that stands.
fn took(stream: &mut Tcp) -> Duration {
    let watch = Stopwatch::start();
    assert_eq!(echo_over(stream, "hello").unwrap(), "hello");
    watch.elapsed()
}

/// What still comes over a connection until it ends, and whether it was broken off.
fn rest(stream: &mut Tcp) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return (all, false),
            Ok(n) => all.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (all, true),
            Err(error) => panic!("neither end nor reset: {error}"),
        }
    }
}

/// The ports at which the echo server is reached: a proxy of its own, and the run's link.
fn ways(lab: &Lab) -> [(&'static str, u16); 2] {
    [("extra", lab.proxy("extra", "echo")), ("echo", lab.up.port("echo"))]
}

#[test]
fn latency_comes_at_once_changes_at_once_and_goes_at_once() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        let mut stream = connect(port).unwrap();
        took(&mut stream);
        lab.toxic(proxy, r#""type":"latency","attributes":{"latency":150}"#);
        assert!(took(&mut stream) >= MS(150), "{proxy}");
        lab.toxic(proxy, r#""type":"latency","stream":"upstream","attributes":{"latency":150}"#);
        assert!(took(&mut stream) >= MS(300), "{proxy}: both ways");
        let path = format!("/proxies/{proxy}/toxics/latency_downstream");
        lab.ask("PATCH", &path, r#"{"attributes":{"latency":400}}"#).is(200);
        assert!(took(&mut stream) >= MS(550), "{proxy}: changed");
        // What waits because of it waits no longer.
        lab.ask("PATCH", &path, r#"{"attributes":{"latency":3600000}}"#).is(200);
        lab.ask("DELETE", &format!("/proxies/{proxy}/toxics/latency_upstream"), "").is(204);
        let watch = Stopwatch::start();
        stream.write_all(b"hello").unwrap();
        lab.ask("DELETE", &path, "").is(204);
        stream.read_exact(&mut [0; 5]).unwrap();
        assert!(watch.elapsed() < Duration::from_secs(30), "{proxy}: released");
    }
}

#[test]
fn bandwidth_is_counted_in_thousands() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        lab.toxic(proxy, r#""type":"bandwidth","attributes":{"rate":20}"#);
        let mut stream = connect(port).unwrap();
        let watch = Stopwatch::start();
        let word = "x".repeat(6_000);
        assert_eq!(echo_over(&mut stream, &word).unwrap(), word);
        // The first piece may be there at once.
        assert!(watch.elapsed() >= MS(150), "{proxy}: {:?}", watch.elapsed());
        let path = format!("/proxies/{proxy}/toxics/bandwidth_downstream");
        lab.ask("POST", &path, r#"{"attributes":{"rate":0}}"#).is(200);
        stream.write_all(b"stalled").unwrap();
        lab.ask("DELETE", &path, "").is(204);
        stream.read_exact(&mut [0; 7]).unwrap();
    }
}

#[test]
fn slow_close_holds_the_end_up() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        lab.toxic(proxy, r#""type":"slow_close","attributes":{"delay":200}"#);
        let mut stream = connect(port).unwrap();
        took(&mut stream);
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let watch = Stopwatch::start();
        assert_eq!(rest(&mut stream), (vec![], false), "{proxy}");
        assert!(watch.elapsed() >= MS(190), "{proxy}: {:?}", watch.elapsed());
    }
}

#[test]
fn timeout_swallows_everything_and_then_closes() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        lab.toxic(proxy, r#""type":"timeout","stream":"upstream","attributes":{"timeout":200}"#);
        let mut stream = connect(port).unwrap();
        let watch = Stopwatch::start();
        stream.write_all(b"hello").unwrap();
        assert_eq!(rest(&mut stream).0, b"", "{proxy}");
        assert!(watch.elapsed() >= MS(190), "{proxy}: {:?}", watch.elapsed());
    }
}

#[test]
fn a_timeout_that_is_removed_closes_what_it_has_kept_silent() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        let mut stream = connect(port).unwrap();
        took(&mut stream);
        lab.toxic(proxy, r#""type":"timeout","attributes":{"timeout":0}"#);
        stream.write_all(b"hello").unwrap();
        stream.set_read_timeout(Some(MS(100))).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock, "{proxy}");
        stream.set_read_timeout(Some(super::up::PATIENCE)).unwrap();
        lab.ask("DELETE", &format!("/proxies/{proxy}/toxics/timeout_downstream"), "").is(204);
        assert_eq!(rest(&mut stream).0, b"", "{proxy}");
        assert_eq!(echoed(port, "next").unwrap(), "next", "{proxy}");
    }
}

#[test]
fn reset_peer_resets_new_open_and_idle_connections() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        let mut idle = connect(port).unwrap();
        took(&mut idle);
        lab.toxic(proxy, r#""type":"reset_peer","attributes":{"timeout":50}"#);
        assert_eq!(rest(&mut idle), (vec![], true), "{proxy}: idle");
        let mut new = connect(port).unwrap();
        assert!(rest(&mut new).1, "{proxy}: new");
        lab.ask("DELETE", &format!("/proxies/{proxy}/toxics/reset_peer_downstream"), "").is(204);
        assert_eq!(echoed(port, "next").unwrap(), "next", "{proxy}");
    }
}

#[test]
fn slicer_cuts_without_losing_anything() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        lab.toxic(
            proxy,
            r#""type":"slicer","attributes":{"average_size":8,"size_variation":3,"delay":3000}"#,
        );
        let mut stream = connect(port).unwrap();
        let word: Vec<u8> = (0..100).collect();
        stream.write_all(&word).unwrap();
        let (mut back, mut pieces) = (Vec::new(), 0);
        while back.len() < word.len() {
            let mut chunk = [0; 200];
            let n = stream.read(&mut chunk).unwrap();
            assert_ne!(n, 0, "{proxy}");
            back.extend_from_slice(&chunk[..n]);
            pieces += 1;
        }
        assert_eq!(back, word, "{proxy}");
        assert!(pieces > 1, "{proxy}: in one piece");
    }
}

#[test]
fn limit_data_lets_so_many_bytes_through_and_closes() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        lab.toxic(proxy, r#""type":"limit_data","attributes":{"bytes":10}"#);
        let mut stream = connect(port).unwrap();
        stream.write_all(b"0123456789abcdef").unwrap();
        assert_eq!(rest(&mut stream).0, b"0123456789", "{proxy}");
    }
}

#[test]
fn toxicity_is_for_whole_connections() {
    let lab = Lab::new();
    for (proxy, port) in ways(&lab) {
        lab.toxic(proxy, r#""type":"limit_data","toxicity":0.5,"attributes":{"bytes":0}"#);
        let mut met = 0;
        for _ in 0..40 {
            let mut stream = connect(port).unwrap();
            stream.write_all(b"hello").unwrap();
            let came = stream.read_exact(&mut [0; 5]).is_ok();
            // A connection that was spared is spared for good.
            if came {
                took(&mut stream);
            }
            met += u32::from(!came);
        }
        assert!((5..=35).contains(&met), "{proxy}: {met} of 40");
    }
}

#[test]
fn a_disabled_link_of_the_run_refuses_everybody() {
    let lab = Lab::new();
    let port = lab.up.port("echo");
    let mut standing = connect(port).unwrap();
    took(&mut standing);
    lab.ask("POST", "/proxies/echo", r#"{"enabled":false}"#).is(200);
    assert!(rest(&mut standing).1, "who is there is reset");
    assert_eq!(connect(port).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    lab.ask("POST", "/proxies/echo", r#"{"enabled":true}"#).is(200);
    assert_eq!(echoed(port, "hello").unwrap(), "hello");
}

#[test]
fn a_link_between_two_servers_is_harmed_alone() {
    let lab = Lab::new();
    let get = || {
        let mut stream = connect(lab.up.port("app")).unwrap();
        stream.write_all(b"GET /item HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let watch = Stopwatch::start();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        (text.lines().next().unwrap().to_owned(), watch.elapsed())
    };
    assert_eq!(get().0, "HTTP/1.1 200 OK");
    lab.toxic("app-db", r#""type":"latency","attributes":{"latency":200}"#);
    let (status, slow) = get();
    assert_eq!(status, "HTTP/1.1 200 OK");
    assert!(slow >= MS(200));
    let mut direct = connect(lab.up.port("db")).unwrap();
    let watch = Stopwatch::start();
    direct.write_all(b"PING\r\n").unwrap();
    direct.read_exact(&mut [0; 7]).unwrap();
    assert!(watch.elapsed() < MS(200), "others reach db as ever");
    lab.ask("POST", "/proxies/app-db", r#"{"enabled":false}"#).is(200);
    assert_eq!(get().0, "HTTP/1.1 502 Bad Gateway");
    lab.ask("POST", "/reset", "").is(204);
    assert_eq!(get().0, "HTTP/1.1 200 OK");
    assert_eq!(lab.ask("GET", "/proxies/app-db", "").json()["toxics"], json!([]));
}

#[test]
fn removing_a_toxic_never_waits_for_a_connection() {
    let lab = Lab::new();
    let port = lab.proxy("extra", "echo");
    // Nobody reads what comes back, and much is under way.
    let streams: Vec<Tcp> = (0..2).map(|_| connect(port).unwrap()).collect();
    for mut stream in &streams {
        stream.set_nonblocking(true).unwrap();
        while stream.write(&[0; 65_536]).is_ok() {}
    }
    for kind in
        ["latency", "bandwidth", "slow_close", "slicer", "timeout", "limit_data", "reset_peer"]
    {
        let attributes = r#"{"latency":3600000,"rate":1,"delay":3600000,"average_size":1,"timeout":3600000,"bytes":9}"#;
        lab.toxic("extra", &format!(r#""type":"{kind}","attributes":{attributes}"#));
        let watch = Stopwatch::start();
        lab.ask("DELETE", &format!("/proxies/extra/toxics/{kind}_downstream"), "").is(204);
        assert!(watch.elapsed() < Duration::from_secs(10), "{kind}");
    }
    drop(streams);
}
