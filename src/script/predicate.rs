//! A question about what nodes have exposed, in Lua: `nodes.n1.role ~= "leader"`.

use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Table, Value};

use super::sandbox::Sandbox;
use super::{Limits, ScriptError};

/// A predicate, with what it looks at.
///
/// It sees `nodes` (by name a table of what each node has exposed), `time` (milliseconds since the run
/// began), `event` (what has just happened, if it asks for that) and `memo`, a table of its own that lasts
/// for the run. It is an expression, or statements that end with `return`; a second value says why.
///
/// ```
/// use looplab::script::Predicate;
/// let text = "nodes.n1.role ~= 'leader' or nodes.n2.role ~= 'leader', 'both lead'";
/// let mut predicate = Predicate::new("one leader", text, ["n1", "n2"]).unwrap();
/// predicate.expose("n1", "role", &"leader".into()).unwrap();
/// assert_eq!(predicate.holds(0.0, None).unwrap(), Ok(()));
/// predicate.expose("n2", "role", &"leader".into()).unwrap();
/// assert_eq!(predicate.holds(1.5, None).unwrap(), Err(Some("both lead".to_owned())));
/// ```
pub struct Predicate {
    sandbox: Sandbox,
    name: String,
    function: Function,
    nodes: Table,
}

/// Whether it holds; if not, why, as far as the predicate says so.
pub type Holds = Result<(), Option<String>>;

impl Predicate {
    /// A predicate called `name`, about these nodes.
    ///
    /// # Errors
    /// What is wrong with its text.
    pub fn new<'n>(
        name: &str,
        text: &str,
        nodes: impl IntoIterator<Item = &'n str>,
    ) -> Result<Predicate, ScriptError> {
        let made = || -> mlua::Result<(Sandbox, Table)> {
            let sandbox = Sandbox::new(Limits::default(), Arc::default(), None, None)?;
            let (globals, table) = (sandbox.lua.globals(), sandbox.lua.create_table()?);
            for node in nodes {
                table.raw_set(node, sandbox.lua.create_table()?)?;
            }
            globals.raw_set("nodes", table.clone())?;
            globals.raw_set("memo", sandbox.lua.create_table()?)?;
            Ok((sandbox, table))
        };
        let (sandbox, nodes) = made().map_err(|error| ScriptError::of(&error))?;
        let chunk = |text: &str| {
            let chunk = sandbox.lua.load(text).set_name(format!("={name}"));
            chunk.set_mode(ChunkMode::Text).into_function()
        };
        let function = match chunk(&format!("return {text}")) {
            Ok(function) => function,
            // What is no expression is a list of statements, and its errors are theirs.
            Err(_) => chunk(text).map_err(|error| ScriptError::of(&error).or_at(name, 1))?,
        };
        Ok(Predicate { sandbox, name: name.to_owned(), function, nodes })
    }

    /// A node has exposed a part of its state.
    ///
    /// # Errors
    /// The value takes more memory than there is.
    pub fn expose(
        &mut self,
        node: &str,
        name: &str,
        value: &serde_json::Value,
    ) -> Result<(), ScriptError> {
        let put = || -> mlua::Result<()> {
            let table: Table = match self.nodes.raw_get(node)? {
                Value::Table(table) => table,
                _ => return Ok(()),
            };
            match value {
                serde_json::Value::Null => table.raw_set(name, Value::Nil),
                value => table.raw_set(name, self.value(value)?),
            }
        };
        put().map_err(|error| ScriptError::of(&error).or_at(&self.name, 1))
    }

    /// What a node has exposed is gone.
    ///
    /// # Errors
    /// There is no memory left.
    pub fn forget(&mut self, node: &str) -> Result<(), ScriptError> {
        let empty = self.sandbox.lua.create_table();
        let put = empty.and_then(|empty| self.nodes.raw_set(node, empty));
        put.map_err(|error| ScriptError::of(&error).or_at(&self.name, 1))
    }

    /// Asks it.
    ///
    /// # Errors
    /// The error it ends with, at its line of the text.
    pub fn holds(
        &mut self,
        time_ms: f64,
        event: Option<&serde_json::Value>,
    ) -> Result<Holds, ScriptError> {
        let asked = || -> mlua::Result<Holds> {
            self.sandbox.refresh();
            let globals = self.sandbox.lua.globals();
            globals.raw_set("time", time_ms)?;
            if let Some(event) = event {
                globals.raw_set("event", self.value(event)?)?;
            }
            let (truth, why): (Value, Value) = self.function.call(())?;
            Ok(match truth {
                Value::Nil | Value::Boolean(false) => {
                    let why = self.sandbox.lua.coerce_string(why)?;
                    Err(why.map(|why| why.to_string_lossy()))
                }
                _ => Ok(()),
            })
        };
        asked().map_err(|error| ScriptError::of(&error).or_at(&self.name, 1))
    }

    fn value(&self, value: &serde_json::Value) -> mlua::Result<Value> {
        let text = serde_json::to_vec(value).unwrap_or_default();
        self.sandbox.reader().decode(&text).map_err(mlua::Error::RuntimeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_errors_have_their_lines() {
        let text = "local n = 0\nfor _, node in pairs(nodes) do\n  if node.up then n = n + 1 end\nend\nreturn n < 2, n .. ' are up'";
        let mut predicate = Predicate::new("up", text, ["a", "b"]).unwrap();
        assert_eq!(predicate.holds(0.0, None).unwrap(), Ok(()));
        for node in ["a", "b", "unknown"] {
            predicate.expose(node, "up", &true.into()).unwrap();
        }
        assert_eq!(predicate.holds(0.0, None).unwrap(), Err(Some("2 are up".into())));
        predicate.forget("a").unwrap();
        assert_eq!(predicate.holds(0.0, None).unwrap(), Ok(()));
        let error = Predicate::new("p", "x ==", []).err().unwrap();
        assert_eq!((error.script.as_str(), error.line), ("p", 1));
        let mut wrong = Predicate::new("p", "\nreturn nodes.c.x", ["a"]).unwrap();
        let error = wrong.holds(0.0, None).unwrap_err();
        assert_eq!(error.to_string(), "p:2: attempt to index a nil value (field 'c')");
        let mut endless = Predicate::new("p", "while true do end", []).unwrap();
        assert!(endless.holds(0.0, None).unwrap_err().message.contains("an endless loop?"));
    }

    #[test]
    fn what_it_remembers_and_what_it_is_shown() {
        let text = "memo.n = (memo.n or 0) + 1\nreturn event.type ~= 'x' or memo.n < 3 and time < 5, memo.n";
        let mut predicate = Predicate::new("p", text, []).unwrap();
        let event = serde_json::json!({ "type": "x" });
        assert_eq!(predicate.holds(1.0, Some(&event)).unwrap(), Ok(()));
        assert_eq!(predicate.holds(1.0, Some(&event)).unwrap(), Ok(()));
        assert_eq!(predicate.holds(1.0, Some(&event)).unwrap(), Err(Some("3".into())));
    }
}
