use std::{fmt, sync::Arc, time::Duration};

use mcp_govern_core::Clock;

use crate::{
    keys::VaultKeys,
    open::{MissingStore, Plaintext},
};

/// How PostgreSQL stores are opened.
#[derive(Clone)]
pub struct PostgresOptions {
    pub(crate) keys: Option<VaultKeys>,
    pub(crate) missing: MissingStore,
    pub(crate) clock: Option<Arc<dyn Clock>>,
    pub(crate) poll: Duration,
    pub(crate) timeout: Duration,
    pub(crate) connections: u32,
    pub(crate) schema: String,
    pub(crate) plaintext: Plaintext,
}

impl PostgresOptions {
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
            clock: None,
            poll: Duration::from_millis(500),
            timeout: Duration::from_secs(5),
            connections: 8,
            schema: "mcp_govern".to_owned(),
            plaintext: Plaintext::default(),
        }
    }

    /// With another clock for one-time values and leases: for tests and simulations. By default the clock of the database,
    /// which is the same for every node.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// With another answer to a store that is not there; it is made by default.
    #[must_use]
    pub fn with_missing(mut self, missing: MissingStore) -> Self {
        self.missing = missing;
        self
    }

    /// With another interval at which the commits of other nodes are looked for, and the own rules confirmed to be current;
    /// 500 ms by default. It is the net behind the database's notifications, which wake readers at once.
    #[must_use]
    pub fn with_poll(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// With another time that one operation may take, the wait for a connection or a lock included; 5 s by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// With another number of connections; 8 by default, at least 1. One more listens.
    #[must_use]
    pub fn with_connections(mut self, connections: u32) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// With another schema of the database for the tables; `mcp_govern` by default. It is made when it is not there. 1 to 63
    /// characters of a-z, 0-9 and `_`, starting with a letter; anything else is refused when the stores are opened.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// With another answer to a URL that may send everything unencrypted over a network; it is refused by default.
    #[must_use]
    pub fn with_plaintext(mut self, plaintext: Plaintext) -> Self {
        self.plaintext = plaintext;
        self
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, missing, clock, poll, timeout, connections, schema, plaintext } = self;
        f.debug_struct("PostgresOptions")
            .field("keys", keys)
            .field("missing", missing)
            .field("clock", clock)
            .field("poll", poll)
            .field("timeout", timeout)
            .field("connections", connections)
            .field("schema", schema)
            .field("plaintext", plaintext)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_node_decides_is_looked_for_at_least_twice_a_second() {
        assert!(PostgresOptions::without_keys().poll <= Duration::from_millis(500));
    }
}
