//! Toolsets and what they hold.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Events, free, known, validate};
use crate::{
    journal::{
        Refusal, ToolState, Toolset,
        event::{ToolsetCreated, ToolsetDeleted, ToolsetLabelled, ToolsetToolsRemoved, ToolsetToolsSet},
    },
    vocabulary::{Follows, Label, ToolId, ToolsetContent, ToolsetEntry, ToolsetId},
};

impl Case<'_> {
    pub(super) fn create_toolset(&self, id: &ToolsetId, label: &Label, content: &ToolsetContent) -> Events {
        free(self.state.toolsets.get(id), "toolset", id)?;
        validate::label("the toolset", label)?;
        match content {
            ToolsetContent::Chosen(tools) => self.may_enter(tools, &BTreeMap::new())?,
            ToolsetContent::Maintained(follows) => {
                self.server(&follows.server)?;
                if let Some(reason) = self.state.unknown_area(follows) {
                    return Err(Refusal::invalid(reason));
                }
            }
        }
        Ok(vec![ToolsetCreated { toolset: id.clone(), label: label.clone(), content: content.clone() }.into()])
    }

    pub(super) fn label_toolset(&self, id: &ToolsetId, label: &Label) -> Events {
        let toolset = self.toolset(id)?;
        validate::label("the toolset", label)?;
        if toolset.label == *label {
            return Ok(Vec::new());
        }
        Ok(vec![ToolsetLabelled { toolset: id.clone(), label: label.clone() }.into()])
    }

    pub(super) fn set_toolset_tools(&self, id: &ToolsetId, tools: &BTreeMap<ToolId, ToolsetEntry>) -> Events {
        let held = self.chosen(id)?;
        if tools.is_empty() {
            return Err(Refusal::invalid("the command names no tool"));
        }
        self.may_enter(tools, held)?;
        if tools.iter().all(|(tool, entry)| held.get(tool) == Some(entry)) {
            return Ok(Vec::new());
        }
        Ok(vec![ToolsetToolsSet { toolset: id.clone(), tools: tools.clone() }.into()])
    }

    pub(super) fn remove_toolset_tools(&self, id: &ToolsetId, tools: &BTreeSet<ToolId>) -> Events {
        let held = self.chosen(id)?;
        if tools.is_empty() {
            return Err(Refusal::invalid("the command names no tool"));
        }
        if let Some(tool) = tools.iter().find(|tool| !held.contains_key(*tool)) {
            return Err(Refusal::not_found(&format!("tool in toolset `{id}` named"), tool));
        }
        Ok(vec![ToolsetToolsRemoved { toolset: id.clone(), tools: tools.clone() }.into()])
    }

    pub(super) fn delete_toolset(&self, id: &ToolsetId) -> Events {
        self.toolset(id)?;
        Ok(vec![ToolsetDeleted { toolset: id.clone() }.into()])
    }

    pub(super) fn toolset(&self, id: &ToolsetId) -> Result<&Toolset, Refusal> {
        known(self.state.toolsets.get(id), "toolset", id)
    }

    /// Only approved tools enter. The rules of one that is in can be replaced whatever became of it.
    fn may_enter(
        &self,
        tools: &BTreeMap<ToolId, ToolsetEntry>,
        held: &BTreeMap<ToolId, ToolsetEntry>,
    ) -> Result<(), Refusal> {
        for (id, entry) in tools {
            let state = self.tool(id)?.state;
            if state != ToolState::Approved && !held.contains_key(id) {
                return Err(Refusal::not_possible(format!(
                    "tool `{id}` is {state}: only approved tools can be put into a toolset"
                )));
            }
            validate::rules(&format!("of tool `{id}` in the toolset"), &entry.rules)?;
        }
        Ok(())
    }

    fn chosen(&self, id: &ToolsetId) -> Result<&BTreeMap<ToolId, ToolsetEntry>, Refusal> {
        match &self.toolset(id)?.content {
            ToolsetContent::Chosen(tools) => Ok(tools),
            ToolsetContent::Maintained(Follows { server, .. }) => Err(Refusal::not_possible(format!(
                "toolset `{id}` follows server `{server}` by rule and is read-only: review the tools, or make a toolset of \
                 chosen ones"
            ))),
        }
    }
}
