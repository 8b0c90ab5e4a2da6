//! Admission and listing against their restatement, over random histories of commands.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    history::{CLIENTS, Case, Choice, GROUPS, KINDS, USERS},
    model::Model,
    support::*,
};
use mcp_govern_core::{
    GroupId, Principal, RequestableTools, ToolId,
    access::{Caller, Freshness, Listed, Moment, Snapshot, Visibility, admit},
};
use proptest::prelude::*;

fn choices(most: usize) -> impl Strategy<Value = Vec<Choice>> {
    proptest::collection::vec((0..KINDS, any::<u8>(), any::<u8>(), any::<u8>()), 0..most)
}

fn principals() -> Vec<Principal> {
    let mut all = Vec::new();
    for (at, name) in USERS.into_iter().enumerate() {
        for client_name in CLIENTS {
            let groups: Vec<GroupId> = GROUPS.into_iter().take(at).map(group).collect();
            let who = Principal::new(user(name), client(client_name)).with_groups(groups);
            all.push(if at == 1 { who.with_source("192.0.2.1".parse().unwrap()) } else { who });
        }
    }
    all
}

fn compare(case: &Case, snapshot: &Arc<Snapshot>, freshness: Freshness) -> Result<(), TestCaseError> {
    let world = &case.world;
    let moment = Moment::new(world.now, freshness);
    for who in principals() {
        let (state, loaded, classified) = (&world.state, &world.loaded, &case.classified);
        let model = Model { state, loaded, classified, who: &who, now: world.now, freshness };
        let caller = snapshot.resolve(&who);
        let mut expected: Vec<(String, Visibility)> = Vec::new();
        for id in state.tools().keys() {
            compare_tool(&model, snapshot, &caller, id, &moment)?;
            let seen = model.visibility(id);
            let unlisted = state.settings().list_requestable == RequestableTools::Unlisted;
            if seen != Visibility::Hidden && !(unlisted && seen == Visibility::Requestable) {
                expected.push((format!("{}_{}", state.servers()[id.server()].spec().prefix, id.name()), seen));
            }
        }
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let name = |listed: &Listed| snapshot.view(listed.tool).unwrap().exposed_name().to_owned();
        let list = snapshot.list(&caller, &moment);
        let list: Vec<_> = list.iter().map(|listed| (name(listed), listed.visibility)).collect();
        prop_assert_eq!(list, expected, "the list of {:?}", who);
    }
    Ok(())
}

fn compare_tool(
    model: &Model<'_>,
    snapshot: &Arc<Snapshot>,
    caller: &Caller,
    id: &ToolId,
    moment: &Moment,
) -> Result<(), TestCaseError> {
    let index = snapshot.tool(id).unwrap();
    let real = admit(snapshot, caller, index, moment).into_result();
    match (&real, model.admit(id)) {
        (Ok(permit), Ok(())) => {
            prop_assert!(permit.paths().next().is_some(), "a permit for {} without a path", id);
        }
        (Err(refused), Err(codes)) => {
            prop_assert!(codes.contains(&refused.code()), "{}: {:?}, expected {:?}", id, refused, codes);
            let public = snapshot.public_denial(caller, refused).code();
            let visible = model.visibility(id) != Visibility::Hidden;
            prop_assert!(!visible || public == refused.code(), "{} is visible and denied as {}", id, public);
        }
        (real, model) => prop_assert!(false, "{} for {:?}: {:?}, expected {:?}", id, caller, real, model),
    }
    prop_assert_eq!(snapshot.visibility(caller, index, moment), model.visibility(id), "{} for {:?}", id, caller);
    let explained = snapshot.explain(caller, id, moment).denied;
    prop_assert_eq!(explained, real.err().map(|refused| refused.code()), "explaining {} to {:?}", id, caller);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn admission_and_listing_equal_their_restatement(
        commits in choices(40),
        freshness in prop_oneof![8 => Just(Freshness::Fresh), 1 => Just(Freshness::Stale), 1 => Just(Freshness::Unreadable)],
    ) {
        let mut case = Case::new();
        for commit in commits {
            case.run(commit);
        }
        let followed = Arc::clone(&case.world.snapshot);
        compare(&case, &followed, freshness)?;
    }

    #[test]
    fn a_snapshot_that_follows_the_commits_equals_one_built_from_the_state(
        commits in choices(20),
    ) {
        let mut case = Case::new();
        for (turn, commit) in commits.into_iter().enumerate() {
            case.run(commit);
            let world = &case.world;
            let built = Arc::new(Snapshot::build(&world.state, &world.loaded));
            prop_assert_eq!(built.head(), world.snapshot.head());
            for who in principals().into_iter().skip(turn % 3).step_by(3) {
                let (one, other) = (world.snapshot.resolve(&who), built.resolve(&who));
                prop_assert_eq!(one.client_type(), other.client_type());
                let answers = |snapshot: &Arc<Snapshot>, caller: &Caller| -> Vec<_> {
                    world.state.tools().keys().map(|id| {
                        let tool = snapshot.tool(id).unwrap();
                        match admit(snapshot, caller, tool, &world.moment()).into_result() {
                            Ok(permit) => Ok(permit.paths().map(|path| format!("{path:?}")).collect::<Vec<_>>()),
                            Err(refused) => Err(refused.code()),
                        }
                    }).collect()
                };
                prop_assert_eq!(answers(&world.snapshot, &one), answers(&built, &other), "{:?} after {:?}", who, commit);
                let list = |snapshot: &Arc<Snapshot>, caller: &Caller| -> Vec<_> {
                    let list = snapshot.list(caller, &world.moment());
                    list.iter().map(|l| (snapshot.view(l.tool).unwrap().id().clone(), l.visibility)).collect()
                };
                prop_assert_eq!(list(&world.snapshot, &one), list(&built, &other));
            }
        }
    }
}

#[test]
fn the_random_world_admits_and_denies_for_many_reasons() {
    // Guards the two properties: a world in which everything is denied would prove nothing.
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut random = 7_u64;
    for _ in 0..60 {
        let mut case = Case::new();
        for _ in 0..25 {
            let mut byte = || {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (random >> 40).to_le_bytes()[0]
            };
            case.run((byte(), byte(), byte(), byte()));
        }
        let world = &case.world;
        for who in principals() {
            for id in world.state.tools().keys() {
                *seen.entry(world.code(&who, &id.to_string()).to_owned()).or_default() += 1;
            }
        }
    }
    for code in [
        "permit",
        "no_grant",
        "grant_expired",
        "tool_pending",
        "tool_disabled",
        "tool_removed",
        "server_paused",
        "server_killed",
        "tool_killed",
        "definition_not_approved",
        "client_unknown",
        "client_type_not_allowed",
        "client_closed",
        "client_killed",
        "user_killed",
        "tenant_killed",
        "source_not_allowed",
        "tool_client_type_not_allowed",
    ] {
        assert!(seen.get(code).is_some_and(|count| *count >= 5), "`{code}` is hardly seen: {seen:?}");
    }
}
