//! The way of an arrow.

use super::layout::{Layout, Place};
use super::scene::Arrow;

/// How much of its way a message goes that does not arrive.
const LOST_PART: f64 = 0.78;

/// The way of an arrow.
#[derive(Clone, Copy)]
pub(super) struct Flight {
    pub(super) x1: f64,
    pub(super) y1: f64,
    pub(super) x2: f64,
    pub(super) y2: f64,
    /// Of its head, in degrees, clockwise from the right.
    pub(super) angle: f64,
    pub(super) slope: f64,
    /// How far it goes to the right before it turns back, if it ends where it began; otherwise 0.
    pub(super) bend: f64,
}

impl Flight {
    pub(super) fn of(layout: &Layout, arrow: &Arrow, place: Place) -> Flight {
        let (from, to) = (layout.x(arrow.from), layout.x(arrow.to));
        let (y1, mut y2) = (place.from, place.to);
        if arrow.from == arrow.to {
            y2 = y2.max(y1 + 20.0);
            return Flight { x1: from, y1, x2: from, y2, angle: 180.0, slope: 0.0, bend: 24.0 };
        }
        let (x1, mut x2) = (from, to - (to - from).signum());
        if !arrow.came {
            // It ends on its way, and as flat as it began.
            x2 = from + (to - from) * LOST_PART;
            y2 = y1 + (y2 - y1).min(24.0) * LOST_PART;
        }
        let (dx, dy) = (x2 - x1, y2 - y1);
        let slope = if dx == 0.0 { 0.0 } else { (dy / dx).abs() };
        Flight { x1, y1, x2, y2, angle: libm::atan2(dy, dx).to_degrees(), slope, bend: 0.0 }
    }
}
