//! What the text of a fault tells to those who look at a trace without its plan.
//!
//! The text is the fault as the scenario says it, in the flow style of YAML, on one line:
//!
//! ```text
//! { name: lost-del, drop: request, from: app, to: [cache, db], match: "DEL *" }
//!   keys: name drop from to match     values: lost-del request app cache db "DEL *"
//! ```
//!
//! Whatever else it is, it is looked at without complaint: then it has no words, and counts messages.

use super::event::FaultEvent;

/// Harms on nodes.
const ON_NODES: [&str; 5] = ["crash", "pause", "slow", "skew", "disk_full"];

/// Harms on connections as such, unless a choice among messages is there. What harms the bytes of a
/// connection counts the messages that these are.
const ON_CONNECTIONS: [&str; 5] = ["slow_close", "reset", "refuse", "slow_connect", "half_close"];

/// Choices among messages.
const AMONG_MESSAGES: [&str; 4] = ["match", "method", "path", "status"];

/// What a fault touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultUnit {
    /// Each message is touched or not.
    Message,
    /// Each connection is.
    Connection,
    /// Nodes are.
    Node,
}

impl FaultUnit {
    /// One of it, and many.
    #[must_use]
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            FaultUnit::Message => ("message", "messages"),
            FaultUnit::Connection => ("connection", "connections"),
            FaultUnit::Node => ("node", "nodes"),
        }
    }
}

impl FaultEvent {
    /// What its `touched` counts.
    ///
    /// ```
    /// # use looplab::trace::{FaultEvent, FaultPhase, FaultUnit};
    /// # let of = |text: &str| FaultEvent {
    /// #     name: "x".into(), phase: FaultPhase::End, text: text.into(), span: None, touched: 0,
    /// # };
    /// assert_eq!(of("{ drop: request, from: app }").unit(), FaultUnit::Message);
    /// assert_eq!(of("{ latency: 200ms, to: db }").unit(), FaultUnit::Message);
    /// assert_eq!(of("{ reset: 2s, to: db }").unit(), FaultUnit::Connection);
    /// assert_eq!(of("{ reset: true, to: db, match: \"DEL *\" }").unit(), FaultUnit::Message);
    /// assert_eq!(of("{ crash: db, for: 1s }").unit(), FaultUnit::Node);
    /// ```
    #[must_use]
    pub fn unit(&self) -> FaultUnit {
        let keys: Vec<&str> = words(&self.text)
            .filter(|word| word.is_key && word.depth == 1)
            .map(|word| word.text)
            .collect();
        let any = |of: &[&str]| keys.iter().any(|key| of.contains(key));
        if any(&ON_NODES) {
            FaultUnit::Node
        } else if any(&ON_CONNECTIONS) && !any(&AMONG_MESSAGES) {
            FaultUnit::Connection
        } else {
            FaultUnit::Message
        }
    }

    /// Its text without its name, which stands beside it.
    #[must_use]
    pub fn deed(&self) -> String {
        let FaultEvent { name, text, .. } = self;
        let named = [format!("name: {name}, "), format!(", name: {name}")];
        let found = named.iter().find_map(|part| Some((text.find(part.as_str())?, part.len())));
        match found {
            Some((at, length)) => format!("{}{}", &text[..at], &text[at + length..]),
            None => text.clone(),
        }
    }

    /// Every value in its text but its name: the names of nodes are among them.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let mut key = "";
        words(&self.text).filter_map(move |word| {
            if word.is_key {
                key = word.text;
                return None;
            }
            (key != "name").then_some(word.text)
        })
    }
}

/// A word of a text in flow style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word<'a> {
    text: &'a str,
    /// How many braces and brackets are open around it.
    depth: usize,
    /// Whether a colon follows.
    is_key: bool,
}

/// The words of a text; one in quotes is as it stands between them.
fn words(text: &str) -> impl Iterator<Item = Word<'_>> {
    let (mut rest, mut depth) = (text, 0_usize);
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches([' ', ',', ':']);
            let first = rest.chars().next()?;
            match first {
                '{' | '[' => depth += 1,
                '}' | ']' => depth = depth.saturating_sub(1),
                '"' | '\'' => {
                    let end = quoted_end(&rest[1..], first);
                    let text = &rest[1..=end];
                    rest = rest.get(end + 2..).unwrap_or_default();
                    return Some(Word { text, depth, is_key: is_key(rest) });
                }
                _ => {
                    let end = plain_end(rest);
                    let text = rest[..end].trim_end();
                    rest = &rest[end..];
                    return Some(Word { text, depth, is_key: is_key(rest) });
                }
            }
            rest = &rest[1..];
        }
    })
}

/// Where the quote ends that `text` is inside of.
fn quoted_end(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text.find(|c: char| {
        let ends = c == quote && !escaped;
        escaped = quote == '"' && c == '\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

/// Where a word without quotes ends: before a comma, a bracket, or a colon that a blank follows.
fn plain_end(text: &str) -> usize {
    let ends = |(at, c): (usize, char)| match c {
        ',' | '{' | '}' | '[' | ']' => true,
        ':' => text[at + 1..].chars().next().is_none_or(|next| next == ' '),
        _ => false,
    };
    text.char_indices().find(|&here| ends(here)).map_or(text.len(), |(at, _)| at)
}

fn is_key(rest: &str) -> bool {
    rest.trim_start().starts_with(':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::event::FaultPhase;
    use super::*;

    fn fault(text: &str) -> FaultEvent {
        let (name, phase) = ("drop.1".to_owned(), FaultPhase::End);
        FaultEvent { name, phase, text: text.into(), span: None, touched: 0 }
    }

    fn values(text: &str) -> Vec<String> {
        fault(text).values().map(str::to_owned).collect()
    }

    #[test]
    fn values_are_told_from_keys_and_from_the_name() {
        assert_eq!(
            values("{ name: db, drop: request, from: app, to: [cache, db], match: \"DEL *\" }"),
            ["request", "app", "cache", "db", "DEL *"]
        );
        assert_eq!(values("{ partition: [[a, b], [c]], for: 1s }"), ["a", "b", "c", "1s"]);
        assert_eq!(values("{partition: {from: [a], to: ['b']}}"), ["a", "b"]);
        assert_eq!(values("{ edit: { path: http://x/items/43 } }"), ["http://x/items/43"]);
        assert_eq!(values(r#"{ match: "a \" b", to: db }"#), [r#"a \" b"#, "db"]);
    }

    #[test]
    fn a_name_is_not_told_twice() {
        for (text, deed) in [
            ("{ name: drop.1, drop: request }", "{ drop: request }"),
            ("{ drop: request, name: drop.1 }", "{ drop: request }"),
            ("{ drop: request, to: db }", "{ drop: request, to: db }"),
        ] {
            assert_eq!(fault(text).deed(), deed);
        }
    }

    #[test]
    fn what_is_touched_follows_from_the_verb_and_the_choice() {
        for (text, unit) in [
            ("{ drop: request, from: app }", FaultUnit::Message),
            ("{ name: latency, hold: request }", FaultUnit::Message),
            ("{ edit: { status: 503, headers: { reset: x } } }", FaultUnit::Message),
            ("{ partition: [app, cache] }", FaultUnit::Message),
            ("{ name: x, reset: true }", FaultUnit::Connection),
            ("{ bandwidth: 64KiB/s, status: 200 }", FaultUnit::Message),
            ("{ pause: [db, app] }", FaultUnit::Node),
            ("latency=200ms", FaultUnit::Message),
            ("", FaultUnit::Message),
        ] {
            assert_eq!(fault(text).unit(), unit, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in any::<String>(), braces in "[{}\\[\\]:,\"' a]*") {
            for text in [text, braces] {
                let fault = fault(&text);
                prop_assert!(fault.values().count() <= text.len());
                let _ = fault.unit();
            }
        }
    }
}
