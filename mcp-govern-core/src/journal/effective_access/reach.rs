//! What a profile leads to.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{AccessProfile, State, ToolState};
use crate::vocabulary::{ArgumentRule, ClientType, Digest, ProfileVisibility, RequestPolicy, ToolId, ToolsetContent};

/// What a profile leads to, and for whom.
#[derive(Debug)]
pub(super) struct Reach {
    /// The tools that can be called through it.
    pub(super) tools: BTreeMap<ToolId, Way>,
    pub(super) visibility: ProfileVisibility,
    pub(super) policy: RequestPolicy,
    /// Who holds it, a name for each grant.
    pub(super) holders: Vec<String>,
}

/// How a tool can be called.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// The rules of each way there, as texts. One that is narrower than another gives nobody anything, and is left out.
    rules: BTreeSet<BTreeSet<String>>,
    /// The definitions under which it can be called.
    approvals: BTreeSet<Digest>,
    /// From which AI clients; from all that the tenant admits where absent.
    client_types: Option<BTreeSet<ClientType>>,
}

impl Reach {
    pub(super) fn of(state: &State, profile: &AccessProfile, holders: Vec<String>) -> Self {
        let spec = profile.spec();
        Self { tools: ways(state, profile), visibility: spec.visibility.clone(), policy: spec.policy.clone(), holders }
    }

    /// Whether it matters to anybody what it leads to.
    pub(super) fn concerns_somebody(&self) -> bool {
        !self.holders.is_empty() || self.visibility != ProfileVisibility::Nobody
    }

    /// The tools of this one that another does not lead to.
    pub(super) fn beyond(&self, other: &Self) -> Vec<ToolId> {
        self.tools.keys().filter(|tool| !other.tools.contains_key(*tool)).cloned().collect()
    }

    /// The tools of both of which this holds, said of how they could be called before and can be now.
    pub(super) fn changed_from(&self, before: &Self, is: impl Fn(&Way, &Way) -> bool) -> Vec<ToolId> {
        let both = self.tools.iter().filter_map(|(tool, way)| Some((tool, before.tools.get(tool)?, way)));
        both.filter(|(_, old, new)| is(old, new)).map(|(tool, ..)| tool.clone()).collect()
    }
}

impl Way {
    fn keep_widest(&mut self) {
        let all = std::mem::take(&mut self.rules);
        let is_narrower = |way: &BTreeSet<String>| all.iter().any(|other| other != way && other.is_subset(way));
        self.rules = all.iter().filter(|way| !is_narrower(way)).cloned().collect();
    }

    /// Whether the rules are others or fewer than before: some way there is not as narrow as one that there was.
    pub(super) fn is_looser(before: &Self, after: &Self) -> bool {
        !after.rules.iter().all(|way| before.rules.iter().any(|old| old.is_subset(way)))
    }

    /// Whether there are more rules than before.
    pub(super) fn is_tighter(before: &Self, after: &Self) -> bool {
        before.rules != after.rules && !Self::is_looser(before, after)
    }

    pub(super) fn has_further_definitions(before: &Self, after: &Self) -> bool {
        !after.approvals.is_subset(&before.approvals)
    }

    pub(super) fn has_further_clients(before: &Self, after: &Self) -> bool {
        match (&before.client_types, &after.client_types) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(before), Some(after)) => !after.is_subset(before),
        }
    }

    pub(super) fn has_fewer_clients(before: &Self, after: &Self) -> bool {
        before.client_types != after.client_types && !Self::has_further_clients(before, after)
    }
}

/// The tools that can be called through a profile, with the rules of each way there.
fn ways(state: &State, profile: &AccessProfile) -> BTreeMap<ToolId, Way> {
    let mut reached: BTreeMap<ToolId, Way> = BTreeMap::new();
    for binding in profile.bindings().values() {
        let Some(toolset) = state.toolsets().get(&binding.toolset) else { continue };
        let approved = state.tools().iter().filter(|(_, tool)| tool.state() == ToolState::Approved);
        for (id, tool) in approved.filter(|(id, tool)| toolset.holds(id, tool)) {
            let of_server = state.servers().get(id.server()).map(|server| server.spec().rules.as_slice());
            let of_entry = match toolset.content() {
                ToolsetContent::Chosen(tools) => tools.get(id).map(|entry| entry.rules.as_slice()),
                ToolsetContent::Maintained(_) => None,
            };
            let all = [of_server.unwrap_or_default(), &binding.rules, of_entry.unwrap_or_default()];
            let way = reached.entry(id.clone()).or_default();
            way.rules.insert(all.into_iter().flatten().map(text).collect());
            way.approvals.extend(tool.approvals());
            way.client_types = tool.client_types().cloned();
        }
    }
    reached.values_mut().for_each(Way::keep_widest);
    reached
}

/// A rule as a text, to be compared.
fn text(rule: &ArgumentRule) -> String {
    serde_json::to_string(rule).unwrap_or_default()
}
