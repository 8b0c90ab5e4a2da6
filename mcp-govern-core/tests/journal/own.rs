//! Nobody gives oneself access: not in one commit, and not in several.

use std::time::Duration;

use mcp_govern_core::{
    Actor, ApprovalStep, ClientId, ClientMatch, ClientRule, ClientType, Grantee, Label, ProfileSpec, ProfileVisibility,
    RequestPolicy, Role, SelfApproval, Settings,
    journal::{Action, OwnAccess, RefusalKind, State},
};
use proptest::prelude::*;

use crate::support::*;

const NEEDED: RefusalKind = RefusalKind::AnotherPersonNeeded;

/// Eve has every role, and belongs to `staff`.
fn eve() -> Actor {
    actor("eve", &Role::ALL).with_groups([id("staff")])
}

fn lea_decides() -> RequestPolicy {
    RequestPolicy::approved_by([person("lea")])
}

fn eve_decides() -> RequestPolicy {
    RequestPolicy::approved_by([person("eve")]).with_self_approval(SelfApproval::Allowed)
}

fn spec_of(visibility: ProfileVisibility, policy: RequestPolicy) -> ProfileSpec {
    ProfileSpec::new(Label::new("On call")).with_visibility(visibility).with_policy(policy)
}

fn change(visibility: ProfileVisibility, policy: RequestPolicy) -> Action {
    Action::ChangeProfile { profile: id("on-call"), spec: spec_of(visibility, policy) }
}

fn ask(request: &str, profile: &str) -> Action {
    Action::RequestAccess {
        request: id(request),
        grant: id(request),
        profile: id(profile),
        justification: None,
        seconds: None,
    }
}

fn approve(request: &str) -> Action {
    Action::ApproveRequest { request: id(request), grant: id(request) }
}

fn bot() -> ClientId {
    ClientId::new("https://id.example.com", "bot").unwrap()
}

fn to_bot(grant: &str) -> Action {
    Action::GrantProfile { grant: id(grant), profile: id("on-call"), grantee: Grantee::Service(bot()), until: None }
}

fn set_bot(client_type: Option<ClientType>) -> Action {
    Action::SetClient { client: bot(), label: Label::new("Bot"), client_type, owner: None }
}

fn rule(client: ClientMatch, client_type: ClientType) -> ClientRule {
    ClientRule { issuer: None, client, client_type }
}

fn rules(rules: &[ClientRule]) -> Action {
    Action::ChangeSettings { settings: Settings::default().with_client_rules(rules.iter().cloned()) }
}

/// `on-call` is Olga's, and Lea decides on requests.
fn world() -> World {
    let mut world = World::new();
    world.with_status();
    world.with_profile(lea_decides());
    world
}

#[test]
fn who_opens_a_profile_for_all_does_not_open_it_for_oneself() {
    let mut world = world();
    let pia = profile_admin();
    world.does(&pia, change(ProfileVisibility::Everyone, RequestPolicy::automatic()));
    assert_eq!(world.state.profiles()["on-call"].policy_by(), pia.user());
    world.refuses(&pia, ask("r1", "on-call"), NEEDED, "set its policy");
    world.does(&someone("ann"), ask("r2", "on-call"));
    // A new profile is the same as a changed one.
    let spec = spec_of(ProfileVisibility::Everyone, RequestPolicy::automatic());
    world.does(&pia, Action::CreateProfile { profile: id("new"), spec });
    world.refuses(&pia, ask("r3", "new"), NEEDED, "another person");
    // Once another person has set the policy, or has granted it, it is as it is for everybody.
    world.does(
        &owner(),
        change(ProfileVisibility::Everyone, RequestPolicy::automatic().with_expiry(Duration::from_secs(60))),
    );
    world.does(&pia, ask("r4", "on-call"));
}

#[test]
fn other_words_for_a_profile_are_no_other_policy() {
    let mut world = world();
    world.does(&owner(), change(ProfileVisibility::Everyone, RequestPolicy::automatic()));
    let mut spec = spec_of(ProfileVisibility::Everyone, RequestPolicy::automatic());
    spec.label = Label::new("Another title");
    world.does(&profile_admin(), Action::ChangeProfile { profile: id("on-call"), spec });
    world.does(&profile_admin(), ask("r1", "on-call"));
}

#[test]
fn who_names_oneself_an_approver_approves_no_request_of_ones_own() {
    let mut world = world();
    world.does(&eve(), change(ProfileVisibility::Everyone, eve_decides()));
    world.does(&eve(), ask("r1", "on-call"));
    world.refuses(&eve(), approve("r1"), NEEDED, "set its policy");
    // The request goes by the policy of its time, and so by who set that.
    world.does(&owner(), change(ProfileVisibility::Everyone, lea_decides()));
    world.refuses(&eve(), approve("r1"), NEEDED, "set its policy");
    world.does(&eve(), Action::CancelRequest { request: id("r1") });
    world.does(&eve(), ask("r2", "on-call"));
    world.refuses(&eve(), approve("r2"), RefusalKind::NotAllowed, "approve_request");
    world.does(&someone("lea"), approve("r2"));
}

#[test]
fn what_another_person_lets_one_approve_alone_one_approves_alone() {
    let mut world = world();
    world.does(&owner(), change(ProfileVisibility::Everyone, eve_decides()));
    assert!(OwnAccess::of(&world.state, &eve(), world.now()).profiles().contains_key("on-call"));
    world.does(&eve(), ask("r1", "on-call"));
    // What was asked for under it stays so.
    world.does(&owner(), change(ProfileVisibility::Nobody, lea_decides()));
    world.does(&eve(), approve("r1"));
    // A second step that is for another person is not for oneself.
    let second = ApprovalStep { approvers: [person("lea")].into(), quorum: 1 };
    world.does(&owner(), change(ProfileVisibility::Everyone, eve_decides().with_step(second)));
    world.does(&eve(), Action::RevokeGrant { grant: id("r1") });
    assert_eq!(OwnAccess::of(&world.state, &eve(), world.now()), OwnAccess::default());
}

#[test]
fn a_group_that_was_not_named_when_the_policy_was_set_is_of_no_use() {
    let mut world = world();
    let staff = ProfileVisibility::Only([Grantee::Group(id("staff"))].into());
    world.does(&actor("eve", &[Role::ProfileAdmin]), change(staff, RequestPolicy::automatic()));
    world.refuses(&eve(), ask("r1", "on-call"), NEEDED, "set its policy");
    world.does(&someone("ann").with_groups([id("staff")]), ask("r2", "on-call"));
}

#[test]
fn a_client_is_not_made_a_service_and_granted_a_profile_by_one_person() {
    let service = || rules(&[rule(ClientMatch::Exactly(bot().name), ClientType::Service)]);
    let unmatched =
        || Action::ChangeSettings { settings: Settings::default().with_unmatched_client(ClientType::Service) };
    for make_a_service in [service(), unmatched(), set_bot(Some(ClientType::Service))] {
        let mut first = world();
        first.does(&eve(), make_a_service.clone());
        first.refuses(&eve(), to_bot("bots"), NEEDED, "have another person");
        first.does(&owner(), to_bot("bots"));

        let mut afterwards = world();
        afterwards.does(&eve(), to_bot("bots"));
        afterwards.refuses(&eve(), make_a_service.clone(), NEEDED, "have another person");
        afterwards.does(&admin(), make_a_service);
        // It is another person's service by now, as any other.
        afterwards.does(
            &eve(),
            Action::GrantProfile {
                grant: id("more"),
                profile: id("on-call"),
                grantee: Grantee::Service(bot()),
                until: None,
            },
        );
    }
}

#[test]
fn a_rule_is_not_taken_away_from_before_another_ones_rule_to_make_a_service() {
    let personal = rule(ClientMatch::Exactly(bot().name), ClientType::Personal);
    let services = rule(ClientMatch::Any, ClientType::Service);
    let mut world = world();
    world.does(&owner(), rules(&[personal.clone(), services.clone()]));
    world.does(&eve(), to_bot("bots"));
    world.refuses(&eve(), rules(std::slice::from_ref(&services)), NEEDED, "have another person");
    world.refuses(&eve(), rules(&[services.clone(), personal.clone()]), NEEDED, "have another person");
    // Rules that are added change nothing about those of others.
    let of_another = rule(ClientMatch::Exactly(id("other")), ClientType::Shared);
    world.does(&eve(), rules(&[of_another.clone(), personal.clone(), services.clone()]));
    world.does(&admin(), set_bot(Some(ClientType::Personal)));
    world.does(&owner(), rules(&[of_another, services]));
    world.refuses(&eve(), set_bot(None), NEEDED, "have another person");
    world.does(&admin(), set_bot(None));
}

#[test]
fn who_holds_a_profile_for_a_time_does_not_make_it_longer() {
    let mut world = world();
    let until = Some(world.now().plus(Duration::from_secs(60)));
    world.does(
        &owner(),
        Action::GrantProfile { grant: id("short"), profile: id("on-call"), grantee: person("eve"), until },
    );
    world.does(&eve(), set_bot(Some(ClientType::Service)));
    world.refuses(&eve(), to_bot("bots"), NEEDED, "for longer");
    world.does(
        &eve(),
        Action::GrantProfile { grant: id("as-long"), profile: id("on-call"), grantee: Grantee::Service(bot()), until },
    );
}

#[test]
fn what_the_profiles_that_one_holds_lead_to_is_for_administrators_to_change() {
    let mut world = world();
    world.does(&owner(), grant("eves", person("eve")));
    world.does(&eve(), Action::SetToolsetTools { toolset: id("readers"), tools: entries(&["status/delete_page"]) });
    world.does(&eve(), Action::DisableTools { tools: [tool("status/get_page")].into() });
    let tools = [(tool("status/get_page"), world.digest("status/get_page"))].into();
    world.does(&eve(), Action::ApproveTools { tools });
}

#[test]
fn a_process_brings_a_whole_configuration_about() {
    let mut world = world();
    let process = Actor::process(user("configuration"), [Role::Owner]);
    world.does(&process, set_bot(Some(ClientType::Service)));
    world.does(&process, to_bot("bots"));
    assert_eq!(OwnAccess::of(&world.state, &process, world.now()), OwnAccess::default());
}

/// What one person might try.
fn tries() -> impl Strategy<Value = (Actor, Action)> {
    let visibility = || {
        prop_oneof![
            Just(ProfileVisibility::Everyone),
            Just(ProfileVisibility::Nobody),
            Just(ProfileVisibility::Only([person("eve")].into())),
            Just(ProfileVisibility::Only([Grantee::Group(id("staff"))].into())),
        ]
    };
    let policy = || {
        let staff = RequestPolicy::approved_by([Grantee::Group(id("staff"))]).with_self_approval(SelfApproval::Allowed);
        prop_oneof![Just(RequestPolicy::automatic()), Just(eve_decides()), Just(lea_decides()), Just(staff)]
    };
    let profile = || prop_oneof![Just("on-call"), Just("closed"), Just("new")];
    let request = || prop_oneof![Just("r1"), Just("r2"), Just("r3")];
    let kind = || prop_oneof![Just(None), Just(Some(ClientType::Service)), Just(Some(ClientType::Personal))];
    let ruled = (kind(), kind()).prop_map(|(of_bot, of_any)| {
        let of_bot = of_bot.map(|kind| rule(ClientMatch::Exactly(bot().name), kind));
        rules(&of_bot.into_iter().chain(of_any.map(|kind| rule(ClientMatch::Any, kind))).collect::<Vec<_>>())
    });
    let grantee = prop_oneof![
        Just(person("eve")),
        Just(Grantee::Group(id("staff"))),
        Just(Grantee::Service(bot())),
        Just(person("bob")),
    ];
    let named = prop_oneof![
        (profile(), grantee).prop_map(|(profile, grantee)| Action::GrantProfile {
            grant: id("new"),
            profile: id(profile),
            grantee,
            until: None
        }),
        request().prop_map(|request| Action::RevokeGrant { grant: id(request) }),
        ruled,
        kind().prop_map(set_bot),
    ];
    // These may be sent without saying to which groups one belongs.
    let unnamed = prop_oneof![
        (profile(), visibility(), policy()).prop_map(|(profile, visibility, policy)| Action::CreateProfile {
            profile: id(profile),
            spec: spec_of(visibility, policy)
        }),
        (profile(), visibility(), policy()).prop_map(|(profile, visibility, policy)| Action::ChangeProfile {
            profile: id(profile),
            spec: spec_of(visibility, policy)
        }),
        profile().prop_map(|profile| Action::DeleteProfile { profile: id(profile) }),
        (request(), profile()).prop_map(|(request, profile)| ask(request, profile)),
        request().prop_map(approve),
        request().prop_map(|request| Action::CancelRequest { request: id(request) }),
    ];
    prop_oneof![
        2 => named.prop_map(|action| (eve(), action)),
        3 => (any::<bool>(), unnamed).prop_map(|(named, action)| {
            (if named { eve() } else { actor("eve", &Role::ALL) }, action)
        }),
    ]
}

/// Whether Eve holds anything, told of the grants alone.
fn holds_something(state: &State) -> bool {
    let clients = state.clients().get(&bot()).and_then(mcp_govern_core::journal::Client::client_type);
    let service = clients.or_else(|| state.settings().client_type(&bot())) == Some(ClientType::Service);
    state.grants().values().any(|grant| match grant.grantee() {
        Grantee::User(user) => user == eve().user(),
        Grantee::Group(group) => eve().groups().contains(group),
        Grantee::Service(client) => service && *client == bot() && grant.by() == eve().user(),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nobody_obtains_a_profile_by_ones_own_commits_alone(
        tries in proptest::collection::vec(tries(), 1..=4),
    ) {
        let mut world = World::new();
        world.does(&owner(), Action::CreateProfile { profile: id("on-call"), spec: spec_of(ProfileVisibility::Everyone, lea_decides()) });
        world.does(&owner(), Action::CreateProfile { profile: id("closed"), spec: spec_of(ProfileVisibility::Nobody, RequestPolicy::automatic()) });
        prop_assert_eq!(OwnAccess::of(&world.state, &eve(), world.now()), OwnAccess::default());
        for (actor, action) in tries {
            let _ = world.send(&actor, action);
        }
        prop_assert_eq!(OwnAccess::of(&world.state, &eve(), world.now()), OwnAccess::default());
        // And nothing that can be asked for by now leads there either.
        for profile in ["on-call", "closed", "new"] {
            let _ = world.send(&eve(), ask(&format!("last-{profile}"), profile));
        }
        for request in ["r1", "r2", "r3", "last-on-call", "last-closed", "last-new"] {
            let _ = world.send(&eve(), approve(request));
        }
        prop_assert!(!holds_something(&world.state));
    }
}
