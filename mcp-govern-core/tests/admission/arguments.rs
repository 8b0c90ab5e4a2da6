//! Arguments: schema, what is sent unasked, rules, and the schema that a model is shown.

use super::support::*;
use mcp_govern_core::{
    ArgumentFault, ArgumentRule, Binding, Constraint, Denial, DenialCode, Grantee, Pattern, ProfileVisibility, Remedy,
    ServerSpec, ToolDefinition,
    access::Permit,
    check::{Checked, check},
    journal::Action,
};
use serde_json::{Map, Value, json};

fn fixed(argument: &str, value: Value) -> ArgumentRule {
    ArgumentRule::new(argument, Constraint::Fixed(value))
}

fn one_of(argument: &str, values: &Value) -> ArgumentRule {
    ArgumentRule::new(argument, Constraint::OneOf(values.as_array().unwrap().clone()))
}

fn subset(argument: &str, values: &Value) -> ArgumentRule {
    ArgumentRule::new(argument, Constraint::Subset(values.as_array().unwrap().clone()))
}

fn max(argument: &str, max: u64) -> ArgumentRule {
    ArgumentRule::new(argument, Constraint::Max(max.into()))
}

fn pattern(argument: &str, source: &str) -> ArgumentRule {
    ArgumentRule::new(argument, Constraint::Pattern(Pattern::new(source).unwrap()))
}

fn searches() -> ToolDefinition {
    let mut definition = takes(
        "search",
        &json!({
            "page_id": {"type": "string", "description": "The page."},
            "status": {"type": "string", "enum": ["open", "closed", "all"]},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
            "tags": {"type": "array", "items": {"type": "string"}},
            "since": {"type": "string", "format": "date-time"},
            "note": {"type": "string", "maxLength": 10},
            "token": {"type": "string", "writeOnly": true, "minLength": 3},
            "contact": {"type": "string", "x-personal": true, "format": "email"},
            "filter": {
                "type": "object", "additionalProperties": false,
                "properties": {"team": {"type": "string"}, "depth": {"type": "integer", "x-unit": "levels"}},
            },
            // Annotations: the vendor applies them, and only the vendor.
            "archived": {"type": "boolean", "default": true},
            "who": {
                "type": ["array", "string"], "minItems": 1, "items": {"type": "string", "minLength": 1}, "pattern": "^all$",
                "x-fault": "must be a list of identifiers, or the word \"all\"",
            },
            "labels": {"type": "array", "items": {"type": "string"}, "default": []},
            "owner": {"type": ["string", "null"], "default": null},
        }),
    );
    if let Binding::Operation(operation) = &mut definition.binding {
        operation.send.insert("limit".into(), json!(20));
    }
    definition
}

/// `ann` holds `s/search` through the profile `way`, with these rules.
fn world(server: Vec<ArgumentRule>, binding: Vec<ArgumentRule>, entry: Vec<ArgumentRule>) -> World {
    let mut world = World::new();
    world.server("s", |spec: ServerSpec| spec.with_rules(server));
    world.sync("s", 1, vec![searches()]);
    world.approve(&["s/search"]);
    way(&mut world, "way", binding, entry);
    world
}

/// One more way of `ann` to the tool.
fn way(world: &mut World, id: &str, binding: Vec<ArgumentRule>, entry: Vec<ArgumentRule>) {
    world.toolset(id, &[]);
    world.entry(id, "s/search", entry);
    world.profile(id, ProfileVisibility::Nobody);
    world.bind(id, id, binding);
    world.grant(id, id, Grantee::User(user("ann")), None);
}

fn permit(world: &World) -> Permit {
    world.ask(&principal("ann"), "s/search").unwrap()
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("no object: {other}"),
    }
}

fn call(world: &World, arguments: Value) -> Result<Checked, Denial> {
    check(&permit(world), map(arguments))
}

fn sent(world: &World, arguments: Value) -> Value {
    Value::Object(call(world, arguments).unwrap().arguments().as_map().clone())
}

fn faults(denial: &Denial) -> Vec<(String, String)> {
    let Remedy::CorrectArguments { faults } = denial.remedy() else { panic!("no faults: {denial:?}") };
    let pair = |ArgumentFault { argument, fault, .. }: &ArgumentFault| (argument.clone(), fault.clone());
    faults.iter().map(pair).collect()
}

/// The one fault of a refused call: code, argument, text.
#[track_caller]
fn fault(world: &World, arguments: Value) -> (DenialCode, String, String) {
    let denial = call(world, arguments).unwrap_err();
    let faults = faults(&denial);
    assert_eq!(faults.len(), 1, "{denial}");
    (denial.code(), faults[0].0.clone(), faults[0].1.clone())
}

fn shown(world: &World) -> Value {
    let caller = world.caller(&principal("ann"));
    let tool = world.snapshot.tool(&tool("s/search")).unwrap();
    Value::clone(&world.snapshot.input_schema(&caller, tool, &world.moment()).unwrap())
}

#[test]
fn a_schemas_default_is_never_sent_and_what_the_definition_sends_unasked_is() {
    let world = world(vec![], vec![], vec![]);
    assert_eq!(sent(&world, json!({})), json!({"limit": 20}));
    assert_eq!(sent(&world, json!({"limit": 3, "note": "é".repeat(10)})), json!({"limit": 3, "note": "é".repeat(10)}));
    let checked = call(&world, json!({})).unwrap();
    assert!(!checked.are_as_given());
    assert!(call(&world, json!({"limit": 20})).unwrap().are_as_given());
    assert_eq!(
        (checked.grant().as_str(), checked.profile().as_str(), checked.toolset().as_str()),
        ("way", "way", "way")
    );
}

#[test]
fn each_fault_names_its_argument_and_what_is_expected() {
    let world = world(vec![], vec![], vec![]);
    for (arguments, argument, text) in [
        (json!({"limit": "three"}), "limit", "was sent as text; send a whole number such as `5`"),
        (json!({"limit": true}), "limit", "must be of type integer"),
        (json!({"limit": "300"}), "limit", "must be at most 100"),
        (json!({"tags": "a"}), "tags", "was sent as text; send a JSON array, not a string, such as `[\"…\"]`"),
        (json!({"tags": 1}), "tags", "must be of type array, such as `[\"…\"]`"),
        (
            json!({"filter": "a"}),
            "filter",
            "was sent as text; send a JSON object, not a string, such as `{\"depth\":1}`",
        ),
        (json!({"archived": "yes"}), "archived", "was sent as text; send `true` or `false`"),
        (json!({"tags": "[\"a\", null]"}), "tags/1", "must be of type string, not null; leave it out"),
        (
            json!({"toolCallId": "c"}),
            "toolCallId",
            "is not known; known are `archived`, `contact`, `filter`, `labels`, `limit`, `note`, \
          `owner`, `page_id`, `since`, `status`, `tags`, `token`, `who`",
        ),
        (json!({"limit": 0}), "limit", "must be at least 1"),
        (json!({"limit": 101}), "limit", "must be at most 100"),
        (json!({"status": "ajar"}), "status", "must be one of `\"open\"`, `\"closed\"`, `\"all\"`"),
        (json!({"since": "yesterday"}), "since", "must be a date-time such as `2026-11-21T09:30:00Z`"),
        (json!({"tags": ["a", 1]}), "tags/1", "must be of type string"),
        (json!({"filter": {"depth": "1.5"}}), "filter/depth", "was sent as text; send a whole number such as `5`"),
        (json!({"note": "01234567890"}), "note", "must have at most 10 characters"),
        (json!({"pageId": "p"}), "pageId", "is not known; did you mean `page_id`?"),
        (json!({"limt": 3}), "limt", "is not known; did you mean `limit`?"),
        (json!({"filter": {"teem": "x"}}), "filter/teem", "is not known; did you mean `team`?"),
        (
            json!({"contact": "nobody"}),
            "contact",
            "must be an e-mail address such as `ann@example.com`, without a name",
        ),
        // What a keyword says to machines alone is said in the schema's own words; what is clear already stays.
        (json!({"who": "s1"}), "who", "must be a list of identifiers, or the word \"all\""),
        (json!({"who": []}), "who", "must be a list of identifiers, or the word \"all\""),
        (json!({"who": 1}), "who", "must be of type string or array"),
        (json!({"who": [""]}), "who/0", "must not be empty"),
    ] {
        let (code, name, fault) = fault(&world, arguments.clone());
        assert_eq!(
            (code, name.as_str(), fault.as_str()),
            (DenialCode::InvalidArguments, argument, text),
            "{arguments}"
        );
    }
    let (_, name, fault) = fault(&world, json!({"colour": 1}));
    assert!(name == "colour" && fault.starts_with("is not known; known are `archived`, `contact`"), "{fault}");
}

#[test]
fn a_null_for_what_may_be_left_out_is_left_out_before_any_rule_looks() {
    let world = world(vec![], vec![fixed("page_id", json!("p1"))], vec![max("limit", 20)]);
    let given = json!({"page_id": null, "limit": null, "filter": {"depth": null}, "tags": null, "since": ""});
    assert_eq!(sent(&world, given), json!({"page_id": "p1", "limit": 20, "filter": {}}));
    // Where null is a value, it is sent.
    assert_eq!(sent(&world, json!({"owner": null})), json!({"owner": null, "page_id": "p1", "limit": 20}));
    // A rule that demands the argument is not satisfied by one that says nothing.
    let demanding = self::world(vec![], vec![], vec![one_of("status", &json!(["open"]))]);
    for nothing in [json!({"status": null}), json!({"status": ""})] {
        assert_eq!(fault(&demanding, nothing).2, "is required by a rule");
    }
}

#[test]
fn json_that_came_as_text_is_held_to_the_rules_as_what_it_says() {
    let world = world(vec![], vec![], vec![subset("tags", &json!(["a", "b"])), max("limit", 10)]);
    let good = json!({"tags": "[\"a\", \"b\"]", "limit": "7"});
    assert_eq!(sent(&world, good), json!({"tags": ["a", "b"], "limit": 7}));
    for bad in [json!({"tags": "[\"a\", \"c\"]", "limit": "7"}), json!({"tags": "[\"a\"]", "limit": "11"})] {
        assert_eq!(fault(&world, bad).0, DenialCode::RuleViolated);
    }
    let checked = call(&world, json!({"tags": "[\"a\"]", "limit": 7})).unwrap();
    assert!(checked.are_as_given(), "nothing was filled in");
}

#[test]
fn several_faults_are_all_named() {
    let world = world(vec![], vec![], vec![]);
    let denial = call(&world, json!({"limit": 0, "status": 1, "x": 1})).unwrap_err();
    let mut names: Vec<_> = faults(&denial).into_iter().map(|(name, _)| name).collect();
    names.sort();
    // A value of the wrong type is not in the enum either; both are said.
    names.dedup();
    assert_eq!(names, ["limit", "status", "x"]);
    assert!(denial.message().contains("`limit` must be at least 1"), "{denial}");
}

#[test]
fn no_value_that_the_caller_gave_is_repeated() {
    let canary = "canary-5f1d";
    let rules = vec![one_of("contact", &json!(["boss@example.com"]))];
    let world = world(vec![], rules, vec![]);
    for arguments in [
        json!({"token": [canary], "contact": "a@example.com"}),
        json!({"contact": canary}),
        json!({"contact": format!("{canary}@example.com")}),
        json!({"contact": "a@example.com", "filter": canary, "limit": canary, "tags": [{"a": canary}], "status": canary}),
    ] {
        let denial = call(&world, arguments).unwrap_err();
        let text = format!("{denial} {denial:?} {}", serde_json::to_string(denial.remedy()).unwrap());
        // What the rule allows is personal, too.
        assert!(!text.contains(canary) && !text.contains("boss@"), "{text}");
    }
    assert!(!shown(&world).to_string().contains("boss@"));
}

#[test]
fn a_tool_without_a_word_on_other_names_takes_none() {
    let mut world = World::new();
    world.server("s", |spec| spec);
    let schema = json!({"type": "object", "properties": {"page": {"type": "string"}}});
    world.sync("s", 1, vec![with_schema("search", schema)]);
    world.approve(&["s/search"]);
    way(&mut world, "way", vec![], vec![]);
    assert_eq!(fault(&world, json!({"pages": "p"})).2, "is not known; did you mean `page`?");
    assert_eq!(shown(&world)["additionalProperties"], false, "what is refused is not offered");
    assert!(call(&world, json!({"page": "p"})).is_ok());
}

#[test]
fn names_of_hostile_shape_are_escaped_and_cut() {
    let world = world(vec![], vec![], vec![]);
    let mut arguments = Map::new();
    arguments.insert(format!("a\r\nb\u{0}{}", "x".repeat(1000)), json!(1));
    let denial = check(&permit(&world), arguments).unwrap_err();
    let text = format!("{denial}");
    assert!(!text.contains('\n') && !text.contains('\0') && text.len() < 1000, "{text}");
}

#[test]
fn too_deep_too_long_and_inexact_arguments_are_refused() {
    let world = world(vec![], vec![], vec![]);
    let deep = (0..2000).fold(json!(1), |inner, _| Value::Array(vec![inner]));
    let deep = Value::Object(Map::from_iter([("filter".to_owned(), deep)]));
    for arguments in [deep, json!({"note": "a".repeat(2 << 20)}), json!({"limit": u64::MAX})] {
        assert_eq!(call(&world, arguments).unwrap_err().code(), DenialCode::InvalidArguments);
    }
}

#[test]
fn a_schema_that_cannot_be_used_denies() {
    let mut world = World::new();
    world.server("s", |spec| spec);
    let schema = json!({"type": "object", "properties": {"a": {"$ref": "https://example.com/a.json"}}});
    world.sync("s", 1, vec![with_schema("search", schema)]);
    world.approve(&["s/search"]);
    way(&mut world, "way", vec![], vec![]);
    let denial = call(&world, json!({})).unwrap_err();
    assert_eq!((denial.code(), denial.remedy()), (DenialCode::InvalidArguments, &Remedy::AskAdministrator));
}

#[test]
fn a_fixed_argument_is_filled_in_and_hidden_and_another_value_is_refused() {
    let world = world(vec![], vec![fixed("page_id", json!("p1"))], vec![]);
    assert_eq!(sent(&world, json!({})), json!({"limit": 20, "page_id": "p1"}));
    assert_eq!(sent(&world, json!({"page_id": "p1"})), json!({"limit": 20, "page_id": "p1"}));
    let (code, name, text) = fault(&world, json!({"page_id": "p2"}));
    assert_eq!((code, name.as_str()), (DenialCode::RuleViolated, "page_id"));
    assert!(!text.contains("p1"), "{text}");
    assert!(shown(&world)["properties"].get("page_id").is_none());
}

#[test]
fn an_argument_that_a_rule_names_is_required() {
    let world = world(vec![], vec![one_of("page_id", &json!(["p1", "p2"]))], vec![max("limit", 10)]);
    assert_eq!(fault(&world, json!({"limit": 5})).2, "is required by a rule");
    assert_eq!(sent(&world, json!({"page_id": "p2", "limit": 5})), json!({"page_id": "p2", "limit": 5}));
    // What the definition sends unasked is filled in before the rule looks, and is held to it.
    let (code, name, _) = fault(&world, json!({"page_id": "p2"}));
    assert_eq!((code, name.as_str()), (DenialCode::RuleViolated, "limit"));
    let schema = shown(&world);
    assert_eq!(schema["required"], json!(["limit", "page_id"]));
    assert_eq!(schema["properties"]["page_id"]["enum"], json!(["p1", "p2"]));
    assert_eq!(schema["properties"]["limit"], json!({"type": "integer", "minimum": 1, "maximum": 10}));
}

#[test]
fn a_rule_judges_what_is_sent_unasked_and_a_schemas_default_does_not_satisfy_it() {
    let world = world(vec![], vec![max("limit", 20)], vec![]);
    assert_eq!(sent(&world, json!({})), json!({"limit": 20}));
    assert_eq!(fault(&world, json!({"limit": 21})).0, DenialCode::RuleViolated);
    let world = self::world(vec![], vec![one_of("archived", &json!([true]))], vec![]);
    assert_eq!(fault(&world, json!({})).2, "is required by a rule");
    assert_eq!(sent(&world, json!({"archived": true})), json!({"archived": true, "limit": 20}));
}

#[test]
fn rules_of_server_binding_and_entry_all_apply() {
    let world = world(
        vec![one_of("status", &json!(["open", "closed"]))],
        vec![one_of("status", &json!(["open", "all"])), max("limit", 50)],
        vec![max("limit", 30), pattern("page_id", "prod-[a-z]+")],
    );
    let good = json!({"status": "open", "limit": 30, "page_id": "prod-eu"});
    assert_eq!(sent(&world, good.clone()), good);
    for (name, bad) in
        [("status", json!("closed")), ("status", json!("all")), ("limit", json!(31)), ("page_id", json!("xprod-eu"))]
    {
        let mut arguments = map(good.clone());
        arguments.insert(name.to_owned(), bad);
        let (code, argument, _) = fault(&world, Value::Object(arguments));
        assert_eq!((code, argument.as_str()), (DenialCode::RuleViolated, name));
    }
    let schema = shown(&world);
    assert_eq!(schema["properties"]["status"]["enum"], json!(["open"]));
    assert_eq!(schema["properties"]["limit"]["maximum"], json!(30));
    assert_eq!(schema["properties"]["page_id"]["pattern"], json!("^(?:prod-[a-z]+)$"));
}

#[test]
fn a_subset_must_not_be_empty() {
    let world = world(vec![], vec![], vec![subset("tags", &json!(["a", "b"]))]);
    assert!(call(&world, json!({"tags": ["b"]})).is_ok());
    for bad in [json!({"tags": []}), json!({"tags": ["a", "c"]}), json!({})] {
        assert_eq!(fault(&world, bad).0, DenialCode::RuleViolated);
    }
    let tags = json!({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "minItems": 1});
    assert_eq!(shown(&world)["properties"]["tags"], tags);
}

#[test]
fn a_rule_on_an_argument_that_the_tool_lost_is_stale() {
    let mut world = world(vec![], vec![one_of("page_id", &json!(["p1"])).with_absent_allowed()], vec![]);
    // The next release calls the page something else: an omitted argument must not slip past the rule.
    let renamed = takes("search", &json!({"pageId": {"type": "string"}}));
    world.sync("s", 2, vec![renamed]);
    world.approve(&["s/search"]);
    let denial = call(&world, json!({"pageId": "p9"})).unwrap_err();
    assert_eq!((denial.code(), denial.remedy()), (DenialCode::RuleStale, &Remedy::AskAdministrator));
    assert!(denial.message().contains("`page_id`"), "{denial}");
}

#[test]
fn a_rule_on_an_argument_that_the_tool_never_had_denies_unless_it_says_otherwise() {
    let strict = world(vec![], vec![one_of("region", &json!(["eu"]))], vec![]);
    let denial = call(&strict, json!({})).unwrap_err();
    assert_eq!((denial.code(), denial.remedy()), (DenialCode::RuleViolated, &Remedy::AskAdministrator));
    let lenient = world(vec![], vec![one_of("region", &json!(["eu"])).with_absent_allowed()], vec![]);
    assert_eq!(sent(&lenient, json!({})), json!({"limit": 20}));
    // The provider is told of it: it may be able to keep the answer to it.
    let checked = call(&lenient, json!({})).unwrap();
    let rules: Vec<_> = checked.arguments().rules().on("region").collect();
    let [beside] = *rules else { panic!("{checked:?}") };
    assert!(
        beside.argument == "region"
            && beside.constraint.allows(&json!("eu"))
            && !beside.constraint.allows(&json!("us"))
    );
    assert_eq!(call(&lenient, json!({"region": "eu"})).unwrap_err().code(), DenialCode::InvalidArguments);
}

#[test]
fn paths_are_tried_one_by_one_and_the_first_that_fits_is_taken() {
    let mut world = world(vec![], vec![fixed("page_id", json!("p1")), max("limit", 5)], vec![]);
    way(&mut world, "zzz", vec![fixed("page_id", json!("p2"))], vec![max("limit", 50)]);
    let taken = |arguments: Value| {
        let checked = call(&world, arguments).unwrap();
        (checked.grant().as_str().to_owned(), checked.arguments().get("page_id").cloned().unwrap())
    };
    assert_eq!(taken(json!({"limit": 5})), ("way".into(), json!("p1")));
    assert_eq!(taken(json!({"limit": 6})), ("zzz".into(), json!("p2")));
    assert_eq!(taken(json!({"limit": 5, "page_id": "p2"})), ("zzz".into(), json!("p2")));
    // Rules of two ways are never mixed.
    let denial = call(&world, json!({"limit": 6, "page_id": "p1"})).unwrap_err();
    assert_eq!(denial.code(), DenialCode::RuleViolated);
    assert!(denial.message().contains("any of your 2 ways"), "{denial}");
}

#[test]
fn a_way_that_lets_nothing_pass_does_not_hide_one_that_does() {
    let mut world = world(vec![], vec![fixed("region", json!("eu"))], vec![]);
    way(&mut world, "zzz", vec![], vec![max("limit", 50)]);
    assert_eq!(call(&world, json!({})).unwrap().grant().as_str(), "zzz");
    assert_eq!(fault(&world, json!({"limit": 51})).0, DenialCode::RuleViolated);
    // What is shown follows the open way alone.
    assert_eq!(shown(&world)["properties"]["limit"]["maximum"], json!(50));
}

#[test]
fn a_rule_that_sets_what_the_tool_does_not_take_is_not_the_callers_fault() {
    let world = world(vec![], vec![fixed("limit", json!(5000))], vec![]);
    let denial = call(&world, json!({})).unwrap_err();
    assert_eq!((denial.code(), denial.remedy()), (DenialCode::RuleViolated, &Remedy::AskAdministrator));
}

#[test]
fn a_grant_that_has_ended_is_no_path() {
    let mut world = world(vec![], vec![], vec![max("limit", 5)]);
    way(&mut world, "wide", vec![], vec![]);
    world.must(Action::RevokeGrant { grant: grant("wide") });
    world.grant("short", "wide", Grantee::User(user("ann")), Some(1100));
    assert_eq!(call(&world, json!({"limit": 9})).unwrap().grant().as_str(), "short");
    world.now = time(1100);
    assert_eq!(call(&world, json!({"limit": 9})).unwrap_err().code(), DenialCode::RuleViolated);
}

#[test]
fn what_several_ways_leave_is_joined_and_never_less_than_one_of_them() {
    let show = |one: Vec<ArgumentRule>, other: Vec<ArgumentRule>| {
        let mut world = world(vec![], one, vec![]);
        way(&mut world, "zzz", other, vec![]);
        shown(&world)
    };
    let schema = show(vec![one_of("page_id", &json!(["a"]))], vec![one_of("page_id", &json!(["b"]))]);
    assert_eq!(
        (&schema["properties"]["page_id"]["enum"], &schema["required"]),
        (&json!(["a", "b"]), &json!(["page_id"]))
    );
    let schema = show(vec![fixed("page_id", json!("a"))], vec![fixed("page_id", json!("a"))]);
    assert!(schema["properties"].get("page_id").is_none());
    let schema = show(vec![fixed("page_id", json!("a"))], vec![one_of("page_id", &json!(["b"]))]);
    assert_eq!(schema["properties"]["page_id"]["enum"], json!(["a", "b"]));
    assert!(schema.get("required").is_none());
    let schema = show(vec![fixed("page_id", json!("a"))], vec![pattern("page_id", "b.*")]);
    assert_eq!(schema["properties"]["page_id"], json!({"type": "string", "description": "The page."}));
    assert!(schema.get("required").is_none());
    let schema = show(vec![max("limit", 5)], vec![max("limit", 50)]);
    assert_eq!(schema["properties"]["limit"]["maximum"], json!(50));
    let schema = show(vec![max("limit", 5)], vec![]);
    assert_eq!((&schema["properties"]["limit"]["maximum"], schema.get("required")), (&json!(100), None));
    let schema = show(vec![pattern("page_id", "a.*")], vec![one_of("page_id", &json!(["b"]))]);
    assert_eq!(schema["properties"]["page_id"], json!({"type": "string", "description": "The page."}));
    assert_eq!(schema["required"], json!(["page_id"]));
    for schema in [show(vec![max("limit", 5)], vec![]), show(vec![fixed("page_id", json!(1))], vec![])] {
        assert!(["anyOf", "allOf", "oneOf"].iter().all(|word| schema.get(word).is_none()));
    }
}

#[test]
fn our_own_keywords_are_not_shown_and_arguments_of_such_names_are() {
    let world = world(vec![], vec![], vec![]);
    let schema = shown(&world);
    assert!(!schema.to_string().contains("x-personal") && !schema.to_string().contains("x-unit"));
    assert_eq!(schema["properties"]["contact"], json!({"type": "string", "format": "email"}));
    let mut world = World::new();
    world.server("s", |spec| spec);
    let properties = json!({"x-request-id": {"type": "string", "enum": ["x-a"], "x-note": 1}});
    world.sync("s", 1, vec![takes("search", &properties)]);
    world.approve(&["s/search"]);
    way(&mut world, "way", vec![], vec![]);
    assert_eq!(shown(&world)["properties"], json!({"x-request-id": {"type": "string", "enum": ["x-a"]}}));
}

#[test]
fn without_rules_and_own_keywords_the_definitions_own_schema_is_shown() {
    let mut world = World::new();
    world.server("s", |spec| spec);
    world.sync("s", 1, vec![takes("search", &json!({"a": {}}))]);
    world.approve(&["s/search"]);
    way(&mut world, "way", vec![], vec![]);
    let caller = world.caller(&principal("ann"));
    let index = world.snapshot.tool(&tool("s/search")).unwrap();
    let schema = world.snapshot.input_schema(&caller, index, &world.moment()).unwrap();
    assert!(std::sync::Arc::ptr_eq(&schema, &world.snapshot.view(index).unwrap().definition().input_schema));
}

/// A tool whose map and list name what `page_id` is elsewhere.
fn keyed() -> ToolDefinition {
    takes(
        "search",
        &json!({
            "roles": {"type": "object", "x-keys-of": "page_id", "additionalProperties": {"type": "boolean"}},
            "revoke": {"type": "array", "x-keys-of": "page_id", "items": {"type": "string"}},
            "secret": {"type": "array", "x-keys-of": "page_id", "writeOnly": true, "items": {"type": "string"}},
        }),
    )
}

#[test]
fn keys_that_stand_for_an_argument_are_held_to_a_rule_on_it() {
    let constraints = || {
        [
            Constraint::OneOf(vec![json!("p1"), json!("p2")]),
            Constraint::Subset(vec![json!("p1"), json!("p2")]),
            Constraint::Pattern(Pattern::new("p[12]").unwrap()),
        ]
    };
    for constraint in constraints() {
        let mut world = world(vec![], vec![ArgumentRule::new("page_id", constraint).with_absent_allowed()], vec![]);
        world.sync("s", 2, vec![keyed()]);
        world.approve(&["s/search"]);
        // It once had `page_id` itself: that is stale, whatever its keys stand for.
        assert_eq!(call(&world, json!({})).unwrap_err().code(), DenialCode::RuleStale);
    }
    let rules = |constraint| vec![ArgumentRule::new("page_id", constraint).with_absent_allowed()];
    let fresh = |rules: Vec<ArgumentRule>| {
        let mut world = World::new();
        world.server("s", |spec: ServerSpec| spec);
        world.sync("s", 1, vec![keyed()]);
        world.approve(&["s/search"]);
        way(&mut world, "way", rules, vec![]);
        world
    };
    for constraint in constraints() {
        let world = fresh(rules(constraint));
        for good in [json!({}), json!({"roles": {}}), json!({"roles": {"p1": true, "p2": false}, "revoke": ["p2"]})] {
            assert_eq!(sent(&world, good.clone()), good);
        }
        for (bad, argument) in [
            (json!({"roles": {"p1": true, "hidden": true}}), "roles"),
            (json!({"roles": {"P1": true}}), "roles"),
            (json!({"revoke": ["p1", "hidden"]}), "revoke"),
            (json!({"secret": ["hidden"]}), "secret"),
        ] {
            let (code, named, text) = fault(&world, bad.clone());
            assert_eq!((code, named.as_str()), (DenialCode::RuleViolated, argument), "{bad}");
            assert!(!text.contains("hidden"), "{text}");
            assert_eq!(text.contains("page_id"), argument != "secret", "{text}");
        }
    }
    let world = fresh(rules(Constraint::Fixed(json!("p1"))));
    assert_eq!(sent(&world, json!({"revoke": ["p1"]})), json!({"revoke": ["p1"]}), "nothing is filled in");
    assert_eq!(fault(&world, json!({"revoke": ["p2"]})).0, DenialCode::RuleViolated);
    // The keys are not the argument: a rule that denies tools without it denies this one.
    let strict = fresh(vec![one_of("page_id", &json!(["p1"]))]);
    assert_eq!(call(&strict, json!({"revoke": ["p1"]})).unwrap_err().code(), DenialCode::RuleViolated);
    assert!(!shown(&world).to_string().contains("x-keys-of"), "the model is not shown our own words");
}

#[test]
fn a_rule_that_would_deny_a_row_whatever_it_is_given_denies_every_recipe_over_it() {
    let page = || json!({"page_id": {"type": "string"}});
    let composed = || ToolDefinition { input_schema: takes("all", &page()).input_schema, ..recipe("all", &["search"]) };
    let build = |binding: Vec<ArgumentRule>, entry: Vec<ArgumentRule>, rows: &[Value]| {
        let mut world = World::new();
        world.server("s", |spec: ServerSpec| spec);
        for (version, properties) in (1..).zip(rows) {
            world.sync("s", version, vec![takes("search", properties), composed()]);
            world.approve(if version == 1 { &["s/search", "s/all"] } else { &["s/search"] });
        }
        world.toolset("way", &[]);
        world.entry("way", "s/all", entry);
        world.profile("way", ProfileVisibility::Nobody);
        world.bind("way", "way", binding);
        world.grant("way", "way", Grantee::User(user("ann")), None);
        let permit = world.ask(&principal("ann"), "s/all").unwrap();
        check(&permit, map(json!({"page_id": "p1"}))).map(drop).map_err(|denial| (denial.code(), denial.to_string()))
    };
    let rule = || one_of("page_id", &json!(["p1"]));
    let without = json!({"query": {"type": "string"}});
    assert_eq!(build(vec![rule()], vec![], &[page()]), Ok(()));
    let (code, text) = build(vec![rule()], vec![], std::slice::from_ref(&without)).unwrap_err();
    assert_eq!(code, DenialCode::RuleViolated);
    assert!(text.contains("`s_search`, which it uses, does not have"), "{text}");
    let (code, _) = build(vec![rule().with_absent_allowed()], vec![], &[page(), without.clone()]).unwrap_err();
    assert_eq!(code, DenialCode::RuleStale);
    assert_eq!(build(vec![rule().with_absent_allowed()], vec![], std::slice::from_ref(&without)), Ok(()));
    assert_eq!(build(vec![], vec![rule()], &[without]), Ok(()), "a rule of the entry was made for the recipe");
}
