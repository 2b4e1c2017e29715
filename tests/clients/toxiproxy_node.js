// The Toxiproxy API as toxiproxy-node-client sees it. Usage: toxiproxy_node.js API_PORT ECHO_PORT
//
// Exits 0 and prints `ok` if the library finds what it looks for, and every toxic does to a connection what its
// name says. NODE_PATH says where the library is.
"use strict";

const assert = require("node:assert/strict");
const net = require("node:net");
const { Toxiproxy } = require("toxiproxy-node-client");

const [api, echo] = process.argv.slice(2).map(Number);
const portOf = (proxy) => Number(proxy.listen.split(":").pop());
const seconds = () => performance.now() / 1000;

/// A connection that remembers what came and how it ended.
function connected(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1");
    const line = { socket, data: Buffer.alloc(0), pieces: 0, over: null, wake: () => {} };
    socket.on("data", (more) => {
      line.data = Buffer.concat([line.data, more]);
      line.pieces += 1;
      line.wake();
    });
    socket.on("end", () => ((line.over ??= "end"), line.wake()));
    socket.on("error", (error) => ((line.over ??= error.code), line.wake(), reject(error)));
    socket.on("connect", () => resolve(line));
  });
}

/// Waits until `done` is true of a connection.
async function until(line, done) {
  while (!done()) {
    await new Promise((resolve) => (line.wake = resolve));
  }
}

/// Sends and reads back; the seconds that it took.
async function echoed(line, data = Buffer.from("hello")) {
  const began = seconds();
  line.data = Buffer.alloc(0);
  line.socket.write(data);
  await until(line, () => line.data.length >= data.length || line.over);
  assert.deepEqual(line.data, data);
  return seconds() - began;
}

const refused = (port) => assert.rejects(connected(port), { code: "ECONNREFUSED" });

async function proxies(server, upstream) {
  assert.match(await server.getVersion(), /2\.12\.0/);
  assert.ok("echo" in (await server.getAll()));
  const proxy = await server.createProxy({ name: "node", listen: "localhost:0", upstream });
  assert.equal(proxy.upstream, upstream);
  assert.equal(proxy.enabled, true);
  await assert.rejects(server.createProxy({ name: "node", listen: "localhost:0", upstream }), /409/);
  await assert.rejects(server.get("nobody"), /404/);
  assert.deepEqual((await server.get("node")).toJson(), proxy.toJson());
  const { listen } = proxy;
  const line = await connected(portOf(proxy));
  await echoed(line);
  const disabled = await proxy.update({ enabled: false, listen, upstream });
  assert.equal(disabled.enabled, false);
  await until(line, () => line.over);
  await refused(portOf(proxy));
  const enabled = await proxy.update({ enabled: true, listen, upstream });
  assert.equal(enabled.listen, listen);
  await echoed(await connected(portOf(proxy)));
  const populated = await server.populate([
    { name: "node", listen, upstream },
    { name: "node2", listen: "localhost:0", upstream },
  ]);
  assert.deepEqual(Object.keys(populated), ["node", "node2"]);
  assert.equal(populated.node.listen, listen);
  await populated.node2.remove();
  await refused(portOf(populated.node2));
  return proxy;
}

async function toxics(server, proxy) {
  const add = (type, attributes, stream = "downstream", toxicity = 1, name = `${type}_${stream}`) =>
    proxy.addToxic({ name, type, stream, toxicity, attributes });
  const connect = () => connected(portOf(proxy));

  const latency = await add("latency", { latency: 200, jitter: 0 });
  assert.deepEqual((await proxy.getToxic("latency_downstream")).toJson(), latency.toJson());
  const line = await connect();
  assert.ok((await echoed(line)) >= 0.19);
  const changed = await latency.update({ ...latency.toJson(), attributes: { latency: 400 } });
  assert.deepEqual(changed.attributes, { latency: 400, jitter: 0 });
  assert.ok((await echoed(line)) >= 0.39);
  await latency.remove();
  assert.ok((await echoed(line)) < 0.35);
  await assert.rejects(latency.remove(), /404/);

  await add("bandwidth", { rate: 10 }, "upstream");
  assert.ok((await echoed(await connect(), Buffer.alloc(3000, "x"))) >= 0.2);
  await server.reset();
  assert.deepEqual((await server.get("node")).toJson(), proxy.toJson());

  await add("slow_close", { delay: 300 });
  const slow = await connect();
  await echoed(slow);
  let began = seconds();
  slow.socket.end();
  await until(slow, () => slow.over);
  assert.ok(seconds() - began >= 0.29);
  await server.reset();

  await add("timeout", { timeout: 300 });
  const late = await connect();
  began = seconds();
  late.socket.write("hello");
  await until(late, () => late.over);
  assert.equal(late.data.length, 0);
  assert.ok(seconds() - began >= 0.29);
  await server.reset();

  const hung = await connect();
  await echoed(hung);
  hung.data = Buffer.alloc(0);
  const hang = await add("timeout", { timeout: 0 }, "downstream", 1, "hang");
  hung.socket.write("hello");
  await hang.remove();
  await until(hung, () => hung.over);
  assert.equal(hung.data.length, 0);

  const idle = await connect();
  await echoed(idle);
  await add("reset_peer", { timeout: 100 });
  await until(idle, () => idle.over);
  assert.equal(idle.over, "ECONNRESET");
  await server.reset();

  await add("slicer", { average_size: 10, size_variation: 2, delay: 2000 });
  const sliced = await connect();
  await echoed(sliced, Buffer.alloc(100, "y"));
  assert.ok(sliced.pieces > 1, `${sliced.pieces} pieces`);
  await server.reset();

  await add("limit_data", { bytes: 10 });
  const limited = await connect();
  limited.socket.write(Buffer.alloc(30, "z"));
  await until(limited, () => limited.over);
  assert.deepEqual(limited.data, Buffer.alloc(10, "z"));
  await server.reset();

  await add("latency", { latency: 5000, jitter: 0 }, "downstream", 0);
  assert.ok((await echoed(await connect())) < 2);
  await server.reset();
}

async function main() {
  const server = new Toxiproxy(`http://localhost:${api}`);
  const proxy = await proxies(server, `localhost:${echo}`);
  await toxics(server, proxy);
  await proxy.remove();
  console.log("ok");
  process.exit(0);
}

setTimeout(() => {
  console.error("stuck");
  process.exit(1);
}, 120_000).unref();

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
