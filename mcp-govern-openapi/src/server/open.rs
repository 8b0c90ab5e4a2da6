//! Making a server of an operator's row: the row is held to what the document knows, and the tools are those that it can call.

use std::{collections::BTreeMap, sync::Arc};

use http::HeaderValue;
use mcp_govern_core::{
    AuthMethodId, Binding, Catalogue, OAuthFlows, ProviderError, ProviderErrorKind, ServerSpec, ToolDefinition,
    ToolName,
};
use url::Url;

use super::{OpenApiServer, Shared, lookup::Found, reach::Reach};
use crate::{
    base_url::check_base,
    bind::segment,
    header::check_header_value,
    plan::{ConfigRule, FieldFormat, OWN_ORIGIN, Row},
};

impl OpenApiServer {
    /// A server of a row. Opens no connection.
    ///
    /// # Errors
    ///
    /// [`ProviderErrorKind::Config`] where the row does not fit; the message names the field and what is expected.
    pub(crate) fn open(shared: &Arc<Shared>, spec: &ServerSpec) -> Result<Self, ProviderError> {
        let info = &shared.document.info;
        if spec.provider != info.id {
            return Err(config(format!("the server is of the provider `{}`, this is `{}`", spec.provider, info.id)));
        }
        shared.check_method(spec)?;
        let (base, region) = shared.base(spec)?;
        let values = shared.config(spec)?;
        let reach = Reach::read(&shared.document.scopes, &spec.config).map_err(config)?;
        let segments = shared.segments(&values)?;
        let catalogue = shared.catalogue_for(&spec.auth_method, &reach);
        let catalogue = shared.going_to(&base, spec, &segments, catalogue);
        Ok(Self {
            base: base.as_str().trim_end_matches('/').to_owned(),
            region,
            method: spec.auth_method.clone(),
            config: values,
            segments,
            catalogue,
            reach: Arc::new(reach),
            asked: asked_by(shared, spec),
            looked_up: Found::default(),
            shared: Arc::clone(shared),
        })
    }
}

impl Shared {
    fn check_method(&self, spec: &ServerSpec) -> Result<(), ProviderError> {
        let info = &self.document.info;
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
        let document = &self.document;
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

    fn config(&self, spec: &ServerSpec) -> Result<BTreeMap<String, HeaderValue>, ProviderError> {
        let rules = &self.document.schemes.config;
        let mut values = BTreeMap::new();
        for (name, value) in &spec.config {
            let Some(rule) = rules.iter().find(|rule| rule.name == *name) else {
                let known: Vec<String> = rules.iter().map(|rule| format!("`{}`", rule.name)).collect();
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(config(format!("`{name}` is not a configuration of this provider: expected {known}")));
            };
            if rule.format == Some(FieldFormat::Email) && !is_email(value) {
                return Err(config(format!("`{name}` is not an e-mail address")));
            }
            if let Some(pattern) = rule.pattern.as_ref().filter(|pattern| !pattern.is_match(value)) {
                return Err(config(format!("`{name}` does not match `{}`", pattern.as_str())));
            }
            // These are read as lists, by `Reach` and as what the app asks for.
            if matches!(rule.format, Some(FieldFormat::Ids | FieldFormat::Hosts | FieldFormat::Scopes)) {
                continue;
            }
            let checked = check_header_value(value);
            values.insert(name.clone(), checked.map_err(|fault| config(format!("`{name}` {fault}")))?);
        }
        let missing = |rule: &&ConfigRule| rule.is_needed_by(&spec.auth_method) && !values.contains_key(&rule.name);
        match rules.iter().find(missing) {
            Some(rule) => Err(config(format!("`{}` is missing in the server's configuration", rule.name))),
            None => Ok(values),
        }
    }

    /// What the configuration fills into paths, as it stands there.
    fn segments(&self, values: &BTreeMap<String, HeaderValue>) -> Result<BTreeMap<String, String>, ProviderError> {
        let mut segments = BTreeMap::new();
        for used in self.document.rows.iter().flat_map(|row| row.path.config()) {
            let Some(value) = values.get(&used.key).and_then(|value| value.to_str().ok()) else { continue };
            if !segments.contains_key(&used.key) {
                let written = segment(value).map_err(|fault| config(format!("`{}` {fault}", used.key)))?;
                segments.insert(used.key.clone(), written);
            }
        }
        Ok(segments)
    }

    /// The tools with where they go, where a document of others or the configuration decides it: another destination is another tool.
    /// Where the operator's row names the base URL, a change of it is a commit of its own.
    fn going_to(
        &self,
        base: &Url,
        spec: &ServerSpec,
        segments: &BTreeMap<String, String>,
        catalogue: Arc<Catalogue>,
    ) -> Arc<Catalogue> {
        let by_document = self.document.is_foreign && spec.base_url.is_none();
        if !by_document && segments.is_empty() {
            return catalogue;
        }
        let below = |path: &str| format!("{}{path}", base.as_str().trim_end_matches('/'));
        let of_row = |row: &Row| match row.path.configured(segments) {
            Some(path) => Some(below(&path)),
            None => by_document.then(|| base.to_string()),
        };
        let of_name = |name: &ToolName| self.document.row(name).filter(|row| row.origin.is_none()).and_then(of_row);
        let tools = catalogue.tools.iter().map(|tool| {
            let mut tool = ToolDefinition::clone(tool);
            match &mut tool.binding {
                Binding::Operation(operation) if operation.origin == OWN_ORIGIN => {
                    operation.destination = of_name(&tool.name);
                }
                Binding::Recipe(recipe) => {
                    let by_row = recipe.uses.iter().filter_map(&of_name).max_by_key(String::len);
                    recipe.destination = by_row.or_else(|| by_document.then(|| base.to_string()));
                }
                _ => {}
            }
            Arc::new(tool)
        });
        Arc::new(Catalogue { version: catalogue.version, tools: tools.collect() })
    }

    /// The tools that an auth method can call and a server's configuration reaches; the provider's own catalogue when that
    /// is all of them.
    fn catalogue_for(&self, method: &AuthMethodId, reach: &Reach) -> Arc<Catalogue> {
        let document = &self.document;
        let open = |name: &ToolName| {
            let row = document.row(name);
            row.is_some_and(|row| row.is_open_to(&document.schemes.list, method) && reach.offers(row))
        };
        let callable = |tool: &&Arc<ToolDefinition>| match &tool.binding {
            Binding::Recipe(recipe) => recipe.uses.iter().all(open),
            _ => open(&tool.name),
        };
        let all = &self.catalogue;
        let tools: Vec<_> = all.tools.iter().filter(callable).cloned().collect();
        if tools.len() == all.tools.len() { all.clone() } else { Arc::new(Catalogue { version: all.version, tools }) }
    }
}

/// The scopes that a server's app asks for. Those of another auth method say nothing.
fn asked_by(shared: &Shared, spec: &ServerSpec) -> Option<Vec<String>> {
    let document = &shared.document;
    let scopes = document.asked_scopes.as_ref()?;
    let mut rules = document.schemes.config.iter().filter(|rule| rule.name == scopes.config);
    let is_own = rules.any(|rule| rule.method.as_ref().is_none_or(|method| *method == spec.auth_method));
    spec.config.get(&scopes.config).filter(|_| is_own).map(|text| OAuthFlows::scopes_of(text))
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
