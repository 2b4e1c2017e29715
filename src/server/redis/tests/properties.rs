//! Whatever is said, there is an answer.

use proptest::prelude::*;

use super::Lab;
use crate::protocol::resp::Frame;
use crate::server::redis::command::INDEX;

/// A command with words drawn from what commands look at.
fn any_command() -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "a",
            "b",
            "0",
            "1",
            "-1",
            "2",
            "10",
            "1.5",
            "inf",
            "-inf",
            "nan",
            "",
            "*",
            "(1",
            "[a",
            "-",
            "+",
            "NX",
            "XX",
            "GT",
            "LT",
            "CH",
            "INCR",
            "GET",
            "EX",
            "PX",
            "KEEPTTL",
            "LIMIT",
            "BYSCORE",
            "BYLEX",
            "REV",
            "WITHSCORES",
            "COUNT",
            "MATCH",
            "TYPE",
            "LEFT",
            "RIGHT",
            "BEFORE",
            "WEIGHTS",
            "AGGREGATE",
            "DB",
            "REPLACE",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "1e308",
            "ID",
            "HELP",
            "INFO",
        ])
        .prop_map(str::to_owned),
        "[a-c]{1,2}".prop_map(|text| text),
    ];
    let names: Vec<String> = INDEX
        .iter()
        .flat_map(|listed| {
            let own = listed.command.name.to_owned();
            let parts = listed.command.subcommands().iter().map(|sub| sub.name.replace('|', " "));
            std::iter::once(own).chain(parts)
        })
        .collect();
    (prop::sample::select(names), prop::collection::vec(word, 0..7))
        .prop_map(|(name, words)| name.split(' ').map(str::to_owned).chain(words).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_command_is_answered_by_whole_frames(
        commands in prop::collection::vec(any_command(), 1..60),
    ) {
        let mut lab = Lab::new();
        for words in commands {
            let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            let name = words[0].clone();
            let (wire, next) = lab.say("a", &quoted.join(" "));
            // `frames` fails on anything but whole frames.
            let replies = super::frames(&wire);
            let is_blocked = next == crate::server::redis::Next::Block;
            prop_assert_eq!(replies.is_empty(), is_blocked, "{:?}", words);
            if !name.contains("subscribe") {
                prop_assert!(replies.len() <= 1, "{:?} {:?}", words, replies);
            }
            if is_blocked || next == crate::server::redis::Next::Close {
                lab = Lab::new();
            }
        }
        lab.say("b", "FLUSHALL");
        let Frame::Integer(_) = lab.ask(&["EXISTS", "a"]) else { return Ok(()) };
        prop_assert_eq!(lab.engine.bytes(), 0, "what is counted is what is there");
    }
}
