//! The accounts of people's own that are connected with servers: whose they are at the vendor, since when, and whether they work.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    CredentialOwner, ServerId, Timestamp, UserId,
    journal::{CredentialStatus, StoredCredential},
};
use serde::Serialize;

use super::{
    args::ConnectionsVerb,
    credentials::{must_be_known, remove, standing, whose},
    output::{Report, Table, or_dash, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Connections {
    connections: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    user: String,
    server: ServerId,
    /// As the vendor calls it.
    account: Option<String>,
    since: Timestamp,
    scopes: BTreeSet<String>,
    region: Option<String>,
    /// When the access ends that was connected.
    until: Option<Timestamp>,
    /// Whether it is renewed by itself then.
    renewable: bool,
    state: CredentialStatus,
}

/// Lists connected accounts, or ends one.
pub(crate) async fn run(
    session: &Session,
    what: Option<&ConnectionsVerb>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    match what {
        None => list(session, None, None, form, out).await,
        Some(ConnectionsVerb::List { server, user }) => list(session, server.as_ref(), user.as_ref(), form, out).await,
        Some(ConnectionsVerb::End { server, user, commit }) => {
            let user = user.as_ref().unwrap_or_else(|| session.actor.user());
            remove(session, server, CredentialOwner::User(user.clone()), commit, form, out).await
        }
    }
}

async fn list(
    session: &Session,
    server: Option<&ServerId>,
    user: Option<&UserId>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let wanted = whose(session, user).await?;
    if let Some(server) = server {
        must_be_known(session, server).await?;
    }
    let (state, now) = (session.state(), session.governor.now());
    let connections = state.credentials().filter_map(|(of, owner, credential)| match owner {
        CredentialOwner::User(user)
            if server.is_none_or(|server| of == server) && wanted.as_ref().is_none_or(|wanted| user == wanted) =>
        {
            Some(Row::of(user, of, credential, now))
        }
        _ => None,
    });
    let connections = connections.collect();
    show(&Connections { connections }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

impl Row {
    fn of(user: &UserId, server: &ServerId, credential: &StoredCredential, now: Timestamp) -> Self {
        let facts = credential.facts();
        Self {
            user: user.to_string(),
            server: server.clone(),
            account: facts.authorized_as.clone(),
            since: credential.at(),
            scopes: facts.scopes.clone(),
            region: facts.region.clone(),
            until: facts.expires,
            renewable: facts.renewable,
            state: credential.status(now),
        }
    }
}

impl Report for Connections {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["WHO", "SERVER", "ACCOUNT", "SINCE", "STATE", "SCOPES"]);
        for row in &self.connections {
            let scopes: Vec<&str> = row.scopes.iter().map(String::as_str).collect();
            table.row([
                row.user.clone(),
                row.server.to_string(),
                or_dash(row.account.as_ref()),
                row.since.to_string(),
                standing(row.state).to_owned(),
                or_dash(Some(scopes.join(" ")).filter(|scopes| !scopes.is_empty())),
            ]);
        }
        table.write(out, "No such accounts.")
    }
}
