//! Counts the steps of loops over bytes that others chose. Nothing is left of it outside of tests.

/// One turn of a loop whose number of turns depends on what a caller or a vendor sent.
#[inline]
pub(crate) fn tick() {
    ticks(1);
}

/// What goes through so many bytes or values in one call.
#[inline]
pub(crate) fn ticks(turns: usize) {
    #[cfg(test)]
    fuzzing::steps::add(turns);
    #[cfg(not(test))]
    let _ = turns;
}

#[cfg(test)]
pub(crate) use fuzzing::steps::{assert_linear, counted};
