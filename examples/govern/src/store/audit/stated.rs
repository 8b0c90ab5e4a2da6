//! What AI clients say of themselves.

use mcp_govern_core::{
    audit::{AuditRecord, Caller},
    ports::StoredRecord,
};

/// Records of calls by clients that say something of themselves; all records where nothing is asked for.
#[derive(Debug, Clone)]
pub(super) struct StatedClients(Option<String>);

impl StatedClients {
    pub(super) fn new(wanted: Option<&str>) -> Self {
        Self(wanted.map(str::to_lowercase))
    }

    /// Whether the record of a call's beginning, or of a denial, is meant. An end does not repeat who called.
    pub(super) fn takes(&self, record: &StoredRecord) -> bool {
        let Some(wanted) = &self.0 else { return true };
        let stated = |caller: &Caller| {
            caller.stated_client.as_ref().is_some_and(|client| client.to_string().to_lowercase().contains(wanted))
        };
        match record.open().map(|opened| opened.entry) {
            Ok(AuditRecord::Intent(intent)) => stated(&intent.caller),
            Ok(AuditRecord::Denial(denial)) => stated(&denial.caller),
            _ => false,
        }
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
        for (wanted, found) in [(None, true), (Some("claude code"), true), (Some("2.1"), true), (Some("codex"), false)]
        {
            assert_eq!(StatedClients::new(wanted).takes(&claude), found, "{wanted:?}");
        }
        // A client that says nothing of itself is not looked for by what it says; its client id is another thing.
        let silent = denial(&Value::Null);
        assert!(StatedClients::new(None).takes(&silent) && !StatedClients::new(Some("desktop")).takes(&silent));
    }
}
