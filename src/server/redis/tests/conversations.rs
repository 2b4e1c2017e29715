//! Several clients: waiting, transactions, channels; and what concerns a connection.

use super::{Lab, conversation, conversation_with, frames};
use crate::server::redis::Settings;

#[test]
fn who_waits_longest_is_served_first() {
    conversation(
        r#"
        b> BLPOP l 0
        waits
        c> BRPOP l 0
        waits
        > RPUSH l 1 2 3
        :3
        b< *2 [l, 1]
        c< *2 [l, 3]
        > LRANGE l 0 -1
        *1 [2]
        > BLPOP nothing l 0
        *2 [l, 2]
        "#,
    );
}

#[test]
fn patience_ends_on_the_clock_of_the_run() {
    conversation(
        r#"
        b> BLPOP l 0.25
        waits
        c> BLMOVE l m LEFT LEFT 1
        waits
        wait 249ms
        wait 1ms
        b< (nil)
        wait 1s
        c< (nil)
        > RPUSH l x
        :1
        > BLPOP l -1
        -ERR timeout is negative
        > BLPOP l soon
        -ERR timeout is not a float or out of range
        "#,
    );
}

#[test]
fn a_moved_element_serves_the_next_in_turn() {
    conversation(
        r#"
        b> BLPOP second 0
        waits
        c> BRPOPLPUSH first second 0
        waits
        > LPUSH first x
        :1
        b< *2 [second, x]
        c< "x"
        > EXISTS first second
        :0
        "#,
    );
}

#[test]
fn a_transaction_wakes_only_when_it_is_done() {
    conversation(
        r#"
        b> BLPOP l 0
        waits
        > MULTI
        +OK
        > RPUSH l a
        +QUEUED
        > LPUSH l b
        +QUEUED
        > BLPOP nothing 0
        +QUEUED
        > EXEC
        *3 [:1, :2, (nil)]
        b< *2 [l, b]
        "#,
    );
}

#[test]
fn a_client_that_is_released_goes_on() {
    conversation(
        r#"
        b> BLPOP l 0
        waits
        > CLIENT UNBLOCK 1
        :1
        b< (nil)
        > CLIENT UNBLOCK 1
        :0
        > RPUSH l x
        :1
        b> LPOP l
        "x"
        "#,
    );
}

#[test]
fn a_transaction_is_all_or_nothing() {
    conversation(
        r#"
        > MULTI
        +OK
        > SET a 1
        +QUEUED
        > INCR a
        +QUEUED
        > LPUSH a x
        +QUEUED
        b> GET a
        (nil)
        > EXEC
        *3 [+OK, :2, -WRONGTYPE Operation against a key holding the wrong kind of value]
        > MULTI
        +OK
        > SET a
        -ERR wrong number of arguments for 'set' command
        > SET a 9
        +QUEUED
        > EXEC
        -EXECABORT Transaction discarded because of previous errors.
        > GET a
        "2"
        > MULTI
        +OK
        > MULTI
        -ERR MULTI calls can not be nested
        > DISCARD
        +OK
        > EXEC
        -ERR EXEC without MULTI
        > DISCARD
        -ERR DISCARD without MULTI
        "#,
    );
}

#[test]
fn a_watched_key_that_changes_breaks_the_transaction() {
    conversation(
        r#"
        > SET stock 1
        +OK
        > WATCH stock
        +OK
        b> DECR stock
        :0
        > MULTI
        +OK
        > DECR stock
        +QUEUED
        > EXEC
        (nil)
        > GET stock
        "0"
        > WATCH stock
        +OK
        b> GET stock
        "0"
        > MULTI
        +OK
        > WATCH other
        -ERR WATCH inside MULTI is not allowed
        > INCR stock
        +QUEUED
        > EXEC
        *1 [:1]
        > WATCH stock
        +OK
        > UNWATCH
        +OK
        b> SET stock 5
        +OK
        > MULTI
        +OK
        > EXEC
        *0
        "#,
    );
}

#[test]
fn a_watched_key_breaks_the_transaction_by_expiring_or_by_a_flush() {
    conversation(
        r#"
        > SET k v PX 50
        +OK
        > WATCH k
        +OK
        wait 60ms
        > MULTI
        +OK
        > EXEC
        (nil)
        > SET k v
        +OK
        > WATCH k
        +OK
        b> FLUSHALL
        +OK
        > MULTI
        +OK
        > EXEC
        (nil)
        > WATCH k
        +OK
        b> FLUSHALL
        +OK
        > MULTI
        +OK
        > EXEC
        *0
        "#,
    );
}

#[test]
fn messages_reach_those_who_listen() {
    conversation(
        r#"
        b> SUBSCRIBE news sport
        *3 [subscribe, news, :1]
        *3 [subscribe, sport, :2]
        c> HELLO 3
        %7 {server: redis, version: 7.2.0, proto: :3, id: :2, mode: standalone, role: master, modules: *0}
        c> PSUBSCRIBE n*
        >3 [psubscribe, n*, :1]
        > PUBLISH news hello
        :2
        b< *3 [message, news, hello]
        c< >4 [pmessage, n*, news, hello]
        > PUBSUB CHANNELS
        *2 [news, sport]
        > PUBSUB NUMSUB news other
        *4 [news, :1, other, :0]
        > PUBSUB NUMPAT
        :1
        b> UNSUBSCRIBE
        *3 [unsubscribe, news, :1]
        *3 [unsubscribe, sport, :0]
        b> UNSUBSCRIBE
        *3 [unsubscribe, (nil), :0]
        > PUBLISH sport hello
        :0
        "#,
    );
}

#[test]
fn a_subscriber_of_resp2_can_do_little_else() {
    conversation(
        r#"
        > SUBSCRIBE c
        *3 [subscribe, c, :1]
        > PING
        *2 [pong, ""]
        > PING hi
        *2 [pong, hi]
        > GET k
        -ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context
        > RESET
        +RESET
        > GET k
        (nil)
        b> HELLO 3
        %7 {server: redis, version: 7.2.0, proto: :3, id: :2, mode: standalone, role: master, modules: *0}
        b> SUBSCRIBE c
        >3 [subscribe, c, :1]
        b> PUBLISH c hi
        :1
        b< >3 [message, c, hi]
        b> PING
        +PONG
        "#,
    );
}

#[test]
fn nothing_is_done_without_the_password() {
    let settings = Settings { password: Some("secret".to_owned()), ..Settings::default() };
    conversation_with(
        &mut Lab::with(settings),
        r#"
        > GET k
        -NOAUTH Authentication required.
        > AUTH wrong
        -WRONGPASS invalid username-password pair or user is disabled.
        > AUTH somebody secret
        -WRONGPASS invalid username-password pair or user is disabled.
        > AUTH secret
        +OK
        > GET k
        (nil)
        b> HELLO 3 AUTH default secret SETNAME me
        %7 {server: redis, version: 7.2.0, proto: :3, id: :2, mode: standalone, role: master, modules: *0}
        b> CLIENT GETNAME
        "me"
        c> NOTHING
        -ERR unknown command 'NOTHING', with args beginning with:
        c> QUIT
        +OK
        closes
        > RESET
        +RESET
        > GET k
        -NOAUTH Authentication required.
        "#,
    );
}

#[test]
fn resp3_says_what_things_are() {
    conversation(
        r#"
        > HELLO 3
        %7 {server: redis, version: 7.2.0, proto: :3, id: :1, mode: standalone, role: master, modules: *0}
        > HSET h a 1
        :1
        > HGETALL h
        %1 {a: 1}
        > SADD s x
        :1
        > SMEMBERS s
        ~1 [x]
        > ZADD z 1.5 m
        :1
        > ZSCORE z m
        ,1.5
        > ZRANGE z 0 -1 WITHSCORES
        *1 [*2 [m, ,1.5]]
        > ZPOPMIN z
        *2 [m, ,1.5]
        > CONFIG GET save
        %1 {save: ""}
        > GET nothing
        (nil)
        > HELLO 4
        -NOPROTO unsupported protocol version
        > HELLO 2
        *14 [server, redis, version, 7.2.0, proto, :2, id, :1, mode, standalone, role, master, modules, *0]
        > HGETALL h
        *2 [a, 1]
        "#,
    );
}

#[test]
fn unknown_commands_and_wrong_numbers_of_words_are_told_as_redis_tells_them() {
    conversation(
        r#"
        > GET
        -ERR wrong number of arguments for 'get' command
        > CLIENT ID x
        -ERR wrong number of arguments for 'client|id' command
        > CLIENT NOTHING
        -ERR unknown subcommand 'NOTHING'. Try CLIENT HELP.
        > FOO "a b" c
        -ERR unknown command 'FOO', with args beginning with: 'a b' 'c'
        "#,
    );
}

#[test]
fn clients_are_listed_named_and_killed() {
    let mut lab = Lab::new();
    conversation_with(
        &mut lab,
        r#"
        > CLIENT SETNAME boss
        +OK
        > CLIENT SETINFO LIB-NAME tests
        +OK
        b> SUBSCRIBE c
        *3 [subscribe, c, :1]
        > CLIENT ID
        :1
        > CLIENT SETNAME "a b"
        -ERR Client names cannot contain spaces, newlines or special characters.
        "#,
    );
    let (wire, _) = lab.say("a", "CLIENT LIST");
    let list = String::from_utf8_lossy(&wire).into_owned();
    assert!(list.contains("id=1 addr=127.0.0.1:5000 "), "{list}");
    assert!(list.contains("name=boss ") && list.contains("lib-name=tests"), "{list}");
    assert!(list.contains("id=2 ") && list.contains("flags=P db=0 sub=1"), "{list}");
    conversation_with(
        &mut lab,
        "
        > CLIENT KILL ID 2
        :1
        b< closed
        > CLIENT KILL ID 9
        :0
        > CLIENT KILL 1.2.3.4:5
        -ERR No such client
        > CLIENT KILL 127.0.0.1:5000
        +OK
        closes
        ",
    );
}

#[test]
fn the_server_tells_of_itself() {
    let mut lab = Lab::new();
    conversation_with(
        &mut lab,
        r#"
        > CONFIG GET appendonly databases
        *4 [appendonly, no, databases, 16]
        > CONFIG SET maxmemory 100mb
        +OK
        > CONFIG GET maxmemory
        *2 [maxmemory, 104857600]
        > CONFIG SET port 1
        -ERR CONFIG SET failed (possibly related to argument 'port') - can't set immutable config
        > COMMAND INFO get
        *1 [*10 [get, :2, *2 [+readonly, +fast], :1, :1, :1, *3 [+@read, +@string, +@fast], *0, *0, *0]]
        > COMMAND GETKEYS MSET a 1 b 2
        *2 [a, b]
        > COMMAND DOCS get
        *2 [get, *6 [summary, "Returns a string.", since, 1.0.0, group, string]]
        > WAIT 0 100
        :0
        > ROLE
        *3 [master, :0, *0]
        > SLOWLOG GET
        *0
        > SET k v
        +OK
        > GET nothing
        (nil)
        > LPUSH k x
        -WRONGTYPE Operation against a key holding the wrong kind of value
        "#,
    );
    let (wire, _) = lab.say("a", "INFO");
    let info = String::from_utf8_lossy(&wire).into_owned();
    for line in [
        "redis_version:7.2.0",
        "connected_clients:1",
        "db0:keys=1,expires=0,avg_ttl=0",
        "keyspace_misses:1",
        "errorstat_WRONGTYPE:count=1",
        "role:master",
    ] {
        assert!(info.contains(&format!("\r\n{line}\r\n")), "{line} in {info}");
    }
    let (wire, _) = lab.say("a", "INFO keyspace");
    assert_eq!(frames(&wire), [r##""# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n""##]);
}

#[test]
fn a_connection_that_goes_leaves_nothing_behind() {
    let mut lab = Lab::new();
    for line in ["WATCH k", "SUBSCRIBE c", "PSUBSCRIBE p*"] {
        lab.say("b", line);
    }
    lab.say("c", "BLPOP l 0");
    let (b, c) = (lab.client("b"), lab.client("c"));
    lab.engine.disconnect(b);
    lab.engine.disconnect(c);
    conversation_with(
        &mut lab,
        r#"
        > PUBSUB NUMPAT
        :0
        > PUBLISH c x
        :0
        > RPUSH l x
        :1
        > LLEN l
        :1
        "#,
    );
    assert!(!lab.engine.is_blocked(c));
}
