//! The architecture, held by a test: who may use whom, and what stands in one place only.
//!
//! The tables below are the rules; `ARCHITECTURE.md` explains them. A breach is reported as
//! `file:line: what`. The scanner is text-based on purpose: it needs no compiler, sees code that is not
//! compiled on this platform, and is itself tested on samples at the end of this file.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Each folder of `src/` and the folders it may use. An import only ever points up this table.
const LAYERS: [(&str, &[&str]); 18] = [
    ("base", &[]),
    ("script", &["base"]),
    ("protocol", &["base"]),
    ("trace", &["base"]),
    ("scenario", &["base"]),
    ("net", &["base"]),
    ("call", &["base", "protocol", "net"]),
    ("exec", &["base", "net"]),
    ("plan", &["base", "script", "scenario", "protocol"]),
    ("link", &["base", "scenario", "plan", "protocol", "trace", "net"]),
    ("server", &["base", "script", "scenario", "plan", "protocol", "trace", "net", "call", "exec"]),
    ("client", &["base", "scenario", "plan", "protocol", "trace", "net", "call", "exec"]),
    (
        "run",
        &[
            "base", "scenario", "plan", "protocol", "trace", "net", "exec", "link", "server",
            "client",
        ],
    ),
    ("check", &["base", "script", "scenario", "plan", "protocol", "trace"]),
    ("explore", &["base", "scenario", "plan", "trace", "net", "run", "check"]),
    ("render", &["base", "scenario", "plan", "protocol", "trace", "check"]),
    ("control", &["base", "scenario", "plan", "protocol", "trace", "net", "link", "run"]),
    (
        "cli",
        &[
            "base", "scenario", "plan", "protocol", "trace", "net", "exec", "link", "server",
            "client", "run", "check", "explore", "render", "control",
        ],
    ),
];

/// Words of code that only some files may have: the word, the files (a trailing `/` is a folder), and
/// why.
const OWNED: [(&str, &[&str], &str); 14] = [
    ("tokio::net", &["net/real/"], "sockets have one owner"),
    ("TcpListener", &["net/real/"], "sockets have one owner"),
    ("TcpStream", &["net/real/"], "sockets have one owner"),
    ("TcpSocket", &["net/real/"], "sockets have one owner"),
    // `precise.rs` is the part of the real clock that waits for less than a millisecond.
    // `meter.rs` ends what would otherwise not end; no run sees its time.
    ("Instant::now", &["net/clock.rs", "net/precise.rs", "script/meter.rs"], "there is one clock"),
    ("SystemTime", &["net/clock.rs"], "there is one clock"),
    ("mlua", &["script/"], "scripts have one sandbox"),
    ("thread::scope", &["explore/workers.rs"], "the threads of a search have one owner"),
    ("UNSPECIFIED", &[], "nothing but loopback is ever bound"),
    ("print!", &["cli/", "main.rs"], "only the command line prints"),
    ("println!", &["cli/", "main.rs"], "only the command line prints"),
    ("eprint!", &["cli/", "main.rs"], "only the command line prints"),
    ("eprintln!", &["cli/", "main.rs"], "only the command line prints"),
    ("dbg!", &[], "it is for the desk"),
];

/// What no text or code of the program may have, not even in a string: addresses beyond loopback.
const NOWHERE: [&str; 2] = ["0.0.0.0", "[::]"];

/// The most lines of a file.
const LINES_MAX: usize = 600;

/// Files that may be longer, and why.
const LONGER: [(&str, usize, &str); 1] = [(
    "scenario/model.rs",
    950,
    "the vocabulary of the language: types and what they mean, no code",
)];

/// One breach of the architecture.
type Breach = String;

#[test]
fn the_code_keeps_to_its_architecture() {
    let files = sources();
    assert!(files.len() > 50, "the sources were not found");
    let breaches: Vec<Breach> =
        files.iter().flat_map(|(path, text)| breaches_of(path, text)).collect();
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

#[test]
fn every_folder_is_a_layer_and_is_explained() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut folders: Vec<&str> = Vec::new();
    let files = sources();
    for path in files.keys() {
        if let Some((folder, _)) = path.split_once('/') {
            folders.push(folder);
        }
    }
    folders.dedup();
    for folder in folders {
        assert!(LAYERS.iter().any(|(name, _)| *name == folder), "src/{folder}/ is in no layer");
        assert!(page.contains(&format!("`{folder}/`")), "ARCHITECTURE.md does not name {folder}/");
    }
}

#[test]
fn the_table_only_points_up() {
    for (n, (layer, uses)) in LAYERS.iter().enumerate() {
        for used in *uses {
            let above = LAYERS[..n].iter().any(|(name, _)| name == used);
            assert!(above, "{layer} may not use {used}, which is not above it");
        }
    }
}

#[test]
fn every_exception_is_still_needed() {
    let files = sources();
    for (path, _, _) in LONGER {
        let text = files.get(path).unwrap_or_else(|| panic!("src/{path} is gone"));
        assert!(text.lines().count() > LINES_MAX, "src/{path} needs no exception any more");
    }
    for (_, owners, _) in OWNED {
        for owner in owners.iter().filter(|owner| owner.starts_with("net/")) {
            assert!(files.keys().any(|path| path.starts_with(owner)), "src/{owner} is gone");
        }
    }
}

// ---- the scanner --------------------------------------------------------------------------

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of `src/`, by their path below it.
fn sources() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("src/ can be listed") {
            let path = entry.expect("src/ can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let below = path.strip_prefix(root().join("src")).expect("it lies in src/");
                let name = below.to_str().expect("its name is text").replace('\\', "/");
                files.insert(name, fs::read_to_string(&path).expect("it is text"));
            }
        }
    }
    files
}

/// All that is wrong with one file; `path` is below `src/`.
fn breaches_of(path: &str, text: &str) -> Vec<Breach> {
    let without_comments = blank(text, false);
    let code = blank(text, true);
    let mut found = Vec::new();
    let mut breach = |at: usize, what: String| {
        let line = text[..at].matches('\n').count() + 1;
        found.push(format!("src/{path}:{line}: {what}"));
    };

    if let Some((folder, _)) = path.split_once('/') {
        let may = LAYERS.iter().find(|(name, _)| *name == folder).map_or(&[][..], |(_, may)| may);
        for (at, used) in layers_used(path, &code) {
            if used != folder && !may.contains(&used) {
                breach(at, format!("`{folder}` may not use `{used}`"));
            }
        }
    }
    for (word, owners, why) in OWNED {
        let owned = owners.iter().any(|owner| match owner.strip_suffix('/') {
            Some(folder) => path.starts_with(folder),
            None => path == *owner,
        });
        if !owned {
            for at in words(&code, word) {
                breach(at, format!("`{word}` has no place here: {why}"));
            }
        }
    }
    for word in NOWHERE {
        for (at, _) in without_comments.match_indices(word) {
            breach(at, format!("`{word}`: nothing but loopback is ever bound"));
        }
    }
    for at in words(&code, "select!") {
        let body = code[at + "select!".len()..].trim_start();
        let is_biased =
            body.strip_prefix('{').is_some_and(|body| body.trim_start().starts_with("biased;"));
        if !is_biased {
            breach(at, "`select!` without `biased;` draws lots outside the seed".into());
        }
    }
    let lines = text.lines().count();
    let max =
        LONGER.iter().find(|(name, _, _)| *name == path).map_or(LINES_MAX, |(_, max, _)| *max);
    if lines > max {
        breach(text.len(), format!("the file has {lines} lines; {max} are allowed"));
    }
    if !text.starts_with("//!") && !is_test(path) {
        breach(0, "the module does not say what it is (`//!`)".into());
    }
    found
}

/// True for a file that holds nothing but tests.
fn is_test(path: &str) -> bool {
    path.ends_with("tests.rs") || path.ends_with("_test.rs") || path.contains("/tests/")
}

/// The places of a word that is not a part of a longer one.
fn words(code: &str, word: &str) -> Vec<usize> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = code.as_bytes();
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| at == 0 || !is_name(bytes[at - 1]))
        .filter(|&at| {
            let last = word.as_bytes()[word.len() - 1];
            !(is_name(last) && bytes.get(at + word.len()).is_some_and(|&next| is_name(next)))
        })
        .collect()
}

/// The layers that a file names, with their places: after `crate::`, after `looplab::`, after as many
/// `super::` as lead out of its folder, and within the braces of any of them.
fn layers_used(path: &str, code: &str) -> Vec<(usize, &'static str)> {
    // `a/mod.rs` is one module below the crate, `a/b.rs` and `a/b/mod.rs` are two. Modules within the
    // file only make it more; a layer's name after so many is taken for the layer.
    let names = path.matches('/').count() + usize::from(!path.ends_with("/mod.rs"));
    let mut found = Vec::new();
    for root in ["crate::", "looplab::"] {
        for at in words(code, root) {
            names_after(code, at + root.len(), &mut found);
        }
    }
    let mut past = 0;
    for at in words(code, "super::") {
        if at < past {
            continue;
        }
        let mut count = 0;
        let mut end = at;
        while code[end..].starts_with("super::") {
            end += "super::".len();
            count += 1;
        }
        past = end;
        if count >= names {
            names_after(code, end, &mut found);
        }
    }
    found.sort_unstable();
    found
}

/// The layer that is named at `at`, or all that are named first in the parts of a brace there.
fn names_after(code: &str, at: usize, found: &mut Vec<(usize, &'static str)>) {
    let rest = &code[at..];
    if !rest.starts_with('{') {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let layer = LAYERS.iter().find(|(name, _)| *name == &rest[..end]);
        found.extend(layer.map(|(name, _)| (at, *name)));
        return;
    }
    let mut depth = 0;
    let mut is_first = false;
    for (offset, c) in rest.char_indices() {
        match c {
            '{' => {
                depth += 1;
                is_first = depth == 1;
            }
            '}' if depth == 1 => return,
            '}' => depth -= 1,
            ',' => is_first = depth == 1,
            c if c.is_whitespace() => {}
            _ if is_first => {
                names_after(code, at + offset, found);
                is_first = false;
            }
            _ => {}
        }
    }
}

/// The text with its comments, and on request its strings, replaced by blanks of the same length.
fn blank(text: &str, strings_too: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, is_kept) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with("/*") {
            (rest.find("*/").map_or(rest.len(), |end| end + 2), false)
        } else if let Some(length) = string(rest, out.chars().next_back()) {
            (length, !strings_too)
        } else {
            (first.len_utf8(), true)
        };
        let (part, after) = rest.split_at(length);
        if is_kept {
            out.push_str(part);
        } else {
            out.extend(part.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    out
}

/// The length of the string or character that `rest` begins with, if it does.
fn string(rest: &str, before: Option<char>) -> Option<usize> {
    let is_name = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !is_name || before == Some('b')) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = hashes + 1;
            return Some(
                1 + raw[body..].find(&close).map_or(raw.len(), |n| body + n + close.len()),
            );
        }
        return None;
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    if quote == '\'' {
        // A lifetime has no closing quote behind its first character.
        let mut chars = rest.char_indices().skip(1);
        let (_, first) = chars.next()?;
        let (at, second) = chars.next()?;
        if first != '\\' {
            return (second == '\'').then_some(at + 1);
        }
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

// ---- the scanner, tested ------------------------------------------------------------------

/// What is wrong with a file of that text, besides a header.
fn wrong(path: &str, text: &str) -> Vec<Breach> {
    breaches_of(path, &format!("//! A module.\n{text}"))
}

#[test]
fn an_import_that_points_down_is_found() {
    for text in [
        "use crate::run::Run;",
        "use crate::{base::Time, run::{self, Run}};",
        "fn f() { crate::run::go() }",
        "use super::run::Run;",
        "use looplab::run;",
    ] {
        let line = "src/check/mod.rs:2: `check` may not use `run`";
        assert_eq!(wrong("check/mod.rs", text), [line], "{text}");
    }
    assert_eq!(
        wrong("server/http/mod.rs", "\nuse super::super::client;"),
        ["src/server/http/mod.rs:3: `server` may not use `client`"]
    );
    assert_eq!(
        wrong("net/virt/core.rs", "use super::super::super::plan::Plan;"),
        ["src/net/virt/core.rs:2: `net` may not use `plan`"]
    );
    assert_eq!(wrong("check/a.rs", "use crate::{\n    base::{Time, net},\n    net,\n};").len(), 1);
}

#[test]
fn an_import_that_points_up_or_stays_is_not() {
    for (path, text) in [
        ("check/mod.rs", "use crate::trace::{Event, run};"),
        ("check/mod.rs", "use super::check::run;"),
        ("check/mod.rs", "use crate::check::run::Judge;"),
        ("check/words.rs", "use super::run::Judge;"),
        ("check/mod.rs", "// crate::run\nlet a = \"crate::run\"; /* crate::net */"),
        ("check/mod.rs", "/// See [`x`](crate::run::x).\nfn f() {}"),
        ("check/mod.rs", "use hypercrate::run; use my_crate::run;"),
        ("main.rs", "use looplab::cli;"),
        ("cli/mod.rs", "use crate::{net, run, render::{self, Format}};"),
    ] {
        assert_eq!(wrong(path, text), Vec::<Breach>::new(), "{path}: {text}");
    }
}

#[test]
fn what_has_one_owner_is_found_elsewhere() {
    for (text, word) in [
        ("let t = std::time::Instant::now();", "Instant::now"),
        ("use std::time::SystemTime;", "SystemTime"),
        ("use tokio::net::UnixStream;", "tokio::net"),
        ("use std::net::TcpStream;", "TcpStream"),
        ("println!(\"x\");", "println!"),
        ("let x = dbg!(1);", "dbg!"),
        ("Ipv4Addr::UNSPECIFIED", "UNSPECIFIED"),
    ] {
        let breaches = wrong("run/mod.rs", text);
        assert_eq!(breaches.len(), 1, "{text}: {breaches:?}");
        assert!(breaches[0].starts_with(&format!("src/run/mod.rs:2: `{word}` ")), "{breaches:?}");
    }
    assert!(wrong("net/real/mod.rs", "use tokio::net::TcpStream;").is_empty());
    assert!(wrong("cli/run.rs", "println!(\"x\");").is_empty());
    assert!(
        wrong("run/mod.rs", "let s = \"println!\"; eprintln_later!(s); writeln!(f)").is_empty()
    );
}

#[test]
fn an_address_beyond_loopback_is_found_even_in_a_string() {
    for text in ["bind(\"0.0.0.0:80\")", "bind(\"[::]:80\")", "bind(r#\"0.0.0.0\"#)"] {
        assert_eq!(wrong("net/real/mod.rs", text).len(), 1, "{text}");
    }
    assert!(wrong("net/real/mod.rs", "// never 0.0.0.0\nbind(\"[::1]:0\")").is_empty());
}

#[test]
fn a_select_that_draws_lots_is_found() {
    assert_eq!(wrong("run/mod.rs", "tokio::select! {\n  a = b => {}\n}").len(), 1);
    assert_eq!(wrong("run/mod.rs", "select! { // biased;\n a = b => {} }").len(), 1);
    assert!(wrong("run/mod.rs", "tokio::select! {\n    biased;\n    a = b => {}\n}").is_empty());
}

#[test]
fn a_file_that_is_too_long_or_says_nothing_of_itself_is_found() {
    assert_eq!(wrong("run/mod.rs", &"\n".repeat(LINES_MAX - 1)), Vec::<Breach>::new());
    assert_eq!(wrong("run/mod.rs", &"\n".repeat(LINES_MAX)).len(), 1);
    assert_eq!(
        breaches_of("run/mod.rs", "use std::fmt;\n"),
        ["src/run/mod.rs:1: the module does not say what it is (`//!`)"]
    );
    assert!(breaches_of("run/tests.rs", "use super::*;\n").is_empty());
}

#[test]
fn strings_characters_and_lifetimes_are_told_apart() {
    let text = r##"let a = 'x'; let b = '\''; let c: &'a str = "q\"uo//te"; let d = r#"ra"w"#; b"x"; '"';"##;
    let code = blank(text, true);
    assert_eq!(code.len(), text.len());
    assert_eq!(
        code.split_whitespace().collect::<Vec<_>>().join(" "),
        "let a = ; let b = ; let c: &'a str = ; let d = ; b ; ;"
    );
    assert_eq!(blank("a /* b\n c */ d // e\nf", true), "a     \n      d     \nf");
}
