//! Servers that looplab did not write: programs that it starts, and servers that run already.
//!
//! ```text
//! launch: a port -> the program, under guard -> its sign of being ready -> where it listens
//!                     |- its lines: the trace, under its name
//!                     \- its end, if nobody wanted it: told, and the run fails
//! ```
//!
//! What comes to such a server never passes here: the links lead it to where the program listens.

mod failed;
mod port;
mod sign;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

pub use failed::Failed;

use self::port::Port;
use self::sign::Looking;
use super::{Program, Starting};
use crate::base::units::show_duration;
use crate::base::{NodeId, Value};
use crate::exec::{self, Exit, Output, Programs, Spec};
use crate::net::{Clock, Net, holder_of_port};
use crate::scenario::Lookup;
use crate::scenario::model::{ExternalServer, ProcessServer, Sign};
use crate::trace::{EventKind, Level, Recorder};

/// What is called when a program has ended that nobody told to: which one, and how, as a clause.
pub type Deserted = Arc<dyn Fn(NodeId, String) + Send + Sync>;

/// What a program needs of the run that it is a server of.
pub struct Setup {
    /// The server.
    pub node: NodeId,
    /// Its name.
    pub name: Arc<str>,
    /// What the scenario says about it.
    pub server: ProcessServer,
    /// The run's clock.
    pub clock: Clock,
    /// Where its lines go.
    pub recorder: Recorder,
    /// The network on which it is looked for.
    pub net: Net,
    /// What starts it.
    pub programs: Programs,
    /// What its texts may name: variables, and addresses that lead over links of its own.
    pub vars: Arc<dyn Lookup + Send + Sync>,
    /// Told when it ends and nobody wanted that.
    pub deserted: Deserted,
}

/// A program of the user's that is a server.
pub struct Process {
    setup: Setup,
    state: Mutex<State>,
    /// The number of the last start whose end is wanted.
    wanted: Arc<AtomicU64>,
}

#[derive(Default)]
struct State {
    program: Option<exec::Program>,
    /// How often it was started.
    starts: u64,
}

/// A start that has succeeded so far.
struct Started {
    program: exec::Program,
    number: u64,
    looking: Looking,
    last: Arc<Mutex<String>>,
}

impl Process {
    /// The program of `setup`, not started yet.
    #[must_use]
    pub fn new(setup: Setup) -> Process {
        Process { setup, state: Mutex::default(), wanted: Arc::default() }
    }

    /// Starts it and waits until it is ready. Returns where it listens.
    ///
    /// # Errors
    /// [`Failed`]: it cannot be started, ends too early, or is not ready in time; it is gone then.
    pub async fn launch(&self) -> Result<SocketAddr, Failed> {
        let began = self.setup.clock.now();
        let Started { program, number, mut looking, last } = self.start().await?;
        let within = self.setup.server.ready.within;
        let ready = async {
            tokio::select! {
                biased;
                exit = program.exited() => Err(Failed::ended(&self.setup, &program, exit)),
                address = looking.appears() => Ok(address),
            }
        };
        let ready = match self.setup.clock.timeout(within, ready).await {
            Ok(Ok(address)) => self.is_its_own(&program, address).map(|()| address),
            Ok(Err(failed)) => Err(failed),
            Err(_) => Err(Failed::not_ready(&self.setup, &program, &looking)),
        };
        match ready {
            Ok(address) => {
                let took = show_duration(self.setup.clock.now().since(began));
                self.log(Level::Info, format!("ready after {took}: listens at {address}"));
                self.watch(&program, number, last);
                Ok(address)
            }
            Err(failed) => {
                self.wanted.fetch_max(number, Ordering::SeqCst);
                program.kill();
                program.exited().await;
                Err(failed)
            }
        }
    }

    async fn start(&self) -> Result<Started, Failed> {
        // One that was killed may still hold its port.
        let earlier = self.lock().program.clone();
        if let Some(earlier) = earlier {
            let _ = self.setup.clock.timeout(GONE, earlier.exited()).await;
        }
        let Setup { node, server, clock, net, programs, vars, .. } = &self.setup;
        let port = Port::of(server, net).map_err(|what| Failed::port(&self.setup, what))?;
        let handed = port.number();
        let scope = |name: &str| match name {
            "port" => Some(Value::from(handed)),
            name => vars.lookup(name),
        };
        let words = server.run.words(&scope)?;
        let own = server.run.environment(&scope)?;
        let mut env: Vec<(OsString, OsString)> =
            vec![("LOOPLAB".into(), "1".into()), ("PORT".into(), handed.to_string().into())];
        env.extend(own.into_iter().map(|(name, value)| (name.into(), value.into())));
        let spec = Spec {
            guard: PathBuf::new(),
            command: words.iter().map(OsString::from).collect(),
            dir: server.run.folder(),
            env,
            capture: 0,
        };
        let (hear, heard) = oneshot::channel();
        let last = Arc::default();
        let lines = self.lines(hear, Arc::clone(&last));
        // Only now is the port free for the program.
        drop(port);
        let program = programs.start(*node, spec, lines).await;
        let program = program.map_err(|error| Failed::start(&self.setup, &error))?;
        let pid = program.pid().unwrap_or_default();
        self.log(Level::Info, format!("started as process {pid}: {}", shown(&words)));
        let mut state = self.lock();
        state.starts += 1;
        state.program = Some(program.clone());
        let number = state.starts;
        let looking = Looking::new(net, clock, &server.ready.sign, handed, Some(heard));
        Ok(Started { program, number, looking, last })
    }

    /// What takes its lines: they go to the trace, and the sign is looked for in them.
    fn lines(
        &self,
        hear: oneshot::Sender<Option<u16>>,
        last: Arc<Mutex<String>>,
    ) -> impl FnMut(Output, String) + Send + 'static {
        let (recorder, clock, node) =
            (self.setup.recorder.clone(), self.setup.clock.clone(), self.setup.node);
        let mut waiting = match &self.setup.server.ready.sign {
            Sign::Line(line) => Some((line.clone(), hear)),
            Sign::Port | Sign::Http { .. } => None,
        };
        move |output, text| {
            let found = waiting.as_ref().and_then(|(line, _)| sign::found(line, &text));
            if let Some(port) = found
                && let Some((_, hear)) = waiting.take()
            {
                // Who does not listen any more does not want to know.
                let _ = hear.send(port);
            }
            if !text.trim().is_empty() {
                text.clone_into(&mut last.lock().unwrap_or_else(PoisonError::into_inner));
            }
            let level = match output {
                Output::Stdout => Level::Info,
                Output::Stderr => Level::Warn,
            };
            recorder.record(clock.now(), EventKind::Log { node: Some(node), level, text });
        }
    }

    /// Whether it is the program that listens at its port, as far as that can be seen.
    fn is_its_own(&self, program: &exec::Program, address: SocketAddr) -> Result<(), Failed> {
        let Some(holder) = holder_of_port(address.port()) else { return Ok(()) };
        match holder.pid {
            Some(pid) if !program.processes().contains(&pid) => {
                let what = port::taken(address.port(), &holder);
                Err(Failed::port(&self.setup, what))
            }
            _ => Ok(()),
        }
    }

    /// Sees to it that an end that nobody wanted is told.
    fn watch(&self, program: &exec::Program, number: u64, last: Arc<Mutex<String>>) {
        let (ending, wanted) = (program.ending(), self.wanted.clone());
        let (deserted, node) = (self.setup.deserted.clone(), self.setup.node);
        tokio::spawn(async move {
            let exit = ending.await;
            if wanted.load(Ordering::SeqCst) < number {
                let last = last.lock().unwrap_or_else(PoisonError::into_inner).clone();
                deserted(node, how_it_ended(exit, &last));
            }
        });
    }

    /// The program that runs now. Its end is wanted from here on.
    fn dismissed(&self) -> Option<exec::Program> {
        let state = self.lock();
        self.wanted.fetch_max(state.starts, Ordering::SeqCst);
        state.program.clone()
    }

    /// Asks it to end, and kills what is left after the grace that the scenario gives it.
    pub async fn stop(&self) {
        if let Some(program) = self.dismissed() {
            program.stop(self.setup.server.grace).await;
        }
    }

    fn log(&self, level: Level, text: String) {
        let kind = EventKind::Log { node: Some(self.setup.node), level, text };
        self.setup.recorder.record(self.setup.clock.now(), kind);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Program for Process {
    fn start(self: Arc<Self>) -> Starting {
        Box::pin(async move { self.launch().await.map_err(|failed| failed.clause()) })
    }

    fn kill(&self) {
        if let Some(program) = self.dismissed() {
            program.kill();
        }
    }

    fn pause(&self) {
        if let Some(program) = &self.lock().program {
            program.pause();
        }
    }

    fn resume(&self) {
        if let Some(program) = &self.lock().program {
            program.resume();
        }
    }
}

/// Waits until a server that is said to run already can be reached. Returns where.
///
/// # Errors
/// [`Failed`] if it cannot be in time.
pub async fn reach(
    name: &str,
    server: &ExternalServer,
    clock: &Clock,
    net: &Net,
) -> Result<SocketAddr, Failed> {
    let address = server.address.value;
    let mut looking = Looking::at(net, clock, &server.ready.sign, address);
    let found = clock.timeout(server.ready.within, looking.appears()).await;
    found.map_err(|_| Failed::not_reached(name, server, &looking))
}

/// How a program ended, as a clause, with the last line that it wrote.
fn how_it_ended(exit: Exit, last: &str) -> String {
    let mut text = exit.status.to_string();
    if exit.left > 0 {
        text.push_str(", and left processes behind that were killed");
    }
    if !last.is_empty() {
        let last: String = last.trim().chars().take(LAST_CHARS).collect();
        text.push_str(&format!("; its last line: {last}"));
    }
    text
}

/// How long the last start of a program may take to be gone when it is started again.
const GONE: Duration = Duration::from_secs(5);

/// The longest last line, in characters, that is told of a program.
const LAST_CHARS: usize = 200;

/// A command as a shell would take it, about.
fn shown(words: &[String]) -> String {
    let quoted = |word: &String| {
        let plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c == '\'');
        if plain { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let text: Vec<String> = words.iter().map(quoted).collect();
    text.join(" ").chars().take(LAST_CHARS).collect()
}
