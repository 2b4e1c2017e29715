//! The terminal's keyboard: single keys, and the settings put back on every way out.
//!
//! The settings from before are kept in one place for the whole process. Whoever ends it (the end of a
//! command, a panic, a second Ctrl-C) calls [`restore`], which does nothing if there is nothing to do.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};

/// The settings that are to be put back.
static SAVED: Mutex<Option<Termios>> = Mutex::new(None);

/// Single keys are read as long as this is there.
pub(super) struct Keys {
    /// What was typed ahead.
    typed: Vec<u8>,
}

/// What a person presses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Space, enter, `n`, an arrow to the right or down.
    Next,
    /// `c`.
    Continue,
    /// `q`, or the end of the input.
    Quit,
    /// Anything else.
    Other,
}

impl Keys {
    /// Reads single keys, unechoed, from now on. Ctrl-C still is a signal.
    ///
    /// # Errors
    /// If standard input is not a terminal.
    pub(super) fn new() -> io::Result<Keys> {
        let before = tcgetattr(io::stdin())?;
        let mut single = before.clone();
        single.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        single.special_codes[SpecialCodeIndex::VMIN] = 1;
        single.special_codes[SpecialCodeIndex::VTIME] = 0;
        *SAVED.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        tcsetattr(io::stdin(), OptionalActions::Now, &single)?;
        Ok(Keys { typed: Vec::new() })
    }

    /// The next key, if one comes within `patience`.
    ///
    /// # Errors
    /// What the terminal says.
    pub(super) fn next(&mut self, patience: Duration) -> io::Result<Option<Key>> {
        if self.typed.is_empty() {
            let stdin = io::stdin();
            let patience =
                Timespec::try_from(patience).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
            match poll(&mut ready, Some(&patience)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
                Ok(_) => {}
                Err(error) => return Err(error.into()),
            }
            let mut bytes = [0; 64];
            let count = stdin.lock().read(&mut bytes)?;
            self.typed.extend_from_slice(&bytes[..count]);
        }
        let (key, length) = key(&self.typed);
        self.typed.drain(..length);
        Ok(Some(key))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        restore();
    }
}

/// What the first key press among these bytes means, and how many bytes it is; arrows are several.
fn key(bytes: &[u8]) -> (Key, usize) {
    match bytes {
        [] => (Key::Quit, 0),
        [0x1b, b'[' | b'O', b'B' | b'C', ..] => (Key::Next, 3),
        [0x1b, b'[' | b'O', _, ..] => (Key::Other, 3),
        [0x1b] => (Key::Quit, 1),
        [b' ' | b'\n' | b'\r' | b'n' | b'j' | b'l', ..] => (Key::Next, 1),
        [b'c' | b'C', ..] => (Key::Continue, 1),
        [b'q' | b'Q' | 0x04, ..] => (Key::Quit, 1),
        _ => (Key::Other, 1),
    }
}

/// Puts the terminal's settings back, if they were changed.
pub(super) fn restore() {
    // A panic may come while the lock is held by the thread that panics: better not to wait then.
    let Ok(mut saved) = SAVED.try_lock().or_else(|error| match error {
        std::sync::TryLockError::Poisoned(poisoned) => Ok(poisoned.into_inner()),
        std::sync::TryLockError::WouldBlock => Err(()),
    }) else {
        return;
    };
    if let Some(before) = saved.take() {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}

/// Puts the terminal's settings back before a panic is told.
pub(super) fn restore_on_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        let _ = io::stdout().lock().flush();
        tell(panic);
    }));
}

/// Which side of the program is not a terminal, if one is not.
pub(super) fn missing() -> Option<&'static str> {
    if !io::stdin().is_terminal() {
        Some("standard input")
    } else if !io::stdout().is_terminal() {
        Some("standard output")
    } else {
        None
    }
}

/// True if standard output is a terminal.
pub(super) fn is_output() -> bool {
    io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_prompt_says() {
        for (bytes, meant) in [
            (&b" "[..], Key::Next),
            (b"\r", Key::Next),
            (b"\x1b[B", Key::Next),
            (b"c", Key::Continue),
            (b"q", Key::Quit),
            (b"\x1b", Key::Quit),
            (b"", Key::Quit),
            (b"\x1b[A", Key::Other),
            (b"x", Key::Other),
        ] {
            assert_eq!(key(bytes), (meant, bytes.len()), "{bytes:?}");
        }
    }

    #[test]
    fn keys_that_are_typed_ahead_are_not_lost() {
        assert_eq!(key(b"x\r"), (Key::Other, 1));
        assert_eq!(key(b"\x1b[C q"), (Key::Next, 3));
    }
}
