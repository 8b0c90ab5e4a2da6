use std::{collections::BTreeSet, time::Duration};

use mcp_govern_core::{
    Actor, ApprovalStep, ApproverRule, Grantee, Justification, Label, ProfileSpec, ProfileVisibility, RequestPolicy,
    SelfApproval, Timestamp,
    journal::{Action, Event, RefusalKind, RequestStatus},
};

use crate::support::*;

fn world(policy: RequestPolicy) -> World {
    let mut world = World::new();
    world.with_status();
    world.with_profile(policy);
    world
}

fn ask(request: &str) -> Action {
    ask_for(request, None, None)
}

fn ask_for(request: &str, justification: Option<&str>, seconds: Option<u64>) -> Action {
    Action::RequestAccess {
        request: id(request),
        grant: id(request),
        profile: id("on-call"),
        justification: justification.map(str::to_owned),
        seconds,
    }
}

fn approve(request: &str) -> Action {
    Action::ApproveRequest { request: id(request), grant: id("grant") }
}

fn status(world: &World, request: &str) -> RequestStatus {
    world.state.requests()[request].status(world.now())
}

fn step(approvers: &[&str], quorum: u32) -> ApprovalStep {
    ApprovalStep { approvers: approvers.iter().map(|name| person(name)).collect(), quorum }
}

#[test]
fn an_automatic_profile_is_granted_in_the_commit_of_asking() {
    let mut world = world(RequestPolicy::automatic().with_longest(Duration::from_secs(3600)));
    let events = world.does(&someone("ann"), ask("r1"));
    assert!(matches!(events.as_slice(), [Event::AccessRequested(_), Event::ProfileGranted(_)]), "{events:?}");
    let grant = &world.state.grants()["r1"];
    assert_eq!((grant.grantee(), grant.by()), (&person("ann"), &user("ann")));
    assert_eq!(grant.until(), Some(world.now().plus(Duration::from_secs(3600))));
    assert_eq!(status(&world, "r1"), RequestStatus::Approved);
}

#[test]
fn a_request_goes_through_its_steps_and_then_grants() {
    let policy = RequestPolicy::approved_by([person("lea"), person("leo"), person("max")])
        .with_quorum(2)
        .with_step(step(&["sam"], 1));
    let mut world = world(policy);
    world.does(&someone("ann"), ask_for("r1", None, Some(60)));
    world.refuses(&someone("sam"), approve("r1"), RefusalKind::NotAllowed, "stands at approval step 1");
    world.does(&someone("lea"), approve("r1"));
    world.refuses(&someone("lea"), approve("r1"), RefusalKind::NotPossible, "you approved step 1");
    world.does(&someone("leo"), approve("r1"));
    assert_eq!(world.state.requests()["r1"].current_step(), 1);
    world.refuses(&someone("max"), approve("r1"), RefusalKind::NotAllowed, "approval step 2");
    assert!(world.state.grants().is_empty());
    world.pass(10);
    let events = world.does(&someone("sam"), approve("r1"));
    assert!(matches!(events.as_slice(), [Event::RequestApproved(_), Event::ProfileGranted(_)]), "{events:?}");
    let grant = &world.state.grants()["grant"];
    assert_eq!(grant.until(), Some(world.now().plus(Duration::from_secs(60))), "counted from the grant");
    assert_eq!((grant.by(), grant.request()), (&user("sam"), Some(&id("r1"))));
    world.refuses(&someone("sam"), approve("r1"), RefusalKind::NotPossible, "is approved");
}

#[test]
fn a_group_approves_through_its_members() {
    let mut world = world(RequestPolicy::approved_by([Grantee::Group(id("Leads"))]));
    world.does(&someone("ann"), ask("r1"));
    world.refuses(&someone("lea"), approve("r1"), RefusalKind::NotAllowed, "approve_request");
    world.does(&someone("lea").with_groups([id("Leads")]), approve("r1"));
    assert_eq!(status(&world, "r1"), RequestStatus::Approved);
}

#[test]
fn nobody_approves_by_office() {
    let mut world = world(RequestPolicy::default());
    world.does(&someone("ann"), ask("r1"));
    for office in [owner(), admin(), profile_admin()] {
        world.refuses(
            &office,
            approve("r1"),
            RefusalKind::NotAllowed,
            "is none of them, and no role makes anybody one",
        );
    }
}

#[test]
fn one_person_approves_in_several_steps_only_where_the_policy_says_so() {
    for (rule, allowed) in [(ApproverRule::Distinct, false), (ApproverRule::OncePerStep, true)] {
        let policy =
            RequestPolicy::approved_by([person("lea")]).with_step(step(&["lea", "leo"], 2)).with_approvers(rule);
        let mut world = world(policy);
        world.does(&someone("ann"), ask("r1"));
        world.does(&someone("lea"), approve("r1"));
        if allowed {
            world.does(&someone("lea"), approve("r1"));
        }
        world.refuses(&someone("lea"), approve("r1"), RefusalKind::NotPossible, "step 2 is for somebody else");
        assert_eq!(world.state.requests()["r1"].current_step(), 1);
    }
}

#[test]
fn self_approval_needs_the_switch_and_a_place_among_the_approvers() {
    let policy = |rule| RequestPolicy::approved_by([person("ann")]).with_self_approval(rule);
    let mut refused = world(policy(SelfApproval::Refused));
    refused.does(&someone("ann"), ask("r1"));
    refused.refuses(&someone("ann"), approve("r1"), RefusalKind::NotAllowed, "is your own");
    let mut allowed = world(policy(SelfApproval::Allowed));
    allowed.does(&someone("ann"), ask("r1"));
    allowed.does(&someone("ann"), approve("r1"));
    allowed.does(&someone("bob"), ask("r2"));
    allowed.refuses(&someone("bob"), approve("r2"), RefusalKind::NotAllowed, "approve_request");
}

#[test]
fn a_request_is_governed_by_the_policy_of_the_moment_it_was_made() {
    let mut world = world(RequestPolicy::approved_by([person("lea")]));
    world.does(&someone("ann"), ask("r1"));
    let spec = ProfileSpec::new(Label::new("On call")).with_policy(RequestPolicy::approved_by([person("leo")]));
    world.does(&owner(), Action::ChangeProfile { profile: id("on-call"), spec });
    world.refuses(&someone("leo"), approve("r1"), RefusalKind::NotAllowed, "approve_request");
    world.does(&someone("lea"), approve("r1"));
}

#[test]
fn an_undecided_request_expires_and_the_clock_jumping_back_does_not_revive_it() {
    let policy = RequestPolicy::approved_by([person("lea")]).with_expiry(Duration::from_secs(60));
    let mut world = world(policy);
    world.does(&someone("ann"), ask("r1"));
    world.pass(60);
    assert_eq!(status(&world, "r1"), RequestStatus::Expired);
    world.refuses(&someone("lea"), approve("r1"), RefusalKind::NotPossible, "is expired");
    world.does(&someone("ann"), ask("r2"));
    world.pass(-3600);
    world.refuses(&someone("lea"), approve("r1"), RefusalKind::NotPossible, "is expired");
}

#[test]
fn a_duration_beyond_the_longest_is_refused_and_none_means_the_longest() {
    let mut world = world(RequestPolicy::approved_by([person("lea")]).with_longest(Duration::from_secs(100)));
    world.refuses(&someone("ann"), ask_for("r1", None, Some(101)), RefusalKind::Invalid, "100 seconds at most");
    world.refuses(&someone("ann"), ask_for("r1", None, Some(0)), RefusalKind::Invalid, "at least a second");
    world.does(&someone("ann"), ask("r1"));
    assert_eq!(world.state.requests()["r1"].seconds(), Some(100));
}

#[test]
fn a_justification_is_demanded_where_the_policy_says_so_and_blanks_are_none() {
    let mut world = world(RequestPolicy::automatic().with_justification(Justification::Required));
    for nothing in [None, Some(""), Some(" \n")] {
        world.refuses(&someone("ann"), ask_for("r1", nothing, None), RefusalKind::Invalid, "must say why");
    }
    world.does(&someone("ann"), ask_for("r1", Some("incident 42"), None));
    assert_eq!(world.state.requests()["r1"].justification(), Some("incident 42"));
}

#[test]
fn a_profile_that_is_not_shown_looks_like_one_that_is_not_there() {
    let mut world = world(RequestPolicy::automatic());
    let only = ProfileVisibility::Only(BTreeSet::from([Grantee::Group(id("Leads"))]));
    let spec = ProfileSpec::new(Label::new("On call")).with_visibility(only).with_policy(RequestPolicy::automatic());
    world.does(&owner(), Action::ChangeProfile { profile: id("on-call"), spec });
    let hidden = world.send(&someone("ann"), ask("r1")).unwrap_err();
    world.does(&owner(), Action::DeleteProfile { profile: id("on-call") });
    assert_eq!(world.send(&someone("ann"), ask("r1")).unwrap_err(), hidden);
    assert_eq!(hidden.kind(), RefusalKind::NotFound);
}

#[test]
fn one_open_request_for_a_profile_is_enough() {
    let mut world = world(RequestPolicy::approved_by([person("lea")]));
    world.does(&someone("ann"), ask("r1"));
    world.refuses(&someone("ann"), ask("r2"), RefusalKind::NotPossible, "request `r1`");
    world.does(&someone("ann"), Action::CancelRequest { request: id("r1") });
    assert_eq!(status(&world, "r1"), RequestStatus::Cancelled);
    world.does(&someone("ann"), ask("r2"));
}

#[test]
fn an_approver_denies_a_request_and_nobody_ones_own() {
    let mut world = world(RequestPolicy::approved_by([person("lea"), person("ann")]));
    world.does(&someone("ann"), ask("r1"));
    let deny = || Action::DenyRequest { request: id("r1") };
    world.refuses(&someone("ann"), deny(), RefusalKind::NotAllowed, "cancel it instead");
    world.does(&someone("lea"), deny());
    assert_eq!(status(&world, "r1"), RequestStatus::Denied);
    world.refuses(&someone("lea"), approve("r1"), RefusalKind::NotPossible, "is denied");
}

#[test]
fn a_grant_id_that_is_taken_does_not_lose_the_approval() {
    let mut world = world(RequestPolicy::approved_by([person("lea")]));
    world.does(&owner(), grant("grant", person("bob")));
    world.does(&someone("ann"), ask("r1"));
    world.refuses(&someone("lea"), approve("r1"), RefusalKind::AlreadyExists, "grant `grant`");
    let other = Action::ApproveRequest { request: id("r1"), grant: id("another") };
    world.does(&someone("lea"), other);
    assert_eq!(world.state.grants()["another"].grantee(), &person("ann"));
}

#[test]
fn deleting_a_profile_ends_its_grants_and_open_requests() {
    let mut world = world(RequestPolicy::approved_by([person("lea")]));
    world.does(&owner(), grant("g1", person("bob")));
    world.does(&someone("ann"), ask("r1"));
    world.does(&owner(), Action::DeleteProfile { profile: id("on-call") });
    assert!(world.state.grants().is_empty());
    assert_eq!(status(&world, "r1"), RequestStatus::Cancelled);
}

#[test]
fn policies_that_could_never_be_met_are_refused() {
    let mut world = World::new();
    let create = |policy| Action::CreateProfile {
        profile: id("p"),
        spec: ProfileSpec::new(Label::new("P")).with_policy(policy),
    };
    let lea = || RequestPolicy::approved_by([person("lea")]);
    let service = Grantee::Service(mcp_govern_core::ClientId::new("https://id.example.com", "bot").unwrap());
    for (policy, words) in [
        (lea().with_quorum(2), "wants 2 people and names 1"),
        (lea().with_quorum(0), "quorum of 0"),
        (lea().with_longest(Duration::ZERO), "at least a second"),
        (lea().with_expiry(Duration::ZERO), "at least a second"),
        (RequestPolicy::approved_by([service.clone()]), "names a service"),
    ] {
        world.refuses(&owner(), create(policy), RefusalKind::Invalid, words);
    }
    let shown = ProfileSpec::new(Label::new("P")).with_visibility(ProfileVisibility::Only([service].into()));
    let action = Action::CreateProfile { profile: id("p"), spec: shown };
    world.refuses(&owner(), action, RefusalKind::Invalid, "a service cannot ask");
    world.does(&owner(), create(RequestPolicy::approved_by([Grantee::Group(id("Leads"))]).with_quorum(3)));
}

#[test]
fn a_grant_ends_at_its_until_and_not_before() {
    let mut world = world(RequestPolicy::default());
    let until = world.now().plus(Duration::from_secs(60));
    let grant = |until| Action::GrantProfile { grant: id("g"), profile: id("on-call"), grantee: person("ann"), until };
    world.refuses(&owner(), grant(Some(world.now())), RefusalKind::Invalid, "over already");
    world.does(&owner(), grant(Some(until)));
    let row = &world.state.grants()["g"];
    assert!(row.holds(Timestamp::from_millis(until.as_millis() - 1)) && !row.holds(until));
}

#[test]
fn an_approver_who_is_off_boarded_has_approved_all_the_same() {
    let policy = RequestPolicy::approved_by([person("lea"), person("leo")]).with_quorum(2);
    let mut world = world(policy);
    world.does(&someone("ann"), ask("r1"));
    world.does(&someone("lea"), approve("r1"));
    world.does(&owner(), grant("of-lea", person("lea")));
    world.does(&owner(), Action::OffboardUser { user: user("lea") });
    world.does(&Actor::new(user("leo"), []), approve("r1"));
    assert_eq!(status(&world, "r1"), RequestStatus::Approved);
}

#[test]
fn a_request_for_longer_than_time_lasts_still_makes_a_journal_that_can_be_read() {
    let mut world = world(RequestPolicy::automatic().with_expiry(Duration::MAX));
    world.does(&someone("ann"), ask_for("r1", None, Some(u64::MAX)));
    assert_eq!(world.state.grants()["r1"].until(), Some(Timestamp::MAX));
    let mut replayed = mcp_govern_core::journal::State::new();
    for commit in &world.commits {
        replayed.follow(&mcp_govern_core::journal::StoredCommit::seal(commit).unwrap()).unwrap();
    }
    assert_eq!(picture(&replayed), picture(&world.state));
}
