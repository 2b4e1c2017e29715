//! What is bounded: whatever a script does, it ends, and the next entry finds a machine that works.

use super::tests::{bench, eval, try_bench};
use super::{Limits, Output, Predicates, Request, Step};

/// What a handler with that body comes to, with fewer instructions than usual; the next one works.
fn ends(body: &str, instructions: u64) -> String {
    let limits = Limits { instructions, ..Limits::default() };
    let text = format!("function on.go()\n  {body}\nend");
    let bench = try_bench(&text, limits, None).unwrap_or_else(|error| panic!("{error}"));
    let error = bench.error(r#"{"type":"go"}"#);
    assert!(matches!(bench.message(r#"{"type":"other"}"#), Step::Done(_)), "{body}");
    error.to_string()
}

#[test]
fn an_endless_loop_ends_with_an_error_even_where_errors_are_caught() {
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
        "ctx.all({}) table.sort({ 3, 2, 1 }, function() while true do pcall(error) end end)",
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(function() return t[1] end) end",
        "local t = setmetatable({}, { __len = function() return 1e15 end }) table.insert(t, 1, 1)",
        "table.move({ 1 }, 1, 1e15, 2)",
        "('x'):gsub('x*', function() while true do end end)",
        "for k in pairs(setmetatable({}, { __pairs = function() return function() return 1 end end })) do end",
    ] {
        let says = "app.lua:2: more than 100000 instructions without a pause: an endless loop?";
        assert_eq!(ends(body, 100_000), says, "{body}");
    }
    let limits = Limits { instructions: 100_000, ..Limits::default() };
    let error = try_bench("while true do end", limits, None).err().map(|error| error.to_string());
    let says = "app.lua:1: more than 100000 instructions without a pause: an endless loop?";
    assert_eq!(error.as_deref(), Some(says));
}

#[test]
fn a_script_that_uses_up_its_memory_ends_with_an_error_and_the_next_one_goes_on() {
    let limits = Limits { memory_bytes: 4 * 1024 * 1024, ..Limits::default() };
    for body in [
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "return { type = 'ok', s = ('x'):rep(3e6) .. ('y'):rep(3e6) }",
        "return { type = 'ok', s = ('x'):rep(1000):gsub('', ('y'):rep(100000)) }",
        "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1e6) end return table.concat(t)",
        "local t = {} while true do t[#t + 1] = json.decode('[[],{\"a\":[{},{}]}]') end",
    ] {
        let text = format!("\nfunction on.go()\n  {body}\nend");
        let bench = try_bench(&text, limits, None).unwrap_or_else(|error| panic!("{error}"));
        let error = bench.error(r#"{"type":"go"}"#);
        assert!(error.message.contains("memory"), "{body}: {error}");
        assert_eq!(error.script, "app.lua", "{body}");
        assert!(error.line > 0, "{body}: {error}");
        assert!(matches!(bench.message(r#"{"type":"other"}"#), Step::Done(_)), "{body}");
    }
}

#[test]
fn nothing_is_executed_on_the_way_out_of_an_error() {
    let says = "`__close` is executed on the way out of an error, where nothing could stop it";
    let text = "local mt = {}\nmt.__close = print\nfunction on.go() end";
    let error = try_bench(text, Limits::default(), None).err().map(|error| error.to_string());
    assert_eq!(error, Some(format!("app.lua:2: {says}: there is none in a script")));
    let hidden = ends("setmetatable({}, { ['__clo' .. 'se'] = print })", 100_000);
    assert_eq!(hidden, format!("app.lua:2: {says}"));
    let mut predicates = Predicates::new([]).unwrap();
    let error = predicates.add("p", "local mt = { __close = print } return true").err();
    assert!(error.is_some_and(|error| error.message.contains(says)));
}

#[test]
fn what_takes_longer_for_more_is_charged() {
    for body in [
        "local s = ('x'):rep(1e6) while true do s:upper() end",
        "local s = ('x'):rep(1e6) while true do s:reverse():sub(2) end",
        "local s = ('x'):rep(1e6) while true do local t = s:format() end",
        "local s = ('x'):rep(1e6) while true do s:find('y', 1, true) end",
        "local s = ('x'):rep(1e6) while true do utf8.len(s) end",
        "local s = ('1'):rep(1e6) while true do tonumber(s) end",
        "while true do local s = ('x'):rep(1e6) end",
        "while true do pcall(string.match, ('a'):rep(200), ('a*'):rep(30) .. 'b') end",
        "local set = '[' .. ('b'):rep(1e6) .. ']*' while true do ('a'):rep(100):find(set) end",
        "local t = {} for i = 1, 10000 do t[i] = i end while true do json.encode(t) end",
        "local t = {} for i = 1, 10000 do t['k' .. i] = print end while true do pcall(json.encode, t) end",
        "local s = '[' .. ('1,'):rep(1e5) .. '1]' while true do json.decode(s) end",
        "local t = {} for i = 1, 10000 do t[i] = i end while true do table.concat(t) end",
        "local t = {} for i = 1, 10000 do t[i] = i end while true do select('#', table.unpack(t)) end",
        "local t = {} for i = 1, 10000 do t[i] = i end while true do table.sort(t, math.ult) end",
        "local s = ('x'):rep(1e5) while true do s:byte(1, 100) end",
        "local s = ('x'):rep(1e5) while true do ('a'):gsub('a', s) end",
        "local t = { type = 'x', f = print } for i = 1, 1000 do t['k' .. i] = i end while true do pcall(ctx.call, 'b', t) end",
        "ctx.durable.f = print while true do pcall(ctx.sync) end",
        "local t = {} for i = 1, 10000 do t[i] = '' end while true do select(1, table.unpack(t)) end",
        "local t = setmetatable({}, { __index = rawlen }) while true do pcall(table.concat, t, '', math.mininteger, 0) end",
        "while true do ctx.send('b', { type = 'x' }) end",
        "while true do ctx.log('x') end",
        "while true do ctx.expose('x', 1) end",
        "while true do ctx.spawn(print) end",
        "while true do ctx.after(0, print) end",
    ] {
        let error = ends(body, 1_000_000);
        let says = "more than 1000000 instructions without a pause: an endless loop?";
        // What is charged once a handler has handed it over has the line where the handler is declared.
        let line = if body.contains("ctx.call") || body.contains("ctx.sync") { 1 } else { 2 };
        assert_eq!(error, format!("app.lua:{line}: {says}"), "{body}");
    }
}

#[test]
fn tasks_are_bounded() {
    let floods = bench("function on.go()\n  while true do ctx.spawn(print) end\nend");
    let error = floods.error(r#"{"type":"go"}"#);
    assert_eq!(error.to_string(), "app.lua:2: a script has at most 10000 tasks at once");
    assert_eq!(floods.notes.take().len(), 10_000);
    let wrong = "function on.go() for i = 1, 20000 do pcall(ctx.spawn, 1) end ctx.spawn(print) end";
    assert!(matches!(bench(wrong).message(r#"{"type":"go"}"#), Step::Done(_)));
    let cancels = "function on.go() for i = 1, 20000 do ctx.spawn(print):cancel() end end";
    assert!(matches!(bench(cancels).message(r#"{"type":"go"}"#), Step::Done(_)));
}

#[test]
fn nothing_that_is_told_is_longer_than_it_may_be() {
    let says = |body: &str| {
        let text = format!("function on.go()\n  {body}\nend");
        bench(&text).error(r#"{"type":"go"}"#).to_string()
    };
    for (body, why) in [
        (
            "ctx.send('b', { type = 'x', s = ('x'):rep(5e6) })",
            "app.lua:2: the message cannot be written: it is longer than 4194304 bytes",
        ),
        (
            "ctx.expose('s', ('x'):rep(2e6))",
            "app.lua:2: `s` cannot be exposed: it is longer than 1048576 bytes",
        ),
        (
            "ctx.send('b', { type = 'x', s = ('\\0'):rep(3e6) })",
            "app.lua:2: the message cannot be written: it is longer than 4194304 bytes",
        ),
        (
            "ctx.send('b', { type = 'x', [('\\0'):rep(3e6)] = 1 })",
            "app.lua:2: the message cannot be written: it is longer than 4194304 bytes",
        ),
        (
            "ctx.expose(('x'):rep(201), 1)",
            "app.lua:2: a name of what is exposed has at most 200 bytes",
        ),
        (
            "return { type = 'ok', s = ('x'):rep(5e6) }",
            "app.lua:1: the reply cannot be written: it is longer than 4194304 bytes",
        ),
    ] {
        assert_eq!(says(body), why);
    }
    let logs = bench("function on.go() ctx.log(('x'):rep(100000)) end");
    assert!(matches!(logs.message(r#"{"type":"go"}"#), Step::Done(Output::Nothing)));
    let told = logs.notes.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0], format!("{}... (100000 bytes)", "x".repeat(65536)));
}

#[test]
fn a_table_whose_length_is_a_lie_is_no_array() {
    // Lua looks for the end of a table by doubling.
    let text = "function on.go()
  local t = {}
  for i = 0, 60 do t[1 << i] = 1 end
  return { type = 'ok', t = t }
end";
    let error = bench(text).error(r#"{"type":"go"}"#);
    assert!(error.message.contains("positions and names, or holes"), "{error}");
}

#[test]
fn sorting_keeps_what_is_equal_in_its_order() {
    for n in [0, 1, 7, 8, 9, 16, 17, 100, 1000] {
        // Fewer different keys than elements: what has one key must stay in the order of its numbers.
        let sorted = format!(
            "(function()
               local t, x = {{}}, 1
               for i = 1, {n} do
                 x = (x * 1103515245 + 12345) % 2147483648
                 t[i] = {{ key = x % 10, number = i }}
               end
               table.sort(t, function(a, b) return a.key < b.key end)
               for i = 2, #t do
                 local a, b = t[i - 1], t[i]
                 if a.key > b.key or a.key == b.key and a.number >= b.number then return i end
               end
               return #t == {n}
             end)()"
        );
        assert_eq!(eval(&sorted), "true", "{n}");
    }
    assert_eq!(
        eval("(function() local t = { 'b', 'a', 'C' } table.sort(t) return table.concat(t) end)()"),
        "Cab"
    );
    let fails = "(function()
       local t, n = {}, 0
       for i = 1, 40 do t[i] = 41 - i end
       pcall(table.sort, t, function(a, b) n = n + 1 if n == 170 then error('x') end return a < b end)
       table.sort(t)
       return table.concat(t, ' ')
     end)()";
    let all: Vec<String> = (1..=40).map(|n: u32| n.to_string()).collect();
    assert_eq!(eval(fails), all.join(" "), "a comparison that fails loses nothing");
    let holes = bench("function on.go()\n  table.sort({ 1, 'x' })\nend").error(r#"{"type":"go"}"#);
    assert_eq!(holes.to_string(), "app.lua:2: attempt to compare string with number");
}

#[test]
fn a_comparison_and_a_text_of_ones_own_may_wait() {
    for body in [
        "table.sort({ 2, 1 }, function(a, b) ctx.sleep(1) return a < b end)",
        "tostring(setmetatable({}, { __tostring = function() ctx.sleep(1) return '' end }))",
        "('x'):gsub('x', function() ctx.sleep(1) end)",
    ] {
        let waits = bench(&format!("function on.go() {body} end"));
        let step = waits.message(r#"{"type":"go"}"#);
        assert!(matches!(step, Step::Wait(_, Request::Sleep { .. })), "{body}");
    }
}
