//! Whom and what the store knows, and names that it does not: a slip of the keyboard must not look like an answer.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use example_vendors::nearest;
use mcp_govern_core::{
    ClientId, ClientMatch, CredentialOwner, Grantee, GroupId, ProfileVisibility, ServerId, ToolId, UserId,
    audit::AuditRecord,
    journal::{Action, Event, KillScope, Refusal, Revision, State},
    ports::AuditFilter,
};
use serde::Serialize;

use super::{output::plain, session::Session};
use crate::failure::Failure;

/// How many of the newest records are searched for an AI client, which no index finds.
const SEARCHED: usize = 10_000;

/// How many records are read at once.
const PAGE: usize = 1_000;

/// A name that is not on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Unknown {
    /// A person, a group, a service, an AI client.
    kind: &'static str,
    name: String,
    /// Where it was looked for.
    searched: &'static str,
    /// The name on record that is most like it.
    nearest: Option<String>,
}

impl Unknown {
    fn new<'a>(
        kind: &'static str,
        name: &str,
        searched: &'static str,
        known: impl IntoIterator<Item = &'a String>,
    ) -> Self {
        // The issuer, which most names share, would make all of them alike: the names themselves are compared.
        let known: Vec<&str> = known.into_iter().map(String::as_str).collect();
        let near = nearest(bare(name), known.iter().map(|known| bare(known)));
        let nearest =
            near.and_then(|near| known.iter().find(|known| bare(known) == near)).map(|known| (*known).to_owned());
        Self { kind, name: name.to_owned(), searched, nearest }
    }

    /// It, in a sentence without its full stop.
    pub(crate) fn sentence(&self) -> String {
        let near = self.nearest.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        format!("the {} `{}` is not on record ({}){near}", self.kind, self.name, self.searched)
    }
}

/// A name without the issuer behind it.
fn bare(name: &str) -> &str {
    name.split_once(" (").map_or(name, |(bare, _)| bare)
}

/// Writes unknown names for people.
pub(crate) fn write_unknown(unknown: &[Unknown], out: &mut dyn Write) -> io::Result<()> {
    unknown.iter().try_for_each(|one| writeln!(out, "  ! {}", plain(&one.sentence())))
}

/// The people that the rules name: holders, those who ask and who decide, owners, those who connected an account, and those who
/// decided something that still holds.
pub(crate) fn people(state: &State) -> BTreeSet<UserId> {
    let mut people = BTreeSet::new();
    let mut of = |grantee: &Grantee| {
        if let Grantee::User(user) = grantee {
            people.insert(user.clone());
        }
    };
    grantees(state).for_each(&mut of);
    people.extend(state.grants().values().map(|grant| grant.by().clone()));
    for request in state.requests().values() {
        people.insert(request.user().clone());
        people.extend(request.approvals().iter().map(|(_, user)| user.clone()));
    }
    for (_, owner, _) in state.credentials() {
        if let CredentialOwner::User(user) = owner {
            people.insert(user.clone());
        }
    }
    people.extend(state.kills().iter().filter_map(|scope| match scope {
        KillScope::User(user) => Some(user.clone()),
        _ => None,
    }));
    people.extend(state.clients().values().filter_map(|client| client.owner().cloned()));
    people.extend(state.servers().values().flat_map(|server| server.spec().owners.iter().cloned()));
    people.extend(state.tools().values().filter_map(|tool| tool.reviewed_by().map(|actor| actor.user.clone())));
    people
}

/// All people to whom something is granted, shown, or left to decide.
fn grantees(state: &State) -> impl Iterator<Item = &Grantee> {
    let of_profiles = state.profiles().values().flat_map(|profile| {
        let shown = match &profile.spec().visibility {
            ProfileVisibility::Only(grantees) => Some(grantees.iter()),
            _ => None,
        };
        let steps = profile.spec().policy.steps.iter();
        shown.into_iter().flatten().chain(steps.flat_map(|step| step.approvers.iter()))
    });
    let of_requests = state.requests().values().flat_map(|request| request.policy().steps.iter());
    let holders = state.grants().values().map(mcp_govern_core::journal::Grant::grantee);
    holders.chain(of_profiles).chain(of_requests.flat_map(|step| step.approvers.iter()))
}

/// The AI clients that the rules name.
fn clients(state: &State) -> BTreeSet<ClientId> {
    let services = grantees(state).filter_map(|grantee| match grantee {
        Grantee::Service(client) => Some(client.clone()),
        _ => None,
    });
    let killed = state.kills().iter().filter_map(|scope| match scope {
        KillScope::Client(client) => Some(client.clone()),
        _ => None,
    });
    let by_rule = state.settings().client_rules.iter().filter_map(|rule| match (&rule.issuer, &rule.client) {
        (Some(issuer), ClientMatch::Exactly(name)) => ClientId::new(issuer.as_str(), name.as_str()).ok(),
        _ => None,
    });
    state.clients().keys().cloned().chain(services).chain(killed).chain(by_rule).collect()
}

/// The names in an action that are not on record. To name them may be meant, as for a person who begins today: it is shown, and a
/// person is asked.
pub(crate) async fn unknown_in(session: &Session, action: &Action) -> Result<Vec<Unknown>, Failure> {
    let found = match action {
        Action::Kill { scope: KillScope::Client(client) } | Action::Release { scope: KillScope::Client(client) } => {
            unknown_client(session, "AI client", client).await?
        }
        Action::GrantProfile { grantee: Grantee::Service(client), .. } => {
            unknown_client(session, "service", client).await?
        }
        Action::GrantProfile { grantee: Grantee::User(user), .. }
        | Action::Kill { scope: KillScope::User(user) }
        | Action::Release { scope: KillScope::User(user) } => unknown_person(session, user).await?,
        Action::OffboardUser { user } | Action::RemoveCredential { owner: CredentialOwner::User(user), .. } => {
            match unknown_person(session, user).await? {
                // The rules know those no more who have left.
                Some(_) if has_left(session, user).await? => None,
                unknown => unknown,
            }
        }
        Action::GrantProfile { grantee: Grantee::Group(group), .. } => unknown_group(&session.state(), group),
        _ => None,
    };
    Ok(found.into_iter().collect())
}

/// Whether an action is about what one person has: that there is nothing may follow from a slip in the name.
pub(crate) fn is_about_a_person(action: &Action) -> bool {
    matches!(
        action,
        Action::OffboardUser { .. }
            | Action::RemoveCredential { owner: CredentialOwner::User(_), .. }
            | Action::Release { scope: KillScope::User(_) }
    )
}

/// Whether a person was off-boarded before. Reads the journal, for a name that is known by nothing else.
async fn has_left(session: &Session, user: &UserId) -> Result<bool, Failure> {
    let head = session.governor.revision();
    let mut commits = session.governor.subscribe(Revision::ZERO);
    let mut at = Revision::ZERO;
    while at < head {
        let commit = commits.next().await?;
        if commit.events.iter().any(|event| matches!(event, Event::UserOffboarded(event) if event.user == *user)) {
            return Ok(true);
        }
        at = commit.revision;
    }
    Ok(false)
}

/// That a person is on record nowhere: the rules do not name the person, nor is there a call where the audit's key is at hand.
pub(crate) async fn unknown_person(session: &Session, user: &UserId) -> Result<Option<Unknown>, Failure> {
    let people = people(&session.state());
    if people.contains(user) {
        return Ok(None);
    }
    let searched = if session.audit_key_holds().await? {
        let mut filter = AuditFilter::new();
        filter.user_hash = Some(session.governor.user_hash(user));
        match any(session, &filter).await? {
            Some(true) => return Ok(None),
            Some(false) => "neither in the rules nor in the record of calls",
            None => "not in the rules; the record of calls is closed to these roles",
        }
    } else {
        "not in the rules; to look into the record of calls, the audit's key is needed"
    };
    let people: Vec<String> = people.iter().map(ToString::to_string).collect();
    Ok(Some(Unknown::new("person", &user.to_string(), searched, &people)))
}

fn unknown_group(state: &State, group: &GroupId) -> Option<Unknown> {
    let known: BTreeSet<String> = grantees(state)
        .filter_map(|grantee| match grantee {
            Grantee::Group(group) => Some(group.to_string()),
            _ => None,
        })
        .collect();
    let searched = "no rule names it; groups come with the sign-in, and are not recorded";
    (!known.contains(&group.to_string())).then(|| Unknown::new("group", group.as_ref(), searched, &known))
}

/// That an AI client is on record nowhere: neither a rule nor one of the newest records names it.
pub(crate) async fn unknown_client(
    session: &Session,
    kind: &'static str,
    client: &ClientId,
) -> Result<Option<Unknown>, Failure> {
    let state = session.state();
    // A rule without an issuer names the clients of every issuer.
    let by_rule =
        |rule: &mcp_govern_core::ClientRule| matches!(&rule.client, ClientMatch::Exactly(_)) && rule.matches(client);
    let known = clients(&state);
    if known.contains(client) || state.settings().client_rules.iter().any(by_rule) {
        return Ok(None);
    }
    drop(state);
    let name = client.to_string();
    let mut names: BTreeSet<String> = known.iter().map(ToString::to_string).collect();
    let seen = if may_read(session) { clients_seen(session, &name).await? } else { None };
    let searched = match seen {
        Some(seen) if seen.contains(&name) => return Ok(None),
        Some(seen) => {
            names.extend(seen);
            "neither in the rules nor in the newest records of calls"
        }
        None => "not in the rules; the record of calls is closed to these roles",
    };
    Ok(Some(Unknown::new(kind, &name, searched, &names)))
}

/// The AI clients of the newest records, until one is found.
async fn clients_seen(session: &Session, wanted: &str) -> Result<Option<BTreeSet<String>>, Failure> {
    let (mut seen, mut cursor, mut read) = (BTreeSet::new(), None, 0);
    while read < SEARCHED {
        let page = session.governor.audit(&session.actor, AuditFilter::new(), cursor.as_ref(), PAGE).await?;
        for (_, record) in &page.records {
            if let Ok(opened) = record.open() {
                match opened.entry {
                    AuditRecord::Intent(intent) => seen.insert(intent.caller.client),
                    AuditRecord::Denial(denial) => seen.insert(denial.caller.client),
                    _ => false,
                };
            }
        }
        read += page.records.len();
        cursor = page.next;
        if cursor.is_none() || seen.contains(wanted) {
            break;
        }
    }
    Ok(Some(seen))
}

/// Whether there is any record that passes; nothing where the actor may not read the record.
pub(crate) async fn any(session: &Session, filter: &AuditFilter) -> Result<Option<bool>, Failure> {
    if !may_read(session) {
        return Ok(None);
    }
    let page = session.governor.audit(&session.actor, filter.clone(), None, 1).await?;
    Ok(Some(!page.records.is_empty()))
}

fn may_read(session: &Session) -> bool {
    use mcp_govern_core::Role::{Auditor, GovernanceAdmin, Owner};
    [Owner, GovernanceAdmin, Auditor].into_iter().any(|role| session.actor.has(role))
}

/// That a server is on record nowhere.
pub(crate) async fn unknown_server(session: &Session, server: &ServerId) -> Result<Option<Unknown>, Failure> {
    let known: Vec<String> = session.state().servers().keys().map(ToString::to_string).collect();
    let mut filter = AuditFilter::new();
    filter.server = Some(server.clone());
    unless_known("server", server.as_ref(), &known, session, &filter).await
}

/// That a tool is on record nowhere.
pub(crate) async fn unknown_tool(session: &Session, tool: &ToolId) -> Result<Option<Unknown>, Failure> {
    let known: Vec<String> = session.state().tools().keys().map(ToString::to_string).collect();
    let mut filter = AuditFilter::new();
    filter.tool = Some(tool.clone());
    unless_known("tool", &tool.to_string(), &known, session, &filter).await
}

async fn unless_known(
    kind: &'static str,
    name: &str,
    known: &[String],
    session: &Session,
    filter: &AuditFilter,
) -> Result<Option<Unknown>, Failure> {
    // What was removed since is still on record.
    if known.iter().any(|one| one == name) || any(session, filter).await? == Some(true) {
        return Ok(None);
    }
    Ok(Some(Unknown::new(kind, name, "neither in the rules nor in the record of calls", known)))
}

/// A refusal, with the name that was most likely meant where something does not exist.
pub(crate) fn refused(refusal: Refusal, state: &State) -> Failure {
    let Some((what, id)) = refusal.missing() else { return refusal.into() };
    let known: Vec<String> = match what {
        "server" => state.servers().keys().map(ToString::to_string).collect(),
        "tool" => state.tools().keys().map(ToString::to_string).collect(),
        "toolset" => state.toolsets().keys().map(ToString::to_string).collect(),
        "profile" => state.profiles().keys().map(ToString::to_string).collect(),
        "grant" => state.grants().keys().map(ToString::to_string).collect(),
        "request" => state.requests().keys().map(ToString::to_string).collect(),
        "client" => state.clients().keys().map(ToString::to_string).collect(),
        _ => Vec::new(),
    };
    match nearest(id, known.iter().map(String::as_str)) {
        Some(near) => Failure::refused(format!("{refusal}; did you mean `{near}`?")),
        None => refusal.into(),
    }
}
