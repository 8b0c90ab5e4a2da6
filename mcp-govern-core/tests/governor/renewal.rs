//! Renewing credentials at an issuer that rotates refresh tokens: by many calls, by many nodes, and where it fails.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_core::{
    Actor, Credential, CredentialFacts, CredentialOwner, CredentialSharing, DenialCode, ProviderError,
    ProviderErrorKind, Remedy, Secret, ServerConfig, ServerId, Timestamp,
    access::Visibility,
    governor::{CredentialRefresher, Probe, Repetition},
    journal::Action,
    ports::{Stores, Vault, VaultEntry},
};
use tokio::sync::Semaphore;

use super::{
    vendor::{Turn, Vendor},
    world::{START, World, code, key, principal, server, spec, tenant, user},
};

const HOUR: Duration = Duration::from_secs(3600);

/// An issuer that hands out `access-1` with `refresh-1`, `access-2` with `refresh-2` and so on, and takes each refresh token once.
#[derive(Debug)]
struct Issuer {
    spent: Mutex<Vec<String>>,
    fails: Mutex<Option<ProviderErrorKind>>,
    number: AtomicUsize,
    /// Whether an attempt stops after its token was spent, until `go`.
    holds: AtomicBool,
    arrived: Semaphore,
    go: Semaphore,
    waited: AtomicUsize,
    seconds: u64,
    revoked: Mutex<Vec<String>>,
}

/// An issuer as one node speaks to it: attempts of a node that has stopped are not run on.
#[derive(Debug, Clone)]
struct Client(Arc<Issuer>);

impl Issuer {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            spent: Mutex::default(),
            fails: Mutex::default(),
            number: AtomicUsize::new(1),
            holds: AtomicBool::new(false),
            arrived: Semaphore::new(0),
            go: Semaphore::new(0),
            waited: AtomicUsize::new(0),
            seconds: HOUR.as_secs(),
            revoked: Mutex::default(),
        })
    }

    fn fails(&self, kind: Option<ProviderErrorKind>) {
        *self.fails.lock().unwrap() = kind;
    }

    fn spent(&self) -> Vec<String> {
        self.spent.lock().unwrap().clone()
    }

    fn tokens(&self, number: usize, now: Timestamp) -> Credential {
        let mut facts = CredentialFacts::new().with_expiry(now.plus(Duration::from_secs(self.seconds)));
        (facts.issued, facts.renewable) = (Some(now), true);
        key(&format!("access-{number}"))
            .with_field("refresh_token", Secret::new(format!("refresh-{number}")))
            .with_facts(facts)
    }
}

#[async_trait]
impl CredentialRefresher for Client {
    async fn refresh(
        &self,
        _: &ServerConfig,
        _: &CredentialOwner,
        current: &Credential,
    ) -> Result<Option<Credential>, ProviderError> {
        let issuer = &self.0;
        let Some(token) = current.field("refresh_token") else { return Ok(None) };
        let fails = *issuer.fails.lock().unwrap();
        if let Some(kind) = fails {
            return Err(ProviderError::new(kind, "the issuer said no"));
        }
        {
            let mut spent = issuer.spent.lock().unwrap();
            assert!(!spent.iter().any(|spent| spent == token.expose()), "a refresh token was spent twice");
            spent.push(token.expose().to_owned());
        }
        if issuer.holds.load(Ordering::SeqCst) {
            issuer.arrived.add_permits(1);
            issuer.go.acquire().await.unwrap().forget();
        }
        let number = issuer.number.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Some(issuer.tokens(number, Timestamp::from_millis(START).plus(HOUR))))
    }

    async fn revoke(&self, server: &ServerId, credential: &Credential) {
        let token = credential.field("refresh_token").unwrap().expose().to_owned();
        self.0.revoked.lock().unwrap().push(format!("{server}: {token}"));
    }

    async fn pause(&self, _: Duration) {
        self.0.waited.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
    }

    fn run(&self, attempt: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(attempt);
    }
}

fn person(name: &str) -> Actor {
    Actor::new(user(name), [])
}

/// A node whose vendor takes per-user credentials with a refresh token, and Ann's account, which ends in an hour.
async fn connected(issuer: &Arc<Issuer>) -> World {
    let given = Arc::new(Client(Arc::clone(issuer)));
    let spec = spec().with_sharing(CredentialSharing::PerUser);
    let world = World::open_with(spec, |builder| builder.with_refresher(given)).await;
    connect(&world, issuer, 1).await;
    world
}

async fn connect(world: &World, issuer: &Issuer, number: usize) {
    let tokens = issuer.tokens(number, Timestamp::from_millis(START));
    world.governor.connect(&person("ann"), &server(), tokens, Probe::Skip).await.unwrap();
}

/// Another node over the same stores, with the same vendor.
async fn another(world: &World, issuer: &Arc<Issuer>) -> World {
    let given = Arc::new(Client(Arc::clone(issuer)));
    World::node(world.stores.clone(), world.vendor.clone(), |builder| builder.with_refresher(given)).await
}

fn keys_seen(vendor: &Vendor) -> Vec<String> {
    vendor.seen().into_iter().filter_map(|seen| seen.key).collect()
}

async fn vault(world: &World) -> Arc<dyn Vault> {
    world.stores.memory.open(&tenant()).await.unwrap().vault
}

async fn in_vault(world: &World) -> VaultEntry {
    let vault = vault(world).await;
    let (kept, _) = vault.list().await.unwrap().remove(0);
    vault.get(&kept).await.unwrap().unwrap()
}

#[tokio::test]
async fn two_nodes_with_the_same_stale_credential_spend_its_refresh_token_once() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    let other = another(&world, &issuer).await;
    world.clock.advance(HOUR);
    other.clock.advance(HOUR);
    issuer.holds.store(true, Ordering::SeqCst);
    let first = world.start("ann", "create_page");
    issuer.arrived.acquire().await.unwrap().forget();
    // The token is spent, and what replaces it is not there yet: the other node waits for it.
    let calls: Vec<_> =
        (0..5).flat_map(|_| [world.start("ann", "create_page"), other.start("ann", "create_page")]).collect();
    while issuer.waited.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    issuer.go.add_permits(1);
    first.await.unwrap().unwrap();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(issuer.spent(), ["refresh-1"]);
    assert!(keys_seen(&world.vendor).iter().all(|key| key == "access-2"));
    assert_eq!(keys_seen(&world.vendor).len(), 11);
}

#[tokio::test]
async fn a_node_that_waits_in_vain_for_another_one_lets_the_call_be_made_again() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    let other = another(&world, &issuer).await;
    world.clock.advance(HOUR);
    other.clock.advance(HOUR);
    issuer.holds.store(true, Ordering::SeqCst);
    let first = world.start("ann", "list_pages");
    issuer.arrived.acquire().await.unwrap().forget();
    let denied = other.call("ann", "list_pages").await.unwrap_err();
    let denial = denied.denial().unwrap();
    assert_eq!((denial.code(), denial.remedy()), (DenialCode::CredentialUnusable, &Remedy::Retry));
    assert!(denial.message().contains("another node is renewing it"), "{denial}");
    issuer.go.add_permits(1);
    first.await.unwrap().unwrap();
    other.call("ann", "list_pages").await.unwrap();
    assert_eq!(issuer.spent(), ["refresh-1"]);
}

#[tokio::test]
async fn what_was_renewed_is_stored_before_it_is_used() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.clock.advance(HOUR);
    world.vendor.will(Turn::WaitBeforeSending);
    let call = world.start("ann", "create_page");
    world.vendor.arrived.acquire().await.unwrap().forget();
    let entry = in_vault(&world).await;
    assert_eq!(entry.credential.field("refresh_token").unwrap().expose(), "refresh-2");
    assert_eq!(entry.credential.field("api_key").unwrap().expose(), "access-2");
    world.vendor.go.add_permits(1);
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_renewed_credential_is_stored_again_where_the_store_fails_for_a_moment() {
    for afterwards in [false, true] {
        let issuer = Issuer::new();
        let world = connected(&issuer).await;
        world.clock.advance(HOUR);
        let faults = world.faults();
        let fails = if afterwards { &faults.puts_fail_afterwards } else { &faults.puts_fail };
        fails.store(if afterwards { 1 } else { 3 }, Ordering::SeqCst);
        world.call("ann", "create_page").await.unwrap();
        assert_eq!(keys_seen(&world.vendor), ["access-2"]);
        let entry = in_vault(&world).await;
        assert_eq!(entry.credential.field("refresh_token").unwrap().expose(), "refresh-2");
        assert_eq!(issuer.spent(), ["refresh-1"]);
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_while_its_credential_is_renewed_loses_no_refresh_token() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.clock.advance(HOUR);
    issuer.holds.store(true, Ordering::SeqCst);
    let call = world.start("ann", "create_page");
    issuer.arrived.acquire().await.unwrap().forget();
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    issuer.go.add_permits(1);
    world.call("ann", "create_page").await.unwrap();
    assert_eq!((issuer.spent(), keys_seen(&world.vendor)), (vec!["refresh-1".to_owned()], vec!["access-2".to_owned()]));
}

#[tokio::test]
async fn a_credential_is_renewed_shortly_before_its_end_and_the_other_calls_do_not_wait_for_that() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.clock.advance(Duration::from_secs(3600 - 121));
    world.call("ann", "create_page").await.unwrap();
    world.clock.advance(Duration::from_secs(2));
    issuer.holds.store(true, Ordering::SeqCst);
    let ahead = world.start("ann", "create_page");
    issuer.arrived.acquire().await.unwrap().forget();
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world.vendor), ["access-1", "access-1"]);
    issuer.go.add_permits(1);
    ahead.await.unwrap().unwrap();
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world.vendor)[2..], ["access-2", "access-2"]);
    assert_eq!(issuer.spent(), ["refresh-1"]);
}

#[tokio::test]
async fn an_issuer_that_is_away_matters_only_once_the_credential_has_ended() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    issuer.fails(Some(ProviderErrorKind::Network));
    world.clock.advance(Duration::from_secs(3600 - 60));
    world.call("ann", "create_page").await.unwrap();
    world.clock.advance(Duration::from_secs(60));
    let denied = world.call("ann", "create_page").await.unwrap_err();
    let denial = denied.denial().unwrap();
    assert_eq!((denial.code(), denial.remedy()), (DenialCode::CredentialUnusable, &Remedy::Retry));
    assert!(denial.message().contains("cannot be renewed now: the issuer said no"), "{denial}");
    // Nothing is on record against the account, and it works once the issuer is back.
    let owner = CredentialOwner::User(user("ann"));
    assert_eq!(world.governor.state().credential(&server(), &owner).unwrap().refused(), None);
    assert!(world.governor.list(&principal("ann")).unwrap().iter().all(|tool| tool.visibility == Visibility::Callable));
    issuer.fails(None);
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world.vendor), ["access-1", "access-2"]);
}

#[tokio::test]
async fn a_wrong_client_secret_is_the_administrators_business_and_no_persons() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    issuer.fails(Some(ProviderErrorKind::Config));
    world.clock.advance(HOUR);
    let denied = world.call("ann", "create_page").await.unwrap_err();
    assert_eq!(*denied.denial().unwrap().remedy(), Remedy::AskAdministrator);
    issuer.fails(None);
    world.call("ann", "create_page").await.unwrap();
}

#[tokio::test]
async fn a_refused_renewal_asks_the_person_to_connect_again_on_every_node_and_says_why() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    let other = another(&world, &issuer).await;
    for node in [&world, &other] {
        node.clock.advance(HOUR);
    }
    issuer.fails(Some(ProviderErrorKind::Unauthorized));
    let denied = world.call("ann", "create_page").await.unwrap_err();
    let denial = denied.denial().unwrap();
    assert_eq!(denial.code(), DenialCode::CredentialUnusable);
    assert_eq!(*denial.remedy(), Remedy::ConnectAccount { server: server(), url: None });
    assert!(denial.message().contains("connected again: the issuer said no"), "{denial}");
    // The token that was refused is not tried again here, whatever the issuer would say.
    issuer.fails(None);
    assert_eq!(code(&world.call("ann", "create_page").await), "credential_unusable");
    assert!(issuer.spent().is_empty());
    let listed = world.governor.list(&principal("ann")).unwrap();
    assert!(listed.iter().all(|tool| tool.visibility == Visibility::NeedsConnection));
    assert!(keys_seen(&world.vendor).is_empty());
    connect(&world, &issuer, 7).await;
    issuer.fails(None);
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(issuer.spent(), ["refresh-7"], "the clock is an hour on, and the new one had ended, too");
}

#[tokio::test]
async fn a_token_that_the_vendor_takes_for_ended_is_renewed_whatever_our_clock_shows() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.vendor.will(Turn::RefuseCredential(0));
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world.vendor), ["access-1", "access-2"]);
    // A clock that is fast renews what would have been good a little longer.
    world.clock.advance(HOUR * 2);
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world.vendor)[2..], ["access-3"]);
    assert_eq!(issuer.spent(), ["refresh-1", "refresh-2"]);
}

#[tokio::test]
async fn a_refused_token_that_cannot_be_renewed_now_is_not_sent_again_and_the_person_is_asked_for_nothing() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.vendor.will(Turn::RefuseCredential(0));
    issuer.fails(Some(ProviderErrorKind::VendorFailure));
    for _ in 0..2 {
        let denied = world.call("ann", "create_page").await.unwrap_err();
        assert_eq!(*denied.denial().unwrap().remedy(), Remedy::Retry);
    }
    assert_eq!(keys_seen(&world.vendor), ["access-1"]);
    issuer.fails(None);
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world.vendor), ["access-1", "access-2"]);
}

#[tokio::test]
async fn a_token_that_ends_in_the_middle_of_a_write_is_renewed_by_the_next_call() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.vendor.will(Turn::RefuseCredential(1));
    let error = world.call("ann", "create_page").await.unwrap_err();
    assert!(error.to_string().contains("look before you call again"), "{error}");
    assert_eq!(error.repetition(), Repetition::Doubtful);
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world.vendor), ["access-1", "access-2"]);
}

#[tokio::test]
async fn an_account_that_is_taken_away_while_it_is_renewed_stays_away() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.clock.advance(HOUR);
    issuer.holds.store(true, Ordering::SeqCst);
    let call = world.start("ann", "create_page");
    issuer.arrived.acquire().await.unwrap().forget();
    world.commit(Action::OffboardUser { user: user("ann") }).await;
    issuer.go.add_permits(1);
    assert_eq!(code(&call.await.unwrap()), "credential_unusable");
    assert!(keys_seen(&world.vendor).is_empty());
    let vault = vault(&world).await;
    for _ in 0..1000 {
        if vault.list().await.unwrap().is_empty() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the vault still holds a credential of a person who has left");
}

#[tokio::test]
async fn an_account_that_is_connected_anew_while_the_old_one_is_renewed_is_the_one_that_is_used() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.clock.advance(HOUR);
    issuer.holds.store(true, Ordering::SeqCst);
    let call = world.start("ann", "create_page");
    issuer.arrived.acquire().await.unwrap().forget();
    world.governor.connect(&person("ann"), &server(), key("the-new-account"), Probe::Skip).await.unwrap();
    issuer.go.add_permits(1);
    call.await.unwrap().unwrap();
    assert_eq!(keys_seen(&world.vendor), ["the-new-account"]);
}

#[tokio::test]
async fn an_account_that_is_taken_away_is_revoked_at_its_issuer() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.governor.disconnect(&person("ann"), &server()).await.unwrap();
    connect(&world, &issuer, 7).await;
    world.commit(Action::OffboardUser { user: user("ann") }).await;
    for _ in 0..1000 {
        if issuer.revoked.lock().unwrap().len() == 2 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(*issuer.revoked.lock().unwrap(), ["acme: refresh-1", "acme: refresh-7"]);
}

#[tokio::test]
async fn no_two_people_share_a_renewal() {
    let issuer = Issuer::new();
    let world = connected(&issuer).await;
    world.commit(super::world::grant("ben", "ben", None)).await;
    let of_ben = issuer.tokens(40, Timestamp::from_millis(START));
    world.governor.connect(&person("ben"), &server(), of_ben, Probe::Skip).await.unwrap();
    world.clock.advance(HOUR);
    let (ann, ben) = (world.start("ann", "create_page"), world.start("ben", "create_page"));
    ann.await.unwrap().unwrap();
    ben.await.unwrap().unwrap();
    let mut spent = issuer.spent();
    spent.sort();
    assert_eq!(spent, ["refresh-1", "refresh-40"]);
    let mut keys = keys_seen(&world.vendor);
    keys.sort();
    assert_eq!(keys, ["access-2", "access-3"]);
}
