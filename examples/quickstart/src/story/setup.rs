//! From an unknown API to a person who may call it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mcp_govern_core::{
    Label, ProfileSpec, ProfileVisibility, RequestPolicy, ToolsetBinding, ToolsetContent, ToolsetEntry,
    governor::Probe,
    journal::{Action, ToolState},
};

use super::{Scene, Story};
use crate::{Told, teller::Step};

/// How long a person may hold the profile at most.
pub(super) const SHIFT: Duration = Duration::from_secs(8 * 3600);

impl Story {
    pub(super) async fn register(&mut self) -> Told {
        self.teller.chapter(
            "Register",
            "A server is one account at one vendor: an address, a way to authenticate, a prefix for its tools. Olga also \
             puts a key in place. It is the wrong one, which Olga has not noticed.",
        )?;
        let olga = self.cast.olga.clone();
        for scene in self.scenes() {
            let account = &scene.player.account;
            let spec = account.server_spec(&scene.player.place)?;
            let place =
                scene.player.place.base_url().map_or("the vendor's own address".to_owned(), ToString::to_string);
            let step = Step::of(scene.vendor, "register", "done")
                .with_fact("server", &scene.server)
                .with_fact("prefix", &spec.prefix)
                .with_fact("base_url", scene.player.place.base_url().map(ToString::to_string))
                .with_fact("auth_method", &spec.auth_method);
            let (server, title) = (scene.server.clone(), spec.prefix.clone());
            self.commit(&olga, Action::RegisterServer { server: server.clone(), spec }).await?;
            let wrong = account.with_wrong_key().credential()?;
            self.governor.set_shared_credential(&olga.actor, &server, wrong, Probe::Skip).await?;
            self.tell_step(&step.saying(format!("Server `{server}`, tools `{title}_…`, at {place}.")))?;
        }
        Ok(())
    }

    pub(super) async fn discover(&mut self) -> Told {
        self.teller.chapter(
            "Discover",
            "What a vendor offers is known without asking it, so a wrong key does not matter yet. Every tool that is found \
             waits for review.",
        )?;
        let olga = self.cast.olga.clone();
        for scene in self.scenes() {
            self.governor.sync(&olga.actor, &scene.server).await?;
            let state = self.governor.state();
            let tools = state.tools_of(&scene.server).count();
            let pending = self.count(&scene, ToolState::PendingReview);
            self.expect(scene.vendor, tools > 0 && tools == pending, "every discovered tool to wait for review");
            let step =
                Step::of(scene.vendor, "discover", "done").with_fact("tools", tools).with_fact("pending", pending);
            self.tell_step(&step.saying(format!("{tools} tools, {pending} of them waiting for review.")))?;
        }
        Ok(())
    }

    pub(super) async fn review(&mut self) -> Told {
        self.teller.chapter(
            "Review",
            "Olga reads what the tools do and approves some that only read. An approval names the digest of what she saw: \
             should a definition change in between, it is refused. The other tools keep waiting.",
        )?;
        let olga = self.cast.olga.clone();
        for scene in self.scenes() {
            let mut tools = BTreeMap::new();
            let mut exhibits = Vec::new();
            let state = self.governor.state();
            for name in scene.plot.approved() {
                let id = scene.tool(name)?;
                let tool = state.tools().get(&id).ok_or_else(|| format!("`{id}` was not discovered"))?;
                let digest = tool.digest().to_string();
                let short: String = digest.chars().take(19).collect();
                exhibits.push(format!("{name:<28} {:<12} {short}…", tool.classification().as_str()));
                tools.insert(id, tool.digest());
            }
            drop(state);
            let approved = tools.len();
            self.commit(&olga, Action::ApproveTools { tools }).await?;
            let pending = self.count(&scene, ToolState::PendingReview);
            self.expect(
                scene.vendor,
                self.count(&scene, ToolState::Approved) == approved,
                "the approved tools to be approved",
            );
            self.expect(scene.vendor, pending > 0, "some tools to be left pending");
            let step = Step::of(scene.vendor, "review", "done")
                .with_fact("approved", scene.plot.approved())
                .with_fact("pending", pending)
                .saying(format!("{approved} approved, {pending} left pending:"));
            self.tell_step(&exhibits.into_iter().fold(step, Step::showing))?;
        }
        Ok(())
    }

    pub(super) async fn hand_out(&mut self) -> Told {
        self.teller.chapter(
            "Toolset and profile",
            "Approved tools go into a toolset, and the toolset into an access profile. Every person may ask for the profile, \
             for eight hours at most and saying why; Lea decides.",
        )?;
        let olga = self.cast.olga.clone();
        let title = |scene: &Scene, text: &str| Label::new(format!("{}: {text}", scene.vendor.title()));
        for scene in self.scenes() {
            let (toolset, profile) = (scene.toolset.clone(), scene.profile.clone());
            let mut tools = BTreeMap::new();
            for name in scene.plot.approved() {
                tools.insert(scene.tool(name)?, ToolsetEntry::default());
            }
            let count = tools.len();
            let (label, content) = (title(&scene, "look"), ToolsetContent::Chosen(tools));
            self.commit(&olga, Action::CreateToolset { toolset: toolset.clone(), label, content }).await?;
            let step =
                Step::of(scene.vendor, "toolset", "done").with_fact("toolset", &toolset).with_fact("tools", count);
            self.tell_step(&step.saying(format!("Toolset `{toolset}` with {count} tools,")))?;
            let policy = RequestPolicy::approved_by([self.cast.lea.grantee()])
                .with_justification(mcp_govern_core::Justification::Required)
                .with_longest(SHIFT);
            let spec = ProfileSpec::new(title(&scene, "on call"))
                .with_visibility(ProfileVisibility::Everyone)
                .with_policy(policy);
            self.commit(&olga, Action::CreateProfile { profile: profile.clone(), spec }).await?;
            let binding = ToolsetBinding { toolset: toolset.clone(), rules: Vec::new() };
            self.commit(&olga, Action::BindToolset { profile: profile.clone(), binding }).await?;
            let step =
                Step::of(scene.vendor, "profile", "done").with_fact("profile", &profile).with_fact("toolset", &toolset);
            self.tell_step(&step.saying(format!("bound to profile `{profile}`.")))?;
        }
        Ok(())
    }

    pub(super) async fn ask_and_approve(&mut self) -> Told {
        self.teller.chapter(
            "Ask",
            "Ann is on call tonight. She asks for the profiles. She cannot approve her own request; Lea can, and does.",
        )?;
        let (ann, lea) = (self.cast.ann.clone(), self.cast.lea.clone());
        for scene in self.scenes() {
            let (request, grant) = (scene.request.clone(), scene.grant.clone());
            let why = "I am on call tonight.";
            let ask = Action::RequestAccess {
                request: request.clone(),
                grant: grant.clone(),
                profile: scene.profile.clone(),
                justification: Some(why.to_owned()),
                seconds: Some(SHIFT.as_secs()),
            };
            self.commit(&ann, ask).await?;
            let step = Step::of(scene.vendor, "request", "pending")
                .with_fact("request", &request)
                .with_fact("user", ann.name)
                .with_fact("justification", why);
            self.tell_step(&step.saying(format!("Ann asks for `{}`: \"{why}\"", scene.profile)))?;
            self.commit(&lea, Action::ApproveRequest { request: request.clone(), grant: grant.clone() }).await?;
            let state = self.governor.state();
            let until = state.grants().get(&grant).and_then(mcp_govern_core::journal::Grant::until);
            let until = until.ok_or("the approved request granted nothing, or without an end")?;
            let step = Step::of(scene.vendor, "approve_request", "approved")
                .with_fact("grant", &grant)
                .with_fact("by", lea.name)
                .with_fact("until", until);
            self.tell_step(&step.saying(format!("Lea approves. The grant ends at {until}.")))?;
        }
        Ok(())
    }

    fn count(&self, scene: &Scene, state: ToolState) -> usize {
        let now = self.governor.state();
        now.tools_of(&scene.server).filter(|(_, tool)| tool.state() == state).count()
    }

    /// The names of the tools that Ann sees of a vendor.
    pub(super) async fn tools_of_ann(&self, scene: &Scene) -> Told<BTreeSet<String>> {
        let listed = self.front.tools(&self.cast.ann).await?.into_iter().map(|tool| tool.name.into_owned());
        let prefix = format!("{}_", scene.vendor.id());
        Ok(listed.filter(|name| name.starts_with(&prefix)).collect())
    }
}
