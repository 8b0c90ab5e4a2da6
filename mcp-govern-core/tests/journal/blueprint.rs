use std::collections::BTreeSet;

use mcp_govern_core::{
    Effect, Role, ServerSpec,
    blueprint::{Blueprint, BlueprintError, Plan, ServerBlueprint, Unnamed, Waiting},
    journal::{Action, Command, RefusalKind, ToolState},
};

use crate::support::*;

const TEXT: &str = r#"
governance = "activated"

[settings]
client_types = ["personal", "shared"]
sources = ["10.0.0.0/8"]

[servers.status]
provider = "statuspage"
title = "Status page"
prefix = "status"
auth_method = "api_key"
approve = ["read", "create_*"]

[toolsets.readers]
title = "Readers"
follows = { server = "status", up_to = "read" }

[toolsets.writers]
title = "Writers"
description = "Incidents of one page."
tools = ["status/create_incident"]

[[toolsets.writers.rules."status/create_incident"]]
argument = "page_id"
constraint = { fixed = "p1" }

[profiles.on-call]
title = "On call"
visibility = "everyone"
policy = { steps = [{ approvers = [{ group = "leads" }], quorum = 1 }], longest_seconds = 28800 }
toolsets = ["readers", "writers"]

[[profiles.on-call.rules.readers]]
argument = "page_id"
constraint = { one_of = ["p1", "p2"] }
absent = "allow"

[grants.ann-on-call]
profile = "on-call"
grantee = { user = { issuer = "https://id.example.com", subject = "ann" } }
until = "2030-01-01T00:00:00Z"
"#;

fn blueprint(text: &str) -> Blueprint {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(world: &World, blueprint: &Blueprint) -> Plan {
    blueprint.plan(&world.state, &owner(), world.now()).unwrap_or_else(|error| panic!("{error}"))
}

/// Plans, sends, syncs, and plans again until there is nothing to do.
fn apply(world: &mut World, blueprint: &Blueprint) -> Vec<String> {
    let mut done = Vec::new();
    for _ in 0..4 {
        let plan = plan(world, blueprint);
        if plan.is_empty() {
            return done;
        }
        for step in plan.steps() {
            let events =
                world.send_command(&owner(), &step.command).unwrap_or_else(|error| panic!("{}: {error}", step.why));
            assert!(!events.is_empty(), "`{}` changed nothing", step.why);
            done.push(step.why.clone());
        }
        for server in plan.to_sync() {
            world.sync(server.as_str(), 1, status_tools());
        }
    }
    panic!("the plan does not come to an end: {done:?}");
}

fn waits(plan: &Plan) -> Vec<(String, String)> {
    plan.waiting().iter().map(|Waiting { tool, why, .. }| (tool.to_string(), why.clone())).collect()
}

fn error(world: &World, text: &str) -> BlueprintError {
    blueprint(text).plan(&world.state, &owner(), world.now()).unwrap_err()
}

const SERVER: &str = r#"
[servers.status]
provider = "statuspage"
title = "Status page"
prefix = "status"
auth_method = "api_key"
"#;

#[test]
fn a_blueprint_leads_from_nothing_to_what_it_says() {
    let mut world = World::new();
    apply(&mut world, &blueprint(TEXT));
    let state = &world.state;
    assert!(state.is_activated());
    assert_eq!(state.settings().sources.len(), 1);
    assert_eq!(
        state.servers()["status"].spec(),
        &ServerSpec::new(id("statuspage"), "Status page", id("status"), id("api_key"))
    );
    assert_eq!(world.tool("status/get_page").state(), ToolState::Approved);
    assert_eq!(world.tool("status/create_incident").state(), ToolState::Approved);
    assert_eq!(world.tool("status/delete_page").state(), ToolState::PendingReview);
    assert_eq!(state.profiles()["on-call"].bindings().len(), 2);
    assert_eq!(state.profiles()["on-call"].spec().policy.longest_seconds, Some(28_800));
    assert_eq!(state.grants()["ann-on-call"].grantee(), &person("ann"));
}

#[test]
fn applying_a_blueprint_twice_changes_nothing() {
    let mut world = World::new();
    apply(&mut world, &blueprint(TEXT));
    let commits = world.commits.len();
    assert!(plan(&world, &blueprint(TEXT)).steps().is_empty());
    assert!(apply(&mut world, &blueprint(TEXT)).is_empty());
    assert_eq!(world.commits.len(), commits);
    // Also when what is not named is removed: all of this is named.
    let strict = blueprint(TEXT).with_unnamed(Unnamed::Remove);
    assert!(plan(&world, &strict).is_empty());
}

#[test]
fn activation_comes_last_and_a_server_is_synced_before_its_tools_are_planned() {
    let world = World::new();
    let plan = plan(&world, &blueprint(TEXT));
    assert_eq!(plan.steps().last().unwrap().command.action, Action::ActivateGovernance);
    assert_eq!(plan.to_sync().iter().map(AsRef::as_ref).collect::<Vec<_>>(), ["status"]);
    assert!(!plan.is_empty());
    assert_eq!(
        waits(&plan),
        [("status/create_incident".to_owned(), "server `status` is to be synced first".to_owned())]
    );
}

#[test]
fn a_plan_made_again_from_the_same_state_repeats_its_commands() {
    let world = World::new();
    let ids = |plan: &Plan| plan.steps().iter().map(|step| step.command.id.clone()).collect::<Vec<_>>();
    let (one, two) = (plan(&world, &blueprint(TEXT)), plan(&world, &blueprint(TEXT)));
    assert_eq!(one, two);
    assert_eq!(ids(&one).iter().collect::<BTreeSet<_>>().len(), one.steps().len(), "each has an id of its own");
    let mut moved = world.clone();
    moved.does(&admin(), Action::RegisterServer { server: id("other"), spec: spec("other") });
    let later = plan(&moved, &blueprint(TEXT));
    assert!(ids(&later).iter().all(|id| !ids(&one).contains(id)));
}

#[test]
fn what_a_blueprint_does_not_name_is_left_alone_unless_it_says_so() {
    let mut world = World::new();
    apply(&mut world, &blueprint(TEXT));
    world.does(&admin(), Action::RegisterServer { server: id("other"), spec: spec("other") });
    world.does(&admin(), Action::SetToolsetTools { toolset: id("writers"), tools: entries(&["status/get_page"]) });
    world.does(&owner(), grant("by-hand", person("bob")));
    let asked = Action::RequestAccess {
        request: id("r1"),
        grant: id("asked"),
        profile: id("on-call"),
        justification: None,
        seconds: None,
    };
    world.does(&someone("carl"), asked);
    let lead = someone("lea").with_groups([id("leads")]);
    world.does(&lead, Action::ApproveRequest { request: id("r1"), grant: id("asked") });
    assert!(plan(&world, &blueprint(TEXT)).is_empty());

    let strict = blueprint(TEXT).with_unnamed(Unnamed::Remove);
    let done = apply(&mut world, &strict);
    assert_eq!(done, ["take 1 tool out of toolset `writers`", "take grant `by-hand` back", "remove server `other`"]);
    assert_eq!(world.state.grants().keys().map(AsRef::as_ref).collect::<Vec<_>>(), ["ann-on-call", "asked"]);

    let nothing = Blueprint::default().with_unnamed(Unnamed::Remove);
    apply(&mut world, &nothing);
    assert!(world.state.servers().is_empty() && world.state.toolsets().is_empty() && world.state.profiles().is_empty());
}

#[test]
fn a_blueprint_approves_no_tool_that_changed_since_a_review_and_none_that_somebody_refused() {
    let mut world = World::new();
    let blueprint = blueprint(TEXT);
    apply(&mut world, &blueprint);
    world.does(&admin(), Action::DisableTools { tools: [tool("status/create_incident")].into() });
    world.sync("status", 2, status_tools_with("get_page", |tool| tool.description = "Obey.".into()));
    let plan = plan(&world, &blueprint);
    assert!(plan.is_empty());
    let waiting: Vec<String> = waits(&plan).into_iter().map(|(tool, _)| tool).collect();
    assert_eq!(waiting, ["status/get_page"], "the disabled tool stays in its toolset");
    assert_eq!(world.tool("status/get_page").state(), ToolState::PendingReview);
    assert_eq!(world.tool("status/create_incident").state(), ToolState::Disabled);
}

#[test]
fn a_pin_approves_exactly_the_definition_that_it_names() {
    let mut world = World::new();
    world.with_status();
    let changed = status_tools_with("get_page", |tool| tool.description = "Reads a page, fast.".into());
    let digest = changed[0].digest().unwrap();
    let mut server = ServerBlueprint::new(spec("status"));
    server.pins = [(id("get_page"), digest)].into();
    let mut blueprint = Blueprint::default();
    blueprint.servers.insert(id("status"), server);

    let early = plan(&world, &blueprint);
    assert!(early.is_empty());
    assert!(waits(&early)[0].1.contains(&digest.to_string()), "{:?}", waits(&early));

    world.does(&admin(), Action::StageCatalogue { server: id("status"), catalogue: catalogue(2, changed.clone()) });
    assert_eq!(apply(&mut world, &blueprint), ["approve 1 tool of server `status`"]);
    world.sync("status", 2, changed);
    assert_eq!(world.tool("status/get_page").state(), ToolState::Approved);
    assert!(plan(&world, &blueprint).is_empty());

    world.does(&admin(), Action::ResetTools { tools: [tool("status/get_page")].into() });
    apply(&mut world, &blueprint);
    assert_eq!(world.tool("status/get_page").state(), ToolState::Approved);
    world.does(&admin(), Action::DisableTools { tools: [tool("status/get_page")].into() });
    assert!(plan(&world, &blueprint).is_empty(), "what somebody disabled stays so");
}

#[test]
fn a_pattern_approves_no_dangerous_tool() {
    let mut world = World::new();
    world.does(&admin(), Action::RegisterServer { server: id("status"), spec: spec("status") });
    world.sync("status", 1, status_tools_with("delete_page", |tool| tool.risk = mcp_govern_core::Risk::Dangerous));
    let with = |choice: &str| blueprint(&format!("{SERVER}approve = [\"{choice}\"]"));
    let approved = |world: &World, choice: &str| -> Vec<String> {
        let mut world = world.clone();
        apply(&mut world, &with(choice));
        let tools = world.state.tools().iter().filter(|(_, tool)| tool.state() == ToolState::Approved);
        tools.map(|(id, _)| id.name().to_string()).collect()
    };
    assert_eq!(approved(&world, "*"), ["create_incident", "get_page"]);
    assert_eq!(approved(&world, "*_page"), ["get_page"]);
    assert_eq!(approved(&world, "dangerous"), ["delete_page"]);
    assert_eq!(approved(&world, "delete_page"), ["delete_page"]);
    assert_eq!(approved(&world, "write"), ["create_incident"]);
}

#[test]
fn a_changed_blueprint_plans_only_what_changed() {
    let mut world = World::new();
    apply(&mut world, &blueprint(TEXT));
    let changed = TEXT
        .replace("title = \"Writers\"", "title = \"Incident writers\"")
        .replace("constraint = { fixed = \"p1\" }", "constraint = { fixed = \"p9\" }")
        .replace("2030-01-01", "2031-01-01")
        .replace("longest_seconds = 28800", "longest_seconds = 3600");
    let done = apply(&mut world, &blueprint(&changed));
    assert_eq!(
        done,
        [
            "label toolset `writers`",
            "put tools into toolset `writers`",
            "change profile `on-call`",
            "take grant `ann-on-call` back, to give it anew",
            "grant profile `on-call` to user ann (https://id.example.com)",
        ]
    );
}

#[test]
fn a_grant_that_is_over_is_left_alone() {
    let mut world = World::new();
    let over = blueprint(&TEXT.replace("2030-01-01", "2020-01-01"));
    apply(&mut world, &over);
    assert!(world.state.grants().is_empty());
    apply(&mut world, &blueprint(TEXT));
    world.pass(10 * 365 * 24 * 3600);
    assert!(plan(&world, &blueprint(TEXT)).is_empty());
}

#[test]
fn an_actor_who_may_not_is_told_so_when_planning() {
    let world = World::new();
    let plan = blueprint(TEXT).plan(&world.state, &actor("pia", &[Role::ProfileAdmin]), world.now());
    match plan.unwrap_err() {
        BlueprintError::Refused { place, refusal } => {
            assert_eq!((place.as_str(), refusal.kind()), ("settings", RefusalKind::NotAllowed));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn contradictions_are_named_with_their_place() {
    let mut world = World::new();
    world.with_status();
    world.does(
        &admin(),
        Action::CreateToolset {
            toolset: id("readers"),
            label: mcp_govern_core::Label::new("Readers"),
            content: mcp_govern_core::ToolsetContent::Maintained(
                mcp_govern_core::Follows::new(id("status")).with_up_to(Effect::Write),
            ),
        },
    );
    let toolset = |body: &str| format!("[toolsets.readers]\ntitle = \"Readers\"\n{body}");
    for (text, words) in [
        (
            toolset("tools = [\"status/get_page\"]\nfollows = { server = \"status\" }"),
            "toolsets.readers: it names tools",
        ),
        (
            toolset("follows = { server = \"status\", up_to = \"read\" }"),
            "toolsets.readers: there is such a toolset already",
        ),
        (toolset("tools = [\"status/get_page\"]"), "toolsets.readers: there is such a toolset already"),
        (
            toolset("follows = { server = \"status\", areas = [\"page\"] }"),
            "toolsets.readers: no tool of server `status` is of the area `page`",
        ),
        (
            toolset("[[toolsets.readers.rules.\"status/get_page\"]]\nargument = \"a\"\nconstraint = { max = 1 }"),
            "not among its tools",
        ),
        (
            "[toolsets.x]\ntitle = \"X\"\ntools = [\"status/no_such\"]".to_owned(),
            "toolsets.x: there is no tool `status/no_such`",
        ),
        (format!("{SERVER}approve = [\"no_such\"]"), "servers.status: there is no tool `status/no_such`"),
        (SERVER.replace("statuspage", "opsgenie"), "servers.status: server `status` is of provider `statuspage`"),
        ("[profiles.p]\ntitle = \"P\"\ntoolsets = [\"none\"]".to_owned(), "profiles.p: there is no toolset `none`"),
        (
            "[[profiles.p.rules.none]]\nargument = \"a\"\nconstraint = { max = 1 }\n[profiles.p]\ntitle = \"P\""
                .to_owned(),
            "not bound to it",
        ),
        (
            "[grants.g]\nprofile = \"none\"\ngrantee = { group = \"leads\" }".to_owned(),
            "grants.g: there is no profile `none`",
        ),
    ] {
        let message = error(&world, &text).to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn an_unknown_field_of_a_blueprint_is_refused() {
    for text in [
        "colour = \"red\"".to_owned(),
        format!("{SERVER}aprove = [\"read\"]"),
        "[settings]\nnewtools = \"approved\"".to_owned(),
        "[profiles.p]\ntitle = \"P\"\npolicy = { step = [] }".to_owned(),
        "[toolsets.t]\ntitle = \"T\"\nfollow = \"status\"".to_owned(),
    ] {
        assert!(toml::from_str::<Blueprint>(&text).is_err(), "{text}");
    }
}

#[test]
fn a_blueprint_is_read_as_it_was_written() {
    let one = blueprint(TEXT);
    let written = toml::to_string(&one).unwrap();
    assert_eq!(toml::from_str::<Blueprint>(&written).unwrap(), one);
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Blueprint>(&json).unwrap(), one);
}

#[test]
fn a_profile_without_a_policy_hands_out_nothing() {
    let mut world = World::new();
    apply(&mut world, &blueprint("[profiles.p]\ntitle = \"P\"\nvisibility = \"everyone\""));
    let ask = Action::RequestAccess {
        request: id("r"),
        grant: id("g"),
        profile: id("p"),
        justification: None,
        seconds: None,
    };
    world.does(&someone("ann"), ask);
    let approve = Action::ApproveRequest { request: id("r"), grant: id("g") };
    world.refuses(&owner(), approve, RefusalKind::NotAllowed, "approve_request");
}

#[test]
fn a_planned_command_says_in_the_record_that_a_blueprint_sent_it() {
    let world = World::new();
    for step in plan(&world, &blueprint(TEXT)).steps() {
        let Command { reason, .. } = &step.command;
        assert_eq!(reason.as_deref(), Some(format!("blueprint: {}", step.why).as_str()));
    }
}

#[test]
fn every_fault_of_a_blueprint_is_told_at_once_and_nothing_that_follows_from_one() {
    let mut world = World::new();
    world.with_status();
    let text = format!(
        "{SERVER}approve = [\"raed\", \"get_pgae\"]\n{}",
        r#"
[servers.other]
provider = "statuspage"
title = ""
prefix = "other"
auth_method = "api_key"

[toolsets.respond]
title = "Respond"
tools = ["status/create_incidnt", "stauts/get_page", "other/get_page"]

[[toolsets.respond.rules."status/create_incident"]]
argument = "a"
constraint = { max = 1 }

[toolsets.of-other]
title = "Of the other"
follows = { server = "other" }

[profiles.p]
title = "P"
toolsets = ["respond", "of-other", "rspond"]

[profiles.quiet]
title = "Quiet"
toolsets = []

[grants.ann]
profile = "quiet"
grantee = { user = { issuer = "local", subject = "ann" } }

[grants.of-p]
profile = "qiuet"
grantee = { user = { issuer = "local", subject = "ann" } }
"#
    );
    let BlueprintError::Several(faults) = error(&world, &text) else { panic!("not several") };
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    let due = [
        "servers.other: the server has no title: give it a name for people",
        "servers.status: there is no tool `status/raed`; did you mean `read`?",
        "servers.status: there is no tool `status/get_pgae`; did you mean `get_page`?",
        "toolsets.respond: there is no tool `status/create_incidnt`; did you mean `status/create_incident`?",
        "toolsets.respond: there is no tool `stauts/get_page`; did you mean `status/get_page`?",
        "profiles.p: there is no toolset `rspond`",
        "grants.of-p: there is no profile `qiuet`; did you mean `quiet`?",
    ];
    for one in due {
        assert!(told.iter().any(|fault| fault == one), "{one} is not in {told:#?}");
    }
    assert_eq!(told.len(), due.len(), "{told:#?}");
    assert_eq!(error(&world, &text).to_string().lines().count(), due.len());
}

#[test]
fn what_a_state_holds_and_a_blueprint_does_not_name_is_listed() {
    let mut world = World::new();
    apply(&mut world, &blueprint(TEXT));
    let kept = |world: &World, blueprint: &Blueprint| -> Vec<String> {
        blueprint.kept(&world.state, world.now()).into_iter().map(|kept| kept.place).collect()
    };
    assert_eq!(kept(&world, &blueprint(TEXT)), Vec::<String>::new());
    let empty = kept(&world, &Blueprint::default());
    for place in ["servers.status", "profiles.on-call", "grants.ann-on-call", "settings.sources"] {
        assert!(empty.iter().any(|kept| kept == place), "{place} is not in {empty:?}");
    }
    assert!(empty.iter().any(|kept| kept.starts_with("toolsets.")), "{empty:?}");
    // What would be removed is not kept; settings that are left out are.
    let removing = Blueprint::default().with_unnamed(Unnamed::Remove);
    assert!(kept(&world, &removing).iter().all(|place| place.starts_with("settings.")), "{removing:?}");
    // A grant that has ended holds nothing.
    world.pass(10 * 365 * 24 * 3600);
    let later = kept(&world, &Blueprint::default());
    assert!(!later.iter().any(|place| place == "grants.ann-on-call"), "{later:?}");
}
