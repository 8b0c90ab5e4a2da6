//! An API of your own, governed without Rust: `api.yaml` describes it, `governance.toml` says who may do what with it.
//!
//! The pantry itself is played on loopback. Everything else that stands here would be the same for any API.

#![expect(clippy::print_stdout, reason = "an example tells on standard output what it does")]

mod pantry;

use std::error::Error;

use mcp_govern_core::{
    Actor, AuthMethodId, ClientId, Credential, DenialCode, Governor, Principal, Role, Secret, ServerId, TenantId,
    UserId,
    blueprint::Blueprint,
    governor::{CallRequest, Probe},
    ports::AuditFilter,
};
use mcp_govern_openapi::OpenApiProvider;

const API: &str = include_str!("../api.yaml");
const GOVERNANCE: &str = include_str!("../governance.toml");

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let pantry = pantry::open().await;
    let olga = Actor::new(UserId::new("local", "olga")?, [Role::Owner]);
    let ann = Principal::new(UserId::new("local", "ann")?, ClientId::new("local", "kitchen-assistant")?);
    let server = ServerId::new("pantry")?;

    // The API's document becomes a provider, and the governance document is brought about.
    let provider = OpenApiProvider::from_document(API)?;
    let (governor, driver) = Governor::builder(TenantId::new("home")?).with_provider(provider).open().await?;
    tokio::spawn(driver.run());
    let mut governance: Blueprint = toml::from_str(GOVERNANCE)?;
    governance.servers.get_mut(&server).ok_or("no server")?.base_url = Some(pantry.uri().parse()?);
    governor.apply(&olga, &governance).await?;
    let token = Credential::new(AuthMethodId::new("token")?).with_field("token", Secret::new(pantry::TOKEN));
    governor.set_shared_credential(&olga, &server, token, Probe::Required).await?;

    println!("Tools of the document, as they are classified and reviewed:");
    for (id, tool) in governor.state().tools_of(&server) {
        println!("  {:<22} {:<12} {}", id.to_string(), tool.classification().as_str(), tool.state());
    }
    println!("\nAnn's calls:");
    let add = |name: &str, amount: u64| {
        let request = CallRequest::new("pantry_add_item").with_argument("shelf", "top");
        request.with_argument("name", name).with_argument("amount", amount)
    };
    let calls = [
        ("add 3 rice", add("rice", 3), None),
        ("add 500 saffron", add("saffron", 500), Some(DenialCode::RuleViolated)),
        ("list shelves", CallRequest::new("pantry_list_shelves"), None),
        // To Ann a tool that nobody has approved does not exist; the record says `tool_pending`.
        (
            "clear the top shelf",
            CallRequest::new("pantry_clear_shelf").with_argument("shelf", "top"),
            Some(DenialCode::UnknownTool),
        ),
    ];
    for (what, request, denied) in calls {
        match governor.call(&ann, request).await {
            Ok(success) if denied.is_none() => println!("  {what}: {}", success.output.content),
            Err(error) if error.code() == denied && denied.is_some() => {
                let denial = error.denial().ok_or("no denial")?;
                println!("  {what}: {}\n    {}", denial.code(), denial.message());
            }
            ended => return Err(format!("{what}: expected {denied:?}, got {ended:?}").into()),
        }
    }

    governor.close().await;
    println!("\nThe record, oldest first:");
    for (_, record) in governor.audit(&olga, AuditFilter::new(), None, 100).await?.records.iter().rev() {
        let (tool, code) = (record.tool.as_ref().map(ToString::to_string), record.code.map(DenialCode::as_str));
        let kind = format!("{:?}", record.kind).to_lowercase();
        println!(
            "  {:>2} {} {kind:<8} {:<22} {}",
            record.sequence,
            record.at,
            tool.unwrap_or_default(),
            code.unwrap_or_default()
        );
    }
    let intact = governor.verify_audit(&olga, &[]).await?.iter().all(|(_, chain)| chain.is_intact());
    println!("Verified: {}.", if intact { "intact" } else { "broken" });
    if intact { Ok(()) } else { Err("the record does not hold".into()) }
}
