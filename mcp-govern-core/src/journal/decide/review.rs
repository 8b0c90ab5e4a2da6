//! Reviewing tools: approve, disable, reset, classify.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Events};
use crate::{
    journal::{
        Event, Refusal, Tool,
        approval::{self, ApprovalEvent},
        event::{ToolApproved, ToolApprovedAhead, ToolClassified, ToolClientTypesSet, ToolDisabled, ToolReset},
    },
    vocabulary::{ClientType, Digest, Effect, Risk, ToolId},
};

impl Case<'_> {
    pub(super) fn approve_tools(&self, tools: &BTreeMap<ToolId, Digest>) -> Events {
        not_empty(tools.len())?;
        tools.iter().map(|(id, digest)| self.approve(id, *digest)).collect()
    }

    pub(super) fn disable_tools(&self, tools: &BTreeSet<ToolId>) -> Events {
        not_empty(tools.len())?;
        let each = |id: &ToolId| {
            step(id, self.tool(id)?, ApprovalEvent::Disable, "disabled")?;
            Ok(ToolDisabled { tool: id.clone() }.into())
        };
        tools.iter().map(each).collect()
    }

    pub(super) fn reset_tools(&self, tools: &BTreeSet<ToolId>) -> Events {
        not_empty(tools.len())?;
        let each = |id: &ToolId| {
            step(id, self.tool(id)?, ApprovalEvent::Reset, "reset")?;
            Ok(ToolReset { tool: id.clone() }.into())
        };
        tools.iter().map(each).collect()
    }

    pub(super) fn classify_tool(&self, id: &ToolId, effect: Option<Effect>, risk: Option<Risk>) -> Events {
        let tool = self.tool(id)?;
        if (tool.effect, tool.risk) == (effect, risk) {
            return Ok(Vec::new());
        }
        Ok(vec![ToolClassified { tool: id.clone(), effect, risk }.into()])
    }

    pub(super) fn set_tool_client_types(&self, id: &ToolId, types: Option<&BTreeSet<ClientType>>) -> Events {
        let tool = self.tool(id)?;
        if types.is_some_and(BTreeSet::is_empty) {
            return Err(Refusal::invalid(format!("tool `{id}` would admit no client type at all: disable it instead")));
        }
        if tool.client_types.as_ref() == types {
            return Ok(Vec::new());
        }
        Ok(vec![ToolClientTypesSet { tool: id.clone(), types: types.cloned() }.into()])
    }

    /// An approval names the digest that the reviewer saw: the current definition's or a staged one's.
    fn approve(&self, id: &ToolId, digest: Digest) -> Result<Event, Refusal> {
        let tool = self.tool(id)?;
        if digest == tool.digest {
            step(id, tool, ApprovalEvent::Approve, "approved")?;
            return Ok(ToolApproved { tool: id.clone(), digest }.into());
        }
        if tool.staged.contains_key(&digest) {
            step(id, tool, ApprovalEvent::ApproveAhead, "approved ahead")?;
            if tool.approvals.contains(&digest) {
                return Err(Refusal::not_possible(format!(
                    "tool `{id}` cannot be approved ahead: its coming definition is approved already"
                )));
            }
            return Ok(ToolApprovedAhead { tool: id.clone(), digest }.into());
        }
        Err(Refusal::conflict(format!(
            "the definition of tool `{id}` has moved since it was reviewed: it is `{}` now, the review saw `{digest}`; \
             review the change and approve again",
            tool.digest
        )))
    }
}

pub(super) fn step(id: &ToolId, tool: &Tool, event: ApprovalEvent, done: &str) -> Result<(), Refusal> {
    approval::next(tool.state, event)
        .map(|_| ())
        .map_err(|reason| Refusal::not_possible(format!("tool `{id}` cannot be {done}: {reason}")))
}

pub(super) fn not_empty(count: usize) -> Result<(), Refusal> {
    if count == 0 { Err(Refusal::invalid("the command names no tool")) } else { Ok(()) }
}
