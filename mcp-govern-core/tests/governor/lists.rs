//! What callers see: list, search, describe, preview, explain agree with what a call would do.

use std::collections::BTreeMap;

use mcp_govern_core::{
    ArgumentRule, Constraint, CredentialOwner, CredentialSharing, DenialCode, Effect, Label, ProfileId, ProfileSpec,
    ProfileVisibility, RequestableTools, ToolsetBinding, ToolsetId,
    access::{Check, CheckResult, Visibility},
    governor::{CallRequest, ListedTool},
    journal::Action,
};
use serde_json::json;

use super::world::{World, code, owner, principal, server, spec, tool, user};

#[tokio::test]
async fn a_list_holds_what_can_be_called_ordered_by_name() {
    let world = World::open().await;
    let names: Vec<_> = world.governor.list(&principal("ann")).unwrap().into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["acme_create_page", "acme_delete_page", "acme_list_pages", "acme_tidy_pages"]);
    assert!(world.governor.list(&principal("bob")).unwrap().is_empty());
    world.commit(Action::DisableTools { tools: [tool("list_pages")].into() }).await;
    let names: Vec<_> = world.governor.list(&principal("ann")).unwrap().into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["acme_create_page", "acme_delete_page"], "the recipe goes with the tool that it uses");
}

#[tokio::test]
async fn the_announced_end_of_an_api_is_in_the_status_and_with_every_tool_that_is_listed() {
    let world = World::open().await;
    let listed = world.governor.list(&principal("ann")).unwrap();
    assert!(!listed.is_empty());
    for tool in listed {
        assert_eq!(tool.sunset.as_ref().map(|sunset| sunset.date.as_str()), Some("2027-04-05"), "{}", tool.name);
    }
    let sunsets = world.governor.status().sunsets;
    assert_eq!(sunsets[&server()].notice, "Move to the next edition.");
}

#[tokio::test]
async fn a_page_of_a_listing_is_that_stretch_of_the_whole_list() {
    let world = World::open().await;
    let ann = principal("ann");
    let names = |tools: Vec<ListedTool>| -> Vec<String> { tools.into_iter().map(|tool| tool.name).collect() };
    let all = names(world.governor.list(&ann).unwrap());
    let listing = world.governor.listing(&ann).unwrap();
    assert_eq!((listing.len(), listing.is_empty()), (all.len(), false));
    for begin in 0..=all.len() {
        let after = begin.checked_sub(1).map(|at| all[at].as_str());
        assert_eq!(
            names(listing.after(after).take(2).collect()),
            all[begin..].iter().take(2).cloned().collect::<Vec<_>>()
        );
    }
    // A name that is not there is a place between two that are.
    assert_eq!(names(listing.after(Some("acme_d")).collect()), all[1..]);
    assert!(listing.contains("acme_tidy_pages") && !listing.contains("acme_tidy"));
    // What happens meanwhile is in the next listing.
    world.commit(Action::DisableTools { tools: [tool("create_page")].into() }).await;
    assert!(listing.contains("acme_create_page"));
    assert!(!world.governor.listing(&ann).unwrap().contains("acme_create_page"));
}

#[tokio::test]
async fn a_tool_that_can_be_asked_for_comes_with_the_remedy_that_a_call_would_get() {
    let world = World::open().await;
    let spec = ProfileSpec::new(Label::new("Staff")).with_visibility(ProfileVisibility::Everyone);
    world.commit(Action::ChangeProfile { profile: ProfileId::new("staff").unwrap(), spec }).await;
    let settings = world.governor.state().settings().clone().with_list_requestable(RequestableTools::Listed);
    world.commit(Action::ChangeSettings { settings }).await;
    let listed = world.governor.list(&principal("bob")).unwrap();
    assert!(!listed.is_empty());
    for tool in listed {
        assert_eq!(tool.visibility, Visibility::Requestable);
        let denied = world.governor.preview(&principal("bob"), CallRequest::new(&tool.id)).unwrap_err();
        assert_eq!(tool.remedy.as_ref(), denied.denial().map(mcp_govern_core::Denial::remedy), "{}", tool.id);
    }
    assert!(world.governor.list(&principal("ann")).unwrap().iter().all(|tool| tool.remedy.is_none()));
}

#[tokio::test]
async fn the_schema_is_narrowed_by_the_rules_that_a_call_is_held_to() {
    let world = World::open().await;
    let rules = vec![ArgumentRule::new("page_id", Constraint::OneOf(vec![json!("p1"), json!("p2")]))];
    let binding = ToolsetBinding { toolset: ToolsetId::new("all").unwrap(), rules };
    world.commit(Action::BindToolset { profile: ProfileId::new("staff").unwrap(), binding }).await;
    let described = world.governor.describe(&principal("ann"), "acme_list_pages").unwrap();
    assert_eq!(described.input_schema["properties"]["page_id"]["enum"], json!(["p1", "p2"]));
    world.call("ann", "list_pages").await.unwrap();
    let request = CallRequest::new("acme_list_pages").with_argument("page_id", "p3");
    let denied = world.governor.call(&principal("ann"), request.clone()).await;
    assert_eq!(code(&denied), "rule_violated");
    assert_eq!(world.governor.preview(&principal("ann"), request).unwrap_err().code(), Some(DenialCode::RuleViolated));
}

#[tokio::test]
async fn a_rule_that_follows_from_the_configuration_holds_like_one_of_the_row() {
    let world = World::open_with(spec().with_config("pages", "p1,p2"), |builder| builder).await;
    let shown = |world: &World| {
        let described = world.governor.describe(&principal("ann"), "acme_list_pages").unwrap();
        described.input_schema["properties"]["page_id"]["enum"].clone()
    };
    let asks = async |world: &World, page: &str| {
        let request = CallRequest::new("acme_list_pages").with_argument("page_id", page);
        let called = world.governor.call(&principal("ann"), request).await;
        if called.is_ok() { "ok" } else { code(&called) }
    };
    assert_eq!(shown(&world), json!(["p1", "p2"]));
    assert_eq!((asks(&world, "p2").await, asks(&world, "p3").await), ("ok", "rule_violated"));
    // A binding narrows it further and cannot widen it.
    let rules = vec![ArgumentRule::new("page_id", Constraint::OneOf(vec![json!("p2"), json!("p3")]))];
    let binding = ToolsetBinding { toolset: ToolsetId::new("all").unwrap(), rules };
    world.commit(Action::BindToolset { profile: ProfileId::new("staff").unwrap(), binding }).await;
    assert_eq!(shown(&world), json!(["p2"]));
    assert_eq!((asks(&world, "p1").await, asks(&world, "p3").await), ("rule_violated", "rule_violated"));
    // The configuration is changed: the tools are the same, and nobody need review them again.
    world.commit(Action::ChangeServer { server: server(), spec: spec().with_config("pages", "p3,p4") }).await;
    world.governor.sync(&owner(), &server()).await.unwrap();
    assert_eq!(shown(&world), json!(["p3"]));
    assert_eq!((asks(&world, "p2").await, asks(&world, "p3").await), ("rule_violated", "ok"));
}

#[tokio::test]
async fn search_finds_the_callers_own_tools_alone_and_the_best_first() {
    let world = World::open().await;
    let search = |who: &str, text: &str, limit| {
        let found = world.governor.search(&principal(who), text, limit).unwrap();
        found.into_iter().map(|tool| tool.name).collect::<Vec<_>>()
    };
    assert_eq!(search("ann", "LIST pages", 9), ["acme_list_pages"]);
    assert_eq!(search("ann", "people", 9).len(), 4);
    assert_eq!(search("ann", "people", 2).len(), 2);
    assert_eq!(search("ann", "", 9).len(), 4);
    assert!(search("ann", "elephant", 9).is_empty());
    assert!(search("bob", "pages", 9).is_empty());
}

#[tokio::test]
async fn a_tool_that_is_not_listed_is_described_as_a_call_would_answer() {
    let world = World::open().await;
    assert_eq!(world.governor.describe(&principal("ann"), "acme_nothing").unwrap_err().code(), DenialCode::UnknownTool);
    let hidden = world.governor.describe(&principal("bob"), "acme_list_pages").unwrap_err();
    let none = world.governor.describe(&principal("bob"), "acme_nothing").unwrap_err();
    assert_eq!(hidden, none);
    world.commit(Action::DisableTools { tools: [tool("list_pages")].into() }).await;
    let disabled = world.governor.describe(&principal("ann"), tool("list_pages")).unwrap_err();
    assert_eq!(disabled.code(), DenialCode::ToolDisabled);
}

#[tokio::test]
async fn a_server_with_personal_credentials_is_listed_as_needing_a_connection() {
    let world = World::open_with(spec().with_sharing(CredentialSharing::PerUser), |builder| builder).await;
    let listed = world.governor.list(&principal("ann")).unwrap();
    assert!(!listed.is_empty() && listed.iter().all(|tool| tool.visibility == Visibility::NeedsConnection));
}

#[tokio::test]
async fn a_preview_sends_nothing_and_leaves_no_record() {
    let world = World::open().await;
    let request = CallRequest::new(tool("list_pages")).with_argument("page_id", "p1");
    let preview = world.governor.preview(&principal("ann"), request.clone()).unwrap();
    assert_eq!(preview.url, "https://api.acme.test/list_pages");
    assert_eq!(world.governor.preview(&principal("bob"), request).unwrap_err().code(), Some(DenialCode::UnknownTool));
    assert!(world.vendor.seen().is_empty());
    world.governor.close().await;
    assert_eq!(world.records().await.len(), 2, "only the chain's own marks");
}

#[tokio::test]
async fn an_explanation_tells_every_check_and_the_truth() {
    let world = World::open().await;
    let explained = world.governor.explain(&principal("bob"), "acme_list_pages").unwrap();
    assert_eq!(explained.denied, Some(DenialCode::NoGrant));
    let failed: Vec<_> =
        explained.checks.iter().filter(|check| matches!(check.result, CheckResult::Failed(_))).collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].remedy.is_some());
    assert_eq!(world.governor.explain(&principal("ann"), "acme_list_pages").unwrap().denied, None);
    assert!(world.governor.explain(&principal("ann"), "acme_nothing").is_err());
}

#[tokio::test]
async fn an_explanation_tells_whether_there_is_a_credential() {
    let world = World::open().await;
    let credential = |explained: mcp_govern_core::access::Explanation| {
        explained.checks.into_iter().find(|trace| trace.check == Check::Credential).unwrap()
    };
    let there = world.governor.explain(&principal("ann"), "acme_list_pages").unwrap();
    assert_eq!((there.denied, credential(there).result), (None, CheckResult::Passed));
    let owner = CredentialOwner::Shared;
    world.commit(Action::RemoveCredential { server: server(), owner }).await;
    let missing = world.governor.explain(&principal("ann"), "acme_list_pages").unwrap();
    assert_eq!(missing.denied.map(DenialCode::as_str), Some(code(&world.call("ann", "list_pages").await)));
    assert!(credential(missing).detail.contains("the shared credential for server `acme` is not there yet"));

    let own = World::open_with(spec().with_sharing(CredentialSharing::PerUser), |builder| builder).await;
    let missing = own.governor.explain(&principal("ann"), "acme_list_pages").unwrap();
    assert_eq!(missing.denied, Some(DenialCode::CredentialMissing));
    assert!(matches!(credential(missing).remedy, Some(mcp_govern_core::Remedy::ConnectAccount { .. })));
}

#[tokio::test]
async fn what_is_listed_can_be_called_and_what_is_not_listed_cannot() {
    let world = World::open().await;
    let tools: BTreeMap<_, _> =
        world.governor.state().tools().iter().map(|(id, tool)| (id.clone(), tool.digest())).collect();
    world.commit(Action::DisableTools { tools: [tool("create_page")].into() }).await;
    world.commit(Action::ResetTools { tools: [tool("delete_page")].into() }).await;
    for who in ["ann", "bob"] {
        let listed: Vec<_> = world.governor.list(&principal(who)).unwrap().into_iter().map(|tool| tool.id).collect();
        for id in tools.keys() {
            let called = world.call(who, id.name().as_str()).await.is_ok();
            assert_eq!(called, listed.contains(id), "{who} {id}");
            assert_eq!(world.governor.describe(&principal(who), id).is_ok(), called);
        }
    }
}

#[tokio::test]
async fn a_list_states_the_effect_that_counts() {
    let world = World::open().await;
    let effect = || world.governor.describe(&principal("ann"), "acme_list_pages").unwrap().effect;
    assert_eq!(effect(), Effect::Read);
    let effect_of = Some(Effect::Destructive);
    world.commit(Action::ClassifyTool { tool: tool("list_pages"), effect: effect_of, risk: None }).await;
    assert_eq!(effect(), Effect::Destructive);
}

#[tokio::test]
async fn whoever_follows_lists_is_woken_by_commits_and_by_definitions_that_were_loaded() {
    let world = World::open().await;
    let before = world.governor.generation();
    world.governor.reload(&server()).await.unwrap();
    let loaded = world.governor.changed(before).await.unwrap();
    assert_ne!(loaded, before);
    world.commit(Action::DisableTools { tools: [tool("list_pages")].into() }).await;
    assert_ne!(world.governor.changed(loaded).await.unwrap(), loaded);
    let now = world.governor.generation();
    world.governor.close().await;
    assert!(world.governor.changed(now).await.is_err(), "nothing is followed any more");
}

#[tokio::test]
async fn a_server_and_the_version_of_its_credential_can_be_looked_up() {
    let world = World::open().await;
    assert_eq!(world.governor.server_config(&server()).unwrap().server, server());
    assert!(world.governor.server_config(&"nothing".try_into().unwrap()).is_none());
    assert_eq!(world.governor.credential_version(&server(), &CredentialOwner::Shared), Some(1));
    assert_eq!(world.governor.credential_version(&server(), &CredentialOwner::User(user("ann"))), None);
}
