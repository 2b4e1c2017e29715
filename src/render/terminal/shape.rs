//! What makes two messages alike: `GET /items/42` and `GET /items/7` are, `200 OK` and `500` are not.

use crate::base::Direction;
use crate::trace::Message;

/// What a summary says in general: a path's segments, words and numbers that differ from one message to
/// the next become `*`.
pub(super) fn pattern(message: &Message, summary: &str) -> String {
    let mut out = String::new();
    each_char(message, summary, &mut |c| out.push(c));
    out
}

/// What a name says in general: `drop.*`.
pub(super) fn general(name: &str) -> String {
    let mut out = String::new();
    collapsed(name, &mut |c| out.push(c));
    out
}

/// A number that is the same for messages that are alike, given who sent it to whom.
pub(super) fn of_message(message: &Message, from: usize, to: usize) -> u64 {
    let mut hash = Hash::new();
    hash.byte(1);
    hash.number(from);
    hash.number(to);
    hash.text(&message.protocol);
    hash.byte(message.fate as u8);
    hash.byte(message.direction as u8);
    each_char(message, &message.summary, &mut |c| hash.char(c));
    if let Some(arrived) = &message.arrived {
        hash.byte(2);
        each_char(message, &arrived.summary, &mut |c| hash.char(c));
    }
    if let Some(fault) = &message.fault {
        hash.byte(3);
        collapsed(fault, &mut |c| hash.char(c));
    }
    hash.0
}

/// A number that is the same for lines that are alike but for the numbers in them.
pub(super) fn of_text(kind: u8, node: usize, text: &str) -> u64 {
    let mut hash = Hash::new();
    hash.byte(kind);
    hash.number(node);
    collapsed(text, &mut |c| hash.char(c));
    hash.0
}

fn each_char(message: &Message, summary: &str, emit: &mut dyn FnMut(char)) {
    match (message.protocol.as_ref(), message.direction) {
        ("http", Direction::Request) => {
            let target = summary.split('?').next().unwrap_or(summary);
            for (at, segment) in target.split('/').enumerate() {
                if at > 0 {
                    emit('/');
                }
                if segment.bytes().any(|byte| byte.is_ascii_digit()) && at > 0 {
                    emit('*');
                } else {
                    segment.chars().for_each(&mut *emit);
                }
            }
        }
        ("http", Direction::Response) => words(summary, 5, emit),
        ("redis", Direction::Request) => {
            let mut words = summary.split(' ');
            let command = words.next().unwrap_or_default();
            command.chars().for_each(|c| emit(c.to_ascii_uppercase()));
            if let Some(key) = words.next() {
                emit(' ');
                collapsed(key, emit);
            }
            if words.next().is_some() {
                " *".chars().for_each(emit);
            }
        }
        // A Redis error is told by its first word, any other reply by its kind.
        ("redis", Direction::Response) if summary.starts_with('-') => words(summary, 1, emit),
        ("redis", Direction::Response) => {
            summary.chars().take(1).for_each(&mut *emit);
            emit('*');
        }
        _ => emit('*'),
    }
}

/// The first words of a text.
fn words(text: &str, count: usize, emit: &mut dyn FnMut(char)) {
    for (at, word) in text.split(' ').take(count).enumerate() {
        if at > 0 {
            emit(' ');
        }
        word.chars().for_each(&mut *emit);
    }
}

/// A text in which every run of letters and digits that holds a digit is a `*`.
fn collapsed(text: &str, emit: &mut dyn FnMut(char)) {
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let end = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).len();
        let (run, rest) = piece.split_at(end);
        if run.bytes().any(|byte| byte.is_ascii_digit()) {
            emit('*');
        } else {
            run.chars().for_each(&mut *emit);
        }
        rest.chars().for_each(&mut *emit);
    }
}

/// FNV-1a, as small as a hash can be; a collision folds two kinds of message into one line.
struct Hash(u64);

impl Hash {
    fn new() -> Hash {
        Hash(0xcbf2_9ce4_8422_2325)
    }

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    fn number(&mut self, number: usize) {
        number.to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }

    fn text(&mut self, text: &str) {
        text.bytes().chain([0]).for_each(|byte| self.byte(byte));
    }

    fn char(&mut self, c: char) {
        u32::from(c).to_le_bytes().into_iter().for_each(|byte| self.byte(byte));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    fn shown(protocol: &'static str, direction: Direction, summary: &str) -> String {
        let mut message = message(1, summary);
        message.protocol = protocol.into();
        message.direction = direction;
        pattern(&message, summary)
    }

    #[test]
    fn what_differs_from_one_message_to_the_next_is_left_out() {
        use Direction::{Request, Response};
        for (protocol, direction, summary, general) in [
            ("http", Request, "GET /items/42", "GET /items/*"),
            ("http", Request, "GET /v1/items/9f3c?x=1", "GET /*/items/*"),
            ("http", Request, "GET /", "GET /"),
            ("http", Response, "404 Not Found", "404 Not Found"),
            ("http", Response, "500 Internal Server Error", "500 Internal Server Error"),
            ("redis", Request, "set item:42 9", "SET item:* *"),
            ("redis", Request, "PING", "PING"),
            ("redis", Response, "+OK", "+*"),
            ("redis", Response, "-ERR no such key", "-ERR"),
            ("line", Request, "hello 1", "*"),
        ] {
            assert_eq!(shown(protocol, direction, summary), general, "{summary}");
        }
    }

    #[test]
    fn alike_is_the_same_number_and_other_people_are_another() {
        let (mut one, mut two) = (message(1, "GET /items/1"), message(2, "GET /items/2"));
        one.protocol = "http".into();
        two.protocol = "http".into();
        assert_eq!(of_message(&one, 0, 1), of_message(&two, 0, 1));
        assert_ne!(of_message(&one, 0, 1), of_message(&two, 0, 2));
        assert_eq!(of_text(1, 0, "after 12ms"), of_text(1, 0, "after 13ms"));
        assert_ne!(of_text(1, 0, "after 12ms"), of_text(1, 1, "after 12ms"));
    }
}
