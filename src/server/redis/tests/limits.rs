//! What is too much.

use super::{Lab, conversation_with};
use crate::protocol::resp::Frame;
use crate::server::redis::limits::{
    DRAWS_MAX, MAILBOX_BYTES_MAX, NAMES_BYTES_MAX, REPLY_BYTES_MAX, SUBSCRIPTIONS_MAX,
    TEXT_BYTES_MAX,
};

#[test]
fn beyond_the_memory_limit_only_what_needs_no_memory_is_done() {
    let mut lab = Lab::new();
    lab.ask(&["CONFIG", "SET", "maxmemory", "1mb"]);
    let megabyte = vec![b'x'; 1 << 20];
    assert_eq!(lab.ask(&[b"SET", &b"big"[..], &megabyte]), Frame::Simple("OK".into()));
    conversation_with(
        &mut lab,
        "
        > SET k v
        -OOM command not allowed when used memory > 'maxmemory'.
        > LPUSH l x
        -OOM command not allowed when used memory > 'maxmemory'.
        > STRLEN big
        :1048576
        > DEL big
        :1
        > SET k v
        +OK
        ",
    );
}

#[test]
fn the_account_of_memory_returns_to_zero() {
    let mut lab = Lab::new();
    for line in [
        "SET s hello",
        "APPEND s world",
        "SETRANGE s 20 x",
        "RPUSH l a b c",
        "LSET l 1 longer",
        "LTRIM l 1 2",
        "LREM l 0 c",
        "HSET h a 1 b 2 c 3",
        "HSET h a longer",
        "HINCRBY h b 1000",
        "SADD e 1 2 3",
        "SADD e word",
        "SREM e 2",
        "ZADD z 1 a 2 b 3 c",
        "ZADD z 9 a",
        "ZPOPMIN z",
        "EXPIRE z 100",
        "RENAME z y",
        "COPY y x DB 4",
        "SWAPDB 4 5",
        "SUNIONSTORE f e",
    ] {
        lab.say("a", line);
        assert!(lab.engine.bytes() > 0, "{line}");
    }
    for line in ["DEL s l h e y f", "SELECT 5", "ZREM x b c a"] {
        lab.say("a", line);
    }
    assert_eq!(lab.engine.bytes(), 0);
}

#[test]
fn no_command_makes_a_string_that_could_not_be_sent() {
    let mut lab = Lab::new();
    let too_far = TEXT_BYTES_MAX.to_string();
    let refused = Frame::Error(
        "ERR string exceeds maximum allowed size (proto-max-bulk-len)".to_owned().into(),
    );
    assert_eq!(lab.ask(&["SETRANGE", "k", &too_far, "x"]), refused);
    let bits = (8 * TEXT_BYTES_MAX).to_string();
    assert!(lab.ask(&["SETBIT", "k", &bits, "1"]).error().is_some());
    let whole = vec![b'x'; TEXT_BYTES_MAX];
    assert_eq!(lab.ask(&[b"SET", &b"k"[..], &whole]), Frame::Simple("OK".into()));
    assert_eq!(lab.ask(&["APPEND", "k", "x"]), refused);
}

#[test]
fn a_reply_beyond_the_limit_is_an_error_and_no_memory() {
    let mut lab = Lab::new();
    let large = vec![b'x'; 32 << 20];
    lab.ask(&[b"SET", &b"k"[..], &large]);
    let times = REPLY_BYTES_MAX / large.len() + 1;
    let mut words = vec!["MGET"];
    words.resize(times + 1, "k");
    let refused = Frame::Error("ERR the reply is longer than 120 MiB".into());
    assert_eq!(lab.ask(&words), refused);
    // The same by way of a transaction.
    lab.ask(&["MULTI"]);
    for _ in 0..times {
        lab.ask(&["GET", "k"]);
    }
    let Frame::Array(replies) = lab.ask(&["EXEC"]) else { panic!() };
    assert_eq!(replies.last(), Some(&refused));
    assert_eq!(lab.ask(&["PING"]), Frame::Simple("PONG".into()));
}

#[test]
fn no_more_is_drawn_with_repetition_than_is_stated() {
    let mut lab = Lab::new();
    lab.ask(&["SADD", "s", "a"]);
    let too_many = format!("-{}", DRAWS_MAX + 1);
    for command in ["SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER"] {
        let refused = Frame::Error("ERR value is out of range".into());
        assert_eq!(lab.ask(&[command, "s", &too_many]), refused);
    }
}

#[test]
fn a_subscriber_that_does_not_read_is_disconnected_and_others_are_not() {
    let mut lab = Lab::new();
    for name in ["lazy", "busy"] {
        lab.say(name, "SUBSCRIBE c");
    }
    let message = vec![b'x'; 1 << 20];
    let (lazy, busy) = (lab.client("lazy"), lab.client("busy"));
    for _ in 0..=MAILBOX_BYTES_MAX / message.len() {
        lab.ask(&[b"PUBLISH", &b"c"[..], &message]);
        assert!(lab.engine.take_mail(busy, &mut bytes::BytesMut::new()));
    }
    let mut mail = bytes::BytesMut::new();
    assert!(!lab.engine.take_mail(lazy, &mut mail));
    assert!(mail.is_empty(), "what lay there is gone");
}

#[test]
fn a_transaction_is_bounded() {
    let mut lab = Lab::new();
    lab.ask(&["MULTI"]);
    let large = vec![b'x'; 40 << 20];
    assert_eq!(lab.ask(&[b"SET", &b"k"[..], &large]), Frame::Simple("QUEUED".into()));
    assert!(lab.ask(&[b"SET", &b"k"[..], &large]).error().is_some());
    assert!(lab.ask(&["EXEC"]).error().is_some());
    assert_eq!(lab.ask(&["EXISTS", "k"]), Frame::Integer(0));
}

#[test]
fn a_client_listens_to_and_watches_a_bounded_number_of_names() {
    let mut lab = Lab::new();
    let long = vec![b'x'; NAMES_BYTES_MAX / 2];
    let refused = "ERR too many channels, patterns and watched keys";
    let other = [&long[..], b"y"].concat();
    assert_eq!(lab.ask(&[b"WATCH", &long[..]]), Frame::Simple("OK".into()));
    assert_eq!(lab.ask(&[b"WATCH", &other[..]]).error(), Some(refused.as_bytes()));
    assert_eq!(lab.ask(&[b"SUBSCRIBE", &other[..]]).error(), Some(refused.as_bytes()));
    lab.ask(&["UNWATCH"]);
    assert_eq!(lab.ask(&[b"WATCH", &other[..]]), Frame::Simple("OK".into()));
    let many: Vec<String> = (0..=SUBSCRIPTIONS_MAX).map(|n| n.to_string()).collect();
    let words: Vec<&str> = std::iter::once("PSUBSCRIBE").chain(many.iter().map(|n| &**n)).collect();
    assert_eq!(lab.ask(&words).error(), Some(refused.as_bytes()));
    assert!(lab.ask(&["CLIENT", "SETNAME", &"x".repeat(1025)]).error().is_some());
}
