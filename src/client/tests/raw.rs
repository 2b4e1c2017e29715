//! Raw connections.

use super::*;

fn client(steps: &str) -> String {
    format!("servers: {{ echo: {{ type: echo }} }}\nclients:\n  alice:\n    steps:\n{steps}")
}

fn echo() -> Server {
    Server::new(|mut stream, _| async move {
        let mut buffer = [0; 1024];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            if stream.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    })
}

/// Sends `text` in pieces of one byte, a millisecond apart, then ends.
fn dripping(text: &'static str) -> Server {
    Server::new(move |mut stream, clock| async move {
        for byte in text.bytes() {
            clock.sleep(MS).await;
            let _ = stream.write_all(&[byte]).await;
        }
        let _ = stream.shutdown().await;
        std::future::pending().await
    })
}

#[test]
fn what_is_sent_comes_back_and_is_received_by_count_line_and_end() {
    let steps = "
      - connect: echo
      - send: \"hello\\nwo\"
      - { send: { hex: 726c 64ff } }
      - { receive: line, expect: { text: \"hello\\n\", bytes: 6, hex: 68656c6c6f0a } }
      - { receive: { bytes: 3 }, expect: { text: wor } }
      - close: write
      - { receive: end, expect: { hex: 6c64ff, body: \"ld\\uFFFD\" } }
      - close: true";
    let ran = run(&client(steps), [("echo", echo())]);
    ran.went_well();
    let told = [
        "connect echo",
        "send 8 bytes",
        "send 4 bytes",
        "receive line",
        "receive 3 bytes",
        "close write",
        "receive to the end",
        "close",
    ];
    assert_eq!(ran.told(), told.map(|line| format!("alice: {line}")));
}

#[test]
fn a_delimiter_is_found_wherever_it_is_split() {
    let steps = "
      - connect: echo
      - { receive: { until: \"\\r\\n\\r\\n\" }, expect: { text: \"a\\r\\nb\\r\\n\\r\\n\", took: 8ms } }
      - { receive: some, expect: { text: c } }
      - { receive: { until: x }, expect: { error: closed, text: d } }
      - { receive: some, expect: { error: closed, bytes: 0 } }";
    run(&client(steps), [("echo", dripping("a\r\nb\r\n\r\ncd"))]).went_well();
}

#[test]
fn a_receive_that_times_out_shows_what_came_and_takes_nothing() {
    let steps = "
      - connect: echo
      - { receive: { bytes: 4 }, timeout: 2500us, expect: { error: timeout, text: ab, took: 2500us } }
      - { receive: { bytes: 4 }, expect: { text: abcd } }";
    run(&client(steps), [("echo", dripping("abcdef"))]).went_well();
}

#[test]
fn connections_have_names_and_a_second_one_of_a_name_replaces_the_first() {
    let steps = "
      - connect: echo
      - { connect: echo, as: second }
      - { send: a }
      - { send: b, on: second }
      - { receive: { bytes: 1 }, on: second, expect: { text: b } }
      - connect: echo
      - { receive: some, timeout: 5ms, expect: { error: timeout } }
      - { close: reset, on: second }
      - { receive: some, on: second }";
    let ran = run(&client(steps), [("echo", echo())]);
    let why = "no connection called `second` is open here (a step `connect: SERVER` opens one)";
    let failures = ran.failures();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].ends_with(why), "{failures:?}");
    let told = ran.told();
    assert_eq!(told[1], "alice: connect echo as second");
    assert_eq!(told[7], "alice: close reset on second");
}

#[test]
fn a_reset_and_a_refusal_are_errors_of_the_step_that_meets_them() {
    let steps = "
      - connect: echo
      - { send: x, op: { f: send } }
      - { receive: some, expect: { error: reset } }
      - { send: y, expect: { error: reset } }
      - close: true
      - { connect: echo, as: again }";
    let server = Server::chunks(|_, _| Answer::Reset);
    let ran = run(&client(steps), [("echo", server)]);
    ran.went_well();
    let ran = run(&client("      - { connect: echo, expect: { error: refused } }"), []);
    ran.went_well();
}

#[test]
fn nothing_can_be_sent_after_the_sending_half_is_closed() {
    let steps = "
      - connect: echo
      - close: write
      - { send: x, expect: { error: closed } }";
    run(&client(steps), [("echo", echo())]).went_well();
}

#[test]
fn one_branch_may_receive_while_another_one_sends() {
    let steps = "
      - connect: echo
      - parallel:
          - [{ receive: { bytes: 2 }, expect: { text: hi, took: 5ms } }]
          - [{ wait: 5ms }, { send: hi }]
      - parallel:
          - [{ receive: some, timeout: 5ms, expect: { error: timeout } }]
          - [{ receive: some }]";
    let ran = run(&client(steps), [("echo", echo())]);
    let failures = ran.failures();
    assert_eq!(failures.len(), 1);
    assert!(failures[0].ends_with("another step is receiving on this connection"));
}

#[test]
fn more_than_fits_is_sent_as_the_other_side_reads() {
    let steps = "
      - connect: echo
      - { send: { json: \"${big}\" }, timeout: 20ms, expect: { error: timeout } }";
    let yaml = format!("vars: {{ big: {} }}\n{}", "x".repeat(600_000), client(steps));
    let never = Server::new(|stream, _| async move {
        std::future::pending::<()>().await;
        drop(stream);
    });
    run(&yaml, [("echo", never)]).went_well();
    let steps = "
      - connect: echo
      - parallel:
          - [{ send: { json: \"${big}\" } }]
          - [{ receive: { bytes: 600002 }, expect: { bytes: 600002 } }]";
    let yaml = format!("vars: {{ big: {} }}\n{}", "x".repeat(600_000), client(steps));
    run(&yaml, [("echo", echo())]).went_well();
}
