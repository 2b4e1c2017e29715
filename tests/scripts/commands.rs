//! `script:` on redis servers.

use super::*;

#[test]
fn a_command_of_ones_own_works_on_the_servers_own_data() {
    holds(
        r#"
        servers:
          store: { type: redis, script: store.lua, data: { a: "1", l: [x] } }
        clients:
          alice:
            steps:
              - { redis: store CAS a 1 2, expect: { reply: 1 } }
              - { redis: store CAS a 1 3, expect: { reply: 0 } }
              - { redis: store cas a 2 3, expect: { reply: 1 } }
              - { redis: store GET a, expect: { reply: "3" } }
              - { redis: store SELECT 1 }
              - { redis: store CAS a 3 4, expect: { reply: 0 } }
              - { redis: store SELECT 0 }
              - { redis: store HAS l, expect: { reply: "error: WRONGTYPE Operation against a key holding the wrong kind of value" } }
              - { redis: store HAS a, expect: { reply: "3" } }
              - { redis: store HAS none, expect: { reply: null } }
        "#,
        &[(
            "store.lua",
            r#"
            command("CAS", function(key, from, to)
              if redis.call("GET", key) ~= from then return 0 end
              redis.call("SET", key, to)
              return 1
            end)
            command("has", function(key)
              local value, err = redis.pcall("GET", key)
              if err then return tostring(err) end
              return value
            end)
            "#,
        )],
    );
}

#[test]
fn a_builtin_is_replaced_and_still_there_for_the_script() {
    holds(
        r#"
        servers:
          store: { type: redis, script: store.lua, data: { a: "1" } }
        clients:
          alice:
            steps:
              - { redis: store GET a, expect: { reply: "<1>" } }
              - { redis: store GET none, expect: { reply: null } }
              - { redis: store STRLEN a, expect: { reply: 1 } }
              - { redis: store GET reads, expect: { reply: "<3>" } }
        "#,
        &[(
            "store.lua",
            r#"
            command("GET", function(key)
              redis.call("INCR", "reads")
              local value = redis.call("GET", key)
              return value and "<" .. value .. ">"
            end)
            "#,
        )],
    );
}

#[test]
fn what_a_command_returns_is_the_reply_that_it_looks_like() {
    let [virtually, _] = holds(
        r#"
        servers:
          store: { type: redis, script: store.lua, data: { h: { a: "1" }, l: [x, y] } }
          gone: { type: closed }
          other: { type: redis, data: { k: v } }
        clients:
          alice:
            steps:
              - { redis: store INT, expect: { reply: 7 } }
              - { redis: store FLOAT, expect: { reply: "1.5" } }
              - { redis: store TEXT, expect: { reply: text } }
              - { redis: store NIL, expect: { reply: null } }
              - { redis: store BOTH, expect: { reply: [1, 0] } }
              - { redis: store LIST, expect: { reply: [1, two, null, [x, y]] } }
              - { redis: store MAP, expect: { reply: [a, "1"] } }
              - { redis: store FINE, expect: { reply: DONE } }
              - { redis: store WRONG, expect: { error: MYERR it is } }
              - { redis: store PLAIN, expect: { error: ERR it is } }
              - { redis: store FAILED, expect: { error: "ERR refused: nothing listens at the server's address" } }
              - { redis: store PASSED, expect: { error: "WRONGTYPE Operation against a key holding the wrong kind of value" } }
              - { redis: store ASK k, expect: { reply: v } }
        "#,
        &[(
            "store.lua",
            r#"
            command("INT", function() return 7 end)
            command("FLOAT", function() return 1.5 end)
            command("TEXT", function() return "text" end)
            command("NIL", function() end)
            command("BOTH", function() return { true, false } end)
            command("LIST", function() return { 1, "two", null, redis.call("LRANGE", "l", 0, -1) } end)
            command("MAP", function() return redis.call("HGETALL", "h") end)
            command("FINE", function() return redis.status("DONE") end)
            command("WRONG", function() return redis.error("MYERR it is") end)
            command("PLAIN", function() return redis.error("it is") end)
            command("FAILED", function() return http.get("http://gone/") end)
            command("PASSED", function() return redis.pcall("INCR", "l") end)
            command("ASK", function(key) return ctx.other:get(key) end)
            "#,
        )],
    );
    assert!(virtually.told("store", "alice").contains(&"+DONE"));
}

#[test]
fn behind_a_command_that_waits_its_own_connection_waits_and_others_go_on() {
    let [virtually, _] = holds(
        r#"
        servers:
          store: { type: redis, script: store.lua }
        clients:
          slow:
            steps:
              - { connect: store }
              - { send: "AWAIT\r\nINCR n\r\n" }
              - { receive: { bytes: 11 }, expect: { text: "+DONE\r\n:2\r\n" } }
          quick:
            steps:
              - { wait: 10ms }
              - { redis: store TELL, expect: { reply: 1 } }
        "#,
        &[(
            "store.lua",
            r#"
            local told = ctx.queue()
            command("AWAIT", function() return redis.status(told:take(10000)) end)
            command("TELL", function() told:put("DONE") return redis.call("INCR", "n") end)
            "#,
        )],
    );
    assert_eq!(virtually.told("store", "slow"), ["+DONE", ":2"]);
}

#[test]
fn within_a_transaction_a_command_is_queued_and_may_not_wait() {
    holds(
        r#"
        servers:
          store: { type: redis, script: store.lua, data: { a: "1" } }
        clients:
          alice:
            steps:
              - { redis: store MULTI }
              - { redis: store ADD a 2, expect: { reply: QUEUED } }
              - { redis: store SLOWLY 5, expect: { reply: QUEUED } }
              - { redis: store GET a, expect: { reply: QUEUED } }
              - { redis: store EXEC, expect: { reply: [3, "ERR 'slowly' waits for something, which it cannot within a transaction", "3"] } }
              - { redis: store MULTI }
              - { redis: store ADD a 2 3, expect: { error: "ERR wrong number of arguments for 'add' command" } }
              - { redis: store EXEC, expect: { error: { starts_with: EXECABORT } } }
              - { redis: store WATCH a }
              - { redis: store ADD a 1, expect: { reply: 4 } }
              - { redis: store MULTI }
              - { redis: store ADD a 1 }
              - { redis: store EXEC, expect: { reply: null } }
              - { redis: store GET a, expect: { reply: "4" } }
        "#,
        &[(
            "store.lua",
            r#"
            command("ADD", function(key, n) return redis.call("INCRBY", key, n) end)
            command("SLOWLY", function(ms) ctx.sleep(tonumber(ms)) end)
            "#,
        )],
    );
}

#[test]
fn commands_of_scripts_are_told_of_like_others_and_need_the_password() {
    holds(
        r#"
        servers:
          store: { type: redis, script: store.lua, password: sesame }
          plain: { type: redis }
        clients:
          alice:
            steps:
              - { redis: store ADD a 2, expect: { error: { starts_with: NOAUTH } } }
              - { redis: store AUTH sesame }
              - { redis: store ADD a 2, expect: { reply: 2 } }
              - { redis: store COMMAND INFO add, expect: { "$[0][0]": add, "$[0][1]": -1 } }
              - { redis: store COMMAND LIST FILTERBY PATTERN ad*, expect: { reply: [add] } }
              - { redis: store COMMAND COUNT, capture: { more: reply } }
              - { redis: plain COMMAND COUNT, expect: { reply: { lt: "${more}" } } }
              - { redis: plain ADD a 2, expect: { error: { starts_with: ERR unknown command 'ADD' } } }
        "#,
        &[(
            "store.lua",
            "command('ADD', function(key, n) return redis.call('INCRBY', key, n) end)\n",
        )],
    );
}

#[test]
fn what_a_script_writes_is_seen_by_those_who_wait_and_listen() {
    holds(
        r#"
        servers:
          store: { type: redis, script: store.lua }
        clients:
          waits: { steps: [ { redis: store BLPOP jobs 5, expect: { reply: [jobs, "1"] } } ] }
          listens:
            steps:
              - { connect: store }
              - { send: "SUBSCRIBE news\r\n" }
              - { receive: { bytes: 33 } }
              - { receive: { bytes: 38 }, expect: { text: { contains: hello } } }
          gives:
            steps:
              - { wait: 20ms }
              - { redis: store GIVE, expect: { reply: 1 } }
        "#,
        &[(
            "store.lua",
            r#"
            command("GIVE", function()
              redis.call("PUBLISH", "news", "hello")
              return redis.call("RPUSH", "jobs", 1)
            end)
            "#,
        )],
    );
}

#[test]
fn between_two_waits_a_script_has_the_data_for_itself() {
    holds(
        r#"
        servers:
          store: { type: redis, script: store.lua, data: { n: "0" } }
        clients:
          adds:
            count: 8
            steps:
              - repeat: 25
                steps:
                  - { redis: store ADD n, expect: { reply: { gt: 0 } } }
          tells:
            steps:
              - { after: adds, redis: store GET n, expect: { reply: "200" } }
        "#,
        &[(
            "store.lua",
            r#"
            command("ADD", function(key)
              local n = tonumber(redis.call("GET", key))
              redis.call("SET", key, n + 1)
              return n + 1
            end)
            "#,
        )],
    );
}

#[test]
fn redis_is_for_redis_servers_and_what_is_about_a_connection_is_for_nobody() {
    for (script, said) in [
        (
            "command('MULTI', function() end)",
            "`MULTI` is about a connection, and cannot be replaced",
        ),
        ("command('A B', function() end)", "a command's name is one word of at most 64 letters"),
        (
            "command('A', function() end) command('a', function() end)",
            "the command `A` is declared twice",
        ),
        (
            "route('GET /', function() end)",
            "routes are for `type: http`; a `type: redis` answers commands: `command(\"NAME\", function(...) ... end)`",
        ),
    ] {
        let error = refused("store: { type: redis, script: store.lua }", "store.lua", script);
        assert_eq!(error, format!("store.lua:1: {said}"), "{script}");
    }
    let [ran, _] = fails(
        "servers:\n  store: { type: redis, script: store.lua }\n\
         clients:\n  alice: { steps: [ { redis: store NO, expect: { error: { contains: is about a connection } } } ] }\n",
        &[("store.lua", "command('NO', function() local x = redis.call('MULTI') end)\n")],
    );
    assert_eq!(ran.script_errors().len(), 1);
}
