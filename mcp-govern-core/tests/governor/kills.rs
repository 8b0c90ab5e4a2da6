//! Kill switches: calls in flight are stopped, wherever they are.

use std::sync::atomic::Ordering;

use mcp_govern_core::{
    ClientId, DenialCode, GrantId, Grantee, GroupId, Principal, ProfileId, Sent,
    audit::CallResult,
    governor::{CallFailure, CallRequest},
    journal::{Action, KillScope},
};

use super::{
    vendor::Turn,
    world::{World, client, code, owner, server, tool, user},
};

fn killed(sent: Sent) -> CallResult {
    CallResult::Denied { code: DenialCode::CallKilled, sent }
}

#[tokio::test]
async fn each_kill_switch_stops_the_calls_that_it_names_in_flight_and_denies_the_next() {
    let switches = [
        (KillScope::Tenant, "list_pages", "tenant_killed"),
        (KillScope::Client(client()), "list_pages", "client_killed"),
        (KillScope::User(user("ann")), "list_pages", "user_killed"),
        (KillScope::Server(server()), "list_pages", "server_killed"),
        (KillScope::Tool(tool("list_pages")), "list_pages", "tool_killed"),
        // A recipe is stopped by the kill switch of a tool that it uses.
        (KillScope::Tool(tool("list_pages")), "tidy_pages", "tool_killed"),
    ];
    for (scope, name, next) in switches {
        let world = World::open().await;
        world.vendor.will(Turn::Wait);
        let running = world.start("ann", name);
        world.vendor.arrival().await;
        world.commit(Action::Kill { scope: scope.clone() }).await;
        // The vendor never answers: only the kill switch can end the call.
        let ended = running.await.unwrap();
        assert_eq!(code(&ended), "call_killed", "{scope}");
        assert_eq!(ended.unwrap_err().sent(), Sent::Maybe);
        assert_eq!(code(&world.call("ann", name).await), next);
        world.commit(Action::Release { scope }).await;
        world.call("ann", name).await.unwrap();
        assert_eq!(world.closed_outcomes().await[0], killed(Sent::Maybe));
        world.assert_intact().await;
    }
}

#[tokio::test]
async fn a_kill_switch_of_something_else_lets_a_call_finish() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    world.commit(Action::Kill { scope: KillScope::Tool(tool("delete_page")) }).await;
    world.commit(Action::Kill { scope: KillScope::Client(ClientId::new("local", "other").unwrap()) }).await;
    world.commit(Action::Kill { scope: KillScope::User(user("bea")) }).await;
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
}

/// A group that the identity provider states is not a grant that could be taken back.
#[tokio::test]
async fn a_person_who_holds_everything_by_a_group_is_stopped_and_others_of_the_group_are_not() {
    let world = World::open().await;
    let grantee = Grantee::Group(GroupId::new("engineers").unwrap());
    let (grant, profile) = (GrantId::new("by-group").unwrap(), ProfileId::new("staff").unwrap());
    world.commit(Action::GrantProfile { grant, profile, grantee, until: None }).await;
    let call = async |who: &str, through: &str| {
        let client = ClientId::new("local", through).unwrap();
        let principal = Principal::new(user(who), client).with_groups([GroupId::new("engineers").unwrap()]);
        let request = CallRequest::new("acme_list_pages").with_argument("page_id", "p1");
        world.governor.call(&principal, request).await
    };
    call("zed", "desktop").await.unwrap();
    world.commit(Action::Kill { scope: KillScope::User(user("zed")) }).await;
    for through in ["desktop", "another"] {
        let denied = call("zed", through).await;
        assert_eq!(code(&denied), "user_killed");
        assert!(denied.unwrap_err().to_string().contains("every call of yours"));
    }
    call("yve", "desktop").await.unwrap();
    world.commit(Action::Release { scope: KillScope::User(user("zed")) }).await;
    call("zed", "another").await.unwrap();
}

#[tokio::test]
async fn a_kill_switch_that_is_released_at_once_has_stopped_the_calls_in_flight() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    // The call's task does not run between these two.
    world.commit(Action::Kill { scope: KillScope::Tenant }).await;
    world.commit(Action::Release { scope: KillScope::Tenant }).await;
    assert_eq!(code(&running.await.unwrap()), "call_killed");
    world.call("ann", "list_pages").await.unwrap();
}

#[tokio::test]
async fn a_kill_between_admission_and_sending_stops_the_call() {
    let world = World::open().await;
    let faults = world.faults();
    faults.records_wait.store(true, Ordering::SeqCst);
    let running = world.start("ann", "list_pages");
    // The call was admitted and waits for its intent to be durable.
    faults.records_arrived.0.acquire().await.unwrap().forget();
    world.commit(Action::Kill { scope: KillScope::Tool(tool("list_pages")) }).await;
    world.commit(Action::Release { scope: KillScope::Tool(tool("list_pages")) }).await;
    faults.records_wait.store(false, Ordering::SeqCst);
    faults.records_go.0.add_permits(1);
    assert_eq!(code(&running.await.unwrap()), "call_killed");
    assert!(world.vendor.seen().is_empty());
    assert_eq!(world.closed_outcomes().await, [killed(Sent::No)]);
}

#[tokio::test]
async fn a_call_that_is_killed_before_it_sends_has_sent_nothing() {
    let world = World::open().await;
    world.vendor.will(Turn::WaitBeforeSending);
    let running = world.start("ann", "create_page");
    world.vendor.arrival().await;
    world.commit(Action::Kill { scope: KillScope::Server(server()) }).await;
    assert_eq!(code(&running.await.unwrap()), "call_killed");
    assert!(world.vendor.seen().is_empty());
    assert_eq!(world.closed_outcomes().await, [killed(Sent::No)]);
}

#[tokio::test]
async fn a_kill_between_two_exchanges_keeps_the_second_from_being_sent() {
    let world = World::open().await;
    world.vendor.will(Turn::WaitBetweenExchanges);
    let running = world.start("ann", "create_page");
    world.vendor.arrival().await;
    // Both are there when the call's task runs again: the answer of the vendor, and the kill.
    world.vendor.go.add_permits(1);
    world.commit(Action::Kill { scope: KillScope::Tenant }).await;
    let ended = running.await.unwrap().unwrap_err();
    assert!(matches!(ended.failure(), CallFailure::Denied(denial) if denial.code() == DenialCode::CallKilled));
    assert_eq!(world.vendor.seen().len(), 1);
    assert_eq!(world.closed_outcomes().await, [killed(Sent::Maybe)]);
}

#[tokio::test]
async fn a_server_that_is_removed_during_a_call_lets_it_finish() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    world.commit(Action::RemoveServer { server: server() }).await;
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
    assert_eq!(code(&world.call("ann", "list_pages").await), "unknown_tool");
    assert!(world.governor.sync(&owner(), &server()).await.is_err());
}
