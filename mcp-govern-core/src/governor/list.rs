//! What a caller sees: list, search, describe, explain. All of it through the admission that calls go through.

use std::{cmp::Reverse, sync::Arc};

use serde_json::Value;

use super::{GovernError, Governor, ToolRef, core::View};
use crate::{
    access::{Caller, Explanation, Moment, ToolIndex, Visibility, admit},
    denial::Denial,
    vocabulary::{Classification, Effect, Principal, RequestableTools, ToolDefinition, ToolId},
};

/// A tool as one caller sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ListedTool {
    /// The name that AI clients see and call: `<prefix>_<tool>`.
    pub name: String,
    /// Server and name.
    pub id: ToolId,
    /// Title, description, output schema and hints are here. Its input schema is not narrowed: show the one below.
    pub definition: Arc<ToolDefinition>,
    /// The schema of the arguments, narrowed by the rules that hold for this caller.
    pub input_schema: Arc<Value>,
    /// What the caller may do with it.
    pub visibility: Visibility,
    /// One word for people, an administrator's changes included.
    pub classification: Classification,
    /// What it does to the vendor's data, an administrator's changes included: the one that counts, unlike the definition's.
    pub effect: Effect,
}

impl Governor {
    /// The tools of a caller, ordered by name.
    ///
    /// # Errors
    ///
    /// When nothing at all can be called: governance inactive, tenant stopped, rules stale, source or client not admitted.
    pub fn list(&self, principal: &Principal) -> Result<Vec<ListedTool>, Denial> {
        let (view, caller, moment) = self.seen_by(principal)?;
        let listed = view.snapshot.list(&caller, &moment).into_iter();
        Ok(listed.filter_map(|tool| shown(&view, &caller, tool.tool, tool.visibility, &moment)).collect())
    }

    /// The caller's tools that hold every word of `text` in name, title, description or area; the best first, at most `limit`.
    ///
    /// # Errors
    ///
    /// As [`Governor::list`].
    pub fn search(&self, principal: &Principal, text: &str, limit: usize) -> Result<Vec<ListedTool>, Denial> {
        let (view, caller, moment) = self.seen_by(principal)?;
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let mut found: Vec<_> = view
            .snapshot
            .list(&caller, &moment)
            .into_iter()
            .filter_map(|tool| Some((score(&view, tool.tool, &words)?, tool)))
            .collect();
        // The list is ordered by name and the sort is stable.
        found.sort_by_key(|(score, _)| Reverse(*score));
        let best = found.into_iter().take(limit);
        Ok(best.filter_map(|(_, tool)| shown(&view, &caller, tool.tool, tool.visibility, &moment)).collect())
    }

    /// One of the caller's tools.
    ///
    /// # Errors
    ///
    /// The denial that a call would get, where the tool is not in the caller's list.
    pub fn describe(&self, principal: &Principal, tool: impl Into<ToolRef>) -> Result<ListedTool, Denial> {
        let (view, caller, moment) = self.seen_by(principal)?;
        let snapshot = &view.snapshot;
        let unknown = || snapshot.public_denial(&caller, &snapshot.refuse_unknown(&caller, &moment));
        let index = view.find(&tool.into()).ok_or_else(unknown)?;
        let visibility = snapshot.visibility(&caller, index, &moment);
        let listed = match visibility {
            Visibility::Hidden => false,
            Visibility::Requestable => {
                self.core.with_state(|state| state.settings().list_requestable) == RequestableTools::Listed
            }
            _ => true,
        };
        if listed {
            return shown(&view, &caller, index, visibility, &moment).ok_or_else(unknown);
        }
        match admit(snapshot, &caller, index, &moment).into_result() {
            Err(refused) => Err(snapshot.public_denial(&caller, &refused)),
            Ok(_) => Err(unknown()),
        }
    }

    /// Every check on the way of a caller to a tool, passed or failed, with ids and remedies. It tells the truth whatever the
    /// caller may know: for administrators.
    ///
    /// # Errors
    ///
    /// When an exposed name belongs to no tool.
    pub fn explain(&self, principal: &Principal, tool: impl Into<ToolRef>) -> Result<Explanation, GovernError> {
        let view = self.core.view();
        let moment = self.core.moment(&view);
        let caller = view.snapshot.resolve(principal);
        let id = match tool.into() {
            ToolRef::Id(id) => id,
            ToolRef::Exposed(name) => {
                let tool = view.snapshot.tool_named(&name).and_then(|tool| view.snapshot.view(tool));
                tool.map(|tool| tool.id().clone()).ok_or_else(|| GovernError::not_found("tool", name))?
            }
        };
        let (detail, used_up) = self.core.quotas.explain(self.core.user_hash(&principal.user), &principal.client);
        let explained = view.snapshot.explain(&caller, &id, &moment);
        Ok(explained.with_quota(&detail, used_up.map(|used_up| used_up.denial()).as_ref()))
    }

    pub(super) fn seen_by(&self, principal: &Principal) -> Result<(Arc<View>, Caller, Moment), Denial> {
        let view = self.core.view();
        let moment = self.core.moment(&view);
        let caller = view.snapshot.resolve(principal);
        match view.snapshot.entry(&caller, &moment) {
            Ok(()) => Ok((view, caller, moment)),
            Err(refused) => Err(view.snapshot.public_denial(&caller, &refused)),
        }
    }
}

fn shown(view: &View, caller: &Caller, tool: ToolIndex, visibility: Visibility, moment: &Moment) -> Option<ListedTool> {
    let seen = view.snapshot.view(tool)?;
    Some(ListedTool {
        name: seen.exposed_name().to_owned(),
        id: seen.id().clone(),
        definition: Arc::clone(seen.definition()),
        input_schema: view.snapshot.input_schema(caller, tool, moment)?,
        visibility,
        classification: seen.classification(),
        effect: seen.effect(),
    })
}

/// How well a tool answers to the words: each counts by the best place where it stands. None where one stands nowhere.
fn score(view: &View, tool: ToolIndex, words: &[String]) -> Option<u32> {
    let seen = view.snapshot.view(tool)?;
    let definition = seen.definition();
    let places = [
        (4, seen.exposed_name().to_lowercase()),
        (3, definition.title.to_lowercase()),
        (2, definition.area.as_deref().unwrap_or_default().to_lowercase()),
        (1, definition.description.to_lowercase()),
    ];
    let best = |word: &String| places.iter().find(|(_, text)| text.contains(word.as_str())).map(|(weight, _)| *weight);
    words.iter().map(best).sum()
}
