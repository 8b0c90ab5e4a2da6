//! Admission, case by case.

use std::{collections::BTreeSet, sync::Arc};

use super::support::*;
use mcp_govern_core::{
    Actor, ClientType, CredentialSharing, DenialCode, Effect, Follows, Grantee, Label, ProfileVisibility, Remedy, Risk,
    Role, Settings, ToolDefinition, ToolsetContent,
    access::{Admission, Freshness, Moment, Snapshot, admit},
    journal::{Action, KillScope},
};

#[test]
fn who_holds_a_profile_with_an_approved_tool_may_call_it() {
    let world = world();
    let permit = world.ask(&principal("ann"), "status/list_pages").unwrap();
    assert_eq!(permit.exposed_name(), "status_list_pages");
    assert_eq!(permit.revision(), world.state.head().revision);
    assert_eq!(permit.digest(), permit.definition().digest().unwrap());
    assert_eq!(permit.sharing(), CredentialSharing::Shared);
    let paths: Vec<_> = permit.paths().collect();
    assert_eq!((paths.len(), paths[0].grant().as_str(), paths[0].until()), (1, "reading", None));
    assert_eq!(world.code(&principal("bob"), "status/list_pages"), "no_grant");
    assert_eq!(world.code(&principal("ann"), "status/get_page"), "no_grant");
    assert_eq!(world.code(&principal("ann"), "status/delete_page"), "unknown_tool");
}

#[test]
fn a_node_that_has_not_loaded_the_approved_definition_denies() {
    let mut world = world();
    let ann = principal("ann");
    let changed = ToolDefinition { title: "Pages".into(), ..reads("list_pages") };
    world.load("status", &catalogue(2, vec![changed.clone(), reads("get_page")]));
    assert_eq!(world.code(&ann, "status/list_pages"), "definition_not_approved");
    // The other node still runs the old release: reviewed ahead, both work.
    world.must(Action::StageCatalogue {
        server: server("status"),
        catalogue: catalogue(2, vec![changed.clone(), reads("get_page")]),
    });
    let tools = [(tool("status/list_pages"), changed.digest().unwrap())].into();
    world.must(Action::ApproveTools { tools });
    assert_eq!(world.code(&ann, "status/list_pages"), "permit");
    world.load("status", &catalogue(1, vec![reads("list_pages"), reads("get_page")]));
    assert_eq!(world.code(&ann, "status/list_pages"), "permit");
    world.loaded.remove(&server("status"));
    world.snapshot = Arc::new(world.snapshot.reloaded(&world.state, &world.loaded));
    assert_eq!(world.code(&ann, "status/list_pages"), "definition_not_approved");
}

#[test]
fn each_state_of_a_tool_has_its_own_code() {
    let mut world = world();
    let ann = principal("ann");
    let tools = BTreeSet::from([tool("status/list_pages")]);
    world.must(Action::ResetTools { tools: tools.clone() });
    assert_eq!(world.code(&ann, "status/list_pages"), "tool_pending");
    world.must(Action::DisableTools { tools });
    assert_eq!(world.code(&ann, "status/list_pages"), "tool_disabled");
    world.sync("status", 2, vec![reads("get_page")]);
    assert_eq!(world.code(&ann, "status/list_pages"), "tool_removed");
}

#[test]
fn a_grant_ends_at_its_end_and_a_longer_one_outlives_it() {
    let mut world = world();
    let bob = principal("bob");
    world.grant("short", "reading", Grantee::User(user("bob")), Some(2000));
    world.now = time(1999);
    assert_eq!(world.code(&bob, "status/list_pages"), "permit");
    world.now = time(2000);
    assert_eq!(world.code(&bob, "status/list_pages"), "grant_expired");
    world.grant("long", "reading", Grantee::User(user("bob")), Some(3000));
    let permit = world.ask(&bob, "status/list_pages").unwrap();
    let grants: Vec<_> = permit.paths().map(|path| path.grant().as_str().to_owned()).collect();
    assert_eq!(grants, ["long"]);
    world.must(Action::RevokeGrant { grant: grant("long") });
    assert_eq!(world.code(&bob, "status/list_pages"), "grant_expired");
    world.must(Action::RevokeGrant { grant: grant("short") });
    assert_eq!(world.code(&bob, "status/list_pages"), "no_grant");
}

#[test]
fn every_kill_switch_denies_and_its_release_admits_again() {
    let mut world = world();
    let ann = principal("ann");
    for (scope, code) in [
        (KillScope::Tenant, "tenant_killed"),
        (KillScope::User(user("ann")), "user_killed"),
        (KillScope::Client(client("desktop")), "client_killed"),
        (KillScope::Server(server("status")), "server_killed"),
        (KillScope::Tool(tool("status/list_pages")), "tool_killed"),
    ] {
        kill(&mut world, scope.clone());
        assert_eq!(world.code(&ann, "status/list_pages"), code);
        let seen = world.snapshot.killed(&tool("status/list_pages"), &ann);
        assert_eq!(seen.map(DenialCode::as_str), Some(code));
        world.must(Action::Release { scope });
        assert_eq!(world.code(&ann, "status/list_pages"), "permit");
        assert_eq!(world.snapshot.killed(&tool("status/list_pages"), &ann), None);
    }
}

#[test]
fn a_recipe_stands_and_falls_with_the_tools_that_it_uses() {
    let mut world = world();
    let ann = principal("ann");
    let all = || vec![reads("list_pages"), reads("get_page"), recipe("find_page", &["list_pages", "get_page"])];
    world.sync("status", 2, all());
    world.approve(&["status/find_page"]);
    world.hand_out("finding", &["status/find_page"], "ann");
    // The used tools need not be granted.
    assert_eq!(world.code(&ann, "status/get_page"), "no_grant");
    assert_eq!(world.code(&ann, "status/find_page"), "permit");
    kill(&mut world, KillScope::Tool(tool("status/get_page")));
    assert_eq!(world.code(&ann, "status/find_page"), "tool_killed");
    assert_eq!(world.snapshot.killed(&tool("status/find_page"), &ann), Some(DenialCode::ToolKilled));
    world.must(Action::Release { scope: KillScope::Tool(tool("status/get_page")) });
    world.must(Action::DisableTools { tools: [tool("status/get_page")].into() });
    let refused = world.ask(&ann, "status/find_page").unwrap_err();
    let denial = world.snapshot.denial(&world.caller(&ann), &refused);
    assert_eq!(denial.code(), DenialCode::ToolDisabled);
    assert!(denial.message().contains("`status_get_page`, which `status_find_page` uses"), "{denial}");
    world.must(Action::ResetTools { tools: [tool("status/get_page")].into() });
    let refused = world.ask(&ann, "status/find_page").unwrap_err();
    let denial = world.snapshot.denial(&world.caller(&ann), &refused);
    assert_eq!(*denial.remedy(), Remedy::WaitForReview { tool: tool("status/get_page") });
    world.approve(&["status/get_page"]);
    assert_eq!(world.code(&ann, "status/find_page"), "permit");
    // The definition that this node has loaded for a used tool counts too.
    let other = ToolDefinition { description: "Something else.".into(), ..reads("get_page") };
    world.load("status", &catalogue(2, vec![reads("list_pages"), other, all().remove(2)]));
    assert_eq!(world.code(&ann, "status/find_page"), "definition_not_approved");
}

#[test]
fn a_recipe_over_a_tool_that_is_not_there_yet_is_denied() {
    let mut world = world();
    let release = |version, uses: &str| {
        let definitions = ["list_pages", "get_page", uses].into_iter().collect::<BTreeSet<_>>().into_iter().map(reads);
        catalogue(version, definitions.chain([recipe("find_page", &[uses])]).collect())
    };
    let (old, new) = (release(2, "get_page"), release(3, "search_pages"));
    world.load("status", &old);
    world.must(Action::SyncServer { server: server("status"), catalogue: old });
    world.approve(&["status/find_page"]);
    world.hand_out("finding", &["status/find_page"], "ann");
    assert_eq!(world.code(&principal("ann"), "status/find_page"), "permit");
    // The next release was reviewed ahead and this node runs it, before any node has synced it.
    world.must(Action::StageCatalogue { server: server("status"), catalogue: new.clone() });
    let digest = new.tool(tool("status/find_page").name()).unwrap().digest().unwrap();
    world.must(Action::ApproveTools { tools: [(tool("status/find_page"), digest)].into() });
    world.load("status", &new);
    let refused = world.ask(&principal("ann"), "status/find_page").unwrap_err();
    let denial = world.snapshot.denial(&world.caller(&principal("ann")), &refused);
    assert_eq!(denial.code(), DenialCode::ToolRemoved);
    assert!(denial.message().contains("`search_pages`"), "{denial}");
    world.must(Action::SyncServer { server: server("status"), catalogue: new });
    world.approve(&["status/search_pages"]);
    assert_eq!(world.code(&principal("ann"), "status/find_page"), "permit");
}

#[test]
fn a_loaded_definition_with_a_stronger_effect_leaves_a_maintained_toolset() {
    let mut world = world();
    let content = ToolsetContent::Maintained(Follows::new(server("status")).with_up_to(Effect::Read));
    world.must(Action::CreateToolset { toolset: toolset("reads"), label: Label::new("reads"), content });
    world.profile("readers", ProfileVisibility::Nobody);
    world.bind("readers", "reads", Vec::new());
    world.grant("bob-reads", "readers", Grantee::User(user("bob")), None);
    let bob = principal("bob");
    assert_eq!(world.code(&bob, "status/get_page"), "permit");
    let stronger = ToolDefinition { effect: Effect::Write, ..reads("get_page") };
    let release = catalogue(2, vec![reads("list_pages"), stronger.clone()]);
    world.must(Action::StageCatalogue { server: server("status"), catalogue: release.clone() });
    world.must(Action::ApproveTools { tools: [(tool("status/get_page"), stronger.digest().unwrap())].into() });
    assert_eq!(world.code(&bob, "status/get_page"), "permit");
    world.load("status", &release);
    assert_eq!(world.code(&bob, "status/get_page"), "no_grant");
    // What an administrator says counts more than either.
    world.must(Action::ClassifyTool { tool: tool("status/get_page"), effect: Some(Effect::Read), risk: None });
    assert_eq!(world.code(&bob, "status/get_page"), "permit");
    world.must(Action::ClassifyTool {
        tool: tool("status/get_page"),
        effect: Some(Effect::Read),
        risk: Some(Risk::Sensitive),
    });
    assert_eq!(world.code(&bob, "status/get_page"), "no_grant");
}

#[test]
fn a_caller_of_another_snapshot_is_denied_as_stale() {
    let mut world = world();
    let ann = principal("ann");
    let before = Arc::clone(&world.snapshot);
    let caller = before.resolve(&ann);
    world.grant("g2", "reading", Grantee::User(user("bob")), None);
    // The tools are shared between the two snapshots; the caller is not.
    let index = world.snapshot.tool(&tool("status/list_pages")).unwrap();
    let answer = |snapshot: &Arc<Snapshot>| admit(snapshot, &caller, index, &world.moment()).into_result().map(|_| ());
    assert_eq!(answer(&world.snapshot).unwrap_err().code(), DenialCode::StateStale);
    assert!(answer(&before).is_ok());
    // A number of a tool index that was built anew names nothing.
    let index = before.tool(&tool("status/list_pages")).unwrap();
    world.must(Action::PauseServer { server: server("status") });
    let caller = world.caller(&ann);
    let refused = admit(&world.snapshot, &caller, index, &world.moment()).into_result().unwrap_err();
    assert_eq!(refused.code(), DenialCode::UnknownTool);
    assert!(world.snapshot.view(index).is_none());
}

#[test]
fn a_stale_or_unreadable_state_denies_everything() {
    let mut world = world();
    let code = |world: &World, freshness| {
        let caller = world.caller(&principal("ann"));
        let index = world.snapshot.tool(&tool("status/list_pages")).unwrap();
        let moment = Moment::new(world.now, freshness);
        assert!(world.snapshot.list(&caller, &moment).is_empty());
        let refused = admit(&world.snapshot, &caller, index, &moment).into_result().unwrap_err();
        assert_eq!(world.snapshot.refuse_unknown(&caller, &moment), refused);
        refused.code()
    };
    assert_eq!(code(&world, Freshness::Stale), DenialCode::StateStale);
    assert_eq!(code(&world, Freshness::Unreadable), DenialCode::StateUnreadable);
    kill(&mut world, KillScope::Tenant);
    assert_eq!(code(&world, Freshness::Stale), DenialCode::TenantKilled);
    assert_eq!(code(&world, Freshness::Unreadable), DenialCode::StateUnreadable);
}

#[test]
fn a_client_must_be_known_open_and_of_an_allowed_type() {
    let mut world = world();
    let ann = principal("ann");
    world.settings(Settings::default());
    assert_eq!(world.code(&ann, "status/list_pages"), "client_unknown");
    let set = |client_type, owner: Option<&str>| Action::SetClient {
        client: client("desktop"),
        label: Label::new("Desktop"),
        client_type: Some(client_type),
        owner: owner.map(user),
    };
    world.must(set(ClientType::Shared, None));
    assert_eq!(world.code(&ann, "status/list_pages"), "client_type_not_allowed");
    world.must(set(ClientType::Personal, Some("ann")));
    assert_eq!(world.code(&ann, "status/list_pages"), "permit");
    world.must(Action::CloseClient { client: client("desktop") });
    assert_eq!(world.code(&ann, "status/list_pages"), "client_closed");
    world.must(Action::ReopenClient { client: client("desktop") });
    world.must(Action::SetToolClientTypes {
        tool: tool("status/list_pages"),
        types: Some(types(&[ClientType::Service])),
    });
    assert_eq!(world.code(&ann, "status/list_pages"), "tool_client_type_not_allowed");
    world.must(Action::SetToolClientTypes { tool: tool("status/list_pages"), types: None });
    // A personal client is one person's.
    world.must(set(ClientType::Personal, Some("bob")));
    assert_eq!(world.code(&ann, "status/list_pages"), "client_unknown");
}

#[test]
fn calls_come_from_allowed_addresses_alone() {
    let mut world = world();
    let from = |text: &str| principal("ann").with_source(text.parse().unwrap());
    let settings = Settings::default()
        .with_unmatched_client(ClientType::Personal)
        .with_sources(["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
    world.settings(settings);
    for (source, code) in [
        (from("192.0.2.7"), "permit"),
        (from("::ffff:192.0.2.7"), "permit"),
        (from("2001:db8::1"), "permit"),
        (from("192.0.3.7"), "source_not_allowed"),
        (from("2001:db9::1"), "source_not_allowed"),
        (principal("ann"), "source_not_allowed"),
    ] {
        assert_eq!(world.code(&source, "status/list_pages"), code, "{source:?}");
    }
}

#[test]
fn grants_to_groups_and_services_count_for_whom_they_are_meant() {
    let mut world = world();
    world.settings(
        Settings::default()
            .with_unmatched_client(ClientType::Personal)
            .with_client_types([ClientType::Personal, ClientType::Service]),
    );
    world.grant("g1", "reading", Grantee::Group(group("oncall")), None);
    world.grant("g2", "reading", Grantee::Service(client("robot")), None);
    let member = principal("bob").with_groups([group("oncall"), group("other")]);
    assert_eq!(world.code(&member, "status/list_pages"), "permit");
    assert_eq!(world.code(&principal("bob").with_groups([group("other")]), "status/list_pages"), "no_grant");
    let robot = mcp_govern_core::Principal::new(user("robot"), client("robot"));
    // Not yet a service: a person never holds a service's grant.
    assert_eq!(world.code(&robot, "status/list_pages"), "no_grant");
    // Who granted to it does not make a service of it, nor the other way round.
    let to_service = Action::SetClient {
        client: client("robot"),
        label: Label::new("Robot"),
        client_type: Some(ClientType::Service),
        owner: None,
    };
    assert!(world.act_as(&Actor::new(user("gus"), [Role::GovernanceAdmin]), to_service));
    assert_eq!(world.code(&robot, "status/list_pages"), "permit");
}

#[test]
fn paths_are_ordered_by_profile_toolset_and_grant() {
    let mut world = world();
    world.toolset("a-set", &["status/list_pages"]);
    world.profile("a-profile", ProfileVisibility::Nobody);
    world.bind("a-profile", "reading", Vec::new());
    world.bind("a-profile", "a-set", Vec::new());
    for id in ["z-grant", "a-grant"] {
        world.grant(id, "a-profile", Grantee::User(user("ann")), None);
    }
    world.grant("m-grant", "a-profile", Grantee::Group(group("oncall")), None);
    let ann = principal("ann").with_groups([group("oncall")]);
    let permit = world.ask(&ann, "status/list_pages").unwrap();
    let paths: Vec<_> =
        permit.paths().map(|path| format!("{}/{}/{}", path.profile(), path.toolset(), path.grant())).collect();
    let expected = [
        "a-profile/a-set/a-grant",
        "a-profile/a-set/m-grant",
        "a-profile/a-set/z-grant",
        "a-profile/reading/a-grant",
        "a-profile/reading/m-grant",
        "a-profile/reading/z-grant",
        "reading/reading/reading",
    ];
    assert_eq!(paths, expected);
}

#[test]
fn names_are_found_as_ai_clients_write_them() {
    let world = world();
    let index = world.snapshot.tool_named("status_list_pages").unwrap();
    assert_eq!(Some(index), world.snapshot.tool(&tool("status/list_pages")));
    for name in ["", "status", "status_list_page", "status_list_pages ", "list_pages", "status/list_pages"] {
        assert!(world.snapshot.tool_named(name).is_none(), "`{name}`");
    }
    let names: Vec<_> = world.snapshot.tools().map(|(_, view)| view.exposed_name().to_owned()).collect();
    assert_eq!(names, ["status_get_page", "status_list_pages"]);
}

#[test]
fn a_permit_outlives_its_snapshot() {
    let mut world = world();
    let Admission::Permit(permit) = admit(
        &world.snapshot,
        &world.caller(&principal("ann")),
        world.snapshot.tool(&tool("status/list_pages")).unwrap(),
        &world.moment(),
    ) else {
        panic!("denied");
    };
    world.must(Action::RemoveServer { server: server("status") });
    assert_eq!(permit.tool(), &tool("status/list_pages"));
    assert_eq!(permit.paths().count(), 1);
    assert_eq!(world.code(&principal("ann"), "status/list_pages"), "unknown_tool");
}
