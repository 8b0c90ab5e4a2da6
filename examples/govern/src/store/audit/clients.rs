//! AI clients: who they are by their proof, and what they say of themselves.

use mcp_govern_core::{
    audit::{AuditRecord, Caller},
    ports::StoredRecord,
};

use crate::store::args::FilterArguments;

/// Records of calls by the AI clients that are asked for; all records where none is.
#[derive(Debug, Clone, Default)]
pub(super) struct Clients {
    proven: Option<String>,
    stated: Option<String>,
}

impl Clients {
    pub(super) fn of(wanted: &FilterArguments) -> Self {
        Self {
            proven: wanted.client.as_ref().map(ToString::to_string),
            stated: wanted.stated_client.as_deref().map(str::to_lowercase),
        }
    }

    /// Whether the record of a call's beginning, or of a denial, is meant. An end does not repeat who called.
    pub(super) fn take(&self, record: &StoredRecord) -> bool {
        if self.proven.is_none() && self.stated.is_none() {
            return true;
        }
        match record.open().map(|opened| opened.entry) {
            Ok(AuditRecord::Intent(intent)) => self.is_among(&intent.caller),
            Ok(AuditRecord::Denial(denial)) => self.is_among(&denial.caller),
            _ => false,
        }
    }

    fn is_among(&self, caller: &Caller) -> bool {
        let proven = self.proven.as_ref().is_none_or(|wanted| caller.client == *wanted);
        let stated = self.stated.as_ref().is_none_or(|wanted| {
            caller.stated_client.as_ref().is_some_and(|client| client.to_string().to_lowercase().contains(wanted))
        });
        proven && stated
    }
}

/// An AI client for people: who it is by its proof, and what it says of itself.
pub(super) fn client(caller: &Caller) -> String {
    match &caller.stated_client {
        Some(stated) => format!("{}, says it is `{stated}`", caller.client),
        None => caller.client.clone(),
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{Digest, Timestamp, audit::AuditChain};
    use serde_json::{Value, json};

    use super::*;

    fn denial(stated: &Value) -> StoredRecord {
        let mut caller = json!({"user": Digest::ZERO, "client": "desktop (idp)"});
        if !stated.is_null() {
            caller["stated_client"] = stated.clone();
        }
        let data = json!({"call": "call-1", "caller": caller, "name": "x", "code": "no_grant", "revision": 1});
        let record = serde_json::from_value(json!({"record": "denial.v1", "data": data})).unwrap();
        AuditChain::new().append(Timestamp::from_millis(0), record).unwrap()
    }

    #[test]
    fn a_client_is_shown_and_found_by_what_it_says_of_itself() {
        let claude = denial(&json!({"name": "Claude Code", "version": "2.1"}));
        let AuditRecord::Denial(opened) = claude.open().unwrap().entry else { panic!("a denial") };
        assert_eq!(client(&opened.caller), "desktop (idp), says it is `Claude Code 2.1`");
        let stated = |wanted: Option<&str>| Clients { proven: None, stated: wanted.map(str::to_owned) };
        for (wanted, found) in [(None, true), (Some("claude code"), true), (Some("2.1"), true), (Some("codex"), false)]
        {
            assert_eq!(stated(wanted).take(&claude), found, "{wanted:?}");
        }
        // A client that says nothing of itself is not looked for by what it says; its client id is another thing.
        let silent = denial(&Value::Null);
        assert!(stated(None).take(&silent) && !stated(Some("desktop")).take(&silent));
        let proven = |wanted: &str| Clients { proven: Some(wanted.to_owned()), stated: None };
        assert!(proven("desktop (idp)").take(&silent) && !proven("desktop (other)").take(&silent));
        let both = Clients { proven: Some("desktop (idp)".to_owned()), stated: Some("claude".to_owned()) };
        assert!(both.take(&claude) && !both.take(&silent));
    }
}
