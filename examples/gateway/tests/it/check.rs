//! `gateway check`.

use serde_json::{Value, json};

use crate::world::{Site, run, stderr, stdout};

async fn check(site: &Site, arguments: &[&str]) -> (Option<i32>, Value) {
    let flag = site.flag();
    let mut all = vec!["check", "--json", flag.as_str()];
    all.extend(arguments);
    let output = run(&all, &[]).await;
    let told = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    (output.status.code(), told)
}

#[tokio::test]
async fn a_file_in_order_is_said_to_be_and_nothing_is_touched() {
    let site = Site::new().await;
    let (code, told) = check(&site, &[]).await;
    assert_eq!((code, &told["ok"]), (Some(0), &json!(true)), "{told}");
    assert_eq!(site.names(), ["ann.token", "ben.token", "gateway.toml", "status.key"]);
    assert_eq!(site.vendor.count(), 0);
}

#[tokio::test]
async fn all_that_is_wrong_is_told_of_at_once() {
    let site = Site::new().await;
    site.change("{ file = \"ann.token\" }", "{ file = \"gone.token\" }");
    site.change("{ file = \"status.key\" }", "{ env = \"NOT_SET_HERE\" }");
    site.change("\"status/list_pages\"", "\"status/no_such_tool\"");
    let (code, told) = check(&site, &[]).await;
    assert_eq!((code, &told["ok"]), (Some(2), &json!(false)));
    let problems = told["problems"].to_string();
    for text in ["auth.tokens[0]", "NOT_SET_HERE", "toolsets.look"] {
        assert!(problems.contains(text), "{text} is not in {problems}");
    }
}

#[tokio::test]
async fn a_probe_asks_the_vendor_whether_the_key_is_good() {
    let site = Site::new().await;
    let (code, told) = check(&site, &["--probe"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told["notes"].to_string().contains("credentials.status: the vendor accepts it"), "{told}");
    site.write("status.key", "not-the-key\n");
    let (code, told) = check(&site, &["--probe"]).await;
    assert_eq!(code, Some(2));
    let problems = told["problems"].to_string();
    assert!(
        problems.contains("credentials.status: the vendor refuses it") && !problems.contains("not-the-key"),
        "{told}"
    );
}

#[tokio::test]
async fn one_fault_makes_one_message() {
    let site = Site::new().await;
    site.change("\"status/list_pages\"", "\"status/list_pagse\"");
    let (code, told) = check(&site, &[]).await;
    assert_eq!(code, Some(2), "{told}");
    let problems = told["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{told}");
    assert!(problems[0].as_str().unwrap().ends_with("did you mean `status/list_pages`?"), "{told}");
    // A server at fault takes what rests on it along without a word.
    let site = Site::new().await;
    site.change("provider = \"statuspage\"", "provider = \"statuspge\"");
    let (_, told) = check(&site, &[]).await;
    let problems = told["problems"].as_array().unwrap();
    assert!(problems.len() == 1 && problems[0].as_str().unwrap().contains("no provider `statuspge`"), "{told}");
}

#[tokio::test]
async fn what_is_misspelt_in_governance_is_told_at_once_with_the_nearest_name() {
    let site = Site::new().await;
    site.change("[\"list_*\"]", "[\"raed\", \"create_incidnt\", \"list_*\"]");
    site.change("\"status/list_pages\"", "\"status/list_pagse\"");
    site.change(
        "toolsets = [\"look\"]",
        "toolsets = [\"look\"]\n[profiles.look.rules]\nlook = [{ argument = \"per_pgae\", constraint = { max = 5 } }]",
    );
    let (code, told) = check(&site, &[]).await;
    assert_eq!(code, Some(2), "{told}");
    let problems = told["problems"].to_string();
    for due in [
        "there is no tool `status/raed`; did you mean `read`?",
        "there is no tool `status/create_incidnt`; did you mean `create_incident`?",
        "did you mean `status/list_pages`?",
        "none of the tools has an argument `per_pgae`; did you mean `per_page`?",
    ] {
        assert!(problems.contains(due), "{due} is not in {problems}");
    }
    assert_eq!(told["problems"].as_array().unwrap().len(), 4, "{told}");
}

#[tokio::test]
async fn a_rule_on_a_value_that_the_argument_never_takes_is_told() {
    let site = Site::new().await;
    site.change("[\"list_*\"]", "[\"list_*\", \"create_incident\"]");
    site.change(
        "[profiles.look]",
        "[toolsets.respond]\ntitle = \"Respond\"\ntools = [\"status/create_incident\"]\n\
         [toolsets.respond.rules]\n\"status/create_incident\" = [\
         { argument = \"impact_overide\", constraint = { one_of = [\"minor\"] } }, \
         { argument = \"impact_override\", constraint = { one_of = [\"minorr\", \"major\"] } }]\n[profiles.look]",
    );
    let (code, told) = check(&site, &[]).await;
    let problems = told["problems"].to_string();
    assert_eq!((code, told["problems"].as_array().unwrap().len()), (Some(2), 2), "{told}");
    assert!(problems.contains("has no argument `impact_overide`; did you mean `impact_override`?"), "{problems}");
    assert!(
        problems.contains("`minorr` is none of the values of `impact_override`; did you mean `minor`?"),
        "{problems}"
    );
}

#[tokio::test]
async fn what_may_surprise_is_a_note() {
    let site = Site::new().await;
    site.change("governance = \"activated\"\n", "governance = \"activated\"\n[http]\nlisten = \"0.0.0.0:8700\"\n");
    site.change("{ file = \"status.key\" }", "{ env = \"STATUS_KEY\" }");
    let flag = site.flag();
    let output = run(&["check", "--json", &flag], &[("STATUS_KEY", "a-key")]).await;
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(told["ok"], true, "{told}");
    let notes = told["notes"].to_string().replace("\\\"", "\"");
    assert!(notes.contains("clients on other machines need `http.public_url`"), "{notes}");
    assert!(notes.contains("\"env\": {\"STATUS_KEY\": \"…\"}"), "{notes}");

    let site = Site::new().await;
    let nobody_proves = "[auth]\nmode = \"none\"\nuser = { issuer = \"local\", subject = \"zoe\" }\n";
    site.change("[auth]\n", nobody_proves);
    let (_, told) = check(&site, &[]).await;
    assert!(
        told["notes"].to_string().contains("every caller is `zoe (local)`, to whom the file grants nothing"),
        "{told}"
    );
}

#[tokio::test]
async fn a_database_that_refuses_the_password_is_found_by_a_probe() {
    let Some(cluster) = stand_ins::postgres::Cluster::shared() else { return };
    let site = Site::new().await;
    let url = cluster.database();
    // Nobody of this name is known there.
    let (scheme, rest) = url.split_once("://").unwrap();
    let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
    let wrong = format!("{scheme}://nobody-of-this-name:canary@{place}");
    let keys = [("GATEWAY_DB", wrong.as_str()), ("VAULT", &"00".repeat(32)), ("AUDIT", &"5a".repeat(32))];
    let text = site.text().replace(
        "governance = \"activated\"\n",
        "governance = \"activated\"\n[store]\nurl = { env = \"GATEWAY_DB\" }\nvault_keys = { env = \"VAULT\" }\naudit_key = { env = \"AUDIT\" }\n",
    );
    site.write("gateway.toml", &text);
    let flag = site.flag();
    let output = run(&["check", "--json", "--probe", &flag], &keys).await;
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    assert_eq!((output.status.code(), told["problems"].as_array().unwrap().len()), (Some(2), 1), "{told}");
    let problem = told["problems"][0].as_str().unwrap();
    assert!(problem.contains("nobody-of-this-name") && !problem.contains("canary"), "{problem}");
    assert!(!problem.contains("at line"), "{problem}");
    // Without the keys, both are told with how they are made.
    let text = text.replace("vault_keys = { env = \"VAULT\" }\naudit_key = { env = \"AUDIT\" }\n", "");
    site.write("gateway.toml", &text);
    let output = run(&["check", "--json", &flag], &keys).await;
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let problems = told["problems"].to_string();
    assert!(problems.contains("gateway new-key vault") && problems.contains("gateway new-key audit"), "{problems}");
}

#[tokio::test]
async fn a_database_that_would_be_spoken_to_in_the_clear_is_found_without_asking_it() {
    let site = Site::new().await;
    site.change(
        "governance = \"activated\"\n",
        "governance = \"activated\"\n[store]\nurl = \"postgres://gateway@db.example.com/govern?sslmode=disable\"\n\
         vault_keys = { env = \"VAULT\" }\naudit_key = { env = \"AUDIT\" }\n",
    );
    let flag = site.flag();
    let keys = [("VAULT", "00".repeat(32)), ("AUDIT", "5a".repeat(32))];
    let keys = [(keys[0].0, keys[0].1.as_str()), (keys[1].0, keys[1].1.as_str())];
    let output = run(&["check", "--json", &flag], &keys).await;
    let told: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let problems = told["problems"].to_string();
    assert!(output.status.code() == Some(2) && problems.contains("sslmode=verify-full"), "{told}");
    let output = run(&["check", "--json", &flag, "--insecure-postgres"], &keys).await;
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
}

#[tokio::test]
async fn a_server_whose_secret_is_not_there_is_not_said_to_have_none_in_the_file() {
    let site = Site::new().await;
    site.change("{ file = \"status.key\" }", "{ env = \"NOT_SET_HERE\" }");
    let (_, told) = check(&site, &[]).await;
    assert!(told["problems"].to_string().contains("NOT_SET_HERE"), "{told}");
    assert!(!told["notes"].to_string().contains("has no credential in the file"), "{told}");
    site.change("[credentials.status]\napi_key = { env = \"NOT_SET_HERE\" }\n", "");
    let (_, told) = check(&site, &[]).await;
    assert!(told["notes"].to_string().contains("server `status` has no credential in the file"), "{told}");
}

#[tokio::test]
async fn a_pattern_that_fits_no_tool_is_a_note() {
    let site = Site::new().await;
    site.change("[\"list_*\"]", "[\"list_*\", \"lst_*\", \"destructive\"]");
    let (code, told) = check(&site, &[]).await;
    assert_eq!(code, Some(0), "{told}");
    let notes = told["notes"].to_string();
    assert!(notes.contains("servers.status.approve: `lst_*` fits the name of none of its tools"), "{notes}");
    assert!(!notes.contains("`list_*` fits"), "{notes}");
}
