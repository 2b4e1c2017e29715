//! Questions about what nodes have exposed, in Lua: `nodes.n1.role ~= "leader"`.

use std::collections::BTreeMap;
use std::sync::Arc;

use mlua::chunk::ChunkMode;
use mlua::{Function, Table, Value};

use super::sandbox::{Code, Sandbox};
use super::scripts::closes_nothing;
use super::{Limits, ScriptError};

/// Predicates, with what they look at.
///
/// Each sees `nodes` (by name a table of what each node has exposed), `time` (milliseconds since the run
/// began), `event` (what has just happened, if it asks for that) and `memo`, a table of its own that lasts
/// for the run. It is an expression, or statements that end with `return`; a second value says why.
///
/// ```
/// use looplab::script::Predicates;
/// let mut predicates = Predicates::new(["n1", "n2"]).unwrap();
/// let text = "nodes.n1.role ~= 'leader' or nodes.n2.role ~= 'leader', 'both lead'";
/// let one_leader = predicates.add("one leader", text).unwrap();
/// predicates.expose("n1", "role", &"leader".into()).unwrap();
/// assert_eq!(predicates.holds(one_leader, 0.0, None).unwrap(), Ok(()));
/// predicates.expose("n2", "role", &"leader".into()).unwrap();
/// assert_eq!(predicates.holds(one_leader, 1.5, None).unwrap(), Err(Some("both lead".to_owned())));
/// ```
pub struct Predicates {
    sandbox: Sandbox,
    nodes: Table,
    /// What each node has exposed.
    exposed: BTreeMap<String, Table>,
    asked: Vec<(String, Function)>,
}

/// One of [`Predicates`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PredicateId(usize);

/// Whether it holds; if not, why, as far as the predicate says so.
pub type Holds = Result<(), Option<String>>;

/// The metatable of `nodes`, of the nodes' names in their order: they are always the same, so that `pairs` need not
/// sort them.
const NODES: &str = "
local names = ...
-- What comes after each name; after `false` comes the first one, after the last one nothing.
local after = { [false] = names[1] }
for i = 2, #names do after[names[i - 1]] = names[i] end
local function step(nodes, name)
  name = after[name]
  return name, nodes[name]
end
return { __pairs = function(nodes) return step, nodes, false end }
";

/// The same as bytecode.
static NODES_CODE: Code = Code::new();

/// What stands before a predicate: what it is asked with.
const GIVEN: &str = "local time, event = ...;";

impl Predicates {
    /// Predicates about these nodes; none yet.
    ///
    /// # Errors
    /// There is no memory left.
    pub fn new<'n>(nodes: impl IntoIterator<Item = &'n str>) -> Result<Predicates, ScriptError> {
        let made = || -> mlua::Result<Predicates> {
            let sandbox = Sandbox::new(Limits::default(), Arc::default(), None, None)?;
            let table = sandbox.lua.create_table()?;
            let mut exposed = BTreeMap::new();
            for node in nodes {
                let own = sandbox.lua.create_table()?;
                table.raw_set(node, &own)?;
                exposed.insert(node.to_owned(), own);
            }
            let walked = sandbox.own("[nodes]", NODES, &NODES_CODE)?;
            let meta: Table =
                walked.call(exposed.keys().map(String::as_str).collect::<Vec<_>>())?;
            table.set_metatable(Some(meta))?;
            sandbox.lua.globals().raw_set("nodes", &table)?;
            Ok(Predicates { sandbox, nodes: table, exposed, asked: Vec::new() })
        };
        made().map_err(|error| ScriptError::of(&error))
    }

    /// One more, called `name`.
    ///
    /// # Errors
    /// What is wrong with its text.
    pub fn add(&mut self, name: &str, text: &str) -> Result<PredicateId, ScriptError> {
        closes_nothing(name, text)?;
        let lua = &self.sandbox.lua;
        let own = || -> mlua::Result<Table> {
            let (own, meta) = (lua.create_table()?, lua.create_table()?);
            own.raw_set("memo", lua.create_table()?)?;
            meta.raw_set("__index", lua.globals())?;
            own.set_metatable(Some(meta))?;
            Ok(own)
        };
        let own = own().map_err(|error| ScriptError::of(&error))?;
        let chunk = |text: &str| {
            let chunk = lua.load(text).set_name(format!("={name}")).set_environment(own.clone());
            chunk.set_mode(ChunkMode::Text).into_function()
        };
        let function = match chunk(&format!("{GIVEN} return {text}")) {
            Ok(function) => function,
            // What is no expression is a list of statements, and its errors are theirs.
            Err(_) => chunk(&format!("{GIVEN} {text}"))
                .map_err(|error| ScriptError::of(&error).or_at(name, 1))?,
        };
        self.asked.push((name.to_owned(), function));
        Ok(PredicateId(self.asked.len() - 1))
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
        let Some(exposed) = self.exposed.get(node) else { return Ok(()) };
        let put = || -> mlua::Result<()> {
            let value = match value {
                serde_json::Value::Null => Value::Nil,
                value => self.value(value)?,
            };
            exposed.raw_set(name, value)
        };
        put().map_err(|error| ScriptError::of(&error))
    }

    /// What a node has exposed is gone.
    ///
    /// # Errors
    /// There is no memory left.
    pub fn forget(&mut self, node: &str) -> Result<(), ScriptError> {
        let Some(exposed) = self.exposed.get_mut(node) else { return Ok(()) };
        let mut put = || -> mlua::Result<()> {
            *exposed = self.sandbox.lua.create_table()?;
            self.nodes.raw_set(node, &*exposed)
        };
        put().map_err(|error| ScriptError::of(&error))
    }

    /// Asks one.
    ///
    /// # Errors
    /// The error it ends with, at its line of the text.
    pub fn holds(
        &mut self,
        predicate: PredicateId,
        time_ms: f64,
        event: Option<&serde_json::Value>,
    ) -> Result<Holds, ScriptError> {
        let (name, function) = &self.asked[predicate.0];
        let asked = || -> mlua::Result<Holds> {
            self.sandbox.refresh();
            let event = event.map(|event| self.value(event)).transpose()?;
            let (truth, why): (Value, Value) = function.call((time_ms, event))?;
            Ok(match truth {
                Value::Nil | Value::Boolean(false) => {
                    let why = self.sandbox.lua.coerce_string(why)?;
                    Err(why.map(|why| why.to_string_lossy()))
                }
                _ => Ok(()),
            })
        };
        asked().map_err(|error| ScriptError::of(&error).or_at(name, 1))
    }

    fn value(&self, value: &serde_json::Value) -> mlua::Result<Value> {
        self.sandbox.reader().value(value).map_err(mlua::Error::RuntimeError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about<'n>(
        text: &str,
        nodes: impl IntoIterator<Item = &'n str>,
    ) -> (Predicates, PredicateId) {
        let mut predicates = Predicates::new(nodes).unwrap();
        let id = predicates.add("p", text).unwrap();
        (predicates, id)
    }

    #[test]
    fn statements_and_errors_have_their_lines() {
        let text = "local n = 0\nfor _, node in pairs(nodes) do\n  if node.up then n = n + 1 end\nend\nreturn n < 2, n .. ' are up'";
        let (mut predicates, up) = about(text, ["a", "b"]);
        assert_eq!(predicates.holds(up, 0.0, None).unwrap(), Ok(()));
        for node in ["a", "b", "unknown"] {
            predicates.expose(node, "up", &true.into()).unwrap();
        }
        assert_eq!(predicates.holds(up, 0.0, None).unwrap(), Err(Some("2 are up".into())));
        predicates.forget("a").unwrap();
        assert_eq!(predicates.holds(up, 0.0, None).unwrap(), Ok(()));
        let error = predicates.add("q", "x ==").err().unwrap();
        assert_eq!((error.script.as_str(), error.line), ("q", 1));
        let (mut wrong, id) = about("\nreturn nodes.c.x", ["a"]);
        let error = wrong.holds(id, 0.0, None).unwrap_err();
        assert_eq!(error.to_string(), "p:2: attempt to index a nil value (field 'c')");
        let (mut endless, id) = about("while true do end", []);
        assert!(endless.holds(id, 0.0, None).unwrap_err().message.contains("an endless loop?"));
    }

    #[test]
    fn what_it_remembers_and_what_it_is_shown() {
        let text = "memo.n = (memo.n or 0) + 1\nreturn event.type ~= 'x' or memo.n < 3 and time < 5, memo.n";
        let (mut predicates, id) = about(text, []);
        let event = serde_json::json!({ "type": "x" });
        assert_eq!(predicates.holds(id, 1.0, Some(&event)).unwrap(), Ok(()));
        assert_eq!(predicates.holds(id, 1.0, Some(&event)).unwrap(), Ok(()));
        assert_eq!(predicates.holds(id, 1.0, Some(&event)).unwrap(), Err(Some("3".into())));
    }

    #[test]
    fn one_does_not_see_what_another_keeps() {
        let mut predicates = Predicates::new([]).unwrap();
        let ids = [(); 2].map(|()| {
            let text =
                "n = (n or 0) + 1\nmemo.n = (memo.n or 0) + 1\nreturn n == 1 and memo.n == 1";
            predicates.add("p", text).unwrap()
        });
        for id in ids {
            assert_eq!(predicates.holds(id, 0.0, None).unwrap(), Ok(()));
        }
        assert_eq!(predicates.holds(ids[0], 0.0, None).unwrap(), Err(None));
    }
}
