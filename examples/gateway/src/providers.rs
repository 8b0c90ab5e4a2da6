//! The kinds of API that the gateway knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Display, Write as _},
    sync::Arc,
};

use example_vendors::{OwnApi, Vendor, nearest};
use mcp_govern_core::{
    Provider, ProviderError, ProviderErrorKind, ProviderId, ProviderInfo, ServerConfig, ServerId, TenantId, ToolServer,
    blueprint::ServerBlueprint,
};
use mcp_govern_openapi::{OpenApiProvider, ReqwestTransport, Transport};

use crate::{config::Config, failure::Failure};

/// The kinds of API that the gateway knows: the three vendors, and what the file's own documents give.
#[derive(Debug, Default)]
pub(crate) struct Providers {
    pub(crate) all: Vec<Arc<dyn Provider>>,
    /// The file's own, each with the name of its document.
    pub(crate) own: Vec<(String, OpenApiProvider)>,
    /// What of the file's own cannot be used, one sentence each. Everything else is served.
    pub(crate) faults: Vec<String>,
    /// The servers of the file that do not fit their providers, as far as [`Providers::check`] has looked.
    pub(crate) misfits: BTreeSet<ServerId>,
}

impl Providers {
    /// Reads the documents that a file names. One that cannot be used is a fault of its own, and no other's.
    pub(crate) fn read(config: &Config) -> Result<Self, Failure> {
        // One transport, so that connections are shared.
        let transport: Arc<dyn Transport> = Arc::new(transport(config));
        let mut providers = Self::default();
        for vendor in Vendor::ALL {
            let provider = vendor.builder().transport(Arc::clone(&transport)).build();
            providers.all.push(Arc::new(provider.map_err(|error| Failure::Other(format!("{vendor}: {error}")))?));
        }
        for api in &config.document.apis {
            let place = api.document.display().to_string();
            match read(config, api, &transport, &providers) {
                Ok(provider) => {
                    providers.all.push(Arc::new(provider.clone()));
                    providers.own.push((place, provider));
                }
                Err(fault) => providers.faults.push(format!("apis: `{place}`: {fault}")),
            }
        }
        Ok(providers)
    }

    /// As [`Providers::read`], where every server of the file fits its provider. A server that does not fit a document which others
    /// write is a fault, as a document is that cannot be used; the others are served.
    ///
    /// # Errors
    ///
    /// What of the file itself is wrong, one line each.
    pub(crate) fn checked(config: &Config) -> Result<Self, Failure> {
        let mut providers = Self::read(config)?;
        let place = config.name();
        let refused = providers.check(config)?;
        let refused: Vec<String> = refused.iter().map(|fault| format!("{place}: {fault}")).collect();
        if refused.is_empty() { Ok(providers) } else { Err(Failure::config(refused.join("\n"))) }
    }

    /// What of the servers does not fit their providers, one sentence each: better told now than at the first call.
    pub(crate) fn check(&mut self, config: &Config) -> Result<Vec<String>, Failure> {
        let tenant = config.tenant()?;
        let known: BTreeMap<ProviderId, Arc<dyn Provider>> =
            self.all.iter().map(|one| (one.info().id.clone(), Arc::clone(one))).collect();
        let foreign: BTreeSet<ProviderId> = self.own.iter().map(|(_, own)| own.info().id.clone()).collect();
        let unread = self.faults.join("; ");
        let (mut refused, mut unserved) = (Vec::new(), BTreeSet::new());
        for (server, row) in &config.blueprint.servers {
            let place = format!("servers.{server}");
            match known.get(&row.provider) {
                Some(provider) => {
                    let faults = misfits(&place, &tenant, server, row, &**provider);
                    if !faults.is_empty() {
                        self.misfits.insert(server.clone());
                    }
                    if foreign.contains(&row.provider) { &mut self.faults } else { &mut refused }.extend(faults);
                }
                // It may be the one whose document cannot be used.
                None if !unread.is_empty() => {
                    self.faults.push(format!("{place}: is not served: there is no provider `{}`", row.provider));
                    self.misfits.insert(server.clone());
                    unserved.insert(row.provider.clone());
                }
                None => {
                    let ids: Vec<String> = known.keys().map(|id| format!("`{id}`")).collect();
                    let provider = &row.provider;
                    self.misfits.insert(server.clone());
                    refused.push(format!("{place}: there is no provider `{provider}`; known are {}", ids.join(", ")));
                }
            }
        }
        for id in unserved {
            self.all.push(Arc::new(Unusable { info: ProviderInfo::new(id.clone(), id.as_str()), why: unread.clone() }));
        }
        Ok(refused)
    }

    /// Tells in the log what cannot be used, and what is left out of the documents.
    pub(crate) fn log(&self) {
        for fault in &self.faults {
            tracing::error!("{fault}");
        }
        for (document, provider) in &self.own {
            let left_out = provider.left_out();
            if left_out.is_empty() {
                continue;
            }
            let (left_out_of, tools) = (left_out.len(), provider.catalogue().tools.len());
            tracing::warn!(
                document,
                left_out = left_out_of,
                tools,
                "operations of a document are left out: `gateway check` says why"
            );
            for fault in left_out {
                tracing::info!(document, "left out: {fault}");
            }
        }
    }

    /// What is worth knowing of the documents, one sentence each: what is left out, and what nothing states.
    pub(crate) fn remarks(&self) -> Remarks {
        let mut remarks = Remarks::default();
        for (document, provider) in &self.own {
            let left_out = provider.left_out();
            if !left_out.is_empty() {
                let told = left_out.iter().map(|fault| format!("apis: `{document}`: left out: {fault}"));
                remarks.left_out.extend(told);
                remarks.notes.push(format!(
                    "apis: `{document}`: {} left out; to leave them out on purpose, name them under `ignore` in this file \
                     (`{{ document = \"{document}\", ignore = […] }}`), or write `x-govern: {{ignore: true}}` into the document",
                    things(left_out.len(), "operation is", "operations are")
                ));
            }
            let unstated = provider.unstated_effects().count();
            if unstated > 0 {
                remarks.notes.push(format!(
                    "apis: `{document}`: {}, because nothing states an effect (`x-govern: {{effect: read}}`, `write` or \
                     `destructive`): `approve` chooses such tools by name or as `dangerous`",
                    things(unstated, "tool is dangerous", "tools are dangerous")
                ));
            }
            let listed: Vec<String> = provider
                .catalogue()
                .tools
                .iter()
                .filter_map(|tool| Some(format!("`{}` (`{}`)", tool.name, types_listed(&tool.input_schema, "")?)))
                .collect();
            if !listed.is_empty() {
                remarks.notes.push(format!(
                    "apis: `{document}`: {} an argument with a list of types (`type: [string, integer]`), which some models' interfaces \
                     refuse: {}",
                    things(listed.len(), "tool has", "tools have"),
                    some(&listed)
                ));
            }
        }
        remarks
    }
}

/// What is worth knowing of documents.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    /// What is left out, and why.
    pub(crate) left_out: Vec<String>,
    pub(crate) notes: Vec<String>,
}

fn read(
    config: &Config,
    api: &OwnApi,
    transport: &Arc<dyn Transport>,
    before: &Providers,
) -> Result<OpenApiProvider, String> {
    let builder = api.builder(config.base()).map_err(|error| error.to_string())?;
    let provider = builder.transport(Arc::clone(transport)).build().map_err(|error| error.to_string())?;
    let id = &provider.info().id;
    if before.all.iter().any(|other| other.info().id == *id) {
        return Err(format!("there is a provider `{id}` already: state another id as `x-govern: {{provider: …}}`"));
    }
    Ok(provider)
}

/// Stands for an API whose document cannot be used, so that a server of it says why.
#[derive(Debug)]
struct Unusable {
    info: ProviderInfo,
    why: String,
}

impl Provider for Unusable {
    fn info(&self) -> &ProviderInfo {
        &self.info
    }

    fn open(&self, _server: &ServerConfig) -> Result<Arc<dyn ToolServer>, ProviderError> {
        Err(ProviderError::new(ProviderErrorKind::Config, format!("its document cannot be used: {}", self.why)))
    }
}

/// The place of the first list of types in a schema, `null` beside one type included.
pub(crate) fn types_listed(schema: &serde_json::Value, at: &str) -> Option<String> {
    let object = schema.as_object()?;
    if object.get("type").is_some_and(serde_json::Value::is_array) {
        return Some(at.to_owned());
    }
    object.iter().find_map(|(key, value)| match (key.as_str(), value) {
        ("properties", serde_json::Value::Object(members)) => {
            let below = |name: &String| if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            members.iter().find_map(|(name, member)| types_listed(member, &below(name)))
        }
        ("items" | "additionalProperties", member) => types_listed(member, &format!("{at}[]")),
        ("anyOf" | "oneOf" | "allOf", serde_json::Value::Array(branches)) => {
            branches.iter().find_map(|branch| types_listed(branch, at))
        }
        _ => None,
    })
}

/// How many of many are named.
const NAMED: usize = 5;

/// The first of them, and how many more there are.
pub(crate) fn some<T: Display>(all: &[T]) -> String {
    let mut text = all.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED {
        let _ = write!(text, " and {} more", all.len() - NAMED);
    }
    text
}

fn things(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How requests leave this machine: to vendors, to the issuer of tokens, to sign-ins.
pub(crate) fn transport(config: &Config) -> ReqwestTransport {
    let transport = ReqwestTransport::new();
    if config.document.outbound.system_proxy { transport.with_system_proxy() } else { transport }
}

fn misfits(
    place: &str,
    tenant: &TenantId,
    server: &ServerId,
    row: &ServerBlueprint,
    provider: &dyn Provider,
) -> Vec<String> {
    let mut faults = misfits_of(place, row, provider);
    if faults.is_empty() {
        // What the provider itself has to say of the row: that `base_url` is needed, for example.
        let opened = provider.open(&ServerConfig::new(tenant.clone(), server.clone(), row.spec()));
        faults.extend(opened.err().map(|error| format!("{place}: {}", error.message())));
    }
    faults
}

fn misfits_of(place: &str, row: &ServerBlueprint, provider: &dyn Provider) -> Vec<String> {
    let info = provider.info();
    let mut faults = Vec::new();
    let Some(info) = info.of_edition(row.edition.as_ref()) else {
        let known: Vec<String> = info.editions.iter().map(|edition| format!("`{}`", edition.id)).collect();
        let known = if known.is_empty() { "it has one form alone".to_owned() } else { known.join(", ") };
        let edition = row.edition.as_ref().map(ToString::to_string).unwrap_or_default();
        faults.push(format!("{place}.edition: `{edition}` is not known; known are: {known}"));
        return faults;
    };
    if let Some(region) = row.region.as_ref().filter(|region| !info.regions.iter().any(|known| known.id == **region)) {
        let known: Vec<String> = info.regions.iter().map(|region| format!("`{}`", region.id)).collect();
        faults.push(format!("{place}.region: `{region}` is not known; known are: {}", known.join(", ")));
    }
    if info.auth_methods.is_empty() {
        // An API without keys: there is nothing to fit.
        return faults;
    }
    let Some(method) = info.auth_method(&row.auth_method) else {
        let known: Vec<String> = info.auth_methods.iter().map(|method| format!("`{}`", method.id)).collect();
        faults.push(format!(
            "{place}.auth_method: `{}` is not known; known are: {}",
            row.auth_method,
            known.join(", ")
        ));
        return faults;
    };
    for field in method.config.iter().filter(|field| field.required && !row.config.contains_key(&field.name)) {
        faults.push(format!("{place}.config: `{}` is missing ({})", field.name, field.title));
    }
    for name in row.config.keys() {
        let is_secret = method.fields.iter().any(|field| field.name == *name);
        let mut known = method.config.iter().map(|field| field.name.as_str());
        if !is_secret && !known.any(|known| known == name) {
            // A document can have further keys, with which it limits a server: only a slip is told.
            if let Some(near) = nearest(name, method.config.iter().map(|field| field.name.as_str())) {
                faults.push(format!("{place}.config: `{name}` is not known here; did you mean `{near}`?"));
            }
        }
    }
    for name in row.config.keys().filter(|name| method.fields.iter().any(|field| field.name == **name)) {
        faults.push(format!(
            "{place}.config.{name}: this is a secret and must not be in the file: refer to it under `[credentials]`"
        ));
    }
    if !method.sharing.contains(&row.sharing) {
        faults.push(format!("{place}.sharing: `{}` does not go with the auth method `{}`", sharing(row), method.id));
    }
    faults
}

fn sharing(row: &ServerBlueprint) -> &'static str {
    match row.sharing {
        mcp_govern_core::CredentialSharing::Shared => "shared",
        mcp_govern_core::CredentialSharing::PerUser => "per_user",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn faults_of(server: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, format!("[servers.s]\ntitle = 'S'\nprefix = 's'\n{server}")).unwrap();
        let config = Config::load(Path::new(&file)).unwrap();
        Providers::read(&config).unwrap().check(&config).unwrap()
    }

    const API: &str = r#"{"openapi": "3.1.0", "info": {"title": "T API", "version": "1"},
        "servers": [{"url": "https://api.example.com"}], "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/a": {"get": {"operationId": "get_a"}, "options": {"operationId": "options_a"}}}}"#;

    fn with_apis(apis: &[(&str, &str)], server: &str) -> Providers {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in apis {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let names: Vec<&str> = apis.iter().map(|(name, _)| *name).collect();
        let file = folder.path().join("gateway.toml");
        let text = format!("apis = {names:?}\n[servers.s]\ntitle = 'S'\nprefix = 's'\nprovider = 't-api'\n{server}");
        std::fs::write(&file, text).unwrap();
        Providers::checked(&Config::load(&file).unwrap()).unwrap()
    }

    #[test]
    fn a_document_that_cannot_be_used_keeps_no_other_from_being_served() {
        let providers = with_apis(&[("bad.json", "{"), ("good.json", API)], "auth_method = 'token'");
        assert_eq!(providers.own.len(), 1);
        assert!(
            providers.faults.len() == 1 && providers.faults[0].starts_with("apis: `bad.json`: "),
            "{:?}",
            providers.faults
        );
        // The server of the other document is there, and says why it is not served.
        let providers = with_apis(&[("bad.json", "{")], "auth_method = 'token'");
        assert!(
            providers.faults.iter().any(|fault| fault.starts_with("servers.s: is not served")),
            "{:?}",
            providers.faults
        );
        let stands = providers.all.iter().find(|one| one.info().id.as_str() == "t-api").unwrap();
        let row = mcp_govern_core::ServerSpec::new(
            stands.info().id.clone(),
            "S",
            "s".parse().unwrap(),
            mcp_govern_core::AuthMethodId::new("token").unwrap(),
        );
        let config = ServerConfig::new(TenantId::new("t").unwrap(), ServerId::new("s").unwrap(), row);
        assert!(stands.open(&config).unwrap_err().message().contains("bad.json"));
    }

    #[test]
    fn two_documents_of_one_id_and_a_row_that_does_not_fit_are_faults_of_their_own() {
        let providers = with_apis(&[("a.json", API), ("b.json", API)], "auth_method = 'toke'");
        assert_eq!(providers.own.len(), 1);
        let told = providers.faults.join("\n");
        assert!(told.contains("`b.json`: there is a provider `t-api` already"), "{told}");
        assert!(told.contains("servers.s.auth_method: `toke` is not known"), "{told}");
        let relative = API.replace("https://api.example.com", "/v1");
        let told = with_apis(&[("a.json", &relative)], "auth_method = 'token'").faults.join("\n");
        assert!(told.contains("servers.s: ") && told.contains("`base_url` is needed"), "{told}");
        let with_base = with_apis(&[("a.json", &relative)], "auth_method = 'token'\nbase_url = 'https://real.example'");
        assert!(with_base.faults.is_empty(), "{:?}", with_base.faults);
    }

    #[test]
    fn a_server_is_held_to_the_edition_that_it_names() {
        let next = API.replace("token", "key").replace("api.example.com", "next.example.com");
        let found = |server: &str| {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("a.json"), API).unwrap();
            std::fs::write(folder.path().join("b.json"), &next).unwrap();
            let file = folder.path().join("gateway.toml");
            let apis =
                "apis = [{ document = 'a.json', edition = 'old', editions = [{ id = 'new', document = 'b.json' }] }]";
            let row = "[servers.s]\ntitle = 'S'\nprefix = 's'\nprovider = 't-api'\n";
            std::fs::write(&file, format!("{apis}\n{row}{server}")).unwrap();
            Providers::checked(&Config::load(&file).unwrap()).unwrap().faults.join("\n")
        };
        assert_eq!(found("auth_method = 'token'"), "");
        assert_eq!(found("edition = 'old'\nauth_method = 'token'"), "");
        assert_eq!(found("edition = 'new'\nauth_method = 'key'"), "");
        let told = found("edition = 'new'\nauth_method = 'token'");
        assert!(told.contains("auth_method: `token` is not known; known are: `key`"), "{told}");
        let told = found("edition = 'newer'\nauth_method = 'key'");
        assert!(told.contains("servers.s.edition: `newer` is not known; known are: `old`, `new`"), "{told}");
    }

    #[test]
    fn what_is_left_out_or_not_stated_or_of_several_types_is_remarked() {
        let typed = API.replace(
            r#""operationId": "get_a""#,
            r#""operationId": "get_a", "parameters": [{"name": "q", "in": "query", "schema": {"type": ["string", "integer"]}}]"#,
        );
        let remarks = with_apis(&[("a.json", &typed)], "auth_method = 'token'").remarks();
        assert!(remarks.left_out[0].contains("OPTIONS /a (options_a)"), "{:?}", remarks.left_out);
        let notes = remarks.notes.join("\n");
        for part in
            ["1 operation is left out", "`ignore`", "x-govern: {ignore: true}", "1 tool is dangerous", "`get_a` (`q`)"]
        {
            assert!(notes.contains(part), "{part}: {notes}");
        }
        assert_eq!(notes.matches("dangerous, because").count(), 1);
    }

    #[test]
    fn a_server_that_does_not_fit_its_provider_is_told_of_before_it_is_called() {
        assert!(faults_of("provider = 'statuspage'\nauth_method = 'api_key'").is_empty());
        for (server, due) in [
            ("provider = 'statuspge'\nauth_method = 'api_key'", "`statuspage`"),
            ("provider = 'statuspage'\nauth_method = 'key'", "auth_method: `key`"),
            ("provider = 'opsgenie'\nregion = 'mars'\nauth_method = 'api_key'", "`eu`"),
            ("provider = 'pagerduty'\nauth_method = 'api_key'", "`actor_email` is missing"),
            (
                "provider = 'pagerduty'\nauth_method = 'api_key'\nconfig = { actor_email = 'a@b.c', actor_mail = 'a@b.c' }",
                "`actor_mail` is not known here; did you mean `actor_email`?",
            ),
            ("provider = 'statuspage'\nauth_method = 'api_key'\nconfig = { api_key = 'x' }", "must not be in the file"),
            ("provider = 'opsgenie'\nauth_method = 'api_key'\nsharing = 'per_user'", "`per_user` does not go"),
        ] {
            let found = faults_of(server);
            assert!(found.len() == 1 && found[0].contains(due), "{due}: {found:?}");
        }
    }
}
