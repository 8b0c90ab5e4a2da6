//! A blueprint is brought about, and applying it twice changes nothing.

use std::sync::atomic::Ordering;

use mcp_govern_core::{
    CredentialOwner, Effect, Follows, Label, ServerId, ToolsetContent, ToolsetId, blueprint::Blueprint,
    governor::Probe, journal::Action,
};
use serde_json::json;

use super::{
    faults::FaultyStores,
    vendor::{Vendor, release_one},
    world::{KEY, World, key, owner, server, spec},
};

fn blueprint() -> Blueprint {
    serde_json::from_value(json!({
        "governance": "activated",
        "settings": {"unmatched_client": "personal"},
        "servers": {"acme": {
            "provider": "acme", "title": "Acme", "prefix": "acme", "auth_method": "api_key",
            "base_url": "https://api.acme.test", "approve": ["read"],
        }},
        "toolsets": {"readers": {"title": "Readers", "follows": {"server": "acme", "up_to": "read"}}},
        "profiles": {"on-call": {"title": "On call", "toolsets": ["readers"]}},
        "grants": {"ann-on-call": {
            "profile": "on-call", "grantee": {"user": {"issuer": "local", "subject": "ann"}},
        }},
    }))
    .unwrap()
}

#[tokio::test]
async fn a_blueprint_leads_from_nothing_to_a_call_and_changes_nothing_the_second_time() {
    let world = World::bare(FaultyStores::default(), |builder| builder).await;
    let planned = world.governor.plan(&owner(), &blueprint()).unwrap();
    assert!(!planned.is_empty() && world.governor.revision().0 == 0);
    let applied = world.governor.apply(&owner(), &blueprint()).await.unwrap();
    assert!(applied.synced.iter().any(|synced| synced.server == server()) && !applied.commits.is_empty());
    world.governor.set_shared_credential(&owner(), &server(), key(KEY), Probe::Required).await.unwrap();
    world.call("ann", "list_pages").await.unwrap();
    world.call("ann", "create_page").await.unwrap_err();
    let head = world.governor.journal_head();
    let again = world.governor.apply(&owner(), &blueprint()).await.unwrap();
    assert!(again.commits.is_empty() && again.synced.is_empty());
    assert_eq!(world.governor.journal_head(), head);
    assert!(world.governor.state().credential(&server(), &CredentialOwner::Shared).is_some());
}

#[tokio::test]
async fn whoever_may_not_send_its_commands_cannot_plan_or_apply_a_blueprint() {
    let world = World::bare(FaultyStores::default(), |builder| builder).await;
    let nobody = mcp_govern_core::Actor::new(super::world::user("bob"), []);
    assert!(world.governor.plan(&nobody, &blueprint()).is_err());
    assert!(world.governor.apply(&nobody, &blueprint()).await.is_err());
    assert_eq!(world.governor.revision().0, 0);
}

#[tokio::test]
async fn a_blueprint_that_is_overtaken_by_others_is_planned_anew() {
    let slow = FaultyStores::default();
    let swift = FaultyStores { memory: slow.memory.clone(), ..FaultyStores::default() };
    let node = async |stores: &FaultyStores| World::node(stores.clone(), Vendor::new(release_one()), |b| b).await;
    let (one, two) = (node(&slow).await, node(&swift).await);
    let (by, document) = (owner(), blueprint());
    two.commit(Action::RegisterServer { server: server(), spec: spec() }).await;
    one.governor.reached(two.governor.revision()).await.unwrap();

    // While the first commit of the plan is on its way, somebody makes a toolset of the same id.
    one.faults().commits_wait.store(true, Ordering::SeqCst);
    let toolset = ToolsetId::new("readers").unwrap();
    let by_hand = async {
        one.faults().commits_arrived.0.acquire().await.unwrap().forget();
        let content = ToolsetContent::Maintained(Follows::new(server()).with_up_to(Effect::Read));
        two.commit(Action::CreateToolset { toolset: toolset.clone(), label: Label::new("Others"), content }).await;
        one.faults().commits_wait.store(false, Ordering::SeqCst);
        one.faults().commits_go.0.add_permits(1);
    };
    let (applied, ()) = tokio::join!(one.governor.apply(&by, &document), by_hand);
    applied.unwrap();
    assert_eq!(one.governor.state().toolsets()[&toolset].label().title, "Readers");
    assert!(one.governor.plan(&by, &document).unwrap().is_empty());
}

#[tokio::test]
async fn a_command_of_a_blueprint_that_is_refused_again_is_told() {
    let world = World::bare(FaultyStores::default(), |builder| builder).await;
    let taken = spec().with_base_url("https://other.acme.test".parse().unwrap());
    let other = ServerId::new("other").unwrap();
    world.commit(Action::RegisterServer { server: other, spec: taken }).await;
    // The prefix is another server's, and stays that.
    let error = world.governor.apply(&owner(), &blueprint()).await.unwrap_err();
    assert!(error.to_string().contains("acme"), "{error}");
}
