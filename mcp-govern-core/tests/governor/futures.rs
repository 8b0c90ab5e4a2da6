//! Every public future can be sent to another thread, every handle shared.

use mcp_govern_core::{
    Governor,
    governor::{Commits, Driver, Probe},
    ports::AuditFilter,
};

use super::world::{World, command, key, owner, principal, server};

fn send<T: Send>(_: T) {}

fn shared<T: Send + Sync + 'static>() {}

#[tokio::test]
async fn every_public_future_is_send() {
    shared::<Governor>();
    shared::<Driver>();
    shared::<Commits>();
    let world = World::open().await;
    let governor = &world.governor;
    let (actor, server, principal) = (owner(), server(), principal("ann"));
    let shared_owner = mcp_govern_core::CredentialOwner::Shared;
    let blueprint: mcp_govern_core::blueprint::Blueprint = serde_json::from_str("{}").unwrap();
    send(Governor::builder(super::world::tenant()).open());
    send(governor.commit(&actor, command("a", mcp_govern_core::journal::Action::ActivateGovernance)));
    send(governor.sync(&actor, &server));
    send(governor.reload(&server));
    send(governor.set_shared_credential(&actor, &server, key("k"), Probe::Skip));
    send(governor.connect(&actor, &server, key("k"), Probe::Skip));
    send(governor.remove_credential(&actor, &server, shared_owner.clone()));
    send(governor.probe(&actor, &server, &shared_owner));
    send(governor.call(&principal, mcp_govern_core::governor::CallRequest::new("x")));
    send(governor.apply(&actor, &blueprint));
    send(governor.audit(&actor, AuditFilter::new(), None, 1));
    send(governor.verify_audit(&actor, &[]));
    send(governor.verify_journal(&actor, None));
    send(governor.audit_heads());
    send(governor.audit_chain(&actor, &governor.status().writer, 0, 1));
    send(governor.unknown_outcomes(&actor, governor.now(), governor.now()));
    send(governor.changed(0));
    send(governor.reached(mcp_govern_core::journal::Revision::ZERO));
    send(governor.close());
    send(governor.subscribe(mcp_govern_core::journal::Revision::ZERO).next());
}
