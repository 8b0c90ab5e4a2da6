//! What is wrong is told in a sentence, with the exit code 2, and nothing was begun.

use crate::world::{Site, run, stderr};

async fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(arguments, environment).await;
    let told = stderr(&output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{told}");
    told
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_file_line_and_the_nearest_known_one() {
    let site = Site::new().await;
    site.change("[profiles.look]\ntitle", "[profiles.look]\ntitel");
    let told = refused(&[&site.flag()], &[]).await;
    assert!(told.contains("gateway.toml:31: `titel` is not known here; did you mean `title`?"), "{told}");
}

#[tokio::test]
async fn a_secret_in_the_file_is_refused_and_not_repeated() {
    for (from, to, line) in [
        ("{ file = \"ann.token\" }", "\"canary-canary-canary\"", 5),
        ("{ file = \"status.key\" }", "\"canary\"", 13),
        ("base_url = ", "config = { api_key = \"canary\" }\nbase_url = ", 0),
    ] {
        let site = Site::new().await;
        site.change(from, to);
        let told = refused(&[&site.flag(), "--listen=127.0.0.1:0"], &[]).await;
        assert!(told.contains("must not be in the file") && !told.contains("canary"), "{told}");
        assert!(line == 0 || told.contains(&format!("gateway.toml:{line}: ")), "{told}");
    }
}

#[tokio::test]
async fn open_access_is_possible_on_loopback_alone() {
    let told = refused(&["--auth", "none", "--listen", "0.0.0.0:0"], &[]).await;
    assert!(told.contains("on loopback alone") && told.contains("0.0.0.0"), "{told}");
    let site = Site::new().await;
    site.change(
        "governance = \"activated\"\n",
        "governance = \"activated\"\n[http]\npublic_url = \"https://tools.example.com/mcp\"\n",
    );
    let told = refused(&[&site.flag(), "--auth=none", "--listen=127.0.0.1:0"], &[]).await;
    assert!(told.contains("through a proxy"), "{told}");
}

#[tokio::test]
async fn what_the_file_refers_to_must_be_there() {
    let site = Site::new().await;
    site.change("{ file = \"status.key\" }", "{ env = \"NOT_SET_HERE\" }");
    let told = refused(&[&site.flag(), "--listen=127.0.0.1:0"], &[]).await;
    assert!(told.contains("credentials.status.api_key: the environment variable `NOT_SET_HERE` is not set"), "{told}");
    assert_eq!(site.names(), ["ann.token", "ben.token", "gateway.toml", "status.key"]);

    let told = refused(&[&site.flag(), "--stdio"], &[]).await;
    assert!(told.contains("add \"env\": {\"NOT_SET_HERE\": \"…\"}"), "{told}");

    let site = Site::new().await;
    site.change("[credentials.status]", "[credentials.statsu]");
    assert!(refused(&[&site.flag()], &[]).await.contains("did you mean `status`?"));
    assert!(refused(&["--config", "no-such-file.toml"], &[]).await.contains("no-such-file.toml"));
}

#[tokio::test]
async fn what_governance_cannot_be_is_refused_by_place() {
    let site = Site::new().await;
    site.change("\"status/list_pages\"", "\"status/list_pagse\"");
    let told = refused(&[&site.flag(), "--listen=127.0.0.1:0"], &[]).await;
    assert!(told.contains("toolsets.look") && told.contains("list_pagse"), "{told}");
}

#[tokio::test]
async fn flags_that_contradict_each_other_are_refused() {
    let told = refused(&["--auth", "none", "--demo-token", "canary-canary-canary", "--listen=127.0.0.1:0"], &[]).await;
    assert!(told.contains("--auth static") && !told.contains("canary"), "{told}");
    let told = refused(&["--demo-token", "canary", "--listen=127.0.0.1:0"], &[]).await;
    assert!(told.contains("at least 16 characters") && !told.contains("canary"), "{told}");
    assert!(
        refused(&["--store", "mysql://a:canary@b/c", "--listen=127.0.0.1:0"], &[])
            .await
            .contains("is not a valid store")
    );
    assert!(refused(&["plan"], &[]).await.contains("--config"));
    let told = refused(&["--auth", "jwt", "--listen=127.0.0.1:0"], &[]).await;
    assert!(told.contains("auth.jwt"), "{told}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_and_is_no_fault_of_the_file() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&["--listen", &address], &[]).await;
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains(&address) && told.contains("--listen 127.0.0.1:0"), "{told}");
}
