//! A client's variables.
//!
//! ```text
//! ${name}: what the client captured or set, a loop's variable, a flow's `with:`, its own `vars:`
//!          -> `client`, `instance` (its name and number)
//!          -> the scenario's `vars:` and the servers' addresses
//! ```
//!
//! `${user.name}` finds a variable of that whole name, or the key `name` of the object `user`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::Value;
use crate::scenario::{self, Lookup};

/// The variables that a line of execution sees. A copy is independent.
#[derive(Clone)]
pub(super) struct Scope {
    vars: BTreeMap<String, Value>,
    outer: Arc<dyn Lookup + Send + Sync>,
}

/// A variable that is hidden by another one of its name for a while.
pub(super) struct Hidden(String, Option<Value>);

impl Scope {
    pub(super) fn new(outer: Arc<dyn Lookup + Send + Sync>) -> Scope {
        Scope { vars: BTreeMap::new(), outer }
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        match self.vars.get_mut(name) {
            Some(place) => *place = value,
            None => drop(self.vars.insert(name.to_owned(), value)),
        }
    }

    /// Sets a variable until [`Scope::restore`].
    pub(super) fn hide(&mut self, name: &str, value: Value) -> Hidden {
        Hidden(name.to_owned(), self.vars.insert(name.to_owned(), value))
    }

    /// Brings back what was hidden.
    pub(super) fn restore(&mut self, hidden: Hidden) {
        match hidden.1 {
            Some(value) => drop(self.vars.insert(hidden.0, value)),
            None => drop(self.vars.remove(&hidden.0)),
        }
    }

    /// Takes over what `branch`, which began as a copy of `base`, has changed.
    pub(super) fn merge(&mut self, base: &Scope, branch: Scope) {
        for (name, value) in branch.vars {
            if base.vars.get(&name) != Some(&value) {
                self.vars.insert(name, value);
            }
        }
    }

    /// A variable, without a copy where there is a choice.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.vars.get(name)
    }
}

impl Lookup for Scope {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.vars.get(name) {
            return Some(value.clone());
        }
        if let Some(value) = self.outer.lookup(name) {
            return Some(value);
        }
        let (object, key) = name.rsplit_once('.')?;
        scenario::part(self.lookup(object)?, key)
    }
}
