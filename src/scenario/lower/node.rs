//! `call: n1`: a JSON message to a node.

use super::super::form::{DYNAMIC, Fields, name_of, one_or_many};
use super::super::model::{Action, Dynamic, DynamicKind, NodeCall, Step};
use super::super::outline::Role;
use super::field::NODE_REPLY;
use super::step::Common;
use crate::base::Diagnostic;

/// `call:` and what may stand beside it.
pub(super) fn call(f: &mut Fields<'_, '_>, key: &'static str) -> Option<Step> {
    let doc = "The node; of several the next one after a failure.";
    let nodes = f.required(key, doc, one_or_many(name_of(Role::Server)));
    let doc = "The message: an object with a `type`.";
    let message = f.required("json", doc, DYNAMIC);
    if let Some(message) = &message
        && !has_type(message)
    {
        let error = Diagnostic::new("a message is a mapping with a `type`", f.value("json"));
        f.error(error.help("as in `json: { type: read, key: x }`"));
    }
    if nodes.as_ref().is_some_and(Vec::is_empty) {
        f.error(Diagnostic::new("a call needs at least one node", f.value(key)));
    }
    let common = Common::operation(f, &NODE_REPLY);
    let action = Action::Call(NodeCall { nodes: nodes?, message: message? });
    common.step(action, f.entry(key))
}

fn has_type(message: &Dynamic) -> bool {
    match &message.kind {
        DynamicKind::Object(fields) => fields.iter().any(|(name, _)| name.value == "type"),
        // `${message}` alone may be an object.
        DynamicKind::Text(_) => true,
        _ => false,
    }
}
