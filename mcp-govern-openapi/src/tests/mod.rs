//! The engine as a whole, below governance: what a tool call sends, and what comes of the answers.

mod binding;
mod calls;
mod document;
mod editions;
mod foreign;
mod form;
mod fuzz;
mod hostile;
mod instead;
mod long;
mod lookups;
mod obstacles;
mod paging;
mod polling;
mod probing;
mod reach;
mod recipes;
mod retrying;
mod rules;
mod variants;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use mcp_govern_core::{
    AuthMethodId, CallContext, CallObserver, CallRules, Credential, NoObserver, ProviderError, ProviderErrorKind,
    Secret, ServerSpec, ToolName, ToolOutput, ToolPrefix,
};
use serde_json::{Map, Value};

use crate::{
    BodySource, BodyStream, Limits, OpenApiProvider, Transport, TransportError, provider::OpenApiProviderBuilder,
    server::OpenApiServer,
};

/// A request as the transport saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) at: tokio::time::Instant,
}

impl Seen {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What a vendor does next.
#[derive(Debug)]
pub(super) enum Step {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Bytes,
    },
    Fail(TransportError),
    Hang,
    /// The head comes, the body never.
    HangingBody(u16),
    /// The body breaks off.
    BrokenBody(u16),
}

/// A vendor that plays a script and remembers what it was asked.
#[derive(Debug, Default)]
pub(super) struct Script {
    steps: Mutex<VecDeque<Step>>,
    seen: Mutex<Vec<Seen>>,
}

impl Script {
    pub(super) fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        Arc::new(Self { steps: Mutex::new(steps.into_iter().collect()), seen: Mutex::default() })
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "expected one request");
        seen[0].clone()
    }
}

/// An answer in JSON.
pub(super) fn json(status: u16, body: Value) -> Step {
    json_with(status, &[], body)
}

pub(super) fn json_with(status: u16, headers: &[(&'static str, &str)], body: Value) -> Step {
    let mut headers: Vec<_> = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    headers.push(("content-type", "application/json".to_owned()));
    Step::Answer { status, headers, body: Bytes::from(body.to_string()) }
}

pub(super) fn plain(status: u16, headers: &[(&'static str, &str)], body: &str) -> Step {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Step::Answer { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }
}

#[async_trait]
impl Transport for Script {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        _deadline: Instant,
    ) -> Result<http::Response<BodyStream>, TransportError> {
        let (parts, body) = request.into_parts();
        let at = tokio::time::Instant::now();
        let seen = Seen { method: parts.method, uri: parts.uri.to_string(), headers: parts.headers, body, at };
        self.seen.lock().unwrap().push(seen);
        let step = self.steps.lock().unwrap().pop_front();
        let answer = |status: u16, body| {
            let mut response = http::Response::new(body);
            *response.status_mut() = status.try_into().unwrap();
            response
        };
        match step.expect("the script has no further answer") {
            Step::Answer { status, headers, body } => {
                let mut response = answer(status, BodyStream::whole(body));
                for (name, value) in headers {
                    let value = HeaderValue::from_str(&value).unwrap();
                    response.headers_mut().append(HeaderName::from_static(name), value);
                }
                Ok(response)
            }
            Step::Fail(error) => Err(error),
            Step::Hang => std::future::pending().await,
            Step::HangingBody(status) => Ok(answer(status, BodyStream::pieces(Never))),
            Step::BrokenBody(status) => Ok(answer(status, BodyStream::pieces(Broken))),
        }
    }
}

struct Never;

impl BodySource for Never {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        Poll::Pending
    }
}

struct Broken;

impl BodySource for Broken {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        Poll::Ready(Err(TransportError::maybe_sent("connection reset")))
    }
}

/// Counts how often it is told; refuses from a given turn on.
#[derive(Debug)]
pub(super) struct Counter {
    told: AtomicUsize,
    allowed: usize,
}

impl Counter {
    pub(super) fn allowing(allowed: usize) -> Self {
        Self { told: AtomicUsize::new(0), allowed }
    }

    pub(super) fn told(&self) -> usize {
        self.told.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl CallObserver for Counter {
    async fn sending(&self) -> Result<(), ProviderError> {
        if self.told.fetch_add(1, Ordering::SeqCst) < self.allowed {
            return Ok(());
        }
        Err(ProviderError::new(ProviderErrorKind::Cancelled, "killed"))
    }
}

pub(super) fn provider(document: &str, script: &Arc<Script>) -> OpenApiProvider {
    builder(document, script).build().unwrap()
}

pub(super) fn builder(document: &str, script: &Arc<Script>) -> OpenApiProviderBuilder {
    let limits = Limits::new().with_pauses(Duration::from_millis(100), Duration::from_secs(2));
    OpenApiProvider::builder().document(document).transport(script.clone()).limits(limits)
}

pub(super) fn spec(provider: &OpenApiProvider) -> ServerSpec {
    use mcp_govern_core::Provider as _;
    let method = AuthMethodId::new("api_key").unwrap();
    ServerSpec::new(provider.info().id.clone(), "Test", ToolPrefix::new("t").unwrap(), method)
}

pub(super) fn server(document: &str, script: &Arc<Script>) -> OpenApiServer {
    let provider = provider(document, script);
    provider.open_server(&spec(&provider)).unwrap()
}

pub(super) const SECRET: &str = "canary-4f9a1c77";

pub(super) fn credential() -> Credential {
    Credential::new(AuthMethodId::new("api_key").unwrap()).with_field("api_key", Secret::new(SECRET))
}

pub(super) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

/// Calls a tool with the usual credential.
pub(super) async fn call(server: &OpenApiServer, tool: &str, arguments: Value) -> Result<ToolOutput, ProviderError> {
    let credential = credential();
    let cx = CallContext::new(&NoObserver).with_credential(Some(&credential));
    server.execute(&ToolName::new(tool).unwrap(), &map(arguments), &CallRules::default(), &cx).await
}

/// The result as a tree.
pub(super) async fn result(server: &OpenApiServer, tool: &str, arguments: Value) -> Value {
    call(server, tool, arguments).await.unwrap().to_value().unwrap()
}

pub(super) async fn failure(server: &OpenApiServer, tool: &str, arguments: Value) -> ProviderError {
    let error = call(server, tool, arguments).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(SECRET), "{shown}");
    error
}

/// A small API with one of everything.
pub(super) const PETS: &str = r#"
openapi: 3.1.0
info: {title: Pet Shop, version: "1"}
servers: [{url: "https://pets.example/v1"}]
security: [{api_key: []}]
tags: [{name: pets}]
x-govern:
  catalogue: 3
  headers: {X-Client: governed}
  throttle: [{status: 420, nothing_done: true}, {status: 429, nothing_done: true}]
  wait: [{header: retry-after, unit: seconds}]
  errors: {message: [/message, /error/message, /error], code: [/code, /error/code], details: [/errors], request_id: {headers: [x-request-id]}}
  remedies: [{status: 403, code: "7", kind: forbidden, remedy: Ask for the right.}]
  warnings: [{header: x-state, equals: THROTTLED, text: The shop is slow today.}]
components:
  securitySchemes:
    api_key: {type: apiKey, in: header, name: Authorization, x-govern: {prefix: "Key ", sharing: [shared, per_user]}}
paths:
  /pets:
    get:
      operationId: list_pets
      tags: [pets]
      summary: List pets
      description: Lists the pets of the shop, newest first, by species and age.
      parameters:
        - {name: "species[]", in: query, description: Only these., schema: {type: array, items: {type: string}}}
        - {name: tags, in: query, style: form, explode: false, description: Only these., schema: {type: array, items: {type: string}}}
        - {name: q, in: query, description: Text., schema: {type: string}}
        - {name: offset, in: query, description: From., schema: {type: integer, minimum: 0}}
        - {name: limit, in: query, description: How many., schema: {type: integer}}
        - {name: X-Shop, in: header, description: Which shop., schema: {type: string}}
      x-govern:
        effect: read
        output: {items: /pets, drop: [internal]}
        page: {style: offset, offset: offset, limit: limit, default: 2, max: 100, window: 1000, more: /more, total: /total}
        secret_output: ["/**/token"]
    post:
      operationId: create_pet
      tags: [pets]
      summary: Create a pet
      description: Puts a new pet into the shop; the shop's customers see it at once.
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [pet]
              properties:
                pet:
                  type: object
                  required: [name]
                  properties:
                    name: {type: string, description: Its name.}
                    bornOn: {type: string, description: The day.}
                    owner: {type: object, x-wraps: id, x-argument: owner_id, description: The owner., properties: {id: {type: string}, type: {x-fixed: owner_reference}}}
                    alias: {type: [string, "null"], description: A key.}
                note: {type: string, description: For the log.}
      responses: {"201": {description: Made.}}
      x-govern: {effect: write, unwrap: pet, idempotent: {with: alias}, output: {root: /pet}, notifies: nobody}
  /pets/{petId}:
    get:
      operationId: get_pet
      tags: [pets]
      summary: Get a pet
      description: Reads one pet with all that is known about it.
      parameters: [{name: petId, in: path, required: true, description: Which., schema: {type: string}}]
      x-govern: {effect: read, output: {root: /pet}}
    delete:
      operationId: delete_pet
      tags: [pets]
      summary: Delete a pet
      description: Takes a pet out of the shop for good.
      parameters: [{name: petId, in: path, required: true, description: Which., schema: {type: string}}]
      x-govern: {effect: destructive, risk: sensitive, why: It is gone., notifies: nobody}
  /pets/{petId}/picture:
    post:
      operationId: add_picture
      tags: [pets]
      summary: Add a picture
      description: Uploads a picture of a pet for everybody to see.
      parameters: [{name: petId, in: path, required: true, description: Which., schema: {type: string}}]
      requestBody:
        content:
          multipart/form-data:
            schema:
              type: object
              required: [file]
              properties:
                file: {type: string, contentEncoding: base64, contentMediaType: image/png, description: The picture.}
                file_name: {type: string, x-filename-of: file, description: Its name.}
                caption: {type: string, description: What it shows.}
      x-govern: {effect: write, notifies: nobody}
  /pets/{petId}/owners:
    post:
      operationId: set_owners
      tags: [pets]
      summary: Set owners
      description: Replaces the owners of a pet by others.
      parameters: [{name: petId, in: path, required: true, description: Which., schema: {type: string}}]
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              x-array-suffix: "[]"
              properties: {ids: {type: array, items: {type: string}, description: Who.}, why: {type: string, description: Reason.}}
      x-govern: {effect: write, fixed: [{in: query, name: mode, value: replace all}], notifies: nobody}
  /status:
    get:
      operationId: get_status
      tags: [pets]
      summary: Get the status
      description: Says how the shop is doing, to anybody.
      security: []
      x-govern: {effect: read}
"#;
