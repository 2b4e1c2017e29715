//! What scripts ask redis and http servers.

use super::*;

/// A scenario in which `alice` asks for `/` once, of an app with this handler.
fn asks(servers: &str, handler: &str, expect: &str) -> [Ran; 2] {
    let env = match servers.contains("api:") {
        true => ", env: { api: \"${api.url}\" }",
        false => "",
    };
    let body = format!(
        "servers:\n  app: {{ type: http, script: app.lua{env} }}\n{servers}\
         clients:\n  alice: {{ steps: [ {{ get: app/, timeout: 60s, expect: {expect} }} ] }}\n"
    );
    let script = format!("route('GET /', function(req)\n{}end)\n", unindented(handler));
    holds(&body, &[("app.lua", &script)])
}

#[test]
fn replies_of_redis_are_values_of_lua() {
    asks(
        "  db: { type: redis, data: { n: 1, h: { a: 1, b: x }, l: [x, y] } }\n",
        r#"
        return { json = {
          status = ctx.db:set("k", "v"), text = ctx.db:get("k"), number = ctx.db:incrby("n", 41),
          nothing = ctx.db:get("none") == nil, list = ctx.db:lrange("l", 0, -1), map = ctx.db:hgetall("h"),
          holes = ctx.db:mget("k", "none", "k"), empty = ctx.db:smembers("none"), dash = ctx["db"]:exists("k"),
          same = ctx.server("db"):strlen("k"), pong = ctx.db:PING(),
        } }
        "#,
        r#"{ text: '{"dash":1,"empty":[],"holes":["v",null,"v"],"list":["x","y"],"map":{"a":"1","b":"x"},"nothing":true,"number":42,"pong":"PONG","same":1,"status":"OK","text":"v"}' }"#,
    );
}

#[test]
fn errors_are_values_with_the_names_of_their_kinds() {
    asks(
        "  db: { type: redis, data: { l: [x] } }\n  gone: { type: closed }\n  mute: { type: silent }\n  \
         liar: { type: http, routes: [ { on: GET /reset, respond: { then: reset } }, \
         { on: GET /short, respond: { text: abc, content_length: 9, then: close } } ] }\n",
        r#"
        local seen = {}
        local function try(name, value, err)
          seen[name] = value == nil and err.kind or "no error"
        end
        try("error", ctx.db:incr("l"))
        try("refused", http.get("http://gone/"))
        try("timeout", http.get("http://mute/", { timeout = 20 }))
        try("reset", ctx.liar:get("/reset"))
        try("closed", ctx.liar:get("/short"))
        try("stranger", http.get("http://example.com/"))
        try("other", http.get("http://db/"))
        return { json = seen }
        "#,
        "{ $.error: error, $.refused: refused, $.timeout: timeout, $.reset: reset, $.closed: reset, \
         $.stranger: unreachable, $.other: unreachable }",
    );
}

#[test]
fn an_error_reads_as_its_kind_and_its_text() {
    asks(
        "  db: { type: redis, data: { l: [x] } }\n  mute: { type: silent }\n",
        r#"
        local _, a = ctx.db:incr("l")
        local _, b = http.get("http://mute/", { timeout = 20 })
        local _, c = http.get("http://ap/")
        return { json = { tostring(a), a.text, tostring(b), tostring(c) } }
        "#,
        "{ \"$[0]\": \"error: WRONGTYPE Operation against a key holding the wrong kind of value\", \
           \"$[1]\": WRONGTYPE Operation against a key holding the wrong kind of value, \
           \"$[2]\": \"timeout: no reply within 20ms\", \
           \"$[3]\": \"unreachable: only servers of the scenario can be reached, and `ap` is none; did you mean `http://app`?\" }",
    );
}

#[test]
fn a_server_is_named_in_a_url_by_its_name_or_its_address() {
    asks(
        "  api: { type: http, routes: [ { on: \"POST /x/{id}\", respond: { status: 201, headers: { X-A: one }, json: { id: \"${params.id}\", q: \"${query.q}\", h: \"${headers.x-b}\", t: \"${headers.content-type}\", n: \"$.n\" } } } ] }\n",
        r#"
        local by_name = http.post("http://api/x/1", { query = { q = "a b&c" }, headers = { ["X-B"] = "two" }, json = { n = 1 } })
        local by_address = http.post(ctx.env.api .. "/x/2")
        local by_proxy = ctx.api:post("/x/3", { text = "t" })
        return { json = {
          status = by_name.status, id = by_name.json.id, q = by_name.json.q, h = by_name.json.h, t = by_name.json.t,
          header = by_name.headers["x-a"], address = by_address.json.id, proxy = by_proxy.json.id,
          text = by_proxy.json.t,
        } }
        "#,
        "{ $.status: 201, $.id: \"1\", $.q: \"a b&c\", $.h: two, $.t: application/json, $.header: one, \
           $.address: \"2\", $.proxy: \"3\", $.text: text/plain; charset=utf-8 }",
    );
}

#[test]
fn connections_are_kept_and_each_carries_one_call_at_a_time() {
    let [virtually, _] = asks(
        "  db: { type: redis, password: sesame, delay: 5ms }\n",
        r#"
        for i = 1, 3 do ctx.db:incr("n") end
        local together = {}
        for i = 1, 4 do together[i] = function() return ctx.db:incr("n") end end
        local numbers = ctx.all(together)
        table.sort(numbers)
        return { json = { numbers = numbers, last = ctx.db:get("n") } }
        "#,
        "{ $.last: \"7\", \"$.numbers[0]\": 4, \"$.numbers[3]\": 7 }",
    );
    assert_eq!(virtually.connections("app", "db"), 4);
    let asked = virtually.told("app", "db");
    assert_eq!(asked.iter().filter(|line| line.starts_with("AUTH")).count(), 4);
    assert_eq!(asked.iter().filter(|line| line.starts_with("INCR")).count(), 7);
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_made_anew_and_nothing_is_sent_twice() {
    let [virtually, _] = holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
          db: { type: redis, durable: true }
          api: { type: http, routes: [ { on: POST /n, respond: { text: ok } } ] }
        clients:
          alice:
            steps:
              - { get: app/, expect: { text: "1 200" } }
              - { fault: { crash: [db, api], for: 10ms } }
              - { wait: 30ms }
              - { get: app/, expect: { text: "2 200" } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /", function()
              local n, err = ctx.db:incr("n")
              local r, why = ctx.api:post("/n")
              return (n or tostring(err)) .. " " .. (r and r.status or tostring(why))
            end)
            "#,
        )],
    );
    assert_eq!(virtually.told("app", "db"), ["INCR n", "INCR n"]);
    assert_eq!(virtually.told("app", "api"), ["POST /n", "POST /n"]);
    assert_eq!(virtually.connections("app", "db"), 2);
}

#[test]
fn a_transaction_goes_over_one_connection_in_one_piece() {
    let [virtually, _] = asks(
        "  db: { type: redis, data: { l: [x] } }\n",
        r#"
        local list = ctx.db:transaction { { "SET", "a", 1 }, { "INCR", "a" }, { "incr", "l" }, { "GET", "none" } }
        local nothing, err = ctx.db:transaction({ { "SET", "a" }, { "INCR", "a" } }, { timeout = 100 })
        return { json = { list = list, nothing = nothing == nil, err = tostring(err), a = ctx.db:get("a") } }
        "#,
        "{ \"$.list[0]\": OK, \"$.list[1]\": 2, \"$.list[2].err\": { starts_with: WRONGTYPE }, \"$.list[3]\": null, \
           $.nothing: true, $.err: \"error: ERR wrong number of arguments for 'set' command\", $.a: \"2\" }",
    );
    assert_eq!(virtually.connections("app", "db"), 1);
    assert_eq!(
        virtually.told("app", "db")[..5],
        ["MULTI", "SET a 1", "INCR a", "INCR l", "GET none"]
    );
}

#[test]
fn what_belongs_to_a_connection_is_an_error_at_its_line() {
    for (call, said) in [
        ("ctx.db:multi()", "each command of a script has a connection for itself"),
        ("ctx.db:watch('a')", "each command of a script has a connection for itself"),
        ("ctx.db:subscribe('c')", "a script cannot listen to a channel"),
        (
            "ctx.db:select(1)",
            "`SELECT` changes a connection, and a script has none that is its own",
        ),
        (
            "ctx.db:transaction { { 'EXEC' } }",
            "each command of a script has a connection for itself",
        ),
        ("ctx.db:set('a', nil)", "argument #2 of SET must be text or a number, not nothing"),
        ("ctx.db:set('a', true)", "argument #2 of SET must be text or a number, not a boolean"),
        ("ctx.db.get('a')", "a command is called with a colon: ctx.db:get(...)"),
        ("http.get('/x')", "a URL begins with `http://` and the name of a server"),
        ("http.get('http://db/', { timout = 1 })", "an HTTP request has no option `timout`"),
        (
            "ctx.db:get('a', { timeout = 'x' })",
            "the timeout of GET must be a number of milliseconds",
        ),
    ] {
        let [ran, _] = fails(
            "servers:\n  app: { type: http, script: app.lua }\n  db: { type: redis }\n\
             clients:\n  alice: { steps: [ { get: app/, expect: { status: 500 } } ] }\n",
            &[("app.lua", &format!("route('GET /', function()\n  {call}\nend)\n"))],
        );
        let errors = ran.script_errors();
        assert!(errors[0].starts_with(&format!("app.lua:2: {said}")), "{call}: {errors:?}");
    }
}

#[test]
fn a_server_that_is_not_there_or_speaks_something_else_is_an_error_at_its_line() {
    for (call, said) in [
        ("ctx.dbb:get('a')", "no server is called `dbb`; did you mean `db`?"),
        ("ctx['dbb']:get('a')", "no server is called `dbb`; did you mean `db`?"),
        ("ctx.server('dbb')", "no server is called `dbb`; did you mean `db`?"),
        ("ctx.send('dbb', { type = 'x' })", "no server is called `dbb`; did you mean `db`?"),
        ("ctx.call('dbb', { type = 'x' })", "no server is called `dbb`; did you mean `db`?"),
        ("ctx.call('db', { type = 'x' })", "`db` is no node: it speaks redis"),
        ("ctx.parrot:get('a')", "`parrot` speaks raw, which a script cannot"),
        ("ctx.alice:get('a')", "`alice` is a client: it can be answered, not called"),
    ] {
        let [ran, _] = fails(
            "servers:\n  app: { type: http, script: app.lua }\n  db: { type: redis }\n  parrot: { type: echo }\n\
             clients:\n  alice: { steps: [ { get: app/, expect: { status: 500 } } ] }\n",
            &[("app.lua", &format!("route('GET /', function()\n  {call}\nend)\n"))],
        );
        let errors = ran.script_errors();
        assert_eq!(errors, [format!("app.lua:2: {said}")], "{call}");
    }
}

#[test]
fn a_command_that_waits_has_the_time_that_it_asks_for() {
    let [virtually, _] = holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
          db: { type: redis }
        clients:
          alice:
            steps:
              - { get: app/, timeout: 30s, expect: { text: "jobs one / nothing / nothing" } }
          bob: { steps: [ { wait: 20ms }, { redis: db LPUSH jobs one } ] }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /", function()
              local found = ctx.db:blpop("jobs", 0)
              local none = ctx.db:blpop("jobs", 0.05)
              local _, late = ctx.db:blpop("jobs", 9, { timeout = 30 })
              return table.concat(found, " ") .. " / " .. (none and "some" or "nothing") .. " / " .. (late.kind == "timeout" and "nothing" or late.kind)
            end)
            "#,
        )],
    );
    // The one that was given up went away with its connection.
    assert_eq!(virtually.connections("app", "db"), 1);
}

#[test]
fn a_response_beyond_the_bound_is_malformed() {
    asks(
        "  db: { type: redis }\n",
        r#"
        ctx.db:setrange("big", 17 * 1024 * 1024, "x")
        local _, err = ctx.db:get("big", { timeout = 60000 })
        return tostring(err)
        "#,
        "{ text: \"malformed: the reply is longer than 16 MiB\" }",
    );
}

#[test]
fn nodes_ask_redis_and_http_servers_with_the_same_words() {
    holds(
        r#"
        servers:
          n1: { type: node, script: n1.lua }
          db: { type: redis, script: db.lua, data: { k: v } }
          app: { type: http, routes: [ { on: GET /x, respond: { json: { x: 1 } } } ] }
        clients:
          alice:
            steps:
              - { call: n1, json: { type: ask }, expect: { $.k: v, $.twice: vv, $.x: 1, $.kind: error } }
        "#,
        &[
            (
                "n1.lua",
                r#"
                function on.ask()
                  local found = ctx.all {
                    k = function() return ctx.db:get("k") end,
                    twice = function() return ctx.db:twice("k") end,
                    x = function() return http.get("http://app/x").json.x end,
                  }
                  local _, err = ctx.db:nonsense()
                  return { type = "ask_ok", k = found.k, twice = found.twice, x = found.x, kind = err.kind }
                end
                "#,
            ),
            (
                "db.lua",
                "command('TWICE', function(key) return redis.call('GET', key):rep(2) end)\n",
            ),
        ],
    );
}

#[test]
fn a_cut_in_the_network_is_a_timeout_and_after_it_all_is_well() {
    holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
          db: { type: redis, data: { k: v } }
        clients:
          alice:
            steps:
              - { get: app/, expect: { text: v } }
              - { fault: { partition: [app, db], name: cut } }
              - { get: app/, expect: { text: timeout } }
              - { heal: cut }
              - { get: app/, expect: { text: v } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /", function()
              local value, err = ctx.db:get("k", { timeout = 100 })
              return value or err.kind
            end)
            "#,
        )],
    );
}

#[test]
fn a_message_of_a_client_may_end_with_objects_in_objects() {
    holds(
        r#"
        servers: { n1: { type: node, script: n1.lua } }
        clients:
          alice:
            steps:
              - { call: n1, json: { type: ask, a: { b: { c: 7 } } }, expect: { $.c: 7 } }
        "#,
        &[("n1.lua", "function on.ask(msg) return { type = 'ok', c = msg.a.b.c } end")],
    );
}
