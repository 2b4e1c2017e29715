//! The machine without a world: a host that writes down what it is asked.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::*;

/// A host of which the clock stands still.
#[derive(Default)]
pub(super) struct Notes {
    told: Mutex<Vec<String>>,
}

impl Notes {
    fn tell(&self, text: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Host for Notes {
    fn now_ms(&self) -> f64 {
        12.5
    }
    fn draw(&self) -> u64 {
        1 << 63
    }
    fn log(&self, warn: bool, text: String) {
        self.tell(format!("{}{text}", if warn { "warn: " } else { "" }));
    }
    fn expose(&self, name: &str, value: serde_json::Value) {
        self.tell(format!("{name} = {value}"));
    }
    fn send(&self, to: &str, fields: Vec<u8>) {
        self.tell(format!("send {to} {}", String::from_utf8_lossy(&fields)));
    }
    fn spawn(&self, task: u64) {
        self.tell(format!("spawn {task}"));
    }
    fn cancel(&self, task: u64) {
        self.tell(format!("cancel {task}"));
    }
    fn arm(&self, timer: u64, after_ms: f64) {
        self.tell(format!("arm {timer} {after_ms}"));
    }
    fn disarm(&self, timer: u64) {
        self.tell(format!("disarm {timer}"));
    }
    fn wake(&self, waiter: u64) {
        self.tell(format!("wake {waiter}"));
    }
    fn route(&self, _pattern: &str) -> Result<(), String> {
        Err("this is no http server".into())
    }
    fn command(&self, _name: &str, _words_max: Option<usize>) -> Result<(), String> {
        Err("this is no redis server".into())
    }
    fn redis(&self, _words: Vec<Vec<u8>>) -> Result<Option<Datum>, String> {
        Err("this is no redis server".into())
    }
}

/// A machine and its host.
pub(super) struct Bench {
    pub(super) machine: Machine,
    pub(super) notes: Arc<Notes>,
}

pub(super) fn try_bench(
    text: &str,
    limits: Limits,
    durable: Option<&Datum>,
) -> Result<Bench, ScriptError> {
    let script = Script { name: "app.lua".into(), text: text.into() };
    let scripts = Arc::new(Scripts::new([script]));
    let speaks = [("app", "node"), ("b", "node"), ("db", "redis"), ("alice", "client")];
    let facts = Facts {
        name: "app".into(),
        nodes: vec!["app".into(), "b".into()],
        peers: vec!["b".into()],
        speaks: speaks.map(|(name, kind)| (name.to_owned(), kind)).into(),
        errors: [("not-supported".to_owned(), 10), ("crash".to_owned(), 13)].into(),
        ..Facts::default()
    };
    let notes = Arc::new(Notes::default());
    let host: Arc<dyn Host> = notes.clone();
    let weak: Weak<dyn Host> = Arc::downgrade(&host);
    let machine = Machine::new(&scripts, "app.lua", facts, limits, durable, &weak)?;
    Ok(Bench { machine, notes })
}

pub(super) fn bench(text: &str) -> Bench {
    try_bench(text, Limits::default(), None).unwrap_or_else(|error| panic!("{error}"))
}

impl Bench {
    pub(super) fn message(&self, body: &str) -> Step {
        self.machine.enter(Entry::Message {
            from: "alice",
            kind: "go",
            body: body.as_bytes(),
            asks: true,
        })
    }

    fn reply(&self, body: &str) -> String {
        match self.message(body) {
            Step::Done(Output::Reply(fields)) => String::from_utf8(fields).expect("JSON is UTF-8"),
            Step::Done(other) => panic!("{other:?}"),
            Step::Failed(error) => panic!("{error}"),
            Step::Wait(_, request) => panic!("waits for {request:?}"),
        }
    }

    pub(super) fn error(&self, body: &str) -> ScriptError {
        match self.message(body) {
            Step::Failed(error) => error,
            Step::Done(other) => panic!("{other:?}"),
            Step::Wait(_, request) => panic!("waits for {request:?}"),
        }
    }
}

/// What an expression comes to, as text.
pub(super) fn eval(expression: &str) -> String {
    let text = format!("function on.go() return {{ type = 'ok', v = tostring({expression}) }} end");
    let reply = bench(&text).reply(r#"{"type":"go"}"#);
    let value: serde_json::Value = serde_json::from_str(&format!("{{{reply}}}")).expect("JSON");
    value["v"].as_str().unwrap_or_default().to_owned()
}

fn load_error(text: &str) -> String {
    match try_bench(text, Limits::default(), None) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it loads"),
    }
}

#[test]
fn a_handler_answers_with_its_fields_in_order_and_the_type_first() {
    let bench = bench(
        "function on.read(msg, from) return { z = 1, a = msg.key, type = 'read_ok', n = from } end",
    );
    let reply = bench.reply(r#"{"type":"read","key":"x"}"#);
    assert_eq!(reply, r#""type":"read_ok","a":"x","n":"alice","z":1"#);
}

#[test]
fn a_handler_waits_where_it_calls_and_goes_on_with_the_answer() {
    let bench = bench(
        "function on.go(msg)
           local reply, err = ctx.call('b', { type = 'ping', n = msg.n }, { timeout = 50 })
           if not reply then return { type = 'failed', kind = err.kind, text = tostring(err) } end
           return { type = 'ok', n = reply.n + 1 }
         end",
    );
    let Step::Wait(running, request) = bench.message(r#"{"type":"go","n":1}"#) else {
        panic!("it does not wait");
    };
    let fields = br#""type":"ping","n":1"#.to_vec();
    assert_eq!(request, Request::Call { to: "b".into(), fields, timeout_ms: Some(50.0) });
    let answer = Answer::Json(bytes::Bytes::from_static(br#"{"type":"pong","n":41}"#));
    match bench.machine.resume(running, answer) {
        Step::Done(Output::Reply(fields)) => assert_eq!(fields, br#""type":"ok","n":42"#),
        _ => panic!("it is not done"),
    }
    let Step::Wait(running, _) = bench.message(r#"{"type":"go","n":1}"#) else {
        panic!("it does not wait");
    };
    let failed =
        Answer::Failed { kind: "timeout", text: "no reply within 50ms".into(), code: None };
    match bench.machine.resume(running, failed) {
        Step::Done(Output::Reply(fields)) => {
            let fields = String::from_utf8(fields).expect("JSON is UTF-8");
            assert_eq!(
                fields,
                r#""type":"failed","kind":"timeout","text":"timeout: no reply within 50ms""#
            );
        }
        _ => panic!("it is not done"),
    }
}

#[test]
fn handlers_that_wait_do_not_wait_for_each_other() {
    let bench =
        bench("function on.go(msg) ctx.sleep(msg.ms) return { type = 'ok', ms = msg.ms } end");
    let Step::Wait(first, Request::Sleep { ms: 5.0 }) = bench.message(r#"{"type":"go","ms":5}"#)
    else {
        panic!("it does not sleep");
    };
    let Step::Wait(second, Request::Sleep { ms: 6.0 }) = bench.message(r#"{"type":"go","ms":6}"#)
    else {
        panic!("it does not sleep");
    };
    for (running, fields) in [(second, r#""type":"ok","ms":6"#), (first, r#""type":"ok","ms":5"#)] {
        match bench.machine.resume(running, Answer::Passed) {
            Step::Done(Output::Reply(reply)) => assert_eq!(reply, fields.as_bytes()),
            _ => panic!("it is not done"),
        }
    }
}

#[test]
fn an_error_names_script_and_line_and_ends_its_own_coroutine_only() {
    let bench = bench(
        "function on.bad(msg)\n  local t = nil\n  return t.x\nend\nfunction on.good() return { type = 'ok' } end",
    );
    let error = bench.error(r#"{"type":"bad"}"#);
    assert_eq!((error.script.as_str(), error.line), ("app.lua", 3));
    assert_eq!(error.message, "attempt to index a nil value (local 't')");
    assert_eq!(bench.reply(r#"{"type":"good"}"#), r#""type":"ok""#);
}

#[test]
fn an_error_in_a_function_of_looplab_is_told_where_it_was_called() {
    for (call, says) in [
        ("ctx.call('c', { type = 'x' })", "no server is called `c`"),
        ("ctx.send('db', { type = 'x' })", "`db` is no node: it speaks redis"),
        (
            "ctx.send('alice', { type = 'x' })",
            "`alice` is a client: it can be answered, not sent to",
        ),
        ("ctx.call('b', { x = 1 })", "a message needs a `type`, such as { type = \"ping\" }"),
        (
            "ctx.call('b', { type = 'x', f = print })",
            "cannot be written: a function has no form in JSON",
        ),
        (
            "ctx.send('b', { type = 'x', f = print })",
            "cannot be written: a function has no form in JSON",
        ),
        ("ctx.cahe:get('x')", "no server is called `cahe`"),
        (
            "ctx.sleep('x')",
            "argument #1 of ctx.sleep must be a number of milliseconds, not a string",
        ),
        ("ctx.sleep(0/0)", "argument #1 of ctx.sleep must be a number of milliseconds, not NaN"),
        ("os.time()", "a nil value (global 'os'): a script has no `os`; the time is `ctx.now()`"),
        ("load('x')", "a nil value (global 'load'): a script loads nothing but modules"),
        ("ctx.spawn(1)", "argument #1 of ctx.spawn must be a function, not a number"),
        (
            "string.rep('x', 1e9)",
            "a string of 1000000000 bytes is more than the memory of a script, 64 MiB",
        ),
        ("json.encode({ f = print })", "a function has no form in JSON"),
        ("json.decode('{')", "not JSON"),
        ("math.random(2, 1)", "`random` finds nothing between 2 and 1"),
        ("require 'quorun'", "there is no module `quorun`; did you mean `quorum`?"),
        ("pairs({ [{}] = 1 })", "a table whose keys are a table has no order"),
        ("setmetatable({}, { __gc = print })", "`__gc` and `__mode` depend on"),
    ] {
        let error = bench(&format!("function on.go()\n\n  {call}\nend")).error(r#"{"type":"go"}"#);
        assert_eq!((error.script.as_str(), error.line), ("app.lua", 3), "{call}: {error}");
        assert!(error.message.contains(says), "{call}: {error}");
    }
}

#[test]
fn nothing_of_the_system_can_be_reached() {
    for name in [
        "os",
        "io",
        "debug",
        "package",
        "load",
        "loadfile",
        "dofile",
        "collectgarbage",
        "coroutine",
        "loadstring",
        "string.dump",
        "warn",
        "math.randomseed",
    ] {
        assert_eq!(eval(name), "nil", "{name}");
    }
    assert_eq!(eval("pcall(require, 'os')"), "false");
}

#[test]
fn tables_are_walked_in_the_order_of_their_keys() {
    let walk = "(function() local s = '' for k, v in pairs({ b = 1, a = 2, [10] = 3, [2] = 4, [1.5] = 5, [true] = 6, \
                [false] = 7, c = 8 }) do s = s .. tostring(k) .. '=' .. v .. ' ' end return s end)()";
    assert_eq!(eval(walk), "1.5=5 2=4 10=3 a=2 b=1 c=8 false=7 true=6 ");
    let removing = "(function() local t, s = { a = 1, b = 2, c = 3 }, '' for k in pairs(t) do s = s .. k t.b = nil end return s end)()";
    assert_eq!(eval(removing), "ac");
    assert_eq!(eval("next({ b = 1, a = 2 })"), "a");
    assert_eq!(eval("next({})"), "nil");
    assert_eq!(
        eval("tostring({}) .. tostring(print) .. string.format('%s', {})"),
        "tablefunctiontable"
    );
}

#[test]
fn patterns_do_what_those_of_lua_do() {
    // Each worked out by the manual's section 6.4.1.
    for (expression, value) in [
        ("('hello world'):find('o w')", "5"),
        ("('hello'):find('l+')", "3"),
        ("('hello'):match('^(h)(.)')", "h"),
        ("('key = value'):match('^(%w+)%s*=%s*(%w+)$')", "key"),
        ("select(2, ('key = value'):match('^(%w+)%s*=%s*(%w+)$'))", "value"),
        ("('  trim  '):match('^%s*(.-)%s*$')", "trim"),
        ("('a.b'):find('.', 1, true)", "2"),
        ("('f(a(b)c)d'):match('%b()')", "(a(b)c)"),
        ("('THE (quick) fox'):find('%f[%a]%a+%f[%A]')", "1"),
        ("('abab'):match('(ab)%1')", "ab"),
        ("('hello'):match('()ll()')", "3"),
        ("('x^2'):match('[%^x]+')", "x^"),
        ("('a]b'):match('[]]')", "]"),
        ("('a-b'):match('[a%-]+')", "a-"),
        ("('hello world'):gsub('o', '0')", "hell0 w0rld"),
        ("select(2, ('hello world'):gsub('o', '0'))", "2"),
        ("('abc'):gsub('%w', '%0%0')", "aabbcc"),
        ("('abc'):gsub('%w*', 'x')", "x"),
        ("('abc'):gsub('', '-')", "-a-b-c-"),
        ("('hello'):gsub('^h', 'H')", "Hello"),
        ("('$name is $age'):gsub('%$(%w+)', { name = 'Ann', age = 7 })", "Ann is 7"),
        ("('abc'):gsub('b', function(c) return nil end)", "abc"),
        ("('aaa'):gsub('a', 'b', 2)", "bba"),
        (
            "(function() local s = '' for w in ('one two'):gmatch('%a+') do s = s .. '<' .. w .. '>' end return s end)()",
            "<one><two>",
        ),
        (
            "(function() local s = '' for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') do s = s .. k .. v end return s end)()",
            "a1b2",
        ),
        (
            "(function() local n = 0 for _ in ('abc'):gmatch('') do n = n + 1 end return n end)()",
            "4",
        ),
        ("('hello'):find('l', -2)", "4"),
        ("('hello'):find('xyz')", "nil"),
        ("('hello'):find('', 10)", "nil"),
        ("('äö'):find('ö', 1, true)", "3"),
    ] {
        assert_eq!(eval(expression), value, "{expression}");
    }
    let slow = bench("function on.go() return ('a'):rep(200):match(('a*'):rep(30) .. 'b') end");
    let error = slow.error(r#"{"type":"go"}"#);
    assert!(error.message.contains("the pattern takes more than"), "{error}");
}

#[test]
fn tables_are_changed_as_lua_does_it() {
    for (expression, value) in [
        (
            "(function() local t = { 1, 2, 3 } table.insert(t, 2, 9) return table.concat(t, ',') end)()",
            "1,9,2,3",
        ),
        (
            "(function() local t = { 1, 2, 3 } return table.remove(t) .. table.remove(t, 1) .. #t end)()",
            "311",
        ),
        ("table.remove({})", "nil"),
        ("table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), ',')", "1,1,2,3"),
        ("table.concat(table.move({ 1, 2, 3 }, 2, 3, 1), ',')", "2,3,3"),
        ("table.concat({ 1, 2, 3 }, '-', 2, 3)", "2-3"),
        ("select('#', table.unpack({ 1, nil, 3 }, 1, 3))", "3"),
        ("pcall(table.insert, { 1 }, 5, 1)", "false"),
        ("select('#', nil, nil) .. select(-1, 1, 2)", "22"),
        ("select(2, pcall(select, 0))", "bad argument #1 to 'select' (index out of range)"),
        ("('aaa'):gsub('a', 'b', '2')", "bba"),
        ("setmetatable({}, { __metatable = 'x', __tostring = function() return 'hi' end })", "hi"),
        ("select(2, pcall(table.sort, { 3, 'a', 1 }))", "attempt to compare string with number"),
        (
            "select(2, pcall(string.format, '%--p', 'abc'))",
            "`%p` shows an address, which differs from run to run",
        ),
        (
            "(function() local u, n = ('ä'):rep(20000), 0 for i = 1, #u, 2 do n = n + utf8.codepoint(u, i) + u:byte(i, i) end return n end)()",
            "8460000",
        ),
        (
            "utf8.len('äöü') .. ' ' .. utf8.offset('äöü', 2) .. ' ' .. utf8.codepoint('ä')",
            "3 3 228",
        ),
        (
            "select(2, pcall(utf8.len, 'x', 9))",
            "bad argument #2 to 'len' (initial position out of bounds)",
        ),
        (
            "tonumber('ff', 16) .. ' ' .. tonumber('12') .. ' ' .. tostring(tonumber('x'))",
            "255 12 nil",
        ),
        (
            "select(2, pcall(tonumber, 'x', 99))",
            "bad argument #2 to 'tonumber' (base out of range)",
        ),
        ("('abc'):sub(2) .. ('abc'):sub(-2, 2.0) .. ('abc'):sub('1', 1)", "bcba"),
        (
            "select(2, pcall(string.sub, 'abc', {}))",
            "bad argument #2 to 'sub' (number expected, got table)",
        ),
        (
            "select(2, pcall(string.sub, 'abc', 1.5))",
            "bad argument #2 to 'sub' (number has no integer representation)",
        ),
        ("('aB'):upper() .. ('aB'):lower() .. ('aB'):reverse() .. string.upper(1)", "ABabBa1"),
        ("setmetatable({}, { __tostring = function() return 'mine' end })", "mine"),
        (
            "string.format('%s %5s %s', setmetatable({}, { __tostring = function() return 'mine' end }), true, nil)",
            "mine  true nil",
        ),
        (
            "select(2, pcall(tostring, setmetatable({}, { __tostring = function() return 1 end })))",
            "'__tostring' must return a string",
        ),
        ("math.floor(2.5) + math.max(1, 2)", "4"),
        ("7 // 2 .. ' ' .. 7 / 2", "3 3.5"),
    ] {
        assert_eq!(eval(expression), value, "{expression}");
    }
}

#[test]
fn json_goes_both_ways() {
    for (given, back) in [
        (
            r#"{"a":[1,2.5,"x",true,null,{"b":[]}],"c":{}}"#,
            r#"{"a":[1,2.5,"x",true,null,{"b":[]}],"c":{}}"#,
        ),
        (r#"{"gone":null}"#, "{}"),
        (r#"{"5":1,"":2,"inf":3,"type":4}"#, r#"{"type":4,"":2,"5":1,"inf":3}"#),
        ("[]", "[]"),
        ("9007199254740993", "9007199254740993"),
        ("1e3", "1000.0"),
        (r#""ä\n\u0000""#, r#""ä\n\u0000""#),
    ] {
        let text =
            "function on.go(msg) return { type = 'ok', v = json.encode(json.decode(msg.v)) } end";
        let body = serde_json::json!({ "type": "go", "v": given }).to_string();
        let reply = bench(text).reply(&body);
        let reply: serde_json::Value = serde_json::from_str(&format!("{{{reply}}}")).expect("JSON");
        assert_eq!(reply["v"], back, "{given}");
    }
    let backwards =
        "(function() local t = {} for i = 9, 1, -1 do t[i] = i end return json.encode(t) end)()";
    assert_eq!(eval(backwards), "[1,2,3,4,5,6,7,8,9]");
    for (table, says) in [
        ("{ 1, 2, x = 3 }", "positions and names"),
        ("{ [5] = 1 }", "a name in JSON is text, and this is 5"),
        ("{ ['5'] = 1, [5] = 2 }", "a name in JSON is text, and this is 5"),
        ("{ [math.huge] = 1 }", "a name in JSON is text, and this is a number"),
        ("{ [true] = 1 }", "a name in JSON is text, and this is a boolean"),
        ("{ ['\\xff'] = 1 }", "a name in JSON is text, and this is a text that is not UTF-8"),
        ("{ 0/0 }", "has no form in JSON"),
        ("(function() local t = {} t.t = t return t end)()", "a part of itself"),
        ("'\\xff'", "not UTF-8"),
    ] {
        let text =
            format!("function on.go() return {{ type = 'ok', v = json.encode({table}) }} end");
        let error = bench(&text).error(r#"{"type":"go"}"#);
        assert!(error.message.contains(says), "{table}: {error}");
    }
}

#[test]
fn what_is_durable_comes_back_in_another_machine() {
    let text = "ctx.durable.log = ctx.durable.log or {}
        function on.add(msg) table.insert(ctx.durable.log, msg.v) return { type = 'ok', n = #ctx.durable.log } end
        function on.sync() ctx.sync() return { type = 'ok' } end";
    let first = bench(text);
    assert_eq!(first.reply(r#"{"type":"add","v":"a"}"#), r#""type":"ok","n":1"#);
    assert_eq!(first.reply(r#"{"type":"add","v":{"x":[1,2]}}"#), r#""type":"ok","n":2"#);
    let kept = first.machine.durable().unwrap_or_else(|error| panic!("{error}"));
    let second = try_bench(text, Limits::default(), Some(&kept));
    let second = second.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(second.reply(r#"{"type":"add","v":"c"}"#), r#""type":"ok","n":3"#);
    let Step::Wait(_, Request::Sync { durable }) = second.message(r#"{"type":"sync"}"#) else {
        panic!("it does not wait")
    };
    assert_eq!(Ok(durable), second.machine.durable());
    let wrong = bench("ctx.durable.f = print");
    let error = wrong.machine.durable().err().map(|error| error.message);
    assert_eq!(error.as_deref(), Some("ctx.durable: a function cannot be kept"));
}

#[test]
fn tasks_timers_and_queues_are_asked_of_the_host() {
    let bench = bench(
        "local q = ctx.queue()
         function on.go()
           local timer = ctx.after(30, function() ctx.log('timer') end)
           timer:cancel()
           local task = ctx.spawn(function(a) q:put(a) return a, 2 end, 7)
           local v = q:take(100)
           local a, b = task:join()
           ctx.expose('v', { v, a, b })
           ctx.send('b', { type = 'note', v = v })
           return { type = 'ok', v = v }
         end",
    );
    let Step::Wait(handler, Request::Wait { waiter, timeout_ms }) =
        bench.message(r#"{"type":"go"}"#)
    else {
        panic!("it does not wait");
    };
    assert_eq!(timeout_ms, Some(100.0));
    assert_eq!(bench.notes.take(), ["arm 1 30", "disarm 1", "spawn 2"]);
    assert!(matches!(bench.machine.enter(Entry::Task(2)), Step::Done(Output::Nothing)));
    assert_eq!(bench.notes.take(), [format!("wake {waiter}")]);
    match bench.machine.resume(handler, Answer::Woken(true)) {
        Step::Done(Output::Reply(fields)) => assert_eq!(fields, br#""type":"ok","v":7"#),
        _ => panic!("it is not done"),
    }
    assert_eq!(bench.notes.take(), ["v = [7,7,2]", r#"send b "type":"note","v":7"#]);
    assert!(matches!(bench.machine.enter(Entry::Timer(1)), Step::Done(Output::Nothing)));
    assert!(bench.notes.take().is_empty());
}

#[test]
fn chance_is_that_of_the_host() {
    assert_eq!(eval("ctx.random()"), "0.5");
    assert_eq!(eval("math.random(10)"), "6");
    assert_eq!(eval("math.random(-3, 3)"), "0");
    assert_eq!(eval("ctx.now()"), "12.5");
}

#[test]
fn a_script_that_is_wrong_says_where_when_it_is_loaded() {
    assert_eq!(load_error("x = = 1"), "app.lua:1: unexpected symbol near '='");
    assert!(load_error("\n\nlocal x <const> = 1\nx = 2").starts_with("app.lua:4: "), "");
    assert_eq!(load_error("error('no')"), "app.lua:1: no");
    assert!(load_error("\nctx.sleep(1)").starts_with("app.lua:2: "));
    assert!(load_error("route('GET /', print)").contains("this is no http server"));
}

#[test]
fn a_message_without_a_handler_is_answered_and_names_those_there_are() {
    let bench = bench("function on.start() end function on.write() end");
    let reply = bench.reply(r#"{"type":"wrote"}"#);
    assert_eq!(
        reply,
        r#""type":"error","code":10,"text":"no handler for `wrote`: there are write""#
    );
}

#[test]
fn whoever_loses_the_table_of_handlers_is_told() {
    let lost = bench("on = nil");
    assert!(lost.reply(r#"{"type":"go"}"#).contains("no handler for `go`"));
    match lost.machine.enter(Entry::Start) {
        Step::Failed(error) => assert!(error.message.contains("must stay the table"), "{error}"),
        _ => panic!("it starts"),
    }
}

#[test]
fn scripts_may_require_each_other_and_the_library() {
    let scripts = [
        (
            "app.lua",
            "local add = require 'sums' function on.go() return { type = 'ok', v = add(1, 2) } end",
        ),
        ("sums.lua", "return function(a, b) return a + b end"),
    ];
    let scripts = scripts.map(|(name, text)| Script { name: name.into(), text: text.into() });
    let scripts = Arc::new(Scripts::new(scripts));
    let host: Arc<dyn Host> = Arc::new(Notes::default());
    let machine = Machine::new(
        &scripts,
        "app.lua",
        Facts::default(),
        Limits::default(),
        None,
        &Arc::downgrade(&host),
    );
    let machine = machine.unwrap_or_else(|error| panic!("{error}"));
    let step = machine.enter(Entry::Message {
        from: "a",
        kind: "go",
        body: br#"{"type":"go"}"#,
        asks: true,
    });
    assert!(matches!(step, Step::Done(Output::Reply(fields)) if fields == br#""type":"ok","v":3"#));
    assert_eq!(eval("require('quorum').majority(5)"), "3");
    assert_eq!(eval("#require('ring')({ 'a', 'b', 'c' }):nodes('x', 5)"), "3");
}
