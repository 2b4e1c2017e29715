//! Whatever the bytes, the language answers in bounded time, without a panic, and points into the file.

use looplab::plan::{Overrides, Plan};
use proptest::prelude::*;

const VALID: &str = include_str!("language/everything.yaml");

/// Pieces that the language is made of, for texts that are nearly right.
const PIECES: [&str; 48] = [
    "looplab: 1\n",
    "servers:\n",
    "clients:\n",
    "flows:\n",
    "checks:\n",
    "links:\n",
    "  ",
    "    ",
    "      ",
    "- ",
    "\n",
    "\n\n",
    "app: ",
    "{ type: http }",
    "{ type: redis }",
    "alice:\n",
    "steps:\n",
    "get: app/x",
    "redis: db SET k \"v\"",
    "after: alice.x",
    "name: x",
    "use: f",
    "repeat: 3\n",
    "${x}",
    "${",
    "$${",
    "}",
    "{",
    "[",
    "]",
    "&a ",
    "*a",
    "!tag ",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "# ü\n",
    ": ",
    ", ",
    "expect: { status: 200 }",
    "p95: { lt: 5ms }",
    "5ms",
    "ü",
    "日本",
    "\t",
    "---\n",
    "\u{feff}",
];

/// Reads, plans and renders; every place must lie inside the text.
fn survive(bytes: &[u8]) {
    let Err(refusal) = Plan::parse("x.yaml", bytes, None, Overrides::default()) else { return };
    assert!(!refusal.found.is_empty(), "refused without a reason");
    assert!(refusal.found.len() <= 101, "{} errors", refusal.found.len());
    let text = refusal.source.text();
    for diagnostic in &refusal.found {
        let places = [diagnostic.span, diagnostic.related.as_deref().map(|(span, _)| *span)];
        for span in places.into_iter().flatten() {
            let (start, end) = (span.start as usize, span.end as usize);
            assert!(text.get(start..end).is_some(), "{span:?} in {text:?}");
        }
    }
    let few = refusal.found.iter().take(3);
    few.for_each(|diagnostic| drop(diagnostic.render(&refusal.source, false)));
}

/// One change to a text, each number read modulo what there is.
#[derive(Debug, Clone)]
enum Edit {
    Remove(usize, usize),
    Repeat(usize, usize),
    Insert(usize, usize),
    SwapLines(usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<usize>();
    prop_oneof![
        (at, 1..40_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (at, 1..200_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        (at, 0..PIECES.len()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (at, at).prop_map(|(a, b)| Edit::SwapLines(a, b)),
    ]
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at % (text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn apply(text: &mut String, edit: &Edit) {
    match *edit {
        Edit::Remove(at, length) => {
            let start = floor(text, at);
            let end = floor(text, (start + length).min(text.len()));
            text.replace_range(start..end.max(start), "");
        }
        Edit::Repeat(at, length) => {
            let start = floor(text, at);
            let end = floor(text, (start + length).min(text.len())).max(start);
            let part = text[start..end].to_owned();
            text.insert_str(start, &part);
        }
        Edit::Insert(at, piece) => {
            let at = floor(text, at);
            text.insert_str(at, PIECES[piece]);
        }
        Edit::SwapLines(a, b) => {
            let mut lines: Vec<&str> = text.lines().collect();
            if !lines.is_empty() {
                let count = lines.len();
                lines.swap(a % count, b % count);
                *text = lines.join("\n");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn random_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        survive(&bytes);
    }

    #[test]
    fn texts_of_random_pieces_are_survived(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..80),
    ) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        survive(text.as_bytes());
        survive(format!("looplab: 1\n{text}").as_bytes());
    }

    #[test]
    fn changed_scenarios_are_survived(edits in proptest::collection::vec(edit(), 1..6)) {
        let mut text = VALID.to_owned();
        edits.iter().for_each(|edit| apply(&mut text, edit));
        survive(text.as_bytes());
    }
}

#[test]
fn every_beginning_of_a_scenario_is_survived() {
    for end in (0..VALID.len()).step_by(7) {
        survive(&VALID.as_bytes()[..end]);
    }
}
