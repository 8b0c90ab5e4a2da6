//! Who may do more, or less, in one state than in another.

use std::collections::{BTreeMap, BTreeSet};

use mcp_govern_core::{
    ArgumentRule, GrantId, Grantee, NewToolState, ProfileId, ProfileVisibility, RequestPolicy, RequestableTools,
    ServerId, Settings, Timestamp, ToolId, ToolsetContent,
    journal::{Profile, State, ToolState},
};
use serde::Serialize;

/// A change in what somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AccessChange {
    /// Whether somebody may do more than before, or perhaps so.
    pub(crate) widens: bool,
    /// What changes, in a sentence.
    pub(crate) what: String,
    /// The tools that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tools: Vec<ToolId>,
}

/// Who may do what at a moment, as far as a file can change it.
#[derive(Debug)]
pub(crate) struct Standing {
    activated: bool,
    settings: Settings,
    new_tools: BTreeMap<ServerId, NewToolState>,
    profiles: BTreeMap<ProfileId, Reach>,
    grants: BTreeMap<GrantId, Held>,
}

/// What a profile leads to.
#[derive(Debug)]
struct Reach {
    /// The tools that can be called through it, with the rules of each way there.
    tools: BTreeMap<ToolId, Vec<BTreeSet<String>>>,
    visibility: ProfileVisibility,
    policy: RequestPolicy,
    holders: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Held {
    profile: ProfileId,
    grantee: Grantee,
    until: Option<Timestamp>,
}

impl Standing {
    pub(crate) fn of(state: &State, now: Timestamp) -> Self {
        let holding = state.grants().iter().filter(|(_, grant)| grant.holds(now));
        let grants: BTreeMap<GrantId, Held> = holding
            .map(|(id, grant)| {
                let (profile, grantee) = (grant.profile().clone(), grant.grantee().clone());
                (id.clone(), Held { profile, grantee, until: grant.until() })
            })
            .collect();
        let mut holders: BTreeMap<&ProfileId, usize> = BTreeMap::new();
        for held in grants.values() {
            *holders.entry(&held.profile).or_default() += 1;
        }
        let reach = |(id, profile): (&ProfileId, &Profile)| {
            let reach = Reach {
                tools: reach(state, profile),
                visibility: profile.spec().visibility.clone(),
                policy: profile.spec().policy.clone(),
                holders: holders.get(id).copied().unwrap_or_default(),
            };
            (id.clone(), reach)
        };
        let profiles = state.profiles().iter().map(reach).collect();
        let tenant = state.settings().new_tools;
        let new_tools = state.servers().iter().map(|(id, row)| (id.clone(), row.spec().new_tools.unwrap_or(tenant)));
        Self {
            activated: state.is_activated(),
            settings: state.settings().clone(),
            new_tools: new_tools.collect(),
            profiles,
            grants,
        }
    }

    /// What changes from here to another standing.
    pub(crate) fn changes_to(&self, after: &Self) -> Vec<AccessChange> {
        let mut changes = Changes(Vec::new());
        if !self.activated && after.activated {
            changes.wider("governance becomes active: calls are admitted by the rules");
        }
        self.settings_to(after, &mut changes);
        self.profiles_to(after, &mut changes);
        self.grants_to(after, &mut changes);
        changes.0
    }

    fn settings_to(&self, after: &Self, changes: &mut Changes) {
        let (old, new) = (&self.settings, &after.settings);
        for kind in new.client_types.difference(&old.client_types) {
            changes.wider(format!("AI clients of type `{kind}` may call"));
        }
        for kind in old.client_types.difference(&new.client_types) {
            changes.narrower(format!("AI clients of type `{kind}` may call no more"));
        }
        if old.unmatched_client != new.unmatched_client {
            match new.unmatched_client {
                Some(kind) => changes.wider(format!("AI clients that no rule matches count as `{kind}`")),
                None => changes.narrower("AI clients that no rule matches are denied"),
            }
        }
        if old.client_rules != new.client_rules {
            changes.wider("other rules say of what type an AI client is");
        }
        if old.sources != new.sources {
            let added = new.sources.iter().any(|network| !old.sources.contains(network));
            match (old.sources.is_empty(), new.sources.is_empty(), added) {
                (false, true, _) => changes.wider("calls may come from anywhere"),
                (true, ..) | (false, false, false) => changes.narrower("calls may come from fewer networks"),
                (false, false, true) => changes.wider("calls may come from other networks"),
            }
        }
        if old.list_requestable != new.list_requestable {
            match new.list_requestable {
                RequestableTools::Listed => changes.wider("tools that people could ask for are listed to them"),
                RequestableTools::Unlisted => changes.narrower("tools that people could ask for are listed no more"),
            }
        }
        for (server, state) in &after.new_tools {
            let before = self.new_tools.get(server).copied().unwrap_or_default();
            if before == NewToolState::PendingReview && *state == NewToolState::Approved {
                changes.wider(format!("new tools of server `{server}` are approved without a look"));
            }
        }
    }

    fn profiles_to(&self, after: &Self, changes: &mut Changes) {
        for (id, new) in &after.profiles {
            let Some(old) = self.profiles.get(id) else {
                if new.visibility != ProfileVisibility::Nobody {
                    let tools = new.tools.keys().cloned().collect();
                    changes.add(true, format!("people may ask for the new profile `{id}`"), tools);
                }
                continue;
            };
            let gained: Vec<ToolId> = new.tools.keys().filter(|tool| !old.tools.contains_key(*tool)).cloned().collect();
            let lost: Vec<ToolId> = old.tools.keys().filter(|tool| !new.tools.contains_key(*tool)).cloned().collect();
            let who = holders(id, new.holders);
            let reaches_somebody = new.holders > 0 || new.visibility != ProfileVisibility::Nobody;
            if !gained.is_empty() {
                changes.add(reaches_somebody, format!("{who} gain {}", count(gained.len(), "tool")), gained);
            }
            if !lost.is_empty() {
                changes.add(false, format!("{who} lose {}", count(lost.len(), "tool")), lost);
            }
            let (looser, tighter) = rule_changes(&old.tools, &new.tools);
            if !looser.is_empty() {
                changes.add(
                    true,
                    format!("{who} call {} under other or fewer rules", count(looser.len(), "tool")),
                    looser,
                );
            }
            if !tighter.is_empty() {
                changes.add(false, format!("{who} call {} under more rules", count(tighter.len(), "tool")), tighter);
            }
            if old.visibility != new.visibility {
                let fewer =
                    new.visibility == ProfileVisibility::Nobody || old.visibility == ProfileVisibility::Everyone;
                let who = if fewer { "fewer" } else { "other or more" };
                changes.add(!fewer, format!("{who} people may ask for `{id}`"), Vec::new());
            }
            if old.policy != new.policy && new.visibility != ProfileVisibility::Nobody {
                changes.wider(format!("requests for `{id}` are decided in another way"));
            }
        }
        for (id, old) in self.profiles.iter().filter(|(id, _)| !after.profiles.contains_key(*id)) {
            let tools: Vec<ToolId> = old.tools.keys().cloned().collect();
            changes.add(false, format!("the profile `{id}` and its {} end", count(old.holders, "grant")), tools);
        }
    }

    fn grants_to(&self, after: &Self, changes: &mut Changes) {
        for (id, new) in &after.grants {
            let tools = after.profiles.get(&new.profile).map_or(0, |reach| reach.tools.len());
            let end = new.until.map_or_else(String::new, |until| format!(" until {until}"));
            let Held { profile, grantee, .. } = new;
            match self.grants.get(id) {
                None => {
                    let tools = count(tools, "tool");
                    changes.wider(format!("{grantee} gains `{profile}` ({tools}){end}"));
                }
                Some(old) if old != new => {
                    let longer =
                        old.profile != new.profile || old.grantee != new.grantee || is_longer(old.until, new.until);
                    changes.add(longer, format!("the grant `{id}` becomes `{profile}` for {grantee}{end}"), Vec::new());
                }
                Some(_) => {}
            }
        }
        for (id, Held { profile, grantee, .. }) in self.grants.iter().filter(|(id, _)| !after.grants.contains_key(*id))
        {
            changes.narrower(format!("{grantee} loses `{profile}` (grant `{id}`)"));
        }
    }
}

/// The tools that can be called through a profile, with the rules of each way there.
fn reach(state: &State, profile: &Profile) -> BTreeMap<ToolId, Vec<BTreeSet<String>>> {
    let mut reached: BTreeMap<ToolId, Vec<BTreeSet<String>>> = BTreeMap::new();
    for binding in profile.bindings().values() {
        let Some(toolset) = state.toolsets().get(&binding.toolset) else { continue };
        let approved = state.tools().iter().filter(|(_, tool)| tool.state() == ToolState::Approved);
        for (id, _) in approved.filter(|(id, tool)| toolset.holds(id, tool)) {
            let of_server = state.servers().get(id.server()).map(|server| server.spec().rules.as_slice());
            let of_entry = match toolset.content() {
                ToolsetContent::Chosen(tools) => tools.get(id).map(|entry| entry.rules.as_slice()),
                ToolsetContent::Maintained { .. } => None,
            };
            let all = [of_server.unwrap_or_default(), &binding.rules, of_entry.unwrap_or_default()];
            reached.entry(id.clone()).or_default().push(all.into_iter().flatten().map(text).collect());
        }
    }
    reached
}

/// A rule as a text, to be compared.
fn text(rule: &ArgumentRule) -> String {
    serde_json::to_string(rule).unwrap_or_default()
}

/// The tools whose rules were loosened or replaced, and those with more rules than before.
fn rule_changes(
    old: &BTreeMap<ToolId, Vec<BTreeSet<String>>>,
    new: &BTreeMap<ToolId, Vec<BTreeSet<String>>>,
) -> (Vec<ToolId>, Vec<ToolId>) {
    let (mut looser, mut tighter) = (Vec::new(), Vec::new());
    for (tool, ways) in new {
        let Some(before) = old.get(tool).filter(|before| *before != ways) else { continue };
        // Every way there is at least as narrow as one that there was.
        let narrower = ways.iter().all(|way| before.iter().any(|old| old.is_subset(way)));
        if narrower { tighter.push(tool.clone()) } else { looser.push(tool.clone()) }
    }
    (looser, tighter)
}

fn is_longer(old: Option<Timestamp>, new: Option<Timestamp>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => new > old,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Whoever holds a profile, by the number of its grants: a grant to a group is one, however many people that are.
fn holders(profile: &ProfileId, count: usize) -> String {
    match count {
        0 => format!("future holders of `{profile}`"),
        count => format!("holders of `{profile}` ({})", self::count(count, "grant")),
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

struct Changes(Vec<AccessChange>);

impl Changes {
    fn wider(&mut self, what: impl Into<String>) {
        self.add(true, what.into(), Vec::new());
    }

    fn narrower(&mut self, what: impl Into<String>) {
        self.add(false, what.into(), Vec::new());
    }

    fn add(&mut self, widens: bool, what: String, tools: Vec<ToolId>) {
        self.0.push(AccessChange { widens, what, tools });
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{ClientType, UserId};

    use super::*;

    fn standing() -> Standing {
        Standing::of(&State::new(), Timestamp::default())
    }

    fn reach(tools: &[(&str, &[&[&str]])]) -> Reach {
        let ways =
            |ways: &[&[&str]]| ways.iter().map(|rules| rules.iter().map(|rule| (*rule).to_owned()).collect()).collect();
        Reach {
            tools: tools.iter().map(|(tool, rules)| (format!("s/{tool}").parse().unwrap(), ways(rules))).collect(),
            visibility: ProfileVisibility::Nobody,
            policy: RequestPolicy::default(),
            holders: 2,
        }
    }

    fn with_profile(reach: Reach) -> Standing {
        let mut standing = standing();
        standing.profiles.insert(ProfileId::new("p").unwrap(), reach);
        standing
    }

    fn shown(changes: &[AccessChange]) -> Vec<String> {
        changes.iter().map(|change| format!("{} {}", if change.widens { '+' } else { '-' }, change.what)).collect()
    }

    #[test]
    fn nothing_changes_from_a_standing_to_itself() {
        let one = with_profile(reach(&[("a", &[&["r"]])]));
        assert_eq!(one.changes_to(&with_profile(reach(&[("a", &[&["r"]])]))), []);
    }

    #[test]
    fn tools_that_are_gained_widen_and_lost_ones_do_not() {
        let (old, new) = (with_profile(reach(&[("a", &[&[]])])), with_profile(reach(&[("b", &[&[]])])));
        let changes = old.changes_to(&new);
        assert_eq!(
            shown(&changes),
            ["+ holders of `p` (2 grants) gain 1 tool", "- holders of `p` (2 grants) lose 1 tool"]
        );
        assert_eq!(changes[0].tools, ["s/b".parse().unwrap()]);
        // What nobody holds and nobody may ask for widens nothing yet.
        let unheld = |tools| with_profile(Reach { holders: 0, ..reach(tools) });
        assert_eq!(shown(&unheld(&[]).changes_to(&unheld(&[("a", &[&[]])]))), ["- future holders of `p` gain 1 tool"]);
    }

    #[test]
    fn fewer_rules_other_rules_and_a_way_around_them_widen() {
        let to = |old: &[&[&str]], new: &[&[&str]]| {
            shown(&with_profile(reach(&[("a", old)])).changes_to(&with_profile(reach(&[("a", new)]))))
        };
        let looser = ["+ holders of `p` (2 grants) call 1 tool under other or fewer rules"];
        let tighter = ["- holders of `p` (2 grants) call 1 tool under more rules"];
        assert_eq!(to(&[&["x", "y"]], &[&["x"]]), looser);
        assert_eq!(to(&[&["x"]], &[&["y"]]), looser);
        assert_eq!(to(&[&["x"]], &[&["x"], &[]]), looser);
        assert_eq!(to(&[&["x"]], &[&["x", "y"]]), tighter);
        assert_eq!(to(&[&["x"], &[]], &[&["x"]]), tighter);
    }

    #[test]
    fn settings_that_let_more_callers_in_widen() {
        let to = |old: Settings, new: Settings| {
            let of = |settings| Standing { settings, ..standing() };
            shown(&of(old).changes_to(&of(new)))
        };
        let plain = Settings::default;
        let network = |text: &str| text.parse().unwrap();
        for (old, new, due) in [
            (plain(), plain().with_client_types(ClientType::ALL), "+ AI clients of type `shared` may call"),
            (plain(), plain().with_unmatched_client(ClientType::Personal), "+ AI clients that no rule matches count"),
            (plain(), plain().with_sources([network("10.0.0.0/8")]), "- calls may come from fewer networks"),
            (plain().with_sources([network("10.0.0.0/8")]), plain(), "+ calls may come from anywhere"),
            (
                plain().with_sources([network("10.0.0.0/8")]),
                plain().with_sources([network("11.0.0.0/8")]),
                "+ calls may come from other networks",
            ),
            (plain(), plain().with_list_requestable(RequestableTools::Listed), "+ tools that people could ask for"),
        ] {
            assert!(to(old, new)[0].starts_with(due), "{due}");
        }
        let approving = |state| {
            let mut standing = standing();
            standing.new_tools.insert(ServerId::new("s").unwrap(), state);
            standing
        };
        let changes = approving(NewToolState::PendingReview).changes_to(&approving(NewToolState::Approved));
        assert!(changes[0].widens && changes[0].what.contains("without a look"));
    }

    #[test]
    fn a_longer_grant_widens_and_a_shorter_one_does_not() {
        let until = |until: Option<&str>| {
            let mut standing = standing();
            let grantee = Grantee::User(UserId::new("local", "ann").unwrap());
            let until = until.map(|text| text.parse().unwrap());
            let held = Held { profile: ProfileId::new("p").unwrap(), grantee, until };
            standing.grants.insert(GrantId::new("g").unwrap(), held);
            standing
        };
        let (short, long) = (Some("2027-01-01T00:00:00Z"), Some("2028-01-01T00:00:00Z"));
        let widens = |old, new| until(old).changes_to(&until(new))[0].widens;
        assert!(widens(short, long) && widens(long, None));
        assert!(!widens(long, short) && !widens(None, long));
        assert_eq!(shown(&until(None).changes_to(&standing())), ["- user ann (local) loses `p` (grant `g`)"]);
        assert_eq!(shown(&standing().changes_to(&until(None))), ["+ user ann (local) gains `p` (0 tools)"]);
    }
}
