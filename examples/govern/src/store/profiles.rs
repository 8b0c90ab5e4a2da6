//! The access profiles.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use mcp_govern_core::{
    ArgumentRule, ProfileId, ProfileSpec, ProfileVisibility, RequestPolicy, Timestamp, ToolsetBinding, ToolsetId,
    journal::{AccessProfile, Action, State},
};
use serde::Serialize;

use super::{
    args::{ProfilesVerb, label},
    commit::carry_out,
    grants::{self, GrantRow},
    output::{Report, Table, count, plain, show},
    session::Session,
    toolsets::rules,
};
use crate::{failure::Failure, serve::Form};

#[derive(Debug, Serialize)]
struct Profiles {
    profiles: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    profile: ProfileId,
    title: String,
    description: String,
    toolsets: Vec<ToolsetId>,
    /// How many grants of it hold.
    grants: usize,
    visibility: ProfileVisibility,
    policy: RequestPolicy,
}

/// One profile.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(flatten)]
    row: Row,
    bindings: Vec<Binding>,
    held_by: Vec<GrantRow>,
}

#[derive(Debug, Serialize)]
struct Binding {
    toolset: ToolsetId,
    rules: Vec<ArgumentRule>,
}

/// Lists profiles, shows one, or changes one.
pub(crate) async fn run(
    session: &Session,
    what: Option<&ProfilesVerb>,
    form: Form,
    out: &mut impl Write,
) -> Result<ExitCode, Failure> {
    session.readable()?;
    let now = session.governor.now();
    let (commit, action, what) = match what {
        None => {
            let state = session.state();
            let profiles = state.profiles().iter().map(|(id, profile)| Row::of(&state, id, profile, now)).collect();
            show(&Profiles { profiles }, form, out)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(ProfilesVerb::Show { profile: id }) => {
            let state = session.state();
            let profile = known(&state, id)?;
            let bindings = profile.bindings().values();
            let shown = Shown {
                row: Row::of(&state, id, profile, now),
                bindings: bindings
                    .map(|one| Binding { toolset: one.toolset.clone(), rules: one.rules.clone() })
                    .collect(),
                held_by: grants::rows(&state, now, |grant| grant.profile() == id && grant.holds(now)),
            };
            show(&shown, form, out)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(ProfilesVerb::Create { profile, title, commit }) => {
            let spec = ProfileSpec::new(label(title.as_deref(), profile));
            (commit, Action::CreateProfile { profile: profile.clone(), spec }, format!("make profile `{profile}`"))
        }
        Some(ProfilesVerb::Bind { profile, toolset, commit }) => {
            // Binding again would take the rules of the binding away.
            let bound = known(&session.state(), profile)?.bindings().get(toolset).cloned();
            let binding = bound.unwrap_or_else(|| ToolsetBinding { toolset: toolset.clone(), rules: Vec::new() });
            let action = Action::BindToolset { profile: profile.clone(), binding };
            (commit, action, format!("bind toolset `{toolset}` to profile `{profile}`"))
        }
        Some(ProfilesVerb::Unbind { profile, toolset, commit }) => {
            let action = Action::UnbindToolset { profile: profile.clone(), toolset: toolset.clone() };
            (commit, action, format!("unbind toolset `{toolset}` from profile `{profile}`"))
        }
        Some(ProfilesVerb::Delete { profile, commit }) => {
            let action = Action::DeleteProfile { profile: profile.clone() };
            (commit, action, format!("delete profile `{profile}`"))
        }
    };
    carry_out(session, commit, action, what, form, out).await
}

fn known<'a>(state: &'a State, id: &ProfileId) -> Result<&'a AccessProfile, Failure> {
    state.profiles().get(id).ok_or_else(|| Failure::refused(format!("there is no profile `{id}`")))
}

impl Row {
    fn of(state: &State, id: &ProfileId, profile: &AccessProfile, now: Timestamp) -> Self {
        let spec = profile.spec();
        let held = state.grants().values().filter(|grant| grant.profile() == id && grant.holds(now));
        Self {
            profile: id.clone(),
            title: spec.label.title.clone(),
            description: spec.label.description.clone(),
            toolsets: profile.bindings().keys().cloned().collect(),
            grants: held.count(),
            visibility: spec.visibility.clone(),
            policy: spec.policy.clone(),
        }
    }

    fn asked_for(&self) -> String {
        match &self.visibility {
            ProfileVisibility::Nobody => "nobody".to_owned(),
            ProfileVisibility::Everyone => "everyone".to_owned(),
            ProfileVisibility::Only(grantees) => {
                grantees.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn decided_by(&self) -> String {
        if self.policy.steps.is_empty() {
            return "at once".to_owned();
        }
        let step = |step: &mcp_govern_core::ApprovalStep| {
            let who: Vec<String> = step.approvers.iter().map(ToString::to_string).collect();
            let who = if who.is_empty() { "nobody".to_owned() } else { who.join(" or ") };
            format!("{} of {who}", step.quorum)
        };
        self.policy.steps.iter().map(step).collect::<Vec<_>>().join(", then ")
    }
}

impl Report for Profiles {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["PROFILE", "TITLE", "TOOLSETS", "GRANTS", "ASKED FOR BY", "DECIDED BY"]);
        for row in &self.profiles {
            let toolsets: Vec<String> = row.toolsets.iter().map(ToString::to_string).collect();
            table.row([
                row.profile.to_string(),
                row.title.clone(),
                if toolsets.is_empty() { "-".to_owned() } else { toolsets.join(", ") },
                row.grants.to_string(),
                row.asked_for(),
                if row.visibility == ProfileVisibility::Nobody { "-".to_owned() } else { row.decided_by() },
            ]);
        }
        table.write(out, "No profiles.")
    }
}

impl Report for Shown {
    fn text(&self, out: &mut dyn Write) -> io::Result<()> {
        let row = &self.row;
        writeln!(out, "{}  {}, {}", row.profile, plain(&row.title), count(row.grants, "grant"))?;
        if !row.description.is_empty() {
            writeln!(out, "{}", plain(&row.description))?;
        }
        writeln!(out, "asked for by {}; decided by {}", plain(&row.asked_for()), plain(&row.decided_by()))?;
        if let Some(seconds) = row.policy.longest_seconds {
            writeln!(out, "for {seconds} s at most")?;
        }
        writeln!(out)?;
        let mut table = Table::new(["TOOLSET", "RULES"]);
        for binding in &self.bindings {
            table.row([binding.toolset.to_string(), rules(&binding.rules)]);
        }
        table.write(out, "No toolsets.")?;
        writeln!(out)?;
        grants::table(&self.held_by).write(out, "No person holds it.")
    }
}
