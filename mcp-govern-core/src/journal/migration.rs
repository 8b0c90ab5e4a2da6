//! What becomes of a server's tools, and of the rules on them, where another catalogue takes the place of theirs: that of another
//! edition of the provider. Pure: it is asked before anything is changed.
//!
//! To move a server without a gap, look at its [`Migration`], approve ahead what means the same
//! ([`Action::PinTools`](super::Action::PinTools)), change the edition
//! ([`Action::ChangeServer`](super::Action::ChangeServer)), set the new credential and sync.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::{
    Pin, State, Tool, ToolState,
    drift::{FieldChange, diff, grade},
};
use crate::vocabulary::{
    ArgumentRule, Catalogue, Constraint, Digest, DigestError, DriftAction, NewToolState, ProfileId, ServerId,
    ToolDefinition, ToolId, ToolName, ToolsetContent, ToolsetId,
};

/// What another catalogue makes of a server's tools.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Migration {
    /// The tools of both, in the order of their ids.
    pub tools: Vec<ToolMove>,
    /// Rules that will not hold for a tool as they do now.
    pub rules: Vec<RuleLoss>,
}

/// What becomes of one tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToolMove {
    /// The tool.
    pub tool: ToolId,
    /// Where it leads.
    pub outcome: MoveOutcome,
    /// The state of its approval now; none where it is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ToolState>,
    /// The digest of the coming definition; none where there will be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What changes in what the tool means.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// What changes in how its requests are made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub binding: Vec<FieldChange>,
    /// Why there will be no such tool, where the provider says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the tool will be approved when the coming definition is found: it was approved ahead, is the same one, or is let pass
    /// without a review.
    pub approved: bool,
}

/// What becomes of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveOutcome {
    /// Its definition is the same one.
    Unchanged,
    /// It means the same: only destination, path, form or credentials differ.
    SameMeaning,
    /// It means something else.
    Changed,
    /// It will not be there.
    Gone,
    /// It is not there now.
    New,
}

impl MoveOutcome {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Unchanged, Self::SameMeaning, Self::Changed, Self::Gone, Self::New];

    /// The outcome's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::SameMeaning => "same_meaning",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::New => "new",
        }
    }
}

/// A rule that will not hold for a tool as it does now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RuleLoss {
    /// Where the rule stands.
    pub place: RulePlace,
    /// For which tool.
    pub tool: ToolId,
    /// The argument that the rule names.
    pub argument: String,
    /// Why it will not hold.
    pub loss: Loss,
}

/// Where a rule stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RulePlace {
    /// In the server's row.
    Server,
    /// At the tool's entry in a toolset.
    Toolset(ToolsetId),
    /// At the binding of a toolset to a profile.
    Binding {
        /// The profile.
        profile: ProfileId,
        /// The toolset.
        toolset: ToolsetId,
    },
}

impl std::fmt::Display for RulePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server => f.write_str("the server"),
            Self::Toolset(toolset) => write!(f, "toolset `{toolset}`"),
            Self::Binding { profile, toolset } => write!(f, "toolset `{toolset}` in profile `{profile}`"),
        }
    }
}

/// Why a rule will not hold as it does now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Loss {
    /// The coming definition has no such argument: every call by this way will be denied.
    Absent,
    /// The argument will be of another type.
    Type {
        /// The type now.
        before: Value,
        /// The type then.
        after: Value,
    },
    /// Values that the rule names will not be admitted.
    Values {
        /// These.
        values: Vec<Value>,
    },
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("there will be no such argument, so that every call by this way is denied"),
            Self::Type { before, after } => write!(f, "the argument will be of type {after} instead of {before}"),
            Self::Values { values } => {
                let values: Vec<String> = values.iter().map(Value::to_string).collect();
                write!(f, "the argument will not admit {}", values.join(", "))
            }
        }
    }
}

/// What a catalogue makes of a server's tools, were it synced. `absent` says why tools are not in it.
///
/// # Errors
///
/// When a definition has no digest: its catalogue could not be synced either.
pub fn migration(
    state: &State,
    server: &ServerId,
    to: &Catalogue,
    absent: &BTreeMap<ToolName, String>,
) -> Result<Migration, DigestError> {
    let mut moves: BTreeMap<ToolId, ToolMove> = BTreeMap::new();
    for (id, tool) in state.tools_of(server).filter(|(_, tool)| tool.state != ToolState::Removed) {
        let coming = to.tool(id.name());
        let reason = absent.get(id.name()).filter(|_| coming.is_none()).cloned();
        moves.insert(id.clone(), moved(state, id, Some(tool), coming.map(|tool| &**tool), reason)?);
    }
    for coming in &to.tools {
        let id = ToolId::new(server.clone(), coming.name.clone());
        if !moves.contains_key(&id) {
            let known = state.tools.get(&id);
            moves.insert(id.clone(), moved(state, &id, known, Some(coming), None)?);
        }
    }
    Ok(Migration { tools: moves.into_values().collect(), rules: losses(state, server, to) })
}

fn moved(
    state: &State,
    id: &ToolId,
    known: Option<&Tool>,
    coming: Option<&ToolDefinition>,
    reason: Option<String>,
) -> Result<ToolMove, DigestError> {
    let digest = coming.map(ToolDefinition::digest).transpose()?;
    let offered = known.filter(|tool| tool.state != ToolState::Removed);
    let (binding, changes): (Vec<FieldChange>, Vec<FieldChange>) = match (offered, coming) {
        (Some(tool), Some(coming)) => diff(&tool.definition, coming)
            .into_iter()
            .partition(|change| ToolDefinition::is_of_binding(&change.field, &coming.binding)),
        _ => Default::default(),
    };
    let outcome = match (offered, digest) {
        (None, _) => MoveOutcome::New,
        (Some(_), None) => MoveOutcome::Gone,
        (Some(tool), Some(digest)) if tool.digest == digest => MoveOutcome::Unchanged,
        (Some(_), Some(_)) if changes.is_empty() => MoveOutcome::SameMeaning,
        (Some(_), Some(_)) => MoveOutcome::Changed,
    };
    let by_pin = |digest: Digest| {
        let pinned: Option<&Pin> = state.pin(id, &digest);
        pinned.is_some() && known.is_none_or(|tool| tool.state != ToolState::Disabled)
    };
    let by_itself = |digest: Digest| {
        known.is_some_and(|tool| tool.state == ToolState::Approved && tool.approvals.contains(&digest))
    };
    let by_policy = |coming: &ToolDefinition| passes(state, id.server(), known, coming);
    let approved = digest.is_some_and(|digest| by_pin(digest) || by_itself(digest)) || coming.is_some_and(by_policy);
    Ok(ToolMove {
        tool: id.clone(),
        outcome,
        state: known.map(|tool| tool.state),
        digest,
        changes,
        binding,
        reason,
        approved,
    })
}

/// Whether a definition is let pass without a review: new tools of the server are, or changes as small as this one.
fn passes(state: &State, server: &ServerId, known: Option<&Tool>, coming: &ToolDefinition) -> bool {
    let Some(row) = state.servers.get(server) else { return false };
    let Some(tool) = known else {
        return row.spec.new_tools.unwrap_or(state.settings.new_tools) == NewToolState::Approved;
    };
    let policy = row.spec.drift.unwrap_or(state.settings.drift);
    let baseline = tool.reviewed.as_ref().map_or(&tool.definition, |(_, reviewed)| reviewed);
    let kept = || grade(baseline, coming).is_some_and(|grade| grade.action(&policy) == DriftAction::Keep);
    tool.state == ToolState::Approved && kept()
}

/// The rules on arguments that the tools have now and will not have in the same way.
fn losses(state: &State, server: &ServerId, to: &Catalogue) -> Vec<RuleLoss> {
    let mut found = Losses { found: Vec::new() };
    let both = || {
        let offered = state.tools_of(server).filter(|(_, tool)| tool.state != ToolState::Removed);
        offered.filter_map(|(id, tool)| Some((id, tool, &**to.tool(id.name())?)))
    };
    if let Some(row) = state.servers.get(server) {
        for (id, tool, coming) in both() {
            found.of(&row.spec.rules, &RulePlace::Server, id, &tool.definition, coming);
        }
    }
    for (toolset, row) in &state.toolsets {
        let ToolsetContent::Chosen(entries) = &row.content else { continue };
        for (id, tool, coming) in both() {
            if let Some(entry) = entries.get(id) {
                found.of(&entry.rules, &RulePlace::Toolset(toolset.clone()), id, &tool.definition, coming);
            }
        }
    }
    for (profile, row) in &state.profiles {
        for binding in row.bindings.values().filter(|binding| !binding.rules.is_empty()) {
            let Some(toolset) = state.toolsets.get(&binding.toolset) else { continue };
            let place = RulePlace::Binding { profile: profile.clone(), toolset: binding.toolset.clone() };
            for (id, tool, coming) in both().filter(|(id, tool, _)| toolset.holds(id, tool)) {
                found.of(&binding.rules, &place, id, &tool.definition, coming);
            }
        }
    }
    found.found
}

struct Losses {
    found: Vec<RuleLoss>,
}

impl Losses {
    fn of(
        &mut self,
        rules: &[ArgumentRule],
        place: &RulePlace,
        tool: &ToolId,
        now: &ToolDefinition,
        coming: &ToolDefinition,
    ) {
        for rule in rules {
            // A rule on an argument that the tool does not have now is none of its rules.
            let Some(before) = property(now, &rule.argument) else { continue };
            if let Some(loss) = loss(rule, before, property(coming, &rule.argument)) {
                let (place, tool, argument) = (place.clone(), tool.clone(), rule.argument.clone());
                self.found.push(RuleLoss { place, tool, argument, loss });
            }
        }
    }
}

fn property<'a>(definition: &'a ToolDefinition, argument: &str) -> Option<&'a Value> {
    definition.input_schema.get("properties")?.get(argument)
}

fn loss(rule: &ArgumentRule, before: &Value, after: Option<&Value>) -> Option<Loss> {
    let Some(after) = after else { return Some(Loss::Absent) };
    let kind = |schema: &Value| schema.get("type").cloned().unwrap_or(Value::Null);
    if kind(before) != kind(after) {
        return Some(Loss::Type { before: kind(before), after: kind(after) });
    }
    let named: &[Value] = match &rule.constraint {
        Constraint::Fixed(value) => std::slice::from_ref(value),
        Constraint::OneOf(values) | Constraint::Subset(values) => values,
        Constraint::Max(_) | Constraint::Pattern(_) => &[],
    };
    let place = if matches!(rule.constraint, Constraint::Subset(_)) { after.get("items") } else { Some(after) };
    let admitted = place.and_then(|schema| schema.get("enum")).and_then(Value::as_array)?;
    let values: Vec<Value> = named.iter().filter(|value| !admitted.contains(value)).cloned().collect();
    (!values.is_empty()).then_some(Loss::Values { values })
}
