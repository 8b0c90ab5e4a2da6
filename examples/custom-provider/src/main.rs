//! Governs an API of one's own: `api.yaml` says what it can do, `governance.toml` who may. No Rust beyond `main`.
#![expect(clippy::print_stdout, reason = "a program that prints")]

mod pantry;

use std::error::Error;

use mcp_govern_core::{
    Actor, AuthMethodId, ClientId, Credential, Governor, Principal, Role, Secret, ServerId, TenantId, UserId,
    governor::{CallRequest, Probe},
    ports::AuditFilter,
};
use mcp_govern_openapi::OpenApiProvider;
use serde_json::json;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let api = pantry::serve().await;

    // The API: one document.
    let provider = OpenApiProvider::from_document(include_str!("../api.yaml"))?;
    for remark in provider.lint() {
        println!("remark      {remark}");
    }
    let (governor, driver) = Governor::builder(TenantId::new("home")?).with_provider(provider).open().await?;
    tokio::spawn(driver.run());

    // Who may do what: another. Here the base URL is the loopback one.
    let text = include_str!("../governance.toml");
    let text = text.replace("auth_method =", &format!("base_url = \"{}/v1\"\nauth_method =", api.uri()));
    let admin = Actor::new(UserId::new("local", "admin")?, [Role::Owner]);
    let applied = governor.apply(&admin, &toml::from_str(&text)?).await?;
    println!("applied     {} acts", applied.acts.len());
    for waiting in &applied.waiting {
        println!("waiting     {}: {}", waiting.tool, waiting.why);
    }
    for (id, tool) in governor.state().tools() {
        println!("tool        {id}: {}, {}", tool.state(), tool.classification());
    }

    // The credential is tried before it counts.
    let token = Credential::new(AuthMethodId::new("token")?).with_field("token", Secret::new(pantry::TOKEN));
    governor.set_shared_credential(&admin, &ServerId::new("pantry")?, token, Probe::Required).await?;

    // Ann's AI client.
    let ann = Principal::new(UserId::new("local", "ann")?, ClientId::new("local", "kitchen-agent")?);
    for tool in governor.list(&ann)? {
        println!("ann sees    {}: {}", tool.name, tool.definition.title);
    }
    let calls = [
        ("pantry_list_shelves", json!({})),
        ("pantry_add_item", json!({"shelf": "jam", "name": "plum", "amount": 2})),
        ("pantry_add_item", json!({"shelf": "spirits", "name": "rum", "amount": 1})),
        ("pantry_clear_shelf", json!({"shelf": "jam"})),
    ];
    for (tool, arguments) in calls {
        println!("\nann calls   {tool} {arguments}");
        let request = CallRequest::new(tool).with_arguments(arguments.as_object().cloned().unwrap_or_default());
        match governor.call(&ann, request).await {
            Ok(success) => println!("answer      {}", success.output.content),
            Err(error) => println!("refused     {error}"),
        }
    }

    governor.close().await;
    println!();
    for (_, record) in governor.audit(&admin, AuditFilter::new(), None, 20).await?.records.iter().rev() {
        let tool = record.tool.as_ref().map(ToString::to_string).unwrap_or_default();
        let code = record.code.map(|code| format!(" ({code})")).unwrap_or_default();
        println!("on record   {} {:?} {tool}{code}", record.at, record.kind);
    }
    for (writer, verification) in governor.verify_audit(&admin, &[]).await? {
        println!("verified    {writer}: {}", if verification.is_intact() { "intact" } else { "BROKEN" });
    }
    Ok(())
}
