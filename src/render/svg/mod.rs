//! The trace as a picture: a sequence diagram in SVG, by itself, for a slide or a page.
//!
//! ```text
//! events -> Scene (bounded: what is drawn) -> Layout (where) -> paint (SVG)
//! ```
//!
//! Time runs downward, but not to scale: every sending and every arrival has a place of its own, in
//! their true order, so that a message that overtakes another crosses it; the axis says when, and a
//! long time in which nothing happens is marked. Colours are those of connections. A fault is a tint
//! from where it is let loose to where it is over, with a bracket beside it; the lifeline of a node that is
//! down has a gap, that of one that stands still is hatched. The picture follows the reader's preference
//! for light or dark.

mod flight;
mod harm;
mod labels;
mod layout;
mod lives;
mod paint;
mod scene;
mod text;

use std::io::{self, Write};

use crate::trace::{Event, Header};

use layout::Layout;
use scene::Scene;

pub(super) fn write(
    header: &Header,
    events: impl Iterator<Item = Event>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut scene = Scene::new(header);
    events.for_each(|event| scene.add(&event));
    let fold_at = scene.finish();
    let layout = Layout::of(&scene, fold_at);
    out.write_all(paint::picture(&scene, &layout).as_bytes())
}

#[cfg(test)]
mod tests;
