//! The texts of a scenario's scripts, and what they may require.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mlua::chunk::ChunkMode;
use mlua::{Lua, LuaOptions, StdLib};

use super::{ScriptError, library};
use crate::base::diagnostic::nearest;

/// The longest script, in bytes.
pub const SCRIPT_MAX: usize = 1024 * 1024;

/// The most scripts of a scenario.
pub const SCRIPTS_MAX: usize = 100;

/// One script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// What people call it: its file's name, `raft.lua`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// All scripts of a scenario, by name.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    texts: BTreeMap<String, Text>,
}

#[derive(Debug, Clone)]
struct Text {
    text: String,
    /// What it is compiled to, once somebody has needed that.
    code: OnceLock<Vec<u8>>,
}

impl Scripts {
    /// Scripts with these names.
    pub fn new(scripts: impl IntoIterator<Item = Script>) -> Scripts {
        let text =
            |script: Script| (script.name, Text { text: script.text, code: OnceLock::new() });
        Scripts { texts: scripts.into_iter().map(text).collect() }
    }

    /// A script's text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|text| text.text.as_str())
    }

    /// All names and texts, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(name, text)| (name.as_str(), text.text.as_str()))
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// What `require(name)` means: the name of the chunk and its text.
    pub(super) fn module(&self, name: &str) -> Option<(&str, &str)> {
        let file = format!("{name}.lua");
        let own = [name, &file].into_iter().find_map(|name| self.texts.get_key_value(name));
        match own {
            Some((name, text)) => Some((name, &text.text)),
            None => library::piece(name),
        }
    }

    /// What there is in the place of a module that there is not.
    pub(super) fn unknown(&self, name: &str) -> String {
        let known = self.texts.keys().map(|name| name.strip_suffix(".lua").unwrap_or(name));
        let known: Vec<&str> = known.chain(library::names().map(|name: &str| name)).collect();
        match nearest(name, known.iter().copied()) {
            Some(near) => format!("there is no module `{name}`; did you mean `{near}`?"),
            None => format!("there is no module `{name}`: there are {}", known.join(", ")),
        }
    }

    /// Looks at the syntax of all.
    ///
    /// # Errors
    /// The first error of each, with its place.
    pub fn check(&self) -> Vec<ScriptError> {
        self.texts.iter().filter_map(|(name, text)| check(name, &text.text).err()).collect()
    }

    /// A script as bytecode, with its names and lines. A search makes the same states of Lua again and again,
    /// and compiling would be a fifth of its time.
    ///
    /// # Errors
    /// What is wrong with its syntax.
    pub(super) fn code(&self, name: &str) -> Result<&[u8], ScriptError> {
        let Some(text) = self.texts.get(name) else {
            return Err(ScriptError::new(format!("there is no script `{name}`")));
        };
        if let Some(code) = text.code.get() {
            return Ok(code);
        }
        let code = compile(name, &text.text, false)?;
        Ok(text.code.get_or_init(|| code))
    }
}

fn check(name: &str, text: &str) -> Result<(), ScriptError> {
    compile(name, text, false).map(|_| ())
}

/// Refuses what is executed on the way out of an error: nothing could stop it there.
pub(super) fn closes_nothing(name: &str, text: &str) -> Result<(), ScriptError> {
    match text.lines().position(|line| line.contains("__close")) {
        None => Ok(()),
        Some(line) => {
            let what = "`__close` is executed on the way out of an error, where nothing could stop it: \
                        there is none in a script";
            Err(ScriptError::new(what).or_at(name, line + 1))
        }
    }
}

/// A text as bytecode.
/// Stripped, it has neither lines nor names of variables.
///
/// # Errors
/// What is wrong with its syntax.
pub(super) fn compile(name: &str, text: &str, strip: bool) -> Result<Vec<u8>, ScriptError> {
    if !strip {
        closes_nothing(name, text)?;
    }
    let lua = Lua::new_with(StdLib::NONE, LuaOptions::default());
    let lua = lua.map_err(|error| ScriptError::of(&error))?;
    let chunk = lua.load(text).set_name(format!("={name}")).set_mode(ChunkMode::Text);
    let function = chunk.into_function();
    let function = function.map_err(|error| ScriptError::of(&error).or_at(name, 1))?;
    Ok(function.dump(strip))
}
