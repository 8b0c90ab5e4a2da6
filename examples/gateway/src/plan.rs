//! `gateway plan`: what a file would do, before it is applied.

use std::{fmt::Display, io::Write, path::Path, process::ExitCode, sync::Arc};

use mcp_govern_core::{
    Provider, ServerId, TenantId,
    governor::GovernError,
    journal::{AccessChange, Head, Revision},
    memory::MemoryStores,
    ports::Stores,
};
use serde::Serialize;

use crate::{
    cli::{PlanFlags, StoreFlags},
    config::Config,
    credentials,
    failure::Failure,
    governance::{Enacted, administrator, enact, removal},
    node::{Following, Node},
    providers::Providers,
    rules,
    store::StorePlace,
};

/// How many commits are read at a time.
const PAGE: usize = 512;

/// How many tools, or people, of a change are shown to a person.
const SHOWN: usize = 12;

/// What a file would change.
#[derive(Debug, Serialize)]
struct Plan<'a> {
    file: String,
    against: String,
    revision: Revision,
    changes: bool,
    widens: bool,
    #[serde(flatten)]
    enacted: &'a Enacted,
    /// Rules of the file that no tool, or no value of an argument, answers to.
    rules: Vec<String>,
    /// Servers whose shared credential is in place although the file names none.
    kept_credentials: Vec<ServerId>,
}

/// Plans by playing the file through on a copy of the journal in memory: tools that only a sync would find are in it too.
pub(crate) async fn run(
    config: &Config,
    store: &StoreFlags,
    flags: &PlanFlags,
    json: bool,
    out: &mut (impl Write + Send),
) -> Result<ExitCode, Failure> {
    let providers = Providers::checked(config)?;
    let tenant = config.tenant()?;
    let copy = MemoryStores::new();
    let against = match &flags.against {
        Some(old) => {
            play_through(&Config::load(old)?, &tenant, &copy).await?;
            old.display().to_string()
        }
        None => copy_journal(config, store, &tenant, &copy).await?,
    };
    let node = open_copy(&tenant, &copy, &providers.all).await?;
    let revision = node.governor.revision();
    let enacted = enact(&node.governor, &administrator()?, &config.blueprint).await;
    node.driver.abort();
    let mut enacted = enacted.map_err(|error| placed(config, &error))?;
    enacted.faults.splice(0..0, providers.faults);
    let (changes, widens) = (!enacted.is_empty(), enacted.widens());
    let rules = rules::faults(&node.governor.state(), &config.blueprint);
    let kept_credentials = credentials::kept(&node.governor.state(), config);
    let file = config.name();
    let plan = Plan { file, against, revision, changes, widens, enacted: &enacted, rules, kept_credentials };
    if json {
        serde_json::to_writer(&mut *out, &plan).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        show(&plan, out)?;
    }
    Ok(match (flags.exit_code, enacted.faults.is_empty(), changes) {
        // What cannot be looked at is not known to be as the file says.
        (true, false, _) => ExitCode::from(2),
        (true, true, true) => ExitCode::from(3),
        (false, ..) | (true, true, false) => ExitCode::SUCCESS,
    })
}

/// A governor over a copy, which no other program sees.
pub(crate) async fn open_copy(
    tenant: &TenantId,
    copy: &MemoryStores,
    providers: &[Arc<dyn Provider>],
) -> Result<Node, Failure> {
    let stores: Arc<dyn Stores> = Arc::new(copy.clone());
    Node::open(tenant.clone(), stores, providers, Following::Beside, |builder| builder).await
}

/// Brings another file about in the copy.
async fn play_through(old: &Config, tenant: &TenantId, copy: &MemoryStores) -> Result<(), Failure> {
    let node = open_copy(tenant, copy, &Providers::checked(old)?.all).await?;
    let done = enact(&node.governor, &administrator()?, &old.blueprint).await;
    node.driver.abort();
    done.map(drop).map_err(|error| placed(old, &error))
}

/// What is wrong with a file's governance: each fault with the file's name.
pub(crate) fn placed(config: &Config, error: &GovernError) -> Failure {
    let (place, text) = (config.name(), error.to_string());
    let lines: Vec<String> = text.lines().map(|line| format!("{place}: {line}")).collect();
    Failure::config(lines.join("\n"))
}

/// Copies what the store holds, and says what that is.
async fn copy_journal(
    config: &Config,
    store: &StoreFlags,
    tenant: &TenantId,
    copy: &MemoryStores,
) -> Result<String, Failure> {
    let place = StorePlace::of(config, store)?;
    let Some(stores) = place.open_if_there().await? else {
        return Ok(format!("nothing ({})", place.shown()));
    };
    let (from, to) = (stores.open(tenant).await?.journal, copy.tenant(tenant).journal);
    let mut head = Head::EMPTY;
    loop {
        let commits = from.read(head.revision, PAGE).await?;
        if commits.is_empty() {
            return Ok(place.shown());
        }
        for commit in &commits {
            head = to.append(head, commit).await?;
        }
    }
}

fn show(plan: &Plan<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let Plan { file, against, revision, enacted, .. } = plan;
    writeln!(out, "{file} against {against}, revision {revision}")?;
    if !plan.changes {
        let words = if enacted.faults.is_empty() {
            "Nothing to change."
        } else {
            "Nothing to change as far as could be looked."
        };
        writeln!(out, "\n{words}")?;
        waiting(enacted, out)?;
        return Ok(kept(plan, out)?);
    }
    writeln!(out, "\nSteps")?;
    let width = enacted.steps.iter().map(|step| step.place.chars().count()).max().unwrap_or_default().min(40);
    for step in &enacted.steps {
        writeln!(out, "  {:width$}  {}", step.place, step.why)?;
    }
    for synced in &enacted.synced {
        let (server, new, changed, removed) = (&synced.server, synced.new, synced.changed, synced.removed);
        writeln!(out, "  the tools of `{server}` are taken in: {new} new, {changed} changed, {removed} removed")?;
        if let Some(moved) = &synced.moved {
            writeln!(out, "  ! {moved}")?;
        }
    }
    if !enacted.access.is_empty() {
        writeln!(out, "\nAccess (+ wider, - narrower)")?;
        for change in &enacted.access {
            access(change, out)?;
        }
    }
    waiting(enacted, out)?;
    kept(plan, out)?;
    let widens = if plan.widens { "This widens access. " } else { "This widens no access. " };
    writeln!(out, "\n{widens}Nothing was changed: a start, or SIGHUP to a gateway that runs, applies it.")?;
    Ok(())
}

fn access(change: &AccessChange, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "  {} {}", if change.widens { '+' } else { '-' }, change.what)?;
    some_of("held by ", change.who.iter(), out)?;
    some_of("", change.tools.iter(), out)
}

fn some_of(what: &str, all: impl ExactSizeIterator<Item = impl Display>, out: &mut impl Write) -> std::io::Result<()> {
    let more = all.len().saturating_sub(SHOWN);
    for one in all.take(SHOWN) {
        writeln!(out, "      {what}{one}")?;
    }
    if more > 0 {
        writeln!(out, "      … and {more} more; --json names all")?;
    }
    Ok(())
}

fn waiting(enacted: &Enacted, out: &mut impl Write) -> std::io::Result<()> {
    if !enacted.waiting.is_empty() {
        writeln!(out, "\nWaits for a person")?;
    }
    for wait in &enacted.waiting {
        writeln!(out, "  {} ({}): {}", wait.tool, wait.place, wait.why)?;
    }
    if !enacted.faults.is_empty() {
        writeln!(out, "\nFaults")?;
    }
    for fault in &enacted.faults {
        writeln!(out, "  {fault}")?;
    }
    Ok(())
}

/// What the file does not say and stays, and what it says to no effect.
fn kept(plan: &Plan<'_>, out: &mut impl Write) -> std::io::Result<()> {
    if !plan.enacted.kept.is_empty() || !plan.kept_credentials.is_empty() {
        writeln!(out, "\nKept, not in the file")?;
    }
    for kept in &plan.enacted.kept {
        writeln!(out, "  {}: {} ({})", kept.place, kept.what, removal(kept.removed_by))?;
    }
    for server in &plan.kept_credentials {
        writeln!(
            out,
            "  credentials.{server}: the shared credential of server `{server}` (one in the file replaces it)"
        )?;
    }
    if !plan.rules.is_empty() {
        writeln!(out, "\nRules that do not fit their tools")?;
    }
    plan.rules.iter().try_for_each(|rule| writeln!(out, "  {rule}"))
}

/// The file that was asked for; a plan of the demonstration would be one of nothing.
pub(crate) fn required(config: Option<&Path>) -> Result<Config, Failure> {
    match config {
        Some(path) => Config::load(path),
        None => {
            Err(Failure::config("say which file: `--config gateway.toml`; `gateway example` prints one to begin with"))
        }
    }
}
