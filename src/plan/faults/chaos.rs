//! Chaos: faults at random, drawn before the run.

use std::sync::Arc;
use std::time::Duration;

use super::{Binder, Namer};
use crate::base::Span;
use crate::plan::fault::Fault;
use crate::scenario::model::Chaos;

impl Binder<'_> {
    /// The faults of an entry `chaos:`, with their times.
    pub(super) fn chaos(
        &self,
        _chaos: &Chaos,
        _span: Span,
        _namer: &mut Namer,
    ) -> Vec<(Duration, Arc<Fault>)> {
        Vec::new()
    }
}
