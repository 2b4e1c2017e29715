//! What a script declares while it is loaded: routes of an http server, commands of a redis server.

use crate::scenario::model::{Pattern, Server, ServerKind};

/// The most routes and the most commands of one script.
const DECLARED_MAX: usize = 1_000;

/// The longest name of a command, in bytes.
const COMMAND_BYTES_MAX: usize = 64;

/// What a script declares.
pub(super) struct Declared {
    /// The server's type.
    kind: &'static str,
    /// In the order of the script.
    pub(super) routes: Vec<Pattern>,
    /// In capitals, and how many words each takes at most after its name.
    pub(super) commands: Vec<(String, Option<usize>)>,
    /// The script is loaded.
    closed: bool,
}

impl Declared {
    /// Nothing yet.
    pub(super) fn of(server: &Server) -> Declared {
        let kind = match &server.kind {
            ServerKind::Http(_) => "http",
            ServerKind::Redis(_) => "redis",
            _ => "node",
        };
        Declared { kind, routes: Vec::new(), commands: Vec::new(), closed: false }
    }

    /// From here on nothing more can be declared.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    fn admit(&self, what: &str, kind: &str, count: usize) -> Result<(), String> {
        if self.kind != kind {
            let own = match self.kind {
                "node" => "answers messages: `function on.read(msg) ... end`",
                "http" => "answers requests: `route(\"GET /items\", function(req) ... end)`",
                _ => "answers commands: `command(\"NAME\", function(...) ... end)`",
            };
            return Err(format!("{what}s are for `type: {kind}`; a `type: {}` {own}", self.kind));
        }
        if self.closed {
            return Err(format!("a {what} is declared while the script is loaded, not later"));
        }
        if count == DECLARED_MAX {
            return Err(format!("a script has at most {DECLARED_MAX} {what}s"));
        }
        Ok(())
    }

    /// A route.
    pub(super) fn route(&mut self, pattern: &str) -> Result<(), String> {
        self.admit("route", "http", self.routes.len())?;
        let parsed = Pattern::parse(pattern)?;
        let same =
            |other: &Pattern| other.method == parsed.method && other.segments == parsed.segments;
        if self.routes.iter().any(same) {
            return Err(format!("the route `{pattern}` is declared twice"));
        }
        self.routes.push(parsed);
        Ok(())
    }

    /// A command.
    pub(super) fn command(&mut self, name: &str, words_max: Option<usize>) -> Result<(), String> {
        self.admit("command", "redis", self.commands.len())?;
        if name.len() > COMMAND_BYTES_MAX || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            let limit = COMMAND_BYTES_MAX;
            return Err(format!("a command's name is one word of at most {limit} letters"));
        }
        if self.commands.iter().any(|(other, _)| other == name) {
            return Err(format!("the command `{name}` is declared twice"));
        }
        self.commands.push((name.to_owned(), words_max));
        Ok(())
    }
}
