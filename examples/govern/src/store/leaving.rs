//! What a commit takes away for good, and what it leaves: told before it is done, and asked about.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    ClientId, CredentialOwner, Grantee, GroupId, ProfileId, ProfileVisibility, RequestId, ServerId, Timestamp, UserId,
    journal::{Action, KillScope, RequestStatus, State},
};
use serde::Serialize;

use super::{
    args::CommitArguments,
    commit::carry_out,
    grants::{self, GrantRow},
    output::{count, plain, quoted},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

/// What follows from a commit besides who may do what.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Consequences {
    /// A person leaves.
    Leaving(Box<Leaving>),
    /// Every call to this server is denied until another credential is set.
    NoCalls(ServerId),
    /// A server is reached by another edition: so many credentials are taken away.
    OtherEdition(ServerId, usize),
}

/// What ends when a person leaves, and what stays.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Leaving {
    user: String,
    ends: Ends,
    stays: Stays,
}

#[derive(Debug, Clone, Serialize)]
struct Ends {
    grants: Vec<GrantRow>,
    /// Open requests, which are cancelled.
    requests: Vec<RequestRow>,
    /// Accounts of the person's own, which are disconnected.
    accounts: Vec<Account>,
    /// Personal AI clients, which are closed.
    clients: Vec<ClientId>,
}

#[derive(Debug, Clone, Serialize)]
struct RequestRow {
    request: RequestId,
    profile: ProfileId,
}

#[derive(Debug, Clone, Serialize)]
struct Account {
    server: ServerId,
    authorized_as: Option<String>,
}

/// What is not the person's alone, and what others wrote into the rules.
#[derive(Debug, Clone, Serialize)]
struct Stays {
    /// The profiles that groups hold. Who belongs to a group is stated by the identity provider at each sign-in, and known by nothing
    /// else.
    groups: BTreeMap<GroupId, Vec<ProfileId>>,
    /// Servers that name the person as an owner.
    owns: Vec<ServerId>,
    /// Profiles whose requests the person may approve.
    approves: Vec<ProfileId>,
    /// Profiles that are shown to the person by name.
    may_ask_for: Vec<ProfileId>,
    /// Whether the person's kill switch is on, so that no call is admitted whatever stays.
    killed: bool,
}

/// Ends everything that a person has.
pub(crate) async fn offboard(
    session: &Session,
    user: &UserId,
    commit: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    let action = Action::OffboardUser { user: user.clone() };
    carry_out(session, commit, action, format!("off-board {user}"), form, out).await
}

impl Consequences {
    /// What follows from an action in a state; nothing for most.
    pub(crate) fn of(state: &State, action: &Action, now: Timestamp) -> Option<Self> {
        match action {
            Action::OffboardUser { user } => Some(Self::Leaving(Box::new(Leaving::of(state, user, now)))),
            Action::RemoveCredential { server, owner: CredentialOwner::Shared } => {
                state.credential(server, &CredentialOwner::Shared).map(|_| Self::NoCalls(server.clone()))
            }
            _ => None,
        }
    }

    /// Writes it for people.
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::NoCalls(server) => {
                writeln!(out, "  - every call to server `{server}` is denied until another credential is set")
            }
            Self::OtherEdition(server, credentials) => writeln!(
                out,
                "  - server `{server}` loses {}: every call to it is denied until a credential of the other edition is set",
                count(*credentials, "credential")
            ),
            Self::Leaving(leaving) => leaving.write(out),
        }
    }
}

impl Leaving {
    fn of(state: &State, user: &UserId, now: Timestamp) -> Self {
        let (holder, owner) = (Grantee::User(user.clone()), CredentialOwner::User(user.clone()));
        let open = state
            .requests()
            .iter()
            .filter(|(_, request)| request.user() == user && request.status(now) == RequestStatus::Pending);
        let connected = state.credentials().filter(|(_, of, _)| **of == owner);
        let personal = state.clients().iter().filter(|(_, client)| client.owner() == Some(user) && !client.is_closed());
        let mut groups: BTreeMap<GroupId, Vec<ProfileId>> = BTreeMap::new();
        for grant in state.grants().values().filter(|grant| grant.holds(now)) {
            if let Grantee::Group(group) = grant.grantee() {
                groups.entry(group.clone()).or_default().push(grant.profile().clone());
            }
        }
        for profiles in groups.values_mut() {
            profiles.sort();
            profiles.dedup();
        }
        let profiles = |named: &dyn Fn(&mcp_govern_core::ProfileSpec) -> bool| -> Vec<ProfileId> {
            state.profiles().iter().filter(|(_, profile)| named(profile.spec())).map(|(id, _)| id.clone()).collect()
        };
        let in_charge = state.servers().iter().filter(|(_, server)| server.spec().owners.contains(user));
        Self {
            user: user.to_string(),
            ends: Ends {
                grants: grants::rows(state, now, |grant| *grant.grantee() == holder),
                requests: open
                    .map(|(id, request)| RequestRow { request: id.clone(), profile: request.profile().clone() })
                    .collect(),
                accounts: connected
                    .map(|(server, _, credential)| Account {
                        server: server.clone(),
                        authorized_as: credential.facts().authorized_as.clone(),
                    })
                    .collect(),
                clients: personal.map(|(id, _)| id.clone()).collect(),
            },
            stays: Stays {
                groups,
                owns: in_charge.map(|(id, _)| id.clone()).collect(),
                approves: profiles(&|spec| spec.policy.steps.iter().any(|step| step.approvers.contains(&holder))),
                may_ask_for: profiles(
                    &|spec| matches!(&spec.visibility, ProfileVisibility::Only(who) if who.contains(&holder)),
                ),
                killed: state.kills().contains(&KillScope::User(user.clone())),
            },
        }
    }

    /// Grants and AI clients are told with what changes in access.
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Ends { requests, accounts, .. } = &self.ends;
        for RequestRow { request, profile } in requests {
            writeln!(out, "  - the open request `{request}` for `{profile}` is cancelled")?;
        }
        for Account { server, authorized_as } in accounts {
            let whose = authorized_as.as_ref().map_or_else(String::new, |whom| format!(" ({})", plain(whom)));
            writeln!(
                out,
                "  - the connected account of server `{server}`{whose} is removed; the vendor is not informed"
            )?;
        }
        let Stays { groups, owns, approves, may_ask_for, killed } = &self.stays;
        for (group, profiles) in groups {
            let group = plain(group.as_ref());
            writeln!(
                out,
                "  = the group `{group}` holds {}: so does the person, as long as the sign-in states that group",
                quoted(profiles)
            )?;
        }
        for server in owns {
            writeln!(out, "  = the person stays an owner of server `{server}`: change the server")?;
        }
        for (what, profiles) in [("an approver of requests for", approves), ("shown", may_ask_for)] {
            if !profiles.is_empty() {
                writeln!(out, "  = the person stays {what} {}: change the profile", quoted(profiles))?;
            }
        }
        let name = plain(&self.user);
        if *killed {
            writeln!(out, "  = no call of the person is admitted: the kill switch is on")
        } else {
            writeln!(out, "  = whatever stays, `govern kill user \"{name}\"` stops every call of the person")
        }
    }
}
