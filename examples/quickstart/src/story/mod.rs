//! The story: one tenant, one governor, and at last a second one of the next release.

mod audit;
mod denials;
mod first_calls;
mod next_release;
mod setup;

use std::{rc::Rc, sync::Arc, time::Instant};

use example_vendors::Vendor;
use mcp_govern_core::{
    ClientType, CommandId, Governor, GrantId, ProfileId, Provider, RequestId, ServerId, Settings, TenantId, ToolId,
    ToolName, ToolsetId,
    audit::AuditKey,
    governor::Committed,
    journal::{Action, Command},
    memory::MemoryStores,
};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{
    Told,
    cast::{Cast, Person},
    clock::StoryClock,
    company::{Company, Kind, Player},
    front::{Answer, Ending, Front},
    plot::{Ask, Plot},
    teller::{Step, Teller},
};

/// The story while it is told.
#[derive(Debug)]
pub(crate) struct Story {
    teller: Teller,
    cast: Cast,
    scenes: Vec<Rc<Scene>>,
    absent: Vec<Vendor>,
    kind: Kind,
    clock: Arc<StoryClock>,
    stores: MemoryStores,
    audit_key: AuditKey,
    /// The governor that calls go through: that of the next release, once there is one.
    governor: Governor,
    /// Its MCP face, with the clients that are connected to it.
    front: Front,
    /// Every governor of the story, in the order in which they were opened.
    nodes: Vec<Governor>,
    drivers: Vec<JoinHandle<()>>,
    began: Instant,
}

/// A vendor, and what is done with it.
#[derive(Debug)]
struct Scene {
    vendor: Vendor,
    player: Player,
    plot: Plot,
    server: ServerId,
    toolset: ToolsetId,
    profile: ProfileId,
    request: RequestId,
    grant: GrantId,
}

impl Story {
    /// Opens the governor. Nothing is registered yet.
    pub(crate) async fn open(teller: Teller, company: Company) -> Told<Self> {
        let (absent, kind) = (company.absent(), company.kind);
        let scenes: Result<Vec<_>, _> =
            company.players.into_iter().map(|player| Scene::new(player).map(Rc::new)).collect();
        let (clock, stores, audit_key) = (Arc::new(StoryClock::default()), MemoryStores::new(), AuditKey::random()?);
        let scenes = scenes?;
        let mut providers: Vec<Arc<dyn Provider>> = Vec::new();
        for scene in &scenes {
            providers.push(Arc::new(scene.vendor.provider()?));
        }
        let (governor, driver) = node(&stores, &clock, &audit_key, providers).await?;
        let cast = Cast::new()?;
        let front = Front::open(&governor, &cast).await?;
        Ok(Self {
            teller,
            cast,
            front,
            scenes,
            absent,
            kind,
            clock,
            stores,
            audit_key,
            nodes: vec![governor.clone()],
            governor,
            drivers: vec![driver],
            began: Instant::now(),
        })
    }

    /// Tells it from beginning to end.
    pub(crate) async fn tell(&mut self) -> Told {
        self.introduce().await?;
        self.register().await?;
        self.discover().await?;
        self.review().await?;
        self.hand_out().await?;
        self.ask_and_approve().await?;
        self.connect()?;
        self.call_with_a_wrong_key().await?;
        self.call_with_the_right_key().await?;
        self.call_within_a_rule().await?;
        self.preview()?;
        self.refuse_calls().await?;
        self.move_to_the_next_release().await?;
        self.let_the_grant_end().await?;
        self.read_the_record().await?;
        self.verify_the_record().await?;
        self.tamper_with_a_copy().await?;
        self.end()
    }

    /// What did not go as told.
    pub(crate) fn close(mut self) -> Vec<String> {
        self.drivers.drain(..).for_each(|driver| driver.abort());
        self.teller.differences().to_vec()
    }

    async fn introduce(&mut self) -> Told {
        let (mode, text) = match self.kind {
            Kind::StandIns => {
                let text = "Three vendors take part, played by stand-ins on this machine: they answer as the vendors \
                            document it, and complain when a request breaks the rules. No key, no account, nothing that \
                            leaves this machine. With keys in the environment the vendors play themselves; see --help.";
                ("stand_ins", text.to_owned())
            }
            Kind::Vendors => {
                let titles = |vendors: &mut dyn Iterator<Item = Vendor>| {
                    vendors.map(Vendor::title).collect::<Vec<_>>().join(", ")
                };
                let present = titles(&mut self.scenes.iter().map(|scene| scene.vendor));
                let text = format!(
                    "The keys in the environment are used: {present}. Only tools that read are called. One request to \
                     each carries a wrong key, on purpose."
                );
                let absent = titles(&mut self.absent.iter().copied());
                let left_out = format!("{text} Without a key, and so left out: {absent}.");
                ("vendors", if self.absent.is_empty() { text } else { left_out })
            }
        };
        self.teller.title("mcp-govern: the way of a tool", &text)?;
        let settings = Settings::default().with_unmatched_client(ClientType::Personal);
        let olga = self.cast.olga.clone();
        self.commit(&olga, Action::ChangeSettings { settings }).await?;
        self.commit(&olga, Action::ActivateGovernance).await?;
        let providers: Vec<&str> = self.scenes.iter().map(|scene| scene.vendor.id()).collect();
        self.teller.chapter(
            "Govern",
            "Olga owns the tenant and activates governance. From here on no person calls anything that is not approved, in a \
             toolset, bound to an access profile, and granted. What cannot be decided is denied.",
        )?;
        let step = Step::of_all("activate", "done").with_fact("mode", mode).with_fact("providers", providers);
        self.tell_step(&step.saying("Governance is active."))
    }

    fn end(&mut self) -> Told {
        for scene in self.scenes() {
            for violation in scene.player.violations() {
                self.teller.differs(format!("{}: a request broke the vendor's rules: {violation}", scene.vendor));
            }
        }
        let differences = self.teller.differences().len();
        let took = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (outcome, text) = match differences {
            0 => (
                "as_told",
                format!(
                    "Everything went as told, in {took} ms. Next: `cargo run -p gateway` serves the same vendors to an AI client of your \
                     own, without a key and without configuration; its first lines say how to connect one."
                ),
            ),
            count => ("differs", format!("{count} things did not go as told; see the end.")),
        };
        self.teller.chapter("The end", "")?;
        let step = Step::of_all("end", outcome).with_fact("differences", differences).with_fact("took_ms", took);
        self.tell_step(&step.saying(text))
    }

    fn scenes(&self) -> Vec<Rc<Scene>> {
        self.scenes.clone()
    }

    /// Tells a step; a step that cannot be told ends the story.
    fn tell_step(&self, step: &Step) -> Told {
        Ok(self.teller.tell(step)?)
    }

    /// Takes note where something is not as it must be.
    fn expect(&mut self, vendor: Vendor, holds: bool, what: &str) {
        if !holds {
            self.teller.differs(format!("{vendor}: expected {what}"));
        }
    }

    async fn commit(&self, who: &Person, action: Action) -> Told<Committed> {
        let name = action.name();
        let committed = self.governor.commit(&who.actor, Command::new(CommandId::random()?, action)).await;
        committed.map_err(|error| format!("{name} by {}: {error}", who.name).into())
    }

    /// Makes a call over MCP, tells how it ended, and takes note where that is not how it must end.
    async fn call(
        &mut self,
        scene: &Scene,
        who: &Person,
        ask: Ask,
        (step, expected, said): (&'static str, Ending, &str),
    ) -> Told<Option<Value>> {
        let exposed = format!("{}_{}", scene.vendor.id(), ask.tool);
        let answer = self.front.call(who, &exposed, ask.arguments.clone()).await?;
        let told = told(scene, step, &answer, said);
        let arguments = Value::Object(ask.arguments);
        let told = told.with_fact("user", who.name).with_fact("tool", &exposed).with_fact("arguments", arguments);
        self.tell_step(&told)?;
        if !answer.is(expected) {
            self.teller.differs(format!("{} {step}: expected {expected}, got {answer}", scene.vendor));
        }
        match answer {
            Answer::Result { content, .. } => Ok(Some(content)),
            Answer::Denied { .. } | Answer::Failed { .. } => Ok(None),
        }
    }
}

impl Scene {
    fn new(player: Player) -> Told<Self> {
        let vendor = player.account.vendor();
        let id = vendor.id();
        Ok(Self {
            vendor,
            player,
            plot: Plot::new(vendor),
            server: ServerId::new(id)?,
            toolset: ToolsetId::new(format!("{id}-look"))?,
            profile: ProfileId::new(format!("{id}-on-call"))?,
            request: RequestId::new(format!("ann-asks-{id}"))?,
            grant: GrantId::new(format!("ann-{id}"))?,
        })
    }

    fn tool(&self, name: &str) -> Told<ToolId> {
        Ok(ToolId::new(self.server.clone(), ToolName::new(name)?))
    }
}

/// Opens a governor over the story's stores, with its driver running.
async fn node(
    stores: &MemoryStores,
    clock: &Arc<StoryClock>,
    audit_key: &AuditKey,
    providers: Vec<Arc<dyn Provider>>,
) -> Told<(Governor, JoinHandle<()>)> {
    let empty = Governor::builder(tenant()?)
        .with_stores(stores.clone())
        .with_clock(Arc::clone(clock) as Arc<dyn mcp_govern_core::Clock>)
        .with_audit_key(audit_key.clone());
    let builder = providers.into_iter().fold(empty, mcp_govern_core::governor::GovernorBuilder::with_shared_provider);
    let (governor, driver) = builder.open().await?;
    Ok((governor, tokio::spawn(driver.run())))
}

fn tenant() -> Result<TenantId, mcp_govern_core::ParseIdError> {
    TenantId::new("example")
}

/// A call as it is told.
fn told(scene: &Scene, step: &'static str, answer: &Answer, said: &str) -> Step {
    match answer {
        Answer::Result { call, content } => {
            let items = content.get("items").and_then(Value::as_array);
            let count = items.map(Vec::len);
            let what = match (count, items.and_then(|items| items.iter().find_map(name))) {
                (Some(1), Some(name)) => format!("one result: \"{name}\""),
                (Some(count), Some(name)) => format!("{count} results, the first: \"{name}\""),
                (Some(count), None) => format!("{count} results"),
                (None, _) => "an answer".to_owned(),
            };
            let told = Step::of(scene.vendor, step, "ok").with_fact("call", call).with_fact("results", count);
            told.saying(format!("{said} {what}."))
        }
        Answer::Denied { call, code, message, remedy } => {
            let told = Step::of(scene.vendor, step, "denied").with_code(code).with_fact("call", call);
            let told = told.with_fact("message", message).with_fact("remedy", remedy);
            let told = told.saying(format!("{said} `{code}`: \"{message}\""));
            match remedy.get("action").and_then(Value::as_str) {
                Some("request_access" | "wait_for_review") => told.showing(format!("remedy: {remedy}")),
                _ => told,
            }
        }
        Answer::Failed { call, kind, message, facts } => {
            let told = Step::of(scene.vendor, step, "failed").with_code(kind).with_fact("call", call);
            let told = told.with_fact("message", message).with_fact("status", facts.get("status"));
            told.with_fact("sent", facts.get("sent")).saying(format!("{said} `{kind}`: \"{message}\""))
        }
    }
}

/// What a result calls itself.
fn name(item: &Value) -> Option<String> {
    let name = ["name", "title", "message", "summary"].into_iter().find_map(|key| item.get(key)?.as_str())?;
    Some(name.chars().take(60).collect())
}
