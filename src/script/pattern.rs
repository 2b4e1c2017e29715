//! Lua's patterns, matched in counted steps.
//!
//! The language is that of `string.find` in Lua 5.4, section 6.4.1 of its manual. The library's own
//! matcher loops in C, where nothing can stop it: `(".-"):rep(20)` on a long text takes years. This one
//! counts, and gives up with an error.

/// The most steps of one match; about a fifth of a second.
pub(super) const STEPS_MAX: u32 = 10_000_000;

/// The most captures of a pattern, as in Lua.
const CAPTURES_MAX: usize = 32;

/// How deep a match may nest, as in Lua.
const DEPTH_MAX: u32 = 200;

/// A place that a pattern captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Capture {
    /// From a byte to before another, both from 0.
    Text(usize, usize),
    /// `()`: the number of the byte that follows, from 1.
    Place(usize),
}

impl Capture {
    /// How many bytes of text it is.
    pub(super) fn length(&self) -> usize {
        match self {
            Capture::Text(start, end) => end - start,
            Capture::Place(_) => 0,
        }
    }
}

/// Where a pattern fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Match {
    /// The first byte, from 0.
    pub(super) start: usize,
    /// One past the last.
    pub(super) end: usize,
    /// What its parentheses captured; empty if it has none.
    pub(super) captures: Vec<Capture>,
}

/// Looks for `pattern` in `text` from byte `from` on; only there if `here`. With it, how many steps that took.
///
/// # Errors
/// What is wrong with the pattern, or that it takes too long.
pub(super) fn find(
    text: &[u8],
    pattern: &[u8],
    from: usize,
    here: bool,
) -> (Result<Option<Match>, String>, usize) {
    let mut matcher = Matcher { text, pattern, open: Vec::new(), steps: 0, depth: 0 };
    let found = matcher.find(from, here);
    (found, matcher.steps as usize)
}

/// True if `pattern` is nothing but text.
pub(super) fn is_plain(pattern: &[u8]) -> bool {
    !pattern.iter().any(|byte| b"^$*+?.([%-".contains(byte))
}

/// A capture that has begun.
#[derive(Debug, Clone, Copy)]
struct Open {
    start: usize,
    length: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Unknown,
    Place,
    Known(usize),
}

impl Open {
    fn close(&self) -> Result<Capture, String> {
        match self.length {
            Length::Known(length) => Ok(Capture::Text(self.start, self.start + length)),
            Length::Place => Ok(Capture::Place(self.start + 1)),
            Length::Unknown => Err("unfinished capture".into()),
        }
    }
}

struct Matcher<'t> {
    text: &'t [u8],
    pattern: &'t [u8],
    open: Vec<Open>,
    steps: u32,
    depth: u32,
}

type Fits = Result<Option<usize>, String>;

impl Matcher<'_> {
    fn find(&mut self, from: usize, here: bool) -> Result<Option<Match>, String> {
        let mut start = from;
        while start <= self.text.len() {
            self.open.clear();
            if let Some(end) = self.fits(start, 0)? {
                let captures = self.open.iter().map(Open::close).collect::<Result<_, _>>()?;
                return Ok(Some(Match { start, end, captures }));
            }
            if here {
                break;
            }
            start += 1;
        }
        Ok(None)
    }

    fn step(&mut self) -> Result<(), String> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(format!("the pattern takes more than {STEPS_MAX} steps on this text"));
        }
        Ok(())
    }

    /// An item takes as long as it is long: a set may be long.
    fn look_at(&mut self, bytes: usize) {
        self.steps = self.steps.saturating_add(u32::try_from(bytes / 8).unwrap_or(u32::MAX));
    }

    /// The end of the match of the pattern from `p` on at `s`.
    fn fits(&mut self, s: usize, p: usize) -> Fits {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("pattern too complex".into());
        }
        let end = self.fits_here(s, p);
        self.depth -= 1;
        end
    }

    fn fits_here(&mut self, mut s: usize, mut p: usize) -> Fits {
        loop {
            self.step()?;
            let Some(&byte) = self.pattern.get(p) else { return Ok(Some(s)) };
            match (byte, self.pattern.get(p + 1)) {
                (b'(', Some(b')')) => return self.begin(s, p + 2, Length::Place),
                (b'(', _) => return self.begin(s, p + 1, Length::Unknown),
                (b')', _) => return self.finish(s, p + 1),
                (b'$', None) => return Ok((s == self.text.len()).then_some(s)),
                (b'%', Some(b'b')) => match self.balanced(s, p + 2)? {
                    Some(after) => (s, p) = (after, p + 4),
                    None => return Ok(None),
                },
                (b'%', Some(b'f')) => match self.frontier(s, p + 2)? {
                    Some(after) => p = after,
                    None => return Ok(None),
                },
                (b'%', Some(digit)) if digit.is_ascii_digit() => match self.again(s, *digit)? {
                    Some(after) => (s, p) = (after, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let after = self.item(p)?;
                    match self.pattern.get(after) {
                        Some(b'?') => {
                            if self.single(s, p, after)
                                && let Some(end) = self.fits(s + 1, after + 1)?
                            {
                                return Ok(Some(end));
                            }
                            p = after + 1;
                        }
                        Some(b'*') => return self.most(s, p, after, 0),
                        Some(b'+') => return self.most(s, p, after, 1),
                        Some(b'-') => return self.fewest(s, p, after),
                        _ => {
                            if !self.single(s, p, after) {
                                return Ok(None);
                            }
                            (s, p) = (s + 1, after);
                        }
                    }
                }
            }
        }
    }

    fn begin(&mut self, s: usize, p: usize, length: Length) -> Fits {
        if self.open.len() >= CAPTURES_MAX {
            return Err("too many captures".into());
        }
        self.open.push(Open { start: s, length });
        let end = self.fits(s, p)?;
        if end.is_none() {
            self.open.pop();
        }
        Ok(end)
    }

    fn finish(&mut self, s: usize, p: usize) -> Fits {
        let unknown = self.open.iter().rposition(|open| open.length == Length::Unknown);
        let at = unknown.ok_or("invalid pattern capture")?;
        self.open[at].length = Length::Known(s - self.open[at].start);
        let end = self.fits(s, p)?;
        if end.is_none() {
            self.open[at].length = Length::Unknown;
        }
        Ok(end)
    }

    /// `%bxy`: where the balanced part that begins at `s` ends.
    fn balanced(&mut self, s: usize, p: usize) -> Fits {
        let (Some(&open), Some(&close)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err("malformed pattern (missing arguments to '%b')".into());
        };
        if self.text.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut depth = 1;
        for (at, &byte) in self.text.iter().enumerate().skip(s + 1) {
            self.step()?;
            if byte == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if byte == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: what follows it in the pattern, if `s` is a frontier.
    fn frontier(&mut self, s: usize, p: usize) -> Fits {
        if self.pattern.get(p) != Some(&b'[') {
            return Err("missing '[' after '%f' in pattern".into());
        }
        let after = self.item(p)?;
        let before = if s == 0 { 0 } else { self.text[s - 1] };
        let here = self.text.get(s).copied().unwrap_or(0);
        let fits = !self.in_set(before, p, after - 1) && self.in_set(here, p, after - 1);
        Ok(fits.then_some(after))
    }

    /// `%1`: where the text that was captured before ends, if it stands at `s` again.
    fn again(&mut self, s: usize, digit: u8) -> Fits {
        let open =
            usize::from(digit).checked_sub(usize::from(b'1')).and_then(|at| self.open.get(at));
        let Some(&Open { start, length: Length::Known(length) }) = open else {
            return Err(format!("invalid capture index %{}", char::from(digit)));
        };
        for at in 0..length {
            self.step()?;
            if self.text.get(s + at) != Some(&self.text[start + at]) {
                return Ok(None);
            }
        }
        Ok(Some(s + length))
    }

    /// As many of one item as there are, at least `least`, then fewer.
    fn most(&mut self, s: usize, p: usize, after: usize, least: usize) -> Fits {
        let mut count = 0;
        while self.single(s + count, p, after) {
            self.step()?;
            count += 1;
        }
        while count >= least {
            if let Some(end) = self.fits(s + count, after + 1)? {
                return Ok(Some(end));
            }
            if count == 0 {
                break;
            }
            count -= 1;
        }
        Ok(None)
    }

    fn fewest(&mut self, mut s: usize, p: usize, after: usize) -> Fits {
        loop {
            if let Some(end) = self.fits(s, after + 1)? {
                return Ok(Some(end));
            }
            if !self.single(s, p, after) {
                return Ok(None);
            }
            self.step()?;
            s += 1;
        }
    }

    /// One past the single item that begins at `p`.
    fn item(&mut self, p: usize) -> Result<usize, String> {
        let after = self.item_end(p)?;
        self.look_at(after - p);
        Ok(after)
    }

    fn item_end(&self, p: usize) -> Result<usize, String> {
        match self.pattern.get(p) {
            Some(b'%') if p + 1 < self.pattern.len() => Ok(p + 2),
            Some(b'%') => Err("malformed pattern (ends with '%')".into()),
            Some(b'[') => {
                let mut at = p + 1;
                if self.pattern.get(at) == Some(&b'^') {
                    at += 1;
                }
                loop {
                    // The first `]` of a set is one of its members.
                    match self.pattern.get(at) {
                        None => return Err("malformed pattern (missing ']')".into()),
                        Some(b'%') => at += 2,
                        Some(_) => at += 1,
                    }
                    if self.pattern.get(at) == Some(&b']') {
                        return Ok(at + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether the byte at `s` is the item from `p` to `after`.
    fn single(&mut self, s: usize, p: usize, after: usize) -> bool {
        self.look_at(after - p);
        let Some(&byte) = self.text.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            b'%' => in_class(byte, self.pattern[p + 1]),
            b'[' => self.in_set(byte, p, after - 1),
            other => other == byte,
        }
    }

    /// Whether a byte is in the set whose `[` stands at `p` and whose `]` at `end`.
    fn in_set(&self, byte: u8, p: usize, end: usize) -> bool {
        let mut at = p + 1;
        let negated = self.pattern[at] == b'^';
        if negated {
            at += 1;
        }
        while at < end {
            let member = self.pattern[at];
            if member == b'%' && at + 1 < end {
                if in_class(byte, self.pattern[at + 1]) {
                    return !negated;
                }
                at += 2;
            } else if self.pattern.get(at + 1) == Some(&b'-') && at + 2 < end {
                if (member..=self.pattern[at + 2]).contains(&byte) {
                    return !negated;
                }
                at += 3;
            } else {
                if member == byte {
                    return !negated;
                }
                at += 1;
            }
        }
        negated
    }
}

/// `%a` and the others; a capital letter is the opposite of the small one.
fn in_class(byte: u8, class: u8) -> bool {
    let fits = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'g' => byte.is_ascii_graphic(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        _ => return class == byte,
    };
    fits != class.is_ascii_uppercase()
}
