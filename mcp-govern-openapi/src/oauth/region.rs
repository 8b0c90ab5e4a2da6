//! In which region of its vendor an account is.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use mcp_govern_core::{ProviderInfo, Secret, ServerSpec};
use serde::Deserialize;
use url::Url;

use super::{OAuthError, OAuthErrorKind};
use crate::text::one_line;

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    aud: Audience,
}

/// Compares the region that an ID token states with that of a server, and returns its id; none where the token states none, or the base URL of
/// the server itself.
///
/// The signature of the token is not verified: it came from the token endpoint itself, over TLS (`OpenID` Connect Core 1.0, section
/// 3.1.3.7, 6). The token must not come from anywhere else.
///
/// # Errors
///
/// [`OAuthErrorKind::Refused`] when the account is in another region than the server is for.
pub fn account_region(
    info: &ProviderInfo,
    server: &ServerSpec,
    id_token: &Secret,
) -> Result<Option<String>, OAuthError> {
    let bases: Vec<Url> = audiences(id_token).iter().filter_map(|aud| aud.parse().ok()).filter(Url::has_host).collect();
    let of_document = info.base_url.as_ref().filter(|_| info.regions.is_empty());
    let own = server.base_url.as_ref().or(of_document);
    let named = server.region.as_deref();
    let wanted = info.regions.iter().find(|region| named.is_none_or(|named| named == region.id));
    let same = |one: &Url, two: &Url| one.origin() == two.origin();
    if bases.is_empty() || own.is_some_and(|own| bases.iter().any(|base| same(base, own))) {
        return Ok(None);
    }
    let of = |base: &Url| info.regions.iter().find(|region| same(&region.base_url, base));
    let Some(found) = bases.iter().find_map(of) else {
        let stated: Vec<String> = bases.iter().map(|base| format!("`{}`", one_line(base.as_str(), 128))).collect();
        let message =
            format!("the account belongs to {}, which is not the address of this server", stated.join(" and "));
        return Err(OAuthError::new(OAuthErrorKind::Refused, message));
    };
    match wanted {
        Some(wanted) if wanted.id != found.id => {
            let name = |id: &str| id.to_ascii_uppercase();
            let message =
                format!("the account is in the {} region; this server is for {}", name(&found.id), name(&wanted.id));
            Err(OAuthError::new(OAuthErrorKind::Refused, message))
        }
        _ => Ok(Some(found.id.clone())),
    }
}

/// For whom a JWT is made; empty where it is none.
fn audiences(token: &Secret) -> Vec<String> {
    let payload = token.expose().split('.').nth(1).and_then(|payload| BASE64_URL_SAFE_NO_PAD.decode(payload).ok());
    let claims = payload.and_then(|payload| serde_json::from_slice::<Claims>(&payload).ok());
    match claims.map(|claims| claims.aud) {
        None => Vec::new(),
        Some(Audience::One(one)) => vec![one],
        Some(Audience::Several(several)) => several,
    }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::{AuthMethodId, ProviderId, Region, ToolPrefix};
    use serde_json::{Value, json};

    use super::*;

    fn info() -> ProviderInfo {
        let mut info = ProviderInfo::new(ProviderId::new("acme").unwrap(), "Acme");
        let region = |id: &str, url: &str| Region::new(id, url.parse().unwrap(), id);
        info.regions = vec![region("us", "https://api.acme.test"), region("eu", "https://api.eu.acme.test/v1")];
        info
    }

    fn row() -> ServerSpec {
        let id = ProviderId::new("acme").unwrap();
        ServerSpec::new(id, "Acme", ToolPrefix::new("acme").unwrap(), AuthMethodId::new("oauth").unwrap())
    }

    fn token(aud: Value) -> Secret {
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        Secret::new(format!("{}.{}.sig", part(json!({"alg": "RS256"})), part(json!({"aud": aud, "sub": "u"}))))
    }

    #[test]
    fn an_account_of_another_region_is_refused_by_the_regions_names() {
        let of = |row: &ServerSpec, aud| account_region(&info(), row, &token(aud));
        let (us, eu) = (json!(["https://api.acme.test", "client"]), json!(["https://api.eu.acme.test", "client"]));
        assert_eq!(of(&row(), us.clone()), Ok(Some("us".to_owned())));
        let error = of(&row(), eu.clone()).unwrap_err();
        assert_eq!(error.to_string(), "the account is in the EU region; this server is for US");
        assert_eq!(error.kind(), OAuthErrorKind::Refused);
        let eu_row = row().with_region("eu");
        assert_eq!(of(&eu_row, eu), Ok(Some("eu".to_owned())));
        assert!(of(&eu_row, us).is_err());
        let own = row().with_base_url("http://127.0.0.1:9/x".parse().unwrap());
        assert_eq!(of(&own, json!(["http://127.0.0.1:9", "client"])), Ok(None));
        assert!(of(&own, json!("https://api.elsewhere.test")).unwrap_err().to_string().contains("not the address"));
    }

    #[test]
    fn an_api_with_one_host_alone_is_known_by_that() {
        let mut info = ProviderInfo::new(ProviderId::new("acme").unwrap(), "Acme");
        info.base_url = Some("https://api.acme.test/v1".parse().unwrap());
        assert_eq!(account_region(&info, &row(), &token(json!(["https://api.acme.test", "c"]))), Ok(None));
        assert!(account_region(&info, &row(), &token(json!(["https://api.eu.acme.test", "c"]))).is_err());
    }

    #[test]
    fn a_token_that_states_no_region_settles_nothing() {
        for token in [token(json!("client")), Secret::new("not.a.jwt"), Secret::new(""), token(json!(7))] {
            assert_eq!(account_region(&info(), &row(), &token), Ok(None));
        }
    }
}
