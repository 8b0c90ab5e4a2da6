//! Counts the steps of loops, so that a test can hold work to growing as its input does, on a machine of any speed.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Adds steps to those of this thread.
pub fn add(steps: usize) {
    STEPS.with(|all| all.set(all.get().saturating_add(u64::try_from(steps).unwrap_or(u64::MAX))));
}

/// What the work answers, and the steps that it took on this thread.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = STEPS.with(Cell::get);
    let answer = work();
    (answer, STEPS.with(Cell::get) - before)
}

/// Holds work to steps that grow as its input does: twice the input, about twice the steps. `count` does the work for an input of
/// the size that it is given, and answers its steps.
///
/// # Panics
///
/// When the steps grow faster, or when none were counted.
pub fn assert_linear(count: impl Fn(usize) -> u64, size: usize) {
    let (once, twice) = (count(size), count(2 * size));
    assert!(once > 0, "nothing was counted: the loop has no tick, or was not entered");
    assert!(twice <= once * 2 + once / 4 + 64, "{size} took {once} steps and {} took {twice}", 2 * size);
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn work_that_grows_as_its_input_passes_and_work_that_grows_faster_does_not() {
        assert_linear(|n| counted(|| (0..n).for_each(|_| add(1))).1, 100);
        let squared = |n: usize| counted(|| (0..n).for_each(|_| add(n))).1;
        assert!(catch_unwind(|| assert_linear(squared, 100)).is_err());
        assert!(catch_unwind(|| assert_linear(|_| 0, 100)).is_err());
    }
}
