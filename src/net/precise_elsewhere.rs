//! Systems without timers that have a descriptor: every pause is tokio's.

use std::task::{Context, Poll};

use tokio::time::Instant;

/// Never there.
#[derive(Clone)]
pub(super) enum Precise {}

/// Never made.
pub(super) enum PreciseSleep {}

impl Precise {
    pub(super) fn start() -> Option<Precise> {
        None
    }

    pub(super) fn until(&self, _at: Instant) -> PreciseSleep {
        match *self {}
    }
}

impl PreciseSleep {
    pub(super) fn poll(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }
}
