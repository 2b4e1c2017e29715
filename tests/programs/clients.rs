//! Programs as clients: what they come to is what the client comes to.

use crate::lab::{Lab, have};

#[test]
fn the_exit_code_is_the_result_and_others_wait_for_it() {
    let lab = Lab::new(
        r#"vars: { name: world }
clients:
  suite:
    type: process
    vars: { greeting: hello }
    command: [sh, -c, "echo \"$1 $NAME $LOOPLAB\"; echo note >&2", x, "${greeting}"]
    env: { NAME: "${name}" }
    expect: { stdout: "hello world 1\n", stderr: { contains: note }, took: { lt: 20s } }
  after:
    after: suite
    steps: [{ log: "it is done" }]
"#,
    );
    let ran = lab.run("").exits(0);
    let texts: Vec<_> = ran.kind("log").iter().map(|log| log["text"].as_str().unwrap()).collect();
    assert_eq!(texts.last(), Some(&"it is done"));
    let levels: Vec<_> =
        ran.kind("log").iter().map(|log| (log["level"].clone(), log["text"].clone())).collect();
    assert!(levels.contains(&("info".into(), "hello world 1".into())), "{levels:?}");
    assert!(levels.contains(&("warn".into(), "note".into())), "{levels:?}");
}

#[test]
fn a_program_that_fails_fails_its_client_with_its_last_lines() {
    let lab = Lab::new(
        "clients:\n  suite:\n    type: process\n    \
         command: \"echo 3 tests; echo 'FAILED: test_b'; exit 2\"\n  \
         after: { after: suite, steps: [{ log: never }] }\n",
    );
    let ran = lab.run("").exits(1);
    for said in ["it ended with exit code 2", "3 tests / FAILED: test_b"] {
        assert!(ran.out.contains(said), "{}", ran.out);
    }
    let step = ran.kind("step")[0];
    assert_eq!((&step["error"], &step["outcome"]), (&"exit".into(), &"failed".into()));
    assert!(ran.lines("after").is_empty());
}

#[test]
fn whoever_expects_another_end_gets_it() {
    let lab = Lab::new(
        r#"clients:
  three: { type: process, command: "exit 3", expect: { exit: 3 } }
  killed: { type: process, command: "kill -KILL $$", expect: { signal: SIGKILL } }
  missing: { type: process, command: [no-such-program], expect: { error: start } }
  slow: { type: process, command: "echo begun; sleep 1000", timeout: 300ms, expect: { error: timeout, stdout: "begun\n" } }
  json: { type: process, command: "echo '{\"a\":[1,2]}'", expect: { "$.a[1]": 2 } }
  three_wrong: { type: process, command: "exit 3", expect: { exit: 4 } }
"#,
    );
    let ran = lab.run("").exits(1);
    let failed: Vec<_> = ran
        .kind("step")
        .iter()
        .filter(|step| step["outcome"] == "failed")
        .map(|step| step["client"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["three_wrong"], "{}", ran.out);
}

#[test]
fn a_program_that_takes_too_long_is_gone_with_all_that_it_started() {
    let mark = "1000.0711";
    let lab = Lab::new(&format!(
        "clients:\n  slow: {{ type: process, command: \"trap '' TERM; setsid sleep {mark} & sleep {mark}\", timeout: 200ms }}\n",
    ));
    let ran = lab.run("").exits(1);
    assert!(ran.out.contains("it still ran after 200ms"), "{}", ran.out);
    assert_eq!(crate::lab::processes_with(mark), [0; 0]);
}

#[test]
fn instances_are_told_apart_and_each_reaches_servers_by_a_door_of_its_own() {
    if !have("redis-cli") {
        return;
    }
    let ran = Lab::new(
        r#"servers: { db: { type: redis } }
clients:
  user:
    count: 3
    type: process
    command: "redis-cli -h ${db.host} -p ${db.port} SET ${client} ${index}"
checks:
  - calls: { from: user, to: db, match: "SET user.*", count: 3 }
"#,
    )
    .run("")
    .exits(0);
    for index in 1..=3 {
        let name = format!("user.{index}");
        assert_eq!(ran.messages(&name, "db"), [format!("SET {name} {index}")]);
    }
}
