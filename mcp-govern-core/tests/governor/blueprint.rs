//! A blueprint is brought about, and applying it twice changes nothing.

use mcp_govern_core::{CredentialOwner, blueprint::Blueprint, governor::Probe};
use serde_json::json;

use super::{
    faults::FaultyStores,
    world::{KEY, World, key, owner, server},
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
    assert!(applied.synced.contains(&server()) && !applied.acts.is_empty());
    world.governor.set_shared_credential(&owner(), &server(), key(KEY), Probe::Required).await.unwrap();
    world.call("ann", "list_pages").await.unwrap();
    world.call("ann", "create_page").await.unwrap_err();
    let head = world.governor.journal_head();
    let again = world.governor.apply(&owner(), &blueprint()).await.unwrap();
    assert!(again.acts.is_empty() && again.synced.is_empty());
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
