//! How many files the process may have open. Each connection is one, and where none is left, none can be accepted.

/// What vendors, store, log and the program itself need.
const RESERVE: usize = 256;
/// The fewest connections that are served, however low the limit is.
const FEWEST: usize = 16;

/// How many connections can be served under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fit {
    pub(crate) connections: usize,
    /// The limit that there should be; none where it is high enough.
    pub(crate) needed: Option<usize>,
}

impl Fit {
    /// As many of the wanted connections as a limit leaves room for, beside those of the port for operations. Without a limit: all.
    pub(crate) fn new(limit: Option<usize>, wanted: usize, operations: usize) -> Self {
        let others = RESERVE.saturating_add(operations);
        let needed = wanted.saturating_add(others);
        match limit {
            Some(limit) if limit < needed => {
                let connections = limit.saturating_sub(others).max(FEWEST).min(wanted);
                Self { connections, needed: Some(needed) }
            }
            _ => Self { connections: wanted, needed: None },
        }
    }
}

/// Raises the limit of this process (`ulimit -n`) as far as the system lets it; answers the limit from now on, none where there is none.
#[cfg(unix)]
pub(crate) fn raise_limit() -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit on open files could not be raised");
            limit.current
        }
    };
    current.map(|current| usize::try_from(current).unwrap_or(usize::MAX))
}

/// There is no such limit to raise.
#[cfg(not(unix))]
pub(crate) fn raise_limit() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_as_many_as_the_limit_leaves_room_for() {
        let fit = |limit, wanted| Fit::new(limit, wanted, 128);
        assert_eq!(fit(None, 10_000), Fit { connections: 10_000, needed: None });
        assert_eq!(fit(Some(20_000), 10_000), Fit { connections: 10_000, needed: None });
        assert_eq!(fit(Some(1024), 10_000), Fit { connections: 640, needed: Some(10_384) });
        assert_eq!(fit(Some(1024), 640), Fit { connections: 640, needed: None });
        assert_eq!(fit(Some(100), 10_000).connections, FEWEST);
        assert_eq!(fit(Some(100), 3).connections, 3);
    }
}
