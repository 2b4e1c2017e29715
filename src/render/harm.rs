//! What became of a message on its way, in words that all pictures share.
//!
//! ```text
//! 200 OK → 503 Service Unavailable (edited by other-item)
//! |sent|   |     arrived         |  |       fate        |
//! ```

use super::excerpt::excerpt_of;
use super::terminal::plural;
use crate::trace::{Arrived, Fate, FaultUnit, Message};

/// How much of either body is shown, in characters, where one was changed into the other.
const SIDE_MAX: usize = 28;

/// How much of what two bodies share is shown before they differ.
const SHARED_MAX: usize = 10;

/// What a message says, and what its receiver got instead if that looks otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// What was sent, on one line.
    pub(super) sent: String,
    /// What arrived.
    pub(super) arrived: Option<String>,
    /// The beginning of the body of what arrived.
    pub(super) body: Option<String>,
}

/// What `message` says. `ellipsis` stands for what is left out of bodies.
pub(super) fn said(message: &Message, ellipsis: &str) -> Said {
    let body = excerpt_of(&message.protocol, &message.bytes);
    let sent = message.summary.clone();
    let Some(arrived) = &message.arrived else { return Said { sent, arrived: None, body } };
    let got = excerpt_of(&message.protocol, &arrived.bytes);
    if arrived.summary != sent {
        return Said { sent, arrived: Some(arrived.summary.clone()), body: got };
    }
    if body == got {
        return Said { sent, arrived: None, body };
    }
    let (before, after) = (body.unwrap_or_default(), got.unwrap_or_default());
    let (before, after) = around_the_change(&before, &after, ellipsis);
    let named = |body: String| if body.is_empty() { "no body".to_owned() } else { body };
    Said { sent: format!("{sent} {}", named(before)), arrived: Some(named(after)), body: None }
}

/// What became of a message and which fault decided that: `dropped by lost-del`. `None` if it arrived as
/// it was sent and no fault had to do with it.
pub(super) fn fate(message: &Message) -> Option<String> {
    let mut words = fate_by(message.fate, message.fault.as_deref())?;
    if let Some(lengths) = message.arrived.as_deref().and_then(|arrived| lengths(message, arrived))
    {
        words.push_str(&lengths);
    }
    Some(words)
}

/// The same without figures.
pub(super) fn fate_by(fate: Fate, fault: Option<&str>) -> Option<String> {
    let word = fate.as_str();
    Some(match (fate, fault) {
        (Fate::Delivered, None) => return None,
        (_, None) => word.to_owned(),
        (Fate::Delivered, Some(fault)) => format!("touched by {fault}"),
        (Fate::Lost, Some(fault)) => format!("{word} to {fault}"),
        (_, Some(fault)) => format!("{word} by {fault}"),
    })
}

/// What becomes of an attempt to connect that a cut in the network keeps from arriving.
pub(super) fn held_by(fault: &str) -> String {
    format!("held by {fault}")
}

/// What became of a connection that was broken off.
pub(super) fn reset(fault: Option<&str>) -> String {
    fault.map_or("reset".to_owned(), |fault| format!("reset by {fault}"))
}

/// The same of `connection`, where one of its sides is told of it.
pub(super) fn resets(connection: &str, fault: Option<&str>) -> String {
    match fault {
        None => format!("resets {connection}"),
        Some(_) => format!("{connection} {}", reset(fault)),
    }
}

/// What a fault has touched: `3 messages touched`, `nothing touched`.
pub(super) fn touched(touched: u64, unit: FaultUnit) -> String {
    match touched {
        0 => "nothing touched".to_owned(),
        count => {
            let (one, many) = unit.words();
            format!("{} touched", plural(count, one, many))
        }
    }
}

/// The lengths, if they say more than what is shown of the two.
fn lengths(message: &Message, arrived: &Arrived) -> Option<String> {
    let (sent, got) = (message.length, arrived.length);
    if message.fate == Fate::Truncated && got < sent {
        return Some(format!(": {got} of {sent} bytes"));
    }
    let alike = arrived.summary == message.summary
        && excerpt_of(&message.protocol, &message.bytes)
            == excerpt_of(&message.protocol, &arrived.bytes);
    (alike && sent != got).then(|| format!(": {got} bytes instead of {sent}"))
}

/// Both texts from shortly before the place at which they begin to differ.
fn around_the_change(before: &str, after: &str, ellipsis: &str) -> (String, String) {
    let shared = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).count();
    let skipped = if shared > SHARED_MAX + 2 { shared - SHARED_MAX } else { 0 };
    let part = |text: &str| {
        let mut out = String::new();
        let count = text.chars().count();
        if skipped > 0 && count > skipped {
            out.push_str(ellipsis);
        }
        let whole = count - skipped.min(count) <= SIDE_MAX;
        out.extend(text.chars().skip(skipped).take(if whole { SIDE_MAX } else { SIDE_MAX - 1 }));
        if !whole {
            out.push_str(ellipsis);
        }
        out
    };
    (part(before), part(after))
}

#[cfg(test)]
mod tests {
    use super::super::terminal::tests::message;
    use super::*;

    fn http(summary: &str, body: &str) -> Message {
        let mut of = message(1, summary);
        of.protocol = "http".into();
        of.bytes = format!("HTTP/1.1 200 OK\r\n\r\n{body}").into();
        of.length = of.bytes.len() as u64;
        of
    }

    fn instead(mut sent: Message, got: &Message, fate: Fate) -> Message {
        sent.arrived = Some(Box::new(Arrived {
            summary: got.summary.clone(),
            length: got.length,
            bytes: got.bytes.clone(),
        }));
        sent.fate = fate;
        sent.fault = Some("other".into());
        sent
    }

    #[test]
    fn what_arrived_stands_beside_what_was_sent() {
        let edited = instead(http("200 OK", "9"), &http("503 Gone", "no"), Fate::Edited);
        let said = said(&edited, "…");
        assert_eq!((said.sent.as_str(), said.arrived.as_deref()), ("200 OK", Some("503 Gone")));
        assert_eq!(said.body.as_deref(), Some("no"));
        assert_eq!(fate(&edited).unwrap(), "edited by other");
    }

    #[test]
    fn of_a_long_body_the_place_of_the_change_is_shown() {
        let body =
            |qty: u32| format!("{{\"name\": \"{}\", \"qty\": {qty}, \"x\": 1}}", "n".repeat(30));
        let edited = instead(http("200 OK", &body(10)), &http("200 OK", &body(11)), Fate::Edited);
        let said = said(&edited, "…");
        assert_eq!(said.sent, "200 OK …, \"qty\": 10, \"x\": 1}");
        assert_eq!(said.arrived.as_deref(), Some("…, \"qty\": 11, \"x\": 1}"));
        assert_eq!(said.body, None);
    }

    #[test]
    fn what_was_cut_short_says_how_much_came() {
        let whole = http("200 OK", "0123456789");
        let mut part = whole.clone();
        part.bytes = part.bytes.slice(..22);
        part.length = 22;
        let cut = instead(whole.clone(), &part, Fate::Truncated);
        assert_eq!(fate(&cut).unwrap(), "truncated by other: 22 of 29 bytes");
        assert_eq!(said(&cut, "…").arrived.as_deref(), Some("012"));
        part.bytes = "HTTP".into();
        assert_eq!(said(&instead(whole, &part, Fate::Truncated), "…").arrived.unwrap(), "no body");
    }

    #[test]
    fn a_change_that_is_not_seen_is_told_by_its_length() {
        let (sent, mut got) = (http("200 OK", "9"), http("200 OK", "9"));
        got.length += 12;
        let edited = instead(sent, &got, Fate::Edited);
        assert_eq!(said(&edited, "…").arrived, None);
        assert_eq!(fate(&edited).unwrap(), "edited by other: 32 bytes instead of 20");
    }

    #[test]
    fn a_fate_is_told_with_the_fault_that_decided_it() {
        let mut of = message(1, "GET /");
        assert_eq!(fate(&of), None);
        of.fate = Fate::Lost;
        assert_eq!(fate(&of).unwrap(), "lost");
        of.fault = Some("cut".into());
        assert_eq!(fate(&of).unwrap(), "lost to cut");
        of.fate = Fate::Held;
        assert_eq!(fate(&of).unwrap(), "held by cut");
    }
}
