//! The credentials that servers are called with: shared ones, and people's own accounts. No secret is read here.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    CredentialOwner, Role, ServerId, Timestamp, UserId,
    journal::{Action, CredentialStatus, StoredCredential},
};
use serde::Serialize;

use super::{
    args::{CommitArguments, CredentialsVerb},
    commit::carry_out,
    known::{unknown_person, unknown_server},
    output::{Report, Table, or_dash, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Credentials {
    credentials: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    server: ServerId,
    /// Whose it is; absent for a shared one.
    user: Option<String>,
    version: u64,
    authorized_as: Option<String>,
    scopes: BTreeSet<String>,
    expires: Option<Timestamp>,
    /// Whether it is renewed by itself when it ends.
    renewable: bool,
    at: Timestamp,
    status: CredentialStatus,
}

/// Lists credentials, or takes one away.
pub(crate) async fn run(
    session: &Session,
    what: Option<&CredentialsVerb>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    match what {
        None => list(session, None, None, form, out).await,
        Some(CredentialsVerb::List { server, user }) => list(session, server.as_ref(), user.as_ref(), form, out).await,
        Some(CredentialsVerb::Remove { server, user, shared, commit }) => {
            let owner = match user {
                _ if *shared => CredentialOwner::Shared,
                user => CredentialOwner::User(user.as_ref().unwrap_or_else(|| session.actor.user()).clone()),
            };
            remove(session, server, owner, commit, form, out).await
        }
    }
}

/// Takes a credential away.
pub(super) async fn remove(
    session: &Session,
    server: &ServerId,
    owner: CredentialOwner,
    commit: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    must_be_known(session, server).await?;
    let whose = match &owner {
        CredentialOwner::Shared => "the shared credential".to_owned(),
        CredentialOwner::User(user) => format!("the account of {user}"),
    };
    let what = format!("remove {whose} from server `{server}`");
    let action = Action::RemoveCredential { server: server.clone(), owner };
    carry_out(session, commit, action, what, form, out).await
}

async fn list(
    session: &Session,
    server: Option<&ServerId>,
    user: Option<&UserId>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let wanted = whose(session, user).await?.map(CredentialOwner::User);
    if let Some(server) = server {
        must_be_known(session, server).await?;
    }
    let now = session.governor.now();
    let state = session.state();
    let listed = state.credentials().filter(|(of, owner, _)| {
        server.is_none_or(|server| *of == server) && wanted.as_ref().is_none_or(|wanted| *owner == wanted)
    });
    let credentials = listed.map(|(server, owner, credential)| Row::of(server, owner, credential, now)).collect();
    show(&Credentials { credentials }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

/// Whose accounts are shown; none where everybody's are. Without an office a person sees what is the person's own.
pub(super) async fn whose(session: &Session, user: Option<&UserId>) -> Result<Option<UserId>, Failure> {
    let own = session.actor.roles().iter().all(|role| *role == Role::User).then(|| session.actor.user());
    if let (Some(own), Some(user)) = (own, user)
        && own != user
    {
        return Err(Failure::refused(format!(
            "what {user} has connected is shown to those who govern, and to that person"
        )));
    }
    if let Some(user) = user.filter(|_| own.is_none())
        && let Some(unknown) = unknown_person(session, user).await?
    {
        return Err(Failure::refused(unknown.sentence()));
    }
    Ok(user.or(own).cloned())
}

pub(super) async fn must_be_known(session: &Session, server: &ServerId) -> Result<(), Failure> {
    if session.state().servers().contains_key(server) {
        return Ok(());
    }
    match unknown_server(session, server).await? {
        Some(unknown) => Err(Failure::refused(unknown.sentence())),
        None => Err(Failure::refused(format!("there is no server `{server}` any more"))),
    }
}

impl Row {
    fn of(server: &ServerId, owner: &CredentialOwner, credential: &StoredCredential, now: Timestamp) -> Self {
        let facts = credential.facts();
        Self {
            server: server.clone(),
            user: match owner {
                CredentialOwner::Shared => None,
                CredentialOwner::User(user) => Some(user.to_string()),
            },
            version: credential.version(),
            authorized_as: facts.authorized_as.clone(),
            scopes: facts.scopes.clone(),
            expires: facts.expires,
            renewable: facts.renewable,
            at: credential.at(),
            status: credential.status(now),
        }
    }
}

/// Whether a credential works, in words.
pub(super) fn standing(status: CredentialStatus) -> &'static str {
    match status {
        CredentialStatus::InUse => "in use",
        CredentialStatus::Expired => "expired",
        CredentialStatus::Refused => "refused by the vendor",
    }
}

impl Report for Credentials {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["SERVER", "WHOSE", "ACCOUNT", "STANDING", "UNTIL", "SET AT"]);
        for row in &self.credentials {
            table.row([
                row.server.to_string(),
                row.user.clone().unwrap_or_else(|| "shared".to_owned()),
                or_dash(row.authorized_as.as_ref()),
                standing(row.status).to_owned(),
                if row.renewable { "renewed by itself".to_owned() } else { or_dash(row.expires) },
                row.at.to_string(),
            ]);
        }
        table.write(out, "No such credentials.")
    }
}
