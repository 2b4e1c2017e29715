//! A fault as it is typed at a prompt: `app->db latency=200ms direction=response match="GET *"`.
//!
//! ```text
//! line  = word { " " word }
//! word  = [nodes] "->" [nodes]          whom it meets: `app->db`, `alice,bob->db`, `->db`
//!       | key "=" value                 `latency=200ms`, `match="GET *"`, `partition=[app, db]`
//!       | verb                          `reset`, `refuse`, `drop`: the same as `reset=true`
//! ```
//!
//! A value that begins with `[` or `{` is YAML as it stands; quotes keep spaces together, with `\` before
//! a quote. What comes out is the fault in the language of scenarios, and where each part of it came from.

use super::flow;
use crate::base::{Diagnostic, Diagnostics, Located, Source, Span, diagnostic::nearest};

/// The verbs that may stand without a value.
const ALONE: [&str; 7] =
    ["reset", "blackhole", "refuse", "half_close", "drop", "duplicate", "hold"];

/// The longest line, in bytes.
pub(crate) const LINE_MAX: usize = 64 * 1024;

/// A fault that was typed, in the language of scenarios.
#[derive(Debug, Clone)]
pub struct Shorthand {
    source: Source,
    yaml: String,
    parts: Vec<Part>,
}

/// A part of the YAML, and what of the line it came from.
#[derive(Debug, Clone, Copy)]
struct Part {
    yaml: Span,
    line: Span,
    /// Whether both are the same text.
    verbatim: bool,
}

impl Shorthand {
    /// Reads a line. One that begins with `{` is YAML already.
    ///
    /// # Errors
    /// What is wrong with it, at its place; not whether the fault makes sense.
    ///
    /// ```
    /// use looplab::scenario::Shorthand;
    /// let typed = Shorthand::read("app->db latency=200ms match=\"GET *\" drop").unwrap();
    /// assert_eq!(typed.yaml(), "{ from: app, to: db, latency: 200ms, match: GET *, drop: true }");
    /// ```
    pub fn read(line: &str) -> Result<Shorthand, Diagnostics> {
        let source = Source::new("fault", line);
        let wrong = |error| Diagnostics::new(source.clone(), vec![error]);
        if line.len() > LINE_MAX {
            let what = format!("a fault is at most {} KiB of text", LINE_MAX / 1024);
            return Err(Diagnostics::new(Source::new("fault", ""), vec![Diagnostic::whole(what)]));
        }
        if line.trim_start().starts_with('{') {
            let all = Span::new(0, line.len());
            let part = Part { yaml: all, line: all, verbatim: true };
            return Ok(Shorthand { source, yaml: line.to_owned(), parts: vec![part] });
        }
        let words = split(line).map_err(wrong)?;
        if words.is_empty() {
            let error = Diagnostic::whole("there is no fault here");
            return Err(wrong(error.help("as in `app->db latency=200ms`, or `crash=db for=2s`")));
        }
        let mut writer = Writer { yaml: "{ ".to_owned(), parts: Vec::new(), keys: Vec::new() };
        let mut found = Vec::new();
        for word in &words {
            found.extend(writer.word(line, word).err());
        }
        if !found.is_empty() {
            return Err(Diagnostics::new(source, found));
        }
        writer.yaml.push_str(" }");
        Ok(Shorthand { source, yaml: writer.yaml, parts: writer.parts })
    }

    /// Reads words that a shell has split already, and taken the quotes from.
    ///
    /// # Errors
    /// As [`Shorthand::read`], with places in the words put together again.
    pub fn of_words<S: AsRef<str>>(words: &[S]) -> Result<Shorthand, Diagnostics> {
        Shorthand::read(&Shorthand::line_of_words(words))
    }

    /// Words that a shell has split already, and taken the quotes from, as one line. A word that is several,
    /// because somebody has quoted a whole line, stays as it is.
    #[must_use]
    pub fn line_of_words<S: AsRef<str>>(words: &[S]) -> String {
        let line = |word: &S| {
            let word = word.as_ref();
            let key = word.split('=').next().unwrap_or_default();
            if key.contains([' ', '\t']) { word.to_owned() } else { quoted(word) }
        };
        words.iter().map(line).collect::<Vec<String>>().join(" ")
    }

    /// The fault as a scenario would say it.
    #[must_use]
    pub fn yaml(&self) -> &str {
        &self.yaml
    }

    /// What is wrong with the fault, told at its place in what was typed.
    #[must_use]
    pub fn told(&self, wrong: Diagnostics) -> Diagnostics {
        let found = wrong.found.into_iter().map(|found| Diagnostic {
            span: found.span.map(|span| self.place(span)),
            related: found.related.map(|at| Box::new((self.place(at.0), at.1))),
            ..found
        });
        Diagnostics::new(self.source.clone(), found.collect())
    }

    /// What of the line a part of the YAML came from.
    fn place(&self, span: Span) -> Span {
        let end = self.source.text().len();
        let part = |at: u32| self.parts.iter().rev().find(|part| part.yaml.start <= at);
        let Some(first) = part(span.start) else { return Span::new(0, end) };
        let last = part(span.end.saturating_sub(1).max(span.start)).unwrap_or(first);
        let start = match first.verbatim {
            true => first.line.start + (span.start - first.yaml.start),
            false => first.line.start,
        };
        let until = match last.verbatim {
            true => {
                last.line.start + (span.end - last.yaml.start).min(last.line.end - last.line.start)
            }
            false => last.line.end,
        };
        let start = start.min(first.line.end);
        Span { start, end: until.max(start) }
    }
}

/// A word of a shell, in quotes again where it needs them.
fn quoted(word: &str) -> String {
    let plain = |text: &str| !text.is_empty() && !text.contains([' ', '\t', '\n', '"', '\'']);
    let (head, value) = match word.split_once('=') {
        Some((key, value)) => (&word[..=key.len()], value),
        None => ("", word),
    };
    if plain(value) || value.starts_with(['{', '[']) {
        return word.to_owned();
    }
    format!("{head}\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A word of a line.
struct Word {
    /// Its text without quotes.
    text: String,
    span: Span,
    /// Where its value begins in `text` and in the line, if there is a `=`.
    value: Option<(usize, usize)>,
    /// Whether there was any quote.
    quoted: bool,
}

/// Splits a line at its spaces, but for those in quotes and brackets.
fn split(line: &str) -> Result<Vec<Word>, Diagnostic> {
    let mut words = Vec::new();
    let mut letters = line.char_indices().peekable();
    while let Some(&(start, first)) = letters.peek() {
        if first.is_whitespace() {
            letters.next();
            continue;
        }
        let mut word =
            Word { text: String::new(), span: Span::default(), value: None, quoted: false };
        let (mut depth, mut end) = (0_u32, start);
        while let Some(&(at, letter)) = letters.peek() {
            if letter.is_whitespace() && depth == 0 {
                break;
            }
            letters.next();
            end = at + letter.len_utf8();
            let in_yaml = depth > 0;
            match letter {
                '"' | '\'' => {
                    if in_yaml {
                        word.text.push(letter);
                    }
                    word.quoted = true;
                    end = to_quote(&mut letters, (at, letter), in_yaml, &mut word.text)?;
                    if in_yaml {
                        word.text.push(letter);
                    }
                    continue;
                }
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                '=' if word.value.is_none() => word.value = Some((word.text.len() + 1, end)),
                _ => {}
            }
            word.text.push(letter);
        }
        word.span = Span::new(start, end);
        if depth > 0 {
            let error = Diagnostic::new("a bracket is never closed", word.span);
            return Err(error);
        }
        words.push(word);
    }
    Ok(words)
}

/// Reads on to the closing quote, and gives the end of it.
fn to_quote(
    letters: &mut std::iter::Peekable<std::str::CharIndices<'_>>,
    (opened, quote): (usize, char),
    in_yaml: bool,
    text: &mut String,
) -> Result<usize, Diagnostic> {
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Ok(at + 1),
            '\\' if quote == '"' => {
                if in_yaml {
                    text.push('\\');
                }
                if let Some((_, escaped)) = letters.next() {
                    text.push(escaped);
                }
            }
            _ => text.push(letter),
        }
    }
    Err(Diagnostic::new("this quote is never closed", Span::new(opened, opened + 1)))
}

/// Writes the YAML, and remembers where each part came from.
struct Writer {
    yaml: String,
    parts: Vec<Part>,
    keys: Vec<Located<String>>,
}

impl Writer {
    fn word(&mut self, line: &str, word: &Word) -> Result<(), Diagnostic> {
        let arrow =
            word.text.find("->").filter(|at| word.value.is_none_or(|(value, _)| *at < value));
        if let Some(at) = arrow.filter(|_| !word.quoted) {
            let (from, to) = (&word.text[..at], &word.text[at + 2..]);
            let start = word.span.start as usize;
            self.nodes("from", from, Span::new(start, start + at), word)?;
            let end = word.span.end as usize;
            return self.nodes("to", to, Span::new(end - to.len(), end), word);
        }
        let Some((value, in_line)) = word.value else {
            if ALONE.contains(&word.text.as_str()) {
                self.key(&word.text, word.span)?;
                self.part("true", word.span, false);
                return Ok(());
            }
            let what = format!(
                "`{}` is neither `A->B` nor `key=value`",
                super::tree::shortened(&word.text)
            );
            let error = Diagnostic::new(what, word.span);
            return Err(match nearest(&word.text, ALONE) {
                Some(verb) => error.label(format!("did you mean `{verb}`?")),
                None => error.help("as in `app->db latency=200ms direction=response`"),
            });
        };
        let key = &word.text[..value - 1];
        let (start, text) = (word.span.start as usize, &word.text[value..]);
        if key.is_empty() {
            let error = Diagnostic::new("there is no key before this `=`", word.span);
            return Err(error.help("as in `latency=200ms`"));
        }
        self.key(key, Span::new(start, in_line - 1))?;
        let span = Span::new(in_line, word.span.end as usize);
        let as_it_is = (text.starts_with(['[', '{']) || flow::is_plain(text)) && !text.is_empty();
        let written = if as_it_is { text.to_owned() } else { flow::text(text) };
        let verbatim = line.get(in_line..span.end as usize) == Some(written.as_str());
        self.part(&written, span, verbatim);
        Ok(())
    }

    fn nodes(&mut self, key: &str, names: &str, span: Span, word: &Word) -> Result<(), Diagnostic> {
        if names.is_empty() || names == "*" {
            return Ok(());
        }
        self.key(key, word.span)?;
        let is_list = names.contains(',');
        let written = if is_list { format!("[{names}]") } else { flow::text(names) };
        let verbatim = written == names;
        self.part(&written, span, verbatim);
        Ok(())
    }

    /// Writes a key, which none before it was.
    fn key(&mut self, key: &str, span: Span) -> Result<(), Diagnostic> {
        if let Some(first) = self.keys.iter().find(|known| known.value == key) {
            let error = Diagnostic::new(format!("`{key}` is said twice"), span);
            return Err(error.related(first.span, "the first time"));
        }
        if !self.keys.is_empty() {
            self.yaml.push_str(", ");
        }
        self.keys.push(Located::new(key.to_owned(), span));
        let written = flow::text(key);
        self.part(&written, span, written == key);
        self.yaml.push_str(": ");
        Ok(())
    }

    fn part(&mut self, written: &str, line: Span, verbatim: bool) {
        let start = self.yaml.len();
        self.yaml.push_str(written);
        self.parts.push(Part { yaml: Span::new(start, self.yaml.len()), line, verbatim });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(line: &str) -> String {
        Shorthand::read(line).unwrap_or_else(|e| panic!("{e}")).yaml
    }

    #[test]
    fn a_line_becomes_the_fault_that_it_means() {
        for (line, fault) in [
            ("app->db latency=200ms", "{ from: app, to: db, latency: 200ms }"),
            ("->db reset", "{ to: db, reset: true }"),
            ("*->db drop=response nth=3", "{ to: db, drop: response, nth: 3 }"),
            ("app->* drop", "{ from: app, drop: true }"),
            ("alice,bob->db,app drop", "{ from: [alice,bob], to: [db,app], drop: true }"),
            ("  crash=db   for=2s ", "{ crash: db, for: 2s }"),
            ("partition=[app, [db, cache]]", "{ partition: [app, [db, cache]] }"),
            ("match=\"GET *\" drop", "{ match: GET *, drop: true }"),
            ("match='SET \"a\"' drop", "{ match: \"SET \\\"a\\\"\", drop: true }"),
            ("match=\"a \\\" b: c\" drop", "{ match: \"a \\\" b: c\", drop: true }"),
            ("match=*x drop", "{ match: \"*x\", drop: true }"),
            ("match=a->b drop", "{ match: a->b, drop: true }"),
            ("edit={ status: 503, body: \"a } b\" }", "{ edit: { status: 503, body: \"a } b\" } }"),
            ("probability=30% drop", "{ probability: 30%, drop: true }"),
            ("name= drop", "{ name: \"\", drop: true }"),
            ("{ drop: request, to: db }", "{ drop: request, to: db }"),
        ] {
            assert_eq!(yaml(line), fault, "{line}");
        }
    }

    #[test]
    fn what_a_shell_has_split_is_put_together_again() {
        let typed =
            |words: &[&str]| Shorthand::of_words(words).unwrap_or_else(|e| panic!("{e}")).yaml;
        assert_eq!(
            typed(&["app->db", "match=GET *", "drop"]),
            "{ from: app, to: db, match: GET *, drop: true }"
        );
        assert_eq!(typed(&["match=say \"x\" \\ y", "drop"]), yaml("match='say \"x\" \\ y' drop"));
        assert_eq!(typed(&["edit={ status: 503 }", "->app"]), "{ edit: { status: 503 }, to: app }");
        assert_eq!(typed(&["{ drop: request }"]), "{ drop: request }");
    }

    #[test]
    fn what_is_wrong_with_a_line_is_told_at_its_place() {
        for (line, wrong, place) in [
            ("", "there is no fault here", None),
            ("app->db latncy", "neither `A->B` nor `key=value`", Some("latncy")),
            ("app->db dropp", "neither", Some("dropp")),
            ("latency=1s latency=2s", "`latency` is said twice", Some("latency")),
            ("app->db to=cache", "`to` is said twice", Some("to")),
            ("match=\"GET", "this quote is never closed", Some("\"")),
            ("partition=[a", "a bracket is never closed", Some("partition=[a")),
            ("=5", "there is no key", Some("=5")),
        ] {
            let error = Shorthand::read(line).expect_err(line);
            let first = &error.found[0];
            assert!(first.message.contains(wrong), "{line}: {error}");
            let shown = first.span.map(|span| &line[span.start as usize..span.end as usize]);
            assert_eq!(shown, place, "{line}");
        }
    }

    #[test]
    fn places_in_the_yaml_are_told_as_places_in_the_line() {
        let line = "alice,bob->bd latency=5 match=\"GET *\" probability=130%";
        let typed = Shorthand::read(line).unwrap();
        let place = |part: &str| {
            let at = typed.yaml.find(part).expect("it is there");
            let span = typed.place(Span::new(at, at + part.len()));
            &line[span.start as usize..span.end as usize]
        };
        assert_eq!(place("bd"), "bd");
        assert_eq!(place("bob"), "alice,bob");
        assert_eq!(place("5"), "5");
        assert_eq!(place("latency"), "latency");
        assert_eq!(place("latency: 5"), "latency=5");
        assert_eq!(place("GET *"), "\"GET *\"");
        assert_eq!(place("130%"), "130%");
        let whole = typed.place(Span::new(0, typed.yaml.len()));
        assert_eq!(whole, Span::new(0, line.len()));
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused_with_places_inside_of_it(line in "[a-z,>= \"'\\\\{}\\[\\]*:é-]{0,40}") {
            let check = |told: &Diagnostics, length: usize| {
                for found in &told.found {
                    let spans = [found.span, found.related.as_deref().map(|(span, _)| *span)];
                    assert!(spans.iter().flatten().all(|span| span.start <= span.end && span.end as usize <= length));
                }
            };
            match Shorthand::read(&line) {
                Err(told) => check(&told, line.len()),
                Ok(typed) => {
                    if let Err(wrong) = super::super::fault(typed.yaml()) {
                        check(&typed.told(wrong), line.len());
                    }
                }
            }
        }
    }
}
