//! Routes, templates and state.

use super::lab::{HELLO, Lab, get, in_both, json, request, text};

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
        let all = "HTTP/1.1 204 No Content\r\nAllow: GET, POST, PUT, HEAD, OPTIONS\r\n\r\n";
        lab.ask(request("OPTIONS", "*", ""), all).await;
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
