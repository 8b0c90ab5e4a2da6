//! Records as text. Every call leaves an intent and an outcome, and most of both are ids, digests and numbers: they are copied,
//! where a general writer would look at every byte for characters to escape.
//!
//! INVARIANT: the text is what serde makes of the record, byte for byte
//! (`a_record_is_written_as_serde_writes_it`).

use serde::Serialize;
use serde_json::Result;

use super::{AuditRecord, CallIntent, CallOutcome, CallResult, Caller, ChainedRecord, CredentialUse};
use crate::{
    provider::Exchange,
    vocabulary::{Digest, ToolId},
};

/// Puts the record's JSON at the end of `out`.
///
/// # Errors
///
/// When something in it has no JSON form.
pub(super) fn write(record: &ChainedRecord, out: &mut Vec<u8>) -> Result<()> {
    let mut line = Line(out);
    line.json(r#"{"sequence":"#);
    line.value(&record.sequence)?;
    line.json(r#","previous":"#);
    line.digest(&record.previous);
    line.json(r#","at":""#);
    record.at.write_to(line.0);
    match &record.entry {
        AuditRecord::Intent(intent) => {
            line.json(r#"","entry":{"record":"intent.v1","data":"#);
            line.intent(intent)?;
            line.json("}}");
        }
        AuditRecord::Outcome(outcome) => {
            line.json(r#"","entry":{"record":"outcome.v1","data":"#);
            line.outcome(outcome)?;
            line.json("}}");
        }
        rare @ (AuditRecord::Denial(_) | AuditRecord::Mark(_)) => {
            line.json(r#"","entry":"#);
            line.value(rare)?;
            line.json("}");
        }
    }
    Ok(())
}

struct Line<'a>(&'a mut Vec<u8>);

impl Line<'_> {
    fn intent(&mut self, intent: &CallIntent) -> Result<()> {
        let CallIntent {
            call,
            caller,
            tool,
            digest,
            grant,
            profile,
            revision,
            arguments,
            arguments_digest,
            arguments_bytes,
            credential,
        } = intent;
        self.json(r#"{"call":"#);
        self.id(call.as_str());
        self.json(r#","caller":"#);
        self.caller(caller)?;
        self.json(r#","tool":"#);
        self.tool(tool);
        self.json(r#","digest":"#);
        self.digest(digest);
        self.json(r#","grant":"#);
        self.id(grant.as_str());
        self.json(r#","profile":"#);
        self.id(profile.as_str());
        self.json(r#","revision":"#);
        self.value(revision)?;
        self.json(r#","arguments":"#);
        self.value(arguments)?;
        self.json(r#","arguments_digest":"#);
        self.digest(arguments_digest);
        self.optional(r#","arguments_bytes":"#, arguments_bytes.as_ref())?;
        self.json(r#","credential":"#);
        self.credential(credential)?;
        self.json("}");
        Ok(())
    }

    fn caller(&mut self, caller: &Caller) -> Result<()> {
        let Caller { user, user_name, client, client_type, source, trace_id, stated_client } = caller;
        self.json(r#"{"user":"#);
        self.digest(user);
        self.optional(r#","user_name":"#, user_name.as_ref())?;
        self.json(r#","client":"#);
        self.value(client)?;
        self.optional(r#","client_type":"#, client_type.as_ref())?;
        self.optional(r#","source":"#, source.as_ref())?;
        self.optional(r#","trace_id":"#, trace_id.as_ref())?;
        self.optional(r#","stated_client":"#, stated_client.as_ref())?;
        self.json("}");
        Ok(())
    }

    fn credential(&mut self, used: &CredentialUse) -> Result<()> {
        let CredentialUse { sharing, version, authorized_as } = used;
        self.json(r#"{"sharing":"#);
        self.value(sharing)?;
        self.optional(r#","version":"#, version.as_ref())?;
        self.optional(r#","authorized_as":"#, authorized_as.as_ref())?;
        self.json("}");
        Ok(())
    }

    fn outcome(&mut self, outcome: &CallOutcome) -> Result<()> {
        let CallOutcome { call, user, tool, result, exchanges, latency_ms } = outcome;
        self.json(r#"{"call":"#);
        self.id(call.as_str());
        self.json(r#","user":"#);
        self.digest(user);
        self.json(r#","tool":"#);
        self.tool(tool);
        self.json(r#","result":"#);
        if let CallResult::Success { digest, bytes } = result {
            self.json(r#"{"result":"success","digest":"#);
            self.digest(digest);
            self.json(r#","bytes":"#);
            self.value(bytes)?;
            self.json("}");
        } else {
            self.value(result)?;
        }
        self.json(r#","exchanges":["#);
        for (index, exchange) in exchanges.iter().enumerate() {
            self.json(if index == 0 { "" } else { "," });
            self.exchange(exchange)?;
        }
        self.json(r#"],"latency_ms":"#);
        self.value(latency_ms)?;
        self.json("}");
        Ok(())
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<()> {
        let Exchange { method, path, status, request_id, sent_bytes, received_bytes, latency_ms, retries } = exchange;
        self.json(r#"{"method":"#);
        self.value(method)?;
        self.json(r#","path":"#);
        self.value(path)?;
        self.optional(r#","status":"#, status.as_ref())?;
        self.optional(r#","request_id":"#, request_id.as_ref())?;
        self.json(r#","sent_bytes":"#);
        self.value(sent_bytes)?;
        self.json(r#","received_bytes":"#);
        self.value(received_bytes)?;
        self.json(r#","latency_ms":"#);
        self.value(latency_ms)?;
        self.json(r#","retries":"#);
        self.value(retries)?;
        self.json("}");
        Ok(())
    }

    fn json(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut *self.0, value)
    }

    fn optional(&mut self, name: &str, value: Option<&impl Serialize>) -> Result<()> {
        let Some(value) = value else { return Ok(()) };
        self.json(name);
        self.value(value)
    }

    /// A text of the alphabet of ids: none of its characters is escaped.
    fn id(&mut self, id: &str) {
        self.json("\"");
        self.json(id);
        self.json("\"");
    }

    fn tool(&mut self, tool: &ToolId) {
        self.json("\"");
        self.json(tool.server().as_str());
        self.json("/");
        self.json(tool.name().as_str());
        self.json("\"");
    }

    fn digest(&mut self, digest: &Digest) {
        digest.with_text(|text| self.id(text));
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::audit::StatedClient;
    use crate::{
        audit::{CallDenial, WriterMark},
        denial::DenialCode,
        journal::Revision,
        provider::{ProviderErrorKind, Sent},
        vocabulary::{CallId, ClientType, CredentialSharing, GrantId, ProfileId, Timestamp},
    };

    fn digests() -> impl Strategy<Value = Digest> {
        any::<[u8; 32]>().prop_map(Digest::from_bytes)
    }

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z0-9 /]{0,12}", ".{0,12}", Just("\"\\\u{8}\u{1f}\u{7f}\u{2028}é😀".to_owned())]
    }

    fn calls() -> impl Strategy<Value = CallId> {
        "[a-z0-9][a-z0-9_-]{0,40}".prop_map(|id| CallId::new(id).unwrap())
    }

    fn tools() -> impl Strategy<Value = ToolId> {
        "[a-z0-9][a-z0-9_-]{0,20}/[a-z][a-z0-9_]{0,40}".prop_map(|id| id.parse().unwrap())
    }

    fn callers() -> impl Strategy<Value = Caller> {
        let types = prop::sample::select(ClientType::ALL.to_vec());
        let parts = (
            digests(),
            prop::option::of(texts()),
            texts(),
            prop::option::of(types),
            any::<Option<IpAddr>>(),
            prop::option::of(texts()),
            prop::option::of((texts(), texts())),
        );
        parts.prop_map(|(user, user_name, client, client_type, source, trace_id, stated)| {
            let mut caller = Caller::new(user, client);
            (caller.user_name, caller.client_type) = (user_name, client_type);
            (caller.source, caller.trace_id) = (source, trace_id);
            caller.stated_client = stated.and_then(|(name, version)| StatedClient::new(&name, &version));
            caller
        })
    }

    fn arguments() -> impl Strategy<Value = Value> {
        let leaves = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            texts().prop_map(Value::from)
        ];
        leaves.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(texts(), inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    fn intents() -> impl Strategy<Value = AuditRecord> {
        let ids = ("[a-z0-9]{1,20}", "[a-z0-9]{1,20}")
            .prop_map(|(grant, profile)| (GrantId::new(grant).unwrap(), ProfileId::new(profile).unwrap()));
        let sharing = prop::sample::select(vec![CredentialSharing::Shared, CredentialSharing::PerUser]);
        let credential = (sharing, any::<Option<u64>>(), prop::option::of(texts()))
            .prop_map(|(sharing, version, named)| CredentialUse::new(sharing, version, named));
        let digests = (digests(), digests());
        let arguments = (arguments(), any::<Option<u64>>());
        (calls(), callers(), tools(), digests, ids, any::<u64>(), arguments, credential).prop_map(
            |(call, caller, tool, (digest, arguments_digest), (grant, profile), revision, arguments, credential)| {
                let (arguments, arguments_bytes) = arguments;
                AuditRecord::Intent(Box::new(CallIntent {
                    call,
                    caller,
                    tool,
                    digest,
                    grant,
                    profile,
                    revision: Revision(revision),
                    arguments,
                    arguments_digest,
                    arguments_bytes,
                    credential,
                }))
            },
        )
    }

    fn outcomes() -> impl Strategy<Value = AuditRecord> {
        let results = prop_oneof![
            (digests(), any::<u64>()).prop_map(|(digest, bytes)| CallResult::Success { digest, bytes }),
            any::<Option<u16>>().prop_map(|status| CallResult::Failure {
                kind: ProviderErrorKind::RateLimited,
                sent: Sent::Maybe,
                status
            }),
            Just(CallResult::Denied { code: DenialCode::CallKilled, sent: Sent::No }),
            Just(CallResult::Abandoned { sent: Sent::Yes }),
        ];
        let exchange =
            (texts(), texts(), any::<Option<u16>>(), prop::option::of(texts()), any::<[u64; 3]>(), any::<u32>())
                .prop_map(|(method, path, status, request_id, [sent_bytes, received_bytes, latency_ms], retries)| {
                    let (method, path) = (method.into(), path.into());
                    Exchange { method, path, status, request_id, sent_bytes, received_bytes, latency_ms, retries }
                });
        let exchanges = prop::collection::vec(exchange, 0..3);
        (calls(), digests(), tools(), results, exchanges, any::<u64>()).prop_map(
            |(call, user, tool, result, exchanges, latency_ms)| {
                AuditRecord::Outcome(Box::new(CallOutcome { call, user, tool, result, exchanges, latency_ms }))
            },
        )
    }

    fn rare() -> impl Strategy<Value = AuditRecord> {
        let denial = (calls(), callers(), texts(), prop::option::of(tools()), prop::option::of(digests()));
        let denials = denial.prop_map(|(call, caller, name, tool, arguments_digest)| {
            let (code, revision) = (DenialCode::NoGrant, Revision(7));
            AuditRecord::Denial(Box::new(CallDenial { call, caller, name, tool, code, revision, arguments_digest }))
        });
        let opened = digests().prop_map(|journal| WriterMark::Opened { revision: Revision(3), journal });
        let marks = prop_oneof![
            opened,
            prop::option::of(digests()).prop_map(|user| WriterMark::DenialsLost { count: 9, user }),
            Just(WriterMark::Closed)
        ];
        prop_oneof![denials, marks.prop_map(AuditRecord::Mark)]
    }

    proptest! {
        #[test]
        fn a_record_is_written_as_serde_writes_it(
            entry in prop_oneof![4 => intents(), 4 => outcomes(), 1 => rare()],
            sequence in any::<u64>(),
            previous in digests(),
            at in 0..=Timestamp::MAX.as_millis(),
        ) {
            let record = ChainedRecord { sequence, previous, at: Timestamp::from_millis(at), entry };
            let mut written = b"before".to_vec();
            write(&record, &mut written).unwrap();
            let expected = format!("before{}", serde_json::to_string(&record).unwrap());
            prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
        }
    }
}
