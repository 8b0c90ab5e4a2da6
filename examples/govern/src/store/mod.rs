//! Governing what a store holds, while a gateway works on it.
//!
//! A verb looks at the state or sends one command, as anybody else does who shares the store; nothing is locked for longer than
//! that. What widens access is shown before it is done, and needs a yes. Looking is apart from rendering: each verb makes a
//! [`Report`](output::Report), which is a table for people and a line of JSON for machines.

mod access;
mod ahead;
mod args;
mod audit;
mod backup;
mod blueprint;
mod commit;
mod connections;
mod credentials;
mod diff;
mod editions;
mod effect;
mod explain;
mod grants;
mod keys;
mod kill;
mod known;
mod leaving;
mod output;
mod parse;
mod place;
mod profiles;
mod requests;
mod review;
mod servers;
mod session;
mod simulate;
mod status;
mod sync;
mod tools;
mod toolsets;

use std::{io::Write, process::ExitCode};

use example_vendors::Environment;
use mcp_govern_store::MissingStore;

pub(crate) use self::args::{StoreArguments, Verb};
use self::{
    args::{AuditVerb, ServersVerb},
    session::{Documents, Purpose, Session},
};
use crate::{failure::Failure, serve::Form};

/// Does what a verb says.
pub(crate) async fn run(
    verb: &Verb,
    arguments: &StoreArguments,
    environment: &Environment,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Backup { file } => return backup::run(&place::Place::of(arguments, environment)?, file, form, out).await,
        Verb::Keys { what } => return keys::run(what, arguments, environment, form, out).await,
        Verb::Audit { what: AuditVerb::Verify { anchors, file: Some(file), .. } } => {
            return audit::verify::export(file, anchors.as_deref(), form, out);
        }
        _ => {}
    }
    let missing = match verb {
        Verb::Apply { create: true, .. } => MissingStore::Create,
        _ => MissingStore::Refuse,
    };
    let purpose = match verb {
        Verb::Audit { what: AuditVerb::Verify { .. } } => Purpose::Verify,
        _ => Purpose::Govern,
    };
    let session = Session::open(arguments, environment, missing, purpose, documents(verb)).await?;
    let done = beside(verb, &session, form, out).await;
    session.close().await;
    done
}

/// Whether a verb asks what the providers state now.
fn documents(verb: &Verb) -> Documents {
    match verb {
        Verb::Status
        | Verb::Servers { what: None | Some(ServersVerb::Edition { .. }) }
        | Verb::Sync { .. }
        | Verb::Tools(_)
        | Verb::Diff { .. }
        | Verb::Explain(_)
        | Verb::Plan { .. }
        | Verb::Simulate { .. }
        | Verb::MigrateCheck { .. }
        | Verb::Apply { .. } => Documents::Read,
        Verb::Servers { what: Some(_) }
        | Verb::Ahead { .. }
        | Verb::Approve { .. }
        | Verb::Disable { .. }
        | Verb::Reset { .. }
        | Verb::Toolsets { .. }
        | Verb::Profiles { .. }
        | Verb::Grants(_)
        | Verb::Grant { .. }
        | Verb::Revoke { .. }
        | Verb::Request { .. }
        | Verb::Requests { .. }
        | Verb::Kill { .. }
        | Verb::Unkill { .. }
        | Verb::Offboard { .. }
        | Verb::Credentials { .. }
        | Verb::Connections { .. }
        | Verb::Audit { .. }
        | Verb::Backup { .. }
        | Verb::Keys { .. } => Documents::Unread,
    }
}

/// Does what a verb says, on a store that is open.
async fn beside(verb: &Verb, session: &Session, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Status => status::run(session, form, out).await,
        Verb::Servers { what } => servers::run(session, what.as_ref(), form, out).await,
        Verb::Sync { servers, commit } => sync::run(session, servers, commit, form, out).await,
        Verb::Tools(which) => tools::run(session, which, form, out),
        Verb::Diff { tool, to } => diff::run(session, tool, to.as_ref(), form, out),
        Verb::Approve { tools, from, commit } => {
            review::approve(session, tools, from.as_deref(), commit, form, out).await
        }
        Verb::MigrateCheck { server, edition, row, approve_ahead, commit } => {
            editions::check(session, server, edition.as_ref(), row, *approve_ahead, commit, form, out).await
        }
        Verb::Ahead { what } => ahead::run(session, what.as_ref(), form, out).await,
        Verb::Disable { tools, commit } => review::disable(session, tools, commit, form, out).await,
        Verb::Reset { tools, commit } => review::reset(session, tools, commit, form, out).await,
        Verb::Toolsets { what } => toolsets::run(session, what.as_ref(), form, out).await,
        Verb::Profiles { what } => profiles::run(session, what.as_ref(), form, out).await,
        Verb::Grants(which) => grants::list(session, which, form, out).await,
        Verb::Grant { profile, to, end, id, commit } => {
            grants::grant(session, profile, to, end, id.as_ref(), commit, form, out).await
        }
        Verb::Revoke { grant, commit } => grants::revoke(session, grant, commit, form, out).await,
        Verb::Request { profile, duration, commit } => {
            requests::ask(session, profile, *duration, commit, form, out).await
        }
        Verb::Requests { what } => requests::run(session, what.as_ref(), form, out).await,
        Verb::Kill { scope } => kill::kill(session, scope, form, out).await,
        Verb::Unkill { scope } => kill::release(session, scope, form, out).await,
        Verb::Offboard { user, commit } => leaving::offboard(session, user, commit, form, out).await,
        Verb::Credentials { what } => credentials::run(session, what.as_ref(), form, out).await,
        Verb::Connections { what } => connections::run(session, what.as_ref(), form, out).await,
        Verb::Explain(asked) => explain::run(session, asked, form, out).await,
        Verb::Audit { what } => audit::run(session, what, form, out).await,
        Verb::Plan { file, exit_code } => blueprint::plan(session, file, *exit_code, form, out).await,
        Verb::Apply { file, yes, expecting, .. } => blueprint::apply(session, file, *yes, *expecting, form, out).await,
        Verb::Simulate { file } => simulate::run(session, file, form, out).await,
        Verb::Backup { .. } | Verb::Keys { .. } => Ok(ExitCode::SUCCESS),
    }
}
