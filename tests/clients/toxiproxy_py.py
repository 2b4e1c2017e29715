#!/usr/bin/env python3
"""The Toxiproxy API as toxiproxy-python sees it. Usage: toxiproxy_py.py API_PORT ECHO_PORT

Exits 0 and prints `ok` if the library finds what it looks for, and every toxic does to a connection what its
name says.
"""

import errno
import socket
import sys
import time

import toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists


def port_of(proxy):
    return int(proxy.listen.rsplit(":", 1)[1])


def connected(proxy):
    return socket.create_connection(("127.0.0.1", port_of(proxy)), timeout=30)


def read(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        if not more:
            break
        data += more
    return data


def echoed(sock, data=b"hello"):
    """Sends and reads back; returns the seconds that it took."""
    began = time.monotonic()
    sock.sendall(data)
    assert read(sock, len(data)) == data
    return time.monotonic() - began


def refused(proxy):
    try:
        connected(proxy).close()
        return False
    except ConnectionRefusedError:
        return True


def fails(expected, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except expected:
        return
    raise AssertionError(f"{call} should have failed")


def proxies(server, upstream):
    assert server.running()
    assert b"2.12.0" in server.version()
    assert "echo" in server.proxies()
    assert server.get_proxy("echo").enabled is True
    assert server.get_proxy("nobody") is None
    proxy = server.create(upstream=upstream, name="py", enabled=True)
    assert proxy.name == "py" and proxy.upstream == upstream and proxy.enabled is True
    fails(ProxyExists, server.create, upstream=upstream, name="py")
    with connected(proxy) as sock:
        echoed(sock)
        with proxy.down():
            assert refused(proxy)
            assert server.get_proxy("py").enabled is False
            try:
                sock.sendall(b"x")
                assert sock.recv(1) == b""
            except OSError as error:
                assert error.errno in (errno.ECONNRESET, errno.EPIPE), error
    with connected(proxy) as sock:
        echoed(sock)
    populated = server.populate(
        [
            {"name": "py2", "upstream": upstream, "listen": "127.0.0.1:0"},
            {"name": "py", "upstream": upstream, "listen": proxy.listen},
        ]
    )
    assert [one.name for one in populated] == ["py2"]
    assert server.destroy(populated[0]) is True and refused(populated[0])
    fails(NotFound, populated[0].destroy)
    return proxy


def toxics(server, proxy):
    fails(InvalidToxic, proxy.add_toxic, type="lag")
    proxy.add_toxic(type="latency", attributes={"latency": 200, "jitter": 10})
    fails(ProxyExists, proxy.add_toxic, type="latency")
    toxic = proxy.get_toxic("latency_downstream")
    assert toxic.attributes == {"latency": 200, "jitter": 10} and toxic.toxicity == 1.0
    sock = connected(proxy)
    assert echoed(sock) >= 0.19
    # The library has no way to change a toxic; others have.
    APIConsumer.post(
        f"/proxies/{proxy.name}/toxics/latency_downstream", json={"attributes": {"latency": 400}}
    )
    assert proxy.get_toxic("latency_downstream").attributes["latency"] == 400
    assert echoed(sock) >= 0.39
    assert proxy.destroy_toxic("latency_downstream") is True
    assert echoed(sock) < 0.35
    fails(NotFound, proxy.destroy_toxic, "latency_downstream")

    # 10 KB/s: 3000 bytes take about 0.3 s in one direction.
    proxy.add_toxic(type="bandwidth", stream="upstream", attributes={"rate": 10})
    assert echoed(connected(proxy), b"x" * 3000) >= 0.2
    server.reset()
    assert proxy.toxics() == {}

    proxy.add_toxic(type="slow_close", attributes={"delay": 300})
    sock = connected(proxy)
    echoed(sock)
    sock.shutdown(socket.SHUT_WR)
    began = time.monotonic()
    assert sock.recv(1) == b"" and time.monotonic() - began >= 0.29
    server.reset()

    proxy.add_toxic(type="timeout", attributes={"timeout": 300})
    sock = connected(proxy)
    began = time.monotonic()
    sock.sendall(b"hello")
    closed(sock)
    assert time.monotonic() - began >= 0.29
    server.reset()

    sock = connected(proxy)
    echoed(sock)
    proxy.add_toxic(type="timeout", name="hang", attributes={"timeout": 0})
    sock.sendall(b"hello")
    sock.settimeout(0.2)
    fails(TimeoutError, sock.recv, 1)
    sock.settimeout(30)
    proxy.destroy_toxic("hang")
    closed(sock)

    # A connection that was open before it, and idle.
    sock = connected(proxy)
    echoed(sock)
    proxy.add_toxic(type="reset_peer", attributes={"timeout": 100})
    fails(ConnectionResetError, sock.recv, 1)
    server.reset()

    proxy.add_toxic(
        type="slicer", attributes={"average_size": 10, "size_variation": 2, "delay": 2000}
    )
    sock = connected(proxy)
    sock.sendall(b"y" * 100)
    pieces = []
    while sum(pieces) < 100:
        pieces.append(len(sock.recv(100)))
    assert len(pieces) > 1, pieces
    server.reset()

    proxy.add_toxic(type="limit_data", attributes={"bytes": 10})
    sock = connected(proxy)
    sock.sendall(b"z" * 30)
    assert read(sock, 30) == b"z" * 10
    server.reset()

    proxy.add_toxic(type="latency", toxicity=0.0, attributes={"latency": 5000})
    assert echoed(connected(proxy)) < 2.0
    server.reset()


def closed(sock):
    try:
        assert sock.recv(1) == b""
    except ConnectionResetError:
        pass


def main():
    api, echo = int(sys.argv[1]), int(sys.argv[2])
    server = toxiproxy.Toxiproxy()
    server.update_api_consumer("127.0.0.1", api)
    proxy = proxies(server, f"127.0.0.1:{echo}")
    toxics(server, proxy)
    # The run's own links as well.
    server.get_proxy("echo").add_toxic(type="latency", attributes={"latency": 200})
    with socket.create_connection(("127.0.0.1", echo), timeout=30) as sock:
        assert echoed(sock) >= 0.19
    server.reset()
    server.destroy_all()
    assert server.proxies() == {} and refused(proxy)
    print("ok")


if __name__ == "__main__":
    main()
