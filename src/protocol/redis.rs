//! The messages of a Redis connection, as a link sees them.

use super::resp::{CommandDecoder, Scanner, summarize_command, summarize_frame};
use super::tap::{Cut, Cutter, Pairing, Whole};

/// Commands.
#[derive(Default)]
pub(super) struct Requests {
    decoder: CommandDecoder,
}

impl Cutter for Requests {
    fn cut(&mut self, input: &[u8], _whole: Whole<'_>) -> Cut {
        match self.decoder.decode(input) {
            Err(_) => Cut::lost(),
            Ok(None) => Cut::more(0),
            Ok(Some((words, length))) if words.is_empty() => Cut::more(length),
            Ok(Some((words, length))) => {
                let is = |name: &[u8]| words[0].eq_ignore_ascii_case(name);
                let replies = if is(b"subscribe") || is(b"psubscribe") || is(b"ssubscribe") {
                    u32::try_from(words.len() - 1).unwrap_or(u32::MAX).max(1)
                } else {
                    1
                };
                let pairing = Pairing::Opens { replies, bodiless: false };
                Cut::paired(length, summarize_command(words), pairing)
            }
        }
    }
}

/// Replies.
#[derive(Default)]
pub(super) struct Replies {
    scanner: Scanner,
}

impl Cutter for Replies {
    fn cut(&mut self, input: &[u8], _whole: Whole<'_>) -> Cut {
        match self.scanner.scan(input) {
            Err(_) => Cut::lost(),
            Ok(None) => Cut::more(0),
            Ok(Some(length)) => {
                let raw = &input[..length];
                let pairing = if is_pushed(raw) { Pairing::Free } else { Pairing::Closes };
                Cut::paired(length, summarize_frame(raw), pairing)
            }
        }
    }
}

/// True for a message of a channel (an array of three or four in RESP2, a push in RESP3) and for an
/// invalidation: what nobody asked for.
fn is_pushed(raw: &[u8]) -> bool {
    let body = match raw {
        [b'*' | b'>', b'3' | b'4' | b'2', b'\r', b'\n', body @ ..] => body,
        _ => return false,
    };
    [
        &b"$7\r\nmessage\r\n"[..],
        b"$8\r\npmessage\r\n",
        b"$8\r\nsmessage\r\n",
        b"$10\r\ninvalidate\r\n",
    ]
    .iter()
    .any(|kind| body.starts_with(kind))
}
