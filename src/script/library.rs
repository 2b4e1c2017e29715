//! The small pieces that ship beside scripts, so that a protocol fits a screen.

/// Names, chunk names (errors in them are told at who called), and texts.
const PIECES: [(&str, &str, &str); 4] = [
    ("retry", "[retry]", include_str!("library/retry.lua")),
    ("quorum", "[quorum]", include_str!("library/quorum.lua")),
    ("ring", "[ring]", include_str!("library/ring.lua")),
    ("lease", "[lease]", include_str!("library/lease.lua")),
];

/// A piece: its chunk's name and its text.
pub(super) fn piece(name: &str) -> Option<(&'static str, &'static str)> {
    PIECES.iter().find(|piece| piece.0 == name).map(|(_, chunk, text)| (*chunk, *text))
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    PIECES.iter().map(|piece| piece.0)
}
