//! Another edition of a server's provider: what it would make of the server, and the move there.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use mcp_govern_core::{
    AuthMethodId, Catalogue, CommandId, Digest, EditionId, ProviderInfo, ServerId, ServerSpec, ToolId,
    journal::{
        AccessChange, Action, Command, Event, Revision, Simulation, State, ToolState,
        migration::{Migration, MoveOutcome, RuleLoss, migration},
    },
};
use serde::Serialize;

use super::{
    access::write_access,
    args::{CommitArguments, EditionRowArguments},
    commit::{Outcome, carry_out},
    effect::{Effect, Sent, TURNS, consented, never_still, send, unchanged_since},
    leaving::Consequences,
    output::{Report, Table, count, or_dash, plain, show},
    session::Session,
};
use crate::{catalog::unknown, failure::Failure, serve::Form};

/// A server's row in another edition, and what is there.
struct Target {
    spec: ServerSpec,
    catalogue: Arc<Catalogue>,
    migration: Migration,
    /// What was configured and means nothing there.
    left_out: Vec<String>,
}

/// What another edition would make of a server.
#[derive(Debug, Serialize)]
struct Checked {
    server: ServerId,
    /// The edition that it is reached by now; the provider's first where absent.
    from: Option<EditionId>,
    to: Option<EditionId>,
    counts: Counts,
    #[serde(flatten)]
    migration: Migration,
    /// Configuration that means nothing there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    configuration_left_out: Vec<String>,
}

/// How many tools become what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Counts {
    unchanged: usize,
    same_meaning: usize,
    changed: usize,
    gone: usize,
    new: usize,
    /// Of all: those that are callable at once.
    approved: usize,
}

/// What came of a move.
#[derive(Debug, Serialize)]
struct Moved {
    outcome: Outcome,
    server: ServerId,
    from: Option<EditionId>,
    to: Option<EditionId>,
    counts: Counts,
    /// How many credentials are taken away: the shared one, and the accounts that people have connected.
    credentials_removed: usize,
    rules: Vec<RuleLoss>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    configuration_left_out: Vec<String>,
    access: Vec<AccessChange>,
    revision: Revision,
    next: String,
}

/// Says what another edition would make of a server; with `approve_ahead`, approves ahead what means the same there.
#[expect(clippy::too_many_arguments, reason = "one for each part of the command line")]
pub(crate) async fn check(
    session: &Session,
    server: &ServerId,
    edition: Option<&EditionId>,
    row: &EditionRowArguments,
    approve_ahead: bool,
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let state = session.state();
    let target = Target::of(session, &state, server, edition, row).await?;
    let to = target.spec.edition.clone();
    let same: std::collections::BTreeMap<ToolId, Digest> = target
        .migration
        .tools
        .iter()
        .filter(|row| {
            row.outcome == MoveOutcome::SameMeaning && row.state == Some(ToolState::Approved) && !row.approved
        })
        .filter_map(|row| Some((row.tool.clone(), row.digest?)))
        .collect();
    let checked = Checked {
        server: server.clone(),
        from: spec_of(&state, server)?.edition.clone(),
        to: to.clone(),
        counts: Counts::of(&target.migration),
        migration: target.migration,
        configuration_left_out: target.left_out,
    };
    drop(state);
    if !approve_ahead {
        show(&checked, form, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    if same.is_empty() {
        return Err(Failure::refused(format!(
            "no approved tool of server `{server}` means the same there and is still to be approved ahead"
        )));
    }
    if form == Form::Text {
        show(&checked, form, out)?;
    }
    let what = format!("approve {} of server `{server}` ahead", count(same.len(), "tool"));
    carry_out(session, how, Action::PinTools { tools: same, edition: to }, what, form, out).await
}

/// Reaches a server by another edition, and takes in what it offers.
pub(crate) async fn change(
    session: &Session,
    server: &ServerId,
    edition: &EditionId,
    row: &EditionRowArguments,
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let what = format!("move server `{server}` to edition `{edition}`");
    let ids = (how.command_id.clone().map_or_else(CommandId::random, Ok)?, CommandId::random()?);
    let mut shown: Option<Effect> = None;
    for _ in 0..TURNS {
        let state = session.state();
        unchanged_since(&state, how.expecting)?;
        let target = Target::of(session, &state, server, Some(edition), row).await?;
        let now = session.governor.now();
        let mut simulation = Simulation::new(&state, session.actor.clone(), now);
        let commands = target.commands(&ids, server, how);
        let mut events: Vec<Event> = Vec::new();
        for command in &commands {
            events.extend(simulation.try_command(command)?);
        }
        let mut effect = Effect::of(&simulation);
        let credentials_removed = events.iter().filter(|event| matches!(event, Event::CredentialRemoved(_))).count();
        let changes = events.iter().any(|event| matches!(event, Event::ServerChanged(_)));
        effect.consequences = changes.then(|| Consequences::OtherEdition(server.clone(), credentials_removed));
        let mut moved = Moved {
            outcome: if events.is_empty() { Outcome::Unchanged } else { Outcome::WouldBeDone },
            server: server.clone(),
            from: spec_of(&state, server)?.edition.clone(),
            to: target.spec.edition.clone(),
            counts: Counts::of(&target.migration),
            credentials_removed,
            rules: target.migration.rules,
            configuration_left_out: target.left_out,
            access: effect.access.clone(),
            revision: effect.revision,
            next: format!("set its credential for this edition: until then every call to server `{server}` is denied"),
        };
        drop((state, simulation));
        if !how.dry_run && !events.is_empty() {
            if session.simulates() || consented(shown.as_ref(), &effect, &what, how.yes, form)? {
                let Sent::Done(commits) = send(session, &commands, moved.revision).await? else {
                    shown = Some(effect);
                    continue;
                };
                moved.outcome = Outcome::Done;
                moved.revision = commits.last().map_or(moved.revision, |committed| committed.revision);
            } else {
                moved.outcome = Outcome::ConfirmationNeeded;
            }
        }
        show(&moved, form, out)?;
        return Ok(moved.outcome.exit_code());
    }
    Err(never_still(&what))
}

impl Target {
    async fn of(
        session: &Session,
        state: &State,
        server: &ServerId,
        edition: Option<&EditionId>,
        row: &EditionRowArguments,
    ) -> Result<Self, Failure> {
        let now = spec_of(state, server)?;
        let provider = session.provider(&now.provider)?;
        let info = provider.info();
        let edition = match edition {
            Some(edition) => edition.clone(),
            None => only_other(info, now.edition.as_ref())?,
        };
        let there = info.edition(Some(&edition)).ok_or_else(|| unknown(info, Some(&edition)))?;
        let moves = info.canonical_edition(Some(&edition)) != info.canonical_edition(now.edition.as_ref());
        let mut spec = now.clone();
        spec.edition = info.canonical_edition(Some(&edition));
        spec.auth_method = auth_method(there, now, row)?;
        // An address and a region are of an edition.
        spec.base_url = row.base_url.clone().or_else(|| now.base_url.clone().filter(|_| !moves));
        spec.region = row.region.clone().or_else(|| now.region.clone().filter(|_| !moves));
        let known = |name: &String| {
            !moves || there.auth_methods.iter().flat_map(|method| &method.config).any(|field| field.name == *name)
        };
        let left_out: Vec<String> = spec.config.keys().filter(|name| !known(name)).cloned().collect();
        spec.config.retain(|name, _| known(name));
        spec.config.extend(row.set.iter().cloned());
        let catalogue = session.discover(server, &spec).await?;
        let migration = migration(state, server, &catalogue, &there.absent)
            .map_err(|error| Failure::Other(format!("the tools of edition `{edition}`: {error}")))?;
        Ok(Self { spec, catalogue, migration, left_out })
    }

    /// The row first: what is discovered then is taken in as that of the edition.
    fn commands(&self, ids: &(CommandId, CommandId), server: &ServerId, how: &CommitArguments) -> [Command; 2] {
        let with_reason = |command: Command| match &how.reason {
            Some(reason) => command.with_reason(reason),
            None => command,
        };
        let (server, spec, catalogue) = (server.clone(), self.spec.clone(), Arc::clone(&self.catalogue));
        let change = Action::ChangeServer { server: server.clone(), spec };
        let sync = Action::SyncServer { server, catalogue };
        [with_reason(Command::new(ids.0.clone(), change)), with_reason(Command::new(ids.1.clone(), sync))]
    }
}

fn spec_of<'a>(state: &'a State, server: &ServerId) -> Result<&'a ServerSpec, Failure> {
    let row = state.servers().get(server).map(mcp_govern_core::journal::Server::spec);
    row.ok_or_else(|| Failure::refused(format!("there is no server `{server}`")))
}

fn only_other(info: &ProviderInfo, now: Option<&EditionId>) -> Result<EditionId, Failure> {
    let current = info.edition(now).map(|edition| &edition.id);
    let mut others = info.editions.iter().map(|edition| &edition.id).filter(|id| Some(*id) != current);
    match (others.next(), others.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Err(Failure::refused(format!("provider `{}` has no other edition", info.id))),
        (Some(_), Some(_)) => Err(Failure::usage("say which edition: `--edition NAME`")),
    }
}

fn auth_method(
    there: &mcp_govern_core::Edition,
    now: &ServerSpec,
    row: &EditionRowArguments,
) -> Result<AuthMethodId, Failure> {
    let methods = &there.auth_methods;
    let has = |id: &AuthMethodId| methods.is_empty() || methods.iter().any(|method| method.id == *id);
    let known = || methods.iter().map(|method| format!("`{}`", method.id)).collect::<Vec<_>>().join(" or ");
    match (&row.auth_method, methods.as_slice()) {
        (Some(asked), _) if has(asked) => Ok(asked.clone()),
        (Some(asked), _) => {
            Err(Failure::usage(format!("edition `{}` has no auth method `{asked}`: expected {}", there.id, known())))
        }
        (None, _) if has(&now.auth_method) => Ok(now.auth_method.clone()),
        (None, [only]) => Ok(only.id.clone()),
        (None, _) => Err(Failure::usage(format!(
            "say how edition `{}` is authenticated, `--auth-method`: {}",
            there.id,
            known()
        ))),
    }
}

impl Counts {
    fn of(migration: &Migration) -> Self {
        let of = |outcome| migration.tools.iter().filter(|row| row.outcome == outcome).count();
        Self {
            unchanged: of(MoveOutcome::Unchanged),
            same_meaning: of(MoveOutcome::SameMeaning),
            changed: of(MoveOutcome::Changed),
            gone: of(MoveOutcome::Gone),
            new: of(MoveOutcome::New),
            approved: migration.tools.iter().filter(|row| row.approved).count(),
        }
    }

    fn write(self, out: &mut dyn Write) -> io::Result<()> {
        let Self { unchanged, same_meaning, changed, gone, new, approved } = self;
        writeln!(
            out,
            "{unchanged} unchanged, {same_meaning} of the same meaning, {changed} changed, {gone} gone, {new} new; {approved} \
             approved at once, the others wait for review"
        )
    }
}

fn write_rules(rules: &[RuleLoss], out: &mut dyn Write) -> io::Result<()> {
    for rule in rules {
        let text = format!("{}: the rule on `{}` of {}: {}", rule.tool, rule.argument, rule.place, rule.loss);
        writeln!(out, "RULE  {}", plain(&text))?;
    }
    Ok(())
}

fn edition(id: Option<&EditionId>) -> String {
    id.map_or_else(|| "the first edition".to_owned(), |id| format!("edition `{id}`"))
}

fn write_left_out(names: &[String], out: &mut dyn Write) -> io::Result<()> {
    names
        .iter()
        .try_for_each(|name| writeln!(out, "`{}` is configured and means nothing there: it is left out", plain(name)))
}

impl Report for Checked {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: from {} to {}", self.server, edition(self.from.as_ref()), edition(self.to.as_ref()))?;
        let mut table = Table::new(["TOOL", "BECOMES", "NOW", "THEN", "WHAT CHANGES"]);
        for row in &self.migration.tools {
            let then = match (row.outcome, row.approved) {
                (MoveOutcome::Gone, _) => "-",
                (_, true) => "approved",
                (_, false) => "to review",
            };
            let fields: Vec<&str> = row.changes.iter().map(|change| change.field.as_str()).collect();
            table.row([
                row.tool.to_string(),
                row.outcome.as_str().replace('_', " "),
                or_dash(row.state),
                then.to_owned(),
                row.reason.clone().unwrap_or_else(|| fields.join(", ")),
            ]);
        }
        table.write(out, "No tools.")?;
        self.counts.write(out)?;
        write_rules(&self.migration.rules, out)?;
        write_left_out(&self.configuration_left_out, out)
    }
}

impl Report for Moved {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}: from {} to {}", self.server, edition(self.from.as_ref()), edition(self.to.as_ref()))?;
        self.counts.write(out)?;
        write_rules(&self.rules, out)?;
        write_left_out(&self.configuration_left_out, out)?;
        write_access(&self.access, out)?;
        if self.credentials_removed > 0 {
            writeln!(out, "  - {} taken away", count(self.credentials_removed, "credential"))?;
        }
        if self.outcome != Outcome::Unchanged {
            writeln!(out, "Next: {}", plain(&self.next))?;
        }
        let words = match self.outcome {
            Outcome::ConfirmationNeeded => "not done: it takes the credentials away, and was not confirmed (`--yes`)",
            outcome => outcome.words(),
        };
        writeln!(out, "{words} (revision {})", self.revision)
    }
}
