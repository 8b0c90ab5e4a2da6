//! What is on record: calls and commits.

mod calls;
mod clients;
mod commits;
mod export;
mod filter;
mod heads;
mod names;
mod records;
mod segments;
mod tail;
pub(super) mod verify;

use std::{io::Write, process::ExitCode};

use super::{args::AuditVerb, session::Session};
use crate::{failure::Failure, serve::Form};

/// Looks at the record.
pub(super) async fn run(
    session: &Session,
    what: &AuditVerb,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    match what {
        AuditVerb::Tail { filter, records, count, follow } => {
            tail::run(session, filter, records::each(*records, filter), *count, *follow, form, out).await
        }
        AuditVerb::Query { filter, records, since, until, limit, before } => {
            let now = session.governor.now();
            let each = records::each(*records, filter);
            let mut chosen = filter::of(session, filter).await?;
            (chosen.from, chosen.until) = (since.map(|at| at.from(now)), until.map(|at| at.from(now)));
            let names = names::Names::of(session, filter.user.as_ref()).await?;
            let clients = clients::Clients::of(filter);
            records::query(session, &chosen, &clients, each, &names, *limit, before.as_ref(), form, out).await
        }
        AuditVerb::Export { writer, output } => {
            export::run(session, writer.as_ref(), output.as_deref(), form, out).await
        }
        AuditVerb::Verify { anchors, segments, .. } => {
            verify::store(session, anchors.as_deref(), segments.as_deref(), form, out).await
        }
        AuditVerb::Seal { before, writer, to } => {
            segments::seal(session, *before, writer.as_ref(), to, form, out).await
        }
        AuditVerb::Drop { files, yes } => segments::drop(session, files, *yes, form, out).await,
        AuditVerb::Heads => heads::run(session, form, out).await,
        AuditVerb::Unknown { since, older_than } => records::unknown(session, *since, *older_than, form, out).await,
        AuditVerb::Commits { count } => commits::run(session, *count, form, out).await,
    }
}
