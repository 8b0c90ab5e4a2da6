//! A governor over one vendor, for the person at the keyboard.

use mcp_govern_core::{
    Actor, Classification, ClientId, Credential, CredentialOwner, CredentialReport, CredentialSharing, Governor,
    GrantId, Grantee, Principal, ProfileId, RequestPreview, Role, ServerId, TenantId, ToolId, ToolName, ToolOutput,
    UserId,
    blueprint::{Blueprint, GrantBlueprint, ServerBlueprint, ToolChoice},
    governor::{CallError, CallRequest, Probe},
};

use crate::{failure::Failure, heads::SmallStores, progress::with_progress, request::Asked, subject::Subject};

/// What every user of this keyboard may do; see the file.
const GOVERNANCE: &str = include_str!("governance.toml");

/// Every class of tools.
const CLASSES: [Classification; 5] = [
    Classification::Read,
    Classification::Write,
    Classification::Destructive,
    Classification::Sensitive,
    Classification::Dangerous,
];

/// Whether the key is put in place, or still in question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WithKey {
    Placed,
    InQuestion,
}

/// A governor over one vendor whose tools are all approved and granted to the person at the keyboard.
#[derive(Debug)]
pub(crate) struct CallSession {
    governor: Governor,
    driver: tokio::task::JoinHandle<()>,
    server: ServerId,
    admin: Actor,
    person: Principal,
}

impl CallSession {
    /// Registers the vendor, discovers and approves its tools, and grants them. Sends nothing to the vendor.
    pub(crate) async fn open(subject: &Subject, key: WithKey) -> Result<Self, Failure> {
        let opened = Governor::builder(TenantId::new("local")?)
            .with_stores(SmallStores::default())
            .with_provider(subject.provider.clone())
            .open()
            .await;
        let (governor, driver) = opened?;
        let call_session = Self {
            governor,
            driver: tokio::spawn(driver.run()),
            server: ServerId::new("vendor")?,
            admin: Actor::new(UserId::new("local", "govern")?, [Role::Owner]),
            person: Principal::new(local_user()?, ClientId::new("local", "govern")?),
        };
        call_session.furnish(subject, key).await?;
        Ok(call_session)
    }

    async fn furnish(&self, subject: &Subject, key: WithKey) -> Result<(), Failure> {
        let mut blueprint: Blueprint =
            toml::from_str(GOVERNANCE).map_err(|error| Failure::Other(format!("governance.toml: {error}")))?;
        let all = CLASSES.map(ToolChoice::Class);
        let row = ServerBlueprint::new(subject.spec.clone()).with_approve(all);
        blueprint.servers.insert(self.server.clone(), row);
        let grant = GrantBlueprint::new(ProfileId::new("everything")?, Grantee::User(self.person.user.clone()));
        blueprint.grants.insert(GrantId::new("keyboard")?, grant);
        self.governor.apply(&self.admin, &blueprint).await?;
        if let Some(credential) = subject.credential.as_ref().filter(|_| key == WithKey::Placed) {
            self.put_credential(subject.spec.sharing, credential.clone()).await?;
        }
        Ok(())
    }

    /// A wrong key is not an error here: the first call says so.
    async fn put_credential(&self, sharing: CredentialSharing, credential: Credential) -> Result<(), Failure> {
        let governor = &self.governor;
        match sharing {
            CredentialSharing::Shared => {
                governor.set_shared_credential(&self.admin, &self.server, credential, Probe::Skip).await?;
            }
            CredentialSharing::PerUser => {
                let own = Actor::new(self.person.user.clone(), []);
                governor.connect(&own, &self.server, credential, Probe::Skip).await?;
            }
        }
        Ok(())
    }

    /// Makes a call.
    pub(crate) async fn call(&self, asked: Asked) -> Result<ToolOutput, CallError> {
        let what = format!("`{}`", asked.tool.escape_debug());
        let request = self.request(asked);
        with_progress(&what, self.governor.call(&self.person, request)).await.map(|success| success.output)
    }

    /// The request that a call would send.
    pub(crate) fn preview(&self, asked: Asked) -> Result<RequestPreview, CallError> {
        self.governor.preview(&self.person, self.request(asked))
    }

    /// Says whether a credential works, whose it is and what it may do.
    pub(crate) async fn probe(&self, subject: &Subject) -> Result<CredentialReport, Failure> {
        let credential = subject.credential.clone();
        let credential =
            credential.ok_or_else(|| Failure::usage("the API takes no key: there is nothing to ask about"))?;
        let (actor, owner) = match subject.spec.sharing {
            CredentialSharing::Shared => (self.admin.clone(), CredentialOwner::Shared),
            CredentialSharing::PerUser => {
                let user = self.person.user.clone();
                (Actor::new(user.clone(), []), CredentialOwner::User(user))
            }
        };
        let asking = self.governor.probe_with(&actor, &self.server, &owner, &credential);
        Ok(with_progress("asking about the key", asking).await?)
    }

    /// Waits until every outcome is on record.
    pub(crate) async fn close(&self) {
        self.governor.close().await;
    }

    /// A name that is none goes in as it is: the governor answers that there is no such tool.
    fn request(&self, asked: Asked) -> CallRequest {
        let request = match ToolName::new(&asked.tool) {
            Ok(name) => CallRequest::new(ToolId::new(self.server.clone(), name)),
            Err(_) => CallRequest::new(asked.tool),
        };
        request.with_arguments(asked.arguments)
    }
}

impl Drop for CallSession {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The person at the keyboard, as the operating system knows them.
fn local_user() -> Result<UserId, Failure> {
    let named = ["USER", "USERNAME"].into_iter().find_map(|variable| std::env::var(variable).ok());
    let user = named.and_then(|name| UserId::new("local", name).ok());
    user.map_or_else(|| Ok(UserId::new("local", "user")?), Ok)
}
