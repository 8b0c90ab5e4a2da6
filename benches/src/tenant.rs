//! Tenants of a given size, made by commands as an application would.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mcp_govern_core::{
    Actor, Annotations, Binding, Catalogue, CatalogueVersion, ClientId, ClientType, CommandId, Effect, GrantId,
    Grantee, Label, NewToolState, OperationBinding, Principal, ProfileId, ProfileSpec, Risk, Role, ServerId,
    ServerSpec, Settings, Timestamp, ToolDefinition, ToolId, ToolName, ToolsetBinding, ToolsetContent, ToolsetEntry,
    ToolsetId, UserId,
    access::{Caller, Loaded, Moment, Snapshot, ToolNumber},
    journal::{Action, Command, Commit, Decided, State, decide},
};
use serde_json::json;

/// How large a tenant is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// People.
    pub users: u32,
    /// Tools, over servers of 500 at most.
    pub tools: u32,
    /// Profiles, each with a toolset of its own.
    pub profiles: u32,
    /// Tools in each toolset.
    pub tools_each: u32,
    /// Grants to each person.
    pub grants_each: u32,
}

/// 100,000 people, 10,000 tools, 2,000 profiles, 400,000 grants.
pub const LARGE: Size = Size { users: 100_000, tools: 10_000, profiles: 2_000, tools_each: 50, grants_each: 4 };

/// A hundredth of it.
pub const SMALL: Size = Size { users: 1_000, tools: 100, profiles: 20, tools_each: 50, grants_each: 4 };

/// A tenant, and who holds what in it.
#[derive(Debug)]
pub struct Tenant {
    /// How large it is.
    pub size: Size,
    /// The state.
    pub state: State,
    /// What is loaded.
    pub loaded: Loaded,
    /// The index of the state.
    pub snapshot: Arc<Snapshot>,
    /// The tools of each profile, by number.
    pub profile_tools: Vec<BTreeSet<u32>>,
    /// The profiles of each person, by number.
    pub user_profiles: Vec<BTreeSet<u32>>,
    commands: u64,
}

/// A question: who, which tool, and the answer.
#[derive(Debug, Clone)]
pub struct Question {
    /// The person's number.
    pub user: u32,
    /// The tool's number.
    pub tool: u32,
    /// Who asks, looked up.
    pub caller: Caller,
    /// About which tool.
    pub index: ToolNumber,
}

impl Tenant {
    /// A tenant of a size; the same every time.
    #[must_use]
    pub fn new(size: Size) -> Self {
        let (state, loaded) = (State::new(), Loaded::new());
        let snapshot = Arc::new(Snapshot::build(&state, &loaded));
        let (profile_tools, user_profiles) = (Vec::new(), Vec::new());
        let mut tenant = Self { size, state, loaded, snapshot, profile_tools, user_profiles, commands: 0 };
        tenant.commit(Action::ActivateGovernance);
        let settings = Settings::default().with_unmatched_client(ClientType::Personal);
        tenant.commit(Action::ChangeSettings { settings });
        tenant.add_servers();
        let mut random = Random(42);
        tenant.add_profiles(&mut random);
        tenant.add_grants(&mut random);
        tenant.snapshot = Arc::new(Snapshot::build(&tenant.state, &tenant.loaded));
        tenant
    }

    /// Carries out a command and answers with its commit; the snapshot does not follow.
    ///
    /// # Panics
    ///
    /// When the command is refused.
    pub fn commit(&mut self, action: Action) -> Commit {
        self.commands += 1;
        let id = CommandId::new(format!("c{}", self.commands)).expect("an id");
        let (command, actor) = (Command::new(id, action), Actor::new(user(u32::MAX), [Role::Owner]));
        let Decided::Events(events) = decide(&self.state, &command, &actor, now()).expect("allowed") else {
            panic!("done already");
        };
        let commit = self.state.commit(&command, &actor, now(), events);
        self.state.apply(&commit);
        commit
    }

    /// Questions that are answered with a permit, spread over people and tools; the same every time.
    ///
    /// # Panics
    ///
    /// When a tool is unknown.
    #[must_use]
    pub fn permitted(&self, count: u32) -> Vec<Question> {
        let mut random = Random(7);
        let question = |_| {
            let user = random.below(self.size.users);
            let profile = random.of(&self.user_profiles[user as usize]);
            let tool = random.of(&self.profile_tools[profile as usize]);
            self.question(user, tool)
        };
        (0..count).map(question).collect()
    }

    /// A question.
    ///
    /// # Panics
    ///
    /// When the tool is unknown.
    #[must_use]
    pub fn question(&self, user: u32, tool: u32) -> Question {
        let index = self.snapshot.tool(&tool_id(tool)).expect("a tool");
        Question { user, tool, caller: self.snapshot.resolve(&principal(user)), index }
    }

    /// Whether a person may call a tool, by the numbers alone.
    #[must_use]
    pub fn expected(&self, user: u32, tool: u32) -> bool {
        let mut profiles = self.user_profiles[user as usize].iter();
        profiles.any(|profile| self.profile_tools[*profile as usize].contains(&tool))
    }

    /// The profiles that hold a tool.
    #[must_use]
    pub fn profiles_of(&self) -> Vec<Vec<u32>> {
        let mut holding = vec![Vec::new(); self.size.tools as usize];
        for (profile, tools) in (0..).zip(&self.profile_tools) {
            for tool in tools {
                holding[*tool as usize].push(profile);
            }
        }
        holding
    }

    fn add_servers(&mut self) {
        for (server, first) in (0..self.size.tools).step_by(500).enumerate() {
            let id = server_id(u32::try_from(server).expect("few servers"));
            let prefix = format!("s{server}");
            let spec = ServerSpec::new(
                "bench".try_into().expect("an id"),
                "A server",
                prefix.as_str().try_into().expect("a prefix"),
                "key".try_into().expect("an id"),
            )
            .with_new_tools(NewToolState::Approved);
            self.commit(Action::RegisterServer { server: id.clone(), spec });
            let numbers = first..(first + 500).min(self.size.tools);
            let tools = numbers.map(|number| Arc::new(definition(number))).collect();
            let catalogue = Arc::new(Catalogue::new(CatalogueVersion(1), tools).expect("distinct names"));
            self.loaded.set_catalogue(&id, &catalogue).expect("digests");
            self.commit(Action::SyncServer { server: id, catalogue });
        }
    }

    fn add_profiles(&mut self, random: &mut Random) {
        for number in 0..self.size.profiles {
            let mut tools = BTreeSet::new();
            while tools.len() < self.size.tools_each as usize {
                tools.insert(random.below(self.size.tools));
            }
            let entries: BTreeMap<_, _> = tools.iter().map(|tool| (tool_id(*tool), ToolsetEntry::default())).collect();
            self.profile_tools.push(tools);
            let toolset = ToolsetId::new(format!("t{number}")).expect("an id");
            let profile = profile_id(number);
            let (label, content) = (Label::new("A set"), ToolsetContent::Chosen(entries));
            self.commit(Action::CreateToolset { toolset: toolset.clone(), label, content });
            let spec = ProfileSpec::new(Label::new("A profile"));
            self.commit(Action::CreateProfile { profile: profile.clone(), spec });
            self.commit(Action::BindToolset { profile, binding: ToolsetBinding { toolset, rules: Vec::new() } });
        }
    }

    fn add_grants(&mut self, random: &mut Random) {
        for number in 0..self.size.users {
            let mut profiles = BTreeSet::new();
            while profiles.len() < self.size.grants_each as usize {
                profiles.insert(random.below(self.size.profiles));
            }
            for profile in &profiles {
                self.commit(grant(number, *profile));
            }
            self.user_profiles.push(profiles);
        }
    }
}

/// The command that grants a profile to a person.
///
/// # Panics
///
/// Never: the ids are well-formed.
#[must_use]
pub fn grant(number: u32, profile: u32) -> Action {
    Action::GrantProfile {
        grant: GrantId::new(format!("g{number}-{profile}")).expect("an id"),
        profile: profile_id(profile),
        grantee: Grantee::User(user(number)),
        until: None,
    }
}

/// The moment at which everything is asked.
#[must_use]
pub fn moment() -> Moment {
    Moment::fresh(now())
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000)
}

fn user(number: u32) -> UserId {
    UserId::new("https://id.example.com", format!("user-{number}")).expect("an id")
}

fn principal(number: u32) -> Principal {
    Principal::new(user(number), ClientId::new("https://id.example.com", "desktop").expect("an id"))
}

fn profile_id(number: u32) -> ProfileId {
    ProfileId::new(format!("p{number}")).expect("an id")
}

fn server_id(number: u32) -> ServerId {
    ServerId::new(format!("server-{number}")).expect("an id")
}

fn tool_name(number: u32) -> ToolName {
    ToolName::new(format!("get_thing_{number}")).expect("a name")
}

fn tool_id(number: u32) -> ToolId {
    ToolId::new(server_id(number / 500), tool_name(number))
}

fn definition(number: u32) -> ToolDefinition {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["id"],
        "properties": {
            "id": {"type": "string", "description": "Which one."},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        },
    });
    ToolDefinition {
        name: tool_name(number),
        title: format!("Get thing {number}"),
        description: "Reads one thing.".to_owned(),
        input_schema: Arc::new(schema),
        output_schema: None,
        annotations: Annotations::of(Effect::Read, true),
        effect: Effect::Read,
        risk: Risk::None,
        risk_reason: None,
        notifies: None,
        scopes: Vec::new(),
        deprecated: false,
        area: None,
        binding: Binding::Operation(OperationBinding {
            method: "GET".to_owned(),
            origin: "api".to_owned(),
            path: format!("/things/{number}/{{id}}"),
            arguments: Vec::new(),
            fixed: Vec::new(),
            send: BTreeMap::new(),
            security: Vec::new(),
            content_type: None,
            destination: None,
        }),
    }
}

/// The same numbers every time (a 64-bit linear congruence, upper half).
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((self.0 >> 33) % u64::from(limit)).expect("below a 32-bit limit")
    }

    fn of(&mut self, from: &BTreeSet<u32>) -> u32 {
        let at = self.below(u32::try_from(from.len()).expect("a small set"));
        *from.iter().nth(at as usize).expect("in range")
    }
}
