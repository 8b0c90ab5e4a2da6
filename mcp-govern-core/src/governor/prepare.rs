//! What comes before a call: admission, the bounds of the person and the client, the arguments, and what is put on record of them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    ToolRef,
    background_tasks::BackgroundTask,
    core::{Core, View},
    servers::OpenServer,
};
use crate::{
    access::{self, Admission, Permit, Refused, admit},
    audit::{
        self, ArgumentsMessage, CallDenial, CallIntent, CredentialUse, MAX_RECORDED_ARGUMENTS, ReadableNames,
        StatedClient, escaped,
    },
    check::{Checked, check_normal, invalid, normalised},
    denial::{Denial, DenialCode, Remedy},
    journal::{Revision, StoredCredential},
    provider::{ProviderError, ProviderErrorKind, TraceContext},
    quota::Share,
    vocabulary::{CallId, CredentialOwner, CredentialSharing, Digest, Principal, ToolId},
};

/// A call that was admitted.
pub(super) struct Admitted {
    pub(super) permit: Permit,
    pub(super) open: Option<Arc<OpenServer>>,
}

/// A call that can be made once its intent is on record.
pub(super) struct Prepared {
    pub(super) admitted: Admitted,
    /// The person's and the client's part of the calls in flight.
    pub(super) share: Share,
    pub(super) checked: Checked,
    /// The digest of the arguments that are sent.
    pub(super) digest: Digest,
    pub(super) intent: Box<CallIntent>,
}

/// A call that was not admitted.
pub(super) struct NotAdmitted {
    /// What the caller may be shown.
    pub(super) public: Denial,
    /// The true code, for the record.
    pub(super) code: DenialCode,
    pub(super) tool: Option<ToolId>,
}

impl Admitted {
    pub(super) fn server(&self) -> Result<&Arc<dyn crate::provider::ToolServer>, ProviderError> {
        let closed = |reason: String| Err(ProviderError::new(ProviderErrorKind::Config, reason));
        match self.open.as_deref() {
            None => closed(format!("server `{}` is not open on this node", self.permit.server())),
            Some(open) => open.ready().or_else(|error| closed(error.message().to_owned())),
        }
    }

    pub(super) fn owner(&self, principal: &Principal) -> CredentialOwner {
        match self.permit.sharing() {
            CredentialSharing::Shared => CredentialOwner::Shared,
            CredentialSharing::PerUser => CredentialOwner::User(principal.user.clone()),
        }
    }
}

/// What the tool's server finds wrong with a call: that the tool cannot work there at all, or with arguments that fit the schema and
/// the rules.
///
/// INVARIANT: arguments are judged whole before anything is on record, and for a preview alike
/// (`what_a_server_refuses_of_arguments_is_denied_before_the_record_and_the_vault_and_in_a_preview_alike`).
pub(super) fn judge(admitted: &Admitted, checked: &Checked) -> Result<(), Denial> {
    let permit = &admitted.permit;
    // A server that is not open says so when it is called.
    let Ok(server) = admitted.server() else { return Ok(()) };
    if let Some(obstacle) = server.obstacle(&permit.definition().name) {
        return Err(Denial::new(DenialCode::ToolUnusable, obstacle, Remedy::AskAdministrator));
    }
    server
        .check(&permit.definition().name, checked.arguments())
        .map_err(|faults| invalid(permit.exposed_name(), faults))
}

/// What a request says beside who sends it: put on record, and nothing is decided by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) trace: Option<&'a TraceContext>,
    pub(super) stated_client: Option<&'a StatedClient>,
}

impl Core {
    /// Whatever comes before the intent; a denial is put on record.
    pub(super) fn prepare(
        &self,
        call: &CallId,
        principal: &Principal,
        asked: &ToolRef,
        arguments: Map<String, Value>,
        said: Said<'_>,
    ) -> Result<Prepared, Denial> {
        let view = self.view();
        let caller = view.snapshot.resolve(principal);
        let recorded = |tool, code, digest| {
            let caller = self.recorded_caller(&caller, said);
            self.record_denial(call, caller, asked, view.snapshot.revision(), tool, code, digest);
        };
        // INVARIANT: arguments are looked at for a caller who may call the tool, and made a digest of where they are small enough
        // (`arguments_of_somebody_who_may_not_call_are_not_looked_at`).
        let admitted = self.admit(&view, &caller, asked).map_err(|refused| {
            recorded(refused.tool, refused.code, None);
            refused.public
        })?;
        let permit = &admitted.permit;
        let refused = |denial: &Denial, digest| recorded(Some(permit.tool().clone()), denial.code(), digest);
        let share =
            self.calls.quotas.begin(self.calls.user_hash(&principal.user), &principal.client).map_err(|used_up| {
                let denial = used_up.denial();
                refused(&denial, None);
                denial
            })?;
        let arguments = normalised(permit, arguments).inspect_err(|denial| refused(denial, None))?;
        let given = ArgumentsMessage::of(arguments.as_map());
        let checked = check_normal(permit, arguments)
            .and_then(|checked| judge(&admitted, &checked).map(|()| checked))
            .inspect_err(|denial| refused(denial, Some(self.calls.key.mac(given.bytes()))))?;
        let sent = if checked.are_as_given() { given } else { ArgumentsMessage::of(checked.arguments().as_map()) };
        let digest = self.calls.key.mac(sent.bytes());
        let credential = self.credential_use(&admitted, principal);
        let caller = self.recorded_caller(&caller, said);
        let arguments = RecordedArguments { digest, length: sent.json_length() };
        let intent = Box::new(intent(call, caller, permit, &checked, &arguments, credential));
        Ok(Prepared { admitted, share, checked, digest, intent })
    }

    /// Whether the principal may call the tool now.
    pub(super) fn admit(&self, view: &View, caller: &access::Caller, asked: &ToolRef) -> Result<Admitted, NotAdmitted> {
        let snapshot = &view.snapshot;
        let moment = self.moment(view);
        let admission = match view.find(asked) {
            Some(tool) => admit(snapshot, caller, tool, &moment),
            None => Admission::Deny(snapshot.refuse_unknown(caller, &moment)),
        };
        match admission {
            Admission::Permit(permit) => {
                let open = view.servers.get(permit.server()).cloned();
                Ok(Admitted { permit, open })
            }
            Admission::Deny(refused) => {
                let public = snapshot.public_denial(caller, &refused);
                let tool = refused.tool().and_then(|tool| snapshot.view(tool)).map(|tool| tool.id().clone());
                self.note_unloaded(&refused, tool.as_ref());
                Err(NotAdmitted { public, code: refused.code(), tool })
            }
        }
    }

    /// A tool whose server could not be discovered is asked for: the driver tries again.
    fn note_unloaded(&self, refused: &Refused, tool: Option<&ToolId>) {
        let Some(tool) = tool.filter(|_| refused.code() == DenialCode::DefinitionNotApproved) else { return };
        if self.publish_state().faults.contains_key(tool.server()) {
            self.upkeep.background_tasks.push([BackgroundTask::Load(tool.server().clone())]);
        }
    }

    pub(super) fn with_credential<T>(
        &self,
        admitted: &Admitted,
        principal: &Principal,
        look: impl FnOnce(Option<&StoredCredential>) -> T,
    ) -> T {
        let (server, owner) = (admitted.permit.server(), admitted.owner(principal));
        self.with_state(|state| look(state.credential(server, &owner)))
    }

    /// Whose credential the call uses, as its record names it.
    fn credential_use(&self, admitted: &Admitted, principal: &Principal) -> CredentialUse {
        let sharing = admitted.permit.sharing();
        let named = |name: &str| match (sharing, self.calls.names) {
            (CredentialSharing::PerUser, ReadableNames::Omitted) => self.calls.key.text(name),
            _ => name.to_owned(),
        };
        self.with_credential(admitted, principal, |known| {
            let authorized_as = known.and_then(|known| known.facts().authorized_as.as_deref()).map(named);
            CredentialUse::new(sharing, known.map(StoredCredential::version), authorized_as)
        })
    }

    pub(super) fn recorded_caller(&self, caller: &access::Caller, said: Said<'_>) -> audit::Caller {
        let (principal, client_type) = (caller.principal(), caller.client_type());
        let mut caller = audit::Caller::new(self.calls.user_hash(&principal.user), principal.client.to_text());
        caller.user_name = (self.calls.names == ReadableNames::Recorded).then(|| principal.user.to_string());
        caller.client_type = client_type;
        caller.source = principal.source;
        caller.trace_id = said.trace.map(|trace| trace.trace_id().to_owned());
        caller.stated_client = said.stated_client.cloned();
        caller
    }

    #[expect(clippy::too_many_arguments, reason = "each is a column of the record")]
    pub(super) fn record_denial(
        &self,
        call: &CallId,
        caller: audit::Caller,
        asked: &ToolRef,
        revision: Revision,
        tool: Option<ToolId>,
        code: DenialCode,
        arguments_digest: Option<Digest>,
    ) {
        if !self.calls.quotas.records_denial(caller.user) {
            self.calls.audit.withhold_denial(caller.user);
            return;
        }
        self.calls.audit.denial(Box::new(CallDenial {
            call: call.clone(),
            caller,
            name: match asked {
                ToolRef::Exposed(name) => escaped(name),
                ToolRef::Id(id) => id.to_string(),
            },
            tool,
            code,
            revision,
            arguments_digest,
        }));
    }
}

/// What the record says of arguments, whatever it holds of them.
struct RecordedArguments {
    digest: Digest,
    /// How many bytes their canonical JSON has.
    length: usize,
}

/// What is put on record before a call is made.
fn intent(
    call: &CallId,
    caller: audit::Caller,
    permit: &Permit,
    checked: &Checked,
    arguments: &RecordedArguments,
    credential: CredentialUse,
) -> CallIntent {
    // INVARIANT: a record is small whatever the caller sent (`a_record_is_small_whatever_the_caller_sent`).
    let kept = (arguments.length <= MAX_RECORDED_ARGUMENTS)
        .then(|| checked.redacted_within(&permit.definition().input_schema, MAX_RECORDED_ARGUMENTS))
        .flatten();
    let length = u64::try_from(arguments.length).unwrap_or(u64::MAX);
    CallIntent {
        call: call.clone(),
        caller,
        tool: permit.tool().clone(),
        digest: permit.digest(),
        grant: checked.grant().clone(),
        profile: checked.profile().clone(),
        revision: permit.revision(),
        arguments_bytes: kept.is_none().then_some(length),
        arguments: kept.unwrap_or(Value::Null),
        arguments_digest: arguments.digest,
        credential,
    }
}
