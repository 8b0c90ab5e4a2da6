//! A world that random choices change.

use std::{collections::BTreeMap, sync::Arc};

use super::support::*;
use mcp_govern_core::{
    Catalogue, ClientRule, ClientType, CredentialFacts, CredentialOwner, CredentialSharing, Effect, Follows, Grantee,
    Label, ProfileSpec, ProfileVisibility, RequestableTools, Risk, ServerId, Settings, ToolDefinition, ToolId,
    ToolsetBinding, ToolsetContent, ToolsetEntry,
    journal::{Action, KillScope, Tool, ToolState},
};

/// How many kinds of commits there are.
pub(crate) const KINDS: u8 = 27;

/// A kind of commit, and three bytes that say what it is about.
pub(crate) type Choice = (u8, u8, u8, u8);

/// The world, and what the restatement cannot read from the state.
pub(crate) struct Case {
    pub(crate) world: World,
    versions: BTreeMap<ServerId, u64>,
    pub(crate) classified: BTreeMap<ToolId, (Option<Effect>, Option<Risk>)>,
}

const SERVERS: [&str; 3] = ["alpha", "beta", "gamma"];
const TOOLS: [&str; 4] = ["get_a", "get_b", "set_c", "mix_d"];
pub(crate) const USERS: [&str; 3] = ["ann", "bob", "eve"];
pub(crate) const GROUPS: [&str; 2] = ["oncall", "staff"];
pub(crate) const CLIENTS: [&str; 4] = ["desktop", "robot", "shared", "stray"];
const SETS: [&str; 4] = ["s0", "s1", "s2", "s3"];
const PROFILES: [&str; 4] = ["p0", "p1", "p2", "p3"];
const GRANTS: [&str; 8] = ["g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7"];

fn pick<'a>(from: &[&'a str], at: u8) -> &'a str {
    from[usize::from(at) % from.len()]
}

fn tool_at(a: u8, b: u8) -> ToolId {
    tool(&format!("{}/{}", pick(&SERVERS, a), pick(&TOOLS, b)))
}

/// What a server offers in a version: some tools change, go and come back.
fn offered(version: u64) -> Arc<Catalogue> {
    let with_b = !version.is_multiple_of(3);
    let mut tools = vec![reads("get_a"), recipe("mix_d", if with_b { &["get_a", "get_b"] } else { &["get_a"] })];
    if with_b {
        tools.push(ToolDefinition { title: format!("B {}", version / 2), ..reads("get_b") });
    }
    let effect = if version.is_multiple_of(4) { Effect::Destructive } else { Effect::Write };
    tools.push(ToolDefinition { effect, ..reads("set_c") });
    catalogue(version, tools)
}

fn client_type(at: u8) -> ClientType {
    ClientType::ALL[usize::from(at) % 4]
}

fn grantee(a: u8, b: u8) -> Grantee {
    match a % 3 {
        0 => Grantee::User(user(pick(&USERS, b))),
        1 => Grantee::Group(group(pick(&GROUPS, b))),
        _ => Grantee::Service(client(pick(&CLIENTS, b))),
    }
}

fn visibility(a: u8, b: u8) -> ProfileVisibility {
    match a % 3 {
        0 => ProfileVisibility::Nobody,
        1 => ProfileVisibility::Everyone,
        _ => ProfileVisibility::Only([grantee(b % 2, b / 2)].into()),
    }
}

impl Case {
    /// A world in which most calls are admitted, so that each random commit can spoil something.
    pub(crate) fn new() -> Self {
        let mut case = Self { world: World::new(), versions: BTreeMap::new(), classified: BTreeMap::new() };
        case.run((1, 0b1111, 0, 0));
        for server in 0..2 {
            case.run((2, server, server, 0));
            case.run((3, server, 0, 0));
            (0..4).for_each(|tool| case.run((4, server, tool, 0)));
        }
        for place in 0..4 {
            case.run((10, place, 0, 0b10_1101 << place));
            case.run((13, place, place, 0));
            case.run((15, place, place, 0));
            case.run((17, place, place, place));
        }
        case
    }

    /// One random commit. Many are refused; that is part of the game.
    pub(crate) fn run(&mut self, (op, a, b, c): Choice) {
        let choice = (op % KINDS, a, b, c);
        match choice.0 {
            0..=3 | 9 | 24 | 26 => self.change_tenant(choice),
            4..=8 => self.review(choice),
            10..=16 => self.arrange(choice),
            _ => self.govern_people(choice),
        }
    }

    /// Time, settings, servers, and what this node has loaded.
    fn change_tenant(&mut self, (op, a, b, c): Choice) {
        let world = &mut self.world;
        match op {
            0 => world.now = time(world.now.as_millis().unsigned_abs() / 1000 + u64::from(a)),
            1 => {
                let mask = if a % 3 == 0 { a >> 4 } else { 0b1111 };
                let types = ClientType::ALL.into_iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
                let settings = Settings::default()
                    .with_client_types(types.map(|(_, client_type)| client_type))
                    .with_list_requestable(if b % 2 == 0 {
                        RequestableTools::Listed
                    } else {
                        RequestableTools::Unlisted
                    })
                    .with_sources(if b % 9 == 8 { vec!["192.0.2.0/24".parse().unwrap()] } else { vec![] })
                    .with_client_rules([ClientRule {
                        issuer: None,
                        client: mcp_govern_core::ClientMatch::Exactly("robot".try_into().unwrap()),
                        client_type: ClientType::Service,
                    }]);
                let strict = c % 9 == 8;
                let settings = if strict { settings } else { settings.with_unmatched_client(client_type(c)) };
                world.commit(Action::ChangeSettings { settings });
            }
            2 => {
                let sharing = if b % 2 == 0 { CredentialSharing::Shared } else { CredentialSharing::PerUser };
                let (server, spec) = (server(pick(&SERVERS, a)), spec(pick(&SERVERS, a)).with_sharing(sharing));
                if !world.commit(Action::RegisterServer { server: server.clone(), spec: spec.clone() }) {
                    world.commit(Action::ChangeServer { server, spec });
                }
            }
            3 => {
                let server = server(pick(&SERVERS, a));
                let version = self.versions.get(&server).copied().unwrap_or(0) + 1 + u64::from(b % 2);
                let action = Action::SyncServer { server: server.clone(), catalogue: offered(version) };
                if world.commit(action) {
                    self.versions.insert(server, version);
                    world.load(pick(&SERVERS, a), &offered(version));
                }
            }
            9 => {
                // The node runs another release than the one that was synced.
                let id = pick(&SERVERS, a);
                let version = self.versions.get(&server(id)).copied().unwrap_or(1) + u64::from(b % 4);
                world.load(id, &offered(version));
            }
            24 => {
                let server = server(pick(&SERVERS, a));
                world.commit(if b % 2 == 0 { Action::PauseServer { server } } else { Action::ResumeServer { server } });
            }
            _ => {
                let server = server(pick(&SERVERS, a));
                if c % 4 == 0 && world.commit(Action::RemoveServer { server: server.clone() }) {
                    self.versions.remove(&server);
                    self.classified.retain(|tool, _| *tool.server() != server);
                    world.loaded.remove(&server);
                    world.snapshot = Arc::new(world.snapshot.reloaded(&world.state, &world.loaded));
                }
            }
        }
    }

    /// What becomes of tools.
    fn review(&mut self, (op, a, b, c): Choice) {
        let world = &mut self.world;
        match op {
            4 => {
                let tool = tool_at(a, b);
                if let Some(digest) = world.state.tools().get(&tool).map(Tool::digest) {
                    world.commit(Action::ApproveTools { tools: [(tool, digest)].into() });
                }
            }
            5 => {
                world.commit(Action::DisableTools { tools: [tool_at(a, b)].into() });
            }
            6 => {
                world.commit(Action::ResetTools { tools: [tool_at(a, b)].into() });
            }
            7 => {
                let effect = [None, Some(Effect::Read), Some(Effect::Write)][usize::from(c) % 3];
                let risk = [None, Some(Risk::None), Some(Risk::Sensitive)][usize::from(c / 3) % 3];
                if world.commit(Action::ClassifyTool { tool: tool_at(a, b), effect, risk }) {
                    self.classified.insert(tool_at(a, b), (effect, risk));
                }
            }
            _ => {
                let types = (c % 3 != 0).then(|| types(&[client_type(c), client_type(c / 4)]));
                world.commit(Action::SetToolClientTypes { tool: tool_at(a, b), types });
            }
        }
    }

    /// Toolsets and profiles.
    fn arrange(&mut self, (op, a, b, c): Choice) {
        let world = &mut self.world;
        match op {
            10 => {
                let content = if b % 3 == 2 {
                    let up_to = [None, Some(Effect::Read), Some(Effect::Write)][usize::from(c) % 3];
                    let areas: &[&str] = [&[][..], &["get"], &["get", "mix", "set"]][usize::from(c / 3) % 3];
                    let follows = Follows::new(server(pick(&SERVERS, c))).with_areas(areas.iter().copied());
                    ToolsetContent::Maintained(up_to.map_or(follows.clone(), |most| follows.with_up_to(most)))
                } else {
                    ToolsetContent::Chosen(self.approved(c))
                };
                let label = Label::new("A set");
                self.world.commit(Action::CreateToolset { toolset: toolset(pick(&SETS, a)), label, content });
            }
            11 => {
                let tools = self.approved(c);
                self.world.commit(Action::SetToolsetTools { toolset: toolset(pick(&SETS, a)), tools });
            }
            12 => {
                world.commit(Action::DeleteToolset { toolset: toolset(pick(&SETS, a)) });
            }
            13 => {
                let spec = ProfileSpec::new(Label::new("A profile")).with_visibility(visibility(b, c));
                let profile = profile(pick(&PROFILES, a));
                if !world.commit(Action::CreateProfile { profile: profile.clone(), spec: spec.clone() }) {
                    world.commit(Action::ChangeProfile { profile, spec });
                }
            }
            14 => {
                world.commit(Action::DeleteProfile { profile: profile(pick(&PROFILES, a)) });
            }
            15 => {
                let binding = ToolsetBinding { toolset: toolset(pick(&SETS, b)), rules: Vec::new() };
                world.commit(Action::BindToolset { profile: profile(pick(&PROFILES, a)), binding });
            }
            _ => {
                let (profile, toolset) = (profile(pick(&PROFILES, a)), toolset(pick(&SETS, b)));
                world.commit(Action::UnbindToolset { profile, toolset });
            }
        }
    }

    /// Grants, clients, kill switches, connections, leavers.
    fn govern_people(&mut self, (op, a, b, c): Choice) {
        let world = &mut self.world;
        match op {
            17 => {
                let until = (c % 3 != 0).then(|| world.now.plus(std::time::Duration::from_secs(u64::from(c))));
                let (grant, profile) = (grant(pick(&GRANTS, c)), profile(pick(&PROFILES, b)));
                world.commit(Action::GrantProfile { grant, profile, grantee: grantee(a, c), until });
            }
            18 => {
                world.commit(Action::RevokeGrant { grant: grant(pick(&GRANTS, a)) });
            }
            19 => {
                world.commit(Action::SetClient {
                    client: client(pick(&CLIENTS, a)),
                    label: Label::new("A client"),
                    client_type: (b % 4 != 3).then(|| client_type(b)),
                    owner: (b % 4 == 0 && c % 2 == 0).then(|| user(pick(&USERS, c))),
                });
            }
            20 => {
                let client = client(pick(&CLIENTS, a));
                let action = if b % 2 == 0 { Action::CloseClient { client } } else { Action::ReopenClient { client } };
                world.commit(action);
            }
            21 | 22 => {
                let scope = match a % 16 {
                    0 => KillScope::Tenant,
                    1 | 2 => KillScope::Server(server(pick(&SERVERS, b))),
                    3 => KillScope::Client(client(pick(&CLIENTS, b))),
                    4 => KillScope::User(user(pick(&USERS, b))),
                    _ => KillScope::Tool(tool_at(b, c)),
                };
                // Released twice as often as thrown, so that the world does not stand still.
                world.commit(if op == 22 && c % 2 == 0 { Action::Kill { scope } } else { Action::Release { scope } });
            }
            23 => {
                let (server, person) = (server(pick(&SERVERS, a)), user(pick(&USERS, b)));
                let owner = CredentialOwner::User(person.clone());
                let facts = CredentialFacts::new();
                if c % 5 == 0 {
                    world.commit(Action::NoteRefusedCredential { server, user: person, version: u64::from(c) });
                    return;
                }
                let action = if c % 3 == 0 {
                    Action::RemoveCredential { server, owner }
                } else {
                    Action::SetCredential { server, owner, version: u64::from(c), facts }
                };
                world.act_as(&mcp_govern_core::Actor::new(person, []), action);
            }
            _ => {
                world.commit(Action::OffboardUser { user: user(pick(&USERS, a)) });
            }
        }
    }

    fn approved(&self, mask: u8) -> BTreeMap<ToolId, ToolsetEntry> {
        let tools = self.world.state.tools().iter().enumerate();
        let chosen = tools.filter(|(at, (_, tool))| mask >> (at % 8) & 1 == 1 && tool.state() == ToolState::Approved);
        chosen.map(|(_, (id, _))| (id.clone(), ToolsetEntry::default())).collect()
    }
}
