//! A provider made of an OpenAPI document.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{
    AuthMethodId, Binding, Catalogue, Clock, Provider, ProviderError, ProviderErrorKind, ProviderInfo, ServerConfig,
    ServerSpec, SystemClock, ToolDefinition, ToolName, ToolServer,
};
use url::Url;

use crate::{
    base_url::check_base,
    document::{ForeignDocument, lint},
    error::{DocumentError, DocumentErrorKind, Fault},
    header::check_header_value,
    limits::Limits,
    plan::{ConfigRule, Document, FieldFormat, OWN_ORIGIN},
    send::Limiter,
    server::{
        OpenApiServer, Shared,
        aside::Aside,
        reach::Reach,
        recipe::{Recipe, Recipes},
    },
    transport::{ReqwestTransport, Transport},
};

/// A kind of API that one OpenAPI document describes.
///
/// Clones share everything, rate limits and connections included.
#[derive(Clone)]
pub struct OpenApiProvider {
    shared: Arc<Shared>,
}

impl OpenApiProvider {
    /// A provider from a whole OpenAPI 3.1 document in JSON or YAML.
    ///
    /// # Errors
    ///
    /// When the document is wrong or says something that this crate cannot honour; every operation at fault is named.
    pub fn from_document(text: &str) -> Result<Self, DocumentError> {
        Self::builder().document(text).build()
    }

    /// The same provider with rate limits of its own, as if another process had it: what is sent through one counts for nothing at the
    /// other. The document is not read again, and connections are shared.
    #[must_use]
    pub fn with_own_limiter(&self) -> Self {
        let shared = &self.shared;
        Self {
            shared: Arc::new(Shared {
                document: Arc::clone(&shared.document),
                recipes: Arc::clone(&shared.recipes),
                catalogue: Arc::clone(&shared.catalogue),
                transport: Arc::clone(&shared.transport),
                aside: Aside::new(shared.limits.decoding_bytes),
                limits: shared.limits.clone(),
                limiter: Limiter::default(),
                clock: Arc::clone(&shared.clock),
            }),
        }
    }

    /// For a provider with recipes, or with a transport or limits of one's own.
    pub fn builder() -> OpenApiProviderBuilder {
        OpenApiProviderBuilder::default()
    }

    /// All tools of the document and its recipes. A server offers those that its auth method can call.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.shared.catalogue
    }

    /// What a careful author would still add to the document, as sentences that name the operation: a missing effect,
    /// a property without description, a risk without reason. Empty for a complete document.
    pub fn lint(&self) -> Vec<String> {
        lint(&self.shared.document)
    }

    /// What of a document that others write could not be honoured, and why: operations with method, path and `operationId`, and
    /// entries that name none. Empty for a document of one's own, which is refused instead.
    pub fn left_out(&self) -> &[Fault] {
        &self.shared.document.left_out
    }

    /// The tools of operations whose effect the document does not state: they count as dangerous.
    pub fn unstated_effects(&self) -> impl Iterator<Item = &ToolName> {
        let rows = self.shared.document.rows.iter().filter(|row| !row.hidden && row.stated.effect.is_none());
        rows.map(|row| &row.name)
    }

    /// Whether the document names a read that can prove a credential of an auth method.
    pub fn proves(&self, method: &AuthMethodId) -> bool {
        let document = &self.shared.document;
        document.probes.iter().filter(|plan| !plan.more).any(|plan| {
            plan.when.as_ref().is_none_or(|when| when == method)
                && document.row(&plan.row).is_some_and(|row| row.is_open_to(&document.schemes.list, method))
        })
    }

    pub(crate) fn open_server(&self, spec: &ServerSpec) -> Result<OpenApiServer, ProviderError> {
        let info = &self.shared.document.info;
        if spec.provider != info.id {
            return Err(config(format!("the server is of the provider `{}`, this is `{}`", spec.provider, info.id)));
        }
        self.check_method(spec)?;
        let (base, region) = self.base(spec)?;
        let values = self.config(spec)?;
        let reach = Reach::read(&self.shared.document.scopes, &spec.config).map_err(config)?;
        Ok(OpenApiServer {
            base: base.as_str().trim_end_matches('/').to_owned(),
            region,
            method: spec.auth_method.clone(),
            config: values,
            catalogue: self.going_to(&base, spec, self.catalogue_for(&spec.auth_method, &reach)),
            reach: Arc::new(reach),
            shared: self.shared.clone(),
        })
    }

    fn check_method(&self, spec: &ServerSpec) -> Result<(), ProviderError> {
        let info = &self.shared.document.info;
        let Some(method) = info.auth_method(&spec.auth_method) else {
            if info.auth_methods.is_empty() {
                return Ok(());
            }
            let known: Vec<String> = info.auth_methods.iter().map(|method| format!("`{}`", method.id)).collect();
            return Err(config(format!(
                "there is no auth method `{}`: expected {}",
                spec.auth_method,
                known.join(" or ")
            )));
        };
        if method.sharing.contains(&spec.sharing) {
            return Ok(());
        }
        Err(config(format!("the auth method `{}` does not take credentials of this sharing", method.id)))
    }

    fn base(&self, spec: &ServerSpec) -> Result<(Url, Option<String>), ProviderError> {
        let document = &self.shared.document;
        let regions = &document.info.regions;
        let region = match &spec.region {
            None => regions.first(),
            Some(asked) if document.only_region.as_ref() == Some(asked) => None,
            Some(asked) => Some(regions.iter().find(|region| region.id == *asked).ok_or_else(|| {
                let known: Vec<String> = regions.iter().map(|region| format!("`{}`", region.id)).collect();
                config(format!("there is no region `{asked}`: expected {}", known.join(" or ")))
            })?),
        };
        let name = region.map(|region| region.id.clone()).or_else(|| spec.region.clone());
        if let Some(url) = &spec.base_url {
            check_base(url).map_err(|fault| config(format!("`base_url` {fault}")))?;
            return Ok((url.clone(), name));
        }
        let base = region.map(|region| &region.base_url).or(document.servers.base());
        let base = base.ok_or_else(|| config(document.servers.missing()))?;
        Ok((base.clone(), name))
    }

    fn config(&self, spec: &ServerSpec) -> Result<BTreeMap<String, http::HeaderValue>, ProviderError> {
        let rules = &self.shared.document.schemes.config;
        let mut values = BTreeMap::new();
        for (name, value) in &spec.config {
            let Some(rule) = rules.iter().find(|rule| rule.name == *name) else {
                let known: Vec<String> = rules.iter().map(|rule| format!("`{}`", rule.name)).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(config(format!("`{name}` is no configuration of this provider: expected {known}")));
            };
            if rule.format == Some(FieldFormat::Email) && !is_email(value) {
                return Err(config(format!("`{name}` is no e-mail address")));
            }
            // These are read as lists, by `Reach`.
            if matches!(rule.format, Some(FieldFormat::Ids | FieldFormat::Hosts)) {
                continue;
            }
            let checked = check_header_value(value);
            values.insert(name.clone(), checked.map_err(|fault| config(format!("`{name}` {fault}")))?);
        }
        let missing =
            |rule: &&ConfigRule| rule.required && rule.method == spec.auth_method && !values.contains_key(&rule.name);
        match rules.iter().find(missing) {
            Some(rule) => Err(config(format!("`{}` is missing in the server's configuration", rule.name))),
            None => Ok(values),
        }
    }

    /// The tools with where they go, where a document of others decides it: another destination is another tool. Where the operator's
    /// row names the base URL, to change it is an act.
    fn going_to(&self, base: &Url, spec: &ServerSpec, catalogue: Arc<Catalogue>) -> Arc<Catalogue> {
        if !self.shared.document.is_foreign || spec.base_url.is_some() {
            return catalogue;
        }
        let tools = catalogue.tools.iter().map(|tool| {
            let mut tool = ToolDefinition::clone(tool);
            match &mut tool.binding {
                Binding::Operation(operation) if operation.origin == OWN_ORIGIN => {
                    operation.destination = Some(base.to_string());
                }
                Binding::Recipe(recipe) => recipe.destination = Some(base.to_string()),
                _ => {}
            }
            Arc::new(tool)
        });
        Arc::new(Catalogue { version: catalogue.version, tools: tools.collect() })
    }

    /// The tools that an auth method can call and a server's configuration reaches; the provider's own catalogue when that
    /// is all of them.
    fn catalogue_for(&self, method: &AuthMethodId, reach: &Reach) -> Arc<Catalogue> {
        let document = &self.shared.document;
        let open = |name: &ToolName| {
            let row = document.row(name);
            row.is_some_and(|row| row.is_open_to(&document.schemes.list, method) && reach.offers(row))
        };
        let callable = |tool: &&Arc<ToolDefinition>| match &tool.binding {
            Binding::Recipe(recipe) => recipe.uses.iter().all(open),
            _ => open(&tool.name),
        };
        let all = &self.shared.catalogue;
        let tools: Vec<_> = all.tools.iter().filter(callable).cloned().collect();
        if tools.len() == all.tools.len() { all.clone() } else { Arc::new(Catalogue { version: all.version, tools }) }
    }
}

#[async_trait]
impl Provider for OpenApiProvider {
    fn info(&self) -> &ProviderInfo {
        &self.shared.document.info
    }

    fn open(&self, server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        Ok(Arc::new(self.open_server(&server.spec)?))
    }
}

impl fmt::Debug for OpenApiProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OpenApiProvider");
        shown.field("id", &self.shared.document.info.id).field("tools", &self.shared.catalogue.tools.len());
        shown.finish_non_exhaustive()
    }
}

/// Whether tools declare the form of their results, as far as the document states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResultForms {
    /// They do, and an answer of another form is told as a fault of the vendor.
    #[default]
    Declared,
    /// They do not, and answers are handed on as they come: for documents that do not say what their API answers.
    Undeclared,
}

/// Puts a provider together.
#[derive(Debug, Default)]
pub struct OpenApiProviderBuilder {
    document: Option<String>,
    foreign: Option<ForeignDocument>,
    recipes: Vec<Arc<dyn Recipe>>,
    transport: Option<Arc<dyn Transport>>,
    limits: Limits,
    clock: Option<Arc<dyn Clock>>,
    result_forms: ResultForms,
}

impl OpenApiProviderBuilder {
    /// The document, whole, in JSON or YAML. See [`merge_documents`](crate::merge_documents) for one in several files.
    #[must_use]
    pub fn document(mut self, text: impl Into<String>) -> Self {
        self.document = Some(text.into());
        self
    }

    /// The document is one that others write and change: see [`ForeignDocument`]. Without this it is one of one's own, and a single
    /// operation that cannot be honoured refuses it.
    #[must_use]
    pub fn foreign(mut self, how: ForeignDocument) -> Self {
        self.foreign = Some(how);
        self
    }

    /// A tool over several rows.
    #[must_use]
    pub fn recipe(mut self, recipe: impl Recipe) -> Self {
        self.recipes.push(Arc::new(recipe));
        self
    }

    /// Another way out of the process than [`ReqwestTransport`].
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Another clock than the system's, for checks such as "in the future".
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Whether tools declare the form of their results. It is part of what is reviewed: another choice changes the digests of the
    /// tools whose results the document describes.
    #[must_use]
    pub fn result_forms(mut self, forms: ResultForms) -> Self {
        self.result_forms = forms;
        self
    }

    /// Reads and checks everything. Opens no connection.
    ///
    /// # Errors
    ///
    /// When there is no document, it is wrong, or a recipe does not fit it.
    pub fn build(self) -> Result<OpenApiProvider, DocumentError> {
        let none = || DocumentError::one(DocumentErrorKind::Content, "document", "no document was given");
        let mut document = Document::read(&self.document.ok_or_else(none)?, self.foreign.as_ref())?;
        if self.result_forms == ResultForms::Undeclared {
            document.forget_result_forms();
        }
        let recipes = Recipes::new(&document, self.recipes)?;
        let twice = |name| {
            DocumentError::one(DocumentErrorKind::Content, "document", format!("two tools have the name `{name}`"))
        };
        let catalogue = Arc::new(document.catalogue(recipes.definitions()).map_err(twice)?);
        let transport = self.transport.unwrap_or_else(|| Arc::new(ReqwestTransport::new()));
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let (limits, limiter) = (self.limits, Limiter::default());
        let aside = Aside::new(limits.decoding_bytes);
        Ok(OpenApiProvider {
            shared: Arc::new(Shared {
                document: Arc::new(document),
                recipes: Arc::new(recipes),
                catalogue,
                transport,
                aside,
                limits,
                limiter,
                clock,
            }),
        })
    }
}

fn config(text: String) -> ProviderError {
    ProviderError::new(ProviderErrorKind::Config, text)
}

/// Something before and after one `@`, without spaces. Whether it exists, the vendor says.
fn is_email(text: &str) -> bool {
    let mut parts = text.split('@');
    let filled = |part: Option<&str>| part.is_some_and(|part| !part.is_empty() && !part.contains(char::is_whitespace));
    filled(parts.next()) && filled(parts.next()) && parts.next().is_none()
}
