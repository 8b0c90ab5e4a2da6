//! What a caller sends decides neither how much is written for it nor what is done for it before it may call.

use mcp_govern_core::{
    DenialCode,
    audit::{AuditRecord, CallDenial, CallIntent, MAX_RECORDED_ARGUMENTS},
    governor::{CallRequest, ToolRef},
};
use serde_json::{Map, Value, json};

use super::world::{World, audit_key, code, principal};

/// No record of these tests may be longer, in bytes.
const SMALL: usize = 8 * 1024;

fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// A page whose arguments, as JSON, have so many bytes.
fn page_of(bytes: usize) -> Map<String, Value> {
    let frame = json!({"page_id": ""}).to_string().len();
    arguments(&json!({"page_id": "x".repeat(bytes - frame)}))
}

fn deep() -> Value {
    (0..100).fold(json!(1), |inner, _| json!([inner]))
}

async fn intents(world: &World) -> Vec<CallIntent> {
    let records = world.records().await.into_iter();
    let intents = records.filter_map(|record| match record {
        AuditRecord::Intent(intent) => Some(*intent),
        _ => None,
    });
    intents.collect()
}

async fn denials(world: &World) -> Vec<CallDenial> {
    let records = world.records().await.into_iter();
    let denials = records.filter_map(|record| match record {
        AuditRecord::Denial(denial) => Some(*denial),
        _ => None,
    });
    denials.collect()
}

#[tokio::test]
async fn arguments_up_to_the_bound_stand_in_the_record_and_longer_ones_by_digest_and_length() {
    let world = World::open().await;
    let sizes = [MAX_RECORDED_ARGUMENTS, MAX_RECORDED_ARGUMENTS + 1, 900_000];
    for size in sizes {
        let request = CallRequest::new("acme_list_pages").with_arguments(page_of(size));
        world.governor.call(&principal("ann"), request).await.unwrap();
    }
    assert_eq!(world.vendor.seen()[2].arguments, Value::Object(page_of(900_000)), "all of it is sent");
    world.governor.close().await;
    let noted: Vec<_> = intents(&world).await;
    let digests: Vec<_> = noted.iter().map(|intent| intent.arguments_digest).collect();
    assert_eq!(digests, sizes.map(|size| audit_key().arguments(&page_of(size))));
    assert_eq!(noted[0].arguments, Value::Object(page_of(sizes[0])));
    assert_eq!((&noted[1].arguments, &noted[2].arguments), (&Value::Null, &Value::Null));
    let lengths: Vec<_> = noted.iter().map(|intent| intent.arguments_bytes).collect();
    assert_eq!(lengths, [None, Some(4097), Some(900_000)]);
    world.assert_intact().await;
}

#[tokio::test]
async fn arguments_that_grow_by_their_redaction_are_held_to_the_bound_too() {
    let world = World::open().await;
    let mut given = page_of(MAX_RECORDED_ARGUMENTS - json!({"email": "", "token": ""}).to_string().len());
    given.extend(arguments(&json!({"email": "", "token": ""})));
    let bytes = Value::Object(given.clone()).to_string().len();
    assert!(bytes <= MAX_RECORDED_ARGUMENTS);
    let request = CallRequest::new("acme_create_page").with_arguments(given);
    world.governor.call(&principal("ann"), request).await.unwrap();
    world.governor.close().await;
    let noted = intents(&world).await;
    assert_eq!(noted[0].arguments, Value::Null);
    assert_eq!(noted[0].arguments_bytes, u64::try_from(bytes).ok());
}

#[tokio::test]
async fn a_record_is_small_whatever_the_caller_sent() {
    let world = World::open().await;
    let (large, names) = ("x".repeat(3 << 20), ["acme_list_pages".to_owned(), "\u{10ffff}".repeat(1 << 20)]);
    for who in ["ann", "bob"] {
        for name in &names {
            for given in
                [json!({"page_id": large}), json!({"page_id": [large, deep()]}), json!({large.clone(): deep()})]
            {
                let request = CallRequest::new(ToolRef::Exposed(name.clone())).with_arguments(arguments(&given));
                world.governor.call(&principal(who), request).await.unwrap_err();
            }
        }
    }
    world
        .governor
        .call(&principal("ann"), CallRequest::new("acme_list_pages").with_arguments(page_of(1 << 20)))
        .await
        .unwrap();
    world.governor.close().await;
    let records = world.raw_records().await;
    assert_eq!(records.len(), 2 + 12 + 2, "marks, denials, and a call");
    let longest = records.iter().map(|record| record.bytes.len()).max().unwrap();
    assert!(longest < SMALL, "a record of {longest} bytes");
    world.assert_intact().await;
}

#[tokio::test]
async fn arguments_of_somebody_who_may_not_call_are_not_looked_at() {
    let world = World::open().await;
    let call = async |who: &str, tool: &str, given: Value| {
        world.governor.call(&principal(who), CallRequest::new(tool).with_arguments(arguments(&given))).await
    };
    let given = json!({"page_id": "p1", "unknown": 1});
    assert_eq!(code(&call("bob", "acme_list_pages", given.clone()).await), "unknown_tool");
    assert_eq!(code(&call("ann", "acme_no_such_tool", given.clone()).await), "unknown_tool");
    assert_eq!(code(&call("ann", "acme_list_pages", json!({"page_id": deep()})).await), "invalid_arguments");
    assert_eq!(code(&call("ann", "acme_list_pages", given.clone()).await), "invalid_arguments");
    world.governor.close().await;
    let noted: Vec<_> =
        denials(&world).await.into_iter().map(|denial| (denial.code, denial.arguments_digest)).collect();
    let digest = audit_key().arguments(&arguments(&given));
    assert_eq!(
        noted,
        [
            (DenialCode::NoGrant, None),
            (DenialCode::UnknownTool, None),
            (DenialCode::InvalidArguments, None),
            (DenialCode::InvalidArguments, Some(digest)),
        ]
    );
}
