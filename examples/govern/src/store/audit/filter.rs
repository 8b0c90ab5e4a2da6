//! Which records are meant.

use mcp_govern_core::ports::AuditFilter;

use crate::{
    failure::Failure,
    store::{
        args::FilterArguments,
        known::{Unknown, any, unknown_client, unknown_person, unknown_server, unknown_tool},
        session::Session,
    },
};

/// Which records are meant. A person is looked for by the hash under which the record names them.
///
/// # Errors
///
/// Where a name is on record nowhere, or the audit's key is missing or another one: that nothing is found would say nothing.
pub(super) async fn of(session: &Session, wanted: &FilterArguments) -> Result<AuditFilter, Failure> {
    let mut filter = AuditFilter::new();
    if let Some(user) = &wanted.user {
        session.need_audit_key().await?;
        known(unknown_person(session, user).await?)?;
        filter.user_hash = Some(session.governor.user_hash(user));
    }
    if let Some(client) = &wanted.client {
        known(unknown_client(session, "AI client", client).await?)?;
    }
    if let Some(server) = &wanted.server {
        known(unknown_server(session, server).await?)?;
    }
    if let Some(tool) = &wanted.tool {
        known(unknown_tool(session, tool).await?)?;
    }
    if let Some(call) = &wanted.call {
        let mut of_call = AuditFilter::new();
        of_call.call = Some(call.clone());
        if any(session, &of_call).await? == Some(false) {
            return Err(Failure::refused(format!("the call `{call}` is not on record")));
        }
    }
    filter.server.clone_from(&wanted.server);
    filter.tool.clone_from(&wanted.tool);
    filter.call.clone_from(&wanted.call);
    (filter.code, filter.kind) = (wanted.code, wanted.kind);
    Ok(filter)
}

fn known(unknown: Option<Unknown>) -> Result<(), Failure> {
    unknown.map_or(Ok(()), |unknown| Err(Failure::refused(unknown.sentence())))
}
