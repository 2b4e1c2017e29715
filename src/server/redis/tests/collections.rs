//! Hashes, lists, sets and sorted sets.

use super::{Lab, conversation};
use crate::protocol::resp::Frame;

#[test]
fn a_hash_keeps_the_order_of_its_fields() {
    conversation(
        r#"
        > HSET h z 1 a 2 m 3
        :3
        > HSET h a 9 b 1
        :1
        > HGETALL h
        *8 [z, 1, a, 9, m, 3, b, 1]
        > HDEL h m nothing
        :1
        > HKEYS h
        *3 [z, a, b]
        > HMGET h a nothing
        *2 [9, (nil)]
        > HINCRBY h a 1
        :10
        > HINCRBYFLOAT h a 0.5
        "10.5"
        > HINCRBY h a 1
        -ERR hash value is not an integer
        > HSETNX h a x
        :0
        > HSTRLEN h a
        :4
        > HDEL h z a b
        :3
        > EXISTS h
        :0
        > HSET h f
        -ERR wrong number of arguments for 'hset' command
        "#,
    );
}

#[test]
fn a_list_has_two_ends() {
    conversation(
        r#"
        > RPUSH l b c
        :2
        > LPUSH l a z
        :4
        > LRANGE l 0 -1
        *4 [z, a, b, c]
        > LPOP l
        "z"
        > RPOP l 2
        *2 [c, b]
        > LPUSHX nothing x
        :0
        > LPOP nothing
        (nil)
        > LPOP nothing 2
        (nil)
        > LINDEX l -1
        "a"
        > LSET l 5 x
        -ERR index out of range
        > LINSERT l AFTER a b
        :2
        > RPUSH l a b
        :4
        > LPOS l b RANK -1
        :3
        > LPOS l b COUNT 0
        *2 [:1, :3]
        > LREM l -1 a
        :1
        > LRANGE l 0 -1
        *3 [a, b, b]
        > LTRIM l 1 1
        +OK
        > LMOVE l m LEFT RIGHT
        "b"
        > EXISTS l
        :0
        "#,
    );
}

#[test]
fn sets_are_combined() {
    conversation(
        r#"
        > SADD a 1 2 3
        :3
        > SADD b 2 3 4
        :3
        > SINTER a b
        *2 [2, 3]
        > SUNION a b
        *4 [1, 2, 3, 4]
        > SDIFF a b
        *1 [1]
        > SINTER a nothing
        *0
        > SDIFFSTORE c b a
        :1
        > SMEMBERS c
        *1 [4]
        > SINTERCARD 2 a b LIMIT 1
        :1
        > SMOVE a b 1
        :1
        > SMISMEMBER b 1 9
        *2 [:1, :0]
        > SINTERSTORE c a nothing
        :0
        > EXISTS c
        :0
        "#,
    );
}

#[test]
fn chance_takes_members_that_are_there_and_each_once() {
    let mut lab = Lab::new();
    lab.ask(&["SADD", "s", "a", "b", "c", "d"]);
    let Frame::Array(drawn) = lab.ask(&["SRANDMEMBER", "s", "3"]) else { panic!() };
    let mut distinct: Vec<String> = drawn.iter().map(|frame| format!("{frame:?}")).collect();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
    let Frame::Array(drawn) = lab.ask(&["SRANDMEMBER", "s", "-9"]) else { panic!() };
    assert_eq!(drawn.len(), 9);
    let Frame::Array(popped) = lab.ask(&["SPOP", "s", "3"]) else { panic!() };
    assert_eq!(popped.len(), 3);
    assert_eq!(lab.ask(&["SCARD", "s"]), Frame::Integer(1));
    assert!(matches!(lab.ask(&["SPOP", "s"]), Frame::Bulk(_)));
    assert_eq!(lab.ask(&["EXISTS", "s"]), Frame::Integer(0));
}

#[test]
fn the_same_seed_draws_the_same() {
    let draw = || {
        let mut lab = Lab::new();
        lab.ask(&["SADD", "s", "a", "b", "c", "d", "e", "f", "g"]);
        (0..5).map(|_| lab.ask(&["SPOP", "s"])).collect::<Vec<_>>()
    };
    assert_eq!(draw(), draw());
}

#[test]
fn a_sorted_set_is_sorted_by_score_then_by_name() {
    conversation(
        r#"
        > ZADD z 2 b 1 a 2 a2
        :3
        > ZRANGE z 0 -1 WITHSCORES
        *6 [a, 1, a2, 2, b, 2]
        > ZADD z XX CH 5 a 9 new
        :1
        > ZADD z GT 4 a
        :0
        > ZADD z INCR 0.5 a
        "5.5"
        > ZADD z NX INCR 1 a
        (nil)
        > ZSCORE z a
        "5.5"
        > ZRANK z b
        :1
        > ZREVRANK z a WITHSCORE
        *2 [:0, 5.5]
        > ZRANGE z (2 +inf BYSCORE
        *1 [a]
        > ZRANGE z +inf -inf BYSCORE REV LIMIT 1 2
        *2 [b, a2]
        > ZCOUNT z 2 (5.5
        :2
        > ZPOPMAX z
        *2 [a, 5.5]
        > ZINCRBY z -10 b
        "-8"
        > ZREMRANGEBYRANK z 0 0
        :1
        > ZRANGE z 0 -1
        *1 [a2]
        > ZADD z NX XX 1 a
        -ERR XX and NX options at the same time are not compatible
        > ZADD z nan a
        -ERR value is not a valid float
        "#,
    );
}

#[test]
fn sorted_sets_are_read_by_name_and_combined() {
    conversation(
        r#"
        > ZADD z 0 a 0 b 0 c 0 d
        :4
        > ZRANGEBYLEX z [b (d
        *2 [b, c]
        > ZLEXCOUNT z - +
        :4
        > ZADD y 1 c 2 d 3 e
        :3
        > ZUNIONSTORE u 2 z y WEIGHTS 1 10
        :5
        > ZRANGE u 0 -1 REV WITHSCORES
        *10 [e, 30, d, 20, c, 10, b, 0, a, 0]
        > ZINTER 2 z y
        *2 [c, d]
        > ZDIFF 2 z y
        *2 [a, b]
        > ZRANGESTORE t u 3 4
        :2
        > ZREMRANGEBYLEX z - [b
        :2
        > ZREMRANGEBYSCORE u 10 20
        :2
        "#,
    );
}

#[test]
fn large_collections_change_their_encoding_and_nothing_else() {
    let mut lab = Lab::new();
    for n in 0..600 {
        let (key, n) = (format!("m{n}"), n.to_string());
        lab.ask(&["HSET", "h", &key, &n]);
        lab.ask(&["SADD", "s", &key]);
        lab.ask(&["SADD", "i", &n]);
        lab.ask(&["ZADD", "z", &n, &key]);
        lab.ask(&["RPUSH", "l", &format!("{key}{}", "x".repeat(20))]);
    }
    for (key, encoding, count) in [
        ("h", "hashtable", "HLEN"),
        ("s", "hashtable", "SCARD"),
        ("i", "hashtable", "SCARD"),
        ("z", "skiplist", "ZCARD"),
        ("l", "quicklist", "LLEN"),
    ] {
        assert_eq!(lab.ask(&["OBJECT", "ENCODING", key]), Frame::bulk(encoding), "{key}");
        assert_eq!(lab.ask(&[count, key]), Frame::Integer(600), "{key}");
    }
    assert_eq!(lab.ask(&["HGET", "h", "m599"]), Frame::bulk("599"));
    assert_eq!(lab.ask(&["SISMEMBER", "i", "300"]), Frame::Integer(1));
    assert_eq!(lab.ask(&["ZRANK", "z", "m400"]), Frame::Integer(400));
    for scan in ["HSCAN", "SSCAN", "ZSCAN"] {
        let key = scan[..1].to_lowercase();
        let (mut cursor, mut count) = ("0".to_owned(), 0);
        loop {
            let Frame::Array(reply) = lab.ask(&[scan, &key, &cursor]) else { panic!() };
            let [Frame::Bulk(next), Frame::Array(items)] = &reply[..] else { panic!() };
            count += items.len();
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(count, if scan == "SSCAN" { 600 } else { 1200 }, "{scan}");
    }
}
