//! Glob patterns as Redis has them: `*`, `?`, `[abc]`, `[^a-z]` and `\` before a literal.

/// True if the whole of `text` matches `pattern`. Linear in practice; never recursive.
///
/// ```
/// use looplab::base::glob;
/// assert!(glob(b"DEL *", b"DEL item:42"));
/// assert!(glob(b"h[ae]llo?", b"hallo!"));
/// assert!(!glob(b"GET *", b"SET item:42 1"));
/// ```
#[must_use]
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if p < pattern.len() && pattern[p] == b'*' {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        if t < text.len() && p < pattern.len() {
            if let Some(after) = one(&pattern[p..], text[t]) {
                p += after;
                t += 1;
                continue;
            }
        } else if t == text.len() && p == pattern.len() {
            return true;
        }
        match retry {
            Some((star, from)) if from < text.len() => {
                retry = Some((star, from + 1));
                p = star;
                t = from + 1;
            }
            _ => return false,
        }
    }
}

/// How many bytes of the pattern `byte` used up, or `None` if it does not match the next of them.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [b'[', class @ ..] => {
            let Some(end) = class.iter().skip(1).position(|&c| c == b']').map(|n| n + 1) else {
                return (byte == b'[').then_some(1);
            };
            let (negated, class_body) = match &class[..end] {
                [b'^', rest @ ..] => (true, rest),
                rest => (false, rest),
            };
            (in_class(class_body, byte) != negated).then_some(end + 2)
        }
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

fn in_class(mut class: &[u8], byte: u8) -> bool {
    loop {
        class = match class {
            [] => return false,
            [low, b'-', high, rest @ ..] => {
                if (*low.min(high)..=*low.max(high)).contains(&byte) {
                    return true;
                }
                rest
            }
            [b'\\', literal, rest @ ..] | [literal, rest @ ..] => {
                if *literal == byte {
                    return true;
                }
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "a1b2", false),
            ("h[^e]llo", "hallo", true),
            ("h[^e]llo", "hello", false),
            ("h[a-b]llo", "hbllo", true),
            ("h[b-a]llo", "hallo", true),
            (r"\*x", "*x", true),
            (r"\*x", "ax", false),
            ("[", "[", true),
            ("a?", "a", false),
            ("**a", "ba", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), matches, "{pattern} {text}");
        }
    }
}
