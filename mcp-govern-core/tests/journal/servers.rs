use mcp_govern_core::{
    ArgumentRule, ClientId, ClientType, Constraint, CredentialFacts, CredentialOwner, CredentialSharing, Effect,
    Follows, Label, ServerSpec, Settings, Timestamp, ToolsetContent,
    journal::{Action, Event, KillScope, RefusalKind},
};
use serde_json::json;

use crate::support::*;

fn register(server: &str, spec: ServerSpec) -> Action {
    Action::RegisterServer { server: id(server), spec }
}

fn change(spec: ServerSpec) -> Action {
    Action::ChangeServer { server: id("status"), spec }
}

fn credential(owner: CredentialOwner, version: u64) -> Action {
    Action::SetCredential { server: id("status"), owner, version, facts: CredentialFacts::new() }
}

#[test]
fn two_servers_cannot_share_a_prefix() {
    let mut world = World::new();
    world.does(&admin(), register("status", spec("status")));
    let taken = RefusalKind::AlreadyExists;
    world.refuses(&admin(), register("other", spec("status")), taken, "server `status` has the prefix `status`");
    world.refuses(&admin(), register("status", spec("fresh")), taken, "a server `status` already");
    world.does(&admin(), register("other", spec("other")));
    world.refuses(&admin(), change(spec("other")), taken, "server `other` has the prefix");
}

#[test]
fn a_prefix_changes_only_while_no_tool_is_known_under_it_and_the_provider_never() {
    let mut world = World::new();
    world.does(&admin(), register("status", spec("status")));
    world.does(&admin(), change(spec("pages")));
    world.sync("status", 1, status_tools());
    world.refuses(&admin(), change(spec("status")), RefusalKind::NotPossible, "known under the prefix `pages`");
    let mut other = spec("pages");
    other.provider = id("opsgenie");
    world.refuses(&admin(), change(other), RefusalKind::NotPossible, "is of provider `statuspage`");
    world.holds_already(&admin(), change(spec("pages")));
}

#[test]
fn a_base_url_is_https_or_loopback_and_carries_no_credential() {
    let mut world = World::new();
    let at = |url: &str| register("status", spec("status").with_base_url(url.parse().unwrap()));
    for url in ["http://api.example.com", "http://localhost.example.com", "ftp://127.0.0.1", "http://10.0.0.1/"] {
        world.refuses(&admin(), at(url), RefusalKind::Invalid, "neither https nor http on loopback");
    }
    for url in [
        "https://user@api.example.com",
        "https://u:p@api.example.com",
        "https://a.example.com/?k=1",
        "https://a.example.com/#f",
    ] {
        world.refuses(&admin(), at(url), RefusalKind::Invalid, "credentials go into the vault");
    }
    for (index, url) in ["https://api.example.com/v1", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1"]
        .iter()
        .enumerate()
    {
        let name = format!("s{index}");
        world.does(&admin(), register(&name, spec(&name).with_base_url(url.parse().unwrap())));
    }
}

#[test]
fn another_origin_or_auth_method_takes_the_credentials_away() {
    let moves: [fn(ServerSpec) -> ServerSpec; 5] = [
        |spec| spec.with_edition(id("next")),
        |spec| spec.with_region("eu"),
        |spec| spec.with_base_url("https://other.example.com".parse().unwrap()),
        |spec| spec.with_sharing(CredentialSharing::PerUser),
        |mut spec| {
            spec.auth_method = id("oauth");
            spec
        },
    ];
    for change_of in moves {
        let mut world = World::new();
        world.does(&admin(), register("status", spec("status")));
        world.does(&admin(), credential(CredentialOwner::Shared, 1));
        world.does(&admin(), change(spec("status").with_config("actor_email", "ops@example.com")));
        assert_eq!(world.state.credentials().count(), 1, "configuration is no origin");
        let events = world.does(&admin(), change(change_of(spec("status"))));
        assert!(matches!(events.as_slice(), [Event::ServerChanged(_), Event::CredentialRemoved(_)]), "{events:?}");
        assert_eq!(world.state.credentials().count(), 0);
    }
}

#[test]
fn a_credential_fits_the_servers_sharing_and_its_version_never_goes_back() {
    let mut world = World::new();
    world.does(&admin(), register("status", spec("status")));
    let own = |name| CredentialOwner::User(user(name));
    world.refuses(&someone("ann"), credential(own("ann"), 1), RefusalKind::NotPossible, "one shared credential");
    world.does(&admin(), credential(CredentialOwner::Shared, 4));
    world.holds_already(&admin(), credential(CredentialOwner::Shared, 4));
    world.refuses(&admin(), credential(CredentialOwner::Shared, 3), RefusalKind::Conflict, "version 4");
    world.does(&admin(), credential(CredentialOwner::Shared, 5));
    assert_eq!(world.state.credential(&id("status"), &CredentialOwner::Shared).unwrap().version(), 5);

    world.does(&admin(), change(spec("status").with_sharing(CredentialSharing::PerUser)));
    world.refuses(&admin(), credential(CredentialOwner::Shared, 6), RefusalKind::NotPossible, "each person's own");
    world.does(&someone("ann"), credential(own("ann"), 1));
    let remove = |owner| Action::RemoveCredential { server: id("status"), owner };
    world.refuses(&someone("bob"), remove(own("ann")), RefusalKind::NotAllowed, "remove_credential");
    world.does(&admin(), remove(own("ann")));
    world.holds_already(&someone("ann"), remove(own("ann")));
}

#[test]
fn removing_a_server_takes_its_tools_and_credentials_and_leaves_its_kill_switch() {
    let mut world = World::new();
    world.with_status();
    world.does(&admin(), credential(CredentialOwner::Shared, 1));
    world.does(&admin(), Action::Kill { scope: KillScope::Server(id("status")) });
    let (toolset, label) = (id("readers"), Label::new("Readers"));
    world.does(&admin(), Action::CreateToolset { toolset, label, content: chosen(&["status/get_page"]) });
    let follows = ToolsetContent::Maintained(Follows::new(id("status")).with_up_to(Effect::Read));
    let (toolset, label) = (id("all"), Label::new("All"));
    world.does(&admin(), Action::CreateToolset { toolset, label, content: follows });
    let remove = || Action::RemoveServer { server: id("status") };
    world.refuses(&admin(), remove(), RefusalKind::NotPossible, "toolset `all` follows server `status`");
    world.does(&admin(), Action::DeleteToolset { toolset: id("all") });
    world.does(&admin(), remove());
    assert!(world.state.servers().is_empty() && world.state.tools().is_empty());
    assert_eq!(world.state.credentials().count(), 0);
    assert_eq!(world.state.toolsets()["readers"].content(), &chosen(&[]));
    assert!(world.state.kills().contains(&KillScope::Server(id("status"))));
    world.does(&admin(), Action::Release { scope: KillScope::Server(id("status")) });
}

#[test]
fn pausing_killing_closing_twice_is_no_error_and_writes_nothing() {
    let mut world = World::new();
    world.with_status();
    let client = ClientId::new("https://id.example.com", "laptop").unwrap();
    let scope = KillScope::Client(client.clone());
    for action in [
        Action::ActivateGovernance,
        Action::PauseServer { server: id("status") },
        Action::ResumeServer { server: id("status") },
        Action::Kill { scope: scope.clone() },
        Action::Release { scope },
        Action::CloseClient { client: client.clone() },
        Action::ReopenClient { client: client.clone() },
    ] {
        world.does(&owner(), action.clone());
        world.holds_already(&owner(), action);
    }
    assert!(!world.state.clients()[&client].is_closed());
    world.holds_already(&owner(), Action::ActivateSchema { schema: 1 });
}

#[test]
fn a_kill_switch_names_something_that_exists() {
    let mut world = World::new();
    for scope in [KillScope::Server(id("status")), KillScope::Tool(tool("status/get_page"))] {
        world.refuses(&admin(), Action::Kill { scope }, RefusalKind::NotFound, "`status");
    }
}

#[test]
fn an_ephemeral_client_is_never_written_down_and_only_a_personal_one_belongs_to_somebody() {
    let mut world = World::new();
    let client = ClientId::new("https://id.example.com", "laptop").unwrap();
    let set = |client_type, owner: Option<&str>| Action::SetClient {
        client: client.clone(),
        label: Label::new("Laptop"),
        client_type,
        owner: owner.map(user),
    };
    world.refuses(&admin(), set(Some(ClientType::Ephemeral), None), RefusalKind::Invalid, "not written down");
    world.refuses(&admin(), set(Some(ClientType::Shared), Some("ann")), RefusalKind::Invalid, "not personal");
    world.refuses(&admin(), set(None, Some("ann")), RefusalKind::Invalid, "not personal");
    let settings = Settings::default().with_unmatched_client(ClientType::Personal);
    world.does(&admin(), Action::ChangeSettings { settings });
    world.does(&admin(), set(None, Some("ann")));
    world.does(&someone("ann"), Action::CloseClient { client: client.clone() });
    world.does(&admin(), set(Some(ClientType::Personal), Some("ann")));
    assert!(world.state.clients()[&client].is_closed(), "setting a client does not reopen it");
}

#[test]
fn a_schema_that_this_release_does_not_write_is_refused() {
    let mut world = World::new();
    world.refuses(&owner(), Action::ActivateSchema { schema: 2 }, RefusalKind::NotPossible, "writes schema 1 at most");
    world.refuses(&owner(), Action::ActivateSchema { schema: 0 }, RefusalKind::Invalid, "does not follow");
}

#[test]
fn rules_that_allow_nothing_or_contradict_each_other_are_refused() {
    let mut world = World::new();
    let with = |rules: Vec<ArgumentRule>| register("status", spec("status").with_rules(rules));
    let fixed = |argument: &str| ArgumentRule::new(argument, Constraint::Fixed(json!("p1")));
    world.refuses(&admin(), with(vec![fixed(" ")]), RefusalKind::Invalid, "names no argument");
    world.refuses(&admin(), with(vec![fixed("a"), fixed("a")]), RefusalKind::Invalid, "two rules");
    for constraint in [Constraint::OneOf(Vec::new()), Constraint::Subset(Vec::new())] {
        world.refuses(
            &admin(),
            with(vec![ArgumentRule::new("a", constraint)]),
            RefusalKind::Invalid,
            "no value at all",
        );
    }
    world.does(&admin(), with(vec![fixed("a"), fixed("b")]));
}

#[test]
fn texts_are_bounded_and_hold_no_control_characters() {
    let mut world = World::new();
    for title in ["", "  ", "a\u{7}b", &"x".repeat(201)] {
        let mut spec = spec("status");
        spec.title = title.to_owned();
        world.refuses(&admin(), register("status", spec), RefusalKind::Invalid, "title");
    }
    let command = mcp_govern_core::journal::Command::new(id("cmd-x"), Action::ActivateGovernance);
    let refusal = world.send_command(&owner(), &command.clone().with_reason("a\u{1b}[2J")).unwrap_err();
    assert_eq!(refusal.kind(), RefusalKind::Invalid);
    assert!(world.send_command(&owner(), &command.with_reason("two\nlines")).is_ok());
}

#[test]
fn a_commit_is_never_before_the_commit_before() {
    let mut world = World::new();
    world.does(&admin(), register("status", spec("status")));
    let first = world.state.last_at();
    world.pass(-3600);
    world.does(&admin(), Action::PauseServer { server: id("status") });
    assert_eq!(world.state.last_at(), first);
    assert_ne!(first, Timestamp::default());
}
