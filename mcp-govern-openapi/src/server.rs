//! A registered server: binds, authorises, sends and decodes the calls of its tools.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::Arc,
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use mcp_govern_core::{
    ArgumentRule, AuthMethodId, AuthorizedCall, CallContext, CallRules, Catalogue, CheckedArguments, Clock, Credential,
    CredentialFacts, CredentialReport, DiscoverContext, Effect, Exchange, ProbeContext, ProviderError,
    ProviderErrorKind, RequestPreview, Sent, ToolName, ToolOutput, ToolServer,
};
use serde_json::{Map, Value, value::RawValue};
use tokio::time::Instant;
use url::Url;

use crate::{
    aside::Aside,
    authorize::Scheme,
    bind::{BoundRequest, bind},
    decode::{Scrubber, error},
    document::{Document, instead, policy::Throttle},
    held::Held,
    limits::Limits,
    reach::Reach,
    recipe::{Entry, Recipes},
    row::{Row, Shape},
    send::{Answer, Limiter, Outgoing, Permission, Sender, later, seconds, unrepeated},
    transport::{Transport, is_loopback},
};

/// What all servers of a provider share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) document: Document,
    pub(crate) recipes: Recipes,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) transport: Arc<dyn Transport>,
    /// Where long answers are worked on.
    pub(crate) aside: Aside,
    pub(crate) limits: Limits,
    pub(crate) limiter: Limiter,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A registered server.
pub(crate) struct OpenApiServer {
    pub(crate) shared: Arc<Shared>,
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) region: Option<String>,
    pub(crate) method: AuthMethodId,
    /// Checked to be sendable in a header.
    pub(crate) config: BTreeMap<String, HeaderValue>,
    /// What the configuration limits the server to.
    pub(crate) reach: Arc<Reach>,
    /// The tools that the server's auth method can call and its configuration reaches.
    pub(crate) catalogue: Arc<Catalogue>,
}

/// The result of a row, before it is cut to size.
#[derive(Debug)]
pub(crate) struct RowResult {
    pub(crate) content: Box<RawValue>,
    pub(crate) notes: Vec<String>,
    pub(crate) exchanges: Vec<Exchange>,
    /// Whether something was left out that the server's limits or the rules on the call do not allow.
    pub(crate) is_narrowed: bool,
}

/// What a tool is made of.
#[derive(Debug)]
pub(crate) enum Tool<'a> {
    Row(&'a Row),
    Recipe(&'a Entry),
}

impl OpenApiServer {
    /// Runs a tool: a row or a recipe.
    pub(crate) async fn execute(
        &self,
        name: &ToolName,
        arguments: &Map<String, Value>,
        rules: &CallRules,
        cx: &CallContext<'_>,
    ) -> Result<ToolOutput, ProviderError> {
        let deadline = self.deadline(cx.deadline);
        let tool = self.tool(name)?;
        let (definition, is_recipe) = match tool {
            Tool::Row(row) => (&row.definition, false),
            Tool::Recipe(recipe) => (&recipe.definition, true),
        };
        let (result, paging) = match tool {
            // Boxed, as polling is: most calls are one request, and theirs is the memory that is moved about.
            Tool::Recipe(recipe) => (Box::pin(self.run_recipe(recipe, arguments, rules, cx, deadline)).await?, None),
            Tool::Row(row) => {
                let paging = match &row.output.shape {
                    Shape::List(plan) => Some(&plan.page),
                    Shape::Whole | Shape::Root(_) => None,
                };
                (self.run_row(row, arguments, rules, cx, deadline).await?, paging)
            }
        };
        let length = result.content.get().len();
        let result = self.trimmed((name, definition.effect), result, paging, arguments, deadline).await?;
        let mut output = ToolOutput::new(result.content, result.exchanges);
        output.notes = result.notes;
        if is_recipe && output.content.get().len() < length {
            output.content = incomplete(output.content);
        }
        Ok(output)
    }

    /// Runs a row to its end, polling included. What of the answer `rules` do not allow is left out.
    pub(crate) async fn run_row(
        &self,
        row: &Row,
        arguments: &Map<String, Value>,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let arguments = self.hold(row, Cow::Borrowed(arguments), rules)?;
        let Some(asked) = self.replaced(row, rules) else {
            return self.run_held(row, &arguments, rules, cx, deadline).await;
        };
        let before = Box::pin(self.look_before(row, asked, &arguments, rules, cx, deadline)).await?;
        match Box::pin(self.run_held(row, &arguments, rules, cx, deadline)).await {
            Ok(mut result) => {
                result.exchanges.splice(0..0, before);
                Ok(result)
            }
            Err(error) => {
                let exchanges = before.into_iter().chain(error.exchanges().iter().cloned()).collect();
                Err(error.with_sent(Sent::Yes).with_exchanges(exchanges))
            }
        }
    }

    /// Runs a row with arguments that may be sent.
    async fn run_held(
        &self,
        row: &Row,
        arguments: &Held<'_>,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<RowResult, ProviderError> {
        let scrubber = Scrubber::new(cx.credential);
        let answer = match self.request(row, arguments, cx, Scheme::Own, deadline).await {
            Ok(answer) => answer,
            Err(error) => return Err(unsettled(row, error)),
        };
        if !answer.status.is_success() {
            return Err(unsettled(row, self.refusal(row, answer, scrubber)));
        }
        let mut notes: Vec<String> = self.shared.document.policy.warnings(&answer.headers).map(str::to_owned).collect();
        if let (Some(plan), StatusCode::ACCEPTED) = (&row.poll, answer.status) {
            let mut result = Box::pin(self.poll(row, plan, answer, rules, cx, deadline)).await?;
            result.notes.splice(0..0, notes);
            return Ok(result);
        }
        let exchanges = vec![answer.exchange.clone()];
        match self.decoded(row, arguments.as_map(), answer, rules, cx.credential, deadline).await {
            Ok(decoded) => {
                notes.extend(decoded.notes);
                Ok(RowResult { content: decoded.content, notes, exchanges, is_narrowed: decoded.is_narrowed })
            }
            Err((kind, text)) => {
                let text = format!("`{}`: {text}", row.name);
                let error = ProviderError::new(kind, text).with_sent(Sent::Yes);
                Err(unsettled(row, error.with_exchanges(exchanges)))
            }
        }
    }

    /// The read that tells what a row replaces, where rules say that not all of it may be touched.
    fn replaced(&self, row: &Row, rules: &CallRules) -> Option<&Row> {
        let bears = row.keys.stand_for.iter().any(|argument| rules.on(argument).next().is_some());
        row.keys.replaces.as_ref().filter(|_| bears).and_then(|read| self.shared.document.row(read))
    }

    /// Looks at what a row replaces. Answers with the exchanges of that look.
    ///
    /// INVARIANT: what a rule does not let be seen is not taken away by leaving it out
    /// (`what_lies_outside_of_a_rule_is_not_taken_away_by_a_whole_that_leaves_it_out`).
    async fn look_before(
        &self,
        row: &Row,
        asked: &Row,
        arguments: &Held<'_>,
        rules: &CallRules,
        cx: &CallContext<'_>,
        deadline: Instant,
    ) -> Result<Vec<Exchange>, ProviderError> {
        let own = arguments.as_map().iter().filter(|(name, _)| asked.takes(name));
        let own: Map<String, Value> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        let own = self.hold(asked, Cow::Owned(own), rules)?;
        let found = self.run_held(asked, &own, rules, cx, deadline).await?;
        if !found.is_narrowed {
            return Ok(found.exchanges);
        }
        let text = format!(
            "`{}`: a rule does not allow it: what is there now reaches beyond the rule, and what the call does not name would be \
             taken away",
            row.name
        );
        let error = ProviderError::new(ProviderErrorKind::RuleViolated, text).with_sent(Sent::Yes);
        Err(error.with_exchanges(found.exchanges))
    }

    /// Sends one request of a row; the answer may have any status.
    pub(crate) async fn request(
        &self,
        row: &Row,
        arguments: &Held<'_>,
        cx: &CallContext<'_>,
        scheme: Scheme,
        deadline: Instant,
    ) -> Result<Answer, ProviderError> {
        let mut out = self.outgoing(row, arguments, cx.credential, scheme)?;
        out.rate = out.rate.map(|rate| rate.among(cx.nodes));
        if let Some(trace) = cx.trace {
            tracing::debug!(trace = trace.trace_id(), tool = %row.name, "calling the vendor");
        }
        let sender = Sender {
            transport: &*self.shared.transport,
            limiter: &self.shared.limiter,
            limits: &self.shared.limits,
            policy: &self.shared.document.policy,
            scrubber: Scrubber::new(cx.credential),
            person: self.shared.limiter.person(cx.user),
        };
        // Boxed: two pieces of memory that an allocator has at hand cost less than a large one that it has to look for.
        Box::pin(sender.exchange(&out, cx.observer, deadline)).await
    }

    /// The request of a row, bound and authorised.
    fn outgoing<'a>(
        &self,
        row: &'a Row,
        arguments: &Held<'_>,
        credential: Option<&Credential>,
        scheme: Scheme,
    ) -> Result<Outgoing<'a>, ProviderError> {
        let mut bound = self.bind(row, arguments)?;
        let arguments = arguments.as_map();
        let others = bound.headers.len();
        self.authorize(row, credential, scheme, &mut bound.headers)?;
        let secrets = bound.headers.get(others..).unwrap_or_default();
        let lane = self.shared.limiter.key(self.base_of(row, arguments)?, secrets, &row.rate_domain);
        let body = bound.body();
        let uri = Uri::try_from(bound.url).map_err(|_| invalid(row, "the address of the request would be too long"))?;
        Ok(Outgoing {
            method: &row.method,
            uri,
            headers: bound.headers,
            body,
            template: row.path.template(),
            permission: Permission { repeat: row.repeat.allows(arguments), throttled: row.throttled },
            lane,
            rate: self.shared.document.policy.rates.get(&row.rate_domain).copied(),
        })
    }

    /// The base URL that a row's requests go to.
    fn base_of(&self, row: &Row, arguments: &Map<String, Value>) -> Result<&str, ProviderError> {
        match &row.origin {
            None => Ok(&self.base),
            Some(role) => self.reach.base(role, arguments).ok_or_else(|| invalid(row, "no host is named")),
        }
    }

    /// Checks and binds the arguments.
    pub(crate) fn bind(&self, row: &Row, arguments: &Held<'_>) -> Result<BoundRequest, ProviderError> {
        let arguments = &*instead::meant(&row.instead, arguments.as_map()).map_err(|text| invalid(row, &text))?;
        if !row.checks.is_empty() {
            let now = self.shared.clock.now();
            row.checks.iter().try_for_each(|check| check.hold(arguments, now)).map_err(|text| invalid(row, &text))?;
        }
        if let Shape::List(plan) = &row.output.shape {
            plan.page.check(arguments).map_err(|text| invalid(row, &text))?;
            let fields = row.output.fields.as_ref().map_or(Ok(()), |fields| fields.check(arguments));
            fields.map_err(|text| invalid(row, &text))?;
        }
        let base = self.base_of(row, arguments)?;
        let arguments = instead::sent(&row.instead, arguments);
        let mut bound = bind(row, &arguments, base).map_err(|text| invalid(row, &text))?;
        for header in &row.config_headers {
            if header.when.as_ref().is_some_and(|method| *method != self.method) {
                continue;
            }
            match self.config.get(&header.key) {
                Some(value) => bound.headers.push((header.name.clone(), value.clone())),
                None if header.required => {
                    let text = format!("`{}` needs `{}` in the server's configuration", row.name, header.key);
                    return Err(ProviderError::new(ProviderErrorKind::Config, text));
                }
                None => {}
            }
        }
        Ok(bound)
    }

    /// An answer that is no success becomes an error that says what to do.
    pub(crate) fn refusal(&self, row: &Row, answer: Answer, scrubber: Scrubber<'_>) -> ProviderError {
        let policy = &self.shared.document.policy;
        let throttled = answer.throttle != Throttle::No;
        let (headers, status): (&HeaderMap, _) = (&answer.headers, answer.status);
        let remedies = policy.remedies(row.origin.as_deref());
        let plan = &policy.errors;
        let mut refusal = if status == StatusCode::NOT_FOUND && names_nothing(row) {
            let remedies = [error::nothing_there(&self.base)];
            error::read(plan, &remedies, throttled, status, headers, &answer.body, scrubber)
        } else {
            error::read(plan, remedies, throttled, status, headers, &answer.body, scrubber)
        };
        let title = &self.shared.document.info.title;
        let mut text = format!("`{}`: {title} {}", row.name, refusal.text);
        if status.is_redirection() {
            text.push_str(": it points elsewhere, and redirects are not followed");
        }
        if let Some(path) = self.other_path(row).filter(|_| status == StatusCode::NOT_FOUND) {
            let _ = write!(
                text,
                ". The addresses of {title} are below `{path}`, and the base URL of this server, `{}`, is not: without that \
                 everything is not found",
                self.base
            );
        }
        if refusal.kind == ProviderErrorKind::RateLimited {
            let wait = policy.wait(headers).or_else(|| policy.wait_default().filter(|_| throttled));
            refusal.vendor.retry_after = wait;
            match wait {
                Some(wait) if wait >= error::LONGEST_WAIT => text.push_str("; it asks to wait for a day or longer"),
                Some(wait) => {
                    let _ = write!(text, "; try again in {} s", seconds(wait));
                }
                None => {}
            }
        } else if let Some(why) = &answer.unrepeated {
            text = unrepeated(&text, why);
        }
        let error = ProviderError::new(refusal.kind, text).with_sent(answer.sent);
        error.with_exchanges(vec![answer.exchange]).with_vendor(refusal.vendor)
    }

    /// The path below which the document's addresses are, where the server's own base URL has another.
    fn other_path(&self, row: &Row) -> Option<&str> {
        let stated = self.shared.document.servers.base().filter(|_| row.origin.is_none())?;
        let path = stated.path().trim_end_matches('/');
        let regions = &self.shared.document.info.regions;
        let own = regions.iter().any(|region| region.base_url.as_str().trim_end_matches('/') == self.base);
        (!own && !path.is_empty() && !self.base.ends_with(path)).then_some(path)
    }

    /// A tool of this server.
    pub(crate) fn tool(&self, name: &ToolName) -> Result<Tool<'_>, ProviderError> {
        let recipe = || self.shared.recipes.get(name).map(Tool::Recipe);
        let row = || self.shared.document.row(name).filter(|row| !row.hidden).map(Tool::Row);
        let tool = self.catalogue.tool(name).and_then(|_| recipe().or_else(row));
        tool.ok_or_else(|| ProviderError::new(ProviderErrorKind::UnknownTool, format!("there is no tool `{name}`")))
    }

    /// When a call ends at the latest.
    pub(crate) fn deadline(&self, asked: Option<std::time::Instant>) -> Instant {
        let own = later(self.shared.limits.deadline);
        asked.map_or(own, |asked| own.min(Instant::from_std(asked)))
    }
}

#[async_trait]
impl ToolServer for OpenApiServer {
    fn rules(&self) -> Vec<ArgumentRule> {
        self.reach.rules()
    }

    async fn discover(&self, _cx: DiscoverContext<'_>) -> Result<Arc<Catalogue>, ProviderError> {
        Ok(self.catalogue.clone())
    }

    async fn invoke(&self, call: &AuthorizedCall, cx: CallContext<'_>) -> Result<ToolOutput, ProviderError> {
        let arguments = call.arguments();
        self.execute(call.tool().name(), arguments.as_map(), arguments.rules(), &cx).await
    }

    async fn probe(&self, cx: ProbeContext<'_>) -> Result<CredentialReport, ProviderError> {
        self.prove(cx).await
    }

    fn preview(
        &self,
        tool: &ToolName,
        arguments: &CheckedArguments,
        facts: &CredentialFacts,
    ) -> Result<RequestPreview, ProviderError> {
        self.show(tool, arguments.as_map(), arguments.rules(), facts)
    }
}

impl fmt::Debug for OpenApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OpenApiServer");
        shown.field("provider", &self.shared.document.info.id).field("base", &self.base).field("method", &self.method);
        shown.finish_non_exhaustive()
    }
}

/// Whether a URL can be a server's base.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check_base(url: &Url) -> Result<(), &'static str> {
    let host = url.host().ok_or("has no host")?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) => {}
        "http" => return Err("is plain http to another machine: expected https"),
        _ => return Err("has a scheme other than https"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a query or fragment");
    }
    Ok(())
}

/// Whether a row is a read that names no single thing which could be missing.
fn names_nothing(row: &Row) -> bool {
    let reads = row.definition.effect == Effect::Read && row.origin.is_none();
    reads && row.required.is_empty() && !row.path.template().contains('{')
}

/// The result of a recipe that was cut to size: what it says of itself, that it is complete, is no longer so.
fn incomplete(content: Box<RawValue>) -> Box<RawValue> {
    let Ok(mut value) = serde_json::from_str::<Value>(content.get()) else { return content };
    match value.get_mut("is_complete") {
        Some(whole @ Value::Bool(true)) => *whole = Value::Bool(false),
        _ => return content,
    }
    serde_json::value::to_raw_value(&value).unwrap_or(content)
}

/// A write whose outcome nobody knows must not be repeated without looking; the message says so.
fn unsettled(row: &Row, error: ProviderError) -> ProviderError {
    let unknown = matches!(
        error.kind(),
        ProviderErrorKind::Network
            | ProviderErrorKind::Timeout
            | ProviderErrorKind::BadAnswer
            | ProviderErrorKind::VendorFailure
    );
    if row.definition.effect == Effect::Read || error.sent() == Sent::No || !unknown {
        return error;
    }
    let text = format!("{}. The change may have been made all the same: look before you repeat it", error.message());
    error.with_message(text)
}

pub(crate) fn invalid(row: &Row, text: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidArguments, format!("`{}`: {text}", row.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_loopback_and_holds_nothing_else() {
        for good in [
            "https://api.example.com",
            "https://a.example/v1/",
            "http://127.0.0.1:8080",
            "http://localhost/v1",
            "http://[::1]:9",
        ] {
            assert_eq!(check_base(&Url::parse(good).unwrap()), Ok(()), "{good}");
        }
        for bad in [
            "http://api.example.com",
            "http://localhost.example.com",
            "http://10.0.0.1",
            "ftp://a",
            "https://u@a",
            "https://u:p@a",
            "https://a?x=1",
            "https://a#x",
            "file:///etc/passwd",
            "data:text/plain,x",
            "http://0.0.0.0",
        ] {
            assert!(check_base(&Url::parse(bad).unwrap()).is_err(), "{bad}");
        }
    }

    #[test]
    fn futures_can_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        fn check(server: &OpenApiServer, name: &ToolName, map: &Map<String, Value>, cx: &CallContext<'_>) {
            is_send(&server.execute(name, map, &CallRules::default(), cx));
        }
        let _ = check;
    }
}
