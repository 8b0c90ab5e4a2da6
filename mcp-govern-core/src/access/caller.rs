//! A principal, looked up once.

use std::{fmt, sync::Arc};

use super::{holders::HeldGrant, snapshot::Snapshot};
use crate::{
    denial::DenialCode,
    vocabulary::{ClientType, Principal, Timestamp},
};

/// A principal that was looked up in a [`Snapshot`](super::Snapshot), and can be used with that one alone: with another, every
/// tool is denied with `state_stale`. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    pub(super) inner: Arc<Resolved>,
}

pub(super) struct Resolved {
    /// The snapshot that it was looked up in.
    pub(super) snapshot: Arc<Snapshot>,
    /// The first check on source and client that fails.
    pub(super) fault: Option<DenialCode>,
    /// The bit of the client's type; none when it has no type.
    pub(super) type_bit: u8,
    /// Every grant, ordered by profile, then by grant id.
    pub(super) grants: Arc<[HeldGrant]>,
    /// The per-user servers to which the person has connected an account, in order.
    pub(super) connected: Arc<[u32]>,
    pub(super) client_type: Option<ClientType>,
    pub(super) principal: Principal,
}

impl Resolved {
    /// Each profile of which a grant holds at `now`, once.
    pub(super) fn profiles(&self, now: Timestamp) -> impl Iterator<Item = u32> {
        let of_profiles = self.grants.chunk_by(|one, next| one.profile == next.profile);
        of_profiles.filter_map(move |grants| grants.iter().find(|held| held.until.holds(now))).map(|held| held.profile)
    }
}

impl Caller {
    /// The principal.
    pub fn principal(&self) -> &Principal {
        &self.inner.principal
    }

    /// The type of the AI client, where it is set or a rule gives one.
    pub fn client_type(&self) -> Option<ClientType> {
        self.inner.client_type
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("principal", &self.inner.principal)
            .field("client_type", &self.inner.client_type)
            .finish_non_exhaustive()
    }
}
