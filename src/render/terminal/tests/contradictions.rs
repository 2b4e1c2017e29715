//! How operations that contradict each other are drawn.

use super::*;
use crate::base::Value;
use crate::trace::{OpEvent, OpPhase};

/// The ends of operations: who, which, how, when in microseconds.
fn events(ops: &[(u32, u64, &str, Value, OpPhase, u64)]) -> Vec<Event> {
    let event = |(client, id, f, value, phase, at): &(u32, u64, &str, Value, OpPhase, u64)| {
        let (client, id, phase) = (NodeId(*client), *id, *phase);
        let (f, key, value) = ((*f).to_owned(), Value::from("x"), value.clone());
        let op = OpEvent { client, id, phase, f, key, value };
        Event { at: Time::from_nanos(at * 1_000), kind: EventKind::Op(Box::new(op)) }
    };
    ops.iter().map(event).collect()
}

/// A stale read, beside a write of which nobody knows and an operation that is not meant.
fn stale() -> (Contradiction, Header) {
    use OpPhase::{Invoke, Ok, Unknown};
    let all = events(&[
        (0, 1, "write", 9.into(), Invoke, 1_000),
        (0, 1, "write", 9.into(), Ok, 2_000),
        (1, 2, "write", 10.into(), Invoke, 2_500),
        (2, 7, "read", Value::Null, Invoke, 2_600),
        (0, 3, "write", 11.into(), Invoke, 2_750),
        (1, 2, "write", 10.into(), Ok, 3_000),
        (2, 7, "read", 10.into(), Ok, 3_100),
        (0, 3, "write", 11.into(), Unknown, 4_000),
        (0, 4, "read", Value::Null, Invoke, 4_500),
        (0, 4, "read", 10.into(), Ok, 4_600),
        (3, 5, "read", Value::Null, Invoke, 5_000),
        (3, 5, "read", 9.into(), Ok, 6_000),
    ]);
    let mut found = Contradiction::new(&[5, 1, 2, 3, 4]);
    all.iter().for_each(|event| found.event(event));
    let node = |name: &str| HeaderNode { name: name.into(), kind: "client".into() };
    let nodes = ["ann", "bob", "cid", "reader.2"].map(node).to_vec();
    (found, Header { nodes, ..sample::header() })
}

fn drawn(width: usize, ascii: bool) -> String {
    let (found, header) = stale();
    let mut out = String::new();
    found.draw(&header, Style { width, ascii, ..Style::PLAIN }, 4, &mut out);
    out
}

#[test]
fn operations_stand_in_the_order_of_time_each_in_its_clients_row() {
    golden("contradiction", &drawn(120, false));
    let ascii = drawn(120, true);
    assert!(ascii.is_ascii(), "{ascii}");
    golden("contradiction-ascii", &ascii);
}

#[test]
fn where_there_is_no_room_for_a_picture_the_operations_are_listed() {
    golden("contradiction-narrow", &drawn(44, false));
    for width in 0..130 {
        let drawn = drawn(width, false);
        assert!(drawn.lines().all(|line| text::width(line) <= width.max(10)), "{width}\n{drawn}");
    }
}
