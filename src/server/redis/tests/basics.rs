//! Strings, counters, times to live, keys, scans.

use super::{Lab, conversation, conversation_with};
use crate::protocol::resp::Frame;

#[test]
fn set_has_conditions_and_can_return_the_old_value() {
    conversation(
        r#"
        > SET k 1
        +OK
        > SET k 2 NX
        (nil)
        > SET k 2 XX GET
        "1"
        > SET missing 1 XX
        (nil)
        > SET missing 1 XX GET
        (nil)
        > GET missing
        (nil)
        > SETNX k 3
        :0
        > GETSET k 4
        "2"
        > GETDEL k
        "4"
        > EXISTS k
        :0
        > MSETNX a 1 b 2
        :1
        > MSETNX b 3 c 4
        :0
        > MGET a b c
        *3 [1, 2, (nil)]
        > SET k v NX XX
        -ERR syntax error
        > SET k v EX 1 KEEPTTL
        -ERR syntax error
        > SET k v EX 0
        -ERR invalid expire time in 'set' command
        "#,
    );
}

#[test]
fn strings_are_cut_and_patched_by_bytes() {
    conversation(
        r#"
        > APPEND k hello
        :5
        > APPEND k " world"
        :11
        > GETRANGE k -5 -1
        "world"
        > SETRANGE k 6 There
        :11
        > SETRANGE new 2 x
        :3
        > GET new
        "\x00\x00x"
        > STRLEN k
        :11
        > SETBIT bits 7 1
        :0
        > GET bits
        "\x01"
        > BITCOUNT bits
        :1
        "#,
    );
}

#[test]
fn counters_know_their_bounds() {
    conversation(
        r#"
        > INCR n
        :1
        > INCRBY n 41
        :42
        > DECRBY n 2
        :40
        > SET n 9223372036854775807
        +OK
        > INCR n
        -ERR increment or decrement would overflow
        > SET n " 1"
        +OK
        > INCR n
        -ERR value is not an integer or out of range
        > INCRBYFLOAT f 10.5
        "10.5"
        > INCRBYFLOAT f 0.1
        "10.6"
        > INCRBYFLOAT f inf
        -ERR increment would produce NaN or Infinity
        > LPUSH l a
        :1
        > INCR l
        -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
}

#[test]
fn a_key_lives_to_its_last_millisecond_and_no_longer() {
    conversation(
        r#"
        > SET k v PX 100
        +OK
        > PTTL k
        :100
        wait 100ms
        > GET k
        "v"
        > PTTL k
        :0
        wait 1ms
        > GET k
        (nil)
        > TTL k
        :-2
        > DBSIZE
        :0
        "#,
    );
}

#[test]
fn times_to_live_are_kept_changed_and_lifted() {
    conversation(
        r#"
        > SET k v EX 100
        +OK
        > SET k w KEEPTTL
        +OK
        > TTL k
        :100
        > INCRBY n 1
        :1
        > EXPIRE n 50
        :1
        > INCR n
        :2
        > TTL n
        :50
        > EXPIRE n 40 GT
        :0
        > EXPIRE n 60 GT
        :1
        > EXPIRE n 70 NX
        :0
        > PERSIST n
        :1
        > TTL n
        :-1
        > SET k x
        +OK
        > TTL k
        :-1
        > RENAME n m
        +OK
        > EXPIRE m -1
        :1
        > EXISTS m
        :0
        "#,
    );
}

#[test]
fn the_time_of_day_begins_with_the_year_2026() {
    conversation(
        r#"
        > TIME
        *2 [1767225600, 0]
        wait 1500ms
        > TIME
        *2 [1767225601, 500000]
        > SET k v EXAT 1767225602
        +OK
        > EXPIRETIME k
        :1767225602
        > PTTL k
        :500
        wait 501ms
        > EXISTS k
        :0
        "#,
    );
}

#[test]
fn the_dead_are_swept_away_though_nobody_asks_for_them() {
    let mut lab = Lab::new();
    for n in 0..1000 {
        lab.ask(&["SET".to_owned(), format!("k{n}"), "v".to_owned(), "PX".into(), "10".into()]);
    }
    assert_eq!(lab.ask(&["DBSIZE"]), Frame::Integer(1000));
    // Each command at a new time sweeps a bounded number, so that none takes long.
    for _ in 0..60 {
        lab.wait(std::time::Duration::from_millis(20));
        lab.ask(&["PING"]);
    }
    assert_eq!(lab.ask(&["DBSIZE"]), Frame::Integer(0));
}

#[test]
fn keys_are_renamed_copied_and_moved_with_all_they_have() {
    conversation(
        r#"
        > RPUSH l a b
        :2
        > EXPIRE l 10
        :1
        > COPY l m
        :1
        > TTL m
        :10
        > COPY l m
        :0
        > COPY l l
        -ERR source and destination objects are the same
        > COPY l m DB 3 REPLACE
        :1
        > MOVE m 3
        :0
        > RENAME missing x
        -ERR no such key
        > RENAME l l
        +OK
        > RENAMENX l m
        :0
        > SELECT 3
        +OK
        > LRANGE m 0 -1
        *2 [a, b]
        > SWAPDB 0 3
        +OK
        > EXISTS l m
        :2
        > SELECT 16
        -ERR DB index is out of range
        > FLUSHALL
        +OK
        > DBSIZE
        :0
        "#,
    );
}

#[test]
fn what_a_key_holds_is_told_and_guarded() {
    conversation(
        r#"
        > SET s 1
        +OK
        > HSET h f v
        :1
        > SADD e 1 2
        :2
        > ZADD z 1 a
        :1
        > TYPE s
        +string
        > TYPE nothing
        +none
        > OBJECT ENCODING s
        "int"
        > OBJECT ENCODING h
        "listpack"
        > OBJECT ENCODING e
        "intset"
        > SADD e x
        :1
        > OBJECT ENCODING e
        "listpack"
        > OBJECT ENCODING nothing
        (nil)
        > LPUSH h x
        -WRONGTYPE Operation against a key holding the wrong kind of value
        > ZADD e 1 a
        -WRONGTYPE Operation against a key holding the wrong kind of value
        > GET z
        -WRONGTYPE Operation against a key holding the wrong kind of value
        > MGET s h
        *2 [1, (nil)]
        "#,
    );
}

#[test]
fn a_scan_filters_by_pattern_and_type() {
    conversation(
        r#"
        > MSET a1 1 a2 2 b1 3
        +OK
        > SADD s x
        :1
        > SCAN 0 MATCH b* COUNT 100
        *2 [0, *1 [b1]]
        > SCAN 0 TYPE set
        *2 [0, *1 [s]]
        > SSCAN s 0
        *2 [0, *1 [x]]
        > SCAN hello
        -ERR invalid cursor
        > SCAN 0 COUNT 0
        -ERR syntax error
        "#,
    );
}

#[test]
fn a_scan_finds_all_that_stays_while_others_come_and_go() {
    let mut lab = Lab::new();
    for n in 0..300 {
        lab.ask(&["SET".to_owned(), format!("stays:{n}"), "v".to_owned()]);
    }
    let (mut cursor, mut found, mut calls) = ("0".to_owned(), Vec::new(), 0);
    loop {
        let Frame::Array(reply) = lab.ask(&["SCAN", &cursor, "MATCH", "stays:*"]) else { panic!() };
        let [Frame::Bulk(next), Frame::Array(keys)] = &reply[..] else { panic!("{reply:?}") };
        found.extend(keys.iter().map(|key| format!("{key:?}")));
        cursor = String::from_utf8_lossy(next).into_owned();
        if cursor == "0" {
            break;
        }
        for n in 0..40 {
            lab.ask(&["SET".to_owned(), format!("new:{calls}:{n}"), "v".to_owned()]);
            lab.ask(&["DEL".to_owned(), format!("new:{}:{n}", calls / 2)]);
        }
        calls += 1;
    }
    let count = found.len();
    found.sort();
    found.dedup();
    assert_eq!((found.len(), count), (300, 300));
}

#[test]
fn what_the_scenario_gives_is_there_at_the_start() {
    let mut lab = Lab::new();
    let data = serde_json::json!({
        "n": 10, "f": 1.5, "t": "text", "yes": true, "l": ["a", 2], "h": {"x": 1}, "e": [],
    });
    let pairs = data.as_object().expect("an object").iter();
    lab.engine.preload(pairs.map(|(key, value)| (&**key, value))).expect("it can be held");
    conversation_with(
        &mut lab,
        r#"
        > INCR n
        :11
        > MGET f t yes
        *3 [1.5, text, true]
        > LRANGE l 0 -1
        *2 [a, 2]
        > HGETALL h
        *2 [x, 1]
        > EXISTS e
        :0
        "#,
    );
    let nested = serde_json::json!([[1]]);
    let error = lab.engine.preload([("deep", &nested)]).expect_err("a list in a list");
    assert_eq!(error.to_string(), "the key `deep` cannot hold an array within a list or a mapping");
}
