//! The document: read, checked and compiled once; nothing of it is looked up by text afterwards.

pub(crate) mod ends_now;
pub(crate) mod govern;
pub(crate) mod instead;
pub(crate) mod names;
pub(crate) mod policy;
pub(crate) mod refs;
pub(crate) mod scope;
pub(crate) mod security;
pub(crate) mod send;

mod body;
pub(crate) mod keys;
mod lint;
mod operation;
mod output;
mod parameter;
mod probe;
mod response;

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use mcp_govern_core::{Catalogue, CatalogueVersion, ProviderId, ProviderInfo, Region, SunsetNotice, ToolName};
use serde_json::{Map, Value};
use url::Url;

use self::{
    govern::{DocumentGovern, OperationGovern},
    operation::{Shared, Stands, compile},
    policy::Policy,
    refs::{Checked, Components},
    scope::Scopes,
    security::Schemes,
};
pub(crate) use self::{lint::lint, operation::OWN_ORIGIN, probe::ProbePlan};
use crate::{
    error::{DocumentError, DocumentErrorKind, Fault},
    merge::{FILE_KEY, parse_yaml},
    row::Row,
};

/// A compiled document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) info: ProviderInfo,
    pub(crate) version: CatalogueVersion,
    /// The base URL of the first server, if the document states one.
    pub(crate) base: Option<Url>,
    /// What a server row may call its only region.
    pub(crate) only_region: Option<String>,
    pub(crate) rows: Vec<Row>,
    index: HashMap<ToolName, usize>,
    pub(crate) schemes: Schemes,
    pub(crate) policy: Policy,
    pub(crate) scopes: Scopes,
    pub(crate) probes: Vec<ProbePlan>,
}

impl Document {
    /// Reads a whole document in JSON or YAML.
    pub(crate) fn read(text: &str) -> Result<Self, DocumentError> {
        let root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)
                .map_err(|error| DocumentError::one(DocumentErrorKind::Syntax, "document", error.to_string()))?
        } else {
            parse_yaml("document", text)?
        };
        Self::compile(&root)
    }

    /// Compiles a parsed document.
    pub(crate) fn compile(root: &Value) -> Result<Self, DocumentError> {
        let mut faults = Faults::default();
        let result = Self::try_compile(root, &mut faults);
        match result {
            Ok(document) if faults.0.is_empty() => Ok(document),
            Ok(_) => Err(DocumentError::new(DocumentErrorKind::Content, faults.0)),
            Err(fault) => {
                faults.0.insert(0, fault);
                Err(DocumentError::new(DocumentErrorKind::Content, faults.0))
            }
        }
    }

    /// The row of that name.
    pub(crate) fn row(&self, name: &ToolName) -> Option<&Row> {
        self.rows.get(*self.index.get(name)?)
    }

    /// Takes the declared forms of results out of all definitions.
    pub(crate) fn forget_result_forms(&mut self) {
        for row in &mut self.rows {
            Arc::make_mut(&mut row.definition).output_schema = None;
        }
    }

    fn try_compile(root: &Value, faults: &mut Faults) -> Result<Self, Fault> {
        let at = |place: &'static str| move |message: String| Fault { place: place.to_owned(), message };
        let object = root.as_object().ok_or("is no object".to_owned()).map_err(at("document"))?;
        check_version(object).map_err(at("openapi"))?;
        let govern: DocumentGovern = govern::read(object).map_err(at("document"))?;
        let components = Components::new(root);
        let security = object.get("security");
        let schemes = Schemes::read(root, components, &preferred(security)).map_err(at("securitySchemes"))?;
        let scopes = Scopes::read(&govern, &schemes).map_err(at("x-govern"))?;
        let policy = Policy::new(&govern).map_err(at("x-govern"))?;
        let servers = servers(object).map_err(at("servers"))?;
        let shared =
            Shared { components, schemes: &schemes, policy: &policy, scopes: &scopes, pages: &govern.pages, security };
        let rows = rows(object, shared, faults).map_err(at("paths"))?;
        let index = rows.iter().enumerate().map(|(at, row)| (row.name.clone(), at)).collect();
        let info = info(object, &govern, &schemes, &servers).map_err(at("info"))?;
        let mut document = Self {
            info,
            version: CatalogueVersion(govern.catalogue.unwrap_or(1)),
            base: servers.first().map(|region| region.base_url.clone()),
            only_region: servers.first().filter(|_| servers.len() == 1).map(|region| region.id.clone()),
            rows,
            index,
            schemes,
            policy,
            scopes,
            probes: Vec::new(),
        };
        document.check_rows(faults);
        // Where operations are missing because of a fault of their own, what names them would only repeat it.
        if faults.0.is_empty() {
            document.probes = probe::read(&document, &govern.probe).map_err(at("probe"))?;
        }
        Ok(document)
    }

    /// What can only be said of all rows together.
    fn check_rows(&self, faults: &mut Faults) {
        if !faults.0.is_empty() {
            return;
        }
        for scope in &self.scopes.rules {
            if !self.rows.iter().any(|row| row.takes(&scope.argument)) {
                let message = format!("`{}` is an argument of no operation", scope.argument);
                faults.0.push(Fault { place: "x-govern.scopes".to_owned(), message });
            }
        }
        for row in &self.rows {
            if let Err(message) = self.check_row(row) {
                faults.0.push(Fault { place: row.place.clone(), message });
            }
        }
    }

    fn check_row(&self, row: &Row) -> Checked<()> {
        for header in &row.config_headers {
            if !self.schemes.config.iter().any(|rule| rule.name == header.key) {
                return Err(format!("`x-config: {}` is no configuration of a security scheme", header.key));
            }
            if let Some(method) = &header.when
                && self.info.auth_method(method).is_none()
            {
                return Err(format!("`x-when: {method}` is no auth method"));
            }
        }
        for argument in &row.keys.stand_for {
            if !self.rows.iter().any(|row| row.takes(argument)) {
                return Err(format!("`keys_of` names `{argument}`, which is an argument of no operation"));
            }
        }
        if let Some(read) = &row.keys.replaces {
            let asked = self.row(read).ok_or_else(|| format!("`replaces` names `{read}`, which is no operation"))?;
            check_replaces(row, asked)?;
        }
        let Some(poll) = &row.poll else { return Ok(()) };
        let asked =
            self.row(&poll.row).ok_or_else(|| format!("`async.poll` names `{}`, which is no operation", poll.row))?;
        if asked.definition.effect != mcp_govern_core::Effect::Read || asked.poll.is_some() {
            return Err(format!("`async.poll: {}` must be a plain read", poll.row));
        }
        match asked.required.as_slice() {
            [] if asked.definition.arguments().any(|name| name == poll.argument) => Ok(()),
            [only] if *only == poll.argument => Ok(()),
            _ => Err(format!("`async.poll: {}` must be askable with `{}` alone", poll.row, poll.argument)),
        }
    }
}

/// The read must tell what there is, with the arguments of the operation that replaces it.
fn check_replaces(row: &Row, asked: &Row) -> Checked<()> {
    let name = &asked.name;
    if asked.definition.effect != mcp_govern_core::Effect::Read || asked.poll.is_some() {
        return Err(format!("`replaces: {name}` must be a plain read"));
    }
    if let Some(missing) = asked.required.iter().find(|argument| !row.takes(argument)) {
        return Err(format!("`replaces: {name}` needs `{missing}`, which is no argument here"));
    }
    let tells = |argument: &String| asked.keep.iter().any(|keep| keep.argument == *argument);
    match row.keys.stand_for.iter().find(|argument| !tells(argument)) {
        Some(argument) => Err(format!("`replaces: {name}` has no `keep` that tells `{argument}`")),
        None => Ok(()),
    }
}

#[derive(Debug, Default)]
struct Faults(Vec<Fault>);

fn check_version(object: &Map<String, Value>) -> Checked<()> {
    match object.get("openapi").map(Value::as_str) {
        Some(Some(version)) if version == "3.1" || version.starts_with("3.1.") => Ok(()),
        Some(Some(version)) => Err(format!("`openapi: {version}` is not supported: expected 3.1")),
        Some(None) => Err("is no text: write `openapi: \"3.1.0\"`".to_owned()),
        None => Err("is missing: this is no OpenAPI document".to_owned()),
    }
}

/// The schemes in the order in which the document's own `security` names them.
fn preferred(security: Option<&Value>) -> Vec<String> {
    let alternatives = security.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    alternatives.flat_map(|alternative| alternative.keys().cloned()).collect()
}

fn servers(object: &Map<String, Value>) -> Checked<Vec<Region>> {
    let Some(list) = object.get("servers") else { return Ok(Vec::new()) };
    let mut regions: Vec<Region> = Vec::new();
    for server in list.as_array().ok_or("is no list")? {
        let text = |key: &str| server.get(key).and_then(Value::as_str);
        let url = text("url").ok_or("has an entry without `url`")?;
        if server.get("variables").is_some() || url.contains('{') {
            return Err(format!("`{url}`: variables in server URLs are not supported"));
        }
        let base = Url::parse(url).map_err(|error| format!("`{url}`: {error}; expected an absolute URL"))?;
        crate::server::check_base(&base).map_err(|fault| format!("`{url}` {fault}"))?;
        let id = text("x-region").map_or_else(|| default_region(regions.len()), str::to_owned);
        if regions.iter().any(|region| region.id == id) {
            return Err(format!("two servers have the `x-region` `{id}`"));
        }
        regions.push(Region::new(id.clone(), base, text("description").unwrap_or(&id)));
    }
    Ok(regions)
}

fn default_region(index: usize) -> String {
    if index == 0 { "default".to_owned() } else { format!("server-{}", index + 1) }
}

fn info(
    object: &Map<String, Value>,
    govern: &DocumentGovern,
    schemes: &Schemes,
    servers: &[Region],
) -> Checked<ProviderInfo> {
    let title =
        object.get("info").and_then(|info| info.get("title")).and_then(Value::as_str).ok_or("has no `title`")?;
    let id = govern.provider.clone().unwrap_or_else(|| names::to_slug(title));
    let id = ProviderId::new(id).map_err(|error| format!("{error}; state one as `x-govern.provider`"))?;
    let mut info = ProviderInfo::new(id, title);
    let docs = object.get("externalDocs").and_then(|docs| docs.get("url")).and_then(Value::as_str);
    info.docs = docs.map(str::to_owned);
    info.auth_methods.clone_from(&schemes.methods);
    if servers.len() > 1 {
        info.regions = servers.to_vec();
    }
    info.sunset = govern.sunset.as_ref().map(|sunset| SunsetNotice::new(&sunset.date, &sunset.notice));
    Ok(info)
}

fn rows(object: &Map<String, Value>, shared: Shared<'_>, faults: &mut Faults) -> Checked<Vec<Row>> {
    let paths = object.get("paths").ok_or("is missing")?.as_object().ok_or("is no object")?;
    let mut rows: Vec<Row> = Vec::new();
    let mut places: HashMap<ToolName, String> = HashMap::new();
    for (path, item) in paths {
        let Some(item) = item.as_object() else {
            faults.0.push(Fault { place: path.clone(), message: "is no object".to_owned() });
            continue;
        };
        for (key, node) in item {
            if matches!(key.as_str(), "parameters" | "summary" | "description") || key.starts_with("x-") {
                continue;
            }
            let place = place_of(key, path, node);
            let mut fail = |message| faults.0.push(Fault { place: place.clone(), message });
            let Some(node) = node.as_object() else {
                fail("is not supported here".to_owned());
                continue;
            };
            let at = Stands { method: key, path, of_path: item.get("parameters"), node, place: &place };
            match one_row(shared, at) {
                Err(message) => fail(message),
                Ok(None) => {}
                Ok(Some(row)) => {
                    if let Some(other) = places.get(&row.name) {
                        fail(format!("the name `{}` is taken by {other}", row.name));
                        continue;
                    }
                    places.insert(row.name.clone(), place);
                    rows.push(row);
                }
            }
        }
    }
    Ok(rows)
}

fn one_row<'a>(shared: Shared<'a>, at: Stands<'a>) -> Checked<Option<Row>> {
    let govern: OperationGovern = govern::read(at.node)?;
    if govern.ignore { Ok(None) } else { compile(shared, at, &govern).map(Some) }
}

/// `GET /pages (list_pages) in pages.yaml`.
fn place_of(method: &str, path: &str, node: &Value) -> String {
    let text = |key: &str| node.get(key).and_then(Value::as_str);
    let mut place = format!("{} {path}", method.to_uppercase());
    if let Some(id) = text("operationId") {
        let _ = write!(place, " ({id})");
    }
    if let Some(file) = text(FILE_KEY) {
        let _ = write!(place, " in {file}");
    }
    place
}

impl Document {
    /// The tools of the rows, without helpers, and of whatever else the provider adds.
    pub(crate) fn catalogue(
        &self,
        more: impl IntoIterator<Item = Arc<mcp_govern_core::ToolDefinition>>,
    ) -> Result<Catalogue, ToolName> {
        let own = self.rows.iter().filter(|row| !row.hidden).map(|row| row.definition.clone());
        Catalogue::new(self.version, own.chain(more).collect())
    }
}
