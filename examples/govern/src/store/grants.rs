//! Who holds which profile.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use mcp_govern_core::{
    CommandId, GrantId, Grantee, ProfileId, RequestId, Timestamp,
    journal::{Action, Event, Grant, Revision, State, event::ProfileGranted},
};
use serde::Serialize;

use super::{
    args::{CommitArguments, EndArguments, GranteeArguments, GrantsArguments},
    commit::carry_out,
    known::unknown_person,
    output::{Report, Table, or_dash, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

/// For how long a question may have waited for its answer before the grant was made: by so much earlier its while began.
const QUESTION: Duration = Duration::from_mins(10);

#[derive(Debug, Serialize)]
struct Grants {
    grants: Vec<GrantRow>,
}

/// A grant.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GrantRow {
    grant: GrantId,
    profile: ProfileId,
    grantee: Grantee,
    until: Option<Timestamp>,
    holds: bool,
    by: String,
    at: Timestamp,
    /// The request that it answers.
    request: Option<RequestId>,
}

/// Lists grants.
pub(crate) async fn list(
    session: &Session,
    which: &GrantsArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    if let Some(user) = &which.user
        && let Some(unknown) = unknown_person(session, user).await?
    {
        return Err(Failure::refused(unknown.sentence()));
    }
    let state = session.state();
    if let Some(profile) = which.profile.as_ref().filter(|profile| !state.profiles().contains_key(*profile)) {
        return Err(Failure::refused(format!("there is no profile `{profile}`")));
    }
    let now = session.governor.now();
    let user = which.user.clone().map(Grantee::User);
    let grants = rows(&state, now, |grant| {
        (which.ended || grant.holds(now))
            && which.profile.as_ref().is_none_or(|profile| grant.profile() == profile)
            && user.as_ref().is_none_or(|user| grant.grantee() == user)
    });
    show(&Grants { grants }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Grants a profile.
#[expect(clippy::too_many_arguments, reason = "each is one part of the command line")]
pub(crate) async fn grant(
    session: &Session,
    profile: &ProfileId,
    to: &GranteeArguments,
    end: &EndArguments,
    id: Option<&GrantId>,
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let grant = match id {
        Some(id) => id.clone(),
        None => fresh(how)?,
    };
    let grantee = grantee(to)?;
    let until = match (end.until, end.duration) {
        (None, Some(duration)) => Some(ending(session, &grant, duration, how).await?),
        (until, _) => until,
    };
    let what = format!("grant `{profile}` to {grantee} as `{grant}`");
    let action = Action::GrantProfile { grant, profile: profile.clone(), grantee, until };
    carry_out(session, how, action, what, form, out).await
}

/// Takes a grant back.
pub(crate) async fn revoke(
    session: &Session,
    grant: &GrantId,
    how: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let action = Action::RevokeGrant { grant: grant.clone() };
    carry_out(session, how, action, format!("take grant `{grant}` back"), form, out).await
}

/// When a grant for a while ends. The while begins when the command is sent first, so that a command that is sent again is the same
/// one.
async fn ending(
    session: &Session,
    grant: &GrantId,
    duration: Duration,
    how: &CommitArguments,
) -> Result<Timestamp, Failure> {
    let revision = how.command_id.as_ref().and_then(|id| session.state().command(id));
    if let Some(revision) = revision {
        let commit = session.governor.subscribe(Revision(revision.0.saturating_sub(1))).next().await?;
        for event in &commit.events {
            if let Event::ProfileGranted(ProfileGranted { grant: made, until: Some(until), .. }) = event
                && made == grant
                && commit.at.plus(duration).since(*until) <= QUESTION
                && *until <= commit.at.plus(duration)
            {
                return Ok(*until);
            }
        }
    }
    Ok(session.governor.now().plus(duration))
}

/// An id for a new grant. It follows from the command's id, so that a command that is sent again is the same one.
pub(crate) fn fresh(how: &CommitArguments) -> Result<GrantId, Failure> {
    if let Some(id) = &how.command_id {
        return Ok(GrantId::new(id.as_str())?);
    }
    let random = CommandId::random()?;
    let digits = random.as_str().rsplit('-').next().unwrap_or_default();
    Ok(GrantId::new(format!("grant-{digits}"))?)
}

fn grantee(to: &GranteeArguments) -> Result<Grantee, Failure> {
    match (&to.user, &to.group, &to.service) {
        (Some(user), None, None) => Ok(Grantee::User(user.clone())),
        (None, Some(group), None) => Ok(Grantee::Group(group.clone())),
        (None, None, Some(client)) => Ok(Grantee::Service(client.clone())),
        _ => Err(Failure::usage("say to whom: `--user`, `--group` or `--service`, one of them")),
    }
}

/// The grants that pass.
pub(crate) fn rows(state: &State, now: Timestamp, passes: impl Fn(&Grant) -> bool) -> Vec<GrantRow> {
    let wanted = state.grants().iter().filter(|(_, grant)| passes(grant));
    wanted
        .map(|(id, grant)| GrantRow {
            grant: id.clone(),
            profile: grant.profile().clone(),
            grantee: grant.grantee().clone(),
            until: grant.until(),
            holds: grant.holds(now),
            by: grant.by().to_string(),
            at: grant.at(),
            request: grant.request().cloned(),
        })
        .collect()
}

/// A table of grants.
pub(crate) fn table(grants: &[GrantRow]) -> Table {
    let mut table = Table::new(["GRANT", "PROFILE", "HELD BY", "UNTIL", "GRANTED BY", "AT"]);
    for row in grants {
        let until = match row.until {
            Some(until) if !row.holds => format!("ended {until}"),
            until => or_dash(until),
        };
        table.row([
            row.grant.to_string(),
            row.profile.to_string(),
            row.grantee.to_string(),
            until,
            row.by.clone(),
            row.at.to_string(),
        ]);
    }
    table
}

impl Report for Grants {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        table(&self.grants).write(out, "No such grants. `explain` shows what a person reaches through a group.")
    }
}
