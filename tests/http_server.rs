//! The http server: raw bytes in, raw bytes out, in both worlds.

mod lab;

use lab::{Lab, in_real, in_virtual};

const HELLO: &str = "
  app:
    type: http
    routes:
      - { on: GET /hello, respond: { text: hi } }
";

async fn keep_alive(lab: Lab) {
    let mut wire = lab.connect("app").await;
    for _ in 0..3 {
        wire.send("GET /hello HTTP/1.1\r\nHost: app\r\n\r\n").await;
        wire.expect(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nhi",
        )
        .await;
    }
    wire.send("GET /hello HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n").await;
    assert!(wire.rest().await.contains("\r\nConnection: close\r\n"));
    assert_eq!(lab.log().len(), 4);
}

#[test]
fn a_connection_serves_request_after_request_until_asked_to_close() {
    in_virtual(HELLO, keep_alive);
    in_real(HELLO, keep_alive);
}
