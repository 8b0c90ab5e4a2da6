//! Security schemes, as the document states them.

use http::{HeaderName, header};
use mcp_govern_core::{AuthMethod, AuthMethodId, ConfigField, CredentialSharing, OAuthFlows, Pattern, SecretField};
use serde_json::{Map, Value};

use super::{
    Faulty,
    govern::{self, FieldFormatGovern, FieldGovern, SchemeGovern},
    names::to_snake,
    oauth,
    refs::{Checked, Components},
};
use crate::{
    header::header_name,
    plan::{ConfigRule, FieldFormat, Scheme, SchemeKind, Schemes},
};

impl Schemes {
    /// Reads `components.securitySchemes`; `preferred` lists names in the order in which methods are recommended. A scheme that cannot be
    /// honoured is an error, or kept aside.
    pub(crate) fn read(
        document: &Value,
        components: Components<'_>,
        preferred: &[String],
        faulty: Faulty,
    ) -> Checked<Self> {
        let mut schemes = Self::default();
        let Some(all) = document.pointer("/components/securitySchemes") else { return Ok(schemes) };
        let all = all.as_object().ok_or("`components.securitySchemes` is not an object")?;
        let mut names: Vec<&String> = all.keys().collect();
        names.sort_by_key(|name| preferred.iter().position(|other| other == *name).unwrap_or(usize::MAX));
        for name in names {
            let node = all.get(name).ok_or("a scheme is missing")?;
            let object = components.object(node)?;
            let place = |fault| format!("the security scheme `{name}`: {fault}");
            let stated: SchemeGovern = govern::read(&object).map_err(place)?;
            match (kind_of(&stated, &object), faulty) {
                (Ok((header, kind)), _) => {
                    let flows = oauth::flows(&object, &stated, &kind, faulty).map_err(place)?;
                    schemes.add(name, flows, &stated, header, kind).map_err(place)?;
                }
                (Err(fault), Faulty::Refused) => return Err(place(fault)),
                (Err(fault), Faulty::LeftOut) => {
                    schemes.unsupported.insert(name.clone(), fault);
                }
            }
        }
        Ok(schemes)
    }

    /// Adds what the document itself wants to be configured, whatever the auth method is.
    pub(crate) fn add_config(&mut self, stated: &[FieldGovern]) -> Checked<()> {
        for config in stated {
            if self.config.iter().any(|rule| rule.name == config.name) {
                return Err(format!("`config` names `{}` twice", config.name));
            }
            for method in &mut self.methods {
                method.config.push(config_field(config));
            }
            self.config.push(config_rule(None, config)?);
        }
        Ok(())
    }

    /// Why one of the schemes that an alternative names cannot be honoured.
    pub(crate) fn unsupported<'a>(&self, mut names: impl Iterator<Item = &'a String>) -> Option<String> {
        names.find_map(|name| Some(format!("the security scheme `{name}`: {}", self.unsupported.get(name)?)))
    }

    /// The index of a scheme by its name.
    pub(crate) fn index(&self, name: &str) -> Checked<usize> {
        self.list
            .iter()
            .position(|s| s.name == name)
            .ok_or_else(|| format!("`security` names `{name}`, which is not a scheme"))
    }

    fn add(
        &mut self,
        name: &str,
        flows: Option<OAuthFlows>,
        stated: &SchemeGovern,
        header: HeaderName,
        kind: SchemeKind,
    ) -> Checked<()> {
        let id = stated.method.clone().unwrap_or_else(|| to_snake(name));
        let method = AuthMethodId::new(id).map_err(|error| error.to_string())?;
        self.add_method(&method, stated, &kind, flows)?;
        self.list.push(Scheme { name: name.to_owned(), method, header, kind });
        Ok(())
    }

    fn add_method(
        &mut self,
        id: &AuthMethodId,
        stated: &SchemeGovern,
        kind: &SchemeKind,
        flows: Option<OAuthFlows>,
    ) -> Checked<()> {
        let at = self.methods.iter().position(|method| method.id == *id).unwrap_or_else(|| {
            let mut method = AuthMethod::new(id.clone(), id.as_str());
            method.sharing.clear();
            self.methods.push(method);
            self.methods.len() - 1
        });
        let method = self.methods.get_mut(at).ok_or("no auth method")?;
        if let Some(title) = &stated.title {
            method.title.clone_from(title);
        }
        for field in &stated.fields {
            add_field(&mut method.fields, field)?;
        }
        let own = match kind {
            SchemeKind::Token { field, .. } => vec![field],
            SchemeKind::Basic { user, password } => vec![user, password],
        };
        for name in own {
            if method.fields.iter().all(|field| field.name != *name) {
                let mut field = SecretField::new(name.clone(), name.replace('_', " "));
                field.required = stated.fallback.is_none();
                method.fields.push(field);
            }
        }
        let oauth = flows.is_some();
        let acts_as_itself = flows
            .as_ref()
            .is_some_and(|flows| flows.client_credentials.is_some() && flows.authorization_code.is_none());
        if oauth && method.fields.iter().all(|field| field.name != OAuthFlows::REFRESH_TOKEN) {
            method.fields.push(oauth::refresh_token());
        }
        method.oauth = method.oauth.take().or(flows);
        for sharing in &stated.sharing {
            if !method.sharing.contains(sharing) {
                method.sharing.push(*sharing);
            }
        }
        if method.sharing.is_empty() {
            // An application that acts as itself has no person behind it.
            let per_user = oauth && !acts_as_itself;
            method.sharing.push(if per_user { CredentialSharing::PerUser } else { CredentialSharing::Shared });
        }
        for config in &stated.config {
            if method.config.iter().any(|field| field.name == config.name) {
                return Err(format!("`config` names `{}` twice", config.name));
            }
            method.config.push(config_field(config));
            self.config.push(config_rule(Some(id), config)?);
        }
        Ok(())
    }
}

/// The header that a scheme fills, and with what.
fn kind_of(stated: &SchemeGovern, object: &Map<String, Value>) -> Checked<(HeaderName, SchemeKind)> {
    let token = |prefix: &str, field: &str| SchemeKind::Token {
        prefix: stated.prefix.clone().unwrap_or_else(|| prefix.to_owned()),
        field: stated
            .field
            .clone()
            .or_else(|| Some(stated.fields.first()?.name.clone()))
            .unwrap_or_else(|| field.to_owned()),
        fallback: stated.fallback.clone(),
    };
    let kind = match (text(object, "type"), text(object, "scheme").to_ascii_lowercase().as_str()) {
        ("apiKey", _) if text(object, "in") == "header" => {
            return Ok((header_name(text(object, "name"))?, token("", "api_key")));
        }
        ("apiKey", _) => {
            return Err(format!("`in: {}` is not supported: a key stands in a header only", text(object, "in")));
        }
        ("http", "bearer") => token("Bearer ", "token"),
        ("http", "basic") => SchemeKind::Basic { user: "username".to_owned(), password: "password".to_owned() },
        ("oauth2" | "openIdConnect", _) => token("Bearer ", "access_token"),
        (kind, scheme) => return Err(format!("`type: {kind}` with `scheme: {scheme}` is not supported")),
    };
    Ok((header::AUTHORIZATION, kind))
}

pub(super) fn text<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn add_field(fields: &mut Vec<SecretField>, stated: &FieldGovern) -> Checked<()> {
    let mut field = SecretField::new(stated.name.clone(), title_of(stated));
    field.help.clone_from(&stated.help);
    field.required = stated.required;
    match fields.iter_mut().find(|other| other.name == stated.name) {
        Some(other) if other.help.is_empty() => *other = field,
        Some(_) => return Err(format!("`fields` names `{}` twice", stated.name)),
        None => fields.push(field),
    }
    Ok(())
}

fn config_field(stated: &FieldGovern) -> ConfigField {
    let mut field = ConfigField::new(stated.name.clone(), title_of(stated));
    field.help.clone_from(&stated.help);
    field.required = stated.required;
    field
}

fn config_rule(method: Option<&AuthMethodId>, stated: &FieldGovern) -> Checked<ConfigRule> {
    let pattern = stated.pattern.as_ref().map(Pattern::new).transpose();
    Ok(ConfigRule {
        method: method.cloned(),
        name: stated.name.clone(),
        required: stated.required,
        format: stated.format.map(Into::into),
        pattern: pattern.map_err(|error| format!("`config: {}`: {error}", stated.name))?,
    })
}

fn title_of(stated: &FieldGovern) -> String {
    stated.title.clone().unwrap_or_else(|| stated.name.replace('_', " "))
}

impl From<FieldFormatGovern> for FieldFormat {
    fn from(stated: FieldFormatGovern) -> Self {
        match stated {
            FieldFormatGovern::Email => Self::Email,
            FieldFormatGovern::Ids => Self::Ids,
            FieldFormatGovern::Hosts => Self::Hosts,
            FieldFormatGovern::Scopes => Self::Scopes,
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{Credential, Secret};
    use serde_json::json;

    use super::*;

    fn read(schemes: Value) -> Checked<Schemes> {
        let document = json!({ "components": { "securitySchemes": schemes } });
        Schemes::read(&document, Components::new(&document), &["second".to_owned()], Faulty::Refused)
    }

    fn credential(fields: &[(&str, &str)]) -> Credential {
        let method = AuthMethodId::new("api_key").unwrap();
        fields.iter().fold(Credential::new(method), |c, (name, secret)| c.with_field(*name, Secret::new(*secret)))
    }

    fn header(scheme: &Scheme, fields: &[(&str, &str)]) -> Option<String> {
        scheme.value(&credential(fields)).map(|value| value.unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn two_schemes_of_one_method_use_their_own_fields_and_fall_back() {
        let schemes = read(json!({
            "config_key": {"type": "apiKey", "in": "header", "name": "Authorization", "x-govern": {
                "method": "api_key", "prefix": "GenieKey ", "field": "api_key",
                "fields": [{"name": "api_key"}, {"name": "integration_key", "required": false}]}},
            "alert_key": {"type": "apiKey", "in": "header", "name": "Authorization", "x-govern": {
                "method": "api_key", "prefix": "GenieKey ", "field": "integration_key", "fallback": "api_key"}}}))
        .unwrap();
        assert_eq!(schemes.methods.len(), 1);
        assert_eq!(schemes.methods[0].fields.len(), 2);
        let alert = &schemes.list[schemes.index("alert_key").unwrap()];
        assert_eq!(header(alert, &[("api_key", "k1")]).as_deref(), Some("GenieKey k1"));
        assert_eq!(header(alert, &[("api_key", "k1"), ("integration_key", "k2")]).as_deref(), Some("GenieKey k2"));
        assert_eq!(header(alert, &[]), None);
    }

    #[test]
    fn plain_http_schemes_need_no_extension() {
        let schemes = read(json!({
            "first": {"type": "http", "scheme": "bearer"}, "second": {"type": "http", "scheme": "Basic"},
            "third": {"type": "oauth2", "flows": {}}}))
        .unwrap();
        assert_eq!(schemes.methods[0].id.as_str(), "second", "the preferred one comes first");
        assert_eq!(header(&schemes.list[0], &[("username", "a"), ("password", "b")]).as_deref(), Some("Basic YTpi"));
        assert_eq!(header(&schemes.list[1], &[("token", "t")]).as_deref(), Some("Bearer t"));
        assert_eq!(schemes.methods[2].sharing, [CredentialSharing::PerUser]);
    }

    #[test]
    fn a_secret_that_no_header_can_carry_is_refused_without_showing_it() {
        let schemes = read(json!({"a": {"type": "http", "scheme": "bearer"}})).unwrap();
        let error = schemes.list[0].value(&credential(&[("token", "canary\r\nX: y")])).unwrap().unwrap_err();
        assert!(error.contains("`token`") && !error.contains("canary"), "{error}");
        let value = schemes.list[0].value(&credential(&[("token", "canary")])).unwrap().unwrap();
        assert!(value.is_sensitive() && !format!("{value:?}").contains("canary"));
    }

    #[test]
    fn keys_in_urls_and_cookies_and_unknown_schemes_are_refused_by_name() {
        for (scheme, part) in [
            (json!({"type": "apiKey", "in": "query", "name": "k"}), "in: query"),
            (json!({"type": "apiKey", "in": "cookie", "name": "k"}), "in: cookie"),
            (json!({"type": "http", "scheme": "digest"}), "digest"),
            (json!({"type": "mutualTLS"}), "mutualTLS"),
            (json!({"type": "http", "scheme": "bearer", "x-govern": {"prefx": "a"}}), "prefx"),
        ] {
            let error = read(json!({ "s": scheme })).unwrap_err();
            assert!(error.contains(part) && error.contains("`s`"), "{error}");
        }
    }
}
