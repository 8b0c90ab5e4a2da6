//! One call: what is sent, what comes back, what is on record.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use mcp_govern_core::{
    ArgumentFault, ArgumentRule, Constraint, DenialCode, ProfileId, ProviderErrorKind, Remedy, Sent, Timestamp,
    ToolsetBinding, ToolsetId, TraceContext,
    access::Check,
    audit::{AuditRecord, CallResult},
    governor::CallRequest,
    journal::Action,
    ports::AuditFilter,
};
use serde_json::{Value, json};

use super::{
    vendor::{Seen, Turn},
    world::{DAY, KEY, START, World, audit_key, code, grant, owner, principal, tool, user, value},
};

#[tokio::test]
async fn a_call_that_is_allowed_reaches_the_vendor_once_and_is_on_record_from_begin_to_end() {
    let world = World::open().await;
    let trace = TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
    let request = CallRequest::new("acme_list_pages").with_argument("page_id", "p1").with_trace(trace);
    let done = world.governor.call(&principal("ann"), request).await.unwrap();
    assert_eq!(value(&done), json!({"did": "list_pages", "for": "ann"}));
    assert_eq!(done.tool, tool("list_pages"));
    assert_eq!((done.definition.name.as_str(), done.definition.digest()), ("list_pages", Ok(done.digest)));
    let seen = Seen { tool: "list_pages".into(), arguments: json!({"page_id": "p1"}), key: Some(KEY.into()) };
    assert_eq!(world.vendor.seen(), [seen]);

    world.governor.close().await;
    let records = world.records().await;
    let [AuditRecord::Mark(_), AuditRecord::Intent(intent), AuditRecord::Outcome(outcome), AuditRecord::Mark(_)] =
        &records[..]
    else {
        panic!("{records:?}")
    };
    assert_eq!((&intent.call, &outcome.call), (&done.call, &done.call));
    assert_eq!((intent.grant.as_str(), intent.profile.as_str()), ("grant-ann", "staff"));
    assert_eq!(intent.digest, world.governor.state().tools()[&tool("list_pages")].digest());
    assert_eq!(intent.caller.user, world.governor.user_hash(&user("ann")));
    assert_eq!(intent.caller.user_name, None);
    assert_eq!(intent.caller.trace_id.as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(intent.arguments, json!({"page_id": "p1"}));
    assert_eq!(intent.credential.version, Some(1));
    assert_eq!(outcome.exchanges.len(), 1);
    let bytes = u64::try_from(done.output.content.get().len()).unwrap();
    assert!(matches!(outcome.result, CallResult::Success { bytes: noted, .. } if noted == bytes));
    world.assert_intact().await;
}

#[tokio::test]
async fn the_digest_on_record_is_that_of_what_is_sent_and_of_a_denial_that_of_what_was_asked() {
    let world = World::open().await;
    let rule = ArgumentRule::new("page_id", Constraint::Fixed(json!("p7")));
    let binding = ToolsetBinding { toolset: ToolsetId::new("all").unwrap(), rules: vec![rule] };
    world.commit(Action::BindToolset { profile: ProfileId::new("staff").unwrap(), binding }).await;
    let call = async |arguments: Value| {
        let arguments = arguments.as_object().unwrap().clone();
        world.governor.call(&principal("ann"), CallRequest::new("acme_list_pages").with_arguments(arguments)).await
    };
    call(json!({})).await.unwrap();
    call(json!({"page_id": "p7"})).await.unwrap();
    assert_eq!(code(&call(json!({"page_id": "p8"})).await), "rule_violated");
    let sent: Vec<_> = world.vendor.seen().into_iter().map(|seen| seen.arguments).collect();
    assert_eq!(sent, [json!({"page_id": "p7"}), json!({"page_id": "p7"})]);
    world.governor.close().await;
    let digest = |page: &str| audit_key().arguments(json!({"page_id": page}).as_object().unwrap());
    let noted: Vec<_> = world
        .records()
        .await
        .into_iter()
        .filter_map(|record| match record {
            AuditRecord::Intent(intent) => Some(intent.arguments_digest),
            AuditRecord::Denial(denial) => denial.arguments_digest,
            _ => None,
        })
        .collect();
    assert_eq!(noted, [digest("p7"), digest("p7"), digest("p8")]);
}

#[tokio::test]
async fn rules_records_and_previews_see_what_was_meant() {
    let world = World::open().await;
    let labels = Constraint::Subset(vec![json!("a"), json!("b")]);
    let rule = ArgumentRule::new("labels", labels).with_absent_allowed();
    let binding = ToolsetBinding { toolset: ToolsetId::new("all").unwrap(), rules: vec![rule] };
    world.commit(Action::BindToolset { profile: ProfileId::new("staff").unwrap(), binding }).await;
    let request = |labels: &str| {
        let arguments = json!({"page_id": "p1", "labels": labels, "draft": "true", "email": null, "token": null});
        CallRequest::new("acme_create_page").with_arguments(arguments.as_object().unwrap().clone())
    };
    let meant = |labels: Value| json!({"page_id": "p1", "labels": labels, "draft": true});

    let preview = world.governor.preview(&principal("ann"), request("[\"a\"]")).unwrap();
    assert_eq!(preview.body, Some(meant(json!(["a"]))));
    world.governor.call(&principal("ann"), request("[\"a\"]")).await.unwrap();
    let seen: Vec<_> = world.vendor.seen().into_iter().map(|seen| seen.arguments).collect();
    assert_eq!(seen, [meant(json!(["a"]))]);
    let denied = world.governor.call(&principal("ann"), request("[\"c\"]")).await;
    assert_eq!(code(&denied), "rule_violated");

    world.governor.close().await;
    let digest = |arguments: Value| audit_key().arguments(arguments.as_object().unwrap());
    let mut noted = Vec::new();
    for record in world.records().await {
        match record {
            AuditRecord::Intent(intent) => {
                assert_eq!(intent.arguments, meant(json!(["a"])));
                noted.push(Some(intent.arguments_digest));
            }
            AuditRecord::Denial(denial) => noted.push(denial.arguments_digest),
            _ => {}
        }
    }
    assert_eq!(noted, [Some(digest(meant(json!(["a"])))), Some(digest(meant(json!(["c"]))))]);
}

#[tokio::test]
async fn secrets_and_personal_data_stand_in_no_record() {
    let world = World::open().await;
    let request = CallRequest::new("acme_create_page")
        .with_argument("page_id", "p1")
        .with_argument("token", "canary-token-77")
        .with_argument("email", "canary-ann@example.com");
    world.governor.call(&principal("ann"), request).await.unwrap();
    assert_eq!(world.vendor.seen()[0].arguments["token"], "canary-token-77");
    // Denied ones neither.
    let request = CallRequest::new("acme_create_page").with_argument("token", "canary-token-78").with_argument("x", 1);
    let denied = world.governor.call(&principal("ann"), request.clone()).await.unwrap_err();
    assert_eq!(denied.code(), Some(DenialCode::InvalidArguments));
    assert!(!format!("{denied} {denied:?} {request:?}").contains("canary"));
    world.governor.close().await;
    for record in world.raw_records().await {
        let text = String::from_utf8(record.bytes.to_vec()).unwrap();
        assert!(!text.contains("canary") && !text.contains("\"ann\""), "{text}");
    }
}

#[tokio::test]
async fn a_tool_that_the_caller_may_not_know_of_is_unknown_outside_and_has_its_true_code_on_record() {
    let world = World::open().await;
    let hidden = world.call("bob", "list_pages").await.unwrap_err();
    let none = world.call("bob", "no_such_tool").await.unwrap_err();
    assert_eq!(hidden.code(), Some(DenialCode::UnknownTool));
    assert_eq!(hidden.to_string(), none.to_string());
    assert_eq!(hidden.denial().unwrap().remedy(), &Remedy::None);
    world.governor.close().await;
    let denials: Vec<_> = world
        .records()
        .await
        .into_iter()
        .filter_map(|record| match record {
            AuditRecord::Denial(denial) => Some((denial.name.clone(), denial.tool.clone(), denial.code)),
            _ => None,
        })
        .collect();
    assert_eq!(
        denials,
        [
            ("acme_list_pages".to_owned(), Some(tool("list_pages")), DenialCode::NoGrant),
            ("acme_no_such_tool".to_owned(), None, DenialCode::UnknownTool),
        ]
    );
    assert!(world.vendor.seen().is_empty());
}

#[tokio::test]
async fn a_vendor_that_fails_is_reported_and_on_record_with_what_is_known_of_sending() {
    let world = World::open().await;
    world.vendor.will(Turn::Fail(ProviderErrorKind::Timeout, Sent::Maybe));
    let error = world.call("ann", "create_page").await.unwrap_err();
    assert_eq!(error.provider_error().unwrap().kind(), ProviderErrorKind::Timeout);
    assert_eq!((error.sent(), error.code()), (Sent::Maybe, None));
    let outcomes = world.closed_outcomes().await;
    let failure = CallResult::Failure { kind: ProviderErrorKind::Timeout, sent: Sent::Maybe, status: Some(500) };
    assert_eq!(outcomes, [failure]);
    assert_eq!(world.vendor.seen().len(), 1);
}

#[tokio::test]
async fn a_grant_that_expires_during_a_call_lets_it_finish_and_denies_the_next() {
    let world = World::open().await;
    let until = Timestamp::from_millis(START).plus(DAY);
    world.commit(grant("bea", "bea", Some(until))).await;
    world.vendor.will(Turn::Wait);
    let running = world.start("bea", "list_pages");
    world.vendor.arrival().await;
    world.clock.advance(DAY);
    assert_eq!(code(&world.call("bea", "list_pages").await), "grant_expired");
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_expired_grant_stays_expired_when_the_clock_jumps_back() {
    let world = World::open().await;
    let start = Timestamp::from_millis(START);
    world.commit(grant("bea", "bea", Some(start.plus(DAY)))).await;
    world.call("bea", "list_pages").await.unwrap();
    world.clock.advance(DAY);
    let denied = world.governor.explain(&principal("bea"), "acme_list_pages").unwrap().denied;
    assert_eq!(denied, Some(DenialCode::GrantExpired));
    world.clock.set(start);
    let denied = world.governor.explain(&principal("bea"), "acme_list_pages").unwrap().denied;
    assert_eq!(denied, Some(DenialCode::GrantExpired));
    world.call("bea", "list_pages").await.unwrap_err();
}

#[tokio::test]
async fn a_tool_that_is_disabled_during_a_call_lets_it_finish_and_denies_the_next() {
    let world = World::open().await;
    world.vendor.will(Turn::Wait);
    let running = world.start("ann", "list_pages");
    world.vendor.arrival().await;
    world.commit(Action::DisableTools { tools: BTreeSet::from([tool("list_pages")]) }).await;
    assert_eq!(code(&world.call("ann", "list_pages").await), "tool_disabled");
    assert_eq!(code(&world.call("ann", "tidy_pages").await), "tool_disabled");
    world.vendor.go.add_permits(1);
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_commit_changes_counts_for_the_next_call() {
    let world = World::open().await;
    for _ in 0..20 {
        world.commit(grant("bea", "bea", None)).await;
        world.call("bea", "list_pages").await.unwrap();
        world.commit(Action::RevokeGrant { grant: mcp_govern_core::GrantId::new("grant-bea").unwrap() }).await;
        world.call("bea", "list_pages").await.unwrap_err();
    }
}

#[tokio::test]
async fn a_definition_that_changed_between_review_and_approval_is_not_approved() {
    let world = World::open().await;
    let seen = world.governor.state().tools()[&tool("list_pages")].digest();
    world.commit(Action::ResetTools { tools: BTreeSet::from([tool("list_pages")]) }).await;
    world.vendor.release(super::vendor::release_two());
    world.governor.sync(&owner(), &super::world::server()).await.unwrap();
    let approve = |digest| Action::ApproveTools { tools: [(tool("list_pages"), digest)].into() };
    let refused = world.try_commit(approve(seen)).await.unwrap_err();
    assert_eq!(refused.kind(), mcp_govern_core::governor::GovernErrorKind::Conflict, "{refused}");
    assert_eq!(code(&world.call("ann", "list_pages").await), "tool_pending");
    world.commit(approve(world.governor.state().tools()[&tool("list_pages")].digest())).await;
    world.call("ann", "list_pages").await.unwrap();
}

#[tokio::test]
async fn a_dropped_call_is_on_record_as_abandoned_with_what_may_have_been_sent() {
    for (turn, sent) in [(Turn::WaitBeforeSending, Sent::No), (Turn::Wait, Sent::Maybe)] {
        let world = World::open().await;
        world.vendor.will(turn);
        let running = world.start("ann", "create_page");
        world.vendor.arrival().await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(world.closed_outcomes().await, [CallResult::Abandoned { sent }]);
        world.assert_intact().await;
    }
}

#[tokio::test]
async fn the_audit_is_read_by_those_who_may_and_found_by_person() {
    let world = World::open().await;
    world.call("ann", "list_pages").await.unwrap();
    world.call("bob", "list_pages").await.unwrap_err();
    world.governor.close().await;
    let mut filter = AuditFilter::new();
    filter.user = Some(user("bob"));
    let auditor = mcp_govern_core::Actor::new(user("eve"), [mcp_govern_core::Role::Auditor]);
    let page = world.governor.audit(&auditor, filter, None, 10).await.unwrap();
    assert_eq!(page.records.len(), 1);
    assert_eq!(page.records[0].1.code, Some(DenialCode::NoGrant));
    let nobody = mcp_govern_core::Actor::new(user("bob"), []);
    assert!(world.governor.audit(&nobody, AuditFilter::new(), None, 10).await.is_err());
    assert!(world.governor.verify_audit(&nobody, &[]).await.is_err());
}

#[tokio::test]
async fn what_a_server_refuses_of_arguments_is_denied_before_the_record_and_the_vault_and_in_a_preview_alike() {
    let world = World::open().await;
    let fault = |argument: &str, fault: &str| ArgumentFault { argument: argument.into(), fault: fault.into() };
    let faults = vec![fault("page_id", "must not contain `/`"), fault("", "give `from` or `to`")];
    *world.vendor.argument_faults.lock().unwrap() = faults.clone();
    let reads = world.faults().vault_reads.load(Ordering::SeqCst);
    let request = CallRequest::new("acme_list_pages").with_argument("page_id", "p1");
    let called = world.governor.call(&principal("ann"), request.clone()).await.unwrap_err();
    let denial = called.denial().unwrap();
    assert_eq!(denial.code(), DenialCode::InvalidArguments);
    assert_eq!(denial.remedy(), &Remedy::CorrectArguments { faults });
    let sentence = "the arguments do not fit `acme_list_pages`: `page_id` must not contain `/`; give `from` or `to`";
    assert_eq!(denial.message(), sentence);
    let previewed = world.governor.preview(&principal("ann"), request.clone()).unwrap_err();
    assert_eq!(previewed.denial(), Some(denial));
    // Who may not call is told nothing of arguments.
    let stranger = world.governor.preview(&principal("bob"), request).unwrap_err();
    assert_eq!(stranger.code(), Some(DenialCode::UnknownTool));

    assert_eq!(world.faults().vault_reads.load(Ordering::SeqCst), reads);
    assert_eq!(world.vendor.seen(), []);
    world.governor.close().await;
    let records = world.records().await;
    let [AuditRecord::Mark(_), AuditRecord::Denial(denied), AuditRecord::Mark(_)] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(denied.code, DenialCode::InvalidArguments);
    let asked = json!({"page_id": "p1"});
    assert_eq!(denied.arguments_digest, Some(audit_key().arguments(asked.as_object().unwrap())));
}

#[tokio::test]
async fn a_tool_that_cannot_work_with_its_server_is_explained_and_not_called_in_vain() {
    let world = World::open().await;
    let listed = tool("list_pages");
    assert_eq!(world.governor.obstacle(&listed), None);
    let explained = world.governor.explain(&principal("ann"), listed.clone()).unwrap();
    assert!(explained.denied.is_none() && explained.checks.iter().any(|trace| trace.check == Check::Usable));
    let why = "the app does not ask for `pages.read`";
    *world.vendor.obstacle.lock().unwrap() = Some(why.to_owned());
    let reads = world.faults().vault_reads.load(Ordering::SeqCst);
    let request = CallRequest::new("acme_list_pages").with_argument("page_id", "p1");
    let called = world.governor.call(&principal("ann"), request.clone()).await.unwrap_err();
    let denial = called.denial().unwrap();
    assert_eq!((denial.code(), denial.message()), (DenialCode::ToolUnusable, why));
    assert_eq!(denial.remedy(), &Remedy::AskAdministrator);
    assert_eq!(world.governor.preview(&principal("ann"), request).unwrap_err().denial(), Some(denial));
    assert_eq!(world.governor.obstacle(&listed).as_deref(), Some(why));
    let explained = world.governor.explain(&principal("ann"), listed).unwrap();
    assert_eq!(explained.denied, Some(DenialCode::ToolUnusable));
    assert_eq!(world.faults().vault_reads.load(Ordering::SeqCst), reads);
    assert_eq!(world.vendor.seen(), []);
}
