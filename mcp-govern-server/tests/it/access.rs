//! Asking for access by way of the model.

use mcp_govern_core::{
    Actor, CommandId, GrantId, Grantee, Label, ProfileId, ProfileSpec, ProfileVisibility, RequestId, RequestPolicy,
    journal::{Action, Command, RequestStatus},
};
use serde_json::{Value, json};

use crate::world::{MODERN, World, user};

const WANTED: &str = "wanted";

/// The profile `wanted` with bob as its approver, a justification that must be given, and eight hours at most.
async fn guarded(world: &World) {
    let mut policy = RequestPolicy::approved_by([Grantee::User(user("bob"))]);
    policy.justification = mcp_govern_core::Justification::Required;
    policy.longest_seconds = Some(8 * 3_600);
    let spec = ProfileSpec::new(Label::new("Wanted")).with_visibility(ProfileVisibility::Everyone).with_policy(policy);
    world.commit(Action::ChangeProfile { profile: ProfileId::new(WANTED).unwrap(), spec }).await;
}

async fn ask(world: &World, name: &str, arguments: Value) -> Value {
    world.call(name, "request_access", arguments).await.result()
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

#[tokio::test]
async fn what_is_denied_can_be_asked_for_approved_beside_and_called() {
    let world = World::new().await;
    guarded(&world).await;
    // Denied, and the sentence says how to ask.
    let denied = world.call("eve", "acme_wanted", json!({})).await.result();
    assert_eq!(denied["structuredContent"]["denial"]["code"], "no_grant");
    assert!(text(&denied).contains("call `request_access`"), "{}", text(&denied));
    assert_eq!(denied["structuredContent"]["denial"]["message"], text(&denied));
    // Asked for by the model.
    let wish = json!({"profile": WANTED, "justification": "the pager rings", "hours": 2});
    let asked = ask(&world, "eve", wish.clone()).await;
    let request = asked["structuredContent"]["request"].clone();
    assert_eq!(
        (&request["status"], &request["step"], &request["repeated"]),
        (&json!("pending"), &json!(1), &json!(false))
    );
    // Asking again follows the same request and makes none.
    let again = ask(&world, "eve", wish).await;
    assert_eq!(again["structuredContent"]["request"]["request"], request["request"]);
    assert_eq!(again["structuredContent"]["request"]["repeated"], true);
    assert_eq!(world.governor.state().requests().len(), 1);
    assert_eq!(world.call("eve", "acme_wanted", json!({})).await.result()["isError"], true);
    // Approved by another person.
    let id = RequestId::new(request["request"].as_str().unwrap()).unwrap();
    let state = world.governor.state();
    let made = state.requests().get(&id).unwrap();
    assert_eq!(
        (made.user(), made.justification(), made.seconds()),
        (&user("eve"), Some("the pager rings"), Some(7_200))
    );
    drop(state);
    let approve = Action::ApproveRequest { request: id, grant: GrantId::new("eves").unwrap() };
    let bob = Actor::new(user("bob"), []);
    world.governor.commit(&bob, Command::new(CommandId::random().unwrap(), approve)).await.unwrap();
    // The model is told, and calls.
    let told = ask(&world, "eve", json!({})).await;
    let requests = told["structuredContent"]["requests"].as_array().unwrap();
    assert_eq!(
        (requests.len(), &requests[0]["status"], &requests[0]["grant"]),
        (1, &json!("approved"), &json!("eves"))
    );
    assert!(requests[0]["until"].is_string());
    let called = world.call("eve", "acme_wanted", json!({})).await.result();
    assert_ne!(called["isError"], true, "{called}");
}

#[tokio::test]
async fn both_eras_list_and_answer_the_tool_that_asks() {
    let world = World::new().await;
    guarded(&world).await;
    let shown = |result: Value| {
        let tools = result["tools"].as_array().unwrap().clone();
        tools.into_iter().find(|tool| tool["name"] == "request_access").unwrap()
    };
    let modern = shown(world.modern("eve", "tools/list", json!({})).await.result());
    assert_eq!(modern["inputSchema"]["properties"]["profile"]["enum"], json!([WANTED]));
    let description = modern["description"].as_str().unwrap();
    assert!(
        description.contains("`wanted`: Wanted (other people approve it, needs a justification, for 8 hours at most)")
    );
    assert_eq!(modern["annotations"]["readOnlyHint"], false);
    for version in [MODERN, "2025-11-25", "2024-11-05"] {
        let params = json!({"name": "request_access", "arguments": {"profile": WANTED, "justification": version}});
        let answer = if version == MODERN {
            world.modern("eve", "tools/call", params).await
        } else {
            assert_eq!(
                shown(world.legacy("eve", version, "tools/list", json!({})).await.result())["name"],
                "request_access"
            );
            world.legacy("eve", version, "tools/call", params).await
        };
        assert_eq!(answer.result()["structuredContent"]["request"]["status"], "pending", "{version}");
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_made_says_why_and_leaves_nothing() {
    let world = World::new().await;
    guarded(&world).await;
    for (arguments, part) in [
        (json!({"profile": WANTED}), "must say why"),
        (json!({"profile": WANTED, "justification": "x", "hours": 9}), "28800 seconds at most"),
        (json!({"profile": "desk", "justification": "x"}), "Profiles that can be asked for: `wanted`"),
        (json!({"profile": WANTED, "reason": "x"}), "`reason` is not known"),
        (json!({"hours": 1}), "name the `profile`"),
    ] {
        let refused = ask(&world, "eve", arguments).await;
        assert_eq!(refused["isError"], true);
        assert!(text(&refused).contains(part), "{}", text(&refused));
        assert_eq!(refused["structuredContent"]["failure"]["message"], text(&refused));
    }
    assert!(world.governor.state().requests().is_empty());
}

#[tokio::test]
async fn who_can_ask_for_nothing_has_no_such_tool() {
    let world = World::with(mcp_govern_server::McpServerBuilder::without_access_requests).await;
    let unknown = world.call("eve", "no_such_tool", json!({})).await.error();
    assert_eq!(world.call("eve", "request_access", json!({"profile": WANTED})).await.error(), unknown);
    let world = World::new().await;
    world
        .commit(Action::ChangeProfile {
            profile: ProfileId::new(WANTED).unwrap(),
            spec: ProfileSpec::new(Label::new("Wanted")),
        })
        .await;
    assert_eq!(world.call("eve", "request_access", json!({"profile": WANTED})).await.error(), unknown);
    let listed = world.modern("eve", "tools/list", json!({})).await.result();
    assert_eq!(listed["tools"], json!([]));
    assert!(world.governor.state().requests().is_empty());
}

#[tokio::test]
async fn a_profile_that_is_held_without_end_is_not_offered_and_one_that_ends_is() {
    let world = World::new().await;
    for (grant, until, offered) in [("ends", Some("2099-01-01T00:00:00Z"), true), ("stays", None, false)] {
        let action = Action::GrantProfile {
            grant: GrantId::new(grant).unwrap(),
            profile: ProfileId::new(WANTED).unwrap(),
            grantee: Grantee::User(user("eve")),
            until: until.map(|until| until.parse().unwrap()),
        };
        world.commit(action).await;
        let client = mcp_govern_core::ClientId::new("idp", "desktop").unwrap();
        let principal = mcp_govern_core::Principal::new(user("eve"), client);
        let profiles = world.governor.requestable_profiles(&principal).unwrap();
        assert_eq!(profiles.iter().any(|one| one.profile.as_str() == WANTED), offered, "{grant}");
    }
}

#[tokio::test]
async fn a_request_that_was_denied_can_be_made_anew() {
    let world = World::new().await;
    guarded(&world).await;
    let wish = json!({"profile": WANTED, "justification": "x"});
    let first = ask(&world, "eve", wish.clone()).await["structuredContent"]["request"]["request"].clone();
    let id = RequestId::new(first.as_str().unwrap()).unwrap();
    let deny = Command::new(CommandId::random().unwrap(), Action::DenyRequest { request: id });
    world.governor.commit(&Actor::new(user("bob"), []), deny).await.unwrap();
    assert!(text(&ask(&world, "eve", json!({})).await).contains("was denied"));
    let second = ask(&world, "eve", wish).await["structuredContent"]["request"].clone();
    assert_ne!(second["request"], first);
    assert_eq!(second["status"], "pending");
    let state = world.governor.state();
    let of = |status| state.requests().values().filter(|one| one.status(world.governor.now()) == status).count();
    assert_eq!((of(RequestStatus::Denied), of(RequestStatus::Pending)), (1, 1));
}
