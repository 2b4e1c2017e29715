//! What a program writes, cut into lines within bounds.
//!
//! ```text
//! bytes -> lines, the first LINES_KEPT and BYTES_KEPT of them -> told, one by one
//!       \-> the first bytes of each output, as many as are asked for
//!        \-> the last RECENT bytes, for whoever asks how it came to its end
//! ```
//!
//! What lies beyond the bounds is read and counted, without looking into it.

use std::io::BufRead as _;

use super::Output;
use crate::base::units::grouped;

/// The longest line that is handed on whole, in bytes; of a longer one the rest is counted.
pub const LINE_MAX: usize = 8 * 1024;

/// The most lines of a program's outputs that are handed on.
pub const LINES_KEPT: u64 = 20_000;

/// The most bytes of a program's outputs that are handed on in lines.
pub const BYTES_KEPT: u64 = 4 * 1024 * 1024;

/// How many of the last bytes are kept.
const RECENT: usize = 4 * 1024;

/// The most lines that are shown of how it came to its end.
const TAIL_LINES: usize = 12;

/// The longest of these, in characters.
const TAIL_CHARS: usize = 300;

/// What is called with each line.
pub(super) type Tell = Box<dyn FnMut(Output, String) + Send>;

/// Where both outputs of a program go.
pub(super) struct Sink {
    tell: Tell,
    outputs: [Stream; 2],
    capture: usize,
    lines: u64,
    bytes: u64,
    /// Bytes that were neither handed on nor are part of an unfinished line.
    dropped: u64,
    recent: Vec<u8>,
}

/// One output.
#[derive(Default)]
struct Stream {
    /// A line whose end has not come.
    partial: Vec<u8>,
    /// How much of it was too long to keep.
    cut: u64,
    captured: Vec<u8>,
}

impl Sink {
    pub(super) fn new(capture: usize, tell: Tell) -> Sink {
        let outputs = [Stream::default(), Stream::default()];
        Sink { tell, outputs, capture, lines: 0, bytes: 0, dropped: 0, recent: Vec::new() }
    }

    /// Takes what was written.
    pub(super) fn take(&mut self, output: Output, bytes: &[u8]) {
        self.remember(bytes);
        let capture = self.capture;
        let stream = self.stream(output);
        let room = capture.saturating_sub(stream.captured.len()).min(bytes.len());
        stream.captured.extend_from_slice(&bytes[..room]);
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.is_full() {
                self.drop(output, rest.len());
                return;
            }
            let mut after = rest;
            // Reading from memory cannot fail.
            let length = after.skip_until(b'\n').unwrap_or(rest.len());
            let (piece, after) = rest.split_at(length);
            rest = after;
            match piece.strip_suffix(b"\n") {
                Some(line) => {
                    self.stream(output).extend(line);
                    self.line(output);
                }
                None => self.stream(output).extend(piece),
            }
        }
    }

    /// The output has ended.
    pub(super) fn end(&mut self, output: Output) {
        if !self.stream(output).partial.is_empty() {
            self.line(output);
        }
    }

    /// Both have ended: says how much was not handed on.
    pub(super) fn finish(&mut self) {
        if self.dropped > 0 {
            let dropped = grouped(self.dropped);
            (self.tell)(
                Output::Stderr,
                format!("{dropped} bytes more of its output were not kept"),
            );
        }
    }

    /// The first bytes of an output.
    pub(super) fn captured(&self, output: Output) -> &[u8] {
        match output {
            Output::Stdout => &self.outputs[0].captured,
            Output::Stderr => &self.outputs[1].captured,
        }
    }

    /// The last lines of both outputs.
    pub(super) fn tail(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.recent);
        let mut lines: Vec<String> = text
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(TAIL_LINES)
            .map(|line| plain(line.trim_end()).chars().take(TAIL_CHARS).collect())
            .collect();
        lines.reverse();
        lines
    }

    fn stream(&mut self, output: Output) -> &mut Stream {
        match output {
            Output::Stdout => &mut self.outputs[0],
            Output::Stderr => &mut self.outputs[1],
        }
    }

    fn is_full(&self) -> bool {
        self.lines >= LINES_KEPT || self.bytes >= BYTES_KEPT
    }

    /// Counts what is not handed on; the first time says so.
    fn drop(&mut self, output: Output, length: usize) {
        if self.dropped == 0 {
            let (lines, bytes) = (grouped(self.lines), grouped(self.bytes));
            let what = format!(
                "it has written {lines} lines ({bytes} bytes); from here on its output is only counted"
            );
            (self.tell)(Output::Stderr, what);
        }
        let stream = self.stream(output);
        let lost = stream.partial.len() as u64 + stream.cut;
        stream.partial = Vec::new();
        stream.cut = 0;
        self.dropped += lost + length as u64;
    }

    /// Hands on the line that is there.
    fn line(&mut self, output: Output) {
        let stream = self.stream(output);
        let (bytes, cut) = (std::mem::take(&mut stream.partial), std::mem::take(&mut stream.cut));
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        let text = match cut {
            0 => text.to_owned(),
            _ => format!("{text}… ({} bytes more)", grouped(cut)),
        };
        self.lines += 1;
        self.bytes += bytes.len() as u64 + 1;
        (self.tell)(output, text);
    }

    fn remember(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(RECENT)..];
        let excess = (self.recent.len() + bytes.len()).saturating_sub(RECENT);
        self.recent.drain(..excess);
        self.recent.extend_from_slice(bytes);
    }
}

/// A line without what would colour it, or move the cursor.
fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => {
                if chars.as_str().starts_with('[') {
                    let _end = chars.find(|c| c.is_ascii_alphabetic());
                }
            }
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

impl Stream {
    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE_MAX.saturating_sub(self.partial.len()).min(bytes.len());
        self.partial.extend_from_slice(&bytes[..room]);
        self.cut += (bytes.len() - room) as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    type Told = Arc<Mutex<Vec<(Output, String)>>>;

    fn sink(capture: usize) -> (Sink, Told) {
        let told = Told::default();
        let tell = told.clone();
        let sink = Sink::new(
            capture,
            Box::new(move |output, line| {
                tell.lock().unwrap().push((output, line));
            }),
        );
        (sink, told)
    }

    fn lines(told: &Told) -> Vec<String> {
        told.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }

    #[test]
    fn every_split_gives_the_same_lines() {
        let bytes = "one\r\n\ntwo ü\nlast".as_bytes();
        for cut in 0..=bytes.len() {
            let (mut sink, told) = sink(5);
            sink.take(Output::Stdout, &bytes[..cut]);
            sink.take(Output::Stdout, &bytes[cut..]);
            sink.end(Output::Stdout);
            sink.finish();
            assert_eq!(lines(&told), ["one", "", "two ü", "last"], "cut {cut}");
            assert_eq!(sink.captured(Output::Stdout), b"one\r\n");
            assert_eq!(sink.tail(), ["one", "two ü", "last"]);
        }
    }

    #[test]
    fn the_last_lines_have_no_colours_and_move_no_cursor() {
        let (mut sink, told) = sink(0);
        let line = "\x1b[1;31merror\x1b[0m:\tno \x07paper\x1b]";
        sink.take(Output::Stderr, format!("{line}\r\n").as_bytes());
        assert_eq!(sink.tail(), ["error: no paper]"]);
        assert_eq!(lines(&told), [line], "the trace has it as it was");
    }

    #[test]
    fn outputs_do_not_mix_within_a_line() {
        let (mut sink, told) = sink(0);
        sink.take(Output::Stdout, b"he");
        sink.take(Output::Stderr, b"oh");
        sink.take(Output::Stdout, b"llo\n");
        sink.take(Output::Stderr, b" no\n");
        let expected = [(Output::Stdout, "hello".to_owned()), (Output::Stderr, "oh no".to_owned())];
        assert_eq!(*told.lock().unwrap(), expected);
    }

    #[test]
    fn a_line_without_end_takes_no_more_memory_than_a_line_may() {
        let (mut sink, told) = sink(0);
        for _ in 0..100 {
            sink.take(Output::Stdout, &[b'x'; 64 * 1024]);
        }
        assert!(sink.outputs[0].partial.len() <= LINE_MAX);
        sink.take(Output::Stdout, b"\nnext\n");
        let told = lines(&told);
        let more = grouped(100 * 64 * 1024 - LINE_MAX as u64);
        assert_eq!(told[0].len(), LINE_MAX + format!("… ({more} bytes more)").len());
        assert!(told[0].ends_with(&format!("x… ({more} bytes more)")));
        assert_eq!(told[1], "next");
    }

    #[test]
    fn a_flood_is_counted_to_the_byte_and_ends_with_its_last_lines() {
        let (mut sink, told) = sink(0);
        let chunk = b"y\n".repeat(32 * 1024);
        for _ in 0..100 {
            sink.take(Output::Stdout, &chunk);
        }
        sink.take(Output::Stderr, b"the end\n");
        sink.end(Output::Stdout);
        sink.finish();
        let told = lines(&told);
        assert_eq!(told.len() as u64, LINES_KEPT + 2);
        assert!(told[20_000].starts_with("it has written 20,000 lines (40,000 bytes);"));
        let dropped = 100 * chunk.len() as u64 - 40_000 + 8;
        assert_eq!(
            told[20_001],
            format!("{} bytes more of its output were not kept", grouped(dropped))
        );
        assert_eq!(sink.tail().last().map(String::as_str), Some("the end"));
        assert!(sink.recent.len() <= RECENT && sink.tail().len() <= TAIL_LINES);
    }
}
