//! A node that serves calls on the store, as a gateway does.

use std::future::Future;

use example_vendors::Vendor;
use mcp_govern_core::{
    Actor, AuthMethodId, ClientId, Credential, DenialCode, Governor, Principal, Role, Secret, ServerId, TenantId,
    UserId,
    audit::{AuditKey, ReadableNames},
    governor::{CallLimits, CallRequest, Probe},
    journal::Revision,
    ports::Stores,
};
use mcp_govern_store::{OpenOptions, OpenedStores, VaultKeys};
use serde_json::Value;
use stand_ins::StatuspageStandIn;
use tokio::task::JoinHandle;

use crate::site::{AUDIT_KEY, GOVERNANCE, Site};

pub(crate) struct Node {
    governor: Governor,
    driver: JoinHandle<()>,
    stores: OpenedStores,
}

/// Does what nodes take part in.
pub(crate) fn running<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(work)
}

/// A store that is governed, with a vendor behind its server whose credential is in the vault, and the first node on it.
pub(crate) async fn serving(site: &Site) -> (StatuspageStandIn, Node) {
    let vendor = StatuspageStandIn::start().await;
    let place = format!("auth_method = \"api_key\"\nbase_url = \"{}\"", vendor.base_url());
    site.govern_by(&GOVERNANCE.replace("auth_method = \"api_key\"", &place));
    if site.variable("GOVERN_AUDIT_KEY").is_none() {
        site.write("audit.key", AUDIT_KEY);
    }
    let node = Node::on(site).await;
    let admin = Actor::new(UserId::new("local", "admin").unwrap(), [Role::Owner]);
    let credential =
        Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new(vendor.good_key()));
    let server = ServerId::new("status").unwrap();
    node.governor.set_shared_credential(&admin, &server, credential, Probe::Skip).await.unwrap();
    (vendor, node)
}

/// The keys under which the nodes of a site seal: from the environment, or else beside the file.
pub(crate) fn vault_keys(site: &Site) -> VaultKeys {
    match site.variable("GOVERN_VAULT_KEYS") {
        Some(text) => VaultKeys::from_text(text).unwrap(),
        None => VaultKeys::from_file_or_generate(site.path("vault.keys")).unwrap(),
    }
}

impl Node {
    pub(crate) async fn on(site: &Site) -> Self {
        let options = OpenOptions::new().with_keys(vault_keys(site));
        let stores = mcp_govern_store::open(site.url(), options).await.unwrap();
        let (governor, driver) = Governor::builder(TenantId::new("default").unwrap())
            .with_stores(stores.clone())
            .with_provider(Vendor::Statuspage.provider().unwrap())
            .with_audit_key(AuditKey::from_bytes([0x5a; 32]))
            .with_readable_names(ReadableNames::Omitted)
            .with_call_limits(CallLimits::unbounded())
            .open()
            .await
            .unwrap();
        Self { governor, driver: tokio::spawn(driver.run()), stores }
    }

    /// The code with which a call was denied, if it was.
    pub(crate) async fn call(&self, who: &str) -> Option<DenialCode> {
        let client = ClientId::new("local", "desktop").unwrap();
        let principal = Principal::new(UserId::new("local", who).unwrap(), client);
        match self.governor.call(&principal, CallRequest::new("status_list_pages")).await {
            Ok(_) => None,
            Err(error) => Some(error.code().unwrap_or_else(|| panic!("{error}"))),
        }
    }

    /// A person connects an account of its own.
    pub(crate) async fn connect(&self, who: &str, server: &str, key: &str) {
        let person = Actor::new(UserId::new("local", who).unwrap(), []);
        let credential = Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new(key));
        let server = ServerId::new(server).unwrap();
        self.governor.connect(&person, &server, credential, Probe::Skip).await.unwrap();
    }

    /// How many credentials the vault holds.
    pub(crate) async fn in_vault(&self) -> usize {
        let tenant = self.stores.open(&TenantId::new("default").unwrap()).await.unwrap();
        tenant.vault.list().await.unwrap().len()
    }

    /// Waits until the node goes by what was said here.
    pub(crate) async fn follow(&self, said: &Value) {
        self.governor.reached(Revision(said["revision"].as_u64().unwrap())).await.unwrap();
    }

    pub(crate) async fn end(self) {
        self.governor.close().await;
        self.driver.await.unwrap();
        self.stores.close().await;
    }
}
