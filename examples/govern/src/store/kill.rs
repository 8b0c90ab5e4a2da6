//! Kill switches.

use std::{io::Write, process::ExitCode};

use mcp_govern_core::journal::{Action, KillScope};

use super::{
    act::carry_out,
    args::{ActArguments, ScopeVerb},
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

fn scope_of(scope: &ScopeVerb) -> (KillScope, &ActArguments) {
    match scope {
        ScopeVerb::Tenant { act } => (KillScope::Tenant, act),
        ScopeVerb::Server { server, act } => (KillScope::Server(server.clone()), act),
        ScopeVerb::Tool { tool, act } => (KillScope::Tool(tool.clone()), act),
        ScopeVerb::Client { client, act } => (KillScope::Client(client.clone()), act),
        ScopeVerb::User { user, act } => (KillScope::User(user.clone()), act),
    }
}
