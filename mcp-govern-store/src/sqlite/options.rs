use std::{fmt, sync::Arc, time::Duration};

use mcp_govern_core::Clock;

use crate::{clock::SteadyClock, keys::VaultKeys, open::MissingStore};

/// When a file is looked through for damage before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IntegrityCheck {
    /// Always: reads the whole file, about a second for each few hundred megabytes.
    Always,
    /// When the last process that used the file did not end in order (or another process is using it now).
    #[default]
    AfterCrash,
    /// Never: for short commands on a store that another process is using. Damage is found when a damaged page is read.
    Never,
}

/// How a SQLite store is opened.
#[derive(Clone)]
pub struct SqliteOptions {
    pub(crate) keys: Option<VaultKeys>,
    pub(crate) missing: MissingStore,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) poll: Duration,
    pub(crate) timeout: Duration,
    pub(crate) integrity: IntegrityCheck,
    pub(crate) largest: Option<u64>,
    pub(crate) readers: u32,
}

impl SqliteOptions {
    /// The defaults, with the keys that seal credentials.
    pub fn new(keys: VaultKeys) -> Self {
        Self { keys: Some(keys), ..Self::without_keys() }
    }

    /// The defaults, for programs that need no secret: credentials and one-time values can be listed and deleted, not sealed or
    /// opened (`Invalid`, `Unsealable`), and the state is replayed instead of read from a checkpoint.
    pub fn without_keys() -> Self {
        Self {
            keys: None,
            missing: MissingStore::Create,
            clock: SteadyClock::start(),
            poll: Duration::from_millis(100),
            timeout: Duration::from_secs(5),
            integrity: IntegrityCheck::default(),
            largest: None,
            readers: 4,
        }
    }

    /// With another clock for one-time values and leases: for tests and simulations. By default the wall clock of the moment
    /// of opening, and from there on time that only goes forward.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With another answer to a store that is not there; it is made by default.
    #[must_use]
    pub fn with_missing(mut self, missing: MissingStore) -> Self {
        self.missing = missing;
        self
    }

    /// With another interval at which the commits of other processes are looked for; 100 ms by default. Commits of this process
    /// wake their readers at once.
    #[must_use]
    pub fn with_poll(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// With another time that a write waits while another process writes; 5 s by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another moment at which the file is looked through for damage.
    #[must_use]
    pub fn with_integrity_check(mut self, integrity: IntegrityCheck) -> Self {
        self.integrity = integrity;
        self
    }

    /// With a size in bytes that the file does not outgrow: a write beyond it fails as it does on a full disk. No limit by
    /// default.
    #[must_use]
    pub fn with_largest_size(mut self, bytes: u64) -> Self {
        self.largest = Some(bytes);
        self
    }

    /// With another number of connections that read at the same time; 4 by default, at least 1. One connection writes.
    #[must_use]
    pub fn with_readers(mut self, readers: u32) -> Self {
        self.readers = readers.max(1);
        self
    }
}

impl fmt::Debug for SqliteOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, missing, clock, poll, timeout, integrity, largest, readers } = self;
        f.debug_struct("SqliteOptions")
            .field("keys", keys)
            .field("missing", missing)
            .field("clock", clock)
            .field("poll", poll)
            .field("timeout", timeout)
            .field("integrity", integrity)
            .field("largest", largest)
            .field("readers", readers)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_node_decides_is_looked_for_at_least_twice_a_second() {
        assert!(SqliteOptions::without_keys().poll <= Duration::from_millis(500));
    }
}
