//! The programs that people have at hand, against `looplab up`: curl, redis-cli, redis-benchmark and
//! redis-py. Where one of them is missing its tests say so and pass; the gate installs them, and there
//! a missing one is a failure.
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong with the tools fails the test, as it should"
)]

#[path = "common/tools.rs"]
#[allow(unreachable_pub, reason = "each test binary uses a part of it")]
mod tools;
#[path = "common/up.rs"]
#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod up;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Output, Stdio};

use tools::{answers, have};
use up::Up;

const SERVERS: &str = r#"looplab: 1
name: at-hand
servers:
  web:
    type: http
    routes:
      - { on: GET /hello, respond: { json: { msg: hi } } }
      - { on: "* /items", collection: items }
  store: { type: redis, data: { "item:42": 10 } }
  safe: { type: redis, password: sesame }
"#;

const SCRIPTED: &str = r#"looplab: 1
name: in-lua
servers:
  db: { type: redis, data: { "item:42": 10 } }
  cache: { type: redis, script: cache.lua }
  app: { type: http, script: app.lua, routes: [ { on: GET /hello, respond: { json: { msg: hi } } } ] }
scripts:
  app.lua: |
    route("GET /items/{id}", function(req)
      local price, how = ctx.cache:get(req.params.id), "hit"
      if not price then
        price, how = ctx.db:get("item:" .. req.params.id), "miss"
        if not price then return 404, { error = "no such item" } end
        ctx.cache:set(req.params.id, price)
      end
      return { json = { price = tonumber(price) }, headers = { ["X-Cache"] = how } }
    end)
    route("POST /echo", function(req) return { json = { got = req.json, by = req.method } } end)
    route("GET /slow", function() ctx.sleep(20) return "done" end)
    route("GET /wrong", function() return nothing.here end)
  cache.lua: |
    command("CAS", function(key, from, to)
      if redis.call("GET", key) ~= from then return 0 end
      redis.call("SET", key, to)
      return 1
    end)
    command("TWO", function() return { 1, "two", redis.status("OK") } end)
    command("WRONG", function() return nothing.here end)
    command("SLOW", function() ctx.sleep(20) return redis.status("DONE") end)
"#;

#[test]
fn curl_and_redis_cli_speak_with_servers_in_lua() {
    if !have("curl") || !have("redis-cli") {
        return;
    }
    let up = Up::new(SCRIPTED, "");
    let app = format!("http://127.0.0.1:{}", up.port("app"));
    let missed = curl(&["-i", &format!("{app}/items/42")]);
    assert!(
        missed.contains("\r\nX-Cache: miss\r\n") && missed.ends_with(r#"{"price":10}"#),
        "{missed}"
    );
    let hit = curl(&["-i", &format!("{app}/items/42")]);
    assert!(hit.contains("\r\nX-Cache: hit\r\n") && hit.ends_with(r#"{"price":10}"#), "{hit}");
    let head = curl(&["-I", &format!("{app}/items/42")]);
    assert!(head.contains("\r\nContent-Length: 12\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(
        curl(&["-d", r#"{"a":[1,{}]}"#, &format!("{app}/echo")]),
        r#"{"by":"POST","got":{"a":[1,{}]}}"#
    );
    let both = [format!("{app}/slow"), format!("{app}/hello")];
    assert_eq!(curl(&[&both[0], &both[1]]), r#"done{"msg":"hi"}"#);
    let wrong = curl(&["-w", " %{http_code}", &format!("{app}/wrong")]);
    assert_eq!(
        wrong,
        r#"{"error":"app.lua:12: attempt to index a nil value (global 'nothing')"} 500"#
    );

    let cache = up.port("cache").to_string();
    let cli =
        |args: &[&str], input: &str| said("redis-cli", &[&["-p", &cache], args].concat(), input);
    assert_eq!(cli(&["GET", "42"], ""), "10\n");
    assert_eq!(cli(&["CAS", "42", "10", "9"], ""), "1\n");
    assert_eq!(cli(&["cas", "42", "10", "9"], ""), "0\n");
    assert_eq!(cli(&["TWO"], ""), "1\ntwo\nOK\n");
    assert_eq!(cli(&["SLOW"], ""), "DONE\n");
    assert_eq!(
        cli(&["CAS", "a", "b", "c", "d"], ""),
        "ERR wrong number of arguments for 'cas' command\n\n"
    );
    assert_eq!(
        cli(&["WRONG"], ""),
        "ERR cache.lua:7: attempt to index a nil value (global 'nothing')\n\n"
    );
    assert_eq!(cli(&[], "MULTI\nCAS 42 9 8\nGET 42\nEXEC\n"), "OK\nQUEUED\nQUEUED\n1\n8\n");
    let stopped = up.stop();
    assert!(stopped.ran.out.contains("cache.lua:7:"), "{}", stopped.ran.out);
}

/// Runs a program to its end, with a text for its standard input.
fn ran(tool: &str, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(tool)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that does not read its input is no failure.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// What a program says, if it is content.
#[track_caller]
fn said(tool: &str, args: &[&str], input: &str) -> String {
    let output = ran(tool, args, input);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), output.stderr);
    assert!(output.status.success(), "{tool} {args:?}\n{out}{}", String::from_utf8_lossy(&err));
    out
}

/// What curl prints of an exchange, head included where `-i` is among `args`.
#[track_caller]
fn curl(args: &[&str]) -> String {
    said("curl", &[&["-sS", "--max-time", "60", "--noproxy", "*"], args].concat(), "")
}

#[test]
fn curl_gets_posts_and_asks_for_heads() {
    if !have("curl") {
        return;
    }
    let up = Up::new(SERVERS, "");
    let web = format!("http://127.0.0.1:{}", up.port("web"));
    assert_eq!(curl(&[&format!("{web}/hello")]), r#"{"msg":"hi"}"#);
    let json = ["-H", "content-type: application/json", "-d", r#"{"qty":9}"#];
    let posted = curl(&[&json[..], &["-i", &format!("{web}/items")]].concat());
    assert!(posted.starts_with("HTTP/1.1 201 Created\r\n"), "{posted}");
    assert!(posted.contains("\r\nLocation: /items/1\r\n"), "{posted}");
    assert!(posted.ends_with(r#"{"id":1,"qty":9}"#), "{posted}");
    let head = curl(&["-I", &format!("{web}/hello")]);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 12\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    let lost = curl(&["-w", "%{http_code}", "-o", "/dev/null", &format!("{web}/nowhere")]);
    assert_eq!(lost, "404");
    let old = curl(&["--http1.0", "-i", &format!("{web}/hello")]);
    assert!(old.ends_with(r#"{"msg":"hi"}"#), "{old}");
    let asked: Vec<String> = up.stop().messages("web");
    let asked: Vec<&str> = asked.iter().step_by(2).map(|m| first_words(m)).collect();
    let expected = ["GET /hello", "POST /items", "HEAD /hello", "GET /nowhere", "GET /hello"];
    assert_eq!(asked, expected);
}

/// The method and the target of a request's summary.
fn first_words(summary: &str) -> &str {
    summary.match_indices(' ').nth(1).map_or(summary, |(end, _)| &summary[..end])
}

#[test]
fn curl_sends_chunks_and_keeps_its_connection() {
    if !have("curl") {
        return;
    }
    let up = Up::new(SERVERS, "");
    let web = format!("http://127.0.0.1:{}", up.port("web"));
    let big = format!("{{\"text\":\"{}\"}}", "x".repeat(200_000));
    let args = [
        "-sS",
        "--noproxy",
        "*",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-T",
        "-",
        "-X",
        "POST",
        "-H",
        "transfer-encoding: chunked",
        "-H",
        "content-type: application/json",
        &format!("{web}/items"),
    ];
    assert_eq!(said("curl", &args, &big), "201");
    let stored = curl(&[&format!("{web}/items/1")]);
    assert!(stored.contains(&"x".repeat(200_000)), "{} bytes came back", stored.len());
    let urls = [format!("{web}/hello"), format!("{web}/items/1")];
    let format = "%{num_connects} ";
    let connects = curl(&["-w", format, "-o", "/dev/null", &urls[0], "-o", "/dev/null", &urls[1]]);
    assert_eq!(connects, "1 0 ", "the second request takes the connection of the first");
    up.stop();
}

#[test]
fn a_browsers_request_is_answered_and_is_in_the_trace() {
    let up = Up::new(SERVERS, "");
    let mut stream = up.connect("web");
    let request = format!(
        "GET /hello HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: keep-alive\r\n\
         Cache-Control: max-age=0\r\nsec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\n\
         sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n\
         User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
         Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n\
         Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n\
         Sec-Fetch-Dest: document\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
         Accept-Language: en-GB,en;q=0.9,ne;q=0.8\r\nCookie: {}\r\nIf-None-Match: \"0\"\r\n\
         Connection: close\r\n\r\n",
        up.port("web"),
        "session=0123456789abcdef; ".repeat(100),
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with(r#"{"msg":"hi"}"#));
    let stopped = up.stop();
    assert!(stopped.ran.out.contains("outside"), "{}", stopped.ran.out);
    let messages = stopped.messages("web");
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].starts_with("GET /hello") && messages[1].starts_with("200 OK"));
}

#[test]
fn redis_cli_works_by_argument_by_pipe_and_with_its_options() {
    if !have("redis-cli") {
        return;
    }
    let up = Up::new(SERVERS, "");
    let (store, safe) = (up.port("store").to_string(), up.port("safe").to_string());
    let cli = |args: &[&str], input: &str| {
        said("redis-cli", &[&["-h", "127.0.0.1", "-p", &store], args].concat(), input)
    };
    assert_eq!(cli(&["PING"], ""), "PONG\n");
    assert_eq!(cli(&["SET", "k", "hello world"], ""), "OK\n");
    assert_eq!(cli(&["-3", "HSET", "h", "a", "1"], ""), "1\n");
    assert_eq!(cli(&["-3", "--json", "HGETALL", "h"], ""), "{\"a\":\"1\"}\n");
    assert_eq!(cli(&["-n", "3", "SET", "elsewhere", "1"], ""), "OK\n");
    assert_eq!(cli(&["EXISTS", "elsewhere"], ""), "0\n");
    assert_eq!(cli(&["-n", "3", "DBSIZE"], ""), "1\n");
    assert_eq!(cli(&["-x", "SET", "piped"], "from a pipe"), "OK\n");
    assert_eq!(cli(&["GET", "piped"], ""), "from a pipe\n");
    assert_eq!(cli(&[], "INCR n\nINCR n\nGET k\n"), "1\n2\nhello world\n");
    let queued = "MULTI\nINCR n\nAPPEND k !\nEXEC\n";
    assert_eq!(cli(&[], queued), "OK\nQUEUED\nQUEUED\n3\n12\n");
    cli(&[], &(0..500).map(|n| format!("SET scanned:{n} {n}\n")).collect::<String>());
    let scanned = cli(&["--scan", "--pattern", "scanned:*"], "");
    assert_eq!(scanned.lines().collect::<std::collections::BTreeSet<_>>().len(), 500);
    let pipe: String = (0..100).map(|n| format!("*2\r\n$4\r\nINCR\r\n$2\r\n{n:02}\r\n")).collect();
    assert!(cli(&["--pipe"], &pipe).contains("errors: 0, replies: 100"));
    assert!(cli(&["NONSENSE"], "").starts_with("ERR unknown command 'NONSENSE'"));

    let kept_out = said("redis-cli", &["-p", &safe, "GET", "k"], "");
    assert_eq!(kept_out, "NOAUTH Authentication required.\n\n");
    let args = ["-p", &safe, "-a", "sesame", "--no-auth-warning", "PING"];
    assert_eq!(said("redis-cli", &args, ""), "PONG\n");

    let messages = up.stop().messages("store");
    let at = messages.iter().position(|m| m == "SET k \"hello world\"").expect("it was recorded");
    assert_eq!(messages[at + 1], "+OK");
    assert!(messages.iter().any(|m| m == "APPEND k !"), "pipes are recorded as well");
}

#[test]
fn redis_cli_talks_to_it_in_both_versions_and_surveys_its_keys() {
    if !have("redis-cli") {
        return;
    }
    let up = Up::new(SERVERS, "");
    let store = up.port("store").to_string();
    for version in ["-2", "-3"] {
        // From a pipe it also asks for COMMAND DOCS, as at a terminal.
        let input =
            "GET item:42\nHSET h f v\nHGETALL h\nZADD z 1.5 m\nZSCORE z m\nNOTHING\nDEL h z\n";
        let said = said("redis-cli", &["-p", &store, version], input);
        let expected =
            "10\n1\nf\nv\n1\n1.5\nERR unknown command 'NOTHING', with args beginning with: \n\n2\n";
        // As a map it is written on one line.
        assert_eq!(said.replace("f v\n", "f\nv\n"), expected, "{version}");
    }
    let survey = said("redis-cli", &["-p", &store, "--bigkeys"], "");
    assert!(survey.contains("1 strings with"), "{survey}");
    up.stop();
}

#[test]
fn redis_cli_hears_what_another_publishes() {
    if !have("redis-cli") {
        return;
    }
    let up = Up::new(SERVERS, "");
    let store = up.port("store").to_string();
    let mut subscriber = Command::new("redis-cli")
        .args(["-p", &store, "SUBSCRIBE", "news"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(subscriber.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.by_ref().take(3).collect::<Vec<_>>(), ["subscribe", "news", "1"]);
    let told = said("redis-cli", &["-p", &store, "PUBLISH", "news", "it rains"], "");
    assert_eq!(told, "1\n");
    assert_eq!(lines.by_ref().take(3).collect::<Vec<_>>(), ["message", "news", "it rains"]);
    subscriber.kill().unwrap();
    subscriber.wait().unwrap();
    up.stop();
}

#[test]
fn redis_benchmark_ends_well() {
    if !have("redis-benchmark") {
        return;
    }
    let up = Up::new(SERVERS, "--quiet");
    let port = up.port("store").to_string();
    let tests = "set,get,incr,lpush,sadd,hset";
    let args = ["-h", "127.0.0.1", "-p", &port, "-c", "32", "-n", "20000", "-t", tests, "-q"];
    let out = said("redis-benchmark", &args, "");
    assert_eq!(out.matches("requests per second").count(), 6, "{out}");
    let (sets, pops) = (said("redis-cli", &["-p", &port, "LLEN", "mylist"], ""), "20000\n");
    assert_eq!(sets, pops);
    let messages = up.stop().messages("store");
    let sets = messages.iter().filter(|message| message.starts_with("SET key:")).count();
    assert_eq!(sets, 20_000, "every one of them is in the trace");
}

#[test]
fn redis_benchmark_may_send_several_at_once() {
    if !have("redis-benchmark") {
        return;
    }
    let up = Up::new(SERVERS, "--quiet");
    let port = up.port("store").to_string();
    let tests = "set,get,lrange_100,mset,zadd,spop";
    let args = ["-p", &port, "-c", "32", "-n", "3200", "-P", "4", "-t", tests, "-q"];
    let out = said("redis-benchmark", &args, "");
    for name in ["SET", "GET", "LRANGE_100", "MSET (10 keys)", "ZADD", "SPOP"] {
        assert!(out.contains(name), "{name}: {out}");
    }
    assert!(out.matches(" requests per second").count() >= 6 && !out.contains("Error"), "{out}");
    up.stop();
}

#[test]
fn redis_py_works_in_both_protocols() {
    if !answers("redis-py", Command::new("python3").args(["-c", "import redis"])) {
        return;
    }
    let up = Up::new(SERVERS, "--quiet");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/redis_py.py");
    let out = said("python3", &[script, "127.0.0.1", &up.port("store").to_string()], "");
    assert_eq!(out, "ok\n");
    let messages = up.stop().messages("store");
    assert!(messages.iter().any(|message| message == "WATCH t"), "{}", messages.len());
}
