//! The allocator of the figures: it counts, and is the system's or the gateway's.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ffi::CStr,
    sync::atomic::{AtomicU8, Ordering},
};

use mimalloc::MiMalloc;

/// A process that finds this in its environment allocates as the gateway does; every other as a program does that says nothing
/// about it: with the system's allocator.
pub const AS_THE_GATEWAY: &str = "FIGURES_AS_THE_GATEWAY";

const NAME: &CStr = c"FIGURES_AS_THE_GATEWAY";

/// One of two allocators, chosen once for the life of the process, counting what each thread asks for. A binary that counts makes
/// it its global allocator.
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// How many allocations `work` makes on this thread. Always 0 where [`Counting`] is not the global allocator.
pub fn counted<T>(work: impl FnOnce() -> T) -> (u64, T) {
    let before = COUNT.get();
    let result = work();
    (COUNT.get() - before, result)
}

fn note() {
    // A thread that is going away no longer counts.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

/// What was chosen: nothing yet, the system's, the gateway's.
static CHOSEN: AtomicU8 = AtomicU8::new(0);
const THE_SYSTEMS: u8 = 1;
const THE_GATEWAYS: u8 = 2;

/// Whether this process allocates as the gateway does. The first allocation decides it, before there is a second thread.
fn as_the_gateway() -> bool {
    match CHOSEN.load(Ordering::Relaxed) {
        0 => choose() == THE_GATEWAYS,
        chosen => chosen == THE_GATEWAYS,
    }
}

#[cold]
#[expect(unsafe_code, reason = "the standard library allocates to read the environment")]
fn choose() -> u8 {
    // SAFETY: the name ends with a zero, and nobody changes the environment before the first allocation.
    let found = unsafe { libc::getenv(NAME.as_ptr()) };
    let chosen = if found.is_null() { THE_SYSTEMS } else { THE_GATEWAYS };
    CHOSEN.store(chosen, Ordering::Relaxed);
    chosen
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its trait; this one hands everything on to another")]
// SAFETY: every call is handed on unchanged to one allocator, the same for the life of the process; counting and choosing neither
// allocate nor unwind.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are handed on.
        unsafe { if as_the_gateway() { MiMalloc.alloc(layout) } else { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are handed on.
        unsafe { if as_the_gateway() { MiMalloc.alloc_zeroed(layout) } else { System.alloc_zeroed(layout) } }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note();
        // SAFETY: the caller's promises are handed on.
        unsafe {
            if as_the_gateway() { MiMalloc.realloc(place, layout, size) } else { System.realloc(place, layout, size) }
        }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on.
        unsafe { if as_the_gateway() { MiMalloc.dealloc(place, layout) } else { System.dealloc(place, layout) } }
    }
}
