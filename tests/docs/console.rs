//! Pages with consoles: what stands behind each `$ command` is what the program prints.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test says no")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// A fenced block: its language, and where its text stands in the page.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) start: usize,
    pub(crate) text: String,
}

pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut at, mut open) = (0, false);
    for line in page.split_inclusive('\n') {
        at += line.len();
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                let language = language.trim().to_owned();
                blocks.push(Block { language, start: at, text: String::new() });
            }
            None if open => blocks.last_mut().expect("one is open").text.push_str(line),
            None => {}
        }
    }
    assert!(!open, "a block is never closed");
    blocks
}

/// The texts of the blocks of a language, in order.
pub(crate) fn texts(page: &str, language: &str) -> Vec<String> {
    blocks(page).into_iter().filter(|block| block.language == language).map(|b| b.text).collect()
}

/// What a command prints, run by a shell in `folder` that has `looplab` on its path.
fn printed(command: &str, folder: &Path) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_looplab"));
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.parent().unwrap().display());
    let ran = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .env("PATH", path)
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1")
        .env_remove("COLUMNS")
        .env_remove("LOOPLAB_LOG")
        .env_remove("RUST_LOG")
        .output()
        .expect("there is a shell");
    String::from_utf8(ran.stdout).expect("text")
}

/// A folder such as somebody has who follows the page: the examples, the course and the protocols, and nothing more.
pub(crate) fn workplace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for from in ["docs/examples", "docs/examples/histories", "scenarios", "scenarios/protocols"] {
        copy_files(from, &folder.path().join(from));
    }
    folder
}

/// Copies the files of a folder of the project, without its folders.
pub(crate) fn copy_files(from: &str, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(from);
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A console with what its commands print now.
fn run_console(console: &str, folder: &Path) -> String {
    let mut out = String::new();
    for command in console.lines().filter_map(|line| line.strip_prefix("$ ")) {
        out.push_str(&format!("$ {command}\n"));
        let text = printed(command, folder);
        text.lines().for_each(|line| out.push_str(&format!("{}\n", line.trim_end())));
    }
    out
}

/// A page with its consoles as the program prints them now, and how many it has. Those that need `jq` stay as they
/// are where there is none.
pub(crate) fn anew(page: &str, folder: &Path) -> (String, usize) {
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
    let (mut anew, mut copied, mut consoles) = (String::new(), 0, 0);
    for block in blocks(page).iter().filter(|block| block.language == "console") {
        consoles += 1;
        if block.text.contains("jq ") && !has_jq {
            continue;
        }
        anew.push_str(&page[copied..block.start]);
        anew.push_str(&run_console(&block.text, folder));
        copied = block.start + block.text.len();
    }
    anew.push_str(&page[copied..]);
    (anew, consoles)
}
