//! The registered servers.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    CatalogueVersion, CredentialOwner, CredentialSharing, EditionId, ProviderId, ServerId, SunsetNotice, ToolPrefix,
    journal::{Action, KillScope, Server, State, ToolState},
};
use serde::Serialize;

use super::{
    args::ServersVerb,
    commit::carry_out,
    editions,
    output::{Report, Table, count, or_dash, show},
    session::Session,
    tools::Counts,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Servers {
    servers: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    server: ServerId,
    title: String,
    provider: ProviderId,
    prefix: ToolPrefix,
    /// The edition that it is reached by; the provider's first where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    edition: Option<EditionId>,
    region: Option<String>,
    base_url: Option<String>,
    /// Where its document says that requests go, where the row does not.
    destination: Option<String>,
    sharing: CredentialSharing,
    /// Whether there is a shared credential, and whom it is authorised as.
    shared_credential: Option<Shared>,
    /// How many people have connected an account of their own.
    connected: usize,
    paused: bool,
    killed: bool,
    /// The version of the catalogue that was synced last.
    catalogue: Option<CatalogueVersion>,
    tools: Counts,
    /// Why this program cannot open it: a node may be able to.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// How this program's own providers differ from what was synced.
    #[serde(skip_serializing_if = "Option::is_none")]
    differs: Option<String>,
    /// The announced end of the API that it is reached by.
    #[serde(skip_serializing_if = "Option::is_none")]
    sunset: Option<SunsetNotice>,
}

#[derive(Debug, Serialize)]
struct Shared {
    version: u64,
    authorized_as: Option<String>,
}

/// Lists the servers, or pauses one, or lets it go on.
pub(crate) async fn run(
    session: &Session,
    what: Option<&ServersVerb>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    match what {
        None => {
            session.readable()?;
            let state = session.state();
            let status = session.governor.status();
            let row = |(id, server): (&ServerId, &Server)| Row {
                fault: status.faults.get(id).cloned(),
                differs: status.differing.get(id).cloned(),
                sunset: status.sunsets.get(id).cloned(),
                ..Row::of(&state, id, server)
            };
            show(&Servers { servers: state.servers().iter().map(row).collect() }, form, out)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(ServersVerb::Pause { server, commit }) => {
            let action = Action::PauseServer { server: server.clone() };
            carry_out(session, commit, action, format!("pause server `{server}`"), form, out).await
        }
        Some(ServersVerb::Edition { server, edition, row, commit }) => {
            editions::change(session, server, edition, row, commit, form, out).await
        }
        Some(ServersVerb::Resume { server, commit }) => {
            let action = Action::ResumeServer { server: server.clone() };
            carry_out(session, commit, action, format!("let server `{server}` go on"), form, out).await
        }
    }
}

impl Row {
    fn of(state: &State, id: &ServerId, server: &Server) -> Self {
        let spec = server.spec();
        let shared = state.credential(id, &CredentialOwner::Shared).map(|credential| Shared {
            version: credential.version(),
            authorized_as: credential.facts().authorized_as.clone(),
        });
        let mut offered = state.tools_of(id).filter(|(_, tool)| tool.state() != ToolState::Removed);
        let own = |(of, owner, _): &(&ServerId, &CredentialOwner, _)| *of == id && **owner != CredentialOwner::Shared;
        Self {
            server: id.clone(),
            title: spec.title.clone(),
            provider: spec.provider.clone(),
            prefix: spec.prefix.clone(),
            edition: spec.edition.clone(),
            region: spec.region.clone(),
            base_url: spec.base_url.as_ref().map(ToString::to_string),
            destination: offered.find_map(|(_, tool)| tool.definition().destination().map(str::to_owned)),
            sharing: spec.sharing,
            shared_credential: shared,
            connected: state.credentials().filter(own).count(),
            paused: server.is_paused(),
            killed: state.kills().contains(&KillScope::Server(id.clone())),
            catalogue: server.catalogue(),
            tools: Counts::of(state.tools_of(id).map(|(_, tool)| tool)),
            fault: None,
            differs: None,
            sunset: None,
        }
    }

    fn status(&self) -> &'static str {
        match (self.killed, self.paused, self.catalogue) {
            (true, ..) => "KILLED",
            (false, true, _) => "paused",
            (false, false, None) => "never synced",
            (false, false, Some(_)) => "open",
        }
    }

    fn credential(&self) -> String {
        match (self.sharing, &self.shared_credential) {
            (CredentialSharing::PerUser, _) => format!("{} connected", count(self.connected, "person")),
            (CredentialSharing::Shared, None) => "missing".to_owned(),
            (CredentialSharing::Shared, Some(shared)) => match &shared.authorized_as {
                Some(whom) => format!("shared, as {whom}"),
                None => "shared".to_owned(),
            },
        }
    }
}

impl Report for Servers {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["SERVER", "PROVIDER", "PREFIX", "WHERE", "STANDING", "CREDENTIAL", "TOOLS"]);
        for row in &self.servers {
            table.row([
                row.server.to_string(),
                row.edition.as_ref().map_or_else(|| row.provider.to_string(), |of| format!("{}/{of}", row.provider)),
                row.prefix.to_string(),
                or_dash(row.base_url.as_ref().or(row.destination.as_ref()).or(row.region.as_ref())),
                row.status().to_owned(),
                row.credential(),
                row.tools.to_string(),
            ]);
        }
        table.write(out, "No servers.")?;
        for row in &self.servers {
            if let Some(fault) = &row.fault {
                writeln!(out, "`{}` cannot be opened here: {}", row.server, super::output::plain(fault))?;
            }
            if let Some(differs) = &row.differs {
                writeln!(out, "`{}` is not as it was synced: {}", row.server, super::output::plain(differs))?;
            }
            if let Some(SunsetNotice { date, notice, .. }) = &row.sunset {
                let text = super::output::plain(&format!("{date}: {notice}"));
                writeln!(out, "The API of `{}` ends on {text}", row.server)?;
            }
        }
        Ok(())
    }
}
