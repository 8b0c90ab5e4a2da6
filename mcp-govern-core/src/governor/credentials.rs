//! Credentials: put away, probed, found for a call, refreshed.

use super::{
    Committed, GovernError, GovernErrorKind, Governor, commit::JustLoaded, core::Core, keep::driver,
    servers::OpenServer,
};
use crate::{
    journal::{Action, Command, StoredCredential},
    ports::{StoreError, StoreErrorKind, VaultEntry, VaultKey},
    provider::{Credential, CredentialReport, CredentialVerdict, OAuthFlows, ProbeContext},
    vocabulary::{Actor, CommandId, CredentialFacts, CredentialOwner, ServerId, UserId},
};

/// Whether a credential is tried before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// The vendor must accept it.
    Required,
    /// It is taken as it is.
    Skip,
}

/// A credential that counts from now on.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CredentialAccepted {
    /// The commit.
    pub committed: Committed,
    /// The version in the vault.
    pub version: u64,
    /// What is known of it: what was stated with it, and what the probe added to that.
    pub facts: CredentialFacts,
    /// What the probe found; none when it was skipped.
    pub report: Option<CredentialReport>,
}

impl Governor {
    /// Puts a server's shared credential in place, or a new one in place of the old: calls in flight finish with the old one.
    ///
    /// # Errors
    ///
    /// When the actor may not set it, the server takes no such credential, the vendor refuses it
    /// ([`GovernErrorKind::CredentialRejected`]), or another actor set one at the same moment. The old one stays in use then.
    pub async fn set_shared_credential(
        &self,
        actor: &Actor,
        server: &ServerId,
        credential: Credential,
        probe: Probe,
    ) -> Result<CredentialAccepted, GovernError> {
        self.core.put_credential(actor, server, CredentialOwner::Shared, credential, probe).await
    }

    /// Connects the actor's own account with a server whose credentials are per user.
    ///
    /// # Errors
    ///
    /// As [`Governor::set_shared_credential`].
    pub async fn connect(
        &self,
        actor: &Actor,
        server: &ServerId,
        credential: Credential,
        probe: Probe,
    ) -> Result<CredentialAccepted, GovernError> {
        let owner = CredentialOwner::User(actor.user().clone());
        self.core.put_credential(actor, server, owner, credential, probe).await
    }

    /// Takes a credential away, out of the vault too.
    ///
    /// # Errors
    ///
    /// When the actor may not.
    pub async fn remove_credential(
        &self,
        actor: &Actor,
        server: &ServerId,
        owner: CredentialOwner,
    ) -> Result<Committed, GovernError> {
        let action = Action::RemoveCredential { server: server.clone(), owner };
        self.core.commit(actor, &Command::new(CommandId::random()?, action), JustLoaded::Nothing).await
    }

    /// Says whether a credential that is in place works, whose it is and what it may do. An actor who may set it may ask.
    ///
    /// # Errors
    ///
    /// When the actor may not, there is no credential, or the vendor does not answer.
    pub async fn probe(
        &self,
        actor: &Actor,
        server: &ServerId,
        owner: &CredentialOwner,
    ) -> Result<CredentialReport, GovernError> {
        let open = self.core.open_server(server)?;
        self.core.allowed(actor, &self.core.setting(server, owner, &CredentialFacts::new())?)?;
        let entry = self.core.vault_entry(&open, owner).await?.ok_or_else(|| {
            GovernError::new(GovernErrorKind::NotFound, format!("server `{server}` has no such credential"))
        })?;
        let report = self.core.probe(&open, &entry.credential).await?;
        if let (CredentialVerdict::Rejected, CredentialOwner::User(person)) = (report.verdict, owner) {
            self.core.note_refused(server, person, entry.version).await;
        }
        Ok(report)
    }

    /// Says whether a credential works that is not in place. An actor who may set it may ask.
    ///
    /// # Errors
    ///
    /// When the actor may not, the server takes no such credential, or the vendor does not answer.
    pub async fn probe_with(
        &self,
        actor: &Actor,
        server: &ServerId,
        owner: &CredentialOwner,
        credential: &Credential,
    ) -> Result<CredentialReport, GovernError> {
        let open = self.core.open_server(server)?;
        self.core.allowed(actor, &self.core.setting(server, owner, credential.facts())?)?;
        self.core.fits(&open, credential)?;
        self.core.probe(&open, credential).await
    }
}

impl Core {
    /// The secret is put away first, then the commit that points at its version.
    async fn put_credential(
        &self,
        actor: &Actor,
        server: &ServerId,
        owner: CredentialOwner,
        credential: Credential,
        probe: Probe,
    ) -> Result<CredentialAccepted, GovernError> {
        let open = self.open_server(server)?;
        // Nobody's secret replaces another one's before it is known that it may.
        self.allowed(actor, &self.setting(server, &owner, credential.facts())?)?;
        self.fits(&open, &credential)?;
        let (credential, report) = match probe {
            Probe::Skip => (credential, None),
            Probe::Required => {
                let report = self.probe(&open, &credential).await?;
                if report.verdict == CredentialVerdict::Rejected {
                    return Err(rejected(server, &report));
                }
                // INVARIANT: what the sign-in stated stands (`what_a_sign_in_states_stands_and_the_probe_adds_to_it`): the vendor's
                // answer to a probe knows neither when a token ends nor all that was granted.
                (credential.with_further_facts(&report.facts), Some(report))
            }
        };
        let turn = self.servers.vault_turn.lock().await;
        let key = open.vault_key(&owner);
        let before = match self.stores.vault.get(&key).await {
            Ok(entry) => entry.map_or(Before::None, Before::Entry),
            Err(error) if error.kind() == StoreErrorKind::Unsealable => Before::Sealed,
            Err(error) => return Err(error.into()),
        };
        let expected = match &before {
            Before::None => 0,
            Before::Entry(entry) => entry.version,
            Before::Sealed => self.listed_version(&key).await?,
        };
        let version = self.stores.vault.put(&key, expected, &credential).await?;
        let facts = credential.facts().clone();
        let set = Action::SetCredential { server: server.clone(), owner: owner.clone(), version, facts: facts.clone() };
        let committed = match self.commit(actor, &Command::new(CommandId::random()?, set), JustLoaded::Nothing).await {
            Ok(committed) => committed,
            Err(error) => {
                // Where it is not known whether the commit was written, the secret must stay.
                if error.kind() != GovernErrorKind::Unknown {
                    self.restore(&key, version, before).await;
                }
                return Err(error);
            }
        };
        drop(turn);
        if self.open_server(server)?.origin() != open.origin() {
            let action = Action::RemoveCredential { server: server.clone(), owner };
            self.commit(actor, &Command::new(CommandId::random()?, action), JustLoaded::Nothing).await?;
            let message = format!("the base URL of server `{server}` was changed meanwhile: set the credential again");
            return Err(GovernError::new(GovernErrorKind::Conflict, message));
        }
        Ok(CredentialAccepted { committed, version, facts, report })
    }

    /// Puts on record that a vendor refuses a person's own credential: it is not sent again until another one is in its place,
    /// also by other nodes and after a restart. Where that fails the vendor is asked once more with the next call.
    pub(super) async fn note_refused(&self, server: &ServerId, person: &UserId, version: u64) {
        let action = Action::NoteRefusedCredential { server: server.clone(), user: person.clone(), version };
        let noted = async {
            let command = Command::new(CommandId::random()?, action).with_reason("the vendor refuses it");
            self.commit(&driver()?, &command, JustLoaded::Nothing).await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%server, %error, "it could not be put on record that a vendor refuses the credential of a person");
        }
    }

    /// Whether the vendor is known to refuse a credential.
    pub(super) fn is_refused(&self, server: &ServerId, owner: &CredentialOwner, version: u64) -> bool {
        let refused = self.with_state(|state| state.credential(server, owner).and_then(StoredCredential::refused));
        refused.is_some_and(|refused| version <= refused)
    }

    /// Puts back the value that was under the key before a put whose commit was refused.
    async fn restore(&self, key: &VaultKey, version: u64, before: Before) {
        let restored = match before {
            Before::Entry(entry) => self.stores.vault.put(key, version, &entry.credential).await.map(drop),
            Before::None | Before::Sealed => self.stores.vault.delete(key).await,
        };
        if let Err(error) = restored {
            tracing::warn!(server = %key.server, %error, "a secret that does not count could not be taken out of the vault");
        }
    }

    async fn listed_version(&self, key: &VaultKey) -> Result<u64, GovernError> {
        let listed = self.stores.vault.list().await?;
        Ok(listed.into_iter().find(|(other, _)| other == key).map_or(0, |(_, version)| version))
    }

    /// The command that sets a credential, as far as it matters to whether the actor may.
    fn setting(
        &self,
        server: &ServerId,
        owner: &CredentialOwner,
        facts: &CredentialFacts,
    ) -> Result<Command, GovernError> {
        let known = self.with_state(|state| state.credential(server, owner).map_or(0, StoredCredential::version));
        let (server, owner, facts) = (server.clone(), owner.clone(), facts.clone());
        let action = Action::SetCredential { server, owner, version: known.saturating_add(1), facts };
        Ok(Command::new(CommandId::random()?, action))
    }

    /// That the credential is of the server's auth method and holds what that needs.
    fn fits(&self, open: &OpenServer, credential: &Credential) -> Result<(), GovernError> {
        let spec = &open.config.spec;
        let invalid = |message| Err(GovernError::new(GovernErrorKind::Invalid, message));
        if *credential.method() != spec.auth_method {
            let message = format!(
                "server `{}` is authenticated by `{}`, the credential by `{}`",
                open.config.server,
                spec.auth_method,
                credential.method()
            );
            return invalid(message);
        }
        let info = self.servers.providers.get(&spec.provider).map(|provider| provider.info());
        let Some(method) = info.and_then(|info| info.auth_method(&spec.auth_method)) else { return Ok(()) };
        for field in method.fields.iter().filter(|field| field.required) {
            if credential.field(&field.name).is_none_or(crate::vocabulary::Secret::is_empty) {
                return invalid(format!("the credential lacks `{}` ({})", field.name, field.title));
            }
        }
        // What renews a credential is sent to no vendor's API: any auth method may have it.
        let named =
            |name: &str| name == OAuthFlows::REFRESH_TOKEN || method.fields.iter().any(|field| field.name == name);
        let unknown = credential.fields().keys().find(|name| !named(name));
        match unknown {
            Some(name) => invalid(format!("the auth method `{}` has no field `{name}`", method.id)),
            None => Ok(()),
        }
    }

    async fn probe(&self, open: &OpenServer, credential: &Credential) -> Result<CredentialReport, GovernError> {
        // No record speaks of it, since it is no call: the log does.
        tracing::info!(tenant = %self.tenant, server = %open.config.server, "the vendor is asked whether a credential works");
        let cx = ProbeContext::new(credential).with_deadline(std::time::Instant::now() + super::TIMEOUT);
        Ok(open.ready()?.probe(cx).await?)
    }

    /// The credential that counts for a server and owner: the state knows of it, and the vault holds that version or, where a
    /// refresh or a commit that this node has not yet seen was first, a newer one. It is bound to the server's origin.
    pub(crate) async fn vault_entry(
        &self,
        open: &OpenServer,
        owner: &CredentialOwner,
    ) -> Result<Option<VaultEntry>, StoreError> {
        let server = &open.config.server;
        let known = self.with_state(|state| state.credential(server, owner).map(StoredCredential::version));
        let Some(known) = known else { return Ok(None) };
        match self.stores.vault.get(&open.vault_key(owner)).await? {
            Some(entry) if entry.version >= known => Ok(Some(entry)),
            Some(_) | None => Err(StoreError::unsealable(format_args!("the vault holds no version {known} of it"))),
        }
    }
}

/// The value that was under a key before.
enum Before {
    None,
    Entry(VaultEntry),
    /// Something that cannot be opened any more: it is replaced.
    Sealed,
}

fn rejected(server: &ServerId, report: &CredentialReport) -> GovernError {
    let mut message = format!("the vendor refuses the credential for server `{server}`");
    for remark in &report.remarks {
        message.push_str("; ");
        message.push_str(remark);
    }
    GovernError::new(GovernErrorKind::CredentialRejected, message)
}
