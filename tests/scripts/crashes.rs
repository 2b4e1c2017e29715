//! What a crash takes, and what it leaves.

use super::*;

#[test]
fn a_crash_takes_the_state_of_a_script_and_leaves_what_is_durable() {
    for (kind, ask) in [
        ("http", "{ get: app/count, expect: { text: \"STATE DURABLE\" } }"),
        ("redis", "{ redis: app COUNT, expect: { reply: \"STATE DURABLE\" } }"),
    ] {
        let step = |state: &str, durable: &str| {
            format!("      - {}\n", ask.replace("STATE", state).replace("DURABLE", durable))
        };
        let body = format!(
            "servers:\n  app: {{ type: {kind}, script: app.lua }}\nclients:\n  alice:\n    steps:\n\
             {}{}      - {{ fault: {{ crash: app, for: 10ms }} }}\n      - {{ wait: 30ms }}\n{}",
            step("1", "1"),
            step("2", "2"),
            step("1", "3"),
        );
        holds(
            &body,
            &[(
                "app.lua",
                r#"
                local function count()
                  ctx.state.n = (ctx.state.n or 0) + 1
                  ctx.durable.n = (ctx.durable.n or 0) + 1
                  return ctx.state.n .. " " .. ctx.durable.n
                end
                if ctx.env.nothing == nil and redis and KIND then command("COUNT", count) else route("GET /count", count) end
                "#
                .replace("KIND", if kind == "redis" { "true" } else { "false" })
                .as_str(),
            )],
        );
    }
}

#[test]
fn what_is_being_written_when_a_node_crashes_is_not_written() {
    let ask = |kind: &str, has: &str| {
        format!(
            "{{ call: n1, json: {{ type: {kind} }}, expect: {{ $.n: {has} }}, may_fail: true }}"
        )
    };
    let body = format!(
        r#"
        servers:
          n1: {{ type: node, script: n1.lua, unsynced: lost, sync: 200ms }}
        timeline:
          - on: {{ message: {{ from: alice, to: n1, match: "add*" }}, nth: 2 }}
            fault: {{ crash: n1, for: 5ms }}
        clients:
          alice:
            steps:
              - {add_whole}
              - {add}
              - {has}
        "#,
        add_whole = "{ call: n1, json: { type: add }, expect: { $.n: 1 } }",
        add = ask("add", "2"),
        has = "{ call: n1, json: { type: has }, expect: { $.n: 1 }, retry: { every: 5ms, times: 20 } }",
    );
    holds(
        &body,
        &[(
            "n1.lua",
            r#"
            function on.add()
              ctx.durable.n = (ctx.durable.n or 0) + 1
              ctx.sync()
              return { type = "ok", n = ctx.durable.n }
            end
            function on.has() return { type = "ok", n = ctx.durable.n } end
            "#,
        )],
    );
}

#[test]
fn a_crash_drops_what_handlers_were_doing() {
    let [virtually, _] = holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
          db: { type: redis }
        clients:
          alice: { steps: [ { get: app/late, expect: { error: reset } } ] }
          chaos:
            steps:
              - { wait: 20ms }
              - { fault: { crash: app, for: 10ms } }
              - { wait: 200ms }
              - { redis: db GET done, expect: { reply: null } }
              - { get: app/fine, expect: { text: fine } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /late", function()
              ctx.sleep(100)
              ctx.db:set("done", 1)
            end)
            route("GET /fine", function() return "fine" end)
            "#,
        )],
    );
    assert_eq!(virtually.script_errors(), [""; 0]);
}

#[test]
fn a_full_disk_refuses_what_a_script_writes() {
    holds(
        r#"
        servers:
          store: { type: redis, script: store.lua, durable: true }
        clients:
          alice:
            steps:
              - { redis: store PUT 1, expect: { reply: OK } }
              - { fault: { disk_full: store } }
              - { redis: store PUT 2, expect: { reply: "error: MISCONF Errors writing to the AOF file: No space left on device" } }
              - { redis: store GET a, expect: { reply: "1" } }
        "#,
        &[(
            "store.lua",
            r#"
            command("PUT", function(value)
              local ok, err = redis.pcall("SET", "a", value)
              return ok or tostring(err)
            end)
            "#,
        )],
    );
}
