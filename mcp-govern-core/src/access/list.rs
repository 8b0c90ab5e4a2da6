//! Listing: the tools of one caller, from the caller's own profiles rather than from the catalogue.

use std::sync::Arc;

use serde_json::Value;

use super::{
    admit::{Moment, Refused},
    caller::Caller,
    id_set::Bits,
    snapshot::Snapshot,
    tool_view::ToolNumber,
};
use crate::{
    denial::DenialCode,
    schema,
    vocabulary::{CredentialSharing, RequestableTools},
};

/// Most lists are not much longer.
const TYPICAL: usize = 128;

/// A tool in a caller's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The tool.
    pub tool: ToolNumber,
    /// What the caller may do with it; never [`Visibility::Hidden`].
    pub visibility: Visibility,
}

/// What a caller sees of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Visibility {
    /// It can be called.
    Callable,
    /// It is listed; a call asks the person to connect an account first.
    NeedsConnection,
    /// Its server is paused: it stays listed, so that lists do not flicker, and calls are denied with `server_paused`.
    Paused,
    /// The caller may ask for a profile that holds it. Listed only where the tenant says so.
    Requestable,
    /// The caller does not see it.
    Hidden,
}

/// Which tools a caller sees.
#[derive(Debug)]
pub(crate) struct ListedSet {
    granted: Bits,
    /// What is granted and what can be asked for, where the tenant lists the latter.
    askable: Option<Bits>,
}

impl ListedSet {
    fn all(&self) -> &Bits {
        self.askable.as_ref().unwrap_or(&self.granted)
    }
}

impl Snapshot {
    /// The caller's tools, ordered by exposed name: what can be called or needs a connection, what is paused, and, where the
    /// tenant says so, what can be asked for. Empty when [`Snapshot::entry`] refuses the caller; ask that first, so that a
    /// refusal is not mistaken for an empty list.
    pub fn list(&self, caller: &Caller, moment: &Moment) -> Vec<Listed> {
        let set = self.listed_set(caller, moment);
        let mut list = Vec::with_capacity(TYPICAL);
        list.extend(self.listed_after(caller, &set, None));
        list
    }

    /// Which tools [`Snapshot::list`] holds, before anything is worked out for each of them.
    pub(crate) fn listed_set(&self, caller: &Caller, moment: &Moment) -> ListedSet {
        let nothing = || ListedSet { granted: Bits::new(0), askable: None };
        if self.entry(caller, moment).is_err() {
            return nothing();
        }
        let Some(open) = self.tool_index.open_to.get(caller.inner.type_bit.trailing_zeros() as usize) else {
            return nothing();
        };
        let mut granted = Bits::new(self.tool_index.tools.len());
        for profile in caller.inner.profiles(moment.now).filter_map(|profile| self.tool_index.profile(profile)) {
            profile.tools.add_to(&mut granted);
        }
        granted.keep(&self.tool_index.sound);
        granted.keep(open);
        let askable = (self.gates.list_requestable != RequestableTools::Unlisted).then(|| {
            let mut askable = self.askable_tools(caller);
            askable.keep(&self.tool_index.sound);
            askable.keep(open);
            askable.add(&granted);
            askable
        });
        ListedSet { granted, askable }
    }

    /// What of a set comes after an exposed name, in order; all of it after none. A tool costs something once it is taken out.
    pub(crate) fn listed_after<'s>(
        &'s self,
        caller: &'s Caller,
        set: &'s ListedSet,
        exposed: Option<&str>,
    ) -> impl Iterator<Item = Listed> + use<'s> {
        let begin = exposed.map_or(0, |exposed| self.tool_index.place_after(exposed));
        set.all().iter_from(begin).filter_map(move |index| self.listed_in(caller, set, self.index(index)))
    }

    /// What the caller sees of a tool of a set; none where it is not in it.
    pub(crate) fn listed_in(&self, caller: &Caller, set: &ListedSet, tool: ToolNumber) -> Option<Listed> {
        let index = tool.index;
        if set.granted.contains(index) {
            return Some(self.listed(caller, index));
        }
        // A tool that can only be asked for is left out while its server is paused: a request would not help.
        let askable = set.askable.as_ref().is_some_and(|askable| askable.contains(index)) && !self.is_paused(index);
        askable.then_some(Listed { tool, visibility: Visibility::Requestable })
    }

    /// What the caller sees of one tool: the answer that [`Snapshot::list`] gives for all. Whether the tenant lists what can be
    /// asked for is not asked here.
    pub fn visibility(&self, caller: &Caller, tool: ToolNumber, moment: &Moment) -> Visibility {
        match self.examine(caller, tool, moment) {
            Ok(()) if self.needs_connection(caller, tool.index) => Visibility::NeedsConnection,
            Ok(()) => Visibility::Callable,
            Err(refused) => match refused.code {
                DenialCode::ServerPaused if self.would_be_admitted(caller, tool.index, moment) => Visibility::Paused,
                DenialCode::NoGrant | DenialCode::GrantExpired if self.can_ask(caller, &refused) => {
                    Visibility::Requestable
                }
                _ => Visibility::Hidden,
            },
        }
    }

    /// The schema of a tool's arguments as the caller's model should see it: narrowed by the rules of the caller's paths, and
    /// without our own `x-` keywords.
    pub fn input_schema(&self, caller: &Caller, tool: ToolNumber, moment: &Moment) -> Option<Arc<Value>> {
        let record = self.record(tool)?;
        let server = self.tool_index.server(record.server)?;
        let paths: Vec<_> = self.paths(caller, tool.index, moment.now).collect();
        let bare = Arc::clone(record.shown.get_or_init(|| schema::stripped(&record.definition.input_schema)));
        let rules: Vec<Vec<_>> = paths.iter().map(|path| server.rules.iter().chain(path.rules()).collect()).collect();
        if rules.iter().all(Vec::is_empty) {
            return Some(bare);
        }
        let once_had = |argument: &str| record.gone.iter().any(|gone| **gone == *argument);
        Some(schema::narrow_shown(&record.definition.input_schema, &bare, &rules, &once_had))
    }

    fn listed(&self, caller: &Caller, index: u32) -> Listed {
        let visibility = if !self.tool_index.conditional.contains(index) {
            Visibility::Callable
        } else if self.is_paused(index) {
            Visibility::Paused
        } else if self.needs_connection(caller, index) {
            Visibility::NeedsConnection
        } else {
            Visibility::Callable
        };
        Listed { tool: self.index(index), visibility }
    }

    fn is_paused(&self, index: u32) -> bool {
        self.tool_index.row(index).is_none_or(|row| row.paused)
    }

    /// Whether the tool's server wants each person's own account and this one has connected none.
    fn needs_connection(&self, caller: &Caller, index: u32) -> bool {
        let Some(row) = self.tool_index.row(index) else {
            return true;
        };
        let own = self.tool_index.server(row.server).is_none_or(|server| server.sharing == CredentialSharing::PerUser);
        own && caller.inner.connected.binary_search(&row.server).is_err()
    }

    /// Whether the pause alone prevents it.
    fn would_be_admitted(&self, caller: &Caller, index: u32, moment: &Moment) -> bool {
        let Some(row) = self.tool_index.row(index) else {
            return false;
        };
        row.fault.is_none()
            && row.client_types & caller.inner.type_bit != 0
            && caller.inner.profiles(moment.now).any(|profile| row.profiles.contains(profile))
    }

    fn can_ask(&self, caller: &Caller, refused: &Refused) -> bool {
        let record = refused.tool.and_then(|tool| self.record(tool));
        record.is_some_and(|record| !self.askable_for(caller, record).is_empty())
    }
}
