//! Who impact a tool by its approval: a view of the state that reviewers need.

use std::collections::BTreeSet;

use super::{State, Tool, Toolset};
use crate::{
    schema::nearest,
    vocabulary::{Follows, ProfileId, ToolId, ToolsetContent, ToolsetId},
};

/// A profile that reaches a tool through a toolset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[non_exhaustive]
pub struct Impact {
    /// The profile whose holders reach the tool.
    pub profile: ProfileId,
    /// The toolset through which they do.
    pub toolset: ToolsetId,
    /// The tool.
    pub tool: ToolId,
}

/// Whose holders can call these tools once they are approved: through maintained toolsets that they enter, and through chosen
/// ones that hold them already. Shown to whoever approves. Tools that are not known gain nobody anything.
pub fn impact<'a>(state: &State, tools: impl IntoIterator<Item = &'a ToolId>) -> Vec<Impact> {
    let tools: BTreeSet<&ToolId> = tools.into_iter().collect();
    let mut impact = Vec::new();
    for (profile, row) in &state.profiles {
        for id in row.bindings.keys() {
            let Some(toolset) = state.toolsets.get(id) else {
                continue;
            };
            let held = tools.iter().filter(|tool| state.tools.get(**tool).is_some_and(|row| toolset.holds(tool, row)));
            impact.extend(held.map(|tool| Impact {
                profile: profile.clone(),
                toolset: id.clone(),
                tool: ToolId::clone(tool),
            }));
        }
    }
    impact
}

impl State {
    /// That a toolset would follow an area which no tool of its server has, with the nearest that is one; nothing while the server has
    /// no tools yet.
    pub(crate) fn unknown_area(&self, follows: &Follows) -> Option<String> {
        let areas: BTreeSet<&str> =
            self.tools_of(&follows.server).filter_map(|(_, tool)| tool.definition.area.as_deref()).collect();
        self.tools_of(&follows.server).next()?;
        let unknown = follows.areas.iter().find(|area| !areas.contains(area.as_str()))?;
        let near = nearest(unknown, areas.iter().copied());
        let near = near.map_or_else(
            || {
                format!(
                    "; its areas are {}",
                    areas.iter().map(|area| format!("`{area}`")).collect::<Vec<_>>().join(", ")
                )
            },
            |near| format!("; did you mean `{near}`?"),
        );
        Some(format!("no tool of server `{}` is of the area `{unknown}`{near}", follows.server))
    }
}

impl Toolset {
    /// Whether the toolset holds the tool, were it approved: by choice, or by the rule that a maintained one follows. The
    /// effect and risk that an administrator gave the tool count, else the provider's.
    pub fn holds(&self, id: &ToolId, tool: &Tool) -> bool {
        match &self.content {
            ToolsetContent::Chosen(tools) => tools.contains_key(id),
            ToolsetContent::Maintained(follows) => {
                follows.takes(id, tool.effect(), tool.risk(), &[tool.definition.area.as_deref()])
            }
        }
    }
}
