//! Redis commands.

use super::*;

fn client(steps: &str) -> String {
    format!("servers: {{ cache: {{ type: redis }} }}\nclients:\n  alice:\n    steps:\n{steps}")
}

/// Answers each command, which comes in one piece, with what `replies` has for its first word.
fn scripted(replies: &'static [(&'static str, &'static str)]) -> Server {
    Server::chunks(move |_, command| {
        let word = command.split("\r\n").nth(2).unwrap_or_default();
        let reply = replies.iter().find(|(name, _)| *name == word);
        match reply {
            Some((_, reply)) => Answer::Send((*reply).to_owned()),
            None => Answer::Close,
        }
    })
}

#[test]
fn replies_are_json_values() {
    let server = scripted(&[
        ("SET", "+OK\r\n"),
        ("GET", "$5\r\nhello\r\n"),
        ("INCR", ":7\r\n"),
        ("NIL", "$-1\r\n"),
        ("LRANGE", "*3\r\n$1\r\na\r\n:2\r\n*1\r\n$-1\r\n"),
        ("HGETALL", "%2\r\n+a\r\n:1\r\n+b\r\n#t\r\n"),
        ("BYTES", "$3\r\na\x00b\r\n"),
    ]);
    let steps = "
      - { redis: 'cache SET item:42 \"two words\"', expect: { reply: OK, error: { exists: false } } }
      - { redis: cache GET x, expect: { reply: hello }, capture: { x: reply } }
      - { redis: cache INCR n, expect: { reply: 7, $: 7 } }
      - { redis: cache NIL, expect: { reply: null } }
      - { redis: cache LRANGE l 0 -1, expect: { reply: [a, 2, [null]], \"$[2][0]\": null } }
      - { redis: cache HGETALL h, expect: { $.a: 1, $.b: true } }
      - { redis: cache BYTES, expect: { reply: \"a\\0b\" } }
      - { redis: 'cache SET ${x} 1' }";
    let ran = run(&client(steps), [("cache", server)]);
    ran.went_well();
    let told = ran.told();
    assert_eq!(told[0], "alice: redis cache SET item:42 \"two words\"");
    assert_eq!(told[7], "alice: redis cache SET hello 1");
}

#[test]
fn an_error_reply_is_an_error_with_its_text_and_the_operation_failed() {
    let server = scripted(&[("INCR", "-WRONGTYPE Operation against\r\n"), ("GET", "+x\r\n")]);
    let steps = "
      - redis: cache INCR list
        op: { f: incr }
        expect: { error: { starts_with: WRONGTYPE }, reply: { exists: false } }
      - redis: cache GET x
      - redis: cache INCR list";
    let ran = run(&client(steps), [("cache", server)]);
    assert_eq!(ran.ops(), ["incr=null invoke", "incr=null fail"]);
    assert_eq!(ran.failures(), ["cache: the server answered WRONGTYPE Operation against"]);
    let errors: Vec<_> = ran.steps().map(|(_, step)| step.error.as_deref()).collect();
    let text = Some("WRONGTYPE Operation against");
    assert_eq!(errors, [text, None, text]);
}

#[test]
fn a_command_that_was_sent_is_never_sent_again() {
    let count = Arc::new(Mutex::new(0));
    let counter = count.clone();
    let server = Server::chunks(move |number, _| {
        *counter.lock().unwrap() += 1;
        if number == 2 { Answer::Close } else { Answer::Send("+OK\r\n".into()) }
    });
    let steps = "
      - redis: cache SET a 1
      - { redis: cache SET a 2, op: { f: set }, expect: { error: closed } }
      - redis: cache SET a 3";
    let ran = run(&client(steps), [("cache", server)]);
    ran.went_well();
    assert_eq!(*count.lock().unwrap(), 3);
    assert_eq!(ran.ops()[1], "set=null unknown");
}

#[test]
fn a_reply_that_comes_too_late_is_not_taken_for_the_next_one() {
    let server = Server::chunks(|number, _| match number {
        1 => Answer::Later(20 * MS, "+late\r\n".into()),
        _ => Answer::Send("+fresh\r\n".into()),
    });
    let steps = "
      - { redis: cache GET a, timeout: 10ms, expect: { error: timeout, took: 10ms } }
      - { wait: 20ms }
      - { redis: cache GET b, expect: { reply: fresh } }";
    run(&client(steps), [("cache", server)]).went_well();
}

#[test]
fn bytes_that_are_not_resp_are_malformed() {
    let server = scripted(&[("GET", "what?\r\n")]);
    let steps = "      - { redis: cache GET a, expect: { error: malformed } }";
    run(&client(steps), [("cache", server)]).went_well();
}

#[test]
fn a_connection_with_a_stray_reply_is_not_used_again() {
    let server = Server::chunks(|number, _| match number {
        1 => Answer::Send("+one\r\n+stray\r\n".into()),
        _ => Answer::Send("+two\r\n".into()),
    });
    let steps = "
      - { redis: cache A, expect: { reply: one } }
      - { redis: cache B, expect: { reply: two } }";
    run(&client(steps), [("cache", server)]).went_well();
}

#[test]
fn messages_to_subscribers_are_passed_over() {
    let server = scripted(&[
        (
            "SUBSCRIBE",
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n\
             *3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n",
        ),
        ("PING", "*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$2\r\nho\r\n>1\r\n+x\r\n+PONG\r\n"),
    ]);
    let steps = "
      - { redis: cache SUBSCRIBE a b, expect: { \"$[0][1]\": a, \"$[1][2]\": 2 } }
      - { redis: cache PING, expect: { reply: PONG } }";
    run(&client(steps), [("cache", server)]).went_well();
}
