//! The http server's answers: raw bytes in, raw bytes out, in both worlds.

mod lab;

use std::time::Duration;

use lab::{Lab, get, in_both, in_real, in_virtual, json, request, text};

const HELLO: &str = "
  app:
    type: http
    routes:
      - { on: GET /hello, respond: { text: hi } }
      - { on: GET /other, respond: { text: ho } }
      - { on: POST /length, respond: { text: \"${body}\" } }
      - { on: PUT /dropped, respond: { status: 204 } }
";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

// ---- connections --------------------------------------------------------------------------

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

// ---- what is refused ----------------------------------------------------------------------

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

// ---- bodies -------------------------------------------------------------------------------

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

// ---- routes -------------------------------------------------------------------------------

#[test]
fn what_no_route_answers_is_told_what_would_have_been() {
    in_both(HELLO, |lab: Lab| async move {
        let missing = "{\"error\":\"no route answers GET /helo\",\"nearest\":\"GET /hello\"}";
        lab.ask(get("/helo"), &json("404 Not Found", "", missing)).await;
        let nothing = "{\"error\":\"no route answers GET /quite/another/thing\"}";
        lab.ask(get("/quite/another/thing"), &json("404 Not Found", "", nothing)).await;
        let allow = "Allow: GET, HEAD, OPTIONS\r\n";
        let method = "{\"error\":\"/hello answers GET, HEAD, OPTIONS, not DELETE\"}";
        let answer = json("405 Method Not Allowed", allow, method);
        lab.ask(request("DELETE", "/hello", ""), &answer).await;
        let options = "HTTP/1.1 204 No Content\r\nAllow: GET, HEAD, OPTIONS\r\n\r\n";
        lab.ask(request("OPTIONS", "/hello", ""), options).await;
    });
}

#[test]
fn head_is_answered_as_get_without_the_body() {
    in_both(HELLO, |lab: Lab| async move {
        let mut wire = lab.connect("app").await;
        wire.send([request("HEAD", "/hello", ""), get("/other")].concat()).await;
        let head = text("200 OK", "hi");
        let head = head.strip_suffix("hi").expect("the body stands last");
        wire.expect(&[head, &text("200 OK", "ho")].concat()).await;
    });
}

const MATCHING: &str = "
  app:
    type: http
    routes:
      - { on: GET /, respond: { text: root } }
      - { on: GET /items/new, respond: { text: new } }
      - { on: \"GET /items/{id}\", respond: { text: \"item ${params.id}\" } }
      - { on: \"* /files/{path...}\", respond: { text: \"${method} file ${params.path}\" } }
      - { on: GET /list, when: { query.page: { gt: 1 } }, respond: { text: later } }
      - { on: GET /list, when: { query.page: { exists: false } }, respond: { text: all } }
      - { on: GET /list, when: { headers.x-who: ann }, respond: { text: \"for ${headers.X-Who}\" } }
      - { on: POST /order, when: { $.items: { length: { gte: 2 } } }, respond: { text: many } }
      - { on: POST /order, when: { body: { contains: urgent } }, respond: { text: urgent } }
      - { on: POST /order, respond: { text: few } }
";

#[test]
fn the_first_route_that_fits_answers() {
    in_both(MATCHING, |lab: Lab| async move {
        for (asked, answered) in [
            ("/", "root"),
            ("/?x=1", "root"),
            ("/items/new", "new"),
            ("/items/7", "item 7"),
            ("/items/a%20b%2Fc", "item a b/c"),
            ("/%69tems/new", "new"),
            ("http://app/items/9", "item 9"),
            ("/files", "GET file "),
            ("/files/", "GET file "),
            ("/files/a/b.txt", "GET file a/b.txt"),
            ("/list", "all"),
            ("/list?page=2", "later"),
        ] {
            lab.ask(get(asked), &text("200 OK", answered)).await;
        }
        let request_of_ann = "GET /list?page=1 HTTP/1.1\r\nHost: a\r\nX-Who: ann\r\n\r\n";
        lab.ask(request_of_ann, &text("200 OK", "for ann")).await;
        for (body, answered) in [
            ("{\"items\":[1,2]}", "many"),
            ("{\"items\":[1]}", "few"),
            ("this is urgent", "urgent"),
            ("not { JSON", "few"),
        ] {
            lab.ask(request("POST", "/order", body), &text("200 OK", answered)).await;
        }
    });
}

#[test]
fn a_route_whose_conditions_do_not_hold_says_so() {
    in_both(MATCHING, |lab: Lab| async move {
        let why = "{\"error\":\"GET /list fits `GET /list`, but its `when` does not hold\"}";
        lab.ask(get("/list?page=1"), &json("404 Not Found", "", why)).await;
        for missing in ["/items", "/items/", "/items/1/2", "//"] {
            let mut wire = lab.connect("app").await;
            wire.send(get(missing)).await;
            wire.expect("HTTP/1.1 404 Not Found\r\n").await;
        }
    });
}

#[test]
fn templates_see_the_request_the_state_and_the_addresses() {
    let servers = "
  db: { type: echo }
  app:
    type: http
    state: { n: 0, who: nobody, at: \"${db.address}\" }
    routes:
      - on: POST /say/{id}
        set: { who: \"${$.who}\" }
        add: { n: 2 }
        respond:
          headers: { x-id: \"${params.id}\", x-lines: \"${$.lines}\" }
          json: { n: \"${n}\", who: \"${who}\", q: \"${query.q}\", deep: \"${$.a[0].b}\", none: \"${query.z}\" }
      - { on: GET /at, respond: { text: \"${at} ${query.z}.\" } }
";
    in_both(servers, |lab: Lab| async move {
        let body = "{\"who\":\"ann\",\"a\":[{\"b\":[1.5]}],\"lines\":\"1\\r\\nX-Evil: 2\"}";
        for n in [2, 4] {
            let said =
                format!("{{\"n\":{n},\"who\":\"ann\",\"q\":\"a b\",\"deep\":[1.5],\"none\":null}}");
            let headers = "x-id: 7\r\nx-lines: 1  X-Evil: 2\r\n";
            let answer = json("200 OK", headers, &said);
            lab.ask(request("POST", "/say/7?q=a+b", body), &answer).await;
        }
        let address = format!("{} .", lab.address("db"));
        lab.ask(get("/at"), &text("200 OK", &address)).await;
    });
}

#[test]
fn a_sequence_gives_its_answers_in_turn_and_keeps_the_last() {
    let servers = "
  app:
    type: http
    routes:
      - on: GET /flaky
        sequence:
          - { times: 2, respond: { status: 503, text: \"no\" } }
          - { respond: { text: almost } }
          - { respond: { text: \"yes\" } }
";
    in_both(servers, |lab: Lab| async move {
        for _ in 0..2 {
            lab.ask(get("/flaky"), &text("503 Service Unavailable", "no")).await;
        }
        lab.ask(get("/flaky"), &text("200 OK", "almost")).await;
        for _ in 0..3 {
            lab.ask(get("/flaky"), &text("200 OK", "yes")).await;
        }
    });
}

#[test]
fn what_cannot_be_added_to_is_an_answer_and_a_line_in_the_log() {
    let servers = "
  app:
    type: http
    state: { n: 0 }
    routes:
      - { on: POST /, set: { n: \"${query.n}\" }, add: { n: 1 }, respond: {} }
";
    in_both(servers, |lab: Lab| async move {
        let why = "`n` is not a number, so nothing can be added to it";
        let answer = json("500 Internal Server Error", "", &format!("{{\"error\":\"{why}\"}}"));
        lab.ask(request("POST", "/?n=x", ""), &answer).await;
        assert_eq!(lab.log()[0], format!("POST /?n=x cannot be answered: {why}"));
    });
}

// ---- misbehaviour -------------------------------------------------------------------------

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

// ---- time ---------------------------------------------------------------------------------

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
