use std::collections::{BTreeMap, BTreeSet};

use mcp_govern_core::{
    ClientId, ClientType, CredentialFacts, CredentialOwner, CredentialSharing, Digest, Effect, Label, ProfileSpec,
    ProfileVisibility, RequestPolicy, Role, Settings, ToolsetBinding,
    journal::{Action, Command, Decided, Head, KillScope, RefusalKind, Right, decide, may},
    ports::{AuditHead, WriterId},
};

use crate::support::*;

/// The table once more, as a reviewer would write it: owner, governance admin, server owner, profile admin, auditor, user.
const EXPECTED: &str = "
    activate_governance   A.....
    activate_schema       A.....
    change_settings       AA....
    register_server       AA....
    change_server         AAo...
    pause_server          AAo...
    resume_server         AAo...
    remove_server         AA....
    sync_server           AAo...
    stage_catalogue       AAo...
    approve_tools         AAo...
    pin_tools             AAo...
    unpin_tools           AAo...
    disable_tools         AAo...
    reset_tools           AAo...
    classify_tool         AAo...
    set_tool_client_types AAo...
    create_toolset        AA....
    label_toolset         AA....
    set_toolset_tools     AA....
    remove_toolset_tools  AA....
    delete_toolset        AA....
    create_profile        A..A..
    change_profile        A..A..
    delete_profile        A..A..
    bind_toolset          AA....
    unbind_toolset        AA....
    grant_profile         A..A..
    revoke_grant          A..A.o
    request_access        .....o
    approve_request       .....o
    deny_request          A..A.o
    cancel_request        A..A.o
    set_client            AA....
    close_client          AA...o
    reopen_client         AA....
    kill                  AAo...
    release               AAo...
    set_credential        AAo..o
    remove_credential     AAo..o
    note_refused_credential AA....
    anchor_audit          AA....
    accept_rollback       AA....
    drop_audit_segment    AA....
    offboard_user         AA.A..
";

fn expected() -> BTreeMap<&'static str, Vec<char>> {
    EXPECTED
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?.chars().collect()))
        })
        .collect()
}

#[test]
fn the_table_says_cell_by_cell_who_may_what() {
    let expected = expected();
    assert_eq!(expected.keys().copied().collect::<BTreeSet<_>>(), Action::NAMES.iter().copied().collect());
    for (name, cells) in expected {
        for (role, cell) in Role::ALL.into_iter().zip(cells) {
            let right = match cell {
                'A' => Right::Always,
                'o' => Right::Own,
                _ => Right::Never,
            };
            assert_eq!(may(role, name), right, "{role} {name}");
        }
    }
}

/// Whose thing an action touches.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Whose {
    Others,
    /// Of a server that names the actor as owner.
    MyServer,
    /// The actor's own grant, request, client, credential; or a request that names the actor as approver.
    Mine,
}

use Whose::{Mine, MyServer, Others};

/// Mia owns the server `mine` and not `theirs`; everything else there is hers or Bob's.
fn world() -> World {
    let mut world = World::new();
    for (server, owners) in [("mine", vec![user("mia")]), ("theirs", vec![user("bob")])] {
        let spec = spec(server).with_owners(owners);
        world.does(&admin(), Action::RegisterServer { server: id(server), spec });
        world.sync(server, 1, status_tools());
        world.approve(&[&format!("{server}/get_page")]);
    }
    let per_user = spec("personal").with_sharing(CredentialSharing::PerUser);
    world.does(&admin(), Action::RegisterServer { server: id("personal"), spec: per_user });
    world.does(&someone("bob"), credential("personal", CredentialOwner::User(user("bob"))));
    let (label, content) = (Label::new("Readers"), chosen(&["theirs/get_page"]));
    world.does(&admin(), Action::CreateToolset { toolset: id("readers"), label, content });
    for (profile, approver) in [("on-call", "zoe"), ("asks-mia", "mia")] {
        let spec = ProfileSpec::new(Label::new("A profile"))
            .with_visibility(ProfileVisibility::Everyone)
            .with_policy(RequestPolicy::approved_by([person(approver)]));
        world.does(&owner(), Action::CreateProfile { profile: id(profile), spec });
    }
    let binding = ToolsetBinding { toolset: id("readers"), rules: Vec::new() };
    world.does(&admin(), Action::BindToolset { profile: id("on-call"), binding });
    world.does(&owner(), grant("grant-of-bob", person("bob")));
    world.does(&owner(), grant("grant-of-mia", person("mia")));
    for (request, profile, who) in
        [("bob-asks-zoe", "on-call", "bob"), ("bob-asks-mia", "asks-mia", "bob"), ("mia-asks-zoe", "on-call", "mia")]
    {
        world.does(&someone(who), request_access(request, profile));
    }
    for who in ["mia", "bob"] {
        let (label, client_type) = (Label::new("A client"), Some(ClientType::Personal));
        world.does(&admin(), Action::SetClient { client: client(who), label, client_type, owner: Some(user(who)) });
    }
    world
}

fn client(name: &str) -> ClientId {
    ClientId::new("https://id.example.com", name).unwrap()
}

fn request_access(request: &str, profile: &str) -> Action {
    let grant = format!("{request}-grant");
    Action::RequestAccess {
        request: id(request),
        grant: id(&grant),
        profile: id(profile),
        justification: None,
        seconds: None,
    }
}

fn credential(server: &str, owner: CredentialOwner) -> Action {
    Action::SetCredential { server: id(server), owner, version: 1, facts: CredentialFacts::new() }
}

fn on_servers(action: impl Fn(&str) -> Action) -> Vec<(Whose, Action)> {
    vec![(Others, action("theirs")), (MyServer, action("mine"))]
}

fn on_tools(action: impl Fn(mcp_govern_core::ToolId) -> Action) -> Vec<(Whose, Action)> {
    on_servers(|server| action(tool(&format!("{server}/get_page"))))
}

#[expect(clippy::too_many_lines, reason = "one arm for each action")]
fn cases(name: &str, world: &World) -> Vec<(Whose, Action)> {
    let others = |action| vec![(Others, action)];
    let own_spec = |server: &str| world.state.servers()[server].spec().clone();
    let (label, toolset, profile) = (Label::new("Another"), id("readers"), id("on-call"));
    let profile_spec = ProfileSpec::new(label.clone());
    match name {
        "activate_governance" => others(Action::ActivateGovernance),
        "activate_schema" => others(Action::ActivateSchema { schema: 1 }),
        "change_settings" => {
            others(Action::ChangeSettings { settings: Settings::default().with_unmatched_client(ClientType::Shared) })
        }
        "register_server" => others(Action::RegisterServer { server: id("new"), spec: spec("new") }),
        "change_server" => {
            on_servers(|server| Action::ChangeServer { server: id(server), spec: own_spec(server).with_region("eu") })
        }
        "pause_server" => on_servers(|server| Action::PauseServer { server: id(server) }),
        "resume_server" => on_servers(|server| Action::ResumeServer { server: id(server) }),
        "remove_server" => others(Action::RemoveServer { server: id("mine") }),
        "sync_server" => on_servers(|server| sync(server, 2, status_tools())),
        "stage_catalogue" => on_servers(|server| Action::StageCatalogue {
            server: id(server),
            catalogue: catalogue(2, status_tools_with("get_page", |tool| tool.title = "Page".into())),
        }),
        "approve_tools" => on_servers(|server| {
            let tool = tool(&format!("{server}/create_incident"));
            let digest = world.state.tools()[&tool].digest();
            Action::ApproveTools { tools: [(tool, digest)].into() }
        }),
        "pin_tools" => on_tools(|tool| Action::PinTools {
            tools: [(tool, Digest::of_bytes(b"coming"))].into(),
            edition: Some(id("next")),
        }),
        "unpin_tools" => on_tools(|tool| Action::UnpinTools { tools: [(tool, Digest::of_bytes(b"coming"))].into() }),
        "disable_tools" => on_tools(|tool| Action::DisableTools { tools: [tool].into() }),
        "reset_tools" => on_tools(|tool| Action::ResetTools { tools: [tool].into() }),
        "classify_tool" => on_tools(|tool| Action::ClassifyTool { tool, effect: Some(Effect::Write), risk: None }),
        "set_tool_client_types" => {
            on_tools(|tool| Action::SetToolClientTypes { tool, types: Some(ClientType::ALL.into()) })
        }
        "create_toolset" => {
            others(Action::CreateToolset { toolset: id("new"), label, content: chosen(&["mine/get_page"]) })
        }
        "label_toolset" => others(Action::LabelToolset { toolset, label }),
        "set_toolset_tools" => others(Action::SetToolsetTools { toolset, tools: entries(&["mine/get_page"]) }),
        "remove_toolset_tools" => {
            others(Action::RemoveToolsetTools { toolset, tools: [tool("theirs/get_page")].into() })
        }
        "delete_toolset" => others(Action::DeleteToolset { toolset }),
        "create_profile" => others(Action::CreateProfile { profile: id("new"), spec: profile_spec }),
        "change_profile" => others(Action::ChangeProfile { profile, spec: profile_spec }),
        "delete_profile" => others(Action::DeleteProfile { profile }),
        "bind_toolset" => {
            let binding = ToolsetBinding { toolset, rules: Vec::new() };
            others(Action::BindToolset { profile: id("asks-mia"), binding })
        }
        "unbind_toolset" => others(Action::UnbindToolset { profile, toolset }),
        "grant_profile" => others(grant("new", person("carl"))),
        "revoke_grant" => vec![
            (Others, Action::RevokeGrant { grant: id("grant-of-bob") }),
            (Mine, Action::RevokeGrant { grant: id("grant-of-mia") }),
        ],
        "request_access" => vec![(Mine, request_access("new", "asks-mia"))],
        "approve_request" => vec![
            (Others, Action::ApproveRequest { request: id("bob-asks-zoe"), grant: id("new") }),
            (Mine, Action::ApproveRequest { request: id("bob-asks-mia"), grant: id("new") }),
        ],
        "deny_request" => vec![
            (Others, Action::DenyRequest { request: id("bob-asks-zoe") }),
            (Mine, Action::DenyRequest { request: id("bob-asks-mia") }),
        ],
        "cancel_request" => vec![
            (Others, Action::CancelRequest { request: id("bob-asks-zoe") }),
            (Mine, Action::CancelRequest { request: id("mia-asks-zoe") }),
        ],
        "set_client" => others(Action::SetClient { client: client("new"), label, client_type: None, owner: None }),
        "close_client" => vec![
            (Others, Action::CloseClient { client: client("bob") }),
            (Mine, Action::CloseClient { client: client("mia") }),
        ],
        "reopen_client" => vec![
            (Others, Action::ReopenClient { client: client("bob") }),
            (Others, Action::ReopenClient { client: client("mia") }),
        ],
        "kill" => {
            let mut cases = on_servers(|server| Action::Kill { scope: KillScope::Server(id(server)) });
            cases.extend(on_tools(|tool| Action::Kill { scope: KillScope::Tool(tool) }));
            cases.push((Others, Action::Kill { scope: KillScope::Tenant }));
            cases.push((Others, Action::Kill { scope: KillScope::Client(client("mia")) }));
            // Nobody stops a person by being it.
            cases.push((Others, Action::Kill { scope: KillScope::User(user("mia")) }));
            cases.push((Others, Action::Kill { scope: KillScope::User(user("bob")) }));
            cases
        }
        "release" => {
            let mut cases = on_servers(|server| Action::Release { scope: KillScope::Server(id(server)) });
            cases.extend(on_tools(|tool| Action::Release { scope: KillScope::Tool(tool) }));
            cases.push((Others, Action::Release { scope: KillScope::Tenant }));
            cases.push((Others, Action::Release { scope: KillScope::User(user("mia")) }));
            cases
        }
        "set_credential" => {
            let mut cases = on_servers(|server| credential(server, CredentialOwner::Shared));
            cases.push((Mine, credential("personal", CredentialOwner::User(user("mia")))));
            cases
        }
        "remove_credential" => {
            let mut cases =
                on_servers(|server| Action::RemoveCredential { server: id(server), owner: CredentialOwner::Shared });
            let owner = |name| CredentialOwner::User(user(name));
            cases.push((Others, Action::RemoveCredential { server: id("personal"), owner: owner("bob") }));
            cases.push((Mine, Action::RemoveCredential { server: id("personal"), owner: owner("mia") }));
            cases
        }
        "note_refused_credential" => {
            others(Action::NoteRefusedCredential { server: id("personal"), user: user("bob"), version: 1 })
        }
        "anchor_audit" => {
            let head = AuditHead { sequence: 3, hash: Digest::of_bytes(b"record") };
            others(Action::AnchorAudit { heads: [(WriterId::new("w-1").unwrap(), head)].into() })
        }
        "accept_rollback" => others(Action::AcceptRollback { known: Head::EMPTY, found: Head::EMPTY }),
        "drop_audit_segment" => {
            let through = AuditHead { sequence: 3, hash: Digest::of_bytes(b"record") };
            let (writer, after, export) = (WriterId::new("w-1").unwrap(), AuditHead::EMPTY, Digest::of_bytes(b"file"));
            others(Action::DropAuditSegment { writer, after, through, export })
        }
        "offboard_user" => others(Action::OffboardUser { user: user("bob") }),
        other => panic!("no case for {other}"),
    }
}

#[test]
fn commands_are_allowed_exactly_where_the_table_says() {
    let world = world();
    for (name, cells) in expected() {
        for (role, cell) in Role::ALL.into_iter().zip(&cells) {
            for (whose, action) in cases(name, &world) {
                assert_eq!(action.name(), name);
                let mut world = world.clone();
                let result = world.send(&actor("mia", &[role]), action.clone());
                let allowed = !result.as_ref().is_err_and(|refusal| refusal.kind() == RefusalKind::NotAllowed);
                let expected = match whose {
                    Others => *cell == 'A',
                    MyServer => *cell == 'A' || (role == Role::ServerOwner && *cell == 'o'),
                    Mine => *cell == 'A' || cells[5] == 'o',
                };
                assert_eq!(allowed, expected, "{role} {action:?}: {result:?}");
                // Whatever is allowed is possible in this world, so that no other refusal hides the answer.
                assert!(!expected || result.is_ok(), "{role} {action:?}: {result:?}");
            }
        }
    }
}

/// Whatever it was, also where the commit is one of a release that wrote no digest; its name stands in what the digest covers.
#[test]
fn every_command_that_was_carried_out_is_known_again_and_no_other_under_its_id() {
    let world = world();
    for (name, _) in expected() {
        // Of an older commit only the kind of its action is known: this is of another one.
        let other = if name == "delete_profile" {
            Action::DeleteToolset { toolset: id("readers") }
        } else {
            Action::DeleteProfile { profile: id("on-call") }
        };
        let mut world = world.clone();
        // What these ask for holds in this world already.
        let before = match name {
            "release" => Some(Action::Kill { scope: KillScope::Tenant }),
            "remove_credential" => Some(credential("theirs", CredentialOwner::Shared)),
            "reopen_client" => Some(Action::CloseClient { client: client("bob") }),
            "unpin_tools" => Some(Action::PinTools {
                tools: [(tool("theirs/get_page"), Digest::of_bytes(b"coming"))].into(),
                edition: None,
            }),
            "resume_server" => Some(Action::PauseServer { server: id("theirs") }),
            _ => None,
        };
        if let Some(before) = before {
            world.does(&admin(), before);
        }
        let mut carried_out = 0;
        for (role, (_, action)) in
            Role::ALL.into_iter().flat_map(|role| cases(name, &world).into_iter().map(move |case| (role, case)))
        {
            let mut world = world.clone();
            let mia = actor("mia", &[role]);
            if !world.send(&mia, action.clone()).is_ok_and(|events| !events.is_empty()) {
                continue;
            }
            carried_out += 1;
            assert_eq!(serde_json::to_value(&action).unwrap()["action"], name);
            let revision = world.state.head().revision;
            let command = &world.sent.last().unwrap().1;
            let another = Command::new(command.id.clone(), other.clone());
            for state in [&world.state, &world.state_of_older_commits(|_| true)] {
                let again = decide(state, command, &mia, world.now());
                assert_eq!(again, Ok(Decided::AlreadyDone(revision)), "{role} {action:?}");
                for (other, command) in
                    [(&owner(), command), (&owner(), &another), (&actor("mia", &[Role::Owner]), &another)]
                {
                    let refused = decide(state, command, other, world.now()).unwrap_err();
                    let kinds = [RefusalKind::CommandIdUsed, RefusalKind::NotAllowed];
                    assert!(kinds.contains(&refused.kind()), "{action:?}: {refused}");
                }
            }
        }
        // There is one schema, and every journal begins with it.
        assert!(carried_out > 0 || name == "activate_schema", "{name} was never carried out");
    }
}

#[test]
fn a_kill_switch_under_a_used_command_id_is_a_conflict() {
    let mut world = world();
    let send = |world: &mut World, action: Action| world.send_command(&admin(), &Command::new(id("nightly-1"), action));
    send(&mut world, Action::PauseServer { server: id("theirs") }).unwrap();
    let used_at = world.state.head().revision;
    let refused = send(&mut world, Action::Kill { scope: KillScope::Server(id("theirs")) }).unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::CommandIdUsed);
    assert!(
        refused.message().contains(&format!(
            "`nightly-1` was used for another command, or by another person, at revision {used_at}"
        ))
    );
    assert_eq!(world.state.head().revision, used_at);
}

#[test]
fn what_changes_nothing_stands_in_the_way_of_no_command_and_anything_else_does() {
    let mut world = world();
    let expected = world.state.head().revision;
    let head = AuditHead { sequence: 3, hash: Digest::of_bytes(b"record") };
    world.does(&admin(), Action::AnchorAudit { heads: [(WriterId::new("w-1").unwrap(), head)].into() });
    assert_eq!(world.state.changed_at(), expected);
    let pause = || Command::new(id("pause"), Action::PauseServer { server: id("theirs") }).expecting(expected);
    assert!(decide(&world.state, &pause(), &admin(), world.now()).is_ok());
    world.does(&admin(), Action::LabelToolset { toolset: id("readers"), label: Label::new("Another") });
    let refused = decide(&world.state, &pause(), &admin(), world.now()).unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::Conflict);
    // Rights come first.
    let refused = decide(&world.state, &pause(), &someone("bob"), world.now()).unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::NotAllowed);
}

#[test]
fn a_command_that_is_repeated_without_a_role_for_it_is_refused() {
    let mut world = world();
    let pause = Command::new(id("once"), Action::PauseServer { server: id("theirs") });
    world.send_command(&admin(), &pause).unwrap();
    let refused = world.send_command(&someone("gus"), &pause).unwrap_err();
    assert_eq!(refused.kind(), RefusalKind::NotAllowed);
}

/// The grant is gone by then, and with it what says that it is one's own.
#[test]
fn giving_a_grant_back_twice_answers_the_first_time() {
    let mut world = world();
    world.does(&owner(), grant("bobs", person("bob")));
    let back = Command::new(id("back"), Action::RevokeGrant { grant: id("bobs") });
    world.send_command(&someone("bob"), &back).unwrap();
    let again = decide(&world.state, &back, &someone("bob"), world.now());
    assert_eq!(again, Ok(Decided::AlreadyDone(world.state.head().revision)));
}

#[test]
fn an_owner_of_one_server_approves_no_tools_of_two() {
    let mut world = world();
    let tools = ["mine/create_incident", "theirs/create_incident"].map(|id| (tool(id), world.digest(id))).into();
    let mia = actor("mia", &[Role::ServerOwner]);
    world.refuses(&mia, Action::ApproveTools { tools }, RefusalKind::NotAllowed, "governance_admin");
    world.refuses(&mia, Action::ApproveTools { tools: BTreeMap::new() }, RefusalKind::Invalid, "names no tool");
}

#[test]
fn only_an_admin_changes_who_owns_a_server() {
    let mut world = world();
    let spec = world.state.servers()["mine"].spec().clone().with_owners([user("mia"), user("eve")]);
    let change = Action::ChangeServer { server: id("mine"), spec };
    world.refuses(
        &actor("mia", &[Role::ServerOwner]),
        change.clone(),
        RefusalKind::NotAllowed,
        "who owns server `mine`",
    );
    world.does(&admin(), change);
}

#[test]
fn nobody_not_even_an_owner_grants_to_oneself_or_to_a_group_of_ones_own() {
    let mut world = world();
    for role in [Role::Owner, Role::ProfileAdmin] {
        let mia = actor("mia", &[role]).with_groups([id("leads")]);
        world.refuses(&mia, grant("new", person("mia")), RefusalKind::AnotherPersonNeeded, "to oneself");
        let leads = mcp_govern_core::Grantee::Group(id("leads"));
        world.refuses(&mia, grant("new", leads), RefusalKind::AnotherPersonNeeded, "group that one belongs to");
    }
}

#[test]
fn nobody_sets_the_credential_of_somebody_else_or_off_boards_oneself() {
    let mut world = world();
    let bobs = CredentialOwner::User(user("bob"));
    world.refuses(&owner(), credential("personal", bobs), RefusalKind::NotAllowed, "nobody but the person");
    world.refuses(&owner(), Action::OffboardUser { user: user("olga") }, RefusalKind::NotAllowed, "oneself");
}

#[test]
fn a_refused_actor_is_told_which_role_is_needed() {
    let mut world = world();
    let pause = Action::PauseServer { server: id("theirs") };
    let words = "`pause_server` needs the role owner or governance_admin, or server_owner for one's own; \
                 mia (https://id.example.com) is server_owner, user";
    world.refuses(&actor("mia", &[Role::ServerOwner]), pause, RefusalKind::NotAllowed, words);
}

#[test]
fn the_id_of_a_grant_or_of_a_request_is_good_for_one() {
    let mut world = world();
    let taken = RefusalKind::AlreadyExists;
    world.refuses(&owner(), grant("grant-of-bob", person("ann")), taken, "grant `grant-of-bob`");
    world.refuses(&someone("ann"), request_access("bob-asks-zoe", "on-call"), taken, "request `bob-asks-zoe`");
}
