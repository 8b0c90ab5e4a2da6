//! Clients on standard input and output, and what they may.

use std::time::Duration;

use rmcp::{service::ClientServiceExt, transport::TokioChildProcess};
use serde_json::json;
use stand_ins::Fault;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::world::{ANN, BEN, Gateway, Site, call, code, content, eras, gateway, until, who};

#[tokio::test]
async fn a_client_that_starts_the_gateway_itself_lists_and_calls_in_both_eras() {
    for era in eras() {
        let client =
            who().serve_with_lifecycle(TokioChildProcess::new(gateway(&["--stdio"], &[])).unwrap(), era).await.unwrap();
        assert!(client.list_all_tools().await.unwrap().len() > 20);
        let answered = client.call_tool(call("pagerduty_list_services", &json!({}))).await.unwrap();
        assert!(!content(&answered)["items"].as_array().unwrap().is_empty());
        client.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn on_stdio_a_file_says_who_the_user_is() {
    let site = Site::new().await;
    site.change("[auth]\n", "[auth]\nuser = { issuer = \"local\", subject = \"ann\" }\n");
    let flag = site.flag();
    let [newest, _] = eras();
    let command = gateway(&["--stdio", &flag, "--store", "memory"], &[]);
    let client = who().serve_with_lifecycle(TokioChildProcess::new(command).unwrap(), newest).await.unwrap();
    assert_eq!(client.list_all_tools().await.unwrap().len(), 2);
    client.cancel().await.unwrap();
}

#[tokio::test]
async fn on_stdio_too_a_call_in_flight_ends_well() {
    let site = Site::new().await;
    site.change("[auth]\n", "[auth]\nuser = { issuer = \"local\", subject = \"ann\" }\n");
    let flag = site.flag();
    let [newest, _] = eras();
    let child = TokioChildProcess::new(gateway(&["--stdio", &flag, "--store", "memory"], &[])).unwrap();
    let pid = child.id().unwrap().to_string();
    let client = who().serve_with_lifecycle(child, newest).await.unwrap();
    site.vendor.fail_next(Fault::Delay(Duration::from_secs(2)));
    let calling = client.call_tool(call("status_list_pages", &json!({})));
    let telling = async {
        until("the request at the vendor", async || (site.vendor.count() > 0).then_some(())).await;
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    };
    let (answered, ()) = tokio::join!(calling, telling);
    assert!(!content(&answered.unwrap())["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn everybody_sees_and_calls_what_was_granted_and_no_key_is_shown() {
    let site = Site::new().await;
    let gateway = site.start().await;
    assert_eq!(gateway.tools(ANN).await, ["status_list_components", "status_list_pages"]);
    assert!(gateway.tools(BEN).await.is_empty());
    let answered = gateway.call(ANN, "status_list_pages", json!({})).await;
    assert!(!answered["result"]["structuredContent"]["items"].as_array().unwrap().is_empty(), "{answered}");
    // To Ben it is a tool that does not exist, and so it is to Ann where it was not granted.
    let hidden = gateway.call(BEN, "status_list_pages", json!({})).await;
    let unknown = gateway.call(BEN, "status_no_such_tool", json!({})).await;
    assert_eq!((&hidden["error"]["code"], &unknown["error"]["code"]), (&json!(-32602), &json!(-32602)));
    assert_eq!(code(&gateway.call(ANN, "status_list_pages", json!({"pagee": 1})).await), "invalid_arguments");
    let log = format!("{:?}", gateway.log());
    for secret in [ANN, BEN, site.vendor.good_key().as_str()] {
        assert!(!log.contains(secret), "a secret is in the log");
    }
    assert!(site.vendor.violations().is_empty());
    gateway.stop().await;
}

#[tokio::test]
async fn an_api_of_ones_own_is_governed_with_a_document() {
    let site = Site::new().await;
    let document = include_str!("../../../custom-provider/api.yaml");
    site.write("pantry.yaml", document);
    site.change("governance = \"activated\"\n", "governance = \"activated\"\napis = [\"pantry.yaml\"]\n");
    site.add(
        "[servers.pantry]\nprovider = \"pantry\"\ntitle = \"Pantry\"\nprefix = \"pantry\"\nauth_method = \"token\"\n\
         base_url = \"http://127.0.0.1:9\"\napprove = [\"read\"]\n",
    );
    site.change("\"status/list_pages\", ", "\"status/list_pages\", \"pantry/list_shelves\", ");
    let gateway = site.start().await;
    assert!(gateway.tools(ANN).await.contains(&"pantry_list_shelves".to_owned()));
    let denied = gateway.call(ANN, "pantry_list_shelves", json!({})).await;
    assert_eq!(code(&denied), "credential_missing");
    assert!(gateway.log().iter().any(|line| line["server"] == "pantry" && line["level"] == "WARN"));
}

#[tokio::test]
async fn requests_go_through_a_proxy_where_the_file_says_so() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let seen = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]";
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let site = Site::new().await;
    site.add("[outbound]\nsystem_proxy = true\n");
    let gateway = Gateway::start(&[&site.flag(), "--store=memory"], &[("HTTP_PROXY", address.as_str())]).await;
    let answered = gateway.call(ANN, "status_list_pages", json!({})).await;
    assert_eq!(answered["result"]["isError"], false, "{answered}");
    assert!(seen.await.unwrap().starts_with(&format!("GET {}/pages", site.vendor.base_url())));
    assert_eq!(site.vendor.count(), 0);
}
