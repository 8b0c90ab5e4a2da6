//! A small world in which commands are decided and applied.

use std::{collections::BTreeMap, sync::Arc};

use mcp_govern_core::{
    Actor, Annotations, ArgumentRule, Binding, Catalogue, CatalogueVersion, CommandId, Digest, Effect, Grantee, Label,
    Location, OperationBinding, ProfileSpec, ProfileVisibility, RequestPolicy, Risk, Role, ServerSpec, Timestamp,
    ToolDefinition, ToolId, ToolsetBinding, ToolsetContent, ToolsetEntry, UserId,
    journal::{Action, Command, Commit, Decided, Event, Refusal, RefusalKind, State, Tool, decide},
};
use serde_json::json;

pub(crate) const NOON: i64 = 1_795_262_400_000;

/// A state, a clock, and a supply of command ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) commits: Vec<Commit>,
    /// What each commit came of.
    pub(crate) sent: Vec<(Actor, Command)>,
    now: i64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { state: State::new(), commits: Vec::new(), sent: Vec::new(), now: NOON }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += seconds * 1000;
    }

    /// Decides and, if it is carried out, applies. An answer without events means that it already held.
    pub(crate) fn send(&mut self, actor: &Actor, action: Action) -> Result<Vec<Event>, Refusal> {
        let id = CommandId::new(format!("cmd-{}", self.commits.len())).unwrap();
        self.send_command(actor, &Command::new(id, action))
    }

    pub(crate) fn send_command(&mut self, actor: &Actor, command: &Command) -> Result<Vec<Event>, Refusal> {
        match decide(&self.state, command, actor, self.now())? {
            Decided::AlreadyDone(_) => Ok(Vec::new()),
            Decided::Events(events) => {
                let commit = self.state.commit(command, actor, self.now(), events.clone());
                self.state.apply(&commit);
                self.commits.push(commit);
                self.sent.push((actor.clone(), command.clone()));
                Ok(events)
            }
        }
    }

    #[track_caller]
    pub(crate) fn does(&mut self, actor: &Actor, action: Action) -> Vec<Event> {
        let name = action.name();
        let events = self.send(actor, action).unwrap_or_else(|refusal| panic!("{name} was refused: {refusal}"));
        assert!(!events.is_empty(), "{name} changed nothing");
        events
    }

    #[track_caller]
    pub(crate) fn holds_already(&mut self, actor: &Actor, action: Action) {
        let name = action.name();
        let events = self.send(actor, action).unwrap_or_else(|refusal| panic!("{name} was refused: {refusal}"));
        assert!(events.is_empty(), "{name} changed something: {events:?}");
    }

    #[track_caller]
    pub(crate) fn refuses(&mut self, actor: &Actor, action: Action, kind: RefusalKind, words: &str) {
        let name = action.name();
        let refusal = self.send(actor, action).expect_err(name);
        assert_eq!(refusal.kind(), kind, "{name}: {refusal}");
        assert!(refusal.message().contains(words), "{name}: {refusal}");
    }

    /// The state as releases left it that wrote no digests of commands into the commits of which `older` holds.
    pub(crate) fn state_of_older_commits(&self, older: impl Fn(usize) -> bool) -> State {
        let mut state = State::new();
        for (number, commit) in self.commits.iter().enumerate() {
            let mut commit = commit.clone();
            commit.previous = state.head().hash;
            commit.command = commit.command.filter(|_| !older(number));
            state.apply(&commit);
        }
        state
    }

    pub(crate) fn tool(&self, id: &str) -> &Tool {
        &self.state.tools()[&tool(id)]
    }

    pub(crate) fn digest(&self, id: &str) -> Digest {
        self.tool(id).digest()
    }

    /// Approves the current definitions.
    #[track_caller]
    pub(crate) fn approve(&mut self, ids: &[&str]) {
        let tools = ids.iter().map(|id| (tool(id), self.digest(id))).collect();
        self.does(&admin(), Action::ApproveTools { tools });
    }

    #[track_caller]
    pub(crate) fn sync(&mut self, server: &str, version: u64, tools: Vec<ToolDefinition>) -> Vec<Event> {
        self.does(&admin(), sync(server, version, tools))
    }

    /// A server `status` with the approved tools `get_page`, `create_incident` and `delete_page`.
    pub(crate) fn with_status(&mut self) {
        self.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
        self.sync("status", 1, status_tools());
        self.approve(&["status/get_page", "status/create_incident", "status/delete_page"]);
    }

    /// Toolset `readers` of `status/get_page`, bound to the profile `on-call`, which everybody may ask for.
    pub(crate) fn with_profile(&mut self, policy: RequestPolicy) {
        self.does(
            &admin(),
            Action::CreateToolset {
                toolset: id("readers"),
                label: Label::new("Readers"),
                content: chosen(&["status/get_page"]),
            },
        );
        let spec =
            ProfileSpec::new(Label::new("On call")).with_visibility(ProfileVisibility::Everyone).with_policy(policy);
        self.does(&owner(), Action::CreateProfile { profile: id("on-call"), spec });
        let binding = ToolsetBinding { toolset: id("readers"), rules: Vec::new() };
        self.does(&admin(), Action::BindToolset { profile: id("on-call"), binding });
    }
}

pub(crate) fn id<'a, T>(text: &'a str) -> T
where
    T: TryFrom<&'a str>,
    T::Error: std::fmt::Debug,
{
    T::try_from(text).unwrap()
}

pub(crate) fn tool(text: &str) -> ToolId {
    text.parse().unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::new("https://id.example.com", name).unwrap()
}

pub(crate) fn person(name: &str) -> Grantee {
    Grantee::User(user(name))
}

pub(crate) fn actor(name: &str, roles: &[Role]) -> Actor {
    Actor::new(user(name), roles.iter().copied())
}

pub(crate) fn owner() -> Actor {
    actor("olga", &[Role::Owner])
}

pub(crate) fn admin() -> Actor {
    actor("gus", &[Role::GovernanceAdmin])
}

pub(crate) fn profile_admin() -> Actor {
    actor("pia", &[Role::ProfileAdmin])
}

pub(crate) fn someone(name: &str) -> Actor {
    actor(name, &[])
}

pub(crate) fn spec(prefix: &str) -> ServerSpec {
    ServerSpec::new(id("statuspage"), "Status page", id(prefix), id("api_key"))
}

pub(crate) fn definition(name: &str, method: &str, effect: Effect) -> ToolDefinition {
    let mut definition = ToolDefinition {
        name: id(name),
        title: name.replace('_', " "),
        description: format!("Does {name}."),
        input_schema: Arc::new(json!({
            "type": "object",
            "properties": {"page_id": {"type": "string", "description": "The page."}},
            "required": ["page_id"],
            "additionalProperties": false
        })),
        output_schema: None,
        annotations: Annotations::of(effect, false),
        effect,
        risk: Risk::None,
        risk_reason: None,
        notifies: None,
        scopes: Vec::new(),
        deprecated: false,
        area: None,
        binding: Binding::Operation(OperationBinding {
            method: method.to_owned(),
            origin: "api".to_owned(),
            path: "/pages/{page_id}".to_owned(),
            arguments: Vec::new(),
            fixed: Vec::new(),
            send: BTreeMap::new(),
            security: vec!["api_key".to_owned()],
            content_type: None,
            destination: None,
        }),
    };
    if let Binding::Operation(binding) = &mut definition.binding {
        binding.arguments.push(mcp_govern_core::BoundArgument {
            argument: "page_id".to_owned(),
            location: Location::Path,
            name: "page_id".to_owned(),
        });
    }
    definition
}

pub(crate) fn status_tools() -> Vec<ToolDefinition> {
    vec![
        definition("get_page", "GET", Effect::Read),
        definition("create_incident", "POST", Effect::Write),
        definition("delete_page", "DELETE", Effect::Destructive),
    ]
}

/// The status tools with one of them changed.
pub(crate) fn status_tools_with(name: &str, change: impl FnOnce(&mut ToolDefinition)) -> Vec<ToolDefinition> {
    let mut tools = status_tools();
    change(tools.iter_mut().find(|tool| tool.name.as_str() == name).unwrap());
    tools
}

pub(crate) fn catalogue(version: u64, tools: Vec<ToolDefinition>) -> Arc<Catalogue> {
    Arc::new(Catalogue::new(CatalogueVersion(version), tools.into_iter().map(Arc::new).collect()).unwrap())
}

pub(crate) fn sync(server: &str, version: u64, tools: Vec<ToolDefinition>) -> Action {
    Action::SyncServer { server: id(server), catalogue: catalogue(version, tools) }
}

pub(crate) fn entry(rules: &[ArgumentRule]) -> ToolsetEntry {
    ToolsetEntry { rules: rules.to_vec() }
}

pub(crate) fn entries(tools: &[&str]) -> BTreeMap<ToolId, ToolsetEntry> {
    tools.iter().map(|id| (tool(id), ToolsetEntry::default())).collect()
}

pub(crate) fn chosen(tools: &[&str]) -> ToolsetContent {
    ToolsetContent::Chosen(entries(tools))
}

pub(crate) fn grant(name: &str, grantee: Grantee) -> Action {
    Action::GrantProfile { grant: id(name), profile: id("on-call"), grantee, until: None }
}

/// Everything that a state shows, for comparing two.
pub(crate) fn picture(state: &State) -> String {
    let credentials: Vec<_> = state.credentials().collect();
    format!(
        "{:#?}",
        (
            (state.head(), state.changed_at(), state.last_at(), state.is_activated(), state.schema(), state.settings()),
            (state.servers(), state.tools(), state.toolsets(), state.profiles()),
            (state.grants(), state.requests(), state.clients(), state.kills(), credentials),
            (state.audit_anchors(), state.audit_dropped()),
        )
    )
}
