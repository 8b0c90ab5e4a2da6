//! What a command is about: one of the three vendors, or an API of one's own.

use std::path::PathBuf;

use example_vendors::{Account, AccountError, Environment, Place, Vendor};
use mcp_govern_core::{
    AuthMethod, AuthMethodId, Credential, CredentialSharing, Provider as _, Secret, ServerSpec, ToolPrefix,
};
use mcp_govern_openapi::OpenApiProvider;

use crate::{cli::PlaceArguments, failure::Failure, own};

/// The longest prefix of a server.
const LONGEST_PREFIX: usize = 15;

/// Whether a key is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Without one the command cannot be carried out.
    Needed,
    /// Requests are shown as with an account that has no key yet.
    NotNeeded,
}

/// A provider, the server's row with which it is reached, and the key where there is one.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) provider: OpenApiProvider,
    pub(crate) spec: ServerSpec,
    pub(crate) credential: Option<Credential>,
}

/// Which provider a command names.
#[derive(Debug)]
pub(crate) enum Named {
    Vendor(Vendor),
    Own(OpenApiProvider),
}

impl Named {
    /// One of the vendors, or of the documents; where there is one document alone it need not be named.
    pub(crate) fn find(name: Option<&str>, documents: &[PathBuf]) -> Result<Self, Failure> {
        if let Some(vendor) = name.and_then(|name| name.parse().ok()) {
            return Ok(Self::Vendor(vendor));
        }
        let mut own = own::read(documents).into_iter().collect::<Result<Vec<_>, Failure>>()?;
        let known: Vec<String> = own.iter().map(|provider| format!("`{}`", provider.info().id)).collect();
        let found = match name {
            Some(name) => own.into_iter().find(|provider| provider.info().id.as_str() == name),
            None if own.len() == 1 => own.pop(),
            None => None,
        };
        found.map(Self::Own).ok_or_else(|| {
            let vendors = Vendor::ALL.map(|vendor| format!("`{vendor}`")).join(", ");
            let known = if known.is_empty() { String::new() } else { format!(", {}", known.join(", ")) };
            let what = name.map_or_else(
                || "say which provider".to_owned(),
                |name| format!("there is no provider `{}`", name.escape_debug()),
            );
            Failure::usage(format!(
                "{what}: expected one of {vendors}{known}; `--api FILE` names a document of one's own"
            ))
        })
    }

    /// The provider itself.
    pub(crate) fn provider(self) -> Result<OpenApiProvider, Failure> {
        match self {
            Self::Vendor(vendor) => Ok(vendor.provider()?),
            Self::Own(provider) => Ok(provider),
        }
    }
}

impl Subject {
    /// The account that the environment describes, at the place that the command line names.
    pub(crate) fn of(
        named: Named,
        asked: &PlaceArguments,
        environment: &Environment,
        key: Key,
    ) -> Result<Self, Failure> {
        match named {
            Named::Vendor(vendor) => Self::of_vendor(vendor, asked, environment, key),
            Named::Own(provider) => Self::of_own(&provider, asked, environment, key),
        }
    }

    fn of_vendor(vendor: Vendor, asked: &PlaceArguments, environment: &Environment, key: Key) -> Result<Self, Failure> {
        if asked.auth_method.is_some() {
            return Err(Failure::usage(
                "`--auth-method` is for documents of one's own: a vendor's follows from its variables",
            ));
        }
        let account = match Account::from_environment(vendor, environment) {
            Err(AccountError::Missing { variable, .. }) if key == Key::NotNeeded => {
                unset(&[variable.to_owned()]);
                Account::without_key(vendor, environment)
            }
            other => other?,
        };
        let mut place = Place::from_environment(vendor, environment)?;
        if let Some(url) = &asked.base_url {
            place = place.with_base_url(url.clone());
        }
        if let Some(region) = &asked.region {
            place = place.with_region(region);
        }
        let config = asked.config.iter();
        let place = config.fold(place, |place, (name, value)| place.with_config(name, value));
        let credential = account.has_key().then(|| account.credential()).transpose()?;
        Ok(Self { provider: vendor.provider()?, spec: account.server_spec(&place)?, credential })
    }

    fn of_own(
        provider: &OpenApiProvider,
        asked: &PlaceArguments,
        environment: &Environment,
        key: Key,
    ) -> Result<Self, Failure> {
        let info = provider.info();
        let method = match &asked.auth_method {
            Some(wanted) => {
                Some(info.auth_methods.iter().find(|method| method.id.as_str() == wanted).ok_or_else(|| {
                    let known: Vec<String> =
                        info.auth_methods.iter().map(|method| format!("`{}`", method.id)).collect();
                    Failure::usage(format!("`--auth-method {wanted}` is not known; known are: {}", known.join(", ")))
                })?)
            }
            None => info.auth_methods.first(),
        };
        let id = method.map_or_else(|| AuthMethodId::new("none"), |method| Ok(method.id.clone()))?;
        let sharing = method.and_then(|method| method.sharing.first()).copied().unwrap_or(CredentialSharing::Shared);
        let prefix: String =
            info.id.as_str().chars().filter(char::is_ascii_alphanumeric).take(LONGEST_PREFIX).collect();
        let prefix = ToolPrefix::new(prefix).or_else(|_| ToolPrefix::new("own"))?;
        let mut spec = ServerSpec::new(info.id.clone(), info.title.clone(), prefix, id).with_sharing(sharing);
        spec.base_url.clone_from(&asked.base_url);
        spec.region.clone_from(&asked.region);
        spec.config.extend(asked.config.iter().cloned());
        let credential = method.map(|method| credential_of(info.id.as_str(), method, environment)).transpose();
        let credential = match (credential, key) {
            (Ok(credential), _) => credential,
            (Err(missing), Key::NotNeeded) => {
                unset(&missing);
                None
            }
            (Err(missing), Key::Needed) => {
                let all = missing.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
                return Err(Failure::usage(format!(
                    "{all} must be set: the key of {} is read from the environment",
                    info.title
                )));
            }
        };
        Ok(Self { provider: provider.clone(), spec, credential })
    }
}

/// The credential that the environment holds: a variable for each field, `T_API_TOKEN` for the field `token` of the provider `t-api`.
/// Or the variables that are not set.
fn credential_of(provider: &str, method: &AuthMethod, environment: &Environment) -> Result<Credential, Vec<String>> {
    let mut credential = Credential::new(method.id.clone());
    let mut missing = Vec::new();
    for field in &method.fields {
        let variable: String = format!("{provider}_{}", field.name)
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
            .collect();
        match environment.get(&variable) {
            Some(value) => credential = credential.with_field(&field.name, Secret::new(value)),
            None if field.required => missing.push(variable),
            None => {}
        }
    }
    if missing.is_empty() { Ok(credential) } else { Err(missing) }
}

fn unset(variables: &[String]) {
    use std::io::Write as _;
    let all = variables.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let note = format!("govern: {all} is not set; requests are shown as with an account that has no key yet");
    // Nobody has to read it.
    let _ = writeln!(std::io::stderr(), "{note}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = r#"{"openapi": "3.1.0", "info": {"title": "T API", "version": "1"},
        "servers": [{"url": "https://api.example.com"}], "security": [{"token": []}],
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "paths": {"/a": {"get": {"operationId": "get_a"}}}}"#;

    fn own() -> OpenApiProvider {
        OpenApiProvider::from_document(API).unwrap()
    }

    fn nowhere() -> PlaceArguments {
        PlaceArguments { base_url: None, region: None, auth_method: None, config: Vec::new() }
    }

    #[test]
    fn the_key_of_an_api_of_ones_own_is_read_from_the_environment() {
        let environment = Environment::of([("T_API_TOKEN", "canary")]);
        let subject = Subject::of(Named::Own(own()), &nowhere(), &environment, Key::Needed).unwrap();
        assert_eq!((subject.spec.prefix.as_str(), subject.spec.auth_method.as_str()), ("tapi", "token"));
        assert_eq!(subject.credential.unwrap().field("token").unwrap().expose(), "canary");
        let none = Environment::of([]);
        let refused = Subject::of(Named::Own(own()), &nowhere(), &none, Key::Needed).unwrap_err().to_string();
        assert!(refused.contains("`T_API_TOKEN` must be set"), "{refused}");
        assert!(Subject::of(Named::Own(own()), &nowhere(), &none, Key::NotNeeded).unwrap().credential.is_none());
    }

    #[test]
    fn an_unknown_provider_is_refused_with_the_known_ones() {
        let refused = Named::find(Some("pagerdutty"), &[]).unwrap_err().to_string();
        assert!(
            refused.contains("`pagerdutty`") && refused.contains("`pagerduty`") && refused.contains("--api"),
            "{refused}"
        );
        assert!(Named::find(None, &[]).unwrap_err().to_string().contains("say which provider"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("api.json");
        std::fs::write(&file, API).unwrap();
        for name in [None, Some("t-api")] {
            assert!(matches!(Named::find(name, std::slice::from_ref(&file)), Ok(Named::Own(_))));
        }
        let refused = Named::find(Some("t-apy"), &[file]).unwrap_err().to_string();
        assert!(refused.contains("`t-api`"), "{refused}");
    }
}
