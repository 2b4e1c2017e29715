//! How long a search may take: counted in steps, so that a verdict is the same on every machine.

/// The most 64-bit words that the states a search remembers take together: 128 MiB.
pub(super) const MEMORY_MAX: usize = 16 * 1024 * 1024;

/// Steps that are left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    pub(super) fn new(steps: u64) -> Budget {
        Budget { left: steps }
    }

    /// Takes one step; false if there is none left.
    #[inline]
    pub(super) fn step(&mut self) -> bool {
        self.take(1)
    }

    /// Takes so many steps; false if there are not so many.
    #[inline]
    pub(super) fn take(&mut self, steps: u64) -> bool {
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.left = 0;
                false
            }
        }
    }

    /// How many are left.
    pub(super) fn left(&self) -> u64 {
        self.left
    }
}
