//! What is said of sending: to the caller, and on record.

use mcp_govern_core::{ProviderError, Sent, audit::CallResult};

use super::{
    vendor::Turn,
    world::{World, tool},
};

/// The answer to a call that breaks off: what the error says, which the record repeats.
async fn broken(world: &World, told: bool, stated: Option<Sent>) -> Sent {
    world.vendor.will(Turn::Break { told, stated });
    let error = world.call("ann", "create_page").await.unwrap_err();
    assert_eq!(error.provider_error().and_then(ProviderError::stated_sent), Some(error.sent()));
    error.sent()
}

#[tokio::test]
async fn the_record_says_sent_no_only_where_nothing_was_let_send_or_the_provider_states_it() {
    let world = World::open().await;
    let mut due = Vec::new();
    for (told, stated, sent) in [
        (true, None, Sent::Maybe),
        (true, Some(Sent::No), Sent::No),
        (true, Some(Sent::Maybe), Sent::Maybe),
        (true, Some(Sent::Yes), Sent::Yes),
        (false, None, Sent::No),
        (false, Some(Sent::No), Sent::No),
        (false, Some(Sent::Maybe), Sent::Maybe),
        (false, Some(Sent::Yes), Sent::Yes),
    ] {
        assert_eq!(broken(&world, told, stated).await, sent, "told: {told}, stated: {stated:?}");
        due.push(sent);
    }
    let noted: Vec<Sent> = world
        .closed_outcomes()
        .await
        .into_iter()
        .map(|outcome| match outcome {
            CallResult::Failure { sent, .. } => sent,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(noted, due);
}

#[tokio::test]
async fn a_tool_that_succeeds_without_telling_that_it_sends_is_told_of_and_in_doubt_from_then_on() {
    let world = World::open().await;
    world.call("ann", "create_page").await.unwrap();
    assert!(world.governor.status().untold.is_empty());
    assert_eq!(broken(&world, false, None).await, Sent::No);
    for _ in 0..2 {
        world.vendor.will(Turn::SucceedUntold);
        world.call("ann", "create_page").await.unwrap();
    }
    assert_eq!(world.governor.status().untold, [tool("create_page")].into_iter().collect());
    assert_eq!(broken(&world, false, None).await, Sent::Maybe);
    assert_eq!(broken(&world, true, None).await, Sent::Maybe);
    assert_eq!(broken(&world, false, Some(Sent::No)).await, Sent::No, "what the provider states counts");
    // A call that is dropped before anything was told is in doubt, too.
    world.vendor.will(Turn::WaitBeforeSending);
    let call = world.start("ann", "create_page");
    world.vendor.arrival().await;
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(world.closed_outcomes().await.last(), Some(&CallResult::Abandoned { sent: Sent::Maybe }));
}
