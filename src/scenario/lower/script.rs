//! `script:`, `env:`, `scripts:`, and where the texts of scripts come from.

use serde_json::json;

use super::super::form::{
    Book, DURATION, DYNAMIC, Entry, Fields, Form, Keys, PROSE, Reading, Shape, name_of,
    one_or_many, pairs, word,
};
use super::super::model::{NodeServer, ScriptText, Scripted, ServerKind};
use super::super::outline::Role;
use super::super::tree::Node;
use super::body::script_file;
use crate::base::{Diagnostic, Located};

/// The longest script, in bytes.
const SCRIPT_MAX: usize = 1024 * 1024;

/// The most scripts of a scenario, those that scripts require included.
const SCRIPTS_MAX: usize = 100;

/// `script:` and `env:`.
pub(super) fn scripted(f: &mut Fields<'_, '_>, required: bool) -> Option<Scripted> {
    let doc = "A script in Lua, from a file in the scenario's folder or an entry of `scripts`.";
    let script = match required {
        true => f.required("script", doc, SCRIPT),
        false => f.optional("script", doc, SCRIPT),
    };
    let doc = "What the script reads as `ctx.env`.";
    let env = f.optional("env", doc, pairs(Keys::Any, DYNAMIC));
    if let Some(env) = &env
        && script.is_none()
        && !f.has("script")
        && !env.is_empty()
    {
        let error = Diagnostic::new("`env` is for a script, and there is none", f.key("env"));
        f.error(error.help("add `script: app.lua`"));
    }
    Some(Scripted { script: script?, env: env.unwrap_or_default() })
}

/// The keys of `type: node`.
pub(super) fn node(f: &mut Fields<'_, '_>) -> Option<ServerKind> {
    let doc = "The nodes that the script knows as `ctx.peers`; by default all others that run the same script.";
    let peers = f.optional("peers", doc, one_or_many(name_of(Role::Server)));
    let doc =
        "What a crash takes of `ctx.durable`: nothing (`kept`), or what was not synced (`lost`).";
    let words = word(&[("kept", false), ("lost", true)]);
    let unsynced_lost = f.or("unsynced", doc, words, "kept", false);
    let sync = f.optional("sync", "How long `ctx.sync()` takes; 0 by default.", DURATION);
    Some(ServerKind::Node(NodeServer { peers, unsynced_lost, sync: sync.unwrap_or_default() }))
}

/// A script's name.
struct ScriptForm;
const SCRIPT: ScriptForm = ScriptForm;

const SCRIPT_ENTRY: Entry = Entry {
    name: "script",
    doc: "The name of a script in Lua 5.4: an entry of `scripts`, or a file in the scenario's folder or \
          below it, read when the scenario is. Scripts it requires are found in the same way. At most \
          1 MiB each and 100 of them.",
    example: "servers:\n  n1: { type: node, script: counter.lua }\nscripts:\n  counter.lua: |\n    \
              function on.add(msg)\n      ctx.state.n = (ctx.state.n or 0) + msg.delta\n      \
              return { type = \"add_ok\" }\n    end",
};

impl Form for ScriptForm {
    type Value = Located<String>;

    fn read(&self, node: &Node, reading: &mut Reading<'_>) -> Option<Located<String>> {
        let Some(name) = node.string() else {
            return reading.expected("the name of a script, such as `app.lua`", node);
        };
        let name = Located::new(name.to_owned(), reading.head(node.span));
        if !name.value.ends_with(".lua") {
            let error = Diagnostic::new("a script's name ends with `.lua`", name.span);
            let file = format!("{}.lua", name.value);
            reading
                .error(error.nearest(&name.value, [file.as_str()]).help("as in `script: app.lua`"));
            return None;
        }
        reading.scripts.push(name.clone());
        Some(name)
    }

    fn shape(&self, book: &mut Book) -> Shape {
        book.plain(SCRIPT_ENTRY, |_| json!({ "type": "string", "pattern": "\\.lua$" }))
    }
}

/// `scripts:`, texts by name.
pub(super) fn inline(f: &mut Fields<'_, '_>) -> Vec<(Located<String>, String)> {
    let doc =
        "Scripts that stand in the file itself, by the names that `script` and `require` use.";
    f.optional("scripts", doc, pairs(Keys::Any, PROSE)).unwrap_or_default()
}

/// Finds the texts of all scripts that the file names, and of those they require.
pub(super) fn gather(
    inline: &[(Located<String>, String)],
    reading: &mut Reading<'_>,
) -> Vec<ScriptText> {
    let mut wanted: Vec<(Located<String>, bool)> =
        std::mem::take(&mut reading.scripts).into_iter().map(|name| (name, false)).collect();
    let mut found: Vec<ScriptText> = Vec::new();
    let mut failed: Vec<String> = Vec::new();
    let mut next = 0;
    while let Some((name, required)) = wanted.get(next).cloned() {
        next += 1;
        let known = |other: &str| other == name.value;
        if found.iter().any(|script| known(&script.name)) || failed.iter().any(|other| known(other))
        {
            continue;
        }
        if found.len() == SCRIPTS_MAX {
            let what = format!("a scenario has at most {SCRIPTS_MAX} scripts");
            reading.error(Diagnostic::new(what, name.span));
            break;
        }
        let Some(text) = text(&name, inline, required, reading) else {
            failed.push(name.value);
            continue;
        };
        for module in required_by(&text) {
            let file = if module.ends_with(".lua") { module } else { format!("{module}.lua") };
            wanted.push((Located::new(file, name.span), true));
        }
        found.push(ScriptText { name: name.value, text, span: name.span });
    }
    for (name, _) in inline {
        let used = found.iter().any(|script| script.name == name.value);
        if !used && !failed.contains(&name.value) && reading.is_sound() {
            let error = Diagnostic::new("no server uses this script", name.span);
            reading.error(error.help("name it with `script:`, or require it in one that is used"));
        }
    }
    found
}

fn text(
    name: &Located<String>,
    inline: &[(Located<String>, String)],
    required: bool,
    reading: &mut Reading<'_>,
) -> Option<String> {
    let own = inline.iter().find(|(own, _)| own.value == name.value).map(|(_, text)| text.clone());
    let given = || reading.given_script(&name.value).map(str::to_owned);
    if let Some(text) = own.or_else(given) {
        if text.len() > SCRIPT_MAX {
            reading.error(Diagnostic::new("a script is at most 1 MiB long", name.span));
            return None;
        }
        return Some(text);
    }
    match script_file(&name.value, SCRIPT_MAX, reading) {
        Ok(text) => Some(text),
        // It may be a piece of the library, or guarded by an `if`: a script that is not there is told when it is
        // required.
        Err(_) if required => None,
        Err((what, help)) => {
            let error = Diagnostic::new(what, name.span);
            let names: Vec<&str> = inline.iter().map(|(own, _)| own.value.as_str()).collect();
            let error = error.nearest(&name.value, names);
            reading.error(match help {
                Some(help) => error.help(help),
                None => error,
            });
            None
        }
    }
}

/// The names that a script requires, as far as they stand there as plain text: `require "log"`.
fn required_by(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines() {
        let code = line.split("--").next().unwrap_or_default();
        for part in code.split("require").skip(1) {
            let part = part.trim_start_matches([' ', '(']);
            let Some(quote) = part.chars().next().filter(|quote| matches!(quote, '"' | '\''))
            else {
                continue;
            };
            if let Some((name, _)) = part[1..].split_once(quote)
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_script_requires_is_found_in_its_text() {
        let text = "local q = require 'quorum' -- require 'no'\nlocal r = require(\"ring\")\nrequire(name)";
        assert_eq!(super::required_by(text), ["quorum", "ring"]);
    }
}
