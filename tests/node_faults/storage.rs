//! What is lost in a crash, what is kept, and what cannot be written.

use looplab::trace::EventKind;

use crate::lab::both;

#[test]
fn a_redis_server_begins_again_as_the_file_says_and_a_durable_one_where_it_was() {
    let text = r#"looplab: 1
unused_faults: error
servers:
  memory: { type: redis, data: { seed: 1 } }
  disk: { type: redis, data: { seed: 1 }, durable: true }
clients:
  alice:
    steps:
      - for_each: { server: [memory, disk] }
        steps:
          - { redis: "memory SET seed 2" }
          - { redis: "disk SET seed 2" }
          - { redis: "memory SET mine 3" }
          - { redis: "disk SET mine 3" }
          - { redis: "disk DEL gone" }
      - { redis: "disk RPUSH list a b" }
      - { redis: "disk SET brief 1 PX 60000" }
      - { fault: { crash: [memory, disk] } }
      - { wait: 20ms }
      - { restart: [memory, disk] }
      - { redis: "memory GET seed", expect: { reply: "1" } }
      - { redis: "memory GET mine", expect: { reply: null } }
      - { redis: "disk GET seed", expect: { reply: "2" } }
      - { redis: "disk GET mine", expect: { reply: "3" } }
      - { redis: "disk LRANGE list 0 -1", expect: { reply: [a, b] } }
      - { redis: "disk PTTL brief", expect: { reply: { gt: 0, lte: 60000 } } }
      - { redis: "disk DEL seed" }
      - { fault: { crash: disk, for: 50ms } }
      - { redis: "disk GET seed", retry: { every: 10ms, for: 10s }, expect: { reply: null } }
      - { redis: "disk GET mine", expect: { reply: "3" } }
"#;
    both(text, |told| {
        assert_eq!(told.count(|kind| matches!(kind, EventKind::Restart { .. })), 3);
        let lines = told.lines();
        assert_eq!(
            lines[..3],
            ["start crash.1", "crash memory by crash.1", "crash disk by crash.1"]
        );
        assert!(lines.contains(&"end crash.1 2"), "{lines:?}");
    });
}

#[test]
fn an_http_server_keeps_the_variables_and_collections_that_are_durable() {
    let text = r#"looplab: 1
servers:
  app:
    type: http
    durable: [hits, items]
    state: { hits: 0, misses: 0 }
    routes:
      - { on: GET /hit, add: { hits: 1 }, respond: { text: "${hits}" } }
      - { on: GET /miss, add: { misses: 1 }, respond: { text: "${misses}" } }
      - { on: "* /items", collection: items, data: [ { id: 1 } ] }
      - { on: "* /others", collection: others, data: [ { id: 1 } ] }
  whole:
    type: http
    durable: true
    state: { hits: 0 }
    routes:
      - { on: GET /hit, add: { hits: 1 }, respond: { text: "${hits}" } }
      - { on: "* /items", collection: items, data: [ { id: 1 } ] }
clients:
  alice:
    steps:
      - { get: app/hit, expect: { body: "1" } }
      - { get: app/miss, expect: { body: "1" } }
      - { post: app/items, json: { a: 2 }, expect: { status: 201, $.id: 2 } }
      - { post: app/others, json: { a: 2 }, expect: { status: 201, $.id: 2 } }
      - { delete: app/items/1, expect: { status: 204 } }
      - { get: whole/hit, expect: { body: "1" } }
      - { delete: whole/items/1, expect: { status: 204 } }
      - { fault: { crash: [app, whole] } }
      - { wait: 20ms }
      - { heal: crash.1 }
      - { get: app/hit, expect: { body: "2" } }
      - { get: app/miss, expect: { body: "1" } }
      - { get: app/items, expect: { body: '[{"id":2,"a":2}]' } }
      - { get: app/others, expect: { body: '[{"id":1}]' } }
      - { post: app/items, json: {}, expect: { status: 201, $.id: 3 } }
      - { get: whole/hit, expect: { body: "2" } }
      - { get: whole/items, expect: { body: "[]" } }
"#;
    both(text, |told| assert_eq!(told.lines().last(), Some(&"restart whole")));
}

#[test]
fn a_redis_server_with_a_full_disk_refuses_what_would_change_its_data() {
    let full = "MISCONF Errors writing to the AOF file: No space left on device";
    let text = r#"looplab: 1
unused_faults: error
servers:
  db: { type: redis, data: { a: 1 }, durable: true }
clients:
  alice:
    steps:
      - { fault: { disk_full: db } }
      - { redis: "db SET a 2", expect: { error: "FULL" } }
      - { redis: "db GET a", expect: { reply: "1" } }
      - { redis: "db PING", expect: { error: "FULL" } }
      - { redis: "db DEL a", expect: { error: "FULL" } }
      - { heal: all }
      - { redis: "db SET a 2", expect: { reply: OK } }
  bob:
    after: alice
    steps:
      - { redis: "db MULTI" }
      - { redis: "db SET a 3", expect: { reply: QUEUED } }
      - { fault: { disk_full: db } }
      - { redis: "db EXEC", expect: { error: { starts_with: "EXECABORT" } } }
      - { heal: all }
      - { redis: "db GET a", expect: { reply: "2" } }
"#;
    both(&text.replace("FULL", full), |told| {
        let lines =
            ["start disk_full.1", "end disk_full.1 3", "start disk_full.2", "end disk_full.2 1"];
        assert_eq!(told.lines(), lines);
    });
}

#[test]
fn an_http_server_with_a_full_disk_refuses_what_would_change_what_is_durable() {
    let text = r#"looplab: 1
unused_faults: error
servers:
  app:
    type: http
    durable: [hits, items]
    state: { hits: 0, misses: 0 }
    routes:
      - { on: GET /hit, add: { hits: 1 }, respond: { text: "${hits}" } }
      - { on: GET /miss, add: { misses: 1 }, respond: { text: "${misses}" } }
      - { on: "* /items", collection: items, data: [ { id: 1 } ] }
      - { on: "* /others", collection: others }
clients:
  alice:
    steps:
      - { fault: { disk_full: app, name: full } }
      - { get: app/hit, expect: { status: 507, $.error: no space left on device } }
      - { get: app/miss, expect: { body: "1" } }
      - { get: app/items, expect: { body: '[{"id":1}]' } }
      - { post: app/items, json: {}, expect: { status: 507 } }
      - { delete: app/items/1, expect: { status: 507 } }
      - { post: app/others, json: {}, expect: { status: 201 } }
      - { heal: full }
      - { get: app/hit, expect: { body: "1" } }
      - { post: app/items, json: {}, expect: { status: 201 } }
"#;
    both(text, |told| assert_eq!(told.lines(), ["start full", "end full 3"]));
}
