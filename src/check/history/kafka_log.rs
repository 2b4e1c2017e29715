//! Later.
use super::case::{Case, Judgement};
pub(super) fn judge(_case: &Case<'_>) -> Judgement { Judgement::unknown("later") }
