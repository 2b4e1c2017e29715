//! Why a program is not there, at its place in the scenario, with what it wrote last.

use super::Setup;
use super::sign::Looking;
use crate::base::Diagnostic;
use crate::base::units::show_duration;
use crate::exec::{self, Exit, StartError};
use crate::net::listening_ports;
use crate::scenario::model::ExternalServer;

/// Why a server that looplab did not write cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    diagnostic: Box<Diagnostic>,
    tail: Vec<String>,
}

impl From<Diagnostic> for Failed {
    fn from(diagnostic: Diagnostic) -> Failed {
        Failed { diagnostic: Box::new(diagnostic), tail: Vec::new() }
    }
}

impl Failed {
    /// The error at its place; its advice holds the last lines of the program.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        if self.tail.is_empty() {
            return self.diagnostic.as_ref().clone();
        }
        let mut help = self.diagnostic.help.clone().unwrap_or_default();
        if !help.is_empty() {
            help.push('\n');
        }
        help.push_str("it wrote last:");
        for line in &self.tail {
            help.push_str("\n  ");
            help.push_str(line);
        }
        self.diagnostic.as_ref().clone().help(help)
    }

    /// The error as a clause, with the last line of the program.
    #[must_use]
    pub fn clause(&self) -> String {
        let Diagnostic { message, label, .. } = self.diagnostic.as_ref();
        let mut text = message.clone();
        if let Some(label) = label {
            text.push_str(&format!(": {label}"));
        }
        if let Some(last) = self.tail.last() {
            text.push_str(&format!("; its last line: {last}"));
        }
        text
    }

    /// There is no port for it.
    pub(super) fn port(setup: &Setup, what: String) -> Failed {
        let server = &setup.server;
        let message = format!("`{}` cannot have its port", setup.name);
        let span = server.listen.map_or(server.run.span, |listen| listen.span);
        let error = Diagnostic::new(message, span).label(what);
        match server.listen {
            Some(_) => error.help("stop that one, or let the program take `${port}`"),
            None => error,
        }
        .into()
    }

    /// It was not started.
    pub(super) fn start(setup: &Setup, error: &StartError) -> Failed {
        let message = format!("`{}` cannot be started", setup.name);
        let diagnostic = Diagnostic::new(message, setup.server.run.span).label(error.to_string());
        match error {
            StartError::NoGuard => diagnostic.help(
                "whoever runs scenarios with programs as a library gives the run's hooks the path of \
                 looplab's own program as `guard`",
            ),
            StartError::Program(error) if error.kind() == std::io::ErrorKind::NotFound => diagnostic
                .help("it is looked for in PATH; a path with a `/` begins in its `dir`"),
            StartError::Program(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                diagnostic.help("`chmod +x` makes a file a program; a script also needs its `#!` line")
            }
            StartError::Guard(error) => diagnostic.help(error.to_string()),
            _ => diagnostic,
        }
        .into()
    }

    /// It has ended before it was ready.
    pub(super) fn ended(setup: &Setup, program: &exec::Program, exit: Exit) -> Failed {
        let message = format!("`{}` {} before it was ready", setup.name, exit.status);
        let error = Diagnostic::new(message, setup.server.run.span);
        let error = match exit.left {
            0 => error,
            left => {
                let left = match left {
                    1 => "one process that it left behind was killed".to_owned(),
                    left => format!("{left} processes that it left behind were killed"),
                };
                error
                    .label("it went into the background")
                    .help(format!("run it in the foreground; {left}"))
            }
        };
        Failed { diagnostic: Box::new(error), tail: program.tail() }
    }

    /// Its sign has not come in time.
    pub(super) fn not_ready(setup: &Setup, program: &exec::Program, looking: &Looking) -> Failed {
        let ready = &setup.server.ready;
        let within = show_duration(ready.within);
        let message = format!("`{}` was not ready within {within}", setup.name);
        let error = Diagnostic::new(message, ready.span).label(looking.missing());
        let listens: Vec<u16> = program.processes().into_iter().flat_map(listening_ports).collect();
        let error = match (listens.as_slice(), looking.port()) {
            ([port, ..], Some(expected)) if !listens.contains(&expected) => error.help(format!(
                "it listens at port {port}, and was told {expected}: give it `${{port}}` or PORT, or \
                 write `listen: {port}`"
            )),
            _ => error,
        };
        Failed { diagnostic: Box::new(error), tail: program.tail() }
    }

    /// A server that is said to run already is not there.
    pub(super) fn not_reached(name: &str, server: &ExternalServer, looking: &Looking) -> Failed {
        let message = format!("`{name}` cannot be reached");
        let error = Diagnostic::new(message, server.address.span).label(looking.missing());
        error.help("an external server runs already: start it first").into()
    }
}
