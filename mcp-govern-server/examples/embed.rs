//! An application that opens a part of itself to AI clients, beside its own routes: notes, kept in memory.
//!
//! `cargo run -p mcp-govern-server --example embed` serves on a port of 127.0.0.1 and prints where. Everybody on this machine is let
//! in, as one person; a real application takes [`FromMiddleware`](mcp_govern_server::FromMiddleware) or tokens.

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use axum::{Router, routing::get};
use mcp_govern_core::{
    Actor, Annotations, AuthMethod, AuthMethodId, AuthorizedCall, Binding, CallContext, Catalogue, CatalogueVersion,
    CheckedArguments, ClientId, CredentialFacts, CredentialReport, CredentialVerdict, DiscoverContext, Effect,
    Governor, OperationBinding, ProbeContext, Provider, ProviderError, ProviderErrorKind, ProviderId, ProviderInfo,
    RequestPreview, Risk, Role, ServerConfig, TenantId, ToolDefinition, ToolName, ToolOutput, ToolServer, UserId,
    blueprint::Blueprint,
};
use mcp_govern_server::{FixedIdentity, Identity, McpServer};
use serde_json::{Value, json, value::to_raw_value};
use tokio::net::TcpListener;

/// What the application keeps.
type Notes = Arc<Mutex<Vec<String>>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let notes = Notes::default();
    let provider = NotesProvider { info: info()?, notes: Arc::clone(&notes) };
    let (governor, driver) = Governor::builder(TenantId::new("example")?).with_provider(provider).open().await?;
    tokio::spawn(driver.run());
    let owner = Actor::new(UserId::new("local", "owner")?, [Role::Owner]);
    governor.apply(&owner, &rules()?).await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let public = format!("http://{}/mcp", listener.local_addr()?);
    let somebody = Identity::new(UserId::new("local", "ada")?, ClientId::new("local", "any")?);
    let server = McpServer::builder(governor, FixedIdentity::new(somebody), public.parse()?)
        .with_title("Notes")
        .with_page_size(2)
        .build()?;
    // The application's own routes stand beside those of the protocol.
    let own = Router::new().route("/", get(move || async move { format!("{} notes\n", lock(&notes).len()) }));
    let app = own.merge(server.router()).merge(server.health_router());
    writeln!(std::io::stdout(), "{public}")?;
    server.serve(listener, app, std::future::pending()).await;
    Ok(())
}

/// Who may do what: everybody may read, the person `ada` may write as well, and nobody removes anything.
fn rules() -> Result<Blueprint, serde_json::Error> {
    serde_json::from_value(json!({
        "governance": "activated",
        "settings": {"unmatched_client": "personal"},
        "servers": {"notes": {
            "provider": "notes", "title": "Notes", "prefix": "notes", "auth_method": "none", "approve": ["read", "write"],
        }},
        "toolsets": {"all": {"title": "All notes", "follows": {"server": "notes"}}},
        "profiles": {"writers": {"title": "Writers", "toolsets": ["all"]}},
        "grants": {"ada": {"profile": "writers", "grantee": {"user": {"issuer": "local", "subject": "ada"}}}},
    }))
}

fn info() -> Result<ProviderInfo, Box<dyn std::error::Error>> {
    let mut info = ProviderInfo::new(ProviderId::new("notes")?, "Notes");
    info.auth_methods = vec![AuthMethod::new(AuthMethodId::new("none")?, "None")];
    Ok(info)
}

#[derive(Debug)]
struct NotesProvider {
    info: ProviderInfo,
    notes: Notes,
}

impl Provider for NotesProvider {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, _server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        Ok(Arc::new(NotesServer { notes: Arc::clone(&self.notes) }))
    }
}

#[derive(Debug)]
struct NotesServer {
    notes: Notes,
}

fn tool(
    name: &str,
    title: &str,
    description: &str,
    effect: Effect,
    properties: &Value,
) -> Result<ToolDefinition, ProviderError> {
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    let name = ToolName::new(name).map_err(|error| ProviderError::new(ProviderErrorKind::Config, error.to_string()))?;
    Ok(ToolDefinition {
        binding: Binding::Operation(OperationBinding {
            method: "POST".into(),
            origin: "memory".into(),
            path: format!("/{name}"),
            arguments: Vec::new(),
            fixed: Vec::new(),
            send: BTreeMap::new(),
            security: Vec::new(),
            content_type: None,
            destination: None,
        }),
        name,
        title: title.into(),
        description: description.into(),
        input_schema: Arc::new(json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })),
        output_schema: Some(Arc::new(json!({
            "type": "object",
            "properties": {"notes": {"type": "array", "items": {"type": "string"}}},
            "required": ["notes"],
        }))),
        annotations: Annotations::of(effect, effect == Effect::Read),
        effect,
        risk: Risk::None,
        risk_reason: None,
        notifies: None,
        scopes: Vec::new(),
        deprecated: false,
        area: None,
    })
}

#[async_trait]
impl ToolServer for NotesServer {
    async fn discover(&self, _cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        let text = json!({"text": {"type": "string", "description": "What the note says.", "minLength": 1}});
        // Clients repeat it in the header `Mcp-Param-Words`, where proxies can see it; the server holds one against the other.
        let words = json!({"text": {"type": "string", "description": "What to look for.", "x-mcp-header": "Words"}});
        let tools = vec![
            tool("list_notes", "List notes", "Lists all notes.", Effect::Read, &json!({}))?,
            tool("find_notes", "Find notes", "Lists the notes that hold a text.", Effect::Read, &words)?,
            tool("add_note", "Add a note", "Adds a note, and lists all of them.", Effect::Write, &text)?,
            tool("remove_notes", "Remove all notes", "Removes every note.", Effect::Destructive, &json!({}))?,
        ];
        let catalogue = Catalogue::new(CatalogueVersion(1), tools.into_iter().map(Arc::new).collect());
        catalogue.map(Arc::new).map_err(|error| ProviderError::new(ProviderErrorKind::Config, error.to_string()))
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        // Arguments were checked against schema and rules; from here on something may have been done.
        cx.observer.sending().await?;
        let text = call.arguments().get("text").and_then(Value::as_str).unwrap_or_default();
        let mut notes = lock(&self.notes);
        let shown: Vec<String> = match call.tool().name().as_str() {
            "find_notes" => notes.iter().filter(|note| note.contains(text)).cloned().collect(),
            "add_note" => {
                notes.push(text.to_owned());
                notes.clone()
            }
            "remove_notes" => {
                notes.clear();
                Vec::new()
            }
            _ => notes.clone(),
        };
        let content = to_raw_value(&json!({ "notes": shown }));
        let content = content.map_err(|error| ProviderError::new(ProviderErrorKind::BadAnswer, error.to_string()))?;
        Ok(ToolOutput::new(content, Vec::new()))
    }

    async fn probe(&self, _cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        Ok(CredentialReport::new(CredentialVerdict::Accepted, CredentialFacts::new()))
    }

    fn preview(
        &self,
        tool: &ToolName,
        _arguments: &CheckedArguments,
        _facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        Ok(RequestPreview::new("POST", format!("memory:/{tool}")))
    }
}

fn lock(notes: &Notes) -> std::sync::MutexGuard<'_, Vec<String>> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}
