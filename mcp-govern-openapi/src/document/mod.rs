//! The document: read, checked and compiled once; nothing of it is looked up by text afterwards.

mod body;
pub(crate) mod check;
mod class;
mod context;
mod edition;
mod ends_now;
mod fields;
mod foreign;
pub(crate) mod govern;
mod instead;
mod keys;
mod lint;
mod lookup;
mod names;
mod naming;
mod oauth;
mod operation;
mod output;
mod parameter;
mod policy;
mod probe;
mod recipes;
pub(crate) mod refs;
mod response;
mod rows;
mod schema;
mod scope;
mod security;
mod send;
mod servers;
mod variants;

use std::collections::{BTreeMap, HashMap, HashSet};

use mcp_govern_core::{
    AuthMethodId, CatalogueVersion, EditionId, Effect, ProviderId, ProviderInfo, SunsetNotice, ToolName,
};
use serde_json::{Map, Value};

pub use self::foreign::ForeignDocument;
pub(crate) use self::lint::lint;
pub use self::lint::{lint_directory, lint_documents};
use self::{
    context::Shared,
    govern::DocumentGovern,
    naming::Naming,
    refs::{Checked, Components},
};
use crate::{
    error::{DocumentError, DocumentErrorKind, Fault},
    merge::{
        defaults::{fill_all, fill_paths, settle},
        parse_yaml,
    },
    plan::{AskedScopes, ConfigRule, Document, EditionName, FieldFormat, Policy, Row, Schemes, Scopes, Servers},
};

/// What becomes of what cannot be honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faulty {
    /// The document is refused: it is one of our own, and its author corrects it.
    Refused,
    /// It is left out, and told.
    LeftOut,
}

impl Document {
    /// Reads a whole document in JSON or YAML: one of our own, or as `foreign` says.
    /// `first` is the document of the provider's first edition, where this is that of a further one.
    pub(crate) fn read(
        text: &str,
        foreign: Option<&ForeignDocument>,
        first: Option<&Self>,
    ) -> Result<Self, DocumentError> {
        let mut root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)
                .map_err(|error| DocumentError::one(DocumentErrorKind::Syntax, "document", error.to_string()))?
        } else {
            parse_yaml("document", text)?
        };
        if let Some(object) = root.as_object_mut() {
            let fault = |fault| DocumentError::new(DocumentErrorKind::Content, vec![fault]);
            fill_paths(object).and_then(|()| fill_all(object)).map_err(fault)?;
            settle(object);
        }
        Self::compile(&root, foreign, first)
    }

    /// Compiles a parsed document.
    fn compile(root: &Value, foreign: Option<&ForeignDocument>, first: Option<&Self>) -> Result<Self, DocumentError> {
        let mut faults = Faults::default();
        let result = Self::try_compile(root, foreign, first, &mut faults);
        match result {
            Ok(document) if faults.0.is_empty() => Ok(document),
            Ok(document) if foreign.is_some() => Ok(Self { left_out: faults.0, ..document }),
            Ok(_) => Err(DocumentError::new(DocumentErrorKind::Content, faults.0)),
            Err(fault) => {
                faults.0.insert(0, fault);
                Err(DocumentError::new(DocumentErrorKind::Content, faults.0))
            }
        }
    }

    fn try_compile(
        root: &Value,
        foreign: Option<&ForeignDocument>,
        first: Option<&Self>,
        faults: &mut Faults,
    ) -> Result<Self, Fault> {
        let at = |place: &'static str| move |message: String| Fault { place: place.to_owned(), message };
        let mode = if foreign.is_some() { Faulty::LeftOut } else { Faulty::Refused };
        let object = root.as_object().ok_or("is not an object".to_owned()).map_err(at("document"))?;
        check_version(object).map_err(at("openapi"))?;
        let govern: DocumentGovern = govern::read(object).map_err(at("document"))?;
        let version = version(&govern, first).map_err(at("x-govern"))?;
        let components = Components::new(root);
        let security = object.get("security");
        let mut schemes = Schemes::read(root, components, &preferred(security), mode).map_err(at("securitySchemes"))?;
        schemes.add_config(&govern.config).map_err(at("x-govern"))?;
        let scopes = Scopes::read(&govern, &schemes).map_err(at("x-govern"))?;
        let policy = Policy::new(&govern).map_err(at("x-govern"))?;
        let servers = Servers::read(object).map_err(at("servers"))?;
        let paths = object.get("paths").and_then(Value::as_object);
        let variants = paths.map(|paths| variants::read(paths, components, faults)).unwrap_or_default();
        let operations = rows::operations(object, &variants, foreign, faults).map_err(at("paths"))?;
        let naming = Naming::new(operations.iter().map(rows::Found::called), foreign, first);
        let shared = Shared {
            components,
            schemes: &schemes,
            policy: &policy,
            scopes: &scopes,
            pages: &govern.pages,
            security,
            servers: object.get("servers"),
            naming: &naming,
            first,
        };
        let rows = rows::compiled(&operations, shared, faults);
        let mut info = info(object, &govern, &schemes, &servers, first).map_err(at("info"))?;
        info.base_url = servers.base().filter(|_| foreign.is_some()).cloned();
        let asked = asked_scopes(&govern, &schemes).map_err(at("x-govern.asked_scopes"))?;
        if let Some(asked) = &asked {
            for method in &mut info.auth_methods {
                if let Some(flows) =
                    method.oauth.as_mut().filter(|_| method.config.iter().any(|one| one.name == asked.config))
                {
                    flows.scopes_config = Some(asked.config.clone());
                }
            }
        }
        let regions = &servers.regions;
        let mut document = Self {
            info,
            version,
            only_region: regions.first().filter(|_| regions.len() == 1).map(|region| region.id.clone()),
            servers,
            rows,
            index: HashMap::new(),
            ids: naming.ids(operations.iter().map(rows::Found::called)),
            edition: edition_name(&govern).map_err(at("x-govern.edition"))?,
            absent: BTreeMap::new(),
            schemes,
            policy,
            scopes,
            probes: Vec::new(),
            lookups: BTreeMap::new(),
            asked_scopes: asked,
            recipes: recipes::read(object, mode, faults),
            is_foreign: foreign.is_some(),
            left_out: Vec::new(),
        };
        document.index_rows();
        match mode {
            // Where operations are missing because of a fault of their own, what names them would only repeat it.
            Faulty::Refused if faults.0.is_empty() => {
                document.check_absent(first, &govern, mode, faults);
                document.check_scopes(faults);
                if faults.0.is_empty() {
                    document.lookups = lookup::read(&document, &naming, &govern.lookups).map_err(at("x-govern"))?;
                }
                faults.0.extend(document.faulty_rows().map(|(_, fault)| fault));
                if faults.0.is_empty() {
                    document.probes =
                        probe::read(&document, &naming, &govern.probe, mode, faults).map_err(at("probe"))?;
                }
            }
            Faulty::Refused => {}
            Faulty::LeftOut => {
                match lookup::read(&document, &naming, &govern.lookups) {
                    Ok(lookups) => document.lookups = lookups,
                    Err(fault) => faults.push("x-govern", fault),
                }
                document.leave_out_faulty_rows(faults);
                document.check_absent(first, &govern, mode, faults);
                document.check_scopes(faults);
                document.probes = probe::read(&document, &naming, &govern.probe, mode, faults).map_err(at("probe"))?;
            }
        }
        Ok(document)
    }

    fn check_absent(&mut self, first: Option<&Self>, govern: &DocumentGovern, mode: Faulty, faults: &mut Faults) {
        match first {
            Some(first) => self.absent = edition::absent(self, first, &govern.absent, mode, faults),
            None if govern.absent.is_empty() => {}
            None => faults.push("x-govern.absent", "is for further editions: this document is the first"),
        }
    }

    fn check_scopes(&self, faults: &mut Faults) {
        for scope in &self.scopes.rules {
            if !self.rows.iter().any(|row| row.takes(&scope.argument)) {
                let message = format!("`{}` is an argument of no operation", scope.argument);
                faults.push("x-govern.scopes", message);
            }
        }
    }

    /// What can only be said of all rows together.
    fn faulty_rows(&self) -> impl Iterator<Item = (ToolName, Fault)> {
        let fault = |row: &Row| {
            let message = self.check_row(row).err()?;
            Some((row.name.clone(), Fault { place: row.place.clone(), message }))
        };
        self.rows.iter().filter_map(fault)
    }

    /// A row may need another one that is left out, and so on.
    fn leave_out_faulty_rows(&mut self, faults: &mut Faults) {
        loop {
            let (names, found): (HashSet<ToolName>, Vec<Fault>) = self.faulty_rows().unzip();
            if names.is_empty() {
                return;
            }
            faults.0.extend(found);
            self.rows.retain(|row| !names.contains(&row.name));
            self.index_rows();
        }
    }

    fn check_row(&self, row: &Row) -> Checked<()> {
        for header in &row.config_headers {
            if !self.schemes.config.iter().any(|rule| rule.name == header.key) {
                return Err(format!("`x-config: {}` is not a configuration of a security scheme", header.key));
            }
            if let Some(method) = &header.when
                && self.info.auth_method(method).is_none()
            {
                return Err(format!("`x-when: {method}` is not an auth method"));
            }
        }
        for segment in row.path.config() {
            self.check_segment(row, &segment.key)?;
        }
        for argument in &row.keys.stand_for {
            if !self.rows.iter().any(|row| row.takes(argument)) {
                return Err(format!("`keys_of` names `{argument}`, which is an argument of no operation"));
            }
        }
        if let Some(read) = &row.keys.replaces {
            let asked =
                self.row(read).ok_or_else(|| format!("`replaces` names `{read}`, which is not an operation"))?;
            check_replaces(row, asked)?;
        }
        if let Some(name) = row.looked_up().iter().find(|name| !self.lookups.contains_key(*name)) {
            return Err(format!("`x-lookup: {name}` is not among the document's `lookups`"));
        }
        let Some(poll) = &row.poll else { return Ok(()) };
        let asked = self
            .row(&poll.row)
            .ok_or_else(|| format!("`async.poll` names `{}`, which is not an operation", poll.row))?;
        if asked.definition.effect != Effect::Read || asked.poll.is_some() {
            return Err(format!("`async.poll: {}` must be a plain read", poll.row));
        }
        match asked.required.as_slice() {
            [] if asked.definition.arguments().any(|name| name == poll.argument) => Ok(()),
            [only] if *only == poll.argument => Ok(()),
            _ => Err(format!("`async.poll: {}` must be askable with `{}` alone", poll.row, poll.argument)),
        }
    }
}

impl Document {
    /// A part of the path must be there for every auth method with which the row can be called.
    fn check_segment(&self, row: &Row, key: &str) -> Checked<()> {
        if !self.schemes.config.iter().any(|rule| rule.name == key) {
            return Err(format!("`x-config: {key}` is not a configuration of a security scheme or of the document"));
        }
        let callable = self.schemes.methods.iter().filter(|method| row.is_open_to(&self.schemes.list, &method.id));
        let needed = |method: &AuthMethodId| {
            self.schemes.config.iter().any(|rule| rule.name == key && rule.is_needed_by(method))
        };
        match callable.map(|method| &method.id).find(|method| !needed(method)) {
            Some(method) => {
                Err(format!("`x-config: {key}` stands in the path and is not required with the auth method `{method}`"))
            }
            None => Ok(()),
        }
    }
}

/// The read must tell what there is, with the arguments of the operation that replaces it.
fn check_replaces(row: &Row, asked: &Row) -> Checked<()> {
    let name = &asked.name;
    if asked.definition.effect != Effect::Read || asked.poll.is_some() {
        return Err(format!("`replaces: {name}` must be a plain read"));
    }
    if let Some(missing) = asked.required.iter().find(|argument| !row.takes(argument)) {
        return Err(format!("`replaces: {name}` needs `{missing}`, which is not an argument here"));
    }
    let tells = |argument: &String| asked.keep.iter().any(|keep| keep.argument == *argument);
    match row.keys.stand_for.iter().find(|argument| !tells(argument)) {
        Some(argument) => Err(format!("`replaces: {name}` has no `keep` that tells `{argument}`")),
        None => Ok(()),
    }
}

/// What cannot be honoured, so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    fn push(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.0.push(Fault { place: place.into(), message: message.into() });
    }
}

/// The version of the catalogue; where none is stated it is counted as the content changes.
fn version(govern: &DocumentGovern, first: Option<&Document>) -> Checked<CatalogueVersion> {
    match govern.catalogue {
        Some(0) => Err("`catalogue: 0`: a version is 1 or higher".to_owned()),
        Some(version) => Ok(CatalogueVersion(version)),
        None => Ok(first.map_or(CatalogueVersion::UNSTATED, |first| first.version)),
    }
}

/// Where servers say which scopes their app asks for: a configuration of that format.
fn asked_scopes(govern: &DocumentGovern, schemes: &Schemes) -> Checked<Option<AskedScopes>> {
    let Some(stated) = &govern.asked_scopes else { return Ok(None) };
    let is_meant = |rule: &&ConfigRule| rule.name == stated.config && rule.format == Some(FieldFormat::Scopes);
    if !schemes.config.iter().any(|rule| is_meant(&rule)) {
        return Err(format!("`config: {}` is not a configuration with `format: scopes`", stated.config));
    }
    Ok(Some(AskedScopes { config: stated.config.clone(), covers: stated.covers.clone() }))
}

fn edition_name(govern: &DocumentGovern) -> Checked<Option<EditionName>> {
    let Some(stated) = &govern.edition else { return Ok(None) };
    let id = EditionId::new(&stated.id).map_err(|error| error.to_string())?;
    Ok(Some(EditionName { id, title: stated.title.clone() }))
}

fn check_version(object: &Map<String, Value>) -> Checked<()> {
    match object.get("openapi").map(Value::as_str) {
        Some(Some(version)) if version == "3.1" || version.starts_with("3.1.") => Ok(()),
        Some(Some(version)) => Err(format!("`openapi: {version}` is not supported: expected 3.1")),
        Some(None) => Err("is not a text: write `openapi: \"3.1.0\"`".to_owned()),
        None => Err("is missing: this is not an OpenAPI document".to_owned()),
    }
}

/// The schemes in the order in which the document's own `security` names them.
fn preferred(security: Option<&Value>) -> Vec<String> {
    let alternatives = security.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    alternatives.flat_map(|alternative| alternative.keys().cloned()).collect()
}

fn info(
    object: &Map<String, Value>,
    govern: &DocumentGovern,
    schemes: &Schemes,
    servers: &Servers,
    first: Option<&Document>,
) -> Checked<ProviderInfo> {
    let title =
        object.get("info").and_then(|info| info.get("title")).and_then(Value::as_str).ok_or("has no `title`")?;
    let id = match (first, &govern.provider) {
        (Some(first), None) => first.info.id.to_string(),
        (_, Some(stated)) => stated.clone(),
        (None, None) => names::to_slug(title),
    };
    let id = ProviderId::new(id).map_err(|error| format!("{error}; state one as `x-govern.provider`"))?;
    if let Some(first) = first.filter(|first| first.info.id != id) {
        return Err(format!("is of the provider `{id}`, and the first edition of `{}`", first.info.id));
    }
    let mut info = ProviderInfo::new(id, title);
    let docs = object.get("externalDocs").and_then(|docs| docs.get("url")).and_then(Value::as_str);
    info.docs = docs.map(str::to_owned);
    info.auth_methods.clone_from(&schemes.methods);
    if servers.regions.len() > 1 {
        info.regions.clone_from(&servers.regions);
    }
    info.sunset = govern.sunset.as_ref().map(|sunset| SunsetNotice::new(&sunset.date, &sunset.notice));
    Ok(info)
}
