//! What a client leaves to chance: `draw:` and `choose:`.

use super::{Dynamic, Step};
use crate::base::Span;

/// What a variable of `draw:` is drawn from.
#[derive(Debug, Clone, PartialEq)]
pub enum Draw {
    /// `[x, y, z]`, or a `${x}` that holds a list: one of its values, each as likely as the others.
    One(Dynamic),
    /// `{ int: [0, 4] }`: a whole number, both ends included, each as likely as the others.
    Int {
        /// The least.
        min: i64,
        /// The greatest; not less than the least.
        max: i64,
    },
    /// `{ float: [0, 1] }`: a number, the upper end not included.
    Float {
        /// The least.
        min: f64,
        /// More than all.
        max: f64,
    },
    /// `unique`: a whole number that no other draw of the run has returned: 1, 2, 3 and so on, in the
    /// order of the run.
    Unique,
}

/// One of the alternatives of a `choose:`.
#[derive(Debug, Clone)]
pub struct Alternative {
    /// Where it stands.
    pub span: Span,
    /// `weight:`, from 1: how likely it is, beside the weights of the others. Default 1.
    pub weight: u32,
    /// `steps:`.
    pub steps: Vec<Step>,
}
