//! Codecs: bytes in, messages out. No I/O, no clock.

pub mod resp;
