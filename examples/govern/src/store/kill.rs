//! Kill switches.

use std::{io::Write, process::ExitCode};

use mcp_govern_core::journal::{Action, KillScope};

use super::{
    args::{CommitArguments, ScopeVerb},
    commit::carry_out,
    session::Session,
};
use crate::{failure::Failure, serve::Form};

/// Throws a kill switch. It narrows access, so that there is no question.
pub(crate) async fn kill(
    session: &Session,
    scope: &ScopeVerb,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let (scope, how) = scope_of(scope);
    let what = format!("stop the calls of {scope}");
    carry_out(session, how, Action::Kill { scope }, what, form, out).await
}

/// Releases a kill switch.
pub(crate) async fn release(
    session: &Session,
    scope: &ScopeVerb,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let (scope, how) = scope_of(scope);
    let what = format!("let the calls of {scope} go on");
    carry_out(session, how, Action::Release { scope }, what, form, out).await
}

fn scope_of(scope: &ScopeVerb) -> (KillScope, &CommitArguments) {
    match scope {
        ScopeVerb::Tenant { commit } => (KillScope::Tenant, commit),
        ScopeVerb::Server { server, commit } => (KillScope::Server(server.clone()), commit),
        ScopeVerb::Tool { tool, commit } => (KillScope::Tool(tool.clone()), commit),
        ScopeVerb::Client { client, commit } => (KillScope::Client(client.clone()), commit),
        ScopeVerb::User { user, commit } => (KillScope::User(user.clone()), commit),
    }
}
