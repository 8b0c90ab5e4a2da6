//! Renewing credentials: one attempt at a time over all nodes, and what it brings is stored before it is used.
//!
//! An issuer that rotates refresh tokens takes a token that comes twice for a stolen one and ends every connection that follows from it.
//! So two nodes must not spend one token (a lease), a token that was spent must not be forgotten (the attempt runs on where its call is
//! dropped), and what replaces it must be stored before anything else is done.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{core::Core, refresh::CredentialRefresher, servers::OpenServer};
use crate::{
    hash::sha256,
    ports::{LeaseGuard, StoreError, VaultEntry, VaultKey},
    provider::ProviderErrorKind,
    vocabulary::{CredentialFacts, CredentialOwner, Timestamp},
};

/// How long a node has an attempt for itself.
const LEASE: Duration = Duration::from_secs(90);
/// The waits for another node's attempt: half a minute together.
const WAITS: [Duration; 64] = {
    let mut waits = [Duration::from_millis(500); 64];
    waits[0] = Duration::from_millis(50);
    waits[1] = Duration::from_millis(100);
    waits[2] = Duration::from_millis(200);
    waits
};
/// How long before its end a credential is renewed: this, or a tenth of its life, whichever is less.
const AHEAD: Duration = Duration::from_secs(120);
/// How long no attempt is made ahead of the end after one that brought nothing.
const COOL_DOWN: Duration = Duration::from_secs(30);

/// The waits before a renewed credential is stored again where the store failed: within the lease.
const STORE_AGAIN: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(20),
];

/// What became of the wish for a newer credential.
#[derive(Debug, Clone)]
pub(super) enum Renewed {
    /// There is a newer one, and it is stored.
    Fresh(VaultEntry),
    /// It cannot be renewed.
    NotPossible,
    /// The issuer refuses to renew it, for this reason.
    Refused(String),
    /// It cannot be renewed now.
    Unavailable(Obstacle),
}

/// Why a credential cannot be renewed now.
#[derive(Debug, Clone)]
pub(super) struct Obstacle {
    pub(super) kind: ProviderErrorKind,
    pub(super) reason: String,
}

impl From<StoreError> for Obstacle {
    fn from(error: StoreError) -> Self {
        tracing::warn!(%error, "a credential cannot be renewed: the store cannot be read");
        Self { kind: ProviderErrorKind::Internal, reason: "the store does not answer".to_owned() }
    }
}

/// The attempts of this node, and what they taught.
#[derive(Debug, Default)]
pub(crate) struct Renewals {
    flights: Mutex<HashMap<VaultKey, Arc<Flight>>>,
    known: Mutex<HashMap<VaultKey, Known>>,
}

/// One attempt at a time.
#[derive(Debug, Default)]
struct Flight {
    turn: Arc<tokio::sync::Mutex<()>>,
    /// How many attempts brought nothing, and what the last one met.
    failed: AtomicU64,
    last: Mutex<Option<Obstacle>>,
}

/// What this node knows of a credential beyond the journal.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    /// The version that the vendor refused, while it was not known whether it can be renewed.
    stale: u64,
    /// The version that its issuer refused to renew.
    hopeless: u64,
    /// When an attempt ahead of the end brought nothing.
    failed_ahead: Option<Timestamp>,
}

impl Renewals {
    fn flight(&self, key: &VaultKey) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        // A caller that waits holds its flight: one that no caller holds is not needed any more.
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(key.clone()).or_default())
    }

    fn known(&self, key: &VaultKey) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or_default()
    }

    fn note(&self, key: &VaultKey, note: impl FnOnce(&mut Known)) {
        note(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default());
    }

    fn forget(&self, key: &VaultKey) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl Core {
    /// Whether a credential should be renewed although it has not ended.
    pub(super) fn is_due(&self, facts: &CredentialFacts) -> bool {
        let (Some(issued), Some(expires)) = (facts.issued, facts.expires) else { return false };
        self.time.now().plus(AHEAD.min(expires.since(issued) / 10)) >= expires
    }

    /// Whether the vendor refused this version on this node, and it was not known whether it can be renewed.
    pub(super) fn is_stale(&self, key: &VaultKey, version: u64) -> bool {
        version <= self.servers.renewals.known(key).stale
    }

    /// Takes note that the vendor refused a version: it is renewed before anything else is sent.
    pub(super) fn note_stale(&self, key: &VaultKey, version: u64) {
        self.servers.renewals.note(key, |known| known.stale = known.stale.max(version));
    }

    /// A newer credential for one that has not ended, where one call alone can get it without keeping the others waiting; the same one
    /// where it cannot be had now.
    pub(super) async fn renewed_ahead(
        self: &Arc<Self>,
        open: &Arc<OpenServer>,
        owner: &CredentialOwner,
        entry: VaultEntry,
    ) -> Renewed {
        let key = open.vault_key(owner);
        let cools = |failed: Timestamp| self.time.now() < failed.plus(COOL_DOWN);
        if self.servers.renewals.known(&key).failed_ahead.is_some_and(cools)
            || self.servers.renewals.flight(&key).turn.try_lock().is_err()
        {
            return Renewed::Fresh(entry);
        }
        match self.renewed(open, owner, &entry).await {
            Renewed::NotPossible | Renewed::Unavailable(_) => {
                let now = self.time.now();
                self.servers.renewals.note(&key, |known| known.failed_ahead = Some(now));
                Renewed::Fresh(entry)
            }
            renewed => renewed,
        }
    }

    /// A credential in place of one that has ended or that the vendor refused. Of many callers with the same stale credential, on any
    /// number of nodes, one renews it; an attempt that has begun comes to its end also where its caller is dropped.
    ///
    /// INVARIANT: no refresh token is spent twice (`two_nodes_with_the_same_stale_credential_spend_its_refresh_token_once`), and what
    /// was renewed is stored before it is used (`what_was_renewed_is_stored_before_it_is_used`).
    pub(super) async fn renewed(
        self: &Arc<Self>,
        open: &Arc<OpenServer>,
        owner: &CredentialOwner,
        stale: &VaultEntry,
    ) -> Renewed {
        let Some(refresher) = self.servers.refresher.clone() else { return Renewed::NotPossible };
        let (send, renewed) = tokio::sync::oneshot::channel();
        let (core, open, owner, version) = (Arc::clone(self), Arc::clone(open), owner.clone(), stale.version);
        let runs = Arc::clone(&refresher);
        runs.run(Box::pin(async move {
            // No receiver: the call was dropped. What was renewed is stored all the same.
            let _ = send.send(core.renew(&*refresher, &open, &owner, version).await);
        }));
        let ended = || Obstacle { kind: ProviderErrorKind::Cancelled, reason: "the attempt was ended".to_owned() };
        renewed.await.unwrap_or_else(|_| Renewed::Unavailable(ended()))
    }

    async fn renew(
        &self,
        refresher: &dyn CredentialRefresher,
        open: &OpenServer,
        owner: &CredentialOwner,
        stale: u64,
    ) -> Renewed {
        let key = open.vault_key(owner);
        let flight = self.servers.renewals.flight(&key);
        let failed = flight.failed.load(Ordering::Acquire);
        let _alone = flight.turn.lock().await;
        // What failed while this caller waited would fail once more, and as slowly.
        if flight.failed.load(Ordering::Acquire) != failed {
            let last = flight.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(obstacle) = last {
                return Renewed::Unavailable(obstacle);
            }
        }
        let renewed = match self.renew_alone(refresher, open, owner, stale).await {
            Ok(renewed) => renewed,
            Err(obstacle) => Renewed::Unavailable(obstacle),
        };
        match &renewed {
            Renewed::Fresh(_) => self.servers.renewals.forget(&key),
            Renewed::Unavailable(obstacle) => {
                *flight.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(obstacle.clone());
                flight.failed.fetch_add(1, Ordering::AcqRel);
            }
            Renewed::NotPossible | Renewed::Refused(_) => {}
        }
        renewed
    }

    async fn renew_alone(
        &self,
        refresher: &dyn CredentialRefresher,
        open: &OpenServer,
        owner: &CredentialOwner,
        stale: u64,
    ) -> Result<Renewed, Obstacle> {
        let (server, key) = (&open.config.server, open.vault_key(owner));
        if let Newer::Done(renewed) = self.newer(open, owner, stale).await? {
            return Ok(renewed);
        }
        // One that was refused once is not asked for again, here, until another credential is in its place.
        if stale <= self.servers.renewals.known(&key).hopeless {
            return Ok(Renewed::NotPossible);
        }
        let name = lease_of(&key);
        let mut lease = self.stores.lease.hold(&name, LEASE).await?;
        for wait in WAITS {
            if lease.is_some() {
                break;
            }
            refresher.pause(wait).await;
            if let Newer::Done(renewed) = self.newer(open, owner, stale).await? {
                return Ok(renewed);
            }
            lease = self.stores.lease.hold(&name, LEASE).await?;
        }
        let Some(lease) = lease else {
            let reason = "another node is renewing it, and has not come to an end".to_owned();
            return Err(Obstacle { kind: ProviderErrorKind::Timeout, reason });
        };
        // The node that held the lease before may have renewed it.
        match self.newer(open, owner, stale).await? {
            Newer::Done(renewed) => Ok(renewed),
            Newer::Still(current) => self.renew_under(&*lease, refresher, open, owner, &current).await.inspect_err(|obstacle| {
                tracing::warn!(%server, kind = %obstacle.kind, reason = obstacle.reason, "a credential could not be renewed");
            }),
        }
    }

    /// Whether another attempt was first.
    async fn newer(&self, open: &OpenServer, owner: &CredentialOwner, stale: u64) -> Result<Newer, Obstacle> {
        Ok(match self.vault_entry(open, owner).await? {
            None => Newer::Done(Renewed::NotPossible),
            Some(entry) if entry.version > stale => Newer::Done(Renewed::Fresh(entry)),
            Some(entry) => Newer::Still(entry),
        })
    }

    /// Under the lease.
    async fn renew_under(
        &self,
        lease: &dyn LeaseGuard,
        refresher: &dyn CredentialRefresher,
        open: &OpenServer,
        owner: &CredentialOwner,
        current: &VaultEntry,
    ) -> Result<Renewed, Obstacle> {
        let (server, key) = (&open.config.server, open.vault_key(owner));
        let fresh = match refresher.refresh(&open.config, owner, &current.credential).await {
            Ok(None) => return Ok(Renewed::NotPossible),
            // It is the same account still. When the one before began and ended says nothing of this one.
            Ok(Some(fresh)) => {
                let before = CredentialFacts { issued: None, expires: None, ..current.credential.facts().clone() };
                fresh.with_further_facts(&before)
            }
            Err(error) if error.credential_rejected() => {
                tracing::warn!(%server, reason = error.message(), "a credential is not renewed by its issuer");
                self.servers.renewals.note(&key, |known| known.hopeless = known.hopeless.max(current.version));
                return Ok(Renewed::Refused(error.message().to_owned()));
            }
            Err(error) => return Err(Obstacle { kind: error.kind(), reason: error.message().to_owned() }),
        };
        if !lease.is_held() {
            tracing::warn!(%server, "renewing a credential took longer than its lease");
        }
        // The refresh token before it is spent: what is not stored is lost, and the person would have to connect again.
        let mut stored = self.stores.vault.put(&key, current.version, &fresh).await;
        for wait in STORE_AGAIN {
            match &stored {
                Err(error) if error.version().is_none() => {
                    tracing::warn!(%server, %error, "a renewed credential is not stored yet");
                }
                _ => break,
            }
            refresher.pause(wait).await;
            stored = self.stores.vault.put(&key, current.version, &fresh).await;
        }
        match stored {
            // Taken away meanwhile: what is in the vault is deleted with the rest of the key, and must not be used.
            Ok(_) if self.with_state(|state| state.credential(server, owner).is_none()) => {
                self.stores.vault.delete(&key).await?;
                Ok(Renewed::NotPossible)
            }
            Ok(version) => Ok(Renewed::Fresh(VaultEntry::new(version, fresh))),
            // The person has connected another account, or has disconnected this one.
            Err(error) if error.version().is_some() => {
                Ok(self.vault_entry(open, owner).await?.map_or(Renewed::NotPossible, Renewed::Fresh))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether another attempt was first.
enum Newer {
    Done(Renewed),
    Still(VaultEntry),
}

/// The name of the lease under which a credential is renewed. It names no person.
fn lease_of(key: &VaultKey) -> String {
    use std::fmt::Write as _;

    let owner = match &key.owner {
        CredentialOwner::Shared => String::new(),
        CredentialOwner::User(user) => format!("{}\n{}", user.issuer, user.subject),
    };
    let digest = sha256(format!("{}\n{owner}", key.origin).as_bytes());
    let mut name = format!("refresh/{}/", key.server);
    for byte in digest.iter().take(16) {
        let _ = write!(name, "{byte:02x}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::{ServerId, UserId};

    #[test]
    fn a_lease_belongs_to_one_credential_and_names_no_person() {
        let server = || ServerId::new("acme").unwrap();
        let of = |owner| lease_of(&VaultKey::new(server(), owner, "https://api.acme.test"));
        let person = |subject: &str| of(CredentialOwner::User(UserId::new("local", subject).unwrap()));
        assert_eq!(person("ann"), person("ann"));
        assert_ne!(person("ann"), person("ben"));
        assert_ne!(person("ann"), of(CredentialOwner::Shared));
        assert!(person("ann").starts_with("refresh/acme/") && !person("ann").contains("ann"));
    }
}
