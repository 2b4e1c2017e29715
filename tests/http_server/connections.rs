//! Connections, bodies and time.

use std::time::Duration;

use super::lab::{HELLO, Lab, get, in_both, in_virtual, ms, request, text};

#[test]
fn a_connection_serves_request_after_request_until_asked_to_close() {
    in_both(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        for _ in 0..3 {
            wire.send(get("/hello")).await;
            wire.expect(&text("200 OK", "hi")).await;
        }
        wire.send("GET /hello HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n").await;
        assert!(wire.rest().await.contains("\r\nConnection: close\r\n"));
        let log = lab.log();
        assert_eq!(log.len(), 4);
        assert!(log[0].starts_with("GET /hello 200 "), "{log:?}");
    });
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    in_both(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        let all = [get("/hello"), request("POST", "/length", "abc"), get("/other")].concat();
        wire.send(all).await;
        let answers = [text("200 OK", "hi"), text("200 OK", "abc"), text("200 OK", "ho")];
        wire.expect(&answers.concat()).await;
    });
}

#[test]
fn requests_may_come_in_any_pieces() {
    in_virtual(HELLO, |lab: Lab| async move {
        let whole = [request("POST", "/length", "abc"), get("/hello")].concat();
        let answers = [text("200 OK", "abc"), text("200 OK", "hi")].concat();
        for cut in 1..whole.len() {
            let mut wire = lab.connect("app").await;
            wire.send(&whole[..cut]).await;
            lab.clock.sleep(ms(1)).await;
            wire.send(&whole[cut..]).await;
            wire.expect(&answers).await;
        }
    });
}

#[test]
fn an_old_client_gets_what_it_understands() {
    in_both(HELLO, |lab: Lab| async move {
        let answer = lab.exchange("app", "GET /hello HTTP/1.0\r\n\r\n").await;
        assert!(answer.ends_with("Content-Length: 2\r\nConnection: close\r\n\r\nhi"), "{answer}");
        let mut wire = lab.connect("app").await;
        for _ in 0..2 {
            wire.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").await;
            wire.expect(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Length: 2\r\nConnection: keep-alive\r\n\r\nhi",
            )
            .await;
        }
    });
}

#[test]
fn a_client_that_has_ended_its_direction_still_gets_its_answer() {
    in_both(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(get("/hello")).await;
        wire.end().await;
        assert_eq!(wire.rest().await, text("200 OK", "hi"));
    });
}

#[test]
fn an_idle_connection_is_kept_for_hours() {
    in_virtual(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        for _ in 0..3 {
            wire.send(get("/hello")).await;
            wire.expect(&text("200 OK", "hi")).await;
            lab.clock.sleep(Duration::from_secs(3600)).await;
        }
    });
}

#[test]
fn half_a_request_is_given_thirty_seconds_and_others_do_not_notice() {
    in_virtual(HELLO, |lab: Lab| async move {
        for half in ["GET /hel", "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"]
        {
            let start = lab.clock.now();
            let mut slow = lab.connect("app").await;
            slow.send(half).await;
            lab.ask(get("/hello"), &text("200 OK", "hi")).await;
            assert!(lab.clock.now().since(start) < ms(1));
            let answer = slow.rest().await;
            assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
            assert_eq!(lab.clock.now().since(start), Duration::from_secs(30));
        }
    });
}

#[test]
fn a_server_that_stops_answers_what_it_has_begun_and_closes_what_is_idle() {
    let servers = "
  app:
    type: http
    routes:
      - { on: GET /slow, delay: 50ms, respond: { text: done } }
";
    in_both(servers, |lab: Lab| async move {
        let mut idle = lab.connect("app").await;
        let mut busy = lab.connect("app").await;
        busy.send(get("/slow")).await;
        lab.clock.sleep(ms(20)).await;
        let tasks = lab.tasks.clone();
        lab.tasks.spawn(looplab::base::NodeId(9), async move { tasks.stop_token().cancel() });
        assert_eq!(idle.rest().await, "");
        let answer = busy.rest().await;
        assert!(answer.contains("Connection: close\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ndone"), "{answer}");
        lab.tasks.stop().await;
    });
}

#[test]
fn a_chunked_body_is_put_together_and_its_trailers_are_dropped() {
    in_both(HELLO, |lab: Lab| async move {
        let chunked = "POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                       3\r\nabc\r\n0005;why=not\r\ndefgh\r\n0\r\nX-Sum: 1\r\n\r\n";
        let mut wire = lab.connect("app").await;
        wire.send([chunked, &get("/hello")].concat()).await;
        let answers = [text("200 OK", "abcdefgh"), text("200 OK", "hi")];
        wire.expect(&answers.concat()).await;
    });
}

#[test]
fn a_client_that_asks_first_is_told_to_go_on() {
    in_both(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        let head = "POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\
                    Expect: 100-continue\r\n\r\n";
        wire.send(head).await;
        wire.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
        wire.send("abc").await;
        wire.expect(&text("200 OK", "abc")).await;
    });
}

#[test]
fn a_body_nobody_looks_at_is_read_past() {
    in_both(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send(request("PUT", "/dropped", &"x".repeat(100_000))).await;
        wire.expect("HTTP/1.1 204 No Content\r\n\r\n").await;
        wire.send(get("/hello")).await;
        wire.expect(&text("200 OK", "hi")).await;
    });
}

const SLOW: &str = "
    routes:
      - { on: GET /slow, delay: 100ms, respond: { text: slow } }
      - { on: GET /quick, respond: { text: quick } }
";

#[test]
fn a_delay_holds_up_its_own_connection_only() {
    in_virtual(
        &format!("\n  app:\n    type: http\n{}", SLOW.trim_start_matches('\n')),
        |lab: Lab| async move {
            let start = lab.clock.now();
            let mut slow = lab.connect("app").await;
            slow.send([get("/quick"), get("/slow"), get("/quick")].concat()).await;
            slow.expect(&text("200 OK", "quick")).await;
            lab.ask(get("/quick"), &text("200 OK", "quick")).await;
            assert!(lab.clock.now().since(start) < ms(1));
            slow.expect(&[text("200 OK", "slow"), text("200 OK", "quick")].concat()).await;
            assert_eq!(lab.clock.now().since(start), ms(100));
        },
    );
}

#[test]
fn a_serial_server_takes_requests_in_the_order_of_their_coming() {
    let servers =
        format!("\n  app:\n    type: http\n    serial: true\n{}", SLOW.trim_start_matches('\n'));
    in_virtual(&servers, |lab: Lab| async move {
        let start = lab.clock.now();
        let mut wires = Vec::new();
        for path in ["/slow", "/slow", "/quick"] {
            let mut wire = lab.connect("app").await;
            wire.send(get(path)).await;
            lab.clock.sleep(ms(1)).await;
            wires.push(wire);
        }
        for (wire, (body, at)) in
            wires.iter_mut().zip([("slow", 100), ("slow", 200), ("quick", 200)])
        {
            wire.expect(&text("200 OK", body)).await;
            assert_eq!(lab.clock.now().since(start), ms(at));
        }
    });
}

#[test]
fn a_hanging_request_holds_up_all_of_a_serial_server_until_its_client_leaves() {
    let servers = "
  app:
    type: http
    serial: true
    routes:
      - { on: GET /hang, respond: { then: hang } }
      - { on: GET /quick, respond: { text: quick } }
";
    in_both(servers, |lab: Lab| async move {
        let mut stuck = lab.connect("app").await;
        stuck.send(get("/hang")).await;
        lab.clock.sleep(ms(20)).await;
        let mut wire = lab.connect("app").await;
        wire.send(get("/quick")).await;
        assert!(wire.is_silent(ms(50)).await);
        drop(stuck);
        wire.expect(&text("200 OK", "quick")).await;
    });
}
