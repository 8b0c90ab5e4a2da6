//! `gateway check`: whether a file, and everything that it refers to, is in order.

use std::{io::Write, process::ExitCode, sync::Arc};

use mcp_govern_core::{CredentialOwner, CredentialVerdict, memory::MemoryStores};
use mcp_govern_server::McpServer;
use serde::Serialize;

use crate::{
    cli::{CheckFlags, Cli},
    config::Config,
    credentials,
    failure::Failure,
    governance::{administrator, enact},
    identity::{AtTheDoor, Doorkeeper, authenticator},
    node::Node,
    plan::{checked_providers, open_copy},
    serve::{configured, refuse_open_door, sign_ins},
    store::StorePlace,
};

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Findings {
    ok: bool,
    problems: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    /// Takes note of a failure, and goes on.
    fn take<T>(&mut self, result: Result<T, Failure>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(failure) => {
                self.problems.extend(failure.to_string().lines().map(str::to_owned));
                None
            }
        }
    }
}

/// Looks at everything and changes nothing: neither the store nor a key file is touched, and without `--probe` nothing is sent.
pub(crate) async fn run(
    config: &Config,
    cli: &Cli,
    flags: &CheckFlags,
    out: &mut (impl Write + Send),
) -> Result<ExitCode, Failure> {
    let mut findings = Findings::default();
    let providers = findings.take(checked_providers(config)).unwrap_or_default();
    let credentials = findings.take(credentials::resolve(config)).unwrap_or_default();
    let store = findings.take(StorePlace::of(config, &cli.store));
    if !providers.is_empty() {
        let node = open_copy(&config.tenant()?, &MemoryStores::new(), &providers).await?;
        look(&node, config, cli, &mut findings).await?;
        for (server, credential) in &credentials {
            let (actor, one) = (administrator()?, [(server.clone(), credential.clone())]);
            let placed = credentials::put(&node.governor, &actor, &node.stores, &one).await;
            if findings.take(placed).is_some() && flags.probe {
                probe(&node, server, &mut findings).await?;
            }
        }
        for server in credentials::absent(&node.governor) {
            findings.notes.push(format!(
                "server `{server}` has no credential in the file: unless one is set, its calls are denied"
            ));
        }
        node.driver.abort();
    }
    if let Some(store) = store {
        findings.notes.push(format!("state is kept in {}", store.shown()));
    }
    findings.ok = findings.problems.is_empty();
    show(&findings, config, cli.json, out)?;
    Ok(if findings.ok { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Plays the governance through, and puts the server together without letting anybody in.
async fn look(node: &Node, config: &Config, cli: &Cli, findings: &mut Findings) -> Result<(), Failure> {
    let enacted = enact(&node.governor, &administrator()?, &config.blueprint).await;
    match enacted {
        Ok(enacted) => {
            for wait in &enacted.waiting {
                findings.notes.push(format!("{}: `{}` waits: {}", wait.place, wait.tool, wait.why));
            }
        }
        Err(error) => findings.problems.push(format!("{}: {error}", config.name())),
    }
    let address = config.listen(&cli.serve);
    let mode = config.auth_mode(&cli.serve);
    let Some(public) = findings.take(config.public_url(address)) else { return Ok(()) };
    findings.take(refuse_open_door(mode, address, &public));
    let door = authenticator(config, mode, cli.serve.demo_token.as_ref(), &public);
    let Some(door) = findings.take(door) else { return Ok(()) };
    for server in config.document.connect.keys() {
        let mut redirect = public.clone();
        redirect.set_path(&format!("/connect/callback/{server}"));
        findings.notes.push(format!("connect.{server}: the vendor must know `{redirect}` as redirect URI"));
    }
    let door = AtTheDoor(Arc::new(Doorkeeper::new(door)));
    let builder = McpServer::builder(node.governor.clone(), door, public);
    let Some(builder) = findings.take(configured(builder, config)) else { return Ok(()) };
    let Some(connect) = findings.take(sign_ins(config, mode, &node.stores)) else { return Ok(()) };
    findings.take(builder.with_connect(connect).build().map_err(Failure::from));
    Ok(())
}

async fn probe(node: &Node, server: &mcp_govern_core::ServerId, findings: &mut Findings) -> Result<(), Failure> {
    match node.governor.probe(&administrator()?, server, &CredentialOwner::Shared).await {
        Ok(report) => {
            let whose = report.facts.authorized_as.as_deref().unwrap_or("the vendor does not say");
            let what = format!(
                "credentials.{server}: {}",
                match report.verdict {
                    CredentialVerdict::Rejected => "the vendor refuses it".to_owned(),
                    CredentialVerdict::Accepted => format!("the vendor accepts it; whose it is: {whose}"),
                }
            );
            let into = if report.verdict == CredentialVerdict::Rejected {
                &mut findings.problems
            } else {
                &mut findings.notes
            };
            into.push(what);
            findings.notes.extend(report.remarks.iter().map(|remark| format!("credentials.{server}: {remark}")));
        }
        Err(error) => findings.problems.push(format!("credentials.{server}: {error}")),
    }
    Ok(())
}

fn show(findings: &Findings, config: &Config, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        serde_json::to_writer(&mut *out, findings).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for problem in &findings.problems {
        writeln!(out, "problem  {problem}")?;
    }
    for note in &findings.notes {
        writeln!(out, "note     {note}")?;
    }
    let count = findings.problems.len();
    match count {
        0 => writeln!(out, "{} is in order.", config.name())?,
        _ => writeln!(out, "{} is not in order: {count} to correct.", config.name())?,
    }
    Ok(())
}
