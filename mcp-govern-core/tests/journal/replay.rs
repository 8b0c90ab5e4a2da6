use std::collections::BTreeMap;

use mcp_govern_core::{
    Actor, ClientId, ClientType, CommandId, CredentialFacts, CredentialOwner, Digest, Follows, Grantee, Label,
    ProfileSpec, ProfileVisibility, RequestPolicy, Role, Settings, Timestamp, ToolsetBinding, ToolsetContent,
    journal::{
        Action, Command, Commit, CommitError, Decided, Head, KillScope, Refusal, RefusalKind, Revision, State,
        StoredCommit, decide,
    },
    ports::{AuditHead, WriterId},
};
use proptest::prelude::*;

use crate::support::*;

/// A few ids of everything, so that random commands meet each other.
fn actions() -> impl Strategy<Value = (Actor, Action)> {
    let actor = prop_oneof![
        4 => Just(owner()),
        2 => Just(admin()),
        1 => Just(profile_admin()),
        1 => Just(actor("ann", &[Role::ServerOwner])),
        2 => Just(someone("ann")),
        2 => Just(someone("lea")),
    ];
    (actor, action())
}

#[expect(clippy::too_many_lines, reason = "a line or two for each action")]
fn action() -> BoxedStrategy<Action> {
    let server = || prop_oneof![Just("alpha"), Just("beta")];
    let name = || prop_oneof![Just("get_page"), Just("create_incident"), Just("delete_page")];
    let tool_of = (server(), name()).prop_map(|(server, name)| tool(&format!("{server}/{name}"))).boxed();
    let pick = || prop_oneof![Just("one"), Just("two")];
    let client = || ClientId::new("https://id.example.com", "laptop").unwrap();
    let release = (0usize..4).prop_map(|number| match number {
        0 => status_tools(),
        1 => status_tools_with("get_page", |tool| tool.title = "Page".into()),
        2 => status_tools_with("get_page", |tool| tool.description = "Page.".into()),
        _ => status_tools().into_iter().skip(1).collect(),
    });
    let registering = prop_oneof![
        server().prop_map(|server| Action::RegisterServer { server: id(server), spec: spec(server) }),
        (server(), proptest::option::of(Just("eu"))).prop_map(|(server, region)| {
            let mut spec = spec(server).with_owners([user("ann")]);
            spec.edition = region.map(|_| id("next"));
            spec.region = region.map(str::to_owned);
            Action::ChangeServer { server: id(server), spec }
        }),
        server().prop_map(|server| Action::PauseServer { server: id(server) }),
        server().prop_map(|server| Action::RemoveServer { server: id(server) }),
        (server(), 1u64..6, release).prop_map(|(server, version, tools)| sync(server, version, tools)),
        server().prop_map(|server| Action::SetCredential {
            server: id(server),
            owner: CredentialOwner::Shared,
            version: 1,
            facts: CredentialFacts::new()
        }),
    ];
    let reviewing = prop_oneof![
        (tool_of.clone(), 0usize..3).prop_map(|(id, number)| {
            let tools = match number {
                0 => status_tools(),
                1 => status_tools_with("get_page", |tool| tool.title = "Page".into()),
                _ => status_tools_with("get_page", |tool| tool.description = "Page.".into()),
            };
            let digest = tools.iter().find(|tool| tool.name == *id.name()).unwrap().digest().unwrap();
            Action::ApproveTools { tools: BTreeMap::from([(id, digest)]) }
        }),
        (tool_of.clone(), any::<bool>()).prop_map(|(id, pins)| {
            let coming = status_tools_with("get_page", |tool| tool.description = "Page.".into());
            let digest = coming.iter().find(|tool| tool.name == *id.name()).unwrap().digest().unwrap();
            let tools = BTreeMap::from([(id, digest)]);
            if pins { Action::PinTools { tools, edition: None } } else { Action::UnpinTools { tools } }
        }),
        tool_of.clone().prop_map(|id| Action::DisableTools { tools: [id].into() }),
        tool_of.clone().prop_map(|id| Action::ResetTools { tools: [id].into() }),
        tool_of.clone().prop_map(|id| Action::Kill { scope: KillScope::Tool(id) }),
        tool_of.clone().prop_map(|id| Action::Release { scope: KillScope::Tool(id) }),
        (pick(), proptest::option::of(tool_of)).prop_map(|(toolset, chosen)| Action::CreateToolset {
            toolset: id(toolset),
            label: Label::new("Set"),
            content: match chosen {
                Some(id) => ToolsetContent::Chosen([(id, entry(&[]))].into()),
                None => ToolsetContent::Maintained(Follows::new(id("alpha"))),
            }
        }),
        pick().prop_map(|toolset| Action::DeleteToolset { toolset: id(toolset) }),
        (pick(), pick()).prop_map(|(profile, toolset)| Action::BindToolset {
            profile: id(profile),
            binding: ToolsetBinding { toolset: id(toolset), rules: Vec::new() }
        }),
    ];
    let granting = prop_oneof![
        (pick(), any::<bool>()).prop_map(|(profile, automatic)| {
            let policy =
                if automatic { RequestPolicy::automatic() } else { RequestPolicy::approved_by([person("lea")]) };
            let spec =
                ProfileSpec::new(Label::new("P")).with_visibility(ProfileVisibility::Everyone).with_policy(policy);
            Action::CreateProfile { profile: id(profile), spec }
        }),
        pick().prop_map(|profile| Action::DeleteProfile { profile: id(profile) }),
        (pick(), pick(), proptest::option::of(1i64..100)).prop_map(|(grant, profile, seconds)| {
            Action::GrantProfile {
                grant: id(grant),
                profile: id(profile),
                grantee: person("ann"),
                until: seconds.map(|seconds| Timestamp::from_millis(NOON + seconds * 1000)),
            }
        }),
        pick().prop_map(|grant| Action::RevokeGrant { grant: id(grant) }),
        (pick(), pick()).prop_map(|(request, profile)| Action::RequestAccess {
            request: id(request),
            grant: id("asked"),
            profile: id(profile),
            justification: None,
            seconds: Some(60)
        }),
        pick().prop_map(|request| Action::ApproveRequest { request: id(request), grant: id(request) }),
        pick().prop_map(|request| Action::DenyRequest { request: id(request) }),
        pick().prop_map(|request| Action::CancelRequest { request: id(request) }),
        Just(Action::OffboardUser { user: user("ann") }),
        Just(Action::ActivateGovernance),
        (pick(), 1u64..9).prop_map(|(writer, sequence)| {
            let head = AuditHead { sequence, hash: Digest::of_bytes(&sequence.to_be_bytes()) };
            Action::AnchorAudit { heads: [(WriterId::new(writer).unwrap(), head)].into() }
        }),
        (pick(), 0u64..5, 1u64..9).prop_map(|(writer, from, sequence)| {
            let head = |sequence: u64| match sequence {
                0 => AuditHead::EMPTY,
                _ => AuditHead { sequence, hash: Digest::of_bytes(&sequence.to_be_bytes()) },
            };
            let (after, through, export) = (head(from), head(sequence), Digest::of_bytes(b"file"));
            Action::DropAuditSegment { writer: WriterId::new(writer).unwrap(), after, through, export }
        }),
        Just(Action::ChangeSettings { settings: Settings::default().with_unmatched_client(ClientType::Personal) }),
        Just(Action::CloseClient { client: client() }),
        Just(Action::GrantProfile {
            grant: id("group"),
            profile: id("one"),
            grantee: Grantee::Group(id("Leads")),
            until: None
        }),
    ];
    prop_oneof![registering, reviewing, granting].boxed()
}

/// Random commands that meet something: servers are there, synced, and partly approved.
fn history(commands: Vec<((Actor, Action), i64)>) -> World {
    let mut world = World::new();
    for server in ["alpha", "beta"] {
        world.does(&admin(), Action::RegisterServer { server: id(server), spec: spec(server) });
        world.sync(server, 1, status_tools());
    }
    world.approve(&["alpha/get_page", "alpha/delete_page", "beta/get_page"]);
    for ((actor, action), seconds) in commands {
        world.pass(seconds);
        let _ = world.send(&actor, action);
    }
    world
}

fn commands() -> impl Strategy<Value = Vec<((Actor, Action), i64)>> {
    proptest::collection::vec((actions(), -30i64..60), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn replaying_a_journal_gives_the_same_state(commands in commands()) {
        let world = history(commands);
        let (mut replayed, mut folded) = (State::new(), State::new());
        for commit in &world.commits {
            let stored = StoredCommit::seal(commit).unwrap();
            // A store keeps bytes: nothing else may be needed to come to the same state.
            let stored = StoredCommit::from_parts(stored.revision(), stored.hash(), stored.bytes().to_vec());
            prop_assert_eq!(&replayed.follow(&stored).unwrap(), commit);
            folded.apply(commit);
        }
        prop_assert_eq!(picture(&replayed), picture(&world.state));
        prop_assert_eq!(picture(&folded), picture(&world.state));
        prop_assert_eq!(replayed.head().revision, Revision(world.commits.len() as u64));
    }

    #[test]
    fn a_checkpoint_is_read_back_as_the_state_that_was_written(commands in commands(), more in commands()) {
        let world = history(commands);
        let bytes = world.state.to_checkpoint().unwrap();
        let mut read = State::from_checkpoint(world.state.head(), &bytes).unwrap();
        prop_assert_eq!(picture(&read), picture(&world.state));
        prop_assert_eq!(read.to_checkpoint().unwrap(), bytes);
        let mixed = world.state_of_older_commits(|number| number % 2 == 0);
        let mixed = State::from_checkpoint(mixed.head(), &mixed.to_checkpoint().unwrap()).unwrap();
        for state in [&read, &mixed] {
            for (commit, (actor, command)) in world.commits.iter().zip(&world.sent) {
                prop_assert_eq!(state.command(&commit.command_id), Some(commit.revision));
                let again = decide(state, command, actor, world.now());
                prop_assert_eq!(again, Ok(Decided::AlreadyDone(commit.revision)));
            }
        }
        // And it goes on from there as the state does that it was written from.
        let mut world = world;
        let known = world.commits.len();
        for ((actor, action), seconds) in more {
            world.pass(seconds);
            let _ = world.send(&actor, action);
        }
        for commit in &world.commits[known..] {
            read.follow(&StoredCommit::seal(commit).unwrap()).unwrap();
        }
        prop_assert_eq!(picture(&read), picture(&world.state));
    }

    #[test]
    fn a_repeated_command_answers_already_done(commands in commands()) {
        let world = history(commands);
        let older = world.state_of_older_commits(|_| true);
        for (commit, (actor, command)) in world.commits.iter().zip(&world.sent) {
            let again = command.clone().with_reason("once more");
            for state in [&world.state, &older] {
                prop_assert_eq!(decide(state, &again, actor, world.now()), Ok(Decided::AlreadyDone(commit.revision)));
            }
        }
    }

    #[test]
    fn a_used_command_id_is_good_for_its_own_command_and_sender_alone(
        commands in commands(),
        (someone, other) in actions(),
    ) {
        let world = history(commands);
        let older = world.state_of_older_commits(|_| true);
        for (commit, (actor, command)) in world.commits.iter().zip(&world.sent) {
            let another = Command::new(commit.command_id.clone(), other.clone());
            let same_sender = someone.user() == actor.user();
            let tried = [
                (&world.state, &another, &someone, same_sender && other == command.action),
                (&world.state, command, &someone, same_sender),
                // Of an older commit only the kind of the action is known.
                (&older, &another, &someone, same_sender && other.name() == command.action.name()),
                (&older, command, &someone, same_sender),
            ];
            for (state, command, actor, is_the_same) in tried {
                let decided = decide(state, command, actor, world.now());
                match decided.as_ref().map_err(Refusal::kind) {
                    Ok(Decided::AlreadyDone(revision)) => prop_assert!(is_the_same && *revision == commit.revision),
                    // Rights come first, whatever the id.
                    Err(RefusalKind::NotAllowed) => {}
                    Err(RefusalKind::CommandIdUsed) => {
                        prop_assert!(!is_the_same);
                        let message = decided.unwrap_err().to_string();
                        prop_assert!(message.contains(&format!("at revision {}", commit.revision)), "{}", message);
                    }
                    otherwise => prop_assert!(false, "{:?}", otherwise),
                }
            }
        }
    }

    #[test]
    fn what_was_decided_needs_no_second_time(commands in commands(), (actor, action) in actions()) {
        let mut world = history(commands);
        let command = Command::new(id("last"), action);
        if let Ok(Decided::Events(events)) = decide(&world.state, &command, &actor, world.now()) {
            prop_assert!(!events.is_empty());
            let commit = world.state.commit(&command, &actor, world.now(), events);
            world.state.apply(&commit);
            let done = Ok(Decided::AlreadyDone(commit.revision));
            prop_assert_eq!(decide(&world.state, &command, &actor, world.now()), done);
        }
    }

    #[test]
    fn commits_never_go_back_in_time(commands in commands()) {
        let world = history(commands);
        prop_assert!(world.commits.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }

    #[test]
    fn a_commit_of_another_history_is_taken_in_without_a_panic(one in commands(), two in commands()) {
        let mut world = history(one);
        for commit in history(two).commits {
            let head = Head { revision: world.state.head().revision.next(), hash: world.state.head().hash };
            world.state.apply_stored(&commit, head);
        }
    }
}

#[test]
fn deciding_asks_neither_clock_nor_chance() {
    let world = history(Vec::new());
    let command = Command::new(id("c"), sync("alpha", 9, status_tools().into_iter().skip(1).collect()));
    let decided = || decide(&world.state, &command, &admin(), world.now()).unwrap();
    assert_eq!(decided(), decided());
}

fn sealed(world: &World) -> Vec<StoredCommit> {
    world.commits.iter().map(|commit| StoredCommit::seal(commit).unwrap()).collect()
}

#[test]
fn a_commit_that_was_changed_left_out_or_swapped_is_not_followed() {
    let world = history(Vec::new());
    let commits = sealed(&world);
    let mut bytes = commits[0].bytes().to_vec();
    let at = bytes.iter().position(|byte| *byte == b'a').unwrap();
    bytes[at] = b'b';
    let changed = StoredCommit::from_parts(commits[0].revision(), commits[0].hash(), bytes);
    let mut state = State::new();
    assert!(matches!(state.follow(&changed), Err(CommitError::Tampered { .. })));
    assert!(matches!(state.follow(&commits[1]), Err(CommitError::Broken { .. })));
    state.follow(&commits[0]).unwrap();
    assert!(matches!(state.follow(&commits[0]), Err(CommitError::Broken { .. })));
    assert_eq!(state.head(), commits[0].head(), "a refused commit leaves the state as it was");
    state.follow(&commits[1]).unwrap();
}

#[test]
fn a_commit_under_a_rewritten_predecessor_is_not_followed() {
    let world = history(Vec::new());
    let commits = sealed(&world);
    let mut other: Commit = world.commits[0].clone();
    other.reason = Some("rewritten".to_owned());
    let rewritten = StoredCommit::seal(&other).unwrap();
    let mut state = State::new();
    state.follow(&rewritten).unwrap();
    assert!(matches!(state.follow(&commits[1]), Err(CommitError::Broken { .. })));
}

#[test]
fn two_admins_who_decide_at_once_make_commits_of_which_one_fits() {
    let world = history(Vec::new());
    let decided = |actor: &Actor, id_of: &str, action: Action| {
        let command = Command::new(CommandId::new(id_of).unwrap(), action);
        let Decided::Events(events) = decide(&world.state, &command, actor, world.now()).unwrap() else { panic!() };
        StoredCommit::seal(&world.state.commit(&command, actor, world.now(), events)).unwrap()
    };
    let one = decided(&admin(), "one", Action::PauseServer { server: id("alpha") });
    let two = decided(&owner(), "two", Action::RemoveServer { server: id("alpha") });
    let mut state = world.state.clone();
    state.follow(&one).unwrap();
    assert!(matches!(state.follow(&two), Err(CommitError::Broken { .. })));
}
