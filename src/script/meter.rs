//! What a script has used up since its last wait, and what ends it when that was too much.
//!
//! Lua counts its own instructions. A function of the library that takes longer for more, such as `upper` of a long
//! text, is charged as the instructions that would take as long: about 50 ns each. The same look at what was executed
//! begins to collect garbage once there may be enough of it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mlua::debug::Debug;
use mlua::{HookTriggers, Lua, VmState};

/// Nothing is collected before so many bytes are in use: most runs are over before.
const COLLECTED_FROM: usize = 4 * 1024 * 1024;

/// How often the instructions are looked at.
const COUNTED_AT_ONCE: u32 = 1_000;

/// How far up the stack a script's own line is looked for.
const CALLERS_MAX: usize = 32;

/// How long a script may take on the machine's own clock between two waits: the last resort against what is not
/// charged by its length, such as joining texts of megabytes. What instructions bound ends long before.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is charged: how much is done in the time of one instruction, or how many instructions take as long.
pub(super) mod rate {
    /// Bytes of a text that are looked at one by one.
    pub(in super::super) const LOOKED_AT: usize = 32;
    /// Bytes that are searched for others.
    pub(in super::super) const SEARCHED: usize = 64;
    /// Bytes that are copied.
    pub(in super::super) const COPIED: usize = 256;
    /// Steps of a pattern.
    pub(in super::super) const STEPS: usize = 2;
    /// Bytes of JSON that are written.
    pub(in super::super) const WRITTEN: usize = 8;
    /// Bytes of JSON that are read.
    pub(in super::super) const READ: usize = 2;
    /// Instructions for a part of a table that is looked at from outside of Lua.
    pub(in super::super) const PART: usize = 4;
    /// Instructions for an act on the world, at the least: it is a task, a timer, an event of the trace.
    pub(in super::super) const ACT: usize = 200;
}

/// What has been used up since the last wait.
pub(super) struct Meter {
    instructions_max: u64,
    instructions: AtomicU64,
    /// How often the clock was looked at.
    looks: AtomicU32,
    is_struck: AtomicBool,
    collects: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the clock was looked at first.
    since: Option<Instant>,
    /// Why it is over.
    struck: Option<String>,
    /// It was to be suspended, and went on.
    goes_on: bool,
}

impl Meter {
    pub(super) fn new(instructions_max: u64) -> Meter {
        Meter {
            instructions_max,
            instructions: AtomicU64::new(0),
            looks: AtomicU32::new(0),
            is_struck: AtomicBool::new(false),
            collects: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// From here on everything may be used again.
    pub(super) fn refresh(&self, lua: &Lua) {
        self.instructions.store(0, Ordering::Relaxed);
        self.looks.store(0, Ordering::Relaxed);
        if self.is_struck() {
            self.is_struck.store(false, Ordering::Relaxed);
            *self.lock() = State::default();
        }
        self.collect(lua);
    }

    /// Counts instructions, in every coroutine.
    ///
    /// # Errors
    /// There is no memory left.
    pub(super) fn count(self: &Arc<Meter>, lua: &Lua) -> mlua::Result<()> {
        let triggers = HookTriggers::new().every_nth_instruction(COUNTED_AT_ONCE);
        let meter = self.clone();
        lua.set_global_hook(triggers, move |lua, _| meter.executed(lua))
    }

    /// So many instructions were executed as are looked at at once.
    ///
    /// # Errors
    /// They were too many, and nothing can be suspended here.
    fn executed(&self, lua: &Lua) -> mlua::Result<VmState> {
        let used = self.add(u64::from(COUNTED_AT_ONCE));
        if used <= self.instructions_max && !self.is_struck() && !self.is_late() {
            self.collect(lua);
            return Ok(VmState::Continue);
        }
        let why = self.strike(lua, used);
        // Suspended and never resumed: nothing can catch it, and nothing of the script is executed any more.
        // Inside of a function in C, such as a comparison of `sort`, only an error leads out.
        let mut state = self.lock();
        state.goes_on = !state.goes_on;
        if state.goes_on { Ok(VmState::Yield) } else { Err(mlua::Error::RuntimeError(why)) }
    }

    /// What takes as long as so many instructions.
    ///
    /// # Errors
    /// It was too much.
    pub(super) fn charge(&self, lua: &Lua, instructions: usize) -> mlua::Result<()> {
        let used = self.add(u64::try_from(instructions).unwrap_or(u64::MAX));
        if used <= self.instructions_max {
            return Ok(());
        }
        Err(mlua::Error::RuntimeError(self.strike(lua, used)))
    }

    /// True once it was too much.
    pub(super) fn is_struck(&self) -> bool {
        self.is_struck.load(Ordering::Relaxed)
    }

    /// Why it is over, if it is.
    pub(super) fn struck(&self) -> Option<String> {
        if self.is_struck() { self.lock().struck.clone() } else { None }
    }

    fn add(&self, instructions: u64) -> u64 {
        let add = |used: u64| Some(used.saturating_add(instructions));
        let before = self.instructions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        before.unwrap_or_default().saturating_add(instructions)
    }

    /// Whether it takes too long on the machine's clock.
    fn is_late(&self) -> bool {
        // Most have waited again before there is a second look.
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        if looks == 0 {
            return false;
        }
        #[expect(clippy::disallowed_methods, reason = "the last resort, not a source of time")]
        let now = Instant::now();
        let mut state = self.lock();
        if looks == 1 {
            state.since = Some(now);
        }
        state.since.is_some_and(|since| now.duration_since(since) > PATIENCE)
    }

    /// It was too much; says why, at the line where it was found.
    fn strike(&self, lua: &Lua, used: u64) -> String {
        self.is_struck.store(true, Ordering::Relaxed);
        if let Some(why) = &self.lock().struck {
            return why.clone();
        }
        let place = place(lua).unwrap_or_default();
        let why = if used > self.instructions_max {
            let max = self.instructions_max;
            format!("{place}more than {max} instructions without a pause: an endless loop?")
        } else {
            format!("{place}more than {} seconds without a pause", PATIENCE.as_secs())
        };
        self.lock().struck = Some(why.clone());
        why
    }

    /// Begins to collect what is no longer needed, if there may be enough of it.
    fn collect(&self, lua: &Lua) {
        if !self.collects.load(Ordering::Relaxed) && lua.used_memory() > COLLECTED_FROM {
            self.collects.store(true, Ordering::Relaxed);
            lua.gc_restart();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The script's own line that is executed, as an error names it.
fn place(lua: &Lua) -> Option<String> {
    (0..CALLERS_MAX).find_map(|level| {
        let place = |debug: &Debug<'_>| {
            let (script, line) = (debug.source().short_src?, debug.current_line()?);
            (!script.starts_with('[')).then(|| format!("{script}:{line}: "))
        };
        lua.inspect_stack(level, place).flatten()
    })
}
