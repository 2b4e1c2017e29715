//! A digest of all that happens in a run: 64 bits of FNV-1a over the lines of its trace.
//!
//! Left out is what the same run may say otherwise: the places in the file, which move when somebody adds a
//! comment, and the verdicts, whose words may change. Two runs with the same digest are taken for the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::plan::Plan;
use crate::trace::{Event, EventKind, Observer, write_event};

/// The digest of a run, while it goes on. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Digest {
    state: Arc<Mutex<State>>,
}

struct State {
    hash: u64,
    names: Vec<String>,
    line: Vec<u8>,
}

impl Digest {
    /// The digest of a plan's run, before it.
    #[must_use]
    pub fn new(plan: &Plan) -> Digest {
        let names = plan.nodes.iter().map(|node| node.name.clone()).collect();
        let state = State { hash: 0xcbf2_9ce4_8422_2325, names, line: Vec::new() };
        Digest { state: Arc::new(Mutex::new(state)) }
    }

    /// As it is written: 16 hexadecimal digits.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{:016x}", self.lock().hash)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Digest {
    fn event(&mut self, event: &Event) {
        let mut state = self.lock();
        let State { hash, names, line } = &mut *state;
        line.clear();
        match &event.kind {
            EventKind::Check { .. } | EventKind::End { .. } => return,
            EventKind::Step(_) | EventKind::Fault(_) | EventKind::Load(_) => {
                write_event(&event.without_places(), names, line);
            }
            _ => write_event(event, names, line),
        }
        for byte in line.iter() {
            *hash = (*hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
