//! Where the document says that its API is.

use mcp_govern_core::Region;
use serde_json::{Map, Value};
use url::Url;

use super::refs::Checked;
use crate::{base_url::check_base, plan::Servers};

impl Servers {
    /// Reads `servers`. One that is relative, has variables without defaults, or is plain http elsewhere is no base URL; that is no
    /// fault, since the operator's row can name one.
    pub(crate) fn read(object: &Map<String, Value>) -> Checked<Self> {
        let mut servers = Self::default();
        let Some(list) = object.get("servers") else { return Ok(servers) };
        for (index, server) in list.as_array().ok_or("is not a list")?.iter().enumerate() {
            let text = |key: &str| server.get(key).and_then(Value::as_str);
            let url = text("url").ok_or("has an entry without `url`")?;
            let base = match base(url, server.get("variables")) {
                Ok(base) => base,
                Err(fault) => {
                    servers.unusable.push(format!("`{url}` {fault}"));
                    continue;
                }
            };
            let id = text("x-region").map_or_else(|| default_region(index), str::to_owned);
            if servers.regions.iter().any(|region| region.id == id) {
                return Err(format!("two servers have the `x-region` `{id}`"));
            }
            servers.regions.push(Region::new(id.clone(), base, text("description").unwrap_or(&id)));
        }
        Ok(servers)
    }
}

fn base(url: &str, variables: Option<&Value>) -> Checked<Url> {
    let filled = fill(url, variables)?;
    let base = Url::parse(&filled).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "is relative".to_owned(),
        error => format!("is not a URL: {error}"),
    })?;
    check_base(&base)?;
    Ok(base)
}

/// The URL with the defaults of its variables.
fn fill(url: &str, variables: Option<&Value>) -> Checked<String> {
    let mut filled = String::with_capacity(url.len());
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("has a variable without an end")?;
        let default = variables.and_then(|all| all.get(name)).and_then(|variable| variable.get("default"));
        let default = default.and_then(Value::as_str).filter(|text| !text.is_empty());
        filled.push_str(before);
        filled.push_str(default.ok_or_else(|| format!("has the variable `{name}` without a default"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn default_region(index: usize) -> String {
    if index == 0 { "default".to_owned() } else { format!("server-{}", index + 1) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(servers: Value) -> Servers {
        Servers::read(json!({ "servers": servers }).as_object().unwrap()).unwrap()
    }

    #[test]
    fn defaults_fill_in_what_is_variable() {
        let servers = read(json!([{"url": "https://{shop}.example/{version}", "variables": {
            "shop": {"default": "acme"}, "version": {"default": "v2", "enum": ["v1", "v2"]}}}]));
        assert_eq!(servers.base().unwrap().as_str(), "https://acme.example/v2");
    }

    #[test]
    fn a_server_that_is_no_base_url_is_passed_over_and_told() {
        for (server, part) in [
            (json!({"url": "/api/v3"}), "is relative"),
            (json!({"url": "https://{shop}.example"}), "`shop` without a default"),
            (
                json!({"url": "https://{shop}.example", "variables": {"shop": {"default": ""}}}),
                "`shop` without a default",
            ),
            (json!({"url": "https://{shop.example"}), "without an end"),
            (json!({"url": "http://api.example"}), "plain http"),
            (json!({"url": "https://u:p@api.example"}), "user name"),
        ] {
            let servers = read(json!([server]));
            assert!(servers.base().is_none());
            assert!(
                servers.missing().contains(part) && servers.missing().contains("`base_url` is needed"),
                "{servers:?}"
            );
            let beside = read(json!([server, {"url": "https://api.example"}]));
            assert_eq!(beside.base().unwrap().as_str(), "https://api.example/");
        }
    }
}
