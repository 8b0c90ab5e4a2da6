//! What sealing again has done.

/// What sealing again under the current key has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Resealed {
    /// How many credentials were sealed again.
    pub done: u64,
    /// How many are still sealed under another key: another process changed them at the same time, or the keys at hand do not open
    /// them. Run it again; while any is left, no key must be taken away.
    pub left: u64,
}

/// What became of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResealOutcome {
    /// It was sealed under the current key already.
    Current,
    /// It was sealed again, all of it.
    Done,
    /// Some of it is still sealed under another key.
    Left,
}

impl Resealed {
    pub(crate) fn count(&mut self, outcome: ResealOutcome) {
        match outcome {
            ResealOutcome::Current => {}
            ResealOutcome::Done => self.done += 1,
            ResealOutcome::Left => self.left += 1,
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.done += other.done;
        self.left += other.left;
    }
}
