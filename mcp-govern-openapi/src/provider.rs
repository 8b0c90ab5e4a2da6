//! A provider made of an OpenAPI document.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mcp_govern_core::{
    AuthMethodId, Catalogue, Clock, Edition, EditionId, Provider, ProviderError, ProviderErrorKind, ProviderInfo,
    ServerConfig, ServerSpec, SystemClock, ToolDefinition, ToolName, ToolServer,
};

use crate::{
    document::{ForeignDocument, lint},
    error::{DocumentError, DocumentErrorKind, Fault},
    limits::Limits,
    plan::{Document, EditionName, RecipeSpec},
    send::Limiter,
    server::{
        OpenApiServer, Shared,
        aside::Aside,
        recipe::{Recipe, Recipes, Registered},
    },
    transport::{ReqwestTransport, Transport},
};

/// A kind of API that one OpenAPI document describes.
///
/// Clones share everything, rate limits and connections included.
#[derive(Clone)]
pub struct OpenApiProvider {
    /// The only edition, or the first.
    shared: Arc<Shared>,
    others: Vec<Arc<Shared>>,
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
        let limiter = Arc::new(Limiter::default());
        let again = |shared: &Arc<Shared>| {
            Arc::new(Shared {
                document: Arc::clone(&shared.document),
                recipes: Arc::clone(&shared.recipes),
                catalogue: Arc::clone(&shared.catalogue),
                transport: Arc::clone(&shared.transport),
                aside: Aside::new(shared.limits.decoding_bytes),
                limits: shared.limits.clone(),
                limiter: limiter.clone(),
                clock: Arc::clone(&shared.clock),
            })
        };
        Self { shared: again(&self.shared), others: self.others.iter().map(again).collect() }
    }

    /// For a provider with recipes, or with a transport or limits of one's own.
    pub fn builder() -> OpenApiProviderBuilder {
        OpenApiProviderBuilder::default()
    }

    /// All tools of the document and its recipes. A server offers those that its auth method can call. Of a provider with editions
    /// these are the tools of the first.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.shared.catalogue
    }

    /// All tools of an edition; of the first, where none is named. None where there is no such edition. Where the server's
    /// configuration fills in a part of the path, the tools of a server have other digests: where they go is a part of them.
    pub fn catalogue_of(&self, edition: Option<&EditionId>) -> Option<&Arc<Catalogue>> {
        self.shared_of(edition).map(|shared| &shared.catalogue)
    }

    /// What a careful author would still change in the document, as sentences that name the operation or the tool. Empty for a
    /// complete document.
    ///
    /// Named are: an effect that is missing; a change without `notifies` (people, or `nobody`); a destructive operation below
    /// `sensitive`; a risk without a reason; a text that names a tool which does not exist; two descriptions with the same first
    /// sentence; a property without description, and more of that kind. [`lint_directory`](crate::lint_directory) looks at the form
    /// of the files.
    pub fn lint(&self) -> Vec<String> {
        let remarks = |shared: &Arc<Shared>| {
            let silent: Vec<&ToolDefinition> = shared.recipes.without_notifies().collect();
            lint(&shared.document, &shared.catalogue, &silent)
        };
        [&self.shared].into_iter().chain(&self.others).flat_map(remarks).collect()
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
        let shared = self.shared_of(spec.edition.as_ref()).ok_or_else(|| {
            let known: Vec<String> = self.info().editions.iter().map(|edition| format!("`{}`", edition.id)).collect();
            let known = if known.is_empty() { "it has one form alone".to_owned() } else { known.join(" or ") };
            let asked = spec.edition.as_ref().map(ToString::to_string).unwrap_or_default();
            ProviderError::new(ProviderErrorKind::Config, format!("there is no edition `{asked}`: expected {known}"))
        })?;
        OpenApiServer::open(shared, spec)
    }

    /// What an edition is made of.
    fn shared_of(&self, edition: Option<&EditionId>) -> Option<&Arc<Shared>> {
        let is =
            |shared: &&Arc<Shared>, id: &EditionId| shared.document.edition.as_ref().is_some_and(|of| of.id == *id);
        match edition {
            None => Some(&self.shared),
            Some(id) => [&self.shared].into_iter().chain(self.others.iter()).find(|shared| is(shared, id)),
        }
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
        shown.field("editions", &(1 + self.others.len()));
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

/// The document of a further edition: the same tools at another API.
///
/// Operations are shared by `operationId`. The document says what differs: method and path, where arguments go and what the API calls
/// them, the body's form, security and answers. Texts, the names, descriptions and types of arguments, effect, risk, and who is told are
/// those of the operation of the same `operationId` in the provider's first document, as far as this one does not state them. An
/// operation that is only here is a tool of its own. What contradicts the first document is an error unless it is stated
/// (`x-govern.differs`), and an operation that is not here is listed with the reason (`x-govern.absent` of the document).
#[derive(Debug, Clone)]
pub struct EditionDocument {
    text: String,
    id: Option<String>,
    title: Option<String>,
    foreign: Option<ForeignDocument>,
}

impl EditionDocument {
    /// An edition as its document describes it, whole, in JSON or YAML; `x-govern.edition` names it.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), id: None, title: None, foreign: None }
    }

    /// With an id, for a document that states none.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// With a name for people.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// As one that others write and change: see [`OpenApiProviderBuilder::foreign`].
    #[must_use]
    pub fn foreign(mut self, how: ForeignDocument) -> Self {
        self.foreign = Some(how);
        self
    }
}

/// Puts a provider together.
#[derive(Debug, Default)]
pub struct OpenApiProviderBuilder {
    document: Option<String>,
    foreign: Option<ForeignDocument>,
    edition: Option<String>,
    editions: Vec<EditionDocument>,
    recipes: Vec<Registered>,
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

    /// The id of the first edition, for a document that states none (`x-govern.edition`).
    #[must_use]
    pub fn edition_id(mut self, id: impl Into<String>) -> Self {
        self.edition = Some(id.into());
        self
    }

    /// A further edition. Recipes are offered there, too, where all operations that they use are.
    #[must_use]
    pub fn edition(mut self, edition: EditionDocument) -> Self {
        self.editions.push(edition);
        self
    }

    /// What runs a tool over several rows, by the name under which the document's `x-govern-recipes` specifies it; that of the first
    /// edition, where there are several.
    #[must_use]
    pub fn recipe(mut self, name: impl Into<String>, recipe: impl Recipe) -> Self {
        self.recipes.push(Registered { name: name.into(), spec: None, recipe: Arc::new(recipe) });
        self
    }

    /// A tool over several rows whose specification does not stand in the document.
    #[must_use]
    pub fn recipe_as(mut self, spec: RecipeSpec, recipe: impl Recipe) -> Self {
        self.recipes.push(Registered { name: spec.name.clone(), spec: Some(spec), recipe: Arc::new(recipe) });
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
    /// When there is no document, it is wrong, or a recipe does not fit it: its specification is wrong, an entry of `x-govern-recipes`
    /// is run by nothing, or what is registered has no entry.
    pub fn build(self) -> Result<OpenApiProvider, DocumentError> {
        let none = || DocumentError::one(DocumentErrorKind::Content, "document", "no document was given");
        let mut document = Document::read(&self.document.ok_or_else(none)?, self.foreign.as_ref(), None)?;
        named(&mut document, self.edition.as_deref(), None, self.editions.is_empty())?;
        let mut others = Vec::with_capacity(self.editions.len());
        for edition in &self.editions {
            others.push(further(edition, &document)?);
        }
        let transport = self.transport.unwrap_or_else(|| Arc::new(ReqwestTransport::new()));
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let (limits, limiter) = (self.limits, Arc::new(Limiter::default()));
        let share = |mut document: Document, recipes: Vec<Registered>| {
            if self.result_forms == ResultForms::Undeclared {
                document.forget_result_forms();
            }
            let recipes = Recipes::new(&document, recipes)?;
            let twice = |name| {
                DocumentError::one(DocumentErrorKind::Content, "document", format!("two tools have the name `{name}`"))
            };
            let catalogue = Arc::new(document.catalogue(recipes.definitions()).map_err(twice)?);
            Ok::<_, DocumentError>(Shared {
                document: Arc::new(document),
                recipes: Arc::new(recipes),
                catalogue,
                transport: Arc::clone(&transport),
                aside: Aside::new(limits.decoding_bytes),
                limits: limits.clone(),
                limiter: Arc::clone(&limiter),
                clock: Arc::clone(&clock),
            })
        };
        let mut shared_others = Vec::with_capacity(others.len());
        let mut editions = Vec::new();
        for mut other in others {
            let mut there = Vec::with_capacity(self.recipes.len());
            for recipe in self.recipes.iter().filter_map(|recipe| recipe.specified_by(&document)) {
                match Recipes::missing(&other, &recipe) {
                    Some((name, reason)) => {
                        other.absent.entry(name).or_insert(reason);
                    }
                    None => there.push(recipe),
                }
            }
            editions.push(edition_of(&other));
            document.left_out.append(&mut told_with_edition(&mut other));
            shared_others.push(Arc::new(share(other, there)?));
        }
        if !editions.is_empty() {
            editions.insert(0, edition_of(&document));
            document.info.editions = editions.into_iter().flatten().collect();
        }
        Ok(OpenApiProvider { shared: Arc::new(share(document, self.recipes.clone())?), others: shared_others })
    }
}

/// Names the edition of a document, by what was said beside it or what it says itself.
fn named(document: &mut Document, id: Option<&str>, title: Option<&str>, is_only: bool) -> Result<(), DocumentError> {
    let fault = |message: String| DocumentError::one(DocumentErrorKind::Content, "x-govern.edition", message);
    if let Some(id) = id {
        let id = EditionId::new(id).map_err(|error| fault(error.to_string()))?;
        let title = document.edition.take().and_then(|stated| stated.title);
        document.edition = Some(EditionName { id, title });
    }
    if let (Some(title), Some(edition)) = (title, &mut document.edition) {
        edition.title = Some(title.to_owned());
    }
    if document.edition.is_none() && !is_only {
        return Err(fault("is missing: where there are several editions, each has an `id`".to_owned()));
    }
    Ok(())
}

/// Reads the document of a further edition.
fn further(edition: &EditionDocument, first: &Document) -> Result<Document, DocumentError> {
    let mut document = Document::read(&edition.text, edition.foreign.as_ref(), Some(first))?;
    named(&mut document, edition.id.as_deref(), edition.title.as_deref(), false)?;
    let id = |document: &Document| document.edition.as_ref().map(|edition| edition.id.clone());
    if id(&document) == id(first) {
        let name = id(first).map(|id| id.to_string()).unwrap_or_default();
        let message = format!("two editions have the id `{name}`");
        return Err(DocumentError::one(DocumentErrorKind::Content, "x-govern.edition", message));
    }
    Ok(document)
}

fn edition_of(document: &Document) -> Option<Edition> {
    let EditionName { id, title } = document.edition.clone()?;
    let info = &document.info;
    let mut edition = Edition::new(id, title.unwrap_or_else(|| info.title.clone()));
    edition.docs.clone_from(&info.docs);
    edition.auth_methods.clone_from(&info.auth_methods);
    edition.regions.clone_from(&info.regions);
    edition.base_url = info.base_url.clone().or_else(|| document.servers.base().cloned());
    edition.sunset.clone_from(&info.sunset);
    edition.absent.clone_from(&document.absent);
    Some(edition)
}

/// What was left out of an edition's document, with where it stands.
fn told_with_edition(document: &mut Document) -> Vec<Fault> {
    let edition = document.edition.as_ref().map(|edition| edition.id.to_string()).unwrap_or_default();
    let faults = std::mem::take(&mut document.left_out).into_iter();
    faults.map(|fault| Fault { place: format!("edition `{edition}`: {}", fault.place), ..fault }).collect()
}
