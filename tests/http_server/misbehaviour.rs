//! Servers that misbehave on purpose, and clients that do.

use super::lab::{Lab, get, in_both, in_real, in_virtual, ms, text};

const LIES: &str = "
  app:
    type: http
    routes:
      - { on: GET /honest, respond: { text: honest } }
      - { on: GET /short, respond: { text: \"0123456789\", content_length: 4 } }
      - { on: GET /long, respond: { text: \"0123456789\", content_length: 20 } }
      - { on: GET /close, respond: { text: bye, then: close } }
      - { on: GET /reset, respond: { then: reset } }
      - { on: GET /hang, respond: { then: hang } }
      - { on: GET /chunked, respond: { json: [1, 2], chunked: true } }
      - { on: GET /odd, respond: { status: 299, text: odd } }
      - { on: GET /own, respond: { headers: { connection: close, content-length: \"99\" }, text: x } }
";

#[test]
fn a_lie_about_the_length_is_told_and_all_the_bytes_are_sent() {
    in_both(LIES, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send([get("/short"), get("/long"), get("/honest")].concat()).await;
        let lie = |length: &str| {
            let told = format!("Content-Length: {length}");
            text("200 OK", "0123456789").replace("Content-Length: 10", &told)
        };
        wire.expect(&[lie("4"), lie("20"), text("200 OK", "honest")].concat()).await;
        lab.ask(get("/odd"), &text("299 ", "odd")).await;
        let own = lab.exchange("app", get("/own")).await;
        assert_eq!(
            own,
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
             connection: close\r\ncontent-length: 99\r\n\r\nx"
        );
    });
}

#[test]
fn an_answer_in_chunks_is_sent_in_chunks_but_not_to_old_clients() {
    in_both(LIES, |lab: Lab| async move {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n0\r\n\r\n");
        lab.ask(get("/chunked"), &chunked).await;
        let old = lab.exchange("app", "GET /chunked HTTP/1.0\r\n\r\n").await;
        assert_eq!(old, format!("{head}Content-Length: 5\r\nConnection: close\r\n\r\n[1,2]"));
    });
}

#[test]
fn close_answers_and_ends_reset_and_hang_do_not_answer() {
    in_both(LIES, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send([get("/close"), get("/honest")].concat()).await;
        let bye = text("200 OK", "bye").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        assert_eq!(wire.rest().await, bye);

        let mut wire = lab.connect("app").await;
        wire.send(get("/reset")).await;
        let error = wire.more().await.expect_err("the connection is reset");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

        let mut wire = lab.connect("app").await;
        wire.send([get("/honest"), get("/hang"), get("/honest")].concat()).await;
        wire.expect(&text("200 OK", "honest")).await;
        assert!(wire.is_silent(ms(100)).await);
        wire.end().await;
        assert_eq!(wire.rest().await, "");
    });
}

#[test]
fn a_client_that_never_reads_holds_up_nobody_but_itself() {
    let big = "x".repeat(1_000_000);
    let servers = format!(
        "
  app:
    type: http
    routes:
      - {{ on: GET /big, respond: {{ text: \"{big}\" }} }}
      - {{ on: GET /small, respond: {{ text: ok }} }}
"
    );
    let body = |lab: Lab| async move {
        let mut deaf = lab.connect("app").await;
        deaf.send(get("/big").repeat(50)).await;
        for _ in 0..3 {
            lab.ask(get("/small"), &text("200 OK", "ok")).await;
            lab.clock.sleep(ms(10)).await;
        }
        // What is under way is a window, not fifty answers: the rest was never begun.
        let begun = lab.log().iter().filter(|line| line.starts_with("GET /big")).count();
        assert!(begun < 20, "{begun} answers were begun");
        // A server that is to stop does not wait for it for ever.
        lab.tasks.stop().await;
    };
    in_virtual(&servers, body);
    in_real(&servers, body);
}
