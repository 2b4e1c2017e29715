//! A client that is a program of the user's: run to its end, and judged by that.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::reply::{Content, ErrorKind, OpError, Ran, Reply};
use super::runner::Runner;
use crate::base::Diagnostic;
use crate::base::units::show_duration;
use crate::call::{Failure, FailureKind};
use crate::exec::{Output, Program, Spec, Status};
use crate::scenario::model::Invocation;
use crate::trace::{EventKind, Level};

/// How long a program may run if the scenario does not say.
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// The most of each output that a step's expectations see, in bytes.
pub(super) const OUTPUT_MAX: usize = 1024 * 1024;

/// The time between SIGTERM and SIGKILL for a program that takes too long.
const GRACE: Duration = Duration::from_secs(2);

/// The most lines of what it wrote last that are told of a failure.
const LINES_TOLD: usize = 5;

/// Kills a program that nobody waits for any more.
struct Waited(Program);

impl Drop for Waited {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Runner<'_> {
    /// Runs a program to its end, for at most `limit`.
    pub(super) async fn program(
        &mut self,
        run: &Invocation,
        limit: Duration,
    ) -> Result<Reply, Diagnostic> {
        let words = run.words(&self.scope)?;
        let own = run.environment(&self.scope)?;
        let mut env: Vec<(OsString, OsString)> = vec![("LOOPLAB".into(), "1".into())];
        env.extend(own.into_iter().map(|(name, value)| (name.into(), value.into())));
        let spec = Spec {
            guard: PathBuf::new(),
            command: words.iter().map(OsString::from).collect(),
            dir: run.folder(),
            env,
            capture: OUTPUT_MAX,
        };
        let context = &self.shared.context;
        let (recorder, clock, node) =
            (context.recorder.clone(), context.clock.clone(), context.node);
        let lines = move |output, text| {
            let level = match output {
                Output::Stdout => Level::Info,
                Output::Stderr => Level::Warn,
            };
            recorder.record(clock.now(), EventKind::Log { node: Some(node), level, text });
        };
        let program = match context.programs.start(node, spec, lines).await {
            Ok(program) => Waited(program),
            Err(error) => {
                let error = OpError::new(ErrorKind::Start, error.to_string());
                return Ok(Reply::failed(error));
            }
        };
        let in_time = context.clock.timeout(limit, program.0.exited()).await;
        let exit = match in_time {
            Ok(exit) => exit,
            Err(_) => {
                program.0.stop(GRACE).await;
                let what = format!("it still ran after {}", show_duration(limit));
                let error = Failure::new(FailureKind::Timeout, with_tail(what, &program.0));
                return Ok(Reply { error: Some(error.into()), ..ran(&program.0, None) });
            }
        };
        if exit.left > 0 {
            let left = exit.left;
            self.log(
                Level::Warn,
                format!("processes that it left behind and that were killed: {left}"),
            );
        }
        let error = (exit.status != Status::Code(0)).then(|| {
            OpError::new(ErrorKind::Exit, with_tail(format!("it {}", exit.status), &program.0))
        });
        Ok(Reply { error, ..ran(&program.0, Some(exit.status)) })
    }
}

/// What came of a program, as far as it came.
fn ran(program: &Program, status: Option<Status>) -> Reply {
    let (stdout, stderr) = (program.output(Output::Stdout), program.output(Output::Stderr));
    Reply::of(Content::Program(Box::new(Ran::new(status, stdout, stderr))))
}

/// A clause, and the last lines that a program wrote.
fn with_tail(what: String, program: &Program) -> String {
    let tail = program.tail();
    let tail = &tail[tail.len().saturating_sub(LINES_TOLD)..];
    match tail {
        [] => what,
        lines => format!("{what}; it wrote last: {}", lines.join(" / ")),
    }
}
