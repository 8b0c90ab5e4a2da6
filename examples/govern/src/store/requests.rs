//! The requests for access.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use mcp_govern_core::{
    ApprovalStep, ProfileId, RequestId, Timestamp,
    journal::{AccessRequest, Action, RequestStatus, State},
};
use serde::Serialize;

use super::{
    args::{CommitArguments, RequestsVerb},
    commit::carry_out,
    grants::fresh,
    output::{Report, Table, or_dash, plain, show},
    session::Session,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Requests {
    requests: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    request: RequestId,
    profile: ProfileId,
    user: String,
    status: RequestStatus,
    justification: Option<String>,
    /// For how long; without end where absent.
    seconds: Option<u64>,
    at: Timestamp,
    expires: Timestamp,
    /// The step that it waits at, from 1, of so many.
    step: u32,
    steps: usize,
    /// Who may approve that step.
    approvers: Vec<String>,
    /// Who approved before.
    approved_by: Vec<String>,
}

/// Lists requests, or decides one.
pub(crate) async fn run(
    session: &Session,
    what: Option<&RequestsVerb>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let (commit, action, what) = match what {
        None => return list(session, false, form, out),
        Some(RequestsVerb::List { all }) => return list(session, *all, form, out),
        Some(RequestsVerb::Approve { request, commit }) => {
            let action = Action::ApproveRequest { request: request.clone(), grant: fresh(commit)? };
            (commit, action, format!("approve request `{request}`"))
        }
        Some(RequestsVerb::Deny { request, commit }) => {
            let action = Action::DenyRequest { request: request.clone() };
            (commit, action, format!("deny request `{request}`"))
        }
        Some(RequestsVerb::Cancel { request, commit }) => {
            let action = Action::CancelRequest { request: request.clone() };
            (commit, action, format!("take request `{request}` back"))
        }
    };
    carry_out(session, commit, action, what, form, out).await
}

/// Asks for a profile in the actor's own name. The reason is what the approvers read.
pub(crate) async fn ask(
    session: &Session,
    profile: &ProfileId,
    duration: Option<Duration>,
    commit: &CommitArguments,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let grant = fresh(commit)?;
    let request = RequestId::new(grant.as_str().replacen("grant-", "request-", 1))?;
    let what = format!("ask for `{profile}` as {}, request `{request}`", session.actor.user());
    let action = Action::RequestAccess {
        request,
        grant,
        profile: profile.clone(),
        justification: commit.reason.clone(),
        seconds: duration.map(|duration| duration.as_secs()),
    };
    carry_out(session, commit, action, what, form, out).await
}

fn list(session: &Session, all: bool, form: Form, out: &mut impl Write) -> Result<ExitCode, Failure> {
    let now = session.governor.now();
    show(&Requests { requests: rows(&session.state(), now, all) }, form, out)?;
    Ok(ExitCode::SUCCESS)
}

fn rows(state: &State, now: Timestamp, all: bool) -> Vec<Row> {
    let wanted = state.requests().iter().filter(|(_, one)| all || one.status(now) == RequestStatus::Pending);
    let mut rows: Vec<Row> = wanted.map(|(id, request)| Row::of(id, request, now)).collect();
    // The one that waits longest first.
    rows.sort_by(|one, other| one.at.cmp(&other.at).then_with(|| one.request.cmp(&other.request)));
    rows
}

impl Row {
    fn of(id: &RequestId, request: &AccessRequest, now: Timestamp) -> Self {
        let steps = &request.policy().steps;
        let step = request.current_step();
        let at = usize::try_from(step).ok().and_then(|index| steps.get(index));
        let approvers = |step: &ApprovalStep| step.approvers.iter().map(ToString::to_string).collect();
        Self {
            request: id.clone(),
            profile: request.profile().clone(),
            user: request.user().to_string(),
            status: request.status(now),
            justification: request.justification().map(str::to_owned),
            seconds: request.seconds(),
            at: request.at(),
            expires: request.expires(),
            step: step.saturating_add(1).min(u32::try_from(steps.len()).unwrap_or(u32::MAX)),
            steps: steps.len(),
            approvers: at.map(approvers).unwrap_or_default(),
            approved_by: request.approvals().iter().map(|(_, user)| user.to_string()).collect(),
        }
    }

    fn status(&self) -> String {
        match self.status {
            RequestStatus::Pending => format!("step {} of {}", self.step, self.steps),
            RequestStatus::Approved => "approved".to_owned(),
            RequestStatus::Denied => "denied".to_owned(),
            RequestStatus::Cancelled => "cancelled".to_owned(),
            RequestStatus::Expired => "expired".to_owned(),
        }
    }
}

impl Report for Requests {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["REQUEST", "PROFILE", "BY", "STATUS", "SECONDS", "APPROVERS", "EXPIRES"]);
        for row in &self.requests {
            let approvers = if row.approvers.is_empty() { "-".to_owned() } else { row.approvers.join(" or ") };
            table.row([
                row.request.to_string(),
                row.profile.to_string(),
                row.user.clone(),
                row.status(),
                or_dash(row.seconds),
                approvers,
                row.expires.to_string(),
            ]);
        }
        table.write(out, "No such requests.")?;
        for row in &self.requests {
            if let Some(why) = &row.justification {
                writeln!(out, "{}: {}", row.request, plain(why))?;
            }
        }
        Ok(())
    }
}
