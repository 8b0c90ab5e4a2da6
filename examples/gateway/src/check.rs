//! `gateway check`: whether a file, and everything that it refers to, is in order.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::ExitCode,
    sync::Arc,
};

use mcp_govern_core::{
    CredentialOwner, CredentialVerdict, Grantee, Provider as _, ServerId, ToolsetId,
    blueprint::Blueprint,
    journal::{State, ToolState},
    memory::MemoryStores,
};
use mcp_govern_server::{Authenticate as _, McpServer};
use serde::Serialize;
use url::Url;

use crate::{
    cli::{AuthMode, CheckFlags, Cli},
    config::Config,
    connect, credentials,
    failure::Failure,
    governance::{administrator, enact, idle_approvals},
    identity::{ReloadableAuthenticator, SharedAuthenticator, authenticator, bearer_tokens, everybody},
    node::Node,
    plan::{open_copy, placed},
    providers::{Providers, some},
    rules,
    serve::{configured, refuse_open_access, sign_ins},
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
                self.tell(&failure);
                None
            }
        }
    }

    /// Takes note of a failure: each of its lines is a problem.
    fn tell(&mut self, failure: &Failure) {
        self.problems.extend(failure.to_string().lines().map(str::to_owned));
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
    let mut providers = findings.take(Providers::read(config)).unwrap_or_default();
    let refused = findings.take(providers.check(config)).unwrap_or_default();
    let place = config.name();
    findings.problems.extend(refused.into_iter().map(|fault| format!("{place}: {fault}")));
    findings.problems.extend(providers.faults.iter().cloned());
    let remarks = providers.remarks();
    if flags.strict { &mut findings.problems } else { &mut findings.notes }.extend(remarks.left_out);
    findings.notes.extend(remarks.notes);
    let credentials = findings.take(credentials::resolve(config)).unwrap_or_default();
    let store = findings.take(StorePlace::of(config, &cli.store));
    if !providers.all.is_empty() {
        let node = open_copy(&config.tenant()?, &MemoryStores::new(), &providers.all).await?;
        govern(&node, config, &providers.misfits, &mut findings).await?;
        look(&node, config, cli, &providers, &mut findings);
        if flags.probe {
            ask_issuer(config, cli, &mut findings).await;
        }
        for (server, credential) in &credentials {
            // A server that is at fault is told of already.
            if !node.governor.state().servers().contains_key(server) {
                continue;
            }
            let (actor, one) = (administrator()?, [(server.clone(), credential.clone())]);
            let placed = credentials::put(&node.governor, &actor, &node.stores, &one).await;
            if findings.take(placed).is_some() && flags.probe {
                if let Some(unproved) = unproved(config, &providers, server) {
                    findings.notes.push(unproved);
                    continue;
                }
                probe(&node, server, &mut findings).await?;
            }
        }
        // Of an application that acts as itself, the credential is had at the start.
        let document = &config.document;
        let named =
            |server: &ServerId| document.credentials.contains_key(server) || document.connect.contains_key(server);
        for server in credentials::absent(&node.governor).into_iter().filter(|server| !named(server)) {
            findings.notes.push(format!(
                "server `{server}` has no credential in the file: unless one is set, its calls are denied"
            ));
        }
        node.driver.abort();
    }
    if let Some(store) = store {
        if !flags.probe {
            findings.take(store.usable());
        } else if let Some(how) = findings.take(store.reach().await) {
            findings.notes.push(format!("the store {how}"));
        }
        findings.notes.push(format!("state is kept in {}", store.shown()));
    }
    notes(config, cli, &mut findings)?;
    findings.ok = findings.problems.is_empty();
    show(&findings, config, cli.json, out)?;
    Ok(if findings.ok { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Plays the governance through. A server at fault is left out with all that rests on it, so that a fault is reported once; the tools
/// of the others are known before toolsets name them, so that all faults are reported in one round.
async fn govern(
    node: &Node,
    config: &Config,
    misfits: &BTreeSet<ServerId>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let (actor, place) = (administrator()?, config.name());
    let mut broken = misfits.clone();
    for (server, row) in
        config.blueprint.servers.iter().filter(|(server, _)| !broken.contains(*server)).collect::<Vec<_>>()
    {
        let mut alone = Blueprint::default();
        let mut row = row.clone();
        (row.approve, row.pins) = (Vec::new(), BTreeMap::new());
        alone.servers.insert(server.clone(), row);
        match enact(&node.governor, &actor, &alone).await {
            Ok(enacted) => findings.problems.extend(enacted.faults.iter().map(|fault| format!("{place}: {fault}"))),
            Err(error) => {
                findings.tell(&placed(config, &error));
                broken.insert(server.clone());
            }
        }
    }
    let sound = without(&config.blueprint, &broken);
    match enact(&node.governor, &actor, &sound).await {
        Ok(enacted) => {
            for wait in &enacted.waiting {
                findings.notes.push(format!("{}: `{}` waits: {}", wait.place, wait.tool, wait.why));
            }
            let state = node.governor.state();
            findings.notes.extend(idle_approvals(&state, &config.blueprint));
            findings.notes.extend(long_names(&state));
        }
        Err(error) => findings.tell(&placed(config, &error)),
    }
    let rules = rules::faults(&node.governor.state(), &sound);
    findings.problems.extend(rules.into_iter().map(|fault| format!("{place}: {fault}")));
    Ok(())
}

/// A blueprint without some servers and what rests on them.
fn without(blueprint: &Blueprint, servers: &BTreeSet<ServerId>) -> Blueprint {
    let mut sound = blueprint.clone();
    sound.servers.retain(|server, _| !servers.contains(server));
    let mut gone: BTreeSet<ToolsetId> = BTreeSet::new();
    sound.toolsets.retain(|id, toolset| {
        let follows = toolset.follows.as_ref().is_some_and(|follows| servers.contains(&follows.server));
        if follows {
            gone.insert(id.clone());
        }
        toolset.tools.retain(|tool| !servers.contains(tool.server()));
        toolset.rules.retain(|tool, _| !servers.contains(tool.server()));
        !follows
    });
    for profile in sound.profiles.values_mut() {
        profile.toolsets.retain(|toolset| !gone.contains(toolset));
        profile.rules.retain(|toolset, _| !gone.contains(toolset));
    }
    sound
}

/// What is not a fault and may surprise.
fn notes(config: &Config, cli: &Cli, findings: &mut Findings) -> Result<(), Failure> {
    let (address, mode) = (config.listen(&cli.serve), config.auth_mode(&cli.serve));
    if address.ip().is_unspecified() && config.document.http.public_url.is_none() {
        findings.notes.push(format!(
            "the gateway listens on every address ({address}) and says that it is `http://127.0.0.1:{}/mcp`: clients on other machines \
             need `http.public_url`, for example `https://tools.example.com/mcp`",
            address.port()
        ));
    }
    if mode == AuthMode::None || cli.serve.stdio {
        let user = everybody(config)?.user;
        let grantee = Grantee::User(user.clone());
        if !config.blueprint.grants.values().any(|grant| grant.grantee == grantee) {
            findings.notes.push(format!(
                "every caller is `{user}`, to whom the file grants nothing: name that person under `[grants]`, or another one as \
                 `auth.user`"
            ));
        }
    }
    for file in config.document.secret_files() {
        let path = config.base().join(file);
        if mcp_govern_store::is_open_to_others(&path) {
            findings.notes.push(format!(
                "others than its owner may read the secret in `{path}`: `chmod 600 {path}` keeps it",
                path = path.display()
            ));
        }
    }
    let variables = config.document.variables();
    if !variables.is_empty() {
        let named: Vec<String> = variables.iter().map(|name| format!("\"{name}\": \"…\"")).collect();
        findings.notes.push(format!(
            "a client that starts the gateway itself (`--stdio`) hands on the variables alone that its own configuration names: \
             \"env\": {{{}}}",
            named.join(", ")
        ));
    }
    Ok(())
}

/// Puts the server together without letting anybody in.
fn look(node: &Node, config: &Config, cli: &Cli, providers: &Providers, findings: &mut Findings) {
    let address = config.listen(&cli.serve);
    let mode = config.auth_mode(&cli.serve);
    let Some(public) = findings.take(config.public_url(address)) else { return };
    findings.take(refuse_open_access(mode, address, &public));
    let authenticator_in_use = authenticator(config, mode, cli.serve.demo_token.as_ref(), &public);
    let Some(authenticator_in_use) = findings.take(authenticator_in_use) else { return };
    ways_to_sign_in(config, mode, &public, findings);
    for server in config.document.connect.keys() {
        let mut redirect = public.clone();
        redirect.set_path(&format!("/connect/callback/{server}"));
        findings.notes.push(format!("connect.{server}: the vendor must know `{redirect}` as redirect URI"));
    }
    let authenticator_in_use = SharedAuthenticator(Arc::new(ReloadableAuthenticator::new(authenticator_in_use)));
    let builder = McpServer::builder(node.governor.clone(), authenticator_in_use, public.clone());
    let Some(builder) = findings.take(configured(builder, config)) else { return };
    findings.notes.extend(connect::remarks(config, providers));
    let Some(accounts) = findings.take(connect::accounts(config, providers)) else { return };
    let Some(connect) = findings.take(sign_ins(config, mode, accounts, &node.stores, &public)) else { return };
    findings.take(builder.with_connect(connect).build().map_err(Failure::from));
}

/// What must be known at the issuer, so that people can sign in who connect accounts of their own.
fn ways_to_sign_in(config: &Config, mode: AuthMode, public: &Url, findings: &mut Findings) {
    let auth = &config.document.auth;
    if mode == AuthMode::Jwt && !auth.tokens.is_empty() {
        findings.notes.push(
            "auth.tokens: these tokens are not accepted in addition to those of the issuer: `mode = \"both\"` under `[auth]` accepts them".to_owned(),
        );
    }
    if !matches!(mode, AuthMode::Jwt | AuthMode::Both) {
        return;
    }
    if config.document.auth.sign_in().is_some() {
        let mut redirect = public.clone();
        redirect.set_path("/connect/signed-in");
        findings.notes.push(format!("auth.jwt.sign_in: the issuer must know `{redirect}` as redirect URI"));
    } else if !config.document.connect.is_empty() {
        findings.notes.push(
            "auth.jwt.sign_in is not set: people who connect an account are asked for the access token of their AI client, which most \
             clients do not show"
                .to_owned(),
        );
    }
}

/// Whether the issuers whose tokens are accepted answer.
async fn ask_issuer(config: &Config, cli: &Cli, findings: &mut Findings) {
    let mode = config.auth_mode(&cli.serve);
    // What is wrong with the file is told of already.
    let Ok(public) = config.public_url(config.listen(&cli.serve)) else { return };
    if !matches!(mode, AuthMode::Jwt | AuthMode::Both) {
        return;
    }
    for jwt in &config.document.auth.jwt {
        let Ok(authenticator) = bearer_tokens(jwt, config, &public) else { continue };
        if let Err(error) = authenticator.prepare().await {
            findings.problems.push(format!("auth.jwt: {error}"));
        }
    }
}

/// Why a credential is not tried, where its document names no read that could prove it. That is not a problem of the credential.
fn unproved(config: &Config, providers: &Providers, server: &ServerId) -> Option<String> {
    let row = config.blueprint.servers.get(server)?;
    let (_, own) = providers.own.iter().find(|(_, own)| own.info().id == row.provider)?;
    let told = "is not tried: the document names no read that could prove it (`x-govern: {probe: [{operation: …}]}`)";
    (!own.proves(&row.auth_method)).then(|| format!("credentials.{server}: {told}"))
}

/// What a client that calls this server `govern` puts before each name.
const BY_CLIENTS: usize = "mcp__govern__".len();

/// The longest names that clients take, what they put before it included.
const LONGEST: [(usize, &str); 2] = [(64, "Claude Code"), (60, "Cursor")];

/// Names that are too long for clients, once the server's prefix and what the client puts before it are counted.
fn long_names(state: &State) -> Vec<String> {
    let mut notes = Vec::new();
    for (server, row) in state.servers() {
        let offered = state.tools_of(server).filter(|(_, tool)| tool.state() != ToolState::Removed);
        let names: Vec<String> = offered.map(|(id, _)| format!("{}_{}", row.spec().prefix, id.name())).collect();
        for (longest, client) in LONGEST {
            let long: Vec<String> = names
                .iter()
                .filter(|name| name.len() + BY_CLIENTS > longest)
                .map(|name| format!("`{name}` ({})", name.len() + BY_CLIENTS))
                .collect();
            if !long.is_empty() {
                notes.push(format!(
                    "servers.{server}: {} of its names are longer than the {longest} characters that {client} takes with `mcp__govern__` \
                     before them: {}; a shorter `prefix`, or `names` of the document under `apis`, makes them shorter",
                    long.len(),
                    some(&long)
                ));
            }
        }
    }
    notes
}

async fn probe(node: &Node, server: &ServerId, findings: &mut Findings) -> Result<(), Failure> {
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
