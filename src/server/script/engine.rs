//! A script at work.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::acts::duration;
use super::declared::Declared;
use super::outgoing::{No, Outgoing};
use super::peer::Peer;
use super::timers::Timers;
use super::waits::Waits;
use crate::base::{Diagnostic, NodeId, Rng, Time};
use crate::call::Failure;
use crate::plan::{Plan, protocol_of};
use crate::protocol::{JSON_LINE_MAX, NODE_ERRORS, Protocol, json_line};
use crate::scenario::model::{Pattern, Scripted, Server, ServerKind};
use crate::script::{
    Answer, Datum, Entry, Facts, Host, Limits, Machine, Output, Request, ScriptError, Step,
};
use crate::server::{Context, Site};
use crate::trace::{EventKind, Level};

/// How long a call waits for its answer unless the script says otherwise.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a message's envelope takes at the most, in bytes.
const ENVELOPE_MAX: usize = 1024;

/// The most errors of one script that are told.
const ERRORS_TOLD: u32 = 100;

/// So many entries may happen without time passing; then a little passes, so that messages that take no
/// time and cause each other do not stop the clock.
const AT_ONCE_MAX: u32 = 10_000;

/// Each time that it does not help there may be half as many, down to a limit.
const AT_ONCE_MIN: u32 = 100;

/// How long that is. Each time that it does not help it is twice as long, up to a limit.
const BREATH: Duration = Duration::from_micros(1);
const BREATH_MAX: Duration = Duration::from_millis(1);

/// The data of a server, as its script has it at hand.
pub(in crate::server) trait Data: Send + Sync {
    /// Keeps everybody else from the data while the guard is there. Commands are for that database.
    fn hold(&self, db: usize) -> MutexGuard<'_, ()>;

    /// Executes a command at once.
    ///
    /// # Errors
    /// The error that it replies.
    fn call(&self, words: &[Vec<u8>]) -> Result<Option<Datum>, String>;

    /// Whether the script may have a command of that name.
    ///
    /// # Errors
    /// Why not.
    fn may_declare(&self, name: &str) -> Result<(), String>;
}

/// A script at work. It belongs to its tasks.
pub(in crate::server) struct Engine {
    machine: OnceLock<Machine>,
    itself: Weak<Engine>,
    pub(super) plan: Arc<Plan>,
    pub(super) context: Context,
    pub(super) rng: Mutex<Rng>,
    pub(super) timers: Timers,
    pub(super) waits: Waits,
    /// Tasks, each of which waits to be cancelled.
    pub(super) cancels: Waits,
    /// What is durable as of the last sync, or as the last crash left it.
    pub(super) synced: Mutex<Option<Datum>>,
    unsynced_lost: bool,
    /// How long a sync takes.
    sync: Duration,
    peers: Mutex<BTreeMap<NodeId, Peer>>,
    pub(super) outgoing: Outgoing,
    /// What the script declares while it is loaded.
    pub(super) declared: Mutex<Declared>,
    /// The server's own data, if it has some that scripts may use.
    pub(super) data: Option<Arc<dyn Data>>,
    last_call: AtomicU64,
    errors: AtomicU32,
    breath: Mutex<Breath>,
}

/// How much happens without time passing.
struct Breath {
    /// When the last entry was.
    at: Time,
    /// How many there were at that time.
    entries: u32,
    /// How many there may be.
    entries_max: u32,
    /// How long the next breath is.
    next: Duration,
}

impl Default for Breath {
    fn default() -> Breath {
        Breath { at: Time::default(), entries: 0, entries_max: AT_ONCE_MAX, next: BREATH }
    }
}

impl Breath {
    /// Another entry at `now`: how long it is to wait, if it is.
    fn entry(&mut self, now: Time) -> Option<Duration> {
        if self.at != now {
            *self = if self.entries > self.entries_max {
                let entries_max = (self.entries_max / 2).max(AT_ONCE_MIN);
                Breath { at: now, entries: 0, entries_max, next: (self.next * 2).min(BREATH_MAX) }
            } else {
                Breath { at: now, ..Breath::default() }
            };
        }
        self.entries += 1;
        (self.entries > self.entries_max).then_some(self.next)
    }
}

impl Engine {
    /// Loads the script of a server, if it has one. `data` is what the server holds.
    ///
    /// # Errors
    /// What is wrong with it, at its place.
    pub(in crate::server) fn of(
        site: &Site<'_>,
        data: Option<Arc<dyn Data>>,
    ) -> Result<Option<Arc<Engine>>, Diagnostic> {
        let &Site { server, plan, context, script: kept } = site;
        let Some(scripted) = &server.script else { return Ok(None) };
        let (unsynced_lost, sync) = match &server.kind {
            ServerKind::Node(node) => (node.unsynced_lost, node.sync),
            _ => (false, Duration::ZERO),
        };
        let facts = facts(server, scripted, plan, context)?;
        let engine = Arc::new_cyclic(|itself| Engine {
            machine: OnceLock::new(),
            itself: itself.clone(),
            plan: plan.clone(),
            context: context.clone(),
            rng: Mutex::new(context.rng.fork("script")),
            timers: Timers::default(),
            waits: Waits::default(),
            cancels: Waits::default(),
            synced: Mutex::new(kept.cloned()),
            unsynced_lost,
            sync,
            peers: Mutex::default(),
            outgoing: Outgoing::default(),
            declared: Mutex::new(Declared::of(server)),
            data,
            last_call: AtomicU64::new(0),
            errors: AtomicU32::new(0),
            breath: Mutex::default(),
        });
        let host: Arc<dyn Host> = engine.clone();
        let machine = Machine::new(
            plan.scripts(),
            &scripted.script.value,
            facts,
            Limits { message_bytes: JSON_LINE_MAX - ENVELOPE_MAX, ..Limits::default() },
            kept,
            &Arc::downgrade(&host),
        );
        let machine = machine.map_err(|error| plan.script_error(&error))?;
        let _ = engine.machine.set(machine);
        lock(&engine.declared).close();
        engine.begin();
        Ok(Some(engine))
    }

    /// Takes out the routes that the script declares, in its order.
    pub(in crate::server) fn take_routes(&self) -> Vec<Pattern> {
        std::mem::take(&mut lock(&self.declared).routes)
    }

    /// Takes out the commands that the script declares.
    pub(in crate::server) fn take_commands(&self) -> Vec<(String, Option<usize>)> {
        std::mem::take(&mut lock(&self.declared).commands)
    }

    /// Starts what runs by itself: `on.start`, and the timers.
    fn begin(self: &Arc<Engine>) {
        let engine = self.clone();
        self.context.tasks.spawn_endless(self.context.node, async move {
            let step = engine.enter(Entry::Start);
            engine.finish(step).await;
        });
        let engine = self.clone();
        self.context.tasks.spawn_endless(self.context.node, async move {
            loop {
                let id = engine.timers.next(&engine.context.clock).await;
                engine.breathe().await;
                let step = engine.enter(Entry::Timer(id));
                engine.clone().go_on(step);
            }
        });
    }

    /// Lets time pass if too much has happened without.
    pub(in crate::server) async fn breathe(&self) {
        let now = self.context.clock.run_now();
        let wait = lock(&self.breath).entry(now);
        if let Some(wait) = wait {
            self.context.clock.sleep(wait).await;
        }
    }

    /// Begins a coroutine.
    pub(in crate::server) fn enter(&self, entry: Entry<'_>) -> Step {
        let _held = self.hold(0);
        self.enter_held(entry)
    }

    /// The same for whoever holds the data.
    pub(in crate::server) fn enter_held(&self, entry: Entry<'_>) -> Step {
        match self.machine.get() {
            Some(machine) => machine.enter(entry),
            None => Step::Done(Output::Nothing),
        }
    }

    /// Drives a coroutine to its end in a task of its own, if it is not there yet.
    fn go_on(self: Arc<Engine>, step: Step) {
        match step {
            Step::Done(_) => {}
            Step::Failed(error) => self.report(&error),
            step @ Step::Wait(..) => {
                let (node, tasks) = (self.context.node, self.context.tasks.clone());
                tasks.spawn_endless(node, async move { self.finish(step).await });
            }
        }
    }

    /// Drives a coroutine to its end, and tells its error.
    async fn finish(&self, step: Step) {
        if let Err(error) = self.drive(step).await {
            self.report(&error);
        }
    }

    /// Drives a coroutine to its end.
    ///
    /// # Errors
    /// The error it died of.
    pub(in crate::server) async fn drive(&self, step: Step) -> Result<Output, ScriptError> {
        self.drive_in(step, 0).await
    }

    /// The same for one whose commands are for that database.
    ///
    /// # Errors
    /// The error it died of.
    pub(in crate::server) async fn drive_in(
        &self,
        mut step: Step,
        db: usize,
    ) -> Result<Output, ScriptError> {
        loop {
            match step {
                Step::Done(output) => return Ok(output),
                Step::Failed(error) => return Err(error),
                Step::Wait(running, request) => {
                    let answer = self.perform(request).await;
                    self.breathe().await;
                    let Some(machine) = self.machine.get() else { return Ok(Output::Nothing) };
                    let _held = self.hold(db);
                    step = machine.resume(running, answer);
                }
            }
        }
    }

    async fn perform(&self, request: Request) -> Answer {
        let clock = &self.context.clock;
        match request {
            Request::Sleep { ms } => {
                clock.sleep(duration(ms).max(BREATH)).await;
                Answer::Passed
            }
            Request::Wait { waiter, timeout_ms } => {
                let woken = self.waits.begin(waiter);
                let woken = match timeout_ms {
                    Some(ms) => clock.timeout(duration(ms), woken).await.is_ok(),
                    None => woken.await.is_ok(),
                };
                self.waits.end(waiter);
                Answer::Woken(woken)
            }
            Request::Sync { durable } => {
                if self.context.disk.is_full() {
                    self.context.disk.refused();
                    let text = "there is no space left on the disk".to_owned();
                    return Answer::Failed { kind: "full", text, code: None };
                }
                clock.sleep(self.sync.max(BREATH)).await;
                // A crash before this has kept nothing of it.
                *lock(&self.synced) = Some(durable);
                Answer::Datum(None)
            }
            Request::Call { to, fields, timeout_ms } => self.call(&to, &fields, timeout_ms).await,
            Request::Redis { server, words, timeout_ms } => {
                Box::pin(self.ask_redis(&server, &words, timeout_ms)).await
            }
            Request::Transaction { server, commands, timeout_ms } => {
                Box::pin(self.ask_transaction(&server, &commands, timeout_ms)).await
            }
            Request::Http(request) => Box::pin(self.ask_http(*request)).await,
        }
    }

    async fn call(&self, to: &str, fields: &[u8], timeout_ms: Option<f64>) -> Answer {
        let Some(node) = self.plan.server_named(to) else {
            return No::unreachable(format!("no server is called `{to}`")).into();
        };
        let id = self.last_call.fetch_add(1, Ordering::Relaxed) + 1;
        let line = self.line(to, fields, Some(id));
        let peer = self.peer(node);
        let answer = peer.call(id, line);
        let answer = async { answer.await.map_err(|_| Failure::reset().into()) };
        let answer = self.within(timeout_ms, answer).await;
        peer.forget(id);
        answer
    }

    /// A message to `to` as a line.
    pub(super) fn line(&self, to: &str, fields: &[u8], asks: Option<u64>) -> Vec<u8> {
        let number = asks.map(|id| ("msg_id", id));
        json_line(&self.context.name, to, fields, number)
    }

    /// The way to another node.
    pub(super) fn peer(&self, node: NodeId) -> Peer {
        let mut peers = lock(&self.peers);
        peers.entry(node).or_insert_with(|| Peer::new(node, &self.context)).clone()
    }

    /// Keeps others from the server's data.
    fn hold(&self, db: usize) -> Option<MutexGuard<'_, ()>> {
        self.data.as_ref().map(|data| data.hold(db))
    }

    pub(super) fn itself(&self) -> Option<Arc<Engine>> {
        self.itself.upgrade()
    }

    /// Tells an error of the script.
    pub(in crate::server) fn report(&self, error: &ScriptError) {
        let told = self.errors.fetch_add(1, Ordering::Relaxed);
        if told == ERRORS_TOLD {
            let text = "further errors of this script are not told".to_owned();
            return self.context.log(Level::Warn, text);
        }
        if told > ERRORS_TOLD {
            return;
        }
        let ScriptError { script, line, message } = error.clone();
        let kind = EventKind::Error { node: self.context.node, script, line, text: message };
        self.context.recorder.record(self.context.clock.run_now(), kind);
    }

    /// What a crash leaves.
    pub(in crate::server) fn keep(&self) -> Option<Datum> {
        let synced = lock(&self.synced).clone();
        if self.unsynced_lost {
            return synced;
        }
        match self.machine.get()?.durable() {
            Ok(durable) => Some(durable),
            Err(error) => {
                self.report(&error);
                synced
            }
        }
    }
}

/// What the script is told about the scenario.
fn facts(
    server: &Server,
    scripted: &Scripted,
    plan: &Plan,
    context: &Context,
) -> Result<Facts, Diagnostic> {
    let scope = |name: &str| context.vars.lookup(name);
    let mut env = serde_json::Map::new();
    for (name, value) in &scripted.env {
        env.insert(name.value.clone(), value.resolve(&scope)?);
    }
    let is_node = |server: &&Server| matches!(server.kind, ServerKind::Node(_));
    let nodes = plan.servers.iter().filter(is_node).map(|server| server.name.value.clone());
    let mut speaks = BTreeMap::new();
    for instance in plan.instances.iter() {
        speaks.insert(plan.node_name(instance.node).to_owned(), "client");
    }
    for server in plan.servers.iter() {
        let kind = match protocol_of(&server.kind) {
            Protocol::Json => "node",
            other => other.as_str(),
        };
        speaks.insert(server.name.value.clone(), kind);
    }
    Ok(Facts {
        name: server.name.value.clone(),
        env,
        nodes: nodes.collect(),
        peers: plan.peers(server),
        speaks,
        errors: NODE_ERRORS.iter().map(|error| (error.name.to_owned(), error.code)).collect(),
    })
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many entries fit into each of `moments`, and how long the breath after it is.
    fn breaths(moments: u32) -> Vec<(u32, Duration)> {
        let (mut breath, mut now) = (Breath::default(), Time::ZERO);
        let moment = |_| {
            let mut entries = 0;
            loop {
                match breath.entry(now) {
                    None => entries += 1,
                    Some(wait) => {
                        now = now + wait;
                        return (entries, wait);
                    }
                }
            }
        };
        (0..moments).map(moment).collect()
    }

    #[test]
    fn who_never_lets_time_pass_gets_ever_less_of_it() {
        let breaths = breaths(20);
        let micros = Duration::from_micros;
        assert_eq!(breaths[..3], [(10_000, micros(1)), (5_000, micros(2)), (2_500, micros(4))]);
        assert_eq!(breaths[19], (100, BREATH_MAX));
        let mut calm = Breath::default();
        let times = (0..100_000).map(|n| calm.entry(Time::from_nanos(n / 10_000)));
        assert!(times.into_iter().all(|wait| wait.is_none()), "time passes");
    }
}
