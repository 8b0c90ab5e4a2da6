//! What changes between two states of effective access, in words.

use std::collections::BTreeMap;

use super::{AccessChange, EffectiveAccess, Held, Stop, reach::Reach, reach::Way};
use crate::vocabulary::{
    DriftAction, DriftPolicy, NewToolState, ProfileId, ProfileVisibility, RequestableTools, ServerId, Timestamp, ToolId,
};

/// Changes, as they are found.
pub(super) struct Changes(Vec<AccessChange>);

impl Changes {
    /// What changes between the two.
    pub(super) fn between(before: &EffectiveAccess, after: &EffectiveAccess) -> Vec<AccessChange> {
        let mut changes = Self(Vec::new());
        if !before.activated && after.activated {
            changes.wider("governance becomes active: calls are admitted by the rules");
        }
        changes.of_stops(before, after);
        changes.of_settings(before, after);
        changes.of_clients(before, after);
        changes.of_servers(before, after);
        changes.of_pins(before, after);
        changes.of_profiles(before, after);
        changes.of_grants(before, after);
        changes.0
    }

    fn of_stops(&mut self, before: &EffectiveAccess, after: &EffectiveAccess) {
        for stop in after.stops.difference(&before.stops) {
            self.narrower(match stop {
                Stop::Kill(scope) => format!("calls are stopped: the kill switch of {scope} is on"),
                Stop::Pause(server) => format!("calls to server `{server}` are denied: it is paused"),
                Stop::Closed(client) => format!("calls of client `{client}` are denied: it is closed"),
            });
        }
        for stop in before.stops.difference(&after.stops) {
            match stop {
                Stop::Kill(scope) => {
                    self.wider(format!("calls that the rules admit go on: the kill switch of {scope} is off"));
                }
                // A server that is gone does not go on.
                Stop::Pause(server) if !after.servers.contains_key(server) => {}
                Stop::Pause(server) => self.wider(format!("calls to server `{server}` go on: it is paused no more")),
                Stop::Closed(client) => self.wider(format!("client `{client}` may call again")),
            }
        }
    }

    fn of_settings(&mut self, before: &EffectiveAccess, after: &EffectiveAccess) {
        let (old, new) = (&before.settings, &after.settings);
        for kind in new.client_types.difference(&old.client_types) {
            self.wider(format!("AI clients of type `{kind}` may call"));
        }
        for kind in old.client_types.difference(&new.client_types) {
            self.narrower(format!("AI clients of type `{kind}` may call no more"));
        }
        if old.unmatched_client != new.unmatched_client {
            match new.unmatched_client {
                Some(kind) => self.wider(format!("AI clients that no rule matches count as `{kind}`")),
                None => self.narrower("AI clients that no rule matches are denied"),
            }
        }
        if old.client_rules != new.client_rules {
            self.wider("other rules say of what type an AI client is");
        }
        if old.sources != new.sources {
            let added = new.sources.iter().any(|network| !old.sources.contains(network));
            match (old.sources.is_empty(), new.sources.is_empty(), added) {
                (false, true, _) => self.wider("calls may come from anywhere"),
                (true, ..) | (false, false, false) => self.narrower("calls may come from fewer networks"),
                (false, false, true) => self.wider("calls may come from other networks"),
            }
        }
        if old.list_requestable != new.list_requestable {
            match new.list_requestable {
                RequestableTools::Listed => self.wider("tools that people could ask for are listed to them"),
                RequestableTools::Unlisted => self.narrower("tools that people could ask for are listed no more"),
            }
        }
    }

    fn of_clients(&mut self, before: &EffectiveAccess, after: &EffectiveAccess) {
        for (client, kind) in after.clients.iter().filter(|(client, kind)| before.clients.get(*client) != Some(*kind)) {
            self.wider(format!("client `{client}` counts as `{kind}`"));
        }
        for client in before.clients.keys().filter(|client| !after.clients.contains_key(*client)) {
            self.wider(format!("the tenant's rules say of what type client `{client}` is"));
        }
    }

    fn of_servers(&mut self, before: &EffectiveAccess, after: &EffectiveAccess) {
        for (server, new) in &after.servers {
            let old = before.servers.get(server);
            let approved = old.map_or_else(NewToolState::default, |old| old.new_tools);
            if approved == NewToolState::PendingReview && new.new_tools == NewToolState::Approved {
                self.wider(format!("new tools of server `{server}` are approved without a look"));
            }
            let kept = kept(old.map_or_else(DriftPolicy::default, |old| old.drift));
            if kept.into_iter().zip(self::kept(new.drift)).any(|(before, after)| after && !before) {
                self.wider(format!("more changes of tools of server `{server}` are kept without a look"));
            }
        }
    }

    fn of_pins(&mut self, before: &EffectiveAccess, after: &EffectiveAccess) {
        let mut ahead: BTreeMap<&ServerId, Vec<ToolId>> = BTreeMap::new();
        for (tool, _) in after.ahead.difference(&before.ahead) {
            ahead.entry(tool.server()).or_default().push(tool.clone());
        }
        for (server, tools) in ahead {
            let what = format!(
                "{} of server `{server}` will be approved without a further look, once a sync finds exactly what was approved ahead",
                count(tools.len(), "tool")
            );
            self.add(true, what, Vec::new(), tools);
        }
    }

    fn of_profiles(&mut self, before: &EffectiveAccess, after: &EffectiveAccess) {
        for (id, new) in &after.profiles {
            match before.profiles.get(id) {
                Some(old) => self.of_reach(id, old, new),
                None if new.visibility == ProfileVisibility::Nobody => {}
                None => {
                    let tools = new.tools.keys().cloned().collect();
                    self.add(true, format!("people may ask for the new profile `{id}`"), Vec::new(), tools);
                }
            }
        }
        for (id, old) in before.profiles.iter().filter(|(id, _)| !after.profiles.contains_key(*id)) {
            let tools: Vec<ToolId> = old.tools.keys().cloned().collect();
            let what = format!("the profile `{id}` and its {} end", count(old.holders.len(), "grant"));
            self.add(false, what, old.holders.clone(), tools);
        }
    }

    /// What changes for those who hold a profile, and for those who may ask for it.
    fn of_reach(&mut self, id: &ProfileId, old: &Reach, new: &Reach) {
        let who = holders(id, new.holders.len());
        let mut say = |widens: bool, tools: Vec<ToolId>, does: &str, how: &str| {
            if !tools.is_empty() {
                let what = format!("{who} {does} {}{how}", count(tools.len(), "tool"));
                self.add(widens && new.concerns_somebody(), what, new.holders.clone(), tools);
            }
        };
        say(true, new.beyond(old), "gain", "");
        say(false, old.beyond(new), "lose", "");
        say(true, new.changed_from(old, Way::is_looser), "call", " under other or fewer rules");
        say(false, new.changed_from(old, Way::is_tighter), "call", " under more rules");
        say(true, new.changed_from(old, Way::has_further_definitions), "call", " under a further definition");
        say(true, new.changed_from(old, Way::has_further_clients), "call", " from other or more types of AI client");
        say(false, new.changed_from(old, Way::has_fewer_clients), "call", " from fewer types of AI client");
        if old.visibility != new.visibility {
            let fewer = new.visibility == ProfileVisibility::Nobody || old.visibility == ProfileVisibility::Everyone;
            let who = if fewer { "fewer" } else { "other or more" };
            self.add(!fewer, format!("{who} people may ask for `{id}`"), Vec::new(), Vec::new());
        }
        if old.policy != new.policy && new.visibility != ProfileVisibility::Nobody {
            self.wider(format!("requests for `{id}` are decided in another way"));
        }
    }

    fn of_grants(&mut self, before: &EffectiveAccess, after: &EffectiveAccess) {
        for (id, new) in &after.grants {
            let reach = after.profiles.get(&new.profile);
            let tools: Vec<ToolId> = reach.map_or_else(Vec::new, |reach| reach.tools.keys().cloned().collect());
            let end = new.until.map_or_else(String::new, |until| format!(" until {until}"));
            let Held { profile, grantee, .. } = new;
            match before.grants.get(id) {
                None => {
                    let what = format!("{grantee} gains `{profile}` ({}){end}", count(tools.len(), "tool"));
                    self.add(true, what, Vec::new(), tools);
                }
                Some(old) if old != new => {
                    let longer =
                        old.profile != new.profile || old.grantee != new.grantee || is_longer(old.until, new.until);
                    let what = format!("the grant `{id}` becomes `{profile}` for {grantee}{end}");
                    self.add(longer, what, Vec::new(), tools);
                }
                Some(_) => {}
            }
        }
        for (id, Held { profile, grantee, .. }) in
            before.grants.iter().filter(|(id, _)| !after.grants.contains_key(*id))
        {
            self.narrower(format!("{grantee} loses `{profile}` (grant `{id}`)"));
        }
    }

    fn wider(&mut self, what: impl Into<String>) {
        self.add(true, what.into(), Vec::new(), Vec::new());
    }

    fn narrower(&mut self, what: impl Into<String>) {
        self.add(false, what.into(), Vec::new(), Vec::new());
    }

    fn add(&mut self, widens: bool, what: String, who: Vec<String>, tools: Vec<ToolId>) {
        self.0.push(AccessChange { widens, what, who, tools });
    }
}

/// Which changes of a definition leave an approved tool approved. One that was rebound is never kept, whatever the policy says.
fn kept(policy: DriftPolicy) -> [bool; 3] {
    [policy.cosmetic, policy.text, policy.contract].map(|action| action == DriftAction::Keep)
}

fn is_longer(old: Option<Timestamp>, new: Option<Timestamp>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => new > old,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Whoever holds a profile, by the number of its grants: a grant to a group is one, however many people that are.
fn holders(profile: &ProfileId, grants: usize) -> String {
    match grants {
        0 => format!("future holders of `{profile}`"),
        grants => format!("holders of `{profile}` ({})", count(grants, "grant")),
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
