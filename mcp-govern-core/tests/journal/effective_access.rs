//! What changes in what people may do, told of two states.

use std::collections::BTreeMap;

use mcp_govern_core::{
    Actor, ArgumentRule, ClientId, ClientMatch, ClientRule, ClientType, Constraint, DriftAction, DriftPolicy, Effect,
    Follows, Grantee, Label, NewToolState, ProfileSpec, ProfileVisibility, RequestPolicy, RequestableTools, ServerSpec,
    Settings, ToolId, ToolsetBinding, ToolsetContent,
    journal::{AccessChange, Action, EffectiveAccess, KillScope},
};

use crate::support::*;

impl World {
    fn access(&self) -> EffectiveAccess {
        EffectiveAccess::of(&self.state, self.now())
    }

    /// What an action changes.
    #[track_caller]
    fn changes(&mut self, actor: &Actor, action: Action) -> Vec<AccessChange> {
        let before = self.access();
        self.does(actor, action);
        before.changes_to(&self.access())
    }

    /// The same in one line each, `+` for what widens.
    #[track_caller]
    fn says(&mut self, actor: &Actor, action: Action) -> Vec<String> {
        let changes = self.changes(actor, action);
        changes.iter().map(|change| format!("{} {}", if change.widens { '+' } else { '-' }, change.what)).collect()
    }
}

/// `get_page` in `readers`, bound to `on-call`, which Ann holds and everybody may ask for.
fn world() -> World {
    let mut world = World::new();
    world.with_status();
    world.with_profile(RequestPolicy::approved_by([person("lea")]));
    world.does(&owner(), grant("grant-ann", person("ann")));
    world
}

fn bind(toolset: &str, rules: &[ArgumentRule]) -> Action {
    let binding = ToolsetBinding { toolset: id(toolset), rules: rules.to_vec() };
    Action::BindToolset { profile: id("on-call"), binding }
}

fn put(world: &mut World, tools: &[(&str, &[ArgumentRule])]) -> Vec<String> {
    let tools: BTreeMap<ToolId, _> = tools.iter().map(|(name, rules)| (tool(name), entry(rules))).collect();
    world.says(&admin(), Action::SetToolsetTools { toolset: id("readers"), tools })
}

fn page(id: &str) -> ArgumentRule {
    ArgumentRule::new("page_id", Constraint::OneOf(vec![id.into()]))
}

fn settings(world: &mut World, change: impl FnOnce(Settings) -> Settings) -> Vec<String> {
    let settings = change(world.state.settings().clone());
    world.says(&admin(), Action::ChangeSettings { settings })
}

fn client() -> ClientId {
    ClientId::new("https://id.example.com", "desktop").unwrap()
}

#[test]
fn nothing_changes_from_one_state_to_itself() {
    let world = world();
    assert_eq!(world.access().changes_to(&world.clone().access()), []);
}

#[test]
fn a_tool_that_holders_gain_names_them_and_it() {
    let mut world = world();
    let tools = entries(&["status/create_incident"]);
    let changes = world.changes(&admin(), Action::SetToolsetTools { toolset: id("readers"), tools });
    let [change] = changes.as_slice() else { panic!("{changes:?}") };
    assert!(change.widens);
    assert_eq!(change.what, "holders of `on-call` (1 grant) gain 1 tool");
    assert_eq!(
        (change.who.as_slice(), change.tools.as_slice()),
        (&["user ann (https://id.example.com)".to_owned()][..], &[tool("status/create_incident")][..])
    );
    let taken = Action::RemoveToolsetTools { toolset: id("readers"), tools: [tool("status/get_page")].into() };
    assert_eq!(world.says(&admin(), taken), ["- holders of `on-call` (1 grant) lose 1 tool"]);
    let disabled = Action::DisableTools { tools: [tool("status/create_incident")].into() };
    assert_eq!(world.says(&admin(), disabled), ["- holders of `on-call` (1 grant) lose 1 tool"]);
}

#[test]
fn what_nobody_holds_and_nobody_may_ask_for_widens_nothing_yet() {
    let mut world = World::new();
    world.with_status();
    let spec = ProfileSpec::new(Label::new("Closed")).with_visibility(ProfileVisibility::Nobody);
    assert_eq!(world.says(&owner(), Action::CreateProfile { profile: id("on-call"), spec: spec.clone() }), [""; 0]);
    let content = chosen(&["status/get_page"]);
    let toolset = Action::CreateToolset { toolset: id("readers"), label: Label::new("Readers"), content };
    assert_eq!(world.says(&admin(), toolset), [""; 0]);
    assert_eq!(world.says(&admin(), bind("readers", &[])), ["- future holders of `on-call` gain 1 tool"]);
    let open =
        Action::ChangeProfile { profile: id("on-call"), spec: spec.with_visibility(ProfileVisibility::Everyone) };
    assert_eq!(world.says(&owner(), open), ["+ other or more people may ask for `on-call`"]);
    let add = put(&mut world, &[("status/get_page", &[]), ("status/create_incident", &[])]);
    assert_eq!(add, ["+ future holders of `on-call` gain 1 tool"], "people may ask for it");
}

#[test]
fn an_approval_gives_a_tool_to_those_whose_toolset_it_enters() {
    let mut world = world();
    let content = ToolsetContent::Maintained(Follows::new(id("status")).with_up_to(Effect::Write));
    world.does(&admin(), Action::CreateToolset { toolset: id("all"), label: Label::new("All"), content });
    world.does(&admin(), bind("all", &[]));
    world.sync("status", 2, status_tools_with("create_incident", |tool| tool.description = "Other.".to_owned()));
    let tools = [(tool("status/create_incident"), world.digest("status/create_incident"))].into();
    assert_eq!(world.says(&admin(), Action::ApproveTools { tools }), ["+ holders of `on-call` (1 grant) gain 1 tool"]);
    // Another class lets it in or keeps it out.
    let class =
        |effect| Action::ClassifyTool { tool: tool("status/create_incident"), effect: Some(effect), risk: None };
    let out = world.says(&admin(), class(Effect::Destructive));
    assert_eq!(out, ["- holders of `on-call` (1 grant) lose 1 tool"]);
    assert_eq!(world.says(&admin(), class(Effect::Read)), ["+ holders of `on-call` (1 grant) gain 1 tool"]);
}

#[test]
fn a_definition_that_is_kept_by_the_drift_policy_is_a_further_one() {
    let mut world = world();
    let before = world.access();
    world.sync("status", 2, status_tools_with("get_page", |tool| tool.title = "A page".to_owned()));
    let changes = before.changes_to(&world.access());
    assert_eq!(changes[0].what, "holders of `on-call` (1 grant) call 1 tool under a further definition");
    assert!(changes[0].widens && changes.len() == 1);
}

#[test]
fn fewer_rules_other_rules_and_a_way_around_them_widen_and_more_rules_do_not() {
    let mut world = world();
    let looser = ["+ holders of `on-call` (1 grant) call 1 tool under other or fewer rules"];
    let tighter = ["- holders of `on-call` (1 grant) call 1 tool under more rules"];
    assert_eq!(put(&mut world, &[("status/get_page", &[page("1")])]), tighter);
    assert_eq!(put(&mut world, &[("status/get_page", &[page("2")])]), looser);
    // A second toolset is a way around the rule of the first; rules of a binding and of the server narrow every way.
    let content = chosen(&["status/get_page"]);
    world.does(&admin(), Action::CreateToolset { toolset: id("again"), label: Label::new("Again"), content });
    assert_eq!(world.says(&admin(), bind("again", &[page("2")])), [""; 0]);
    assert_eq!(world.says(&admin(), bind("again", &[])), looser);
    let mut row = world.state.servers()["status"].spec().clone();
    row.rules = vec![page("7")];
    let change = |spec: &ServerSpec| Action::ChangeServer { server: id("status"), spec: spec.clone() };
    assert_eq!(world.says(&admin(), change(&row)), tighter);
    row.rules.clear();
    assert_eq!(world.says(&admin(), change(&row)), looser);
    assert_eq!(put(&mut world, &[("status/get_page", &[])]), [""; 0], "the way around it was there already");
}

#[test]
fn a_grant_widens_when_it_is_made_and_narrows_when_it_is_taken_back_or_ends() {
    let mut world = world();
    let until = Some(mcp_govern_core::Timestamp::from_millis(NOON + 3_600_000));
    let made =
        Action::GrantProfile { grant: id("g"), profile: id("on-call"), grantee: Grantee::Group(id("staff")), until };
    let changes = world.changes(&owner(), made);
    assert_eq!(changes[0].what, "group staff gains `on-call` (1 tool) until 2026-11-21T13:00:00.000Z");
    assert_eq!((changes[0].widens, changes[0].tools.as_slice()), (true, &[tool("status/get_page")][..]));
    let revoked = world.says(&owner(), Action::RevokeGrant { grant: id("grant-ann") });
    assert_eq!(revoked, ["- user ann (https://id.example.com) loses `on-call` (grant `grant-ann`)"]);
    let before = world.access();
    world.pass(3600);
    assert_eq!(before.changes_to(&world.access())[0].what, "group staff loses `on-call` (grant `g`)");
}

#[test]
fn who_may_ask_and_how_it_is_decided_counts() {
    let mut world = world();
    let spec =
        |visibility, policy| ProfileSpec::new(Label::new("On call")).with_visibility(visibility).with_policy(policy);
    let becomes = |visibility, policy| Action::ChangeProfile { profile: id("on-call"), spec: spec(visibility, policy) };
    let by = |name: &str| RequestPolicy::approved_by([person(name)]);
    let other = world.says(&owner(), becomes(ProfileVisibility::Everyone, by("max")));
    assert_eq!(other, ["+ requests for `on-call` are decided in another way"]);
    let hidden = world.says(&owner(), becomes(ProfileVisibility::Nobody, by("max")));
    assert_eq!(hidden, ["- fewer people may ask for `on-call`"]);
    let new = Action::CreateProfile { profile: id("open"), spec: spec(ProfileVisibility::Everyone, by("lea")) };
    assert_eq!(world.says(&owner(), new), ["+ people may ask for the new profile `open`"]);
    let gone = world.says(&owner(), Action::DeleteProfile { profile: id("on-call") });
    assert_eq!(gone[0], "- the profile `on-call` and its 1 grant end");
}

#[test]
fn settings_that_let_more_callers_in_widen_and_the_others_do_not() {
    let mut world = world();
    let one = |network: &str| [network.parse().unwrap()];
    assert_eq!(settings(&mut world, |s| s.with_sources(one("10.0.0.0/8"))), ["- calls may come from fewer networks"]);
    assert_eq!(settings(&mut world, |s| s.with_sources(one("192.0.2.0/24"))), ["+ calls may come from other networks"]);
    assert_eq!(settings(&mut world, |s| s.with_sources([])), ["+ calls may come from anywhere"]);
    let unmatched = |s: Settings| s.with_unmatched_client(ClientType::Personal);
    assert_eq!(settings(&mut world, unmatched), ["+ AI clients that no rule matches count as `personal`"]);
    let types = settings(&mut world, |s| s.with_client_types([ClientType::Service]));
    assert_eq!(types, ["+ AI clients of type `service` may call", "- AI clients of type `personal` may call no more"]);
    let listed = settings(&mut world, |s| s.with_list_requestable(RequestableTools::Listed));
    assert_eq!(listed, ["+ tools that people could ask for are listed to them"]);
    let new = settings(&mut world, |s| s.with_new_tools(NewToolState::Approved));
    assert_eq!(new, ["+ new tools of server `status` are approved without a look"]);
    let kept = DriftPolicy { text: DriftAction::Keep, ..DriftPolicy::default() };
    assert_eq!(
        settings(&mut world, |s| s.with_drift(kept)),
        ["+ more changes of tools of server `status` are kept without a look"]
    );
    assert_eq!(settings(&mut world, |s| s.with_drift(DriftPolicy::default())), [""; 0]);
    let rule = ClientRule { issuer: None, client: ClientMatch::Any, client_type: ClientType::Service };
    let ruled = settings(&mut world, |s| s.with_client_rules([rule]));
    assert_eq!(ruled, ["+ other rules say of what type an AI client is"]);
    let active = world.says(&owner(), Action::ActivateGovernance);
    assert_eq!(active, ["+ governance becomes active: calls are admitted by the rules"]);
}

#[test]
fn what_stops_calls_narrows_and_what_lets_them_go_on_widens() {
    let mut world = world();
    let scope = || KillScope::Tenant;
    assert_eq!(
        world.says(&admin(), Action::Kill { scope: scope() }),
        ["- calls are stopped: the kill switch of the tenant is on"]
    );
    let released = world.says(&admin(), Action::Release { scope: scope() });
    assert_eq!(released, ["+ calls that the rules admit go on: the kill switch of the tenant is off"]);
    let server = || id("status");
    let paused = world.says(&admin(), Action::PauseServer { server: server() });
    assert_eq!(paused, ["- calls to server `status` are denied: it is paused"]);
    let resumed = world.says(&admin(), Action::ResumeServer { server: server() });
    assert_eq!(resumed, ["+ calls to server `status` go on: it is paused no more"]);
    // A server that is gone does not go on.
    world.does(&admin(), Action::PauseServer { server: server() });
    let gone = world.says(&admin(), Action::RemoveServer { server: server() });
    assert!(gone.iter().all(|line| line.starts_with('-')) && !gone.is_empty(), "{gone:?}");
}

#[test]
fn a_client_that_is_let_in_or_given_another_type_widens() {
    let mut world = world();
    let set = |client_type| Action::SetClient {
        client: client(),
        label: Label::new("PublishState"),
        client_type,
        owner: None,
    };
    let name = "client `desktop (https://id.example.com)`";
    assert_eq!(world.says(&admin(), set(Some(ClientType::Service))), [format!("+ {name} counts as `service`")]);
    let closed = world.says(&admin(), Action::CloseClient { client: client() });
    assert_eq!(closed, [format!("- calls of {name} are denied: it is closed")]);
    let reopened = world.says(&admin(), Action::ReopenClient { client: client() });
    assert_eq!(reopened, [format!("+ {name} may call again")]);
    assert_eq!(world.says(&admin(), set(None)), [format!("+ the tenant's rules say of what type {name} is")]);
    let types = |types: Option<&[ClientType]>| Action::SetToolClientTypes {
        tool: tool("status/get_page"),
        types: types.map(|types| types.iter().copied().collect()),
    };
    let fewer = world.says(&admin(), types(Some(&[ClientType::Personal])));
    assert_eq!(fewer, ["- holders of `on-call` (1 grant) call 1 tool from fewer types of AI client"]);
    let more = ["+ holders of `on-call` (1 grant) call 1 tool from other or more types of AI client"];
    assert_eq!(world.says(&admin(), types(Some(&[ClientType::Shared]))), more);
    assert_eq!(world.says(&admin(), types(None)), more);
}
