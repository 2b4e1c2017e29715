//! What becomes of a script that goes wrong: an error with its place, a failed request, and nothing else.

use super::*;

#[test]
fn an_error_of_a_handler_is_a_500_and_an_error_at_its_line() {
    let [ran, _] = fails(
        r#"
        servers:
          app: { type: http, script: app.lua }
        clients:
          alice:
            steps:
              - { get: app/index, expect: { status: 500, $.error: "app.lua:2: attempt to index a nil value (field 'json')" } }
              - { get: app/own, expect: { status: 500, $.error: "app.lua:5: no such thing" } }
              - { get: app/late, expect: { status: 500, $.error: "app.lua:9: attempt to call a nil value (global 'nothing')" } }
              - { get: app/fine, expect: { status: 200 } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /index", function(req)
              return req.json.price
            end)
            route("GET /own", function(req)
              error("no such thing")
            end)
            route("GET /late", function(req)
              ctx.sleep(5)
              nothing()
            end)
            route("GET /fine", function() return 200 end)
            "#,
        )],
    );
    let lines: Vec<String> =
        ran.script_errors().iter().map(|e| e.split(": ").next().unwrap().to_owned()).collect();
    assert_eq!(lines, ["app.lua:2", "app.lua:5", "app.lua:9"]);
}

#[test]
fn what_is_no_response_is_an_error_where_the_handler_is_declared() {
    for (returned, said) in [
        (
            "{ qty = 9 }",
            "a response has no `qty`: there are status, headers, json, text; what is to be JSON stands in `json`",
        ),
        ("true", "a handler returns a response, a status, a text or nothing, not a boolean"),
        ("99", "a status is a number from 200 to 599, not 99"),
        ("{ status = 'x' }", "a status is a number from 200 to 599, not x"),
        (
            "{ json = function() end }",
            "the response cannot be written: a function has no form in JSON",
        ),
        ("{ headers = 'x' }", "the headers of a response must be a table, not a string"),
        ("{ headers = { ['a b'] = 1 } }", "`a b` is no name of a header"),
    ] {
        let [ran, _] = fails(
            "servers:\n  app: { type: http, script: app.lua }\n\
             clients:\n  alice: { steps: [ { get: app/, expect: { status: 500 } } ] }\n",
            &[(
                "app.lua",
                &format!("-- one\nroute('GET /', function()\n  return {returned}\nend)\n"),
            )],
        );
        assert_eq!(ran.script_errors(), [format!("app.lua:2: {said}")]);
    }
}

#[test]
fn an_endless_loop_ends_its_own_request_and_the_server_goes_on() {
    let [ran, _] = fails(
        r#"
        servers:
          app: { type: http, script: app.lua }
        clients:
          alice:
            steps:
              - { get: app/loop, timeout: 60s, expect: { status: 500, $.error: { contains: "an endless loop?" } } }
              - { get: app/caught, timeout: 60s, expect: { status: 500 } }
              - { get: app/fine, expect: { status: 200 } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /loop", function()
              while true do
              end
            end)
            route("GET /caught", function() pcall(function() while true do end end) return 200 end)
            route("GET /fine", function() return 200 end)
            "#,
        )],
    );
    assert!(ran.script_errors()[0].starts_with("app.lua:"), "{:?}", ran.script_errors());
}

#[test]
fn a_gigabyte_of_text_ends_its_own_request_and_the_server_goes_on() {
    let [ran, _] = fails(
        r#"
        servers:
          app: { type: http, script: app.lua }
        clients:
          alice:
            steps:
              - { get: app/rep, expect: { status: 500, $.error: { contains: "more than the memory of a script, 64 MiB" } } }
              - { get: app/double, timeout: 60s, expect: { status: 500, $.error: { contains: "memory" } } }
              - { get: app/fine, expect: { status: 200 } }
        "#,
        &[(
            "app.lua",
            r#"
            route("GET /rep", function() return ("x"):rep(1024 * 1024 * 1024) end)
            route("GET /double", function()
              local s = "x"
              while true do s = s .. s end
            end)
            route("GET /fine", function() return 200 end)
            "#,
        )],
    );
    assert_eq!(ran.script_errors().len(), 2);
}

#[test]
fn a_wrong_pattern_is_an_error_at_its_line_when_the_script_is_loaded() {
    for (pattern, said) in [
        ("/items", "this route has no method"),
        ("get /items", "a method is written in capitals: did you mean `GET`?"),
        ("GET items", "a path begins with `/`"),
        ("GET /{id}/{id}", "the parameter `id` is given twice"),
        ("GET /{rest...}/x", "`{rest...}` can only be the last segment"),
        ("GET /x?y=1", "a route's path has no query; use `when: { query.x: … }`"),
    ] {
        let script = format!("-- one\nroute('{pattern}', function() end)\n");
        let error = refused("app: { type: http, script: app.lua }", "app.lua", &script);
        assert_eq!(error, format!("app.lua:2: {said}"), "{pattern}");
    }
    for (script, said) in [
        ("route('GET /')", "argument #2 of route must be a function, not nothing"),
        (
            "route(1, print)",
            "argument #1 of route must be a pattern, such as \"GET /items/{id}\", not a number",
        ),
        ("route('GET /', print) route('GET /', print)", "the route `GET /` is declared twice"),
        (
            "command('X', print)",
            "commands are for `type: redis`; a `type: http` answers requests: `route(\"GET /items\", function(req) ... end)`",
        ),
        (
            "redis.call('GET', 'x')",
            "redis.call is for the script of a redis server; another server's data are asked for with `ctx.NAME:get(key)`",
        ),
        ("local x = nil + 1", "attempt to perform arithmetic on a nil value"),
        ("while true do end", "more than 20000000 instructions without a pause: an endless loop?"),
        ("ctx.sleep(1)", "nothing can be waited for while a script is loaded: do it in `on.start`"),
    ] {
        let error = refused("app: { type: http, script: app.lua }", "app.lua", script);
        assert_eq!(error, format!("app.lua:1: {said}"), "{script}");
    }
}

#[test]
fn a_route_is_declared_while_the_script_is_loaded() {
    let [ran, _] = fails(
        "servers:\n  app: { type: http, script: app.lua }\n\
         clients:\n  alice: { steps: [ { get: app/, expect: { status: 500 } } ] }\n",
        &[("app.lua", "route('GET /', function()\n  route('GET /x', print)\nend)\n")],
    );
    let said = "app.lua:2: a route is declared while the script is loaded, not later";
    assert_eq!(ran.script_errors(), [said]);
}

#[test]
fn an_error_of_a_timer_or_of_the_start_is_told_and_harms_nobody() {
    let [ran, _] = fails(
        r#"
        servers:
          app: { type: http, script: app.lua }
        clients:
          alice: { steps: [ { wait: 30ms }, { get: app/, expect: { status: 200 } } ] }
        "#,
        &[(
            "app.lua",
            r#"
            function on.start() error("at the start") end
            ctx.after(10, function() error("of a timer") end)
            route("GET /", function() return 200 end)
            "#,
        )],
    );
    assert_eq!(ran.script_errors(), ["app.lua:1: at the start", "app.lua:2: of a timer"]);
}

#[test]
fn what_is_caught_is_text_and_nothing_shows_an_address() {
    holds(
        r#"
        servers:
          n1: { type: node, script: n1.lua }
        clients:
          alice:
            steps:
              - call: n1
                json: { type: go }
                expect:
                  $.caught: { matches: "^n1.lua:[0-9]+: not JSON: " }
                  $.joined: { matches: "^why: n1.lua" }
                  $.percent: "100%p"
                  $.task: task
                  $.named: x
                  $.hidden: nil nil
                  $.own: true
              - call: n1
                json: { type: die }
                expect: { error: crash, $.text: { matches: "^n1.lua:[0-9]+: table$" } }
        checks: []
        "#,
        &[(
            "n1.lua",
            r#"
            function on.go()
              local _, caught = pcall(function() return json.decode("{") end)
              local mine = {}
              return {
                type = "go_ok", caught = caught, joined = "why: " .. caught, percent = string.format("100%%p"),
                task = tostring(ctx.spawn(function() end)), named = tostring(setmetatable({}, { __name = "x" })),
                hidden = type(getmetatable(json.array())) .. " " .. type(getmetatable(ctx.spawn(print))),
                own = getmetatable(setmetatable({}, mine)) == mine,
              }
            end
            function on.die()
              local _, e = pcall(error, { code = 5 })
              return ctx.error("crash", "n1.lua:1: " .. tostring(e))
            end
            "#,
        )],
    );
}

#[test]
fn tasks_that_begin_tasks_do_not_stop_the_clock() {
    let scenario = scenario(
        "servers:\n  n1: { type: node, script: n1.lua }\n\
         clients:\n  alice: { steps: [ { call: n1, json: { type: go } } ] }\n",
        &[(
            "n1.lua",
            "local function again() ctx.spawn(again) end\n\
             function on.go() again() return { type = 'go_ok' } end\n",
        )],
    );
    let ran = run_text(&scenario, World::Virtual, 1);
    assert_eq!(ran.outcome, Outcome::Ok, "{}", complaint(&ran));
}
