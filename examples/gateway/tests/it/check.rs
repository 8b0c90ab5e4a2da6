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
