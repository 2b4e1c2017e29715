#!/usr/bin/env python3
"""The redis server as redis-py sees it. Usage: redis_py.py HOST PORT

Exits 0 and prints `ok` if the server does all that is asked here, in RESP2 and in RESP3.
"""

import sys
import threading

import redis


def strings(r):
    assert r.set("greeting", "hello") is True
    assert r.get("greeting") == "hello"
    assert r.set("greeting", "ho", nx=True) is None
    assert r.set("greeting", "ho", get=True) == "hello"
    assert r.append("greeting", "!") == 3
    assert r.incr("n") == 1 and r.incrby("n", 41) == 42 and r.decr("n") == 41
    assert r.incrbyfloat("f", 0.5) == 0.5
    assert r.mset({"a": 1, "b": 2}) is True
    assert r.mget("a", "b", "nothing") == ["1", "2", None]
    assert r.delete("a", "b") == 2
    try:
        r.lpush("greeting", "x")
        raise AssertionError("a string is no list")
    except redis.ResponseError as error:
        assert str(error).startswith("WRONGTYPE") or "wrong kind" in str(error), error


def expiry(r):
    assert r.set("short", "v", ex=100) is True
    assert 0 < r.ttl("short") <= 100
    assert r.persist("short") and r.ttl("short") == -1
    assert r.expire("short", 50) and r.pttl("short") <= 50_000
    assert r.ttl("nothing") == -2


def collections(r):
    assert r.hset("user", mapping={"name": "ada", "age": 36}) == 2
    assert r.hgetall("user") == {"name": "ada", "age": "36"}
    assert r.hincrby("user", "age", 1) == 37
    assert r.hmget("user", "name", "nothing") == ["ada", None]
    assert r.rpush("queue", "a", "b", "c") == 3
    assert r.lrange("queue", 0, -1) == ["a", "b", "c"]
    assert r.lpop("queue") == "a" and r.lpos("queue", "c") == 1
    assert r.lmove("queue", "other", "LEFT", "RIGHT") == "b"
    assert r.sadd("tags", "x", "y") == 2
    assert set(r.smembers("tags")) == {"x", "y"}
    assert r.sismember("tags", "x") and not r.sismember("tags", "z")
    assert r.zadd("board", {"ada": 3, "bob": 1, "eve": 2.5}) == 3
    assert r.zrange("board", 0, -1) == ["bob", "eve", "ada"]
    assert [tuple(pair) for pair in r.zrevrange("board", 0, 0, withscores=True)] == [("ada", 3.0)]
    assert r.zscore("board", "eve") == 2.5 and r.zrank("board", "ada") == 2
    assert r.zincrby("board", 5, "bob") == 6.0
    assert r.zrangebyscore("board", 2, 3) == ["eve", "ada"]


def scans(r):
    r.mset({f"scan:{n}": n for n in range(250)})
    assert sorted(r.scan_iter("scan:*"), key=str) == sorted(f"scan:{n}" for n in range(250))
    assert dict(r.hscan_iter("user")) == r.hgetall("user")
    assert set(r.sscan_iter("tags")) == {"x", "y"}
    assert len(list(r.zscan_iter("board"))) == 3


def transactions(r):
    with r.pipeline() as pipe:
        pipe.set("t", 1).incr("t").get("t")
        assert pipe.execute() == [True, 2, "2"]
    with r.pipeline() as pipe:
        pipe.watch("t")
        r.set("t", 99)
        pipe.multi()
        pipe.incr("t")
        try:
            pipe.execute()
            raise AssertionError("a watched key has changed")
        except redis.WatchError:
            pass
    with r.pipeline(transaction=False) as pipe:
        for n in range(1000):
            pipe.set(f"p:{n}", n)
        assert all(pipe.execute())


def channels(r):
    listener = r.pubsub()
    listener.subscribe("news")
    listener.psubscribe("n*")
    kinds = [listener.get_message(timeout=5)["type"] for _ in range(2)]
    assert kinds == ["subscribe", "psubscribe"], kinds
    assert r.publish("news", "hi") == 2
    messages = [listener.get_message(timeout=5) for _ in range(2)]
    assert {message["type"] for message in messages} == {"message", "pmessage"}
    assert all(message["data"] == "hi" for message in messages)
    listener.close()


def waiting(r, connect):
    assert r.blpop("jobs", timeout=0.05) is None
    got = []
    waiter = threading.Thread(target=lambda: got.append(connect().blpop("jobs", timeout=10)))
    waiter.start()
    while r.info("clients")["blocked_clients"] == 0:
        pass
    r.rpush("jobs", "one")
    waiter.join(timeout=10)
    assert [list(pair) for pair in got] == [["jobs", "one"]], got


def introspection(r):
    assert r.ping()
    assert r.info("server")["redis_mode"] == "standalone"
    assert r.config_get("databases") == {"databases": "16"}
    assert r.client_setname("tester") and r.client_getname() == "tester"
    assert any(client["name"] == "tester" for client in r.client_list())
    assert r.dbsize() > 0
    assert r.command_count() > 100
    assert "get" in r.command()
    assert r.object("encoding", "n") == "int"
    assert r.memory_usage("greeting") > 0
    assert isinstance(r.time(), tuple)
    assert r.echo("hello") == "hello"


def main():
    host, port = sys.argv[1], int(sys.argv[2])
    for protocol in (2, 3):

        def connect():
            return redis.Redis(
                host=host, port=port, protocol=protocol, decode_responses=True, socket_timeout=20
            )

        r = connect()
        r.flushall()
        strings(r)
        expiry(r)
        collections(r)
        scans(r)
        transactions(r)
        channels(r)
        waiting(r, connect)
        introspection(r)
        r.flushall()
    print("ok")


if __name__ == "__main__":
    main()
