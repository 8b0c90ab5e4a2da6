//! A small world of servers, tools and people, changed by commands alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use mcp_govern_core::{
    Actor, Annotations, ArgumentRule, Binding, Catalogue, CatalogueVersion, ClientId, ClientType, CommandId,
    CredentialFacts, CredentialOwner, Effect, GrantId, Grantee, GroupId, Label, NewToolState, OperationBinding,
    Principal, ProfileId, ProfileSpec, ProfileVisibility, ProviderId, RecipeBinding, Risk, Role, ServerId, ServerSpec,
    Settings, Timestamp, ToolDefinition, ToolId, ToolName, ToolPrefix, ToolsetBinding, ToolsetContent, ToolsetEntry,
    ToolsetId, UserId,
    access::{Admission, Caller, Loaded, Moment, Permit, Refused, Snapshot, admit},
    journal::{Action, Command, Decided, KillScope, State, decide},
};
use serde_json::{Value, json};

/// The state, what the node has loaded, and a snapshot that follows.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) loaded: Loaded,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) now: Timestamp,
    commands: u64,
}

impl World {
    /// Activated, with every client admitted as personal.
    pub(crate) fn new() -> Self {
        let (state, loaded) = (State::new(), Loaded::new());
        let snapshot = Arc::new(Snapshot::build(&state, &loaded));
        let mut world = Self { state, loaded, snapshot, now: time(1000), commands: 0 };
        world.must(Action::ActivateGovernance);
        world.settings(Settings::default().with_unmatched_client(ClientType::Personal));
        world
    }

    /// Carries a command out as the owner; `false` when it is refused.
    pub(crate) fn commit(&mut self, action: Action) -> bool {
        self.act_as(&owner(), action)
    }

    /// Carries a command out; `false` when it is refused.
    pub(crate) fn act_as(&mut self, actor: &Actor, action: Action) -> bool {
        self.commands += 1;
        let command = Command::new(CommandId::new(format!("c{}", self.commands)).unwrap(), action);
        match decide(&self.state, &command, actor, self.now) {
            Ok(Decided::Events(events)) => {
                let commit = self.state.commit(&command, actor, self.now, events);
                self.state.apply(&commit);
                self.snapshot = Arc::new(self.snapshot.after(&self.state, &commit, &self.loaded));
                true
            }
            Ok(Decided::AlreadyDone(_)) => true,
            Err(_) => false,
        }
    }

    /// Carries a command out that must not be refused.
    #[track_caller]
    pub(crate) fn must(&mut self, action: Action) {
        let text = format!("{action:?}");
        assert!(self.commit(action), "refused: {text}");
    }

    #[track_caller]
    pub(crate) fn settings(&mut self, settings: Settings) {
        self.must(Action::ChangeSettings { settings });
    }

    /// A server whose prefix is its id.
    #[track_caller]
    pub(crate) fn server(&mut self, id: &str, change: impl FnOnce(ServerSpec) -> ServerSpec) {
        self.must(Action::RegisterServer { server: server(id), spec: change(spec(id)) });
    }

    /// Syncs a server and loads the same definitions.
    #[track_caller]
    pub(crate) fn sync(&mut self, id: &str, version: u64, definitions: Vec<ToolDefinition>) {
        let catalogue = catalogue(version, definitions);
        self.load(id, &catalogue);
        self.must(Action::SyncServer { server: server(id), catalogue });
    }

    /// Loads definitions on this node without syncing them.
    pub(crate) fn load(&mut self, id: &str, catalogue: &Catalogue) {
        self.loaded.set_catalogue(&server(id), catalogue).unwrap();
        self.snapshot = Arc::new(self.snapshot.reloaded(&self.state, &self.loaded));
    }

    /// Approves tools under their current definitions.
    #[track_caller]
    pub(crate) fn approve(&mut self, tools: &[&str]) {
        let digest = |id: &&str| (tool(id), self.state.tools()[&tool(id)].digest());
        let tools = tools.iter().map(digest).collect();
        self.must(Action::ApproveTools { tools });
    }

    /// A toolset and a profile of the same name with tools, granted to a user.
    #[track_caller]
    pub(crate) fn hand_out(&mut self, name: &str, tools: &[&str], user_name: &str) {
        self.toolset(name, tools);
        self.profile(name, ProfileVisibility::Nobody);
        self.bind(name, name, Vec::new());
        self.grant(name, name, Grantee::User(user(user_name)), None);
    }

    #[track_caller]
    pub(crate) fn toolset(&mut self, id: &str, tools: &[&str]) {
        let entries = tools.iter().map(|id| (tool(id), ToolsetEntry::default())).collect();
        let content = ToolsetContent::Chosen(entries);
        self.must(Action::CreateToolset { toolset: toolset(id), label: Label::new(id), content });
    }

    #[track_caller]
    pub(crate) fn entry(&mut self, toolset_id: &str, tool_id: &str, rules: Vec<ArgumentRule>) {
        let tools = BTreeMap::from([(tool(tool_id), ToolsetEntry { rules })]);
        self.must(Action::SetToolsetTools { toolset: toolset(toolset_id), tools });
    }

    #[track_caller]
    pub(crate) fn profile(&mut self, id: &str, visibility: ProfileVisibility) {
        let spec = ProfileSpec::new(Label::new(id)).with_visibility(visibility);
        self.must(Action::CreateProfile { profile: profile(id), spec });
    }

    #[track_caller]
    pub(crate) fn bind(&mut self, profile_id: &str, toolset_id: &str, rules: Vec<ArgumentRule>) {
        let binding = ToolsetBinding { toolset: toolset(toolset_id), rules };
        self.must(Action::BindToolset { profile: profile(profile_id), binding });
    }

    #[track_caller]
    pub(crate) fn grant(&mut self, id: &str, profile_id: &str, grantee: Grantee, until: Option<u64>) {
        let until = until.map(time);
        self.must(Action::GrantProfile { grant: grant(id), profile: profile(profile_id), grantee, until });
    }

    #[track_caller]
    pub(crate) fn connect(&mut self, server_id: &str, user_name: &str) {
        let who = user(user_name);
        let action = Action::SetCredential {
            server: server(server_id),
            owner: CredentialOwner::User(who.clone()),
            version: 1,
            facts: CredentialFacts::new(),
        };
        assert!(self.act_as(&Actor::new(who, []), action), "refused");
    }

    pub(crate) fn caller(&self, principal: &Principal) -> Caller {
        self.snapshot.resolve(principal)
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment::fresh(self.now)
    }

    /// Asks whether a user may call a tool.
    pub(crate) fn ask(&self, principal: &Principal, id: &str) -> Result<Permit, Refused> {
        let caller = self.caller(principal);
        match self.snapshot.tool(&tool(id)) {
            Some(index) => match admit(&self.snapshot, &caller, index, &self.moment()) {
                Admission::Permit(permit) => Ok(permit),
                Admission::Deny(refused) => Err(refused),
                other => panic!("a third answer: {other:?}"),
            },
            None => Err(self.snapshot.refuse_unknown(&caller, &self.moment())),
        }
    }

    /// The code of the denial, or `permit`.
    pub(crate) fn code(&self, principal: &Principal, id: &str) -> &'static str {
        self.ask(principal, id).map_or_else(|refused| refused.code().as_str(), |_| "permit")
    }
}

pub(crate) fn time(seconds: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(seconds).unwrap() * 1000)
}

pub(crate) fn owner() -> Actor {
    Actor::new(user("root"), [Role::Owner])
}

pub(crate) fn server(id: &str) -> ServerId {
    ServerId::new(id).unwrap()
}

/// A tool by `server/name`.
pub(crate) fn tool(id: &str) -> ToolId {
    id.parse().unwrap()
}

pub(crate) fn toolset(id: &str) -> ToolsetId {
    ToolsetId::new(id).unwrap()
}

pub(crate) fn profile(id: &str) -> ProfileId {
    ProfileId::new(id).unwrap()
}

pub(crate) fn grant(id: &str) -> GrantId {
    GrantId::new(id).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new("idp", name).unwrap()
}

pub(crate) fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

pub(crate) fn client(name: &str) -> ClientId {
    ClientId::new("idp", name).unwrap()
}

pub(crate) fn principal(name: &str) -> Principal {
    Principal::new(user(name), client("desktop"))
}

pub(crate) fn spec(prefix: &str) -> ServerSpec {
    let prefix = ToolPrefix::new(prefix).unwrap();
    ServerSpec::new(ProviderId::new("fake").unwrap(), "A server", prefix, "key".try_into().unwrap())
        .with_new_tools(NewToolState::PendingReview)
}

pub(crate) fn catalogue(version: u64, definitions: Vec<ToolDefinition>) -> Arc<Catalogue> {
    Arc::new(Catalogue::new(CatalogueVersion(version), definitions.into_iter().map(Arc::new).collect()).unwrap())
}

/// A tool that reads, without arguments.
pub(crate) fn reads(name: &str) -> ToolDefinition {
    takes(name, &json!({}))
}

/// A tool that reads, with these properties.
pub(crate) fn takes(name: &str, properties: &Value) -> ToolDefinition {
    with_schema(name, json!({"type": "object", "properties": properties, "additionalProperties": false}))
}

/// A tool that reads, with this schema.
pub(crate) fn with_schema(name: &str, schema: Value) -> ToolDefinition {
    let binding = Binding::Operation(OperationBinding {
        method: "GET".into(),
        origin: "api".into(),
        path: format!("/{name}"),
        arguments: Vec::new(),
        fixed: Vec::new(),
        send: BTreeMap::new(),
        security: Vec::new(),
        content_type: None,
        destination: None,
    });
    ToolDefinition {
        name: ToolName::new(name).unwrap(),
        title: name.to_owned(),
        description: format!("What {name} does."),
        input_schema: Arc::new(schema),
        output_schema: None,
        annotations: Annotations::of(Effect::Read, true),
        effect: Effect::Read,
        risk: Risk::None,
        risk_reason: None,
        notifies: None,
        scopes: Vec::new(),
        deprecated: false,
        area: area_of(name).map(str::to_owned),
        binding,
    }
}

/// The first word of the name, but for one tool that is of no area.
pub(crate) fn area_of(name: &str) -> Option<&str> {
    if name == "mix_d" { None } else { name.split('_').next() }
}

/// A recipe over other tools of its server.
pub(crate) fn recipe(name: &str, uses: &[&str]) -> ToolDefinition {
    let uses = uses.iter().map(|name| ToolName::new(name).unwrap()).collect();
    let binding = Binding::Recipe(RecipeBinding {
        version: 1,
        why: "Two reads answer it.".into(),
        uses,
        send: BTreeMap::new(),
        destination: None,
    });
    ToolDefinition { binding, ..reads(name) }
}

pub(crate) fn types(types: &[ClientType]) -> BTreeSet<ClientType> {
    types.iter().copied().collect()
}

/// `ann` holds `status/list_pages`; `bob` holds nothing.
pub(crate) fn world() -> World {
    let mut world = World::new();
    world.server("status", |spec| spec);
    world.sync("status", 1, vec![reads("list_pages"), reads("get_page")]);
    world.approve(&["status/list_pages", "status/get_page"]);
    world.hand_out("reading", &["status/list_pages"], "ann");
    world
}

pub(crate) fn kill(world: &mut World, scope: KillScope) {
    world.must(Action::Kill { scope });
}
