//! What is not a request, or asks for too much.

use super::lab::{HELLO, Lab, get, in_both, in_virtual, text};

#[test]
fn what_is_not_a_request_gets_a_reason_and_an_end() {
    in_both(HELLO, |lab: Lab| async move {
        let long_path = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(9000));
        let long_header = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(70_000));
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(101));
        let head = "POST /length HTTP/1.1\r\nHost: a\r\n";
        let cases: &[(&str, &str, &str)] = &[
            ("\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03", "400 Bad Request", "TLS"),
            ("*1\r\n$4\r\nPING\r\n", "400 Bad Request", "the first line"),
            ("GET /hello HTTP/1.1\r\nHost : a\r\n\r\n", "400 Bad Request", "name of a header"),
            ("GET /hello HTTP/1.1\r\n\r\n", "400 Bad Request", "`Host`"),
            (
                "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                "400 Bad Request",
                "more than one",
            ),
            ("GET hello HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", "begins with `/`"),
            ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", "400 Bad Request", "begins with `/`"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 HTTP Version Not Supported", "HTTP/2"),
            ("GET / HTTP/3.0\r\n\r\n", "505 HTTP Version Not Supported", "HTTP/1.1"),
            (&long_path, "414 URI Too Long", "8 KiB"),
            (&long_path[..8500], "414 URI Too Long", "8 KiB"),
            (&long_header, "431 Request Header Fields Too Large", "64 KiB"),
            (&many, "431 Request Header Fields Too Large", "100 headers"),
            (&format!("{head}Content-Length: -1\r\n\r\n"), "400 Bad Request", "not a number"),
            (&format!("{head}Content-Length: 1, 2\r\n\r\n"), "400 Bad Request", "two different"),
            (
                &format!("{head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
                "400 Bad Request",
                "not both",
            ),
            (&format!("{head}Transfer-Encoding: gzip\r\n\r\n"), "501 Not Implemented", "chunked"),
            (
                &format!("{head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n"),
                "400 Bad Request",
                "not a number in hex",
            ),
            (
                &format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n"),
                "400 Bad Request",
                "longer than its size",
            ),
        ];
        for (sent, status, why) in cases {
            let answer = lab.exchange("app", sent).await;
            let shown = &sent[..sent.len().min(80)];
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{shown:?}: {answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{shown:?}: {answer}");
            assert!(
                answer.contains("{\"error\":\"") && answer.contains(why),
                "{shown:?}: {answer}"
            );
        }
        lab.ask(get("/hello"), &text("200 OK", "hi")).await;
    });
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    in_both(HELLO, |lab: Lab| async move {
        for path in ["/length", "/dropped"] {
            let method = if path == "/length" { "POST" } else { "PUT" };
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"
            );
            let answer = lab.exchange("app", head).await;
            assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
        }
    });
}

#[test]
fn chunks_without_end_are_refused_at_the_limit() {
    in_virtual(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send("POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(65536));
        for _ in 0..=256 {
            wire.send(&chunk).await;
        }
        assert!(wire.rest().await.starts_with("HTTP/1.1 413 Payload Too Large\r\n"));
    });
}
