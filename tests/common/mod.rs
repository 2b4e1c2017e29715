//! What several tests share: shipped scenarios, runs through the library, golden files.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use looplab::check::Checker;
use looplab::plan::{Overrides, Plan};
use looplab::scenario::model::World;
use looplab::trace::{Collector, Event, Outcome, Recorder, Writer};
use looplab::{run, trace};

/// A run through the library.
pub(crate) struct Ran {
    /// The trace as the file would have it.
    pub(crate) trace: String,
    /// The same, as events.
    pub(crate) events: Vec<Event>,
    pub(crate) outcome: Outcome,
    pub(crate) plan: Arc<Plan>,
}

/// The files of a folder of the project with an extension, by name.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).expect("it is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    paths.sort();
    assert!(!paths.is_empty(), "{} has no .{extension}", folder.display());
    paths
}

/// The scenarios that are shipped, by name of their file.
pub(crate) fn scenarios() -> Vec<PathBuf> {
    let paths = files("scenarios", "yaml");
    assert!(paths.len() >= 8, "the scenarios are there");
    paths
}

pub(crate) fn plan(path: &Path, world: World, seed: u64) -> Arc<Plan> {
    let overrides = Overrides { clock: Some(world), seed: Some(seed), ..Overrides::default() };
    Arc::new(Plan::read(path, overrides).unwrap_or_else(|error| panic!("{error}")))
}

/// A plan from a text.
pub(crate) fn plan_of(text: &str, world: World, seed: u64) -> Arc<Plan> {
    let overrides = Overrides { clock: Some(world), seed: Some(seed), ..Overrides::default() };
    let plan = Plan::parse("test.yaml", text.as_bytes(), None, overrides);
    Arc::new(plan.unwrap_or_else(|errors| panic!("{errors}")))
}

pub(crate) fn run_plan(plan: Arc<Plan>) -> Ran {
    let (sink, collector, checker) = (Sink::default(), Collector::new(), Checker::new(&plan));
    let writer = Writer::new(&run::header(&plan), sink.clone());
    let recorder = Recorder::new(vec![
        Box::new(writer),
        Box::new(collector.clone()),
        Box::new(checker.clone()),
    ]);
    let ended = run::run(&plan, &recorder, run::Hooks::default()).expect("the machine agrees");
    let outcome = checker.conclude(&plan, ended.at, &recorder, ended.failure);
    recorder.flush();
    Ran { trace: sink.text(), events: collector.take(), outcome, plan }
}

pub(crate) fn run_file(path: &Path, world: World, seed: u64) -> Ran {
    run_plan(plan(path, world, seed))
}

pub(crate) fn run_text(text: &str, world: World, seed: u64) -> Ran {
    run_plan(plan_of(text, world, seed))
}

/// Why a run was not as it should be, for a test's message.
pub(crate) fn complaint(ran: &Ran) -> String {
    let mut out = String::new();
    for event in &ran.events {
        match &event.kind {
            trace::EventKind::Step(step) if step.verdict() != Outcome::Ok => {
                out.push_str(&format!("{}: {:?} {:?}\n", step.summary, step.error, step.failures));
            }
            trace::EventKind::Check { check, outcome, text, .. } if *outcome != Outcome::Ok => {
                out.push_str(&format!("{check}: {text}\n"));
            }
            trace::EventKind::Crash { text, .. } => out.push_str(&format!("crash: {text}\n")),
            trace::EventKind::End { text, .. } => out.push_str(text),
            _ => {}
        }
    }
    out
}

/// A writer into memory.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer has panicked").clone())
            .expect("traces are text")
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer has panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Compares with a golden file; `LOOPLAB_UPDATE=1` rewrites it, but never in CI.
pub(crate) fn golden(path: &Path, actual: &str) {
    let update = std::env::var_os("LOOPLAB_UPDATE").is_some_and(|value| value == "1");
    if update && std::env::var_os("CI").is_none() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        std::fs::write(path, actual).expect("writable");
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    let differs = expected
        .lines()
        .zip(actual.lines())
        .position(|(a, b)| a != b)
        .unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
    panic!(
        "{} differs from line {}:\n  expected {}\n  actual   {}\n(LOOPLAB_UPDATE=1 cargo test rewrites it; read the difference)",
        path.display(),
        differs + 1,
        expected.lines().nth(differs).unwrap_or("<nothing>"),
        actual.lines().nth(differs).unwrap_or("<nothing>"),
    );
}
