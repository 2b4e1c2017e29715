//! The trace as a log with vector clocks, for ShiViz.
//!
//! ```text
//! (?<event>.*)\n(?<host>\S*) (?<clock>{.*})      how an entry is read
//!                                               what parts one run from the next: nothing, there is one
//! 200 send #1 PUT /items/42 to app              an entry: when (in microseconds) and what
//! alice {"alice":1}                             where, and what is known there of every node
//! ```
//!
//! The entries are sendings and receipts, for these are what clocks are made of. What did not arrive is sent
//! and not received.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::words;
use crate::base::{NodeId, Time, write_json_string};
use crate::trace::{Clocks, Event, EventKind, Header, Message, Stamp, VECTOR_ENTRIES_MAX};

/// How an entry is read.
const PATTERN: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// The most messages of a log; of more, the first are taken. A browser draws far fewer.
const MESSAGES_MAX: usize = 100_000;

pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<Vec<String>> {
    let (mut messages, mut nodes, mut left_out) = (Vec::new(), BTreeSet::new(), 0_u64);
    let mut seqs = BTreeSet::new();
    for Event { at, kind } in events {
        let EventKind::Message(mut message) = kind else { continue };
        // What it carried is not told.
        message.bytes = bytes::Bytes::new();
        let both = [message.from, message.to];
        let new = both.iter().filter(|node| !nodes.contains(*node)).count();
        let entries = 2 * (messages.len() + 1) * (nodes.len() + new);
        if left_out > 0 || messages.len() >= MESSAGES_MAX || entries > VECTOR_ENTRIES_MAX {
            left_out += 1;
            continue;
        }
        if !seqs.insert(message.seq) {
            continue;
        }
        nodes.extend(both);
        messages.push((at, *message));
    }
    let clocks = Clocks::of_messages(messages.iter().map(|(at, message)| (*at, message)));
    let log = Log { header, hosts: hosts(header), clocks };
    log.write(&messages, out)?;
    Ok(match left_out {
        0 => Vec::new(),
        more => {
            let first = messages.len();
            vec![format!("only the first {first} messages; {more} more are too many for ShiViz")]
        }
    })
}

struct Log<'a> {
    header: &'a Header,
    /// The nodes' names, such that the pattern finds them.
    hosts: Vec<String>,
    clocks: Clocks,
}

/// A sending or a receipt.
struct Moment<'a> {
    stamp: Stamp,
    at: Time,
    is_receipt: bool,
    message: &'a Message,
}

impl Log<'_> {
    fn write(&self, messages: &[(Time, Message)], out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{PATTERN}\n")?;
        let mut moments = Vec::with_capacity(2 * messages.len());
        for (at, message) in messages {
            let Some(stamps) = self.clocks.of(message.seq) else { continue };
            let sent = message.sent;
            moments.push(Moment { stamp: stamps.sent, at: sent, is_receipt: false, message });
            if let Some(stamp) = stamps.received {
                moments.push(Moment { stamp, at: *at, is_receipt: true, message });
            }
        }
        moments.sort_by_key(|moment| moment.stamp.place);
        let mut entry = Vec::new();
        for moment in &moments {
            entry.clear();
            self.entry(moment, &mut entry);
            out.write_all(&entry)?;
        }
        Ok(())
    }

    fn entry(&self, moment: &Moment<'_>, out: &mut Vec<u8>) {
        let Moment { stamp, at, is_receipt, message } = moment;
        let Message { seq, from, to, summary, arrived, .. } = message;
        let (verb, summary, toward) = match (is_receipt, arrived) {
            (true, Some(arrived)) => ("receive", &arrived.summary, ("from", *from)),
            (true, None) => ("receive", summary, ("from", *from)),
            (false, _) => ("send", summary, ("to", *to)),
        };
        let event = format!(
            "{} {verb} #{} {summary} {} {}{}",
            at.to_micros_string(),
            seq.0,
            toward.0,
            self.header.node_name(toward.1),
            words::fate(message)
        );
        out.extend_from_slice(one_line(&event).as_bytes());
        out.push(b'\n');
        out.extend_from_slice(self.host(if *is_receipt { *to } else { *from }).as_bytes());
        out.extend_from_slice(b" {");
        for (n, (node, count)) in self.clocks.vector(*stamp).into_iter().flatten().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            write_json_string(self.host(node), out);
            out.extend_from_slice(format!(":{count}").as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }

    fn host(&self, node: NodeId) -> &str {
        self.hosts.get(node.index()).map_or("outside", String::as_str)
    }
}

/// The nodes' names without blanks, each of its own.
fn hosts(header: &Header) -> Vec<String> {
    let mut taken = BTreeSet::from(["outside".to_owned()]);
    let names = header.nodes.iter().map(|node| {
        let plain = |c: char| if c.is_whitespace() || c.is_control() { '_' } else { c };
        let mut name: String = node.name.chars().map(plain).collect();
        while name.is_empty() || !taken.insert(name.clone()) {
            name.push('_');
        }
        name
    });
    names.collect()
}

/// A text without anything that ends a line in any language.
fn one_line(text: &str) -> String {
    let ends = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.chars().map(|c| if ends(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Format;
    use super::super::sample::{self, exported};
    use super::*;

    #[test]
    fn a_log_begins_with_its_pattern_and_tells_sendings_and_receipts() {
        let log = exported(Format::Shiviz);
        let expected = r#"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})

200 send #1 PUT /items/42 to app
alice {"alice":1}
420 receive #1 PUT /items/42 from alice
app {"app":1,"alice":1}
500 send #2 SET item:42 9 to db
app {"app":2,"alice":1}
1610 receive #2 SET item:42 9 from app
db {"app":2,"db":1,"alice":1}
1700 send #3 +OK to app
db {"app":2,"db":2,"alice":1}
2800 receive #3 +OK from db
app {"app":3,"db":2,"alice":1}
2800 send #4 DEL item:42 to cache [dropped by drop request]
app {"app":4,"db":2,"alice":1}
"#;
        assert_eq!(log[..expected.len()], *expected);
        assert!(!log.contains("receive #4"));
    }

    #[test]
    fn names_that_the_pattern_would_not_find_are_changed_and_stay_different() {
        let mut header = sample::header();
        for (node, name) in ["a b", "a_b", "", "outside", "é\u{2028}"].iter().enumerate() {
            header.nodes[node].name = (*name).to_owned();
        }
        assert_eq!(hosts(&header), ["a_b", "a_b_", "_", "outside_", "é_"]);
    }
}
