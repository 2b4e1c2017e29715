//! What a script asks for without waiting.

use std::time::Duration;

use serde_json::Value;

use super::engine::{Engine, lock};
use crate::script::{Datum, Entry, Host};
use crate::trace::Level;

/// The most timers of one script.
const TIMERS_MAX: usize = 100_000;

impl Host for Engine {
    fn now_ms(&self) -> f64 {
        let clock = &self.context.clock;
        let (now, origin) = (clock.now().as_nanos(), clock.origin().as_nanos());
        #[expect(clippy::cast_precision_loss, reason = "53 bits of nanoseconds are 104 days")]
        let nanos = if now >= origin { (now - origin) as f64 } else { -((origin - now) as f64) };
        nanos / 1e6
    }

    fn draw(&self) -> u64 {
        lock(&self.rng).next_u64()
    }

    fn log(&self, warn: bool, text: String) {
        self.context.log(if warn { Level::Warn } else { Level::Info }, text);
    }

    fn expose(&self, name: &str, value: Value) {
        self.context.expose(name, value);
    }

    fn send(&self, to: &str, fields: Vec<u8>) {
        let Some(node) = self.plan.server_named(to) else { return };
        let line = self.line(to, &fields, None);
        if !self.peer(node).send(line) {
            let text = format!("a message to {to} is lost: too many wait already");
            self.context.log(Level::Warn, text);
        }
    }

    fn spawn(&self, task: u64) {
        let Some(engine) = self.itself() else { return };
        self.context.tasks.spawn_endless(self.context.node, async move { engine.task(task).await });
    }

    fn cancel(&self, task: u64) {
        self.cancels.wake(task);
    }

    fn arm(&self, timer: u64, after_ms: f64) {
        if self.timers.count() >= TIMERS_MAX {
            let text = format!("a timer is lost: {TIMERS_MAX} are set already");
            return self.context.log(Level::Warn, text);
        }
        self.timers.arm(timer, self.context.clock.now() + duration(after_ms));
    }

    fn disarm(&self, timer: u64) {
        self.timers.disarm(timer);
    }

    fn wake(&self, waiter: u64) {
        self.waits.wake(waiter);
    }

    fn route(&self, pattern: &str) -> Result<(), String> {
        lock(&self.declared).route(pattern)
    }

    fn command(&self, name: &str, words_max: Option<usize>) -> Result<(), String> {
        if let Some(data) = &self.data {
            data.may_declare(name)?;
        }
        lock(&self.declared).command(name, words_max)
    }

    fn redis(&self, words: Vec<Vec<u8>>) -> Result<Option<Datum>, String> {
        match &self.data {
            Some(data) => data.call(&words),
            None => Err("redis.call is for the script of a redis server; \
                         another server's data are asked for with `ctx.NAME:get(key)`"
                .into()),
        }
    }
}

impl Engine {
    /// Runs a task to its end, unless it is cancelled.
    async fn task(self: std::sync::Arc<Engine>, id: u64) {
        let cancelled = self.cancels.begin(id);
        let run = async {
            self.breathe().await;
            let step = self.enter(Entry::Task(id));
            if let Err(error) = self.drive(step).await {
                self.report(&error);
                let died = self.enter(Entry::Died { task: id, text: &error.to_string() });
                let _ = self.drive(died).await;
            }
        };
        tokio::select! {
            biased;
            _ = cancelled => {}
            () = run => {}
        }
        self.cancels.end(id);
    }
}

/// Milliseconds as a script gives them.
pub(super) fn duration(ms: f64) -> Duration {
    Duration::try_from_secs_f64((ms / 1e3).max(0.0)).unwrap_or(Duration::MAX)
}
