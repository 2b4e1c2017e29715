//! The http server: raw bytes in, raw bytes out, in both worlds.

mod lab;

use lab::{Lab, in_real, in_virtual};
use looplab::base::{Located, Span, Value};
use looplab::scenario::model::{
    Body, Dynamic, DynamicKind, HttpServer, Pattern, Respond, Route, RouteAction, Segment, Server,
    ServerKind, Text, Then,
};

const NOWHERE: Span = Span { start: 0, end: 0 };

fn located<T>(value: T) -> Located<T> {
    Located::new(value, NOWHERE)
}

fn http(routes: Vec<Route>) -> Server {
    Server {
        name: located("app".into()),
        about: None,
        port: None,
        connections_max: 20_000,
        kind: ServerKind::Http(HttpServer { state: Vec::new(), routes, serial: false }),
    }
}

fn route(on: &str, action: RouteAction) -> Route {
    let (method, path) = on.split_once(' ').unwrap();
    let segment = |part: &str| match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
        Some(name) => match name.strip_suffix("...") {
            Some(name) => Segment::Rest(name.into()),
            None => Segment::Param(name.into()),
        },
        None => Segment::Literal(part.into()),
    };
    Route {
        span: NOWHERE,
        on: Pattern {
            method: (method != "*").then(|| method.into()),
            segments: path[1..].split('/').map(segment).collect(),
            span: NOWHERE,
        },
        when: Vec::new(),
        delay: None,
        set: Vec::new(),
        add: Vec::new(),
        action,
    }
}

fn text(body: &str) -> RouteAction {
    RouteAction::Respond(Respond {
        status: 200,
        headers: Vec::new(),
        body: Body::Text(Text::parse(body, NOWHERE, |_, _| NOWHERE).unwrap()),
        content_length: None,
        chunked: false,
        then: Then::Keep,
    })
}

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
    in_virtual(vec![http(vec![route("GET /hello", text("hi"))])], keep_alive);
    in_real(vec![http(vec![route("GET /hello", text("hi"))])], keep_alive);
}
