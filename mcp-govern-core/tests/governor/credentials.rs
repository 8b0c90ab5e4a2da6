//! Credentials: who may set them, where they may go, when they count, when they are gone.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mcp_govern_core::{
    Actor, Credential, CredentialFacts, CredentialOwner, CredentialSharing, CredentialVerdict, DenialCode, Principal,
    ProviderError, ProviderErrorKind, Remedy, Role, Sent, ServerConfig, Timestamp,
    access::Visibility,
    audit::{AuditRecord, CallResult},
    governor::{ConnectUrls, CredentialRefresher, GovernErrorKind, Governor, GovernorBuilder, Probe, Repetition},
    journal::Action,
    ports::Stores,
};

use super::{
    vendor::Turn,
    world::{DAY, KEY, START, World, code, key, owner, principal, server, spec, tenant, user},
};

async fn per_user(configure: impl FnOnce(GovernorBuilder) -> GovernorBuilder) -> World {
    World::open_with(spec().with_sharing(CredentialSharing::PerUser), configure).await
}

fn person(name: &str) -> Actor {
    Actor::new(user(name), [])
}

fn keys_seen(world: &World) -> Vec<String> {
    world.vendor.seen().into_iter().filter_map(|seen| seen.key).collect()
}

async fn in_vault(world: &World) -> usize {
    world.stores.memory.open(&tenant()).await.unwrap().vault.list().await.unwrap().len()
}

#[derive(Debug)]
struct Page;

impl ConnectUrls for Page {
    fn connect_url(&self, principal: &Principal, server: &ServerConfig) -> Option<String> {
        Some(format!("https://gate.test/connect/{}/{}", server.server, principal.user.subject))
    }
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent_and_the_caller_is_told_what_to_do() {
    let world = per_user(|builder| builder.with_connect_urls(Arc::new(Page))).await;
    let denied = world.call("ann", "list_pages").await;
    assert_eq!(code(&denied), "credential_missing");
    let url = Some("https://gate.test/connect/acme/ann".to_owned());
    assert_eq!(denied.unwrap_err().denial().unwrap().remedy(), &Remedy::ConnectAccount { server: server(), url });
    assert!(world.vendor.seen().is_empty());
    let missing = CallResult::Denied { code: DenialCode::CredentialMissing, sent: Sent::No };
    assert_eq!(world.closed_outcomes().await, [missing]);
}

#[tokio::test]
async fn each_person_calls_with_the_own_account() {
    let world = per_user(|builder| builder).await;
    world.commit(super::world::grant("bea", "bea", None)).await;
    world.governor.connect(&person("ann"), &server(), key("key-of-ann"), Probe::Required).await.unwrap();
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(code(&world.call("bea", "list_pages").await), "credential_missing");
    world.governor.connect(&person("bea"), &server(), key("key-of-bea"), Probe::Required).await.unwrap();
    world.call("bea", "list_pages").await.unwrap();
    assert_eq!(keys_seen(&world), ["key-of-ann", "key-of-bea"]);
    let facts =
        world.governor.state().credential(&server(), &CredentialOwner::User(user("ann"))).unwrap().facts().clone();
    assert_eq!(facts.authorized_as.as_deref(), Some("10@acme.test"));
    // Nobody connects a shared credential here, and nobody another person.
    let shared = world.governor.set_shared_credential(&owner(), &server(), key("x"), Probe::Skip).await;
    assert_eq!(shared.unwrap_err().kind(), GovernErrorKind::NotPossible);
    // Whom a person's account is authorised as stands in the records as a hash.
    world.governor.close().await;
    for record in world.raw_records().await {
        assert!(!String::from_utf8_lossy(&record.bytes).contains("acme.test"));
    }
}

#[tokio::test]
async fn a_credential_that_the_vendor_refuses_is_not_stored_and_the_old_one_counts_on() {
    let world = World::open().await;
    world.vendor.bad_keys.lock().unwrap().push("wrong".into());
    let error =
        world.governor.set_shared_credential(&owner(), &server(), key("wrong"), Probe::Required).await.unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::CredentialRejected);
    assert!(error.to_string().contains("make a new key") && !format!("{error:?}").contains("wrong"));
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(keys_seen(&world), [KEY]);
    let report = world.governor.probe(&owner(), &server(), &CredentialOwner::Shared).await.unwrap();
    assert_eq!(report.verdict, CredentialVerdict::Accepted);
    let report = world.governor.probe_with(&owner(), &server(), &CredentialOwner::Shared, &key("wrong")).await.unwrap();
    assert_eq!(report.verdict, CredentialVerdict::Rejected);
}

#[tokio::test]
async fn whoever_may_not_set_a_credential_replaces_nothing() {
    let world = World::open().await;
    let admin = Actor::new(user("pia"), [Role::ProfileAdmin]);
    let error = world.governor.set_shared_credential(&admin, &server(), key("evil"), Probe::Skip).await.unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::NotAllowed);
    let error = world.governor.probe(&admin, &server(), &CredentialOwner::Shared).await.unwrap_err();
    assert_eq!(error.kind(), GovernErrorKind::NotAllowed);
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(keys_seen(&world), [KEY]);
}

#[tokio::test]
async fn a_credential_of_another_method_or_without_its_fields_is_refused() {
    let world = World::open().await;
    let other = Credential::new(mcp_govern_core::AuthMethodId::new("oauth").unwrap());
    let empty = Credential::new(mcp_govern_core::AuthMethodId::new("api_key").unwrap());
    let extra = key("k").with_field("apikey", mcp_govern_core::Secret::new("k"));
    for (credential, part) in [(other, "`oauth`"), (empty, "lacks `api_key`"), (extra, "no field `apikey`")] {
        let error =
            world.governor.set_shared_credential(&owner(), &server(), credential, Probe::Skip).await.unwrap_err();
        assert_eq!(error.kind(), GovernErrorKind::Invalid);
        assert!(error.message().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_rotated_credential_counts_for_the_next_call_and_the_running_one_finishes_with_the_old() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    let set = world.governor.set_shared_credential(&owner(), &server(), key("new-key"), Probe::Required).await.unwrap();
    assert_eq!(set.version, 2);
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(keys_seen(&world), [KEY, "new-key"]);
}

#[tokio::test]
async fn another_base_url_needs_another_credential_and_the_old_one_is_gone() {
    let world = World::open().await;
    let moved = spec().with_base_url("https://evil.test".parse().unwrap());
    world.commit(Action::ChangeServer { server: server(), spec: moved }).await;
    assert_eq!(code(&world.call("ann", "list_pages").await), "credential_missing");
    assert_eq!(in_vault(&world).await, 0);
    // Back again: it stays gone.
    world.commit(Action::ChangeServer { server: server(), spec: spec() }).await;
    assert_eq!(code(&world.call("ann", "list_pages").await), "credential_missing");
    assert!(world.vendor.seen().is_empty());
    world.governor.set_shared_credential(&owner(), &server(), key("new"), Probe::Skip).await.unwrap();
    world.call("ann", "list_pages").await.unwrap();
}

#[tokio::test]
async fn a_removed_credential_and_a_removed_server_leave_nothing_in_the_vault() {
    let world = World::open().await;
    world.governor.remove_credential(&owner(), &server(), CredentialOwner::Shared).await.unwrap();
    assert_eq!(in_vault(&world).await, 0);
    assert_eq!(code(&world.call("ann", "list_pages").await), "credential_missing");
    world.governor.set_shared_credential(&owner(), &server(), key("again"), Probe::Skip).await.unwrap();
    world.call("ann", "list_pages").await.unwrap();
    world.commit(Action::RemoveServer { server: server() }).await;
    assert_eq!(in_vault(&world).await, 0);
}

#[tokio::test]
async fn off_boarding_takes_the_secrets_out_of_the_vault_at_last_also_when_the_vault_is_away() {
    let world = per_user(|builder| builder).await;
    for name in ["ann", "bea"] {
        world.governor.connect(&person(name), &server(), key(name), Probe::Skip).await.unwrap();
    }
    world.faults().deletes_fail.store(1, Ordering::SeqCst);
    world.commit(Action::OffboardUser { user: user("ann") }).await;
    assert_eq!(in_vault(&world).await, 2, "the vault was away");
    world.call("ann", "list_pages").await.unwrap_err();
    // The driver tries again by itself.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(in_vault(&world).await, 1);
}

#[tokio::test]
async fn secrets_that_an_earlier_life_left_behind_are_taken_out_when_a_governor_opens() {
    let world = per_user(|builder| builder).await;
    world.governor.connect(&person("ann"), &server(), key("ann"), Probe::Skip).await.unwrap();
    world.governor.connect(&person("bea"), &server(), key("bea"), Probe::Skip).await.unwrap();
    world.faults().deletes_fail.store(usize::MAX, Ordering::SeqCst);
    world.commit(Action::OffboardUser { user: user("ann") }).await;
    world.driver.abort();
    assert_eq!(in_vault(&world).await, 2);
    world.faults().deletes_fail.store(0, Ordering::SeqCst);
    let _later = World::bare(world.stores.clone(), |builder| builder).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(in_vault(&world).await, 1);
}

/// Gives out `fresh-1`, `fresh-2`, …
#[derive(Debug, Default)]
struct Refresher {
    count: AtomicUsize,
    refuses: Mutex<bool>,
}

#[async_trait]
impl CredentialRefresher for Refresher {
    async fn refresh(
        &self,
        _: &ServerConfig,
        _: &CredentialOwner,
        _: &Credential,
    ) -> Result<Option<Credential>, ProviderError> {
        if *self.refuses.lock().unwrap() {
            return Err(ProviderError::new(ProviderErrorKind::Network, "away"));
        }
        let number = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::task::yield_now().await;
        Ok(Some(key(&format!("fresh-{number}"))))
    }

    async fn pause(&self, _: Duration) {
        tokio::task::yield_now().await;
    }

    fn run(&self, attempt: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(attempt);
    }
}

async fn refreshing() -> (World, Arc<Refresher>) {
    let refresher = Arc::new(Refresher::default());
    let given = refresher.clone();
    (World::open_with(spec(), |builder| builder.with_refresher(given)).await, refresher)
}

#[tokio::test]
async fn a_refused_credential_is_refreshed_once_and_the_call_made_once_more() {
    let (world, refresher) = refreshing().await;
    world.vendor.will(Turn::RefuseCredential(0));
    let done = world.call("ann", "create_page").await.unwrap();
    let statuses: Vec<_> = done.output.exchanges.iter().filter_map(|exchange| exchange.status).collect();
    assert_eq!(statuses, [401, 200], "both attempts are on record");
    assert_eq!(keys_seen(&world), [KEY, "fresh-1"]);
    world.call("ann", "create_page").await.unwrap();
    assert_eq!(keys_seen(&world), [KEY, "fresh-1", "fresh-1"]);
    assert_eq!(refresher.count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_credential_that_is_refused_again_fails_the_call() {
    let (world, _) = refreshing().await;
    world.vendor.will(Turn::RefuseCredential(0));
    world.vendor.will(Turn::RefuseCredential(0));
    let error = world.call("ann", "create_page").await.unwrap_err();
    assert_eq!(error.provider_error().unwrap().kind(), ProviderErrorKind::Unauthorized);
    assert_eq!(error.provider_error().unwrap().exchanges().len(), 2);
    assert_eq!(world.vendor.seen().len(), 2);
}

#[tokio::test]
async fn an_attempt_that_ends_on_our_side_does_not_hide_what_the_vendor_answered_to_the_one_before() {
    let (world, _) = refreshing().await;
    for (stated, sent) in [(Some(Sent::No), Sent::Yes), (None, Sent::Maybe)] {
        world.vendor.will(Turn::RefuseCredential(0));
        world.vendor.will(Turn::Break { told: false, stated });
        let error = world.call("ann", "create_page").await.unwrap_err();
        assert_eq!(error.to_string(), "it broke off; before that: the key is refused");
        let failed = error.provider_error().unwrap();
        assert_eq!((failed.kind(), failed.sent()), (ProviderErrorKind::Internal, sent));
        assert_eq!(failed.exchanges().len(), 1);
    }
}

#[tokio::test]
async fn what_has_done_something_before_the_credential_was_refused_is_not_repeated() {
    let (world, refresher) = refreshing().await;
    world.vendor.will(Turn::RefuseCredential(1));
    world.call("ann", "create_page").await.unwrap_err();
    assert_eq!((world.vendor.seen().len(), refresher.count.load(Ordering::SeqCst)), (1, 0));
    // A read may be.
    world.vendor.will(Turn::RefuseCredential(1));
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(world.vendor.seen().len(), 3);
}

#[tokio::test]
async fn many_calls_with_a_stale_credential_share_one_refresh() {
    let (world, refresher) = refreshing().await;
    for _ in 0..20 {
        world.vendor.will(Turn::RefuseCredential(0));
    }
    let calls: Vec<_> = (0..20).map(|_| world.start("ann", "create_page")).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(refresher.count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_a_sign_in_states_stands_and_the_probe_adds_to_it() {
    let world = per_user(|builder| builder).await;
    let mut found = CredentialFacts::new().with_scopes(["read"]).with_expiry(Timestamp::from_millis(i64::MAX));
    found.region = Some("eu".to_owned());
    found.more = [("plan", "large"), ("account", "of the probe")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    *world.vendor.probe_finds.lock().unwrap() = found;
    let end = Timestamp::from_millis(START).plus(DAY);
    let mut stated = CredentialFacts::new().with_scopes(["read", "write"]).with_expiry(end);
    stated.more.insert("account".to_owned(), "of the sign-in".to_owned());
    let credential = key("key-of-ann").with_facts(stated);
    let accepted = world.governor.connect(&person("ann"), &server(), credential, Probe::Required).await.unwrap();
    assert_eq!(accepted.facts.authorized_as.as_deref(), Some("10@acme.test"));
    assert_eq!((accepted.facts.region.as_deref(), accepted.facts.expires), (Some("eu"), Some(end)));
    assert_eq!(accepted.facts.scopes.len(), 2);
    assert_eq!(
        (accepted.facts.more["plan"].as_str(), accepted.facts.more["account"].as_str()),
        ("large", "of the sign-in")
    );
    assert_eq!(accepted.facts.fields.iter().collect::<Vec<_>>(), ["api_key"]);
    let known = world.governor.state().credential(&server(), &CredentialOwner::User(user("ann"))).unwrap().clone();
    assert_eq!(*known.facts(), accepted.facts);
    // What has ended is not sent, and the person is told to connect again.
    world.call("ann", "list_pages").await.unwrap();
    world.clock.advance(DAY);
    let ended = world.call("ann", "list_pages").await;
    assert_eq!(code(&ended), "credential_unusable");
    let remedy = ended.unwrap_err().denial().unwrap().remedy().clone();
    assert_eq!(remedy, Remedy::ConnectAccount { server: server(), url: None });
    assert_eq!(keys_seen(&world), ["key-of-ann"]);
}

#[tokio::test]
async fn a_refreshed_credential_is_of_the_same_account_and_ends_when_its_issuer_says() {
    let refresher = Arc::new(Refresher::default());
    let given = refresher.clone();
    let world = per_user(|builder| builder.with_refresher(given)).await;
    let end = Timestamp::from_millis(START).plus(DAY);
    let credential = key("key-of-ann").with_facts(CredentialFacts::new().with_scopes(["read"]).with_expiry(end));
    world.governor.connect(&person("ann"), &server(), credential, Probe::Required).await.unwrap();
    world.clock.advance(DAY);
    world.call("ann", "list_pages").await.unwrap();
    let vault = world.stores.memory.open(&tenant()).await.unwrap().vault;
    let (kept, _) = vault.list().await.unwrap().remove(0);
    let facts = vault.get(&kept).await.unwrap().unwrap().credential.facts().clone();
    assert_eq!((facts.authorized_as.as_deref(), facts.expires), (Some("10@acme.test"), None));
    assert!(facts.scopes.contains("read"), "{facts:?}");
}

#[tokio::test]
async fn an_account_that_the_vendor_refuses_is_connected_again_and_not_sent_until_then() {
    let world = per_user(|builder| builder.with_connect_urls(Arc::new(Page))).await;
    let connect = async |secret: &str| {
        world.governor.connect(&person("ann"), &server(), key(secret), Probe::Required).await.unwrap();
    };
    connect("revoked-key").await;
    let seen_by = world.governor.list(&principal("ann")).unwrap();
    assert!(seen_by.iter().all(|tool| tool.visibility == Visibility::Callable));
    for name in ["list_pages", "create_page"] {
        world.vendor.will(Turn::RefuseCredential(0));
        let error = world.call("ann", name).await.unwrap_err();
        let denial = error.denial().unwrap();
        assert_eq!(denial.code(), DenialCode::CredentialUnusable);
        let url = Some("https://gate.test/connect/acme/ann".to_owned());
        assert_eq!(*denial.remedy(), Remedy::ConnectAccount { server: server(), url });
        assert!(denial.message().contains("connected again: the key is refused"), "{denial}");
        assert_eq!((error.sent(), error.repetition()), (Sent::Yes, Repetition::Harmless));
        // From now on nothing is sent, here and on any other node, which may have been started since.
        let later = World::bare(world.stores.clone(), |builder| builder).await;
        for node in [&world, &later] {
            let denied = node.call("ann", "list_pages").await;
            assert_eq!(code(&denied), "credential_unusable");
            assert!(denied.unwrap_err().to_string().contains("no longer accepts"));
            let listed = node.governor.list(&principal("ann")).unwrap();
            assert!(listed.iter().all(|tool| tool.visibility == Visibility::NeedsConnection));
        }
        assert_eq!(later.vendor.seen(), []);
        later.governor.close().await;
        connect("another-key").await;
        world.call("ann", "list_pages").await.unwrap();
    }
    assert_eq!(keys_seen(&world), ["revoked-key", "another-key", "another-key", "another-key"]);
    let refused = CallResult::Denied { code: DenialCode::CredentialUnusable, sent: Sent::Yes };
    world.governor.close().await;
    let outcomes = world.records().await.into_iter().filter_map(|record| match record {
        AuditRecord::Outcome(outcome) if outcome.result == refused => Some(outcome.exchanges.len()),
        _ => None,
    });
    assert_eq!(outcomes.collect::<Vec<_>>(), [1, 1], "what the vendor answered is on record");
}

#[tokio::test]
async fn what_a_call_had_done_before_its_account_was_refused_is_told() {
    let world = per_user(|builder| builder).await;
    world.governor.connect(&person("ann"), &server(), key("k"), Probe::Skip).await.unwrap();
    world.vendor.will(Turn::RefuseCredential(1));
    let error = world.call("ann", "create_page").await.unwrap_err();
    assert_eq!(error.code(), Some(DenialCode::CredentialUnusable));
    assert_eq!(error.repetition(), Repetition::Doubtful);
    assert!(error.to_string().contains("look before you call again"), "{error}");
}

#[tokio::test]
async fn a_refusal_of_an_account_that_was_replaced_meanwhile_does_not_concern_the_new_one() {
    let world = per_user(|builder| builder).await;
    world.governor.connect(&person("ann"), &server(), key("old"), Probe::Skip).await.unwrap();
    world.commit(Action::NoteRefusedCredential { server: server(), user: user("ann"), version: 1 }).await;
    assert_eq!(code(&world.call("ann", "list_pages").await), "credential_unusable");
    world.governor.connect(&person("ann"), &server(), key("new"), Probe::Skip).await.unwrap();
    let late = world.commit(Action::NoteRefusedCredential { server: server(), user: user("ann"), version: 1 }).await;
    assert!(late.events.is_empty());
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(keys_seen(&world), ["new"]);
}

#[tokio::test]
async fn an_account_that_a_probe_finds_refused_is_not_sent() {
    let world = per_user(|builder| builder).await;
    world.governor.connect(&person("ann"), &server(), key("k"), Probe::Skip).await.unwrap();
    world.vendor.bad_keys.lock().unwrap().push("k".into());
    let report = world.governor.probe(&person("ann"), &server(), &CredentialOwner::User(user("ann"))).await.unwrap();
    assert_eq!(report.verdict, CredentialVerdict::Rejected);
    assert_eq!(code(&world.call("ann", "list_pages").await), "credential_unusable");
    assert!(world.vendor.seen().is_empty());
}

/// It is everybody's: one person's call says nothing to the others, and an administrator has to look.
#[tokio::test]
async fn a_shared_credential_that_is_refused_fails_the_call_and_is_sent_again() {
    let world = World::open().await;
    world.vendor.will(Turn::RefuseCredential(0));
    let error = world.call("ann", "list_pages").await.unwrap_err();
    assert_eq!(error.provider_error().unwrap().kind(), ProviderErrorKind::Unauthorized);
    world.call("ann", "list_pages").await.unwrap();
}

#[tokio::test]
async fn a_refresh_that_comes_about_later_mends_an_account_that_was_refused() {
    let refresher = Arc::new(Refresher::default());
    let given = refresher.clone();
    let world = per_user(|builder| builder.with_refresher(given)).await;
    world.governor.connect(&person("ann"), &server(), key("stale"), Probe::Skip).await.unwrap();
    *refresher.refuses.lock().unwrap() = true;
    world.vendor.will(Turn::RefuseCredential(0));
    for _ in 0..2 {
        assert_eq!(code(&world.call("ann", "list_pages").await), "credential_unusable");
    }
    *refresher.refuses.lock().unwrap() = false;
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(keys_seen(&world), ["stale", "fresh-1"]);
    // The refreshed one, which is newer than what was set, is refused as well.
    *refresher.refuses.lock().unwrap() = true;
    world.vendor.will(Turn::RefuseCredential(0));
    for _ in 0..2 {
        assert_eq!(code(&world.call("ann", "list_pages").await), "credential_unusable");
    }
    assert_eq!(keys_seen(&world), ["stale", "fresh-1", "fresh-1"]);
}

#[tokio::test]
async fn an_expired_credential_is_refreshed_before_the_call_or_denied() {
    let (world, refresher) = refreshing().await;
    let mut facts = CredentialFacts::new();
    facts.expires = Some(Timestamp::from_millis(START).plus(DAY));
    let expiring = key("short").with_facts(facts);
    world.governor.set_shared_credential(&owner(), &server(), expiring, Probe::Skip).await.unwrap();
    world.call("ann", "list_pages").await.unwrap();
    world.clock.advance(DAY);
    *refresher.refuses.lock().unwrap() = true;
    assert_eq!(code(&world.call("ann", "list_pages").await), "credential_unusable");
    *refresher.refuses.lock().unwrap() = false;
    world.call("ann", "list_pages").await.unwrap();
    assert_eq!(keys_seen(&world), ["short", "fresh-1"]);
}

#[tokio::test]
async fn no_debug_shows_a_secret() {
    let world = World::open().await;
    let shown = format!("{:?} {:?} {:?}", world.governor, world.stores, world.governor.status());
    assert!(!shown.contains(KEY), "{shown}");
    let state: &Governor = &world.governor;
    assert!(!format!("{:?}", state.state()).contains(KEY));
}
