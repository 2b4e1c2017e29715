//! `redis: cache SET item:42 "a b"`: a command as it is typed into redis-cli.
//!
//! The words are split as redis-cli does: `"…"` knows `\n \r \t \b \a \" \\ \xHH`, `'…'` knows
//! `\'`, and a quoted word ends where its quote does. Every word may hold `${name}`.

use serde_json::json;

use super::super::form::{Book, Entry, Fields, Form, Reading, Shape, TEXT};
use super::super::model::{Action, RedisCall, Step, Text};
use super::super::tree::{Content, Node, Scalar};
use super::field::REDIS_REPLY;
use super::step::Common;
use super::target::check_server;
use crate::base::{Diagnostic, Located};

/// `redis:` and what may stand beside it.
pub(super) fn redis(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let doc = "The server, then the command as in redis-cli; or both as a list of words.";
    let call = f.required(key, doc, COMMAND);
    let common = Common::operation(f, &REDIS_REPLY);
    common.step(Action::Redis(call?), f.entry(key))
}

/// A server and a command's words.
pub(super) struct CommandForm;
pub(super) const COMMAND: CommandForm = CommandForm;

const ENTRY: Entry = Entry {
    name: "redis command",
    doc: "A server's name, then a command as it is typed into redis-cli: words, with quotes around \
          those that hold spaces. Or a list: the server, then each word.",
    example: "redis: cache SET item:${item} \"two words\" EX 10\nredis: [cache, SET, \"item:${item}\", two words]",
};

impl Form for CommandForm {
    type Value = RedisCall;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<RedisCall> {
        let expected = "a server and a command, such as `cache GET item:42`";
        let span = reading.head(node.span);
        let (server, words) = match node.content() {
            Content::Scalar(scalar) if scalar.value.is_string() => {
                from_line(node, scalar, reading)?
            }
            Content::Sequence(items) => from_list(items, node, reading)?,
            _ => return reading.expected(expected, node),
        };
        check_server(&server, reading)?;
        if words.is_empty() {
            let error = Diagnostic::new("there is no command behind the server's name", span);
            reading.error(error.help("as in `cache GET item:42`"));
            return None;
        }
        Some(RedisCall { server, words })
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(ENTRY, |_| {
            json!({ "anyOf": [
                { "type": "string", "pattern": "^\\s*[A-Za-z][A-Za-z0-9_-]{0,63}\\s+\\S" },
                {
                    "type": "array",
                    "minItems": 2,
                    "items": { "type": ["string", "number", "boolean"] },
                },
            ] })
        })
    }
}

type Command = (Located<String>, Vec<Text>);

fn from_list(items: &[Node], node: &Node, reading: &mut Reading<'_>) -> Option<Command> {
    let Some((first, rest)) = items.split_first() else {
        let span = reading.head(node.span);
        reading.error(Diagnostic::new("this list holds no server and no command", span));
        return None;
    };
    let Some(server) = first.string() else { return reading.expected("a server's name", first) };
    let server = Located::new(server.to_owned(), reading.head(first.span));
    let words: Vec<_> = rest.iter().map(|word| TEXT.read(word, reading)).collect();
    Some((server, words.into_iter().collect::<Option<_>>()?))
}

fn from_line(node: &Node, scalar: &Scalar, reading: &mut Reading<'_>) -> Option<Command> {
    let words = match split(&scalar.text) {
        Ok(words) => words,
        Err((what, start, end)) => {
            let span = reading.place(node, scalar, start, end);
            reading.error(Diagnostic::new(what, span).help("words are quoted as in redis-cli"));
            return None;
        }
    };
    let mut words = words.into_iter();
    let Some(first) = words.next() else {
        return reading.expected("a server and a command, such as `cache GET item:42`", node);
    };
    let places = reading.places(node, scalar);
    let at = |word: &Word| places.at(word.start, word.end);
    let server = Located::new(first.text.clone(), at(&first));
    let mut texts = Vec::new();
    let mut errors = Vec::new();
    for word in words {
        let span = at(&word);
        let from = |index: usize| word.offsets.get(index).copied().unwrap_or(word.end);
        let place = |start, end| places.at(from(start), from(end));
        match Text::parse(&word.text, span, place) {
            Ok(text) => texts.push(text),
            Err(error) => errors.push(error),
        }
    }
    let sound = errors.is_empty();
    errors.into_iter().for_each(|error| reading.error(error));
    sound.then_some((server, texts))
}

/// A word, and where each of its bytes came from.
struct Word {
    text: String,
    offsets: Vec<usize>,
    start: usize,
    end: usize,
}

type SplitError = (&'static str, usize, usize);

/// Splits a line into words as redis-cli does.
fn split(line: &str) -> Result<Vec<Word>, SplitError> {
    let mut words = Vec::new();
    let mut letters = line.char_indices().peekable();
    while let Some(&(start, first)) = letters.peek() {
        if first.is_whitespace() {
            letters.next();
            continue;
        }
        let mut word = Word { text: String::new(), offsets: Vec::new(), start, end: start };
        while let Some(&(at, letter)) = letters.peek() {
            if letter.is_whitespace() {
                break;
            }
            letters.next();
            word.end = at + letter.len_utf8();
            if matches!(letter, '"' | '\'') && word.text.is_empty() && at == start {
                quoted(&mut letters, letter, at, &mut word)?;
                if letters.peek().is_some_and(|(_, next)| !next.is_whitespace()) {
                    return Err(("a space should follow this quote", word.end - 1, word.end));
                }
            } else {
                word.push(letter, at);
            }
        }
        words.push(word);
    }
    Ok(words)
}

impl Word {
    fn push(&mut self, letter: char, at: usize) {
        self.text.push(letter);
        self.offsets.extend((0..letter.len_utf8()).map(|n| at + n));
    }
}

/// Reads on to the closing quote.
fn quoted(
    letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    quote: char,
    opened: usize,
    word: &mut Word,
) -> Result<(), SplitError> {
    while let Some((at, letter)) = letters.next() {
        word.end = at + letter.len_utf8();
        if letter == quote {
            return Ok(());
        }
        if letter != '\\' {
            word.push(letter, at);
            continue;
        }
        let Some(&(_, escaped)) = letters.peek() else { break };
        let meant = match (quote, escaped) {
            ('\'', '\'') => '\'',
            ('\'', _) => {
                word.push('\\', at);
                continue;
            }
            (_, 'n') => '\n',
            (_, 'r') => '\r',
            (_, 't') => '\t',
            (_, 'b') => '\u{8}',
            (_, 'a') => '\u{7}',
            (_, 'x') => {
                letters.next();
                word.push(hex_escape(letters, at)?, at);
                continue;
            }
            (_, other) => other,
        };
        letters.next();
        word.push(meant, at);
    }
    Err(("this quote is never closed", opened, opened + 1))
}

/// The two digits behind `\x`.
fn hex_escape(
    letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    at: usize,
) -> Result<char, SplitError> {
    let digits: Vec<u32> = (0..2)
        .map_while(|_| {
            let digit = letters.peek().and_then(|(_, c)| c.to_digit(16));
            letters.next_if(|_| digit.is_some());
            digit
        })
        .collect();
    match digits.as_slice() {
        [high, low] if *high < 8 => {
            Ok(char::from_u32(high * 16 + low).unwrap_or(char::REPLACEMENT_CHARACTER))
        }
        [_, _] => Err(("bytes from \\x80 on are not text", at, at + 4)),
        _ => Err(("two hex digits should follow `\\x`", at, at + 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_are_split_as_in_redis_cli() {
        assert_eq!(words("  cache  GET x "), ["cache", "GET", "x"]);
        assert_eq!(words(r#"c SET k "a b""#), ["c", "SET", "k", "a b"]);
        assert_eq!(words(r#"c SET k "a\"\n\x41\\""#), ["c", "SET", "k", "a\"\nA\\"]);
        assert_eq!(words(r"c SET k 'it\'s \n'"), ["c", "SET", "k", "it's \\n"]);
        assert_eq!(words(r#"c SET k """#), ["c", "SET", "k", ""]);
        assert_eq!(words(r#"c SET k {"a":1}"#), ["c", "SET", "k", r#"{"a":1}"#]);
    }

    #[test]
    fn broken_quotes_are_refused_at_their_place() {
        for (line, start) in [
            (r#"c "abc"#, 2),
            (r"c 'abc", 2),
            (r#"c "abc\"#, 2),
            (r#"c "a"b"#, 4),
            (r#"c "\x4g""#, 3),
            (r#"c "\xff""#, 3),
        ] {
            assert_eq!(split(line).err().map(|error| error.1), Some(start), "{line}");
        }
    }
}
