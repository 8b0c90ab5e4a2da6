//! What a caller sees: list, search, describe, explain. All of it through the admission that calls go through.

use std::{cmp::Reverse, sync::Arc};

use serde_json::Value;

use super::{GovernError, Governor, ToolRef, core::View};
use crate::{
    access::{Caller, Explanation, Listed, ListedSet, Moment, ToolNumber, Visibility, admit},
    denial::{Denial, Remedy},
    provider::SunsetNotice,
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
    /// What the caller can do to get at it; given where it is listed and can only be asked for.
    pub remedy: Option<Remedy>,
    /// The announced end of the API behind it, with what to do.
    pub sunset: Option<Arc<SunsetNotice>>,
}

/// A caller's tools as they are at one moment, ordered by name. What a tool looks like is worked out for those that are taken out.
#[derive(Debug)]
pub struct Listing {
    view: Arc<View>,
    caller: Caller,
    moment: Moment,
    set: ListedSet,
}

impl Listing {
    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.listed(None).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.listed(None).next().is_none()
    }

    /// Whether the tool of this exposed name is among them.
    pub fn contains(&self, exposed: &str) -> bool {
        let snapshot = &self.view.snapshot;
        let tool = snapshot.tool_named(exposed);
        tool.is_some_and(|tool| snapshot.listed_in(&self.caller, &self.set, tool).is_some())
    }

    /// The tools whose exposed names come after this one; all of them after none.
    pub fn after<'l>(&'l self, exposed: Option<&str>) -> impl Iterator<Item = ListedTool> + use<'l> {
        self.listed(exposed).filter_map(|listed| self.shown(listed))
    }

    /// All tools.
    pub fn iter(&self) -> impl Iterator<Item = ListedTool> + use<'_> {
        self.after(None)
    }

    fn listed<'l>(&'l self, after: Option<&str>) -> impl Iterator<Item = Listed> + use<'l> {
        self.view.snapshot.listed_after(&self.caller, &self.set, after)
    }

    fn shown(&self, listed: Listed) -> Option<ListedTool> {
        shown(&self.view, &self.caller, listed.tool, listed.visibility, &self.moment)
    }
}

impl Governor {
    /// The tools of a caller, ordered by name.
    ///
    /// # Errors
    ///
    /// When nothing at all can be called: governance inactive, tenant stopped, rules stale, source or client not admitted.
    pub fn list(&self, principal: &Principal) -> Result<Vec<ListedTool>, Denial> {
        Ok(self.listing(principal)?.iter().collect())
    }

    /// The tools of a caller, ordered by name, to be taken out a page at a time: a page costs what is on it.
    ///
    /// # Errors
    ///
    /// As [`Governor::list`].
    pub fn listing(&self, principal: &Principal) -> Result<Listing, Denial> {
        let (view, caller, moment) = self.seen_by(principal)?;
        let set = view.snapshot.listed_set(&caller, &moment);
        Ok(Listing { view, caller, moment, set })
    }

    /// The caller's tools that hold every word of `text` in name, title, description or area; the best first, at most `limit`.
    ///
    /// # Errors
    ///
    /// As [`Governor::list`].
    pub fn search(&self, principal: &Principal, text: &str, limit: usize) -> Result<Vec<ListedTool>, Denial> {
        let listing = self.listing(principal)?;
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        let scored =
            listing.listed(None).filter_map(|listed| Some((score(&listing.view, listed.tool, &words)?, listed)));
        let mut found: Vec<_> = scored.collect();
        // The list is ordered by name and the sort is stable.
        found.sort_by_key(|(score, _)| Reverse(*score));
        Ok(found.into_iter().take(limit).filter_map(|(_, tool)| listing.shown(tool)).collect())
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
        let (detail, used_up) =
            self.core.calls.quotas.explain(self.core.calls.user_hash(&principal.user), &principal.client);
        let explained = view.snapshot.explain(&caller, &id, &moment);
        let explained = explained.with_quota(&detail, used_up.map(|used_up| used_up.denial()).as_ref());
        let open = view.servers.get(id.server()).and_then(|open| open.ready().ok());
        let explained = match open {
            Some(server) if view.snapshot.tool(&id).is_some() => explained.with_obstacle(server.obstacle(id.name())),
            _ => explained,
        };
        Ok(self.core.with_state(|state| explained.with_credential(&view.snapshot, state, moment.now)))
    }

    /// What keeps a tool from working with its server as it is configured, in a sentence; none where nothing does, or where the server
    /// is not open here.
    pub fn obstacle(&self, tool: &ToolId) -> Option<String> {
        let view = self.core.view();
        view.servers.get(tool.server())?.ready().ok()?.obstacle(tool.name())
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

fn shown(
    view: &View,
    caller: &Caller,
    tool: ToolNumber,
    visibility: Visibility,
    moment: &Moment,
) -> Option<ListedTool> {
    let seen = view.snapshot.view(tool)?;
    let remedy = match visibility {
        Visibility::Requestable => {
            let refused = admit(&view.snapshot, caller, tool, moment).into_result().err();
            refused.map(|refused| view.snapshot.public_denial(caller, &refused).remedy().clone())
        }
        _ => None,
    };
    Some(ListedTool {
        name: seen.exposed_name().to_owned(),
        id: seen.id().clone(),
        definition: Arc::clone(seen.definition()),
        input_schema: view.snapshot.input_schema(caller, tool, moment)?,
        visibility,
        classification: seen.classification(),
        effect: seen.effect(),
        remedy,
        sunset: view.servers.get(seen.id().server()).and_then(|open| open.sunset.clone()),
    })
}

/// How well a tool answers to the words: each counts by the best place where it stands. None where one stands nowhere.
fn score(view: &View, tool: ToolNumber, words: &[String]) -> Option<u32> {
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
