use mcp_govern_core::{
    ArgumentRule, Constraint, Effect, Follows, Label, RequestPolicy, Risk, ToolsetBinding, ToolsetContent,
    journal::{Action, Impact, RefusalKind, ToolState, impact},
};
use serde_json::json;

use crate::support::*;

fn create(toolset: &str, content: ToolsetContent) -> Action {
    Action::CreateToolset { toolset: id(toolset), label: Label::new("A toolset"), content }
}

fn set(toolset: &str, tools: &[&str]) -> Action {
    Action::SetToolsetTools { toolset: id(toolset), tools: entries(tools) }
}

fn maintained(up_to: Option<Effect>) -> ToolsetContent {
    let follows = Follows::new(id("status"));
    ToolsetContent::Maintained(up_to.map_or(follows.clone(), |most| follows.with_up_to(most)))
}

fn pairs(impact: Vec<Impact>) -> Vec<(String, String)> {
    impact.into_iter().map(|gain| (gain.toolset.to_string(), gain.tool.to_string())).collect()
}

#[test]
fn only_approved_tools_can_be_put_into_a_toolset() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), create("set", chosen(&["status/get_page"])));
    world.does(&admin(), Action::DisableTools { tools: [tool("status/delete_page")].into() });
    world.does(&admin(), Action::ResetTools { tools: [tool("status/create_incident")].into() });
    let not = RefusalKind::NotPossible;
    world.refuses(&admin(), set("set", &["status/delete_page"]), not, "`status/delete_page` is disabled");
    world.refuses(&admin(), set("set", &["status/create_incident"]), not, "is pending_review");
    world.refuses(&admin(), create("more", chosen(&["status/delete_page"])), not, "only approved tools");
    world.refuses(&admin(), set("set", &["status/no_such"]), RefusalKind::NotFound, "no tool `status/no_such`");
    world.refuses(&admin(), set("none", &["status/get_page"]), RefusalKind::NotFound, "no toolset `none`");
    world.refuses(&admin(), set("set", &[]), RefusalKind::Invalid, "no tool");
}

#[test]
fn a_tool_that_is_disabled_later_stays_listed_and_its_rules_can_still_be_replaced() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), create("set", chosen(&["status/get_page"])));
    world.does(&admin(), Action::DisableTools { tools: [tool("status/get_page")].into() });
    assert_eq!(world.state.toolsets()["set"].content(), &chosen(&["status/get_page"]));
    world.holds_already(&admin(), set("set", &["status/get_page"]));
    let rule = ArgumentRule::new("page_id", Constraint::Fixed(json!("p1")));
    let tools = [(tool("status/get_page"), entry(&[rule]))].into();
    world.does(&admin(), Action::SetToolsetTools { toolset: id("set"), tools });
    world.does(&admin(), Action::RemoveToolsetTools { toolset: id("set"), tools: [tool("status/get_page")].into() });
    let again = Action::RemoveToolsetTools { toolset: id("set"), tools: [tool("status/get_page")].into() };
    world.refuses(&admin(), again, RefusalKind::NotFound, "no tool in toolset `set`");
}

#[test]
fn a_maintained_toolset_is_read_only() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), create("all", maintained(None)));
    world.refuses(&admin(), set("all", &["status/get_page"]), RefusalKind::NotPossible, "read-only");
    let remove = Action::RemoveToolsetTools { toolset: id("all"), tools: [tool("status/get_page")].into() };
    world.refuses(&admin(), remove, RefusalKind::NotPossible, "follows server `status`");
    let none = ToolsetContent::Maintained(Follows::new(id("none")));
    world.refuses(&admin(), create("more", none), RefusalKind::NotFound, "no server `none`");
}

#[test]
fn a_maintained_toolset_of_areas_holds_their_tools_alone() {
    let mut world = World::new();
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
    let of = |areas: &[&str]| ToolsetContent::Maintained(Follows::new(id("status")).with_areas(areas.iter().copied()));
    // Before a server is synced nobody knows its areas.
    world.does(&admin(), create("early", of(&["pages"])));
    let mut tools = status_tools();
    tools[0].area = Some("pages".to_owned());
    tools[1].area = Some("incidents".to_owned());
    let names: Vec<String> = tools.iter().map(|tool| format!("status/{}", tool.name)).collect();
    world.sync("status", 1, tools);
    world.approve(&names.iter().map(String::as_str).collect::<Vec<_>>());
    world.does(&admin(), create("both", of(&["pages", "incidents"])));
    let held = |world: &World, toolset: &str| -> Vec<String> {
        let toolset = &world.state.toolsets()[toolset];
        let tools = world.state.tools().iter().filter(|(id, tool)| toolset.holds(id, tool));
        tools.map(|(id, _)| id.to_string()).collect()
    };
    assert_eq!(held(&world, "early"), [names[0].clone()]);
    let mut both = names[..2].to_vec();
    both.sort();
    assert_eq!(held(&world, "both"), both, "the tool without an area is not among them");
    let invalid = RefusalKind::Invalid;
    world.refuses(&admin(), create("typo", of(&["incidnts"])), invalid, "did you mean `incidents`?");
    world.refuses(&admin(), create("other", of(&["x"])), invalid, "its areas are `incidents`, `pages`");
}

#[test]
fn a_maintained_toolset_holds_tools_up_to_an_effect_and_without_risk() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), create("reads", maintained(Some(Effect::Read))));
    world.does(&admin(), create("writes", maintained(Some(Effect::Write))));
    world.does(&admin(), create("all", maintained(None)));
    let held = |world: &World, toolset: &str| -> Vec<String> {
        let toolset = &world.state.toolsets()[toolset];
        let tools = world.state.tools().iter().filter(|(id, tool)| toolset.holds(id, tool));
        tools.map(|(id, _)| id.name().to_string()).collect()
    };
    assert_eq!(held(&world, "reads"), ["get_page"]);
    assert_eq!(held(&world, "writes"), ["create_incident", "get_page"]);
    assert_eq!(held(&world, "all"), ["create_incident", "delete_page", "get_page"]);
    let risky = Action::ClassifyTool { tool: tool("status/get_page"), effect: None, risk: Some(Risk::Sensitive) };
    world.does(&admin(), risky);
    assert!(held(&world, "reads").is_empty(), "what an administrator says counts");
}

#[test]
fn whoever_approves_a_tool_is_shown_who_gains_it() {
    let mut world = World::new();
    world.with_status();
    world.with_profile(RequestPolicy::automatic());
    world.does(&admin(), create("reads", maintained(Some(Effect::Read))));
    world.does(&admin(), create("unbound", maintained(None)));
    let binding = ToolsetBinding { toolset: id("reads"), rules: Vec::new() };
    world.does(&admin(), Action::BindToolset { profile: id("on-call"), binding });
    let mut tools = status_tools();
    tools.push(definition("list_pages", "GET", Effect::Read));
    tools.push(definition("purge", "DELETE", Effect::Destructive));
    world.sync("status", 2, tools);
    assert_eq!(world.tool("status/list_pages").state(), ToolState::PendingReview);
    let new = [tool("status/list_pages"), tool("status/purge"), tool("status/none")];
    assert_eq!(pairs(impact(&world.state, &new)), [("reads".to_owned(), "status/list_pages".to_owned())]);
    let known = impact(&world.state, [&tool("status/get_page")]);
    assert_eq!(known.iter().map(|gain| gain.toolset.as_str()).collect::<Vec<_>>(), ["readers", "reads"]);
    assert!(known.iter().all(|gain| gain.profile.as_str() == "on-call"));
}

#[test]
fn a_deleted_toolset_is_unbound_everywhere() {
    let mut world = World::new();
    world.with_status();
    world.with_profile(RequestPolicy::automatic());
    world.does(&admin(), Action::DeleteToolset { toolset: id("readers") });
    assert!(world.state.profiles()["on-call"].bindings().is_empty());
    let unbind = Action::UnbindToolset { profile: id("on-call"), toolset: id("readers") };
    world.refuses(&admin(), unbind, RefusalKind::NotFound, "bound to profile `on-call`");
}
