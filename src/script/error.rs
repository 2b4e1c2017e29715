//! What went wrong in a script, and where.

use std::fmt;

/// An error of a script, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// The script's name, as its chunk is called; empty if it is not known.
    pub script: String,
    /// The line, from 1; 0 if it is not known.
    pub line: u32,
    /// One lower-case clause.
    pub message: String,
}

impl ScriptError {
    /// An error without a place.
    #[must_use]
    pub fn new(message: impl Into<String>) -> ScriptError {
        ScriptError { script: String::new(), line: 0, message: message.into() }
    }

    /// With the place, if it has none yet.
    #[must_use]
    pub fn or_at(mut self, script: &str, line: usize) -> ScriptError {
        if self.script.is_empty() {
            script.clone_into(&mut self.script);
            self.line = u32::try_from(line).unwrap_or(0);
        }
        self
    }

    /// Reads the place out of what Lua says: `raft.lua:12: attempt to index a nil value`, or out of who
    /// called what says it.
    pub(super) fn of(error: &mlua::Error) -> ScriptError {
        let text = innermost(error);
        let (first, traceback) = text.split_once("\nstack traceback:").unwrap_or((&text, ""));
        let first = first.trim_end();
        let caller = || traceback.lines().find_map(|line| place(line.trim()));
        let (script, line, message) = match (place(first), caller()) {
            (Some(placed), _) => placed,
            (None, Some((script, line, _))) => (script, line, first),
            (None, None) => ("", 0, first),
        };
        let message = match without_own_place(message) {
            "" => "an error without a message",
            "attempt to yield from outside a coroutine" => {
                "nothing can be waited for while a script is loaded: do it in `on.start`"
            }
            "attempt to yield across a C-call boundary" => {
                "nothing can be waited for in the handler of an `xpcall`, nor in an `__index` that \
                 `table.concat`, `table.unpack` or `ipairs` calls"
            }
            other => other,
        };
        let mut message = without_addresses(message);
        if let Some(instead) = instead(&message) {
            message = format!("{message}: {instead}");
        }
        ScriptError { script: script.to_owned(), line, message }
    }
}

/// What there is in the place of a part of Lua that scripts do not have.
fn instead(message: &str) -> Option<&'static str> {
    let (_, rest) = message.split_once("a nil value (global '")?;
    Some(match rest.strip_suffix("')")? {
        "os" => "a script has no `os`; the time is `ctx.now()`, in milliseconds of the run",
        "io" => {
            "a script has no files; what a node keeps is in `ctx.durable`, what it tells is `ctx.log`"
        }
        "coroutine" => "a script has no coroutines of its own; `ctx.spawn(f)` is a task",
        "load" | "loadfile" | "dofile" | "loadstring" => {
            "a script loads nothing but modules; `require \"name\"` is another script of the scenario"
        }
        "debug" | "package" | "collectgarbage" => "a script has no such thing: runs must repeat",
        _ => return None,
    })
}

/// `table: 0x55d0c8` is `table`: an address is another one in every run.
fn without_addresses(text: &str) -> String {
    let mut parts = text.split(": 0x");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_hexdigit());
        if rest.len() == part.len() {
            out.push_str(": 0x");
        }
        out.push_str(rest);
    }
    out
}

/// What the error at the bottom says.
fn innermost(error: &mlua::Error) -> String {
    match error {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        mlua::Error::RuntimeError(message) => message.clone(),
        mlua::Error::MemoryError(_) => "the script's memory is used up".into(),
        mlua::Error::CallbackError { cause, traceback } => {
            let inner = innermost(cause);
            if place(&inner).is_some() {
                return inner;
            }
            // Who called it stands in the traceback: the first line with a script's place.
            let caller = traceback.lines().find_map(|line| place(line.trim()));
            match caller {
                Some((script, line, _)) => format!("{script}:{line}: {inner}"),
                None => inner,
            }
        }
        mlua::Error::BadArgument { cause, pos, .. } => {
            format!("bad argument #{pos}: {}", innermost(cause))
        }
        mlua::Error::FromLuaConversionError { from, to, .. } => {
            let to = match to.as_str() {
                "LuaString" | "String" | "string" => "text",
                "i64" | "u64" | "f64" | "integer" | "number" => "a number",
                "Table" | "table" => "a table",
                "Function" | "function" => "a function",
                other => other,
            };
            format!("{to} is expected here, not {from}")
        }
        mlua::Error::WithContext { context, cause } => format!("{context}: {}", innermost(cause)),
        other => other.to_string(),
    }
}

/// Without the place in a chunk of looplab's own that stands before it: it was called at the end of a
/// function, so that the caller's place is not known any more.
fn without_own_place(text: &str) -> &str {
    if let Some(rest) = text.strip_prefix("?:-1: ") {
        return rest;
    }
    let rest = text.strip_prefix('[').and_then(|rest| rest.split_once("]:"));
    match rest.and_then(|(_, rest)| rest.split_once(": ")) {
        Some((line, rest)) if line.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => text,
    }
}

/// `NAME:LINE: rest`, if NAME is a script of ours: chunks of looplab's own begin with `[`.
fn place(text: &str) -> Option<(&str, u32, &str)> {
    let (script, rest) = text.split_once(':')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let line = rest[..digits].parse().ok()?;
    let rest = rest[digits..].strip_prefix(':')?;
    let named = !script.is_empty() && !script.starts_with('[') && !script.contains(' ');
    named.then(|| (script, line, rest.trim_start()))
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.script.as_str(), self.line) {
            ("", _) => f.write_str(&self.message),
            (script, 0) => write!(f, "{script}: {}", self.message),
            (script, line) => write!(f, "{script}:{line}: {}", self.message),
        }
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_read_out_of_what_lua_says() {
        let error = mlua::Error::RuntimeError(
            "raft.lua:12: attempt to index a nil value (field 'x')\nstack traceback:\n\t[C]: in ?"
                .into(),
        );
        let error = ScriptError::of(&error);
        assert_eq!((error.script.as_str(), error.line), ("raft.lua", 12));
        assert_eq!(error.message, "attempt to index a nil value (field 'x')");
        let error = ScriptError::of(&mlua::Error::RuntimeError("[ctx]:57: no place".into()));
        assert_eq!(error.message, "no place");
        let error = ScriptError::of(&mlua::Error::RuntimeError("?:-1: stripped".into()));
        assert_eq!(error.message, "stripped");
        let error = ScriptError::of(&mlua::Error::RuntimeError("table: 0x5f2a0c, x: 0xg".into()));
        assert_eq!(error.message, "table, x: 0xg");
        let error = ScriptError::of(&mlua::Error::RuntimeError("no place".into()));
        assert_eq!((error.script.as_str(), error.line), ("", 0));
    }
}
