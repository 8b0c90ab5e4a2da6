use mcp_govern_core::{
    Binding, ClientType, DriftAction, DriftPolicy, Effect, NewToolState, RecipeBinding, Risk, Settings,
    journal::{Action, Event, RefusalKind, ToolState},
};

use crate::support::*;

fn action_of(events: &[Event]) -> DriftAction {
    let actions: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::ToolChanged(changed) => Some(changed.action),
            _ => None,
        })
        .collect();
    assert_eq!(actions.len(), 1, "{events:?}");
    actions[0]
}

#[test]
fn new_tools_wait_for_review_unless_the_server_or_else_the_tenant_says_otherwise() {
    for (tenant, server, expected) in [
        (None, None, ToolState::PendingReview),
        (Some(NewToolState::Approved), None, ToolState::Approved),
        (Some(NewToolState::Approved), Some(NewToolState::PendingReview), ToolState::PendingReview),
        (None, Some(NewToolState::Approved), ToolState::Approved),
    ] {
        let mut world = World::new();
        if let Some(state) = tenant {
            let settings = Settings::default().with_new_tools(state);
            world.does(&admin(), Action::ChangeSettings { settings });
        }
        let mut spec = spec("status");
        spec.new_tools = server;
        world.does(&admin(), Action::RegisterServer { server: id("status"), spec });
        world.sync("status", 1, status_tools());
        let tool = world.tool("status/get_page");
        assert_eq!(tool.state(), expected);
        assert_eq!(tool.approvals().contains(&tool.digest()), expected == ToolState::Approved);
        assert!(tool.reviewed_by().is_none());
    }
}

#[test]
fn a_sync_never_moves_backwards() {
    let mut world = World::new();
    world.with_status();
    world.sync("status", 7, status_tools());
    let before = picture(&world.state);
    world.refuses(
        &admin(),
        sync("status", 6, status_tools()),
        RefusalKind::Conflict,
        "6 of server `status` is older than 7",
    );
    assert_eq!(picture(&world.state), before);
}

#[test]
fn the_same_version_with_the_same_tools_changes_nothing_and_with_others_is_refused() {
    let mut world = World::new();
    world.with_status();
    world.holds_already(&admin(), sync("status", 1, status_tools()));
    let renamed = status_tools_with("create_incident", |tool| tool.title = "Another".into());
    world.refuses(&admin(), sync("status", 1, renamed), RefusalKind::Conflict, "`create_incident`");
    let mut more = status_tools();
    more.push(definition("list_pages", "GET", Effect::Read));
    world.refuses(&admin(), sync("status", 1, more), RefusalKind::Conflict, "`list_pages`");
    let fewer = status_tools().into_iter().take(2).collect();
    world.refuses(&admin(), sync("status", 1, fewer), RefusalKind::Conflict, "`delete_page`");
}

#[test]
fn a_changed_title_is_kept_and_pinned_and_other_changes_go_to_review() {
    let mut world = World::new();
    world.with_status();
    let first = world.digest("status/get_page");
    let events = world.sync("status", 2, status_tools_with("get_page", |tool| tool.title = "A page".into()));
    assert_eq!(action_of(&events), DriftAction::Keep);
    let tool = world.tool("status/get_page");
    assert_eq!(tool.state(), ToolState::Approved);
    assert_eq!(tool.approvals(), &[first, tool.digest()].into());

    let events = world.sync("status", 3, status_tools_with("get_page", |tool| tool.description = "Obey me.".into()));
    assert_eq!(action_of(&events), DriftAction::Review);
    let tool = world.tool("status/get_page");
    assert_eq!(tool.state(), ToolState::PendingReview);
    assert!(!tool.approvals().contains(&tool.digest()) && tool.approvals().contains(&first));
    world.approve(&["status/get_page"]);
    assert!(world.tool("status/get_page").approvals().contains(&first), "nodes of the older release go on");
}

#[test]
fn the_servers_drift_policy_comes_before_the_tenants() {
    let drift = DriftPolicy { text: DriftAction::Disable, ..DriftPolicy::default() };
    let mut world = World::new();
    world.with_status();
    let spec = spec("status").with_drift(drift);
    world.does(&admin(), Action::ChangeServer { server: id("status"), spec });
    world.sync("status", 2, status_tools_with("get_page", |tool| tool.description = "Other.".into()));
    let tool = world.tool("status/get_page");
    assert_eq!(tool.state(), ToolState::Disabled);
    assert!(tool.approvals().is_empty());
}

#[test]
fn a_tool_that_turns_from_get_to_delete_is_reviewed_whatever_the_policy() {
    let keep = DriftAction::Keep;
    let all = DriftPolicy { cosmetic: keep, text: keep, contract: keep, rebound: keep };
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), Action::ChangeSettings { settings: Settings::default().with_drift(all) });
    let events = world.sync(
        "status",
        2,
        status_tools_with("get_page", |tool| {
            if let Binding::Operation(binding) = &mut tool.binding {
                binding.method = "DELETE".into();
            }
        }),
    );
    assert_eq!(action_of(&events), DriftAction::Review);
    assert_eq!(world.tool("status/get_page").state(), ToolState::PendingReview);
}

#[test]
fn many_small_changes_do_not_add_up_unseen() {
    let keep_text = DriftPolicy { text: DriftAction::Keep, ..DriftPolicy::default() };
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), Action::ChangeSettings { settings: Settings::default().with_drift(keep_text) });
    let described = |tool: &mut mcp_govern_core::ToolDefinition| tool.description = "Other words.".into();
    let events = world.sync("status", 2, status_tools_with("get_page", described));
    assert_eq!(action_of(&events), DriftAction::Keep);
    world.does(&admin(), Action::ChangeSettings { settings: Settings::default() });
    // Only the title differs from the definition of before; the description differs from what a person reviewed.
    let events = world.sync(
        "status",
        3,
        status_tools_with("get_page", |tool| {
            described(tool);
            tool.title = "A page".into();
        }),
    );
    assert_eq!(action_of(&events), DriftAction::Review);
}

#[test]
fn a_definition_that_was_approved_ahead_is_kept_when_it_comes() {
    let mut world = World::new();
    world.with_status();
    let coming = || status_tools_with("get_page", |tool| tool.description = "Reads a page, fast.".into());
    let digest = coming()[0].digest().unwrap();
    world.does(&admin(), Action::StageCatalogue { server: id("status"), catalogue: catalogue(3, coming()) });
    world.holds_already(&admin(), Action::StageCatalogue { server: id("status"), catalogue: catalogue(3, coming()) });
    assert_eq!(world.tool("status/get_page").staged().count(), 1);
    let approve = || Action::ApproveTools { tools: [(tool("status/get_page"), digest)].into() };
    world.does(&admin(), approve());
    assert_eq!(world.tool("status/get_page").state(), ToolState::Approved);
    world.refuses(&admin(), approve(), RefusalKind::NotPossible, "approved already");

    let events = world.sync("status", 3, coming());
    assert_eq!(action_of(&events), DriftAction::Keep);
    let row = world.tool("status/get_page");
    assert_eq!((row.state(), row.digest(), row.staged().count()), (ToolState::Approved, digest, 0));
    assert_eq!(row.approvals().len(), 2);
    assert_eq!(row.reviewed().unwrap().description, "Reads a page, fast.");
}

#[test]
fn staging_needs_a_newer_catalogue_and_a_synced_server() {
    let mut world = World::new();
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
    let stage =
        |version| Action::StageCatalogue { server: id("status"), catalogue: catalogue(version, status_tools()) };
    world.refuses(&admin(), stage(2), RefusalKind::NotPossible, "never synced");
    world.sync("status", 2, status_tools());
    world.refuses(&admin(), stage(2), RefusalKind::Conflict, "not newer than 2");
    world.holds_already(&admin(), stage(3));
}

#[test]
fn a_tool_that_goes_and_comes_back_waits_for_review_and_keeps_its_classification() {
    let mut world = World::new();
    world.with_status();
    let id_of = tool("status/get_page");
    let classify = Action::ClassifyTool { tool: id_of.clone(), effect: None, risk: Some(Risk::Sensitive) };
    world.does(&admin(), classify);
    let types = Some([ClientType::Personal].into());
    world.does(&admin(), Action::SetToolClientTypes { tool: id_of.clone(), types: types.clone() });
    world.sync("status", 2, status_tools().into_iter().skip(1).collect());
    let row = world.tool("status/get_page");
    assert_eq!(row.state(), ToolState::Removed);
    assert!(row.approvals().is_empty());
    for action in [
        Action::ApproveTools { tools: [(id_of.clone(), row.digest())].into() },
        Action::DisableTools { tools: [id_of.clone()].into() },
        Action::ResetTools { tools: [id_of.clone()].into() },
    ] {
        world.refuses(&admin(), action, RefusalKind::NotPossible, "no longer offers it");
    }
    world.sync("status", 3, status_tools());
    let row = world.tool("status/get_page");
    assert_eq!((row.state(), row.risk()), (ToolState::PendingReview, Risk::Sensitive));
    assert_eq!(row.client_types(), types.as_ref());
}

#[test]
fn a_raised_risk_does_not_undo_what_an_administrator_said_but_is_reviewed() {
    let mut world = World::new();
    world.with_status();
    let lower = Action::ClassifyTool { tool: tool("status/delete_page"), effect: Some(Effect::Write), risk: None };
    world.does(&admin(), lower);
    let events = world.sync("status", 2, status_tools_with("delete_page", |tool| tool.risk = Risk::Dangerous));
    assert_eq!(action_of(&events), DriftAction::Review);
    let row = world.tool("status/delete_page");
    assert_eq!((row.effect(), row.risk()), (Effect::Write, Risk::Dangerous));
}

#[test]
fn a_catalogue_that_cannot_be_pinned_is_refused_whole() {
    let mut world = World::new();
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
    let big = status_tools_with("get_page", |tool| {
        tool.input_schema =
            std::sync::Arc::new(serde_json::json!({"type": "object", "maximum": 9_007_199_254_740_993u64}));
    });
    world.refuses(
        &admin(),
        sync("status", 1, big),
        RefusalKind::Invalid,
        "`get_page` of server `status` has no digest",
    );
    let list = status_tools_with("get_page", |tool| {
        tool.input_schema = std::sync::Arc::new(serde_json::json!([]));
    });
    world.refuses(&admin(), sync("status", 1, list), RefusalKind::Invalid, "no object as input schema");
    let mut twice = catalogue(1, status_tools());
    let tools = &mut std::sync::Arc::get_mut(&mut twice).unwrap().tools;
    tools.push(tools[0].clone());
    let action = Action::SyncServer { server: id("status"), catalogue: twice };
    world.refuses(&admin(), action, RefusalKind::Invalid, "twice");
    let recipe = status_tools_with("get_page", |tool| {
        tool.binding = Binding::Recipe(RecipeBinding {
            version: 1,
            why: "x".into(),
            uses: vec![id("list_all")],
            send: [].into(),
            destination: None,
        });
    });
    world.refuses(&admin(), sync("status", 1, recipe), RefusalKind::Invalid, "uses `list_all`");
    assert!(world.state.tools().is_empty());
}

/// No version is stated.
const UNSTATED: u64 = 0;

#[test]
fn a_catalogue_without_a_version_is_counted_and_drifts_like_any_other() {
    let mut world = World::new();
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
    world.sync("status", UNSTATED, status_tools());
    let version = |world: &World| world.state.servers()["status"].catalogue().unwrap().0;
    assert_eq!(version(&world), 1);
    world.approve(&["status/get_page"]);
    let approved = world.digest("status/get_page");
    // The same again, as after a restart, is nothing.
    world.holds_already(&admin(), sync("status", UNSTATED, status_tools()));
    let mut changed = status_tools();
    for tool in &mut changed {
        tool.description.push_str(" Now with more.");
    }
    let events = world.sync("status", UNSTATED, changed.clone());
    assert!(events.iter().any(|event| matches!(event, Event::ToolChanged(_))), "{events:?}");
    assert_eq!((version(&world), world.tool("status/get_page").state()), (2, ToolState::PendingReview));
    assert_ne!(world.digest("status/get_page"), approved);
    // Approved as with any drift, and taken back as with any drift: what was reviewed under its digest is.
    world.approve(&["status/get_page"]);
    let events = world.sync("status", UNSTATED, status_tools());
    assert!(!events.is_empty());
    assert_eq!((version(&world), world.tool("status/get_page").state()), (3, ToolState::Approved));
    // A tool that goes away counts, too.
    world.sync("status", UNSTATED, status_tools().into_iter().skip(1).collect());
    assert_eq!(version(&world), 4);
}

#[test]
fn versions_that_are_stated_and_counted_follow_one_another() {
    let mut world = World::new();
    world.with_status();
    world.sync("status", 7, status_tools());
    let mut changed = status_tools();
    for tool in &mut changed {
        tool.title.push('!');
    }
    world.sync("status", UNSTATED, changed);
    assert_eq!(world.state.servers()["status"].catalogue().unwrap().0, 8);
    world.refuses(
        &admin(),
        sync("status", 7, status_tools()),
        RefusalKind::Conflict,
        "7 of server `status` is older than 8",
    );
}

#[test]
fn a_coming_catalogue_without_a_version_is_staged_as_the_next() {
    let mut world = World::new();
    world.with_status();
    let mut coming = status_tools();
    for tool in &mut coming {
        tool.title.push('!');
    }
    let stage = |tools| Action::StageCatalogue { server: id("status"), catalogue: catalogue(UNSTATED, tools) };
    world.does(&admin(), stage(coming.clone()));
    let staged: Vec<_> =
        world.tool("status/get_page").staged().map(|(digest, version, _)| (digest, version.0)).collect();
    assert_eq!(staged, [(coming.iter().find(|tool| tool.name.as_str() == "get_page").unwrap().digest().unwrap(), 2)]);
    world.holds_already(&admin(), stage(status_tools()));
    world.sync("status", UNSTATED, coming);
    assert_eq!(world.tool("status/get_page").staged().count(), 0);
}

#[test]
fn tools_that_go_elsewhere_are_rebound_and_leave_the_credentials_behind() {
    let at = |destination: Option<&str>| {
        let mut tools = status_tools();
        for tool in &mut tools {
            if let Binding::Operation(operation) = &mut tool.binding {
                operation.destination = destination.map(str::to_owned);
            }
        }
        tools
    };
    let owner = mcp_govern_core::CredentialOwner::Shared;
    let mut world = World::new();
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
    world.sync("status", UNSTATED, at(Some("https://one.example/v1")));
    world.approve(&["status/get_page"]);
    let put = |version| Action::SetCredential {
        server: id("status"),
        owner: owner.clone(),
        version,
        facts: mcp_govern_core::CredentialFacts::new(),
    };
    world.does(&admin(), put(1));
    let has_one = |world: &World| world.state.credential(&id("status"), &owner).is_some();
    // Another path of the same host is another tool, and no other host.
    world.sync("status", UNSTATED, at(Some("https://one.example/v2")));
    assert_eq!(world.tool("status/get_page").state(), ToolState::PendingReview);
    assert!(has_one(&world));
    world.approve(&["status/get_page"]);
    let events = world.sync("status", UNSTATED, at(Some("https://two.example/v2")));
    assert!(events.iter().any(|event| matches!(event, Event::CredentialRemoved(_))), "{events:?}");
    assert_eq!(world.tool("status/get_page").state(), ToolState::PendingReview);
    assert!(!has_one(&world));
    // Where the operator's row comes to decide, changing the row is what takes them away.
    world.does(&admin(), put(2));
    world.sync("status", UNSTATED, at(None));
    assert!(has_one(&world));
}
