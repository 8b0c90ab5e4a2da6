//! Planning toolsets: what can be put in now, and what has to wait.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    BlueprintError, ToolsetBlueprint, Unnamed, Waiting,
    planner::{Planned, Planner, count, meant},
};
use crate::{
    journal::{Action, ToolState},
    schema::nearest,
    vocabulary::{ToolId, ToolsetContent, ToolsetEntry, ToolsetId},
};

impl Planner<'_> {
    pub(super) fn toolset(&mut self, id: &ToolsetId, toolset: &ToolsetBlueprint, unnamed: Unnamed) -> Planned {
        let place = format!("toolsets.{id}");
        let wanted = match &toolset.follows {
            Some(_) if !toolset.tools.is_empty() => {
                return Err(BlueprintError::invalid(
                    place,
                    "it names tools and follows a server: make two toolsets of it",
                ));
            }
            Some(follows) if self.broken.servers.contains(&follows.server) => {
                self.broken.toolsets.insert(id.clone());
                return Ok(());
            }
            Some(follows) => {
                // Also where the toolset is there: its server may have been synced since.
                if let Some(reason) = self.state.unknown_area(follows) {
                    return Err(BlueprintError::invalid(place, reason));
                }
                ToolsetContent::Maintained(follows.clone())
            }
            None => ToolsetContent::Chosen(self.enterable(&place, id, toolset)?),
        };
        // Told where every tool is there: a slip in the name of a tool would be told twice.
        if let Some(tool) = toolset.rules.keys().find(|tool| !toolset.tools.contains(*tool)) {
            let names: Vec<String> = toolset.tools.iter().map(ToString::to_string).collect();
            let near = nearest(&tool.to_string(), names.iter().map(String::as_str)).map(str::to_owned);
            let reason = format!("there are rules on `{tool}`, which is not among its tools{}", meant(near.as_deref()));
            return Err(BlueprintError::invalid(place, reason));
        }
        let label = toolset.label();
        let Some(row) = self.state.toolsets.get(id) else {
            let why = format!("create toolset `{id}`");
            return self.step(&place, &why, Action::CreateToolset { toolset: id.clone(), label, content: wanted });
        };
        let (tools, extra) = match (&row.content, wanted) {
            (ToolsetContent::Chosen(held), ToolsetContent::Chosen(tools)) => {
                let extra = held.keys().filter(|tool| !toolset.tools.contains(*tool)).cloned().collect();
                (tools, extra)
            }
            (held, wanted) if *held == wanted => (BTreeMap::new(), BTreeSet::new()),
            (_, _) => {
                return Err(BlueprintError::invalid(
                    place,
                    "there is such a toolset already, and it follows something else: delete it, or choose another id",
                ));
            }
        };
        self.step(&place, &format!("label toolset `{id}`"), Action::LabelToolset { toolset: id.clone(), label })?;
        if !tools.is_empty() {
            let why = format!("put tools into toolset `{id}`");
            self.step(&place, &why, Action::SetToolsetTools { toolset: id.clone(), tools })?;
        }
        self.drop_tools(&place, id, extra, unnamed)
    }

    fn drop_tools(&mut self, place: &str, id: &ToolsetId, tools: BTreeSet<ToolId>, unnamed: Unnamed) -> Planned {
        if tools.is_empty() || unnamed == Unnamed::Keep {
            return Ok(());
        }
        let why = format!("take {} out of toolset `{id}`", count(tools.len(), "tool"));
        self.step(place, &why, Action::RemoveToolsetTools { toolset: id.clone(), tools })
    }

    /// The tools that can be put in now: those that are approved, or in already.
    fn enterable(
        &mut self,
        place: &str,
        id: &ToolsetId,
        toolset: &ToolsetBlueprint,
    ) -> Result<BTreeMap<ToolId, ToolsetEntry>, BlueprintError> {
        let (mut tools, mut faults) = (BTreeMap::new(), Vec::new());
        for tool in &toolset.tools {
            if self.broken.servers.contains(tool.server()) {
                continue;
            }
            if !self.is_synced(tool.server()) && self.plan.to_sync.contains(tool.server()) {
                let why = format!("server `{}` is to be synced first", tool.server());
                self.plan.waiting.push(Waiting { tool: tool.clone(), place: place.to_owned(), why });
                continue;
            }
            let state = match self.known(place, tool) {
                Ok(known) => known.state,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let held = match self.state.toolsets.get(id).map(|toolset| &toolset.content) {
                Some(ToolsetContent::Chosen(held)) => held.contains_key(tool),
                Some(ToolsetContent::Maintained(_)) | None => false,
            };
            if state == ToolState::Approved || held {
                let rules = toolset.rules.get(tool).cloned().unwrap_or_default();
                tools.insert(tool.clone(), ToolsetEntry { rules });
            } else {
                let why = format!("it is {state}: only approved tools can be put into a toolset");
                self.plan.waiting.push(Waiting { tool: tool.clone(), place: place.to_owned(), why });
            }
        }
        if faults.is_empty() { Ok(tools) } else { Err(BlueprintError::Several(faults)) }
    }
}
