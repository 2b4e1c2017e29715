//! Why a command is refused, in the words of Redis.

use std::borrow::Cow;

use crate::protocol::resp::Words;

/// The most bytes of a client's words that an error repeats.
const QUOTED_BYTES_MAX: usize = 128;

fn quotable(word: &[u8], bytes_max: usize) -> &[u8] {
    let word = &word[..word.len().min(bytes_max)];
    word.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// The text of an error reply, with its code and without the `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) Cow<'static, [u8]>);

/// What a command's handler returns: the reply is written, or this is the reply.
pub(super) type Outcome = Result<(), Refusal>;

impl Refusal {
    pub(super) const WRONG_TYPE: Refusal =
        Refusal::new("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub(super) const SYNTAX: Refusal = Refusal::new("ERR syntax error");
    pub(super) const NOT_INTEGER: Refusal =
        Refusal::new("ERR value is not an integer or out of range");
    pub(super) const NOT_FLOAT: Refusal = Refusal::new("ERR value is not a valid float");
    pub(super) const OUT_OF_RANGE: Refusal = Refusal::new("ERR value is out of range");
    pub(super) const NOT_POSITIVE: Refusal =
        Refusal::new("ERR value is out of range, must be positive");
    pub(super) const NO_SUCH_KEY: Refusal = Refusal::new("ERR no such key");
    pub(super) const OVERFLOW: Refusal = Refusal::new("ERR increment or decrement would overflow");
    pub(super) const NAN_OR_INFINITY: Refusal =
        Refusal::new("ERR increment would produce NaN or Infinity");
    pub(super) const OFFSET: Refusal = Refusal::new("ERR offset is out of range");
    pub(super) const INDEX: Refusal = Refusal::new("ERR index out of range");
    pub(super) const TOO_LONG: Refusal =
        Refusal::new("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    pub(super) const DB_INDEX: Refusal = Refusal::new("ERR DB index is out of range");
    pub(super) const SAME_OBJECT: Refusal =
        Refusal::new("ERR source and destination objects are the same");
    pub(super) const TIMEOUT: Refusal = Refusal::new("ERR timeout is not a float or out of range");
    pub(super) const NEGATIVE_TIMEOUT: Refusal = Refusal::new("ERR timeout is negative");
    pub(super) const CURSOR: Refusal = Refusal::new("ERR invalid cursor");
    pub(super) const OUT_OF_MEMORY: Refusal =
        Refusal::new("OOM command not allowed when used memory > 'maxmemory'.");
    pub(super) const DISK_FULL: Refusal =
        Refusal::new("MISCONF Errors writing to the AOF file: No space left on device");
    pub(super) const NO_AUTH: Refusal = Refusal::new("NOAUTH Authentication required.");
    pub(super) const WRONG_PASSWORD: Refusal =
        Refusal::new("WRONGPASS invalid username-password pair or user is disabled.");
    pub(super) const ABORTED: Refusal =
        Refusal::new("EXECABORT Transaction discarded because of previous errors.");

    pub(super) const fn new(text: &'static str) -> Refusal {
        Refusal(Cow::Borrowed(text.as_bytes()))
    }

    pub(super) fn owned(text: impl Into<Vec<u8>>) -> Refusal {
        Refusal(Cow::Owned(text.into()))
    }

    /// `before`, what may be quoted of `word`, and `after`: as in Redis at most 128 bytes, and none
    /// from a zero byte on.
    pub(super) fn quoting(before: &str, word: &[u8], after: &str) -> Refusal {
        let quoted = quotable(word, QUOTED_BYTES_MAX);
        Refusal::owned([before.as_bytes(), quoted, after.as_bytes()].concat())
    }

    /// No command has the name that these words begin with.
    pub(super) fn unknown_command(words: Words<'_>) -> Refusal {
        let mut args = Vec::new();
        for word in words.from(1).iter() {
            if args.len() >= QUOTED_BYTES_MAX {
                break;
            }
            args.push(b'\'');
            args.extend_from_slice(quotable(word, QUOTED_BYTES_MAX + 1 - args.len()));
            args.extend_from_slice(b"' ");
        }
        let name = quotable(words.get(0).unwrap_or_default(), QUOTED_BYTES_MAX);
        let pieces: [&[u8]; 4] =
            [b"ERR unknown command '", name, b"', with args beginning with: ", &args];
        Refusal::owned(pieces.concat())
    }

    /// For a command or `command|subcommand`.
    pub(super) fn arity(name: &str) -> Refusal {
        Refusal::owned(format!("ERR wrong number of arguments for '{name}' command"))
    }

    pub(super) fn expire_time(name: &str) -> Refusal {
        Refusal::owned(format!("ERR invalid expire time in '{name}' command"))
    }
}
