//! Why a call would be admitted or denied: every check, with ids.

use std::sync::Arc;

use serde::Serialize;

use super::{
    admit::{Freshness, Moment},
    caller::Caller,
    gates,
    refusal::early_remedy,
    snapshot::Snapshot,
    tool_index::{ServerRecord, ToolRecord},
    tool_index_build::denied_for,
};
use crate::{
    denial::{Denial, DenialCode, Remedy},
    vocabulary::{ToolId, UserId},
};

/// Every check of an admission, passed or failed, in the order of admission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The tool that was asked about.
    pub tool: ToolId,
    /// The person.
    pub user: UserId,
    /// The checks.
    pub checks: Vec<CheckTrace>,
    /// The code of the first check that failed; none when the call would be admitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<DenialCode>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckTrace {
    /// Which check.
    pub check: Check,
    /// How it went.
    pub result: CheckResult,
    /// What was looked at, with ids.
    pub detail: String,
    /// What would help, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It passed.
    Passed,
    /// It failed, with this code.
    Failed(DenialCode),
    /// There was nothing to check, because the tool does not exist.
    NotReached,
}

/// The checks on the way of a call, in their order: those of admission, then what is looked at afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// The journal can be read in full.
    StateReadable,
    /// Governance is activated.
    TenantActivated,
    /// The tenant's kill switch is off.
    TenantKillSwitch,
    /// The rules at hand are current.
    SnapshotFresh,
    /// The call comes from an allowed address.
    SourceAddress,
    /// The person's kill switch is off.
    UserKillSwitch,
    /// The AI client has a type, and is the caller's own where it is personal.
    ClientKnown,
    /// The AI client has not been closed.
    ClientOpen,
    /// The AI client's kill switch is off.
    ClientKillSwitch,
    /// The tenant admits AI clients of the type.
    ClientTypeOfTenant,
    /// There is such a tool.
    ToolExists,
    /// The server is not paused.
    ServerNotPaused,
    /// The server's kill switch is off.
    ServerKillSwitch,
    /// The kill switches of the tool and of those that it uses are off.
    ToolKillSwitch,
    /// The tool and those that it uses are approved under the definitions that this node has loaded.
    ToolApproved,
    /// The tool admits AI clients of the type.
    ClientTypeOfTool,
    /// The caller holds a profile with the tool.
    Grant,
    /// The person and the AI client have room for one more call. Each node counts its own calls.
    Quota,
    /// The server's configuration lets the tool work; looked at after a call is admitted, where the server is open.
    Usable,
    /// The credential is there that the vendor is sent, where the tool needs one; looked at after a call is admitted.
    Credential,
}

impl Explanation {
    /// With what this node counts, which no snapshot knows. A tool that does not exist has no calls.
    pub(crate) fn with_quota(mut self, detail: &str, denial: Option<&Denial>) -> Self {
        for trace in &mut self.checks {
            if trace.check == Check::Quota && trace.result == CheckResult::Passed {
                trace.result = denial.map_or(CheckResult::Passed, |denial| CheckResult::Failed(denial.code()));
                trace.remedy = denial.map(|denial| denial.remedy().clone());
                detail.clone_into(&mut trace.detail);
                self.denied = self.denied.or(denial.map(Denial::code));
            }
        }
        self
    }
}

impl Explanation {
    /// With what keeps the tool from working with its server, as [`ToolServer::obstacle`](crate::ToolServer::obstacle) says it. To be
    /// called where the server is open.
    #[must_use]
    pub fn with_obstacle(mut self, obstacle: Option<String>) -> Self {
        let failed = obstacle.is_some().then_some(DenialCode::ToolUnusable);
        self.checks.push(CheckTrace {
            check: Check::Usable,
            result: failed.map_or(CheckResult::Passed, CheckResult::Failed),
            detail: obstacle
                .unwrap_or_else(|| "nothing in the server's configuration keeps the tool from working".to_owned()),
            remedy: failed.map(|_| Remedy::AskAdministrator),
        });
        self.denied = self.denied.or(failed);
        self
    }
}

impl Snapshot {
    /// Every check on the way of a caller to a tool. Tells the truth whatever the caller may know: for administrators.
    pub fn explain(&self, caller: &Caller, tool: &ToolId, moment: &Moment) -> Explanation {
        let mut checks = self.trace_entry(caller, moment);
        let index = self.tool_index.by_id.get(tool).copied();
        let record = index.and_then(|index| self.tool_index.tool(index));
        let server = record.and_then(|record| self.tool_index.server(record.server));
        if let Some((record, server)) = record.zip(server) {
            checks.push(judged(Check::ToolExists, None, format!("`{tool}` is exposed as `{}`", record.exposed)));
            self.trace_tool(caller, record, server, moment, &mut checks);
        } else {
            let detail = format!("there is no tool `{tool}`");
            checks.push(judged(Check::ToolExists, Some(DenialCode::UnknownTool), detail));
            checks.extend(AFTER_TOOL.map(|check| CheckTrace {
                check,
                result: CheckResult::NotReached,
                detail: "there is no tool to check".to_owned(),
                remedy: None,
            }));
        }
        let denied = checks.iter().find_map(|trace| match trace.result {
            CheckResult::Failed(code) => Some(code),
            CheckResult::Passed | CheckResult::NotReached => None,
        });
        Explanation { tool: tool.clone(), user: caller.principal().user.clone(), checks, denied }
    }

    fn trace_entry(&self, caller: &Caller, moment: &Moment) -> Vec<CheckTrace> {
        let principal = caller.principal();
        let client = &principal.client;
        let row = self.clients.get(client);
        let client_type = self.gates.client_type(client, row);
        let type_name = client_type.map_or("of no type".to_owned(), |known| format!("of type `{known}`"));
        let fails = |failed: bool, code| failed.then_some(code);
        let anothers = gates::is_anothers(row, client_type, principal);
        let stale = moment.freshness == Freshness::Stale || !std::ptr::eq(Arc::as_ptr(&caller.inner.snapshot), self);
        let admitted =
            client_type.is_some_and(|known| self.gates.client_types & super::tool_index::type_bit(known) != 0);
        let killed_user = self.gates.killed_users.contains(&principal.user);
        let source = principal.source.map_or("an unknown address".to_owned(), |source| format!("`{source}`"));
        let sources = match self.gates.sources.len() {
            0 => "calls may come from anywhere".to_owned(),
            count => format!("calls may come from {count} networks"),
        };
        let known = match row.and_then(|row| row.owner.as_ref()) {
            Some(owner) => format!("`{client}` is {type_name} and belongs to {owner}"),
            None => format!("`{client}` is {type_name}"),
        };
        vec![
            judged(
                Check::StateReadable,
                fails(moment.freshness == Freshness::Unreadable, DenialCode::StateUnreadable),
                format!("revision {}", self.head.revision),
            ),
            judged(
                Check::TenantActivated,
                fails(!self.gates.activated, DenialCode::TenantInactive),
                either(self.gates.activated, "governance is activated", "governance has not been activated"),
            ),
            judged(
                Check::TenantKillSwitch,
                fails(self.gates.killed, DenialCode::TenantKilled),
                switch(self.gates.killed),
            ),
            judged(
                Check::SnapshotFresh,
                fails(stale, DenialCode::StateStale),
                either(!stale, "the rules are current", "the rules are not known to be current"),
            ),
            judged(
                Check::SourceAddress,
                fails(!self.gates.allows_source(principal), DenialCode::SourceNotAllowed),
                format!("the call comes from {source}; {sources}"),
            ),
            judged(
                Check::UserKillSwitch,
                fails(killed_user, DenialCode::UserKilled),
                format!("{}: {}", principal.user, switch(killed_user)),
            ),
            judged(Check::ClientKnown, fails(client_type.is_none() || anothers, DenialCode::ClientUnknown), known),
            judged(
                Check::ClientOpen,
                fails(row.is_some_and(|row| row.closed), DenialCode::ClientClosed),
                format!("`{client}` {}", either(row.is_some_and(|row| row.closed), "has been closed", "is open")),
            ),
            judged(
                Check::ClientKillSwitch,
                fails(self.gates.killed_clients.contains(client), DenialCode::ClientKilled),
                switch(self.gates.killed_clients.contains(client)),
            ),
            judged(
                Check::ClientTypeOfTenant,
                fails(!admitted, DenialCode::ClientTypeNotAllowed),
                format!("the client is {type_name}; the tenant {} such", either(admitted, "admits", "does not admit")),
            ),
        ]
    }

    fn trace_tool(
        &self,
        caller: &Caller,
        tool: &ToolRecord,
        server: &ServerRecord,
        moment: &Moment,
        checks: &mut Vec<CheckTrace>,
    ) {
        let used: Vec<&ToolRecord> = tool.uses.iter().filter_map(|used| self.tool_index.tool(*used)).collect();
        let all = || [tool].into_iter().chain(used.iter().copied());
        let killed = all().find(|record| record.killed);
        let unfit = all().find_map(|record| Some((record, denied_for(record)?)));
        let missing = tool.missing.as_ref().map(|_| (tool, DenialCode::ToolRemoved));
        let unfit = unfit.or(missing);
        let open =
            caller.client_type().is_some_and(|known| tool.client_types.as_ref().is_none_or(|t| t.contains(&known)));
        let mut push = |check, code: Option<DenialCode>, detail: String, blamed: &ToolRecord| {
            let remedy = code.map(|code| self.tool_remedy(caller, code, tool, blamed));
            let result = code.map_or(CheckResult::Passed, CheckResult::Failed);
            checks.push(CheckTrace { check, result, detail, remedy });
        };
        let id = &server.id;
        push(
            Check::ServerNotPaused,
            server.paused.then_some(DenialCode::ServerPaused),
            format!("server `{id}` {}", either(server.paused, "is paused", "is not paused")),
            tool,
        );
        push(
            Check::ServerKillSwitch,
            server.killed.then_some(DenialCode::ServerKilled),
            format!("server `{id}`: {}", switch(server.killed)),
            tool,
        );
        let killed_name = killed.unwrap_or(tool);
        push(
            Check::ToolKillSwitch,
            killed.map(|_| DenialCode::ToolKilled),
            format!("`{}`: {}", killed_name.id, switch(killed.is_some())),
            killed_name,
        );
        let approval: Vec<String> =
            all().map(approval).chain(tool.missing.iter().map(|name| format!("`{name}` is missing"))).collect();
        push(
            Check::ToolApproved,
            unfit.map(|(_, code)| code),
            approval.join("; "),
            unfit.map_or(tool, |(record, _)| record),
        );
        let types = match &tool.client_types {
            Some(types) => types.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", "),
            None => "every type".to_owned(),
        };
        push(
            Check::ClientTypeOfTool,
            (!open).then_some(DenialCode::ToolClientTypeNotAllowed),
            format!("the tool admits AI clients of {types}"),
            tool,
        );
        let (code, detail) = self.trace_grant(caller, tool, moment);
        push(Check::Grant, code, detail, tool);
        push(Check::Quota, None, "each node counts its own calls".to_owned(), tool);
    }

    fn trace_grant(&self, caller: &Caller, tool: &ToolRecord, moment: &Moment) -> (Option<DenialCode>, String) {
        let index = self.tool_index.by_id.get(&tool.id).copied().unwrap_or(u32::MAX);
        let paths: Vec<_> = self.paths(caller, index, moment.now).collect();
        if !paths.is_empty() {
            let ways = paths.iter().map(|path| {
                let until = path.until().map_or("without end".to_owned(), |until| format!("until {until}"));
                let (grant, profile, toolset) = (path.grant(), path.profile(), path.toolset());
                format!("grant `{grant}` of profile `{profile}` through toolset `{toolset}`, {until}")
            });
            return (None, ways.collect::<Vec<_>>().join("; "));
        }
        let ended = caller.inner.grants.iter().filter_map(|held| {
            let profile = self.tool_index.profile(held.profile).filter(|profile| profile.tools.contains(index))?;
            let until = held.until.timestamp()?;
            Some(format!("grant `{}` of profile `{}` ended at {until}", held.grant, profile.id))
        });
        let ended: Vec<String> = ended.collect();
        if ended.is_empty() {
            let toolsets = tool.toolsets.iter().filter_map(|at| self.tool_index.toolsets.get(*at as usize));
            let toolsets: Vec<String> = toolsets.map(|toolset| format!("`{}`", toolset.id)).collect();
            let places = if toolsets.is_empty() { "no toolset".to_owned() } else { toolsets.join(", ") };
            return (Some(DenialCode::NoGrant), format!("no grant leads to the tool; it is in {places}"));
        }
        (Some(DenialCode::GrantExpired), ended.join("; "))
    }
}

const AFTER_TOOL: [Check; 7] = [
    Check::ServerNotPaused,
    Check::ServerKillSwitch,
    Check::ToolKillSwitch,
    Check::ToolApproved,
    Check::ClientTypeOfTool,
    Check::Grant,
    Check::Quota,
];

fn approval(tool: &ToolRecord) -> String {
    let loaded = match tool.loaded {
        Some(digest) if tool.approvals.contains(&digest) => {
            format!("the loaded definition {digest} is approved")
        }
        Some(digest) => format!("the loaded definition {digest} is not among the approved"),
        None => "no definition is loaded on this node".to_owned(),
    };
    format!("`{}` is {}; {loaded}", tool.id, tool.state)
}

/// A check that comes before the tool, or asks for its existence.
fn judged(check: Check, failed: Option<DenialCode>, detail: String) -> CheckTrace {
    let result = failed.map_or(CheckResult::Passed, CheckResult::Failed);
    CheckTrace { check, result, detail, remedy: failed.map(early_remedy) }
}

fn switch(thrown: bool) -> String {
    either(thrown, "the kill switch is on", "the kill switch is off")
}

fn either(condition: bool, yes: &str, no: &str) -> String {
    if condition { yes } else { no }.to_owned()
}
