//! The OAuth flows of a security scheme.

use mcp_govern_core::{OAuthFlow, OAuthFlows, RegionFrom, SecretField, is_encrypted_or_local};
use serde_json::{Map, Value};
use url::Url;

use super::{
    Faulty,
    govern::{RegionFromGovern, SchemeGovern},
    refs::Checked,
    security::text,
};
use crate::plan::SchemeKind;

/// The flows of a scheme; none of one that is not OAuth.
pub(super) fn flows(
    object: &Map<String, Value>,
    stated: &SchemeGovern,
    kind: &SchemeKind,
    faulty: Faulty,
) -> Checked<Option<OAuthFlows>> {
    let of_type = text(object, "type");
    let SchemeKind::Token { field, .. } = kind else { return not_oauth(stated) };
    if !matches!(of_type, "oauth2" | "openIdConnect") {
        return not_oauth(stated);
    }
    let mut flows = OAuthFlows::new(field);
    if of_type == "openIdConnect" {
        flows.discovery = url(object, "openIdConnectUrl", faulty)?;
    }
    if let Some(all) = object.get("flows").and_then(Value::as_object) {
        flows.authorization_code = flow(all, "authorizationCode", faulty)?;
        flows.client_credentials = flow(all, "clientCredentials", faulty)?;
    }
    if let Some(revoke) = &stated.revoke_url {
        flows.revoke_url = Some(safe(revoke).map_err(|fault| format!("`revoke_url`: {fault}"))?);
    }
    flows.region_from = stated.region_from.map(|from| match from {
        RegionFromGovern::IdTokenAudience => RegionFrom::IdTokenAudience,
    });
    Ok(Some(flows))
}

/// The field that holds a refresh token. No request to the vendor's API has a place for it.
pub(super) fn refresh_token() -> SecretField {
    let mut field = SecretField::new(OAuthFlows::REFRESH_TOKEN, "Refresh token");
    "Comes with the access token when an account is connected, and renews it.".clone_into(&mut field.help);
    field.required = false;
    field
}

fn not_oauth(stated: &SchemeGovern) -> Checked<Option<OAuthFlows>> {
    if stated.revoke_url.is_some() || stated.region_from.is_some() {
        return Err("`revoke_url` and `region_from` belong to a scheme of `type: oauth2` or `openIdConnect`".to_owned());
    }
    Ok(None)
}

fn flow(all: &Map<String, Value>, name: &str, faulty: Faulty) -> Checked<Option<OAuthFlow>> {
    let Some(stated) = all.get(name) else { return Ok(None) };
    let stated = stated.as_object().ok_or_else(|| format!("`flows.{name}` is not an object"))?;
    let mut flow = OAuthFlow::default();
    let place = |fault| format!("`flows.{name}`: {fault}");
    flow.authorization_url = url(stated, "authorizationUrl", faulty).map_err(place)?;
    flow.token_url = url(stated, "tokenUrl", faulty).map_err(place)?;
    flow.refresh_url = url(stated, "refreshUrl", faulty).map_err(place)?;
    let scopes = stated.get("scopes").and_then(Value::as_object);
    flow.scopes = scopes
        .into_iter()
        .flatten()
        .map(|(scope, what)| (scope.clone(), what.as_str().unwrap_or_default().to_owned()))
        .collect();
    Ok(Some(flow))
}

/// A URL of a flow. One that cannot be used is a fault of a document of one's own; in a document of others the operator names another one.
fn url(object: &Map<String, Value>, name: &str, faulty: Faulty) -> Checked<Option<Url>> {
    let stated = text(object, name);
    if stated.is_empty() {
        return Ok(None);
    }
    match (safe(stated), faulty) {
        (Ok(url), _) => Ok(Some(url)),
        (Err(_), Faulty::LeftOut) => Ok(None),
        (Err(fault), Faulty::Refused) => Err(format!("`{name}`: {fault}")),
    }
}

fn safe(text: &str) -> Checked<Url> {
    let url: Url = text.parse().map_err(|_| format!("`{text}` is not a URL"))?;
    if is_encrypted_or_local(&url) { Ok(url) } else { Err(format!("`{text}` is not on https")) }
}

#[cfg(test)]
mod tests {
    use mcp_govern_core::CredentialSharing;
    use serde_json::json;

    use super::*;
    use crate::{document::refs::Components, plan::Schemes};

    fn read(scheme: &Value, faulty: Faulty) -> Checked<Option<OAuthFlows>> {
        let document = json!({"components": {"securitySchemes": {"s": scheme}}});
        let schemes = Schemes::read(&document, Components::new(&document), &[], faulty)?;
        Ok(schemes.methods[0].oauth.clone())
    }

    #[test]
    fn flows_are_kept_with_their_urls_and_scopes() {
        let scheme = json!({"type": "oauth2", "flows": {
            "authorizationCode": {"authorizationUrl": "https://id.example.com/a", "tokenUrl": "https://id.example.com/t",
                "refreshUrl": "https://id.example.com/r", "scopes": {"cups.read": "See cups."}},
            "clientCredentials": {"tokenUrl": "https://id.example.com/t", "scopes": {}}},
            "x-govern": {"revoke_url": "https://id.example.com/revoke", "region_from": "id_token_audience"}});
        let flows = read(&scheme, Faulty::Refused).unwrap().unwrap();
        assert_eq!(
            (flows.token_field.as_str(), flows.region_from),
            ("access_token", Some(RegionFrom::IdTokenAudience))
        );
        let code = flows.authorization_code.unwrap();
        assert_eq!(code.authorization_url.unwrap().as_str(), "https://id.example.com/a");
        assert_eq!(code.token_url.unwrap().as_str(), "https://id.example.com/t");
        assert_eq!(code.refresh_url.unwrap().as_str(), "https://id.example.com/r");
        assert_eq!(code.scopes["cups.read"], "See cups.");
        assert_eq!(flows.client_credentials.unwrap().token_url.unwrap().as_str(), "https://id.example.com/t");
        assert_eq!(flows.revoke_url.unwrap().as_str(), "https://id.example.com/revoke");
        let connect = json!({"type": "openIdConnect", "openIdConnectUrl": "https://id.example.com/.well-known/openid-configuration"});
        assert!(read(&connect, Faulty::Refused).unwrap().unwrap().discovery.is_some());
        assert_eq!(read(&json!({"type": "http", "scheme": "bearer"}), Faulty::Refused).unwrap(), None);
    }

    #[test]
    fn an_application_that_acts_as_itself_has_one_credential_for_everybody() {
        let sharing = |flows: Value| {
            let scheme = json!({"type": "oauth2", "flows": flows});
            let document = json!({"components": {"securitySchemes": {"s": scheme}}});
            Schemes::read(&document, Components::new(&document), &[], Faulty::Refused).unwrap().methods[0]
                .sharing
                .clone()
        };
        let flow = json!({"tokenUrl": "https://id.example.com/t", "scopes": {}});
        assert_eq!(sharing(json!({"clientCredentials": flow})), [CredentialSharing::Shared]);
        assert_eq!(
            sharing(json!({"clientCredentials": flow, "authorizationCode": flow})),
            [CredentialSharing::PerUser]
        );
    }

    #[test]
    fn a_url_that_secrets_cannot_be_sent_to_is_a_fault_of_our_own_document_and_left_out_of_others() {
        for url in ["http://id.example.com/t", "/oauth/token", "ftp://127.0.0.1/"] {
            let scheme = json!({"type": "oauth2", "flows": {"authorizationCode": {"tokenUrl": url, "scopes": {}}}});
            let error = read(&scheme, Faulty::Refused).unwrap_err();
            assert!(error.contains("tokenUrl") && error.contains(url), "{error}");
            let flows = read(&scheme, Faulty::LeftOut).unwrap().unwrap();
            assert_eq!(flows.authorization_code.unwrap().token_url, None);
        }
        let key = json!({"type": "http", "scheme": "bearer", "x-govern": {"region_from": "id_token_audience"}});
        assert!(read(&key, Faulty::Refused).unwrap_err().contains("region_from"));
    }
}
