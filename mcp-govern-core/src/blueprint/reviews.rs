//! Planning approvals: what a blueprint says about tools that a person would otherwise review.

use std::collections::BTreeMap;

use super::{
    BlueprintError, ServerBlueprint, ToolChoice, Waiting,
    choice::CLASSES,
    planner::{Planned, Planner, count, meant},
};
use crate::{
    journal::{Action, Tool, ToolState},
    schema::nearest,
    vocabulary::{Digest, ServerId, ToolId, ToolName},
};

impl Planner<'_> {
    pub(super) fn approvals(&mut self, place: &str, server: &ServerId, blueprint: &ServerBlueprint) -> Planned {
        let named = blueprint.approve.iter().filter_map(|choice| match choice {
            ToolChoice::Name(name) => Some(name),
            ToolChoice::Class(_) | ToolChoice::Pattern(_) => None,
        });
        let mut faults = Vec::new();
        for name in named.chain(blueprint.pins.keys()) {
            faults.extend(self.unknown_choice(place, server, name));
        }
        if !faults.is_empty() {
            return Err(BlueprintError::Several(faults));
        }
        let mut tools = BTreeMap::new();
        let mut waiting = Vec::new();
        for (id, tool) in self.state.tools_of(server) {
            let wanted = match blueprint.pins.get(id.name()) {
                Some(pin) => pinned(tool, *pin),
                None => chosen(tool, id.name(), &blueprint.approve),
            };
            match wanted {
                Wanted::Nothing => {}
                Wanted::Approve(digest) => {
                    tools.insert(id.clone(), digest);
                }
                Wanted::Wait(why) => waiting.push(Waiting { tool: id.clone(), place: place.to_owned(), why }),
            }
        }
        self.plan.waiting.append(&mut waiting);
        if tools.is_empty() {
            return Ok(());
        }
        let why = format!("approve {} of server `{server}`", count(tools.len(), "tool"));
        self.step(place, &why, Action::ApproveTools { tools })
    }
}

impl Planner<'_> {
    /// That there is no such tool; a class of tools may have been meant as well.
    fn unknown_choice(&self, place: &str, server: &ServerId, name: &ToolName) -> Option<BlueprintError> {
        if self.state.tools.contains_key(&ToolId::new(server.clone(), name.clone())) {
            return None;
        }
        let tools = self.state.tools_of(server).map(|(id, _)| id.name().as_str());
        let near = nearest(name.as_str(), CLASSES.iter().map(|class| class.as_str()).chain(tools));
        Some(BlueprintError::invalid(place, format!("there is no tool `{server}/{name}`{}", meant(near))))
    }
}

/// What a blueprint wants for a tool.
enum Wanted {
    Nothing,
    Approve(Digest),
    Wait(String),
}

/// A pin speaks for a definition, whatever was reviewed before; but what a person disabled stays so.
fn pinned(tool: &Tool, pin: Digest) -> Wanted {
    let current = tool.digest == pin;
    match tool.state {
        ToolState::Approved | ToolState::PendingReview if tool.approvals.contains(&pin) && !current => Wanted::Nothing,
        ToolState::Approved if current => Wanted::Nothing,
        ToolState::PendingReview if current => Wanted::Approve(pin),
        ToolState::Approved | ToolState::PendingReview if tool.staged.contains_key(&pin) => Wanted::Approve(pin),
        ToolState::Approved | ToolState::PendingReview => {
            Wanted::Wait(format!("the pin is `{pin}`, and its definition is `{}`", tool.digest))
        }
        ToolState::Disabled | ToolState::Removed => Wanted::Wait(format!("it is {}", tool.state)),
    }
}

/// A choice speaks for tools that no person has reviewed yet.
fn chosen(tool: &Tool, name: &ToolName, choices: &[ToolChoice]) -> Wanted {
    let Some(choice) = choices.iter().find(|choice| choice.selects(name, tool)) else {
        return Wanted::Nothing;
    };
    match tool.state {
        ToolState::Approved => Wanted::Nothing,
        ToolState::PendingReview if tool.reviewed.is_none() && tool.reviewed_by.is_none() => {
            Wanted::Approve(tool.digest)
        }
        ToolState::PendingReview => {
            Wanted::Wait("it was reviewed before: a person, or a pin, has to approve it again".to_owned())
        }
        ToolState::Disabled | ToolState::Removed => match choice {
            ToolChoice::Name(_) => Wanted::Wait(format!("it is {}", tool.state)),
            ToolChoice::Class(_) | ToolChoice::Pattern(_) => Wanted::Nothing,
        },
    }
}
