//! A server changes from one edition of its provider to another, and back.

use std::collections::BTreeMap;

use mcp_govern_core::{
    Actor, ArgumentRule, Binding, Constraint, CredentialFacts, CredentialOwner, CredentialSharing, Digest, Effect,
    Label, NewToolState, RequestPolicy, ServerSpec, ToolDefinition, ToolName, ToolsetBinding,
    journal::{
        Action, EffectiveAccess, Event, PinSource, RefusalKind, ToolState,
        migration::{Loss, Migration, MoveOutcome, RulePlace, ToolMove, migration},
    },
};
use proptest::prelude::*;
use serde_json::json;

use ToolState::{Approved, PendingReview, Removed};

use crate::support::*;

/// The status tools as the edition `next` serves them: `get_page` and `create_incident` by another path, of which the second takes one
/// argument more; `delete_page` not at all; `list_pages` besides.
fn next_tools() -> Vec<ToolDefinition> {
    let mut get = definition("get_page", "GET", Effect::Read);
    elsewhere(&mut get);
    let mut create = definition("create_incident", "POST", Effect::Write);
    elsewhere(&mut create);
    let mut schema = create.input_schema.as_ref().clone();
    schema["properties"]["team"] = json!({"type": "string"});
    create.input_schema = schema.into();
    vec![get, create, definition("list_pages", "GET", Effect::Read)]
}

fn elsewhere(tool: &mut ToolDefinition) {
    let Binding::Operation(binding) = &mut tool.binding else { panic!("no operation") };
    binding.path = format!("/cloud/x{}", binding.path);
    binding.destination = Some("https://next.example.com/".to_owned());
    binding.security = vec!["basic".to_owned()];
    tool.scopes = vec!["read:page".to_owned()];
}

fn of_next(name: &str) -> Digest {
    next_tools().iter().find(|tool| tool.name.as_str() == name).unwrap().digest().unwrap()
}

fn next_spec() -> ServerSpec {
    let mut spec = spec("status").with_edition(id("next")).with_config("cloud_id", "x");
    spec.auth_method = id("basic");
    spec
}

fn change(spec: ServerSpec) -> Action {
    Action::ChangeServer { server: id("status"), spec }
}

fn pin(tools: &[(&str, Digest)]) -> Action {
    let tools = tools.iter().map(|(name, digest)| (tool(name), *digest)).collect();
    Action::PinTools { tools, edition: Some(id("next")) }
}

fn states(world: &World) -> Vec<(&str, ToolState)> {
    world.state.tools().iter().map(|(id, tool)| (id.name().as_str(), tool.state())).collect()
}

fn pinned(world: &World) -> Vec<(String, PinSource)> {
    let server = id("status");
    world.state.pins_of(&server).map(|(tool, _, pin)| (tool.name().to_string(), pin.source)).collect()
}

#[test]
fn another_edition_keeps_who_holds_what_and_takes_the_credentials_away() {
    let mut world = World::new();
    world.with_status();
    world.with_profile(RequestPolicy::default());
    world.does(&owner(), grant("g", person("ann")));
    let (toolsets, profiles) = (format!("{:?}", world.state.toolsets()), format!("{:?}", world.state.profiles()));
    let owner_of = CredentialOwner::Shared;
    let set = Action::SetCredential {
        server: id("status"),
        owner: owner_of.clone(),
        version: 1,
        facts: CredentialFacts::new(),
    };
    world.does(&admin(), set);
    let events = world.does(&admin(), change(next_spec()));
    assert!(matches!(events.as_slice(), [Event::ServerChanged(_), Event::CredentialRemoved(_)]), "{events:?}");
    assert!(world.state.credential(&id("status"), &owner_of).is_none());
    assert_eq!(world.state.servers()["status"].catalogue(), None, "nothing was synced of this edition");
    // The numbers of its catalogues are its own.
    world.sync("status", 1, next_tools());
    assert_eq!(format!("{:?}", world.state.toolsets()), toolsets);
    assert_eq!(format!("{:?}", world.state.profiles()), profiles);
    assert!(world.state.grants().contains_key("g"));
    assert_eq!(
        states(&world),
        [
            ("create_incident", PendingReview),
            ("delete_page", Removed),
            ("get_page", PendingReview),
            ("list_pages", PendingReview)
        ]
    );
}

#[test]
fn personal_credentials_go_with_the_edition_too() {
    let mut world = World::new();
    let per_user = |spec: ServerSpec| spec.with_sharing(CredentialSharing::PerUser);
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: per_user(spec("status")) });
    for name in ["ann", "bob"] {
        let owner = CredentialOwner::User(user(name));
        let facts = CredentialFacts::new();
        world.does(&someone(name), Action::SetCredential { server: id("status"), owner, version: 1, facts });
    }
    world.does(&admin(), change(per_user(next_spec())));
    assert_eq!(world.state.credentials().count(), 0);
}

#[test]
fn what_was_approved_ahead_is_approved_at_the_sync_in_the_name_of_that_decision() {
    let mut world = World::new();
    world.with_status();
    let reviewer = actor("rita", &[mcp_govern_core::Role::GovernanceAdmin]);
    world.pass(60);
    let then = world.now();
    world.does(
        &reviewer,
        pin(&[("status/get_page", of_next("get_page")), ("status/list_pages", of_next("list_pages"))]),
    );
    assert_eq!(world.tool("status/get_page").state(), Approved, "it goes on as it is");
    assert_eq!(world.tool("status/get_page").approvals().len(), 1, "and under nothing more");
    world.pass(3600);
    world.does(&admin(), change(next_spec()));
    world.pass(60);
    world.sync("status", 1, next_tools());
    for name in ["get_page", "list_pages"] {
        let tool = world.tool(&format!("status/{name}"));
        assert_eq!((tool.state(), tool.digest()), (Approved, of_next(name)));
        assert_eq!(tool.reviewed_by().unwrap().user, user("rita"));
        assert_eq!(tool.reviewed_at(), Some(then));
        assert!(tool.changed_at() > then);
        assert_eq!(tool.reviewed().unwrap().digest().unwrap(), of_next(name));
    }
    assert_eq!(world.tool("status/create_incident").state(), PendingReview);
    let left: Vec<String> = pinned(&world).into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["create_incident", "delete_page", "get_page"], "those of the edition that was left");
    assert!(pinned(&world).iter().all(|(_, source)| *source == PinSource::Left));
}

#[test]
fn a_definition_that_differs_by_one_letter_is_not_the_one_that_was_approved_ahead() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), pin(&[("status/get_page", of_next("get_page"))]));
    world.does(&admin(), change(next_spec()));
    let mut tools = next_tools();
    tools[0].description.push('!');
    world.sync("status", 1, tools);
    assert_eq!(world.tool("status/get_page").state(), PendingReview);
    // Once exactly it is found, the decision counts.
    world.sync("status", 2, next_tools());
    assert_eq!(world.tool("status/get_page").state(), Approved);
}

#[test]
fn going_back_is_no_new_review_and_what_was_reviewed_on_either_side_stays_reviewed() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), pin(&[("status/get_page", of_next("get_page"))]));
    world.does(&admin(), change(next_spec()));
    world.sync("status", 7, next_tools());
    world.does(&admin(), change(spec("status")));
    world.sync("status", 1, status_tools());
    let back =
        [("create_incident", Approved), ("delete_page", Approved), ("get_page", Approved), ("list_pages", Removed)];
    assert_eq!(states(&world), back);
    assert!(
        world
            .state
            .tools()
            .values()
            .all(|tool| tool.state() != Approved || tool.reviewed().unwrap().digest().unwrap() == tool.digest())
    );
    world.does(&admin(), change(next_spec()));
    world.sync("status", 7, next_tools());
    assert_eq!(world.tool("status/get_page").state(), Approved);
    assert_eq!(world.tool("status/create_incident").state(), PendingReview, "nobody reviewed it there");
}

#[test]
fn what_was_approved_without_a_look_names_nobody_when_it_comes_back() {
    let mut world = World::new();
    let lenient = |spec: ServerSpec| spec.with_new_tools(NewToolState::Approved);
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: lenient(spec("status")) });
    world.sync("status", 1, status_tools());
    world.does(&admin(), change(lenient(next_spec())));
    world.sync("status", 1, next_tools());
    world.does(&admin(), change(lenient(spec("status"))));
    world.sync("status", 1, status_tools());
    let page = world.tool("status/delete_page");
    assert_eq!((page.state(), page.reviewed_by()), (Approved, None));
}

#[test]
fn disabling_resetting_and_revoking_take_approvals_ahead() {
    let ahead = || pin(&[("status/get_page", of_next("get_page"))]);
    let only = || [tool("status/get_page")].into();
    let take: [fn() -> Action; 2] = [
        || Action::ResetTools { tools: [tool("status/get_page")].into() },
        || Action::UnpinTools { tools: [(tool("status/get_page"), of_next("get_page"))].into() },
    ];
    for action in take {
        let mut world = World::new();
        world.with_status();
        world.does(&admin(), ahead());
        world.does(&admin(), action());
        assert!(pinned(&world).is_empty());
        world.does(&admin(), change(next_spec()));
        world.sync("status", 1, next_tools());
        assert_eq!(world.tool("status/get_page").state(), PendingReview);
        world.holds_already(
            &admin(),
            Action::UnpinTools { tools: [(tool("status/get_page"), of_next("get_page"))].into() },
        );
    }
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), ahead());
    world.does(&admin(), Action::DisableTools { tools: only() });
    world.refuses(&admin(), ahead(), RefusalKind::NotPossible, "does not enable");
    world.does(&admin(), change(next_spec()));
    world.sync("status", 1, next_tools());
    assert_eq!(world.tool("status/get_page").state(), ToolState::Disabled);
    // Disabled there, it stays so at home: the approval of before was taken with the others.
    world.does(&admin(), change(spec("status")));
    world.sync("status", 1, status_tools());
    assert_eq!(world.tool("status/get_page").state(), ToolState::Disabled);
}

#[test]
fn an_approval_ahead_names_a_server_and_no_current_definition() {
    let mut world = World::new();
    world.refuses(&admin(), pin(&[("status/get_page", of_next("get_page"))]), RefusalKind::NotFound, "`status`");
    world.with_status();
    world.refuses(
        &admin(),
        Action::PinTools { tools: BTreeMap::new(), edition: None },
        RefusalKind::Invalid,
        "no tool",
    );
    world.does(&admin(), Action::ResetTools { tools: [tool("status/get_page")].into() });
    let current = pin(&[("status/get_page", world.digest("status/get_page"))]);
    world.refuses(&admin(), current, RefusalKind::NotPossible, "current definition");
    world.holds_already(&admin(), pin(&[("status/delete_page", world.digest("status/delete_page"))]));
    for number in 0..16 {
        world.does(&admin(), pin(&[("status/get_page", Digest::of_bytes(&[number]))]));
    }
    let one_more = pin(&[("status/get_page", Digest::of_bytes(&[16]))]);
    world.refuses(&admin(), one_more, RefusalKind::NotPossible, "take those back");
    let unknown = pin(&[("status/not_known_yet", Digest::of_bytes(b"x"))]);
    world.does(&admin(), unknown.clone());
    world.holds_already(&admin(), unknown);
    world.does(&admin(), Action::RemoveServer { server: id("status") });
    assert!(pinned(&world).is_empty());
}

#[test]
fn an_approval_ahead_is_shown_as_one_that_widens_access() {
    let mut world = World::new();
    world.with_status();
    let before = EffectiveAccess::of(&world.state, world.now());
    world.does(&admin(), pin(&[("status/get_page", of_next("get_page"))]));
    let changes = before.changes_to(&EffectiveAccess::of(&world.state, world.now()));
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].widens && changes[0].what.contains("without a further look"), "{changes:?}");
    assert_eq!(changes[0].tools, [tool("status/get_page")]);
    // To leave an edition widens nothing.
    let before = EffectiveAccess::of(&world.state, world.now());
    world.does(&admin(), change(next_spec()));
    assert!(before.changes_to(&EffectiveAccess::of(&world.state, world.now())).iter().all(|change| !change.widens));
}

fn check(world: &World) -> Migration {
    let absent: BTreeMap<ToolName, String> = [(id("delete_page"), "pages are never deleted there".to_owned())].into();
    migration(&world.state, &id("status"), &catalogue(1, next_tools()), &absent).unwrap()
}

fn row<'a>(found: &'a Migration, name: &str) -> &'a ToolMove {
    found.tools.iter().find(|row| row.tool.name().as_str() == name).unwrap()
}

#[test]
fn a_migration_says_of_every_tool_what_becomes_of_it() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), pin(&[("status/get_page", of_next("get_page"))]));
    let found = check(&world);
    assert_eq!(found.tools.len(), 4);
    let get = row(&found, "get_page");
    assert_eq!((get.outcome, get.approved), (MoveOutcome::SameMeaning, true));
    let fields: Vec<&str> = get.binding.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["/binding/destination", "/binding/path", "/binding/security", "/scopes"]);
    let create = row(&found, "create_incident");
    assert_eq!((create.outcome, create.approved), (MoveOutcome::Changed, false));
    assert_eq!(create.changes[0].field, "/input_schema/properties/team");
    let delete = row(&found, "delete_page");
    assert_eq!((delete.outcome, delete.digest), (MoveOutcome::Gone, None));
    assert_eq!(delete.reason.as_deref(), Some("pages are never deleted there"));
    let list = row(&found, "list_pages");
    assert_eq!((list.outcome, list.state, list.approved), (MoveOutcome::New, None, false));
    // As it says, so it comes.
    world.does(&admin(), change(next_spec()));
    world.sync("status", 1, next_tools());
    for row in &found.tools {
        let state = world.state.tools()[&row.tool].state();
        assert_eq!(state == Approved, row.approved, "{}", row.tool);
        assert_eq!(state == Removed, row.outcome == MoveOutcome::Gone, "{}", row.tool);
    }
    assert!(check(&world).tools.iter().all(|row| row.outcome == MoveOutcome::Unchanged));
}

#[test]
fn a_rule_on_an_argument_that_will_be_missing_or_another_one_is_found_wherever_it_stands() {
    let mut world = World::new();
    let mut now = definition("get_page", "GET", Effect::Read);
    now.input_schema = json!({"type": "object", "properties": {
        "page_id": {"type": "string"}, "count": {"type": "integer"},
        "kind": {"type": "array", "items": {"enum": ["a", "b"]}}, "kept": {"enum": ["x", "y"]}}})
    .into();
    let mut then = now.clone();
    then.input_schema = json!({"type": "object", "properties": {
        "count": {"type": "string"}, "kind": {"type": "array", "items": {"enum": ["a"]}}, "kept": {"enum": ["x", "y"]}}})
    .into();
    let rule = |argument: &str, constraint| ArgumentRule::new(argument, constraint);
    let server = [rule("page_id", Constraint::Fixed(json!("p"))), rule("kept", Constraint::OneOf(vec![json!("x")]))];
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status").with_rules(server) });
    world.sync("status", 1, vec![now]);
    world.approve(&["status/get_page"]);
    let entry = entry(&[rule("count", Constraint::Fixed(json!(1)))]);
    let content = mcp_govern_core::ToolsetContent::Chosen([(tool("status/get_page"), entry)].into());
    world.does(&admin(), Action::CreateToolset { toolset: id("set"), label: Label::new("Set"), content });
    let profile = mcp_govern_core::ProfileSpec::new(Label::new("P"));
    world.does(&owner(), Action::CreateProfile { profile: id("p"), spec: profile });
    let rules = vec![
        rule("kind", Constraint::Subset(vec![json!("a"), json!("b")])),
        rule("never_there", Constraint::Fixed(json!(1))),
    ];
    world.does(
        &admin(),
        Action::BindToolset { profile: id("p"), binding: ToolsetBinding { toolset: id("set"), rules } },
    );
    let found = migration(&world.state, &id("status"), &catalogue(2, vec![then]), &BTreeMap::new()).unwrap();
    let losses: Vec<(&RulePlace, &str, &Loss)> =
        found.rules.iter().map(|rule| (&rule.place, rule.argument.as_str(), &rule.loss)).collect();
    let binding = RulePlace::Binding { profile: id("p"), toolset: id("set") };
    assert_eq!(
        losses,
        [
            (&RulePlace::Server, "page_id", &Loss::Absent),
            (&RulePlace::Toolset(id("set")), "count", &Loss::Type { before: json!("integer"), after: json!("string") }),
            (&binding, "kind", &Loss::Values { values: vec![json!("b")] }),
        ]
    );
}

/// Changes of a definition, one kind each.
fn altered(number: u8) -> ToolDefinition {
    let mut tool = definition("get_page", "GET", Effect::Read);
    match number {
        0 => {}
        1 => tool.title.push('!'),
        2 => tool.effect = Effect::Write,
        3 => tool.scopes.push("read".to_owned()),
        4 => elsewhere(&mut tool),
        _ => {
            if let Binding::Operation(binding) = &mut tool.binding {
                binding.send = [("page_id".to_owned(), json!("p"))].into();
            }
        }
    }
    tool
}

proptest! {
    #[test]
    fn a_definition_is_its_meaning_and_its_binding_and_nothing_else(one in 0u8..6, two in 0u8..6) {
        let (one, two) = (altered(one), altered(two));
        let same_meaning = one.meaning_digest().unwrap() == two.meaning_digest().unwrap();
        let same_binding = one.binding_digest().unwrap() == two.binding_digest().unwrap();
        prop_assert_eq!(one.digest().unwrap() == two.digest().unwrap(), same_meaning && same_binding);
        let mut world = World::new();
        world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
        world.sync("status", 1, vec![one]);
        let found = migration(&world.state, &id("status"), &catalogue(2, vec![two]), &BTreeMap::new()).unwrap();
        let expected = match (same_meaning, same_binding) {
            (true, true) => MoveOutcome::Unchanged,
            (true, false) => MoveOutcome::SameMeaning,
            (false, _) => MoveOutcome::Changed,
        };
        prop_assert_eq!(found.tools[0].outcome, expected);
    }
}

#[test]
fn whoever_owns_a_server_may_change_its_edition_and_approve_ahead_and_nobody_else_without_the_role() {
    let mut world = World::new();
    let owned = |spec: ServerSpec| spec.with_owners([user("mia")]);
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: owned(spec("status")) });
    world.sync("status", 1, status_tools());
    let mia: Actor = actor("mia", &[mcp_govern_core::Role::ServerOwner]);
    world.refuses(&someone("bob"), change(owned(next_spec())), RefusalKind::NotAllowed, "change_server");
    world.refuses(
        &someone("bob"),
        pin(&[("status/get_page", of_next("get_page"))]),
        RefusalKind::NotAllowed,
        "pin_tools",
    );
    world.does(&mia, pin(&[("status/get_page", of_next("get_page"))]));
    world.does(&mia, change(owned(next_spec())));
}
