//! `script:` on http servers.

use super::*;

#[test]
fn what_a_handler_returns_is_the_response_that_it_looks_like() {
    holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
          gone: { type: closed }
        clients:
          alice:
            steps:
              - { get: app/text, expect: { status: 200, text: hello, headers.content-type: "text/plain; charset=utf-8" } }
              - { get: app/nothing, expect: { status: 204, text: "" } }
              - { get: app/status, expect: { status: 202, text: "" } }
              - { get: app/both, expect: { status: 409, $.error: no, headers.content-type: application/json } }
              - { get: app/words, expect: { status: 418, text: a teapot } }
              - { get: app/table, expect: { status: 201, $.id: 7, headers.location: /items/7 } }
              - { get: app/json, expect: { status: 200, text: '[1,{"a":null},{}]' } }
              - { get: app/typed, expect: { text: "<p>", headers.content-type: text/html } }
              - { get: app/several, expect: { status: 204, headers.set-cookie: { contains: "a=1" } } }
              - { get: app/failed, expect: { status: 500, $.error: "refused: nothing listens at the server's address" } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /text", function() return "hello" end)
            route("GET /nothing", function() end)
            route("GET /status", function() return 202 end)
            route("GET /both", function() return 409, { error = "no" } end)
            route("GET /words", function() return 418, "a teapot" end)
            route("GET /table", function() return { status = 201, json = { id = 7 }, headers = { Location = "/items/7" } } end)
            route("GET /json", function() return { json = { 1, { a = null }, json.object() } } end)
            route("GET /typed", function() return { text = "<p>", headers = { ["content-type"] = "text/html" } } end)
            route("GET /several", function() return { headers = { ["set-cookie"] = { "a=1", "b=2" } } } end)
            route("GET /failed", function() return http.get("http://gone/") end)
            "#,
        )],
    );
}

#[test]
fn a_handler_is_told_all_of_the_request() {
    holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
        clients:
          alice:
            steps:
              - post: app/items/a%20b/x/y?q=1&q=2&r=c%20d
                json: { qty: 9, deep: { n: null } }
                headers: { X-One: "1" }
                expect:
                  status: 200
                  $.method: POST
                  $.path: "/items/a b/x/y"
                  $.id: a b
                  $.rest: x/y
                  $.q: "1"
                  $.r: c d
                  $.one: "1"
                  $.qty: 9
                  $.deep: { equals: {} }
                  $.length: 27
              - { post: app/raw, text: "a=1", expect: { text: "a=1 nil" } }
              - { post: app/raw, text: "[1]", expect: { text: "[1] table" } }
              - { get: app/empty, expect: { text: '{"headers":true,"json":false,"params":{},"query":{},"text":""}' } }
        "#,
        &[(
            "app.lua",
            r#"
            route("POST /items/{id}/{rest...}", function(req)
              return { json = {
                method = req.method, path = req.path, id = req.params.id, rest = req.params.rest,
                q = req.query.q, r = req.query.r, one = req.headers["x-one"],
                qty = req.json.qty, deep = req.json.deep, length = #req.text,
              } }
            end)
            route("POST /raw", function(req) return req.text .. " " .. type(req.json) end)
            route("GET /empty", function(req)
              return { json = { query = req.query, params = req.params, text = req.text, json = req.json ~= nil, headers = req.headers.host ~= nil } }
            end)
            "#,
        )],
    );
}

#[test]
fn a_script_comes_first_and_the_routes_of_the_file_after_it() {
    holds(
        r#"
        servers:
          app:
            type: http
            script: app.lua
            routes:
              - { on: GET /both, respond: { text: file } }
              - { on: GET /file, respond: { text: file } }
              - { on: "* /items", collection: items, data: [{ id: 1 }] }
        clients:
          alice:
            steps:
              - { get: app/both, expect: { text: script } }
              - { get: app/file, expect: { text: file } }
              - { get: app/items/1, expect: { text: the script's } }
              - { get: app/items, expect: { text: '[{"id":1}]' } }
              - { delete: app/both, expect: { status: 405, headers.allow: "GET, HEAD, OPTIONS" } }
              - { head: app/both, expect: { status: 200, text: "", headers.content-length: "6" } }
              - { get: app/bath, expect: { status: 404, $.nearest: GET /both } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /both", function() return "script" end)
            route("GET /items/{id}", function() return "the script's" end)
            "#,
        )],
    );
}

#[test]
fn a_handler_that_waits_holds_up_nobody_but_its_own_connection() {
    holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
        clients:
          slow: { steps: [ { get: app/slow, expect: { text: told by quick } } ] }
          quick: { steps: [ { wait: 10ms }, { get: app/quick, expect: { text: quick } } ] }
        "#,
        &[(
            "app.lua",
            r#"
            local told = ctx.queue()
            route("GET /slow", function() return told:take(10000) end)
            route("GET /quick", function() told:put("told by quick") return "quick" end)
            "#,
        )],
    );
}

#[test]
fn a_serial_server_waits_for_its_handlers() {
    holds(
        r#"
        servers:
          app: { type: http, script: app.lua, serial: true }
        clients:
          slow: { steps: [ { get: app/slow, expect: { text: done } } ] }
          quick:
            steps:
              - { wait: 10ms }
              - { get: app/quick, expect: { text: quick, took: { gte: 40ms } } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /slow", function() ctx.sleep(60) return "done" end)
            route("GET /quick", function() return "quick" end)
            "#,
        )],
    );
}

#[test]
fn pipelined_requests_are_answered_in_their_order_over_one_connection() {
    holds(
        r#"
        servers:
          app: { type: http, script: app.lua, routes: [ { on: GET /file, respond: { text: file } } ] }
        clients:
          alice:
            steps:
              - { connect: app }
              - { send: "GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /file HTTP/1.1\r\nHost: a\r\n\r\nGET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" }
              - { receive: end, expect: { text: { matches: "(?s)slow.*file.*last" } } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /slow", function() ctx.sleep(20) return "slow" end)
            route("GET /last", function() return "last" end)
            "#,
        )],
    );
}

#[test]
fn a_slow_machine_slows_handlers_and_the_log_has_a_line_for_each_request() {
    let [virtually, _] = holds(
        r#"
        servers:
          app: { type: http, script: app.lua }
        clients:
          alice: { steps: [ { get: app/x, expect: { text: x, took: { gte: 20ms } } } ] }
        timeline:
          - { at: 0ms, fault: { slow: app, plus: 20ms } }
        "#,
        &[("app.lua", "route('GET /x', function() return 'x' end)\n")],
    );
    let logged = virtually.events.iter().any(|event| match &event.kind {
        EventKind::Log { text, .. } => text.starts_with("GET /x 200 "),
        _ => false,
    });
    assert!(logged, "{}", virtually.trace);
}

#[test]
fn an_http_server_calls_nodes_and_arms_timers_from_its_start() {
    holds(
        r#"
        servers:
          app: { type: http, script: app.lua, env: { greeting: hello } }
          n1: { type: node, script: n1.lua }
        clients:
          alice:
            steps:
              - { get: app/n, expect: { $.n: 42, $.greeting: hello, $.name: app } }
              - { wait: 30ms }
              - { get: app/ticks, expect: { text: "3" } }
        "#,
        &[
            (
                "app.lua",
                r#"
                function on.start()
                  ctx.state.ticks = 0
                  local timer
                  timer = ctx.every(5, function()
                    ctx.state.ticks = ctx.state.ticks + 1
                    if ctx.state.ticks == 3 then timer:cancel() end
                  end)
                end
                route("GET /n", function()
                  local reply, err = ctx.n1:call({ type = "read" })
                  if not reply then return nil, err end
                  return { json = { n = reply.n, greeting = ctx.env.greeting, name = ctx.name } }
                end)
                route("GET /ticks", function() return tostring(ctx.state.ticks) end)
                "#,
            ),
            (
                "n1.lua",
                "function on.read(msg, from) return { type = 'read_ok', n = from == 'app' and 42 or 0 } end\n",
            ),
        ],
    );
}
