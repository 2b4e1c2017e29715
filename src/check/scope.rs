//! The variables that a check may name: those of the scenario.

use std::collections::BTreeMap;

use crate::base::Value;
use crate::plan::Plan;
use crate::scenario::Lookup;

/// The scenario's `vars:`, by name; `a.b` is the field `b` of the variable `a`.
pub(super) struct Scope(BTreeMap<String, Value>);

impl Scope {
    pub(super) fn new(plan: &Plan) -> Scope {
        let mut scope = Scope(BTreeMap::new());
        for (name, value) in plan.vars.iter() {
            // One that needs a server's address has no value here, and a check that names it says so.
            if let Ok(value) = value.resolve(&scope) {
                scope.0.insert(name.clone(), value);
            }
        }
        scope
    }
}

impl Lookup for Scope {
    fn lookup(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.0.get(name) {
            return Some(value.clone());
        }
        let (variable, path) = name.split_once('.')?;
        let found = path.split('.').try_fold(self.0.get(variable)?, |value, key| value.get(key));
        found.cloned()
    }
}
