//! How governance stands.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    ServerId, SunsetNotice, TenantId, Timestamp,
    journal::{RequestStatus, Revision},
    ports::AuditFilter,
};
use serde::Serialize;

use super::{
    output::{Report, count, or_dash, plain, show, size},
    session::Session,
    tools::{Counts, drift},
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Status {
    tenant: TenantId,
    revision: Revision,
    last_commit: Option<Timestamp>,
    activated: bool,
    /// Why the journal cannot be read in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
    kill_switches: Vec<String>,
    paused: Vec<ServerId>,
    servers: usize,
    /// Servers that this program cannot open: a node may be able to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    faults: BTreeMap<ServerId, String>,
    /// Servers of which this program's own providers and documents state other tools than were synced.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    differing: BTreeMap<ServerId, String>,
    /// Servers whose provider has announced the end of the API that they are reached by.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sunsets: BTreeMap<ServerId, SunsetNotice>,
    tools: Counts,
    /// Tools whose definition is another one than the last that was reviewed.
    changed: usize,
    toolsets: usize,
    profiles: usize,
    /// Grants that hold now.
    grants: usize,
    open_requests: usize,
    closed_clients: usize,
    audit: Record,
    /// Absent where the store does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    space: Option<Room>,
}

/// How much room the store takes and has left, in bytes.
#[derive(Debug, Serialize)]
struct Room {
    used: u64,
    /// Absent where the store does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u64>,
    low: bool,
}

/// The record of calls.
#[derive(Debug, Serialize)]
struct Record {
    chains: usize,
    records: u64,
    /// Absent where there is none, or the actor may not read it.
    newest: Option<Timestamp>,
}

/// Says how governance stands; exits with 4 where that cannot be read in full.
pub(crate) async fn run(session: &Session, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let status = look(session).await?;
    show(&status, form, out)?;
    Ok(if status.unreadable.is_some() { ExitCode::from(4) } else { ExitCode::SUCCESS })
}

async fn look(session: &Session) -> Result<Status, Failure> {
    let governor = &session.governor;
    let of_node = governor.status();
    let heads = governor.audit_heads().await?;
    // An actor who may not read the audit is shown the rest.
    let newest = governor.audit(&session.actor, AuditFilter::new(), None, 1).await.ok();
    let state = session.state();
    let now = governor.now();
    let paused = state.servers().iter().filter(|(_, server)| server.is_paused());
    let open = state.requests().values().filter(|request| request.status(now) == RequestStatus::Pending);
    Ok(Status {
        tenant: governor.tenant().clone(),
        revision: state.head().revision,
        last_commit: (state.head().revision != Revision::ZERO).then(|| state.last_at()),
        activated: state.is_activated(),
        unreadable: of_node.unreadable.map(|reason| reason.to_string()),
        kill_switches: state.kills().iter().map(ToString::to_string).collect(),
        paused: paused.map(|(id, _)| id.clone()).collect(),
        servers: state.servers().len(),
        faults: of_node.faults,
        differing: of_node.differing,
        sunsets: of_node.sunsets,
        tools: Counts::of(state.tools().values()),
        changed: state.tools().values().filter(|tool| drift(tool).is_some()).count(),
        toolsets: state.toolsets().len(),
        profiles: state.profiles().len(),
        grants: state.grants().values().filter(|grant| grant.holds(now)).count(),
        open_requests: open.count(),
        closed_clients: state.clients().values().filter(|client| client.is_closed()).count(),
        space: governor.store_space().await?.map(|space| Room {
            used: space.used,
            free: space.free,
            low: space.is_low(),
        }),
        audit: Record {
            chains: heads.len(),
            records: heads.iter().map(|(_, head)| head.sequence).sum(),
            newest: newest.and_then(|page| page.records.first().map(|(_, record)| record.at)),
        },
    })
}

impl Report for Status {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let governance = if self.activated { "activated" } else { "not activated: every call is denied" };
        let mut line = |name: &str, value: String| writeln!(out, "{name:<14} {}", plain(&value));
        line("tenant", self.tenant.to_string())?;
        line("governance", governance.to_owned())?;
        if let Some(reason) = &self.unreadable {
            line("UNREADABLE", format!("every call is denied: {reason}"))?;
        }
        line("revision", format!("{}, last commit {}", self.revision, or_dash(self.last_commit)))?;
        for scope in &self.kill_switches {
            line("KILLED", scope.clone())?;
        }
        for server in &self.paused {
            line("paused", format!("server `{server}`"))?;
        }
        line("servers", self.servers.to_string())?;
        for (server, fault) in &self.faults {
            line("not opened", format!("server `{server}`: {fault}"))?;
        }
        for (server, how) in &self.differing {
            line("not synced", format!("server `{server}`: {how}"))?;
        }
        for (server, SunsetNotice { date, notice, .. }) in &self.sunsets {
            line("API ends", format!("server `{server}`, {date}: {notice}"))?;
        }
        line("tools", self.tools.to_string())?;
        line("to review", format!("{}, of them {} changed", self.tools.pending_review, self.changed))?;
        line(
            "access",
            format!(
                "{}, {}, {} in force",
                count(self.toolsets, "toolset"),
                count(self.profiles, "profile"),
                count(self.grants, "grant")
            ),
        )?;
        line("open requests", self.open_requests.to_string())?;
        if self.closed_clients > 0 {
            line("closed", count(self.closed_clients, "AI client"))?;
        }
        let Record { chains, records, newest } = &self.audit;
        line("record", format!("{records} records in {}, newest {}", count(*chains, "chain"), or_dash(*newest)))?;
        let Some(Room { used, free, low }) = &self.space else { return Ok(()) };
        let free = free.map(|free| format!(", {} free", size(free))).unwrap_or_default();
        line(if *low { "LOW ON ROOM" } else { "store" }, format!("{}{free}", size(*used)))
    }
}
