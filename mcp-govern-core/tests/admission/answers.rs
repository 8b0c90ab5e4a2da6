//! What callers and administrators are answered: lists, denials, explanations.

use super::support::*;
use mcp_govern_core::{
    ClientType, CredentialSharing, DenialCode, Grantee, ProfileVisibility, Remedy, RequestableTools, Settings,
    access::{
        CheckResult,
        Visibility::{self, Callable, NeedsConnection, Paused, Requestable},
    },
    journal::{Action, KillScope},
};

#[test]
fn the_list_shows_what_can_be_called_connected_and_asked_for() {
    let mut world = world();
    world.server("own", |spec| spec.with_sharing(CredentialSharing::PerUser));
    world.sync("own", 1, vec![reads("get_me"), reads("get_you")]);
    world.approve(&["own/get_me", "own/get_you"]);
    world.hand_out("mine", &["own/get_me"], "ann");
    world.toolset("more", &["status/get_page", "own/get_you"]);
    world.profile("more", ProfileVisibility::Only([Grantee::User(user("ann"))].into()));
    world.bind("more", "more", Vec::new());
    let list = |world: &World, name: &str| -> Vec<(String, Visibility)> {
        let caller = world.caller(&principal(name));
        let listed = world.snapshot.list(&caller, &world.moment());
        listed
            .iter()
            .map(|listed| {
                let view = world.snapshot.view(listed.tool).unwrap();
                assert_eq!(world.snapshot.visibility(&caller, listed.tool, &world.moment()), listed.visibility);
                (view.exposed_name().to_owned(), listed.visibility)
            })
            .collect()
    };
    let expect = |pairs: &[(&str, Visibility)]| -> Vec<(String, Visibility)> {
        pairs.iter().map(|(name, visibility)| ((*name).to_owned(), *visibility)).collect()
    };
    assert_eq!(list(&world, "ann"), expect(&[("own_get_me", NeedsConnection), ("status_list_pages", Callable)]));
    assert_eq!(list(&world, "bob"), expect(&[]));
    world.connect("own", "ann");
    world.must(Action::PauseServer { server: server("status") });
    assert_eq!(list(&world, "ann"), expect(&[("own_get_me", Callable), ("status_list_pages", Paused)]));
    assert_eq!(world.code(&principal("ann"), "status/list_pages"), "server_paused");
    world.must(Action::ResumeServer { server: server("status") });
    world.settings(
        Settings::default().with_unmatched_client(ClientType::Personal).with_list_requestable(RequestableTools::Listed),
    );
    let all = [
        ("own_get_me", Callable),
        ("own_get_you", Requestable),
        ("status_get_page", Requestable),
        ("status_list_pages", Callable),
    ];
    assert_eq!(list(&world, "ann"), expect(&all));
    assert_eq!(list(&world, "bob"), expect(&[]));
    world.must(Action::OffboardUser { user: user("ann") });
    assert_eq!(list(&world, "ann"), expect(&[("own_get_you", Requestable), ("status_get_page", Requestable)]));
}

#[test]
fn a_hidden_tool_is_told_apart_from_none_by_nothing() {
    let mut world = world();
    let bob = principal("bob");
    let told = |world: &World, id: &str| {
        let caller = world.caller(&bob);
        world.snapshot.public_denial(&caller, &world.ask(&bob, id).unwrap_err())
    };
    let none = told(&world, "status/no_such_tool");
    assert_eq!(none.code(), DenialCode::UnknownTool);
    for spoil in [
        None,
        Some(Action::Kill { scope: KillScope::Tool(tool("status/list_pages")) }),
        Some(Action::PauseServer { server: server("status") }),
        Some(Action::ResetTools { tools: [tool("status/list_pages")].into() }),
    ] {
        if let Some(action) = spoil {
            world.must(action);
        }
        assert_eq!(told(&world, "status/list_pages"), none);
        assert_ne!(world.ask(&bob, "status/list_pages").unwrap_err().code(), DenialCode::UnknownTool);
    }
    // A check that comes before the tool is told alike for every name.
    kill(&mut world, KillScope::Tenant);
    assert_eq!(told(&world, "status/list_pages"), told(&world, "status/no_such_tool"));
    assert_eq!(told(&world, "status/list_pages").code(), DenialCode::TenantKilled);
}

#[test]
fn a_denial_says_what_would_help() {
    let mut world = world();
    world.profile("open", ProfileVisibility::Everyone);
    world.profile("closed", ProfileVisibility::Nobody);
    world.profile("group", ProfileVisibility::Only([Grantee::Group(group("oncall"))].into()));
    for id in ["open", "closed", "group"] {
        world.bind(id, "reading", Vec::new());
    }
    let remedy = |world: &World, principal: &mcp_govern_core::Principal| {
        let refused = world.ask(principal, "status/list_pages").unwrap_err();
        let caller = world.caller(principal);
        let denial = world.snapshot.denial(&caller, &refused);
        assert_eq!(world.snapshot.public_denial(&caller, &refused), denial);
        denial.remedy().clone()
    };
    let bob = principal("bob");
    assert_eq!(remedy(&world, &bob), Remedy::RequestAccess { profiles: vec![profile("open")] });
    let member = bob.clone().with_groups([group("oncall")]);
    assert_eq!(remedy(&world, &member), Remedy::RequestAccess { profiles: vec![profile("group"), profile("open")] });
    world.must(Action::ResetTools { tools: [tool("status/list_pages")].into() });
    assert_eq!(remedy(&world, &bob), Remedy::WaitForReview { tool: tool("status/list_pages") });
    world.must(Action::PauseServer { server: server("status") });
    assert_eq!(remedy(&world, &bob), Remedy::Retry);
    kill(&mut world, KillScope::Server(server("status")));
    world.must(Action::ResumeServer { server: server("status") });
    assert_eq!(remedy(&world, &bob), Remedy::AskAdministrator);
}

#[test]
fn an_explanation_names_every_check_with_its_ids_and_remedies() {
    let mut world = world();
    world.grant("old", "reading", Grantee::User(user("bob")), Some(1500));
    world.now = time(1600);
    world.must(Action::PauseServer { server: server("status") });
    kill(&mut world, KillScope::Tool(tool("status/list_pages")));
    let caller = world.caller(&principal("bob"));
    let trace = world.snapshot.explain(&caller, &tool("status/list_pages"), &world.moment());
    assert_eq!(trace.denied, Some(DenialCode::ServerPaused));
    assert_eq!(trace.checks.len(), 18);
    let failed: Vec<_> = trace
        .checks
        .iter()
        .filter_map(|check| match check.result {
            CheckResult::Failed(code) => {
                assert!(check.remedy.is_some());
                Some((code.as_str(), check.detail.as_str()))
            }
            CheckResult::Passed | CheckResult::NotReached => None,
        })
        .collect();
    let codes: Vec<_> = failed.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["server_paused", "tool_killed", "grant_expired"]);
    assert!(failed[2].1.contains("grant `old` of profile `reading` ended at 1970-01-01T00:25:00.000Z"), "{failed:?}");
    let ann = world.caller(&principal("ann"));
    let trace = world.snapshot.explain(&ann, &tool("status/list_pages"), &world.moment());
    let grant = trace.checks.iter().find(|check| check.detail.contains("grant `reading`")).unwrap();
    assert!(grant.detail.contains("through toolset `reading`"), "{grant:?}");
    let none = world.snapshot.explain(&ann, &tool("status/nothing"), &world.moment());
    assert_eq!(none.denied, Some(DenialCode::UnknownTool));
    assert_eq!(none.checks.len(), 18);
    assert_eq!(none.checks.iter().filter(|check| check.result == CheckResult::NotReached).count(), 7);
    assert!(serde_json::to_string(&none).unwrap().contains("\"not_reached\""));
}
